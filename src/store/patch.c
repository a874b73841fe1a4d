/* store/patch.c - see patch.h. */
#include "store/patch.h"

#include "queries.h"
#include "store/plan.h"

#define NFAMILIES 3u
#define NSTATUSES 6u

_Static_assert(PATCH_SOFTWARE + 1 == NFAMILIES && PATCH_INSTALLED + 1 == NSTATUSES, "a list a family and status");

static bool patch_none(const struct record *r)
{
    return r->patch.none;
}

static int patch_part(const struct record *r)
{
    return (int)r->patch.family * (int)NSTATUSES + (int)r->patch.status;
}

const struct list_kind patch_kind = {
    .store = {LIST_STORE, .name = "patches", .kinds = SYNC_KIND(RECORD_PATCH),
              .absence = SYNC_KIND(RECORD_PATCH)}, /* one that was refused is told of by its own id, and is not gone */
    .kind = RECORD_PATCH,
    .what = "patches",
    .size = sizeof(struct record_patch),
    .owner = offsetof(struct record_patch, device_id),
    .identity = {offsetof(struct record_patch, family), offsetof(struct record_patch, id)},
    .nidentity = 2,
    .none = patch_none,
    .part = patch_part,
    .nparts = NFAMILIES * NSTATUSES,
    .siblings = NSTATUSES,
    .merge = &Q_SOURCE_LIST_PATCH_MERGE,
    .settle = &Q_SOURCE_LIST_PATCH_SETTLE,
    .vanished = &Q_SOURCE_LIST_PATCH_VANISHED,
};

/* --- reads --- */
void patch_list(struct pg_pool *db, const struct patch_filter *f, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, &Q_PATCH_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->status);
    pg_p_text(s, f->family);
    pg_p_text(s, f->severity);
    page_p_id(s, f->client_id);
    page_p_id(s, f->integration_id);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void patch_of_asset(struct pg_pool *db, int64_t asset_id, const struct patch_filter *f, const struct page_request *q,
                    page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s);
    unsigned owner = pg_add(s, &Q_ASSET_EXISTS);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    unsigned stmt = pg_add(s, &Q_PATCH_OF_ASSET);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    pg_p_text(s, f->status);
    pg_p_text(s, f->family);
    page_p_tri(s, f->closed);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit_of(s, owner, "asset", stmt, q->limit, cb, arg);
}

void patch_summary(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_PATCH_SUMMARY);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    item_submit(s, stmt, "asset", cb, arg);
}
