/* ninjaone_connect.c - settings, token endpoint and "test connection" of NinjaOne. */
#include "base/test.h"
#include "provider/harness.h"

#define TOKEN   "POST /ws/oauth/token"
#define MACHINE "{\"client_id\":\"a b&c\",\"client_secret\":\"s=1\"}"
#define PERSON                                                                                                         \
    "{\"client_id\":\"id\",\"client_secret\":\"s\",\"grant\":\"authorization_code\",\"refresh_token\":\"first\"}"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

static void base_url_is_region_or_address(void **state)
{
    static const struct {
        const char *settings, *url; /* NULL: refused */
    } cases[] = {
        {"{\"client_id\":\"i\"}", "https://app.ninjarmm.com"},
        {"{\"client_id\":\"i\",\"region\":\"eu\"}", "https://eu.ninjarmm.com"},
        {"{\"client_id\":\"i\",\"region\":\"fed\"}", "https://fed.ninjarmm.com"},
        {"{\"client_id\":\"i\",\"region\":\"eu\",\"base_url\":\"https://brand.rmmservices.net\"}",
         "https://brand.rmmservices.net"},
        {"{\"client_id\":\"i\",\"base_url\":\" brand.rmmservices.net/ \"}", "https://brand.rmmservices.net"},
        {"{\"client_id\":\"i\",\"base_url\":\"HTTP://127.0.0.1:8080/v2/\"}", "http://127.0.0.1:8080"},
        {"{\"client_id\":\"i\",\"base_url\":\"https://eu.ninjarmm.com/#/dashboard\"}", "https://eu.ninjarmm.com"},
        {"{\"client_id\":\"i\",\"base_url\":\"https://h/api/v2\"}", "https://h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        _cleanup_(str_release) struct str url = {0};
        struct settings *s =
            settings_from_json(ninjaone()->fields, ninjaone()->nfields, slice_cstr(cases[i].settings), &e);
        if (!s)
            fail_msg("case %zu: %s", i, e.what);
        if (!ninjaone()->base_url(s, &url, &e))
            fail_msg("case %zu: %s", i, e.what);
        assert_string_equal(url.p, cases[i].url);
        settings_free(s);
    }
}

static void client_credentials_are_sent_as_a_form(void **state)
{
    struct play *p = play_new(ninjaone(), ninjaone()->authenticate, MACHINE);
    struct err e = {0};

    play_on(
        p, TOKEN,
        (struct play_reply){
            .body = "{\"access_token\":\"tok\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"scope\":\"monitoring\"}",
            .body_wants = "grant_type=client_credentials&client_id=a%20b%26c&client_secret=s%3D1&scope=monitoring"});
    if (!play_run(p, (struct play_cut){1, 0}, &e))
        fail_msg("%s", e.what);
    assert_line(play_log(p), "credential tok expires 3600 refresh ");
    play_free(p);
}

static void refresh_uses_the_stored_token_and_keeps_the_new_one(void **state)
{
    struct play *p = play_new(ninjaone(), ninjaone()->authenticate, PERSON);
    struct err e = {0};
    struct machine *m;
    struct machine_call mc;
    struct sink sink;
    _cleanup_(str_release) struct str lines = {0};

    play_input(p)->refresh_token = SLICE("stored");
    play_on(p, TOKEN,
            (struct play_reply){.body = "{\"access_token\":\"t2\",\"expires_in\":3600,\"refresh_token\":\"r2\"}",
                                .body_wants =
                                    "grant_type=refresh_token&client_id=id&client_secret=s&refresh_token=stored"});
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_line(play_log(p), "credential t2 expires 3600 refresh r2");
    play_free(p);

    /* A second use of a rotated token would end the grant: the call must not be repeated. */
    p = play_new(ninjaone(), ninjaone()->authenticate, PERSON);
    lines_sink(&sink, &lines);
    m = ninjaone()->authenticate->start(play_input(p), &sink, &e);
    assert_int_equal(ninjaone()->authenticate->next(m, &mc), MACHINE_CALL);
    assert_false(mc.repeatable);
    assert_true(mc.anonymous);
    assert_says(mc.body.p, "refresh_token=first");
    ninjaone()->authenticate->free(m);
    play_free(p);
}

static void token_refusals_say_what_to_do(void **state)
{
    static const struct {
        const char *settings;
        struct play_reply reply;
        enum err_code code;
        const char *says;
    } cases[] = {
        {MACHINE,
         {.status = 404, .body = "{\"resultCode\":\"Client app not exist\",\"incidentId\":\"W-1\"}"},
         ERR_AUTH,
         "wrong region"},
        {PERSON, {.status = 400, .body = "{\"error\":\"invalid_token\"}"}, ERR_AUTH, "reconnect required"},
        {PERSON, {.status = 400, .body = "{\"error\":\"invalid_grant\"}"}, ERR_AUTH, "reconnect required"},
        {PERSON, {.status = 400, .body = "{\"error\":\"expired_token\"}"}, ERR_AUTH, "reconnect required"},
        {MACHINE,
         {.status = 400, .body = "{\"error\":\"invalid_client\"}"},
         ERR_AUTH,
         "check client_id and client_secret"},
        {MACHINE,
         {.status = 401, .body = "{\"error\":\"invalid_client\"}"},
         ERR_AUTH,
         "check client_id and client_secret"},
        {MACHINE, {.status = 400, .body = "{\"error\":\"unauthorized_client\"}"}, ERR_AUTH, "\"Client Credentials\""},
        {MACHINE, {.status = 400, .body = "{\"error\":\"invalid_scope\"}"}, ERR_AUTH, "\"monitoring\""},
        {MACHINE, {.body = "{\"token_type\":\"Bearer\"}"}, ERR_PROTOCOL, "no usable token (access_token: missing)"},
    };
    static const struct {
        struct play_reply reply;
        enum err_code code;
    } alive[] = {
        /* none of these ends a grant */
        {{.status = 429, .body = "{\"error\":\"invalid_token\"}"}, ERR_THROTTLED},
        {{.status = 503, .body = "{\"error\":\"invalid_grant\"}"}, ERR_UNAVAILABLE},
        {{.status = 400, .content_type = "text/html", .body = "<html>invalid_token</html>"}, ERR_THROTTLED},
        {{.status = 200, .content_type = "text/html", .body = "<html>too many requests</html>"}, ERR_THROTTLED},
        {{.status = 403, .body = "{\"error\":\"invalid_token\"}"}, ERR_FORBIDDEN},
        {{.transport = ERR_TIMEOUT}, ERR_TIMEOUT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_new(ninjaone(), ninjaone()->authenticate, cases[i].settings);
        struct err e = {0};
        play_on(p, TOKEN, cases[i].reply);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_says(e.what, cases[i].says);
        assert_int_equal(e.code, cases[i].code);
        assert_null(strstr(e.what, "first")); /* no secret in a sentence */
        play_free(p);
    }
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        struct play *p = play_new(ninjaone(), ninjaone()->authenticate, PERSON);
        struct err e = {0};
        play_on(p, TOKEN, alive[i].reply);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_int_equal(e.code, alive[i].code);
        assert_null(strstr(e.what, "reconnect"));
        play_free(p);
    }
}

static void missing_credentials_are_said_before_any_call(void **state)
{
    static const struct {
        const char *settings;
        enum err_code code;
        const char *says;
    } cases[] = {
        {"{\"client_id\":\"x\"}", ERR_INPUT, "client_secret is empty"},
        {"{\"client_id\":\"x\",\"grant\":\"authorization_code\"}", ERR_AUTH, "reconnect required"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_new(ninjaone(), ninjaone()->authenticate, cases[i].settings);
        struct err e = {0};
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_int_equal(e.code, cases[i].code);
        assert_says(e.what, cases[i].says);
        play_free(p);
    }
}

static void probe_tells_what_it_found(void **state)
{
    struct play *p = play_new(ninjaone(), ninjaone()->probe, MACHINE);
    struct err e = {0};

    play_json(p, "GET /v2/organizations?pageSize=100", "[{\"id\":1,\"name\":\"A\"},{\"id\":2,\"name\":\"B\"}]");
    play_json(p, "GET /v2/devices?pageSize=1", "[{\"id\":1}]");
    assert_true(play_run(p, (struct play_cut){2, 5}, &e));
    assert_line(play_log(p), "remark NinjaOne at app.ninjarmm.com: 2 organizations, devices can be read");
    play_free(p);

    p = play_new(ninjaone(), ninjaone()->probe, MACHINE);
    play_json(p, "GET /v2/organizations?pageSize=100", "[]");
    play_status(p, "GET /v2/devices?pageSize=1", 403, "{\"resultCode\":\"user_context_required\"}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(e.what, "authorization code grant");
    play_free(p);
}

static void authorize_adds_the_bearer(void **state)
{
    struct machine_call call = {.id = 1, .method = "GET", .path = "/"};
    struct settings *s = settings_from_json(ninjaone()->fields, ninjaone()->nfields, SLICE(MACHINE), NULL);
    struct arena *a = arena_new();

    ninjaone()->authorize(s, SLICE("tok"), a, &call);
    assert_string_equal(call.headers[0].name, "Authorization");
    assert_string_equal(call.headers[0].value, "Bearer tok");
    arena_free(a);
    settings_free(s);
}

static void answers_are_classified(void **state)
{
    static const struct {
        int status;
        char first;
        bool anonymous;
        enum reply_class class;
    } cases[] = {
        {200, '[', false, REPLY_OK},        {200, '<', false, REPLY_THROTTLED},   {204, 0, false, REPLY_OK},
        {429, '{', false, REPLY_THROTTLED}, {401, '{', false, REPLY_AUTH},        {401, '{', true, REPLY_FAILED},
        {400, '{', false, REPLY_FAILED},    {403, '{', false, REPLY_FAILED},      {403, '<', false, REPLY_THROTTLED},
        {404, '<', false, REPLY_FAILED},    {500, '{', false, REPLY_UNAVAILABLE}, {503, '<', false, REPLY_THROTTLED},
        {301, 0, false, REPLY_FAILED},      {0, 0, false, REPLY_UNAVAILABLE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine_call call = {.anonymous = cases[i].anonymous};
        struct machine_reply r = {
            .status = cases[i].status, .content_type = "", .date = USEC_NONE, .retry_after = USEC_NONE};
        assert_int_equal(ninjaone()->classify(&call, &r, cases[i].first), cases[i].class);
    }
}

static void registry_is_sorted_and_whole(void **state)
{
    const struct provider *last = NULL;

    for (const struct provider *const *p = provider_registry; *p; last = *p++) {
        assert_true(!last || strcmp(last->key, (*p)->key) < 0);
        assert_ptr_equal(provider_find(slice_cstr((*p)->key)), *p);
        assert_non_null((*p)->base_url);
        assert_non_null((*p)->authorize);
        assert_non_null((*p)->probe);
        assert_non_null((*p)->sync);
        assert_true((*p)->limits.concurrency > 0);
        for (size_t i = 0; i < (*p)->nfields; i++)
            assert_true((*p)->fields[i].key && (*p)->fields[i].label && (*p)->fields[i].help);
    }
    assert_null(provider_find(SLICE("ninja")));
    assert_null(provider_find(SLICE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_url_is_region_or_address),
        cmocka_unit_test(client_credentials_are_sent_as_a_form),
        cmocka_unit_test(refresh_uses_the_stored_token_and_keeps_the_new_one),
        cmocka_unit_test(token_refusals_say_what_to_do),
        cmocka_unit_test(missing_credentials_are_said_before_any_call),
        cmocka_unit_test(probe_tells_what_it_found),
        cmocka_unit_test(authorize_adds_the_bearer),
        cmocka_unit_test(answers_are_classified),
        cmocka_unit_test(registry_is_sorted_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
