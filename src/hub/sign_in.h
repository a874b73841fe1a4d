/* hub/sign_in.h - a person signs in with a password and, where enrolled, a code.
 * Why:    an attacker must neither try many passwords nor lock others out by trying.
 * How:    three brakes (doc/sign-in.md): an address has a number of failures in ten minutes, here in memory; a user has one before
 *         waiting begins, in the database, counted before the password is looked at; and browsers in which the user signed in
 *         before, known by a cookie of their own, are counted apart from strangers.
 * Always: unknown tenant, unknown user, wrong password, wrong code, locked, disabled, suspended: the same outcome after the same
 *         work, at the next multiple of a quarter of a second. */
#ifndef MSPHUB_HUB_SIGN_IN_H
#define MSPHUB_HUB_SIGN_IN_H

#include "hub/session.h"

#define SIGN_IN_DEVICE_LEN 32

struct sign_ins *sign_ins_new(struct hub *h);
void sign_ins_stop(struct sign_ins *s); /* ends what waits, and whatever would */
void sign_ins_free(struct sign_ins *s); /* after the database pool and the worker, whose callbacks it serves */

struct sign_in_input {   /* copied */
    struct slice tenant; /* slug; empty: the only one */
    struct slice email, password;
    struct slice code;   /* of the authenticator app, or a recovery code; empty: none */
    struct slice device; /* the browser's mark, as its cookie has it; empty: none */
    struct slice address;
    struct slice user_agent, request_id;
};

enum sign_in_outcome {
    SIGN_IN_OPENED,
    SIGN_IN_REFUSED,
    SIGN_IN_CODE_NEEDED, /* the password was right */
    SIGN_IN_LATER,       /* this address has failed too often */
};
struct sign_in_result { /* lives in the callback */
    enum sign_in_outcome outcome;
    const struct session *session;       /* OPENED */
    char device[SIGN_IN_DEVICE_LEN + 1]; /* OPENED: the mark that the browser must be given; "": it has it */
    usec_t wait;                         /* LATER */
};
/* Once, in a later turn. r is NULL with an error (the database is away, the queue is full …). */
typedef void sign_in_cb(void *arg, const struct sign_in_result *r, const struct err *e);
void sign_in(struct hub *h, const struct sign_in_input *in, sign_in_cb *cb, void *arg);

/* The brake for secrets that a signed-in user presents again (the old password, a code): ten failures in ten minutes. Takes one;
 * false: none is left. */
bool sign_in_try(struct hub *h, int64_t tenant_id, int64_t user_id);
void sign_in_try_back(struct hub *h, int64_t tenant_id, int64_t user_id); /* it was no failure */

/* A recovery code as it is kept: SHA-256 of its letters, without hyphens and blanks, in upper case. */
#define SIGN_IN_RECOVERY_LEN 19 /* "ABCD-EFGH-IJKL-MNOP": 80 bits */
void sign_in_recovery_make(char text[SIGN_IN_RECOVERY_LEN + 1]);
/* False: it is no such code. */
bool sign_in_recovery_hash(struct slice text, uint8_t hash[SHA256_LEN]);

#endif
