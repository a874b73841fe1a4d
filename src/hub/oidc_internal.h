/* hub/oidc_internal.h - what the files of a sign-in by OpenID Connect share. */
#ifndef MSPHUB_HUB_OIDC_INTERNAL_H
#define MSPHUB_HUB_OIDC_INTERNAL_H

#include "base/jwt.h"
#include "hub/identity_provider.h"
#include "hub/issuer.h"
#include "hub/oidc.h"

/* --- a sign-in under way, as the browser carries it (oidc_flow.c) --- */
#define OIDC_RANDOM_LEN   43 /* of 62 letters: 256 bits; a code verifier has at least so many */
#define OIDC_REDIRECT_MAX 512
struct oidc_flow {
    int64_t tenant_id, provider_id;
    char state[OIDC_RANDOM_LEN + 1], nonce[OIDC_RANDOM_LEN + 1], verifier[OIDC_RANDOM_LEN + 1];
    char return_to[OIDC_RETURN_TO_MAX + 1], redirect_uri[OIDC_REDIRECT_MAX + 1];
    usec_t expires_at; /* wall */
};
void oidc_flow_begin(struct oidc_flow *f, usec_t now); /* the random parts and the end; the rest is the caller's */
bool oidc_flow_seal(const struct hub *h, const struct oidc_flow *f, struct str *ret, struct err *e);
/* ERR_INPUT: not sealed here, expired, or of another state. */
bool oidc_flow_open(const struct hub *h, struct slice cookie, struct slice state, struct oidc_flow *ret, struct err *e);
/* The address of the authorization request. */
void oidc_flow_location(const struct oidc_flow *f, const struct identity_provider *p, const struct issuer *is,
                        struct str *ret);

/* --- the code's exchange (oidc_exchange.c): one call to the token endpoint --- */
struct oidc_tokens { /* lives in the callback; nothing in it is proven */
    struct slice id_token, access_token;
};
/* ERR_AUTH: the issuer refuses; PROTOCOL, UNAVAILABLE, TIMEOUT … */
typedef void oidc_exchange_cb(void *arg, const struct oidc_tokens *t, const struct err *e);
void oidc_exchange(struct hub *h, const struct oidc_flow *f, const struct identity_provider *p, const struct issuer *is,
                   struct slice code, oidc_exchange_cb *cb, void *arg);

/* --- what an ID token must say beside jwt_accept (oidc_flow.c). ERR_AUTH. --- */
bool oidc_claims_good(const struct oidc_flow *f, const struct identity_provider *p, const struct jwt *token,
                      const struct jwt_claims *claims, struct slice access_token, struct err *e);

#endif
