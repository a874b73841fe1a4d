/* hub/syncer.c - takes runs and keeps their leases, see syncer.h.
 * Why polling at all: a notification may be lost, a lease runs out in silence, a schedule comes due by itself. NOTIFY
 *         msphub_run only makes it prompt.
 * Owns:   the runs of this process, three timers (poll, heartbeat, chores), the queue of single devices. */
#include "hub/syncer_internal.h"

#include "base/mem.h"

#include <stdlib.h>

#define POLL_LONGEST   SECONDS(5)
#define CHORES_EVERY   SECONDS(30)
#define PRUNE_AT_ONCE  500
#define SCHEDULE_BATCH 100

struct syncer_run {
    struct run *run;
    bool asked; /* the heartbeat in flight names it */
    TAILQ_ENTRY(syncer_run) link;
};

struct syncer {
    struct hub *hub;
    struct run_metrics metrics;
    struct metric *running;
    struct metric_family *last_success;
    struct refresher *refresher;
    TAILQ_HEAD(, syncer_run) runs;
    int64_t nruns;
    struct timer poll, beat, chores;
    struct deferred soon, drained;
    bool started, draining, polling, again, beating, beat_again;
    unsigned claim_stmt, lag_stmt;
    void (*on_drained)(void *arg);
    void *drained_arg;
};

static void poll_now(void *arg);

static void poll_soon(struct syncer *s)
{
    if (s->started && !s->draining)
        loop_defer(s->hub->loop, &s->soon, poll_now, s);
}

/* Processes must not all ask in the same instant: a fifth of jitter. */
static usec_t jittered(usec_t t)
{
    uint32_t r;
    crypto_random(&r, sizeof(r));
    return t - t / 5 + (usec_t)(r % 1000) * (t / 5) / 1000;
}

/* --- runs of this process --- */
static void on_run_over(void *arg, struct run *r)
{
    struct syncer *s = arg;
    struct syncer_run *sr;
    TAILQ_FOREACH (sr, &s->runs, link)
        if (sr->run == r)
            break;
    TAILQ_REMOVE(&s->runs, sr, link);
    free(sr);
    run_free(r);
    s->running->value = (double)--s->nruns;
    if (s->draining && s->nruns == 0 && s->on_drained)
        loop_defer(s->hub->loop, &s->drained, s->on_drained, s->drained_arg);
    poll_soon(s);
}

static void on_refresh(void *arg, const struct run_key *k, struct slice device_id)
{
    struct syncer *s = arg;
    refresher_add(s->refresher, k->tenant_id, k->integration_id, device_id);
}

static void begin_run(struct syncer *s, const struct run_claim *claim)
{
    struct syncer_run *sr = NEW(struct syncer_run);
    const struct run_owner owner = {
        .hub = s->hub, .metrics = &s->metrics, .on_over = on_run_over, .on_refresh = on_refresh, .arg = s};
    TAILQ_INSERT_TAIL(&s->runs, sr, link);
    s->running->value = (double)++s->nruns;
    sr->run = run_new(&owner, claim);
    if (s->draining) /* claimed before, answered after */
        run_stop(sr->run, RUN_DRAIN);
}

/* --- taking runs --- */
static void arm_poll(struct syncer *s)
{
    timer_set(&s->poll, s->hub->loop, jittered(MIN(POLL_LONGEST, s->hub->options->sync_lease / 3)), poll_now, s);
}

static void on_polled(void *arg, const struct pg_reply *r)
{
    struct syncer *s = arg;
    struct run_claim claim;
    s->polling = false;
    if (pg_reply_err(r)) {
        if (pg_reply_err(r)->code == ERR_CANCELED)
            return;
        log_warn(s->hub->log, "sync.poll.failed", F_ERR(pg_reply_err(r)));
    } else {
        for (size_t i = 0; i < pg_nrows(r, s->claim_stmt); i++) {
            run_read_claim(r, s->claim_stmt, i, &claim);
            begin_run(s, &claim);
        }
    }
    if (s->draining)
        return;
    arm_poll(s);
    if (s->again)
        poll_soon(s);
}

static void poll_now(void *arg)
{
    struct syncer *s = arg;
    const struct options *o = s->hub->options;
    s->again = s->polling;
    if (s->polling || s->draining)
        return;
    s->polling = true;
    struct pg_seg *seg = pg_seg_new(s->hub->db, PG_ALL_TENANTS);
    run_add_schedule(seg, SCHEDULE_BATCH, o->sync_interval);
    s->claim_stmt = run_add_claim(seg, s->hub->process, o->sync_lease, MAX(0, o->sync_max_runs - s->nruns));
    pg_submit(seg, on_polled, s);
}

