/* hub/syncer.h - sync runs: schedule, lease, heartbeat, checkpoint, completeness, retirement.
 * Why:    any number of processes share the work through the database alone; one that dies is taken over from its checkpoint.
 * States of a run (column status): queued -> running -> success | partial | failed | canceled.
 * Always: one full or incremental run per integration at a time across all processes; a batch and its checkpoint are one
 *         transaction; nothing is retired but by a run whose device list was proven complete (laws 2 and 3). */
#ifndef MSPHUB_HUB_SYNCER_H
#define MSPHUB_HUB_SYNCER_H

#include "hub/hub.h"
#include "msphub/provider.h"
#include "store/audit.h"

struct syncer *syncer_new(struct hub *h);
void syncer_free(struct syncer *s);  /* after the engine and the database pool, whose callbacks it serves */
void syncer_start(struct syncer *s); /* begins to claim due and queued runs */
void syncer_drain(struct syncer *s, void (*done)(void *arg),
                  void *arg); /* takes no new run; running ones checkpoint and give their lease back */

struct sync_request {
    int64_t tenant_id, integration_id;
    enum sync_mode mode;
    uint64_t kinds;
    bool dry_run;
    struct slice device_id;       /* SINGLE */
    const char *trigger;          /* "api", "schedule", "webhook" */
    const struct audit_actor *by; /* who asks; NULL: the hub itself */
};
/* Queues a run in the database. cb in a later turn: the run's id, or ERR_CONFLICT when one of this integration is queued or
 * running already (`run_id` is then that one's). */
void syncer_request(struct syncer *s, const struct sync_request *q,
                    void (*cb)(void *arg, int64_t run_id, const struct err *e), void *arg);
/* Devices to read again after a webhook: a device waits once, few SINGLE machines run at a time. Never blocks; past the
 * ceiling (refresh_max_waiting) the next full sync does it. */
void syncer_refresh_device(struct syncer *s, int64_t tenant_id, int64_t integration_id, struct slice device_id);
void syncer_cancel(struct syncer *s, int64_t tenant_id, int64_t run_id, const struct audit_actor *by,
                   void (*cb)(void *arg, const struct err *e), void *arg);

#endif
