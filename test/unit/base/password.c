/* password.c - argon2id as PHC strings; what is refused as a password, and as a hash. */
#include "base/password.h"

#include "base/test.h"

static const struct password_cost cheap = {8 * 1024, 1};

static void a_hash_knows_its_password(void **state)
{
    char hash[PASSWORD_HASH_MAX], other[PASSWORD_HASH_MAX];
    assert_true(password_hash(SLICE("gr\303\274ne Wiese 7"), &cheap, hash));
    assert_true(password_hash(SLICE("gr\303\274ne Wiese 7"), &cheap, other));
    assert_string_not_equal(hash, other); /* salted */
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=8192,t=1,p=1$", 30), 0);
    assert_int_equal(password_verify(SLICE("gr\303\274ne Wiese 7"), slice_cstr(hash)), PASSWORD_RIGHT);
    static const char *const wrong[] = {"gr\303\274ne Wiese 8", "gr\303\274ne Wiese 7 ", "Gr\303\274ne Wiese 7",
                                        "gru\314\210ne Wiese 7", ""};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(password_verify(slice_cstr(wrong[i]), slice_cstr(hash)), PASSWORD_WRONG);
    assert_int_equal(password_verify(SLICE_NONE, slice_cstr(hash)), PASSWORD_WRONG);
}

/* A vector of the reference implementation. */
static void a_hash_made_elsewhere_is_understood(void **state)
{
    struct slice hash = SLICE("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    assert_int_equal(password_verify(SLICE("password"), hash), PASSWORD_RIGHT);
    assert_int_equal(password_verify(SLICE("Password"), hash), PASSWORD_WRONG);
}

static void what_is_no_hash(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=999999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=9999$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(password_verify(SLICE("password"), slice_cstr(bad[i])), PASSWORD_FAILED);
    char longer[400];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(password_verify(SLICE("password"), slice_of(longer, sizeof longer)), PASSWORD_FAILED);
}

static void another_cost_makes_a_hash_outdated(void **state)
{
    char hash[PASSWORD_HASH_MAX];
    assert_true(password_hash(SLICE("correct horse"), &cheap, hash));
    assert_false(password_outdated(slice_cstr(hash), &cheap));
    assert_true(password_outdated(slice_cstr(hash), &(struct password_cost){8 * 1024, 2}));
    assert_true(password_outdated(slice_cstr(hash), &(struct password_cost){9 * 1024, 1}));
    assert_true(password_outdated(SLICE("x"), &cheap));
}

static bool fine(struct slice password, struct slice email)
{
    struct err e = {0};
    bool good = password_acceptable(password, email, &e);
    assert_true(good || (e.code == ERR_INPUT && e.what[0]));
    return good;
}

static void what_is_acceptable(void **state)
{
    const struct slice ada = SLICE("ada.lovelace@example.org");
    char text[4 * PASSWORD_MAX + 8];
    assert_true(fine(SLICE("a quiet tin drum"), ada));
    assert_true(fine(SLICE("tin drum 456"), ada));
    assert_false(fine(SLICE("tin drum 45"), ada));
    assert_false(fine(SLICE_NONE, ada));
    assert_false(fine(SLICE("tin drum\0 456"), ada));
    assert_false(fine(SLICE("tin drum \377\376456"), ada));
    assert_false(fine(SLICE("Password1234"), ada));
    assert_false(fine(SLICE("zzzzzzzzzzzzzz"), ada));
    assert_false(fine(SLICE("my ADA.Lovelace 1"), ada));
    assert_false(fine(SLICE("xada.lovelace@example.orgx"), ada));
    assert_true(fine(SLICE("bobs-your-uncle"), SLICE("bob@example.org"))); /* three letters are in too many words */
    /* Characters are counted, not bytes. */
    size_t n = 0;
    for (unsigned i = 0; i < PASSWORD_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", i % 2 ? "\303\274" : "\342\202\254");
    assert_true(fine(slice_of(text, n), ada));
    text[n++] = 'x';
    assert_false(fine(slice_of(text, n), ada));
    assert_false(fine(SLICE("\303\274\303\274\303\274\303\274\303\274\303\274\303\274"), ada));
}

static void a_made_one_is_acceptable_and_new(void **state)
{
    char a[PASSWORD_MADE_LEN + 1], b[PASSWORD_MADE_LEN + 1];
    password_make(a);
    password_make(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), PASSWORD_MADE_LEN);
    assert_true(fine(slice_cstr(a), SLICE("ada@example.org")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_knows_its_password), cmocka_unit_test(a_hash_made_elsewhere_is_understood),
        cmocka_unit_test(what_is_no_hash),           cmocka_unit_test(another_cost_makes_a_hash_outdated),
        cmocka_unit_test(what_is_acceptable),        cmocka_unit_test(a_made_one_is_acceptable_and_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
