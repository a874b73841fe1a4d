/* intake.c - webhooks in: who may, what is answered, and that 202 means stored. */
#include "testhub.h"

#include <event2/bufferevent.h>

#include <libpq-fe.h>
#include <stdio.h>

#define HOOK(text) "{\"id\":\"" text "\",\"type\":\"alert\",\"series\":\"s\"}"

static void check(const struct reply *r, int status, const char *part)
{
    if (r->status != status || !strstr(r->text, part))
        print_error("got: %s\n", r->text);
    assert_int_equal(r->status, status);
    assert_non_null(strstr(r->text, part));
}

static struct reply post(struct testhub *t, const char *path, const char *secret, const char *body)
{
    struct reply r;
    testhub_send(t, &r, path, secret, body);
    reply_wait(t, &r, 1);
    return r;
}

static void what_is_accepted_is_stored_byte_by_byte(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    const char *body = " {\"id\":\"1\", \"type\":\"alert\",\n\"bad\":\"\xff\", \"series\":\"s\"} ";
    struct reply r = post(t, path, secret_text(it->hook_secret).p, body);
    check(&r, 202, "\"duplicate\":false");
    assert_int_equal(
        pgtest_count(t->pg, "select octet_length(body) from webhook_deliveries where status = 'pending' and type = "
                            "'alert' and dedupe_key = '1' and provider = 'fake'"),
        strlen(body));
    /* It is in its day's partition, not in the one for strays. */
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries_default"), 0);
    r = post(t, path, secret_text(it->hook_secret).p, body);
    check(&r, 202, "{\"delivery\":null,\"duplicate\":true}");
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), 1);
    assert_true(testhub_metric(t, "msphub_deliveries_total{provider=\"fake\",outcome=\"duplicate\"} ") == 1);
    free(path);
    integration_unref(it);
}

static void bodies_without_a_key_are_equal_when_their_bytes_are(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"type\":\"alert\",\"series\":\"a\"}"), 202);
    assert_int_equal(testhub_post(t, it, "{\"type\":\"alert\",\"series\":\"a\"}"), 202);
    assert_int_equal(testhub_post(t, it, "{\"type\":\"alert\",\"series\":\"b\"}"), 202);
    assert_int_equal(testhub_post(t, it, "[1,2]"), 202); /* JSON of a shape that nobody expects is kept, too */
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), 3);
    integration_unref(it);
}

static void strangers_are_told_apart_and_nothing_of_theirs_is_kept(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it), *wrong_provider = mem_printf("/webhooks/other/%s", it->hook);
    const char *secret = secret_text(it->hook_secret).p;
    struct reply r = post(t, path, "wrong", HOOK("1"));
    check(&r, 401, "application/problem+json");
    r = post(t, path, NULL, HOOK("1"));
    check(&r, 401, "Wrong secret");
    r = post(t, "/webhooks/fake/nobody", secret, HOOK("1"));
    check(&r, 404, "application/problem+json");
    r = post(t, wrong_provider, secret, HOOK("1"));
    check(&r, 404, "No such webhook");
    r = post(t, path, secret, "{\"id\":");
    check(&r, 400, "application/problem+json");
    r = post(t, path, secret, "");
    check(&r, 400, "application/problem+json");
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), 0);
    assert_true(testhub_metric(t, "msphub_deliveries_total{provider=\"fake\",outcome=\"unauthorized\"} ") == 2);
    free(wrong_provider);
    free(path);
    integration_unref(it);
}

static void parallel_deliveries_share_commits_and_doubles_are_one(void **state)
{
    struct testhub *t = *state;
    t->options.intake_batch = 8; /* several are full at once and wait for their turn */
    struct integration *it = testhub_integration(t, ""), *second = testhub_integration(t, "second");
    char *path = testhub_path(it), *other_path = testhub_path(second);
    struct reply r[100];
    for (int i = 0; i < 100; i++) { /* 25 different ones of each integration, each twice */
        char body[100];
        bool first = i % 2 == 0;
        snprintf(body, sizeof body, "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s\"}", i % 50);
        testhub_send(t, &r[i], first ? path : other_path, secret_text((first ? it : second)->hook_secret).p, body);
    }
    reply_wait(t, r, 100);
    int news = 0;
    for (int i = 0; i < 100; i++) {
        check(&r[i], 202, "delivery");
        news += strstr(r[i].text, "\"duplicate\":false") != NULL;
        if (strstr(r[i].text, "\"duplicate\":false")) { /* and each was told its own number */
            int64_t id = atoll(strstr(r[i].text, "\"delivery\":") + 11);
            assert_int_equal(pgtest_count(t->pg,
                                          "select dedupe_key from webhook_deliveries where delivery_id = %lld and "
                                          "integration_id = %lld",
                                          (long long)id, (long long)(i % 2 == 0 ? it : second)->id),
                             i % 50);
        }
    }
    assert_int_equal(news, 50);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), 50);
    assert_in_range((int)testhub_metric(t, "msphub_intake_batch_size_count "), 13, 50);
    assert_true(testhub_metric(t, "msphub_intake_batch_size_bucket{le=\"8\"} ") > 12);
    assert_int_equal(intake_waiting(t->h.intake), 0);
    free(path);
    free(other_path);
    integration_unref(it);
    integration_unref(second);
}

