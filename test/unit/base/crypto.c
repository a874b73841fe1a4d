/* crypto.c - digests by published vectors, comparison, secrets, and what sealing must refuse. */
#include "base/crypto.h"

#include "base/test.h"

#define KEY_A "a:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_B "FFeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define KEY_B "b:" HEX_B

static void digests(void **state)
{
    uint8_t out[SHA256_LEN];
    _cleanup_(str_release) struct str hex = {0};
    crypto_sha256(SLICE("abc"), out);
    str_add_hex(&hex, slice_of((char *)out, SHA256_LEN));
    assert_text(str_slice(&hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    str_clear(&hex);
    crypto_sha256(SLICE_NONE, out);
    str_add_hex(&hex, slice_of((char *)out, SHA256_LEN));
    assert_text(str_slice(&hex), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    str_clear(&hex);
    crypto_hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), out); /* RFC 4231, case 2 */
    str_add_hex(&hex, slice_of((char *)out, SHA256_LEN));
    assert_text(str_slice(&hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    crypto_hmac_sha256(SLICE_NONE, SLICE_NONE, out);
}

static void comparing(void **state)
{
    assert_true(crypto_equal(SLICE("secret"), SLICE("secret")));
    assert_true(crypto_equal(SLICE(""), SLICE_NONE));
    assert_false(crypto_equal(SLICE("secret"), SLICE("secreT")));
    assert_false(crypto_equal(SLICE("Secret"), SLICE("secret")));
    assert_false(crypto_equal(SLICE("secret"), SLICE("secre")));
    assert_false(crypto_equal(SLICE("secre"), SLICE("secret")));
    assert_false(crypto_equal(SLICE(""), SLICE("x")));
    assert_false(crypto_equal(SLICE("x"), SLICE_NONE));
    assert_false(crypto_equal(SLICE("a\0b"), SLICE("a\0c")));
}

static void tokens(void **state)
{
    char a[65], b[65];
    crypto_token(a, 64);
    crypto_token(b, 64);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strspn(a, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), 64);
    assert_string_not_equal(a, b);
    assert_true(crypto_hash64(1, SLICE("x")) != crypto_hash64(2, SLICE("x")));
    assert_true(crypto_hash64(1, SLICE("x")) == crypto_hash64(1, SLICE("x")));
}

static void decoding(void **state)
{
    _cleanup_(str_release) struct str out = {0};
    assert_true(crypto_unbase64(SLICE("Zm9vYg=="), &out) && crypto_unbase64(SLICE("+/8A"), &out));
    assert_true(slice_eq(str_slice(&out), SLICE("foob\xFB\xFF\x00")));
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Z===", "====", "Zg==Zg==", "Zm9v\n",
                                      "Zm 9", "Zh==", "Zm9=", "Zm-_", "Z=g=", "Zm9vYg=a", "Zm9v\xFF\xFF\xFF\xFF"};
    size_t before = out.n;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (crypto_unbase64(slice_cstr(bad[i]), &out))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(out.n, before);
    }
    str_clear(&out);
    assert_true(crypto_unhex(SLICE("00fFaB"), &out));
    assert_true(slice_eq(str_slice(&out), SLICE("\x00\xFF\xAB")));
    assert_false(crypto_unhex(SLICE("0"), &out) || crypto_unhex(SLICE("0g"), &out) || crypto_unhex(SLICE("/:"), &out) ||
                 crypto_unhex(SLICE("@`"), &out));
}

