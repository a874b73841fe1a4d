/* hub/run.c - a run's states and its one transaction at a time, see run.h.
 *
 *   LOADING ── integration known ──► READING ── machine done ──► FLUSHING ── queue empty ──► MERGING ──► MEASURING ──► FINISHING ──► OVER
 *      └── taken over after the reading: ──────────────────────────────────────────────────────┘
 *   READING, FLUSHING   batches are stored as they are closed
 *   MERGING             devices whose parts changed are written, so many at a time (not in a dry run)
 *   MEASURING           what complete lists lack is counted, retire.c decides
 *   FINISHING           one transaction: absences, retirements, the run's status, the integration's
 *   A drain turns off to RELEASING once the queue is empty; a lost lease goes to OVER from anywhere. */
#include "hub/run_internal.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "store/organization.h"

#include <assert.h>
#include <stdlib.h>

#define MAX_ATTEMPTS  5 /* processes that may die in one run */
#define MAX_TRIES     10
#define RETRY_FIRST   MILLIS(200)
#define RETRY_LONGEST SECONDS(5)
#define SEGMENT_LIMIT SECONDS(120) /* merging and retiring a whole fleet take their time */

static const struct {
    const char *name;
    unsigned to;
} run_states[RUN_NSTATES_] = {
    [RUN_LOADING] = {"loading",
                     BIT(RUN_READING) | BIT(RUN_MERGING) | BIT(RUN_FINISHING) | BIT(RUN_RELEASING) | BIT(RUN_OVER)},
    [RUN_READING] = {"reading", BIT(RUN_FLUSHING) | BIT(RUN_OVER)},
    [RUN_FLUSHING] = {"flushing",
                      BIT(RUN_MERGING) | BIT(RUN_MEASURING) | BIT(RUN_FINISHING) | BIT(RUN_RELEASING) | BIT(RUN_OVER)},
    [RUN_MERGING] = {"merging", BIT(RUN_MEASURING) | BIT(RUN_FINISHING) | BIT(RUN_OVER)},
    [RUN_MEASURING] = {"measuring", BIT(RUN_FINISHING) | BIT(RUN_OVER)},
    [RUN_FINISHING] = {"finishing", BIT(RUN_OVER)},
    [RUN_RELEASING] = {"releasing", BIT(RUN_OVER)},
    [RUN_OVER] = {"over", 0},
};

static void on_over(void *arg)
{
    struct run *r = arg;
    r->owner.on_over(r->owner.arg, r);
}

void run_enter(struct run *r, enum run_state to)
{
    assert(run_states[r->state].to & BIT(to));
    log_debug(r->hub->log, "sync.run.state", F_I64("run", r->key.run_id), F_STR("from", run_states[r->state].name),
              F_STR("to", run_states[to].name));
    r->state = to;
    if (to == RUN_OVER) {
        timer_cancel(&r->retry);
        loop_defer(r->hub->loop, &r->over, on_over, r);
    }
}

/* The first failure is the run's. Its text quotes the product, and is to be stored. */
void run_set_failure(struct run *r, const struct err *e)
{
    char repaired[3 * sizeof(e->what)];
    if (r->failure.code)
        return;
    struct slice text = slice_of(repaired, utf8_repair(slice_cstr(e->what), repaired));
    err_set(&r->failure, e->code, "%.*s", SLICE_FMT(utf8_cut(text, sizeof(e->what) - 64)));
}

/* --- one transaction at a time --- */
/* Another process has the run, or will have it once the lease is out: nothing more is written here. */
static void run_let_go(struct run *r, const char *why)
{
    log_warn(r->hub->log, "sync.run.let_go", F_I64("tenant", r->key.tenant_id), F_I64("run", r->key.run_id),
             F_STR("reason", why));
    if (r->state == RUN_FINISHING || r->state == RUN_RELEASING)
        run_enter(r, RUN_OVER);
    else
        run_stop(r, RUN_LEASE_LOST);
}

static void on_reply(void *arg, const struct pg_reply *reply);

static void run_send(void *arg)
{
    struct run *r = arg;
    if (r->stop == RUN_LEASE_LOST) {
        run_step(r);
        return;
    }
    struct pg_seg *s = pg_seg_new(r->hub->db, r->key.tenant_id);
    pg_seg_timeout(s, SEGMENT_LIMIT);
    r->build(r, s);
    r->busy = true;
    pg_submit(s, on_reply, r);
}

