/* pg_seg.c - a segment's life: built, queued, sent, ended, called back.
 * Owns:    the segment's memory and timer.
 * States:  BUILDING -> QUEUED -> SENT -> ENDED;  SENT -> QUEUED when it is known not to be committed   [seg_enter]
 * Always:  a segment is on the list that its state names; each submitted one reaches ENDED once. One that was sent and
 *          whose deadline passes leaves a ghost in its place in the connection's queue, which takes the late results. */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
    const char *name;
    unsigned to;
} states[SEG_NSTATES_] = {
    [SEG_BUILDING] = {"building", BIT(SEG_QUEUED) | BIT(SEG_SENT) | BIT(SEG_ENDED)},
    [SEG_QUEUED] = {"queued", BIT(SEG_SENT) | BIT(SEG_ENDED)},
    [SEG_SENT] = {"sent", BIT(SEG_QUEUED) | BIT(SEG_ENDED)},
    [SEG_ENDED] = {"ended", 0},
};

void seg_enter(struct pg_seg *s, enum pg_seg_state to)
{
    assert(states[s->state].to & BIT(to));
    s->state = to;
}

/* --- building --- */

static struct pg_stmt *add_stmt(struct pg_seg *s)
{
    if (s->nstmts == s->cap_stmts) {
        s->cap_stmts = MAX(4, 2 * s->cap_stmts);
        s->stmts = mem_realloc_array(s->stmts, s->cap_stmts, sizeof(*s->stmts));
    }
    struct pg_stmt *st = &s->stmts[s->nstmts++];
    *st = (struct pg_stmt){.first = s->nparams};
    return st;
}

static void assert_complete(const struct pg_seg *s)
{
    const struct pg_stmt *st = &s->stmts[s->nstmts - 1];
    assert(!st->q || s->nparams - st->first == st->q->nparams); /* parameters are missing */
    (void)st;
}

static const struct pg_query Q_TENANT = {"pg.tenant", "select set_config('msphub.tenant', $1, true)", 1};

/* The first statement tells the transaction, and it alone, whose rows it may see. */
static void add_prelude(struct pg_seg *s)
{
    struct pg_stmt *st = add_stmt(s);
    if (s->tenant == PG_NO_TENANT)
        return;
    st->q = &Q_TENANT;
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)s->tenant);
    pg_p_str(s, s->tenant == PG_ALL_TENANTS ? "*" : text);
}

struct pg_seg *seg_new(struct pg_pool *p, enum pg_kind kind, int64_t tenant)
{
    assert(tenant >= PG_ALL_TENANTS);
    struct pg_seg *s = NEW(struct pg_seg);
    s->pool = p;
    s->kind = kind;
    s->tenant = tenant;
    s->timeout = p->o.timeout;
    add_prelude(s);
    return s;
}

struct pg_seg *pg_seg_new(struct pg_pool *p, int64_t tenant)
{
    return seg_new(p, PG_PIPELINE, tenant);
}

static const struct pg_query Q_TENANT_ACTOR = {
    "pg.tenant_actor", "select set_config('msphub.tenant', $1, true), set_config('msphub.actor', $2, true)", 2};

void pg_seg_actor(struct pg_seg *s, struct slice json)
{
    assert(s->state == SEG_BUILDING && s->nstmts == 1 && s->stmts[0].q == &Q_TENANT);
    s->stmts[0].q = &Q_TENANT_ACTOR;
    pg_p_text(s, json);
}

void seg_clear_results(struct pg_seg *s)
{
    for (unsigned i = 0; i < s->nstmts; i++) {
        PQclear(s->stmts[i].res);
        s->stmts[i].res = NULL;
    }
    free(TAKE(s->cmds));
    s->ncmds = s->at = 0;
    s->got = s->flushed = s->unknown = s->copying = s->again = false;
    s->err = (struct err){0};
    s->sqlstate[0] = '\0';
    s->failed = 0;
}

void seg_free(struct pg_seg *s)
{
    if (!s)
        return;
    timer_cancel(&s->timer);
    seg_clear_results(s);
    str_release(&s->data);
    free(s->params);
    free(s->stmts);
    free(s);
}

void pg_seg_free(struct pg_seg *s)
{
    assert(!s || s->state == SEG_BUILDING);
    seg_free(s);
}

