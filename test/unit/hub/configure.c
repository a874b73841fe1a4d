/* configure.c - integrations are made and edited: what is wrong is told by field, secrets are sealed and masked. */
#include "testhub.h"

#include <stdio.h>

#define SECRET "s3cret-0123456789"

static void check_value(struct testhub *t, const char *want, const char *sql)
{
    char *got = pgtest_value(t->pg, "%s", sql);
    assert_string_equal(got, want);
    free(got);
}

static void check_masked(const struct integration *it, const char *want)
{
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    configure_write_settings(it, &w);
    jw_done(&w);
    assert_string_equal(out.p, want);
}

static void a_new_one_is_sealed_masked_and_known_at_once(void **state)
{
    struct testhub *t = *state;
    struct outcome o = testhub_configure(t, "", CONFIGURE_CREATE, 0, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_NONE);
    assert_true(o.created);
    assert_string_equal(o.it->key, "fake");
    assert_string_equal(o.it->base_url, "https://api.example.com");
    assert_int_equal(strlen(o.it->hook), 32);
    assert_int_equal(secret_text(o.it->hook_secret).n, 40);
    assert_true(slice_is(settings_text(o.it->settings, "client_secret"), SECRET));
    check_masked(o.it, "{\"base_url\":\"https://"
                       "api.example.com\",\"client_id\":\"abc\",\"client_secret\":\"****6789\",\"region\":\"eu\"}");
    /* Nothing of it stands in the database in plain text. */
    check_value(t, "f", "select i::text like '%s3cret%' from integration_configurations i");
    check_value(t, "t",
                "select settings->>'client_secret' like 'v1:k1:%' and hook_secret like 'v1:k1:%' from "
                "integration_configurations");
    struct integration *cached = integrations_by_hook(t->h.integrations, slice_cstr(o.it->hook));
    assert_non_null(cached); /* the same, or one read again by the edit's own notification */
    assert_int_equal(cached->id, o.it->id);
    assert_int_equal(cached->version, o.it->version);
    integration_unref(cached);
    integration_unref(o.it);
}

static void all_faults_are_told_at_once_by_field(void **state)
{
    struct testhub *t = *state;
    struct outcome o = testhub_configure(
        t, "", CONFIGURE_CREATE, 0,
        "{\"base_url\":\"ftp://x\",\"client_id\":7,\"region\":\"mars\",\"days\":32,\"verbose\":\"perhaps\","
        "\"a/b~c\":1}");
    assert_int_equal(o.code, ERR_INPUT);
    static const char *const want[] = {"/a~1b~0c is not a setting",
                                       "/base_url ",
                                       "/client_id ",
                                       "/client_secret is required",
                                       "/region ",
                                       "/days ",
                                       "/verbose "};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (!strstr(o.faults, want[i]))
            fail_msg("no \"%s\" in:\n%s", want[i], o.faults);
    o = testhub_configure(t, "", CONFIGURE_CREATE, 0, "[]");
    assert_int_equal(o.code, ERR_INPUT);
    o = testhub_configure(t, "Bad Name", CONFIGURE_CREATE, 0, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_INPUT);
    check_value(t, "0", "select count(*)::text from integration_configurations");
}

static void a_masked_or_absent_secret_keeps_the_stored_one(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    char *sealed = pgtest_value(t->pg, "select settings->>'client_secret' from integration_configurations");
    static const char *const edits[] = {
        "{\"base_url\":\"https://api.example.com\",\"client_id\":\"new\",\"client_secret\":\"****6789\"}",
        "{\"base_url\":\"https://api.example.com\",\"client_id\":\"newer\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        struct outcome o = testhub_configure(t, "", CONFIGURE_UPDATE, it->version + (int64_t)i, edits[i]);
        assert_int_equal(o.code, ERR_NONE);
        assert_false(o.created);
        assert_true(slice_is(settings_text(o.it->settings, "client_secret"), SECRET));
        integration_unref(o.it);
    }
    char *after = pgtest_value(t->pg, "select settings->>'client_secret' from integration_configurations");
    assert_string_equal(after, sealed);
    check_value(t, "newer|3", "select (settings->>'client_id') || '|' || version from integration_configurations");
    struct outcome o = testhub_configure(t, "second", CONFIGURE_CREATE, 0, edits[0]); /* a mask of nothing */
    assert_non_null(strstr(o.faults, "/client_secret is a mask"));
    o = testhub_configure(
        t, "", CONFIGURE_UPDATE, 0,
        "{\"base_url\":\"https://b.example.com\",\"client_id\":\"c\",\"client_secret\":\"another-secret\"}");
    assert_true(slice_is(settings_text(o.it->settings, "client_secret"), "another-secret"));
    integration_unref(o.it);
    free(sealed);
    free(after);
    integration_unref(it);
}

