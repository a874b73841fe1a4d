/* hub/run_internal.h - what the parts of a run share: run.c (its states), run_read.c (records → batches), run_store.c
 * (batches → transactions), run_end.c (what its end means), run_progress.c (how far it is). */
#ifndef MSPHUB_HUB_RUN_INTERNAL_H
#define MSPHUB_HUB_RUN_INTERNAL_H

#include "hub/paused.h"
#include "hub/retire.h"
#include "hub/run.h"
#include "store/record_set.h"

struct run_batch {
    struct record_set *set;
    size_t records;
    usec_t observed;
    struct pg_array seen_kinds, seen_ids;               /* there, though not among the records */
    struct pg_array error_kinds, error_ids, error_whys; /* the first ones */
    struct pg_array notes;
    struct str checkpoint, cursor, progress;
    uint64_t complete_kinds;
    int64_t failed;
    TAILQ_ENTRY(run_batch) link;
};

enum run_state {
    RUN_LOADING,
    RUN_READING,
    RUN_FLUSHING,
    RUN_MERGING,
    RUN_MEASURING,
    RUN_FINISHING,
    RUN_RELEASING,
    RUN_OVER,
    RUN_NSTATES_
};

typedef void run_build(struct run *r, struct pg_seg *s);
/* Committed; reply is NULL if it was before. With takes_refusals also a value that PostgreSQL refused. */
typedef void run_built(struct run *r, const struct pg_reply *reply);

struct run {
    struct run_owner owner;
    struct hub *hub;
    struct run_key key;
    enum run_state state;
    enum run_stop stop;
    enum sync_mode mode;
    bool dry_run, merging, partial; /* partial: rejects or notes so far */
    uint64_t kinds, complete_kinds; /* the latter with RUN_SPOILED bits */
    int64_t stored;
    usec_t started_at;
    struct str device_id, checkpoint, cursor;
    struct integration *it;
    struct paused *skips; /* NULL: nothing */

    struct ref job;
    bool reading, paused; /* the job is alive; it is paused */
    struct run_batch *open;
    TAILQ_HEAD(run_batches, run_batch) closed;
    unsigned nclosed;
    usec_t read_from;            /* what comes now was asked for after this (wall) */
    int64_t calls, calls_before; /* of this process, of those before */
    struct {
        enum record_kind kind; /* that came last; RECORD_NKINDS_: none yet */
        int64_t read[RECORD_NKINDS_], totals[RECORD_NKINDS_];
    } progress;
    struct err failure; /* code ERR_NONE: none */

    /* the transaction in flight, or waiting to be tried again */
    run_build *build;
    run_built *built;
    bool busy, takes_refusals;
    unsigned tries;
    struct timer retry;
    struct deferred over;

    /* the end */
    unsigned merge_stmt, measure_stmt, alerts_stmt, finish_stmt, found_stmt, paused_stmt;
    bool measures_devices, measures_alerts;
    struct run_absence absence;
    struct retire_decision retire;
    struct pg_array live_alerts;
};

void run_enter(struct run *r, enum run_state to);
void run_step(struct run *r); /* does what is to be done next, if nothing is in flight */
void run_do(struct run *r, run_build *build, run_built *built);
void run_set_failure(struct run *r, const struct err *e);

/* run_read.c */
struct run_batch *run_batch_new(const struct run *r);
void run_drop_batches(struct run *r);
void run_batch_free(struct run_batch *b);
bool run_batch_is_empty(const struct run_batch *b);
void run_batch_note(struct run_batch *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void run_batch_error(struct run *r, struct run_batch *b, enum record_kind kind, struct slice id, const char *why);
void run_read_start(struct run *r);
void run_close_batch(struct run *r); /* the open one, if it holds anything */

/* run_progress.c */
void run_progress_read(struct run *r, enum record_kind kind);
void run_progress_total(struct run *r, enum record_kind kind, int64_t total);
void run_progress_write(const struct run *r, struct str *out);
void run_progress_resume(struct run *r, struct slice json); /* as a process before left it; empty: from the beginning */

/* run_store.c */
void run_store_next(struct run *r); /* the first of the closed batches */

/* run_end.c */
void run_merge(struct run *r);
void run_measure(struct run *r);
void run_finish(struct run *r);
void run_release(struct run *r);

#endif
