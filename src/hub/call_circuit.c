/* call_circuit.c - see call_circuit.h. */
#include "hub/call_circuit.h"

#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define CIRCUIT_FIRST_BACKOFFS 16 /* the first opening, in units of call_backoff: 8 s with the default */

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_PROBING, CIRCUIT_NSTATES_ };
static const unsigned circuit_edges[CIRCUIT_NSTATES_] = {
    [CIRCUIT_CLOSED] = BIT(CIRCUIT_OPEN),
    [CIRCUIT_OPEN] =
        BIT(CIRCUIT_PROBING) | BIT(CIRCUIT_CLOSED), /* closed: by a call that was under way when it opened */
    [CIRCUIT_PROBING] = BIT(CIRCUIT_CLOSED) | BIT(CIRCUIT_OPEN),
};
static const char *const circuit_names[CIRCUIT_NSTATES_] = {"closed", "open", "probing"};

struct circuit {
    struct circuits *set;
    char *provider, *origin;
    unsigned refs;
    enum circuit_state state;
    unsigned failures; /* calls in a row */
    unsigned openings; /* since it last was closed */
    usec_t open_until;
    struct err last;
    struct metric *gauge;
    TAILQ_HEAD(, circuit_wait) waits;
    struct deferred answer;
    TAILQ_ENTRY(circuit) link;
};

struct circuits {
    struct loop *loop;
    const struct options *options;
    struct metric_family *open;
    TAILQ_HEAD(, circuit) all;
};

struct circuits *circuits_new(struct loop *l, const struct options *options, struct metrics *m)
{
    struct circuits *cs = NEW(struct circuits);

    cs->loop = l;
    cs->options = options;
    cs->open = metric_family(m, METRIC_GAUGE, "msphub_circuit_open",
                             "Origins of a product to which calls are held back", "provider", NULL, 0);
    TAILQ_INIT(&cs->all);
    return cs;
}

static void circuit_free(struct circuit *c)
{
    assert(c->refs == 0 && TAILQ_EMPTY(&c->waits));
    if (c->state != CIRCUIT_CLOSED)
        c->gauge->value--;
    loop_undefer(c->set->loop, &c->answer);
    TAILQ_REMOVE(&c->set->all, c, link);
    free(c->provider);
    free(c->origin);
    free(c);
}

void circuits_free(struct circuits *cs)
{
    if (!cs)
        return;
    while (!TAILQ_EMPTY(&cs->all))
        circuit_free(TAILQ_FIRST(&cs->all));
    free(cs);
}

/* An origin that nobody has asked for long after its time was over is forgotten. */
static void circuits_sweep(struct circuits *cs)
{
    usec_t now = loop_now(cs->loop);
    struct circuit *c = TAILQ_FIRST(&cs->all);

    while (c) {
        struct circuit *next = TAILQ_NEXT(c, link);

        if (c->refs == 0 && c->open_until + CIRCUIT_MAX < now)
            circuit_free(c);
        c = next;
    }
}

struct circuit *circuit_get(struct circuits *cs, const char *provider, const char *origin)
{
    struct circuit *c;

    TAILQ_FOREACH (c, &cs->all, link)
        if (strcmp(c->origin, origin) == 0 && strcmp(c->provider, provider) == 0) {
            c->refs++;
            return c;
        }
    circuits_sweep(cs);
    c = NEW(struct circuit);
    c->set = cs;
    c->provider = mem_strdup(provider);
    c->origin = mem_strdup(origin);
    c->refs = 1;
    c->gauge = metric_with(cs->open, METRIC_L(provider));
    TAILQ_INIT(&c->waits);
    TAILQ_INSERT_TAIL(&cs->all, c, link);
    return c;
}

void circuit_put(struct circuit *c)
{
    if (!c)
        return;
    assert(c->refs > 0);
    if (--c->refs == 0 && c->state == CIRCUIT_CLOSED && c->failures == 0)
        circuit_free(c);
}

static void circuit_enter(struct circuit *c, enum circuit_state to)
{
    assert(circuit_edges[c->state] & BIT(to));
    log_debug(loop_log(c->set->loop), "provider.circuit.state", F_STR("origin", c->origin),
              F_STR("from", circuit_names[c->state]), F_STR("to", circuit_names[to]));
    if (c->state == CIRCUIT_CLOSED)
        c->gauge->value++;
    if (to == CIRCUIT_CLOSED)
        c->gauge->value--;
    c->state = to;
}

