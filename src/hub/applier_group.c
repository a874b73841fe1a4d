/* hub/applier_group.c - the deliveries of one integration in a claim: decoded, applied, marked.
 * States: NEW -> LOOKUP (the integration) -> DECODE (some a turn) -> APPLY (one transaction a range) -> DECODE … -> end;
 *         APPLY -> MARK (another attempt later) -> DECODE …
 * Ranges: a range is what one transaction applies, in the order of reception: first all, and halves of it when the database
 *         refuses a value, until the bad delivery stands alone and is dead.
 * Always: exactly one thing is awaited: a callback or a turn; decoding leaves nothing of a delivery behind that fails. */
#include "hub/applier_internal.h"

#include "hub/syncer.h"
#include "store/health.h"
#include "store/record_set.h"

#include <inttypes.h>
#include <stdlib.h>

#define DECODES     64 /* deliveries decoded in one turn of the loop */
#define MAX_BACKOFF SECONDS(3600)

static void group_next(struct group *g);

struct group *group_new(struct claim *c, int64_t tenant_id, int64_t integration_id, struct item *items, size_t n)
{
    struct group *g = NEW(struct group);
    g->claim = c;
    g->tenant_id = tenant_id;
    g->integration_id = integration_id;
    g->items = items;
    g->n = n;
    g->ranges[g->nranges++] = (struct range){0, n};
    return g;
}

static void range_clear(struct group *g)
{
    record_set_free(TAKE(g->records));
    memset(g->alert_states, 0, sizeof g->alert_states);
    g->nrefresh = 0;
}

void group_free(struct group *g)
{
    range_clear(g);
    paused_free(g->skips);
    integration_unref(g->it);
    free(g->refresh);
    free(g);
}

bool group_is_called(struct group *g)
{
    if (g->state == GROUP_DECODE)
        loop_undefer(g->claim->a->h->loop, &g->step);
    return g->state != GROUP_DECODE;
}

static void group_end(struct group *g)
{
    claim_group_ended(g->claim, g);
}

/* --- one delivery → records --- */

static const char *keep(struct group *g, const char *text)
{
    return arena_strndup(g->claim->arena, text, strlen(text));
}

static void refresh_add(struct group *g, struct slice device_id)
{
    if (g->nrefresh == g->refresh_cap) {
        g->refresh_cap = g->refresh_cap ? 2 * g->refresh_cap : 16;
        g->refresh = mem_realloc_array(g->refresh, g->refresh_cap, sizeof *g->refresh);
    }
    g->refresh[g->nrefresh++] = slice_of(arena_strndup(g->claim->arena, device_id.p, device_id.n), device_id.n);
}

static void on_record(void *arg, const struct record *r)
{
    struct group *g = arg;
    struct err e = {0};
    bool good = true;
    if (r->kind == RECORD_REFRESH)
        refresh_add(g, r->ref.device_id);
    else if (!paused_skips(g->skips, r))
        good = record_set_add(g->records, r, &e);
    if (good && r->kind == RECORD_ALERT)
        g->alert_states[r->alert.state]++;
    if (good)
        g->emitted++;
    else
        g->current->error = keep(g, e.what);
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct group *g = arg;
    record_set_broken(g->records, kind, id);
    g->current->error = keep(g, reason);
}

static void item_set(struct item *it, const char *status, const char *error, enum delivery_event event)
{
    it->status = status;
    it->error = error;
    it->event = event;
}

/* False: a part of it was emitted before it failed; the range must be decoded again, without it. */
static bool decode(struct group *g, struct item *item)
{
    struct sink sink = {.arg = g, .record = on_record, .reject = on_reject};
    struct err e = {0};
    g->current = item;
    record_set_observed(g->records, item->received_at);
    g->emitted = 0;
    item->error = NULL;
    switch (g->it->provider->decode(item->body, item->received_at, &sink, &e)) {
    case DECODE_APPLIED:
        if (g->emitted == 0 && item->error)
            item_set(item, "dead", item->error, DELIVERY_DEAD);
        else
            item_set(item, "done", item->error, DELIVERY_DONE);
        return true;
    case DECODE_IGNORED:
        item_set(item, "ignored", NULL, DELIVERY_IGNORED);
        return true;
    case DECODE_UNKNOWN:
        item_set(item, "ignored", "a type that this build does not know", DELIVERY_UNKNOWN);
        return true;
    case DECODE_FAILED:
        break;
    }
    item_set(item, "dead", keep(g, e.what), DELIVERY_DEAD);
    return g->emitted == 0;
}

/* --- ranges --- */

static bool range_pick(struct group *g)
{
    if (g->nranges == 0)
        return false;
    g->now = g->ranges[--g->nranges];
    return true;
}

