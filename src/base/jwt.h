/* jwt.h - signed tokens (RFC 7519 in the compact form of RFC 7515), read and judged.
 * Why:    whoever can choose how a token is checked can forge one. So nothing of a token decides about its check but the id of the
 *         key to look for among the issuer's; the key decides the algorithm. The header's jwk, jku, x5u and x5c are never looked at.
 * Always: claims are handed out after the signature and every rule held, never before (but for what chooses the issuer to ask);
 *         one token has one text: non-canonical base64url, doubled members, U+0000, lone surrogates and bad UTF-8 are refused;
 *         "crit" is refused, for no extension is known here; an error never quotes the token. */
#ifndef MSPHUB_BASE_JWT_H
#define MSPHUB_BASE_JWT_H

#include "base/clock.h"
#include "base/json_read.h"
#include "base/jwk.h"
#include "base/mem.h"

#define JWT_MAX         16384
#define JWT_SUBJECT_MAX 255 /* bytes, by OpenID Connect */
#define JWT_AUDIENCES   16

struct jwt; /* taken apart; nothing of it is believed. Lives in the arena. */

/* Does it look like one (three parts)? For choosing the way of authentication. */
bool jwt_shaped(struct slice token);
/* `token` must live as long as the arena. ERR_INPUT. */
bool jwt_read(struct arena *a, struct slice token, struct jwt **ret, struct err *e) WARN_UNUSED;

/* What it says of itself, for choosing whose keys to take. SLICE_NONE past the end. */
struct slice jwt_said_issuer(const struct jwt *t);
struct slice jwt_said_audience(const struct jwt *t, size_t i);

struct jwt_rules {
    struct slice issuer;           /* exactly */
    const struct slice *audiences; /* one of them must be among the token's */
    size_t naudiences;
    usec_t now, leeway; /* wall; for clocks that differ */
    bool id_token;      /* refuses what says that it is an access token */
};

struct jwt_claims {
    struct slice subject;
    usec_t expires_at, issued_at; /* issued_at USEC_NONE: not told */
    struct slice audience;        /* the one of the rules that it has */
    size_t naudiences;            /* that the token has */
    const struct json *all;
};

/* ERR_AUTH says what is wrong. ERR_NOT_FOUND: well made, in time and for us by its own word, but of a key that is not in the set:
 * the issuer may have a new one. */
bool jwt_accept(const struct jwt *t, const struct jwks *keys, const struct jwt_rules *rules, struct jwt_claims *ret,
                struct err *e) WARN_UNUSED;

/* OpenID Connect's at_hash and c_hash: is `said` the left half of the value's digest, by the token's algorithm? */
bool jwt_half_hash_is(const struct jwt *t, struct slice value, struct slice said);

#endif
