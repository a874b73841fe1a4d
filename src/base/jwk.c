/* jwk.c - see jwk.h. OpenSSL's keys are made of numbers that are checked here first: it would take a short modulus. */
#include "base/jwk.h"

#include "base/base64url.h"
#include "base/crypto.h"
#include "base/json_read.h"
#include "base/mem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192
#define KID_MAX      256
#define P256_BYTES   32
#define ED25519_KEY  32
#define ED25519_SIG  64

const char *const jws_alg_names[] = {"RS256", "ES256", "EdDSA", NULL};

struct jwk {
    char *kid; /* NULL: it has none */
    size_t kid_n;
    enum jws_alg alg;
    EVP_PKEY *key;
};

struct jwks {
    struct jwk *v;
    size_t n, left_out;
    char reason[160];
    unsigned refs;
};

bool jws_alg_parse(struct slice name, enum jws_alg *ret)
{
    for (int i = 0; i < JWS_NALGS_; i++)
        if (slice_is(name, jws_alg_names[i])) {
            *ret = (enum jws_alg)i;
            return true;
        }
    return false;
}

/* --- one key --- */

static void bn_freep(BIGNUM **n)
{
    BN_free(*n);
}

static void build_freep(OSSL_PARAM_BLD **b)
{
    OSSL_PARAM_BLD_free(*b);
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static bool member_bytes(const struct json *jwk, const char *name, struct str *out)
{
    struct slice text = json_get_text(jwk, name);
    return text.n && base64url_decode(text, out);
}

static EVP_PKEY *rsa_key(const struct json *jwk, const char **why)
{
    _cleanup_(str_release) struct str n_bytes = {0}, e_bytes = {0};
    if (!member_bytes(jwk, "n", &n_bytes) || !member_bytes(jwk, "e", &e_bytes) || n_bytes.n > RSA_MAX_BITS / 8 + 1 ||
        e_bytes.n > 8) {
        *why = "an RSA key has no usable n and e";
        return NULL;
    }
    _cleanup_(bn_freep) BIGNUM *n = BN_bin2bn((const uint8_t *)n_bytes.p, (int)n_bytes.n, NULL);
    _cleanup_(bn_freep) BIGNUM *exponent = BN_bin2bn((const uint8_t *)e_bytes.p, (int)e_bytes.n, NULL);
    _cleanup_(build_freep) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (!n || !exponent || !build)
        return NULL;
    if (BN_num_bits(n) < RSA_MIN_BITS || BN_num_bits(n) > RSA_MAX_BITS) {
        *why = "an RSA key has fewer than 2048 or more than 8192 bits";
        return NULL;
    }
    if (!BN_is_odd(n) || !BN_is_odd(exponent) || BN_is_one(exponent) || BN_num_bits(exponent) > 33) {
        *why = "an RSA key's numbers are not possible";
        return NULL;
    }
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return NULL;
    return key_from("RSA", build);
}

static EVP_PKEY *p256_key(const struct json *jwk, const char **why)
{
    _cleanup_(str_release) struct str point = {0};
    str_addc(&point, 4); /* uncompressed */
    if (!member_bytes(jwk, "x", &point) || point.n != 1 + P256_BYTES || !member_bytes(jwk, "y", &point) ||
        point.n != 1 + 2 * P256_BYTES) {
        *why = "a P-256 key's x and y are not 32 bytes each";
        return NULL;
    }
    _cleanup_(build_freep) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (!build || OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) != 1)
        return NULL;
    EVP_PKEY *key = key_from("EC", build);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool good = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (good)
        return key;
    EVP_PKEY_free(key);
    *why = "a P-256 key is no point of the curve";
    return NULL;
}

static EVP_PKEY *ed25519_key(const struct json *jwk, const char **why)
{
    _cleanup_(str_release) struct str x = {0};
    if (!member_bytes(jwk, "x", &x) || x.n != ED25519_KEY) {
        *why = "an Ed25519 key's x is not 32 bytes";
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)x.p, x.n);
}

static const struct kind {
    enum jws_alg alg;
    const char *kty, *crv; /* crv NULL: it has none */
    EVP_PKEY *(*make)(const struct json *jwk, const char **why);
} kinds[] = {
    {JWS_RS256, "RSA", NULL, rsa_key},
    {JWS_ES256, "EC", "P-256", p256_key},
    {JWS_EDDSA, "OKP", "Ed25519", ed25519_key},
};

static const struct kind *kind_of(const struct json *jwk)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_is(json_get_text(jwk, "kty"), kinds[i].kty) &&
            (!kinds[i].crv || slice_is(json_get_text(jwk, "crv"), kinds[i].crv)))
            return &kinds[i];
    return NULL;
}

/* A key says what it is for by "use" or "key_ops"; by neither: for anything. */
static bool for_signatures(const struct json *jwk)
{
    const struct json *use = json_get(jwk, "use"), *ops = json_get(jwk, "key_ops");
    if (use && !(use->type == JSON_STRING && slice_is(use->text, "sig")))
        return false;
    if (!ops)
        return true;
    for (const struct json *op = ops->type == JSON_ARRAY ? ops->child : NULL; op; op = op->next)
        if (op->type == JSON_STRING && slice_is(op->text, "verify"))
            return true;
    return false;
}

