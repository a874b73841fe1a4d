/* applier.c - deliveries become inventory and alerts: once, in spite of bad neighbours, dead processes and a database that
 * comes and goes. */
#include "testhub.h"

#include "store/delivery.h"

#include <libpq-fe.h>
#include <stdio.h>

static bool always(void *arg)
{
    return true;
}

static void check_value(struct testhub *t, const char *want, const char *sql)
{
    char *got = pgtest_value(t->pg, "%s", sql);
    assert_string_equal(got, want);
    free(got);
}

#define STATUS "select string_agg(dedupe_key || ' ' || status, ',' order by delivery_id) from webhook_deliveries"
#define UNTIL_NONE_PENDING(t)                                                                                          \
    testhub_until_sql((t), "select not exists (select from webhook_deliveries where status = 'pending')")

static void fifty_parallel_deliveries_of_one_trigger_make_one_alert(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    applier_start(t->h.applier);
    char *path = testhub_path(it);
    struct reply r[50];
    for (int i = 0; i < 50; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s\",\"at\":1760000000}", i);
        testhub_send(t, &r[i], path, secret_text(it->hook_secret).p, body);
    }
    reply_wait(t, r, 50);
    testhub_until_sql(t,
                      "select count(*) = 50 from webhook_deliveries where status = 'done' and applied_at is not null");
    check_value(t, "1|1|triggered", "select count(*) || '|' || max(occurrences) || '|' || max(state) from rmm_alerts");
    testhub_until_metric(t, "msphub_deliveries_total{provider=\"fake\",outcome=\"done\"} ", 50);
    testhub_until_metric(t, "msphub_alerts_total{provider=\"fake\",state=\"triggered\"} ", 50);
    testhub_until_metric(t, "msphub_delivery_latency_seconds_count ", 50);
    free(path);
    integration_unref(it);
}

static void a_device_shows_within_a_second_and_links_what_waited_for_it(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    applier_start(t->h.applier);
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"alert\",\"series\":\"s\",\"device\":\"d1\"}"), 202);
    UNTIL_NONE_PENDING(t);
    usec_t start = clock_mono();
    assert_int_equal(testhub_post(t, it, "{\"id\":\"2\",\"type\":\"device\",\"device\":\"d1\",\"name\":\"SRV-1\"}"),
                     202);
    testhub_until_sql(
        t, "select count(*) = 1 from assets join rmm_alerts using (tenant_id, asset_id) where name = 'SRV-1'");
    assert_true(clock_mono() - start < SECONDS(1));
    assert_int_equal(testhub_post(t, it, "{\"id\":\"3\",\"type\":\"refresh\",\"device\":\"d1\"}"), 202);
    UNTIL_NONE_PENDING(t);
    assert_string_equal(t->refreshed, "d1");
    integration_unref(it);
}

static void bad_ones_die_alone(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    static const char *const types[] = {"alert", "fail",    "alert",    "half",   "poison",
                                        "alert", "ignored", "new_type", "poison", "alert"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"%zu\",\"type\":\"%s\",\"series\":\"%zu\"}", i, types[i], i),
                         202);
    pgtest_sql(t->pg, "alter table rmm_alerts add constraint poison check (type <> 'poison')");
    applier_start(t->h.applier); /* all in one claim */
    UNTIL_NONE_PENDING(t);
    pgtest_sql(t->pg, "alter table rmm_alerts drop constraint poison");
    check_value(t, "0 done,1 dead,2 done,3 dead,4 dead,5 done,6 ignored,7 ignored,8 dead,9 done", STATUS);
    /* Nothing of the half one, and nothing twice. */
    check_value(t, "0,2,5,9", "select string_agg(series, ',' order by series) from rmm_alerts");
    check_value(t, "field x: expected a number", "select error from webhook_deliveries where dedupe_key = '1'");
    check_value(
        t, "t",
        "select error like '%timestamp%' or error like '%alert.merge%' from webhook_deliveries where dedupe_key = '4'");
    check_value(t, "1", "select max(attempts)::text from webhook_deliveries");
    testhub_until_metric(t, "msphub_deliveries_total{provider=\"fake\",outcome=\"dead\"} ", 4);
    testhub_until_metric(t, "msphub_deliveries_total{provider=\"fake\",outcome=\"unknown\"} ", 1);
    integration_unref(it);
}

