/* store/backup_job.h - backup plans with their latest run → backup_jobs.
 * Always: what says the same as the stored row is not written; of two messages about one plan in a batch the one that tells of the
 *         later start counts, else the later message; a plan that a complete list lacks is missing, and stays. */
#ifndef MSPHUB_STORE_BACKUP_JOB_H
#define MSPHUB_STORE_BACKUP_JOB_H

#include "store/flat_batch.h"
#include "store/page.h"

extern const struct flat_kind backup_job_kind;

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
