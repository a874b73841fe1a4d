/* hub/issuer.h - what issuers publish: their metadata (OpenID Connect Discovery) and their keys, fetched, kept and renewed.
 * Why:    a signature is checked with keys that may change at any time, by an issuer that may be away at any time, on the word of a
 *         token that anybody can write.
 * Owns:   for each issuer that was asked for: what was fetched last, the fetch under way, whoever waits for it.
 * Always: one fetch an issuer at a time. What was fetched is fresh for as long as the reply allows (5 minutes to 24 hours), then it is
 *         fetched again before it is used; an issuer that is away is then believed by its old keys for options.issuer_stale.
 *         A key that is missing brings a new fetch, and so does a failure, but only once in options.issuer_refetch: a flood
 *         of invented key ids, or of tokens while the issuer is away, is no flood of fetches. After a fetch, keys that are gone
 *         are gone. */
#ifndef MSPHUB_HUB_ISSUER_H
#define MSPHUB_HUB_ISSUER_H

#include "base/jwk.h"
#include "hub/hub.h"
#include "reactor/egress.h"

struct issuer {                                    /* counted, immutable */
    char *url;                                     /* as configured and as it calls itself */
    char *authorization_endpoint, *token_endpoint; /* NULL: it has none */
    char *jwks_uri;
    bool client_secret_post; /* it takes the secret in the body only, not as Basic */
    bool names_itself;       /* RFC 9207: its authorization responses carry `iss` */
    bool signs_as_we_check;  /* false: it says that its ID tokens have none of our algorithms */
    struct jwks *keys;
    uint8_t keys_hash[SHA256_LEN]; /* of the key set's text */
    usec_t fresh;                  /* how long */
    usec_t fetched_at;             /* loop_now */
    unsigned refs;
};
struct issuer *issuer_ref(struct issuer *is);
void issuer_unref(struct issuer *is); /* NULL is allowed */

struct issuers *issuers_new(struct hub *h);
void issuers_free(struct issuers *s); /* after the HTTP client, whose callbacks it serves */

/* Once, in a later turn; `is` is borrowed. Errors of the fetch: UNAVAILABLE, TIMEOUT, PROTOCOL (HTML, another issuer's name …),
 * FORBIDDEN (a private address), AUTH (its certificate), INPUT, LIMIT, CANCELED. The sentence tells what was asked. */
typedef void issuer_cb(void *arg, struct issuer *is, const struct err *e);
void issuers_get(struct issuers *s, const char *url, issuer_cb *cb, void *arg);
/* `seen` had not the key that is needed: a newer one if there is or may be one by now, else `seen` again. */
void issuers_get_newer(struct issuers *s, struct issuer *seen, issuer_cb *cb, void *arg);
/* For trying out a configuration: fetches now, whatever is known. A good answer is taken over. */
void issuers_try(struct issuers *s, const char *url, issuer_cb *cb, void *arg);
/* Grows whenever an issuer's keys have changed: what was checked with the ones before must be checked again. */
uint64_t issuers_epoch(const struct issuers *s);

/* --- the fetch itself (hub/issuer_fetch.c): two calls, no cache. The callback gets the reference. */
void issuer_fetch(struct hub *h, const char *url, issuer_cb *cb, void *arg);
/* Where calls may go (reactor/egress.h); no query, no fragment, no user. */
bool issuer_url_allowed(struct slice url, const struct egress *g, struct err *e);
/* Reads a discovery document into *is; ERR_PROTOCOL, ERR_INPUT. */
bool issuer_read_metadata(struct issuer *is, struct slice json, const struct egress *g, struct err *e);
/* max-age of a Cache-Control header, within the bounds. */
usec_t issuer_freshness(struct slice cache_control);

#endif
