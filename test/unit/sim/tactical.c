/* sim/tactical.c - the simulated Tactical RMM: shapes and refusals as a real server was recorded to give them. */
#include "tactical/tactical.h"
#include "sim/world.h"

#define TRACE "created_by,created_time,modified_by,modified_time"
#define COLUMNS                                                                                                        \
    "version,operating_system,plat,goarch,hostname,agent_id,last_seen,services,public_ip,total_ram,disks,boot_time,"   \
    "logged_in_username,"                                                                                              \
    "last_logged_in_user,monitoring_type,description,mesh_node_id,overdue_email_alert,overdue_text_alert,overdue_"     \
    "dashboard_alert,"                                                                                                 \
    "offline_time,overdue_time,check_interval,needs_reboot,choco_installed,wmi_detail,patches_last_installed,time_"    \
    "zone,"                                                                                                            \
    "maintenance_mode,block_policy_inheritance,site,policy,alert_template"
#define HARDWARE "status,checks,cpu_model,graphics,local_ips,make_model,physical_disks"
#define ROW                                                                                                            \
    "agent_id,alert_template,hostname,site_name,client_name,monitoring_type,description,needs_reboot,pending_actions_" \
    "count,"                                                                                                           \
    "overdue_text_alert,overdue_email_alert,overdue_dashboard_alert,last_seen,boot_time,maintenance_mode,logged_"      \
    "username,italic,"                                                                                                 \
    "block_policy_inheritance,plat,goarch,has_patches_pending,version,operating_system,public_ip,custom_fields,"       \
    "serial_number," HARDWARE
#define ALERT                                                                                                          \
    "id,alert_time,alert_type,message,snoozed,snooze_until,resolved,resolved_on,severity,email_sent,resolved_email_"   \
    "sent,sms_sent,"                                                                                                   \
    "resolved_sms_sent,hidden,action_run,action_stdout,action_stderr,action_retcode,action_execution_time,resolved_"   \
    "action_run,"                                                                                                      \
    "resolved_action_stdout,resolved_action_stderr,resolved_action_retcode,resolved_action_execution_time,agent,"      \
    "assigned_check,"                                                                                                  \
    "assigned_task"

static struct got ask(struct world *w, enum http_method method, const char *target, const char *body)
{
    return world_ask(w, "tactical", method, target, body);
}

static struct got get(struct world *w, const char *target)
{
    return ask(w, HTTP_GET, target, NULL);
}

static int setup(void **state)
{
    world_setup(state);
    ((struct world *)*state)->key = TACTICAL_KEY;
    return 0;
}

static void credentials_are_judged_as_recorded(void **state)
{
    static const struct {
        const char *token, *key;
        int status;
        const char *detail;
    } rows[] = {{"", NULL, 401, "Authentication credentials were not provided."},
                {"", "", 401, "Authentication credentials were not provided."},
                {"", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 401, "Invalid token."},
                {"", "simtacticalkeyfullaccess00000001", 401, "Invalid token."},
                {"", TACTICAL_KEY_EXPIRED, 401, "The token has expired."},
                {"", TACTICAL_KEY_INACTIVE, 401, "User inactive or deleted."},
                {"", TACTICAL_KEY_NO_ROLE, 403, "You do not have permission to perform this action."},
                {"Bearer " TACTICAL_KEY, NULL, 401, "Authentication credentials were not provided."},
                {"Token ffff", TACTICAL_KEY, 401, "Invalid token."},
                {"Token", TACTICAL_KEY, 401, "Invalid token header. No credentials provided."},
                {"Token a b", TACTICAL_KEY, 401, "Invalid token header. Token string should not contain spaces."}};
    struct world *w = *state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        snprintf(w->token, sizeof(w->token), "%s", rows[k].token);
        w->key = rows[k].key;
        struct got g = get(w, "/beta/v1/site/?page_size=1");
        assert_int_equal(g.status, rows[k].status);
        assert_text(json_get_text(g.json, "detail"), rows[k].detail);
        assert_true((g.challenge != NULL) == (g.status == 401));
    }
    w->token[0] = '\0';
    w->key = NULL;
    assert_text(get(w, "/").text, "{\"status\":\"ok\"}");
    assert_int_equal(get(w, "/core/version/").status, 401);
    w->key = TACTICAL_KEY_NO_ROLE;
    assert_text(get(w, "/core/version/").text, "\"0.0.203\""); /* any login */
}

