/* jwk.c - key sets: the RFCs' keys and signatures, and every kind of key that must not become one. */
#include "base/jwk.h"

#include "base/base64url.h"
#include "base/mem.h"
#include "base/test.h"
#include "jose.h"

#define RSA_N                                                                                                          \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"   \
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"                  \
    "UTo7WTBEMa2R2CapHg"                                                                                               \
    "665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4F"  \
    "RWyuXpoQ"
#define EC_X  "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y  "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define OKP_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define RSA(more) "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"" more "}"
#define EC(more)  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"" more "}"
#define OKP(more) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"" more "}"

static struct jwks *set_of(const char *keys)
{
    char *text = jose_set(keys);
    struct err e = {0};
    struct jwks *s = jwks_parse(slice_cstr(text), &e);
    if (!s)
        fail_msg("%s: %s", text, e.what);
    free(text);
    return s;
}

/* RFC 7515 A.2 and A.3, RFC 8037 A.4: header, payload, signature. */
static const struct {
    enum jws_alg alg;
    const char *text, *signature;
} vectors[] = {
    {JWS_RS256,
     "eyJhbGciOiJSUzI1NiJ9."
     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1"
     "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD"
     "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe7"
     "7Rw"},
    {JWS_ES256,
     "eyJhbGciOiJFUzI1NiJ9."
     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {JWS_EDDSA, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

static void published_vectors(void **state)
{
    _cleanup_(jwks_unrefp) struct jwks *s = set_of(RSA("") "," EC("") "," OKP(""));
    assert_int_equal(jwks_count(s), 3);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct jwk *k = jwks_find(s, SLICE_NONE, vectors[i].alg);
        _cleanup_(str_release) struct str sig = {0};
        assert_non_null(k);
        assert_true(base64url_decode(slice_cstr(vectors[i].signature), &sig));
        assert_true(jwk_verify(k, slice_cstr(vectors[i].text), str_slice(&sig)));
        for (size_t at = 0; at < sig.n; at++) {
            sig.p[at] ^= 1;
            assert_false(jwk_verify(k, slice_cstr(vectors[i].text), str_slice(&sig)));
            sig.p[at] ^= 1;
        }
        assert_false(jwk_verify(k, slice_cstr(vectors[i].text), slice_of(sig.p, sig.n - 1)));
        str_addc(&sig, '\0');
        assert_false(jwk_verify(k, slice_cstr(vectors[i].text), str_slice(&sig)));
        for (size_t other = 0; other < ARRAY_LEN(vectors); other++) /* a key checks its own algorithm only */
            if (other != i)
                assert_false(jwk_verify(jwks_find(s, SLICE_NONE, vectors[other].alg), slice_cstr(vectors[i].text),
                                        slice_of(sig.p, sig.n - 1)));
    }
}

/* ECDSA as others have it: DER, zeros for both numbers, numbers out of range. */
static void ecdsa_forms(void **state)
{
    _cleanup_(jwks_unrefp) struct jwks *s = set_of(EC(""));
    const struct jwk *k = jwks_find(s, SLICE_NONE, JWS_ES256);
    char raw[64] = {0};
    assert_false(jwk_verify(k, SLICE("x"), slice_of(raw, sizeof raw)));
    memset(raw, 0xFF, sizeof raw);
    assert_false(jwk_verify(k, SLICE("x"), slice_of(raw, sizeof raw)));
    assert_false(jwk_verify(k, SLICE("x"), SLICE("\x30\x06\x02\x01\x01\x02\x01\x01")));
    assert_false(jwk_verify(k, SLICE("x"), SLICE("")));
}

static void left_out(void **state)
{
    static const struct {
        const char *key, *reason; /* reason "": of no use here, but not wrong */
    } cases[] = {
        {"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", ""},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", ""},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OKP_X "\"}", ""},
        {"{}", ""},
        {"7", ""},
        {"null", ""},
        {RSA(",\"use\":\"enc\""), ""},
        {RSA(",\"use\":[\"sig\"]"), ""},
        {RSA(",\"key_ops\":[\"encrypt\"]"), ""},
        {RSA(",\"key_ops\":\"verify\""), ""},
        {RSA(",\"alg\":\"PS256\""), ""},
        {RSA(",\"alg\":\"HS256\""), ""},
        {RSA(",\"alg\":\"ES256\""), ""},
        {RSA(",\"alg\":null"), ""},
        {EC(",\"alg\":\"EdDSA\""), ""},
        {OKP(",\"alg\":\"RS256\""), ""},
        {RSA(",\"d\":\"AQAB\""), "a key is published together with its private part"},
        {RSA(",\"kid\":7"), "a key's kid is not a text of 1 to 256 bytes"},
        {RSA(",\"kid\":\"\""), "a key's kid is not a text of 1 to 256 bytes"},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", "an RSA key has no usable n and e"},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB=\"}", "an RSA key has no usable n and e"},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}", "an RSA key's numbers are not possible"},
        {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", "an RSA key's numbers are not possible"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "an RSA key has fewer than 2048 or more than 8192 bits"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
         "a P-256 key is no point of the curve"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"AA\"}",
         "a P-256 key's x and y are not 32 bytes each"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "a P-256 key is no point of the curve"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}", "an Ed25519 key's x is not 32 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *both = mem_printf("%s,%s", cases[i].key, OKP(",\"kid\":\"good\""));
        _cleanup_(jwks_unrefp) struct jwks *s = set_of(both); /* its neighbour stays */
        free(both);
        if (jwks_count(s) != 1 || jwks_left_out(s) != 1)
            fail_msg("%s: %zu keys", cases[i].key, jwks_count(s));
        assert_string_equal(jwks_reason(s), cases[i].reason);
        assert_non_null(jwks_find(s, SLICE("good"), JWS_EDDSA));
    }
}

