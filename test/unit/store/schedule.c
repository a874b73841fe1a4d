/* schedule.c - when schedules come next (cron expressions through the changes of clocks, intervals in their places), which
 * of them a run does for, and where the next incremental run begins. */
#include "base/cron.h"

#include "pgtest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pgtest *cluster;

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

static const char *cron_array(const char *text)
{
    static char sql[256];
    struct cron c;
    struct err e;
    if (!cron_parse(slice_cstr(text), &c, &e))
        fail_msg("%s: %s", text, e.what);
    snprintf(sql, sizeof sql, "'{%lld,%lld,%lld,%lld,%lld,%d}'::bigint[]", (long long)c.in[CRON_MINUTE],
             (long long)c.in[CRON_HOUR], (long long)c.in[CRON_DAY], (long long)c.in[CRON_MONTH],
             (long long)c.in[CRON_WEEKDAY], c.either_day | c.any_hour << 1);
    return sql;
}

/* `wants`: the following times, one after the other, as the zone's clock and its offset have them. */
static const struct {
    const char *cron, *zone, *after, *wants;
} cases[] = {
    {"0 2 * * *", "UTC", "2026-01-31 01:59:59.999+00", "01-31 02:00+00 02-01 02:00+00"},
    {"0 2 * * *", "UTC", "2026-01-31 02:00+00", "02-01 02:00+00"},
    {"*/15 9-10 * * mon-fri", "UTC", "2026-01-30 10:40+00", "01-30 10:45+00 02-02 09:00+00 02-02 09:15+00"},
    {"0 0 29 2 *", "UTC", "2026-01-01 00:00+00", "02-29 00:00+00 02-29 00:00+00"},
    {"0 0 13 * fri", "UTC", "2026-02-10 00:00+00",
     "02-13 00:00+00 02-20 00:00+00 02-27 00:00+00 03-06 00:00+00 03-13 00:00+00"},
    {"0 0 */2 * mon", "UTC", "2026-02-03 00:00+00", "02-09 00:00+00 02-23 00:00+00"},
    {"0 0 31 * *", "UTC", "2026-01-31 00:00+00", "03-31 00:00+00 05-31 00:00+00"},
    {"59 23 31 12 *", "UTC", "2026-12-31 23:59+00", "12-31 23:59+00"},
    {"* * * * *", "UTC", "2026-12-31 23:58:30+00", "12-31 23:59+00 01-01 00:00+00"},
    {"0 0 29 2 */7", "UTC", "2026-01-01 00:00+00", "02-29 00:00+00"}, /* a Sunday: 2032 */

    /* Berlin: 29 March 2026 has no 02:00 to 02:59, 25 October has it twice. */
    {"30 2 * * *", "Europe/Berlin", "2026-03-28 02:30+01", "03-29 03:00+02 03-30 02:30+02"},
    {"0,30 2,3 * * *", "Europe/Berlin", "2026-03-28 03:30+01", "03-29 03:00+02 03-29 03:30+02 03-30 02:00+02"},
    {"0 3 * * *", "Europe/Berlin", "2026-03-28 12:00+01", "03-29 03:00+02 03-30 03:00+02"},
    {"30 2 * * *", "Europe/Berlin", "2026-10-24 12:00+02", "10-25 02:30+02 10-26 02:30+01"},
    {"30 2 * * *", "Europe/Berlin", "2026-10-25 02:10+01", "10-26 02:30+01"}, /* in the second 02:10: it has been */
    {"0 3 * * *", "Europe/Berlin", "2026-10-25 02:30+02", "10-25 03:00+01"},
    {"30 * * * *", "Europe/Berlin", "2026-03-29 01:30+01", "03-29 03:30+02"},
    {"30 * * * *", "Europe/Berlin", "2026-10-25 01:30+02", "10-25 02:30+02 10-25 02:30+01 10-25 03:30+01"},
    {"0 */2 * * *", "Europe/Berlin", "2026-03-29 00:00+01", "03-29 04:00+02"},
    {"0 */2 * * *", "Europe/Berlin", "2026-10-25 00:00+02", "10-25 02:00+02 10-25 02:00+01 10-25 04:00+01"},
    {"*/20 * * * *", "Europe/Berlin", "2026-03-29 01:39+01", "03-29 01:40+01 03-29 03:00+02 03-29 03:20+02"},

    {"30 2 * * sun", "America/New_York", "2026-03-07 12:00-05", "03-08 03:00-04 03-15 02:30-04"},
    {"30 1 * * *", "America/New_York", "2026-10-31 12:00-04", "11-01 01:30-04 11-02 01:30-05"},
    {"15,45 * * * *", "America/New_York", "2026-11-01 01:20-04",
     "11-01 01:45-04 11-01 01:15-05 11-01 01:45-05 11-01 02:15-05"},
    {"0 0 1 * *", "America/New_York", "2026-02-15 00:00-05", "03-01 00:00-05 04-01 00:00-04"},

    /* Half hours: always (Kolkata), with an hour's change (St John's), with a change of half an hour (Lord Howe). */
    {"0 9 * * *", "Asia/Kolkata", "2026-06-01 03:29+00", "06-01 09:00+05:30 06-02 09:00+05:30"},
    {"30 * * * *", "Asia/Kolkata", "2026-06-01 00:00+00", "06-01 06:30+05:30 06-01 07:30+05:30"},
    {"30 2 * * *", "America/St_Johns", "2026-03-07 12:00-03:30", "03-08 03:00-02:30 03-09 02:30-02:30"},
    {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00+10:30", "10-04 02:30+11 10-05 02:15+11"},
    {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00+11", "04-05 01:45+11 04-06 01:45+10:30"},
    {"*/15 * * * *", "Australia/Lord_Howe", "2026-04-05 01:30+11",
     "04-05 01:45+11 04-05 01:30+10:30 04-05 01:45+10:30 04-05 02:00+10:30"},
    {"*/15 * * * *", "Australia/Lord_Howe", "2026-10-04 01:45+10:30", "10-04 02:30+11 10-04 02:45+11"},

    /* Changes at midnight (Havana): a day that begins at one, and one that begins twice. */
    {"0 0 * * *", "America/Havana", "2026-03-07 12:00-05", "03-08 01:00-04 03-09 00:00-04"},
    {"30 0 * * *", "America/Havana", "2026-10-31 12:00-04", "11-01 00:30-04 11-02 00:30-05"},
    {"30 * * * *", "America/Havana", "2026-10-31 23:30-04", "11-01 00:30-04 11-01 00:30-05 11-01 01:30-05"},
    {"0 * 8 3 *", "America/Havana", "2026-03-07 12:00-05", "03-08 01:00-04 03-08 02:00-04"},
    {"0 * 1 11 *", "America/Havana", "2026-10-31 12:00-04", "11-01 00:00-04 11-01 00:00-05 11-01 01:00-05"},
    /* A day that was never: Apia went from the 29th to the 31st. */
    {"0 2 * * *", "Pacific/Apia", "2011-12-29 02:00-10", "12-31 00:00+14 12-31 02:00+14"},
    {"0 * * * *", "Pacific/Apia", "2011-12-29 22:30-10", "12-29 23:00-10 12-31 00:00+14"},
};

/* The time as the zone's clock shows it, with the zone's offset. */
static char *shown(const char *zone, const char *instant)
{
    return pgtest_value(
        cluster,
        "set local timezone = '%s'; set local datestyle = iso; "
        "select to_char('%s'::timestamptz, 'MM-DD HH24:MI') || substring('%s'::timestamptz::text from '[+-][0-9:]+$')",
        zone, instant, instant);
}

static void next_times_are_where_the_clock_is(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wants[512], *at = wants, *after = strdup(cases[i].after);
        snprintf(wants, sizeof wants, "%s", cases[i].wants);
        for (char *day, *time; (day = strsep(&at, " ")) && (time = strsep(&at, " "));) {
            char want[64];
            char *next = pgtest_value(cluster, "select msphub_cron_next(%s, '%s', '%s')", cron_array(cases[i].cron),
                                      cases[i].zone, after);
            char *got = shown(cases[i].zone, next);
            snprintf(want, sizeof want, "%s %s", day, time);
            if (strcmp(got, want) != 0)
                fail_msg("%s in %s after %s: %s, not %s", cases[i].cron, cases[i].zone, after, got, want);
            free(got);
            free(after);
            after = next;
        }
        free(after);
    }
}

/* --- intervals --- */

static int64_t seconds(const char *sql)
{
    return pgtest_count(cluster, "select extract(epoch from %s)::bigint", sql);
}

static void an_interval_has_its_own_place(void **state)
{
    int64_t places[20];
    for (int i = 0; i < 20; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '{\"every\": 3600}', '2026-01-31 10:00+00')", i + 1);
        int64_t first = seconds(sql);
        places[i] = first % 3600;
        assert_in_range(first - 1769853600, 1801, 5400); /* half an interval later at least */
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '{\"every\": 3600}', to_timestamp(%lld + 4))", i + 1,
                 (long long)first);
        assert_int_equal(seconds(sql), first + 3600); /* some seconds late: nothing moves */
    }
    int64_t least = 3600, most = 0;
    for (int i = 0; i < 20; i++) {
        least = places[i] < least ? places[i] : least;
        most = places[i] > most ? places[i] : most;
    }
    assert_true(most - least > 1800); /* spread, not all at :00 */
}

