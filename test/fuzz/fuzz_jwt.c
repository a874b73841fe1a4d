/* fuzz_jwt.c - first byte 's': a key set; 't': a token; 'c': a header and, behind a line "--", claims, which are signed here with the
 * key of RFC 8037 so that what is behind the signature is reached.
 * Held:  a set's counts agree; a token of strangers is never accepted; one that is has the issuer, the audience and the time that the
 *        rules ask for, is in the one form of base64url, and names no algorithm but its key's; an error is short and says something. */
#include "fuzz.h"

#include "base/base64url.h"
#include "base/jwt.h"

#include <openssl/evp.h>

#define NOW SECONDS(1800000000)
#define SET                                                                                                            \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\",\"x\":"                                            \
    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"                                                                \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","          \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"

static const uint8_t private_key[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                        0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                        0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

static void check_set(struct slice text)
{
    struct err e = {0};
    struct jwks *s = jwks_parse(text, &e);
    if (!s) {
        HOLD(e.code == ERR_PROTOCOL && e.what[0]);
        return;
    }
    HOLD(jwks_count(s) + jwks_left_out(s) <= JWKS_MAX_KEYS);
    HOLD(jwks_left_out(s) || !jwks_reason(s)[0]);
    for (int alg = 0; alg < JWS_NALGS_; alg++) {
        const struct jwk *k = jwks_find(s, SLICE_NONE, (enum jws_alg)alg);
        HOLD(!k || jwks_count(s));
        HOLD(!k || !jwk_verify(k, SLICE("x"), text)); /* whatever the key: this is no signature of it */
    }
    jwks_unref(s);
}

static bool accept(struct arena *a, struct slice token)
{
    static const struct slice audience = SLICE_INIT("msphub");
    struct jwt_rules rules = {.issuer = SLICE("https://issuer.example"),
                              .audiences = &audience,
                              .naudiences = 1,
                              .now = NOW,
                              .leeway = SECONDS(60)};
    struct jwt_claims c;
    struct jwt *t;
    struct err e = {0};
    struct jwks *s = jwks_parse(SLICE(SET), NULL);
    HOLD(s && jwks_count(s) == 2);
    bool good = jwt_read(a, token, &t, &e) && jwt_accept(t, s, &rules, &c, &e);
    jwks_unref(s);
    if (!good) {
        HOLD((e.code == ERR_INPUT || e.code == ERR_AUTH || e.code == ERR_NOT_FOUND) && e.what[0]);
        return false;
    }
    HOLD(slice_is(jwt_said_issuer(t), "https://issuer.example") && slice_is(c.audience, "msphub"));
    HOLD(c.subject.n && c.subject.n <= JWT_SUBJECT_MAX && c.naudiences && c.naudiences <= JWT_AUDIENCES);
    HOLD(c.expires_at > NOW - SECONDS(60) && (c.issued_at == USEC_NONE || c.issued_at <= NOW + SECONDS(60)));
    return true;
}

static void sign(struct str *token)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, sizeof private_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[64];
    size_t n = sizeof sig;
    HOLD(key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
         EVP_DigestSign(ctx, sig, &n, (const uint8_t *)token->p, token->n) == 1);
    str_addc(token, '.');
    str_add_base64url(token, slice_of((const char *)sig, n));
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void check_claims(struct slice in)
{
    const char *mark = in.n ? memmem(in.p, in.n, "\n--\n", 4) : NULL;
    struct slice header = SLICE("{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"), claims = in;
    if (mark) {
        header = slice_of(in.p, (size_t)(mark - in.p));
        claims = slice_of(mark + 4, in.n - header.n - 4);
    }
    _cleanup_(str_release) struct str token = {0};
    _cleanup_(arena_freep) struct arena *a = arena_new();
    str_add_base64url(&token, header);
    str_addc(&token, '.');
    str_add_base64url(&token, claims);
    sign(&token);
    if (accept(a, str_slice(&token))) {
        str_addc(&token, '='); /* one value, one text */
        HOLD(!accept(a, str_slice(&token)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    unsigned what = fuzz_byte(&in);
    if (what == 's') {
        check_set(in);
    } else if (what == 't') {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        HOLD(!accept(a, in)); /* nobody has signed one for this audience with a key that strangers have */
    } else {
        check_claims(in);
    }
    return 0;
}