static void paths_are_judged_as_recorded(void **state)
{
    struct world *w = *state;
    struct got g = ask(w, HTTP_PATCH, "/alerts", "{}");
    assert_int_equal(g.status, 301);
    assert_string_equal(g.location, "/alerts/");
    assert_int_equal(g.text.n, 0);
    g = get(w, "/alerts/");
    assert_int_equal(g.status, 405);
    assert_string_equal(g.allow, "POST, PATCH, OPTIONS");
    assert_text(json_get_text(g.json, "detail"), "Method \"GET\" not allowed.");
    g = get(w, "/nosuch/");
    assert_int_equal(g.status, 404);
    assert_null(g.json);
    assert_int_equal(g.text.n, 179); /* the page that Django was recorded to send */
    assert_int_equal(get(w, "/beta/v1/agent/").status, 200);
    world_control(w, HTTP_PATCH, "/control/tactical/settings", "{\"beta\":false}");
    g = get(w, "/beta/v1/agent/");
    assert_int_equal(g.status, 404);
    assert_null(g.json);
    w->key = NULL; /* URLs are resolved before credentials are looked at */
    assert_int_equal(get(w, "/nosuch/").status, 404);
    assert_int_equal(get(w, "/agents/abc123/").status, 401);
}

static void shapes_are_the_recorded_ones(void **state)
{
    struct world *w = *state;
    const struct json *rows = json_get(get(w, "/beta/v1/agent/?page_size=5").json, "results");
    assert_keys(json_at(rows, 0), "id," TRACE ",default_shell,default_shell_custom," COLUMNS);
    assert_keys(get(w, "/beta/v1/agent/1/").json,
                COLUMNS "," HARDWARE ",hex_mesh_node_id,pending_actions_count,serial_number");
    struct got list = get(w, "/agents/");
    assert_keys(json_at(list.json, 0), ROW ",policy"); /* agent 1 has one */
    assert_keys(json_at(list.json, 1), ROW);
    char target[80];
    snprintf(target, sizeof(target), "/agents/%.*s/", SLICE_FMT(json_get_text(json_at(list.json, 0), "agent_id")));
    assert_keys(get(w, target).json,
                COLUMNS "," TRACE "," HARDWARE
                        ",winupdatepolicy,timezone,all_timezones,client,site_name,custom_fields,applied_policies,"
                        "effective_patch_policy,effective_default_shell,default_shell,default_shell_custom");
    assert_keys(json_at(get(w, "/agents/?detail=false").json, 0), "id,hostname,agent_id,client,site");
    assert_keys(json_at(get(w, "/beta/v1/client/").json, 0),
                "id," TRACE
                ",name,block_policy_inheritance,failing_checks,workstation_policy,server_policy,alert_template");
    assert_keys(json_at(get(w, "/clients/").json, 0),
                "id,name,server_policy,workstation_policy,alert_template,block_policy_inheritance,"
                "sites,custom_fields,agent_count,maintenance_mode,failing_checks");
    assert_keys(get(w, "/clients/sites/1/").json,
                "id,name,server_policy,workstation_policy,alert_template,client_name,client,"
                "custom_fields,block_policy_inheritance,failing_checks");
    assert_keys(get(w, "/alerts/1/").json, ALERT ",hostname,agent_id,client,site");
    struct got all = ask(w, HTTP_PATCH, "/alerts/", NULL);
    assert_keys(json_at(all.json, json_count(all.json) - 1), ALERT); /* the last belongs to no agent */
    const struct json *software = json_at(get(w, "/software/").json, 0);
    assert_keys(software, "id,agent,software");
    assert_keys(json_get(software, "software")->child,
                "name,size,source,version,location,publisher,uninstall,install_date");
}

