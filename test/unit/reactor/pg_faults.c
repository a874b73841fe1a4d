/* The pool when things go away (backends, the server, the pool itself), leases, COPY and LISTEN. */
#include "pg_world.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- lost connections --- */

static void kill_backends(struct world *w)
{
    pgtest_sql(w->pg, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'msphub'");
}

static void test_killed_while_it_runs(void **state)
{
    struct world *w = *state;
    run_select_one(w);
    struct answer *slow = submit_sleep(w, 30, SECONDS(20)), *behind = submit_insert(w, 1, "behind it");
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    kill_backends(w);
    wait_for(w, slow);
    wait_for(w, behind);
    assert_int_equal(slow->code, ERR_UNAVAILABLE);
    assert_false(slow->unknown); /* the server has said that it gave this one up */
    assert_string_equal(slow->sqlstate, "57P01");
    assert_int_equal(behind->code, ERR_UNAVAILABLE);
    assert_true(behind->unknown);
    assert_committed(run_select_one(w)); /* on a new connection */
}

static void test_killed_without_a_word(void **state)
{
    struct world *w = *state;
    run_select_one(w);
    struct answer *slow = submit_sleep(w, 30, SECONDS(20));
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    _cleanup_(mem_freep) char *pid =
        pgtest_value(w->pg, "select pid from pg_stat_activity where wait_event = 'PgSleep'");
    assert_int_equal(kill(atoi(pid), SIGKILL), 0); /* the whole server restarts after this */
    wait_for(w, slow);
    assert_int_equal(slow->code, ERR_UNAVAILABLE);
    assert_true(slow->unknown);
    assert_committed(run_select_one(w));
}

static void test_killed_while_idle(void **state)
{
    struct world *w = *state;
    run_insert(w, 1, "prepared on the old one");
    kill_backends(w);
    wait_until_up(w, false); /* seen without anything being sent */
    run_insert(w, 2, "prepared on the new one");
}

static void test_server_stops_and_starts(void **state)
{
    struct world *w = *state;
    run_insert(w, 1, "before");
    pgtest_server_stop(w->pg);
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 2, "while it is away");
    pg_seg_timeout(s, MILLIS(100));
    struct answer *away = run(w, s);
    assert_true(away->code == ERR_TIMEOUT || away->code == ERR_UNAVAILABLE);
    assert_false(away->unknown && away->code == ERR_TIMEOUT);
    struct answer *waits = submit_insert(w, 3, "until it is back");
    pgtest_server_start(w->pg);
    wait_for(w, waits);
    assert_committed(waits);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 2);
}

static void test_no_server_says_why(void **state)
{
    struct world *w = *state;
    struct pg_options o = {.conninfo = "host=/nowhere dbname=x", .connections = 1};
    struct pg_pool *p = pg_pool_new(w->loop, &o, NULL);
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(p, PG_NO_TENANT);
    pg_add(s, &one);
    pg_seg_timeout(s, MILLIS(50));
    struct answer *a = answer_new(w);
    pg_submit(s, on_answer, a);
    wait_for(w, a);
    assert_int_equal(a->code, ERR_TIMEOUT);
    assert_non_null(strstr(a->what, "/nowhere"));
    assert_false(pg_pool_up(p));
    pg_pool_free(p);
}

/* A server that accepts and never answers: the socket is there, nobody reads it. */
static void test_connect_timeout(void **state)
{
    struct world *w = *state;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    _cleanup_(mem_freep) char *conninfo = mem_printf("host=localhost port=%d sslmode=disable", ntohs(sin.sin_port));
    struct pg_options o = {.conninfo = conninfo, .connections = 1, .connect_timeout = MILLIS(60)};
    struct pg_pool *p = pg_pool_new(w->loop, &o, NULL);
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(p, PG_NO_TENANT);
    pg_add(s, &one);
    pg_seg_timeout(s, MILLIS(200));
    struct answer *a = answer_new(w);
    pg_submit(s, on_answer, a);
    wait_for(w, a);
    assert_int_equal(a->code, ERR_TIMEOUT);
    assert_non_null(strstr(a->what, "no connection within 0.060 s"));
    pg_pool_free(p);
    close(fd);
}

