/* hub/account.h - what a signed-in user does with their own account: another password, a second factor.
 * Always: each change ends the user's other sessions and gives this one a new token, in the transaction of the change; a wrong
 *         password or code counts (sign_in_try), so that a stolen session cannot be used to find one. */
#ifndef MSPHUB_HUB_ACCOUNT_H
#define MSPHUB_HUB_ACCOUNT_H

#include "hub/session.h"
#include "hub/sign_in.h"

#define ACCOUNT_RECOVERY_CODES 10

struct account_result {            /* lives in the callback */
    const struct session *session; /* renewed: session->fresh is its token; of account_totp_begin: as it was */
    struct slice secret, uri;      /* of account_totp_begin: for the authenticator app, shown once */
    const char (*codes)[SIGN_IN_RECOVERY_LEN + 1]; /* of account_totp_confirm: shown once */
    size_t ncodes;
};
/* Once, in a later turn; r is NULL with an error. ERR_FORBIDDEN: the password or the code is wrong. ERR_THROTTLED: too many wrong
 * ones. ERR_CONFLICT: no password to change, a second factor is there already, or is not; or it was changed meanwhile.
 * ERR_LIMIT: the queue for hashing is full. */
typedef void account_cb(void *arg, const struct account_result *r, const struct err *e);

/* `fresh` was found acceptable (base/password.h). */
void account_change_password(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice old,
                             struct slice fresh, account_cb *cb, void *arg);
/* A new secret, which sign-in does not ask for until it is confirmed with a code of it. */
void account_totp_begin(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice password,
                        account_cb *cb, void *arg);
void account_totp_confirm(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice code,
                          account_cb *cb, void *arg);
/* `code` of the app, or a recovery code. */
void account_totp_remove(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice code,
                         account_cb *cb, void *arg);

#endif
