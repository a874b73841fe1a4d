/* loop.c - the loop: turns and their clock, deferred work, signals, asynchronous DNS.
 * Why:    libevent has no notion of "the end of this turn" and no hook around its wait. Both are made here from one
 *         event, `tail`: the first one in a turn who asks for the time (or defers work) makes it active, which puts
 *         it behind all events of the turn; when it runs, deferred work is run and the turn is measured.
 * Time:   a turn began when the wait ended. libevent keeps that moment as its cached time; the difference of the
 *         cached time before and after an update is the age of the turn, whatever the offset between libevent's clock
 *         and ours.
 * Always: `tail` is active while turn->open; work deferred from deferred work stands behind the fence and waits for
 *         `again`, a zero timeout, which libevent serves only after it looked at the sockets: deferring in a circle
 *         starves nobody. */
#include "reactor/loop_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

struct turn {
    bool open;        /* now and wall are those of the running turn */
    usec_t now, wall; /* the moment it began */
    usec_t mark;      /* libevent's cached time when we last looked: another value means another turn */
    usec_t length;    /* of the turn last seen, so far */
    usec_t longest;
};

struct loop {
    struct log *log;
    struct event_base *base;
    struct evdns_base *dns;
    unsigned dns_questions; /* begun and not ended */
    struct turn *turn;      /* apart from the loop, as asking for the time (a const loop) may open it */
    struct timers timers;
    struct event *alarm; /* for the timer that is due first */
    usec_t alarm_due;    /* what it is set to; INT64_MAX: not set */
    struct event *tail, *again;
    TAILQ_HEAD(, deferred) deferred;
    struct deferred fence;
    bool in_deferred, running, is_virtual;
    struct histogram *turn_seconds; /* NULL without metrics */
    struct metric *turn_longest;
};

struct loop_signal {
    struct event *ev;
    void (*cb)(int signo, void *arg);
    void *arg;
};

static const double turn_bounds[] = {0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1};

/* --- the turn and its clock --- */

static usec_t cached_time(struct event_base *base)
{
    struct timeval tv;
    event_base_gettimeofday_cached(base, &tv);
    return SECONDS(tv.tv_sec) + tv.tv_usec;
}

static void turn_count(const struct loop *l)
{
    struct turn *t = l->turn;
    if (!l->turn_seconds || t->length == 0)
        return;
    histogram_observe(l->turn_seconds, (double)t->length / USEC_PER_S);
    if (t->length > t->longest) {
        t->longest = t->length;
        l->turn_longest->value = (double)t->length / USEC_PER_S;
    }
    t->length = 0;
}

static void turn_open(const struct loop *l)
{
    struct turn *t = l->turn;
    if (t->open || l->is_virtual)
        return;
    if (!l->running) {
        t->now = MAX(t->now, clock_mono());
        t->wall = clock_wall();
        return;
    }
    t->open = true;
    event_active(l->tail, 0, 0);
    usec_t began = cached_time(l->base);
    if (began == t->mark)
        return; /* behind the tail, but still the turn we know */
    turn_count(l);
    event_base_update_cache_time(l->base);
    t->mark = cached_time(l->base);
    usec_t age = MAX(t->mark - began, 0);
    t->now = MAX(t->now, clock_mono() - age);
    t->wall = clock_wall() - age;
}

static void turn_close(struct loop *l)
{
    struct turn *t = l->turn;
    if (t->open)
        t->length = MAX(clock_mono() - t->now, 1);
    t->open = false;
}

usec_t loop_now(const struct loop *l)
{
    turn_open(l);
    return l->turn->now;
}

usec_t loop_wall(const struct loop *l)
{
    turn_open(l);
    return l->turn->wall;
}

/* --- deferred work --- */

static void run_again(struct loop *l)
{
    static const struct timeval zero = {0, 0};
    event_add(l->again, &zero);
}

