/* store/client.c - see client.h. */
#include "store/client.h"

#include "queries.h"

static struct pg_seg *seg_of(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                             const struct pg_query *q)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    pg_add(s, q);
    pg_p_i64(s, tenant_id);
    return s;
}

void client_list(struct pg_pool *db, struct slice text, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, NULL, q->tenant_id, &Q_CLIENT_LIST);
    page_p_contains(s, text);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, 0, q->limit, cb, arg);
}

void client_get(struct pg_pool *db, int64_t tenant_id, int64_t client_id, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, NULL, tenant_id, &Q_CLIENT_GET);
    pg_p_i64(s, client_id);
    row_submit(s, 0, "client", cb, arg);
}

void client_create(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, const struct client_change *in,
                   row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, by, tenant_id, &Q_CLIENT_CREATE);
    pg_p_text(s, in->name);
    pg_p_text(s, in->reference);
    row_submit(s, 0, "client", cb, arg);
}

void client_update(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t client_id,
                   int64_t version, const struct client_change *in, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, by, tenant_id, &Q_CLIENT_UPDATE);
    pg_p_i64(s, client_id);
    pg_p_i64(s, version);
    pg_p_text(s, in->name);
    pg_p_bool(s, in->sets_reference);
    pg_p_text(s, in->reference);
    row_submit(s, 0, "client", cb, arg);
}

void client_delete(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t client_id,
                   int64_t version, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_of(db, by, tenant_id, &Q_CLIENT_DELETE);
    pg_p_i64(s, client_id);
    pg_p_i64(s, version);
    row_submit(s, 0, "client", cb, arg);
}
