/* tacticalrmm_connect.c - the two ways to sign in to Tactical RMM, what settings are refused, and what a refusal says. */
#include "base/test.h"
#include "base/totp.h"
#include "provider/harness.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define LOGIN                                                                                                          \
    "{\"base_url\":\"https://"                                                                                         \
    "api.example.com\",\"auth\":\"login\",\"username\":\"r\xc3\xb6\\\"b\",\"password\":\"p\\\\w\""
#define PLAIN LOGIN "}"
#define TOTP  LOGIN ",\"totp_secret\":\"jbsw y3dp ehpk 3pxp\"}"
#define KEY   "{\"base_url\":\"https://api.example.com\",\"api_key\":\"K\"}"
#define CREDS "POST /v2/checkcreds/"
#define CODE  "POST /v2/login/"
#define DATE  SECONDS(1795224990)

static const struct provider *tactical(void)
{
    return provider_find(SLICE("tacticalrmm"));
}

static struct play *play(const char *settings)
{
    return play_new(tactical(), tactical()->authenticate, settings);
}

static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){7, 3}, &e))
        fail_msg("%s", e.what);
}

static void user_without_second_factor_has_the_token_of_the_first_step(void **state)
{
    static const char *const settings[] = {PLAIN, TOTP}; /* a setup key that is not needed does no harm */

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct play *p = play(settings[i]);
        play_on(
            p, CREDS,
            (struct play_reply){
                .body = "{\"expiry\":\"2026-11-21T01:40:07.230290Z\",\"token\":\"3c93b2499ec2ab66\",\"totp\":false}",
                .body_wants = "{\"username\":\"r\xc3\xb6\\\"b\",\"password\":\"p\\\\w\"}"});
        run(p);
        /* it says three minutes, and lives five hours from each use: no expiry is told */
        assert_line(play_log(p), "credential 3c93b2499ec2ab66 expires -1 refresh ");
        play_free(p);
    }
}

/* Ours is a day behind: the code must be the server's. */
static void code_is_made_for_the_servers_clock(void **state)
{
    struct play *p = play(TOTP);
    char code[TOTP_DIGITS + 1], wants[32];

    totp_code(SLICE("Hello!\xde\xad\xbe\xef"), totp_step(DATE), code);
    snprintf(wants, sizeof(wants), "\"twofactor\":\"%s\"}", code);
    play_on(p, CREDS, (struct play_reply){.body = "{\"totp\":true}", .date = DATE});
    play_on(
        p, CODE,
        (struct play_reply){
            .body =
                "{\"expiry\":\"2026-11-21T06:37:07Z\",\"token\":\"7873f3119d0e6665\",\"username\":\"r\",\"name\":null}",
            .body_wants = wants});
    run(p);
    assert_line(play_log(p), "credential 7873f3119d0e6665 expires -1 refresh ");
    play_free(p);

    p = play(TOTP); /* no Date: ours must do */
    totp_code(SLICE("Hello!\xde\xad\xbe\xef"), totp_step(play_input(p)->now), code);
    snprintf(wants, sizeof(wants), "\"%s\"", code);
    play_json(p, CREDS, "{\"totp\":true}");
    play_on(p, CODE, (struct play_reply){.body = "{\"token\":\"t\"}", .body_wants = wants});
    run(p);
    play_free(p);
}

