/* hub/run_store.c - closed batches → transactions, one at a time and in order.
 * Why:    one value that PostgreSQL refuses fails the transaction of a thousand records. Then the batch is halved, and the
 *         halves again, until the record stands alone: it is noted as an error of the run, the others are stored. */
#include "hub/run_internal.h"

#include "base/mem.h"

#include <limits.h>

static void batch_add(struct run *r, struct run_batch *b, struct pg_seg *s)
{
    bool has_records = b->inv && inventory_batch_count(b->inv) > 0;
    b->first = b->first_alert = b->backups_stmt = UINT_MAX;
    run_add_fence(s, &r->key, r->hub->process, r->stored);
    if (has_records) {
        const struct inventory_options o = {.run_id = r->key.run_id, .dry_run = r->dry_run, .observed = b->observed};
        inventory_add(s, b->inv, &o, &b->first);
    }
    if (b->seen_ids.n)
        run_add_seen(s, &r->key, &b->seen_kinds, &b->seen_ids);
    if (b->error_whys.n)
        run_add_errors(s, &r->key, &b->error_kinds, &b->error_ids, &b->error_whys, r->hub->options->run_errors);
    const struct run_progress p = {
        .lease = r->hub->options->sync_lease,
        .checkpoint = b->checkpoint.n ? str_slice(&b->checkpoint) : SLICE_NONE,
        .cursor = b->cursor.n ? str_slice(&b->cursor) : SLICE_NONE,
        .complete_kinds = b->complete_kinds,
        .notes = &b->notes,
        .failed = b->failed,
    };
    b->progress = run_add_progress(s, &r->key, &p);
    if (b->backups && backup_batch_count(b->backups))
        b->backups_stmt = backup_add(s, b->backups);
    if (b->alerts && alert_batch_count(b->alerts))
        alert_add(s, b->alerts, &b->first_alert);
    if (has_records && !r->dry_run)
        alert_add_link(s, r->key.tenant_id, r->key.integration_id);
}

static void batch_build(struct run *r, struct pg_seg *s)
{
    batch_add(r, TAILQ_FIRST(&r->closed), s);
}

static void drop_first(struct run *r)
{
    struct run_batch *b = TAILQ_FIRST(&r->closed);
    TAILQ_REMOVE(&r->closed, b, link);
    r->nclosed--;
    run_batch_free(b);
    if (r->paused && r->nclosed < r->hub->options->sync_ahead) {
        r->paused = false;
        engine_resume(r->hub->engine, r->job);
    }
}

static void count_records(struct run *r, const struct inventory_counts *c, int64_t failed)
{
    const struct {
        const char *outcome;
        int64_t n;
    } rows[] = {{"created", c->created}, {"updated", c->updated},   {"unchanged", c->unchanged},
                {"retired", c->retired}, {"restored", c->restored}, {"failed", failed}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].n)
            metric_with(r->owner.metrics->records, METRIC_L(r->it->provider->key, rows[i].outcome))->value +=
                (double)rows[i].n;
}

static void on_stored(struct run *r, const struct pg_reply *reply)
{
    struct run_batch *b = TAILQ_FIRST(&r->closed);
    struct inventory_counts counts = {0};
    if (reply && b->first != UINT_MAX)
        inventory_result(reply, b->first, &counts);
    count_records(r, &counts, b->failed);
    r->owner.metrics->retired->value += (double)counts.retired;
    r->complete_kinds |= b->complete_kinds;
    r->stored++;
    drop_first(r);
    run_step(r);
}

/* Puts the halves of the first batch before it; it stays behind them with all but the records. */
static void halve(struct run *r, struct inventory_batch *left, struct inventory_batch *right)
{
    struct run_batch *whole = TAILQ_FIRST(&r->closed);
    struct inventory_batch *parts[] = {left, right};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct run_batch *b = run_batch_new(r);
        inventory_batch_free(b->inv);
        b->inv = parts[i];
        b->records = inventory_batch_count(parts[i]);
        b->observed = whole->observed;
        TAILQ_INSERT_BEFORE(whole, b, link);
        r->nclosed++;
    }
    whole->husk = TAKE(whole->inv);
    whole->records = whole->seen_ids.n;
}

/* What the whole has beside its records was in the failed transaction too, and goes in behind the halves. */
static void on_refused(struct run *r, const struct pg_reply *reply)
{
    struct run_batch *b = TAILQ_FIRST(&r->closed);
    struct inventory_batch *left, *right;
    enum record_kind kind;
    struct slice id;
    const struct err *e = pg_reply_err(reply);
    if (b->backups_stmt != UINT_MAX && pg_reply_failed(reply) == b->backups_stmt) {
        run_batch_note(b, "backups: %zu were not stored: %s", backup_batch_count(b->backups), e->what);
        b->complete_kinds |= RUN_SPOILED(RECORD_BACKUP_JOB);
        r->partial = true;
        backup_batch_free(b->backups);
        b->backups = NULL;
    } else if (pg_reply_failed(reply) > b->progress) {
        run_batch_note(b, "alerts: %zu were not stored: %s", alert_batch_count(b->alerts), e->what);
        b->complete_kinds |= RUN_SPOILED(RECORD_ALERT);
        r->partial = true;
        alert_batch_free(b->alerts);
        b->alerts = NULL;
    } else if (!b->inv || inventory_batch_count(b->inv) == 0) {
        log_warn(r->hub->log, "sync.run.bookkeeping", F_I64("run", r->key.run_id),
                 F_ERR(e)); /* no record is to blame */
        run_set_failure(r, e);
        drop_first(r);
    } else if (inventory_batch_split(b->inv, &left, &right, &kind, &id)) {
        halve(r, left, right);
    } else {
        run_batch_error(r, b, kind, id, e->what);
        b->husk = TAKE(b->inv);
    }
    run_step(r);
}

static void on_answer(struct run *r, const struct pg_reply *reply)
{
    if (reply && pg_reply_err(reply))
        on_refused(r, reply);
    else
        on_stored(r, reply);
}

void run_store_next(struct run *r)
{
    while (!TAILQ_EMPTY(&r->closed) && run_batch_is_empty(TAILQ_FIRST(&r->closed)))
        drop_first(r);
    if (!TAILQ_EMPTY(&r->closed))
        run_do(r, batch_build, on_answer);
    r->takes_refusals = r->busy;
}