/* False: left out; *why only when something is wrong with it, not when it is just of no use here. */
static bool jwk_make(const struct json *j, struct jwk *ret, const char **why)
{
    const struct kind *kind = kind_of(j);
    const struct json *alg = json_get(j, "alg"), *kid = json_get(j, "kid");
    if (!kind || !for_signatures(j))
        return false;
    if (alg && !(alg->type == JSON_STRING && slice_is(alg->text, jws_alg_names[kind->alg])))
        return false;
    if (json_get(j, "d")) {
        *why = "a key is published together with its private part";
        return false;
    }
    if (kid && (kid->type != JSON_STRING || !kid->text.n || kid->text.n > KID_MAX)) {
        *why = "a key's kid is not a text of 1 to 256 bytes";
        return false;
    }
    EVP_PKEY *key = kind->make(j, why);
    if (!key)
        return false;
    *ret = (struct jwk){.alg = kind->alg, .key = key};
    if (kid) {
        ret->kid = mem_strndup(kid->text.p, kid->text.n);
        ret->kid_n = kid->text.n;
    }
    return true;
}

static void jwk_release(struct jwk *k)
{
    free(k->kid);
    EVP_PKEY_free(k->key);
}

/* --- the set --- */

static bool same_kid(const struct jwk *k, struct slice kid)
{
    return k->kid && slice_eq(slice_of(k->kid, k->kid_n), kid);
}

static void jwks_add(struct jwks *s, const struct json *j)
{
    struct jwk k;
    const char *why = NULL;
    if (!jwk_make(j, &k, &why)) {
        s->left_out++;
    } else if (k.kid && jwks_find(s, slice_of(k.kid, k.kid_n), k.alg)) {
        why = "two keys of one algorithm have the same kid";
        s->left_out++;
        jwk_release(&k);
    } else {
        s->v[s->n++] = k;
    }
    if (why && !s->reason[0])
        snprintf(s->reason, sizeof(s->reason), "%s", why);
}

static bool jwks_read(struct jwks *s, struct slice text, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *root;
    if (text.n > JWKS_MAX_BYTES)
        return err_set(e, ERR_PROTOCOL, "the key set is larger than %zu bytes", JWKS_MAX_BYTES);
    if (!json_parse(a, text, &root, e)) {
        if (e)
            e->code = ERR_PROTOCOL;
        return err_wrap(e, "the key set");
    }
    const struct json *keys = json_get(root, "keys");
    if (!keys || keys->type != JSON_ARRAY)
        return err_set(e, ERR_PROTOCOL, "the key set has no array \"keys\"");
    size_t n = 0;
    for (const struct json *j = keys->child; j; j = j->next)
        n++;
    if (n > JWKS_MAX_KEYS)
        return err_set(e, ERR_PROTOCOL, "the key set has more than %d keys", JWKS_MAX_KEYS);
    s->v = mem_realloc_array(NULL, MAX(n, 1), sizeof(*s->v));
    for (const struct json *j = keys->child; j; j = j->next)
        jwks_add(s, j);
    return true;
}

struct jwks *jwks_parse(struct slice text, struct err *e)
{
    struct jwks *s = NEW(struct jwks);
    s->refs = 1;
    bool good = jwks_read(s, text, e);
    ERR_clear_error(); /* what is left there would be taken for an error of TLS */
    if (good)
        return s;
    jwks_unref(s);
    return NULL;
}

struct jwks *jwks_ref(struct jwks *s)
{
    s->refs++;
    return s;
}

void jwks_unref(struct jwks *s)
{
    if (!s || --s->refs)
        return;
    for (size_t i = 0; i < s->n; i++)
        jwk_release(&s->v[i]);
    free(s->v);
    free(s);
}

void jwks_unrefp(struct jwks **s)
{
    jwks_unref(*s);
}

size_t jwks_count(const struct jwks *s)
{
    return s->n;
}

size_t jwks_left_out(const struct jwks *s)
{
    return s->left_out;
}

const char *jwks_reason(const struct jwks *s)
{
    return s->reason;
}

const struct jwk *jwks_find(const struct jwks *s, struct slice kid, enum jws_alg alg)
{
    const struct jwk *only = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct jwk *k = &s->v[i];
        if (k->alg != alg || (kid.p && !same_kid(k, kid)))
            continue;
        if (only)
            return NULL; /* the token does not say which */
        only = k;
    }
    return only;
}

/* --- signatures --- */

/* JOSE writes r and s at full length one behind the other, OpenSSL wants them in DER. */
static unsigned char *ecdsa_der(struct slice raw, size_t *ret_n)
{
    if (raw.n != 2 * P256_BYTES)
        return NULL;
    unsigned char *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const uint8_t *)raw.p, P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn((const uint8_t *)raw.p + P256_BYTES, P256_BYTES, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* are sig's now */
        int n = i2d_ECDSA_SIG(sig, &der);
        *ret_n = n > 0 ? (size_t)n : 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return der;
}

static bool digest_verify(const struct jwk *k, const EVP_MD *md, struct slice text, const void *sig, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->key) == 1 &&
                EVP_DigestVerify(ctx, sig, n, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool verify(const struct jwk *k, struct slice text, struct slice signature)
{
    switch (k->alg) {
    case JWS_RS256: /* OpenSSL's default padding of RSA is PKCS #1 v1.5, which RS256 is */
        return signature.n == (size_t)EVP_PKEY_get_size(k->key) &&
               digest_verify(k, EVP_sha256(), text, signature.p, signature.n);
    case JWS_ES256: {
        size_t n = 0;
        unsigned char *der = ecdsa_der(signature, &n);
        bool good = der && n && digest_verify(k, EVP_sha256(), text, der, n);
        OPENSSL_free(der);
        return good;
    }
    case JWS_EDDSA:
        return signature.n == ED25519_SIG && digest_verify(k, NULL, text, signature.p, signature.n);
    case JWS_NALGS_:
        break;
    }
    return false;
}

bool jwk_verify(const struct jwk *k, struct slice text, struct slice signature)
{
    bool good = verify(k, text, signature);
    ERR_clear_error();
    return good;
}