static void refused_login_says_which_part(void **state)
{
    static const struct {
        const char *settings;
        struct play_reply creds, login;
        const char *says;
        enum err_code code;
    } cases[] = {
        {PLAIN, {.status = 400, .body = "\"Bad credentials\""}, {0}, "the password is wrong", ERR_AUTH},
        {PLAIN, {.body = "{\"totp\":true}"}, {0}, "give totp_secret", ERR_AUTH},
        {PLAIN, {.body = "{\"totp\":false}"}, {0}, "no usable token", ERR_PROTOCOL},
        {PLAIN, {.body = "[]"}, {0}, "no usable token", ERR_PROTOCOL},
        {PLAIN,
         {.status = 429, .body = "{\"detail\":\"Request was throttled. Expected available in 59 seconds.\"}"},
         {0},
         "ten logins a minute",
         ERR_THROTTLED},
        {PLAIN,
         {.status = 500, .content_type = "text/html", .body = "<html>500</html>"},
         {0},
         "has a fault",
         ERR_UNAVAILABLE},
        {PLAIN,
         {.status = 405, .content_type = "text/html", .body = "<html>405</html>"},
         {0},
         "the dashboard (rmm.",
         ERR_PROTOCOL},
        {PLAIN,
         {.status = 400, .content_type = "text/html", .body = "<html>400</html>"},
         {0},
         "does not serve this host name",
         ERR_PROTOCOL},
        {PLAIN, {.transport = ERR_UNAVAILABLE}, {0}, "no whole answer", ERR_UNAVAILABLE},
        {TOTP,
         {.body = "{\"totp\":true}"},
         {.status = 400, .body = "\"Bad credentials\""},
         "the code is not",
         ERR_AUTH},
        {TOTP,
         {.body = "{\"totp\":true}"},
         {.status = 400, .body = "{\"non_field_errors\":[\"Unable to log in with provided credentials.\"]}"},
         "Unable to log in with provided credentials.",
         ERR_AUTH},
        {TOTP,
         {.body = "{\"totp\":true}"},
         {.status = 500, .content_type = "text/html", .body = "<html>"},
         "has a fault",
         ERR_UNAVAILABLE},
        {TOTP, {.body = "{\"totp\":true}"}, {.body = "{\"token\":\"\"}"}, "token is missing", ERR_PROTOCOL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(cases[i].settings);
        struct err e = {0};
        play_on(p, CREDS, cases[i].creds);
        if (cases[i].login.body)
            play_on(p, CODE, cases[i].login);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_says(e.what, cases[i].says);
        assert_int_equal(e.code, cases[i].code);
        assert_null(strstr(e.what, "p\\w"));
        assert_int_equal(count_says(play_calls(p), CREDS), 1); /* never a storm */
        assert_int_equal(count_says(play_log(p), "credential"), 0);
        play_free(p);
    }
}

static void logins_are_not_repeated(void **state)
{
    struct play *p = play(TOTP);
    struct machine_call c = {0};
    struct err e = {0};
    struct settings *s = settings_from_json(tactical()->fields, tactical()->nfields, SLICE(TOTP), &e);
    struct machine_input in = {.settings = s, .now = DATE};
    struct str lines = {0};
    struct sink sink;

    lines_sink(&sink, &lines);
    struct machine *m = tactical()->authenticate->start(&in, &sink, &e);
    assert_int_equal(tactical()->authenticate->next(m, &c), MACHINE_CALL);
    assert_false(c.repeatable);
    assert_true(c.anonymous);
    tactical()->authenticate->free(m);
    settings_free(s);
    str_release(&lines);
    play_free(p);
}

/* --- settings --- */

static void settings_must_go_together(void **state)
{
#define AT "{\"base_url\":\"https://api.example.com\","
    static const struct {
        const char *settings, *field; /* NULL: good */
    } cases[] = {
        {KEY, NULL},
        {PLAIN, NULL},
        {TOTP, NULL},
        {AT "\"auth\":\"api_key\"}", "api_key"},
        {AT "\"username\":\"u\",\"password\":\"p\"}", "api_key"},
        {AT "\"auth\":\"login\",\"password\":\"p\"}", "username"},
        {AT "\"auth\":\"login\",\"username\":\"u\"}", "password"},
        {LOGIN ",\"totp_secret\":\"123456\"}", "totp_secret"},
        {AT "\"auth\":\"api_key\",\"api_key\":\"k\",\"totp_secret\":\"123456\"}", NULL}, /* not used */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *field = NULL;
        struct err e = {0};
        struct settings *s =
            settings_from_json(tactical()->fields, tactical()->nfields, slice_cstr(cases[i].settings), &e);
        assert_non_null(s);
        assert_int_equal(tactical()->check(s, &field, &e), cases[i].field == NULL);
        if (cases[i].field)
            assert_string_equal(field, cases[i].field);
        settings_free(s);
    }
}

static void each_way_has_its_own_header(void **state)
{
    static const struct {
        const char *settings;
        struct slice token;
        const char *name, *value;
    } cases[] = {{KEY, {0}, "X-API-KEY", "K"}, {PLAIN, {"abc", 3}, "Authorization", "Token abc"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct machine_call call = {0};
        struct err e = {0};
        struct settings *s =
            settings_from_json(tactical()->fields, tactical()->nfields, slice_cstr(cases[i].settings), &e);
        assert_int_equal(tactical()->needs_token(s), cases[i].token.n > 0);
        tactical()->authorize(s, cases[i].token, a, &call);
        assert_string_equal(call.headers[0].name, cases[i].name);
        assert_string_equal(call.headers[0].value, cases[i].value);
        assert_null(call.headers[1].name); /* a bad one fails the call even beside a good one */
        settings_free(s);
    }
}

static void dashboard_is_guessed_from_the_api(void **state)
{
    static const struct {
        const char *base, *given, *url;
    } cases[] = {
        {"https://api.example.com", NULL, "https://rmm.example.com"},
        {"api.example.com/api/", NULL, "https://rmm.example.com"},
        {"https://tactical.example.com", NULL, ""},
        {"https://tactical.example.com", "https://dash.example.com/", "https://dash.example.com"},
        {"https://api.example.com", "dash.example.com", "https://dash.example.com"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str url = {0};
        struct err e = {0};
        char *json = mem_printf("{\"base_url\":\"%s\",\"dashboard_url\":\"%s\"}", cases[i].base,
                                cases[i].given ? cases[i].given : "");
        struct settings *s = settings_from_json(tactical()->fields, tactical()->nfields, slice_cstr(json), &e);
        assert_non_null(s);
        tac_dashboard(s, &url);
        assert_string_equal(url.p ? url.p : "", cases[i].url);
        settings_free(s);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_without_second_factor_has_the_token_of_the_first_step),
        cmocka_unit_test(code_is_made_for_the_servers_clock),
        cmocka_unit_test(refused_login_says_which_part),
        cmocka_unit_test(logins_are_not_repeated),
        cmocka_unit_test(settings_must_go_together),
        cmocka_unit_test(each_way_has_its_own_header),
        cmocka_unit_test(dashboard_is_guessed_from_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