/* --- keeping them --- */
static struct syncer_run *run_by_id(struct syncer *s, int64_t id)
{
    struct syncer_run *sr;
    TAILQ_FOREACH (sr, &s->runs, link)
        if (run_key_of(sr->run)->run_id == id)
            return sr;
    return NULL;
}

static void on_beat(void *arg, const struct pg_reply *r);

static void beat(void *arg)
{
    struct syncer *s = arg;
    struct syncer_run *sr;
    struct run_beats beats;
    char reading[32];
    timer_set(&s->beat, s->hub->loop, s->hub->options->sync_lease / 3, beat, s);
    s->beat_again = s->beating;
    if (!s->nruns || s->beating)
        return;
    s->beating = true;
    pg_array_init(&beats.tenants, PG_INT8);
    pg_array_init(&beats.runs, PG_INT8);
    pg_array_init(&beats.calls, PG_INT8);
    pg_array_init(&beats.reading, PG_TEXT);
    TAILQ_FOREACH (sr, &s->runs, link) {
        pg_array_i64(&beats.tenants, run_key_of(sr->run)->tenant_id);
        pg_array_i64(&beats.runs, run_key_of(sr->run)->run_id);
        pg_array_i64(&beats.calls, run_calls(sr->run));
        pg_array_text(&beats.reading, run_reading(sr->run, reading));
        run_beat(sr->run);
        sr->asked = true;
    }
    struct pg_seg *seg = pg_seg_new(s->hub->db, PG_ALL_TENANTS);
    pg_seg_timeout(seg, s->hub->options->sync_lease);
    run_add_heartbeat(seg, s->hub->process, s->hub->options->sync_lease, &beats);
    pg_submit(seg, on_beat, s);
    pg_array_release(&beats.tenants);
    pg_array_release(&beats.runs);
    pg_array_release(&beats.calls);
    pg_array_release(&beats.reading);
}

/* What was asked for and is not in the answer, another process has. (The fence would find out as well, at the next write.) */
static void take_answer(struct syncer *s, const struct pg_reply *r)
{
    struct syncer_run *sr, *next;
    for (size_t i = 0; i < pg_nrows(r, 0); i++) {
        sr = run_by_id(s, pg_i64(r, 0, i, 0));
        if (sr && pg_bool(r, 0, i, 1))
            run_stop(sr->run, RUN_CANCEL);
        else if (sr && pg_bool(r, 0, i, 2))
            run_stop(sr->run, RUN_DRAIN);
        if (sr)
            sr->asked = false;
    }
    for (sr = TAILQ_FIRST(&s->runs); sr; sr = next) {
        next = TAILQ_NEXT(sr, link);
        if (sr->asked)
            run_stop(sr->run, RUN_LEASE_LOST);
    }
}

static void on_beat(void *arg, const struct pg_reply *r)
{
    struct syncer *s = arg;
    struct syncer_run *sr;
    s->beating = false;
    if (!pg_reply_err(r))
        take_answer(s, r);
    else if (pg_reply_err(r)->code == ERR_CANCELED)
        return;
    else
        log_warn(s->hub->log, "sync.heartbeat.failed", F_ERR(pg_reply_err(r)));
    TAILQ_FOREACH (sr, &s->runs, link)
        sr->asked = false;
    if (s->beat_again)
        beat(s);
}

static void on_notified(void *arg, const char *channel, const char *payload)
{
    struct syncer *s = arg;
    if (!s->started || s->draining)
        return;
    if (payload && strcmp(payload, "cancel") == 0)
        beat(s);
    else
        poll_soon(s);
}

/* --- chores --- */
static void on_chores(void *arg, const struct pg_reply *r)
{
    struct syncer *s = arg;
    if (pg_reply_err(r))
        return; /* next time; what is wrong is told by the poll */
    for (size_t i = 0; i < pg_nrows(r, s->lag_stmt); i++) {
        char *provider = mem_strndup(pg_text(r, s->lag_stmt, i, 0).p, pg_text(r, s->lag_stmt, i, 0).n);
        metric_with(s->last_success, METRIC_L(provider))->value =
            (double)pg_time(r, s->lag_stmt, i, 1) / (double)USEC_PER_S;
        free(provider);
    }
}

