/* ninjaone_doctor.c - what NinjaOne's doctor finds, and what it advises. */
#include "base/test.h"
#include "provider/harness.h"

#define HOST    "GET /v2/organizations?pageSize=1"
#define TOKEN   "POST /ws/oauth/token"
#define NOW     SECONDS(1763690400)
#define ASKS    "{\"error\":\"missing_header\",\"error_description\":\"Missing required header\",\"error_code\":2}"
#define MACHINE "{\"client_id\":\"id\",\"client_secret\":\"s3cret\",\"scope\":\"monitoring management\"}"
#define PERSON                                                                                                         \
    "{\"client_id\":\"id\",\"client_secret\":\"s\",\"grant\":\"authorization_code\",\"refresh_token\":\"first\"}"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

static struct play *play(const char *settings)
{
    return play_new(ninjaone(), ninjaone()->doctor, settings);
}

static void host_answers(struct play *p, usec_t date)
{
    play_on(p, HOST, (struct play_reply){.status = 400, .body = ASKS, .date = date});
}

static void rights_are_there(struct play *p)
{
    play_json(p, HOST, "[{\"id\":1,\"name\":\"A\"}]");
    play_json(p, "GET /v2/devices?pageSize=1", "[{\"id\":1}]");
    play_json(p, "GET /v2/activities?pageSize=10", "{\"activities\":[]}");
    play_json(p, "GET /v2/queries/software?pageSize=10", "{\"results\":[]}");
    play_json(p, "GET /v2/queries/os-patches?pageSize=10", "{\"results\":[]}");
    play_json(p, "GET /v2/device-custom-fields", "[]");
}

static void run(struct play *p)
{
    struct err e = {0};

    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_int_equal(count_says(play_log(p), "s3cret"), 0);
}

static void all_is_well(void **state)
{
    struct play *p = play(MACHINE);
    host_answers(p, NOW + SECONDS(3));
    play_on(p, TOKEN,
            (struct play_reply){
                .body = "{\"access_token\":\"t\",\"expires_in\":3600,\"scope\":\"monitoring management control\"}",
                .body_wants = "grant_type=client_credentials&client_id=id"});
    rights_are_there(p);
    run(p);
    assert_int_equal(count_says(play_log(p), "finding error"), 0);
    assert_int_equal(count_says(play_log(p), "finding warning"), 0);
    assert_says(play_log(p), "finding ok clock");
    assert_says(play_log(p), "finding ok credential");
    assert_int_equal(count_says(play_log(p), "finding ok scope"), 3);
    assert_says(play_log(p), "finding ok rights");
    assert_int_equal(count_says(play_log(p), "credential t"), 0); /* it is not kept: the hub has its own */
    play_free(p);
}

