/* store/run.c - the statements of a run's life, see run.h. */
#include "store/run.h"

#include "queries.h"

const char *const sync_mode_names[] = {
    [SYNC_FULL] = "full", [SYNC_INCREMENTAL] = "incremental", [SYNC_SINGLE] = "single", NULL};

static enum sync_mode mode_of(struct slice name)
{
    for (int i = 0; sync_mode_names[i]; i++)
        if (slice_is(name, sync_mode_names[i]))
            return (enum sync_mode)i;
    return SYNC_FULL;
}

/* --- taking runs --- */
unsigned run_add_schedule(struct pg_seg *s, int64_t limit, usec_t interval)
{
    unsigned stmt = pg_add(s, &Q_RUN_SCHEDULE);
    pg_p_i64(s, limit);
    pg_p_i64(s, interval / USEC_PER_S);
    pg_p_i64(s, (int64_t)SYNC_KINDS_ALL);
    return stmt;
}

unsigned run_add_claim(struct pg_seg *s, const char *owner, usec_t lease, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_RUN_CLAIM);
    pg_p_str(s, owner);
    pg_p_i64(s, lease);
    pg_p_i64(s, limit);
    return stmt;
}

void run_read_claim(const struct pg_reply *r, unsigned stmt, size_t row, struct run_claim *ret)
{
    *ret = (struct run_claim){
        .tenant_id = pg_i64(r, stmt, row, 0),
        .run_id = pg_i64(r, stmt, row, 1),
        .integration_id = pg_i64(r, stmt, row, 2),
        .mode = mode_of(pg_text(r, stmt, row, 3)),
        .kinds = pg_i64(r, stmt, row, 4),
        .device_id = pg_text(r, stmt, row, 5),
        .dry_run = pg_bool(r, stmt, row, 6),
        .attempts = pg_i64(r, stmt, row, 7),
        .stored = pg_i64(r, stmt, row, 8),
        .merging = pg_bool(r, stmt, row, 9),
        .checkpoint = pg_text(r, stmt, row, 10),
        .cursor = pg_text(r, stmt, row, 11),
        .complete_kinds = pg_i64(r, stmt, row, 12),
        .failed = pg_i64(r, stmt, row, 13),
        .cancel_requested = pg_bool(r, stmt, row, 14),
        .started_at = pg_time(r, stmt, row, 15),
        .notes = pg_i64(r, stmt, row, 16),
        .calls = pg_i64(r, stmt, row, 17),
        .progress = pg_text(r, stmt, row, 18),
    };
}

unsigned run_add_heartbeat(struct pg_seg *s, const char *owner, usec_t lease, const struct run_beats *beats)
{
    unsigned stmt = pg_add(s, &Q_RUN_HEARTBEAT);
    pg_p_str(s, owner);
    pg_p_i64(s, lease);
    pg_p_array(s, &beats->tenants);
    pg_p_array(s, &beats->runs);
    pg_p_array(s, &beats->calls);
    pg_p_array(s, &beats->reading);
    return stmt;
}

/* --- working on one --- */
static unsigned add_for_run(struct pg_seg *s, const struct pg_query *q, const struct run_key *k)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->run_id);
    return stmt;
}

static unsigned add_for_integration(struct pg_seg *s, const struct pg_query *q, const struct run_key *k)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->integration_id);
    pg_p_i64(s, k->run_id);
    return stmt;
}

static void p_json(struct pg_seg *s, struct slice json)
{
    if (json.p)
        pg_p_jsonb(s, json);
    else
        pg_p_null(s);
}

void run_add_fence(struct pg_seg *s, const struct run_key *k, const char *owner, int64_t stored)
{
    add_for_run(s, &Q_RUN_FENCE, k);
    pg_p_str(s, owner);
    pg_p_i64(s, stored);
}

unsigned run_add_progress(struct pg_seg *s, const struct run_key *k, const struct run_progress *p)
{
    unsigned stmt = add_for_run(s, &Q_RUN_PROGRESS, k);
    pg_p_i64(s, p->lease);
    p_json(s, p->checkpoint);
    p_json(s, p->cursor);
    pg_p_i64(s, p->complete_kinds);
    pg_p_array(s, p->notes);
    pg_p_i64(s, p->failed);
    pg_p_i64(s, p->calls);
    pg_p_bool(s, p->merging);
    p_json(s, p->progress);
    return stmt;
}

