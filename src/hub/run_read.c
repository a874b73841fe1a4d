/* hub/run_read.c - the reading side of a run: a machine's records, rejects and proofs → batches.
 * Always: one batch is open at any time while the run reads; a batch is closed at sync_batch records or BATCH_BYTES; with
 *         sync_ahead closed ones the engine is paused. */
#include "hub/run_internal.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_BYTES   (4u << 20)
#define MAX_ERROR_ID  512u
#define MAX_ERROR_WHY 1024u

/* --- a batch --- */
struct run_batch *run_batch_new(const struct run *r)
{
    struct run_batch *b = NEW(struct run_batch);
    b->set = record_set_new(r->key.tenant_id, r->key.integration_id);
    b->observed = r->read_from;
    record_set_observed(b->set, b->observed);
    pg_array_init(&b->seen_kinds, PG_INT4);
    pg_array_init(&b->seen_ids, PG_TEXT);
    pg_array_init(&b->error_kinds, PG_INT4);
    pg_array_init(&b->error_ids, PG_TEXT);
    pg_array_init(&b->error_whys, PG_TEXT);
    pg_array_init(&b->notes, PG_TEXT);
    return b;
}

void run_batch_free(struct run_batch *b)
{
    if (!b)
        return;
    record_set_free(b->set);
    pg_array_release(&b->seen_kinds);
    pg_array_release(&b->seen_ids);
    pg_array_release(&b->error_kinds);
    pg_array_release(&b->error_ids);
    pg_array_release(&b->error_whys);
    pg_array_release(&b->notes);
    str_release(&b->checkpoint);
    str_release(&b->cursor);
    str_release(&b->progress);
    free(b);
}

void run_drop_batches(struct run *r)
{
    struct run_batch *b;
    while ((b = TAILQ_FIRST(&r->closed))) {
        TAILQ_REMOVE(&r->closed, b, link);
        run_batch_free(b);
    }
    r->nclosed = 0;
    run_batch_free(TAKE(r->open));
}

bool run_batch_is_empty(const struct run_batch *b)
{
    return !b->records && !b->failed && !b->notes.n && !b->checkpoint.n && !b->cursor.n && !b->complete_kinds &&
           !b->seen_ids.n;
}

/* Text of a product or of PostgreSQL, made storable and cut. */
static void add_text(struct pg_array *a, struct slice text, size_t max)
{
    if (!text.p) {
        pg_array_null(a);
        return;
    }
    if (text.n > max)
        text.n = max; /* a character that is cut in two is repaired below */
    char repaired[3 * MAX_ERROR_WHY];
    pg_array_text(a, slice_of(repaired, utf8_repair(text, repaired)));
}

void run_batch_note(struct run_batch *b, const char *fmt, ...)
{
    char text[MAX_ERROR_WHY];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    add_text(&b->notes, slice_cstr(text), sizeof(text));
}

static void add_seen(struct run_batch *b, enum record_kind kind, struct slice id)
{
    pg_array_i64(&b->seen_kinds, kind);
    pg_array_text(&b->seen_ids, id);
    b->records++;
}

/* A record that cannot be stored is there all the same: it is not missing. One whose id is not known could be any of those we
 * have: then the list proves nothing. (An id that is too long was never stored.) */
void run_batch_error(struct run *r, struct run_batch *b, enum record_kind kind, struct slice id, const char *why)
{
    b->failed++;
    r->partial = true;
    const struct record_store *store = record_store_of(kind);
    if (store && !id.n)
        b->complete_kinds |= RUN_SPOILED(kind);
    else if (store && id.n <= MAX_ERROR_ID && utf8_storable(id)) {
        record_set_broken(b->set, kind, id);
        if (store->absence & SYNC_KIND(kind))
            add_seen(b, kind, id);
    }
    if (b->error_whys.n >= r->hub->options->run_errors)
        return;
    pg_array_i64(&b->error_kinds, kind);
    add_text(&b->error_ids, id, MAX_ERROR_ID);
    add_text(&b->error_whys, slice_cstr(why), MAX_ERROR_WHY);
}

/* --- closing one, backpressure --- */
void run_close_batch(struct run *r)
{
    if (!r->open || run_batch_is_empty(r->open))
        return;
    struct run_batch *b = r->open;
    run_progress_write(r, &b->progress);
    r->open = run_batch_new(r);
    record_set_follow(r->open->set, b->set);
    TAILQ_INSERT_TAIL(&r->closed, b, link);
    r->nclosed++;
    if (r->reading && !r->paused && r->nclosed >= r->hub->options->sync_ahead) {
        r->paused = true;
        engine_pause(r->hub->engine, r->job);
    }
    run_step(r);
}

