/* hub/run_end.c - the end of a run: merging, what is missing, and what it all means.
 * Always: absence has a consequence only in a full run without failure, for a kind whose list was proven complete and not
 *         spoiled by a record that could not be named; and retire.c may still say no. */
#include "hub/run_internal.h"

#include "base/mem.h"
#include "hub/health_status.h"

#include <stdio.h>
#include <stdlib.h>

#define MERGE_AT_ONCE 2000

static bool is_proven(const struct run *r, enum record_kind kind)
{
    return (r->complete_kinds & SYNC_KIND(kind)) && !(r->complete_kinds & RUN_SPOILED(kind));
}

static bool may_find_absent(const struct run *r, enum record_kind kind)
{
    return r->mode == SYNC_FULL && !r->failure.code && r->stop == RUN_GOES && is_proven(r, kind);
}

/* --- merging --- */
static void merge_build(struct run *r, struct pg_seg *s)
{
    struct pg_array none;
    pg_array_init(&none, PG_TEXT);
    run_add_fence(s, &r->key, r->hub->process, r->stored);
    r->merge_stmt = inventory_add_merge(s, r->key.tenant_id, r->key.integration_id, MERGE_AT_ONCE);
    const struct run_progress p = {.lease = r->hub->options->sync_lease,
                                   .notes = &none,
                                   .calls = run_calls(r),
                                   .merging = !r->failure.code && r->stop == RUN_GOES};
    run_add_progress(s, &r->key, &p);
    pg_array_release(&none);
}

static void on_merged(struct run *r, const struct pg_reply *reply)
{
    r->stored++;
    if (!reply || inventory_merged(reply, r->merge_stmt) == MERGE_AT_ONCE)
        run_do(r, merge_build, on_merged);
    else if (r->failure.code || r->stop == RUN_CANCEL)
        run_finish(r);
    else
        run_measure(r);
}

void run_merge(struct run *r)
{
    run_enter(r, RUN_MERGING);
    run_do(r, merge_build, on_merged);
}

/* --- what is missing --- */
static void measure_build(struct run *r, struct pg_seg *s)
{
    if (r->measures_devices)
        r->measure_stmt = run_add_measure(s, &r->key, r->hub->options->retire_after);
    if (r->measures_alerts)
        r->alerts_stmt = run_add_seen_alerts(s, &r->key);
}

static void on_measured(struct run *r, const struct pg_reply *reply)
{
    if (r->measures_devices) {
        const struct retire_rules rules = {
            .after = r->hub->options->retire_after,
            .brake_percent = r->hub->options->retire_brake,
            .keeps_devices = (r->it->provider->flags & PROVIDER_KEEPS_DEVICES) != 0,
        };
        run_read_measure(reply, r->measure_stmt, &r->absence);
        retire_decide(&r->absence, &rules, &r->retire);
    }
    for (size_t i = 0; r->measures_alerts && i < pg_nrows(reply, r->alerts_stmt); i++)
        pg_array_text(&r->live_alerts, pg_text(reply, r->alerts_stmt, i, 0));
    run_finish(r);
}

void run_measure(struct run *r)
{
    r->measures_devices = may_find_absent(r, RECORD_DEVICE);
    r->measures_alerts = !r->dry_run && !r->failure.code && r->mode != SYNC_SINGLE && is_proven(r, RECORD_ALERT) &&
                         (r->it->provider->flags & PROVIDER_ALERT_ABSENCE_RESOLVES);
    if (!r->measures_devices && !r->measures_alerts) {
        run_finish(r);
        return;
    }
    run_enter(r, RUN_MEASURING);
    run_do(r, measure_build, on_measured);
}

/* --- the last transaction --- */
static const char *run_status(const struct run *r)
{
    if (r->stop == RUN_CANCEL)
        return "canceled";
    if (r->failure.code)
        return "failed";
    return r->partial || r->retire.braked ? "partial" : "success";
}

/* The kind whose list a kind comes with; itself for most. */
static enum record_kind head_of(int kind)
{
    static const enum record_kind heads[RECORD_NKINDS_] = {
        [RECORD_MEMBER] = RECORD_GROUP, [RECORD_COMMENT] = RECORD_TICKET, [RECORD_ROOM] = RECORD_LOCATION};
    return heads[kind] ? heads[kind] : (enum record_kind)kind;
}

/* A single run reads whole lists of its device: they are, unless it failed. */
static struct record_proof proof_of(const struct run *r)
{
    struct record_proof proof = {0};
    bool ended_well = !r->failure.code && r->stop == RUN_GOES;
    for (int kind = 0; kind < RECORD_NKINDS_; kind++) {
        enum record_kind head = head_of(kind);
        if (r->complete_kinds & RUN_SPOILED(kind))
            continue;
        if (may_find_absent(r, head))
            proof.absent |= SYNC_KIND(kind);
        if (ended_well && (is_proven(r, head) || (r->mode == SYNC_SINGLE && !(r->complete_kinds & RUN_SPOILED(head)))))
            proof.whole |= SYNC_KIND(kind);
    }
    return proof;
}

