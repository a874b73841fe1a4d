/* hub/engine.h - drives a provider's machine: the only place where providers meet sockets.
 * Owns:   the machine, its open calls, retries, the integration's credential (hub/token.h), rate budgets shared by all
 *         jobs of one budget scope in this process (hub/budget.h). Freed before the HTTP client and the database pool.
 * States: START -> TOKEN -> RUN -> DONE; any -> CANCEL -> DONE                                        [engine_enter]
 * Always: on_done exactly once, in a later turn; no sink call after it; calls open at once ≤ the provider's
 *         concurrency; a call that is not repeatable is sent again only after an answer that proves it was not carried
 *         out (429, 401); 401 renews the credential once and repeats the call once. */
#ifndef MSPHUB_HUB_ENGINE_H
#define MSPHUB_HUB_ENGINE_H

#include "base/trace.h"
#include "hub/hub.h"
#include "hub/integration.h"

struct engine_counts {
    uint64_t calls, retries, throttled, bytes;
    uint64_t acted;   /* calls that must not be sent twice, and were answered well */
    uint64_t unknown; /* calls that must not be sent twice, of which it is not known whether they were carried out */
    usec_t skew;      /* the product's clock less ours, by the last answer that told; USEC_NONE: none did */
};

struct engine_job {
    const struct machine_ops *ops; /* provider->probe, ->sync … */
    struct integration *
        integration; /* a reference is taken. For unsaved settings: a snapshot of its own with id 0 (nothing is stored) */
    enum sync_mode mode;
    uint64_t kinds;
    struct slice cursor, checkpoint, device_id, target_id; /* copied */
    struct slice refresh_token;                            /* authenticate only; copied, wiped */
    const struct settings *args;                           /* these three live until on_done; NULL: none */
    const struct machine_connect *connect;
    const struct machine_webhook *webhook;
    bool urgent;               /* somebody waits for it: its calls go before those of background work */
    const struct trace *trace; /* of the request that it is run for, sent with its calls; copied; NULL: none */
    struct sink sink;          /* copied; its arg must live until on_done */
    /* err == NULL: machine finished and its result() is true. The text names call, status and mend. */
    void (*on_done)(void *arg, const struct engine_counts *counts, const struct err *err);
    void *arg;
};

struct engine;
struct engine *engine_new(struct hub *h);
void engine_free(struct engine *e); /* cancels what runs; on_done of each runs inside */
struct ref engine_start(struct engine *e, const struct engine_job *job);
uint64_t engine_calls(struct engine *e, struct ref r); /* sent so far; 0 when the job is over */
void engine_cancel(struct engine *e, struct ref r);    /* on_done follows with ERR_CANCELED */
/* Backpressure: no further call is begun, and open ones are not read, until resumed. */
void engine_pause(struct engine *e, struct ref r);
void engine_resume(struct engine *e, struct ref r);
/* For shutdown: `done` once, in a later turn, when no credential is being fetched or stored. A refresh that is cut off
 * may lose a rotated token, and with it the grant. */
void engine_drain(struct engine *e, void (*done)(void *arg), void *arg);

#endif
