/* pg_conn.c - one connection: look up, connect, read, write, lose, come back.
 * Owns:    the PGconn and its events; the segments in flight.
 * States:  CLOSED -> RESOLVING -> CONNECTING -> READY;  READY -> RESERVED -> LEASED -> READY;  any -> CLOSED
 *          [pgc_enter]
 * Always:  there are events exactly while there is a PGconn. libpq may exchange the socket under the same number
 *          inside PQconnectPoll, so the event goes before each of those calls and a new one is made after it. A read
 *          event always waits: a dead server shows nowhere else. While libpq holds bytes that the socket did not take,
 *          no segment is added. */
#include "reactor/pg_internal.h"

#include "base/crypto.h"
#include "base/mem.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#define BACKOFF_MIN  MILLIS(100)
#define BACKOFF_MAX  SECONDS(5)
#define CANCEL_GRACE SECONDS(2) /* a server that does not react to a cancel in this time is given up */
#define MAX_RESENT   3

static const struct {
    const char *name;
    unsigned to;
} states[PGC_NSTATES_] = {
    [PGC_CLOSED] = {"closed", BIT(PGC_RESOLVING) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_RESOLVING] = {"resolving", BIT(PGC_CONNECTING) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_CONNECTING] = {"connecting", BIT(PGC_READY) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_READY] = {"ready", BIT(PGC_RESERVED) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_RESERVED] = {"reserved", BIT(PGC_LEASED) | BIT(PGC_READY) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_LEASED] = {"leased", BIT(PGC_READY) | BIT(PGC_CLOSED) | BIT(PGC_DEAD)},
    [PGC_DEAD] = {"dead", 0},
};

const char *pgc_state_name(enum pg_conn_state s)
{
    return states[s].name;
}

static bool is_lent(enum pg_conn_state s)
{
    return s == PGC_RESERVED || s == PGC_LEASED;
}

void pgc_enter(struct pg_conn *c, enum pg_conn_state to)
{
    struct pg_pool *p = c->pool;
    assert(states[c->state].to & BIT(to));
    log_debug(p->log, "db.connection", F_STR("from", states[c->state].name), F_STR("to", states[to].name));
    p->nleased = p->nleased - is_lent(c->state) + is_lent(to);
    p->m_conns[c->state]->value--;
    p->m_conns[to]->value++;
    c->state = to;
}

struct pg_conn *pgc_new(struct pg_pool *p, bool listener)
{
    struct pg_conn *c = NEW(struct pg_conn);
    c->pool = p;
    c->listener = listener;
    TAILQ_INIT(&c->inflight);
    p->m_conns[PGC_CLOSED]->value++;
    return c;
}

/* --- losing --- */

static void unwatch(struct pg_conn *c)
{
    if (c->rd)
        event_free(c->rd);
    if (c->wr)
        event_free(c->wr);
    c->rd = c->wr = NULL;
}

/* Ends the PGconn; what was in flight is still listed. */
static void disconnect(struct pg_conn *c)
{
    timer_cancel(&c->timer);
    pg_resolve_free(TAKE(c->resolve));
    unwatch(c);
    if (c->pg)
        PQfinish(TAKE(c->pg));
    c->flushing = c->canceling = false;
    prepared_clear(c);
    c->nprepared = 0;
}

/* Without its last byte, the Sync, the server cannot have committed it: it may go over another connection. */
static bool may_move(const struct pg_seg *s)
{
    return s->kind == PG_PIPELINE && !s->flushed && !s->internal && !s->lease && !s->want_cancel && !s->pool->closing &&
           s->resent < MAX_RESENT;
}

static void end_lost(struct pg_seg *s, const struct err *why)
{
    /* An error that was reported before the Sync was answered has rolled all of it back. */
    s->unknown = s->flushed && (s->kind != PG_PIPELINE || s->err.code == ERR_NONE);
    struct err e = *why;
    if (s->err.code != ERR_NONE)
        err_set(&e, why->code, "%s: %s", why->what, s->err.what);
    seg_end(s, &e);
}

