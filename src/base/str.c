/* str.c - a growing string. */
#include "base/str.h"

#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>

void str_reserve(struct str *s, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(s->n, more, &need) || __builtin_add_overflow(need, 1, &need))
        need = SIZE_MAX; /* the allocation below says so and ends the process */
    if (need <= s->cap)
        return;
    size_t cap = MAX(s->cap, 32);
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    s->p = mem_realloc(s->p, cap);
    s->cap = cap;
}

void str_add(struct str *s, struct slice bytes)
{
    str_reserve(s, bytes.n);
    if (bytes.n)
        memcpy(s->p + s->n, bytes.p, bytes.n);
    s->n += bytes.n;
    s->p[s->n] = '\0';
}

void str_addc(struct str *s, char c)
{
    str_add(s, slice_of(&c, 1));
}

void str_adds(struct str *s, const char *text)
{
    str_add(s, slice_cstr(text));
}

void str_addf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_addv(s, fmt, ap);
    va_end(ap);
}

void str_addv(struct str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    str_reserve(s, 64);
    size_t room = s->cap - s->n;
    int n = vsnprintf(s->p + s->n, room, fmt, ap);
    if (n > 0 && (size_t)n >= room) {
        str_reserve(s, (size_t)n);
        vsnprintf(s->p + s->n, (size_t)n + 1, fmt, again);
    }
    if (n > 0)
        s->n += (size_t)n;
    va_end(again);
}

void str_add_i64(struct str *s, int64_t v)
{
    char text[24], *p = text + sizeof(text);
    uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (v < 0)
        *--p = '-';
    str_add(s, slice_of(p, (size_t)(text + sizeof(text) - p)));
}

void str_add_double(struct str *s, double v)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    str_adds(s, text);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void str_add_url(struct str *s, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (is_unreserved(text.p[i]))
            str_addc(s, text.p[i]);
        else
            str_addf(s, "%%%02X", (unsigned)(uint8_t)text.p[i]);
    }
}

void str_add_base64(struct str *s, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    str_reserve(s, bytes.n / 3 * 4 + 4);
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = MIN(bytes.n - i, 3);
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < have ? (uint8_t)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            s->p[s->n++] = k <= have ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    s->p[s->n] = '\0';
}

void str_add_hex(struct str *s, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    str_reserve(s, bytes.n * 2);
    for (size_t i = 0; i < bytes.n; i++) {
        s->p[s->n++] = digits[(uint8_t)bytes.p[i] >> 4];
        s->p[s->n++] = digits[(uint8_t)bytes.p[i] & 15];
    }
    s->p[s->n] = '\0';
}

void str_clear(struct str *s)
{
    s->n = 0;
    if (s->p)
        s->p[0] = '\0';
}

char *str_take(struct str *s)
{
    str_add(s, SLICE_NONE); /* an untouched one becomes "" */
    char *p = s->p;
    *s = (struct str){0};
    return p;
}

void str_release(struct str *s)
{
    free(s->p);
    *s = (struct str){0};
}
