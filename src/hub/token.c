/* token.c - see token.h. Who asks and what is at hand; the refresh itself is in token_refresh.c. */
#include "hub/token_internal.h"

#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define AHEAD_MAX SECONDS(300) /* refreshed when a fifth of the life is left, at most this */
#define LATE_MAX  SECONDS(5)   /* not used any more in the last twentieth, at most this: the call takes time, too */

static void source_settle(void *arg);

static const struct {
    const char *name;
    unsigned to;
} source_states[SRC_NSTATES_] = {
    [SRC_IDLE] = {"idle", BIT(SRC_LOAD) | BIT(SRC_AUTH)},
    [SRC_LOAD] = {"load", BIT(SRC_IDLE) | BIT(SRC_CLAIM) | BIT(SRC_AUTH)},
    [SRC_CLAIM] = {"claim", BIT(SRC_IDLE) | BIT(SRC_WAIT) | BIT(SRC_AUTH)},
    [SRC_WAIT] = {"wait", BIT(SRC_LOAD)},
    [SRC_AUTH] = {"auth", BIT(SRC_IDLE) | BIT(SRC_STORE) | BIT(SRC_DEAD)},
    [SRC_STORE] = {"store", BIT(SRC_IDLE) | BIT(SRC_LOAD)},
    [SRC_DEAD] = {"dead", BIT(SRC_IDLE)},
};

bool token_usable(const struct token_source *s, const struct token *t)
{
    usec_t late;

    if (!t || (s->refused && slice_eq(secret_text(t->access), secret_text(s->refused->access))))
        return false;
    if (t->expires_at == USEC_NONE)
        return true;
    late = t->life == USEC_NONE ? LATE_MAX : MIN(t->life / 20, LATE_MAX);
    return source_wall(s) < t->expires_at - late;
}

bool token_due(const struct token_source *s, const struct token *t)
{
    usec_t ahead;

    if (t->expires_at == USEC_NONE)
        return false;
    ahead = t->life == USEC_NONE ? AHEAD_MAX : MIN(t->life / 5, AHEAD_MAX);
    return source_wall(s) >= t->expires_at - ahead;
}

static void tokens_drained(void *arg)
{
    struct tokens *ts = arg;
    void (*done)(void *) = ts->drained;

    if (!done || ts->busy)
        return;
    ts->drained = NULL;
    done(ts->drained_arg);
}

void source_enter(struct token_source *s, enum source_state to)
{
    struct tokens *ts = s->set;

    assert(source_states[s->state].to & BIT(to));
    log_debug(ts->hub->log, "token.state", F_STR("integration", s->it->key),
              F_STR("from", source_states[s->state].name), F_STR("to", source_states[to].name));
    ts->busy += (to != SRC_IDLE) - (s->state != SRC_IDLE);
    s->state = to;
    if (ts->drained && !ts->busy)
        loop_defer(ts->hub->loop, &ts->drain, tokens_drained, ts);
}

void source_wake(struct token_source *s)
{
    if (!TAILQ_EMPTY(&s->waits))
        loop_defer(s->set->hub->loop, &s->settle, source_settle, s);
}

/* Answers one asker: its callback may do anything, also to this source; the next is answered in the next turn. */
static void source_settle(void *arg)
{
    struct token_source *s = arg;
    struct token_wait *w = TAILQ_FIRST(&s->waits);
    bool usable = s->now && (s->owed || token_usable(s, s->now)), settled = s->state == SRC_IDLE || s->store_failed;
    struct token *t;
    struct err e;

    if (!w)
        return;
    if (!usable && (!settled || !s->failed)) {
        source_refresh(s);
        return;
    }
    TAILQ_REMOVE(&s->waits, w, link);
    w->source = NULL;
    s->owed -= s->owed > 0;
    source_wake(s);
    t = usable ? token_ref(s->now) : NULL;
    e = s->err;
    w->cb(w->arg, t, t ? NULL : &e);
    token_unref(t);
}

/* --- for who needs a token --- */

struct token *token_now(struct token_source *s)
{
    if (!token_usable(s, s->now))
        return NULL;
    if (token_due(s, s->now))
        source_refresh(s);
    return token_ref(s->now);
}