static void close_if_full(struct run *r)
{
    if (r->open->records >= (size_t)r->hub->options->sync_batch || record_set_bytes(r->open->set) >= BATCH_BYTES)
        run_close_batch(r);
}

/* --- the sink --- */
static void on_paused_device(void *arg, struct slice id)
{
    struct run *r = arg;
    add_seen(r->open, RECORD_DEVICE, id);
    add_seen(r->open, RECORD_PATCH, id); /* a device that is named here keeps its patches open */
}

static void on_record(void *arg, const struct record *rec)
{
    struct run *r = arg;
    const struct record_store *store = record_store_of(rec->kind);
    struct err e = {0};
    if (r->stop == RUN_LEASE_LOST)
        return;
    run_progress_read(r, rec->kind);
    if (paused_skips(r->skips, rec)) {
        if (rec->kind == RECORD_DEVICE)
            on_paused_device(r, rec->device.id);
    } else if (rec->kind == RECORD_REFRESH) {
        if (!r->dry_run)
            r->owner.on_refresh(r->owner.arg, &r->key, rec->ref.device_id);
    } else if (r->dry_run && store && !store->diffs) {
        return;
    } else if (!record_set_add(r->open->set, rec, &e)) {
        run_batch_error(r, r->open, rec->kind, record_id(rec), e.what);
    } else if (store->marks) {
        r->open->records++;
    } else {
        add_seen(r->open, rec->kind, record_id(rec));
    }
    close_if_full(r);
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct run *r = arg;
    run_batch_error(r, r->open, kind, id, reason);
    close_if_full(r);
}

/* From here on pages are asked for after now: what they say is at least as new. */
static void on_checkpoint(void *arg, struct slice json)
{
    struct run *r = arg;
    str_clear(&r->open->checkpoint);
    str_add(&r->open->checkpoint, json);
    record_set_checkpoint(r->open->set);
    r->read_from = loop_wall(r->hub->loop);
}

static void on_complete(void *arg, enum record_kind kind, int64_t rows)
{
    struct run *r = arg;
    r->open->complete_kinds |= SYNC_KIND(kind);
    log_debug(r->hub->log, "sync.run.complete", F_I64("run", r->key.run_id), F_STR("kind", record_kind_words[kind]),
              F_I64("rows", rows));
}

static void on_incomplete(void *arg, enum record_kind kind, const char *why)
{
    struct run *r = arg;
    r->open->complete_kinds |= RUN_SPOILED(kind);
    r->partial = true;
    run_batch_note(r->open, "%s: %s", record_kind_words[kind], why);
}

static void on_progress(void *arg, enum record_kind kind, int64_t rows, int64_t total)
{
    run_progress_total(arg, kind, total);
}

static void on_cursor(void *arg, struct slice json)
{
    struct run *r = arg;
    str_clear(&r->open->cursor);
    str_add(&r->open->cursor, json);
}

static void on_job_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct run *r = arg;
    r->reading = r->paused = false;
    r->calls = (int64_t)counts->calls;
    if (err && r->stop == RUN_GOES)
        run_set_failure(r, err);
    run_enter(r, RUN_FLUSHING);
    run_close_batch(r);
    run_step(r);
}

void run_read_start(struct run *r)
{
    r->read_from = loop_wall(r->hub->loop);
    r->open = run_batch_new(r);
    if (r->skips) /* what is not looked at is not missing */
        paused_each_device(r->skips, on_paused_device, r);
    r->reading = true;
    const struct engine_job job = {
        .ops = r->it->provider->sync,
        .integration = r->it,
        .mode = r->mode,
        .kinds = r->kinds & r->it->provider->kinds,
        .urgent = r->mode == SYNC_SINGLE, /* a person asked for it */
        .cursor = r->cursor.n ? str_slice(&r->cursor) : SLICE_NONE,
        .checkpoint = r->checkpoint.n ? str_slice(&r->checkpoint) : SLICE_NONE,
        .device_id = r->device_id.n ? str_slice(&r->device_id) : SLICE_NONE,
        .sink = {.arg = r,
                 .record = on_record,
                 .reject = on_reject,
                 .checkpoint = on_checkpoint,
                 .complete = on_complete,
                 .incomplete = on_incomplete,
                 .cursor = on_cursor,
                 .progress = on_progress},
        .on_done = on_job_done,
        .arg = r,
    };
    r->job = engine_start(r->hub->engine, &job);
}
