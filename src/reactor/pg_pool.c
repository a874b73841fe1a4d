/* pg_pool.c - the pool: who gets which connection, and the end of the turn.
 * Owns:    the connections, the queue, what has ended and waits for its callback.
 * Always:  work is given out once a turn (pool_turn): to the connection with the least in flight, up to max_inflight;
 *          what ended is called back there, before that. Callbacks may submit, cancel and release, but not free the
 *          pool. */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* --- life --- */

static void options_fill(struct pg_pool *p, const struct pg_options *o)
{
    p->o = *o;
    p->o.connections = o->connections ? o->connections : 4;
    p->o.max_inflight = o->max_inflight ? o->max_inflight : 8;
    p->o.max_queue = o->max_queue ? o->max_queue : 10000;
    p->o.timeout = o->timeout ? o->timeout : SECONDS(30);
    p->o.connect_timeout = o->connect_timeout ? o->connect_timeout : SECONDS(5);
    p->application_name = mem_strdup(o->application_name ? o->application_name : "msphub");
    p->o.application_name = p->o.conninfo = NULL; /* the caller's texts need not outlive pg_pool_new */
    char *why = NULL;
    p->conninfo = PQconninfoParse(o->conninfo ? o->conninfo : "", &why);
    if (!p->conninfo) {
        struct slice reason = slice_trim(slice_cstr(why));
        err_set(&p->conninfo_error, ERR_CONFIG, "the connection string does not parse: %.*s", SLICE_FMT(reason));
    }
    PQfreemem(why);
}

static void metrics_init(struct pg_pool *p, struct metrics *m)
{
    static const char *const outcomes[PGO_N_] = {
        [PGO_COMMITTED] = "committed", [PGO_FAILED] = "failed", [PGO_TIMEOUT] = "timeout",
        [PGO_CANCELED] = "canceled",   [PGO_LOST] = "unknown",  [PGO_REFUSED] = "refused",
    };
    if (!m)
        m = p->own_metrics = metrics_new();
    struct metric_family *f =
        metric_family(m, METRIC_COUNTER, "msphub_db_segments_total",
                      "Database transactions by outcome; unknown: the connection was lost in it", "outcome", NULL, 0);
    for (unsigned i = 0; i < PGO_N_; i++)
        p->m_segments[i] = metric_with(f, METRIC_L(outcomes[i]));
    f = metric_family(m, METRIC_GAUGE, "msphub_db_connections", "Database connections by state", "state", NULL, 0);
    for (unsigned i = 0; i < PGC_NSTATES_; i++)
        p->m_conns[i] = metric_with(f, METRIC_L(pgc_state_name(i)));
    p->m_queue = metric_gauge(m, "msphub_db_queue", "Database transactions waiting for a connection");
    p->m_statements = metric_counter(m, "msphub_db_statements_total", "SQL statements sent");
    p->m_duration = metric_histogram(m, "msphub_db_segment_duration_seconds",
                                     "Time of a database transaction, waiting included", METRICS_LATENCY);
}

struct pg_pool *pg_pool_new(struct loop *l, const struct pg_options *o, struct metrics *m)
{
    struct pg_pool *p = NEW(struct pg_pool);
    p->loop = l;
    p->log = loop_log(l);
    p->refs = ref_table_new();
    TAILQ_INIT(&p->conns);
    TAILQ_INIT(&p->listens);
    TAILQ_INIT(&p->leases);
    TAILQ_INIT(&p->queue);
    TAILQ_INIT(&p->lease_queue);
    TAILQ_INIT(&p->ended);
    options_fill(p, o);
    metrics_init(p, m);
    for (unsigned i = 0; i < p->o.connections; i++) {
        struct pg_conn *c = pgc_new(p, false);
        TAILQ_INSERT_TAIL(&p->conns, c, link);
        pgc_start(c);
    }
    return p;
}

static void deliver(struct pg_pool *p)
{
    struct pg_seg *s;
    p->delivering = true;
    while ((s = TAILQ_FIRST(&p->ended))) {
        TAILQ_REMOVE(&p->ended, s, link);
        seg_deliver(s);
    }
    p->delivering = false;
}

