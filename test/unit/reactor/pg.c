/* The pool against a real server: transactions, values, prepared statements, deadlines, cancels. What happens when the
 * server or a connection goes away, leases and LISTEN: pg_faults.c. */
#include "pg_world.h"

/* --- transactions --- */

static void test_a_segment_is_one_transaction(void **state)
{
    struct world *w = *state;
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 1, "one");
    add_insert(s, 2, "two");
    struct answer *a = run(w, s);
    assert_committed(a);
    assert_int_equal(a->affected[0], 1);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 2);
}

static void test_an_error_rolls_back_all_and_the_next_one_runs(void **state)
{
    struct world *w = *state;
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 1, "one");
    add_insert(s, 1, "the same key");
    add_insert(s, 3, "three");
    struct answer *failed = submit(w, s);
    s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 4, "four");
    struct answer *next = submit(w, s);
    wait_for(w, failed);
    wait_for(w, next);
    assert_int_equal(failed->code, ERR_CONFLICT);
    assert_string_equal(failed->sqlstate, "23505");
    assert_int_equal(failed->failed, 1);
    assert_false(failed->unknown);
    assert_non_null(strstr(failed->what, "t_pkey")); /* names the constraint */
    assert_null(strstr(failed->what, "(1)"));        /* but not the row */
    assert_committed(next);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t where id <> 4"), 0);
}

static void test_an_error_at_the_commit_itself(void **state)
{
    struct world *w = *state;
    static const struct pg_query orphan = {"t.orphan", "insert into child values ($1, 99)", 1};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 1, "one");
    pg_add(s, &orphan);
    pg_p_i64(s, 7);
    struct answer *a = run(w, s);
    assert_string_equal(a->sqlstate, "23503"); /* a deferred constraint, checked by the Sync */
    assert_false(a->unknown);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 0);
    assert_committed(run_select_one(w));
}

static void test_codes_of_errors(void **state)
{
    struct world *w = *state;
    static const struct {
        struct pg_query q;
        enum err_code code;
    } rows[] = {
        {{"e.check", "insert into t values (-1, 'x')", 0}, ERR_DATA},
        {{"e.null", "insert into t values (null, 'x')", 0}, ERR_DATA},
        {{"e.zero", "select 1/0", 0}, ERR_DATA},
        {{"e.syntax", "selekt 1", 0}, ERR_INTERNAL},
        {{"e.denied", "select * from pg_authid", 0}, ERR_FORBIDDEN},
        {{"e.twice", "insert into t select 1, 'x' from generate_series(1,2) on conflict (id) do update set v = 'y'", 0},
         ERR_DATA},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
        pg_add(s, &rows[i].q);
        assert_int_equal(run(w, s)->code, rows[i].code);
    }
}

/* --- tenants --- */

static const struct pg_query tenant_of = {"t.tenant", "select current_setting('msphub.tenant', true)", 0};

static void check_tenant(const struct pg_reply *r, void *arg)
{
    struct slice v = pg_text(r, 0, 0, 0);
    assert_true(slice_is(v, arg));
}

static void expect_tenant(struct world *w, int64_t tenant, const char *text)
{
    struct pg_seg *s = pg_seg_new(w->pool, tenant);
    pg_add(s, &tenant_of);
    struct answer *a = submit(w, s);
    a->check = check_tenant;
    a->check_arg = (void *)(uintptr_t)text;
    wait_for(w, a);
    assert_committed(a);
}

static void test_the_tenant_holds_for_its_segment_only(void **state)
{
    struct world *w = *state; /* one connection */
    expect_tenant(w, 42, "42");
    expect_tenant(w, PG_NO_TENANT, "");
    expect_tenant(w, PG_ALL_TENANTS, "*");
    expect_tenant(w, PG_NO_TENANT, "");
    struct pg_seg *s = pg_seg_new(w->pool, 43); /* nor does a failed one leave it behind */
    static const struct pg_query bad = {"t.bad", "select 1/0", 0};
    pg_add(s, &bad);
    assert_int_equal(run(w, s)->code, ERR_DATA);
    expect_tenant(w, PG_NO_TENANT, "");
}

/* --- values --- */

