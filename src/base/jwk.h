/* jwk.h - public keys that an issuer publishes (RFC 7517), and signatures checked with them.
 * Why:    the algorithm of a signature is a property of the key. A key here has exactly one, taken from its type, and a
 *         token's own word on it can only agree or be refused: no "none", no HMAC with a public key as its secret.
 * Always: a set never changes; RSA has 2048 to 8192 bits, P-256 points lie on the curve; a key that cannot be used is left out
 *         and counted, the others stay. */
#ifndef MSPHUB_BASE_JWK_H
#define MSPHUB_BASE_JWK_H

#include "base/err.h"
#include "base/slice.h"

enum jws_alg { JWS_RS256, JWS_ES256, JWS_EDDSA, JWS_NALGS_ };
extern const char *const jws_alg_names[]; /* "RS256", "ES256", "EdDSA", NULL */
bool jws_alg_parse(struct slice name, enum jws_alg *ret);

#define JWKS_MAX_BYTES ((size_t)256 << 10)
#define JWKS_MAX_KEYS  100

struct jwk;
struct jwks; /* counted, immutable */

/* A JWK Set. ERR_PROTOCOL: it is none, is too large, or has a member twice. One without a usable key is a set, too. */
struct jwks *jwks_parse(struct slice text, struct err *e);
struct jwks *jwks_ref(struct jwks *s);
void jwks_unref(struct jwks *s); /* NULL is allowed */
void jwks_unrefp(struct jwks **s);
size_t jwks_count(const struct jwks *s);       /* usable keys */
size_t jwks_left_out(const struct jwks *s);    /* of another use, kind or algorithm, or wrong */
const char *jwks_reason(const struct jwks *s); /* why the first wrong one was left out; "" */

/* `kid` .p == NULL: the token names no key; then the set must have one and only one for the algorithm. NULL: no such key. */
const struct jwk *jwks_find(const struct jwks *s, struct slice kid, enum jws_alg alg);
/* RS256: as long as the modulus. ES256: r and s, 64 bytes. EdDSA: Ed25519, 64 bytes. */
bool jwk_verify(const struct jwk *k, struct slice text, struct slice signature) WARN_UNUSED;

#endif
