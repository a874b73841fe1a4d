/* fuzz_clock.c - times and numbers as text.
 * Held:  what is read lies in the years 1 to 9999 and, written, reads back equal; an epoch is never negative; a decimal scaled by one is
 *        the number it says; Retry-After is a duration of at most ten years; an HTTP date written again is the same. */
#include "fuzz.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "hub/call_reply.h"

#include <time.h>

#define YEAR_1     SECONDS(-62135596800)
#define YEAR_10000 SECONDS(253402300800)

static void check_time(usec_t t)
{
    char iso[CLOCK_ISO_MAX];
    usec_t again = USEC_NONE;
    HOLD(t >= YEAR_1 && t < YEAR_10000);
    HOLD(clock_iso(t, iso) == iso && strlen(iso) >= 20 && iso[strlen(iso) - 1] == 'Z');
    HOLD(clock_parse_iso(slice_cstr(iso), &again) && again == t);
}

static void check_decimal(struct slice text)
{
    struct decimal d;
    int64_t n, thousand;
    bool exact = false;
    if (!decimal_parse(text, &d))
        return;
    HOLD(text.n && d.digits < 1000000000000000000u);
    if (decimal_scale(&d, 1, &n, &exact)) {
        int64_t plain;
        if (slice_i64(text, &plain) && !d.cut) /* "007" and "+1" are numbers to one of them only */
            HOLD(exact && plain == n);
        HOLD(!decimal_scale(&d, 1000, &thousand, NULL) || thousand / 1000 == n);
    }
}

static void check_http(const char *text)
{
    const usec_t now = SECONDS(1763690400), most = SECONDS(INT64_C(10) * 365 * 86400);
    usec_t t, again, wait = reply_parse_retry_after(text, USEC_NONE, now);
    char date[64];
    struct tm tm;

    HOLD(wait == USEC_NONE || (wait >= 0 && wait <= most));
    if (!reply_parse_date(text, &t))
        return;
    HOLD(t % USEC_PER_S == 0);
    HOLD(wait != USEC_NONE && (wait == 0 || wait == most || wait == t - now));
    HOLD(reply_parse_retry_after(text, t, now) == 0);
    time_t s = (time_t)(t / USEC_PER_S);
    HOLD(gmtime_r(&s, &tm) && strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm));
    HOLD(reply_parse_date(date, &again) && again == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    usec_t t;

    if (clock_parse_iso(text, &t))
        check_time(t);
    if (clock_parse_epoch(text, &t)) {
        HOLD(t >= 0);
        check_time(t);
    }
    check_decimal(text);
    char *z = strndup(text.n ? text.p : "", text.n);
    HOLD(z);
    check_http(z);
    free(z);
    return 0;
}
