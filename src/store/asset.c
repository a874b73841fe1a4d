/* store/asset.c - see asset.h. */
#include "store/asset.h"

#include "queries.h"
#include "store/plan.h"

static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

/* The one that reads the least: over the index of what is asked for. */
static const struct pg_query *list_query(const struct asset_filter *f)
{
    if (f->order == ASSET_BY_ID)
        return &Q_ASSET_BY_ID;
    if (f->retired == TRI_YES)
        return &Q_ASSET_BY_NAME_RETIRED;
    if (f->organization_id)
        return &Q_ASSET_BY_NAME_OF_ORGANIZATION;
    if (f->agent_status.p)
        return &Q_ASSET_BY_NAME_OF_STATUS;
    if (f->provider.p || f->integration_id)
        return &Q_ASSET_BY_NAME_OF_SOURCE;
    if (f->type.p)
        return &Q_ASSET_BY_NAME_OF_TYPE;
    return &Q_ASSET_BY_NAME;
}

void asset_list(struct pg_pool *db, const struct asset_filter *f, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, list_query(f));
    pg_p_i64(s, q->tenant_id);
    p_id(s, f->organization_id);
    pg_p_text(s, f->type);
    pg_p_text(s, f->agent_status);
    pg_p_text(s, f->provider);
    p_id(s, f->integration_id);
    if (f->retired == TRI_UNKNOWN)
        pg_p_null(s);
    else
        pg_p_bool(s, f->retired == TRI_YES);
    page_p_contains(s, f->text);
    pg_p_time(s, f->last_seen_before);
    pg_p_time(s, f->last_seen_after);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void asset_get(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, row_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_ASSET_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    row_submit(s, stmt, "asset", cb, arg);
}

void asset_sources(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_ASSET_SOURCES);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    item_submit(s, stmt, "asset", cb, arg);
}
