/* store/backup_job.h - backup plans with their latest run → backup_jobs.
 * Always: a batch is merged by one statement; what says the same as the stored row is not written; of two messages about one
 *         plan in a batch the one that tells of the later start counts, else the later message. */
#ifndef MSPHUB_STORE_BACKUP_JOB_H
#define MSPHUB_STORE_BACKUP_JOB_H

#include "msphub/record.h"
#include "store/page.h"
#include "store/run.h"

struct backup_batch;
struct backup_batch *backup_batch_new(int64_t tenant_id, int64_t integration_id);
void backup_batch_free(struct backup_batch *b);
/* Copies; texts that are too long are cut, but ids. False: no id, or one that is too long; *e says which. */
bool backup_batch_add(struct backup_batch *b, const struct record_backup_job *j, struct err *e) WARN_UNUSED;
size_t backup_batch_count(const struct backup_batch *b);
size_t backup_batch_bytes(const struct backup_batch *b);
unsigned backup_add(struct pg_seg *s, const struct backup_batch *b); /* the statement's index */
struct backup_counts {
    int64_t created, updated;
};
void backup_result(const struct pg_reply *r, unsigned stmt, struct backup_counts *add_to);
/* After a proven complete list: those that the run has not seen are missing from now on. */
void backup_add_absent(struct pg_seg *s, const struct run_key *k);

struct backup_filter {   /* zero: any */
    struct slice status; /* a status' name */
    int64_t integration_id;
    enum tri stale;
};
void backup_list(struct pg_pool *db, const struct backup_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg);
/* {"items": […], "next": null}: a machine has a handful. */
void backup_of_asset(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg);

#endif
