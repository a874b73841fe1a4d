/* slice.h - bytes to look at: a pointer and a length, passed by value, owning nothing, not NUL-terminated. */
#ifndef MSPHUB_BASE_SLICE_H
#define MSPHUB_BASE_SLICE_H

#include "base/util.h"
#include <stdbool.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

#define SLICE(lit) ((struct slice){"" lit, sizeof(lit) - 1})
#define SLICE_NONE ((struct slice){NULL, 0})
/* SLICE for static tables, where ISO C wants a constant. */
#define SLICE_INIT(lit)                                                                                                \
    {                                                                                                                  \
        "" lit, sizeof(lit) - 1                                                                                        \
    }
/* For printf's "%.*s". */
#define SLICE_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct slice slice_of(const char *p, size_t n)
{
    return (struct slice){p, n};
}

/* NULL gives SLICE_NONE. */
static inline struct slice slice_cstr(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
    return slice_eq(a, slice_cstr(s));
}

int slice_order(struct slice a, struct slice b); /* by bytes: < 0, 0, > 0 */
bool slice_ieq(struct slice a, struct slice b); /* ASCII letters compare without case */
bool slice_starts(struct slice a, struct slice prefix);
bool slice_ends(struct slice a, struct slice suffix);
struct slice slice_trim(struct slice a); /* blanks, tabs, CR and LF off both ends */
/* Cuts `*rest` at the first `sep`: returns what stands before it, leaves what stands behind. Without `sep`: all of it.
 */
struct slice slice_cut(struct slice *rest, char sep);
/* A whole decimal number in range, nothing else; false otherwise. */
bool slice_i64(struct slice a, int64_t *ret);

#endif