/* What is dead stays so; all else is decoded (again). */
static void range_restart(struct group *g)
{
    range_clear(g);
    g->records = record_set_new(g->tenant_id, g->integration_id);
    g->next = g->now.from;
    for (size_t i = g->now.from; i < g->now.to; i++)
        if (g->items[i].status && g->items[i].event != DELIVERY_DEAD)
            g->items[i].status = NULL;
}

static void range_halve(struct group *g)
{
    size_t middle = g->now.from + (g->now.to - g->now.from) / 2;
    g->ranges[g->nranges++] = (struct range){middle, g->now.to};
    g->ranges[g->nranges++] = (struct range){g->now.from, middle};
}

static void add_marks(struct group *g, struct pg_seg *s, const usec_t *next_attempt)
{
    size_t n = g->now.to - g->now.from;
    struct delivery_outcome *v = mem_realloc_array(NULL, n, sizeof *v);
    usec_t newest = 0;
    for (size_t i = 0; i < n; i++) {
        const struct item *item = &g->items[g->now.from + i];
        newest = MAX(newest, item->received_at);
        v[i] = (struct delivery_outcome){item->id, item->received_at, item->status, item->error,
                                         next_attempt ? next_attempt[i] : USEC_NONE};
    }
    delivery_add_finish(s, g->tenant_id, g->claim->a->h->process, v, n);
    health_add_heard(s, g->tenant_id, g->integration_id, newest);
    free(v);
}

/* --- after the transaction --- */

static void count(struct group *g)
{
    struct applier *a = g->claim->a;
    const struct provider *p = g->it ? g->it->provider : NULL;
    usec_t now = loop_wall(a->h->loop);
    for (size_t i = g->now.from; i < g->now.to; i++) {
        const struct item *item = &g->items[i];
        delivery_metrics_add(a->counts, p, item->event, 1);
        if (item->event == DELIVERY_DONE)
            histogram_observe(a->latency, (double)(now - item->received_at) / (double)USEC_PER_S);
        if (item->event == DELIVERY_DEAD)
            log_warn(a->h->log, "delivery.dead", F_I64("tenant", g->tenant_id), F_I64("delivery", item->id),
                     F_STR("error", item->error));
    }
    for (size_t s = 0; s < ARRAY_LEN(g->alert_states); s++)
        if (g->alert_states[s] > 0)
            metric_with(a->alerts, METRIC_L(p->key, alert_state_names[s]))->value += g->alert_states[s];
}

static void refresh_devices(struct group *g)
{
    struct hub *h = g->claim->a->h;
    for (size_t i = 0; h->syncer && i < g->nrefresh; i++)
        syncer_refresh_device(h->syncer, g->tenant_id, g->integration_id, g->refresh[i]);
}

static void on_marked(void *arg, const struct pg_reply *r)
{
    struct group *g = arg;
    const struct err *e = pg_reply_err(r);
    if (!g->claim->a || (e && e->code == ERR_CANCELED)) {
        group_end(g);
        return;
    }
    if (!e)
        count(g); /* else the lease ends, and they are claimed again */
    group_next(g);
}

/* Doubles with each attempt, up to an hour; half of it is chance, so that what failed together does not come together. */
static usec_t backoff(struct hub *h, int64_t attempts)
{
    usec_t wait = h->options->delivery_backoff;
    for (int64_t i = 1; i < attempts && wait < MAX_BACKOFF; i++)
        wait *= 2;
    wait = MIN(wait, MAX_BACKOFF);
    uint32_t chance;
    crypto_random(&chance, sizeof chance);
    return wait / 2 + (usec_t)((double)wait / 2 * (chance / 4294967296.0));
}

/* The range was not applied for a reason that may pass. What is dead by its own fault is marked as that. */
static void range_retry(struct group *g, const char *why)
{
    struct hub *h = g->claim->a->h;
    size_t n = g->now.to - g->now.from;
    usec_t *next = mem_realloc_array(NULL, n, sizeof *next);
    range_clear(g);
    for (size_t i = 0; i < n; i++) {
        struct item *item = &g->items[g->now.from + i];
        next[i] = USEC_NONE;
        if (item->status && item->event == DELIVERY_DEAD)
            continue;
        const char *error = keep(g, why);
        if (item->attempts >= h->options->delivery_attempts) {
            item_set(item, "dead", error, DELIVERY_DEAD);
            continue;
        }
        item_set(item, "pending", error, DELIVERY_RETRIED);
        next[i] = loop_wall(h->loop) + backoff(h, item->attempts);
    }
    struct pg_seg *s = pg_seg_new(g->claim->a->h->db, g->tenant_id);
    add_marks(g, s, next);
    free(next);
    g->state = GROUP_MARK;
    pg_submit(s, on_marked, g);
}

