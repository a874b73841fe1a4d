/* hub/syncer_refresh.c - single devices read again after a webhook that said too little.
 * Why:    a product that tells "device 17 changed" ten times a second must not be asked ten times: a device waits in the
 *         queue once, a moment before it is read, and one that is named while it is being read is read once more.
 * Owns:   the queue, in memory: what is lost with the process is made good by the next full sync.
 * States: WAITING -> READING -> STORING -> gone, or back to WAITING after a failure that may pass     [item_enter]
 * Always: at most AT_ONCE machines; at most refresh_max_waiting devices, past it requests are counted and dropped. */
#include "hub/syncer_internal.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "hub/paused.h"
#include "store/record_set.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#define AT_ONCE     4
#define MAX_TRIES   4
#define MAX_DEVICE  512
#define SETTLE      MILLIS(250) /* so that a burst about one device becomes one reading */
#define RETRY_FIRST SECONDS(5)

enum item_state { ITEM_WAITING, ITEM_READING, ITEM_STORING, ITEM_NSTATES_ };
static const struct {
    const char *name;
    unsigned to;
} item_states[ITEM_NSTATES_] = {
    [ITEM_WAITING] = {"waiting", BIT(ITEM_READING)},
    [ITEM_READING] = {"reading", BIT(ITEM_STORING) | BIT(ITEM_WAITING)},
    [ITEM_STORING] = {"storing", BIT(ITEM_WAITING)},
};

struct item_key {
    int64_t tenant_id, integration_id;
    char device[MAX_DEVICE];
};

struct item {
    UT_hash_handle hh;
    struct refresher *owner;
    enum item_state state;
    struct item_key key;
    size_t device_len;
    usec_t due;
    unsigned tries;
    bool again; /* named once more while it was read */
    struct ref job;
    bool reading; /* the job is alive */
    struct record_set *records;
    struct paused *skips;   /* NULL: nothing */
    TAILQ_ENTRY(item) link; /* waiting ones, by due */
};

struct refresher {
    struct hub *hub;
    struct item *by_key;
    uint64_t seed;
    TAILQ_HEAD(items, item) waiting;
    unsigned active;
    struct timer next;
    struct metric *depth;
    struct metric_family *outcomes;
    bool stopped;
};

static void start_due(void *arg);

static struct slice device_of(const struct item *i)
{
    return slice_of(i->key.device, i->device_len);
}

static void item_enter(struct item *i, enum item_state to)
{
    assert(item_states[i->state].to & BIT(to));
    log_debug(i->owner->hub->log, "sync.refresh.state", F_SLICE("device", device_of(i)),
              F_STR("from", item_states[i->state].name), F_STR("to", item_states[to].name));
    i->state = to;
}

static void count(struct refresher *f, const char *outcome)
{
    metric_with(f->outcomes, METRIC_L(outcome))->value++;
}

static void arm(struct refresher *f)
{
    struct item *first = TAILQ_FIRST(&f->waiting);
    if (first && f->active < AT_ONCE && !f->stopped)
        timer_set(&f->next, f->hub->loop, MAX(0, first->due - loop_now(f->hub->loop)), start_due, f);
}

/* Into the queue, in order of due: nearly always at its end. */
static void wait_until(struct item *i, usec_t due)
{
    struct refresher *f = i->owner;
    struct item *before = TAILQ_LAST(&f->waiting, items);
    i->due = due;
    while (before && before->due > due)
        before = TAILQ_PREV(before, items, link);
    if (before)
        TAILQ_INSERT_AFTER(&f->waiting, before, i, link);
    else
        TAILQ_INSERT_HEAD(&f->waiting, i, link);
}

static void item_free(struct item *i)
{
    struct refresher *f = i->owner;
    if (i->state == ITEM_WAITING)
        TAILQ_REMOVE(&f->waiting, i, link);
    HASH_DEL(f->by_key, i);
    f->depth->value = (double)HASH_COUNT(f->by_key);
    record_set_free(i->records);
    paused_free(i->skips);
    free(i);
}

/* Its reading or storing is over. e: NULL when all is well. */
static void item_done(struct item *i, const struct err *e)
{
    struct refresher *f = i->owner;
    static const unsigned hopeless =
        BIT(ERR_INPUT) | BIT(ERR_CONFIG) | BIT(ERR_AUTH) | BIT(ERR_FORBIDDEN) | BIT(ERR_NOT_FOUND) | BIT(ERR_CANCELED);
    bool retry = e && !(hopeless & BIT(e->code)) && ++i->tries < MAX_TRIES;
    f->active--;
    record_set_free(TAKE(i->records));
    paused_free(TAKE(i->skips));
    if (e)
        log_info(f->hub->log, "sync.refresh.failed", F_I64("integration", i->key.integration_id),
                 F_SLICE("device", device_of(i)), F_BOOL("retry", retry), F_ERR(e));
    if (f->stopped || (!retry && !i->again)) {
        count(f, e ? "failed" : "done");
        item_free(i);
    } else {
        usec_t wait = retry ? RETRY_FIRST << (i->tries - 1) : SETTLE;
        if (!retry)
            i->tries = 0;
        i->again = false;
        item_enter(i, ITEM_WAITING);
        wait_until(i, loop_now(f->hub->loop) + wait);
    }
    arm(f);
}

/* --- storing --- */
static void on_stored(void *arg, const struct pg_reply *r)
{
    struct item *i = arg;
    item_done(i, pg_reply_err(r));
}