static void check_values(const struct pg_reply *r, void *arg)
{
    assert_int_equal(pg_nrows(r, 0), 1);
    assert_int_equal(pg_i64(r, 0, 0, 0), INT64_MIN + 1);
    assert_int_equal(pg_i64(r, 0, 0, 1), -7);
    assert_true(pg_bool(r, 0, 0, 2));
    assert_int_equal(pg_time(r, 0, 0, 3), 1760000000412000);
    assert_true(slice_eq(pg_text(r, 0, 0, 4), slice_of("a\0b\xff", 4)));
    assert_true(slice_is(pg_text(r, 0, 0, 5), "{\"k\": \"v\"}"));
    assert_true(slice_is(pg_text(r, 0, 0, 6), "täxt"));
    assert_true(slice_is(pg_text(r, 0, 0, 7), ""));
    assert_false(pg_is_null(r, 0, 0, 7));
    assert_true(pg_f64(r, 0, 0, 8) == 0.1);
    assert_int_equal(pg_i64(r, 0, 0, 9), -2);
    assert_true(slice_is(pg_text(r, 0, 0, 10), "2001:db8::1"));
}

static void test_values_there_and_back(void **state)
{
    struct world *w = *state;
    static const struct pg_query q = {"t.values",
                                      "select $1, $2, $3, $4, $5, $6, $7::text, $8::text, 0.1::float8, (-2)::int2, "
                                      "host($9::inet) where $4 = timestamptz "
                                      "'2025-10-09 08:53:20.412+00'",
                                      9};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    pg_p_i64(s, INT64_MIN + 1);
    pg_p_i32(s, -7);
    pg_p_bool(s, true);
    pg_p_time(s, 1760000000412000);
    pg_p_bytea(s, slice_of("a\0b\xff", 4));
    pg_p_jsonb(s, SLICE("{\"k\":\"v\"}"));
    pg_p_text(s, SLICE("täxt"));
    pg_p_str(s, "");
    pg_p_str(s, "2001:db8::1");
    struct answer *a = submit(w, s);
    a->check = check_values;
    wait_for(w, a);
    assert_committed(a);
}

static void check_nulls(const struct pg_reply *r, void *arg)
{
    for (unsigned i = 0; i < 6; i++)
        assert_true(pg_is_null(r, 0, 0, i));
    assert_int_equal(pg_i64(r, 0, 0, 0), 0);
    assert_null(pg_text(r, 0, 0, 1).p);
    assert_true(pg_time(r, 0, 0, 2) == USEC_NONE);
    assert_true(pg_time(r, 0, 0, 6) == USEC_NONE);
    assert_true(pg_time(r, 0, 0, 7) == INT64_MAX);
}

static void test_nulls(void **state)
{
    struct world *w = *state;
    static const struct pg_query q = {
        "t.nulls",
        "select $1::int8, $2::text, $3::timestamptz, $4::bytea, $5::jsonb, $6::text, '-infinity'::timestamptz, "
        "'infinity'::timestamptz",
        6};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    pg_p_null(s);
    pg_p_text(s, SLICE_NONE);
    pg_p_time(s, USEC_NONE);
    pg_p_bytea(s, SLICE_NONE);
    pg_p_jsonb(s, SLICE_NONE);
    pg_p_str(s, NULL);
    struct answer *a = submit(w, s);
    a->check = check_nulls;
    wait_for(w, a);
    assert_committed(a);
}

static void check_arrays(const struct pg_reply *r, void *arg)
{
    assert_int_equal(pg_nrows(r, 0), 2);
    assert_int_equal(pg_i64(r, 0, 0, 0), INT64_MAX);
    assert_int_equal(pg_i64(r, 0, 0, 1), -3);
    assert_true(slice_is(pg_text(r, 0, 0, 2), "a,\"{"));
    assert_true(pg_bool(r, 0, 0, 3));
    assert_int_equal(pg_time(r, 0, 0, 4), 1000001);
    assert_true(pg_f64(r, 0, 0, 5) == -2.5);
    assert_true(slice_is(pg_text(r, 0, 0, 6), "[1]"));
    assert_true(slice_eq(pg_text(r, 0, 0, 7), slice_of("\0", 1)));
    for (unsigned col = 0; col < 8; col++)
        assert_true(pg_is_null(r, 0, 1, col));
    assert_int_equal(pg_nrows(r, 1), 0);
}

