/* budget.c - see budget.h.
 * The queue: of each integration that waits a line of its own, in two circles, people's before the background's. Who is next in a
 * circle gets one call and goes to its end. */
#include "hub/budget.h"

#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define DEFAULT_CONCURRENCY 2 /* for a provider whose table names none */

/* Who waits of one integration; gone when nobody does. */
struct line {
    struct budget_asker who;
    TAILQ_HEAD(, budget_wait) waits;
    TAILQ_ENTRY(line) link;
};
TAILQ_HEAD(circle, line);

struct budget {
    struct budgets *set;
    char *key;
    struct provider_limits declared;
    unsigned refs;
    unsigned max, limit, open;
    unsigned good; /* good answers since the limit last changed */
    usec_t halved; /* loop_now */
    struct rate rate;
    usec_t paused_until;
    struct circle circles[2]; /* people's, the background's */
    struct deferred grant;
    struct timer timer;
    TAILQ_ENTRY(budget) link;
};

struct budgets {
    struct loop *loop;
    const struct options *options;
    struct metric *waiting;
    struct metric_family *left, *concurrency, *rate, *waited;
    TAILQ_HEAD(, budget) all;
};

/* What can be called now without waiting: slots, and for known rates the share of a burst that is left. */
static double budget_left(const struct budget *b, usec_t now)
{
    if (b->paused_until > now || b->limit <= b->open)
        return 0;
    return MIN((double)(b->limit - b->open) / b->max, rate_left(&b->rate, now));
}

static void show_least(struct metric_family *f, const char *provider, double value)
{
    struct metric *m = metric_with(f, METRIC_L(provider));
    if (m->value < 0.5 || value < m->value)
        m->value = value;
}

/* Of each provider the account that has least. */
static void on_collect(void *arg)
{
    struct budgets *bs = arg;
    usec_t now = loop_now(bs->loop);
    struct budget *b;
    for (const struct provider *const *p = provider_registry; *p; p++) {
        metric_with(bs->left, METRIC_L((*p)->key))->value = 1;
        metric_with(bs->concurrency, METRIC_L((*p)->key))->value = 0;
        metric_with(bs->rate, METRIC_L((*p)->key))->value = 0;
    }
    TAILQ_FOREACH (b, &bs->all, link) {
        struct slice key = slice_cstr(b->key);
        const struct provider *p = provider_find(slice_cut(&key, ' '));
        if (!p)
            continue;
        struct metric *left = metric_with(bs->left, METRIC_L(p->key));
        left->value = MIN(left->value, budget_left(b, now));
        show_least(bs->concurrency, p->key, b->limit);
        if (b->rate.per_minute)
            show_least(bs->rate, p->key, b->rate.per_minute);
    }
}

struct budgets *budgets_new(struct loop *l, const struct options *options, struct metrics *m)
{
    struct budgets *bs = NEW(struct budgets);

    bs->loop = l;
    bs->options = options;
    bs->waiting =
        metric_gauge(m, "msphub_provider_budget_waiting", "Calls to products that wait for their rate budget");
    bs->left =
        metric_family(m, METRIC_GAUGE, "msphub_provider_budget_left_ratio",
                      "What is left of the budget of calls that has least, of a provider's accounts in this process",
                      "provider", NULL, 0);
    bs->concurrency =
        metric_family(m, METRIC_GAUGE, "msphub_provider_budget_concurrency",
                      "Calls at once that are allowed now, where least, of a provider's accounts in use; 0: none is",
                      "provider", NULL, 0);
    bs->rate = metric_family(
        m, METRIC_GAUGE, "msphub_provider_budget_calls_per_minute",
        "Calls a minute that are allowed now, where least, of a provider's accounts in use; 0: no rate is known",
        "provider", NULL, 0);
    bs->waited = metric_family(m, METRIC_HISTOGRAM, "msphub_provider_budget_wait_seconds",
                               "How long calls waited for their budget, by who waits", "for", METRICS_LATENCY);
    TAILQ_INIT(&bs->all);
    metrics_on_collect(m, on_collect, bs);
    return bs;
}

/* --- the queue --- */

/* The line whose turn it is; NULL: nobody waits. */
static struct line *budget_first(const struct budget *b)
{
    for (unsigned i = 0; i < ARRAY_LEN(b->circles); i++)
        if (!TAILQ_EMPTY(&b->circles[i]))
            return TAILQ_FIRST(&b->circles[i]);
    return NULL;
}

static struct circle *circle_of(struct budget *b, const struct budget_asker *who)
{
    return &b->circles[who->person ? 0 : 1];
}

