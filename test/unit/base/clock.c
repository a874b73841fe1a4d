/* clock.c - epochs and ISO times as the products spell them, and what is refused. */
#include "base/clock.h"

#include "base/test.h"

static const struct {
    const char *text;
    usec_t want; /* USEC_NONE: refused */
} epochs[] = {
    {"0", 0},
    {"-0", 0},
    {"1", SECONDS(1)},
    {"1760000000", 1760000000000000},
    {"1760000000.412", 1760000000412000},
    {"1760000000.4119999", 1760000000411999},
    {"1760000000.41200000000000000000000009", 1760000000412000},
    {"1.760000000412E9", 1760000000412000},
    {"1760000000412e-3", 1760000000412000},
    {"1760000000412", 1760000000412000},
    {"1760000000412.5", 1760000000412500},
    {"1.760000000412e+12", 1760000000412000},
    {"0.000001", 1},
    {"0.0000009", 0},
    {"00001760000000", 1760000000000000},
    {"99999999999", 99999999999000000},
    {"100000000000", 100000000000000}, /* from here on milliseconds */
    {"253402300799999", 253402300799999000},
    {"253402300800000", USEC_NONE}, /* year 10000 */
    {"1e400", USEC_NONE},
    {"1e-400", 0},
    {"99999999999999999999999999", USEC_NONE},
    {"-1", USEC_NONE},
    {"", USEC_NONE},
    {"-", USEC_NONE},
    {".5", USEC_NONE},
    {"5.", USEC_NONE},
    {"1e", USEC_NONE},
    {"1e+", USEC_NONE},
    {"+1", USEC_NONE},
    {" 1", USEC_NONE},
    {"1 ", USEC_NONE},
    {"0x10", USEC_NONE},
    {"1,5", USEC_NONE},
    {"NaN", USEC_NONE},
    {"inf", USEC_NONE},
    {"2026-01-09", USEC_NONE},
};

static void epoch_spellings(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(epochs); i++) {
        usec_t got = USEC_NONE;
        bool ok = clock_parse_epoch(slice_cstr(epochs[i].text), &got);
        if (ok != (epochs[i].want != USEC_NONE) || got != epochs[i].want)
            fail_msg("\"%s\": got %d %lld, want %lld", epochs[i].text, ok, (long long)got, (long long)epochs[i].want);
    }
}

static const struct {
    const char *text, *want; /* as clock_iso writes it; NULL: refused */
} isos[] = {
    {"2026-01-09T10:11:12Z", "2026-01-09T10:11:12Z"},
    {"2026-01-09T10:11:12.345678Z", "2026-01-09T10:11:12.345678Z"},
    {"2026-01-09T10:11:12.3Z", "2026-01-09T10:11:12.300000Z"},
    {"2026-01-09T10:11:12.345678999999Z", "2026-01-09T10:11:12.345678Z"},
    {"2026-01-09T10:11:12,5Z", "2026-01-09T10:11:12.500000Z"},
    {"2026-01-09 10:11:12+00", "2026-01-09T10:11:12Z"},
    {"2026-01-09t10:11:12z", "2026-01-09T10:11:12Z"},
    {"2026-01-09T10:11Z", "2026-01-09T10:11:00Z"},
    {"2026-01-09T10:11:12", "2026-01-09T10:11:12Z"},
    {"2026-01-09", "2026-01-09T00:00:00Z"},
    {"2026-01-09T00:30:00+02:00", "2026-01-08T22:30:00Z"},
    {"2026-01-09T23:30:00-0530", "2026-01-10T05:00:00Z"},
    {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
    {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
    {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
    {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
    {"2000-02-29", "2000-02-29T00:00:00Z"},
    {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"}, /* a leap second */
    {"2023-02-29", NULL},
    {"1900-02-29", NULL},
    {"2026-04-31", NULL},
    {"2026-00-09", NULL},
    {"2026-13-09", NULL},
    {"2026-01-00", NULL},
    {"0000-01-01", NULL},
    {"2026-01-09T24:00:00Z", NULL},
    {"2026-01-09T10:60:00Z", NULL},
    {"2026-01-09T10:11:61Z", NULL},
    {"2026-01-09T10:11:12.Z", NULL},
    {"2026-01-09T10:11:12+2:00", NULL},
    {"2026-01-09T10:11:12+24:00", NULL},
    {"2026-01-09T10:11:12+02:", NULL},
    {"2026-01-09T10:11:12+02:60", NULL},
    {"2026-01-09T10:11:12ZZ", NULL},
    {"2026-01-09T10:11:12 UTC", NULL},
    {"2026-01-09T", NULL},
    {"2026-01-09X10:11:12Z", NULL},
    {"2026-1-9", NULL},
    {"20260109", NULL},
    {"01/09/2026", NULL},
    {" 2026-01-09", NULL},
    {"", NULL},
    {"1760000000", NULL},
};

static void iso_spellings(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(isos); i++) {
        usec_t t = 0;
        char buf[CLOCK_ISO_MAX];
        bool ok = clock_parse_iso(slice_cstr(isos[i].text), &t);
        if (ok != (isos[i].want != NULL))
            fail_msg("\"%s\" was %s", isos[i].text, ok ? "taken" : "refused");
        if (ok)
            assert_string_equal(clock_iso(t, buf), isos[i].want);
    }
}

/* A text cut anywhere is read as a shorter time or refused; never read past its end (ASan has the last word). */
static void iso_cut_anywhere(void **state)
{
    static const char whole[] = "2026-01-09T10:11:12.345678+02:00";
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, whole, n);
        usec_t t;
        clock_parse_iso(slice_of(exact, n), &t);
        free(exact);
    }
}

/* Every day of eight centuries goes there and back, one after the other. */
static void calendar(void **state)
{
    usec_t day = SECONDS(86400), t, want;
    char buf[CLOCK_ISO_MAX];
    assert_true(clock_parse_iso(SLICE("1600-01-01"), &want));
    for (unsigned n = 0; n < 2 * 146097; n++, want += day) {
        clock_iso(want, buf);
        if (!clock_parse_iso(slice_of(buf, 10), &t) || t != want)
            fail_msg("%s", buf);
    }
    assert_string_equal(clock_iso(want, buf), "2400-01-01T00:00:00Z");
}

static void extremes_fit(void **state)
{
    char buf[CLOCK_ISO_MAX];
    assert_string_equal(clock_iso(INT64_MAX, buf), "294247-01-10T04:00:54.775807Z");
    assert_string_equal(clock_iso(INT64_MIN, buf), "-290308-12-21T19:59:05.224192Z");
}

static void clocks_run(void **state)
{
    usec_t a = clock_mono(), b = clock_mono();
    assert_true(b >= a);
    assert_true(clock_wall() > SECONDS(1700000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epoch_spellings), cmocka_unit_test(iso_spellings), cmocka_unit_test(iso_cut_anywhere),
        cmocka_unit_test(calendar),        cmocka_unit_test(extremes_fit),  cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
