/* tacticalrmm_actions.c - what Tactical RMM is made to do: the calls, byte for byte, and what each answer means. */
#include "base/test.h"
#include "provider/harness.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define SETTINGS "{\"base_url\":\"https://api.example.com\",\"api_key\":\"KEY\"}"
#define AGENT    "LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP"
#define PATH     "/agents/" AGENT "/"
#define DENIED   "{\"detail\":\"You do not have permission to perform this action.\"}"

static const struct provider *tactical(void)
{
    return provider_find(SLICE("tacticalrmm"));
}

static const struct provider_action *action(const char *key)
{
    for (size_t i = 0; i < tactical()->nactions; i++)
        if (strcmp(tactical()->actions[i].key, key) == 0)
            return &tactical()->actions[i];
    fail_msg("no action %s", key);
    return NULL;
}

struct act {
    struct play *play;
    struct settings *args;
};

static struct act act(const char *key, const char *args)
{
    const struct provider_action *a = action(key);
    struct act x = {.play = play_new(tactical(), a->ops, SETTINGS)};
    struct err e = {0};

    x.args = settings_from_json(a->fields, a->nfields, slice_cstr(args), &e);
    if (!x.args)
        fail_msg("%s", e.what);
    play_input(x.play)->args = x.args;
    if (a->target == ACTION_ON_DEVICE)
        play_input(x.play)->device_id = SLICE(AGENT);
    return x;
}

static void end(struct act *x)
{
    play_free(x->play);
    settings_free(x->args);
}

static void good(struct act *x)
{
    struct err e = {0};
    if (!play_run(x->play, (struct play_cut){5, 1}, &e))
        fail_msg("%s", e.what);
}

static void bad(struct act *x, enum err_code code, const char *says)
{
    struct err e = {0};
    assert_false(play_run(x->play, (struct play_cut){0, 0}, &e));
    assert_says(e.what, says);
    assert_int_equal(e.code, code);
    assert_int_equal(count_says(play_log(x->play), "result"), 0);
}

/* --- one call each --- */