/* Else whoever may edit, or only try settings, would have the secret sent to a place of their own. */
static void a_secret_is_kept_for_the_address_that_it_was_given_for(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    static const char *const elsewhere[] = {"https://evil.example.com", "https://api.example.com:8443",
                                            "https://api.example.com.evil.example.com"};
    static const char *const secrets[] = {"", ",\"client_secret\":\"\"", ",\"client_secret\":\"****6789\""};
    for (size_t i = 0; i < ARRAY_LEN(elsewhere) * ARRAY_LEN(secrets); i++) {
        char *settings = mem_printf("{\"base_url\":\"%s\",\"client_id\":\"abc\"%s}", elsewhere[i % 3], secrets[i / 3]);
        struct outcome o = testhub_configure(t, "", i % 2 ? CONFIGURE_UPDATE : CONFIGURE_TRY, 0, settings);
        if (o.code != ERR_INPUT || !strstr(o.faults, "/client_secret was given for another address"))
            fail_msg("%s is taken: %s", settings, o.faults);
        free(settings);
    }
    static const char *const here[] = {
        "{\"base_url\":\"https://api.example.com:443/\",\"client_id\":\"abc\",\"client_secret\":\"****6789\"}",
        "{\"base_url\":\"https://else.example.com\",\"client_id\":\"abc\",\"client_secret\":\"given-anew\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(here); i++) {
        struct outcome o = testhub_configure(t, "", CONFIGURE_TRY, 0, here[i]);
        assert_int_equal(o.code, ERR_NONE);
        integration_unref(o.it);
    }
    integration_unref(it);
}

/* Tokens that were got with the old credential must not be used with the new one. */
static void a_changed_credential_forgets_its_tokens_and_an_equal_one_does_not(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    pgtest_sql(t->pg, "update integration_configurations set access_token = 'a', refresh_token = 'r'");
    struct outcome o = testhub_configure(t, "", CONFIGURE_UPDATE, 0, GOOD_SETTINGS);
    integration_unref(o.it);
    check_value(t, "a|r", "select access_token || '|' || refresh_token from integration_configurations");
    o = testhub_configure(
        t, "", CONFIGURE_UPDATE, 0,
        "{\"base_url\":\"https://api.example.com\",\"client_id\":\"other\",\"client_secret\":\"" SECRET "\"}");
    integration_unref(o.it);
    check_value(t, "t", "select access_token is null and refresh_token is null from integration_configurations");
    integration_unref(it);
}

static void versions_guard_edits(void **state)
{
    struct testhub *t = *state;
    struct integration *it = testhub_integration(t, "");
    struct outcome o = testhub_configure(t, "", CONFIGURE_CREATE, 0, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_CONFLICT);
    o = testhub_configure(t, "", CONFIGURE_UPDATE, it->version + 1, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_CONFLICT);
    o = testhub_configure(t, "nobody", CONFIGURE_UPDATE, 0, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_NOT_FOUND);
    struct outcome gone = {0};
    configure_delete(&t->h, t->tenant, it->id, it->version + 1, NULL, on_configured, &gone);
    outcome_wait(t, &gone);
    assert_int_equal(gone.code, ERR_CONFLICT);
    struct outcome done = {0};
    configure_delete(&t->h, t->tenant, it->id, it->version, NULL, on_configured, &done);
    outcome_wait(t, &done);
    assert_int_equal(done.code, ERR_NONE);
    assert_null(integrations_by_hook(t->h.integrations, slice_cstr(it->hook)));
    /* Two at once: one wins. */
    struct outcome both[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct json *j;
        assert_true(json_parse(a, slice_cstr(GOOD_SETTINGS), &j, NULL));
        configure(&t->h,
                  &(struct configure_input){
                      .tenant_id = t->tenant, .provider = it->provider, .mode = CONFIGURE_EITHER, .settings = j},
                  on_configured, &both[i]);
    }
    outcome_wait(t, &both[0]);
    outcome_wait(t, &both[1]);
    check_value(t, "1", "select count(*)::text from integration_configurations");
    assert_true(both[0].code == ERR_NONE || both[1].code == ERR_NONE);
    integration_unref(both[0].it);
    integration_unref(both[1].it);
    integration_unref(it);
}

