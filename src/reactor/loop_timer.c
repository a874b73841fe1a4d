/* loop_timer.c - timers: a heap of pointers into the objects that are timed.
 * Why:    a timer per connection and per call means tens of thousands armed at once and moved often; a heap of our
 *         own costs no allocation per timer, keeps equal dues in order (libevent does not promise it) and serves
 *         virtual time as well.
 * Always: t->at is the timer's index + 1, kept by heap_put alone, so cancelling needs no search. */
#include "reactor/loop_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void heap_put(struct timers *ts, size_t i, struct timer *t)
{
    ts->v[i] = t;
    t->at = i + 1;
}

static void heap_up(struct timers *ts, size_t i, struct timer *t)
{
    while (i > 0 && before(t, ts->v[(i - 1) / 2])) {
        heap_put(ts, i, ts->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(ts, i, t);
}

static void heap_down(struct timers *ts, size_t i, struct timer *t)
{
    for (size_t child; (child = 2 * i + 1) < ts->n; i = child) {
        if (child + 1 < ts->n && before(ts->v[child + 1], ts->v[child]))
            child++;
        if (before(t, ts->v[child]))
            break;
        heap_put(ts, i, ts->v[child]);
    }
    heap_put(ts, i, t);
}

static void heap_remove(struct timers *ts, struct timer *t)
{
    size_t i = t->at - 1;
    assert(i < ts->n && ts->v[i] == t);
    struct timer *last = ts->v[--ts->n];
    t->at = 0;
    if (last == t)
        return;
    if (i > 0 && before(last, ts->v[(i - 1) / 2]))
        heap_up(ts, i, last);
    else
        heap_down(ts, i, last);
}

static void heap_insert(struct timers *ts, struct timer *t)
{
    if (ts->n == ts->cap) {
        ts->cap = ts->cap ? 2 * ts->cap : 64;
        ts->v = mem_realloc_array(ts->v, ts->cap, sizeof(ts->v[0]));
    }
    heap_up(ts, ts->n++, t);
}

struct timer *timers_next(const struct timers *ts)
{
    return ts->n ? ts->v[0] : NULL;
}

void timers_fire(struct timers *ts, usec_t now)
{
    uint64_t limit = ts->seq;
    struct timer *t;
    while ((t = timers_next(ts)) && t->due <= now && t->seq < limit) {
        heap_remove(ts, t);
        t->cb(t->arg); /* may free t */
    }
}

void timers_release(struct timers *ts)
{
    free(ts->v);
}

void timer_set(struct timer *t, struct loop *l, usec_t after, void (*cb)(void *arg), void *arg)
{
    timer_cancel(t);
    struct timers *ts = loop_timers(l);
    *t = (struct timer){.loop = l, .cb = cb, .arg = arg, .due = loop_now(l) + MAX(after, 0), .seq = ts->seq++};
    heap_insert(ts, t);
    if (timers_next(ts) == t)
        loop_timers_changed(l);
}

void timer_cancel(struct timer *t)
{
    if (timer_armed(t))
        heap_remove(loop_timers(t->loop),
                    t); /* the loop may wake once for nothing; that is cheaper than moving its event */
}