void run_do(struct run *r, run_build *build, run_built *built)
{
    r->build = build;
    r->built = built;
    r->tries = 0;
    r->takes_refusals = false;
    run_send(r);
}

/* What may be different next time: the connection, a deadlock, a server that is starting, a full queue. */
static bool is_passing(const struct pg_reply *reply)
{
    static const char *const states[] = {"40001", "40P01", "55P03", "53", "57", "58", "08"};
    const char *state = pg_reply_sqlstate(reply);
    enum err_code code = pg_reply_err(reply)->code;
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strncmp(state, states[i], strlen(states[i])) == 0)
            return true;
    return !*state && (pg_reply_unknown(reply) || code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_LIMIT);
}

/* What a value is to blame for: class 22 (data), a check (23514), a limit (class 54). */
static bool is_refusal(const char *state)
{
    return strncmp(state, "22", 2) == 0 || strncmp(state, "54", 2) == 0 || strcmp(state, "23514") == 0;
}

static void run_again(struct run *r, const struct err *e)
{
    if (++r->tries > MAX_TRIES) {
        run_let_go(r, e->what);
        return;
    }
    usec_t wait = MIN(RETRY_LONGEST, RETRY_FIRST << MIN(r->tries - 1, 8u));
    log_info(r->hub->log, "sync.run.retry", F_I64("run", r->key.run_id), F_USEC("wait", wait), F_ERR(e));
    timer_set(&r->retry, r->hub->loop, wait, run_send, r);
}

/* The run fails; what it stored stays. */
static void run_fail(struct run *r, const struct err *e)
{
    run_set_failure(r, e);
    err_wrap(&r->failure, "storing what was read");
    run_drop_batches(r);
    if (r->reading) {
        engine_cancel(r->hub->engine, r->job);
        r->open = run_batch_new(r);
    } else {
        run_finish(r);
    }
}

static void on_failed(struct run *r, const struct pg_reply *reply)
{
    const struct err *e = pg_reply_err(reply);
    const char *state = pg_reply_sqlstate(reply);
    if (strcmp(state, RUN_LOST) == 0) {
        run_let_go(r, e->what);
    } else if (strcmp(state, RUN_STORED) == 0) {
        r->built(r, NULL);
    } else if (r->takes_refusals && is_refusal(state)) {
        r->built(r, reply);
    } else if (is_passing(reply)) {
        run_again(r, e);
    } else if (e->code == ERR_CANCELED || r->state == RUN_FINISHING || r->state == RUN_RELEASING) {
        run_let_go(r, e->what);
    } else {
        run_fail(r, e);
    }
}

static void on_reply(void *arg, const struct pg_reply *reply)
{
    struct run *r = arg;
    r->busy = false;
    if (r->stop == RUN_LEASE_LOST)
        run_step(r);
    else if (pg_reply_err(reply))
        on_failed(r, reply);
    else
        r->built(r, reply);
}

/* --- what is next --- */
static void after_flushing(struct run *r)
{
    if (r->stop == RUN_DRAIN)
        run_release(r);
    else if (r->dry_run && !r->failure.code && r->stop == RUN_GOES)
        run_measure(r);
    else if (r->dry_run)
        run_finish(r);
    else
        run_merge(r);
}

void run_step(struct run *r)
{
    if (r->busy || timer_armed(&r->retry) || r->state == RUN_OVER)
        return;
    if (r->stop == RUN_LEASE_LOST) {
        if (!r->reading && (r->state != RUN_LOADING || r->it)) /* else on_integration is to come */
            run_enter(r, RUN_OVER);
        return;
    }
    if (r->state != RUN_READING && r->state != RUN_FLUSHING)
        return;
    if (r->stop == RUN_CANCEL && r->state == RUN_FLUSHING)
        run_drop_batches(r);
    run_store_next(r);
    if (!r->busy && !timer_armed(&r->retry) && r->state == RUN_FLUSHING && TAILQ_EMPTY(&r->closed))
        after_flushing(r);
}

