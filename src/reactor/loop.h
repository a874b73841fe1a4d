/* loop.h - the one loop: clock, timers, deferred work, signals.
 * Why:    one thread runs everything; whoever needs "later" gets it here and nowhere else.
 * Owns:   the event_base, the asynchronous DNS base, the queue of deferred work.
 * Always: loop_now() and loop_wall() are read once a turn (the moment it began); deferred work runs at the end of the
 *         turn in which it was queued (work queued by deferred work runs in the next turn); a turn's length is
 *         measured (msphub_loop_turn_seconds, and the longest).
 * Test:   loop_new_virtual() gives a loop whose clock only moves by loop_advance(). */
#ifndef MSPHUB_REACTOR_LOOP_H
#define MSPHUB_REACTOR_LOOP_H

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include <sys/queue.h>

struct event_base;
struct evdns_base;
struct loop;

struct loop *loop_new(struct log *log, struct metrics *metrics); /* from now on the process ignores SIGPIPE */
void loop_free(struct loop *l);                                  /* everything built on it must be gone */
void loop_run(struct loop *l);                                   /* until loop_stop */
void loop_stop(struct loop *l);                                  /* ends after the current turn */
struct event_base *loop_base(struct loop *l);
struct evdns_base *loop_dns(struct loop *l); /* made on first use */
/* A question to it has begun, and its callback was called (also of one that was canceled): loop_free waits for the latter. */
void loop_dns_begun(struct loop *l);
void loop_dns_ended(struct loop *l);
void loop_dns_reload(struct loop *l); /* reads resolv.conf and hosts again (SIGHUP) */
struct log *loop_log(struct loop *l);
usec_t loop_now(const struct loop *l);  /* monotonic */
usec_t loop_wall(const struct loop *l); /* wall clock */
/* Runs turns until `done(arg)` is true or `timeout` has passed; false on timeout. For tests and start-up only. On a
 * virtual loop `timeout` is real time and only bounds the wait for sockets: the loop's own clock stands still. */
bool loop_run_until(struct loop *l, bool (*done)(void *arg), void *arg, usec_t timeout);

/* Virtual time, for tests: timers fire in order as the clock is moved. After each timer, and once at the end, what
 * sockets have ready and all deferred work is run; sockets are not waited for (loop_run_until does that). */
struct loop *loop_new_virtual(struct log *log, struct metrics *metrics, usec_t wall);
void loop_advance(struct loop *l, usec_t by);

/* A timer lives inside the object it times. Zero-initialise, then timer_set; timer_cancel before freeing (idempotent).
 */
struct timer {
    struct loop *loop;
    void (*cb)(void *arg);
    void *arg;
    usec_t due;   /* on loop_now's clock; meaningful while armed */
    uint64_t seq; /* equal dues fire in the order they were set */
    size_t at;    /* place in the loop's heap, from 1; 0: not armed */
};
/* Re-arms when armed. Fires in a later turn, also for `after` <= 0. */
void timer_set(struct timer *t, struct loop *l, usec_t after, void (*cb)(void *arg), void *arg);
void timer_cancel(struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->at != 0;
}

/* Deferred work lives inside its object, too. Queuing twice is queuing once. */
struct deferred {
    void (*cb)(void *arg);
    void *arg;
    bool queued;
    TAILQ_ENTRY(deferred) link;
};
void loop_defer(struct loop *l, struct deferred *d, void (*cb)(void *arg), void *arg);
void loop_undefer(struct loop *l, struct deferred *d);

struct loop_signal;
struct loop_signal *loop_on_signal(struct loop *l, int signo, void (*cb)(int signo, void *arg), void *arg);
void loop_signal_free(struct loop_signal *s);

/* What a late answer holds in place of a pointer: a slot and its generation. ref_get gives NULL once the slot was
 * reused. */
struct ref {
    uint32_t slot, gen;
};
#define REF_NONE ((struct ref){0, 0})
struct ref_table;
struct ref_table *ref_table_new(void);
void ref_table_free(struct ref_table *t);
struct ref ref_add(struct ref_table *t, void *object);
void *ref_get(struct ref_table *t, struct ref r); /* NULL when it is gone */
void ref_drop(struct ref_table *t, struct ref r);
size_t ref_count(const struct ref_table *t);

#endif