static void test_arrays(void **state)
{
    struct world *w = *state;
    static const struct pg_query q = {"t.arrays",
                                      "select * from unnest($1::int8[], $2::int4[], $3::text[], $4::bool[], "
                                      "$5::timestamptz[], $6::float8[], $7::jsonb[], "
                                      "$8::bytea[])",
                                      8};
    static const struct pg_query empty = {"t.empty", "select * from unnest($1::int8[])", 1};
    static const enum pg_type types[] = {PG_INT8,        PG_INT4,   PG_TEXT,  PG_BOOL,
                                         PG_TIMESTAMPTZ, PG_FLOAT8, PG_JSONB, PG_BYTEA};
    struct pg_array v[8];
    for (size_t i = 0; i < 8; i++)
        pg_array_init(&v[i], types[i]);
    pg_array_i64(&v[0], INT64_MAX);
    pg_array_i64(&v[1], -3);
    pg_array_text(&v[2], SLICE("a,\"{"));
    pg_array_bool(&v[3], true);
    pg_array_time(&v[4], 1000001);
    pg_array_f64(&v[5], -2.5);
    pg_array_text(&v[6], SLICE("[1]"));
    pg_array_text(&v[7], slice_of("\0", 1));
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    for (size_t i = 0; i < 8; i++) {
        pg_array_null(&v[i]);
        pg_p_array(s, &v[i]);
    }
    pg_add(s, &empty);
    pg_array_clear(&v[0]);
    pg_p_array(s, &v[0]);
    for (size_t i = 0; i < 8; i++)
        pg_array_release(&v[i]);
    struct answer *a = submit(w, s);
    a->check = check_arrays;
    wait_for(w, a);
    assert_committed(a);
}

static void check_length(const struct pg_reply *r, void *arg)
{
    assert_int_equal(pg_i64(r, 0, 0, 0), *(const int64_t *)arg);
    assert_int_equal(pg_text(r, 0, 0, 1).n, 20 << 20);
}

static void test_fifty_megabytes_each_way(void **state)
{
    struct world *w = *state;
    static const struct pg_query q = {"t.length", "select octet_length($1)::bigint, repeat('x', 20 << 20)", 1};
    int64_t n = 50 << 20;
    _cleanup_(mem_freep) char *big = mem_zalloc((size_t)n);
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    pg_p_bytea(s, slice_of(big, (size_t)n));
    struct answer *a = submit(w, s);
    a->check = check_length;
    a->check_arg = &n;
    struct answer *behind = submit_select_one(w);
    wait_for(w, a);
    wait_for(w, behind);
    assert_committed(a);
    assert_committed(behind);
}

/* --- prepared statements --- */

static long long prepared(struct world *w, const char *like)
{
    static const struct pg_query q = {"t.prepared", "select count(*) from pg_prepared_statements where name like $1",
                                      1};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    pg_p_str(s, like);
    struct answer *a = submit(w, s);
    a->check = keep_number;
    wait_for(w, a);
    assert_committed(a);
    return a->number;
}

static void test_a_query_is_prepared_once(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        run_insert(w, i, "x");
    assert_int_equal(prepared(w, "t.insert~%"), 1);
}

static void test_a_skipped_prepare_does_not_poison(void **state)
{
    struct world *w = *state;
    static const struct pg_query bad = {"t.bad", "select 1/0", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &bad);
    add_insert(s, 1, "skipped with its prepare");
    struct answer *first = submit(w, s);
    struct answer *second = submit_insert(w, 2, "sent before the error is known");
    wait_for(w, first);
    wait_for(w, second);
    assert_int_equal(first->code, ERR_DATA);
    assert_committed(second);
    run_insert(w, 3, "prepares");
    run_insert(w, 4, "uses it");
    assert_int_equal(prepared(w, "t.insert~%"), 1);
    static const struct pg_query wrong = {"t.wrong", "select * from nowhere", 0};
    for (int i = 0; i < 3; i++) { /* a prepare that fails, fails every time with its own reason */
        s = pg_seg_new(w->pool, PG_NO_TENANT);
        pg_add(s, &wrong);
        assert_string_equal(run(w, s)->sqlstate, "42P01");
    }
}

static void test_types_that_change_from_use_to_use(void **state)
{
    struct world *w = *state;
    static const struct pg_query q = {"t.typed", "select $1::text", 1};
    for (int round = 0; round < 2; round++)
        for (int kind = 0; kind < 3; kind++) {
            struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
            pg_add(s, &q);
            if (kind == 0)
                pg_p_null(s);
            else if (kind == 1)
                pg_p_i64(s, 5);
            else
                pg_p_str(s, "five");
            assert_committed(run(w, s));
        }
    assert_int_equal(prepared(w, "t.typed~%"), 2); /* of bigint, of text; the null went with the text one */
}

