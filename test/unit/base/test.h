/* test.h - what every unit test of base/ includes: cmocka with the headers that it forgets, and comparisons that print
 * both sides. */
#ifndef MSPHUB_TEST_UNIT_BASE_TEST_H
#define MSPHUB_TEST_UNIT_BASE_TEST_H

#include "base/slice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline void check_text(struct slice got, struct slice want, const char *file, int line)
{
    if (slice_eq(got, want) && (got.p == NULL) == (want.p == NULL))
        return;
    print_error("got  %s\"%.*s\"\nwant %s\"%.*s\"\n", got.p ? "" : "NONE ", SLICE_FMT(got), want.p ? "" : "NONE ",
                SLICE_FMT(want));
    _fail(file, line);
}

#define assert_text(got, want) check_text((got), slice_cstr(want), __FILE__, __LINE__)

#endif
