/* totp.c - the vectors of RFC 4226, 6238 and 4648; the window; and that no code is good twice. */
#include "base/totp.h"

#include "base/test.h"

#define KEY SLICE("12345678901234567890")

static void numbers_of_rfc_4226(void **state)
{
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char code[TOTP_DIGITS + 1];
        totp_code(KEY, (int64_t)i, code);
        assert_string_equal(code, codes[i]);
    }
    assert_int_equal(totp_number(KEY, 0), 1284755224);
}

static void times_of_rfc_6238(void **state)
{
    static const struct {
        int64_t seconds;
        uint32_t code; /* of eight digits, SHA-1 */
    } cases[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
                 {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(totp_number(KEY, totp_step(SECONDS(cases[i].seconds))) % 100000000, cases[i].code);
}

static void a_code_is_good_for_its_step_and_one_beside_it(void **state)
{
    const usec_t now = SECONDS(1111111111);
    const int64_t step = totp_step(now);
    for (int64_t off = -2; off <= 2; off++) {
        char code[TOTP_DIGITS + 1];
        int64_t got = -7;
        totp_code(KEY, step + off, code);
        bool good = totp_check(KEY, slice_cstr(code), now, -1, &got);
        assert_int_equal(good, off >= -1 && off <= 1);
        assert_int_equal(got, good ? step + off : -7);
    }
}

static void no_code_is_good_twice(void **state)
{
    const usec_t now = SECONDS(1111111111);
    char code[TOTP_DIGITS + 1], earlier[TOTP_DIGITS + 1], later[TOTP_DIGITS + 1];
    int64_t step = 0;
    totp_code(KEY, totp_step(now), code);
    totp_code(KEY, totp_step(now) - 1, earlier);
    totp_code(KEY, totp_step(now) + 1, later);
    assert_true(totp_check(KEY, slice_cstr(code), now, -1, &step));
    assert_false(totp_check(KEY, slice_cstr(code), now, step, &step));
    assert_false(totp_check(KEY, slice_cstr(earlier), now, step, &step));
    assert_true(totp_check(KEY, slice_cstr(later), now, step, &step));
}

static void what_is_no_code(void **state)
{
    const usec_t now = SECONDS(59); /* 94287082 */
    int64_t step;
    static const char *const bad[] = {"", "28708", "2870822", "287083", " 287082", "94287082", "28708a"};
    assert_true(totp_check(KEY, SLICE("287082"), now, -1, &step));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(totp_check(KEY, slice_cstr(bad[i]), now, -1, &step));
    assert_false(totp_check(KEY, SLICE_NONE, now, -1, &step));
}

static void base32_of_rfc_4648(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "MY"},
                                           {"fo", "MZXQ"},
                                           {"foo", "MZXW6"},
                                           {"foob", "MZXW6YQ"},
                                           {"fooba", "MZXW6YTB"},
                                           {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str out = {0};
        str_adds(&out, "=");
        str_add_base32(&out, slice_cstr(cases[i][0]));
        assert_string_equal(out.p + 1, cases[i][1]);
    }
}

static void the_address_for_apps(void **state)
{
    _cleanup_(str_release) struct str out = {0};
    totp_add_uri(&out, SLICE("Acme MSP"), SLICE("ada+x@example.org"), KEY);
    assert_text(str_slice(&out),
                "otpauth://totp/Acme%20MSP:ada%2Bx%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                "&issuer=Acme%20MSP&algorithm=SHA1&digits=6&period=30");
}

static void base32_as_people_write_it(void **state)
{
    static const char *const cases[][2] = {
        {"MZXW6YTBOI", "foobar"},
        {"mzxw 6ytb oi", "foobar"},
        {"MZXW-6YTB-OI======", "foobar"},
        {"MY", "f"},
        {"MZXQ====", "fo"},
        {"MZXW6YTBOI1", NULL},
        {"123456", NULL},
        {"", NULL},
        {" ", NULL},
        {"M", NULL},
        {"M=ZXW", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str out = {0};
        bool ok = str_add_from_base32(&out, slice_cstr(cases[i][0]));
        assert_int_equal(ok, cases[i][1] != NULL);
        if (ok)
            assert_true(slice_is(str_slice(&out), cases[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_rfc_4226),
        cmocka_unit_test(times_of_rfc_6238),
        cmocka_unit_test(a_code_is_good_for_its_step_and_one_beside_it),
        cmocka_unit_test(no_code_is_good_twice),
        cmocka_unit_test(what_is_no_code),
        cmocka_unit_test(base32_of_rfc_4648),
        cmocka_unit_test(base32_as_people_write_it),
        cmocka_unit_test(the_address_for_apps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
