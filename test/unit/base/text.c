/* text.c - slices, growing strings, exact decimals and errors. */
#include "base/decimal.h"
#include "base/err.h"
#include "base/str.h"

#include "base/test.h"
#include <math.h>

static void comparing(void **state)
{
    assert_true(slice_eq(SLICE_NONE, SLICE("")));
    assert_true(slice_ieq(SLICE("Content-TYPE"), SLICE("content-type")));
    assert_false(slice_ieq(SLICE("a["), SLICE("A{"))); /* 0x20 apart, but no letters */
    assert_true(slice_starts(SLICE("abc"), SLICE("")) && slice_ends(SLICE("abc"), SLICE("bc")));
    assert_false(slice_starts(SLICE("ab"), SLICE("abc")) || slice_ends(SLICE("bc"), SLICE("abc")));
    assert_true(slice_ends(SLICE_NONE, SLICE_NONE));
}

static void cutting(void **state)
{
    struct slice rest = SLICE("a,,b");
    assert_text(slice_cut(&rest, ','), "a");
    assert_text(slice_cut(&rest, ','), "");
    assert_text(slice_cut(&rest, ','), "b");
    assert_int_equal(rest.n, 0);
    assert_text(slice_cut(&rest, ','), "");
    assert_text(slice_trim(SLICE(" \t\r\n x y \n")), "x y");
    assert_text(slice_trim(SLICE("  ")), "");
}

static void integers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0042", true, 42},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 7;
        if (slice_i64(slice_cstr(cases[i].text), &v) != cases[i].ok || v != (cases[i].ok ? cases[i].want : 7))
            fail_msg("\"%s\": %lld", cases[i].text, (long long)v);
    }
}

static void decimals(void **state)
{
    static const struct {
        const char *text;
        int64_t factor, want; /* INT64_MIN: does not fit */
        bool exact;
    } cases[] = {
        {"1.5", 1, 1, false},
        {"-1.5", 2, -3, true},
        {"1.7179869184E10", 1, 17179869184, true},
        {"0.000000000000000000000000001e27", 1, 1, true},
        {"123456789012345678", 1, 123456789012345678, true},
        {"1234567890123456789", 1, 1234567890123456780, false}, /* past 18 digits it says so */
        {"9223372036854775807", 1, 9223372036854775800, false},
        {"9.3e18", 1, INT64_MIN, false},
        {"1e400", 1, INT64_MIN, false},
        {"0e400", 1, 0, true},
        {"1e-400", 1, 0, false},
        {"9000000000", 1000000000, 9000000000000000000, true},
        {"9300000000", 1000000000, INT64_MIN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decimal d;
        int64_t v = INT64_MIN;
        bool exact = false;
        assert_true(decimal_parse(slice_cstr(cases[i].text), &d));
        bool fits = decimal_scale(&d, cases[i].factor, &v, &exact);
        if (fits != (cases[i].want != INT64_MIN) || v != cases[i].want || exact != cases[i].exact)
            fail_msg("%s * %lld: %lld %d", cases[i].text, (long long)cases[i].factor, (long long)v, exact);
    }
}

static void building(void **state)
{
    struct str s = {0};
    str_add_url(&s, SLICE("a b/ü~%\x00z"));
    assert_text(str_slice(&s), "a%20b%2F%C3%BC~%25%00z");
    str_clear(&s);
    for (unsigned i = 0; i < 1000; i++) /* across every growth, with a text longer than the room left */
        str_addf(&s, "%0*u", (int)(i % 97) + 1, i % 10);
    size_t n = 0;
    for (unsigned i = 0; i < 1000; i++)
        n += i % 97 + 1;
    assert_int_equal(s.n, n);
    assert_int_equal(strlen(s.p), n);
    char *taken = str_take(&s);
    assert_null(s.p);
    free(taken);
    taken = str_take(&s);
    assert_string_equal(taken, "");
    free(taken);
}

static void codings(void **state)
{
    static const struct {
        struct slice bytes;
        const char *base64;
    } cases[] = {{SLICE_INIT(""), ""},        {SLICE_INIT("f"), "Zg=="},          {SLICE_INIT("fo"), "Zm8="},
                 {SLICE_INIT("foo"), "Zm9v"}, {SLICE_INIT("foobar"), "Zm9vYmFy"}, {SLICE_INIT("\xFB\xFF\x00"), "+/8A"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str s = {0};
        str_add_base64(&s, cases[i].bytes);
        assert_text(str_slice(&s), cases[i].base64);
    }
    _cleanup_(str_release) struct str hex = {0};
    str_add_hex(&hex, SLICE("\x00\x7F\xFF"));
    assert_text(str_slice(&hex), "007fff");
}

static void doubles_read_back(void **state)
{
    static const struct {
        double v;
        const char *want;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {1.0 / 3, "0.3333333333333333"},
                 {1e21, "1e+21"},
                 {-2.5e-7, "-2.5e-07"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str s = {0};
        str_add_double(&s, cases[i].v);
        assert_text(str_slice(&s), cases[i].want);
    }
}

static void errors(void **state)
{
    struct err e = {0};
    assert_false(err_set(&e, ERR_NOT_FOUND, "no device %d", 7));
    assert_false(err_set(&e, ERR_DATA, "again: %s", e.what)); /* the argument is in *e */
    assert_false(err_wrap(&e, "page %d", 3));
    assert_string_equal(e.what, "page 3: again: no device 7");
    assert_int_equal(e.code, ERR_DATA);
    for (unsigned i = 0; i < 200; i++)
        err_wrap(&e, "deeper and deeper");
    assert_int_equal(strlen(e.what), sizeof(e.what) - 1);
    assert_false(err_set(NULL, ERR_INTERNAL, "nobody listens"));
    assert_false(err_wrap(NULL, "nor here"));
    for (int code = 0; code < ERR_NCODES_; code++)
        assert_non_null(err_code_name((enum err_code)code));
    assert_string_equal(err_code_name(ERR_NOT_FOUND), "not_found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),         cmocka_unit_test(cutting),  cmocka_unit_test(integers),
        cmocka_unit_test(decimals),          cmocka_unit_test(building), cmocka_unit_test(codings),
        cmocka_unit_test(doubles_read_back), cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