static enum circuit_verdict circuit_refuse(const struct circuit *c, struct err *e)
{
    usec_t left = c->open_until - loop_now(c->set->loop);

    err_set(e, ERR_UNAVAILABLE, "calls to %s are held back for another %lld ms, since %u in a row failed (%s)",
            c->origin, (long long)(MAX(left, 0) / USEC_PER_MS), c->failures, c->last.what);
    return CIRCUIT_REFUSED;
}

/* Decides for the first in line; false: it has to wait for the probe. */
static bool circuit_decide(struct circuit *c, enum circuit_verdict *ret, struct err *e)
{
    switch (c->state) {
    case CIRCUIT_CLOSED:
        *ret = CIRCUIT_PASS;
        return true;
    case CIRCUIT_OPEN:
        if (loop_now(c->set->loop) < c->open_until) {
            *ret = circuit_refuse(c, e);
            return true;
        }
        circuit_enter(c, CIRCUIT_PROBING);
        *ret = CIRCUIT_PROBE;
        return true;
    default:
        return false;
    }
}

static void circuit_answer(void *arg)
{
    struct circuit *c = arg;
    struct circuit_wait *w = TAILQ_FIRST(&c->waits);
    enum circuit_verdict v;
    struct err e = {0};

    if (!w || !circuit_decide(c, &v, &e))
        return;
    TAILQ_REMOVE(&c->waits, w, link);
    w->circuit = NULL;
    if (!TAILQ_EMPTY(&c->waits))
        loop_defer(c->set->loop, &c->answer, circuit_answer, c);
    w->cb(w->arg, v, &e);
}

static void circuit_wake(struct circuit *c)
{
    if (!TAILQ_EMPTY(&c->waits))
        loop_defer(c->set->loop, &c->answer, circuit_answer, c);
}

void circuit_ask(struct circuit *c, struct circuit_wait *w,
                 void (*cb)(void *arg, enum circuit_verdict v, const struct err *e), void *arg)
{
    assert(!w->circuit);
    *w = (struct circuit_wait){.circuit = c, .cb = cb, .arg = arg};
    TAILQ_INSERT_TAIL(&c->waits, w, link);
    circuit_wake(c);
}

void circuit_leave(struct circuit_wait *w)
{
    if (!w->circuit)
        return;
    TAILQ_REMOVE(&w->circuit->waits, w, link);
    w->circuit = NULL;
}

static void circuit_open(struct circuit *c)
{
    usec_t t = c->set->options->call_backoff * CIRCUIT_FIRST_BACKOFFS;

    for (unsigned i = 0; i < c->openings && t < CIRCUIT_MAX; i++)
        t *= 2;
    c->openings++;
    c->open_until = loop_now(c->set->loop) + MIN(t, CIRCUIT_MAX);
    circuit_enter(c, CIRCUIT_OPEN);
    log_warn(loop_log(c->set->loop), "provider.circuit.opened", F_STR("provider", c->provider),
             F_STR("origin", c->origin), F_USEC("hold", MIN(t, CIRCUIT_MAX)), F_ERR(&c->last));
}

static void circuit_close(struct circuit *c)
{
    c->failures = c->openings = 0;
    if (c->state == CIRCUIT_CLOSED)
        return;
    circuit_enter(c, CIRCUIT_CLOSED);
    log_info(loop_log(c->set->loop), "provider.circuit.closed", F_STR("provider", c->provider),
             F_STR("origin", c->origin));
}

void circuit_report(struct circuit *c, const struct err *why)
{
    if (!why) {
        circuit_close(c);
    } else {
        c->failures++;
        c->last = *why;
        /* In OPEN: a call that was under way when it opened; it tells nothing new. */
        if (c->state == CIRCUIT_PROBING || (c->state == CIRCUIT_CLOSED && c->failures >= CIRCUIT_FAILURES))
            circuit_open(c);
    }
    circuit_wake(c);
}

void circuit_abandon(struct circuit *c)
{
    if (c->state != CIRCUIT_PROBING)
        return;
    circuit_enter(c, CIRCUIT_OPEN); /* its time is over: the next in line is the probe */
    circuit_wake(c);
}