void pg_seg_timeout(struct pg_seg *s, usec_t timeout)
{
    s->timeout = timeout;
}

unsigned pg_add(struct pg_seg *s, const struct pg_query *q)
{
    assert(s->state == SEG_BUILDING && s->kind == PG_PIPELINE);
    assert_complete(s);
    add_stmt(s)->q = q;
    return s->nstmts - 2; /* the prelude is not counted */
}

unsigned pg_seg_length(const struct pg_seg *s)
{
    return s->nstmts - 1;
}

/* --- running --- */

static void on_deadline(void *arg);

struct ref seg_start(struct pg_seg *s)
{
    assert_complete(s);
    struct pg_pool *p = s->pool;
    s->started = loop_now(p->loop);
    s->ref = ref_add(p->refs, s);
    if (s->timeout > 0)
        timer_set(&s->timer, p->loop, s->timeout, on_deadline, s);
    p->nrunning++;
    return s->ref;
}

void seg_touch(struct pg_seg *s)
{
    timer_set(&s->timer, s->pool->loop, s->timeout, on_deadline, s);
}

struct ref pg_submit(struct pg_seg *s, pg_cb *cb, void *arg)
{
    struct pg_pool *p = s->pool;
    assert(s->kind == PG_PIPELINE && s->nstmts > 1);
    s->cb = cb;
    s->arg = arg;
    struct ref ref = seg_start(s);
    struct err e = {0};
    if (p->closing)
        err_set(&e, ERR_CANCELED, "the database pool is being closed");
    else if (p->nqueue >= p->o.max_queue)
        err_set(&e, ERR_LIMIT, "%u transactions are waiting for the database (database_max_queue)", p->nqueue);
    if (e.code != ERR_NONE) {
        seg_end(s, &e);
        return ref;
    }
    seg_enter(s, SEG_QUEUED);
    TAILQ_INSERT_TAIL(&p->queue, s, link);
    p->m_queue->value = ++p->nqueue;
    pool_kick(p);
    return ref;
}

void seg_requeue(struct pg_seg *s)
{
    struct pg_pool *p = s->pool;
    seg_clear_results(s);
    s->conn = NULL;
    seg_enter(s, SEG_QUEUED);
    if (s->lease) {
        TAILQ_INSERT_HEAD(&s->lease->queue, s, link);
        return;
    }
    TAILQ_INSERT_HEAD(&p->queue, s, link);
    p->m_queue->value = ++p->nqueue;
    pool_kick(p);
}

static void leave_queue(struct pg_seg *s)
{
    struct pg_pool *p = s->pool;
    if (s->kind == PG_LEASE)
        TAILQ_REMOVE(&p->lease_queue, s, link);
    else if (s->lease)
        TAILQ_REMOVE(&s->lease->queue, s, link);
    else {
        TAILQ_REMOVE(&p->queue, s, link);
        p->m_queue->value = --p->nqueue;
    }
}

void seg_end(struct pg_seg *s, const struct err *e)
{
    struct pg_pool *p = s->pool;
    if (s->state == SEG_QUEUED)
        leave_queue(s);
    if (e)
        s->err = *e;
    s->conn = NULL;
    timer_cancel(&s->timer);
    ref_drop(p->refs, s->ref);
    seg_enter(s, SEG_ENDED);
    TAILQ_INSERT_TAIL(&p->ended, s, link);
    pool_kick(p);
}

/* What stays on the connection of a segment whose deadline has passed: it stands for the commands on the wire. */
static void leave_ghost(struct pg_seg *s)
{
    struct pg_seg *g = NEW(struct pg_seg);
    g->pool = s->pool;
    g->kind = s->kind;
    g->state = SEG_SENT;
    g->internal = true;
    g->conn = s->conn;
    g->lease = s->lease;
    g->cmds = TAKE(s->cmds);
    g->ncmds = s->ncmds;
    g->at = s->at;
    g->got = s->got;
    g->flushed = s->flushed;
    g->copying = s->copying;
    g->want_cancel = true;
    g->nstmts = g->cap_stmts = s->nstmts;
    g->stmts = mem_zalloc(s->nstmts * sizeof(*g->stmts));
    for (unsigned i = 0; i < s->nstmts; i++)
        g->stmts[i].q = s->stmts[i].q;
    g->pool->nrunning++;
    TAILQ_INSERT_BEFORE(s, g, link);
    TAILQ_REMOVE(&s->conn->inflight, s, link);
    prepared_moved(g);
}

