/* hub/applier_upkeep.c - keeps the inbox in order: partitions ahead, retention, held deliveries, gauges.
 * How:    each chore has a timer and at most one transaction under way; every process does them all, and what two of them do at
 *         once is harmless (an advisory lock guards the partitions). A failed chore is tried again at its next turn.
 * Owns:   the timers; while a transaction runs, its chore outlives upkeep_free. */
#include "hub/applier_internal.h"

#include <stdlib.h>

#define DAYS_AHEAD       7
#define DAY              SECONDS(86400)
#define NEVER            INT64_MAX /* another chore starts it */
#define RETRY            SECONDS(60)
#define RELEASED_AT_ONCE 10000 /* a tenant suspended for weeks comes back in many small transactions */

enum chore_kind { PREPARE, RETIRE, RELEASE, BACKLOG, NCHORES };

struct chore {
    struct upkeep *u; /* NULL: upkeep is gone */
    enum chore_kind kind;
    struct timer timer;
    bool running, again;
};

struct upkeep {
    struct hub *h;
    struct chore *chores[NCHORES];
    struct metric *backlog, *oldest;
    void (*released)(void *arg);
    void *arg;
};

static void chore_run(void *arg);

static unsigned add_prepare(struct pg_seg *s, struct hub *h)
{
    return delivery_add_prepare(s, loop_wall(h->loop), DAYS_AHEAD);
}

static unsigned add_retire(struct pg_seg *s, struct hub *h)
{
    return delivery_add_retire(s, loop_wall(h->loop) - h->options->delivery_retention_days * DAY);
}

static unsigned add_release(struct pg_seg *s, struct hub *h)
{
    return delivery_add_release(s, RELEASED_AT_ONCE);
}

static unsigned add_backlog(struct pg_seg *s, struct hub *h)
{
    return delivery_add_backlog(s);
}

/* Behind one another, since both want the table's locks. */
static void done_prepare(struct upkeep *u, const struct pg_reply *r)
{
    if (!u->chores[RETIRE]->running)
        chore_run(u->chores[RETIRE]);
}

static void done_release(struct upkeep *u, const struct pg_reply *r)
{
    if (pg_affected(r, 0) > 0)
        u->released(u->arg);
    if (pg_affected(r, 0) == RELEASED_AT_ONCE && !u->chores[RELEASE]->running)
        chore_run(u->chores[RELEASE]);
}

static void done_backlog(struct upkeep *u, const struct pg_reply *r)
{
    struct delivery_backlog b;
    delivery_read_backlog(r, 0, &b);
    u->backlog->value = (double)b.pending;
    usec_t age = b.oldest_at == USEC_NONE ? 0 : loop_wall(u->h->loop) - b.oldest_at;
    u->oldest->value = (double)MAX(age, 0) / (double)USEC_PER_S;
}

static const struct {
    const char *name;
    usec_t every;
    unsigned (*add)(struct pg_seg *s, struct hub *h);
    void (*done)(struct upkeep *u, const struct pg_reply *r);
} chores[NCHORES] = {
    [PREPARE] = {"prepare", SECONDS(3600), add_prepare, done_prepare},
    [RETIRE] = {"retire", NEVER, add_retire, NULL},
    [RELEASE] = {"release", SECONDS(60), add_release, done_release},
    [BACKLOG] = {"backlog", SECONDS(5), add_backlog, done_backlog},
};

static void on_done(void *arg, const struct pg_reply *r)
{
    struct chore *c = arg;
    struct upkeep *u = c->u;
    if (!u) {
        free(c);
        return;
    }
    const struct err *e = pg_reply_err(r);
    c->running = false;
    if (e && e->code == ERR_CANCELED)
        return;
    usec_t wait = c->again ? 0 : chores[c->kind].every;
    c->again = false;
    if (e) {
        wait = MIN(chores[c->kind].every, RETRY);
        log_warn(u->h->log, "inbox.upkeep_failed", F_STR("chore", chores[c->kind].name), F_ERR(e));
    }
    if (wait != NEVER)
        timer_set(&c->timer, u->h->loop, wait, chore_run, c);
    if (!e && chores[c->kind].done)
        chores[c->kind].done(u, r);
}

static void chore_run(void *arg)
{
    struct chore *c = arg;
    struct hub *h = c->u->h;
    timer_cancel(&c->timer);
    c->running = true;
    struct pg_seg *s = pg_seg_new(h->db, PG_ALL_TENANTS);
    chores[c->kind].add(s, h);
    pg_submit(s, on_done, c);
}

/* An integration or tenant may have been enabled. */
static void on_change(void *arg)
{
    struct chore *c = arg;
    if (c->running)
        c->again = true;
    else
        chore_run(c);
}

struct upkeep *upkeep_new(struct hub *h)
{
    struct upkeep *u = NEW(struct upkeep);
    u->h = h;
    u->backlog = metric_gauge(h->metrics, "msphub_delivery_backlog", "Deliveries waiting to be applied, up to 100000.");
    u->oldest = metric_gauge(h->metrics, "msphub_delivery_oldest_age_seconds",
                             "Age of the oldest delivery waiting to be applied.");
    for (unsigned k = 0; k < NCHORES; k++) {
        u->chores[k] = NEW(struct chore);
        u->chores[k]->u = u;
        u->chores[k]->kind = k;
    }
    return u;
}

void upkeep_start(struct upkeep *u, void (*released)(void *arg), void *arg)
{
    u->released = released;
    u->arg = arg;
    integrations_on_change(u->h->integrations, on_change, u->chores[RELEASE]);
    for (unsigned k = 0; k < NCHORES; k++)
        if (chores[k].every != NEVER)
            chore_run(u->chores[k]);
}

usec_t upkeep_oldest_age(const struct upkeep *u)
{
    return (usec_t)(u->oldest->value * (double)USEC_PER_S);
}

void upkeep_free(struct upkeep *u)
{
    if (!u)
        return;
    if (u->h->integrations)
        integrations_on_change(u->h->integrations, NULL, NULL);
    for (unsigned k = 0; k < NCHORES; k++) {
        timer_cancel(&u->chores[k]->timer);
        if (u->chores[k]->running)
            u->chores[k]->u = NULL;
        else
            free(u->chores[k]);
    }
    free(u);
}