static void test_bad_connection_string(void **state)
{
    struct world *w = *state;
    struct pg_options o = {.conninfo = "hosst=x", .connections = 1};
    struct pg_pool *p = pg_pool_new(w->loop, &o, NULL);
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(p, PG_NO_TENANT);
    pg_add(s, &one);
    pg_seg_timeout(s, MILLIS(30));
    struct answer *a = answer_new(w);
    pg_submit(s, on_answer, a);
    wait_for(w, a);
    assert_non_null(strstr(a->what, "hosst"));
    pg_pool_free(p);
}

/* --- the pool goes --- */

struct again {
    struct world *w;
    struct answer *late;
    int calls;
};

static void submit_again(void *arg, const struct pg_reply *r)
{
    struct again *x = arg;
    assert_int_equal(pg_reply_err(r)->code, ERR_CANCELED);
    x->calls++;
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(x->w->pool, PG_NO_TENANT);
    pg_add(s, &one);
    pg_submit(s, on_answer, x->late);
}

static void test_freed_with_work_in_flight(void **state)
{
    struct world *w = *state;
    run_select_one(w);
    struct answer *runs = submit_sleep(w, 30, SECONDS(20));
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    struct answer *waits[20];
    for (int i = 0; i < 20; i++)
        waits[i] = submit_insert(w, i, "x");
    struct again again = {.w = w, .late = answer_new(w)};
    static const struct pg_query one = {"t.one", "select 1", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &one);
    pg_submit(s, submit_again, &again);
    pg_pool_free(w->pool);
    w->pool = NULL;
    assert_int_equal(runs->code, ERR_CANCELED);
    assert_true(runs->unknown);
    for (int i = 0; i < 20; i++)
        assert_int_equal(waits[i]->code, ERR_CANCELED);
    assert_int_equal(again.calls, 1);
    assert_int_equal(again.late->code, ERR_CANCELED);
}

static void test_freed_while_connecting(void **state)
{
    struct world *w = *state;
    struct answer *a = submit_insert(w, 1, "x");
    pg_pool_free(w->pool);
    w->pool = NULL;
    assert_int_equal(a->code, ERR_CANCELED);
    assert_false(a->unknown);
}

/* --- leases --- */

struct holder {
    struct pg_lease *lease;
    int calls;
    enum err_code code;
};

static void on_lease(void *arg, struct pg_lease *l, const struct err *e)
{
    struct holder *h = arg;
    h->lease = l;
    h->calls++;
    h->code = e ? e->code : ERR_NONE;
}

static bool has_lease(void *arg)
{
    return ((const struct holder *)arg)->calls > 0;
}

static struct pg_lease *lease(struct world *w)
{
    struct holder h = {0};
    pg_lease_get(w->pool, SECONDS(10), on_lease, &h);
    assert_int_equal(h.calls, 0);
    assert_true(loop_run_until(w->loop, has_lease, &h, SECONDS(20)));
    assert_int_equal(h.code, ERR_NONE);
    return h.lease;
}

static struct answer *exec(struct world *w, struct pg_lease *l, const char *sql, usec_t timeout)
{
    struct answer *a = answer_new(w);
    pg_lease_exec(l, slice_cstr(sql), timeout, on_answer, a);
    return a;
}

static struct answer *lease_insert(struct world *w, struct pg_lease *l, int64_t id)
{
    struct answer *a = answer_new(w);
    struct pg_seg *s = pg_seg_new(w->pool, PG_ALL_TENANTS);
    add_insert(s, id, "x");
    pg_lease_submit(l, s, on_answer, a);
    return a;
}