static void a_splay_is_kept_and_bounded(void **state)
{
    static const char plan[] = "{\"cron\": [1, 4, 4294967294, 8190, 127, 0], \"zone\": \"UTC\", \"splay\": %d}";
    int distinct = 0;
    int64_t last = -1;
    for (int i = 1; i <= 20; i++) {
        char json[256], sql[512];
        snprintf(json, sizeof json, plan, 600);
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '%s', '2026-01-31 03:00+00')", i, json);
        int64_t first = seconds(sql), delay = first - 1769911200; /* 2026-02-01 02:00 */
        assert_in_range(delay, 0, 600);
        distinct += delay != last;
        last = delay;
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '%s', to_timestamp(%lld))", i, json, (long long)first);
        assert_int_equal(seconds(sql), first + 86400);
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '%s', to_timestamp(%lld))", i, json, (long long)first - 1);
        assert_int_equal(seconds(sql), first);
        snprintf(json, sizeof json, plan, 0);
        snprintf(sql, sizeof sql, "msphub_plan_next(%d, 1, '%s', '2026-01-31 03:00+00')", i, json);
        assert_int_equal(seconds(sql), 1769911200);
    }
    assert_true(distinct > 15);
}

/* --- zones --- */

static void zones_that_are_none_are_told(void **state)
{
    char *told = pgtest_value(
        cluster, "select string_agg(place || ' ' || coalesce(meant, '-'), ', ') from msphub_unknown_zones("
                 "'{Europe/Berlin,europe/berlin,Berlin,new york,UTC,Mars/Base,posix/UTC,localtime,+02:00}')");
    assert_string_equal(told, "2 Europe/Berlin, 3 Europe/Berlin, 4 America/New_York, 6 -, 7 -, 8 -, 9 -");
    free(told);
}

