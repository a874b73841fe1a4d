/* store/backup_job.c - see backup_job.h. */
#include "store/backup_job.h"

#include "queries.h"
#include "store/plan.h"

#define MAX_PLANS 500 /* of one asset */

const struct flat_kind backup_job_kind = {
    .store = {FLAT_STORE, .name = "backups", .kinds = SYNC_KIND(RECORD_BACKUP_JOB),
              .absence = SYNC_KIND(RECORD_BACKUP_JOB)},
    .kind = RECORD_BACKUP_JOB,
    .what = "a backup plan",
    .merge = &Q_BACKUP_JOB_MERGE,
    .absent = &Q_BACKUP_JOB_ABSENT,
    .ids = {offsetof(struct record_backup_job, id), offsetof(struct record_backup_job, device_id),
            offsetof(struct record_backup_job, organization_id)},
    .nids = 3,
    .nkey = 1,
    .newest = offsetof(struct record_backup_job, last_start),
    .message = offsetof(struct record_backup_job, message),
};

void backup_list(struct pg_pool *db, const struct backup_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s); /* in the index's order: never all plans of the tenant, sorted */
    unsigned stmt = pg_add(s, &Q_BACKUP_JOB_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->status);
    if (f->integration_id)
        pg_p_i64(s, f->integration_id);
    else
        pg_p_null(s);
    if (f->stale == TRI_UNKNOWN)
        pg_p_null(s);
    else
        pg_p_bool(s, f->stale == TRI_YES);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void backup_of_asset(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_BACKUP_JOB_OF_ASSET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    pg_p_i64(s, MAX_PLANS);
    item_submit(s, stmt, "asset", cb, arg);
}