static void only_public_https_unless_it_is_allowed(void **state)
{
    struct testhub *t = *state;
    static const char *const bad[] = {"http://api.example.com",      "https://127.0.0.1",     "https://10.1.2.3:8443/x",
                                      "https://localhost",           "https://printer.local", "https://intranet",
                                      "https://user@api.example.com"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *settings = mem_printf("{\"base_url\":\"%s\",\"client_id\":\"a\",\"client_secret\":\"b\"}", bad[i]);
        struct outcome o = testhub_configure(t, "", CONFIGURE_TRY, 0, settings);
        if (o.code != ERR_INPUT || !strstr(o.faults, "/base_url "))
            fail_msg("%s was accepted: %s", bad[i], o.faults);
        free(settings);
    }
    t->h.egress = &egress_everything;
    struct outcome o = testhub_configure(
        t, "", CONFIGURE_TRY, 0, "{\"base_url\":\"http://127.0.0.1:1\",\"client_id\":\"a\",\"client_secret\":\"b\"}");
    assert_int_equal(o.code, ERR_NONE);
    assert_int_equal(o.it->id, 0);
    assert_string_equal(o.it->base_url, "http://127.0.0.1:1");
    integration_unref(o.it);
    check_value(t, "0", "select count(*)::text from integration_configurations");
}

static void without_a_key_no_secret_is_stored_and_the_mend_is_told(void **state)
{
    struct testhub *t = *state;
    testhub_key(t, NULL);
    struct outcome o = testhub_configure(t, "", CONFIGURE_CREATE, 0, GOOD_SETTINGS);
    assert_int_equal(o.code, ERR_CONFIG);
    assert_non_null(strstr(o.what, "key_file"));
    assert_non_null(strstr(o.what, "openssl rand"));
    check_value(t, "0", "select count(*)::text from integration_configurations");
    o = testhub_configure(t, "", CONFIGURE_TRY, 0, GOOD_SETTINGS); /* to try is no harm */
    assert_int_equal(o.code, ERR_NONE);
    integration_unref(o.it);
    struct outcome r = {0};
    configure_rotate(&t->h, t->tenant, 1, NULL, on_configured, &r);
    outcome_wait(t, &r);
    assert_int_equal(r.code, ERR_CONFIG);
}

static void on_reloaded(void *arg, struct integration *it, const struct err *e)
{
    on_configured(arg, it, false, NULL, e);
}

static struct integration *reload(struct testhub *t, const struct integration *it)
{
    struct outcome o = {0};
    integrations_reload(t->h.integrations, it->tenant_id, it->id, on_reloaded, &o);
    outcome_wait(t, &o);
    return o.it;
}

/* What a row's snapshot says when its key is lost, or when its sealed value was copied from another row. */
static void what_cannot_be_opened_is_unusable_and_says_why(void **state)
{
    struct testhub *t = *state;
    struct integration *a = testhub_integration(t, ""), *b = testhub_integration(t, "second");
    pgtest_sql(t->pg, "update integration_configurations set settings = (select settings from "
                      "integration_configurations where name = '') "
                      "where name = 'second'");
    struct integration *moved = reload(t, b);
    assert_non_null(moved->unusable);
    assert_null(moved->base_url);
    assert_non_null(moved->hook_secret); /* its webhooks are still taken */
    integration_unref(moved);
    struct outcome o = testhub_configure(t, "second", CONFIGURE_UPDATE, 0,
                                         "{\"base_url\":\"https://api.example.com\",\"client_id\":\"abc\"}");
    assert_non_null(strstr(o.faults, "/client_secret the stored secret cannot be opened"));

    testhub_key(t, "k2:ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    struct integration *lost = reload(t, a);
    assert_non_null(lost->unusable);
    assert_null(lost->hook_secret);
    char *path = testhub_path(lost);
    struct reply r;
    testhub_send(t, &r, path, secret_text(a->hook_secret).p, "{}");
    reply_wait(t, &r, 1);
    assert_int_equal(r.status, 503); /* not 401: the sender is right, and may be heard once the key is back */
    free(path);
    integration_unref(lost);
    integration_unref(a);
    integration_unref(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_one_is_sealed_masked_and_known_at_once),
        TEST(all_faults_are_told_at_once_by_field),
        TEST(a_masked_or_absent_secret_keeps_the_stored_one),
        TEST(a_secret_is_kept_for_the_address_that_it_was_given_for),
        TEST(a_changed_credential_forgets_its_tokens_and_an_equal_one_does_not),
        TEST(versions_guard_edits),
        TEST(only_public_https_unless_it_is_allowed),
        TEST(without_a_key_no_secret_is_stored_and_the_mend_is_told),
        TEST(what_cannot_be_opened_is_unusable_and_says_why),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