static struct line *line_of(struct budget *b, const struct budget_asker *who)
{
    struct line *l;
    TAILQ_FOREACH (l, circle_of(b, who), link)
        if (l->who.tenant_id == who->tenant_id && l->who.integration_id == who->integration_id)
            return l;
    l = NEW(struct line);
    l->who = *who;
    TAILQ_INIT(&l->waits);
    TAILQ_INSERT_TAIL(circle_of(b, who), l, link);
    return l;
}

static void line_remove(struct line *l, struct budget_wait *w)
{
    struct budget *b = w->budget;
    TAILQ_REMOVE(&l->waits, w, link);
    w->budget = NULL;
    b->set->waiting->value--;
    if (!TAILQ_EMPTY(&l->waits))
        return;
    TAILQ_REMOVE(circle_of(b, &l->who), l, link);
    free(l);
}

/* Takes who is next, and moves its line to the end of its circle. */
static struct budget_wait *budget_pop(struct budget *b)
{
    struct line *l = budget_first(b);
    struct budget_wait *w = TAILQ_FIRST(&l->waits);
    struct circle *c = circle_of(b, &l->who);

    TAILQ_REMOVE(c, l, link);
    TAILQ_INSERT_TAIL(c, l, link);
    histogram_observe(histogram_with(b->set->waited, METRIC_L(l->who.person ? "person" : "background")),
                      (double)(loop_now(b->set->loop) - w->since) / (double)USEC_PER_S);
    line_remove(l, w);
    return w;
}

/* --- budgets --- */

static void budget_free(struct budget *b)
{
    assert(!budget_first(b) && b->open == 0 && b->refs == 0);
    timer_cancel(&b->timer);
    loop_undefer(b->set->loop, &b->grant);
    TAILQ_REMOVE(&b->set->all, b, link);
    free(b->key);
    free(b);
}

void budgets_free(struct budgets *bs)
{
    if (!bs)
        return;
    while (!TAILQ_EMPTY(&bs->all))
        budget_free(TAILQ_FIRST(&bs->all));
    free(bs);
}

void budget_key(const struct provider *p, int64_t tenant_id, int64_t integration_id, const char *base_url,
                struct str *ret)
{
    str_adds(ret, p->key);
    switch (p->limits.scope) {
    case BUDGET_INTEGRATION:
        str_addf(ret, " integration %lld/%lld", (long long)tenant_id, (long long)integration_id);
        if (integration_id == 0) /* settings under test: two of them are two accounts */
            str_addf(ret, " %s", base_url);
        break;
    case BUDGET_TENANT:
        str_addf(ret, " tenant %lld", (long long)tenant_id);
        break;
    case BUDGET_HOST:
        str_addf(ret, " host %s", base_url);
        break;
    case BUDGET_SOURCE_ADDRESS: /* all we send comes from one address: the provider's key says it */
        break;
    }
}

/* What would be lost by forgetting an idle budget? Nothing, once it stands as a new one would. */
static bool budget_forgettable(const struct budget *b, usec_t now)
{
    return b->refs == 0 && b->paused_until <= now && (b->limit == b->max || b->halved + BUDGET_PAUSE_MAX <= now) &&
           (rate_is_fresh(&b->rate, now) || (b->halved + BUDGET_PAUSE_MAX <= now && b->rate.due <= now));
}

static void budgets_sweep(struct budgets *bs)
{
    usec_t now = loop_now(bs->loop);
    struct budget *b = TAILQ_FIRST(&bs->all);

    while (b) {
        struct budget *next = TAILQ_NEXT(b, link);

        if (budget_forgettable(b, now))
            budget_free(b);
        b = next;
    }
}

/* Of what the product allows one address, host or tenant, when several processes call it. (A run of an integration is in one.) */
static unsigned share_of(const struct budget *b, unsigned declared)
{
    if (b->declared.scope == BUDGET_INTEGRATION)
        return declared;
    return (unsigned)MAX(1, declared / b->set->options->call_processes);
}

/* The option may have changed. */
static void budget_bound(struct budget *b)
{
    unsigned max = share_of(b, b->declared.concurrency ? b->declared.concurrency : DEFAULT_CONCURRENCY);
    if (max != b->max)
        b->limit = b->limit == b->max ? max : MIN(b->limit, max);
    b->max = max;
    rate_set_ceiling(&b->rate, b->declared.per_minute ? share_of(b, b->declared.per_minute) : 0);
}

struct budget *budget_get(struct budgets *bs, struct slice key, const struct provider_limits *limits)
{
    struct budget *b;