static void a_host_that_is_none_is_told(void **state)
{
    static const struct {
        struct play_reply reply;
        const char *code;
    } cases[] = {
        {{.status = 200, .content_type = "text/html", .body = "<html>Too many requests</html>"}, "html_with_200"},
        {{.status = 404, .content_type = "text/html", .body = "<html>nope</html>"}, "wrong_host"},
        {{.status = 404, .body = "{\"detail\":\"Not found\"}"}, "wrong_host"},
        {{.status = 401, .body = ""}, "wrong_host"},
        {{.status = 200, .body = "[]"}, "wrong_host"},
        {{.status = 429, .body = ""}, "throttled"},
        {{.status = 503, .body = ""}, "server_fault"},
        {{.transport = ERR_UNAVAILABLE}, "unreachable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(MACHINE);
        char line[64];
        play_on(p, HOST, cases[i].reply);
        run(p);
        snprintf(line, sizeof(line), "finding error %s:", cases[i].code);
        assert_says(play_log(p), line);
        assert_int_equal(count_says(play_log(p), "finding"), 1); /* what follows from it is not told as well */
        assert_says(play_log(p), " - ");
        play_free(p);
    }
}

static void a_token_that_is_refused_is_told(void **state)
{
    static const struct {
        int status;
        const char *body, *code;
    } cases[] = {
        {404, "{\"resultCode\":\"Client app not exist\",\"incidentId\":\"WEB_MGMT_SERVICE-1\"}", "wrong_region"},
        {400, "{\"error\":\"invalid_client\"}", "bad_client"},
        {401, "{\"error\":\"invalid_client\"}", "bad_client"},
        {400, "{\"error\":\"unauthorized_client\"}", "grant_not_allowed"},
        {400, "{\"error\":\"invalid_scope\"}", "scope_not_allowed"},
        {500, "\"oops\"", "no_token"},
        {200, "{\"token_type\":\"Bearer\"}", "wrong_host"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(MACHINE);
        char line[64];
        host_answers(p, NOW);
        play_status(p, TOKEN, cases[i].status, cases[i].body);
        run(p);
        snprintf(line, sizeof(line), "finding error %s:", cases[i].code);
        assert_says(play_log(p), line);
        assert_int_equal(count_says(play_log(p), "finding error"), 1);
        play_free(p);
    }
}

static void a_missing_scope_or_right_is_told(void **state)
{
    struct play *p = play(MACHINE);
    host_answers(p, NOW - SECONDS(600));
    play_json(p, TOKEN, "{\"access_token\":\"t\",\"scope\":\"monitoring\"}");
    play_json(p, HOST, "[]");
    play_json(p, "GET /v2/devices?pageSize=1", "[]");
    play_status(p, "GET /v2/activities?pageSize=10", 403, "{\"resultCode\":\"permission_denied\"}");
    play_status(p, "GET /v2/queries/software?pageSize=10", 404,
                "{\"resultCode\":\"FAILURE\",\"errorMessage\":\"HTTP 404 Not Found\"}");
    play_json(p, "GET /v2/queries/os-patches?pageSize=10", "{\"results\":[]}");
    play_status(p, "GET /v2/device-custom-fields", 500, "");
    run(p);
    assert_says(play_log(p), "finding warning clock_off: NinjaOne's clock is 600 s behind the hub's");
    assert_says(play_log(p), "finding warning missing_scope: the scope management is not granted");
    assert_says(play_log(p), "finding warning missing_scope: the scope control is not granted");
    assert_says(play_log(p), "finding warning missing_right: NinjaOne answered 403 to activities");
    assert_says(play_log(p), "every sync is a full one");
    assert_says(play_log(p), "finding warning not_served: software");
    assert_says(play_log(p), "finding warning cannot_read: NinjaOne answered 500 to device-custom-fields");
    assert_int_equal(count_says(play_log(p), "finding ok rights"), 0);
    play_free(p);

    p = play(MACHINE);
    host_answers(p, 0);
    play_json(p, TOKEN, "{\"access_token\":\"t\"}");
    play_status(p, HOST, 403, "{\"resultCode\":\"permission_denied\"}");
    run(p);
    assert_says(play_log(p), "finding error missing_scope: organizations may not be read");
    play_free(p);
}

/* A person's grant is not refreshed here: its refresh token can be used once. */
static void a_persons_grant_is_left_alone(void **state)
{
    struct play *p = play(PERSON);
    host_answers(p, NOW);
    rights_are_there(p);
    run(p);
    assert_int_equal(count_says(play_calls(p), "token"), 0);
    assert_says(play_log(p), "finding ok credential: the grant is alive");
    play_free(p);

    p = play(PERSON);
    host_answers(p, NOW);
    play_on(p, HOST, (struct play_reply){.transport = ERR_AUTH});
    run(p);
    assert_says(play_log(p), "finding error dead_grant");
    assert_says(play_log(p), "connect the integration again");
    play_free(p);

    p = play(PERSON);
    host_answers(p, NOW);
    play_status(p, HOST, 401, "{\"error\":\"not_authenticated\"}");
    run(p);
    assert_says(play_log(p), "finding error credential_refused");
    play_free(p);
}

static void an_open_connection_is_told(void **state)
{
    struct play *p = play("{\"client_id\":\"id\",\"client_secret\":\"s3cret\",\"base_url\":\"http://h.example\"}");
    host_answers(p, NOW);
    play_status(p, TOKEN, 404, "{\"resultCode\":\"Client app not exist\"}");
    run(p);
    assert_says(play_log(p), "finding warning http_not_https");
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(a_host_that_is_none_is_told),
        cmocka_unit_test(a_token_that_is_refused_is_told),
        cmocka_unit_test(a_missing_scope_or_right_is_told),
        cmocka_unit_test(a_persons_grant_is_left_alone),
        cmocka_unit_test(an_open_connection_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