struct replayed {
    bool done;
    int64_t n;
    enum err_code code;
};

static void on_replayed(void *arg, int64_t n, const struct err *e)
{
    *(struct replayed *)arg = (struct replayed){true, n, e ? e->code : ERR_NONE};
}

static bool replay_done(void *arg)
{
    return ((struct replayed *)arg)->done;
}

/* A fault of the hub makes deliveries dead after the last attempt; when it is mended they are replayed. */
static void transient_faults_are_retried_then_dead_then_replayed(void **state)
{
    struct testhub *t = *state;
    t->options.delivery_attempts = 3;
    t->options.delivery_backoff = MILLIS(10);
    struct integration *it = testhub_integration(t, "");
    pgtest_sql(
        t->pg,
        "create function broken() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$; "
        "create trigger broken before insert on rmm_alerts for each row execute function broken()");
    for (int i = 0; i < 3; i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s%d\"}", i, i), 202);
    assert_int_equal(testhub_post(t, it, "{\"id\":\"bad\",\"type\":\"fail\"}"), 202);
    applier_start(t->h.applier);
    UNTIL_NONE_PENDING(t);
    check_value(t, "0 dead,1 dead,2 dead,bad dead", STATUS);
    check_value(t, "3", "select min(attempts)::text from webhook_deliveries where dedupe_key <> 'bad'");
    check_value(t, "1", "select attempts::text from webhook_deliveries where dedupe_key = 'bad'");
    pgtest_sql(t->pg, "drop trigger broken on rmm_alerts; drop function broken()");

    struct replayed r = {0};
    delivery_replay(t->h.db, t->tenant,
                    pgtest_count(t->pg, "select delivery_id from webhook_deliveries where dedupe_key = '0'"), NULL,
                    on_replayed, &r);
    testhub_until(t, replay_done, &r);
    assert_int_equal(r.n, 1);
    UNTIL_NONE_PENDING(t);
    check_value(t, "0 done,1 dead,2 dead,bad dead", STATUS);
    r.done = false;
    delivery_replay_dead(t->h.db, t->tenant, it->id, NULL, on_replayed, &r);
    testhub_until(t, replay_done, &r);
    assert_int_equal(r.n, 3);
    UNTIL_NONE_PENDING(t);
    check_value(t, "0 done,1 done,2 done,bad dead", STATUS);
    check_value(t, "3", "select count(*)::text from rmm_alerts");
    r.done = false;
    delivery_replay(t->h.db, t->tenant, INT64_C(1) << 40, NULL, on_replayed, &r);
    testhub_until(t, replay_done, &r);
    assert_int_equal(r.code, ERR_NOT_FOUND);
    integration_unref(it);
}

/* A worker dies between claim and apply: its lease ends, and another process applies what it held. */
static void a_dead_workers_lease_ends_and_it_is_applied_once(void **state)
{
    struct testhub *t = *state;
    t->options.intake_lease = SECONDS(1);
    struct integration *it = testhub_integration(t, "");
    for (int i = 0; i < 20; i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s%d\"}", i, i), 202);
    /* What is applied waits for this lock; the claim does not. */
    pgtest_sql(
        t->pg,
        "create table applied (series text); create function note() returns trigger language plpgsql as $$ begin "
        "perform pg_advisory_xact_lock_shared(1); insert into applied values (new.series); return new; end $$; "
        "alter function note() owner to msphub; alter table applied owner to msphub; "
        "create trigger note after insert on rmm_alerts for each row execute function note()");
    applier_start(t->h.applier);
    testhub_until_sql(t,
                      "select count(*) = 20 from webhook_deliveries where claimed_by is not null or status = 'done'");
    testhub_stop(t);
    pgtest_sql(t->pg, "delete from applied; delete from rmm_alerts; update webhook_deliveries set status = 'pending', "
                      "claimed_by = 'the dead', claimed_until = now() + interval '1 second', attempts = 1");
    testhub_start(t);
    applier_start(t->h.applier);
    testhub_until(t, always, t);
    check_value(t, "0", "select count(*)::text from webhook_deliveries where status = 'done'");
    testhub_until_sql(t, "select count(*) = 20 from webhook_deliveries where status = 'done' and claimed_by is null");
    check_value(t, "20|20", "select count(*) || '|' || count(distinct series) from applied");
    check_value(t, "2", "select min(attempts)::text from webhook_deliveries");
    pgtest_sql(t->pg, "drop trigger note on rmm_alerts; drop function note(); drop table applied");
    integration_unref(it);
}