static void masking(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {{"", "****"},
                 {"elevenchars", "****"},
                 {"twelve chars", "****hars"},
                 {"a long secret text", "****text"},
                 {"ééééééééééé", "****"}, /* eleven characters, twenty-two bytes */
                 {"éééééééééééé", "****éééé"},
                 {"not utf-8 at all \xFF", "****"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str out = {0};
        _cleanup_(secret_freep) struct secret *s = secret_new(slice_cstr(cases[i].text));
        secret_mask(s, &out);
        assert_text(str_slice(&out), cases[i].want);
        assert_true(secret_is_mask(str_slice(&out)));
        assert_false(secret_is_mask(slice_cstr(cases[i].text)));
    }
    assert_text(secret_text(NULL), NULL);
    static const char *const none[] = {"***", "***abcd", "****abc", "****abcde", "****\xFF\xFF\xFF\xFF", "a****abcd"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(secret_is_mask(slice_cstr(none[i])));
}

static struct keyring *keys(const char *text)
{
    struct err e = {0};
    struct keyring *k = keyring_parse(slice_cstr(text), &e);
    if (!k)
        fail_msg("%s", e.what);
    return k;
}

static bool opens_as(const struct keyring *k, struct slice sealed, struct slice context, const char *want,
                     struct err *e)
{
    struct secret *s = NULL;
    if (!unseal(k, sealed, context, &s, e)) {
        assert_null(s);
        return false;
    }
    assert_text(secret_text(s), want);
    secret_free(s);
    return true;
}

static void sealing(void **state)
{
    struct keyring *a = keys(KEY_A);
    struct err e = {0};
    struct slice context = SLICE("1/7/client_secret");
    static const char *const texts[] = {"", "x", "a secret of some length, longer than one block of the cipher"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_(str_release) struct str one = {0}, two = {0};
        assert_true(seal(a, slice_cstr(texts[i]), context, &one, &e) &&
                    seal(a, slice_cstr(texts[i]), context, &two, &e));
        assert_true(slice_starts(str_slice(&one), SLICE("v1:a:")));
        assert_string_not_equal(one.p, two.p); /* a nonce of its own */
        assert_true(opens_as(a, str_slice(&one), context, texts[i], &e));
        assert_true(opens_as(a, str_slice(&two), context, texts[i], &e));
    }
    keyring_free(a);
}

static void refused_to_open(void **state)
{
    struct keyring *a = keys(KEY_A), *impostor = keys("a:" HEX_B), *b = keys(KEY_B);
    struct slice context = SLICE("1/7/client_secret");
    struct err e = {0};
    _cleanup_(str_release) struct str sealed = {0};
    assert_true(seal(a, SLICE("s3cret"), context, &sealed, &e));
    struct slice whole = str_slice(&sealed);

    assert_false(opens_as(a, whole, SLICE("1/8/client_secret"), "", &e)); /* moved to another integration */
    assert_int_equal(e.code, ERR_DATA);
    assert_false(opens_as(a, whole, SLICE_NONE, "", &e));
    assert_false(opens_as(impostor, whole, context, "", &e)); /* same id, other key */
    assert_non_null(strstr(e.what, "does not open"));
    assert_false(opens_as(b, whole, context, "", &e));
    assert_int_equal(e.code, ERR_CONFIG);
    assert_string_equal(e.what, "a value was sealed with the key \"a\"; add that key to key_file");
    assert_false(opens_as(NULL, whole, context, "", &e));
    assert_int_equal(e.code, ERR_CONFIG);
    for (size_t n = 0; n < whole.n; n++) /* cut anywhere */
        assert_false(opens_as(a, slice_of(whole.p, n), context, "", &e));
    for (size_t i = 0; i < whole.n; i++) { /* one bit anywhere */
        sealed.p[i] ^= 1;
        assert_false(opens_as(a, whole, context, "", &e));
        assert_null(strstr(e.what, "s3cret"));
        sealed.p[i] ^= 1;
    }
    assert_true(opens_as(a, whole, context, "s3cret", &e));
    assert_false(seal(NULL, SLICE("x"), context, &sealed, &e));
    assert_int_equal(e.code, ERR_CONFIG);
    keyring_free(a);
    keyring_free(b);
    keyring_free(impostor);
}

/* After a rotation the new key seals, and what the former one sealed still opens. */
static void rotation(void **state)
{
    struct keyring *old = keys(KEY_A), *rotated = keys("# new first\n\n" KEY_B " # 2026\r\n  " KEY_A "\n");
    struct err e = {0};
    _cleanup_(str_release) struct str before = {0}, after = {0};
    assert_string_equal(keyring_current_id(rotated), "b");
    assert_true(seal(old, SLICE("kept"), SLICE("c"), &before, &e));
    assert_true(opens_as(rotated, str_slice(&before), SLICE("c"), "kept", &e));
    assert_true(seal(rotated, SLICE("new"), SLICE("c"), &after, &e));
    assert_true(slice_starts(str_slice(&after), SLICE("v1:b:")));
    assert_false(opens_as(old, str_slice(&after), SLICE("c"), "", &e));
    keyring_free(old);
    keyring_free(rotated);
}

static void bad_key_files(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "the key file holds no key; add a line `id:64 hex digits` (`openssl rand -hex 32`)"},
        {"# nothing\n", "the key file holds no key; add a line `id:64 hex digits` (`openssl rand -hex 32`)"},
        {"\nkey one\n", "key file, line 2: expected `id:64 hex digits`, the id of letters, digits, '-', '_', '.'"},
        {KEY_A "\n" KEY_A, "key file, line 2: the key id \"a\" stands twice"},
        {"x:00", "key file, line 1: the key \"x\" is not 64 hex digits; make one with `openssl rand -hex 32`"},
        {KEY_A "0", "key file, line 1: the key \"a\" is not 64 hex digits; make one with `openssl rand -hex 32`"},
        {"x:g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "key file, line 1: the key \"x\" is not 64 hex digits; make one with `openssl rand -hex 32`"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        assert_null(keyring_parse(slice_cstr(cases[i].text), &e));
        assert_int_equal(e.code, ERR_CONFIG);
        assert_string_equal(e.what, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),         cmocka_unit_test(comparing), cmocka_unit_test(tokens),
        cmocka_unit_test(decoding),        cmocka_unit_test(masking),   cmocka_unit_test(sealing),
        cmocka_unit_test(refused_to_open), cmocka_unit_test(rotation),  cmocka_unit_test(bad_key_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
