/* health_watch.c - checks: how many at once, each once, with a deadline, and nothing learned from being interrupted. This program
 * stands in for the engine (the linker takes these instead of the library's). */
#include "hub/health_watch.h"

#include "hub/engine.h"
#include "hub/health_status.h"
#include "hub/probe.h"
#include "testhub.h"

#include <stdio.h>

#define MAX_JOBS 32

static struct {
    struct engine_job job;
    struct timer end;
    struct err err;
    bool open;
} jobs[MAX_JOBS];
static unsigned njobs, nopen, most_open, canceled;
static struct loop *loop;

struct ref engine_start(struct engine *e, const struct engine_job *job)
{
    assert_true(njobs < MAX_JOBS);
    jobs[njobs].job = *job;
    jobs[njobs].open = true;
    nopen++;
    most_open = MAX(most_open, nopen);
    return (struct ref){njobs++, 1};
}

static void end_now(void *arg)
{
    unsigned i = (unsigned)(uintptr_t)arg;
    jobs[i].open = false;
    nopen--;
    jobs[i].job.on_done(jobs[i].job.arg, &(struct engine_counts){0}, jobs[i].err.code ? &jobs[i].err : NULL);
}

static void end(unsigned i, enum err_code code)
{
    jobs[i].err = (struct err){0};
    if (code)
        err_set(&jobs[i].err, code, "the product said no");
    timer_set(&jobs[i].end, loop, 0, end_now, (void *)(uintptr_t)i);
}

void engine_cancel(struct engine *e, struct ref r)
{
    canceled++;
    end(r.slot, ERR_CANCELED);
}

static int setup(void **state)
{
    testhub_setup(state);
    struct testhub *t = *state;
    memset(jobs, 0, sizeof(jobs));
    njobs = nopen = most_open = canceled = 0;
    loop = t->h.loop;
    return 0;
}

static struct health_watch *start(struct testhub *t, int integrations)
{
    for (int i = 0; i < integrations; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        integration_unref(testhub_integration(t, name));
    }
    struct health_watch *w = health_watch_new(&t->h);
    health_watch_start(w);
    return w;
}

/* The hub goes, and what was under way is told so. */
static void stop(struct testhub *t, struct health_watch *w)
{
    health_watch_stop(w);
    for (unsigned i = 0; i < njobs; i++)
        if (jobs[i].open) {
            timer_cancel(&jobs[i].end);
            err_set(&jobs[i].err, ERR_CANCELED, "the hub shuts down");
            end_now((void *)(uintptr_t)i);
        }
    testhub_stop(t);
    health_watch_free(w);
    testhub_start(t);
}

static bool is_open(void *arg)
{
    return nopen == *(unsigned *)arg;
}

static void wait_open(struct testhub *t, unsigned n)
{
    testhub_until(t, is_open, &n);
}

static void checks_at_once_are_bounded_and_all_have_their_turn(void **state)
{
    struct testhub *t = *state;
    t->options.health_concurrency = 2;
    struct health_watch *w = start(t, 7);
    wait_open(t, 2);
    for (unsigned i = 0; i < 7; i++) {
        unsigned want = MIN(2, 7 - i);
        wait_open(t, want);
        end(i, ERR_NONE);
        testhub_until_metric(t, "msphub_health_checks_total{provider=\"fake\",outcome=\"good\"} ", i + 1);
    }
    assert_int_equal(most_open, 2);
    assert_int_equal(njobs, 7); /* each once */
    assert_int_equal(
        pgtest_count(
            t->pg,
            "select count(*) from integration_configurations where next_check_at > now() and "
            "next_check_at <= now() + interval '15 min' and last_health_check is not null and status = 'active'"),
        7);
    stop(t, w);
}

static void a_check_that_hangs_ends_and_counts_as_no_answer(void **state)
{
    struct testhub *t = *state;
    t->options.health_timeout = MILLIS(100);
    struct health_watch *w = start(t, 1);
    testhub_until_metric(t, "msphub_health_checks_total{provider=\"fake\",outcome=\"failed\"} ", 1);
    assert_int_equal(canceled, 1);
    assert_int_equal(pgtest_count(t->pg,
                                  "select count(*) from integration_configurations where connection_failures = 1 and "
                                  "status = 'configured' and error_message like '%%health_timeout%%'"),
                     1);
    stop(t, w);
}

static void an_interrupted_check_says_nothing(void **state)
{
    struct testhub *t = *state;
    struct health_watch *w = start(t, 1);
    wait_open(t, 1);
    stop(t, w);
    assert_int_equal(pgtest_count(t->pg,
                                  "select count(*) from integration_configurations where status = 'configured' and "
                                  "connection_failures = 0 and last_health_check is null and next_check_at > now()"),
                     1);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from rmm_alerts"), 0);
}

static void what_cannot_be_opened_is_an_error_without_a_call(void **state)
{
    struct testhub *t = *state;
    integration_unref(testhub_integration(t, "x"));
    pgtest_sql(t->pg,
               "update integration_configurations set settings = settings || '{\"client_secret\": \"v1:k1:AAAA\"}'");
    testhub_stop(t);
    testhub_start(t);
    loop = t->h.loop;
    struct health_watch *w = health_watch_new(&t->h);
    health_watch_start(w);
    testhub_until_metric(t, "msphub_health_checks_total{provider=\"fake\",outcome=\"refused\"} ", 1);
    assert_int_equal(njobs, 0);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from integration_configurations where status = 'error'"), 1);
    stop(t, w);
}

static void reasons_are_weighed(void **state)
{
    static const struct {
        enum err_code code;
        enum health_weight weight;
    } cases[] = {
        {ERR_AUTH, HEALTH_LASTING},      {ERR_FORBIDDEN, HEALTH_LASTING}, {ERR_CONFIG, HEALTH_LASTING},
        {ERR_NOT_FOUND, HEALTH_LASTING}, {ERR_TIMEOUT, HEALTH_PASSING},   {ERR_UNAVAILABLE, HEALTH_PASSING},
        {ERR_THROTTLED, HEALTH_PASSING}, {ERR_PROTOCOL, HEALTH_PASSING},  {ERR_CANCELED, HEALTH_NEUTRAL},
        {ERR_CONFLICT, HEALTH_NEUTRAL},
    };
    assert_int_equal(health_weigh(NULL), HEALTH_GOOD);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(health_weigh(&(struct err){.code = cases[i].code}), cases[i].weight);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(checks_at_once_are_bounded_and_all_have_their_turn),
        TEST(a_check_that_hangs_ends_and_counts_as_no_answer),
        TEST(an_interrupted_check_says_nothing),
        TEST(what_cannot_be_opened_is_an_error_without_a_call),
        TEST(reasons_are_weighed),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
