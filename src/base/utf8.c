/* utf8.c - what may travel to PostgreSQL.
 * Why:    checked by Unicode's table of well-formed byte sequences (3-7), eight plain bytes at a time, for nearly all
 * that products send is ASCII and every string passes here. */
#include "base/utf8.h"

static bool is_tail(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/* The length of the well-formed sequence at p (n ≥ 1 bytes are there), 0 when there is none. */
static size_t sequence(const uint8_t *p, size_t n)
{
    uint8_t a = p[0];
    if (a < 0x80)
        return 1;
    if (a < 0xC2 || a > 0xF4) /* a lone tail, an overlong lead, past U+10FFFF */
        return 0;
    if (a < 0xE0)
        return n >= 2 && is_tail(p[1]) ? 2 : 0;
    if (a < 0xF0) {
        if (n < 3 || !is_tail(p[1]) || !is_tail(p[2]))
            return 0;
        bool overlong = a == 0xE0 && p[1] < 0xA0, surrogate = a == 0xED && p[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (n < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
        return 0;
    bool overlong = a == 0xF0 && p[1] < 0x90, too_large = a == 0xF4 && p[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

/* Eight bytes of 0x01 … 0x7F, or with `nul` of 0x00 … 0x7F. */
static bool plain8(const uint8_t *p, bool nul)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
    return !(w & high) && (nul || !((w - ones) & ~w & high));
}

static bool valid(struct slice s, bool nul)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && plain8(p + i, nul)) {
            i += 8;
            continue;
        }
        size_t n = sequence(p + i, s.n - i);
        if (n == 0 || (!nul && p[i] == 0))
            return false;
        i += n;
    }
    return true;
}

bool utf8_valid(struct slice s)
{
    return valid(s, true);
}

bool utf8_storable(struct slice s)
{
    return valid(s, false);
}

size_t utf8_repair(struct slice s, char *out)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t at = 0;
    for (size_t i = 0, n; i < s.n; i += MAX(n, 1)) {
        n = sequence(p + i, s.n - i);
        if (n == 1 && p[i] == 0)
            continue;
        const char *from = n ? s.p + i : "\xEF\xBF\xBD";
        size_t len = n ? n : 3;
        memcpy(out + at, from, len);
        at += len;
    }
    return at;
}

size_t utf8_length(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += !is_tail((uint8_t)s.p[i]);
    return n;
}

struct slice utf8_cut(struct slice s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && is_tail((uint8_t)s.p[max]))
        max--;
    return slice_of(s.p, max);
}
