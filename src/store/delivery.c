/* store/delivery.c - see delivery.h. */
#include "store/delivery.h"

#include "base/mem.h"
#include "queries.h"
#include "store/plan.h"

#include <stdlib.h>

void delivery_rows_init(struct delivery_rows *r)
{
    pg_array_init(&r->tenant, PG_INT8);
    pg_array_init(&r->integration, PG_INT8);
    pg_array_init(&r->provider, PG_TEXT);
    pg_array_init(&r->dedupe_key, PG_TEXT);
    pg_array_init(&r->type, PG_TEXT);
    pg_array_init(&r->body, PG_BYTEA);
    pg_array_init(&r->received_at, PG_TIMESTAMPTZ);
    pg_array_init(&r->held, PG_BOOL);
    r->n = 0;
}

void delivery_rows_add(struct delivery_rows *r, const struct delivery_in *d)
{
    pg_array_i64(&r->tenant, d->tenant_id);
    pg_array_i64(&r->integration, d->integration_id);
    pg_array_text(&r->provider, d->provider);
    pg_array_text(&r->dedupe_key, d->dedupe_key);
    pg_array_text(&r->type, d->type);
    pg_array_text(&r->body, d->body);
    pg_array_time(&r->received_at, d->received_at);
    pg_array_bool(&r->held, d->held);
    r->n++;
}

void delivery_rows_clear(struct delivery_rows *r)
{
    pg_array_clear(&r->tenant);
    pg_array_clear(&r->integration);
    pg_array_clear(&r->provider);
    pg_array_clear(&r->dedupe_key);
    pg_array_clear(&r->type);
    pg_array_clear(&r->body);
    pg_array_clear(&r->received_at);
    pg_array_clear(&r->held);
    r->n = 0;
}

void delivery_rows_release(struct delivery_rows *r)
{
    pg_array_release(&r->tenant);
    pg_array_release(&r->integration);
    pg_array_release(&r->provider);
    pg_array_release(&r->dedupe_key);
    pg_array_release(&r->type);
    pg_array_release(&r->body);
    pg_array_release(&r->received_at);
    pg_array_release(&r->held);
}

unsigned delivery_add_insert(struct pg_seg *s, const struct delivery_rows *r)
{
    unsigned stmt = pg_add(s, &Q_DELIVERY_INSERT);
    pg_p_array(s, &r->tenant);
    pg_p_array(s, &r->integration);
    pg_p_array(s, &r->provider);
    pg_p_array(s, &r->dedupe_key);
    pg_p_array(s, &r->type);
    pg_p_array(s, &r->body);
    pg_p_array(s, &r->received_at);
    pg_p_array(s, &r->held);
    return stmt;
}

void delivery_added(const struct pg_reply *r, unsigned stmt, size_t row, size_t *ret_place, int64_t *ret_id)
{
    *ret_place = (size_t)pg_i64(r, stmt, row, 0) - 1;
    *ret_id = pg_i64(r, stmt, row, 1);
}

unsigned delivery_add_claim(struct pg_seg *s, const char *process, usec_t lease, int64_t limit)
{
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_DELIVERY_CLAIM);
    pg_p_str(s, process);
    pg_p_i64(s, lease);
    pg_p_i64(s, limit);
    return stmt;
}

void delivery_read(const struct pg_reply *r, unsigned stmt, size_t row, struct delivery *ret)
{
    *ret = (struct delivery){
        .tenant_id = pg_i64(r, stmt, row, 0),
        .integration_id = pg_i64(r, stmt, row, 1),
        .id = pg_i64(r, stmt, row, 2),
        .received_at = pg_time(r, stmt, row, 3),
        .attempts = pg_i64(r, stmt, row, 4),
        .provider = pg_text(r, stmt, row, 5),
        .type = pg_text(r, stmt, row, 6),
        .body = pg_text(r, stmt, row, 7),
    };
}

