/* pg_lease.c - a connection lent out for work that is more than one segment.
 * Why:     advisory locks, COPY and migrations need a session of their own, and COPY would wedge a pipeline for good.
 * States:  of the connection: READY -> RESERVED (what is in flight runs out) -> LEASED -> (reset) -> READY
 * Always:  one operation at a time, in order; no statement_timeout (each operation has its own deadline). A lease
 *          whose connection is lost ends every operation with ERR_UNAVAILABLE until it is released; it never moves to
 *          another one. At most all connections but one are lent, so that segments go on. */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static void lease_next(struct pg_lease *l);

/* --- getting one --- */

struct ref pg_lease_get(struct pg_pool *p, usec_t timeout, pg_lease_cb *cb, void *arg)
{
    struct pg_seg *s = seg_new(p, PG_LEASE, PG_NO_TENANT);
    s->timeout = timeout;
    s->lease_cb = cb;
    s->arg = arg;
    struct ref ref = seg_start(s);
    if (p->closing) {
        struct err e = {0};
        err_set(&e, ERR_CANCELED, "the database pool is being closed");
        seg_end(s, &e);
        return ref;
    }
    seg_enter(s, SEG_QUEUED);
    TAILQ_INSERT_TAIL(&p->lease_queue, s, link);
    pool_kick(p);
    return ref;
}

void lease_dispatch(struct pg_pool *p)
{
    unsigned most = MAX(p->o.connections - 1, 1), waiting = 0, reserved = 0;
    struct pg_seg *s;
    struct pg_conn *c, *best;
    TAILQ_FOREACH (s, &p->lease_queue, link)
        waiting++;
    TAILQ_FOREACH (c, &p->conns, link)
        reserved += c->state == PGC_RESERVED;
    for (; reserved < waiting && p->nleased < most; reserved++) {
        best = NULL;
        TAILQ_FOREACH (c, &p->conns, link)
            if (c->state == PGC_READY && (!best || c->ninflight < best->ninflight))
                best = c;
        if (!best)
            return;
        pgc_enter(best, PGC_RESERVED);
        if (best->ninflight == 0)
            lease_idle(best);
    }
}

static struct pg_seg *simple_new(struct pg_lease *l, struct slice sql, usec_t timeout, pg_cb *cb, void *arg)
{
    struct pg_seg *s = seg_new(l->pool, PG_SIMPLE, PG_NO_TENANT);
    str_add(&s->data, sql);
    s->lease = l;
    s->timeout = timeout;
    s->cb = cb;
    s->arg = arg;
    return s;
}

static void enqueue(struct pg_lease *l, struct pg_seg *s)
{
    seg_start(s);
    if (!l->conn) {
        struct err e = {0};
        err_set(&e, ERR_UNAVAILABLE, "the leased database connection was lost");
        seg_end(s, &e);
        return;
    }
    seg_enter(s, SEG_QUEUED);
    TAILQ_INSERT_TAIL(&l->queue, s, link);
    lease_next(l);
}

static void internal_exec(struct pg_lease *l, const char *sql, pg_cb *cb)
{
    struct pg_seg *s = simple_new(l, slice_cstr(sql), l->pool->o.timeout, cb, l);
    s->internal = true;
    enqueue(l, s);
}

static void grant(struct pg_conn *c, struct pg_seg *request)
{
    struct pg_pool *p = c->pool;
    struct pg_lease *l = NEW(struct pg_lease);
    l->pool = p;
    l->conn = c;
    c->lease = l;
    TAILQ_INIT(&l->queue);
    TAILQ_INSERT_TAIL(&p->leases, l, link);
    pgc_enter(c, PGC_LEASED);
    seg_end(request, NULL);
    request->lease = l;
    internal_exec(l, "set statement_timeout = 0", NULL);
}

void lease_idle(struct pg_conn *c)
{
    if (c->state == PGC_LEASED) {
        if (c->lease)
            lease_next(c->lease);
        return;
    }
    struct pg_seg *request = TAILQ_FIRST(&c->pool->lease_queue);
    if (request)
        grant(c, request);
    else
        pgc_enter(c, PGC_READY); /* whoever asked has given up meanwhile */
}

