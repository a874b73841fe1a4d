/* hub/token_store.h - a credential's way into the database and out of it.
 * Access tokens are sealed together with the version of the settings they came from and their life: one that outlived
 * an edit is then no token for who reads it. Each statement is one transaction; callbacks are pg's. */
#ifndef MSPHUB_HUB_TOKEN_STORE_H
#define MSPHUB_HUB_TOKEN_STORE_H

#include "hub/token.h"

struct token *token_new(struct slice access, usec_t expires_at, usec_t life);

/* "tenant/integration/field", the context of every sealed value of a credential. */
void token_context(const struct integration *it, const char *field, struct str *ret);
bool token_seal(struct hub *h, const struct integration *it, const struct token *t, struct str *ret, struct err *e);
/* NULL: none stored, of another version, or not to be opened (it is only a cache: a new one is fetched). */
struct token *token_unseal(struct hub *h, const struct integration *it, struct slice sealed, usec_t expires_at);

/* What load and claim return; texts live as long as the reply. */
struct token_row {
    int64_t version, dead_version; /* dead_version 0: none */
    struct slice message, access, refresh;
    usec_t expires_at;
};
bool token_store_row(const struct pg_reply *r, struct token_row *ret); /* false: no row */

struct token_update {
    struct slice access, new_refresh, used_refresh; /* sealed; .p NULL: none */
    usec_t expires_at;
};

struct ref token_store_load(struct hub *h, const struct integration *it, pg_cb *cb, void *arg);
struct ref token_store_claim(struct hub *h, const struct integration *it, const char *owner, usec_t lease, pg_cb *cb,
                             void *arg);
struct ref token_store_put(struct hub *h, const struct integration *it, const char *owner, const struct token_update *u,
                           pg_cb *cb, void *arg);
struct ref token_store_dead(struct hub *h, const struct integration *it, const char *owner, struct slice used_refresh,
                            const char *message, pg_cb *cb, void *arg);
/* Nobody waits for these: when they are lost, the lease runs out. */
void token_store_renew(struct hub *h, const struct integration *it, const char *owner, usec_t lease);
void token_store_release(struct hub *h, const struct integration *it, const char *owner);

#endif
