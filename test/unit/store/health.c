/* health.c - what findings make of a status, how checks are spread and shared, and the hub's own alerts: once, whoever looks. */
#include "store/health.h"

#include "base/mem.h"
#include "pgtest.h"
#include "store/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pgtest *cluster;

struct world {
    struct metrics *metrics;
    struct log *log;
    struct loop *loop;
    struct pg_pool *db;
    int64_t tenant, integration;
};

static int group_setup(void **state)
{
    cluster = pgtest_start();
    pgtest_migrate(cluster);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(cluster);
    return 0;
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    w->loop = loop_new(w->log, w->metrics);
    w->db = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(cluster)}, w->metrics);
    pgtest_sql(cluster, "truncate tenants cascade; insert into tenants (slug, name) values ('platform', 'P')");
    w->tenant = pgtest_count(cluster, "insert into tenants (slug, name) values ('one', 'One') returning tenant_id");
    w->integration =
        pgtest_count(cluster,
                     "insert into integration_configurations (tenant_id, provider, name, hook) values (%lld, "
                     "'fake', 'x', 'h') returning integration_id",
                     (long long)w->tenant);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->db);
    loop_free(w->loop);
    log_free(w->log);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

static void check_value(const char *want, const char *sql)
{
    char *got = pgtest_value(cluster, "%s", sql);
    if (strcmp(got, want) != 0)
        print_error("%s\n", sql);
    assert_string_equal(got, want);
    free(got);
}

/* --- running --- */

struct outcome {
    bool done, found;
    char was[20], is[20];
    size_t rows;
};

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct outcome *o = arg;
    struct slice was, is;
    if (pg_reply_err(r))
        fail_msg("%s", pg_reply_err(r)->what);
    o->done = true;
    o->rows = pg_nrows(r, 0);
    o->found = o->is[0] && health_read_found(r, 0, &was, &is);
    if (o->found) {
        snprintf(o->was, sizeof o->was, "%.*s", SLICE_FMT(was));
        snprintf(o->is, sizeof o->is, "%.*s", SLICE_FMT(is));
    }
}

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

static void finish(struct world *w, struct outcome *o, struct pg_seg *s)
{
    pg_submit(s, on_reply, o);
    assert_true(loop_run_until(w->loop, is_done, o, SECONDS(20)));
}

enum kind { GOOD_PROBE, GOOD_RUN, PASSING, LASTING, RUN_PASSING, RUN_LASTING };

/* "was>is", patience 3; "" when it did not count. */
static const char *find(struct world *w, enum kind kind, int64_t version)
{
    static char moved[48];
    struct outcome o = {.is = "?"};
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    health_add_found(s, &(struct health_found){
                            .tenant_id = w->tenant,
                            .integration_id = w->integration,
                            .version = version,
                            .good = kind <= GOOD_RUN,
                            .run = kind == GOOD_RUN || kind >= RUN_PASSING,
                            .lasting = kind == LASTING || kind == RUN_LASTING,
                            .patience = 3,
                            .message = kind <= GOOD_RUN ? SLICE_NONE : SLICE("why"),
                        });
    finish(w, &o, s);
    snprintf(moved, sizeof moved, "%s>%s", o.was, o.is);
    return o.found ? moved : "";
}

static void own_alert(struct world *w, const char *state)
{
    char *got = pgtest_value(cluster, "select string_agg(state, ',') from rmm_alerts where series = 'msphub:health'");
    assert_string_equal(got, state);
    free(got);
}

/* --- findings --- */

static void what_may_pass_is_an_error_at_the_third_time(void **state)
{
    struct world *w = *state;
    assert_string_equal(find(w, GOOD_PROBE, 1), "configured>active");
    assert_string_equal(find(w, PASSING, 1), "active>active");
    assert_string_equal(find(w, PASSING, 1), "active>active");
    check_value("why", "select error_message from integration_configurations");
    assert_string_equal(find(w, GOOD_PROBE, 1), "active>active"); /* in a row, or it does not count */
    check_value("", "select error_message from integration_configurations");
    for (int i = 0; i < 2; i++)
        assert_string_equal(find(w, PASSING, 1), "active>active");
    own_alert(w, "");
    assert_string_equal(find(w, PASSING, 1), "active>error");
    own_alert(w, "triggered");
    assert_string_equal(find(w, PASSING, 1), "error>error");
    assert_string_equal(find(w, GOOD_PROBE, 1), "error>active");
    own_alert(w, "resolved");
    check_value(
        "configured>active,active>error,error>active",
        "select string_agg((before->>'status') || '>' || (after->>'status'), ',' order by audit_id) from audit_logs "
        "where action = 'integration.status_changed' and actor_kind = 'system' and target = 'fake:x'");
}

