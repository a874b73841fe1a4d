/* fuzz_utf8.c - text of any kind.
 * Held:  repaired text is storable, no longer than promised, and repairing leaves storable text as it is; a cut stays valid; the fast
 *        check agrees with a plain one; what is percent-encoded, hex or base64 comes back. */
#include "fuzz.h"

#include "base/crypto.h"
#include "base/utf8.h"
#include "reactor/http_gate.h"

/* By the definition: decode, then look at the value. */
static bool valid_plain(struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        uint8_t a = (uint8_t)s.p[i];
        size_t n = a < 0x80 ? 1 : a >> 5 == 6 ? 2 : a >> 4 == 14 ? 3 : a >> 3 == 30 ? 4 : 0;
        if (n == 0 || n > s.n - i)
            return false;
        uint32_t v = n == 1 ? a : a & (0x7Fu >> n);
        for (size_t k = 1; k < n; k++) {
            if (((uint8_t)s.p[i + k] & 0xC0) != 0x80)
                return false;
            v = v << 6 | ((uint8_t)s.p[i + k] & 0x3F);
        }
        if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
            return false;
        i += n;
    }
    return true;
}

static void check_cuts(struct slice s)
{
    HOLD(utf8_length(s) <= s.n);
    for (size_t max = 0; max <= s.n; max += 1 + s.n / 32) {
        struct slice cut = utf8_cut(s, max);
        HOLD(cut.p == s.p && cut.n <= max && max - cut.n < 4 && utf8_valid(cut));
    }
    HOLD(slice_eq(utf8_cut(s, s.n), s));
}

static void check_codings(struct slice s)
{
    _cleanup_(str_release) struct str hex = {0}, base64 = {0}, url = {0}, back = {0};

    str_add_hex(&hex, s);
    HOLD(hex.n == 2 * s.n && crypto_unhex(str_slice(&hex), &back) && slice_eq(str_slice(&back), s));
    str_clear(&back);
    str_add_base64(&base64, s);
    HOLD(crypto_unbase64(str_slice(&base64), &back) && slice_eq(str_slice(&back), s));
    str_clear(&back);
    str_add_url(&url, s);
    str_reserve(&back, url.n);
    HOLD(slice_eq(slice_of(back.p, http_unescape(str_slice(&url), false, back.p)), s));
    /* As something to decode it is mostly garbage; what is taken has one spelling. */
    str_clear(&back);
    str_clear(&base64);
    if (crypto_unbase64(s, &back)) {
        str_add_base64(&base64, str_slice(&back));
        HOLD(slice_eq(str_slice(&base64), s));
    }
    str_clear(&back);
    if (crypto_unhex(s, &back))
        HOLD(back.n * 2 == s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    char *out = malloc(3 * size + 1);
    HOLD(out);

    HOLD(utf8_valid(text) == valid_plain(text));
    HOLD(utf8_storable(text) == (valid_plain(text) && !(size && memchr(text.p, 0, size))));
    struct slice repaired = slice_of(out, utf8_repair(text, out));
    HOLD(repaired.n <= 3 * size && utf8_storable(repaired));
    HOLD(slice_eq(repaired, text) == utf8_storable(text));
    if (utf8_valid(text))
        check_cuts(text);
    check_cuts(repaired);
    check_codings(text);
    free(out);
    return 0;
}