static void run_deferred(struct loop *l)
{
    if (TAILQ_EMPTY(&l->deferred))
        return;
    l->in_deferred = true;
    TAILQ_INSERT_TAIL(&l->deferred, &l->fence, link);
    struct deferred *d;
    while ((d = TAILQ_FIRST(&l->deferred)) != &l->fence) {
        loop_undefer(l, d);
        d->cb(d->arg); /* may free d */
    }
    TAILQ_REMOVE(&l->deferred, &l->fence, link);
    l->in_deferred = false;
    if (!TAILQ_EMPTY(&l->deferred))
        run_again(l);
}

static void tail_cb(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    run_deferred(l);
    turn_close(l);
}

static void again_cb(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    turn_open(l);
    event_active(l->tail, 0, 0);
}

void loop_defer(struct loop *l, struct deferred *d, void (*cb)(void *arg), void *arg)
{
    d->cb = cb;
    d->arg = arg;
    if (d->queued)
        return;
    d->queued = true;
    TAILQ_INSERT_TAIL(&l->deferred, d, link);
    turn_open(l);
    if (!l->in_deferred) /* else run_deferred sees to it */
        event_active(l->tail, 0, 0);
}

void loop_undefer(struct loop *l, struct deferred *d)
{
    if (!d->queued)
        return;
    TAILQ_REMOVE(&l->deferred, d, link);
    d->queued = false;
}

/* --- timers --- */

struct timers *loop_timers(struct loop *l)
{
    return &l->timers;
}

void loop_timers_changed(struct loop *l)
{
    const struct timer *next = timers_next(&l->timers);
    if (l->is_virtual || !next || next->due >= l->alarm_due)
        return;
    l->alarm_due = next->due;
    usec_t after = MAX(next->due - loop_now(l), 0); /* libevent, too, counts from the moment the turn began */
    const struct timeval tv = {.tv_sec = after / USEC_PER_S, .tv_usec = after % USEC_PER_S};
    event_add(l->alarm, &tv);
}

static void alarm_cb(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    l->alarm_due = INT64_MAX;
    timers_fire(&l->timers, loop_now(l));
    loop_timers_changed(l);
}

/* --- life --- */

static struct event_base *base_new(void)
{
    struct event_config *cfg = event_config_new();
    if (!cfg)
        abort();
    /* The changelist saves most epoll_ctl calls; it demands that no descriptor in use here is dup'ed into another one
     * in use here. Without the precise timer libevent's clock is off by up to 4 ms, and turns could not be measured.
     * One thread: no locks. */
    event_config_set_flag(cfg, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_PRECISE_TIMER |
                                   EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    if (!base)
        abort(); /* no descriptors or memory for an epoll set: nothing can run */
    return base;
}

struct loop *loop_new(struct log *log, struct metrics *metrics)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of the write, not the end of the process */
    struct loop *l = NEW(struct loop);
    l->log = log;
    l->base = base_new();
    l->turn = NEW(struct turn);
    l->turn->mark = USEC_NONE;
    TAILQ_INIT(&l->deferred);
    l->alarm = evtimer_new(l->base, alarm_cb, l);
    l->tail = event_new(l->base, -1, 0, tail_cb, l);
    l->again = evtimer_new(l->base, again_cb, l);
    if (!l->alarm || !l->tail || !l->again)
        abort();
    l->alarm_due = INT64_MAX;
    if (metrics) {
        l->turn_seconds = metric_histogram(metrics, "msphub_loop_turn_seconds",
                                           "How long a turn of the loop took, from the end of its wait", turn_bounds,
                                           ARRAY_LEN(turn_bounds));
        l->turn_longest = metric_gauge(metrics, "msphub_loop_turn_longest_seconds", "The longest turn since the start");
    }
    return l;
}

struct loop *loop_new_virtual(struct log *log, struct metrics *metrics, usec_t wall)
{
    struct loop *l = loop_new(log, metrics);
    l->is_virtual = true;
    l->turn->now = SECONDS(1000); /* not 0, so that "never" and "at the start" differ */
    l->turn->wall = wall;
    return l;
}