/* One value that the database refuses: classes 22 (data exception) and 23 (constraint). */
static bool is_data_error(const struct pg_reply *r)
{
    const char *state = pg_reply_sqlstate(r);
    return pg_reply_err(r)->code == ERR_DATA || strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0;
}

static void on_applied(void *arg, const struct pg_reply *r)
{
    struct group *g = arg;
    const struct err *e = pg_reply_err(r);
    if (!g->claim->a || (e && e->code == ERR_CANCELED)) {
        group_end(g);
    } else if (!e) {
        count(g);
        refresh_devices(g);
        group_next(g);
    } else if (!is_data_error(r)) {
        log_warn(g->claim->a->h->log, "applier.apply_failed", F_I64("tenant", g->tenant_id),
                 F_I64("integration", g->integration_id), F_I64("deliveries", g->now.to - g->now.from), F_ERR(e));
        range_retry(g, e->what);
    } else if (g->now.to - g->now.from > 1) {
        range_halve(g);
        group_next(g);
    } else {
        range_clear(g);
        item_set(&g->items[g->now.from], "dead", keep(g, e->what), DELIVERY_DEAD);
        struct pg_seg *s = pg_seg_new(g->claim->a->h->db, g->tenant_id);
        add_marks(g, s, NULL);
        g->state = GROUP_MARK;
        pg_submit(s, on_marked, g);
    }
}

static void range_apply(struct group *g)
{
    struct hub *h = g->claim->a->h;
    struct pg_seg *s = pg_seg_new(g->claim->a->h->db, g->tenant_id);
    record_set_put(s, g->records, &(struct record_put){.observed = USEC_NONE});
    add_marks(g, s, NULL);
    /* Done before the lease ends, or not at all. */
    pg_seg_timeout(s, MIN(h->options->database_timeout, h->options->intake_lease / 2));
    g->state = GROUP_APPLY;
    pg_submit(s, on_applied, g);
}

/* --- the machine --- */

static void on_step(void *arg)
{
    struct group *g = arg;
    size_t end = MIN(g->now.to, g->next + DECODES);
    while (g->next < end) {
        struct item *item = &g->items[g->next++];
        if (!item->status && !decode(g, item)) {
            range_restart(g);
            end = MIN(g->now.to, g->next + DECODES);
        }
    }
    if (g->next < g->now.to)
        loop_defer(g->claim->a->h->loop, &g->step, on_step, g);
    else
        range_apply(g);
}

static void group_next(struct group *g)
{
    range_clear(g);
    if (!range_pick(g)) {
        group_end(g);
        return;
    }
    range_restart(g);
    g->state = GROUP_DECODE;
    loop_defer(g->claim->a->h->loop, &g->step, on_step, g);
}

/* All of them the same, without decoding. */
static void mark_all(struct group *g, const char *status, const char *error, enum delivery_event event)
{
    range_pick(g);
    for (size_t i = 0; i < g->n; i++)
        item_set(&g->items[i], status, error, event);
    struct pg_seg *s = pg_seg_new(g->claim->a->h->db, g->tenant_id);
    add_marks(g, s, NULL);
    g->state = GROUP_MARK;
    pg_submit(s, on_marked, g);
}

static void give_up_exhausted(struct group *g)
{
    int64_t most = g->claim->a->h->options->delivery_attempts;
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].attempts > most)
            item_set(&g->items[i], "dead", "given up: the process ended each time while it was being applied",
                     DELIVERY_DEAD);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct group *g = arg;
    if (!g->claim->a || (e && e->code == ERR_CANCELED)) {
        group_end(g);
        return;
    }
    if (e && e->code != ERR_NOT_FOUND) {
        range_pick(g);
        range_retry(g, e->what);
        return;
    }
    if (e) {
        mark_all(g, "dead", "the integration was deleted", DELIVERY_DEAD);
        return;
    }
    g->it = integration_ref(it);
    g->skips = paused_new(it);
    if (!it->enabled || it->tenant_suspended) {
        mark_all(g, "held", NULL, DELIVERY_HELD);
    } else if (!it->provider || !it->provider->decode) {
        mark_all(g, "dead", "this build has no provider that understands it", DELIVERY_DEAD);
    } else {
        give_up_exhausted(g);
        group_next(g);
    }
}

void group_start(struct group *g)
{
    g->state = GROUP_LOOKUP;
    integrations_get(g->claim->a->h->integrations, g->tenant_id, g->integration_id, on_integration, g);
}
