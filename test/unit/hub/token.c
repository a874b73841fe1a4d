/* token.c - credentials in the database: two hubs on one, a product whose refresh tokens are good once, and everything that may go
 * wrong between the answer and the commit. */
#include "hub/engine_kit.h"

#include "base/mem.h"
#include "base/test.h"
#include "hub/reseal.h"
#include "hub/token_store.h"
#include "pgtest.h"

static struct pgtest *pg;

struct fixture {
    struct metrics *metrics;
    struct loop *loop;
    struct hub *hub, *other; /* two processes, as far as the database can tell */
    struct product *product;
    struct provider provider;
    struct integration *it;
    /* the product's view of the grant */
    unsigned grant;  /* R<n> is the refresh token that is good, A<n> the access token */
    unsigned reused; /* a refresh token that is used up was shown: the grant would be dead */
    bool rotates;
    int status; /* of the token endpoint, when not 200 */
    struct visit *held;
    bool hold;
    char *seen; /* what was stored when the first call with a token came */
};

static void answer_token(struct fixture *f, struct visit *v)
{
    char want[64], answer[64];

    if (f->status) {
        visit_answer(v, f->status, "", "{\"error\":\"x\"}");
        return;
    }
    snprintf(want, sizeof(want), "refresh_token=R%u", f->grant);
    if (f->rotates && strcmp(v->body.p, want) != 0) {
        f->reused++;
        visit_answer(v, 400, "", "{\"error\":\"invalid_grant\"}");
        return;
    }
    f->grant++;
    if (f->rotates)
        snprintf(answer, sizeof(answer), "[A%u,3600,R%u]", f->grant, f->grant);
    else
        snprintf(answer, sizeof(answer), "[A%u,3600,]", f->grant);
    visit_answer(v, 200, "", answer);
}

static void on_visit(struct visit *v, void *arg)
{
    struct fixture *f = arg;
    char want[64];

    if (strcmp(v->path, "/token") == 0) {
        if (f->hold)
            f->held = v;
        else
            answer_token(f, v);
        return;
    }
    if (!f->seen)
        f->seen = pgtest_value(pg, "select refresh_token from integration_configurations where integration_id = %lld",
                               (long long)f->it->id);
    snprintf(want, sizeof(want), "Bearer A%u", f->grant);
    visit_answer(v, strcmp(v->authorization, want) == 0 ? 200 : 401, "", "[]");
}

static char *sealed_refresh(struct fixture *f, const char *text)
{
    struct str context = {0}, out = {0};
    struct err e;

    token_context(f->it, INTEGRATION_FIELD_REFRESH_TOKEN, &context);
    assert_true(seal(f->hub->keyring, slice_cstr(text), str_slice(&context), &out, &e));
    str_release(&context);
    return str_take(&out);
}

static void store_refresh(struct fixture *f, const char *text)
{
    char *sealed = sealed_refresh(f, text);

    pgtest_sql(pg, "update integration_configurations set refresh_token = '%s' where integration_id = %lld", sealed,
               (long long)f->it->id);
    free(sealed);
}

/* What a sealed column holds, opened; freed by the caller. */
static char *stored_refresh(struct fixture *f)
{
    char *sealed = pgtest_value(pg, "select refresh_token from integration_configurations where integration_id = %lld",
                                (long long)f->it->id);
    struct str context = {0};
    struct secret *s = NULL;
    char *text;

    token_context(f->it, INTEGRATION_FIELD_REFRESH_TOKEN, &context);
    assert_true(unseal(f->hub->keyring, slice_cstr(sealed), str_slice(&context), &s, NULL));
    text = mem_strndup(secret_text(s).p, secret_text(s).n);
    secret_free(s);
    str_release(&context);
    free(sealed);
    return text;
}

static void assert_stored_refresh(struct fixture *f, const char *want)
{
    char *got = stored_refresh(f);

    assert_string_equal(got, want);
    free(got);
}

static void assert_column(struct fixture *f, const char *column, const char *want)
{
    char *got = pgtest_value(pg, "select %s from integration_configurations where integration_id = %lld", column,
                             (long long)f->it->id);

    if (!strstr(got, want) || (!*want && *got))
        fail_msg("%s is \"%s\", not \"%s\"", column, got, want);
    free(got);
}

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);
    char *id;

    f->metrics = metrics_new();
    f->loop = loop_new(NULL, f->metrics);
    f->product = product_new(f->loop, on_visit, f);
    f->provider = kit_provider_oauth();
    pgtest_sql(pg, "insert into tenants (slug, name) values ('t', 't') on conflict do nothing;"
                   "delete from integration_configurations;"
                   "insert into integration_configurations (tenant_id, provider, hook)"
                   " select tenant_id, 'kit', 'h' from tenants");
    id = pgtest_value(pg, "select tenant_id || ' ' || integration_id from integration_configurations");
    f->it = kit_integration(&f->provider, product_url(f->product), strtoll(id, NULL, 10),
                            strtoll(strchr(id, ' '), NULL, 10), 1);
    free(id);
    f->hub = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), true);
    f->other = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), true);
    f->rotates = true;
    f->grant = 1;
    store_refresh(f, "R1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->hub)
        kit_hub_free(f->hub);
    kit_hub_free(f->other);
    integration_unref(f->it);
    product_free(f->product);
    loop_free(f->loop);
    metrics_free(f->metrics);
    free(f->seen);
    free(f);
    return 0;
}