static void beta_pages_by_number(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/beta/v1/agent/?page_size=15&page=2");
    assert_int_equal(json_number(g.json, "count"), 40);
    assert_text(json_get_text(g.json, "next"), "http://sim.test/beta/v1/agent/?page=3&page_size=15");
    assert_text(json_get_text(g.json, "previous"), "http://sim.test/beta/v1/agent/?page_size=15");
    g = get(w, "/beta/v1/agent/?page_size=15&page=last");
    assert_int_equal(json_count(json_get(g.json, "results")), 10);
    assert_int_equal(json_get(g.json, "next")->type, JSON_NULL);
    static const char *const past[] = {"/beta/v1/agent/?page=2", "/beta/v1/agent/?page=0", "/beta/v1/agent/?page=x"};
    for (size_t k = 0; k < ARRAY_LEN(past); k++) {
        g = get(w, past[k]);
        assert_int_equal(g.status, 404);
        assert_text(json_get_text(g.json, "detail"), "Invalid page.");
    }
    world_control(w, HTTP_POST, "/control/tactical/agents", "{\"count\":1000}");
    assert_int_equal(json_count(json_get(get(w, "/beta/v1/agent/?page_size=5000").json, "results")), 1000);
    assert_int_equal(json_count(json_get(get(w, "/beta/v1/agent/?page_size=0").json, "results")), 100);
    assert_int_equal(json_count(json_get(get(w, "/beta/v1/agent/?page_size=x").json, "results")), 100);
    assert_int_equal(get(w, "/beta/v1/agent/?agent_id=x").status, 500);
    assert_text(get(w, "/beta/v1/agent/?client_id=abc").text, "{\"client_id\":[\"Enter a number.\"]}");
    assert_int_equal(json_number(get(w, "/beta/v1/agent/?client_id=999").json, "count"), 0);
    assert_int_equal(get(w, "/beta/v1/agent/?plat=bsd").status, 400);
    assert_int_equal(json_number(get(w, "/beta/v1/agent/?needs_reboot=yes").json, "count"), 1040); /* ignored */
    w->fault = FAULT_REPEAT_PAGE;
    struct got one = get(w, "/beta/v1/agent/?page=2");
    assert_int_equal(json_number(json_at(json_get(one.json, "results"), 0), "id"), 1);
    w->fault = FAULT_WRONG_TOTAL;
    assert_int_equal(json_number(get(w, "/beta/v1/agent/").json, "count"), 1047);
}

static size_t listed(struct world *w, const char *filter)
{
    return json_count(ask(w, HTTP_PATCH, "/alerts/", filter).json);
}

static void alerts_are_filtered_as_recorded(void **state)
{
    struct world *w = *state;
    size_t all = listed(w, "{}"), open = listed(w, "{\"resolvedFilter\":false}");
    assert_true(open > 0 && open < all);
    assert_int_equal(listed(w, "{\"status\":\"active\"}"), all);
    assert_int_equal(listed(w, "{\"resolvedFilter\":true}"), all); /* filters nothing */
    assert_int_equal(listed(w, "{\"severityFilter\":[]}"), 0);
    assert_int_equal(listed(w, "{\"severityFilter\":\"error\"}"), 0);
    assert_true(listed(w, "{\"severityFilter\":[\"error\"]}") > 0);
    assert_int_equal(listed(w, "{\"clientFilter\":[]}"), 0);
    assert_int_equal(listed(w, "{\"timeFilter\":0}"), 0);
    assert_int_equal(ask(w, HTTP_PATCH, "/alerts/", "{\"timeFilter\":\"x\"}").status, 500);
    struct got top = ask(w, HTTP_PATCH, "/alerts/", "{\"top\":2}");
    assert_int_equal(json_count(json_get(top.json, "alerts")), 2);
    assert_true(json_number(top.json, "alerts_count") < (int64_t)open); /* neither snoozed nor hidden */
    w->type = "text/plain";
    assert_int_equal(ask(w, HTTP_PATCH, "/alerts/", "{}").status, 415);
    w->type = "application/json";
    assert_int_equal(ask(w, HTTP_PATCH, "/alerts/", "{x").status, 400);
    assert_text(ask(w, HTTP_PUT, "/alerts/2/", "{\"type\":\"snooze\"}").text,
                "\"Missing 'snoozed_days' when trying to snooze alert\"");
    assert_text(ask(w, HTTP_PUT, "/alerts/2/", "{\"type\":\"close\"}").text,
                "\"There was an error in the request data\"");
    assert_text(ask(w, HTTP_PUT, "/alerts/2/", "{\"type\":\"resolve\"}").text, "\"ok\"");
    assert_true(json_get_bool(get(w, "/alerts/2/").json, "resolved", false));
    assert_int_equal(listed(w, "{\"resolvedFilter\":false}"), open - 1);
    w->key = TACTICAL_KEY_READ;
    assert_int_equal(ask(w, HTTP_PUT, "/alerts/2/", "{\"type\":\"resolve\"}").status, 403);
}

