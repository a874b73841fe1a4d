/* decimal.c - exact decimals. */
#include "base/decimal.h"

#define MAX_DIGITS   18
#define MAX_EXPONENT 9999 /* past any use; keeps the sums below far from overflow */

__extension__ typedef unsigned __int128 u128;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void push_digit(struct decimal *d, unsigned *significant, char c, bool fraction)
{
    if (*significant == MAX_DIGITS) {
        d->cut |= c != '0';
        d->exponent += !fraction;
        return;
    }
    d->digits = d->digits * 10 + (uint64_t)(c - '0');
    *significant += d->digits != 0; /* leading zeros do not count */
    d->exponent -= fraction;
}

static bool parse_exponent(const char **p, const char *end, struct decimal *d)
{
    (*p)++;
    bool negative = *p < end && **p == '-';
    if (*p < end && (**p == '-' || **p == '+'))
        (*p)++;
    if (*p == end || !is_digit(**p))
        return false;
    int e = 0;
    for (; *p < end && is_digit(**p); (*p)++)
        e = MIN(e * 10 + (**p - '0'), MAX_EXPONENT);
    d->exponent += negative ? -e : e;
    return true;
}

bool decimal_parse(struct slice text, struct decimal *ret)
{
    const char *p = text.p, *end = text.n ? p + text.n : p;
    struct decimal d = {0};
    unsigned significant = 0;
    if (p < end && *p == '-') {
        d.negative = true;
        p++;
    }
    if (p == end || !is_digit(*p) || end - p > MAX_EXPONENT)
        return false;
    for (; p < end && is_digit(*p); p++)
        push_digit(&d, &significant, *p, false);
    if (p < end && *p == '.') {
        p++;
        if (p == end || !is_digit(*p))
            return false;
        for (; p < end && is_digit(*p); p++)
            push_digit(&d, &significant, *p, true);
    }
    if (p < end && (*p == 'e' || *p == 'E') && !parse_exponent(&p, end, &d))
        return false;
    if (p != end)
        return false;
    *ret = d;
    return true;
}

bool decimal_scale(const struct decimal *d, int64_t factor, int64_t *ret, bool *exact)
{
    u128 v = (u128)d->digits * (u128)factor; /* below 2^60 · 2^63 */
    bool whole = !d->cut;
    for (int e = d->exponent; e > 0 && v != 0; e--) {
        v *= 10;
        if (v > (u128)INT64_MAX)
            return false;
    }
    for (int e = d->exponent; e < 0 && v != 0; e++) {
        whole &= v % 10 == 0;
        v /= 10;
    }
    if (v > (u128)INT64_MAX)
        return false;
    *ret = d->negative ? -(int64_t)v : (int64_t)v;
    if (exact)
        *exact = whole;
    return true;
}
