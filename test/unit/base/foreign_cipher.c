/* Values that other programs have encrypted: vectors of python3-cryptography, and every bit of them changed. */
#include "base/foreign_cipher.h"

#include "base/mem.h"
#include "base/test.h"

/* Key 00 01 … 1f. */
#define KEY_BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_HEX    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define FERNET                                                                                                         \
    "gAAAAABlU_EAZGVmZ2hpamtsbW5vcHFyc1_aYkwARbhWchUaeuylBQuP1hAibeOEa499MlP1Zce7zHVcsQABSElVsUW2wfKiQsG6SJYxSlY6"     \
    "En1yeFLbzIA="
#define GCM_HEX_TAG_FIRST     "32333435363738393a3b3c3d:37ebe4fd3c2a662738226d5306911597:a5349db2a05ff5c3056898f53e"
#define GCM_BASE64_DATA_FIRST "MjM0NTY3ODk6Ozw9:pTSdsqBf9cMFaJj1Pg==:N+vk/TwqZic4Im1TBpEVlw=="
/* Of 16 letters: data and tag are of one length, only the key tells which is which. */
#define GCM_16_DATA_FIRST "MjM0NTY3ODk6Ozw9:tTKXtKBZ78MBYp7yPp+M1g==:uwJWvcIjNQWN798Q4z3IRA=="
#define GCM_16_TAG_FIRST  "MjM0NTY3ODk6Ozw9:uwJWvcIjNQWN798Q4z3IRA==:tTKXtKBZ78MBYp7yPp+M1g=="

static char *opened(const char *key, struct slice value)
{
    struct foreign_keys k = {0};
    struct secret *plain = NULL;
    struct err e = {0};
    if (key)
        assert_true(foreign_keys_parse(slice_cstr(key), &k, &e));
    bool good = foreign_open(&k, value, &plain, &e);
    char *text = good ? mem_printf("%.*s", SLICE_FMT(secret_text(plain))) : mem_printf("!%s", e.what);
    secret_free(plain);
    foreign_keys_release(&k);
    return text;
}

static void assert_opens(const char *key, const char *value, const char *expected)
{
    char *got = opened(key, slice_cstr(value));
    assert_string_equal(got, expected);
    free(got);
}

static void opens_what_the_key_opens(void **state)
{
    static const char *const keys[] = {KEY_BASE64, KEY_HEX, "  " KEY_HEX "\n",
                                       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_opens(keys[i], FERNET, "sim \"pass\"word \xc3\xa4");
        assert_opens(keys[i], GCM_HEX_TAG_FIRST, "correct horse");
        assert_opens(keys[i], GCM_BASE64_DATA_FIRST, "correct horse");
        assert_opens(keys[i], GCM_16_DATA_FIRST, "sixteen letters.");
        assert_opens(keys[i], GCM_16_TAG_FIRST, "sixteen letters.");
    }
}

static void opens_nothing_else(void **state)
{
    static const char other[] = "another key of thirty-two bytes.";
    assert_opens(other, FERNET, "!looks encrypted (a Fernet token), and the key does not open it");
    assert_opens(other, GCM_16_TAG_FIRST, "!looks encrypted (AES-GCM (iv:tag:data)), and the key does not open it");
    assert_opens("just a passphrase", FERNET,
                 "!looks encrypted (a Fernet token), and there is no key of 16, 24 or 32 bytes to open it");
    assert_opens(NULL, FERNET, "!looks encrypted (a Fernet token), and there is no key to open it");
    assert_opens(NULL, GCM_HEX_TAG_FIRST, "!looks encrypted (AES-GCM (iv:tag:data)), and there is no key to open it");
    static const char *const values[] = {FERNET, GCM_HEX_TAG_FIRST, GCM_16_DATA_FIRST};
    for (size_t v = 0; v < ARRAY_LEN(values); v++)
        for (size_t i = 5; i < strlen(values[v]); i++) {
            char *changed = mem_strdup(values[v]);
            if (changed[i] == ':' || changed[i] == '=') {
                free(changed);
                continue;
            }
            changed[i] = changed[i] == 'a' ? 'b' : 'a';
            char *got = opened(KEY_HEX, slice_cstr(changed));
            assert_true(slice_starts(slice_cstr(got), SLICE("!looks encrypted")));
            free(got);
            free(changed);
        }
    for (size_t n = 40; n < strlen(FERNET) - 1; n++) {
        char *got = opened(KEY_HEX, slice_of(FERNET, n));
        assert_true(slice_starts(slice_cstr(got), SLICE("!looks encrypted")));
        free(got);
    }
}

static void tells_the_form(void **state)
{
    static const struct {
        const char *value;
        enum foreign_form form;
    } cases[] = {
        {"", FOREIGN_PLAIN},
        {"secret", FOREIGN_PLAIN},
        {"gAAAA", FOREIGN_PLAIN},
        {"https://api.mspbackups.com:443/x", FOREIGN_PLAIN},
        {"aa:bb:cc", FOREIGN_PLAIN},
        {"pass:with:colons", FOREIGN_PLAIN},
        {"0123456789abcdef0123456789abcdef", FOREIGN_PLAIN},
        {"Ünïcode", FOREIGN_PLAIN},
        {FERNET, FOREIGN_FERNET},
        {GCM_HEX_TAG_FIRST, FOREIGN_AES_GCM},
        {GCM_BASE64_DATA_FIRST, FOREIGN_AES_GCM},
        {GCM_HEX_TAG_FIRST ":aa", FOREIGN_PLAIN},
        {"\xc3\x0d\x04\x07\x03\x02\x91\xaa\xbb\xcc", FOREIGN_PGP},
        {"\\xc30d04070302aabbccdd", FOREIGN_PGP},
        {"\\x7077", FOREIGN_PLAIN},
        {"-----BEGIN PGP MESSAGE-----\n\njA0E\n", FOREIGN_PGP},
        {"U2FsdGVkX1+AAAAAAAAAAA==", FOREIGN_SALTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(foreign_form_of(slice_cstr(cases[i].value)), cases[i].form);
    struct keyring *ring = keyring_parse(SLICE("k1:" KEY_HEX), NULL);
    struct str sealed = {0};
    assert_true(seal(ring, SLICE("x"), SLICE("1/2/api_password"), &sealed, NULL));
    char *got = opened(KEY_HEX, str_slice(&sealed));
    assert_true(slice_starts(slice_cstr(got), SLICE("!is a sealed value of msphub")));
    free(got);
    str_release(&sealed);
    keyring_free(ring);
    assert_opens(KEY_HEX, "plain stays plain", "plain stays plain");
}

static void refuses_what_is_no_key(void **state)
{
    static const char *const texts[] = {"", " \n", "caf\xe9"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct foreign_keys k = {0};
        struct err e = {0};
        assert_false(foreign_keys_parse(slice_cstr(texts[i]), &k, &e));
        assert_int_equal(e.code, ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_the_key_opens),
        cmocka_unit_test(opens_nothing_else),
        cmocka_unit_test(tells_the_form),
        cmocka_unit_test(refuses_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
