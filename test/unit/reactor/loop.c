/* loop.c - turns, timers, deferred work, references, the worker. */
#include "httptest.h"
#include "reactor/worker.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct mark {
    struct timer timer;
    struct deferred work;
    struct loop *loop;
    struct str *trace;
    char name;
    unsigned again; /* how often to queue or set itself again */
};

static void on_mark_timer(void *arg)
{
    struct mark *m = arg;
    str_addc(m->trace, m->name);
    if (m->again) {
        m->again--;
        timer_set(&m->timer, m->loop, 0, on_mark_timer, m);
    }
}

static void on_mark_work(void *arg)
{
    struct mark *m = arg;
    str_addc(m->trace, m->name);
    if (m->again) {
        m->again--;
        loop_defer(m->loop, &m->work, on_mark_work, m);
    }
}

static void marks_init(struct mark *m, size_t n, struct loop *l, struct str *trace)
{
    for (size_t i = 0; i < n; i++)
        m[i] = (struct mark){.loop = l, .trace = trace, .name = (char)('a' + i)};
}

static void test_timers_fire_in_order(void **state)
{
    struct loop *l = loop_new_virtual(NULL, NULL, SECONDS(1760000000));
    _cleanup_(str_release) struct str trace = {0};
    struct mark m[6];
    marks_init(m, 6, l, &trace);
    timer_set(&m[0].timer, l, SECONDS(3), on_mark_timer, &m[0]);
    timer_set(&m[1].timer, l, SECONDS(1), on_mark_timer, &m[1]);
    timer_set(&m[2].timer, l, SECONDS(2), on_mark_timer, &m[2]);
    timer_set(&m[3].timer, l, SECONDS(2), on_mark_timer, &m[3]);
    timer_set(&m[4].timer, l, SECONDS(2), on_mark_timer, &m[4]);
    timer_set(&m[5].timer, l, SECONDS(9), on_mark_timer, &m[5]);
    timer_cancel(&m[3].timer);
    timer_cancel(&m[3].timer);
    timer_set(&m[1].timer, l, SECONDS(4), on_mark_timer, &m[1]); /* moved */
    usec_t start = loop_now(l);
    loop_advance(l, SECONDS(1));
    assert_int_equal(trace.n, 0);
    loop_advance(l, SECONDS(7));
    assert_string_equal(trace.p, "ceab");
    assert_int_equal(loop_now(l) - start, SECONDS(8));
    assert_int_equal(loop_wall(l), SECONDS(1760000008));
    assert_true(timer_armed(&m[5].timer));
    timer_cancel(&m[5].timer);
    loop_free(l);
}

static void test_heap_keeps_order_for_many(void **state)
{
    enum { N = 500 };
    struct loop *l = loop_new_virtual(NULL, NULL, 0);
    _cleanup_(str_release) struct str trace = {0};
    struct mark m[N];
    marks_init(m, N, l, &trace);
    uint32_t x = 1;
    for (size_t round = 0; round < 4; round++)
        for (size_t i = 0; i < N; i++) {
            x = x * 1664525 + 1013904223;
            if (x >> 30 == 0)
                timer_cancel(&m[i].timer);
            else
                timer_set(&m[i].timer, l, 1 + (x >> 8) % 1000, on_mark_timer, &m[i]);
        }
    size_t armed = 0;
    for (size_t i = 0; i < N; i++)
        armed += timer_armed(&m[i].timer);
    for (usec_t t = 0; t < 1001; t++) {
        loop_advance(l, 1);
        for (size_t i = 0; i < N; i++)
            assert_false(timer_armed(&m[i].timer) && m[i].timer.due <= loop_now(l));
    }
    assert_int_equal(trace.n, armed);
    loop_free(l);
}

static bool trace_full(void *arg)
{
    const struct str *t = arg;
    return t->n >= 4;
}