static void end_inflight(struct pg_conn *c, const struct err *why)
{
    struct pg_segs again = TAILQ_HEAD_INITIALIZER(again);
    struct pg_seg *s;
    while ((s = TAILQ_FIRST(&c->inflight))) {
        TAILQ_REMOVE(&c->inflight, s, link);
        if (may_move(s))
            TAILQ_INSERT_HEAD(&again, s, link);
        else
            end_lost(s, why);
    }
    while ((s = TAILQ_FIRST(&again))) { /* the last one first, as each goes to the head of the queue */
        TAILQ_REMOVE(&again, s, link);
        s->resent++;
        seg_requeue(s);
    }
    c->ninflight = 0;
}

static void on_backoff_over(void *arg)
{
    pgc_start(arg);
}

void pgc_lost(struct pg_conn *c, const char *why)
{
    struct pg_pool *p = c->pool;
    struct err e = {0};
    struct slice reason = slice_trim(slice_cstr(why));
    err_set(&e, ERR_UNAVAILABLE, "database connection: %.*s", SLICE_FMT(reason));
    p->last_error = e;
    log_warn(p->log, "db.connection.lost", F_STR("state", states[c->state].name), F_ERR(&e),
             F_I64("in_flight", c->ninflight));
    disconnect(c);
    end_inflight(c, &e);
    pgc_enter(c, PGC_CLOSED);
    if (c->lease)
        lease_broken(TAKE(c->lease), &e);
    c->backoff = MIN(MAX(2 * c->backoff, BACKOFF_MIN), BACKOFF_MAX);
    uint16_t dice;
    crypto_random(&dice, sizeof(dice));
    usec_t wait = c->backoff / 2 + c->backoff / 2 * dice / UINT16_MAX;
    timer_set(&c->timer, p->loop, wait, on_backoff_over, c);
    pool_kick(p);
}

void pgc_free(struct pg_conn *c)
{
    if (!c)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the database pool was closed");
    disconnect(c);
    end_inflight(c, &e);
    pgc_enter(c, PGC_DEAD);
    c->pool->m_conns[PGC_DEAD]->value--;
    free(c);
}

/* --- connecting --- */

static void watch_connect(struct pg_conn *c, short what);

static void on_connect_timeout(void *arg)
{
    struct pg_conn *c = arg;
    char why[64];
    snprintf(why, sizeof(why), "no connection within %.3f s", (double)c->pool->o.connect_timeout / USEC_PER_S);
    pgc_lost(c, why);
}