static void test_prepared_again_when_the_tables_have_changed(void **state)
{
    struct world *w = *state;
    static const struct pg_query all = {"t.all", "select * from t", 0};
    for (int i = 0; i < 2; i++) {
        struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
        pg_add(s, &all);
        assert_committed(run(w, s));
        pgtest_sql(w->pg, "alter table t add column extra%d int", i); /* "cached plan must not change result type" */
    }
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &all);
    assert_committed(run(w, s));
}

static void test_discarded_statements_are_made_again(void **state)
{
    struct world *w = *state;
    run_insert(w, 1, "x");
    static const struct pg_query discard = {"t.deallocate", "deallocate all", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &discard);
    run(w, s);
    run_insert(w, 2, "y");
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 2);
}

static void test_unnamed_only(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 1, .unnamed_only = true, .timeout = MILLIS(7001)});
    for (int i = 0; i < 3; i++)
        run_insert(w, i, "x");
    assert_int_equal(prepared(w, "%"), 0);
    static const struct pg_query q = {"t.timeout", "select current_setting('statement_timeout')", 0};
    struct pg_seg *s = pg_seg_new(w->pool, 5);
    pg_add(s, &q);
    struct answer *a = submit(w, s);
    a->check = check_tenant;
    a->check_arg = (void *)(uintptr_t) "7001ms"; /* set in the transaction, as the session is the pooler's */
    wait_for(w, a);
    assert_committed(a);
}

/* --- deadlines, cancels, ceilings --- */

static void test_deadline_of_what_runs(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 2});
    struct answer *slow = submit_sleep(w, 30, MILLIS(150));
    wait_for(w, slow);
    assert_int_equal(slow->code, ERR_TIMEOUT);
    assert_true(slow->unknown);
    wait_until_quiet(w); /* it was really cancelled on the server */
    for (int i = 0; i < 4; i++)
        assert_committed(run_select_one(w));
    assert_int_equal(pgtest_count(w->pg, "select count(*) from pg_stat_activity where state = 'active' and query like "
                                         "'%%sleep%%' and pid <> pg_backend_pid()"),
                     0);
}

static void test_deadline_without_another_connection(void **state)
{
    struct world *w = *state; /* one connection: it is dropped */
    struct answer *slow = submit_sleep(w, 30, MILLIS(100));
    wait_for(w, slow);
    assert_int_equal(slow->code, ERR_TIMEOUT);
    assert_committed(run_select_one(w));
}

static void test_statement_timeout_backs_it_up(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 1, .timeout = MILLIS(200)});
    static const struct pg_query q = {"t.timeout", "select current_setting('statement_timeout')", 0};
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    pg_add(s, &q);
    struct answer *a = submit(w, s);
    a->check = check_tenant;
    a->check_arg = (void *)(uintptr_t) "200ms";
    wait_for(w, a);
    assert_committed(a);
    struct answer *longer = submit_sleep_ms(w, 400, SECONDS(10)); /* a segment may have more than the pool's */
    wait_for(w, longer);
    assert_committed(longer);
}

static void test_deadline_while_waiting_for_a_connection(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 1, .max_inflight = 1});
    struct answer *slow = submit_sleep_ms(w, 300, SECONDS(10));
    struct pg_seg *s = pg_seg_new(w->pool, PG_NO_TENANT);
    add_insert(s, 1, "too late");
    pg_seg_timeout(s, MILLIS(50));
    struct answer *a = run(w, s);
    assert_int_equal(a->code, ERR_TIMEOUT);
    assert_false(a->unknown);
    wait_for(w, slow);
    assert_committed(slow);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 0);
}

static void test_cancel_what_waits(void **state)
{
    struct world *w = *state;
    struct answer *a = submit_insert(w, 1, "x");
    pg_cancel(w->pool, a->ref);
    assert_int_equal(a->calls, 0); /* not from inside the call */
    wait_for(w, a);
    assert_int_equal(a->code, ERR_CANCELED);
    assert_false(a->unknown);
    pg_cancel(w->pool, a->ref); /* gone: nothing happens */
    assert_committed(run_select_one(w));
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 0);
}

static void test_cancel_what_runs_spares_what_is_behind(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 2});
    wait_until_ready(w, 2);
    struct answer *slow = submit_sleep(w, 30, SECONDS(20)), *behind[6];
    for (int i = 0; i < 6; i++)
        behind[i] = submit_insert(w, i, "some of these are behind it, on the same connection");
    wait_until(w, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'");
    assert_true(pgtest_count(w->pg, "select count(*) from t") < 6);
    pg_cancel(w->pool, slow->ref);
    wait_for(w, slow);
    assert_int_equal(slow->code, ERR_CANCELED);
    assert_false(slow->unknown); /* the server has said so */
    for (int i = 0; i < 6; i++) {
        wait_for(w, behind[i]);
        assert_committed(behind[i]);
    }
}