unsigned delivery_add_finish(struct pg_seg *s, int64_t tenant_id, const char *process, const struct delivery_outcome *v,
                             size_t n)
{
    struct pg_array tenant, id, received_at, status, error, next;
    pg_array_init(&tenant, PG_INT8);
    pg_array_init(&id, PG_INT8);
    pg_array_init(&received_at, PG_TIMESTAMPTZ);
    pg_array_init(&status, PG_TEXT);
    pg_array_init(&error, PG_TEXT);
    pg_array_init(&next, PG_TIMESTAMPTZ);
    for (size_t i = 0; i < n; i++) {
        pg_array_i64(&tenant, tenant_id);
        pg_array_i64(&id, v[i].id);
        pg_array_time(&received_at, v[i].received_at);
        pg_array_text(&status, slice_cstr(v[i].status));
        pg_array_text(&error, slice_cstr(v[i].error));
        pg_array_time(&next, v[i].next_attempt_at);
    }
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_DELIVERY_FINISH);
    struct pg_array *const all[] = {&tenant, &id, &received_at, &status, &error, &next};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        pg_p_array(s, all[i]);
        pg_array_release(all[i]);
    }
    pg_p_str(s, process);
    return stmt;
}

unsigned delivery_add_release(struct pg_seg *s, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_DELIVERY_RELEASE);
    pg_p_i64(s, limit);
    return stmt;
}

unsigned delivery_add_backlog(struct pg_seg *s)
{
    return pg_add(s, &Q_DELIVERY_BACKLOG);
}

void delivery_read_backlog(const struct pg_reply *r, unsigned stmt, struct delivery_backlog *ret)
{
    ret->pending = pg_i64(r, stmt, 0, 0);
    ret->oldest_at = pg_time(r, stmt, 0, 1);
}

unsigned delivery_add_prepare(struct pg_seg *s, usec_t today, int64_t days_ahead)
{
    unsigned stmt = pg_add(s, &Q_DELIVERY_PREPARE);
    pg_p_time(s, today);
    pg_p_i64(s, days_ahead);
    return stmt;
}

unsigned delivery_add_retire(struct pg_seg *s, usec_t before)
{
    unsigned stmt = pg_add(s, &Q_DELIVERY_RETIRE);
    pg_p_time(s, before);
    return stmt;
}

/* --- REST --- */

static void add_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

void delivery_list(struct pg_pool *db, const struct delivery_filter *f, const struct page_request *q, page_cb *cb,
                   void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_DELIVERY_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->status);
    add_id(s, f->integration_id);
    pg_p_text(s, f->type);
    add_id(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void delivery_get(struct pg_pool *db, int64_t tenant_id, int64_t id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_DELIVERY_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    item_submit(s, stmt, "delivery", cb, arg);
}

struct replay_op {
    bool one;
    delivery_replay_cb *cb;
    void *arg;
};

static void on_replayed(void *arg, const struct pg_reply *r)
{
    struct replay_op op = *(struct replay_op *)arg;
    free(arg);
    if (pg_reply_err(r)) {
        op.cb(op.arg, 0, pg_reply_err(r));
    } else if (op.one && pg_nrows(r, 0) == 0) {
        struct err e = {0};
        err_set(&e, ERR_NOT_FOUND, "there is no such delivery");
        op.cb(op.arg, 0, &e);
    } else {
        op.cb(op.arg, op.one ? 1 : pg_i64(r, 0, 0, 0), NULL);
    }
}

static void submit_replay(struct pg_seg *s, bool one, delivery_replay_cb *cb, void *arg)
{
    struct replay_op *op = NEW(struct replay_op);
    *op = (struct replay_op){.one = one, .cb = cb, .arg = arg};
    pg_submit(s, on_replayed, op);
}

void delivery_replay(struct pg_pool *db, int64_t tenant_id, int64_t id, const struct audit_actor *by,
                     delivery_replay_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    pg_add(s, &Q_DELIVERY_REPLAY);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    submit_replay(s, true, cb, arg);
}

void delivery_replay_dead(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, const struct audit_actor *by,
                          delivery_replay_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    pg_add(s, &Q_DELIVERY_REPLAY_DEAD);
    pg_p_i64(s, tenant_id);
    add_id(s, integration_id);
    submit_replay(s, false, cb, arg);
}