static void commands_say_what_they_did(void **state)
{
    static const struct {
        const char *key, *call, *wants, *body, *result;
    } cases[] = {
        {"reboot", "POST " PATH "reboot/", "{}", "\"ok\"", "result {\"rebooting\":true}"},
        {"maintenance_start", "PUT " PATH, "{\"maintenance_mode\":true}", "\"The agent was updated successfully\"",
         "result {\"maintenance\":true}"},
        {"maintenance_end", "PUT " PATH, "{\"maintenance_mode\":false}", "\"The agent was updated successfully\"",
         "result {\"maintenance\":false}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act(cases[i].key, "{}");
        play_on(x.play, cases[i].call, (struct play_reply){.body = cases[i].body, .body_wants = cases[i].wants});
        good(&x);
        assert_line(play_log(x.play), cases[i].result);
        end(&x);
    }
    struct act x = act("maintenance_start", "{}"); /* the inventory knows at once */
    play_json(x.play, "PUT " PATH, "\"The agent was updated successfully\"");
    good(&x);
    assert_line(play_log(x.play), "device {\"id\":\"" AGENT "\",\"maintenance\":true}");
    end(&x);
}

static void refusals_are_told_for_what_they_are(void **state)
{
    static const struct {
        const char *key, *args, *call;
        struct play_reply reply;
        const char *says;
        enum err_code code;
    } cases[] = {
        {"reboot",
         "{}",
         "POST " PATH "reboot/",
         {.status = 400, .body = "\"Unable to contact the agent\""},
         "cannot reach the agent",
         ERR_UNAVAILABLE},
        {"reboot",
         "{}",
         "POST " PATH "reboot/",
         {.status = 404, .body = "{\"detail\":\"No Agent matches the given query.\"}"},
         "no such agent any more",
         ERR_NOT_FOUND},
        {"reboot", "{}", "POST " PATH "reboot/", {.status = 403, .body = DENIED}, "can_reboot_agents", ERR_FORBIDDEN},
        {"reboot",
         "{}",
         "POST " PATH "reboot/",
         {.body = "\"natsdown\""},
         "answered the reboot with \"natsdown\"",
         ERR_PROTOCOL},
        {"maintenance_start", "{}", "PUT " PATH, {.status = 403, .body = DENIED}, "can_edit_agent", ERR_FORBIDDEN},
        {"remote_link",
         "{}",
         "GET " PATH "meshcentral/",
         {.status = 403, .body = DENIED},
         "can_use_mesh",
         ERR_FORBIDDEN},
        {"remote_link",
         "{}",
         "GET " PATH "meshcentral/",
         {.body = "{\"control\":\"https://mesh.example.com/?login=abc&gotonode=None&viewmode=11\"}"},
         "never been connected to MeshCentral",
         ERR_UNAVAILABLE},
        {"remote_link",
         "{}",
         "GET " PATH "meshcentral/",
         {.body = "{\"control\":\"https://mesh.example.com/?login=err&gotonode=ab&viewmode=11\"}"},
         "no usable key of MeshCentral",
         ERR_CONFIG},
        {"remote_link",
         "{}",
         "GET " PATH "meshcentral/",
         {.body = "{\"control\":\"javascript:alert(1)\"}"},
         "no address for the remote session",
         ERR_PROTOCOL},
        {"remote_link", "{}", "GET " PATH "meshcentral/", {.body = "[]"}, "cannot be read", ERR_PROTOCOL},
        {"run_script",
         "{\"script\":\"7\"}",
         "POST " PATH "runscript/",
         {.status = 404, .body = "{\"detail\":\"No Script matches the given query.\"}"},
         "no such script",
         ERR_INPUT},
        {"run_script",
         "{\"script\":\"7\"}",
         "POST " PATH "runscript/",
         {.status = 403, .body = DENIED},
         "can_run_scripts",
         ERR_FORBIDDEN},
        {"run_script",
         "{\"script\":\"7\",\"timeout\":9}",
         "POST " PATH "runscript/",
         {.body = "\"timeout\""},
         "no output within 9 s",
         ERR_TIMEOUT},
        {"run_script",
         "{\"script\":\"7\"}",
         "POST " PATH "runscript/",
         {.body = "\"natsdown\""},
         "was not run",
         ERR_UNAVAILABLE},
        {"list_scripts", "{}", "GET /scripts/", {.status = 403, .body = DENIED}, "can_list_scripts", ERR_FORBIDDEN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act(cases[i].key, cases[i].args);
        play_on(x.play, cases[i].call, cases[i].reply);
        bad(&x, cases[i].code, cases[i].says);
        assert_int_equal(count_says(play_calls(x.play), "\n"), 1);
        end(&x);
    }
}

static void what_acts_is_not_repeatable(void **state)
{
    static const struct {
        const char *key;
        bool repeatable;
    } cases[] = {{"reboot", false}, {"run_script", false}, {"maintenance_start", true}, {"remote_link", true}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act(cases[i].key, strcmp(cases[i].key, "run_script") ? "{}" : "{\"script\":\"1\"}");
        struct machine_call c = {0};
        struct str lines = {0};
        struct sink sink;
        struct err e = {0};
        lines_sink(&sink, &lines);
        struct machine *m = action(cases[i].key)->ops->start(play_input(x.play), &sink, &e);
        assert_int_equal(action(cases[i].key)->ops->next(m, &c), MACHINE_CALL);
        assert_int_equal(c.repeatable, cases[i].repeatable);
        action(cases[i].key)->ops->free(m);
        str_release(&lines);
        end(&x);
    }
}

static void ids_have_a_shape(void **state)
{
    static const char *const on_agent[] = {"live",      "remote_link", "reboot", "maintenance_start", "maintenance_end",
                                           "run_script"};

    for (size_t i = 0; i < ARRAY_LEN(on_agent); i++) {
        struct act x = act(on_agent[i], strcmp(on_agent[i], "run_script") ? "{}" : "{\"script\":\"1\"}");
        play_input(x.play)->device_id = SLICE("17/../../core");
        bad(&x, ERR_INPUT, "is no Tactical agent id");
        end(&x);
    }
    static const char *const alerts[] = {"", "abc", "-4", "7/../8", "7.5"};
    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        struct act x = act("reset_alert", "{}");
        play_input(x.play)->target_id = slice_cstr(alerts[i]);
        bad(&x, ERR_INPUT, "is no alert of Tactical RMM");
        end(&x);
    }
}

/* --- remote link, alerts --- */

static void remote_link_is_given_with_its_ways(void **state)
{
    struct act x = act("remote_link", "{}");

    play_json(
        x.play, "GET " PATH "meshcentral/",
        "{\"hostname\":\"WEB-001\",\"control\":\"https://mesh.example.com/"
        "?login=Df3=&gotonode=ce9e&viewmode=11&hide=31\","
        "\"terminal\":\"https://mesh.example.com/?login=Df3=&gotonode=ce9e&viewmode=12&hide=31\","
        "\"file\":\"https://mesh.example.com/?login=Df3=&gotonode=ce9e&viewmode=13&hide=31\",\"status\":\"overdue\","
        "\"client\":\"Zebra \\\"Quoted\\\" LLC\",\"site\":\"Main\"}");
    good(&x);
    assert_line(play_log(x.play),
                "result {\"url\":\"https://mesh.example.com/?login=Df3=&gotonode=ce9e&viewmode=11&hide=31\","
                "\"terminal_url\":\"https://mesh.example.com/?login=Df3=&gotonode=ce9e&viewmode=12&hide=31\","
                "\"files_url\":\"https://mesh.example.com/?login=Df3=&gotonode=ce9e&viewmode=13&hide=31\","
                "\"agent_status\":\"overdue\"}");
    assert_int_equal(action("remote_link")->cache, SECONDS(300));
    assert_int_equal(action("remote_link")->flags, ACTION_READS | ACTION_REMOTE);
    end(&x);
}

static void alert_is_resolved_or_gone(void **state)
{
    struct act x = act("reset_alert", "{}");

    play_input(x.play)->target_id = SLICE("75");
    play_on(x.play, "PUT /alerts/75/", (struct play_reply){.body = "\"ok\"", .body_wants = "{\"type\":\"resolve\"}"});
    good(&x);
    assert_line(play_log(x.play), "result {\"resolved\":true,\"was_gone\":false}");
    end(&x);

    x = act("reset_alert", "{}"); /* it went with its agent */
    play_input(x.play)->target_id = SLICE("75");
    play_status(x.play, "PUT /alerts/75/", 404, "{\"detail\":\"No Alert matches the given query.\"}");
    good(&x);
    assert_line(play_log(x.play), "result {\"resolved\":true,\"was_gone\":true}");
    end(&x);

    x = act("reset_alert", "{}"); /* a wrong path is no alert that is gone */
    play_input(x.play)->target_id = SLICE("75");
    play_on(x.play, "PUT /alerts/75/",
            (struct play_reply){.status = 404, .content_type = "text/html", .body = "<html>"});
    bad(&x, ERR_NOT_FOUND, "base_url");
    end(&x);
}

/* --- scripts --- */

#define SCRIPTS                                                                                                        \
    "[{\"id\":1,\"name\":\"Restart spooler\",\"shell\":\"powershell\",\"category\":\"TRMM "                            \
    "(Win):Printing\",\"description\":\"\","                                                                           \
    "\"supported_platforms\":[]},{\"id\":2,\"name\":\"Uptime\",\"shell\":\"shell\",\"category\":null,\"supported_"     \
    "platforms\":["                                                                                                    \
    "\"linux\",\"darwin\"]},{\"id\":3,\"name\":\"Uptime\"},{\"id\":4,\"name\":\"Gr\xc3\xb6\xc3\x9f\x65 \\\"x\\\" \"}," \
    "{\"id\":5,\"name\":\"old\",\"hidden\":true},{\"id\":null,\"name\":\"Restart spooler\"}]"

static void script_is_run_with_all_members(void **state)
{
    static const struct {
        const char *args, *wants, *body, *result;
    } cases[] = {
        {"{\"script\":\"1\"}",
         "{\"script\":1,\"output\":\"wait\",\"args\":[],\"env_vars\":[],\"run_as_user\":false,\"timeout\":20}",
         "\"hello \\u00e4\\n\\\"quoted\\\"\"",
         "result {\"script_id\":1,\"finished\":true,\"output\":\"hello "
         "\xc3\xa4\\n\\\"quoted\\\"\",\"output_cut\":false}"},
        {"{\"script\":\" 2 \",\"arguments\":\"-Force\\r\\n\\n-Path \\\"C:\\\\x "
         "y\\\"\",\"run_as_user\":true,\"timeout\":90}",
         "\"args\":[\"-Force\",\"-Path \\\"C:\\\\x y\\\"\"],\"env_vars\":[],\"run_as_user\":true,\"timeout\":90}",
         "\"\"", "result {\"script_id\":2,\"finished\":true,\"output\":\"\",\"output_cut\":false}"},
        {"{\"script\":\"1\",\"wait\":false}", "\"output\":\"forget\"", "\"Restart spooler will now be run on WEB-001\"",
         "result {\"script_id\":1,\"finished\":false,\"message\":\"Restart spooler will now be run on "
         "WEB-001\",\"output_cut\":false}"},
        {"{\"script\":\"1\"}", NULL, "\"timeout\\n\"", /* what the script printed */
         "result {\"script_id\":1,\"finished\":true,\"output\":\"timeout\\n\",\"output_cut\":false}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct act x = act("run_script", cases[i].args);
        play_on(x.play, "POST " PATH "runscript/",
                (struct play_reply){.body = cases[i].body, .body_wants = cases[i].wants});
        good(&x);
        assert_line(play_log(x.play), cases[i].result);
        end(&x);
    }
}

static void long_output_is_cut(void **state)
{
    struct act x = act("run_script", "{\"script\":\"1\"}");
    struct str body = {0};

    str_addc(&body, '"');
    for (size_t i = 0; i < 50000; i++)
        str_adds(&body, "\xc3\xa4");
    str_addc(&body, '"');
    play_json(x.play, "POST " PATH "runscript/", body.p);
    struct err e = {0};
    assert_true(play_run(x.play, (struct play_cut){0, 0}, &e));
    assert_says(play_log(x.play), "\xc3\xa4\",\"output_cut\":true}");
    assert_true(strlen(play_log(x.play)) < 66000);
    str_release(&body);
    end(&x);
}

static void script_is_found_by_a_name_of_its_own(void **state)
{
    struct act x = act("run_script", "{\"script\":\"Gr\xc3\xb6\xc3\x9f\x65 \\\"x\\\"\"}");

    play_json(x.play, "GET /scripts/", SCRIPTS);
    play_on(x.play, "POST " PATH "runscript/", (struct play_reply){.body = "\"done\"", .body_wants = "{\"script\":4,"});
    good(&x);
    end(&x);

    static const struct {
        const char *name, *says;
    } cases[] = {{"Uptime", "more than one script"}, {"nothing", "no script"}, {"uptime", "no script"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *args = mem_printf("{\"script\":\"%s\"}", cases[i].name);
        x = act("run_script", args);
        play_json(x.play, "GET /scripts/", SCRIPTS);
        bad(&x, ERR_INPUT, cases[i].says);
        assert_int_equal(count_says(play_calls(x.play), "runscript"), 0);
        end(&x);
        free(args);
    }
}

static void scripts_are_listed(void **state)
{
    struct act x = act("list_scripts", "{}");

    play_on(x.play, "GET /scripts/", (struct play_reply){.body = SCRIPTS, .cut_once = true});
    good(&x);
    assert_line(
        play_log(x.play),
        "result {\"scripts\":[{\"id\":\"1\",\"name\":\"Restart spooler\",\"shell\":\"powershell\",\"category\":\"TRMM "
        "(Win):Printing\",\"description\":null,\"platforms\":[]},{\"id\":\"2\",\"name\":\"Uptime\",\"shell\":\"shell\","
        "\"category\":null,\"description\":null,\"platforms\":[\"linux\",\"darwin\"]},{\"id\":\"3\",\"name\":"
        "\"Uptime\","
        "\"shell\":null,\"category\":null,\"description\":null,\"platforms\":[]},{\"id\":\"4\",\"name\":"
        "\"Gr\xc3\xb6\xc3\x9f\x65 "
        "\\\"x\\\" \",\"shell\":null,\"category\":null,\"description\":null,\"platforms\":[]}]}");
    end(&x);
}

/* --- live --- */

static void file(struct play *p, const char *call, const char *name)
{
    char *body = fixture(name);
    play_json(p, call, body);
    free(body);
}

static void live_tells_checks_and_updates(void **state)
{
    struct act x = act("live", "{}");

    file(x.play, "GET " PATH, "tacticalrmm/agent_detail.json");
    play_json(x.play, "GET /clients/sites/10/", "{\"id\":10,\"name\":\"Branch\",\"client\":5}");
    file(x.play, "GET /core/customfields/", "tacticalrmm/custom_fields.json");
    file(x.play, "GET " PATH "checks/", "tacticalrmm/checks.json");
    file(x.play, "GET /winupdate/" AGENT "/", "tacticalrmm/updates.json");
    good(&x);
    assert_says(play_log(x.play),
                "result {\"as_of\":\"2025-11-21T02:00:00Z\",\"hostname\":\"WEB-001\",\"status\":\"online\"");
    assert_says(play_log(x.play), "\"checks_total\":2,\"checks_failing\":0,\"disks\":[{\"name\":\"C:\"");
    assert_says(play_log(x.play),
                "\"checks\":[{\"name\":\"Service Check: Print Spooler\",\"description\":\"Service Check: Print "
                "Spooler\",\"type\":\"winsvc\",\"status\":\"failing\",\"severity\":\"error\",\"info\":null,\"last_"
                "run\":\"2026-11-"
                "21T01:33:27.197058Z\"},{\"name\":\"Memory Check -  Warning Threshold: 80%\"");
    assert_says(play_log(x.play),
                "\"status\":null,\"severity\":null,\"info\":null,\"last_run\":null}],\"updates\":[{\"title\"");
    assert_says(play_log(x.play), "\"status\":\"approved\"");
    assert_says(play_log(x.play), "\"not_available\":[]}");
    assert_int_equal(count_says(play_log(x.play), "\nresult"), 1);
    assert_says(play_log(x.play), "patch {\"device_id\":\"" AGENT "\""); /* and the inventory knows */
    assert_says(play_log(x.play), "device {\"id\":\"" AGENT "\"");
    end(&x);
}

static void live_tells_what_it_may_not_read(void **state)
{
    struct act x = act("live", "{}");

    play_json(x.play, "GET " PATH, "{\"agent_id\":\"" AGENT "\",\"plat\":\"windows\",\"hostname\":\"W\"}");
    play_status(x.play, "GET " PATH "checks/", 403, DENIED);
    play_status(x.play, "GET /winupdate/" AGENT "/", 403, DENIED);
    good(&x);
    assert_says(play_log(x.play), "\"checks\":[],\"updates\":[],\"not_available\":[{\"what\":");
    assert_says(play_log(x.play), "can_list_checks");
    assert_says(play_log(x.play), "can_manage_winupdates");
    end(&x);

    x = act("live", "{}");
    play_status(x.play, "GET " PATH, 404, "{\"detail\":\"No Agent matches the given query.\"}");
    bad(&x, ERR_NOT_FOUND, "No Agent matches");
    assert_says(play_log(x.play), "gone " AGENT);
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_say_what_they_did),           cmocka_unit_test(refusals_are_told_for_what_they_are),
        cmocka_unit_test(what_acts_is_not_repeatable),          cmocka_unit_test(ids_have_a_shape),
        cmocka_unit_test(remote_link_is_given_with_its_ways),   cmocka_unit_test(alert_is_resolved_or_gone),
        cmocka_unit_test(script_is_run_with_all_members),       cmocka_unit_test(long_output_is_cut),
        cmocka_unit_test(script_is_found_by_a_name_of_its_own), cmocka_unit_test(scripts_are_listed),
        cmocka_unit_test(live_tells_checks_and_updates),        cmocka_unit_test(live_tells_what_it_may_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
