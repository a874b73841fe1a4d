/* util.h - the few macros every file may rely on. */
#ifndef MSPHUB_BASE_UTIL_H
#define MSPHUB_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a)                (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                   ((a) < (b) ? (a) : (b))
#define MAX(a, b)                   ((a) > (b) ? (a) : (b))
#define BIT(n)                      (1u << (n))
#define container_of(p, t, m)       ((t *)(void *)((char *)(p)-offsetof(t, m)))
#define container_of_const(p, t, m) ((const t *)(const void *)((const char *)(p)-offsetof(t, m)))

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define WARN_UNUSED       __attribute__((warn_unused_result))
#define NORETURN          __attribute__((noreturn))
#define RETURNS_NONNULL   __attribute__((returns_nonnull))

/* Scope-owned values: `_cleanup_(str_release) struct str s = {0};`. The function takes a pointer to the variable. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Hands the value over and leaves NULL behind, so that the scope's clean-up no longer touches it. */
#define TAKE(p)                                                                                                        \
    __extension__({                                                                                                    \
        __typeof__(p) take_ = (p);                                                                                     \
        (p) = NULL;                                                                                                    \
        take_;                                                                                                         \
    })

#endif
