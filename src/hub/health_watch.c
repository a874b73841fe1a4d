/* hub/health_watch.c - see health_watch.h.
 * Owns:   two timers, the counts of what is under way. A check lives from its claim to the probe's callback. */
#include "hub/health_watch.h"

#include "base/mem.h"
#include "hub/health_status.h"
#include "hub/probe.h"
#include "store/health.h"

#include <stdlib.h>

#define POLL_LONGEST  SECONDS(5)
#define WATCH_LONGEST SECONDS(60)
#define LEASE_MARGIN  SECONDS(30) /* behind the deadline: for what waits, and for storing */

struct health_watch {
    struct hub *h;
    struct timer poll, watch;
    bool stopped, claiming;
    int64_t running;
    unsigned watch_stmt, counts_stmt;
    struct metric_family *checks, *status;
};

struct check {
    struct health_watch *w;
    struct integration *it;
};

/* Processes that started together shall not ask together: a fifth of jitter. */
static usec_t jittered(usec_t t)
{
    uint32_t r;
    crypto_random(&r, sizeof(r));
    return t - t / 5 + (usec_t)(r % 1000) * (t / 5) / 1000;
}

/* --- checks --- */

static void poll_now(void *arg);

static void poll_in(struct health_watch *w, usec_t after)
{
    if (!w->stopped)
        timer_set(&w->poll, w->h->loop, after, poll_now, w);
}

static void check_end(struct check *c)
{
    struct health_watch *w = c->w;
    /* At the ceiling more may be due. */
    if (w->running-- >= w->h->options->health_concurrency)
        poll_in(w, 0);
    integration_unref(c->it);
    free(c);
}

static void on_probed(void *arg, const char *remark, const struct err *err)
{
    static const char *const outcomes[] = {
        [HEALTH_GOOD] = "good", [HEALTH_NEUTRAL] = "void", [HEALTH_PASSING] = "failed", [HEALTH_LASTING] = "refused"};
    struct check *c = arg;
    const char *provider = c->it->provider ? c->it->provider->key : "unknown";
    metric_with(c->w->checks, METRIC_L(provider, outcomes[health_weigh(err)]))->value++;
    check_end(c);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct check *c = arg;
    if (e || c->w->stopped || !it->enabled || it->tenant_suspended) { /* whoever is right, the lease runs out */
        check_end(c);
        return;
    }
    c->it = integration_ref(it);
    probe_check(c->w->h, it, on_probed, c);
}

static void on_claimed(void *arg, const struct pg_reply *r)
{
    struct health_watch *w = arg;
    const struct err *e = pg_reply_err(r);
    w->claiming = false;
    if (e && e->code == ERR_CANCELED)
        return;
    if (e)
        log_warn(w->h->log, "health.claim_failed", F_ERR(e));
    for (size_t i = 0; !e && i < pg_nrows(r, 0); i++) {
        struct check *c = NEW(struct check);
        c->w = w;
        w->running++;
        integrations_get(w->h->integrations, pg_i64(r, 0, i, 0), pg_i64(r, 0, i, 1), on_integration, c);
    }
    poll_in(w, jittered(MIN(POLL_LONGEST, w->h->options->health_interval)));
}

static void poll_now(void *arg)
{
    struct health_watch *w = arg;
    const struct options *o = w->h->options;
    if (w->claiming)
        return;
    if (w->running >= o->health_concurrency) { /* the end of one polls */
        poll_in(w, POLL_LONGEST);
        return;
    }
    w->claiming = true;
    struct pg_seg *s = pg_seg_new(w->h->db, PG_ALL_TENANTS);
    health_add_claim(s, o->health_timeout + LEASE_MARGIN, o->health_concurrency - w->running);
    pg_submit(s, on_claimed, w);
}

/* --- what time brings --- */

static void watch_now(void *arg);

static void clear_counts(struct health_watch *w)
{
    static const char *const statuses[] = {"configured", "active", "error"};
    for (const struct provider *const *p = provider_registry; *p; p++)
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
            metric_with(w->status, METRIC_L((*p)->key, statuses[i]))->value = 0;
}

static void read_counts(struct health_watch *w, const struct pg_reply *r)
{
    clear_counts(w);
    for (size_t i = 0; i < pg_nrows(r, w->counts_stmt); i++) {
        const struct provider *p = provider_find(pg_text(r, w->counts_stmt, i, 0));
        struct slice status = pg_text(r, w->counts_stmt, i, 1);
        char name[32] = "";
        memcpy(name, status.p, MIN(status.n, sizeof(name) - 1));
        if (p)
            metric_with(w->status, METRIC_L(p->key, name))->value = (double)pg_i64(r, w->counts_stmt, i, 2);
    }
}

static void on_watched(void *arg, const struct pg_reply *r)
{
    struct health_watch *w = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code == ERR_CANCELED)
        return;
    if (e) {
        log_warn(w->h->log, "health.watch_failed", F_ERR(e));
    } else {
        int64_t changed = pg_i64(r, w->watch_stmt, 0, 0);
        if (changed)
            log_info(w->h->log, "health.alerts_changed", F_I64("alerts", changed));
        read_counts(w, r);
    }
    if (!w->stopped)
        timer_set(&w->watch, w->h->loop, jittered(MIN(WATCH_LONGEST, w->h->options->health_interval)), watch_now, w);
}

static void watch_now(void *arg)
{
    struct health_watch *w = arg;
    const struct options *o = w->h->options;
    const struct health_limits limits = {
        .silence = o->webhook_silence, .sync_interval = o->sync_interval, .warning = o->credential_warning};
    struct pg_seg *s = pg_seg_new(w->h->db, PG_ALL_TENANTS);
    w->watch_stmt = health_add_watch(s, &limits);
    w->counts_stmt = health_add_counts(s);
    pg_submit(s, on_watched, w);
}

/* --- life --- */

struct health_watch *health_watch_new(struct hub *h)
{
    struct health_watch *w = NEW(struct health_watch);
    w->h = h;
    w->checks = metric_family(h->metrics, METRIC_COUNTER, "msphub_health_checks_total",
                              "Scheduled checks of integrations by what they found.", "provider,outcome", NULL, 0);
    w->status = metric_family(h->metrics, METRIC_GAUGE, "msphub_integration_status",
                              "Integrations of this database by status; every process tells the same.",
                              "provider,status", NULL, 0);
    clear_counts(w);
    return w;
}

void health_watch_start(struct health_watch *w)
{
    poll_in(w, 0);
    watch_now(w);
}

void health_watch_stop(struct health_watch *w)
{
    w->stopped = true;
    timer_cancel(&w->poll);
    timer_cancel(&w->watch);
}

void health_watch_free(struct health_watch *w)
{
    if (!w)
        return;
    health_watch_stop(w);
    free(w);
}