static void on_deadline(void *arg)
{
    struct pg_seg *s = arg;
    struct pg_conn *c = s->conn;
    struct err e = {0};
    double after = (double)s->timeout / USEC_PER_S;
    const struct err *why = &s->pool->last_error;
    if (s->state == SEG_SENT) {
        err_set(&e, ERR_TIMEOUT, "the database has not answered within %.3f s", after);
        s->unknown = true;
        leave_ghost(s);
    } else if (why->code != ERR_NONE && !pg_pool_up(s->pool))
        err_set(&e, ERR_TIMEOUT, "no database connection within %.3f s: %s", after, why->what);
    else
        err_set(&e, ERR_TIMEOUT, "no database connection was free within %.3f s", after);
    seg_end(s, &e);
    if (c)
        pgc_ask_cancel(c);
}

void seg_cancel(struct pg_seg *s)
{
    if (s->state == SEG_SENT) {
        s->want_cancel = true;
        pgc_ask_cancel(s->conn);
        return;
    }
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "canceled before it was sent to the database");
    seg_end(s, &e);
}

/* --- the end --- */

static enum pg_outcome outcome(const struct pg_seg *s)
{
    switch (s->err.code) {
    case ERR_NONE:
        return PGO_COMMITTED;
    case ERR_TIMEOUT:
        return PGO_TIMEOUT;
    case ERR_CANCELED:
        return PGO_CANCELED;
    case ERR_LIMIT:
        return PGO_REFUSED;
    default:
        return s->unknown ? PGO_LOST : PGO_FAILED;
    }
}

void seg_deliver(struct pg_seg *s)
{
    struct pg_pool *p = s->pool;
    p->nrunning--;
    if (!s->internal) {
        p->m_segments[outcome(s)]->value++;
        histogram_observe(p->m_duration, (double)(loop_now(p->loop) - s->started) / USEC_PER_S);
    }
    struct pg_reply reply = {s};
    if (s->kind == PG_LEASE)
        s->lease_cb(s->arg, s->lease, pg_reply_err(&reply));
    else if (s->cb)
        s->cb(s->arg, &reply);
    seg_free(s);
}

/* --- errors of the server --- */

static enum err_code code_of(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum err_code code;
    } map[] = {
        {"22", ERR_DATA},           /* bad UTF-8, out of range … */
        {"21000", ERR_DATA},        /* a row twice in one upsert */
        {"23502", ERR_DATA},        /* not null */
        {"23514", ERR_DATA},        /* check */
        {"23", ERR_CONFLICT},       /* unique, foreign key, exclusion */
        {"55P03", ERR_CONFLICT},    /* lock not available */
        {"42501", ERR_FORBIDDEN},   /* privilege, row-level security */
        {"57014", ERR_TIMEOUT},     /* statement_timeout, or a cancel: seg_fail_result tells them apart */
        {"25006", ERR_UNAVAILABLE}, /* read-only: a standby, failover is under way */
        {"40", ERR_UNAVAILABLE},    /* deadlock, serialization: the next attempt may work */
        {"08", ERR_UNAVAILABLE},    {"53", ERR_UNAVAILABLE}, {"57", ERR_UNAVAILABLE}, {"58", ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (strncmp(sqlstate, map[i].prefix, strlen(map[i].prefix)) == 0)
            return map[i].code;
    return ERR_INTERNAL;
}

void seg_fail_result(struct pg_seg *s, unsigned stmt, const PGresult *r)
{
    if (s->err.code != ERR_NONE)
        return;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    snprintf(s->sqlstate, sizeof(s->sqlstate), "%s", state ? state : "");
    s->failed = stmt > 0 ? stmt - 1 : 0;
    enum err_code code = code_of(s->sqlstate);
    if (code == ERR_TIMEOUT && s->want_cancel)
        code = ERR_CANCELED;
    /* The detail is left out: it quotes the row. */
    const struct pg_query *q = stmt < s->nstmts ? s->stmts[stmt].q : NULL;
    err_set(&s->err, code, "%s: %s%s%s (SQLSTATE %s)", q ? q->name : "SQL", text ? text : PQresultErrorMessage(r),
            constraint ? ", constraint " : "", constraint ? constraint : "", state ? state : "none");
}
