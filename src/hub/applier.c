/* hub/applier.c - claims: see applier.h.
 * How:    a claim leases the oldest due deliveries of all tenants, whatever their integrations, and copies them; they are
 *         grouped by integration, and a few groups at a time are applied. intake_workers claims run at once. A worker is started
 *         by a wake, by the end of a full claim, and once a second (retries, leases of processes that died).
 * Giving way: applying costs the database four times what keeping costs, and a sender waits for the keeping. While many of
 *         them wait, one claim runs at a time and rests three times as long as it took; once the deliveries are PATIENCE
 *         old, it no longer does, so that a storm delays what it brings by a bounded time before the two share as equals.
 * Always: the number of claims ≤ intake_workers; a claim is freed when its last group has ended. */
#include "hub/applier_internal.h"

#include "hub/intake.h"

#include <assert.h>
#include <stdlib.h>

#define POLL           SECONDS(1)
#define GROUPS_AT_ONCE 8
#define BUSY           64 /* requests waiting for their commit: from here on intake goes first */
#define REST           3  /* times as long as the claim took */
#define PATIENCE       SECONDS(10)

static void poll_again(void *arg);

/* --- giving way --- */

static bool gives_way(const struct applier *a)
{
    return !a->late && a->h->intake && intake_waiting(a->h->intake) >= BUSY;
}

static void on_rested(void *arg)
{
    applier_wake(arg);
}

static void rest(struct applier *a, usec_t began)
{
    usec_t now = loop_now(a->h->loop), pause = MIN(REST * (now - began), POLL);
    a->rest_until = now + pause;
    timer_set(&a->rest, a->h->loop, pause, on_rested, a);
}

/* --- the end of a claim --- */

static void on_drained(void *arg)
{
    struct applier *a = arg;
    void (*done)(void *) = TAKE(a->done);
    if (done)
        done(a->done_arg);
}

static void claim_free(struct claim *c)
{
    struct group *g;
    while ((g = TAILQ_FIRST(&c->waiting))) {
        TAILQ_REMOVE(&c->waiting, g, link);
        group_free(g);
    }
    arena_free(c->arena);
    free(c->items);
    free(c);
}

static void claim_end(struct claim *c)
{
    struct applier *a = c->a;
    bool full = c->full;
    usec_t began = c->began;
    if (a) {
        TAILQ_REMOVE(&a->claims, c, link);
        a->nclaims--;
    }
    claim_free(c);
    if (!a)
        return;
    if (a->state == APPLIER_RUNNING && gives_way(a))
        rest(a, began);
    if (full || a->again) {
        a->again = false;
        applier_wake(a);
    }
    if (a->state == APPLIER_DRAINING && a->nclaims == 0)
        loop_defer(a->h->loop, &a->drained, on_drained, a);
}

/* --- groups --- */

static void claim_run(struct claim *c)
{
    size_t running = 0;
    struct group *g;
    TAILQ_FOREACH (g, &c->running, link)
        running++;
    while (c->a && running < GROUPS_AT_ONCE && (g = TAILQ_FIRST(&c->waiting))) {
        TAILQ_REMOVE(&c->waiting, g, link);
        TAILQ_INSERT_TAIL(&c->running, g, link);
        running++;
        group_start(g);
    }
    if (running == 0)
        claim_end(c);
}

void claim_group_ended(struct claim *c, struct group *g)
{
    TAILQ_REMOVE(&c->running, g, link);
    group_free(g);
    claim_run(c);
}

/* --- claiming --- */

static void claim_copy(struct claim *c, const struct pg_reply *r)
{
    size_t n = pg_nrows(r, c->stmt), start = 0;
    c->arena = arena_new();
    c->items = mem_realloc_array(NULL, n, sizeof *c->items);
    struct delivery d, group_of = {0};
    usec_t oldest = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        delivery_read(r, c->stmt, i, &d);
        if (i && (d.tenant_id != group_of.tenant_id || d.integration_id != group_of.integration_id)) {
            struct group *g = group_new(c, group_of.tenant_id, group_of.integration_id, c->items + start, i - start);
            TAILQ_INSERT_TAIL(&c->waiting, g, link);
            start = i;
        }
        group_of = d;
        oldest = MIN(oldest, d.received_at);
        c->items[i] = (struct item){
            .id = d.id,
            .attempts = d.attempts,
            .received_at = d.received_at,
            .body = slice_of(arena_strndup(c->arena, d.body.p, d.body.n), d.body.n),
        };
    }
    struct group *g = group_new(c, group_of.tenant_id, group_of.integration_id, c->items + start, n - start);
    TAILQ_INSERT_TAIL(&c->waiting, g, link);
    c->a->late = loop_wall(c->a->h->loop) - oldest > PATIENCE;
}

