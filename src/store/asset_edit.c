/* store/asset_edit.c - see asset_edit.h. Owns, while a change runs, one small context with the caller's callback. */
#include "store/asset_edit.h"

#include "base/mem.h"
#include "queries.h"
#include "store/inventory.h"
#include "store/plan.h"

#include <stdlib.h>

/* --- changes --- */

struct change {
    struct pg_seg *seg;
    unsigned outcome, read;
    asset_edit_cb *cb;
    void *arg;
};

/* The caller adds the parameters behind $1, and then change_submit. */
static struct change *change_new(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                                 const struct pg_query *q, asset_edit_cb *cb, void *arg)
{
    struct change *c = NEW(struct change);
    c->seg = pg_seg_new(db, tenant_id);
    c->cb = cb;
    c->arg = arg;
    audit_by(c->seg, by);
    plan_by_key(c->seg);
    inventory_add_asset_lock(c->seg, tenant_id, 0);
    c->outcome = pg_add(c->seg, q);
    pg_p_i64(c->seg, tenant_id);
    return c;
}

static void on_changed(void *arg, const struct pg_reply *r)
{
    struct change c = *(struct change *)arg;
    free(arg);
    const struct err *e = pg_reply_err(r);
    if (e) {
        c.cb(c.arg, SLICE_NONE, NULL, e);
        return;
    }
    _cleanup_(str_release) struct str json = {0};
    struct row row;
    bool found = row_read(r, c.read, &json, &row);
    c.cb(c.arg, pg_text(r, c.outcome, 0, 0), found ? &row : NULL, NULL);
}

/* Merges what the change has left to be merged, and reads what came of it. */
static void change_submit(struct change *c, int64_t tenant_id, const struct pg_query *read, int64_t id)
{
    inventory_add_waiting(c->seg, tenant_id);
    c->read = pg_add(c->seg, read);
    pg_p_i64(c->seg, tenant_id);
    pg_p_i64(c->seg, id);
    pg_submit(c->seg, on_changed, c);
}

static struct change *target_change(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t,
                                    const struct pg_query *q, asset_edit_cb *cb, void *arg)
{
    struct change *c = change_new(db, by, t->tenant_id, q, cb, arg);
    pg_p_i64(c->seg, t->asset_id);
    return c;
}

void asset_edit(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, struct slice changes,
                asset_edit_cb *cb, void *arg)
{
    struct change *c = target_change(db, by, t, &Q_ASSET_EDIT_EDIT, cb, arg);
    pg_p_i64(c->seg, t->version);
    pg_p_jsonb(c->seg, changes);
    change_submit(c, t->tenant_id, &Q_ASSET_GET, t->asset_id);
}

void asset_unlock(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, struct slice field,
                  asset_edit_cb *cb, void *arg)
{
    struct change *c = target_change(db, by, t, &Q_ASSET_EDIT_UNLOCK, cb, arg);
    pg_p_text(c->seg, field);
    change_submit(c, t->tenant_id, &Q_ASSET_GET, t->asset_id);
}

void asset_merge(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, int64_t other_id,
                 asset_edit_cb *cb, void *arg)
{
    struct change *c = target_change(db, by, t, &Q_ASSET_EDIT_MERGE, cb, arg);
    pg_p_i64(c->seg, t->version);
    pg_p_i64(c->seg, other_id);
    change_submit(c, t->tenant_id, &Q_ASSET_GET, t->asset_id);
}

void asset_split(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, int64_t integration_id,
                 struct slice external_id, asset_edit_cb *cb, void *arg)
{
    struct change *c = target_change(db, by, t, &Q_ASSET_EDIT_SPLIT, cb, arg);
    pg_p_i64(c->seg, t->version);
    pg_p_i64(c->seg, integration_id);
    pg_p_text(c->seg, external_id);
    change_submit(c, t->tenant_id, &Q_ASSET_GET, t->asset_id);
}

void conflict_resolve(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t conflict_id,
                      struct slice resolution, asset_edit_cb *cb, void *arg)
{
    struct change *c = change_new(db, by, tenant_id, &Q_ASSET_EDIT_RESOLVE, cb, arg);
    pg_p_i64(c->seg, conflict_id);
    pg_p_text(c->seg, resolution);
    change_submit(c, tenant_id, &Q_ASSET_EDIT_CONFLICT, conflict_id);
}