/* --- what is due --- */

static char *value(const char *sql)
{
    return pgtest_value(cluster, "%s", sql);
}

#define assert_value(want, sql)                                                                                        \
    do {                                                                                                               \
        char *got_ = value(sql);                                                                                       \
        assert_string_equal(want, got_);                                                                               \
        free(got_);                                                                                                    \
    } while (0)

static void the_longest_due_goes_first(void **state)
{
    static const char pick[] =
        "select msphub_schedule_pick('[{\"mode\": \"incremental\"}, {\"mode\": \"full\"}, {\"mode\": \"full\"}]', %s)";
    static const struct {
        const char *nexts, *picked;
    } rows[] = {
        {"array[now() - interval '1 s', now() - interval '2 s', now() + interval '1 s']", "2"},
        {"array[now() - interval '3 s', now() - interval '2 s', now() + interval '1 s']", "1"},
        {"array[now() - interval '2 s', now() - interval '2 s', now() - interval '2 s']", "2"},
        {"array[now() + interval '1 s', now() + interval '9 s', now() + interval '2 s']", "2"}, /* none: an edit */
        {"array[null, null, now() - interval '1 s']", "3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, pick, rows[i].nexts);
        assert_value(rows[i].picked, sql);
    }
}

/* 4: devices, 32: alerts. */
static const char plans[] = "[{\"name\": \"a\", \"mode\": \"incremental\", \"kinds\": 32, \"every\": 300},"
                            " {\"name\": \"b\", \"mode\": \"full\", \"kinds\": 4, \"every\": 3600},"
                            " {\"name\": \"c\", \"mode\": \"full\", \"kinds\": 4294967295, \"every\": 86400}]";

static void a_run_does_for_all_that_ask_for_less(void **state)
{
    static const struct {
        const char *mode, *kinds, *still_due;
    } rows[] = {
        {"full", "4294967295", "{}"},
        {"incremental", "4294967295", "{2,3}"},
        {"full", "36", "{3}"},
        {"full", "4", "{1,3}"},
        {"incremental", "32", "{2,3}"},
        {"full", "8", "{1,2,3}"},
        {"single", "4294967295", "{1,2,3}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pgtest_sql(
            cluster,
            "truncate tenants cascade; insert into tenants (slug, name) values ('platform', 'P'), ('t', 'T'); "
            "insert into integration_configurations (tenant_id, provider, name, hook, next_sync_at, schedules, "
            "schedule_plans, schedule_next) select tenant_id, 'fake', '', 'h', now() - interval '1 min', '%s', '%s', "
            "array_fill(now() - interval '1 min', array[3]) from tenants where slug = 't'",
            plans, plans);
        pgtest_sql(
            cluster,
            "select msphub_schedule_ran(tenant_id, integration_id, '%s', %s, 3600) from integration_configurations",
            rows[i].mode, rows[i].kinds);
        assert_value(rows[i].still_due,
                     "select array(select n from integration_configurations, unnest(schedule_next) with "
                     "ordinality as u(at, n) where at <= now() order by n)::text");
        assert_value("t", "select (next_sync_at = (select min(n) from unnest(schedule_next) n))::text::char(1) from "
                          "integration_configurations");
    }
    pgtest_sql(cluster, "update integration_configurations set next_sync_at = now(), schedule_next = "
                        "array_fill(now() + interval '1 hour', array[3])");
    assert_value("f", "select msphub_schedule_ran(tenant_id, integration_id, 'full', 32, 3600)::text::char(1) from "
                      "integration_configurations"); /* it was edited: a full run is owed */
    for (int i = 0; i < 2; i++) /* the second time its plan has moved already; it is done all the same */
        pgtest_sql(cluster,
                   "update integration_configurations set next_sync_at = now(); select msphub_schedule_ran(tenant_id, "
                   "integration_id, 'full', 4, 3600) from integration_configurations");
    assert_value("t", "select (next_sync_at > now())::text::char(1) from integration_configurations");
}

static void patience_is_three_times_the_wait(void **state)
{
    assert_value("10800",
                 "select msphub_plans_patience(1, '[{\"mode\": \"full\", \"kinds\": 4, \"every\": 3600}, {\"mode\": "
                 "\"full\", \"kinds\": 4294967295, \"every\": 86400}]', array[now(), now()], 4)");
    assert_value(
        "0", "select msphub_plans_patience(1, '[{\"mode\": \"incremental\", \"kinds\": 4, \"every\": 3600}, {\"mode\": "
             "\"full\", \"kinds\": 32, \"every\": 86400}]', array[now(), now()], 4)");
    assert_value(
        "259200", /* days at 2:00 */
        "select msphub_plans_patience(1, '[{\"mode\": \"full\", \"kinds\": 4, \"cron\": [1, 4, 4294967294, 8190, "
        "127, 0], \"zone\": \"UTC\", \"splay\": 0}]', array['2026-01-31 02:00+00'::timestamptz], 4)");
    assert_value("", "select msphub_plans_patience(1, null, null, 4)");
}

static void cursors_are_of_kinds(void **state)
{
    assert_value("{\"a\": 1}", "select msphub_cursor_for('{\"a\": 0}', '{\"4\": {\"a\": 1}, \"36\": {\"a\": 2}}', 4)");
    assert_value("{\"a\": 2}", "select msphub_cursor_for('{\"a\": 0}', '{\"4\": {\"a\": 1}, \"36\": {\"a\": 2}}', 32)");
    assert_value("{\"a\": 0}", "select msphub_cursor_for('{\"a\": 0}', '{\"4\": {\"a\": 1}, \"36\": {\"a\": 2}}', 2)");
    assert_value("", "select msphub_cursor_for(null, '{}', 2)");
    assert_value("{\"4\": 9, \"32\": 9, \"36\": 9, \"40\": 1}",
                 "select msphub_cursors_after('{\"4\": 1, \"32\": 1, \"40\": 1}', 36, true, '9')");
    assert_value("{\"4\": 9, \"40\": 1}", "select msphub_cursors_after('{\"4\": 1, \"40\": 1}', 36, false, '9')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_times_are_where_the_clock_is), cmocka_unit_test(an_interval_has_its_own_place),
        cmocka_unit_test(a_splay_is_kept_and_bounded),       cmocka_unit_test(zones_that_are_none_are_told),
        cmocka_unit_test(the_longest_due_goes_first),        cmocka_unit_test(a_run_does_for_all_that_ask_for_less),
        cmocka_unit_test(patience_is_three_times_the_wait),  cmocka_unit_test(cursors_are_of_kinds),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
