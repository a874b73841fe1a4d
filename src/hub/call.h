/* hub/call.h - one call of a machine, from asked to ended, with all its attempts.
 * Owns:   the attempt in flight, its place in the queues (token, circuit, budget), the wait before the next attempt.
 * States: NEW -> TOKEN -> CIRCUIT -> BUDGET -> OPEN -> (BACKOFF -> TOKEN) | ENDING -> ENDED; BUDGET -> HELD -> TOKEN
 *         while the job is paused; OPEN -> TOKEN when the credential was refused [call_enter]
 * Always: the machine's on_end once, in a later turn than call_start, then env->on_ended, which frees it; a call that
 *         is not repeatable is sent again only after an answer that proves it was not carried out (429, 401). No slot
 *         of the budget is held while waiting for anything but the answer. */
#ifndef MSPHUB_HUB_CALL_H
#define MSPHUB_HUB_CALL_H

#include "hub/budget.h"
#include "hub/call_circuit.h"
#include "hub/engine.h"
#include "hub/token.h"

#define CALL_ERROR_BODY 16384 /* of an answer that is an error, this much is kept */

struct call;

struct call_metrics {
    struct metric_family *calls, *duration, *retries, *throttled;
};
void call_metrics_init(struct call_metrics *cm, struct metrics *m);

/* What the calls of one job share; owned by the job, outlives its calls. */
struct call_env {
    struct hub *hub;
    struct integration *it;
    const struct machine_ops *ops;
    struct machine *machine;
    struct budget *budget;
    struct circuit *circuit;
    const struct machine_input *input; /* what the machine was given, and may send */
    bool urgent;                       /* before background work */
    struct token_source *tokens; /* NULL: the product needs none, or this is the machine that fetches them */
    const struct call_metrics *metrics;
    struct engine_counts counts;
    char traceparent[TRACE_PARENT_LEN + 1]; /* "": none */
    bool paused;
    void (*on_ended)(struct call_env *env, struct call *c); /* call_free it */
};

struct call *call_start(struct call_env *env, const struct machine_call *mc);
/* env->paused has changed. */
void call_pause(struct call *c);
void call_resume(struct call *c);
/* Lets go of everything; the machine hears nothing more. Safe inside the call's own callbacks; call_free follows in a
 * later turn. */
void call_drop(struct call *c);
void call_free(struct call *c);

#endif
