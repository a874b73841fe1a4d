/* store/identity_provider.c - see identity_provider.h. */
#include "store/identity_provider.h"

#include "queries.h"

void identity_provider_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

unsigned identity_provider_add_get(struct pg_seg *s, int64_t tenant_id, int64_t id)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    return stmt;
}

bool identity_provider_item_read(const struct pg_reply *r, unsigned stmt, struct identity_provider_item *ret)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret = (struct identity_provider_item){
        .json = pg_text(r, stmt, 0, 0),
        .version = pg_i64(r, stmt, 0, 1),
        .sealed_secret = pg_text(r, stmt, 0, 2),
    };
    return true;
}

unsigned identity_provider_add_load(struct pg_seg *s, int64_t after_tenant, int64_t after_id, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_LOAD);
    pg_p_i64(s, after_tenant);
    pg_p_i64(s, after_id);
    pg_p_i64(s, limit);
    return stmt;
}

void identity_provider_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct identity_provider_row *ret)
{
    *ret = (struct identity_provider_row){
        .tenant_id = pg_i64(r, stmt, row, 0),
        .id = pg_i64(r, stmt, row, 1),
        .tenant_slug = pg_text(r, stmt, row, 2),
        .name = pg_text(r, stmt, row, 3),
        .display_name = pg_text(r, stmt, row, 4),
        .issuer = pg_text(r, stmt, row, 5),
        .client_id = pg_text(r, stmt, row, 6),
        .sealed_secret = pg_text(r, stmt, row, 7),
        .scopes = pg_text(r, stmt, row, 8),
        .audiences = pg_text(r, stmt, row, 9),
        .role_claim = pg_text(r, stmt, row, 10),
        .role_map = pg_text(r, stmt, row, 11),
        .default_role = pg_text(r, stmt, row, 12),
        .email_domains = pg_text(r, stmt, row, 13),
        .sign_in = pg_bool(r, stmt, row, 14),
        .bearer = pg_bool(r, stmt, row, 15),
    };
}

unsigned identity_provider_add_next_id(struct pg_seg *s, int64_t tenant_id)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_NEXT_ID);
    pg_p_i64(s, tenant_id);
    return stmt;
}

/* $4 and on, of create and update alike. */
static void add_values(struct pg_seg *s, const struct identity_provider_edit *e)
{
    pg_p_text(s, e->display_name);
    pg_p_text(s, e->issuer);
    pg_p_text(s, e->client_id);
    pg_p_text(s, e->sealed_secret);
    pg_p_array(s, e->scopes);
    pg_p_array(s, e->audiences);
    pg_p_text(s, e->role_claim);
    pg_p_jsonb(s, e->role_map);
    pg_p_text(s, e->default_role);
    pg_p_array(s, e->email_domains);
    pg_p_bool(s, e->sign_in);
    pg_p_bool(s, e->bearer);
    pg_p_bool(s, e->enabled);
}

unsigned identity_provider_add_create(struct pg_seg *s, const struct identity_provider_edit *e)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_CREATE);
    pg_p_i64(s, e->tenant_id);
    pg_p_i64(s, e->id);
    pg_p_text(s, e->name);
    add_values(s, e);
    return stmt;
}

unsigned identity_provider_add_update(struct pg_seg *s, const struct identity_provider_edit *e)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_UPDATE);
    pg_p_i64(s, e->tenant_id);
    pg_p_i64(s, e->id);
    pg_p_i64(s, e->version);
    add_values(s, e);
    return stmt;
}

unsigned identity_provider_add_delete(struct pg_seg *s, int64_t tenant_id, int64_t id, int64_t version)
{
    unsigned stmt = pg_add(s, &Q_IDENTITY_PROVIDER_DELETE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    pg_p_i64(s, version);
    return stmt;
}
