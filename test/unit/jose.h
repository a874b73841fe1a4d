/* jose.h - the other side of base/jwt.h, for tests: keys that sign, and tokens as an issuer (or a forger) would make them. */
#ifndef MSPHUB_TEST_UNIT_JOSE_H
#define MSPHUB_TEST_UNIT_JOSE_H

#include "base/jwk.h"
#include "base/str.h"

struct jose_key;
struct jose_key *jose_key_new(enum jws_alg alg);
struct jose_key *jose_rsa_new(unsigned bits);
void jose_key_free(struct jose_key *k);

/* The public key as a JWK; `more` is further members such as "\"use\":\"sig\",", "" for none; kid NULL: none. */
void jose_jwk(const struct jose_key *k, const char *kid, const char *more, struct str *out);
/* One set of these JWKs, which are separated by commas. */
char *jose_set(const char *jwks);
/* The public key in PEM or DER: what a forger takes as the secret of an HMAC. */
void jose_public(const struct jose_key *k, bool pem, struct str *out);

void jose_sign(const struct jose_key *k, struct slice text, struct str *out); /* raw bytes, as JWS has them */
/* header.payload.signature; the header is taken as it is, whatever it says. */
char *jose_token(const struct jose_key *k, const char *header, const char *payload);
char *jose_hmac_token(struct slice secret, const char *header, const char *payload);

#endif