static void taken(void **state)
{
    static const char *const cases[] = {RSA(""), RSA(",\"use\":\"sig\",\"alg\":\"RS256\",\"x5c\":[\"MIIB\"]"),
                                        EC(",\"key_ops\":[\"sign\",\"verify\"]"), EC(",\"alg\":\"ES256\""),
                                        OKP(",\"alg\":\"EdDSA\",\"use\":\"sig\"")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(jwks_unrefp) struct jwks *s = set_of(cases[i]);
        assert_int_equal(jwks_count(s), 1);
        assert_string_equal(jwks_reason(s), "");
    }
}

static void rsa_sizes(void **state)
{
    static const unsigned bits[] = {1024, 2040, 2048, 3072};
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        struct jose_key *k = jose_rsa_new(bits[i]);
        _cleanup_(str_release) struct str jwk = {0};
        jose_jwk(k, NULL, "", &jwk);
        _cleanup_(jwks_unrefp) struct jwks *s = set_of(jwk.p);
        assert_int_equal(jwks_count(s), bits[i] >= 2048);
        jose_key_free(k);
    }
}

static void finding(void **state)
{
    _cleanup_(jwks_unrefp) struct jwks *s = set_of(
        RSA(",\"kid\":\"a\"") "," EC(",\"kid\":\"a\"") "," EC(",\"kid\":\"b\"") "," EC(",\"kid\":\"b\"") "," OKP(""));
    assert_int_equal(jwks_count(s), 4);
    assert_int_equal(jwks_left_out(s), 1);
    assert_string_equal(jwks_reason(s), "two keys of one algorithm have the same kid");
    assert_non_null(jwks_find(s, SLICE("a"), JWS_RS256));
    assert_non_null(jwks_find(s, SLICE("a"), JWS_ES256));
    assert_ptr_not_equal(jwks_find(s, SLICE("a"), JWS_ES256), jwks_find(s, SLICE("b"), JWS_ES256));
    assert_null(jwks_find(s, SLICE("a"), JWS_EDDSA)); /* the key without a kid is not the one that was named */
    assert_null(jwks_find(s, SLICE(""), JWS_EDDSA));
    assert_null(jwks_find(s, SLICE("A"), JWS_RS256));
    assert_non_null(jwks_find(s, SLICE_NONE, JWS_RS256)); /* the only one */
    assert_non_null(jwks_find(s, SLICE_NONE, JWS_EDDSA));
    assert_null(jwks_find(s, SLICE_NONE, JWS_ES256)); /* which of the two? */
}

static void refused_sets(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "<html>",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[",
                                      "{\"keys\":[],\"keys\":[]}",
                                      "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        if (jwks_parse(slice_cstr(bad[i]), &e))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.code, ERR_PROTOCOL);
    }
    _cleanup_(jwks_unrefp) struct jwks *none = jwks_parse(SLICE("{\"keys\":[]}"), NULL);
    assert_int_equal(jwks_count(none), 0);
    assert_null(jwks_find(none, SLICE_NONE, JWS_RS256));
}

/* As many keys and as many bytes as may be, and one more. */
static void ceilings(void **state)
{
    for (int n = JWKS_MAX_KEYS; n <= JWKS_MAX_KEYS + 1; n++) {
        _cleanup_(str_release) struct str keys = {0};
        for (int i = 0; i < n; i++)
            str_addf(&keys, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%d\",\"x\":\"" OKP_X "\"}", i ? "," : "",
                     i);
        char *text = jose_set(keys.p);
        struct err e = {0};
        _cleanup_(jwks_unrefp) struct jwks *s = jwks_parse(slice_cstr(text), &e);
        assert_true(n > JWKS_MAX_KEYS ? !s && e.code == ERR_PROTOCOL : s && jwks_count(s) == JWKS_MAX_KEYS);
        free(text);
    }
    _cleanup_(str_release) struct str large = {0};
    str_adds(&large, "{\"keys\":[]}");
    while (large.n < JWKS_MAX_BYTES)
        str_addc(&large, ' ');
    _cleanup_(jwks_unrefp) struct jwks *s = jwks_parse(str_slice(&large), NULL);
    assert_non_null(s);
    str_addc(&large, ' ');
    assert_null(jwks_parse(str_slice(&large), NULL));
}

static void references(void **state)
{
    struct jwks *s = set_of(OKP(""));
    jwks_unref(jwks_ref(s));
    assert_int_equal(jwks_count(s), 1);
    jwks_unref(s);
    jwks_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors), cmocka_unit_test(ecdsa_forms),
        cmocka_unit_test(left_out),          cmocka_unit_test(taken),
        cmocka_unit_test(rsa_sizes),         cmocka_unit_test(finding),
        cmocka_unit_test(refused_sets),      cmocka_unit_test(ceilings),
        cmocka_unit_test(references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