static void add_absences(struct run *r, struct pg_seg *s)
{
    bool devices = r->measures_devices && !r->retire.braked;
    if (devices) {
        inventory_add_asset_lock(s, r->key.tenant_id, r->key.integration_id);
        run_add_stray_facets(s, &r->key);
    }
    if (devices && r->retire.count) {
        run_add_absent_devices(s, &r->key, r->hub->options->retire_after, r->retire.retire);
        inventory_add_merge(s, r->key.tenant_id, r->key.integration_id, INT64_MAX);
    }
    if (may_find_absent(r, RECORD_ORGANIZATION))
        run_add_absent_organizations(s, &r->key);
    if (may_find_absent(r, RECORD_LOCATION))
        run_add_absent_locations(s, &r->key);
    const struct record_proof proof = proof_of(r);
    record_set_finish(s, &r->key, &proof);
    if (r->measures_alerts) {
        unsigned first;
        alert_add_absent(s, r->key.tenant_id, r->key.integration_id, &r->live_alerts, r->started_at, &first);
    }
}

/* What the integration shows from now on. */
static void add_integration(struct run *r, struct pg_seg *s, const char *status)
{
    bool read_all = !r->failure.code && r->mode == SYNC_FULL && is_proven(r, RECORD_DEVICE) && !r->retire.braked;
    bool succeeded = strcmp(status, "success") == 0;
    char partial[64];
    r->found_stmt = HEALTH_NOTHING_FOUND;
    if (r->dry_run || r->mode == SYNC_SINGLE || r->stop == RUN_CANCEL)
        return;
    run_add_integration(s, &r->key, read_all || (succeeded && r->kinds == SYNC_KINDS_ALL && r->mode == SYNC_FULL),
                        succeeded);
    snprintf(partial, sizeof(partial), "run %lld is partial: its notes and errors say why", (long long)r->key.run_id);
    const struct health_finding found = {
        .it = r->it,
        .run = true,
        .err = r->failure.code ? &r->failure : NULL,
        .message = succeeded          ? NULL
                   : r->retire.braked ? r->retire.why
                                      : partial,
    };
    r->found_stmt = health_add_finding(s, r->hub, &found);
}

static void finish_build(struct run *r, struct pg_seg *s)
{
    const char *status = run_status(r);
    struct pg_array notes;
    pg_array_init(&notes, PG_TEXT);
    if (r->retire.braked)
        pg_array_text(&notes, slice_cstr(r->retire.why));
    run_add_fence(s, &r->key, r->hub->process, r->stored);
    if (!r->dry_run)
        add_absences(r, s);
    add_integration(r, s, status);
    const struct run_end end = {
        .status = status,
        .error = r->failure.code && r->stop != RUN_CANCEL ? r->failure.what : NULL,
        .notes = &notes,
        .calls = run_calls(r),
        .single = r->mode == SYNC_SINGLE,
        .would_retire = r->dry_run && r->retire.retire && r->retire.count ? r->absence.to_retire : 0,
    };
    r->finish_stmt = run_add_finish(s, &r->key, &end);
    pg_array_release(&notes);
}

static void on_finished(struct run *r, const struct pg_reply *reply)
{
    struct run_totals t = {0};
    struct run_metrics *m = r->owner.metrics;
    const char *status = run_status(r), *provider = r->it->provider->key;
    if (reply) {
        run_read_finish(reply, r->finish_stmt, &t);
        health_tell(r->hub, r->it, reply, r->found_stmt, r->failure.what);
    }
    metric_with(m->runs, METRIC_L(provider, status))->value++;
    histogram_observe(histogram_with(m->duration, METRIC_L(provider)), t.seconds);
    m->braked->value += r->retire.braked;
    if (r->retire.count && r->retire.retire && !r->dry_run)
        m->retired->value += (double)r->absence.to_retire;
    log_write(r->hub->log, r->failure.code || r->retire.braked ? LOG_WARN : LOG_INFO, "sync.run.finished",
              (const struct log_field[]){F_I64("tenant", r->key.tenant_id), F_STR("integration", r->it->key),
                                         F_I64("run", r->key.run_id), F_STR("status", status),
                                         F_I64("processed", t.processed), F_I64("created", t.created),
                                         F_I64("updated", t.updated), F_I64("retired", t.retired),
                                         F_I64("failed", t.failed), F_USEC("took", (usec_t)(t.seconds * 1e6)),
                                         F_STR("error", r->failure.code    ? r->failure.what
                                                        : r->retire.braked ? r->retire.why
                                                                           : "")},
              11);
    run_enter(r, RUN_OVER);
}

void run_finish(struct run *r)
{
    run_enter(r, RUN_FINISHING);
    run_do(r, finish_build, on_finished);
}

/* --- giving it back --- */
static void release_build(struct run *r, struct pg_seg *s)
{
    run_add_release(s, &r->key, r->hub->process);
}

static void on_released(struct run *r, const struct pg_reply *reply)
{
    run_enter(r, RUN_OVER);
}

void run_release(struct run *r)
{
    run_enter(r, RUN_RELEASING);
    run_do(r, release_build, on_released);
}