void token_ask(struct token_source *s, struct token *refused, struct token_wait *w,
               void (*cb)(void *arg, struct token *t, const struct err *e), void *arg)
{
    assert(!w->source);
    if (refused && s->now == refused) {
        token_unref(s->refused);
        s->refused = s->now;
        s->now = NULL;
    }
    /* A new asker gets a new attempt, unless the last failure is too fresh. */
    if (s->failed && s->state == SRC_IDLE && !s->dead && source_now(s) >= s->hold_until)
        s->failed = false;
    *w = (struct token_wait){.source = s, .cb = cb, .arg = arg};
    TAILQ_INSERT_TAIL(&s->waits, w, link);
    source_wake(s);
}

void token_leave(struct token_wait *w)
{
    if (!w->source)
        return;
    TAILQ_REMOVE(&w->source->waits, w, link);
    w->source = NULL;
}

static void source_free(struct token_source *s)
{
    struct tokens *ts = s->set;

    assert(s->refs == 0 && TAILQ_EMPTY(&s->waits));
    if (s->query)
        s->query->source = NULL;
    loop_undefer(ts->hub->loop, &s->settle);
    source_clear_attempt(s);
    ts->busy -= s->state != SRC_IDLE;
    token_unref(s->now);
    token_unref(s->refused);
    secret_free(s->kept_refresh);
    TAILQ_REMOVE(&ts->all, s, link);
    integration_unref(s->it);
    free(s);
}

/* One that holds nothing worth keeping; or of settings that are superseded. A fresh failure is worth keeping: it holds
 * back. */
static bool source_stale(const struct token_source *s, const struct integration *latest)
{
    if (s->refs || s->state != SRC_IDLE || (s->failed && source_now(s) < s->hold_until))
        return false;
    return s->it->id == 0 || !token_usable(s, s->now) ||
           (s->it->id == latest->id && s->it->tenant_id == latest->tenant_id && s->it->version < latest->version);
}

struct token_source *token_source_get(struct tokens *ts, struct integration *it)
{
    struct token_source *s, *next;

    for (s = TAILQ_FIRST(&ts->all); s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (it->id && s->it->id == it->id && s->it->tenant_id == it->tenant_id && s->it->version == it->version) {
            s->refs++;
            return s;
        }
        if (source_stale(s, it))
            source_free(s);
    }
    s = NEW(struct token_source);
    s->set = ts;
    s->it = integration_ref(it);
    s->refs = 1;
    TAILQ_INIT(&s->waits);
    TAILQ_INSERT_TAIL(&ts->all, s, link);
    return s;
}

void token_source_put(struct token_source *s)
{
    if (!s)
        return;
    assert(s->refs > 0);
    s->refs--; /* kept: the next run uses the same token; a refresh under way must be stored */
}

/* Of each provider the token that ends first; 0 where there is none. */
static void on_collect(void *arg)
{
    struct tokens *ts = arg;
    struct token_source *s;
    for (const struct provider *const *p = provider_registry; *p; p++) {
        if (!(*p)->authenticate)
            continue;
        usec_t first = USEC_NONE;
        TAILQ_FOREACH (s, &ts->all, link)
            if (s->it->provider == *p && s->now && s->now->expires_at != USEC_NONE)
                first = first == USEC_NONE ? s->now->expires_at : MIN(first, s->now->expires_at);
        metric_with(ts->expires, METRIC_L((*p)->key))->value =
            first == USEC_NONE ? 0 : (double)(first - loop_wall(ts->hub->loop)) / (double)USEC_PER_S;
    }
}

struct tokens *tokens_new(struct hub *h, struct engine *engine)
{
    struct tokens *ts = NEW(struct tokens);

    ts->hub = h;
    ts->engine = engine;
    ts->refreshes = metric_family(h->metrics, METRIC_COUNTER, "msphub_token_refreshes_total",
                                  "Access tokens fetched or taken over from another process, and failures",
                                  "provider,outcome", NULL, 0);
    ts->expires = metric_family(
        h->metrics, METRIC_GAUGE, "msphub_token_expires_seconds",
        "Until the first of the access tokens that this process holds expires; 0: it holds none", "provider", NULL, 0);
    TAILQ_INIT(&ts->all);
    metrics_on_collect(h->metrics, on_collect, ts);
    return ts;
}

void tokens_drain(struct tokens *ts, void (*done)(void *arg), void *arg)
{
    ts->drained = done;
    ts->drained_arg = arg;
    if (!ts->busy)
        loop_defer(ts->hub->loop, &ts->drain, tokens_drained, ts);
}

void tokens_free(struct tokens *ts)
{
    if (!ts)
        return;
    loop_undefer(ts->hub->loop, &ts->drain);
    while (!TAILQ_EMPTY(&ts->all))
        source_free(TAILQ_FIRST(&ts->all));
    free(ts);
}