static void test_lease_with_a_transaction(void **state)
{
    struct world *w = *state;
    struct pg_lease *l = lease(w);
    struct answer *a[8];
    size_t n = 0;
    a[n++] = exec(w, l, "begin", 0);
    a[n++] = lease_insert(w, l, 1);
    a[n++] = lease_insert(w, l, 2);
    a[n++] = exec(w, l, "rollback", 0);
    a[n++] = exec(w, l, "begin; select 1", 0);
    a[n++] = lease_insert(w, l, 3);
    a[n++] = exec(w, l, "commit", 0);
    for (size_t i = 0; i < n; i++) {
        wait_for(w, a[i]);
        assert_committed(a[i]);
    }
    pg_lease_release(l);
    assert_committed(run_select_one(w));
    assert_int_equal(pgtest_count(w->pg, "select sum(id) from t"), 3);
}

static void check_reset(const struct pg_reply *r, void *arg)
{
    assert_true(slice_is(pg_text(r, 0, 0, 0), "30s"));
    assert_true(slice_is(pg_text(r, 0, 0, 1), "32768kB") || slice_is(pg_text(r, 0, 0, 1), "32MB") ||
                slice_is(pg_text(r, 0, 0, 1), "4MB"));
    assert_int_equal(pg_i64(r, 0, 0, 2), 0);
}

static int64_t backend_pid(struct world *w)
{
    static const struct pg_query q = {"t.pid", "select pg_backend_pid()", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    struct answer *a = submit(w, s);
    a->check = keep_number;
    wait_for(w, a);
    assert_committed(a);
    return a->number;
}

static void test_a_released_connection_is_clean(void **state)
{
    struct world *w = *state;
    int64_t pid = backend_pid(w);
    run_insert(w, 1, "prepared before");
    struct pg_lease *l = lease(w);
    wait_for(w, exec(w, l, "set work_mem = '77MB'", 0));
    wait_for(w, exec(w, l, "select pg_advisory_lock(5)", 0));
    wait_for(w, exec(w, l, "begin; delete from t", 0));
    pg_lease_release(l); /* in a transaction */
    static const struct pg_query q = {"t.settings",
                                      "select current_setting('statement_timeout'), current_setting('work_mem'), "
                                      "count(*) from pg_locks where locktype = 'advisory'",
                                      0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    struct answer *a = submit(w, s);
    a->check = check_reset;
    wait_for(w, a);
    assert_committed(a);
    run_insert(w, 2, "prepared again");
    assert_int_equal(backend_pid(w), pid); /* the same one, not a new one */
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 2);
}

static void test_an_error_on_a_lease(void **state)
{
    struct world *w = *state;
    struct pg_lease *l = lease(w);
    struct answer *begin = exec(w, l, "begin", 0), *bad = exec(w, l, "select 1; select 1/0; select 2", 0);
    struct answer *aborted = lease_insert(w, l, 1);
    wait_for(w, aborted);
    assert_committed(begin);
    assert_string_equal(bad->sqlstate, "22012");
    assert_int_equal(bad->failed, 1);
    assert_string_equal(aborted->sqlstate, "25P02");
    pg_lease_release(l);
    assert_committed(run_select_one(w));
}

static void test_deadline_on_a_lease(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 2});
    wait_until_ready(w, 2);
    struct pg_lease *l = lease(w);
    struct answer *slow = exec(w, l, "select pg_sleep(30)", MILLIS(80)), *next = exec(w, l, "select 1", 0);
    wait_for(w, slow);
    assert_int_equal(slow->code, ERR_TIMEOUT);
    wait_for(w, next);
    assert_committed(next); /* the lease is still good */
    pg_lease_release(l);
}

