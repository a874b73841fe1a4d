/* base64url.c - RFC 4648 §5 without padding. */
#include "base/base64url.h"

#include "base/crypto.h"

void str_add_base64url(struct str *s, struct slice bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned n = 0; /* bits that wait */
    str_reserve(s, bytes.n + bytes.n / 3 + 2);
    for (size_t i = 0; i < bytes.n; i++) {
        bits = bits << 8 | (uint8_t)bytes.p[i];
        for (n += 8; n >= 6; n -= 6)
            str_addc(s, letters[bits >> (n - 6) & 63]);
    }
    if (n)
        str_addc(s, letters[bits << (6 - n) & 63]);
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(struct slice text, struct str *out)
{
    size_t start = out->n;
    uint32_t bits = 0;
    unsigned n = 0;
    str_reserve(out, text.n / 4 * 3 + 3);
    for (size_t i = 0; i < text.n; i++) {
        int v = letter_value(text.p[i]);
        if (v < 0)
            goto bad;
        bits = bits << 6 | (uint32_t)v;
        n += 6;
        if (n >= 8) {
            n -= 8;
            str_addc(out, (char)(bits >> n));
        }
    }
    if (n < 6 && (bits & (BIT(n) - 1)) == 0)
        return true;
bad:
    crypto_wipe(out->p + start, out->n - start);
    out->n = start;
    out->p[start] = '\0';
    return false;
}
