/* ninjaone_actions.c - what NinjaOne is made to do: what is sent, what is read back, and what is refused before anything is sent. */
#include "base/test.h"
#include "provider/harness.h"

#define SETTINGS "{\"client_id\":\"id\",\"client_secret\":\"s3cret\"}"
#define UID      "0f0e4d9c-3b86-4a55-9b0e-d9a1a0f6c001"
#define MISSING  "{\"resultCode\":\"NOT_FOUND\",\"errorMessage\":\"no\"}"
#define NO_ROUTE "{\"resultCode\":\"FAILURE\",\"errorMessage\":\"HTTP 404 Not Found\"}"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

static const struct provider_action *action(const char *key)
{
    for (size_t i = 0; i < ninjaone()->nactions; i++)
        if (strcmp(ninjaone()->actions[i].key, key) == 0)
            return &ninjaone()->actions[i];
    fail_msg("no action %s", key);
    return NULL;
}

struct act {
    struct play *p;
    struct settings *args;
    struct err e;
};

/* `args`: JSON, or NULL for an action without fields. */
static struct act act_new(const char *key, const char *args)
{
    const struct provider_action *a = action(key);
    struct act x = {.p = play_new(ninjaone(), a->ops, SETTINGS)};

    if (args) {
        x.args = settings_from_json(a->fields, a->nfields, slice_cstr(args), &x.e);
        if (!x.args)
            fail_msg("%s", x.e.what);
    }
    play_input(x.p)->args = x.args;
    play_input(x.p)->device_id = SLICE("4711");
    play_input(x.p)->target_id = SLICE(UID);
    return x;
}

static void act_free(struct act *x)
{
    play_free(x->p);
    settings_free(x->args);
}

static void good(struct act *x, const char *result)
{
    char line[1024];

    if (!play_run(x->p, (struct play_cut){3, 1}, &x->e))
        fail_msg("%s\n%s", x->e.what, play_calls(x->p));
    snprintf(line, sizeof(line), "result %s", result);
    assert_line(play_log(x->p), line);
    assert_int_equal(count_says(play_log(x->p), "result "), 1);
}

static void bad(struct act *x, enum err_code code, const char *says)
{
    assert_false(play_run(x->p, (struct play_cut){0, 0}, &x->e));
    assert_says(x->e.what, says);
    assert_int_equal(x->e.code, code);
    assert_int_equal(count_says(play_log(x->p), "result "), 0);
}

/* --- alerts --- */

