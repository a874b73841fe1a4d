/* store/tenant.c - see tenant.h.
 * Owns: while a call runs, one small context with the caller's callback. */
#include "store/tenant.h"

#include "base/mem.h"
#include "queries.h"

#include <stdio.h>
#include <stdlib.h>

const char *const tenant_status_names[] = {"active", "suspended", "deleting", NULL};

static enum tenant_status status_of(struct slice name)
{
    for (int i = 0; tenant_status_names[i]; i++)
        if (slice_is(name, tenant_status_names[i]))
            return (enum tenant_status)i;
    return TENANT_DELETING;
}

static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

/* --- finding --- */

unsigned tenant_add_find(struct pg_seg *s, int64_t tenant_id, struct slice slug)
{
    unsigned stmt = pg_add(s, &Q_TENANT_FIND);
    p_id(s, tenant_id);
    pg_p_text(s, slug);
    return stmt;
}

void tenant_read(const struct pg_reply *r, unsigned stmt, struct tenant_row *ret)
{
    *ret = (struct tenant_row){
        .tenant_id = pg_i64(r, stmt, 0, 0),
        .status = status_of(pg_text(r, stmt, 0, 2)),
        .platform = pg_bool(r, stmt, 0, 3),
    };
    snprintf(ret->slug, sizeof(ret->slug), "%s", pg_text(r, stmt, 0, 1).p);
}

struct op {
    tenant_cb *cb;
    row_cb *on_row;
    void *arg;
    int64_t tenant_id;
    enum err_code none; /* what no row means */
    const char *none_text;
};

static struct op *op_new(struct op init)
{
    struct op *op = NEW(struct op);
    *op = init;
    return op;
}

static struct op op_take(void *arg)
{
    struct op op = *(struct op *)arg;
    free(arg);
    return op;
}

static void on_found(void *arg, const struct pg_reply *r)
{
    struct op op = op_take(arg);
    struct err e = {0};
    if (pg_reply_err(r)) {
        op.cb(op.arg, 0, pg_reply_err(r));
    } else if (pg_nrows(r, 0) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no tenant of this slug; `msphub tenant list` names them");
        op.cb(op.arg, 0, &e);
    } else {
        op.cb(op.arg, pg_i64(r, 0, 0, 0), NULL);
    }
}

void tenant_by_slug(struct pg_pool *db, struct slice slug, tenant_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    tenant_add_find(s, 0, slug);
    pg_submit(s, on_found, op_new((struct op){.cb = cb, .arg = arg}));
}

/* --- one as REST shows it --- */

static void refuse(const struct pg_reply *r, struct err *e)
{
    const struct err *why = pg_reply_err(r);
    *e = *why;
    if (strstr(why->what, "platform_stays"))
        err_set(e, ERR_FORBIDDEN, "this is the platform's own tenant: it is never suspended or deleted");
    else if (strcmp(pg_reply_sqlstate(r), "23514") == 0)
        err_set(e, ERR_INPUT, "a slug is 1 to 63 lower-case letters, digits and '-', and begins with no '-'");
}

static void on_row(void *arg, const struct pg_reply *r)
{
    struct op op = op_take(arg);
    struct err e = {0};
    if (pg_reply_err(r)) {
        refuse(r, &e);
        op.on_row(op.arg, NULL, &e);
    } else if (pg_nrows(r, 0) == 0) {
        err_set(&e, op.none, "%s", op.none_text);
        op.on_row(op.arg, NULL, &e);
    } else {
        struct row row = {pg_i64(r, 0, 0, 0), pg_i64(r, 0, 0, 1), pg_text(r, 0, 0, 2)};
        op.on_row(op.arg, &row, NULL);
    }
}

static void submit_row(struct pg_seg *s, enum err_code none, const char *text, row_cb *cb, void *arg)
{
    pg_submit(s, on_row, op_new((struct op){.on_row = cb, .arg = arg, .none = none, .none_text = text}));
}

static struct pg_seg *seg_by(struct pg_pool *db, const struct audit_actor *by, const char *action)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    if (!by)
        return s;
    struct audit_actor who = *by;
    who.action = action ? action : by->action;
    audit_by(s, &who);
    return s;
}

bool tenant_slug_good(struct slice slug)
{
    for (size_t i = 0; i < slug.n; i++) {
        char c = slug.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i)))
            return false;
    }
    return slug.n >= 1 && slug.n <= TENANT_SLUG_MAX;
}

void tenant_create(struct pg_pool *db, struct slice slug, struct slice name, const struct audit_actor *by, row_cb *cb,
                   void *arg)
{
    struct pg_seg *s = seg_by(db, by, NULL);
    pg_add(s, &Q_TENANT_CREATE);
    pg_p_text(s, slug);
    pg_p_text(s, name);
    submit_row(s, ERR_CONFLICT, "this slug is taken by another tenant", cb, arg);
}

void tenant_get(struct pg_pool *db, int64_t tenant_id, row_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    pg_add(s, &Q_TENANT_GET);
    pg_p_i64(s, tenant_id);
    submit_row(s, ERR_NOT_FOUND, "there is no such tenant", cb, arg);
}