#define SCRIPT(name)                                                                                                   \
    struct script_call name##_calls[] = {                                                                              \
        {.call = {.path = "/a"}}, {.call = {.path = "/b"}}, {.call = {.path = "/c"}}};                                 \
    _cleanup_(script_release) struct script name = {.calls = name##_calls, .n = ARRAY_LEN(name##_calls)}

/* Giving it back is not waited for. */
static bool lease_is_free(void *arg)
{
    return pgtest_count(pg, "select count(*) from integration_configurations where token_lease_owner is null") == 1;
}

static void two_processes_refresh_once(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a);
    SCRIPT(b);
    SCRIPT(c);

    kit_start(f->hub, f->it, &a);
    kit_start(f->other, f->it, &b);
    kit_start(f->other, f->it, &c);
    kit_finish(f->hub, &a);
    kit_finish(f->other, &b);
    kit_finish(f->other, &c);
    assert_string_equal(a.err.what, "");
    assert_string_equal(b.err.what, "");
    assert_int_equal(c.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
    assert_int_equal(f->reused, 0);
    assert_stored_refresh(f, "R2");
    kit_until(f->loop, lease_is_free, NULL);
    assert_column(f, "status", "configured");
}

static void stored_before_used(void **state)
{
    struct fixture *f = *state;
    char *before = pgtest_value(pg, "select refresh_token from integration_configurations");
    SCRIPT(a);
    SCRIPT(b);

    kit_run(f->hub, f->it, &a);
    assert_int_equal(a.err.code, ERR_NONE);
    assert_non_null(f->seen);
    assert_string_not_equal(f->seen, before); /* the first call found the new one committed */
    kit_hub_free(f->hub);                     /* this process dies: the next goes on with what it stored */
    f->hub = NULL;
    kit_run(f->other, f->it, &b);
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
    free(before);
}

static void every_renewal_takes_the_next_refresh_token(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a);
    SCRIPT(b);

    kit_run(f->hub, f->it, &a);
    f->grant++;             /* the product ended the access token early, and R2 with it was replaced by R3 … */
    store_refresh(f, "R3"); /* … which another process has fetched */
    kit_run(f->hub, f->it, &b);
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(f->reused, 0);
    assert_stored_refresh(f, "R4");
}

static void a_dead_grant_stops_until_the_settings_change(void **state)
{
    struct fixture *f = *state;
    struct integration *edited;
    SCRIPT(a);
    SCRIPT(b);
    SCRIPT(c);

    f->grant = 5; /* R1 is long used up */
    kit_run(f->hub, f->it, &a);
    assert_int_equal(a.err.code, ERR_AUTH);
    assert_non_null(strstr(a.err.what, "reconnect required"));
    assert_column(f, "status", "error");
    assert_column(f, "error_message", "reconnect required: ");
    assert_column(f, "token_dead_version", "1");
    kit_run(f->other, f->it, &b);
    assert_int_equal(b.err.code, ERR_AUTH);
    assert_non_null(strstr(b.err.what, "reconnect required"));
    assert_int_equal(product_visits(f->product, "/token"), 1); /* neither asks again */

    f->reused = 0;
    store_refresh(f, "R5"); /* a person connects again */
    pgtest_sql(pg, "update integration_configurations set version = 2");
    edited = kit_integration(&f->provider, product_url(f->product), f->it->tenant_id, f->it->id, 2);
    kit_run(f->hub, edited, &c);
    assert_int_equal(c.err.code, ERR_NONE);
    assert_int_equal(f->reused, 0);
    assert_column(f, "status", "configured");
    assert_column(f, "error_message", "");
    integration_unref(edited);
}

static void trouble_at_the_token_endpoint_clears_nothing(void **state)
{
    static const int troubles[] = {429, 500, 503, 403};
    struct fixture *f = *state;

    f->hub->options->call_attempts = 2;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        unsigned asked = product_visits(f->product, "/token");

        f->status = troubles[i];
        while (product_visits(f->product, "/token") == asked) { /* until the hold-off after the last trouble is over */
            SCRIPT(s);
            kit_run(f->hub, f->it, &s);
            assert_int_not_equal(s.err.code, ERR_NONE);
        }
        assert_stored_refresh(f, "R1");
        assert_column(f, "status", "configured");
        kit_until(f->loop, lease_is_free, NULL);
    }
    f->status = 0;
    for (bool good = false; !good;) { /* once the hold-off is over */
        SCRIPT(s);
        kit_run(f->hub, f->it, &s);
        good = s.err.code == ERR_NONE;
    }
    assert_stored_refresh(f, "R2");
    assert_int_equal(f->reused, 0);
}

