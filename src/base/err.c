/* err.c - a failure told once. */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    assert(code != ERR_NONE && code < ERR_NCODES_);
    if (!e)
        return false;
    char what[sizeof(e->what)]; /* the arguments may point into *e */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    e->code = code;
    memcpy(e->what, what, sizeof(what));
    return false;
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    char context[sizeof(e->what)], both[sizeof(e->what) * 2 + 2]; /* room for all; the end is cut below */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    snprintf(both, sizeof(both), "%s: %s", context, e->what);
    both[sizeof(e->what) - 1] = '\0';
    memcpy(e->what, both, sizeof(e->what));
    return false;
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[ERR_NCODES_] = {
        [ERR_NONE] = "none",         [ERR_INPUT] = "input",         [ERR_CONFIG] = "config",
        [ERR_AUTH] = "auth",         [ERR_FORBIDDEN] = "forbidden", [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict", [ERR_LIMIT] = "limit",         [ERR_THROTTLED] = "throttled",
        [ERR_TIMEOUT] = "timeout",   [ERR_CANCELED] = "canceled",   [ERR_UNAVAILABLE] = "unavailable",
        [ERR_PROTOCOL] = "protocol", [ERR_DATA] = "data",           [ERR_INTERNAL] = "internal",
    };
    return code < ERR_NCODES_ ? names[code] : "internal";
}
