/* hub/oidc.h - people sign in with their tenant's identity provider: OpenID Connect's authorization code with PKCE.
 * How:    what a sign-in under way must remember (state, nonce, code verifier, where to return) is sealed into a cookie of the browser
 *         that began it, so nobody fills the database by beginning; a state is spent in the database when its sign-in arrives, so
 *         it is good once over all processes.
 * Always: an answer counts only in the browser that asked, within OIDC_LIFETIME, once, from the issuer that was asked
 *         (it arrives at the provider's own address: another provider's code is given to nobody); an ID token
 *         only with its signature, issuer, audience, times and nonce. A user is known by provider and subject; an e-mail address
 *         that another user of the tenant has is refused, never taken over. The role is the mapping's, at each sign-in. */
#ifndef MSPHUB_HUB_OIDC_H
#define MSPHUB_HUB_OIDC_H

#include "hub/session.h"

#define OIDC_LIFETIME      SECONDS(600)
#define OIDC_MAX_RETURNS   64 /* answers being worked on at once */
#define OIDC_MAX_OF_TENANT 16 /* of them: an issuer that never answers keeps nobody else out */
#define OIDC_RETURN_TO_MAX 512

struct oidcs *oidcs_new(struct hub *h);
void oidcs_free(struct oidcs *o); /* after all whose callbacks it serves */

/* A place of our own: an absolute path without a host, in visible ASCII. */
bool oidc_return_to_good(struct slice path);

struct oidc_beginning {            /* copied */
    struct slice tenant, provider; /* slug and name */
    struct slice return_to;        /* oidc_return_to_good */
    struct slice redirect_uri;     /* of this hub */
};
/* Once, in a later turn: where to send the browser, and the cookie that it must be given. ERR_NOT_FOUND: nobody can sign in this way;
 * ERR_CONFIG; errors of the issuer. */
typedef void oidc_begun_cb(void *arg, const char *location, const char *cookie, const struct err *e);
void oidc_begin(struct hub *h, const struct oidc_beginning *b, oidc_begun_cb *cb, void *arg);

struct oidc_answer {               /* copied; SLICE_NONE: absent */
    struct slice tenant, provider; /* slug and name, of the address at which it arrived */
    struct slice cookie;
    struct slice state, code, issuer, error, error_description; /* as sent back by the issuer, through the browser */
    struct slice address, user_agent, request_id;
};
/* Once, in a later turn. reason: a word for programs, with an error only ("state", "no_role" …). */
struct oidc_outcome {
    const struct session *session; /* its `fresh` is the token */
    const char *return_to;
    const char *reason;
};
typedef void oidc_returned_cb(void *arg, const struct oidc_outcome *o, const struct err *e);
void oidc_return(struct hub *h, const struct oidc_answer *a, oidc_returned_cb *cb, void *arg);

#endif
