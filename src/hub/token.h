/* hub/token.h - access tokens: one refresh at a time per integration, across all processes.
 * Why:    products rotate refresh tokens: a second refresh with a used one ends the grant, and a person must connect
 *         again. So who refreshes holds a lease in the database, and what comes back is stored before it is used.
 * Owns:   a source per integration and version of its settings: the current token, who waits for it, the refresh under
 *         way.
 * States: IDLE -> LOAD -> CLAIM -> AUTH -> STORE -> IDLE; CLAIM -> WAIT -> LOAD while another holds the lease; LOAD ->
 *         AUTH without keys; IDLE -> AUTH for unsaved settings; AUTH -> DEAD -> IDLE for a refused grant; any -> IDLE
 *         [source_enter]
 * Always: an asker is answered once, in a later turn, unless it left. A rotated refresh token is committed before its
 *         access token is handed out. Only ERR_AUTH from the authenticate machine ends a grant (status error,
 *         "reconnect required: …", nothing tried until the settings change); throttling, 5xx, silence and a lost
 *         database clear nothing. A token still valid is handed out while its successor is fetched ahead of expiry. */
#ifndef MSPHUB_HUB_TOKEN_H
#define MSPHUB_HUB_TOKEN_H

#include "hub/hub.h"
#include "hub/integration.h"

struct tokens;
struct token_source;

/* Immutable. */
struct token {
    struct secret *access;
    usec_t expires_at; /* wall; USEC_NONE: not told */
    usec_t life;       /* from issue to expiry; USEC_NONE: not told */
    unsigned refs;
};
struct token *token_ref(struct token *t);
void token_unref(struct token *t);

/* `engine` runs the authenticate machines. */
struct tokens *tokens_new(struct hub *h, struct engine *engine);
void tokens_free(struct tokens *ts);                                      /* no source may be held any more */
void tokens_drain(struct tokens *ts, void (*done)(void *arg), void *arg); /* see engine_drain */

/* A counted source; integrations with id 0 (settings under test) get one of their own that keeps everything in memory.
 * */
struct token_source *token_source_get(struct tokens *ts, struct integration *it);
void token_source_put(struct token_source *s);

/* The current token (a reference) when it can be used at once, else NULL. Begins the refresh ahead of expiry when it is
 * due. */
struct token *token_now(struct token_source *s);

/* Lives inside who asks; zero-initialised. */
struct token_wait {
    struct token_source *source;                                 /* NULL: not waiting */
    void (*cb)(void *arg, struct token *t, const struct err *e); /* t is borrowed; NULL on error */
    void *arg;
    TAILQ_ENTRY(token_wait) link;
};
/* `refused`: the product answered 401 to this one; NULL: just the current. However many ask with the same refused
 * token, one refresh serves them. */
void token_ask(struct token_source *s, struct token *refused, struct token_wait *w,
               void (*cb)(void *arg, struct token *t, const struct err *e), void *arg);
void token_leave(struct token_wait *w);

#endif
