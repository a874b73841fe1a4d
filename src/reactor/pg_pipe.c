/* pg_pipe.c - segments on the wire: prepared statements, sending, results.
 * Why:    a pipeline keeps the line full: everything of a segment leaves in one write, and further segments behind it
 *         before its answer is here. One Sync ends each, so each is a transaction of its own, without BEGIN and
 *         COMMIT.
 * Prepared: a statement is known by its query and the types of its parameters, and is prepared in the pipeline of the
 *           first segment that uses it. Until the Parse's own answer is here nobody else relies on it, for an error
 *           before it in that segment would have skipped it: others use the unnamed statement meanwhile. A null fits
 *           every type. */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#define MAX_VARIANTS 8 /* prepared forms of one query (types of parameters) on one connection */

struct pg_prepared {
    UT_hash_handle hh; /* by q; further variants hang on next */
    const struct pg_query *q;
    struct pg_prepared *next;
    const struct pg_seg *maker; /* whose Parse is on its way; NULL: it is there */
    Oid *types;                 /* q->nparams of them; 0: text or null */
    bool stale;                 /* not to be used any more */
    char name[80];
};

static bool fits(const struct pg_prepared *p, const struct pg_param *params)
{
    for (unsigned i = 0; i < p->q->nparams; i++)
        if (params[i].len >= 0 && params[i].type != p->types[i])
            return false;
    return true;
}

static struct pg_prepared *prepared_new(struct pg_conn *c, const struct pg_query *q, const struct pg_param *params)
{
    struct pg_prepared *p = NEW(struct pg_prepared), *head;
    p->q = q;
    p->types = mem_alloc(MAX(q->nparams, 1) * sizeof(Oid));
    for (unsigned i = 0; i < q->nparams; i++)
        p->types[i] = params[i].type;
    /* The number makes a name new when the statement of that name may still be there in another form. */
    snprintf(p->name, sizeof(p->name), "%s~%u", q->name, ++c->nprepared);
    HASH_FIND_PTR(c->prepared, &q, head);
    if (head) {
        p->next = head->next;
        head->next = p;
    } else
        HASH_ADD_PTR(c->prepared, q, p);
    return p;
}

static void prepared_free(struct pg_prepared *p)
{
    free(p->types);
    free(p);
}

static void prepared_drop(struct pg_conn *c, struct pg_prepared *p)
{
    struct pg_prepared *head;
    HASH_FIND_PTR(c->prepared, &p->q, head);
    if (head == p) {
        HASH_DEL(c->prepared, p);
        if (p->next)
            HASH_ADD_PTR(c->prepared, q, p->next);
    } else {
        while (head->next != p)
            head = head->next;
        head->next = p->next;
    }
    prepared_free(p);
}

void prepared_moved(struct pg_seg *ghost)
{
    for (unsigned i = 0; i < ghost->ncmds; i++)
        if (ghost->cmds[i].parse && ghost->cmds[i].prep && ghost->cmds[i].prep->maker)
            ghost->cmds[i].prep->maker = ghost;
}

void prepared_clear(struct pg_conn *c)
{
    struct pg_prepared *p, *tmp;
    HASH_ITER(hh, c->prepared, p, tmp)
    {
        HASH_DEL(c->prepared, p);
        for (struct pg_prepared *next; p; p = next) {
            next = p->next;
            prepared_free(p);
        }
    }
}

/* What to use for this statement: *make tells that it must be parsed first; NULL means the unnamed statement. */
static struct pg_prepared *prepared_for(struct pg_conn *c, const struct pg_seg *s, const struct pg_stmt *st, bool *make)
{
    const struct pg_param *params = s->params + st->first;
    struct pg_prepared *p;
    unsigned n = 0;
    *make = false;
    if (s->pool->o.unnamed_only)
        return NULL;
    HASH_FIND_PTR(c->prepared, &st->q, p);
    for (; p; p = p->next, n++)
        if (!p->stale && fits(p, params))
            return !p->maker || p->maker == s ? p : NULL;
    if (n >= MAX_VARIANTS)
        return NULL;
    *make = true;
    p = prepared_new(c, st->q, params);
    p->maker = s;
    return p;
}

/* --- sending --- */

bool pipe_mode(struct pg_conn *c, bool on)
{
    if ((PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF) == on)
        return true;
    return on ? PQenterPipelineMode(c->pg) : PQexitPipelineMode(c->pg);
}