void tenant_rename(struct pg_pool *db, int64_t tenant_id, int64_t version, struct slice name,
                   const struct audit_actor *by, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_by(db, by, NULL);
    pg_add(s, &Q_TENANT_RENAME);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, version);
    pg_p_text(s, name);
    submit_row(s, ERR_CONFLICT, "the tenant was changed meanwhile, or is being deleted", cb, arg);
}

void tenant_suspend(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_by(db, by, "tenant.suspended");
    pg_add(s, &Q_TENANT_SUSPEND);
    pg_p_i64(s, tenant_id);
    submit_row(s, ERR_CONFLICT, "the tenant is being deleted", cb, arg);
}

void tenant_resume(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by, row_cb *cb, void *arg)
{
    struct pg_seg *s = seg_by(db, by, "tenant.resumed");
    pg_add(s, &Q_TENANT_RESUME);
    pg_p_i64(s, tenant_id);
    submit_row(s, ERR_CONFLICT, "the tenant is being deleted", cb, arg);
}

void tenant_list(struct pg_pool *db, int status, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_ALL_TENANTS);
    unsigned stmt = pg_add(s, &Q_TENANT_LIST);
    pg_p_text(s, status < 0 ? SLICE_NONE : slice_cstr(tenant_status_names[status]));
    pg_p_text(s, q->key);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

/* --- removal --- */

static bool removal_begun(const struct pg_reply *r, struct err *e)
{
    if (pg_reply_err(r)) {
        *e = *pg_reply_err(r);
        return false;
    }
    if (pg_nrows(r, 0) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such tenant");
    if (pg_bool(r, 0, 0, 1))
        return err_set(e, ERR_FORBIDDEN, "this is the platform's own tenant: it is never suspended or deleted");
    if (!pg_bool(r, 0, 0, 2))
        return err_set(e, ERR_INPUT, "this is not the tenant's slug; name the one that is to be deleted");
    if (status_of(pg_text(r, 0, 0, 0)) == TENANT_ACTIVE)
        return err_set(e, ERR_CONFLICT, "only a suspended tenant is deleted: suspend it first, and export it");
    return true;
}

static void on_removal(void *arg, const struct pg_reply *r)
{
    struct op op = op_take(arg);
    struct err e = {0};
    bool good = removal_begun(r, &e);
    op.cb(op.arg, op.tenant_id, good ? NULL : &e);
}

void tenant_remove(struct pg_pool *db, int64_t tenant_id, struct slice slug, const struct audit_actor *by,
                   tenant_cb *cb, void *arg)
{
    struct pg_seg *s = seg_by(db, by, NULL);
    pg_add(s, &Q_TENANT_REMOVE);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, slug);
    _cleanup_(str_release) struct str who = {0};
    if (by)
        audit_write_actor(by, &who);
    pg_p_jsonb(s, str_slice(&who));
    pg_submit(s, on_removal, op_new((struct op){.cb = cb, .arg = arg, .tenant_id = tenant_id}));
}

unsigned tenant_add_step(struct pg_seg *s, int64_t tenant_id, int64_t rows)
{
    unsigned stmt = pg_add(s, &Q_TENANT_REMOVE_STEP);
    p_id(s, tenant_id);
    pg_p_i64(s, rows);
    return stmt;
}

enum tenant_step tenant_read_step(const struct pg_reply *r, unsigned stmt, int64_t *ret_tenant, int64_t *ret_deleted)
{
    if (pg_nrows(r, stmt) == 0)
        return TENANT_STEP_NONE;
    *ret_tenant = pg_i64(r, stmt, 0, 0);
    *ret_deleted = pg_i64(r, stmt, 0, 1);
    struct slice next = pg_text(r, stmt, 0, 2);
    return slice_is(next, "more") ? TENANT_STEP_MORE : slice_is(next, "gone") ? TENANT_STEP_GONE : TENANT_STEP_WAITING;
}

/* --- the database's role --- */

static void on_role(void *arg, const struct pg_reply *r)
{
    struct op op = op_take(arg);
    struct err e = {0};
    if (pg_reply_err(r)) {
        op.cb(op.arg, 0, pg_reply_err(r));
    } else if (pg_bool(r, 0, 0, 0)) {
        err_set(&e, ERR_CONFIG,
                "the database role %.*s is a superuser or has BYPASSRLS, so row-level security would not keep tenants "
                "apart: "
                "connect as a plain role that owns the database (`create role msphub login`)",
                SLICE_FMT(pg_text(r, 0, 0, 1)));
        op.cb(op.arg, 0, &e);
    } else {
        op.cb(op.arg, 0, NULL);
    }
}

void tenant_check_role(struct pg_pool *db, tenant_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, PG_NO_TENANT);
    pg_add(s, &Q_TENANT_ROLE);
    pg_submit(s, on_role, op_new((struct op){.cb = cb, .arg = arg}));
}