static void chores(void *arg)
{
    struct syncer *s = arg;
    timer_set(&s->chores, s->hub->loop, jittered(CHORES_EVERY), chores, s);
    struct pg_seg *seg = pg_seg_new(s->hub->db, PG_ALL_TENANTS);
    run_add_prune(seg, s->hub->options->run_retention_days, PRUNE_AT_ONCE);
    s->lag_stmt = run_add_lag(seg);
    pg_submit(seg, on_chores, s);
}

/* --- its life --- */
static void make_metrics(struct syncer *s)
{
    static const double durations[] = {1, 3, 10, 30, 60, 180, 600, 1800, 3600};
    struct metrics *m = s->hub->metrics;
    s->metrics = (struct run_metrics){
        .runs = metric_family(m, METRIC_COUNTER, "msphub_sync_runs_total", "Sync runs that ended.", "provider,status",
                              NULL, 0),
        .records = metric_family(m, METRIC_COUNTER, "msphub_sync_records_total", "Devices that runs stored.",
                                 "provider,outcome", NULL, 0),
        .duration = metric_family(m, METRIC_HISTOGRAM, "msphub_sync_duration_seconds",
                                  "From a run's first claim to its end.", "provider", durations, ARRAY_LEN(durations)),
        .retired = metric_counter(m, "msphub_assets_retired_total", "Devices retired by runs."),
        .braked =
            metric_counter(m, "msphub_sync_brake_total", "Runs in which too many devices were missing to retire any."),
    };
    s->running = metric_gauge(m, "msphub_sync_running", "Runs at work in this process.");
    s->last_success =
        metric_family(m, METRIC_GAUGE, "msphub_sync_last_success_timestamp_seconds",
                      "The last full sync that is longest ago, of a provider's integrations.", "provider", NULL, 0);
}

struct syncer *syncer_new(struct hub *h)
{
    struct syncer *s = NEW(struct syncer);
    s->hub = h;
    TAILQ_INIT(&s->runs);
    make_metrics(s);
    s->refresher = refresher_new(h);
    pg_listen(h->db, "msphub_run", on_notified, s);
    return s;
}

void syncer_free(struct syncer *s)
{
    struct syncer_run *sr;
    if (!s)
        return;
    timer_cancel(&s->poll);
    timer_cancel(&s->beat);
    timer_cancel(&s->chores);
    loop_undefer(s->hub->loop, &s->soon);
    loop_undefer(s->hub->loop, &s->drained);
    while ((sr = TAILQ_FIRST(&s->runs))) {
        TAILQ_REMOVE(&s->runs, sr, link);
        run_free(sr->run);
        free(sr);
    }
    refresher_free(s->refresher);
    free(s);
}

void syncer_start(struct syncer *s)
{
    s->started = true;
    poll_soon(s);
    timer_set(&s->beat, s->hub->loop, s->hub->options->sync_lease / 3, beat, s);
    timer_set(&s->chores, s->hub->loop, MILLIS(100), chores, s);
}

void syncer_drain(struct syncer *s, void (*done)(void *arg), void *arg)
{
    struct syncer_run *sr;
    s->draining = true;
    s->on_drained = done;
    s->drained_arg = arg;
    timer_cancel(&s->poll);
    timer_cancel(&s->chores);
    refresher_stop(s->refresher);
    TAILQ_FOREACH (sr, &s->runs, link)
        run_stop(sr->run, RUN_DRAIN);
    if (s->nruns == 0)
        loop_defer(s->hub->loop, &s->drained, done, arg);
}

/* --- asking --- */
void syncer_request(struct syncer *s, const struct sync_request *q,
                    void (*cb)(void *arg, int64_t run_id, const struct err *e), void *arg)
{
    const struct run_request request = {
        .tenant_id = q->tenant_id,
        .integration_id = q->integration_id,
        .kinds = q->kinds,
        .mode = q->mode,
        .device_id = q->device_id,
        .dry_run = q->dry_run,
        .trigger = q->trigger,
        .interval = s->hub->options->sync_interval,
        .by = q->by,
    };
    run_request(s->hub->db, &request, cb, arg);
}

void syncer_cancel(struct syncer *s, int64_t tenant_id, int64_t run_id, const struct audit_actor *by,
                   void (*cb)(void *arg, const struct err *e), void *arg)
{
    run_cancel(s->hub->db, tenant_id, run_id, by, cb, arg);
}

void syncer_refresh_device(struct syncer *s, int64_t tenant_id, int64_t integration_id, struct slice device_id)
{
    if (!s->draining)
        refresher_add(s->refresher, tenant_id, integration_id, device_id);
}