static void push_cmd(struct pg_seg *s, struct pg_cmd cmd)
{
    s->cmds[s->ncmds++] = cmd;
}

struct wire_params {
    const char **values;
    int *lengths, *formats;
    Oid *types;
};

static void wire_params_release(struct wire_params *w)
{
    free(w->values);
    free(w->lengths);
    free(w->formats);
    free(w->types);
}

static void wire_params_fill(struct wire_params *w, const struct pg_seg *s)
{
    size_t n = MAX(s->nparams, 1);
    w->values = mem_alloc(n * sizeof(*w->values));
    w->lengths = mem_alloc(n * sizeof(*w->lengths));
    w->formats = mem_alloc(n * sizeof(*w->formats));
    w->types = mem_alloc(n * sizeof(*w->types));
    for (unsigned i = 0; i < s->nparams; i++) {
        const struct pg_param *p = &s->params[i];
        w->values[i] = p->len < 0 ? NULL : s->data.p + p->at;
        w->lengths[i] = MAX(p->len, 0);
        w->formats[i] = p->format;
        w->types[i] = p->type;
    }
}

static bool send_stmt(struct pg_conn *c, struct pg_seg *s, unsigned i, const struct wire_params *w)
{
    const struct pg_stmt *st = &s->stmts[i];
    unsigned at = st->first;
    int n = st->q->nparams;
    bool make;
    struct pg_prepared *p = prepared_for(c, s, st, &make);
    if (make) {
        push_cmd(s, (struct pg_cmd){.stmt = i, .prep = p, .parse = true});
        if (!PQsendPrepare(c->pg, p->name, st->q->sql, n, w->types + at))
            return false;
    }
    push_cmd(s, (struct pg_cmd){.stmt = i, .prep = p});
    if (p)
        return PQsendQueryPrepared(c->pg, p->name, n, w->values + at, w->lengths + at, w->formats + at, 1);
    return PQsendQueryParams(c->pg, st->q->sql, n, w->types + at, w->values + at, w->lengths + at, w->formats + at, 1);
}

/* Where the session's own statement_timeout does not fit: longer work, or a pooler whose sessions are not ours to set. */
static bool send_timeout(struct pg_conn *c, struct pg_seg *s)
{
    const struct pg_options *o = &s->pool->o;
    if (s->lease || (s->timeout <= o->timeout && !o->unnamed_only))
        return true;
    char ms[24];
    snprintf(ms, sizeof(ms), "%lld", (long long)((s->timeout + USEC_PER_MS - 1) / USEC_PER_MS));
    const char *values[] = {ms};
    push_cmd(s, (struct pg_cmd){.stmt = 0});
    return PQsendQueryParams(c->pg, "select set_config('statement_timeout', $1, true)", 1, NULL, values, NULL, NULL, 1);
}

static bool send_pipeline(struct pg_conn *c, struct pg_seg *s)
{
    _cleanup_(wire_params_release) struct wire_params w = {0};
    wire_params_fill(&w, s);
    s->cmds = mem_alloc((2 * s->nstmts + 1) * sizeof(*s->cmds));
    if (!pipe_mode(c, true) || !send_timeout(c, s))
        return false;
    for (unsigned i = 0; i < s->nstmts; i++)
        if (s->stmts[i].q && !send_stmt(c, s, i, &w))
            return false;
    s->pool->m_statements->value += s->nstmts - 1;
    return PQpipelineSync(c->pg);
}

bool pipe_send(struct pg_conn *c, struct pg_seg *s)
{
    assert(!s->cmds && s->kind != PG_LEASE);
    if (s->kind == PG_PIPELINE)
        return send_pipeline(c, s);
    s->pool->m_statements->value++;
    return pipe_mode(c, false) && PQsendQuery(c->pg, s->data.p);
}

/* --- COPY --- */

#define COPY_BURST 16 /* pieces in one turn, so that a fast socket does not hold up the loop */

void pipe_copy_end(struct pg_conn *c, struct pg_seg *s, const char *abort_reason)
{
    s->copying = false;
    if (PQputCopyEnd(c->pg, abort_reason) != 1)
        pgc_lost(c, PQerrorMessage(c->pg));
    else
        pgc_flush(c);
}

