/* msp360_connect.c - settings, login and "test connection" of MSP360. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"

#define LOGIN    "POST /api/Provider/Login"
#define SETTINGS "{\"api_login\":\"k3Ex\\\"mpl9\",\"api_password\":\"p\\\\w d\"}"
#define VERSIONS "GET /api/Builds/AvailableVersions"
#define ONE      "GET /api/Computers/0/1"
#define ALL      "GET /api/Companies"

static const struct provider *msp360(void)
{
    return provider_find(SLICE("msp360"));
}

static void base_url_is_the_one_host_over_tls(void **state)
{
    static const struct {
        const char *given, *url, *says; /* url NULL: refused */
    } cases[] = {
        {"", "https://api.mspbackups.com", NULL},
        {"API.MSPBACKUPS.COM/", "https://API.MSPBACKUPS.COM", NULL},
        {"https://api.mspbackups.com/api/", "https://api.mspbackups.com", NULL},
        {"https://api.mspbackups.com/mbsapi/api", "https://api.mspbackups.com", NULL},
        {"http://api.mspbackups.com", NULL, "in the open"},
        {"https://api.rmm.mspbackups.com", NULL, "another product"},
        {"https://mspbackups.com", NULL, "is not MSP360's API"},
        {"https://api.mspbackups.com.evil.example", NULL, "is not MSP360's API"},
        {"https://evilapi.mspbackups.com", NULL, "is not MSP360's API"},
        /* what the hub allows with allow_private_networks only */
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080", NULL},
        {"http://[::1]:8080", "http://[::1]:8080", NULL},
        {"http://localhost", "http://localhost", NULL},
        {"https://backup-proxy.internal", "https://backup-proxy.internal", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *json = mem_printf("{\"api_login\":\"l\",\"api_password\":\"p\",\"base_url\":\"%s\"}", cases[i].given);
        struct err e = {0};
        _cleanup_(str_release) struct str url = {0};
        struct settings *s = settings_from_json(msp360()->fields, msp360()->nfields, slice_cstr(json), &e);
        assert_non_null(s);
        bool ok = msp360()->base_url(s, &url, &e);
        if (ok != (cases[i].url != NULL))
            fail_msg("%s: %s", cases[i].given, ok ? url.p : e.what);
        if (ok)
            assert_string_equal(url.p, cases[i].url);
        else
            assert_says(e.what, cases[i].says);
        settings_free(s);
        free(json);
    }
}

static void defaults_are_those_of_the_table(void **state)
{
    struct err e = {0};
    struct settings *s = settings_from_json(msp360()->fields, msp360()->nfields, slice_cstr(SETTINGS), &e);

    assert_true(settings_bool(s, "alert_on_warning"));
    assert_int_equal(settings_i64(s, "stale_days", 0), 3);
    settings_free(s);
    assert_null(settings_from_json(msp360()->fields, msp360()->nfields,
                                   SLICE("{\"api_login\":\"l\",\"api_password\":\"p\",\"stale_days\":0}"), &e));
    assert_null(settings_from_json(msp360()->fields, msp360()->nfields, SLICE("{\"api_login\":\"l\"}"), &e));
    assert_says(e.what, "api_password");
}