static void test_real_loop(void **state)
{
    struct loop *l = loop_new(NULL, NULL);
    _cleanup_(str_release) struct str trace = {0};
    struct mark m[3];
    marks_init(m, 3, l, &trace);
    m[0].again = 1;
    timer_set(&m[0].timer, l, MILLIS(2), on_mark_timer, &m[0]);
    timer_set(&m[1].timer, l, MILLIS(2), on_mark_timer, &m[1]);
    timer_set(&m[2].timer, l, MILLIS(30), on_mark_timer, &m[2]);
    usec_t before = clock_mono();
    assert_true(loop_run_until(l, trace_full, &trace, SECONDS(5)));
    assert_string_equal(trace.p, "abac"); /* a set again with 0 comes after b, which was due */
    assert_true(clock_mono() - before >= MILLIS(29));
    assert_false(loop_run_until(l, trace_full, &(struct str){0}, MILLIS(1)));
    loop_free(l);
}

static void test_timers_in_a_circle_starve_nobody(void **state)
{
    struct loop *l = loop_new(NULL, NULL);
    _cleanup_(str_release) struct str trace = {0};
    struct mark m;
    marks_init(&m, 1, l, &trace);
    m.again = 1000000;
    timer_set(&m.timer, l, 0, on_mark_timer, &m);
    assert_true(loop_run_until(l, trace_full, &trace, SECONDS(5)));
    assert_int_equal(trace.n, 4); /* one a turn */
    timer_cancel(&m.timer);
    loop_free(l);
}