static void end_all(struct pg_segs *queue)
{
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the database pool was closed");
    struct pg_seg *s;
    while ((s = TAILQ_FIRST(queue)))
        seg_end(s, &e);
}

void pg_pool_free(struct pg_pool *p)
{
    if (!p)
        return;
    assert(!p->delivering); /* not from a callback */
    p->closing = true;
    struct pg_conn *c;
    while ((c = TAILQ_FIRST(&p->conns))) {
        TAILQ_REMOVE(&p->conns, c, link);
        pgc_free(c);
    }
    pgc_free(TAKE(p->listener));
    end_all(&p->queue);
    end_all(&p->lease_queue);
    lease_close_all(p);
    deliver(p); /* what callbacks submit now ends at once, and is delivered here, too */
    lease_orphan_all(p);
    listen_close_all(p);
    loop_undefer(p->loop, &p->turn);
    assert(p->nrunning == 0 && ref_count(p->refs) == 0);
    ref_table_free(p->refs);
    PQconninfoFree(p->conninfo);
    free(p->application_name);
    metrics_free(p->own_metrics);
    free(p);
}

bool pg_pool_up(const struct pg_pool *p)
{
    const struct pg_conn *c;
    TAILQ_FOREACH (c, &p->conns, link)
        if (c->state == PGC_READY || c->state == PGC_RESERVED || c->state == PGC_LEASED)
            return true;
    return false;
}

/* --- the turn --- */

static bool takes_work(const struct pg_conn *c)
{
    return c->state == PGC_READY && !c->flushing && !c->canceling;
}

static struct pg_conn *least_busy(const struct pg_pool *p, unsigned below)
{
    struct pg_conn *c, *best = NULL;
    TAILQ_FOREACH (c, &p->conns, link)
        if (takes_work(c) && c->ninflight < below && (!best || c->ninflight < best->ninflight))
            best = c;
    return best;
}

static void dispatch(struct pg_pool *p)
{
    struct pg_seg *s;
    struct pg_conn *c;
    lease_dispatch(p);
    while ((s = TAILQ_FIRST(&p->queue)) && (c = least_busy(p, p->o.max_inflight))) {
        TAILQ_REMOVE(&p->queue, s, link);
        p->m_queue->value = --p->nqueue;
        pgc_send(c, s);
    }
}

static void pool_turn(void *arg)
{
    struct pg_pool *p = arg;
    struct pg_segs now = TAILQ_HEAD_INITIALIZER(now);
    struct pg_seg *s;
    TAILQ_CONCAT(&now, &p->ended, link); /* what ends meanwhile is for the next turn */
    p->delivering = true;
    while ((s = TAILQ_FIRST(&now))) {
        TAILQ_REMOVE(&now, s, link);
        seg_deliver(s);
    }
    p->delivering = false;
    dispatch(p);
    if (p->drained && p->nrunning == 0) {
        void (*done)(void *) = TAKE(p->drained);
        done(p->drained_arg);
    }
}

void pool_kick(struct pg_pool *p)
{
    if (!p->closing)
        loop_defer(p->loop, &p->turn, pool_turn, p);
}

void pg_pool_drain(struct pg_pool *p, void (*done)(void *arg), void *arg)
{
    assert(!p->drained);
    p->drained = done;
    p->drained_arg = arg;
    pool_kick(p);
}

void pg_cancel(struct pg_pool *p, struct ref r)
{
    struct pg_seg *s = ref_get(p->refs, r);
    if (s)
        seg_cancel(s);
}

struct pg_conn *pool_canceler(struct pg_pool *p, const struct pg_conn *except)
{
    struct pg_conn *best = NULL, *c;
    TAILQ_FOREACH (c, &p->conns, link)
        if (c != except && takes_work(c) && (!best || c->ninflight < best->ninflight))
            best = c;
    c = p->listener;
    if (c && c != except && takes_work(c) && (!best || c->ninflight < best->ninflight))
        best = c;
    return best;
}