static void a_delivery_that_ends_its_worker_does_not_come_back_for_ever(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"alert\",\"series\":\"s\"}"), 202);
    assert_int_equal(testhub_post(t, it, "{\"id\":\"2\",\"type\":\"alert\",\"series\":\"t\"}"), 202);
    pgtest_sql(t->pg, "update webhook_deliveries set attempts = %d where dedupe_key = '1'",
               (int)t->options.delivery_attempts);
    applier_start(t->h.applier);
    UNTIL_NONE_PENDING(t);
    check_value(t, "1 dead,2 done", STATUS);
    integration_unref(it);
}

static void a_lost_lease_is_not_marked_over(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"alert\",\"series\":\"s\"}"), 202);
    pgtest_sql(t->pg,
               "create function steal() returns trigger language plpgsql as $$ begin update webhook_deliveries set "
               "claimed_by = 'another'; return new; end $$; alter function steal() owner to msphub; "
               "create trigger steal after insert on rmm_alerts for each row execute function steal()");
    applier_start(t->h.applier);
    testhub_until_sql(t, "select exists (select from rmm_alerts)");
    check_value(t, "another|pending", "select claimed_by || '|' || status from webhook_deliveries");
    pgtest_sql(t->pg, "drop trigger steal on rmm_alerts; drop function steal()");
    integration_unref(it);
}

static void what_comes_for_a_disabled_integration_is_held_until_it_is_enabled(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"alert\",\"series\":\"a\"}"), 202);
    struct outcome o = {0};
    configure(&t->h,
              &(struct configure_input){
                  .tenant_id = t->tenant, .provider = it->provider, .mode = CONFIGURE_UPDATE, .enabled = TRI_NO},
              on_configured, &o);
    outcome_wait(t, &o);
    assert_false(o.it->enabled);
    integration_unref(o.it);
    assert_int_equal(testhub_post(t, it, "{\"id\":\"2\",\"type\":\"alert\",\"series\":\"b\"}"), 202);
    applier_start(t->h.applier);
    UNTIL_NONE_PENDING(t);
    check_value(t, "1 held,2 held", STATUS);
    struct outcome again = {0};
    configure(&t->h,
              &(struct configure_input){
                  .tenant_id = t->tenant, .provider = it->provider, .mode = CONFIGURE_UPDATE, .enabled = TRI_YES},
              on_configured, &again);
    outcome_wait(t, &again);
    integration_unref(again.it);
    testhub_until_sql(t, "select count(*) = 2 from webhook_deliveries where status = 'done'");
    integration_unref(it);
}

static void what_a_deleted_integration_left_is_dead_with_the_reason(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"alert\",\"series\":\"a\"}"), 202);
    struct outcome o = {0};
    configure_delete(&t->h, t->tenant, it->id, it->version, NULL, on_configured, &o);
    outcome_wait(t, &o);
    assert_int_equal(o.code, ERR_NONE);
    applier_start(t->h.applier);
    UNTIL_NONE_PENDING(t);
    check_value(t, "dead: the integration was deleted", "select status || ': ' || error from webhook_deliveries");
    integration_unref(it);
}

static bool is_drained(void *arg)
{
    return *(bool *)arg;
}

static void on_drained(void *arg)
{
    *(bool *)arg = true;
}

static void draining_finishes_what_was_claimed(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    for (int i = 0; i < 10; i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s%d\"}", i, i), 202);
    bool drained = false;
    applier_start(t->h.applier); /* a claim is under way */
    applier_drain(t->h.applier, on_drained, &drained);
    assert_false(drained);
    testhub_until(t, is_drained, &drained);
    check_value(t, "0", "select count(*)::text from webhook_deliveries where claimed_by is not null");
    check_value(t, "10", "select count(*)::text from webhook_deliveries where status = 'done'");
    integration_unref(it);
}

