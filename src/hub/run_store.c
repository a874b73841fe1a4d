/* hub/run_store.c - closed batches → transactions, one at a time and in order.
 * Why:    one value that PostgreSQL refuses fails the transaction of a thousand records. Then the batch is halved, and the
 *         halves again, until the record stands alone: it is noted as an error of the run, the others are stored. */
#include "hub/run_internal.h"

#include "base/mem.h"

static void batch_add(struct run *r, struct run_batch *b, struct pg_seg *s)
{
    const struct record_put put = {.run_id = r->key.run_id, .dry_run = r->dry_run, .observed = b->observed};
    run_add_fence(s, &r->key, r->hub->process, r->stored);
    record_set_put(s, b->set, &put);
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
        .calls = run_calls(r),
        .progress = b->progress.n ? str_slice(&b->progress) : SLICE_NONE,
    };
    run_add_progress(s, &r->key, &p);
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
    if (reply)
        record_set_result(reply, b->set, &counts);
    count_records(r, &counts, b->failed);
    r->owner.metrics->retired->value += (double)counts.retired;
    r->complete_kinds |= b->complete_kinds;
    r->stored++;
    drop_first(r);
    run_step(r);
}

/* Puts the halves of the first batch's part before it; it stays behind them with all but these records. */
static void halve(struct run *r, struct record_batch *part, struct record_batch *left, struct record_batch *right)
{
    struct run_batch *whole = TAILQ_FIRST(&r->closed);
    struct record_batch *halves[] = {left, right};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        struct run_batch *b = run_batch_new(r);
        record_set_free(b->set);
        b->set = record_set_of(halves[i]);
        b->records = part->store->count(halves[i]);
        b->observed = whole->observed;
        TAILQ_INSERT_BEFORE(whole, b, link);
        r->nclosed++;
    }
    record_set_leave_out(whole->set, part);
    whole->records = whole->seen_ids.n + record_set_count(whole->set);
}

/* A part that cannot be halved is left out, and what its list would prove with it. */
static void leave_out(struct run *r, struct run_batch *b, struct record_batch *part, const char *why)
{
    run_batch_note(b, "%s: %zu were not stored: %s", part->store->name, part->store->count(part), why);
    for (int kind = 0; kind < RECORD_NKINDS_; kind++)
        if (part->store->absence & SYNC_KIND(kind))
            b->complete_kinds |= RUN_SPOILED(kind);
    r->partial = true;
    record_set_leave_out(b->set, part);
}

/* What the whole has beside its records was in the failed transaction too, and goes in behind the halves. */
static void on_refused(struct run *r, const struct pg_reply *reply)
{
    struct run_batch *b = TAILQ_FIRST(&r->closed);
    const struct err *e = pg_reply_err(reply);
    struct record_batch *part = record_set_blame(b->set, pg_reply_failed(reply)), *left, *right;
    enum record_kind kind;
    struct slice id;
    if (!part) {
        log_warn(r->hub->log, "sync.run.bookkeeping", F_I64("run", r->key.run_id),
                 F_ERR(e)); /* no record is to blame */
        run_set_failure(r, e);
        drop_first(r);
    } else if (!part->store->split) {
        leave_out(r, b, part, e->what);
    } else if (part->store->split(part, &left, &right, &kind, &id)) {
        halve(r, part, left, right);
    } else {
        record_set_leave_out(b->set, part);
        run_batch_error(r, b, kind, id,
                        e->what); /* behind it: what is marked as broken belongs in a batch that is put */
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
