/* str.h - a growing string, always NUL-terminated once something was added. `struct str s = {0};` is ready to use. */
#ifndef MSPHUB_BASE_STR_H
#define MSPHUB_BASE_STR_H

#include "base/slice.h"
#include <stdarg.h>

struct str {
    char *p;
    size_t n, cap;
};

void str_reserve(struct str *s, size_t more);
void str_add(struct str *s, struct slice bytes);
void str_addc(struct str *s, char c);
void str_adds(struct str *s, const char *text);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_addv(struct str *s, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void str_add_i64(struct str *s, int64_t v);
void str_add_double(struct str *s, double v);       /* shortest text that reads back equal */
void str_add_url(struct str *s, struct slice text); /* percent-encodes all but the unreserved characters of RFC 3986 */
void str_add_base64(struct str *s, struct slice bytes);
void str_add_hex(struct str *s, struct slice bytes);
void str_clear(struct str *s);   /* empty, memory kept */
char *str_take(struct str *s);   /* the string (never NULL), to be freed by the caller; s is empty again */
void str_release(struct str *s); /* frees; s is empty again */

static inline struct slice str_slice(const struct str *s)
{
    return slice_of(s->p, s->n);
}

#endif