/* --- the inbox's days --- */

static int64_t partitions(struct testhub *t)
{
    return pgtest_count(t->pg, "select count(*) from pg_inherits where inhparent = 'webhook_deliveries'::regclass");
}

static void old_days_are_dropped_but_not_what_is_unfinished(void **state)
{
    struct testhub *t = *state;
    pgtest_sql(
        t->pg,
        "set role msphub; set msphub.tenant = '*'; select msphub_deliveries_prepare('2020-01-01', 1); reset role;"
        "insert into webhook_deliveries (tenant_id, integration_id, received_at, next_attempt_at, received_on, status, "
        "provider, dedupe_key, type, body) select %lld, 1, '2020-01-01', '2020-01-01', '2020-01-01', s, 'fake', s, '', "
        "'{}' from unnest(array['done', 'ignored', 'dead', 'held']) s",
        (long long)t->tenant);
    int64_t before = partitions(t);
    applier_start(t->h.applier);
    testhub_until_sql(
        t, "select to_regclass('webhook_deliveries_20200101') is null and to_regclass('webhook_deliveries_20200102') "
           "is null");
    assert_int_equal(partitions(t), before - 2);
    check_value(t, "dead dead,held held",
                "select string_agg(dedupe_key || ' ' || status, ',' order by dedupe_key) from "
                "webhook_deliveries_default");
    integration_unref(NULL);
}

static void strays_move_into_their_day(void **state)
{
    struct testhub *t = *state;
    pgtest_sql(
        t->pg,
        "insert into webhook_deliveries (tenant_id, integration_id, received_at, next_attempt_at, received_on, status, "
        "provider, dedupe_key, type, body) values (%lld, 1, '2031-05-05', '2031-05-05', '2031-05-05', 'done', 'fake', "
        "'x', '', '{}')",
        (long long)t->tenant);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries_default"), 1);
    assert_int_equal(pgtest_count(t->pg, "select msphub_deliveries_prepare('2031-05-05', 0)"), 1);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries_default"), 0);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries_20310505"), 1);
    pgtest_sql(t->pg, "drop table webhook_deliveries_20310505");
}

/* --- the lists of REST --- */

struct listed {
    bool done, more;
    char items[8192];
    char key[64];
    int64_t id;
};

static void on_listed(void *arg, const struct page *p, const struct err *e)
{
    struct listed *l = arg;
    assert_null(e);
    l->done = true;
    l->more = p->more;
    l->id = p->last_id;
    snprintf(l->items, sizeof l->items, "%s", p->items.p);
    snprintf(l->key, sizeof l->key, "%.*s", SLICE_FMT(str_slice(&p->last_key)));
}

static void on_item(void *arg, struct slice json, const struct err *e)
{
    struct listed *l = arg;
    l->done = true;
    snprintf(l->items, sizeof l->items, "%.*s", SLICE_FMT(e ? slice_cstr(err_code_name(e->code)) : json));
}

static bool listed_done(void *arg)
{
    return ((struct listed *)arg)->done;
}

static void deliveries_are_listed_page_by_page_and_shown_to_their_tenant_alone(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    for (int i = 0; i < 5; i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"k%d\",\"type\":\"%s\"}", i, i % 2 ? "odd" : "even"), 202);
    struct listed l = {0};
    struct page_request q = {.tenant_id = t->tenant, .limit = 2};
    delivery_list(t->h.db, &(struct delivery_filter){.type = SLICE("even")}, &q, on_listed, &l);
    testhub_until(t, listed_done, &l);
    assert_true(l.more);
    assert_non_null(strstr(l.items, "k4"));
    assert_non_null(strstr(l.items, "k2"));
    assert_null(strstr(l.items, "k3"));
    q.key = slice_cstr(l.key);
    q.id = l.id;
    struct listed rest = {0};
    delivery_list(
        t->h.db, &(struct delivery_filter){.type = SLICE("even"), .status = SLICE("pending"), .integration_id = it->id},
        &q, on_listed, &rest);
    testhub_until(t, listed_done, &rest);
    assert_false(rest.more);
    assert_non_null(strstr(rest.items, "k0"));
    assert_null(strstr(rest.items, "k2"));

    struct listed one = {0};
    delivery_get(t->h.db, t->tenant, rest.id, on_item, &one);
    testhub_until(t, listed_done, &one);
    assert_non_null(strstr(one.items, "\"body\" : {\"id\":\"k0\",\"type\":\"even\"}"));
    pgtest_sql(t->pg, "insert into tenants (slug, name) values ('other', 'x')");
    int64_t other = pgtest_count(t->pg, "select tenant_id from tenants where slug = 'other'");
    one.done = false;
    delivery_get(t->h.db, other, rest.id, on_item, &one);
    testhub_until(t, listed_done, &one);
    assert_string_equal(one.items, "not_found");
    integration_unref(it);
}