/* --- reads --- */

static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

static void p_page(struct pg_seg *s, const struct page_request *q)
{
    p_id(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
}

struct history_op {
    int64_t limit;
    page_cb *cb;
    void *arg;
};

static void on_history(void *arg, const struct pg_reply *r)
{
    struct history_op op = *(struct history_op *)arg;
    free(arg);
    struct err why = {0};
    const struct err *e = pg_reply_err(r);
    if (!e && pg_nrows(r, 0) == 0) {
        err_set(&why, ERR_NOT_FOUND, "there is no such asset");
        e = &why;
    }
    if (e) {
        op.cb(op.arg, NULL, e);
        return;
    }
    _cleanup_(page_release) struct page page;
    page_read(r, 1, op.limit, &page);
    op.cb(op.arg, &page, NULL);
}

void asset_history(struct pg_pool *db, int64_t asset_id, const struct page_request *q, page_cb *cb, void *arg)
{
    struct history_op *op = NEW(struct history_op);
    *op = (struct history_op){q->limit, cb, arg};
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    pg_add(s, &Q_ASSET_EDIT_EXISTS);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    pg_add(s, &Q_ASSET_EDIT_HISTORY);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    p_page(s, q);
    pg_submit(s, on_history, op);
}

struct alias_op {
    asset_alias_cb *cb;
    void *arg;
};

static void on_alias(void *arg, const struct pg_reply *r)
{
    struct alias_op op = *(struct alias_op *)arg;
    free(arg);
    op.cb(op.arg, pg_reply_err(r) || pg_nrows(r, 0) == 0 ? 0 : pg_i64(r, 0, 0, 0));
}

void asset_alias(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, asset_alias_cb *cb, void *arg)
{
    struct alias_op *op = NEW(struct alias_op);
    *op = (struct alias_op){cb, arg};
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_ASSET_EDIT_ALIAS);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    pg_submit(s, on_alias, op);
}

void conflict_list(struct pg_pool *db, const struct conflict_filter *f, const struct page_request *q, page_cb *cb,
                   void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_ASSET_EDIT_CONFLICTS);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->kind);
    pg_p_text(s, f->status);
    p_id(s, f->asset_id);
    p_page(s, q);
    page_submit(s, stmt, q->limit, cb, arg);
}

void conflict_get(struct pg_pool *db, int64_t tenant_id, int64_t conflict_id, row_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_ASSET_EDIT_CONFLICT);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, conflict_id);
    row_submit(s, stmt, "conflict", cb, arg);
}

/* --- precedence --- */

static void precedence_submit(struct pg_seg *s, int64_t tenant_id, item_cb *cb, void *arg)
{
    unsigned stmt = pg_add(s, &Q_ASSET_EDIT_PRECEDENCE);
    pg_p_i64(s, tenant_id);
    item_submit(s, stmt, "precedence", cb, arg);
}

void precedence_list(struct pg_pool *db, int64_t tenant_id, item_cb *cb, void *arg)
{
    precedence_submit(pg_seg_new(db, tenant_id), tenant_id, cb, arg);
}

void precedence_set(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, struct slice group,
                    const struct pg_array *providers, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    inventory_add_asset_lock(s, tenant_id, 0);
    pg_add(s, providers ? &Q_ASSET_EDIT_PRECEDENCE_SET : &Q_ASSET_EDIT_PRECEDENCE_UNSET);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, group);
    if (providers)
        pg_p_array(s, providers);
    precedence_submit(s, tenant_id, cb, arg);
}

/* --- housekeeping --- */

unsigned asset_add_waiting(struct pg_seg *s)
{
    return pg_add(s, &Q_ASSET_EDIT_WAITING);
}

int64_t asset_read_waiting(const struct pg_reply *r, unsigned stmt)
{
    return pg_nrows(r, stmt) ? pg_i64(r, stmt, 0, 0) : 0;
}

unsigned asset_add_upkeep(struct pg_seg *s, usec_t before, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_ASSET_EDIT_UPKEEP);
    pg_p_time(s, before);
    pg_p_i64(s, limit);
    return stmt;
}
