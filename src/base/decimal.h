/* decimal.h - a JSON number's text as an exact decimal: products write epochs as 1760000000.412 or 1.760000000412E9,
 * sizes as 1.7179869184E10 and frequencies as "2.4", and a double would change the last digits. */
#ifndef MSPHUB_BASE_DECIMAL_H
#define MSPHUB_BASE_DECIMAL_H

#include "base/slice.h"

struct decimal { /* ±digits · 10^exponent */
    bool negative;
    bool cut; /* digits past the 18th were dropped, and not all of them were zeros */
    uint64_t digits;
    int exponent;
};

/* digits[.digits][e[±]digits] with an optional minus; false for anything else. */
bool decimal_parse(struct slice text, struct decimal *ret);
/* d · factor towards zero. *exact (may be NULL): nothing was lost. False when it does not fit. factor > 0. */
bool decimal_scale(const struct decimal *d, int64_t factor, int64_t *ret, bool *exact);

#endif
