/* budget.c - see budget.h.
 * The rate is a virtual schedule: `due` is when the next call would come if calls came evenly spaced; a call may run
 * ahead of it by `burst` - 1 spacings. With spacing = 60 s / (per_minute - burst + 1) no window of a minute sees more
 * than per_minute. */
#include "hub/budget.h"

#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define DEFAULT_CONCURRENCY 2 /* for a provider whose table names none */

TAILQ_HEAD(budget_waits, budget_wait);

struct budget {
    struct budgets *set;
    char *key;
    unsigned refs;
    unsigned max, limit, open;
    unsigned good;  /* good answers since the limit last changed */
    usec_t halved;  /* loop_now */
    usec_t spacing; /* 0: no rate known */
    unsigned burst;
    usec_t due, paused_until;
    struct budget_waits waits;
    struct deferred grant;
    struct timer timer;
    TAILQ_ENTRY(budget) link;
};

struct budgets {
    struct loop *loop;
    const struct options *options;
    struct metric *waiting;
    struct metric_family *left;
    TAILQ_HEAD(, budget) all;
};

/* What can be called now without waiting: slots, and for known rates the share of a burst that is left. */
static double budget_left(const struct budget *b, usec_t now)
{
    if (b->paused_until > now || b->limit <= b->open)
        return 0;
    double slots = (double)(b->limit - b->open) / b->max;
    if (b->spacing == 0)
        return slots;
    double ahead = (double)MAX(0, b->due - now) / (double)b->spacing;
    return MIN(slots, MAX(0.0, 1 - ahead / b->burst));
}

/* Of each provider the account that has least. */
static void on_collect(void *arg)
{
    struct budgets *bs = arg;
    usec_t now = loop_now(bs->loop);
    struct budget *b;
    for (const struct provider *const *p = provider_registry; *p; p++)
        metric_with(bs->left, METRIC_L((*p)->key))->value = 1;
    TAILQ_FOREACH (b, &bs->all, link) {
        struct slice key = slice_cstr(b->key);
        const struct provider *p = provider_find(slice_cut(&key, ' '));
        if (!p)
            continue;
        struct metric *left = metric_with(bs->left, METRIC_L(p->key));
        left->value = MIN(left->value, budget_left(b, now));
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
    TAILQ_INIT(&bs->all);
    metrics_on_collect(m, on_collect, bs);
    return bs;
}

static void budget_free(struct budget *b)
{
    assert(TAILQ_EMPTY(&b->waits) && b->open == 0 && b->refs == 0);
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
    return b->refs == 0 && b->paused_until <= now && b->due <= now &&
           (b->limit == b->max || b->halved + BUDGET_PAUSE_MAX <= now);
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
    b->max = b->limit = limits->concurrency ? limits->concurrency : DEFAULT_CONCURRENCY;
    if (limits->per_minute) {
        b->burst = MAX(1u, limits->per_minute / 10);
        b->spacing = SECONDS(60) / (limits->per_minute - b->burst + 1);
    }
    TAILQ_INIT(&b->waits);
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

/* When the next call may go, as far as time decides. */
static usec_t budget_ready_at(const struct budget *b)
{
    usec_t by_rate = b->spacing ? b->due - (usec_t)(b->burst - 1) * b->spacing : 0;

    return MAX(b->paused_until, by_rate);
}

static struct budget_wait *budget_pop(struct budget *b)
{
    struct budget_wait *w = TAILQ_FIRST(&b->waits);

    TAILQ_REMOVE(&b->waits, w, link);
    w->budget = NULL;
    b->set->waiting->value--;
    return w;
}

static void budget_grant(void *arg);

static void budget_wake(struct budget *b)
{
    if (!TAILQ_EMPTY(&b->waits))
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
    usec_t now = loop_now(b->set->loop), ready = budget_ready_at(b);
    struct budget_wait *w;

    if (TAILQ_EMPTY(&b->waits))
        return;
    if (b->paused_until - now > b->set->options->call_max_wait) {
        budget_refuse(b, b->paused_until - now);
        return;
    }
    if (b->open >= b->limit)
        return; /* budget_return wakes */
    if (ready > now) {
        timer_set(&b->timer, b->set->loop, ready - now, budget_on_timer, b);
        return;
    }
    w = budget_pop(b);
    b->open++;
    if (b->spacing)
        b->due = MAX(b->due, now) + b->spacing;
    budget_wake(b);
    w->cb(w->arg, NULL);
}

void budget_ask(struct budget *b, struct budget_wait *w, bool urgent, void (*cb)(void *arg, const struct err *e),
                void *arg)
{
    struct budget_wait *before = TAILQ_FIRST(&b->waits);

    assert(!w->budget);
    *w = (struct budget_wait){.budget = b, .cb = cb, .arg = arg, .urgent = urgent};
    while (urgent && before && before->urgent)
        before = TAILQ_NEXT(before, link);
    if (urgent && before)
        TAILQ_INSERT_BEFORE(before, w, link);
    else
        TAILQ_INSERT_TAIL(&b->waits, w, link);
    b->set->waiting->value++;
    budget_wake(b);
}

void budget_leave(struct budget_wait *w)
{
    struct budget *b = w->budget;

    if (!b)
        return;
    TAILQ_REMOVE(&b->waits, w, link);
    w->budget = NULL;
    b->set->waiting->value--;
}

void budget_return(struct budget *b)
{
    assert(b->open > 0);
    b->open--;
    budget_wake(b);
}

void budget_succeeded(struct budget *b)
{
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
    b->halved = loop_now(b->set->loop) + 1; /* calls of this very turn were in flight as well */
}

void budget_pause(struct budget *b, usec_t wait)
{
    b->paused_until = MAX(b->paused_until, loop_now(b->set->loop) + MIN(wait, BUDGET_PAUSE_MAX));
    budget_wake(b);
}

unsigned budget_open(const struct budget *b)
{
    return b->open;
}

unsigned budget_limit(const struct budget *b)
{
    return b->limit;
}