static void on_claimed(void *arg, const struct pg_reply *r)
{
    struct claim *c = arg;
    c->asking = false;
    if (!c->a) {
        claim_free(c);
        return;
    }
    const struct err *e = pg_reply_err(r);
    if (e) {
        if (e->code != ERR_CANCELED)
            log_warn(c->a->h->log, "applier.claim_failed", F_ERR(e));
        c->a->again = false; /* the poll tries again, not a wake from here */
        claim_end(c);
        return;
    }
    if (pg_nrows(r, c->stmt) == 0) {
        claim_end(c);
        return;
    }
    c->full = pg_nrows(r, c->stmt) >= (size_t)c->a->h->options->intake_claim;
    claim_copy(c, r);
    if (c->full)
        applier_wake(c->a); /* more than one worker's share */
    claim_run(c);
}

void applier_wake(struct applier *a)
{
    if (a->state != APPLIER_RUNNING)
        return;
    bool way = gives_way(a);
    if (a->nclaims >= (way ? 1 : (unsigned)a->h->options->intake_workers)) {
        a->again = true;
        return;
    }
    if (way && loop_now(a->h->loop) < a->rest_until)
        return; /* on_rested comes back */
    struct claim *c = NEW(struct claim);
    c->a = a;
    c->asking = true;
    c->began = loop_now(a->h->loop);
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->running);
    TAILQ_INSERT_TAIL(&a->claims, c, link);
    a->nclaims++;
    struct pg_seg *s = pg_seg_new(a->h->db, PG_ALL_TENANTS);
    c->stmt = delivery_add_claim(s, a->h->process, a->h->options->intake_lease, a->h->options->intake_claim);
    pg_submit(s, on_claimed, c);
}

static void poll_again(void *arg)
{
    struct applier *a = arg;
    if (a->nclaims == 0 && pg_pool_up(a->h->db))
        applier_wake(a);
    timer_set(&a->poll, a->h->loop, POLL, poll_again, a);
}

/* --- life --- */

struct applier *applier_new(struct hub *h)
{
    struct applier *a = NEW(struct applier);
    a->h = h;
    TAILQ_INIT(&a->claims);
    a->upkeep = upkeep_new(h);
    a->counts = delivery_metrics_new(h->metrics);
    a->alerts =
        metric_family(h->metrics, METRIC_COUNTER, "msphub_alerts_total",
                      "Alert messages applied from webhooks, by the state they told.", "provider,state", NULL, 0);
    a->latency = metric_histogram(h->metrics, "msphub_delivery_latency_seconds",
                                  "From reception of a webhook to its commit in "
                                  "inventory and alerts.",
                                  METRICS_LATENCY);
    return a;
}

usec_t applier_oldest_age(const struct applier *a)
{
    return upkeep_oldest_age(a->upkeep);
}

static void on_released(void *arg)
{
    applier_wake(arg);
}

void applier_start(struct applier *a)
{
    assert(a->state == APPLIER_NEW);
    a->state = APPLIER_RUNNING;
    upkeep_start(a->upkeep, on_released, a);
    poll_again(a);
}

void applier_drain(struct applier *a, void (*done)(void *arg), void *arg)
{
    a->state = APPLIER_DRAINING;
    a->done = done;
    a->done_arg = arg;
    timer_cancel(&a->poll);
    timer_cancel(&a->rest);
    if (a->nclaims == 0)
        loop_defer(a->h->loop, &a->drained, on_drained, a);
}

static void claim_abandon(struct claim *c)
{
    struct group *g = TAILQ_FIRST(&c->running), *next;
    for (; g; g = next) {
        next = TAILQ_NEXT(g, link);
        if (!group_is_called(g)) {
            TAILQ_REMOVE(&c->running, g, link);
            group_free(g);
        }
    }
    c->a = NULL;
    if (!c->asking && TAILQ_EMPTY(&c->running))
        claim_free(c);
}

void applier_free(struct applier *a)
{
    if (!a)
        return;
    struct claim *c;
    while ((c = TAILQ_FIRST(&a->claims))) {
        TAILQ_REMOVE(&a->claims, c, link);
        claim_abandon(c);
    }
    timer_cancel(&a->poll);
    timer_cancel(&a->rest);
    loop_undefer(a->h->loop, &a->drained);
    upkeep_free(a->upkeep);
    delivery_metrics_free(a->counts);
    free(a);
}