void pipe_copy_pump(struct pg_conn *c, struct pg_seg *s)
{
    for (unsigned i = 0; i < COPY_BURST; i++) {
        struct slice piece = s->source(s->arg);
        if (!s->copying || !c->pg)
            return; /* the source has canceled itself */
        if (piece.n == 0) {
            pipe_copy_end(c, s, NULL);
            return;
        }
        assert(piece.n <= INT32_MAX);
        if (PQputCopyData(c->pg, piece.p, (int)piece.n) != 1) {
            pgc_lost(c, PQerrorMessage(c->pg));
            return;
        }
        seg_touch(s);
        pgc_flush(c);
        if (!c->pg || c->flushing)
            return; /* the write event goes on with it */
    }
    event_add(c->wr, NULL);
}

/* The server waits for data. */
static void copy_begin(struct pg_conn *c, struct pg_seg *s)
{
    s->copying = true;
    if (s->want_cancel)
        pipe_copy_end(c, s, "canceled");
    else if (!s->source)
        pipe_copy_end(c, s, "COPY FROM STDIN needs a source of data");
    else
        pipe_copy_pump(c, s);
}

/* --- results --- */

/* A Parse that failed or was skipped leaves no statement behind. Only commands of its own segment can point at it. */
static void parse_done(struct pg_conn *c, struct pg_seg *s, struct pg_prepared *p, bool ok)
{
    assert(p);
    p->maker = NULL;
    if (ok)
        return;
    for (unsigned i = 0; i < s->ncmds; i++)
        if (s->cmds[i].prep == p)
            s->cmds[i].prep = NULL;
    prepared_drop(c, p);
}

/* Its plan no longer fits the tables (0A000, after DDL), or somebody discarded it (26000): it is made anew. */
static void check_out_of_date(struct pg_seg *s, const struct pg_cmd *cmd)
{
    if (!cmd->prep || cmd->parse || (strcmp(s->sqlstate, "26000") != 0 && strcmp(s->sqlstate, "0A000") != 0))
        return;
    cmd->prep->stale = true; /* not freed: segments behind this one may point at it */
    s->again = true;
}

static void pipeline_result(struct pg_conn *c, struct pg_seg *s, PGresult *r)
{
    const struct pg_cmd *cmd = &s->cmds[s->at];
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok && status != PGRES_PIPELINE_ABORTED && s->err.code == ERR_NONE) {
        seg_fail_result(s, cmd->stmt, r);
        check_out_of_date(s, cmd);
    }
    if (cmd->parse)
        parse_done(c, s, cmd->prep, ok);
    if (ok && !cmd->parse && !s->stmts[cmd->stmt].res)
        s->stmts[cmd->stmt].res = r;
    else
        PQclear(r);
}

static void keep_result(struct pg_seg *s, PGresult *r)
{
    s->stmts = mem_realloc_array(s->stmts, s->nstmts + 1, sizeof(*s->stmts));
    s->stmts[s->nstmts++] = (struct pg_stmt){.res = r};
    s->cap_stmts = s->nstmts;
}

/* One result of a simple or COPY segment. */
static void simple_result(struct pg_conn *c, struct pg_seg *s, PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_COPY_IN:
        PQclear(r);
        copy_begin(c, s);
        return;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        keep_result(s, r);
        return;
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        PQclear(r);
        pgc_lost(c, "COPY TO is not supported here");
        return;
    default:
        seg_fail_result(s, s->nstmts, r);
        PQclear(r);
    }
}

/* False: nothing more to be had now. */
static bool take_one(struct pg_conn *c, struct pg_seg *s)
{
    PGresult *r = PQgetResult(c->pg);
    if (s->kind != PG_PIPELINE) {
        if (r)
            simple_result(c, s, r);
        else
            pgc_ended(c, s);
        return true;
    }
    if (!r) { /* stands between the results of two commands */
        if (!s->got)
            return false;
        s->got = false;
        s->at++;
        return true;
    }
    if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
        PQclear(r);
        pgc_ended(c, s);
        return true;
    }
    s->got = true;
    if (s->at < s->ncmds)
        pipeline_result(c, s, r);
    else { /* an error of the Sync, that is of the commit: a deferred constraint */
        seg_fail_result(s, s->nstmts - 1, r);
        PQclear(r);
    }
    return true;
}

void pipe_results(struct pg_conn *c)
{
    struct pg_seg *s;
    while (c->pg && (s = TAILQ_FIRST(&c->inflight)) && !PQisBusy(c->pg)) {
        /* While COPY data goes out there is nothing to be read but the end of the connection. */
        if (s->copying)
            return;
        if (!take_one(c, s))
            return;
    }
}
