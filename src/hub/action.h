/* hub/action.h - what people and rules have a product do, or ask it for: live details, a remote link, a reboot, a reset alert …
 * Why:    a person waits for the answer, and what acts must never be done twice by us without their knowing.
 * Owns:   what runs; the answers of reads, in memory, bounded by options.action_cache, dropped when the integration is edited or
 *         something is done to the same device.
 * States of an ask: LOG (what acts, and remote access, is written down first) -> RUN (its own machine, or one shared by equal
 *         reads) -> STORE (records, what came of it) -> callback; a cached answer leaves RUN out                     [ask_enter]
 * Always: the callback once, in a later turn. What acts is never sent again by us; when its outcome is not known, that is told.
 *         A read that fails is answered from the cache as long as the action allows it, with its age. At most
 *         options.action_max_running machines at once, options.action_per_integration of one integration. */
#ifndef MSPHUB_HUB_ACTION_H
#define MSPHUB_HUB_ACTION_H

#include "base/json_read.h"
#include "base/trace.h"
#include "hub/integration.h"
#include "store/audit.h"

struct actions;
struct actions *actions_new(struct hub *h);
void actions_free(struct actions *a); /* after the engine and the database pool, whose callbacks it serves */

/* NULL: the provider has none of this name. */
const struct provider_action *action_find(const struct provider *p, struct slice key);

/* What is wrong with which argument; pointers are relative to the object: "/script_id". */
typedef void action_fault_fn(void *arg, const char *pointer, const char *detail);
/* Arguments by the action's table. `given` NULL: none. NULL: faults were told. */
struct settings *action_args(const struct provider_action *action, const struct json *given, action_fault_fn *fault,
                             void *arg);

struct action_ask { /* copied */
    struct integration *integration;
    const struct provider_action *action;
    struct settings *args;             /* taken over; NULL: none */
    struct slice device_id, target_id; /* by action->target */
    int64_t asset_id;                  /* 0: none; needed for ACTION_REMOTE */
    struct slice asset;                /* its name */
    bool fresh;                        /* no answer from the cache, unless the product gives none */
    const struct audit_actor *by;      /* NULL: the hub itself */
    const struct trace *trace;         /* NULL: none */
};

struct action_answer {
    struct slice json; /* an object; lives in the callback */
    usec_t at;         /* wall: when the product said so */
    bool cached;       /* not asked for by this ask */
    const struct err
        *why; /* it is older than the action would have it, since the product could not be asked; NULL: it is not */
};
/* NULL with an error. `unknown`: it was sent, and may have been carried out. ERR_LIMIT: too many run, nothing was sent. */
typedef void action_cb(void *arg, const struct action_answer *answer, bool unknown, const struct err *e);
void action_start(struct hub *h, const struct action_ask *in, action_cb *cb, void *arg);

#endif