/* --- a storm --- */

#define STORM 100

static bool storm_waits(void *arg)
{
    struct testhub *t = arg;
    return intake_waiting(t->h.intake) == STORM;
}

static void admin(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    assert_true(PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK);
    PQclear(r);
}

/* While senders wait, one worker applies, not two; but it does, before the senders are done. */
static void a_storm_slows_applying_and_does_not_stop_it(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    t->options.intake_claim = 5;
    for (int i = 0; i < 20; i++)
        assert_int_equal(testhub_post(t, it, "{\"id\":\"old%d\",\"type\":\"alert\",\"series\":\"s%d\"}", i, i), 202);
    pgtest_sql(t->pg,
               "create function wait() returns trigger language plpgsql as $$ begin "
               "perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return new; end $$; "
               "alter function wait() owner to msphub; "
               "create trigger wait before insert on webhook_deliveries for each statement execute function wait(1); "
               "create trigger wait before insert on rmm_alerts for each row execute function wait(2)");
    PGconn *gate = PQconnectdb(pgtest_admin_conninfo(t->pg));
    admin(gate, "select pg_advisory_lock(1), pg_advisory_lock(2)");
    char *path = testhub_path(it);
    struct reply r[STORM];
    for (int i = 0; i < STORM; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"id\":\"new%d\",\"type\":\"alert\",\"series\":\"s%d\"}", i, i);
        testhub_send(t, &r[i], path, secret_text(it->hook_secret).p, body);
    }
    testhub_until(t, storm_waits, t);

    applier_start(t->h.applier);
    testhub_until_sql(t, "select count(*) = 1 from pg_locks where locktype = 'advisory' and objid = 2 and not granted");
    check_value(t, "5", "select count(*)::text from webhook_deliveries where claimed_by is not null");
    admin(gate, "select pg_advisory_unlock(2)");
    testhub_until_sql(t, "select count(*) = 20 from webhook_deliveries where status = 'done'");
    assert_true(storm_waits(t));
    admin(gate, "select pg_advisory_unlock(1)");
    reply_wait(t, r, STORM);
    testhub_until_sql(t, "select count(*) = 120 from webhook_deliveries where status = 'done'");

    PQfinish(gate);
    pgtest_sql(t->pg, "drop trigger wait on webhook_deliveries; drop trigger wait on rmm_alerts; drop function wait()");
    free(path);
    integration_unref(it);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(fifty_parallel_deliveries_of_one_trigger_make_one_alert),
        TEST(a_device_shows_within_a_second_and_links_what_waited_for_it),
        TEST(bad_ones_die_alone),
        TEST(transient_faults_are_retried_then_dead_then_replayed),
        TEST(a_dead_workers_lease_ends_and_it_is_applied_once),
        TEST(a_delivery_that_ends_its_worker_does_not_come_back_for_ever),
        TEST(a_lost_lease_is_not_marked_over),
        TEST(what_comes_for_a_disabled_integration_is_held_until_it_is_enabled),
        TEST(what_a_deleted_integration_left_is_dead_with_the_reason),
        TEST(draining_finishes_what_was_claimed),
        TEST(old_days_are_dropped_but_not_what_is_unfinished),
        TEST(strays_move_into_their_day),
        TEST(a_storm_slows_applying_and_does_not_stop_it),
        TEST(deliveries_are_listed_page_by_page_and_shown_to_their_tenant_alone),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
