/* store/tenant.c - see tenant.h. */
#include "store/tenant.h"

#include "base/mem.h"
#include "queries.h"

#include <stdlib.h>

struct op {
    tenant_cb *cb;
    void *arg;
    enum err_code none; /* what no row means; ERR_NONE: nothing wrong */
    const char *none_text;
    int64_t tenant_id;
};

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct op op = *(struct op *)arg;
    free(arg);
    struct err e = {0};
    if (pg_reply_err(r)) {
        bool malformed = strcmp(pg_reply_sqlstate(r), "23514") == 0; /* the slug's check */
        if (malformed)
            err_set(&e, ERR_INPUT, "a slug is 1 to 63 lower-case letters, digits and '-', and begins with no '-'");
        op.cb(op.arg, 0, malformed ? &e : pg_reply_err(r));
    } else if (pg_nrows(r, 0) == 0 && op.none != ERR_NONE) {
        err_set(&e, op.none, "%s", op.none_text);
        op.cb(op.arg, 0, &e);
    } else {
        op.cb(op.arg, pg_nrows(r, 0) ? pg_i64(r, 0, 0, 0) : op.tenant_id, NULL);
    }
}

static void submit(struct pg_seg *s, enum err_code none, const char *none_text, int64_t tenant_id, tenant_cb *cb,
                   void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){.cb = cb, .arg = arg, .none = none, .none_text = none_text, .tenant_id = tenant_id};
    pg_submit(s, on_reply, op);
}

void tenant_create(struct pg_pool *db, struct slice slug, struct slice name, tenant_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    pg_add(s, &Q_TENANT_CREATE);
    pg_p_text(s, slug);
    pg_p_text(s, name);
    submit(s, ERR_CONFLICT, "this slug is taken by another tenant", 0, cb, arg);
}

void tenant_by_slug(struct pg_pool *db, struct slice slug, tenant_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    pg_add(s, &Q_TENANT_BY_SLUG);
    pg_p_text(s, slug);
    submit(s, ERR_NOT_FOUND, "there is no tenant of this slug; `msphub tenant list` names them", 0, cb, arg);
}

void tenant_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    unsigned stmt = pg_add(s, &Q_TENANT_LIST);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void tenant_get(struct pg_pool *db, int64_t tenant_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    unsigned stmt = pg_add(s, &Q_TENANT_GET);
    pg_p_i64(s, tenant_id);
    item_submit(s, stmt, "tenant", cb, arg);
}

void tenant_set_suspended(struct pg_pool *db, int64_t tenant_id, bool suspended, tenant_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    pg_add(s, &Q_TENANT_SET_STATUS);
    pg_p_i64(s, tenant_id);
    pg_p_str(s, suspended ? "suspended" : "active");
    submit(s, ERR_NONE, NULL, tenant_id, cb, arg);
}
