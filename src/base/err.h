/* err.h - a failure told once: a code for the machine, a sentence for the person who must mend it.
 * A function that may fail returns bool and takes `struct err *e` last; it either handles a failure or passes it on, it
 * does not log it as well. A good sentence says what, where and how to mend it. */
#ifndef MSPHUB_BASE_ERR_H
#define MSPHUB_BASE_ERR_H

#include "base/util.h"
#include <stdbool.h>

enum err_code {
    ERR_NONE,
    ERR_INPUT,     /* what was given is wrong (syntax, type, range) */
    ERR_CONFIG,    /* the operator's configuration is wrong */
    ERR_AUTH,      /* credentials missing, wrong or expired */
    ERR_FORBIDDEN, /* credentials good, right missing */
    ERR_NOT_FOUND,
    ERR_CONFLICT,    /* the state does not allow it now */
    ERR_LIMIT,       /* a ceiling is reached; the option's name is in the text */
    ERR_THROTTLED,   /* the other side asks to slow down */
    ERR_TIMEOUT,     /* a deadline passed */
    ERR_CANCELED,    /* cancelled by us, or shutdown */
    ERR_UNAVAILABLE, /* the other side cannot be reached or answers 5xx; later may work */
    ERR_PROTOCOL,    /* the other side broke its contract (HTML for JSON, cut body, wrong totals) */
    ERR_DATA,        /* one record is bad, its neighbours are not */
    ERR_INTERNAL,
    ERR_NCODES_
};

struct err {
    enum err_code code;
    char what[384];
};

/* Sets *e (which may be NULL) and returns false, so that `return err_set(e, …);` reads well. */
bool err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " before what is there; returns false. */
bool err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *err_code_name(enum err_code code); /* "not_found", … ; stable, used in REST and metrics */

#endif