static void a_certificate_that_is_not_trusted_ends_no_grant(void **state)
{
    struct fixture *f = *state;
    struct integration *tls;
    SCRIPT(s);

    product_untrusted(f->product);
    tls = kit_integration(&f->provider, product_url(f->product), f->it->tenant_id, f->it->id, 1);
    kit_run(f->hub, tls, &s);
    assert_non_null(strstr(s.err.what, "certificate"));
    assert_int_not_equal(s.err.code, ERR_AUTH);
    assert_column(f, "status", "configured");
    assert_column(f, "token_dead_version", "");
    assert_stored_refresh(f, "R1");
    integration_unref(tls);
}

static bool token_held(void *arg)
{
    return ((struct fixture *)arg)->held;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void a_rotated_token_survives_a_lost_database(void **state)
{
    struct fixture *f = *state;
    bool drained = false;
    SCRIPT(a);
    SCRIPT(b);

    f->hold = true;
    kit_start(f->hub, f->it, &a);
    kit_until(f->loop, token_held, f);
    pgtest_server_stop(pg);
    f->hold = false;
    answer_token(f, f->held);
    kit_finish(f->hub, &a);
    assert_int_not_equal(a.err.code, ERR_NONE);
    assert_non_null(strstr(a.err.what, "cannot be stored yet"));
    assert_int_equal(product_visits(f->product, "/a"), 0); /* not used before it is stored */
    engine_drain(f->hub->engine, set_true, &drained);
    pgtest_server_start(pg);
    kit_until(f->loop, is_true, &drained);
    assert_stored_refresh(f, "R2");
    for (bool good = false; !good;) { /* its pool may still be finding out that the server is back */
        SCRIPT(s);
        kit_run(f->other, f->it, &s);
        good = s.err.code == ERR_NONE;
    }
    kit_run(f->hub, f->it, &b);
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
    assert_int_equal(f->reused, 0);
}

/* As if a process had stored it: valid for `left` more, of an hour. */
static void store_access(struct fixture *f, const char *text, const struct integration *as, usec_t left)
{
    struct token *t = token_new(slice_cstr(text), loop_wall(f->loop) + left, SECONDS(3600));
    struct str sealed = {0};
    struct err e;

    assert_true(token_seal(f->hub, as, t, &sealed, &e));
    pgtest_sql(pg,
               "update integration_configurations set access_token = '%s',"
               " access_token_expires_at = now() + interval '%lld seconds'",
               sealed.p, (long long)(left / USEC_PER_S));
    str_release(&sealed);
    token_unref(t);
}

#define BOTH_KEYS                                                                                                      \
    "k2:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"                                            \
    "k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct resealing {
    bool done;
    uint64_t resealed, old, unopened;
};

static void on_resealed(void *arg, const struct reseal_report *report, const struct err *e)
{
    struct resealing *r = arg;

    assert_null(e);
    *r = (struct resealing){true, report->resealed, report->old, report->nunopened};
}

static bool access_is_resealed(void *arg)
{
    return pgtest_count(pg, "select count(*) from integration_configurations where access_token like 'v1:k2:%%'") == 1;
}

static bool resealing_done(void *arg)
{
    return ((struct resealing *)arg)->done;
}

/* The product has given out R2 while everything is sealed with another key: R1's sealed text, by which the refresh knows what it
 * replaces, must stay until then. */
static void sealing_anew_meanwhile_loses_no_rotated_token(void **state)
{
    struct fixture *f = *state;
    struct resealing result = {0};
    struct err e;
    SCRIPT(a);
    SCRIPT(b);

    store_access(f, "A0", f->it, 1); /* used up */
    f->hold = true;
    kit_start(f->hub, f->it, &a);
    kit_until(f->loop, token_held, f);

    keyring_free(f->other->keyring);
    f->other->keyring = keyring_parse(SLICE(BOTH_KEYS), &e);
    struct reseal *r = reseal_start(&(struct reseal_input){
        .loop = f->loop, .db = f->other->db, .keyring = f->other->keyring, .done = on_resealed, .arg = &result});
    kit_until(f->loop, access_is_resealed, NULL);
    f->hold = false;
    answer_token(f, f->held);
    kit_finish(f->hub, &a);
    assert_string_equal(a.err.what, "");
    kit_until(f->loop, resealing_done, &result);
    assert_int_equal(result.resealed,
                     3); /* A0, then A2 and R2, sealed with the old key by a hub that has not got the new one */
    assert_int_equal(result.old + result.unopened, 0);
    assert_column(f, "refresh_token", "v1:k2:");

    keyring_free(f->hub->keyring);
    f->hub->keyring = keyring_parse(SLICE(BOTH_KEYS), &e);
    assert_stored_refresh(f, "R2");
    pgtest_sql(pg, "update integration_configurations set access_token = null");
    kit_run(f->other, f->it, &b);
    assert_string_equal(b.err.what, "");
    assert_int_equal(f->reused, 0);
    assert_stored_refresh(f, "R3");
    reseal_free(r);
}

