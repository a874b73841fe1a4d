/* hub/connect.h - a person connects an account of a product in the browser (OAuth 2.0, authorization code with PKCE).
 * How:    what a connection under way must remember (state, code verifier, who began it for which integration) is sealed into a cookie of
 *         the browser that began it; the state is spent in the database when the answer comes, so it is good once over all processes.
 * Always: an answer counts only in the browser and the session that asked, for the same tenant, user and integration, within
 *         CONNECT_LIFETIME, once, and only while the settings are those that it was asked for with. The grant is sealed and committed
 *         before anything uses it. The webhook is registered afterwards where the product's API can; that it cannot spoils nothing. */
#ifndef MSPHUB_HUB_CONNECT_H
#define MSPHUB_HUB_CONNECT_H

#include "hub/integration.h"
#include "hub/session.h"

#define CONNECT_LIFETIME      SECONDS(600)
#define CONNECT_MAX_RETURNS   64 /* answers being worked on at once */
#define CONNECT_RETURN_TO_MAX 512

struct connects;
struct connects *connects_new(struct hub *h);
void connects_free(struct connects *c); /* after all whose callbacks it serves */

/* Does this integration connect that way, with its settings? */
bool connect_wanted(const struct integration *it);
/* Where the product sends the browser back to; ERR_CONFIG without public_url. */
bool connect_redirect_uri(const struct hub *h, const struct provider *p, struct str *ret, struct err *e);

struct connect_beginning {
    const struct integration *integration;
    int64_t user_id, session_id;
    struct slice return_to; /* oidc_return_to_good */
};
/* Where to send the browser, and the cookie that it must be given. ERR_INPUT, ERR_CONFIG, ERR_CONFLICT: it does not connect that way. */
bool connect_begin(struct hub *h, const struct connect_beginning *b, struct str *ret_location, struct str *ret_cookie,
                   usec_t *ret_expires, struct err *e);

struct connect_answer {            /* copied; SLICE_NONE: absent */
    const struct session *session; /* of the browser */
    struct slice provider;         /* of the address at which it arrived */
    struct slice cookie, state, code, error, error_description;
    struct slice address, request_id;
};
struct connect_outcome {
    const char *return_to, *reason; /* reason: a word for programs, with an error only */
    const struct integration *integration;
    bool registers;                 /* the webhook was to be registered … */
    const struct err *registration; /* … and was not; NULL: it was */
};
/* Once, in a later turn. */
typedef void connect_cb(void *arg, const struct connect_outcome *o, const struct err *e);
void connect_return(struct hub *h, const struct connect_answer *a, connect_cb *cb, void *arg);

/* Disconnects: the webhook is removed in the product as far as it lets us, then the tokens are forgotten and the integration is switched
 * off. `removed` false with `why`: it was registered, and is still there. */
typedef void disconnect_cb(void *arg, bool removed, const struct err *why, const struct err *e);
void connect_end(struct hub *h, struct integration *it, const struct audit_actor *by, disconnect_cb *cb, void *arg);

#endif