/* evdns calls back from its own deferred list, also for what was canceled; without a last turn that memory would be lost. */
static void dns_release(struct loop *l)
{
    for (int i = 0; l->dns_questions && i < 100; i++)
        event_base_loop(l->base, EVLOOP_NONBLOCK);
    if (l->dns)
        evdns_base_free(l->dns, 0);
}

void loop_dns_begun(struct loop *l)
{
    l->dns_questions++;
}

void loop_dns_ended(struct loop *l)
{
    l->dns_questions--;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    dns_release(l);
    event_free(l->alarm);
    event_free(l->tail);
    event_free(l->again);
    event_base_free(l->base);
    timers_release(&l->timers);
    free(l->turn);
    free(l);
}

static void spin(struct loop *l, int flags)
{
    bool nested = l->running;
    l->running = true;
    event_base_loop(l->base, flags);
    l->running = nested;
    turn_close(l);
}

void loop_run(struct loop *l)
{
    spin(l, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
    event_base_loopexit(l->base, NULL);
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
}

bool loop_run_until(struct loop *l, bool (*done)(void *arg), void *arg, usec_t timeout)
{
    usec_t deadline = clock_mono() + timeout;
    struct event *wake = evtimer_new(l->base, wake_cb, NULL);
    if (!wake)
        abort();
    bool ok;
    while (!(ok = done(arg))) {
        usec_t left = deadline - clock_mono();
        if (left <= 0)
            break;
        const struct timeval tv = {.tv_sec = left / USEC_PER_S, .tv_usec = left % USEC_PER_S};
        event_add(wake, &tv);
        spin(l, EVLOOP_ONCE);
    }
    event_free(wake);
    return ok;
}

/* What is ready now, and deferred work until there is none. */
static void settle(struct loop *l)
{
    do
        spin(l, EVLOOP_NONBLOCK);
    while (!TAILQ_EMPTY(&l->deferred));
}

void loop_advance(struct loop *l, usec_t by)
{
    assert(l->is_virtual && by >= 0);
    struct turn *t = l->turn;
    usec_t end = t->now + by;
    const struct timer *next;
    while ((next = timers_next(&l->timers)) && next->due <= end) {
        usec_t step = MAX(next->due - t->now, 0);
        t->now += step;
        t->wall += step;
        timers_fire(&l->timers, t->now);
        settle(l);
    }
    t->wall += end - t->now;
    t->now = end;
    settle(l);
}

/* --- the rest --- */

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

struct log *loop_log(struct loop *l)
{
    return l->log;
}

static void dns_read_files(struct loop *l)
{
    if (evdns_base_resolv_conf_parse(l->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf") != 0)
        log_warn(l->log, "dns.resolv_conf.unreadable", F_STR("file", "/etc/resolv.conf"),
                 F_STR("error", "no name server found in it; 127.0.0.1 is asked"));
}

struct evdns_base *loop_dns(struct loop *l)
{
    if (!l->dns) {
        l->dns = evdns_base_new(l->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (!l->dns)
            abort();
        dns_read_files(l);
    }
    return l->dns;
}

void loop_dns_reload(struct loop *l)
{
    if (!l->dns)
        return;
    evdns_base_clear_nameservers_and_suspend(l->dns);
    evdns_base_clear_host_addresses(l->dns);
    evdns_base_search_clear(l->dns);
    dns_read_files(l);
    evdns_base_resume(l->dns);
}

static void signal_cb(evutil_socket_t signo, short what, void *arg)
{
    struct loop_signal *s = arg;
    s->cb((int)signo, s->arg);
}

struct loop_signal *loop_on_signal(struct loop *l, int signo, void (*cb)(int signo, void *arg), void *arg)
{
    struct loop_signal *s = NEW(struct loop_signal);
    s->cb = cb;
    s->arg = arg;
    s->ev = evsignal_new(l->base, signo, signal_cb, s);
    if (!s->ev || event_add(s->ev, NULL) != 0)
        abort();
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    event_free(s->ev);
    free(s);
}