    TAILQ_FOREACH (b, &bs->all, link)
        if (slice_eq(slice_cstr(b->key), key)) {
            b->refs++;
            return b;
        }
    budgets_sweep(bs);
    b = NEW(struct budget);
    b->set = bs;
    b->key = mem_strndup(key.p, key.n);
    b->refs = 1;
    b->declared = *limits;
    for (unsigned i = 0; i < ARRAY_LEN(b->circles); i++)
        TAILQ_INIT(&b->circles[i]);
    b->max = b->limit = share_of(b, limits->concurrency ? limits->concurrency : DEFAULT_CONCURRENCY);
    rate_init(&b->rate, limits->per_minute ? share_of(b, limits->per_minute) : 0);
    TAILQ_INSERT_TAIL(&bs->all, b, link);
    return b;
}

void budget_put(struct budget *b)
{
    if (!b)
        return;
    assert(b->refs > 0);
    b->refs--; /* kept: its pause and its rate outlive the run that caused them */
}

static void budget_grant(void *arg);

static void budget_wake(struct budget *b)
{
    if (budget_first(b))
        loop_defer(b->set->loop, &b->grant, budget_grant, b);
}

static void budget_on_timer(void *arg)
{
    budget_wake(arg);
}

/* One waiter a turn is answered from a pause that is too long: the callback may do anything, also to this budget. */
static void budget_refuse(struct budget *b, usec_t wait)
{
    struct budget_wait *w = budget_pop(b);
    struct err e;

    err_set(&e, ERR_THROTTLED,
            "the product asked to wait another %lld s, longer than call_max_wait (%lld s): try later, or raise "
            "call_max_wait",
            (long long)(wait / USEC_PER_S), (long long)(b->set->options->call_max_wait / USEC_PER_S));
    budget_wake(b);
    w->cb(w->arg, &e);
}

static void budget_grant(void *arg)
{
    struct budget *b = arg;
    struct line *first = budget_first(b);
    usec_t now = loop_now(b->set->loop), most = b->set->options->call_max_wait, asked, ready;
    struct budget_wait *w;

    if (!first)
        return;
    budget_bound(b);
    asked = MAX(b->paused_until, rate_told_until(&b->rate, now, first->who.person));
    if (asked - now > most) { /* a rate that we keep to is no reason to give up */
        budget_refuse(b, asked - now);
        return;
    }
    ready = MAX(asked, rate_ready_at(&b->rate, now, first->who.person));
    if (b->open >= b->limit)
        return; /* budget_return wakes */
    if (ready > now) {
        timer_set(&b->timer, b->set->loop, ready - now, budget_on_timer, b);
        return;
    }
    w = budget_pop(b);
    b->open++;
    rate_spend(&b->rate, now);
    budget_wake(b);
    w->cb(w->arg, NULL);
}

void budget_ask(struct budget *b, struct budget_wait *w, const struct budget_asker *who,
                void (*cb)(void *arg, const struct err *e), void *arg)
{
    assert(!w->budget);
    *w = (struct budget_wait){.budget = b, .cb = cb, .arg = arg, .since = loop_now(b->set->loop), .who = *who};
    TAILQ_INSERT_TAIL(&line_of(b, who)->waits, w, link);
    b->set->waiting->value++;
    budget_wake(b);
}

void budget_leave(struct budget_wait *w)
{
    if (w->budget)
        line_remove(line_of(w->budget, &w->who), w);
}

void budget_return(struct budget *b)
{
    assert(b->open > 0);
    b->open--;
    budget_wake(b);
}

void budget_succeeded(struct budget *b)
{
    rate_good(&b->rate, loop_now(b->set->loop));
    if (b->limit == b->max || ++b->good < b->limit)
        return;
    b->good = 0;
    b->limit++;
    budget_wake(b);
}

void budget_throttled(struct budget *b, usec_t opened)
{
    b->good = 0;
    if (opened < b->halved)
        return;
    b->limit = MAX(1u, b->limit / 2);
    rate_throttled(&b->rate, loop_now(b->set->loop), (unsigned)b->set->options->call_rate_least);
    b->halved = loop_now(b->set->loop) + 1; /* calls of this very turn were in flight as well */
}

void budget_pause(struct budget *b, usec_t wait)
{
    b->paused_until = MAX(b->paused_until, loop_now(b->set->loop) + MIN(wait, BUDGET_PAUSE_MAX));
    budget_wake(b);
}

void budget_told(struct budget *b, const struct rate_hint *hint)
{
    struct rate_hint h = *hint;
    h.reset = MIN(h.reset, BUDGET_PAUSE_MAX);
    rate_told(&b->rate, &h, b->open > 1 ? b->open - 1 : 0, loop_now(b->set->loop));
    budget_wake(b); /* a window may have ended sooner than it was told */
}

unsigned budget_open(const struct budget *b)
{
    return b->open;
}

unsigned budget_limit(const struct budget *b)
{
    return b->limit;
}

unsigned budget_per_minute(const struct budget *b)
{
    return b->rate.per_minute;
}