void run_add_seen(struct pg_seg *s, const struct run_key *k, const struct pg_array *kinds, const struct pg_array *ids)
{
    add_for_run(s, &Q_INVENTORY_SEEN, k);
    pg_p_array(s, kinds);
    pg_p_array(s, ids);
}

void run_add_errors(struct pg_seg *s, const struct run_key *k, const struct pg_array *kinds, const struct pg_array *ids,
                    const struct pg_array *reasons, int64_t keep)
{
    add_for_run(s, &Q_RUN_ERRORS, k);
    pg_p_array(s, kinds);
    pg_p_array(s, ids);
    pg_p_array(s, reasons);
    pg_p_i64(s, keep);
}

void run_add_release(struct pg_seg *s, const struct run_key *k, const char *owner)
{
    add_for_run(s, &Q_RUN_RELEASE, k);
    pg_p_str(s, owner);
}

/* --- ending one --- */
unsigned run_add_measure(struct pg_seg *s, const struct run_key *k, int64_t retire_after)
{
    unsigned stmt = add_for_integration(s, &Q_RUN_MEASURE, k);
    pg_p_i64(s, retire_after);
    return stmt;
}

void run_read_measure(const struct pg_reply *r, unsigned stmt, struct run_absence *ret)
{
    *ret = (struct run_absence){
        .live = pg_i64(r, stmt, 0, 0),
        .missing = pg_i64(r, stmt, 0, 1),
        .to_retire = pg_i64(r, stmt, 0, 2),
        .seen = pg_i64(r, stmt, 0, 3),
    };
}

unsigned run_add_absent_devices(struct pg_seg *s, const struct run_key *k, int64_t retire_after, bool retire)
{
    unsigned stmt = add_for_integration(s, &Q_RUN_ABSENT_DEVICES, k);
    pg_p_i64(s, retire_after);
    pg_p_bool(s, retire);
    return stmt;
}

void run_add_absent_organizations(struct pg_seg *s, const struct run_key *k)
{
    add_for_integration(s, &Q_RUN_ABSENT_ORGANIZATIONS, k);
}

void run_add_absent_locations(struct pg_seg *s, const struct run_key *k)
{
    add_for_integration(s, &Q_RUN_ABSENT_LOCATIONS, k);
}

void run_add_stray_facets(struct pg_seg *s, const struct run_key *k)
{
    pg_add(s, &Q_RUN_STRAY_FACETS);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->integration_id);
}

unsigned run_add_seen_alerts(struct pg_seg *s, const struct run_key *k)
{
    return add_for_run(s, &Q_RUN_SEEN_ALERTS, k);
}

unsigned run_add_finish(struct pg_seg *s, const struct run_key *k, const struct run_end *end)
{
    unsigned stmt = add_for_run(s, &Q_RUN_FINISH, k);
    pg_p_str(s, end->status);
    pg_p_str(s, end->error);
    pg_p_array(s, end->notes);
    pg_p_i64(s, end->calls);
    pg_p_i64(s, end->would_retire);
    add_for_run(s, &Q_RUN_FORGET_SEEN, k);
    if (end->single)
        add_for_run(s, &Q_RUN_MENDED, k);
    return stmt;
}

void run_read_finish(const struct pg_reply *r, unsigned stmt, struct run_totals *ret)
{
    *ret = (struct run_totals){
        .processed = pg_i64(r, stmt, 0, 0),
        .created = pg_i64(r, stmt, 0, 1),
        .updated = pg_i64(r, stmt, 0, 2),
        .unchanged = pg_i64(r, stmt, 0, 3),
        .retired = pg_i64(r, stmt, 0, 4),
        .restored = pg_i64(r, stmt, 0, 5),
        .failed = pg_i64(r, stmt, 0, 6),
        .seconds = pg_f64(r, stmt, 0, 7),
    };
}

void run_add_integration(struct pg_seg *s, const struct run_key *k, bool devices_read, bool move_cursor)
{
    add_for_integration(s, &Q_RUN_INTEGRATION, k);
    pg_p_bool(s, devices_read);
    pg_p_bool(s, move_cursor);
    pg_p_i64(s, (int64_t)SYNC_KINDS_ALL);
}

/* --- housekeeping --- */
void run_add_prune(struct pg_seg *s, int64_t days, int64_t limit)
{
    pg_add(s, &Q_RUN_PRUNE);
    pg_p_i64(s, days);
    pg_p_i64(s, limit);
}

unsigned run_add_lag(struct pg_seg *s)
{
    return pg_add(s, &Q_RUN_LAG);
}
