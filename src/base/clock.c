/* clock.c - time as one type, and the spellings the products use.
 * Why:    strptime and timegm follow the locale, take what is no date, and know no fractions; the proleptic Gregorian
 *         calendar is a dozen lines of integer arithmetic. */
#include "base/clock.h"

#include "base/decimal.h"
#include <stdio.h>
#include <time.h>

#define SECONDS_LEAST (-62135596800LL) /* 0001-01-01T00:00:00 */
#define SECONDS_MOST  253402300799LL   /* 9999-12-31T23:59:59 */
#define MS_FROM       100000000000LL /* an epoch from here on counts milliseconds: as seconds it would be the year 5138 */

static usec_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (usec_t)t.tv_sec * USEC_PER_S + t.tv_nsec / 1000;
}

usec_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

usec_t clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

bool clock_parse_epoch(struct slice text, usec_t *ret)
{
    struct decimal d;
    int64_t whole, usec;
    if (!decimal_parse(text, &d) || (d.negative && d.digits) || !decimal_scale(&d, 1, &whole, NULL))
        return false;
    bool ms = whole >= MS_FROM;
    if (ms && whole / 1000 > SECONDS_MOST)
        return false;
    if (!decimal_scale(&d, ms ? USEC_PER_MS : USEC_PER_S, &usec, NULL))
        return false;
    *ret = usec;
    return true;
}

/* Days from 1970-01-01, after H. Hinnant's "chrono-compatible low-level date algorithms": years begin in March, so that
 * the leap day is the last day of a year; 400 years have 146097 days. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march = (5 * day_of_year + 2) / 153;
    *d = day_of_year - (153 * march + 2) / 5 + 1;
    *m = march < 10 ? march + 3 : march - 9;
    *y = year_of_era + era * 400 + (*m <= 2);
}

static int days_in_month(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && leap ? 29 : days[m - 1];
}

/* --- reading: each step takes its characters off the front, or fails --- */

static bool take_digits(struct slice *s, unsigned n, int *ret)
{
    if (s->n < n)
        return false;
    int v = 0;
    for (unsigned i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = slice_of(s->p + n, s->n - n);
    *ret = v;
    return true;
}

static bool take_char(struct slice *s, const char *any_of)
{
    if (s->n == 0 || s->p[0] == '\0' || !strchr(any_of, s->p[0]))
        return false;
    *s = slice_of(s->p + 1, s->n - 1);
    return true;
}

static bool take_date(struct slice *s, int64_t *days)
{
    int y, m, d;
    if (!take_digits(s, 4, &y) || !take_char(s, "-") || !take_digits(s, 2, &m) || !take_char(s, "-") ||
        !take_digits(s, 2, &d))
        return false;
    if (y < 1 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
        return false;
    *days = days_from_civil(y, m, d);
    return true;
}

static bool take_fraction(struct slice *s, int64_t *usec)
{
    int64_t unit = USEC_PER_S / 10;
    int digit;
    if (!take_digits(s, 1, &digit))
        return false;
    do {
        *usec += digit * unit;
        unit /= 10; /* from the seventh digit on: zero */
    } while (take_digits(s, 1, &digit));
    return true;
}

static bool take_time(struct slice *s, int64_t *usec)
{
    int h, m, sec = 0;
    int64_t fraction = 0;
    if (!take_digits(s, 2, &h) || !take_char(s, ":") || !take_digits(s, 2, &m))
        return false;
    if (take_char(s, ":")) {
        if (!take_digits(s, 2, &sec))
            return false;
        if (take_char(s, ".,") && !take_fraction(s, &fraction))
            return false;
    }
    if (h > 23 || m > 59 || sec > 60) /* a leap second is the next minute's first, as in POSIX */
        return false;
    *usec = SECONDS(h * 3600 + m * 60 + sec) + fraction;
    return true;
}

static bool take_zone(struct slice *s, int64_t *east)
{
    *east = 0;
    if (s->n == 0 || take_char(s, "Zz"))
        return true;
    bool west = s->p[0] == '-';
    int h, m = 0;
    if (!take_char(s, "+-") || !take_digits(s, 2, &h))
        return false;
    bool colon = take_char(s, ":");
    if ((colon || s->n) && !take_digits(s, 2, &m))
        return false;
    if (h > 23 || m > 59)
        return false;
    *east = SECONDS(h * 3600 + m * 60) * (west ? -1 : 1);
    return true;
}

bool clock_parse_iso(struct slice text, usec_t *ret)
{
    int64_t days, time = 0, east = 0;
    if (!take_date(&text, &days))
        return false;
    if (text.n && (!take_char(&text, "Tt ") || !take_time(&text, &time) || !take_zone(&text, &east)))
        return false;
    if (text.n)
        return false;
    usec_t t = SECONDS(days * 86400) + time - east;
    if (t < SECONDS(SECONDS_LEAST) || t >= SECONDS(SECONDS_MOST + 1)) /* the zone, or a leap second, led out of it */
        return false;
    *ret = t;
    return true;
}

/* `separator`, then `v` in so many digits. */
static char *add_number(char *p, char separator, int64_t v, int digits)
{
    *p = separator;
    for (int i = digits; i > 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + 1 + digits;
}

/* Four digits; a year that needs more or a sign gets them. */
static char *add_year(char *p, int64_t y)
{
    if (y < 0 || y > 9999)
        return p + sprintf(p, "%04lld", (long long)y);
    for (int i = 3; i >= 0; i--, y /= 10)
        p[i] = (char)('0' + y % 10);
    return p + 4;
}

char *clock_iso(usec_t t, char buf[CLOCK_ISO_MAX])
{
    int64_t day = SECONDS(86400), y, m, d;
    int64_t days = t / day - (t % day < 0), rest = t % day + (t % day < 0 ? day : 0);
    civil_from_days(days, &y, &m, &d);
    int64_t s = rest / USEC_PER_S, us = rest % USEC_PER_S;
    char *p = add_year(buf, y);
    p = add_number(p, '-', m, 2);
    p = add_number(p, '-', d, 2);
    p = add_number(p, 'T', s / 3600, 2);
    p = add_number(p, ':', s / 60 % 60, 2);
    p = add_number(p, ':', s % 60, 2);
    if (us)
        p = add_number(p, '.', us, 6);
    *p++ = 'Z';
    *p = '\0';
    return buf;
}