static void login_needs_its_second_factor(void **state)
{
    struct world *w = *state;
    w->key = NULL;
    assert_text(ask(w, HTTP_POST, "/v2/checkcreds/", "{\"username\":\"tactical\",\"password\":\"Held0ut!pass\"}").text,
                "{\"totp\":true}");
    assert_text(ask(w, HTTP_POST, "/v2/checkcreds/", "{\"username\":\"tactical\",\"password\":\"no\"}").text,
                "\"Bad credentials\"");
    assert_int_equal(ask(w, HTTP_POST, "/v2/checkcreds/", "{\"password\":\"no\"}").status, 500);
    assert_int_equal(
        ask(w, HTTP_POST, "/v2/login/", "{\"username\":\"tactical\",\"password\":\"Held0ut!pass\"}").status, 500);
    assert_text(ask(w, HTTP_POST, "/v2/login/",
                    "{\"username\":\"tactical\",\"password\":\"Held0ut!pass\",\"twofactor\":\"000000\"}")
                    .text,
                "\"Bad credentials\"");
    /* The code of JBSWY3DPEHPK3PXP at the epoch of this world (RFC 6238). */
    struct got g = ask(w, HTTP_POST, "/v2/login/",
                       "{\"username\":\"tactical\",\"password\":\"Held0ut!pass\",\"twofactor\":\"654738\"}");
    assert_int_equal(g.status, 200);
    snprintf(w->token, sizeof(w->token), "Token %.*s", SLICE_FMT(json_get_text(g.json, "token")));
    assert_int_equal(get(w, "/agents/").status, 200);
    assert_int_equal(ask(w, HTTP_POST, "/logout/", NULL).status, 204);
    assert_int_equal(get(w, "/agents/").status, 401);
    w->token[0] = '\0';
    for (int k = 0; k < 10; k++)
        g = ask(w, HTTP_POST, "/v2/login/", "{\"username\":\"x\",\"password\":\"x\"}");
    assert_int_equal(g.status, 429);
    assert_string_equal(g.retry_after, "60");
}

static void hook_configure(struct world *w, const char *body)
{
    _cleanup_(str_release) struct str text = {0};
    struct jw j;
    jw_init(&j, &text);
    jw_object(&j);
    for (int k = 0; k < 2; k++) {
        jw_key(&j, k ? "resolved" : "failure");
        jw_object(&j);
        jw_key_str(&j, "url", "https://hub.test/hook?agent={{agent.agent_id}}");
        if (body)
            jw_key_str(&j, "body", body);
        jw_end(&j);
    }
    jw_end(&j);
    assert_int_equal(world_control(w, HTTP_PUT, "/control/webhooks/tactical", text.p).status, 200);
}

/* An agent of the client with this id, and its hook's body after it was reported overdue. */
static struct slice hook_of(struct world *w, int64_t client)
{
    struct tactical *t = sim_instance(w->sim, &tactical_product)->self;
    struct t_agent a;
    for (int64_t id = 1; t_agent(t, id, &a); id++) {
        if (a.client != client || a.maintenance || a.status == T_OVERDUE || strchr(a.hostname, '"'))
            continue;
        char target[64];
        snprintf(target, sizeof(target), "/control/tactical/agents/%lld", (long long)id);
        assert_int_equal(world_control(w, HTTP_PATCH, target, "{\"status\":\"overdue\"}").status, 200);
        return str_slice(&w->hook);
    }
    fail_msg("no agent of client %lld", (long long)client);
    return SLICE_NONE;
}

