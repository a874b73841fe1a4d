/* What an integration's secrets are bound to: a sealed value opens in its place and in no other. */
#include "base/mem.h"
#include "hub/integration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS                                                                                                           \
    "k2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"                                            \
    "k1:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
#define PLACES 120

struct place {
    int64_t tenant, id;
    const char *field;
    struct str sealed;
    char text[32];
};

static uint32_t random_below(uint32_t n)
{
    uint32_t v;
    crypto_random(&v, sizeof v);
    return v % n;
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->tenant == b->tenant && a->id == b->id && strcmp(a->field, b->field) == 0;
}

/* Ids whose digits can be parted in several ways, fields that are beginnings of each other. */
static void place_random(struct place *p)
{
    static const char *const fields[] = {"client_secret",
                                         "client_secret_2",
                                         "client",
                                         "api_key",
                                         "1",
                                         "11",
                                         INTEGRATION_FIELD_HOOK,
                                         INTEGRATION_FIELD_ACCESS_TOKEN,
                                         INTEGRATION_FIELD_REFRESH_TOKEN};
    static const int64_t ids[] = {1, 2, 11, 12, 111, 112, INT64_MAX};
    *p = (struct place){ids[random_below(ARRAY_LEN(ids))],
                        ids[random_below(ARRAY_LEN(ids))],
                        fields[random_below(ARRAY_LEN(fields))],
                        {0},
                        ""};
    crypto_token(p->text, random_below(31));
}

static void opens_in_its_place_alone(void **state)
{
    struct err e = {0};
    struct keyring *k = keyring_parse(SLICE(KEYS), &e);
    struct place places[PLACES];
    char buf[INTEGRATION_CONTEXT_MAX];
    size_t moved = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *p = &places[i];
        place_random(p);
        assert_true(seal(k, slice_cstr(p->text), integration_context(buf, p->tenant, p->id, p->field), &p->sealed, &e));
    }
    for (size_t i = 0; i < PLACES; i++)
        for (size_t j = 0; j < PLACES; j++) {
            const struct place *from = &places[i], *to = &places[j];
            struct secret *s = NULL;
            bool opens =
                unseal(k, str_slice(&from->sealed), integration_context(buf, to->tenant, to->id, to->field), &s, &e);
            assert_int_equal(opens, same_place(from, to));
            if (opens) {
                assert_true(slice_is(secret_text(s), from->text));
            } else {
                moved++;
                assert_int_equal(e.code, ERR_DATA);
                assert_non_null(strstr(e.what, "moved here from another place"));
                assert_true(strlen(from->text) < 4 || !strstr(e.what, from->text));
            }
            secret_free(s);
        }
    assert_true(moved > PLACES);
    for (size_t i = 0; i < PLACES; i++)
        str_release(&places[i].sealed);
    keyring_free(k);
}

static void key_ids(void **state)
{
    struct err e = {0};
    struct keyring *k = keyring_parse(SLICE(KEYS), &e);
    _cleanup_(str_release) struct str sealed = {0};
    assert_true(seal(k, SLICE(""), SLICE("c"), &sealed, &e));
    assert_true(slice_is(sealed_key_id(str_slice(&sealed)), "k2"));
    static const char *const none[] = {
        "",           "v1",       "v1:k2",       "v1:k2:",     "v1:k2:AAAA",
        "v2:k2:AAAA", "v1::AAAA", "v1:k 2:AAAA", "plain text", "v1:k2:not base64 at all, but long enough to be one"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(sealed_key_id(slice_cstr(none[i])).p);
    /* What only begins like a sealed value may be a secret that was stored plainly: it is not shown. */
    struct secret *s = NULL;
    assert_false(unseal(k, SLICE("v1:hunter2 and more"), SLICE("c"), &s, &e));
    assert_null(strstr(e.what, "hunter2"));
    keyring_free(k);
}

static void comparing_keyrings(void **state)
{
    struct err e = {0};
    struct keyring *a = keyring_parse(SLICE(KEYS), &e), *b = keyring_parse(SLICE(KEYS "# again\n"), &e);
    struct keyring *one =
        keyring_parse(SLICE("k2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), &e);
    struct keyring *other =
        keyring_parse(SLICE("k2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeefe"), &e);
    assert_true(keyring_same(a, b) && keyring_same(NULL, NULL));
    assert_false(keyring_same(a, one) || keyring_same(one, other) || keyring_same(one, NULL) ||
                 keyring_same(NULL, one));
    assert_int_equal(keyring_size(a), 2);
    assert_int_equal(keyring_size(NULL), 0);
    keyring_free(a);
    keyring_free(b);
    keyring_free(one);
    keyring_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_in_its_place_alone),
        cmocka_unit_test(key_ids),
        cmocka_unit_test(comparing_keyrings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