static void a_refusal_is_an_error_at_once(void **state)
{
    struct world *w = *state;
    assert_string_equal(find(w, LASTING, 1), "configured>error");
    own_alert(w, "triggered");
    assert_string_equal(find(w, PASSING, 1), "error>error"); /* does not make it better */
    assert_string_equal(find(w, GOOD_RUN, 1), "error>active");
    assert_string_equal(find(w, LASTING, 1), "active>error");
    own_alert(w, "triggered");
    check_value("2", "select occurrences from rmm_alerts");
}

static void a_good_probe_does_not_hide_a_failing_sync(void **state)
{
    struct world *w = *state;
    assert_string_equal(find(w, RUN_LASTING, 1), "configured>error");
    assert_string_equal(find(w, GOOD_PROBE, 1), "error>error");
    check_value("why", "select error_message from integration_configurations");
    assert_string_equal(find(w, GOOD_RUN, 1), "error>active");
    /* With good probes in between, three failing runs are still three in a row. */
    for (int i = 0; i < 2; i++) {
        assert_string_equal(find(w, RUN_PASSING, 1), "active>active");
        assert_string_equal(find(w, GOOD_PROBE, 1), "active>active");
    }
    assert_string_equal(find(w, RUN_PASSING, 1), "active>error");
    own_alert(w, "triggered");
}

static void a_finding_of_other_settings_says_nothing(void **state)
{
    struct world *w = *state;
    assert_string_equal(find(w, GOOD_PROBE, 1), "configured>active");
    pgtest_sql(cluster, "update integration_configurations set version = 2, status = 'configured'");
    assert_string_equal(find(w, LASTING, 1), "");
    check_value("configured", "select status from integration_configurations");
    assert_string_equal(find(w, GOOD_PROBE, 2), "configured>active");
}

/* --- checks --- */

static void checks_are_spread_evenly_and_keep_their_place(void **state)
{
    /* 3,000 integrations over 15 minutes: each minute has its share, and the place is the same in the next round. */
    check_value(
        "t", "with slots as (select i, msphub_check_slot(i, 900000000, now()) as at from generate_series(1, 3000) i), "
             "minutes as (select floor(extract(epoch from at - now()) / 60) as m, count(*) as n from slots group by 1) "
             "select count(*) = 15 and min(n) > 140 and max(n) < 260 from minutes");
    check_value("t", "select bool_and(at > now() and at <= now() + interval '15 min' and "
                     "abs(extract(epoch from msphub_check_slot(i, 900000000, at) - at) - 900) < 0.01) from (select i, "
                     "msphub_check_slot(i, 900000000, now()) as at from generate_series(1, 1000) i) s");
}

static size_t claim(struct world *w)
{
    struct outcome o = {0};
    struct pg_seg *s = pg_seg_new(w->db, PG_ALL_TENANTS);
    health_add_claim(s, SECONDS(60), 10);
    finish(w, &o, s);
    return o.rows;
}

static void a_check_is_claimed_once_until_its_lease_ends(void **state)
{
    struct world *w = *state;
    assert_int_equal(claim(w), 1);
    assert_int_equal(claim(w), 0);
    pgtest_sql(cluster, "update integration_configurations set next_check_at = now()"); /* who had it died */
    assert_int_equal(claim(w), 1);
    pgtest_sql(cluster,
               "update integration_configurations set next_check_at = now(), version = 2"); /* edited meanwhile */
    struct outcome o = {0};
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    health_add_checked(s, w->tenant, w->integration, 1, SECONDS(900));
    finish(w, &o, s);
    assert_int_equal(claim(w), 1); /* the edit wants its check */
    pgtest_sql(cluster, "update integration_configurations set next_check_at = now(), enabled = false");
    assert_int_equal(claim(w), 0);
    pgtest_sql(cluster, "update integration_configurations set enabled = true; update tenants set status = 'suspended' "
                        "where slug = 'one'");
    assert_int_equal(claim(w), 0);
}

/* --- the hub's own alerts --- */