static void an_alert_is_reset_and_closed_here(void **state)
{
    static const struct {
        int status;
        const char *body, *result;
    } cases[] = {{204, "", "{\"reset\":true,\"already\":false}"}, {404, MISSING, "{\"reset\":true,\"already\":true}"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act_new("reset_alert", NULL);
        play_on(x.p, "POST /v2/alert/" UID "/reset",
                (struct play_reply){.status = cases[i].status, .body = cases[i].body, .body_wants = "{}"});
        good(&x, cases[i].result);
        assert_line(play_log(x.p),
                    "alert " UID " {\"state\":\"resolved\",\"changed\":\"2025-11-21T02:00:00Z\",\"closes_only\":true}");
        act_free(&x);
    }
}

static void a_reset_that_fails_closes_nothing(void **state)
{
    struct act x = act_new("reset_alert", NULL);
    play_status(x.p, "POST /v2/alert/" UID "/reset", 404, NO_ROUTE);
    bad(&x, ERR_NOT_FOUND, "does not know the address");
    assert_string_equal(play_log(x.p), "");
    act_free(&x);

    x = act_new("reset_alert", NULL);
    play_status(x.p, "POST /v2/alert/" UID "/reset", 403, "{\"resultCode\":\"permission_denied\"}");
    bad(&x, ERR_FORBIDDEN, "the scope \"management\"");
    act_free(&x);

    x = act_new("reset_alert", NULL);
    play_input(x.p)->target_id = SLICE("msphub:health");
    bad(&x, ERR_INPUT, "is no alert of NinjaOne");
    act_free(&x);
}

/* --- links --- */

static void a_link_comes_from_the_product_or_is_the_consoles_own(void **state)
{
    struct act x = act_new("remote_link", NULL);
    play_json(x.p, "GET /v2/device/4711/dashboard-url",
              "{\"url\":\"https://eu.ninjarmm.com/#/x\",\"expires\":1763690700.5}");
    good(&x, "{\"url\":\"https://eu.ninjarmm.com/#/x\",\"expires_at\":\"2025-11-21T02:05:00.500000Z\"}");
    act_free(&x);

    x = act_new("remote_link", NULL);
    play_status(x.p, "GET /v2/device/4711/dashboard-url", 404, NO_ROUTE);
    good(&x, "{\"url\":\"https://app.ninjarmm.com/#/deviceDashboard/4711/overview\"}");
    act_free(&x);

    x = act_new("remote_link", NULL);
    play_status(x.p, "GET /v2/device/4711/dashboard-url", 404, MISSING);
    bad(&x, ERR_NOT_FOUND, "NOT_FOUND");
    act_free(&x);

    x = act_new("remote_link", NULL);
    play_json(x.p, "GET /v2/device/4711/dashboard-url", "{\"url\":\"javascript:alert(1)\"}");
    bad(&x, ERR_PROTOCOL, "no link");
    act_free(&x);
}

/* --- reboot and scripts --- */

static void a_reboot_has_its_mode_and_reason(void **state)
{
    struct act x = act_new("reboot", "{\"mode\":\"FORCED\",\"reason\":\"patch \\\"day\\\"\"}");
    play_on(x.p, "POST /v2/device/4711/reboot/FORCED",
            (struct play_reply){.status = 204, .body_wants = "{\"reason\":\"patch \\\"day\\\"\"}"});
    good(&x, "{\"requested\":true,\"mode\":\"FORCED\"}");
    act_free(&x);

    x = act_new("reboot", "{}");
    play_on(x.p, "POST /v2/device/4711/reboot/NORMAL", (struct play_reply){.status = 204, .body_wants = "{}"});
    good(&x, "{\"requested\":true,\"mode\":\"NORMAL\"}");
    act_free(&x);

    /* nobody may think that it did not happen, nor send it again */
    x = act_new("reboot", "{}");
    play_on(x.p, "POST /v2/device/4711/reboot/NORMAL", (struct play_reply){.transport = ERR_TIMEOUT});
    bad(&x, ERR_TIMEOUT, "device-reboot");
    act_free(&x);

    x = act_new("reboot", "{}");
    play_input(x.p)->device_id = SLICE("4711/../1");
    bad(&x, ERR_INPUT, "no NinjaOne device id");
    act_free(&x);
}

static void a_script_is_run_whatever_is_said_to_it(void **state)
{
    static const struct {
        int status;
        const char *reply, *result;
    } cases[] = {
        {204, "", "{\"requested\":true}"},
        {200, "815", "{\"requested\":true,\"job\":815}"},
        {200, "\"uid-1\"", "{\"requested\":true,\"job\":\"uid-1\"}"},
        {200, " {\"jobUid\":\"u\"} ", "{\"requested\":true,\"job\":{\"jobUid\":\"u\"}}"},
        {200, "Started.", "{\"requested\":true}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act_new("run_script", "{\"script_id\":33,\"parameters\":\"-a \\\"b\\\"\"}");
        play_on(
            x.p, "POST /v2/device/4711/script/run",
            (struct play_reply){
                .status = cases[i].status,
                .body = cases[i].reply,
                .body_wants = "{\"type\":\"SCRIPT\",\"id\":33,\"parameters\":\"-a \\\"b\\\"\",\"runAs\":\"system\"}"});
        good(&x, cases[i].result);
        act_free(&x);
    }
}

static void a_script_or_an_action_not_both(void **state)
{
    struct act x = act_new("run_script", "{\"action_uid\":\"" UID "\",\"run_as\":\"loggedonuser\"}");
    play_on(x.p, "POST /v2/device/4711/script/run",
            (struct play_reply){.status = 204,
                                .body_wants = "{\"type\":\"ACTION\",\"uid\":\"" UID "\",\"runAs\":\"loggedonuser\"}"});
    good(&x, "{\"requested\":true}");
    act_free(&x);

    x = act_new("run_script", "{}");
    bad(&x, ERR_INPUT, "give either script_id");
    act_free(&x);
    x = act_new("run_script", "{\"script_id\":1,\"action_uid\":\"u\"}");
    bad(&x, ERR_INPUT, "give either script_id");
    act_free(&x);

    x = act_new("run_script", "{\"script_id\":1}");
    play_status(x.p, "POST /v2/device/4711/script/run", 403, "{\"resultCode\":\"user_context_required\"}");
    bad(&x, ERR_FORBIDDEN, "needs a person's grant");
    act_free(&x);
}

/* --- maintenance --- */

#define WINDOW   "PUT /v2/device/4711/maintenance"
#define UNDO     "DELETE /v2/device/4711/maintenance"
#define READ     "GET /v2/device/4711"
#define ENDS(at) "{\"id\":4711,\"maintenance\":{\"status\":\"IN_MAINTENANCE\",\"start\":1763690400.0,\"end\":" at "}}"

static void a_window_is_set_and_read_back(void **state)
{
    struct act x = act_new("maintenance_start", "{\"minutes\":60,\"features\":\"alerts, PATCHING\",\"reason\":\"x\"}");
    play_on(x.p, WINDOW,
            (struct play_reply){.status = 204,
                                .body_wants = "{\"disabledFeatures\":[\"ALERTS\",\"PATCHING\"],\"end\":1763694000000,"
                                              "\"reasonMessage\":\"x\"}"});
    play_json(x.p, READ, ENDS("1763694000.0"));
    good(&x, "{\"maintenance\":true,\"starts_at\":\"2025-11-21T02:00:00Z\",\"ends_at\":\"2025-11-21T03:00:00Z\"}");
    assert_says(play_log(x.p), "\"maintenance\":true");
    act_free(&x);
}

static void a_window_in_the_wrong_unit_is_set_again(void **state)
{
    struct act x = act_new("maintenance_start", "{\"minutes\":60}");
    play_on(x.p, WINDOW, (struct play_reply){.status = 204, .body_wants = "\"end\":1763694000000"});
    play_json(x.p, READ, ENDS("1763694000000.0"));
    play_on(x.p, WINDOW, (struct play_reply){.status = 204, .body_wants = "\"end\":1763694000}"});
    play_json(x.p, READ, ENDS("1763694000.0"));
    good(&x, "{\"maintenance\":true,\"starts_at\":\"2025-11-21T02:00:00Z\",\"ends_at\":\"2025-11-21T03:00:00Z\"}");
    act_free(&x);
}

static void a_window_of_another_length_is_not_left(void **state)
{
    struct act x = act_new("maintenance_start", "{\"minutes\":60}");
    play_status(x.p, WINDOW, 204, "");
    play_json(x.p, READ, ENDS("1763700000.0"));
    play_status(x.p, WINDOW, 400, "{\"resultCode\":\"FAILURE\",\"errorMessage\":{\"code\":\"bad_end\",\"params\":{}}}");
    play_status(x.p, UNDO, 204, "");
    bad(&x, ERR_PROTOCOL, "did not take the window until 2025-11-21T03:00:00Z in any spelling; it was removed again");
    act_free(&x);

    x = act_new("maintenance_start", "{\"minutes\":60}");
    play_status(x.p, WINDOW, 400, "{\"resultCode\":\"FAILURE\",\"errorMessage\":{\"code\":\"bad_end\",\"params\":{}}}");
    bad(&x, ERR_PROTOCOL, "bad_end");
    act_free(&x);

    x = act_new("maintenance_start", "{\"minutes\":60,\"features\":\"ALERTS,COFFEE\"}");
    bad(&x, ERR_INPUT, "\"COFFEE\" is none of");
    act_free(&x);
}

static void a_window_is_ended(void **state)
{
    struct act x = act_new("maintenance_end", NULL);
    play_status(x.p, UNDO, 204, "");
    play_json(x.p, READ, "{\"id\":4711}");
    good(&x, "{\"maintenance\":false}");
    act_free(&x);

    x = act_new("maintenance_end", NULL);
    play_status(x.p, UNDO, 204, "");
    play_json(x.p, READ, ENDS("1763694000.0"));
    bad(&x, ERR_PROTOCOL, "still shows one");
    act_free(&x);
}

/* --- custom fields --- */

#define TYPES                                                                                                          \
    "[{\"name\":\"text\",\"type\":\"TEXT\",\"apiPermission\":\"READ_WRITE\"},{\"name\":\"n\",\"type\":\"NUMERIC\"},"   \
    "{\"name\":\"on\",\"type\":\"CHECKBOX\"},{\"name\":\"day\",\"type\":\"DATE\"},{\"name\":\"many\",\"type\":"        \
    "\"MULTI_SELECT\"},{\"name\":\"pin\",\"type\":\"TEXT_ENCRYPTED\",\"apiPermission\":\"READ_WRITE\"},"               \
    "{\"name\":\"fixed\",\"type\":\"TEXT\",\"apiPermission\":\"READ_ONLY\"}]"
#define FIELDS "GET /v2/device/4711/custom-fields"
#define WRITE  "PATCH /v2/device/4711/custom-fields"

static void a_field_is_written_in_its_type_and_read_back(void **state)
{
    static const struct {
        const char *args, *sent, *shown, *result;
    } cases[] = {
        {"{\"name\":\"text\",\"value\":\"B\\u00fcro \\\"3\\\"\"}", "{\"text\":\"B\xc3\xbcro \\\"3\\\"\"}",
         "{\"other\":[1],\"text\":\"B\xc3\xbcro \\\"3\\\"\"}",
         "{\"name\":\"text\",\"type\":\"TEXT\",\"value\":\"B\xc3\xbcro \\\"3\\\"\"}"},
        {"{\"name\":\"n\",\"value\":\"42\"}", "{\"n\":42}", "{\"n\":42.0}",
         "{\"name\":\"n\",\"type\":\"NUMERIC\",\"value\":42.0}"},
        {"{\"name\":\"on\",\"value\":\"TRUE\"}", "{\"on\":true}", "{\"on\":true}",
         "{\"name\":\"on\",\"type\":\"CHECKBOX\",\"value\":true}"},
        {"{\"name\":\"day\",\"value\":\"2025-12-01\"}", "{\"day\":1764547200000}", "{\"day\":1764547200000}",
         "{\"name\":\"day\",\"type\":\"DATE\",\"value\":1764547200000}"},
        {"{\"name\":\"many\",\"value\":\"a, b\"}", "{\"many\":[\"a\",\"b\"]}", "{\"many\":[\"a\",\"b\"]}",
         "{\"name\":\"many\",\"type\":\"MULTI_SELECT\",\"value\":[\"a\",\"b\"]}"},
        {"{\"name\":\"text\"}", "{\"text\":null}", "{}", "{\"name\":\"text\",\"type\":\"TEXT\",\"value\":null}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act_new("set_custom_field", cases[i].args);
        play_json(x.p, "GET /v2/device-custom-fields", TYPES);
        play_on(x.p, WRITE, (struct play_reply){.status = 204, .body_wants = cases[i].sent});
        play_json(x.p, FIELDS, cases[i].shown);
        good(&x, cases[i].result);
        assert_line(play_log(x.p), "refresh 4711 2025-11-21T02:00:00Z"); /* all fields are one list */
        act_free(&x);
    }
}

static void a_field_that_cannot_be_written_is_not(void **state)
{
    static const struct {
        const char *args, *says;
        enum err_code code;
        bool asked;
    } cases[] = {
        {"{\"name\":\"none\",\"value\":\"x\"}", "no custom field \"none\"", ERR_INPUT, true},
        {"{\"name\":\"pin\",\"value\":\"x\"}", "pin keeps a secret", ERR_INPUT, true},
        {"{\"name\":\"fixed\",\"value\":\"x\"}", "may not be written", ERR_FORBIDDEN, true},
        {"{\"name\":\"n\",\"value\":\"many\"}", "n (NUMERIC) takes a whole number", ERR_INPUT, true},
        {"{\"name\":\"on\",\"value\":\"maybe\"}", "on (CHECKBOX) takes true or false", ERR_INPUT, true},
        {"{\"name\":\"day\",\"value\":\"soon\"}", "takes a date", ERR_INPUT, true},
        {"{\"name\":\"a.b[]\",\"value\":\"x\"}", "is no name of a custom field", ERR_INPUT, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act_new("set_custom_field", cases[i].args);
        if (cases[i].asked)
            play_json(x.p, "GET /v2/device-custom-fields", TYPES);
        bad(&x, cases[i].code, cases[i].says);
        assert_int_equal(count_says(play_calls(x.p), "PATCH"), 0);
        act_free(&x);
    }
}

static void a_value_that_is_not_shown_is_no_success(void **state)
{
    struct act x = act_new("set_custom_field", "{\"name\":\"text\",\"value\":\"new\"}");
    play_json(x.p, "GET /v2/device-custom-fields", TYPES);
    play_status(x.p, WRITE, 204, "");
    play_json(x.p, FIELDS, "{\"text\":\"old\"}");
    bad(&x, ERR_PROTOCOL, "shows \"old\"");
    act_free(&x);

    x = act_new("set_custom_field", "{\"name\":\"text\",\"value\":\"new\"}");
    play_json(x.p, "GET /v2/device-custom-fields", TYPES);
    play_status(x.p, WRITE, 400,
                "{\"resultCode\":\"FAILURE\",\"errorMessage\":{\"code\":\"attribute_invalid\",\"params\":{}}}");
    bad(&x, ERR_PROTOCOL, "attribute_invalid");
    act_free(&x);
}

/* --- live --- */

static void live_script(struct play *p)
{
    play_json(p, "GET /v2/device/4711",
              "{\"id\":4711,\"systemName\":\"pc\",\"offline\":false,\"os\":{\"name\":\"Windows 11\"}}");
    play_json(p, "GET /v2/device/4711/volumes?include=bl", "[{\"name\":\"C:\"},{\"name\":\"D:\"}]");
    play_json(p, "GET /v2/device/4711/network-interfaces", "[]");
    play_json(p, "GET /v2/device/4711/last-logged-on-user", "{\"userName\":\"jdoe\"}");
    play_status(p, "GET /v2/queries/antivirus-status?pageSize=1000&df=id%20%3D%204711", 500, "\"oops\"");
    play_json(p, "GET /v2/queries/device-health?pageSize=1000&df=id%20%3D%204711",
              "{\"results\":[{\"deviceId\":4711,\"healthStatus\":\"HEALTHY\"}]}");
    play_json(p, "GET /v2/device/4711/alerts",
              "[{\"uid\":\"" UID "\",\"deviceId\":4711,\"priority\":\"HIGH\",\"subject\":\"s\"}]");
    play_status(p, "GET /v2/device-custom-fields", 403, "{\"resultCode\":\"permission_denied\"}");
    play_json(p, "GET /v2/queries/custom-fields-detailed?pageSize=1000&df=id%20%3D%204711",
              "{\"results\":[{\"deviceId\":4711,\"fields\":[{\"name\":\"rack\",\"value\":7}]}]}");
}

static void live_details_are_one_object_and_are_stored(void **state)
{
    struct act x = act_new("live", NULL);

    live_script(x.p);
    if (!play_run(x.p, (struct play_cut){7, 2}, &x.e))
        fail_msg("%s", x.e.what);
    assert_says(play_log(x.p), "result {\"device\":{\"id\":\"4711\",\"name\":\"pc\"");
    assert_says(play_log(x.p), ",\"os\":{\"name\":\"Windows 11\"}");
    assert_says(play_log(x.p), ",\"volumes\":[{\"name\":\"C:\"},{\"name\":\"D:\"}],\"interfaces\":[]");
    assert_says(play_log(x.p), ",\"last_user\":{\"name\":\"jdoe\"}");
    assert_says(play_log(x.p), ",\"health\":{\"status\":\"HEALTHY\"}");
    assert_says(play_log(x.p), ",\"custom_fields\":[{\"name\":\"rack\",\"value\":\"7\"}]");
    assert_says(play_log(x.p), "\"alerts\":[{\"series\":\"" UID "\",\"severity\":\"major\"");
    assert_says(play_log(x.p), "\"unavailable\":{\"device-antivirus-status\":\"NinjaOne answered 500");
    assert_line(play_log(x.p), "volumes 4711 {\"name\":\"D:\"}");
    assert_int_equal(count_says(play_log(x.p), "software"), 0);
    act_free(&x);
}

static void live_details_of_what_has_gone(void **state)
{
    struct act x = act_new("live", NULL);
    play_status(x.p, "GET /v2/device/4711", 404, MISSING);
    good(&x, "{\"device\":null,\"alerts\":[],\"unavailable\":{}}");
    assert_line(play_log(x.p), "gone 4711 -");
    act_free(&x);

    x = act_new("live", NULL);
    play_status(x.p, "GET /v2/device/4711", 503, "");
    bad(&x, ERR_UNAVAILABLE, "NinjaOne answered 503"); /* the hub answers from what it has kept */
    act_free(&x);
}

/* What acts is never marked as repeatable, and what disturbs people says so. */
static void flags_are_what_the_actions_are(void **state)
{
    static const struct {
        const char *key;
        unsigned flags;
    } flags[] = {
        {"live", ACTION_READS},
        {"remote_link", ACTION_READS | ACTION_REMOTE},
        {"reset_alert", 0},
        {"reboot", ACTION_DISRUPTIVE},
        {"run_script", ACTION_DISRUPTIVE},
        {"maintenance_start", 0},
        {"maintenance_end", 0},
        {"set_custom_field", 0},
    };

    assert_int_equal(ninjaone()->nactions, ARRAY_LEN(flags));
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        assert_int_equal(action(flags[i].key)->flags, flags[i].flags);
    assert_int_equal(action("remote_link")->cache, SECONDS(300));
    assert_int_equal(action("remote_link")->stale_cache, 0); /* an old link opens nothing */
    assert_int_equal(action("live")->cache, SECONDS(60));
    assert_int_equal(action("live")->stale_cache, SECONDS(86400));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_is_reset_and_closed_here),
        cmocka_unit_test(a_reset_that_fails_closes_nothing),
        cmocka_unit_test(a_link_comes_from_the_product_or_is_the_consoles_own),
        cmocka_unit_test(a_reboot_has_its_mode_and_reason),
        cmocka_unit_test(a_script_is_run_whatever_is_said_to_it),
        cmocka_unit_test(a_script_or_an_action_not_both),
        cmocka_unit_test(a_window_is_set_and_read_back),
        cmocka_unit_test(a_window_in_the_wrong_unit_is_set_again),
        cmocka_unit_test(a_window_of_another_length_is_not_left),
        cmocka_unit_test(a_window_is_ended),
        cmocka_unit_test(a_field_is_written_in_its_type_and_read_back),
        cmocka_unit_test(a_field_that_cannot_be_written_is_not),
        cmocka_unit_test(a_value_that_is_not_shown_is_no_success),
        cmocka_unit_test(live_details_are_one_object_and_are_stored),
        cmocka_unit_test(live_details_of_what_has_gone),
        cmocka_unit_test(flags_are_what_the_actions_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
