/* hub/hide.c - see hide.h.
 * How:    the text is decoded in each of the ways in which it may be coded, with a note for each byte of where it came from; what is
 *         found in the decoded bytes is marked in the text. */
#include "hub/hide.h"

#include "base/crypto.h"
#include "base/mem.h"

#include <stdlib.h>

enum coding { AS_IS, JSON_ESCAPES, URL_ESCAPES, NCODINGS };

struct decoded {
    uint8_t *bytes;
    size_t *from; /* in the text, for each byte; and the text's end */
    size_t n;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of n digits; -1: they are none. */
static int32_t hex_number(const char *p, unsigned n)
{
    int32_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static size_t put_utf8(uint32_t c, uint8_t out[4])
{
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* Each reads what stands for the next character: its length in the text, its bytes. */
static size_t next_json(struct slice t, uint8_t out[4], size_t *ret_n)
{
    int32_t c, low;
    *ret_n = 1;
    out[0] = (uint8_t)t.p[0];
    if (t.p[0] != '\\' || t.n < 2)
        return 1;
    if (t.p[1] != 'u' || t.n < 6 || (c = hex_number(t.p + 2, 4)) < 0) {
        out[0] = (uint8_t)t.p[1];
        return 2;
    }
    bool pair = c >= 0xD800 && c < 0xDC00 && t.n >= 12 && t.p[6] == '\\' && t.p[7] == 'u' &&
                (low = hex_number(t.p + 8, 4)) >= 0xDC00 && low < 0xE000;
    *ret_n = put_utf8((uint32_t)(pair ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : c), out);
    return pair ? 12 : 6;
}

static size_t next_url(struct slice t, uint8_t out[4], size_t *ret_n)
{
    int32_t c = t.p[0] == '%' && t.n >= 3 ? hex_number(t.p + 1, 2) : -1;
    *ret_n = 1;
    out[0] = (uint8_t)(c >= 0 ? c : t.p[0] == '+' ? ' ' : t.p[0]);
    return c >= 0 ? 3 : 1;
}

static struct decoded decode(struct slice text, enum coding coding)
{
    struct decoded d = {mem_alloc(text.n), mem_realloc_array(NULL, text.n + 1, sizeof(size_t)), 0};
    for (size_t at = 0; at < text.n;) {
        struct slice rest = slice_of(text.p + at, text.n - at);
        uint8_t bytes[4] = {(uint8_t)*rest.p};
        size_t n = 1, length = coding == JSON_ESCAPES  ? next_json(rest, bytes, &n)
                               : coding == URL_ESCAPES ? next_url(rest, bytes, &n)
                                                       : 1;
        for (size_t i = 0; i < n; i++) { /* never more bytes than characters of the text */
            d.bytes[d.n] = bytes[i];
            d.from[d.n++] = at;
        }
        at += length;
    }
    d.from[d.n] = text.n;
    return d;
}

/* Does the text end at `at`, or within the escape that stands there? */
static bool is_cut(struct slice text, enum coding coding, size_t at)
{
    size_t left = text.n - at;
    return left == 0 || (coding == JSON_ESCAPES && text.p[at] == '\\' && left < 6) ||
           (coding == URL_ESCAPES && text.p[at] == '%' && left < 3);
}

static void mark(struct slice text, enum coding coding, const struct decoded *d, struct slice secret, bool *hidden)
{
    for (size_t i = 0; i + HIDE_MIN <= d->n; i++) {
        size_t n = 0;
        while (n < secret.n && i + n < d->n && d->bytes[i + n] == (uint8_t)secret.p[n])
            n++;
        size_t end = n == secret.n ? d->from[i + n] : text.n;
        if (n == secret.n || (n >= HIDE_MIN && is_cut(text, coding, d->from[i + n])))
            memset(hidden + d->from[i], true, end - d->from[i]);
    }
}

static void rebuild(struct str *text, const bool *hidden)
{
    struct str clean = {0};
    for (size_t i = 0; i < text->n; i++) {
        if (!hidden[i])
            str_addc(&clean, text->p[i]);
        else if (i == 0 || !hidden[i - 1])
            str_adds(&clean, "***");
    }
    crypto_wipe(text->p, text->cap);
    str_release(text);
    *text = clean;
}

void hide_secret(struct str *text, struct slice secret)
{
    if (secret.n < HIDE_MIN || text->n == 0)
        return;
    bool *hidden = mem_zalloc(text->n);
    struct str latin1 = {0};
    uint8_t bytes[4];
    str_reserve(&latin1, 2 * secret.n); /* once: it is a secret */
    for (size_t i = 0; i < secret.n; i++)
        str_add(&latin1, slice_of((const char *)bytes, put_utf8((uint8_t)secret.p[i], bytes)));
    for (enum coding coding = 0; coding < NCODINGS; coding++) {
        struct decoded d = decode(str_slice(text), coding);
        mark(str_slice(text), coding, &d, secret, hidden);
        mark(str_slice(text), coding, &d, str_slice(&latin1), hidden);
        crypto_wipe(d.bytes, d.n);
        free(d.bytes);
        free(d.from);
    }
    if (memchr(hidden, true, text->n))
        rebuild(text, hidden);
    crypto_wipe(latin1.p, latin1.cap);
    str_release(&latin1);
    free(hidden);
}