static void test_a_lost_lease(void **state)
{
    struct world *w = *state;
    struct pg_lease *l = lease(w);
    struct answer *slow = exec(w, l, "select pg_sleep(30)", 0), *next = exec(w, l, "select 1", 0);
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    kill_backends(w);
    wait_for(w, slow);
    wait_for(w, next);
    assert_int_equal(slow->code, ERR_UNAVAILABLE);
    assert_true(slow->unknown); /* it may have held a COMMIT */
    assert_int_equal(next->code, ERR_UNAVAILABLE);
    assert_false(next->unknown);
    struct answer *after = exec(w, l, "select 1", 0);
    wait_for(w, after);
    assert_int_equal(after->code, ERR_UNAVAILABLE);
    pg_lease_release(l);
    assert_committed(run_select_one(w));
}

static void test_leases_wait_their_turn(void **state)
{
    struct world *w = *state; /* one connection */
    struct pg_lease *first = lease(w);
    struct holder second = {0}, third = {0}, canceled = {0};
    pg_lease_get(w->pool, MILLIS(50), on_lease, &second);
    struct ref r = pg_lease_get(w->pool, SECONDS(10), on_lease, &canceled);
    pg_lease_get(w->pool, SECONDS(10), on_lease, &third);
    pg_cancel(w->pool, r);
    assert_true(loop_run_until(w->loop, has_lease, &second, SECONDS(20)));
    assert_int_equal(second.code, ERR_TIMEOUT);
    assert_int_equal(canceled.code, ERR_CANCELED);
    pg_lease_release(first);
    assert_true(loop_run_until(w->loop, has_lease, &third, SECONDS(20)));
    assert_int_equal(third.code, ERR_NONE);
    struct answer *works = exec(w, third.lease, "select pg_sleep(30)", 0);
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    pg_lease_release(third.lease); /* while it works: the connection is given up */
    wait_for(w, works);
    assert_int_equal(works->code, ERR_UNAVAILABLE);
    assert_committed(run_select_one(w));
}

static void test_freed_with_leases(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 3});
    wait_until_ready(w, 3);
    struct pg_lease *idle = lease(w), *busy = lease(w);
    struct answer *a = exec(w, busy, "select pg_sleep(30)", 0), *b = exec(w, busy, "select 1", 0);
    struct holder waits = {0};
    pg_lease_get(w->pool, SECONDS(10), on_lease, &waits);
    pg_pool_free(w->pool);
    w->pool = NULL;
    assert_int_equal(a->code, ERR_CANCELED);
    assert_int_equal(b->code, ERR_CANCELED);
    assert_int_equal(waits.code, ERR_CANCELED);
    pg_lease_release(idle);
    pg_lease_release(busy);
}

/* --- COPY --- */

struct rows {
    struct world *w;
    int next, n;
    const char *bad; /* instead of the last one */
    struct pg_lease *lease;
    char piece[64];
};

static struct slice next_row(void *arg)
{
    struct rows *r = ((struct answer *)arg)->check_arg;
    if (r->next == r->n)
        return SLICE_NONE;
    int n = snprintf(r->piece, sizeof(r->piece), "%d\tvalue %d\n", r->next, r->next);
    if (++r->next == r->n && r->bad)
        return slice_cstr(r->bad);
    return slice_of(r->piece, (size_t)n);
}

static struct answer *copy(struct world *w, struct pg_lease *l, struct rows *r)
{
    struct answer *a = answer_new(w);
    a->check_arg = r;
    pg_lease_copy(l, "copy t (id, v) from stdin", next_row, on_answer, a);
    return a;
}

static void test_copy(void **state)
{
    struct world *w = *state;
    struct pg_lease *l = lease(w);
    struct rows rows = {.w = w, .n = 100000};
    struct answer *a = copy(w, l, &rows);
    struct answer *next = exec(w, l, "select 1", 0);
    wait_for(w, a);
    assert_committed(a);
    assert_int_equal(a->affected[0], 100000);
    wait_for(w, next);
    assert_committed(next);
    pg_lease_release(l);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 100000);
}