static void test_deferred_work(void **state)
{
    struct loop *l = loop_new_virtual(NULL, NULL, 0);
    _cleanup_(str_release) struct str trace = {0};
    struct mark m[4];
    marks_init(m, 4, l, &trace);
    m[0].again = 2;
    for (size_t i = 0; i < 4; i++)
        loop_defer(l, &m[i].work, on_mark_work, &m[i]);
    loop_defer(l, &m[1].work, on_mark_work, &m[1]); /* twice is once */
    loop_undefer(l, &m[2].work);
    loop_undefer(l, &m[2].work);
    assert_int_equal(trace.n, 0);
    loop_advance(l, 0);
    assert_string_equal(trace.p, "abdaa");
    loop_free(l);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void burn(void *arg)
{
    usec_t until = clock_mono() + MILLIS(30);
    while (clock_mono() < until)
        ;
}

static double value_of(struct metrics *m, const char *line_start)
{
    _cleanup_(str_release) struct str text = {0};
    metrics_write(m, METRICS_TEXT_004, &text);
    const char *line = strstr(text.p, line_start);
    return line ? atof(strchr(line, ' ')) : -1;
}

/* Works long before it asks for the time: the turn began when the wait ended, not when somebody asked. */
static void burn_then_ask(evutil_socket_t fd, short what, void *arg)
{
    burn(NULL);
    loop_now(arg);
}

static void test_turns_are_measured(void **state)
{
    struct metrics *metrics = metrics_new();
    struct loop *l = loop_new(NULL, metrics);
    struct timer stop = {0};
    const struct timeval soon = {.tv_usec = 20000}; /* the wait does not count */
    event_base_once(loop_base(l), -1, EV_TIMEOUT, burn_then_ask, l, &soon);
    timer_set(&stop, l, MILLIS(100), stop_loop, l);
    loop_run(l);
    double longest = value_of(metrics, "\nmsphub_loop_turn_longest_seconds ");
    assert_true(longest >= 0.030 && longest < 0.055);
    assert_true(value_of(metrics, "\nmsphub_loop_turn_seconds_count ") >= 1);
    loop_free(l);
    metrics_free(metrics);
}

struct clock_probe {
    struct loop *loop;
    usec_t first, second, third;
    struct deferred work;
    struct event *behind;
};

static void probe_behind(evutil_socket_t fd, short what, void *arg)
{
    struct clock_probe *p = arg;
    p->third = loop_now(p->loop);
    loop_stop(p->loop);
}

static void probe_later(void *arg)
{
    struct clock_probe *p = arg;
    p->second = loop_now(p->loop);
    event_active(p->behind, 0, 0); /* behind the end of the turn as we know it, yet before the next wait */
}

static void probe(evutil_socket_t fd, short what, void *arg)
{
    struct clock_probe *p = arg;
    burn(NULL);
    p->first = loop_now(p->loop);
    loop_defer(p->loop, &p->work, probe_later, p);
}

static void test_now_is_read_once_a_turn(void **state)
{
    struct clock_probe p = {.loop = loop_new(NULL, NULL)};
    const struct timeval soon = {.tv_usec = 5000};
    p.behind = event_new(loop_base(p.loop), -1, 0, probe_behind, &p);
    event_base_once(loop_base(p.loop), -1, EV_TIMEOUT, probe, &p, &soon);
    loop_run(p.loop);
    assert_int_equal(p.first, p.second);
    assert_int_equal(p.first, p.third);
    event_free(p.behind);
    assert_true(loop_now(p.loop) - p.first >= MILLIS(30));
    loop_free(p.loop);
}

static void on_signal(int signo, void *arg)
{
    loop_stop(arg);
}

static void test_signal(void **state)
{
    struct loop *l = loop_new(NULL, NULL);
    struct loop_signal *s = loop_on_signal(l, SIGUSR1, on_signal, l);
    kill(getpid(), SIGUSR1);
    loop_run(l);
    loop_signal_free(s);
    loop_free(l);
}

static void test_refs(void **state)
{
    struct ref_table *t = ref_table_new();
    int a, b;
    assert_null(ref_get(t, REF_NONE));
    struct ref ra = ref_add(t, &a);
    assert_ptr_equal(ref_get(t, ra), &a);
    ref_drop(t, ra);
    ref_drop(t, ra);
    assert_null(ref_get(t, ra));
    struct ref rb = ref_add(t, &b);
    assert_int_equal(rb.slot, ra.slot);
    assert_null(ref_get(t, ra)); /* the slot has another owner */
    assert_ptr_equal(ref_get(t, rb), &b);
    assert_null(ref_get(t, (struct ref){.slot = 77, .gen = 1}));
    assert_int_equal(ref_count(t), 1);
    assert_null(ref_get(t, REF_NONE));
    ref_table_free(t);
}

struct sum {
    unsigned n, result, done, canceled;
};

static void work(void *job)
{
    struct sum *s = job;
    for (unsigned i = 1; i <= s->n; i++)
        s->result += i;
}

static void done(void *job, bool canceled)
{
    struct sum *s = job;
    s->done++;
    s->canceled += canceled;
}

static bool both_done(void *arg)
{
    const struct sum *s = arg;
    return s[0].done && s[1].done;
}

static void test_worker(void **state)
{
    struct loop *l = loop_new(NULL, NULL);
    struct worker *w = worker_new(l, 2);
    struct sum s[3] = {{.n = 10}, {.n = 100}, {.n = 1}};
    assert_true(worker_run(w, &s[0], work, done));
    assert_true(worker_run(w, &s[1], work, done));
    assert_false(worker_run(w, &s[2], work, done)); /* full, also when the thread is done with them */
    assert_int_equal(s[0].done, 0);
    assert_true(loop_run_until(l, both_done, s, SECONDS(5)));
    assert_int_equal(s[0].result, 55);
    assert_int_equal(s[1].result, 5050);
    assert_true(worker_run(w, &s[2], work, done));
    worker_free(w);
    assert_int_equal(s[2].done, 1); /* done or canceled, but told */
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_heap_keeps_order_for_many),
        cmocka_unit_test(test_real_loop),
        cmocka_unit_test(test_timers_in_a_circle_starve_nobody),
        cmocka_unit_test(test_deferred_work),
        cmocka_unit_test(test_turns_are_measured),
        cmocka_unit_test(test_now_is_read_once_a_turn),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