static void at_the_ceiling_the_rest_is_refused(void **state)
{
    struct testhub *t = *state;
    t->options.intake_max_waiting = 10;
    t->options.intake_timeout = SECONDS(20); /* the first batch takes five */
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    pgtest_sql(t->pg,
               "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return new; "
               "end $$; create trigger slow before insert on webhook_deliveries for each row execute function slow()");
    struct reply r[40];
    for (int i = 0; i < 40; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"id\":\"%d\"}", i);
        testhub_send(t, &r[i], path, secret_text(it->hook_secret).p, body);
    }
    reply_wait(t, r, 40);
    int good = 0;
    for (int i = 0; i < 40; i++) {
        good += r[i].status == 202;
        if (r[i].status != 202)
            check(&r[i], 503, "Retry-After: ");
    }
    pgtest_sql(t->pg, "drop trigger slow on webhook_deliveries; drop function slow()");
    assert_in_range(good, 10, 20); /* those of the first turn, then what the first batch left room for */
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), good);
    free(path);
    integration_unref(it);
}

static bool is_down(void *arg)
{
    return !pg_pool_up(((struct testhub *)arg)->h.db);
}

static bool is_up(void *arg)
{
    return pg_pool_up(((struct testhub *)arg)->h.db);
}

static void without_a_database_nothing_is_promised(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    pgtest_server_stop(t->pg);
    testhub_until(t, is_down, t);
    usec_t start = clock_mono();
    struct reply r = post(t, path, secret_text(it->hook_secret).p, HOOK("1"));
    assert_true(clock_mono() - start < MILLIS(50));
    check(&r, 503, "Retry-After: ");
    r = post(t, "/webhooks/fake/nobody", "x", HOOK("1"));
    check(&r, 503, "Retry-After: "); /* it cannot be said that it does not exist */
    r = post(t, path, "wrong", HOOK("1"));
    check(&r, 401, "Wrong secret");
    pgtest_server_start(t->pg);
    testhub_until(t, is_up, t);
    r = post(t, path, secret_text(it->hook_secret).p, HOOK("1"));
    check(&r, 202, "\"duplicate\":false");
    free(path);
    integration_unref(it);
}

static void a_failed_batch_is_refused_and_the_next_one_accepted(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    pgtest_sql(t->pg, "alter table webhook_deliveries add constraint no check (type <> 'no')");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"no\"}"), 503);
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\",\"type\":\"yes\"}"), 202);
    pgtest_sql(t->pg, "alter table webhook_deliveries drop constraint no");
    integration_unref(it);
}

static void a_rotated_secret_overlaps_with_the_previous_one(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    struct outcome o = {0};
    configure_rotate(&t->h, t->tenant, it->id, NULL, on_configured, &o);
    outcome_wait(t, &o);
    assert_int_equal(o.code, ERR_NONE);
    assert_false(slice_eq(secret_text(o.it->hook_secret), secret_text(it->hook_secret)));
    assert_int_equal(post(t, path, secret_text(o.it->hook_secret).p, HOOK("1")).status, 202);
    assert_int_equal(post(t, path, secret_text(it->hook_secret).p, HOOK("2")).status, 202);

    t->options.webhook_secret_overlap = 0;
    struct outcome again = {0};
    configure_rotate(&t->h, t->tenant, it->id, NULL, on_configured, &again);
    outcome_wait(t, &again);
    assert_int_equal(post(t, path, secret_text(again.it->hook_secret).p, HOOK("3")).status, 202);
    assert_int_equal(post(t, path, secret_text(o.it->hook_secret).p, HOOK("4")).status, 401);
    assert_int_equal(post(t, path, secret_text(it->hook_secret).p, HOOK("5")).status, 202); /* its time is not over */
    /* Four former ones are kept. */
    for (int i = 0; i < 3; i++) {
        struct reply r = post(t, path, secret_text(it->hook_secret).p, HOOK("6"));
        assert_int_equal(r.status, 202);
        struct outcome more = {0};
        configure_rotate(&t->h, t->tenant, it->id, NULL, on_configured, &more);
        outcome_wait(t, &more);
        integration_unref(more.it);
    }
    assert_int_equal(post(t, path, secret_text(it->hook_secret).p, HOOK("7")).status, 401);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from audit_logs where actor_kind = 'system' and action = "
                                         "'integration.webhook_rotated' and after->>'hook_secret' = '***'"),
                     5);
    integration_unref(again.it);
    integration_unref(o.it);
    free(path);
    integration_unref(it);
}

