/* hub/budget.h - how fast one budget of a product may be spent.
 * Why:    products limit by integration, tenant, host or source address, not by our runs; all calls that share such a
 *         limit must share one account of it, or two runs would each take the whole.
 * Owns:   one budget per sharing key: slots (calls open at once), a rate (budget_rate.h), a pause that the product asked for,
 *         and the callers that wait: people first, then the background; in each the integrations take turns, and within
 *         an integration it is first come, first served.
 * Always: slots in use ≤ limits.concurrency; in any 60 s at most limits.per_minute grants (of both only this process's share
 *         where several call from one address: option call_processes); no grant while paused. The limit in force is halved
 *         when the product throttles and grows back by one after as many good answers as it has slots. A waiter is
 *         answered once, in a later turn, unless it left. */
#ifndef MSPHUB_HUB_BUDGET_H
#define MSPHUB_HUB_BUDGET_H

#include "base/options.h"
#include "hub/budget_rate.h"
#include "msphub/provider.h"
#include "reactor/loop.h"

/* The longest pause that is remembered, whatever the product asks for: a slip of theirs must not lock us out for a
 * year. */
#define BUDGET_PAUSE_MAX SECONDS(3600)

struct budgets;
struct budget;

/* `options` is borrowed and read at each decision (call_max_wait and call_processes are reloadable). */
struct budgets *budgets_new(struct loop *l, const struct options *options, struct metrics *m);
void budgets_free(struct budgets *bs); /* nothing may wait or hold a slot any more */

/* The sharing key of an integration's calls, by the provider's scope. */
void budget_key(const struct provider *p, int64_t tenant_id, int64_t integration_id, const char *base_url,
                struct str *ret);
/* A counted reference. The limits of the first one count for all. */
struct budget *budget_get(struct budgets *bs, struct slice key, const struct provider_limits *limits);
void budget_put(struct budget *b);

struct budget_asker {
    int64_t tenant_id, integration_id;
    bool person; /* somebody looks at the screen meanwhile */
};
/* Lives inside who waits; zero-initialised. */
struct budget_wait {
    struct budget *budget; /* NULL: not waiting */
    /* e == NULL: a slot is yours until budget_return. Else ERR_THROTTLED: the product asks for a longer pause than
     * call_max_wait. */
    void (*cb)(void *arg, const struct err *e);
    void *arg;
    struct budget_asker who;
    usec_t since;
    TAILQ_ENTRY(budget_wait) link;
};
void budget_ask(struct budget *b, struct budget_wait *w, const struct budget_asker *who,
                void (*cb)(void *arg, const struct err *e), void *arg);
void budget_leave(struct budget_wait *w); /* idempotent */

void budget_return(struct budget *b);
void budget_succeeded(struct budget *b);
/* `opened`: when the throttled call began (loop_now). Calls that were in flight at a halving do not halve again. */
void budget_throttled(struct budget *b, usec_t opened);
void budget_pause(struct budget *b, usec_t wait);
void budget_told(struct budget *b, const struct rate_hint *hint); /* by an answer, whose slot is still held */

unsigned budget_open(const struct budget *b);
unsigned budget_limit(const struct budget *b);      /* in force now */
unsigned budget_per_minute(const struct budget *b); /* in force now; 0: any */

#endif
