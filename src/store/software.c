/* store/software.c - see software.h. */
#include "store/software.h"

#include "queries.h"
#include "store/plan.h"

static bool software_none(const struct record *r)
{
    return r->software.none;
}

const struct list_kind software_kind = {
    .store = {LIST_STORE, .name = "software", .kinds = SYNC_KIND(RECORD_SOFTWARE)},
    .kind = RECORD_SOFTWARE,
    .what = "software",
    .size = sizeof(struct record_software),
    .owner = offsetof(struct record_software, device_id),
    .identity = {offsetof(struct record_software, name), offsetof(struct record_software, version),
                 offsetof(struct record_software, publisher), offsetof(struct record_software, product_code),
                 offsetof(struct record_software, path)},
    .nidentity = 5,
    .catalog = {offsetof(struct record_software, name), offsetof(struct record_software, publisher)},
    .ncatalog = 2,
    .catalog_query = &Q_SOURCE_LIST_SOFTWARE_CATALOG,
    .none = software_none,
    .merge = &Q_SOURCE_LIST_SOFTWARE_MERGE,
    .settle = &Q_SOURCE_LIST_SOFTWARE_SETTLE,
};

/* --- reads --- */
static struct pg_seg *seg_of(struct pg_pool *db, int64_t tenant_id, const struct pg_query *owner, int64_t id)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_in_order(s);
    pg_add(s, owner);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    return s;
}

void software_of_asset(struct pg_pool *db, int64_t asset_id, const struct software_filter *f,
                       const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, q->tenant_id, &Q_ASSET_EXISTS, asset_id);
    unsigned stmt = pg_add(s, &Q_SOFTWARE_OF_ASSET);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    page_p_tri(s, f->removed);
    page_p_contains(s, f->text);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit_of(s, stmt - 1, "asset", stmt, q->limit, cb, arg);
}

void software_list(struct pg_pool *db, struct slice text, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, &Q_SOFTWARE_LIST);
    pg_p_i64(s, q->tenant_id);
    page_p_contains(s, text);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void software_get(struct pg_pool *db, int64_t tenant_id, int64_t software_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_SOFTWARE_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, software_id);
    item_submit(s, stmt, "software", cb, arg);
}

bool software_assets(struct pg_pool *db, int64_t software_id, const struct page_request *q, page_cb *cb, void *arg)
{
    int64_t list = 0;
    if (q->key.p && !slice_i64(q->key, &list))
        return false;
    struct pg_seg *s = seg_of(db, q->tenant_id, &Q_SOFTWARE_EXISTS, software_id);
    unsigned stmt = pg_add(s, &Q_SOFTWARE_ASSETS);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, software_id);
    page_p_id(s, list);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit_of(s, stmt - 1, "software", stmt, q->limit, cb, arg);
    return true;
}