static void a_quote_in_a_value_makes_the_hook_one_string(void **state)
{
    struct world *w = *state;
    struct json *v;
    struct err e;
    hook_configure(w, NULL);
    assert_true(json_parse(w->arena, hook_of(w, 3), &v, &e)); /* Müller & Söhne GmbH */
    assert_int_equal(v->type, JSON_OBJECT);
    assert_text(json_get_text(v, "event"), "trigger");
    assert_text(json_get_text(v, "stderr"), "None");
    assert_text(json_get_text(v, "client"), "Müller & Söhne GmbH");
    assert_non_null(strstr(w->hook.p, "\"client\": \"M\\u00fcller & S\\u00f6hne GmbH\"")); /* ASCII, ", " and ": " */
    assert_true(json_parse(w->arena, hook_of(w, 5), &v, &e));                              /* Zebra "Quoted" LLC */
    assert_int_equal(v->type, JSON_STRING);
    assert_true(slice_starts(v->text, SLICE("{\"agent_id\": \"")));
    assert_int_equal(w->hooks, 2);
}

static void bodies_are_rendered_as_recorded(void **state)
{
    struct world *w = *state;
    struct tactical *t = sim_instance(w->sim, &tactical_product)->self;
    struct t_alert x = {.id = 77, .agent = 2, .type = "check", .severity = "error", .at = SECONDS(1795225039) + 848215};
    static char message[] = "m", errors[] = "C:\\Temp\\new dir\\x.ps1\r\nsecond\ttab";
    x.message = message;
    x.stderr_text = errors;
    _cleanup_(str_release) struct str out = {0};
    t_render_body(t,
                  "{\"e\": \"{{alert.get_result.stderr}}\", \"t\": \"{{ alert.alert_time }}\", \"n\": {{alert.id}}, "
                  "\"r\": \"{{alert.resolved}}\"}",
                  &x, &out);
    /* \T and \x are doubled, \n of \new is a line end: the path is spoiled, as the real server spoils it. */
    assert_string_equal(out.p, "{\"e\": \"C:\\\\Temp\\new dir\\\\x.ps1\\r\\nsecond\\ttab\", \"t\": \"2026-11-21 "
                               "01:37:19.848215+00:00\", \"n\": 77, \"r\": \"None\"}");
    str_clear(&out);
    t_render_body(t, "", &x, &out);
    assert_string_equal(out.p, "\"\"");
    str_clear(&out);
    t_render_body(t, "{\"r\": {{alert.resolved}}}", &x, &out); /* unquoted None is no JSON */
    assert_string_equal(out.p, "\"{\\\"r\\\": None}\"");
    str_clear(&out);
    t_render_body(t, "{\"s\": \"\xf0\x9f\x9a\x80\"}", &x, &out);
    assert_string_equal(out.p, "{\"s\": \"\\ud83d\\ude80\"}");
}

static void agents_return_and_go(void **state)
{
    struct world *w = *state;
    char target[96];
    hook_configure(w, NULL);
    struct got g =
        world_control(w, HTTP_POST, "/control/tactical/agents", "{\"hostname\":\"NEW\",\"status\":\"online\"}");
    const struct json *agent = json_at(json_get(g.json, "agents"), 0);
    int64_t id = json_number(agent, "id");
    struct got rows = get(w, "/agents/");
    assert_text(json_get_text(json_at(rows.json, json_count(rows.json) - 1), "hostname"),
                "NEW"); /* changed rows come last */
    snprintf(target, sizeof(target), "/control/tactical/agents/%lld", (long long)id);
    world_control(w, HTTP_PATCH, target, "{\"status\":\"overdue\"}");
    world_control(w, HTTP_PATCH, target, "{\"status\":\"online\"}");
    assert_int_equal(w->hooks, 2);
    assert_non_null(
        strstr(w->hook.p, "resolve")); /* perhaps inside one JSON string: the client's name may hold a quote */
    world_control(w, HTTP_DELETE, target, NULL);
    snprintf(target, sizeof(target), "/beta/v1/agent/%lld/", (long long)id);
    assert_int_equal(get(w, target).status, 404);
    assert_int_equal(json_number(get(w, "/beta/v1/agent/").json, "count"), 40);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(credentials_are_judged_as_recorded),
        TEST(paths_are_judged_as_recorded),
        TEST(shapes_are_the_recorded_ones),
        TEST(beta_pages_by_number),
        TEST(alerts_are_filtered_as_recorded),
        TEST(login_needs_its_second_factor),
        TEST(a_quote_in_a_value_makes_the_hook_one_string),
        TEST(bodies_are_rendered_as_recorded),
        TEST(agents_return_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
