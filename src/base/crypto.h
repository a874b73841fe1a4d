/* crypto.h - what msphub needs of OpenSSL, and secrets as a type. */
#ifndef MSPHUB_BASE_CRYPTO_H
#define MSPHUB_BASE_CRYPTO_H

#include "base/err.h"
#include "base/slice.h"
#include "base/str.h"

#define SHA256_LEN 32

void crypto_random(void *buf, size_t n); /* cannot fail: ends the process if the system has no randomness */
/* n random characters of [0-9A-Za-z] into buf (n + 1 bytes). */
void crypto_token(char *buf, size_t n);
void crypto_sha256(struct slice in, uint8_t out[SHA256_LEN]);
/* SHA-256 of what comes in pieces. */
struct digest;
struct digest *crypto_digest_new(void);
void crypto_digest_add(struct digest *d, struct slice piece);
void crypto_digest_end(struct digest *d, uint8_t out[SHA256_LEN]); /* once; then only freed */
void crypto_digest_free(struct digest *d);
void crypto_hmac_sha256(struct slice key, struct slice in, uint8_t out[SHA256_LEN]);
/* Constant time in the contents; the time depends on the length of `a` (what a stranger presents) alone. */
bool crypto_equal(struct slice a, struct slice b);
uint64_t crypto_hash64(uint64_t seed, struct slice in); /* keyed, fast (XXH3), not for authentication */
bool crypto_unbase64(struct slice text, struct str *out);
bool crypto_unhex(struct slice text, struct str *out);
void crypto_wipe(void *p, size_t n);

/* A secret's text. Freed wiped. There is no implicit way into a log, an answer or a string but secret_text(). */
struct secret;
struct secret *secret_new(struct slice text);
struct slice secret_text(const struct secret *s); /* NULL: SLICE_NONE */
void secret_free(struct secret *s);
void secret_freep(struct secret **s);
/* "****cdef": the last four characters, or only asterisks when it has fewer than 12. */
void secret_mask(const struct secret *s, struct str *out);
bool secret_is_mask(struct slice text); /* could secret_mask have written it? */

/* Sealing: AES-256-GCM. Text form: "v1:<key id>:<base64 of nonce|ciphertext|tag>". `context` is bound as additional
 * data ("tenant/integration/field"): a sealed value copied elsewhere does not open. */
struct keyring; /* one current key, any number of former ones */
/* `text`: one key a line, "<id>:<64 hex digits>", the first is current; '#' starts a comment. */
struct keyring *keyring_parse(struct slice text, struct err *e);
void keyring_free(struct keyring *k);
const char *keyring_current_id(const struct keyring *k);
size_t keyring_size(const struct keyring *k);
bool keyring_same(const struct keyring *a, const struct keyring *b); /* the same keys in the same order; NULL is none */
/* The id of the key that a sealed value names; SLICE_NONE: this is no sealed value. */
struct slice sealed_key_id(struct slice sealed);
/* k == NULL: ERR_CONFIG, no key is configured. */
bool seal(const struct keyring *k, struct slice plain, struct slice context, struct str *out, struct err *e);
bool unseal(const struct keyring *k, struct slice sealed, struct slice context, struct secret **ret, struct err *e);

#endif