void run_stop(struct run *r, enum run_stop why)
{
    if (why <= r->stop || r->state == RUN_OVER || r->state == RUN_FINISHING || r->state == RUN_RELEASING)
        return; /* the last transaction tells by itself */
    bool begins = r->stop == RUN_GOES;
    r->stop = why;
    if (why == RUN_LEASE_LOST)
        timer_cancel(&r->retry);
    if (r->reading && begins)
        engine_cancel(r->hub->engine, r->job);
    else if (why == RUN_LEASE_LOST)
        run_step(r);
}

void run_beat(struct run *r)
{
    if (r->state == RUN_READING && r->nclosed == 0)
        run_close_batch(r);
}

/* --- beginning and ending --- */
static void begin_reading(struct run *r)
{
    run_enter(r, RUN_READING);
    run_read_start(r);
}

static void paused_build(struct run *r, struct pg_seg *s)
{
    r->paused_stmt = organization_add_devices(s, r->key.tenant_id, r->key.integration_id, &r->it->paused);
}

static void on_paused(struct run *r, const struct pg_reply *reply)
{
    paused_read_devices(r->skips, reply, r->paused_stmt);
    if (r->stop == RUN_DRAIN)
        run_release(r);
    else if (r->stop == RUN_CANCEL)
        run_finish(r);
    else
        begin_reading(r);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct run *r = arg;
    if (it) {
        r->it = integration_ref(it);
        r->skips = paused_new(it);
    }
    if (r->stop == RUN_LEASE_LOST || !it) { /* removed meanwhile: its run went with it */
        if (!it)
            log_warn(r->hub->log, "sync.run.let_go", F_I64("run", r->key.run_id), F_ERR(e));
        r->stop = RUN_LEASE_LOST;
        run_enter(r, RUN_OVER);
    } else if (r->stop == RUN_DRAIN) {
        run_release(r);
    } else if (r->failure.code || r->stop == RUN_CANCEL) {
        run_finish(r);
    } else if (r->merging) {
        run_merge(r);
    } else if (r->skips) {
        run_do(r, paused_build, on_paused);
    } else {
        begin_reading(r);
    }
}

struct run *run_new(const struct run_owner *owner, const struct run_claim *c)
{
    struct run *r = NEW(struct run);
    r->owner = *owner;
    r->hub = owner->hub;
    r->key = (struct run_key){c->tenant_id, c->integration_id, c->run_id};
    r->mode = c->mode;
    r->kinds = (uint64_t)c->kinds;
    r->dry_run = c->dry_run;
    r->merging = c->merging;
    r->stored = c->stored;
    r->partial = c->failed > 0 || c->notes > 0;
    r->complete_kinds = (uint64_t)c->complete_kinds;
    r->started_at = c->started_at;
    r->calls_before = c->calls;
    run_progress_resume(r, c->progress);
    str_add(&r->device_id, c->device_id);
    str_add(&r->checkpoint, c->checkpoint);
    str_add(&r->cursor, c->cursor);
    TAILQ_INIT(&r->closed);
    pg_array_init(&r->live_alerts, PG_TEXT);
    if (c->attempts > MAX_ATTEMPTS)
        err_set(&r->failure, ERR_INTERNAL, "given up: %d processes died in this run", MAX_ATTEMPTS);
    if (c->cancel_requested)
        r->stop = RUN_CANCEL;
    log_info(r->hub->log, "sync.run.begin", F_I64("tenant", r->key.tenant_id),
             F_I64("integration", r->key.integration_id), F_I64("run", r->key.run_id),
             F_STR("mode", sync_mode_names[r->mode]), F_I64("attempt", c->attempts));
    integrations_get(r->hub->integrations, r->key.tenant_id, r->key.integration_id, on_integration, r);
    return r;
}

void run_free(struct run *r)
{
    if (!r)
        return;
    timer_cancel(&r->retry);
    loop_undefer(r->hub->loop, &r->over);
    run_drop_batches(r);
    pg_array_release(&r->live_alerts);
    str_release(&r->device_id);
    str_release(&r->checkpoint);
    str_release(&r->cursor);
    paused_free(r->skips);
    integration_unref(r->it);
    free(r);
}

const struct run_key *run_key_of(const struct run *r)
{
    return &r->key;
}
