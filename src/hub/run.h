/* hub/run.h - one sync run in this process: from the claim of its lease to its end.
 * Why:    what a machine emits becomes batches, each stored with its checkpoint and counters in one transaction that proves
 *         the lease; so the run can die at any instant and go on elsewhere from the last of them.
 * Owns:   its engine job, the open batch, up to sync_ahead closed ones, one transaction in flight.
 * States: see run.c                                                                                       [run_enter]
 * Always: transactions of a run go one after the other, in the order of the records; a run that lost its lease writes nothing;
 *         a full queue pauses the engine; on_over exactly once, then the run is freed by its owner. */
#ifndef MSPHUB_HUB_RUN_H
#define MSPHUB_HUB_RUN_H

#include "hub/engine.h"
#include "hub/hub.h"
#include "hub/integration.h"
#include "store/alert.h"
#include "store/inventory.h"
#include "store/run.h"

struct run;

struct run_metrics { /* families, shared by all runs of a hub */
    struct metric_family *runs, *records, *duration;
    struct metric *retired, *braked;
};

enum run_stop { RUN_GOES, RUN_DRAIN, RUN_CANCEL, RUN_LEASE_LOST };

struct run_owner {
    struct hub *hub;
    struct run_metrics *metrics;
    void (*on_over)(void *arg, struct run *r);
    void (*on_refresh)(void *arg, const struct run_key *k, struct slice device_id); /* RECORD_REFRESH */
    void *arg;
};

struct run *run_new(const struct run_owner *owner, const struct run_claim *claim); /* begins at once */
void run_free(struct run *r);
/* DRAIN: stores what it has, gives the lease back. CANCEL: ends as canceled. LEASE_LOST: writes nothing more. */
void run_stop(struct run *r, enum run_stop why);
void run_beat(struct run *r); /* the lease was renewed: what is half a batch is stored as well */
const struct run_key *run_key_of(const struct run *r);
/* For those who look on: the calls so far, and the kind that is being read (SLICE_NONE: none now). */
int64_t run_calls(const struct run *r);
struct slice run_reading(const struct run *r, char buf[32]);

#endif
