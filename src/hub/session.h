/* hub/session.h - sessions of people: opened by a sign-in, carried by a cookie, checked without a query in the common case.
 * Owns:   a bounded cache by SHA-256 of the token; entries are dropped by NOTIFY msphub_session in every process (sign-out, another
 *         password, another role, disabled …), and after a minute; while that cannot be heard, every check asks the database. A
 *         suspended tenant's sessions are known all the same: that is told by the stage behind (api/tenant_scope.c).
 * Always: a token is random and made here, whatever the browser sent before; the database and the cache know its hash only;
 *         one that is unknown, expired or closed is the same ERR_AUTH. A session ends when it was idle for
 *         options.session_idle (to within a tenth of it) or is as old as options.session_lifetime.
 * Exchange: a token older than options.session_rotate is answered with a `fresh` one, which the browser must be given. The old
 *         one stays good until the fresh one was used, and for options.session_grace more. */
#ifndef MSPHUB_HUB_SESSION_H
#define MSPHUB_HUB_SESSION_H

#include "hub/access.h"
#include "store/audit.h"
#include "store/session.h"

#define SESSION_TOKEN_LEN 43 /* of 62 letters: 256 bits */
#define SESSION_CSRF_LEN  32

struct session {
    struct access_identity who;
    int64_t session_id;
    char csrf[SESSION_CSRF_LEN + 1];
    bool must_change_password;         /* until then it may do nothing else */
    usec_t expires_at;                 /* wall; whatever it does */
    char fresh[SESSION_TOKEN_LEN + 1]; /* "": the browser keeps its token; else it must be given this one. Wipe it. */
};

struct sessions *sessions_new(struct hub *h);
void sessions_free(struct sessions *s); /* after the database pool, whose callbacks it serves */

/* The common case without a turn. False also when the token is due for exchange: session_check does that. */
bool session_cached(struct hub *h, struct slice token, struct session *ret);
/* Once, in a later turn; ERR_AUTH, ERR_UNAVAILABLE. `session` is borrowed. */
typedef void session_cb(void *arg, const struct session *session, const struct err *e);
void session_check(struct hub *h, struct slice token, session_cb *cb, void *arg);

/* What a sign-in, by whichever way, has found out. Copied. */
struct session_opening {
    int64_t tenant_id, user_id;
    struct slice email;      /* names the user in the audit log */
    const char *method;      /* "password" or "oidc" */
    struct slice address;    /* the client's */
    struct slice user_agent; /* as sent; SLICE_NONE: none */
    struct slice request_id;
    bool second_factor; /* the two below say which */
    int64_t totp_step;  /* -1: it was a recovery code */
    const uint8_t *recovery_hash;
    const uint8_t *device_hash; /* see store/session.h */
    bool device_known;
};
/* The row, its audit row, the time of the last sign-in and what a second factor spends, in one transaction. session->fresh is its
 * token. ERR_AUTH: the user is disabled by now, the tenant suspended, or the code spent. */
void session_open(struct hub *h, const struct session_opening *o, session_cb *cb, void *arg);

/* Adds to a segment, behind the statement that changes what a session is worth (and the user's updated_at): a new token for `s`, the
 * end for the user's others. s->fresh and s->csrf become the new ones. After the commit: session_forget. Gives the statement, which
 * has a row; none: the user was not changed by this transaction, and so nothing was done. */
unsigned session_add_renewal(struct pg_seg *seg, struct session *s);
/* A user's sessions are not what they were: this process forgets them now, the others hear of it. session_id 0: all. */
void session_forget(struct hub *h, int64_t tenant_id, int64_t user_id, int64_t session_id);

/* Ends one session of the user, or all but one. ERR_NOT_FOUND: there is no such session (close). */
typedef void session_closed_cb(void *arg, const struct err *e);
void session_close(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t user_id, int64_t session_id,
                   session_closed_cb *cb, void *arg);
void session_close_others(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t user_id, int64_t but,
                          session_closed_cb *cb, void *arg);

#endif
