/* store/run.h - sync runs: integration_sync_history, its marks and errors.
 * Why:    whoever writes for a run proves with each transaction that it still holds it: run_add_fence is its first
 *         statement, and fails the whole segment otherwise.
 * Words:  the lease (owner, until) says who works on a run; `stored` counts its batches, so that one whose outcome was
 *         lost in flight is recognised when it is sent again. */
#ifndef MSPHUB_STORE_RUN_H
#define MSPHUB_STORE_RUN_H

#include "msphub/provider.h"
#include "reactor/pg.h"
#include "store/audit.h"
#include "store/page.h"

extern const char *const sync_mode_names[]; /* by enum sync_mode: "full", "incremental", "single" */

/* --- taking runs; for segments of PG_ALL_TENANTS --- */
/* Queues a run for what is due. The statement's result: one row with their number. */
unsigned run_add_schedule(struct pg_seg *s, int64_t limit, usec_t interval);
unsigned run_add_claim(struct pg_seg *s, const char *owner, usec_t lease, int64_t limit);
struct run_claim { /* texts live as long as the reply */
    int64_t tenant_id, run_id, integration_id, kinds, attempts, stored, complete_kinds, failed, notes, calls;
    enum sync_mode mode;
    usec_t started_at;
    struct slice device_id, checkpoint, cursor, progress;
    bool dry_run, merging, cancel_requested;
};
void run_read_claim(const struct pg_reply *r, unsigned stmt, size_t row, struct run_claim *ret);
struct run_beats {                                 /* arrays, a run an element */
    struct pg_array tenants, runs, calls, reading; /* reading: the kind that is being read, text or null */
};
/* Result: one row (run, cancel requested, tenant suspended) per run that is still held. */
unsigned run_add_heartbeat(struct pg_seg *s, const char *owner, usec_t lease, const struct run_beats *beats);

/* --- working on one --- */
struct run_key {
    int64_t tenant_id, integration_id, run_id;
};
#define RUN_LOST   "MS001" /* SQLSTATE: another process holds it, or it is over */
#define RUN_STORED "MS002" /* SQLSTATE: this batch was stored before */
void run_add_fence(struct pg_seg *s, const struct run_key *k, const char *owner, int64_t stored);

#define RUN_SPOILED(kind)                                                                                              \
    (UINT64_C(1) << (32 + (kind))) /* beside SYNC_KIND(kind): found complete, but it cannot be relied on */
struct run_progress {
    usec_t lease;
    struct slice checkpoint, cursor, progress; /* .p == NULL: as before */
    uint64_t complete_kinds;                   /* SYNC_KIND and RUN_SPOILED bits that are new */
    const struct pg_array *notes;              /* texts: why the run is partial */
    int64_t failed;
    int64_t calls; /* so far, in all */
    bool merging;  /* the reading is over */
};
unsigned run_add_progress(struct pg_seg *s, const struct run_key *k, const struct run_progress *p);
void run_add_seen(struct pg_seg *s, const struct run_key *k, const struct pg_array *kinds, const struct pg_array *ids);
void run_add_errors(struct pg_seg *s, const struct run_key *k, const struct pg_array *kinds, const struct pg_array *ids,
                    const struct pg_array *reasons, int64_t keep);
void run_add_release(struct pg_seg *s, const struct run_key *k, const char *owner);

/* --- ending one --- */
struct run_absence {
    int64_t live, missing, to_retire, seen;
};
unsigned run_add_measure(struct pg_seg *s, const struct run_key *k, int64_t retire_after);
void run_read_measure(const struct pg_reply *r, unsigned stmt, struct run_absence *ret);
/* Counts absences and, with `retire`, retires; marks the assets for inventory_add_merge. Result: (retired, missing). */
unsigned run_add_absent_devices(struct pg_seg *s, const struct run_key *k, int64_t retire_after, bool retire);
void run_add_absent_organizations(struct pg_seg *s, const struct run_key *k);
void run_add_absent_locations(struct pg_seg *s, const struct run_key *k);
void run_add_stray_facets(struct pg_seg *s, const struct run_key *k);
unsigned run_add_seen_alerts(struct pg_seg *s, const struct run_key *k); /* result: one row (series) each */

struct run_end {
    const char *status;
    const char *error;            /* or NULL */
    const struct pg_array *notes; /* texts */
    int64_t calls;                /* in all */
    int64_t would_retire;
    bool single; /* if it succeeds, the errors that it was to mend are mended */
};
struct run_totals {
    int64_t processed, created, updated, unchanged, retired, restored, failed;
    double seconds;
};
unsigned run_add_finish(struct pg_seg *s, const struct run_key *k, const struct run_end *end);
void run_read_finish(const struct pg_reply *r, unsigned stmt, struct run_totals *ret);
void run_add_integration(struct pg_seg *s, const struct run_key *k, bool devices_read, bool move_cursor);

/* --- housekeeping; for segments of PG_ALL_TENANTS --- */
void run_add_prune(struct pg_seg *s, int64_t days, int64_t limit);
unsigned run_add_lag(struct pg_seg *s); /* result: (provider, oldest last success) */

/* --- asking for one --- */
struct run_request {
    int64_t tenant_id, integration_id, kinds;
    enum sync_mode mode;
    struct slice device_id;
    bool dry_run;
    const char *trigger;
    usec_t interval;              /* of schedules that name none: what is due and done by this run is planned anew */
    const struct audit_actor *by; /* NULL: the hub itself, which the audit log is not told of */
};
/* ERR_CONFLICT: run_id is the one in the way; ERR_NOT_FOUND; ERR_INPUT: integration or tenant is switched off. */
typedef void run_request_cb(void *arg, int64_t run_id, const struct err *e);
void run_request(struct pg_pool *db, const struct run_request *q, run_request_cb *cb, void *arg);
/* A single run of the device that an error of a run is about; when it succeeds, the error is resolved. run_request_cb: ERR_NOT_FOUND;
 * ERR_CONFLICT: resolved, or run_id is already at it; ERR_INPUT: it cannot be read by itself, and why. */
void run_retry(struct pg_pool *db, int64_t tenant_id, int64_t run_id, int64_t error_id, const struct audit_actor *by,
               run_request_cb *cb, void *arg);
typedef void run_done_cb(void *arg, const struct err *e);
/* Ends a queued run, asks a running one to end; ERR_NOT_FOUND, ERR_CONFLICT when it is over. */
void run_cancel(struct pg_pool *db, int64_t tenant_id, int64_t run_id, const struct audit_actor *by, run_done_cb *cb,
                void *arg);
/* Takes back what the run retired; `restored` counts the devices. What `by` points to lives until the callback. */
typedef void run_restore_cb(void *arg, int64_t restored, const struct err *e);
void run_restore(struct pg_pool *db, int64_t tenant_id, int64_t run_id, const struct audit_actor *by,
                 run_restore_cb *cb, void *arg);

/* --- reading, for REST --- */
/* Newest first (page_request.id: the last run seen). integration_id 0: all; status SLICE_NONE: any. */
void run_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
              page_cb *cb, void *arg);
void run_get(struct pg_pool *db, int64_t tenant_id, int64_t run_id, item_cb *cb, void *arg);
void run_error_list(struct pg_pool *db, int64_t run_id, const struct page_request *q, page_cb *cb, void *arg);

#endif
