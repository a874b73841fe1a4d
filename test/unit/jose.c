/* jose.c - see jose.h. */
#include "jose.h"

#include "base/base64url.h"
#include "base/crypto.h"
#include "base/mem.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct jose_key {
    enum jws_alg alg;
    EVP_PKEY *key;
};

static struct jose_key *key_of(enum jws_alg alg, EVP_PKEY *key)
{
    assert(key);
    struct jose_key *k = NEW(struct jose_key);
    *k = (struct jose_key){alg, key};
    return k;
}

struct jose_key *jose_rsa_new(unsigned bits)
{
    return key_of(JWS_RS256, EVP_RSA_gen(bits));
}

struct jose_key *jose_key_new(enum jws_alg alg)
{
    if (alg == JWS_RS256)
        return jose_rsa_new(2048);
    return key_of(alg, alg == JWS_ES256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

void jose_key_free(struct jose_key *k)
{
    if (k)
        EVP_PKEY_free(k->key);
    free(k);
}

static void add_number(const struct jose_key *k, const char *param, const char *member, int width, struct str *out)
{
    BIGNUM *n = NULL;
    assert(EVP_PKEY_get_bn_param(k->key, param, &n) == 1);
    unsigned char bytes[2048];
    int len = width ? BN_bn2binpad(n, bytes, width) : BN_bn2bin(n, bytes);
    assert(len > 0);
    str_addf(out, ",\"%s\":\"", member);
    str_add_base64url(out, slice_of((char *)bytes, (size_t)len));
    str_addc(out, '"');
    BN_free(n);
}

void jose_jwk(const struct jose_key *k, const char *kid, const char *more, struct str *out)
{
    static const char *const types[] = {"\"kty\":\"RSA\"", "\"kty\":\"EC\",\"crv\":\"P-256\"",
                                        "\"kty\":\"OKP\",\"crv\":\"Ed25519\""};
    str_addf(out, "{%s%s", more, types[k->alg]);
    if (kid)
        str_addf(out, ",\"kid\":\"%s\"", kid);
    if (k->alg == JWS_RS256) {
        add_number(k, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
        add_number(k, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
    } else if (k->alg == JWS_ES256) {
        add_number(k, OSSL_PKEY_PARAM_EC_PUB_X, "x", 32, out);
        add_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, "y", 32, out);
    } else {
        unsigned char raw[32];
        size_t n = sizeof raw;
        assert(EVP_PKEY_get_raw_public_key(k->key, raw, &n) == 1);
        str_adds(out, ",\"x\":\"");
        str_add_base64url(out, slice_of((char *)raw, n));
        str_addc(out, '"');
    }
    str_addc(out, '}');
}

char *jose_set(const char *jwks)
{
    return mem_printf("{\"keys\":[%s]}", jwks);
}

void jose_public(const struct jose_key *k, bool pem, struct str *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    assert(bio && (pem ? PEM_write_bio_PUBKEY(bio, k->key) : i2d_PUBKEY_bio(bio, k->key)) == 1);
    long n = BIO_get_mem_data(bio, &p);
    str_add(out, slice_of(p, (size_t)n));
    BIO_free(bio);
}

/* DER to r and s at full length. */
static void add_ecdsa(const unsigned char *der, size_t n, struct str *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    unsigned char raw[64];
    assert(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32);
    str_add(out, slice_of((char *)raw, sizeof raw));
    ECDSA_SIG_free(sig);
}

void jose_sign(const struct jose_key *k, struct slice text, struct str *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[1024];
    size_t n = sizeof sig;
    const EVP_MD *md = k->alg == JWS_EDDSA ? NULL : EVP_sha256();
    assert(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, k->key) == 1 &&
           EVP_DigestSign(ctx, sig, &n, (const unsigned char *)text.p, text.n) == 1);
    if (k->alg == JWS_ES256)
        add_ecdsa(sig, n, out);
    else
        str_add(out, slice_of((char *)sig, n));
    EVP_MD_CTX_free(ctx);
}

static void add_parts(struct str *token, const char *header, const char *payload)
{
    str_add_base64url(token, slice_cstr(header));
    str_addc(token, '.');
    str_add_base64url(token, slice_cstr(payload));
}

char *jose_token(const struct jose_key *k, const char *header, const char *payload)
{
    struct str token = {0}, sig = {0};
    add_parts(&token, header, payload);
    jose_sign(k, str_slice(&token), &sig);
    str_addc(&token, '.');
    str_add_base64url(&token, str_slice(&sig));
    str_release(&sig);
    return str_take(&token);
}

char *jose_hmac_token(struct slice secret, const char *header, const char *payload)
{
    struct str token = {0};
    uint8_t mac[SHA256_LEN];
    add_parts(&token, header, payload);
    crypto_hmac_sha256(secret, str_slice(&token), mac);
    str_addc(&token, '.');
    str_add_base64url(&token, slice_of((char *)mac, sizeof mac));
    return str_take(&token);
}