static void test_a_cancel_that_comes_late_hits_nobody(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 2});
    wait_until_ready(w, 2);
    struct answer *meant = submit_sleep_ms(w, 250, SECONDS(20));  /* on the first connection */
    struct answer *busy = submit_sleep_ms(w, 500, SECONDS(20));   /* on the second, which is to carry the cancel */
    struct answer *victim = submit_sleep_ms(w, 700, SECONDS(20)); /* on the first: runs when the cancel arrives */
    wait_until(w, "select count(*) = 2 from pg_stat_activity where wait_event = 'PgSleep'");
    pg_cancel(w->pool, meant->ref);
    wait_for(w, meant);
    wait_for(w, busy);
    wait_for(w, victim);
    assert_committed(meant);
    assert_committed(busy);
    assert_committed(victim); /* sent again, as it had been rolled back through no fault of its own */
}

static void test_ceiling_of_the_queue(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 1, .max_inflight = 1, .max_queue = 3});
    struct answer *a[4];
    for (int i = 0; i < 4; i++)
        a[i] = submit_insert(w, i, "x");
    for (int i = 0; i < 4; i++)
        wait_for(w, a[i]);
    for (int i = 0; i < 3; i++)
        assert_committed(a[i]);
    assert_int_equal(a[3]->code, ERR_LIMIT);
    assert_non_null(strstr(a[3]->what, "database_max_queue"));
}

static void test_many_segments_over_many_connections(void **state)
{
    struct world *w = *state;
    world_pool(w, (struct pg_options){.connections = 4});
    struct answer *a[2000];
    for (int i = 0; i < 2000; i++)
        a[i] = submit_insert(w, i % 1990, "x"); /* the last ten fail, each alone */
    int failed = 0;
    for (int i = 0; i < 2000; i++) {
        wait_for(w, a[i]);
        failed += a[i]->code == ERR_CONFLICT;
    }
    assert_int_equal(failed, 10);
    assert_int_equal(pgtest_count(w->pg, "select count(*) from t"), 1990);
    _cleanup_(str_release) struct str text = {0};
    metrics_write(w->metrics, METRICS_TEXT_004, &text);
    assert_non_null(strstr(text.p, "msphub_db_segments_total{outcome=\"committed\"} 1990\n"));
    assert_non_null(strstr(text.p, "msphub_db_segments_total{outcome=\"failed\"} 10\n"));
    assert_non_null(strstr(text.p, "msphub_db_connections{state=\"ready\"} 4\n"));
    assert_non_null(strstr(text.p, "msphub_db_queue 0\n"));
}

static void on_drained(void *arg)
{
    *(int *)arg += 1;
}

static void test_drain(void **state)
{
    struct world *w = *state;
    int drained = 0;
    struct answer *a = submit_sleep_ms(w, 50, SECONDS(5));
    pg_pool_drain(w->pool, on_drained, &drained);
    wait_for(w, a);
    wait_until_quiet(w);
    assert_int_equal(drained, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_segment_is_one_transaction),
        T(test_an_error_rolls_back_all_and_the_next_one_runs),
        T(test_an_error_at_the_commit_itself),
        T(test_codes_of_errors),
        T(test_the_tenant_holds_for_its_segment_only),
        T(test_values_there_and_back),
        T(test_nulls),
        T(test_arrays),
        T(test_fifty_megabytes_each_way),
        T(test_a_query_is_prepared_once),
        T(test_a_skipped_prepare_does_not_poison),
        T(test_types_that_change_from_use_to_use),
        T(test_prepared_again_when_the_tables_have_changed),
        T(test_discarded_statements_are_made_again),
        T(test_unnamed_only),
        T(test_deadline_of_what_runs),
        T(test_deadline_without_another_connection),
        T(test_statement_timeout_backs_it_up),
        T(test_deadline_while_waiting_for_a_connection),
        T(test_cancel_what_waits),
        T(test_cancel_what_runs_spares_what_is_behind),
        T(test_a_cancel_that_comes_late_hits_nobody),
        T(test_ceiling_of_the_queue),
        T(test_many_segments_over_many_connections),
        T(test_drain),
    };
    return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
