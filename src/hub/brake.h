/* hub/brake.h - so many failures by one name in a while, and no more: a bounded table in memory.
 * How:    a name's failures are paid for by time: each costs `per_window`-th of the window, and a name may owe one window at most.
 * Always: the ceiling on names holds; the one whose debt ends first makes room. So a flood of new names forgets, it never grows. */
#ifndef MSPHUB_HUB_BRAKE_H
#define MSPHUB_HUB_BRAKE_H

#include "base/clock.h"

#define BRAKE_NAME_MAX 64

struct brake;
struct brake *brake_new(size_t max_names);
void brake_free(struct brake *b);
/* Takes one of `per_window`. False: none is left; *ret_wait says until when. */
bool brake_take(struct brake *b, const char *name, usec_t now, usec_t window, int64_t per_window, usec_t *ret_wait);
void brake_give_back(struct brake *b, const char *name, usec_t window, int64_t per_window);
size_t brake_names(const struct brake *b);

/* The name of an address: IPv4 as it is, IPv6 by its /64, which one customer has all of. */
void brake_address(const char *address, char ret[BRAKE_NAME_MAX]);

#endif