static void test_copy_of_a_bad_row(void **state)
{
    struct world *w = *state;
    struct pg_lease *l = lease(w);
    struct rows rows = {.w = w, .n = 10, .bad = "not a number\tx\n"};
    struct answer *a = copy(w, l, &rows);
    wait_for(w, a);
    assert_string_equal(a->sqlstate, "22P02");
    struct answer *next = exec(w, l, "select 1", 0);
    wait_for(w, next);
    assert_committed(next);
    pg_lease_release(l);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 0);
}

static struct slice row_then_release(void *arg)
{
    struct answer *a = arg;
    struct rows *r = a->check_arg;
    if (r->next == 5)
        pg_lease_release(TAKE(r->lease));
    return next_row(arg);
}

static void test_copy_whose_lease_is_released_by_its_source(void **state)
{
    struct world *w = *state;
    struct rows rows = {.w = w, .n = 10, .lease = lease(w)};
    struct answer *a = answer_new(w);
    a->check_arg = &rows;
    pg_lease_copy(rows.lease, "copy t (id, v) from stdin", row_then_release, on_answer, a);
    wait_for(w, a);
    assert_int_equal(a->code, ERR_UNAVAILABLE);
    assert_committed(run_select_one(w));
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 0);
}

/* --- LISTEN --- */

struct ear {
    int missed, heard;
    char last[64];
};

static void on_notice(void *arg, const char *channel, const char *payload)
{
    struct ear *e = arg;
    assert_string_equal(channel, "odd \"name\"");
    if (!payload)
        e->missed++;
    else {
        e->heard++;
        snprintf(e->last, sizeof(e->last), "%s", payload);
    }
}

static bool heard_one(void *arg)
{
    return ((const struct ear *)arg)->heard == 1;
}

static bool heard_two(void *arg)
{
    return ((const struct ear *)arg)->heard == 2;
}

static bool missed_one(void *arg)
{
    return ((const struct ear *)arg)->missed == 1;
}

static bool missed_two(void *arg)
{
    return ((const struct ear *)arg)->missed == 2;
}

static void test_listen(void **state)
{
    struct world *w = *state;
    struct ear e = {0};
    pg_listen(w->pool, "odd \"name\"", on_notice, &e);
    assert_true(loop_run_until(w->loop, missed_one, &e, SECONDS(20)));
    pgtest_sql(w->pg, "select pg_notify('odd \"name\"', 'first'), pg_notify('another', 'x')");
    assert_true(loop_run_until(w->loop, heard_one, &e, SECONDS(20)));
    assert_string_equal(e.last, "first");
    kill_backends(w);
    assert_true(loop_run_until(w->loop, missed_two, &e, SECONDS(20)));
    pgtest_sql(w->pg, "select pg_notify('odd \"name\"', 'second')");
    assert_true(loop_run_until(w->loop, heard_two, &e, SECONDS(20)));
    struct ear later = {0}; /* on the connection that is there */
    pg_listen(w->pool, "odd \"name\"", on_notice, &later);
    assert_true(loop_run_until(w->loop, missed_one, &later, SECONDS(20)));
    assert_int_equal(e.missed, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_killed_while_it_runs),
        T(test_killed_without_a_word),
        T(test_killed_while_idle),
        T(test_server_stops_and_starts),
        T(test_no_server_says_why),
        T(test_connect_timeout),
        T(test_bad_connection_string),
        T(test_freed_with_work_in_flight),
        T(test_freed_while_connecting),
        T(test_lease_with_a_transaction),
        T(test_a_released_connection_is_clean),
        T(test_an_error_on_a_lease),
        T(test_deadline_on_a_lease),
        T(test_a_lost_lease),
        T(test_leases_wait_their_turn),
        T(test_freed_with_leases),
        T(test_copy),
        T(test_copy_of_a_bad_row),
        T(test_copy_whose_lease_is_released_by_its_source),
        T(test_listen),
    };
    return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