static void a_lease_of_the_dead_runs_out(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s);

    pgtest_sql(pg, "update integration_configurations set token_lease_owner = 'dead:1',"
                   " token_lease_until = now() + interval '300 milliseconds'");
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    kit_until(f->loop, lease_is_free, NULL);
    assert_stored_refresh(f, "R2");
}

static void stored_by_another_is_used(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s);

    store_access(f, "A1", f->it, SECONDS(3000));
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 0);
}

static void of_other_settings_is_no_token(void **state)
{
    struct fixture *f = *state;
    struct integration *former = kit_integration(&f->provider, product_url(f->product), f->it->tenant_id, f->it->id, 0);
    SCRIPT(s);

    store_access(f, "A1", former, SECONDS(3000));
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
    integration_unref(former);
}

static bool token_asked(void *arg)
{
    return product_visits(((struct fixture *)arg)->product, "/token") == 1;
}

static void refreshed_ahead_while_the_old_one_serves(void **state)
{
    struct fixture *f = *state;
    bool drained = false;
    SCRIPT(s);

    store_access(f, "A1", f->it, SECONDS(100));
    f->hold = true;
    kit_run(f->hub, f->it, &s); /* is served although the successor is not there */
    assert_int_equal(s.err.code, ERR_NONE);
    kit_until(f->loop, token_asked, f);
    f->hold = false;
    answer_token(f, f->held);
    engine_drain(f->hub->engine, set_true, &drained);
    kit_until(f->loop, is_true, &drained);
    assert_stored_refresh(f, "R2");
}

static void without_keys_tokens_stay_in_memory(void **state)
{
    struct fixture *f = *state;
    struct hub *bare = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), false);
    SCRIPT(a);
    SCRIPT(b);
    SCRIPT(c);
    SCRIPT(d);

    kit_run(bare, f->it, &a); /* a stored refresh token that nobody can open */
    assert_int_equal(a.err.code, ERR_CONFIG);
    assert_non_null(strstr(a.err.what, "key_file"));
    assert_int_equal(product_visits(f->product, "/token"), 0);
    kit_hub_free(bare);

    bare = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), false);
    pgtest_sql(pg, "update integration_configurations set refresh_token = null");
    f->rotates = false; /* client credentials */
    kit_run(bare, f->it, &b);
    kit_run(bare, f->it, &c);
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(c.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
    assert_column(f, "access_token", "");
    kit_hub_free(bare);

    bare = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), false);
    f->hold = true; /* a refresh token all the same: it could not be kept */
    kit_start(bare, f->it, &d);
    kit_until(f->loop, token_held, f);
    visit_answer(f->held, 200, "", "[A9,3600,R9]");
    kit_finish(bare, &d);
    assert_int_equal(d.err.code, ERR_CONFIG);
    assert_non_null(strstr(d.err.what, "key_file"));
    kit_hub_free(bare);
}

static void unsaved_settings_store_nothing(void **state)
{
    struct fixture *f = *state;
    struct integration *unsaved = kit_integration(&f->provider, product_url(f->product), f->it->tenant_id, 0, 0);
    SCRIPT(s);

    f->rotates = false;
    kit_run(f->hub, unsaved, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_column(f, "access_token", "");
    assert_stored_refresh(f, "R1");
    integration_unref(unsaved);
}

static int group_setup(void **state)
{
    pg = pgtest_start();
    pgtest_migrate(pg);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(pg);
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(two_processes_refresh_once),
        T(stored_before_used),
        T(every_renewal_takes_the_next_refresh_token),
        T(a_dead_grant_stops_until_the_settings_change),
        T(trouble_at_the_token_endpoint_clears_nothing),
        T(a_certificate_that_is_not_trusted_ends_no_grant),
        T(a_rotated_token_survives_a_lost_database),
        T(sealing_anew_meanwhile_loses_no_rotated_token),
        T(a_lease_of_the_dead_runs_out),
        T(stored_by_another_is_used),
        T(of_other_settings_is_no_token),
        T(refreshed_ahead_while_the_old_one_serves),
        T(without_keys_tokens_stay_in_memory),
        T(unsaved_settings_store_nothing),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
