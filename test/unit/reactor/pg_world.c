/* pg_world.c - see pg_world.h. */
#include "pg_world.h"

#include <stdio.h>
#include <string.h>

static struct pgtest *cluster;

int world_group_setup(void **state)
{
    cluster = pgtest_start();
    pgtest_sql(cluster, "set role msphub;"
                        "create table t (id bigint primary key check (id >= 0), v text);"
                        "create table child (id bigint, parent bigint references t deferrable initially deferred)");
    return 0;
}

int world_group_teardown(void **state)
{
    pgtest_stop(cluster);
    return 0;
}

int world_setup(void **state)
{
    struct world *w = NEW(struct world);
    w->pg = cluster;
    /* A statement of the test before may still be running: its client is gone, but the server has not noticed. */
    pgtest_sql(w->pg, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'msphub'");
    pgtest_sql(w->pg, "truncate t, child");
    w->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    w->metrics = metrics_new();
    w->loop = loop_new(w->log, w->metrics);
    world_pool(w, (struct pg_options){.connections = 1});
    *state = w;
    return 0;
}

void world_pool(struct world *w, struct pg_options o)
{
    pg_pool_free(w->pool);
    o.conninfo = pgtest_conninfo(w->pg);
    w->pool = pg_pool_new(w->loop, &o, w->metrics);
}

int world_teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->pool);
    loop_free(w->loop);
    log_free(w->log);
    metrics_free(w->metrics);
    for (size_t i = 0; i < w->nanswers; i++) {
        assert_int_equal(w->answers[i]->calls, 1);
        free(w->answers[i]);
    }
    free(w);
    return 0;
}

struct answer *answer_new(struct world *w)
{
    struct answer *a = NEW(struct answer);
    assert_true(w->nanswers < ARRAY_LEN(w->answers));
    w->answers[w->nanswers++] = a;
    return a;
}

void on_answer(void *arg, const struct pg_reply *r)
{
    struct answer *a = arg;
    const struct err *e = pg_reply_err(r);
    a->calls++;
    assert_int_equal(a->calls, 1);
    a->code = e ? e->code : ERR_NONE;
    snprintf(a->what, sizeof(a->what), "%s", e ? e->what : "");
    snprintf(a->sqlstate, sizeof(a->sqlstate), "%s", pg_reply_sqlstate(r));
    a->unknown = pg_reply_unknown(r);
    a->failed = pg_reply_failed(r);
    if (!e) {
        a->affected[0] = pg_affected(r, 0);
        if (a->check)
            a->check(r, a->check_arg ? a->check_arg : a);
    }
}

void keep_number(const struct pg_reply *r, void *arg)
{
    ((struct answer *)arg)->number = pg_i64(r, 0, 0, 0);
}

struct answer *submit(struct world *w, struct pg_seg *s)
{
    struct answer *a = answer_new(w);
    a->ref = pg_submit(s, on_answer, a);
    assert_int_equal(a->calls, 0); /* never from inside the call */
    return a;
}

static bool was_called(void *arg)
{
    return ((const struct answer *)arg)->calls > 0;
}

void wait_for(struct world *w, struct answer *a)
{
    assert_true(loop_run_until(w->loop, was_called, a, SECONDS(20)));
}

struct answer *run(struct world *w, struct pg_seg *s)
{
    struct answer *a = submit(w, s);
    wait_for(w, a);
    return a;
}

struct condition {
    struct world *w;
    const char *sql;
    bool up, drained;
};

static bool holds(void *arg)
{
    struct condition *c = arg;
    _cleanup_(mem_freep) char *v = pgtest_value(c->w->pg, "%s", c->sql);
    return strcmp(v, "t") == 0;
}

static bool never(void *arg)
{
    return false;
}

void wait_until(struct world *w, const char *sql)
{
    struct condition c = {.w = w, .sql = sql};
    usec_t deadline = clock_mono() + SECONDS(20);
    while (!holds(&c)) {
        assert_true(clock_mono() < deadline);
        loop_run_until(w->loop, never, NULL, MILLIS(5));
    }
}

static bool is_up(void *arg)
{
    const struct condition *c = arg;
    return pg_pool_up(c->w->pool) == c->up;
}

void wait_until_up(struct world *w, bool up)
{
    struct condition c = {.w = w, .up = up};
    assert_true(loop_run_until(w->loop, is_up, &c, SECONDS(20)));
}

static bool are_ready(void *arg)
{
    const struct condition *c = arg;
    _cleanup_(str_release) struct str text = {0};
    metrics_write(c->w->metrics, METRICS_TEXT_004, &text);
    return strstr(text.p, c->sql);
}

void wait_until_ready(struct world *w, int connections)
{
    _cleanup_(mem_freep) char *line = mem_printf("msphub_db_connections{state=\"ready\"} %d\n", connections);
    struct condition c = {.w = w, .sql = line};
    assert_true(loop_run_until(w->loop, are_ready, &c, SECONDS(20)));
}

static void set_drained(void *arg)
{
    ((struct condition *)arg)->drained = true;
}

static bool is_drained(void *arg)
{
    return ((const struct condition *)arg)->drained;
}

void wait_until_quiet(struct world *w)
{
    struct condition c = {.w = w};
    pg_pool_drain(w->pool, set_drained, &c);
    assert_true(loop_run_until(w->loop, is_drained, &c, SECONDS(20)));
}

static const struct pg_query insert = {"t.insert", "insert into t (id, v) values ($1, $2)", 2};

void add_insert(struct pg_seg *s, int64_t id, const char *v)
{
    pg_add(s, &insert);
    pg_p_i64(s, id);
    pg_p_str(s, v);
}

struct answer *submit_insert(struct world *w, int64_t id, const char *v)
{
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, id, v);
    return submit(w, s);
}

void run_insert(struct world *w, int64_t id, const char *v)
{
    struct answer *a = submit_insert(w, id, v);
    wait_for(w, a);
    assert_committed(a);
}

struct answer *submit_select_one(struct world *w)
{
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &one);
    return submit(w, s);
}

struct answer *run_select_one(struct world *w)
{
    struct answer *a = submit_select_one(w);
    wait_for(w, a);
    return a;
}

struct answer *submit_sleep_ms(struct world *w, int ms, usec_t timeout)
{
    static const struct pg_query nap = {"t.sleep", "select pg_sleep($1::int8 / 1000.0)::text", 1};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &nap);
    pg_p_i64(s, ms);
    pg_seg_timeout(s, timeout);
    return submit(w, s);
}

struct answer *submit_sleep(struct world *w, int seconds, usec_t timeout)
{
    return submit_sleep_ms(w, seconds * 1000, timeout);
}