static void login_gives_a_token_however_it_is_told(void **state)
{
    static const struct {
        const char *body, *line;
    } cases[] = {
        {"{\"access_token\":\"qX_1\",\"token_type\":\"bearer\",\"expires_in\":1209599,\"userName\":\"k3Exmpl9\","
         "\".issued\":\"Sun, 03 May 2026 10:00:00 GMT\",\".expires\":\"Sun, 17 May 2026 10:00:00 GMT\"}",
         "credential qX_1 expires 1205999 refresh "}, /* renewed when less than an hour is left */
        {"{\"access_token\":\"qX_2\",\"expires_in\":\"1209599\"}", "credential qX_2 expires 1205999 refresh "},
        {"{\"Token\":\"qX_3\",\"expires_in\":60}", "credential qX_3 expires 60 refresh "},
        {"{\"Access_Token\":\"qX_4\"}", "credential qX_4 expires -1 refresh "},
        {"{\"token\":\"qX_5\",\"expires_in\":-1}", "credential qX_5 expires -1 refresh "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_new(msp360(), msp360()->authenticate, SETTINGS);
        struct err e = {0};
        play_on(p, LOGIN,
                (struct play_reply){.body = cases[i].body,
                                    .body_wants = "{\"UserName\":\"k3Ex\\\"mpl9\",\"Password\":\"p\\\\w d\"}"});
        if (!play_run(p, (struct play_cut){1, 0}, &e))
            fail_msg("case %zu: %s", i, e.what);
        assert_line(play_log(p), cases[i].line);
        play_free(p);
    }
}

static void login_is_anonymous_json(void **state)
{
    struct play *p = play_new(msp360(), msp360()->authenticate, SETTINGS);
    struct sink sink;
    _cleanup_(str_release) struct str lines = {0};
    struct machine_call mc;

    lines_sink(&sink, &lines);
    struct machine *m = msp360()->authenticate->start(play_input(p), &sink, NULL);
    assert_int_equal(msp360()->authenticate->next(m, &mc), MACHINE_CALL);
    assert_true(mc.anonymous);
    assert_string_equal(mc.content_type, "application/json");
    msp360()->authenticate->free(m);
    play_free(p);
}

static void login_refusals_are_one_whatever_the_status(void **state)
{
    static const struct {
        struct play_reply reply;
        enum err_code code;
        const char *says;
    } cases[] = {
        {{.status = 400,
          .body = "{\"error\":\"invalid_grant\",\"error_description\":\"The user name or password is incorrect.\"}"},
         ERR_AUTH,
         "The user name or password is incorrect.): credentials refused, or API access"},
        {{.status = 401, .body = "{\"Message\":\"Authorization has been denied for this request.\"}"},
         ERR_AUTH,
         "credentials refused"},
        {{.status = 403, .body = ""}, ERR_AUTH, "credentials refused"},
        {{.status = 403, .body = "{\"Message\":\"x\"}"}, ERR_AUTH, "api_login and api_password"},
        /* those end no grant */
        {{.status = 403, .content_type = "text/html", .body = "<html>IIS</html>"},
         ERR_FORBIDDEN,
         "credentials refused"},
        {{.status = 400, .body = "{\"Message\":\"The request is invalid.\"}"}, ERR_PROTOCOL, "The request is invalid."},
        {{.status = 404, .body = "{\"message\":\"No HTTP resource was found\"}"}, ERR_NOT_FOUND, "base_url"},
        {{.status = 429, .body = ""}, ERR_THROTTLED, "too many"},
        {{.status = 503, .content_type = "text/html", .body = "<!DOCTYPE html><h1>Service Unavailable</h1>"},
         ERR_UNAVAILABLE,
         "503"},
        {{.status = 200, .body = "{}"}, ERR_PROTOCOL, "no usable token"},
        {{.status = 200, .body = "{\"access_token\":\"\"}"}, ERR_PROTOCOL, "no usable token"},
        {{.status = 200, .content_type = "text/html", .body = "<html></html>"}, ERR_PROTOCOL, "page"},
        {{.transport = ERR_TIMEOUT}, ERR_TIMEOUT, "MSP360"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_new(msp360(), msp360()->authenticate, SETTINGS);
        struct err e = {0};
        play_on(p, LOGIN, cases[i].reply);
        if (play_run(p, (struct play_cut){0, 0}, &e))
            fail_msg("case %zu: no failure", i);
        if (e.code != cases[i].code)
            fail_msg("case %zu: %s: %s", i, err_code_name(e.code), e.what);
        assert_says(e.what, cases[i].says);
        assert_int_equal(count_says(play_log(p), "credential"), 0);
        play_free(p);
    }
}

static void probe_reads_little(void **state)
{
    struct play *p = play_new(msp360(), msp360()->probe, SETTINGS);
    struct err e = {0};

    play_json(p, VERSIONS, "[{\"Type\":0,\"Version\":\"8.0\"}]");
    play_json(p, ONE,
              "{\"Count\":41,\"Message\":\"Success\",\"StatusCode\":200,\"Computers\":[{\"ComputerHID\":\"h\"}]}");
    play_json(p, ALL, "[{\"Id\":\"a\",\"Name\":\"A\"},{\"Id\":\"b\",\"Name\":\"B\"}]");
    if (!play_run(p, (struct play_cut){3, 1}, &e))
        fail_msg("%s", e.what);
    assert_line(play_log(p), "remark MSP360 at api.mspbackups.com: 2 companies, computers can be read");
    play_free(p);
}

static void probe_says_what_is_wrong(void **state)
{
    static const struct {
        struct play_reply reply;
        enum err_code code;
        const char *says;
    } cases[] = {
        {{.status = 401, .body = "{\"Message\":\"Authorization has been denied for this request.\"}"},
         ERR_AUTH,
         "even after a new login"},
        {{.status = 403, .body = ""}, ERR_FORBIDDEN, "API access is not enabled"},
        {{.status = 503, .content_type = "text/html", .body = "<html>"}, ERR_UNAVAILABLE, "serviced"},
        {{.status = 200, .content_type = "text/html", .body = "<html>"}, ERR_PROTOCOL, "page where data was due"},
        {{.status = 200, .body = "\"not a list\""}, ERR_PROTOCOL, "cannot be read"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_new(msp360(), msp360()->probe, SETTINGS);
        struct err e = {0};
        play_lenient(p);
        play_on(p, VERSIONS, cases[i].reply);
        play_on(p, VERSIONS, cases[i].reply);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        if (e.code != cases[i].code)
            fail_msg("case %zu: %s: %s", i, err_code_name(e.code), e.what);
        assert_says(e.what, cases[i].says);
        play_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_url_is_the_one_host_over_tls),
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(login_gives_a_token_however_it_is_told),
        cmocka_unit_test(login_is_anonymous_json),
        cmocka_unit_test(login_refusals_are_one_whatever_the_status),
        cmocka_unit_test(probe_reads_little),
        cmocka_unit_test(probe_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
