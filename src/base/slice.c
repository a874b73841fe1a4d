/* slice.c - looking at bytes. */
#include "base/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

int slice_order(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool slice_ieq(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool slice_starts(struct slice a, struct slice prefix)
{
    return a.n >= prefix.n && slice_eq(slice_of(a.p, prefix.n), prefix);
}

bool slice_ends(struct slice a, struct slice suffix)
{
    return a.n >= suffix.n && slice_eq(slice_of(a.p ? a.p + (a.n - suffix.n) : NULL, suffix.n), suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice a)
{
    while (a.n && is_blank(a.p[0])) {
        a.p++;
        a.n--;
    }
    while (a.n && is_blank(a.p[a.n - 1]))
        a.n--;
    return a;
}

struct slice slice_cut(struct slice *rest, char sep)
{
    struct slice all = *rest;
    const char *at = all.n ? memchr(all.p, sep, all.n) : NULL;
    if (!at) {
        *rest = slice_of(all.p ? all.p + all.n : NULL, 0);
        return all;
    }
    size_t n = (size_t)(at - all.p);
    *rest = slice_of(at + 1, all.n - n - 1);
    return slice_of(all.p, n);
}

bool slice_i64(struct slice a, int64_t *ret)
{
    bool negative = a.n && a.p[0] == '-';
    size_t i = negative;
    if (i == a.n)
        return false;
    int64_t v = 0; /* gathered below zero, where the range is larger by one */
    for (; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, a.p[i] - '0', &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *ret = negative ? v : -v;
    return true;
}
