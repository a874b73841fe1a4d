/* hub/token_internal.h - what token.c (who asks, who holds) and token_refresh.c (one refresh, from load to store)
 * share. */
#ifndef MSPHUB_HUB_TOKEN_INTERNAL_H
#define MSPHUB_HUB_TOKEN_INTERNAL_H

#include "hub/engine.h"
#include "hub/token_store.h"

#define OWNER_MAX 64

enum source_state { SRC_IDLE, SRC_LOAD, SRC_CLAIM, SRC_WAIT, SRC_AUTH, SRC_STORE, SRC_DEAD, SRC_NSTATES_ };
/* What the pool holds instead of the source, which may be freed before the answer comes. */
struct query {
    struct token_source *source;
    void (*cb)(struct token_source *s, const struct pg_reply *r);
};

struct token_source {
    struct tokens *set;
    struct integration *it;
    unsigned refs;
    enum source_state state;
    /* In the lease: this process and this attempt, so that a release still under way cannot end the next attempt's. */
    char owner[OWNER_MAX];
    bool leased;

    struct token *now, *refused;
    struct secret *kept_refresh; /* of unsaved settings */
    TAILQ_HEAD(, token_wait) waits;
    struct deferred settle;

    bool failed; /* the last attempt, and until hold_until nothing is tried again */
    bool dead;   /* of what is kept in memory only: for good */
    struct err err;
    unsigned failures;
    usec_t hold_until;
    unsigned owed; /* askers to whom the token just fetched is due, whatever we think of its life */

    /* the refresh under way */
    struct query *query;
    struct timer poll, renew;
    usec_t poll_step, wait_since;
    bool waited;
    struct str used_refresh; /* sealed, as stored */
    struct token *fresh;
    struct secret *fresh_refresh;
    struct str sealed_access, sealed_refresh;
    unsigned stores;
    bool store_failed;
    TAILQ_ENTRY(token_source) link;
};

struct tokens {
    struct hub *hub;
    struct engine *engine;
    struct metric_family *refreshes, *expires;
    bool warned; /* no keys: said once */
    uint64_t attempts;
    unsigned busy;
    void (*drained)(void *arg);
    void *drained_arg;
    struct deferred drain;
    TAILQ_HEAD(, token_source) all;
};

void source_enter(struct token_source *s, enum source_state to);
void source_wake(struct token_source *s); /* who waits is looked at again, in a later turn */
bool token_usable(const struct token_source *s, const struct token *t);
bool token_due(const struct token_source *s, const struct token *t); /* is it time to fetch its successor? */

/* Begins a refresh, unless one is under way or the last failure is too fresh. */
void source_refresh(struct token_source *s);
void source_clear_attempt(struct token_source *s);

static inline usec_t source_wall(const struct token_source *s)
{
    return loop_wall(s->set->hub->loop);
}

static inline usec_t source_now(const struct token_source *s)
{
    return loop_now(s->set->hub->loop);
}

#endif