static void item_store(struct item *i)
{
    struct pg_seg *s = pg_seg_new(i->owner->hub->db, i->key.tenant_id);
    item_enter(i, ITEM_STORING);
    record_set_put(s, i->records, &(struct record_put){.observed = loop_wall(i->owner->hub->loop)});
    if (pg_seg_length(s) > 0) {
        pg_submit(s, on_stored, i);
    } else { /* the product knows nothing of it */
        pg_seg_free(s);
        item_done(i, NULL);
    }
}

/* --- reading --- */
static void on_record(void *arg, const struct record *r)
{
    struct item *i = arg;
    struct err e = {0};
    if (r->kind == RECORD_REFRESH || paused_skips(i->skips, r)) /* the former is what we are doing */
        return;
    if (!record_set_add(i->records, r, &e)) {
        record_set_broken(i->records, r->kind, record_id(r));
        log_info(i->owner->hub->log, "sync.refresh.reject", F_SLICE("device", device_of(i)), F_ERR(&e));
    }
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct item *i = arg;
    record_set_broken(i->records, kind, id);
    log_info(i->owner->hub->log, "sync.refresh.reject", F_SLICE("device", device_of(i)), F_STR("error", reason));
}

/* Then nothing is removed for what is missing. */
static void on_incomplete(void *arg, enum record_kind kind, const char *why)
{
    struct item *i = arg;
    record_set_broken(i->records, kind, SLICE_NONE);
}

static void ignore_json(void *arg, struct slice json)
{
}

static void ignore_complete(void *arg, enum record_kind kind, int64_t rows)
{
}

static void on_read(void *arg, const struct engine_counts *counts, const struct err *e)
{
    struct item *i = arg;
    i->reading = false;
    if (e || i->owner->stopped)
        item_done(i, e);
    else
        item_store(i);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct item *i = arg;
    struct refresher *f = i->owner;
    struct err off;
    if (it && (!it->enabled || it->tenant_suspended)) {
        err_set(&off, ERR_INPUT, "the integration is switched off");
        e = &off;
    }
    if (e || f->stopped) {
        item_done(i, e);
        return;
    }
    i->skips = paused_new(it);
    const struct engine_job job = {
        .ops = it->provider->sync,
        .integration = it,
        .mode = SYNC_SINGLE,
        .kinds = SYNC_KINDS_ALL,
        .device_id = device_of(i),
        .sink = {.arg = i,
                 .record = on_record,
                 .reject = on_reject,
                 .checkpoint = ignore_json,
                 .complete = ignore_complete,
                 .incomplete = on_incomplete,
                 .cursor = ignore_json},
        .on_done = on_read,
        .arg = i,
    };
    i->reading = true;
    i->job = engine_start(f->hub->engine, &job);
}

static void item_read(struct item *i)
{
    struct refresher *f = i->owner;
    TAILQ_REMOVE(&f->waiting, i, link);
    item_enter(i, ITEM_READING);
    f->active++;
    i->records = record_set_new(i->key.tenant_id, i->key.integration_id);
    record_set_observed(i->records, loop_wall(f->hub->loop)); /* asked for after this */
    integrations_get(f->hub->integrations, i->key.tenant_id, i->key.integration_id, on_integration, i);
}

static void start_due(void *arg)
{
    struct refresher *f = arg;
    struct item *i;
    while (f->active < AT_ONCE && (i = TAILQ_FIRST(&f->waiting)) && i->due <= loop_now(f->hub->loop))
        item_read(i);
    arm(f);
}

/* --- the queue --- */
void refresher_add(struct refresher *f, int64_t tenant_id, int64_t integration_id, struct slice device_id)
{
    struct item_key key = {.tenant_id = tenant_id, .integration_id = integration_id};
    struct item *i;
    if (f->stopped || !device_id.n || device_id.n > MAX_DEVICE)
        return;
    memcpy(key.device, device_id.p, device_id.n);
    size_t n = offsetof(struct item_key, device) + device_id.n;
    unsigned hash = (unsigned)crypto_hash64(f->seed, slice_of((const char *)&key, n));
    HASH_FIND_BYHASHVALUE(hh, f->by_key, &key, n, hash, i);
    if (i) {
        i->again = i->state != ITEM_WAITING;
        count(f, "merged");
        return;
    }
    if (HASH_COUNT(f->by_key) >= (size_t)f->hub->options->refresh_max_waiting) {
        count(f, "dropped");
        return;
    }
    i = NEW(struct item);
    i->owner = f;
    i->key = key;
    i->device_len = device_id.n;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, f->by_key, &i->key, n, hash, i);
    f->depth->value = (double)HASH_COUNT(f->by_key);
    wait_until(i, loop_now(f->hub->loop) + SETTLE);
    arm(f);
}

struct refresher *refresher_new(struct hub *h)
{
    struct refresher *f = NEW(struct refresher);
    f->hub = h;
    TAILQ_INIT(&f->waiting);
    crypto_random(&f->seed, sizeof(f->seed));
    f->depth = metric_gauge(h->metrics, "msphub_sync_refresh_waiting", "Single devices to be read again.");
    f->outcomes = metric_family(h->metrics, METRIC_COUNTER, "msphub_sync_refresh_total",
                                "Requests to read a single device, by what became of them.", "outcome", NULL, 0);
    return f;
}

void refresher_stop(struct refresher *f)
{
    struct item *i, *next;
    f->stopped = true;
    timer_cancel(&f->next);
    HASH_ITER(hh, f->by_key, i, next)
    {
        if (i->state == ITEM_WAITING)
            item_free(i);
        else if (i->reading)
            engine_cancel(f->hub->engine, i->job);
    }
}

void refresher_free(struct refresher *f)
{
    struct item *i, *next;
    if (!f)
        return;
    timer_cancel(&f->next);
    HASH_ITER(hh, f->by_key, i, next)
    item_free(i);
    free(f);
}
