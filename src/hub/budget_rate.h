/* hub/budget_rate.h - how many calls a minute a product takes, as far as it is known or found out. Pure: time is handed in.
 * Why:    some products publish a rate, some tell what is left with each answer, some say nothing and throttle. What is known
 *         is kept to from the start; the rest is learned: a throttled call halves the rate, good ones add to it again.
 * How:    the rate is a virtual schedule: `due` is when the next call would come if calls came evenly spaced; a call may run
 *         ahead of it by `burst` - 1 spacings. With spacing = 60 s / (per_minute - burst + 1) no window of a minute sees more
 *         than per_minute.
 * Always: never above the ceiling, when there is one; what the product says is left of its window is not overdrawn, and the
 *         last of it is for people. */
#ifndef MSPHUB_HUB_BUDGET_RATE_H
#define MSPHUB_HUB_BUDGET_RATE_H

#include "base/clock.h"

#include <stdbool.h>

#define RATE_SLICES 12 /* of the last minute */

/* What an answer tells of the product's own count (hub/call_reply.h reads it from headers). */
struct rate_hint {
    int64_t limit;     /* calls in a window; 0: not told */
    int64_t remaining; /* of them now */
    usec_t reset;      /* until the window ends */
};

struct rate {
    unsigned ceiling;    /* calls a minute; 0: none known */
    unsigned per_minute; /* in force; 0: any */
    unsigned knee;       /* what went in the minute before it was throttled, or the rate then; 0: never */
    unsigned good;       /* answers since it last changed */
    unsigned burst;
    usec_t spacing, due, lowered;
    int64_t left, reserve; /* of the product's window; -1: not told */
    usec_t window_end;
    unsigned went[RATE_SLICES]; /* well, in five seconds each */
    int64_t slice;              /* the newest of them */
};

void rate_init(struct rate *r, unsigned ceiling);
void rate_set_ceiling(struct rate *r, unsigned ceiling); /* another one from now on */
/* When the next call may go; a time past is now. `person`: may take the last of a window. */
usec_t rate_ready_at(const struct rate *r, usec_t now, bool person);
/* Until when the product says that its window is spent; 0: it is not. */
usec_t rate_told_until(const struct rate *r, usec_t now, bool person);
void rate_spend(struct rate *r, usec_t now); /* it goes */
void rate_good(struct rate *r, usec_t now);
/* Without a ceiling nothing below `least` a minute is believed. */
void rate_throttled(struct rate *r, usec_t now, unsigned least);
/* `in_flight`: calls that the product may not have counted yet. */
void rate_told(struct rate *r, const struct rate_hint *hint, unsigned in_flight, usec_t now);
double rate_left(const struct rate *r, usec_t now);   /* share of a burst that can go now: 0 to 1 */
bool rate_is_fresh(const struct rate *r, usec_t now); /* stands as a new one would: nothing is lost by forgetting it */

#endif
