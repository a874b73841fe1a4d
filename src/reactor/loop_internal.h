/* loop_internal.h - what loop.c and loop_timer.c share. */
#ifndef MSPHUB_REACTOR_LOOP_INTERNAL_H
#define MSPHUB_REACTOR_LOOP_INTERNAL_H

#include "reactor/loop.h"

struct timers { /* a binary heap by (due, seq); the root is the next to fire */
    struct timer **v;
    size_t n, cap;
    uint64_t seq;
};

struct timer *timers_next(const struct timers *ts); /* NULL when none is armed */
/* Fires what is due at `now` and was set before this call, in order. */
void timers_fire(struct timers *ts, usec_t now);
void timers_release(struct timers *ts);

struct timers *loop_timers(struct loop *l);
void loop_timers_changed(struct loop *l); /* the next timer to fire is another one */

#endif
