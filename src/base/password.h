/* password.h - local users' passwords: what is acceptable, and argon2id.
 * Why:    a stolen table of password hashes must cost its thief memory and time for each guess.
 * Always: hash and verify take tens of milliseconds: they belong on the worker thread (reactor/worker.h), and touch nothing shared.
 *         A password is its UTF-8 bytes as given; nothing is normalised, folded or cut. */
#ifndef MSPHUB_BASE_PASSWORD_H
#define MSPHUB_BASE_PASSWORD_H

#include "base/err.h"
#include "base/slice.h"

#define PASSWORD_MIN      12  /* characters */
#define PASSWORD_MAX      256 /* characters */
#define PASSWORD_HASH_MAX 160 /* a PHC string with its NUL */
#define PASSWORD_MADE_LEN 20  /* of one that is made here: 119 bits */

struct password_cost {
    uint32_t kib, passes; /* one lane: more of them would only help an attacker with more cores than we have */
};

/* Writes "$argon2id$v=19$m=…,t=…,p=1$salt$hash". False: no memory for it. */
bool password_hash(struct slice password, const struct password_cost *cost, char ret[PASSWORD_HASH_MAX]) WARN_UNUSED;
enum password_answer { PASSWORD_WRONG, PASSWORD_RIGHT, PASSWORD_FAILED };
/* FAILED: no memory for it, or `hash` is no argon2id string within bounds. */
enum password_answer password_verify(struct slice password, struct slice hash);
/* Made at another cost than is wanted now: hash it again when the password is at hand. */
bool password_outdated(struct slice hash, const struct password_cost *cost);

/* ERR_INPUT with a sentence for the person: length, in a list of common ones, contains the user's e-mail address. */
bool password_acceptable(struct slice password, struct slice email, struct err *e);
/* A random one; wipe it when it was shown. */
void password_make(char ret[PASSWORD_MADE_LEN + 1]);

#endif