/* A locked table must not make senders wait for as long as a transaction may take, those behind the first included. */
static void a_locked_inbox_is_told_quickly_and_loses_nothing(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    const char *secret = secret_text(it->hook_secret).p;
    struct reply r[4];
    t->options.intake_timeout = MILLIS(400);
    t->options.intake_batch = 1;
    PGconn *other = PQconnectdb(pgtest_admin_conninfo(t->pg));
    PQclear(PQexec(other, "begin; lock table webhook_deliveries"));
    usec_t began = clock_mono();
    testhub_send(t, &r[0], path, secret, HOOK("1"));
    testhub_send(t, &r[1], path, secret, HOOK("2"));
    testhub_send(t, &r[2], path, secret, HOOK("3"));
    testhub_send(t, &r[3], path, secret, HOOK("4"));
    reply_wait(t, r, 4);
    assert_true(clock_mono() - began < SECONDS(3));
    for (int i = 0; i < 4; i++)
        check(&r[i], 503, "Retry-After: ");
    assert_int_equal(intake_waiting(t->h.intake), 0);
    PQclear(PQexec(other, "commit"));
    PQfinish(other);
    /* What the cancel did not reach in time is there already: never twice. */
    t->options.intake_timeout = SECONDS(5);
    for (int i = 0; i < 4; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"id\":\"%d\",\"type\":\"alert\",\"series\":\"s\"}", i + 1);
        assert_int_equal(post(t, path, secret, body).status, 202);
    }
    assert_int_equal(pgtest_count(t->pg, "select count(*) from webhook_deliveries"), 4);
    free(path);
    integration_unref(it);
}

/* Another process made it: this one has not heard of it yet, or never will. */
static void a_hook_that_the_cache_does_not_know_is_looked_up(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    pgtest_sql(t->pg,
               "update integration_configurations set hook = 'moved', version = version + 1"); /* without NOTIFY */
    assert_int_equal(post(t, "/webhooks/fake/moved", secret_text(it->hook_secret).p, HOOK("1")).status, 202);
    assert_int_equal(post(t, "/webhooks/fake/moved", "wrong", HOOK("1")).status, 401);
    integration_unref(it);
}

static void an_edit_elsewhere_is_heard_of(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    pgtest_sql(t->pg, "with gone as (delete from integration_configurations returning *) "
                      "select pg_notify('msphub_integration', tenant_id || '/' || integration_id) from gone");
    char *path = testhub_path(it);
    struct reply r = {.status = 202};
    usec_t limit = clock_mono() + SECONDS(10);
    while (r.status != 404 && clock_mono() < limit)
        r = post(t, path, secret_text(it->hook_secret).p, HOOK("1"));
    assert_int_equal(r.status, 404);
    free(path);
    integration_unref(it);
}

static bool is_waiting(void *arg)
{
    return intake_waiting(((struct testhub *)arg)->h.intake) > 0;
}

/* Requests wait for a commit, and everything goes away: no callback may touch what is gone. */
static void the_hub_may_go_at_any_moment(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *path = testhub_path(it);
    struct reply r[2];
    testhub_send(t, &r[0], path, secret_text(it->hook_secret).p, HOOK("1"));
    testhub_send(t, &r[1], "/webhooks/fake/unknown", "x", HOOK("1"));
    testhub_until(t, is_waiting, t);
    for (int i = 0; i < 2; i++)
        if (r[i].bev)
            bufferevent_free(r[i].bev);
    free(path);
    integration_unref(it);
    testhub_stop(t);
    testhub_start(t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_accepted_is_stored_byte_by_byte),
        TEST(bodies_without_a_key_are_equal_when_their_bytes_are),
        TEST(strangers_are_told_apart_and_nothing_of_theirs_is_kept),
        TEST(parallel_deliveries_share_commits_and_doubles_are_one),
        TEST(at_the_ceiling_the_rest_is_refused),
        TEST(without_a_database_nothing_is_promised),
        TEST(a_failed_batch_is_refused_and_the_next_one_accepted),
        TEST(a_rotated_secret_overlaps_with_the_previous_one),
        TEST(a_locked_inbox_is_told_quickly_and_loses_nothing),
        TEST(a_hook_that_the_cache_does_not_know_is_looked_up),
        TEST(an_edit_elsewhere_is_heard_of),
        TEST(the_hub_may_go_at_any_moment),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