static void watch(struct world *w)
{
    /* As many processes as there are connections. */
    struct outcome o[8] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(o); i++) {
        struct pg_seg *s = pg_seg_new(w->db, PG_ALL_TENANTS);
        health_add_watch(s, &(struct health_limits){.silence = SECONDS(86400),
                                                    .sync_interval = SECONDS(3600),
                                                    .warning = SECONDS(14 * 86400)});
        pg_submit(s, on_reply, &o[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(o); i++)
        assert_true(loop_run_until(w->loop, is_done, &o[i], SECONDS(20)));
}

#define OWN                                                                                                            \
    "select string_agg(series || ' ' || state || ' ' || occurrences, ', ' order by series) from rmm_alerts where "     \
    "series like "                                                                                                     \
    "'msphub:%'"

static void time_opens_each_alert_once_and_closes_it(void **state)
{
    struct world *w = *state;
    watch(w);
    check_value("", OWN);
    pgtest_sql(cluster,
               "update integration_configurations set created_at = now() - interval '10 d', watched_since = now() - "
               "interval '10 d', last_delivery_at = now() - interval '2 d', last_success_at = now() - interval '4 h', "
               "credential_expires_at = now() + interval '13 d'");
    watch(w);
    watch(w);
    check_value("msphub:credential triggered 1, msphub:silent triggered 1, msphub:stale triggered 1", OWN);
    pgtest_sql(cluster, "update rmm_alerts set state = 'acknowledged' where series = 'msphub:silent'");
    watch(w); /* an open one is left as people put it */
    check_value("acknowledged", "select state from rmm_alerts where series = 'msphub:silent'");
    pgtest_sql(cluster, "update integration_configurations set last_delivery_at = now(), last_success_at = now(), "
                        "credential_expires_at = now() + interval '15 d'");
    watch(w);
    check_value("msphub:credential resolved 1, msphub:silent resolved 1, msphub:stale resolved 1", OWN);
    pgtest_sql(cluster, "update rmm_alerts set triggers = array[1700000000]"); /* a trigger is told by its second */
    pgtest_sql(cluster,
               "update integration_configurations set token_dead_version = version, status = 'error', error_message = "
               "'reconnect required: no'");
    watch(w);
    check_value(
        "msphub:credential triggered 2, msphub:health triggered 1, msphub:silent resolved 1, msphub:stale resolved 1",
        OWN);
    check_value("major reconnect required: no",
                "select severity || ' ' || message from rmm_alerts where series = 'msphub:credential'");
    pgtest_sql(cluster, "update integration_configurations set enabled = false");
    watch(w);
    check_value("0", "select count(*) from rmm_alerts where state <> 'resolved'");
}

static void a_tenant_that_was_suspended_was_not_silent(void **state)
{
    struct world *w = *state;
    pgtest_sql(cluster,
               "update integration_configurations set created_at = now() - interval '10 d', watched_since = now() - "
               "interval '10 d', last_delivery_at = now() - interval '2 d'; update tenants set status = 'suspended' "
               "where slug = 'one'");
    watch(w);
    check_value("", OWN);
    pgtest_sql(cluster, "update tenants set status = 'active' where slug = 'one'");
    watch(w);
    check_value("", OWN);
}

static void products_cannot_touch_the_hubs_own_alerts(void **state)
{
    struct world *w = *state;
    assert_string_equal(find(w, LASTING, 1), "configured>error");
    struct pg_array none;
    struct outcome o = {0};
    unsigned first;
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    pg_array_init(&none, PG_TEXT);
    alert_add_absent(s, w->tenant, w->integration, &none, loop_wall(w->loop) + SECONDS(3600), &first);
    finish(w, &o, s);
    pg_array_release(&none);
    own_alert(w, "triggered");
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    struct record_alert forged = {
        .series = SLICE("msphub:health"), .state = ALERT_RESOLVED, .changed_at = loop_wall(w->loop)};
    struct err e = {0};
    assert_false(alert_batch_add(b, &forged, loop_wall(w->loop), &e));
    assert_int_equal(e.code, ERR_DATA);
    alert_batch_free(b);
    pgtest_sql(cluster, "delete from integration_configurations");
    own_alert(w, "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_may_pass_is_an_error_at_the_third_time),   TEST(a_refusal_is_an_error_at_once),
        TEST(a_good_probe_does_not_hide_a_failing_sync),     TEST(a_finding_of_other_settings_says_nothing),
        TEST(checks_are_spread_evenly_and_keep_their_place), TEST(a_check_is_claimed_once_until_its_lease_ends),
        TEST(time_opens_each_alert_once_and_closes_it),      TEST(a_tenant_that_was_suspended_was_not_silent),
        TEST(products_cannot_touch_the_hubs_own_alerts),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