static void on_notice(void *arg, const char *message)
{
    struct pg_conn *c = arg;
    log_info(c->pool->log, "db.notice", F_SLICE("message", slice_trim(slice_cstr(message))));
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *c = arg;
    if (!PQconsumeInput(c->pg)) {
        pgc_lost(c, PQerrorMessage(c->pg));
        return;
    }
    pipe_results(c);
    if (c->pg && c->listener)
        listen_notices(c);
    if (!c->pg)
        return;
    if (PQstatus(c->pg) == CONNECTION_BAD)
        pgc_lost(c, PQerrorMessage(c->pg));
    else
        pgc_flush(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *c = arg;
    pgc_flush(c);
    if (!c->pg || c->flushing)
        return;
    struct pg_seg *head = TAILQ_FIRST(&c->inflight);
    if (head && head->copying)
        pipe_copy_pump(c, head);
    pool_kick(c->pool); /* it may take segments again */
}

static void connected(struct pg_conn *c)
{
    struct event_base *base = loop_base(c->pool->loop);
    timer_cancel(&c->timer);
    c->rd = event_new(base, PQsocket(c->pg), EV_READ | EV_PERSIST, on_read, c);
    c->wr = event_new(base, PQsocket(c->pg), EV_WRITE, on_write, c);
    if (!c->rd || !c->wr || PQsetnonblocking(c->pg, 1) != 0) {
        pgc_lost(c, "cannot watch the socket");
        return;
    }
    event_add(c->rd, NULL);
    pgc_enter(c, PGC_READY);
    if (pgc_setup(c) && c->listener)
        listen_up(c);
    pool_kick(c->pool);
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *c = arg;
    unwatch(c);
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_OK:
        connected(c);
        break;
    case PGRES_POLLING_READING:
        watch_connect(c, EV_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch_connect(c, EV_WRITE);
        break;
    default:
        pgc_lost(c, PQerrorMessage(c->pg));
    }
}

static void watch_connect(struct pg_conn *c, short what)
{
    c->rd = event_new(loop_base(c->pool->loop), PQsocket(c->pg), what, on_connect, c);
    if (!c->rd || event_add(c->rd, NULL) != 0)
        pgc_lost(c, "cannot watch the socket");
}

#define MAX_KEYWORDS 64
struct keywords {
    const char *names[MAX_KEYWORDS], *values[MAX_KEYWORDS];
    unsigned n;
};

/* The first value of a name stays. */
static void keyword(struct keywords *k, const char *name, const char *value)
{
    for (unsigned i = 0; i < k->n; i++)
        if (strcmp(k->names[i], name) == 0)
            return;
    assert(k->n + 1 < MAX_KEYWORDS);
    if (value && *value) {
        k->names[k->n] = name;
        k->values[k->n++] = value;
    }
}

static void connect_to(struct pg_conn *c, const char *hosts, const char *addrs, const char *ports)
{
    struct pg_pool *p = c->pool;
    struct keywords k = {0};
    keyword(&k, "host", hosts);
    keyword(&k, "hostaddr", addrs);
    keyword(&k, "port", ports);
    for (const PQconninfoOption *o = p->conninfo; o->keyword; o++)
        keyword(&k, o->keyword, o->val);
    keyword(&k, "application_name", p->application_name);
    keyword(&k, "client_encoding", "UTF8");
    keyword(&k, "keepalives_idle", "30");
    keyword(&k, "tcp_user_timeout", "30000");
    keyword(&k, "gssencmode", "disable"); /* looks for tickets with blocking calls */
    pgc_enter(c, PGC_CONNECTING);
    c->pg = PQconnectStartParams(k.names, k.values, 0);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        pgc_lost(c, c->pg ? PQerrorMessage(c->pg) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(c->pg, on_notice, c);
    watch_connect(c, EV_WRITE);
}

static void on_resolved(void *arg, const char *hosts, const char *addrs, const char *ports, const struct err *e)
{
    struct pg_conn *c = arg;
    struct pg_resolve *r = TAKE(c->resolve); /* owns the texts */
    if (e)
        pgc_lost(c, e->what);
    else
        connect_to(c, hosts, addrs, ports);
    pg_resolve_free(r);
}

static const char *conninfo_value(const struct pg_pool *p, const char *keyword, const char *env)
{
    for (const PQconninfoOption *o = p->conninfo; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0 && o->val && *o->val)
            return o->val;
    return getenv(env);
}

void pgc_start(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    if (!p->conninfo) {
        pgc_lost(c, p->conninfo_error.what);
        return;
    }
    pgc_enter(c, PGC_RESOLVING);
    timer_set(&c->timer, p->loop, p->o.connect_timeout, on_connect_timeout, c);
    const char *hosts = conninfo_value(p, "host", "PGHOST"), *ports = conninfo_value(p, "port", "PGPORT");
    if (conninfo_value(p, "hostaddr", "PGHOSTADDR"))
        connect_to(c, hosts, NULL, ports);
    else
        c->resolve = pg_resolve_start(p->loop, hosts, ports, on_resolved, c);
}

/* --- session settings --- */

static const struct pg_query Q_SESSION = {
    "pg.session", "select set_config('statement_timeout', $1, false), set_config('jit', 'off', false)", 1};
static const struct pg_query Q_HELLO = {"pg.hello", "select 1", 0};

static void on_setup(void *arg, const struct pg_reply *r)
{
    struct pg_conn *c = arg;
    const struct err *e = pg_reply_err(r);
    if (!e)
        c->backoff = 0; /* it really works, down to the server behind any pooler */
    else if (e->code != ERR_CANCELED && c->pg)
        pgc_lost(c, e->what);
}

bool pgc_setup(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    struct pg_seg *s = seg_new(p, PG_PIPELINE, PG_NO_TENANT);
    if (p->o.unnamed_only)
        pg_add(s, &Q_HELLO); /* a pooler's session is not ours to set; each segment does it for itself */
    else {
        pg_add(s, &Q_SESSION);
        char ms[24];
        snprintf(ms, sizeof(ms), "%lld", (long long)(p->o.timeout / USEC_PER_MS));
        pg_p_str(s, ms);
    }
    s->internal = true;
    s->cb = on_setup;
    s->arg = c;
    seg_start(s);
    return pgc_send(c, s);
}

/* --- sending and results --- */

void pgc_flush(struct pg_conn *c)
{
    int r = PQflush(c->pg);
    if (r < 0) {
        pgc_lost(c, PQerrorMessage(c->pg));
        return;
    }
    c->flushing = r == 1;
    if (c->flushing) {
        event_add(c->wr, NULL);
        return;
    }
    struct pg_seg *s;
    TAILQ_FOREACH_REVERSE(s, &c->inflight, pg_segs, link)
    {
        if (s->flushed)
            break;
        s->flushed = true;
    }
}

bool pgc_send(struct pg_conn *c, struct pg_seg *s)
{
    seg_enter(s, SEG_SENT);
    s->conn = c;
    TAILQ_INSERT_TAIL(&c->inflight, s, link);
    c->ninflight++;
    if (!pipe_send(c, s)) {
        pgc_lost(c, PQerrorMessage(c->pg));
        return false;
    }
    pgc_flush(c);
    return c->pg != NULL;
}

/* Failed through no fault of its own, and certainly not committed: it may go again. */
static bool may_go_again(struct pg_conn *c, struct pg_seg *s)
{
    if (s->kind != PG_PIPELINE || s->internal || s->lease || s->want_cancel || s->resent >= MAX_RESENT)
        return false;
    if (s->again)
        return true;
    /* A cancel meant for the one before it has hit it. */
    return strcmp(s->sqlstate, "57014") == 0 && c->canceled_at != 0 && s->started <= c->canceled_at &&
           loop_now(c->pool->loop) - c->canceled_at < 2 * CANCEL_GRACE;
}

void pgc_ended(struct pg_conn *c, struct pg_seg *s)
{
    if (c->canceling) {
        c->canceling = false;
        timer_cancel(&c->timer);
    }
    TAILQ_REMOVE(&c->inflight, s, link);
    c->ninflight--;
    if (may_go_again(c, s)) {
        s->resent++;
        seg_requeue(s);
    } else
        seg_end(s, NULL);
    pgc_ask_cancel(c);
    if (c->ninflight == 0 && is_lent(c->state))
        lease_idle(c);
    pool_kick(c->pool);
}

/* --- cancelling --- */

static const struct pg_query Q_CANCEL = {"pg.cancel", "select pg_cancel_backend($1::int4)", 1};

static void on_grace_over(void *arg)
{
    pgc_lost(arg, "the server did not react to a cancel");
}

void pgc_ask_cancel(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    struct pg_seg *head = TAILQ_FIRST(&c->inflight);
    if (!c->pg || !head || !head->want_cancel || c->canceling)
        return;
    if (head->copying) {
        pipe_copy_end(c, head, "canceled");
        return;
    }
    c->canceling = true; /* nothing more is sent here, so that the cancel does not hit it */
    c->canceled_at = loop_now(p->loop);
    timer_set(&c->timer, p->loop, CANCEL_GRACE, on_grace_over, c);
    struct pg_conn *by = pool_canceler(p, c);
    if (!by)
        return; /* the grace decides */
    struct pg_seg *s = seg_new(p, PG_PIPELINE, PG_NO_TENANT);
    pg_add(s, &Q_CANCEL);
    pg_p_i32(s, PQbackendPID(c->pg));
    s->internal = true;
    seg_start(s);
    pgc_send(by, s);
}