/* --- using it --- */

static void lease_next(struct pg_lease *l)
{
    struct pg_seg *s = TAILQ_FIRST(&l->queue);
    if (!s || l->conn->ninflight > 0)
        return;
    TAILQ_REMOVE(&l->queue, s, link);
    pgc_send(l->conn, s);
}

void pg_lease_exec(struct pg_lease *l, struct slice sql, usec_t timeout, pg_cb *cb, void *arg)
{
    assert(l->pool && !l->released && !memchr(sql.p, '\0', sql.n));
    enqueue(l, simple_new(l, sql, timeout ? timeout : l->pool->o.timeout, cb, arg));
}

void pg_lease_submit(struct pg_lease *l, struct pg_seg *s, pg_cb *cb, void *arg)
{
    assert(l->pool == s->pool && !l->released);
    s->lease = l;
    s->cb = cb;
    s->arg = arg;
    enqueue(l, s);
}

void pg_lease_copy(struct pg_lease *l, const char *sql, struct slice (*source)(void *arg), pg_cb *cb, void *arg)
{
    assert(l->pool && !l->released);
    struct pg_seg *s = simple_new(l, slice_cstr(sql), l->pool->o.timeout, cb, arg);
    s->kind = PG_COPY;
    s->source = source;
    enqueue(l, s);
}

/* --- giving it back --- */

static void lease_free(struct pg_lease *l)
{
    if (l->conn)
        l->conn->lease = NULL;
    if (l->pool)
        TAILQ_REMOVE(&l->pool->leases, l, link);
    free(l);
}

static void end_queue(struct pg_lease *l, const struct err *e)
{
    struct pg_seg *s;
    while ((s = TAILQ_FIRST(&l->queue)))
        seg_end(s, e);
}

void lease_broken(struct pg_lease *l, const struct err *e)
{
    l->conn = NULL;
    end_queue(l, e);
}

/* The last word of the old session. */
static void on_discarded(void *arg, const struct pg_reply *r)
{
    struct pg_lease *l = arg;
    struct pg_conn *c = l->conn;
    bool ok = !pg_reply_err(r);
    lease_free(l);
    if (!c)
        return;
    if (!ok) {
        pgc_lost(c, "the session could not be reset after a lease");
        return;
    }
    prepared_clear(c);
    pgc_enter(c, PGC_READY);
    pgc_setup(c);
}

void pg_lease_release(struct pg_lease *l)
{
    if (!l)
        return;
    assert(!l->released);
    struct pg_conn *c = l->conn;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the lease was released");
    end_queue(l, &e);
    if (!c || (c->ninflight > 0 && !TAILQ_FIRST(&c->inflight)->internal)) {
        if (c)
            pgc_lost(c, "a lease was released while it worked"); /* there is no telling when it would be free */
        lease_free(l);
        return;
    }
    l->released = true;
    if (PQtransactionStatus(c->pg) != PQTRANS_IDLE)
        internal_exec(l, "rollback", NULL);
    internal_exec(l, "discard all", on_discarded);
}

/* The pool goes; its connections are gone already. */
void lease_close_all(struct pg_pool *p)
{
    struct pg_lease *l, *next;
    for (l = TAILQ_FIRST(&p->leases); l; l = next) {
        next = TAILQ_NEXT(l, link);
        struct err e = {0};
        err_set(&e, ERR_CANCELED, "the database pool was closed");
        l->conn = NULL;
        end_queue(l, &e);
    }
    struct pg_seg *s;
    TAILQ_FOREACH (s, &p->ended, link)
        if (s->kind == PG_LEASE && s->lease) { /* granted, but nobody knows yet */
            lease_free(TAKE(s->lease));
            err_set(&s->err, ERR_CANCELED, "the database pool was closed");
        }
}

/* What users still hold stays theirs, good for release only. */
void lease_orphan_all(struct pg_pool *p)
{
    struct pg_lease *l;
    while ((l = TAILQ_FIRST(&p->leases))) {
        TAILQ_REMOVE(&p->leases, l, link);
        l->pool = NULL;
    }
}
