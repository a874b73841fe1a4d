/* sim/msp360.c - the simulated MSP360: shapes, refusals, and the oddities that a careless client trips over. */
#include "msp360/msp360.h"
#include "sim/world.h"

static struct got get(struct world *w, const char *target)
{
    return world_ask(w, "msp360", HTTP_GET, target, NULL);
}

static struct got login(struct world *w, const char *body)
{
    return world_ask(w, "msp360", HTTP_POST, "/api/Provider/Login", body);
}

#define GOOD "{\"UserName\":\"sim-msp360-login\",\"Password\":\"sim-msp360-\\\"pass\\\"word\"}"

static void sign_in(struct world *w)
{
    struct got g = login(w, GOOD);
    assert_int_equal(g.status, 200);
    snprintf(w->token, sizeof(w->token), "Bearer %.*s", SLICE_FMT(json_get_text(g.json, "access_token")));
}

static int setup(void **state)
{
    world_setup(state);
    sign_in(*state);
    return 0;
}

static void settings(struct world *w, const char *body)
{
    assert_int_equal(world_control(w, HTTP_PATCH, "/control/msp360/settings", body).status, 200);
}

static void login_takes_json_and_forms(void **state)
{
    struct world *w = *state;
    assert_keys(login(w, GOOD).json, "access_token,token_type,expires_in,userName,.issued");
    assert_int_equal(json_number(login(w, GOOD).json, "expires_in"), 3599);
    settings(w, "{\"token_key\":true}");
    struct got g = login(w, GOOD);
    assert_true(json_get_text(g.json, "Token").n > 20);
    assert_text(json_get_text(g.json, "expires_in"), "3600"); /* digits in a text */
    w->type = "application/x-www-form-urlencoded";
    assert_int_equal(
        login(w, "grant_type=password&UserName=sim-msp360-login&Password=sim-msp360-%22pass%22word").status, 200);
    assert_int_equal(login(w, GOOD).status, 400);
    w->type = "text/plain";
    assert_int_equal(login(w, GOOD).status, 400);
}

static void refused_logins_have_a_status_of_their_year(void **state)
{
    static const char bad[] = "{\"UserName\":\"sim-msp360-login\",\"Password\":\"wrong\"}";
    struct world *w = *state;
    struct got g = login(w, bad);
    assert_int_equal(g.status, 403);
    assert_int_equal(g.text.n, 0);
    settings(w, "{\"login_status\":400}");
    assert_text(json_get_text(login(w, bad).json, "error"), "invalid_grant");
    settings(w, "{\"login_status\":401}");
    assert_int_equal(login(w, bad).status, 401);
    assert_int_equal(login(w, "{\"UserName\":\"sim-msp360-login\",\"Password\":\"x\"}").status, 400); /* 3 to 100 */
    assert_int_equal(world_control(w, HTTP_PATCH, "/control/msp360/settings", "{\"login_status\":500}").status, 400);
}

static void tokens_are_asked_for_and_end(void **state)
{
    struct world *w = *state;
    const struct product *p = product_find(SLICE("msp360"));
    assert_int_equal(get(w, "/api/Companies").status, 200);
    p->expire_tokens(sim_instance(w->sim, p)->self);
    struct got g = get(w, "/api/Companies");
    assert_int_equal(g.status, 401);
    assert_text(json_get_text(g.json, "Message"), "Authorization has been denied for this request.");
    w->token[0] = '\0';
    assert_int_equal(get(w, "/api/Companies").status, 401);
    assert_int_equal(get(w, "/api/Nothing").status, 404); /* paths come first */
    sign_in(w);
    struct msp *m = sim_instance(w->sim, p)->self;
    for (size_t k = 0; k < MSP_MAX_TOKENS; k++)
        m->tokens[k].expires = WORLD_EPOCH; /* by the clock */
    assert_int_equal(get(w, "/api/Companies").status, 401);
}

static void unknown_things_are_told_in_the_product_s_ways(void **state)
{
    struct world *w = *state;
    assert_text(get(w, "/api/Monitoring/00000000-0000-4000-8000-000000000000").text, "null");
    assert_text(get(w, "/api/Companies/00000000-0000-4000-8000-000000000000").text, "null");
    assert_text(get(w, "/api/Licenses/1").text, "null");
    assert_int_equal(get(w, "/api/Destinations/nobody%40example").status, 406);
    struct got g = get(w, "/api/Computers/00000000-0000-4000-8000-000000000000");
    assert_int_equal(g.status, 200);
    assert_int_equal(json_number(g.json, "ErrorCode"), -6);
    g = get(w, "/api/BackupPlans"); /* in a client's code, in no vendor list */
    assert_int_equal(g.status, 404);
    assert_text(json_get_text(g.json, "Message"),
                "No HTTP resource was found that matches the request URI 'https://sim.test/api/BackupPlans'.");
}

static void what_writes_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/api/Users", "/api/Users/1", "/api/Users/1/Computers", "/api/Companies"};
    for (size_t k = 0; k < ARRAY_LEN(paths); k++)
        for (unsigned bit = HTTP_POST; bit <= HTTP_DELETE; bit *= 2) {
            struct got g = world_ask(w, "msp360", (enum http_method)bit, paths[k], "{}");
            assert_true(g.status == 405 && g.reason[0]);
        }
}

static void computers_come_in_pages(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/api/Computers/0/50");
    assert_int_equal(json_number(g.json, "Count"), 50);
    assert_int_equal(json_count(json_get(g.json, "Computers")), 50);
    g = get(w, "/api/Computers/100/50");
    assert_int_equal(json_number(g.json, "Count"), 20);
    assert_keys(
        json_at(json_get(g.json, "Computers"), 0),
        "ComputerHID,OSTypeString,BuildTypeString,RemoteManagementAvailable,ComputerName,ComputerDisplayName,"
        "CompanyName,UserEmail,ProfileName,UserID,BackupBuildVersion,LastActivity,InstanceType,HasBackupApp,Apps");
    settings(w, "{\"page_cap\":7,\"count_is_total\":true}");
    g = get(w, "/api/Computers/0/50");
    assert_int_equal(json_number(g.json, "Count"), 120);
    assert_int_equal(json_count(json_get(g.json, "Computers")), 7);
    assert_int_equal(json_count(json_get(get(w, "/api/Computers/120/50").json, "Computers")), 0);
    assert_int_equal(get(w, "/api/Computers/-1/50").status, 400);
    assert_int_equal(get(w, "/api/Computers/0/none").status, 400);

    struct slice hid = json_get_text(json_at(json_get(g.json, "Computers"), 2), "ComputerHID"); /* id 3: in braces */
    assert_int_equal(hid.p[0], '{');
    assert_int_equal(get(w, arena_printf(w->arena, "/api/Computers/%.*s", SLICE_FMT(hid))).status, 404);
    char *bare = arena_printf(w->arena, "/api/Computers/%.*s", (int)hid.n - 2, hid.p + 1);
    assert_text(json_get_text(get(w, bare).json, "ComputerHID"), arena_strndup(w->arena, hid.p, hid.n));
}

/* The oddities of the list of plans, each at least once. */
static void plans_are_as_odd_as_the_product_s(void **state)
{
    struct world *w = *state;
    size_t n = 0, without_hid = 0, without_plan = 0, no_start = 0, no_schedule = 0, no_company = 0, statuses[100] = {0},
           unknown_type = 0;
    struct got g = get(w, "/api/Monitoring");
    for (const struct json *row = g.json->child; row; row = row->next, n++) {
        int64_t status = json_number(row, "Status"), type = json_number(row, "PlanType");
        assert_true(status >= 0 && status < 100);
        statuses[status]++;
        without_hid += !json_get(row, "ComputerHid");
        without_plan += !json_get(row, "PlanId");
        no_start += json_get(row, "LastStart")->type == JSON_NULL;
        no_schedule += json_get(row, "NextStart")->type == JSON_NULL;
        no_company += json_get(row, "CompanyName")->type == JSON_NULL;
        unknown_type += type == 99;
        struct slice start = json_get_text(row, "LastStart");
        assert_true(!start.n || start.p[start.n - 1] != 'Z'); /* no zone */
    }
    assert_int_equal(n, json_number(world_control(w, HTTP_GET, "/control/msp360/summary", NULL).json, "plans"));
    assert_true(without_hid && without_plan && no_start && no_schedule && no_company && unknown_type);
    for (int64_t status = 0; status <= 7; status++)
        assert_true(statuses[status] > 0);
    assert_true(statuses[99] > 0);
}

static void a_plan_runs_when_it_is_told_to(void **state)
{
    struct world *w = *state;
    static const char one[] = "/control/msp360/computers/1/plans/0";
    assert_int_equal(world_control(w, HTTP_PATCH, one, "{\"status\":2,\"error\":\"Quota\"}").status, 200);
    struct got g = world_control(w, HTTP_GET, one, NULL);
    assert_int_equal(json_number(g.json, "status"), 2);
    struct slice ran = json_get_text(g.json, "last_start");
    assert_true(ran.n > 0);
    world_control(w, HTTP_PATCH, one, "{\"status\":1}"); /* overdue: no new run */
    assert_true(slice_eq(json_get_text(world_control(w, HTTP_GET, one, NULL).json, "last_start"), ran));
    world_control(w, HTTP_PATCH, one, "{\"last_start\":null,\"next_start\":\"2026-01-01T00:00:00\"}");
    assert_true(json_get(world_control(w, HTTP_GET, one, NULL).json, "last_start")->type == JSON_NULL);
    size_t before = json_count(get(w, "/api/Monitoring").json);
    world_control(w, HTTP_PATCH, one, "{\"hidden\":true}");
    assert_int_equal(json_count(get(w, "/api/Monitoring").json), before - 1);
    assert_int_equal(world_control(w, HTTP_PATCH, one, "{\"stat\":2}").status, 400);
    assert_int_equal(world_control(w, HTTP_PATCH, one, "{\"last_start\":\"soon\"}").status, 400);
    assert_int_equal(world_control(w, HTTP_GET, "/control/msp360/computers/1/plans/9", NULL).status, 404);
}

static void companies_and_computers_come_and_go(void **state)
{
    struct world *w = *state;
    struct got before = get(w, "/api/Computers/0/50");
    assert_int_equal(world_control(w, HTTP_POST, "/control/msp360/companies", "{\"name\":\"Finch Ltd\"}").status, 201);
    assert_int_equal(json_count(get(w, "/api/Companies").json), 6);
    assert_true(slice_eq(get(w, "/api/Computers/0/50").text, before.text)); /* nobody moved */
    world_control(w, HTTP_DELETE, "/control/msp360/computers/2", NULL);
    assert_int_equal(json_count(json_get(get(w, "/api/Computers/0/500").json, "Computers")), 119);
    struct slice hid = json_get_text(json_at(json_get(before.json, "Computers"), 1), "ComputerHid");
    struct got g = get(w, arena_printf(w->arena, "/api/Computers/%.*s", SLICE_FMT(hid)));
    assert_int_equal(json_number(g.json, "ErrorCode"), -6);
    world_control(w, HTTP_PATCH, "/control/msp360/computers/1", "{\"company\":\"\",\"online\":false,\"name\":\"NEW\"}");
    const struct json *one = json_at(json_get(get(w, "/api/Computers/0/1").json, "Computers"), 0);
    assert_true(json_get(one, "CompanyName")->type == JSON_NULL);
    assert_text(json_get_text(one, "ComputerName"), "NEW");
}

static void faults_are_played_in_the_data(void **state)
{
    struct world *w = *state;
    w->fault = FAULT_OMIT_ROWS;
    assert_int_equal(json_count(get(w, "/api/Companies").json), 5); /* the tenth would be missing */
    assert_int_equal(json_count(json_get(get(w, "/api/Computers/0/120").json, "Computers")), 108);
    w->fault = FAULT_WRONG_TOTAL;
    assert_int_equal(json_number(get(w, "/api/Computers/0/5").json, "Count"), 127);
    w->fault = FAULT_NONE;
    struct got first = get(w, "/api/Computers/0/5");
    w->fault = FAULT_STUCK_CURSOR;
    assert_true(slice_eq(get(w, "/api/Computers/40/5").text, first.text));
    w->fault = FAULT_REPEAT_PAGE;
    assert_true(slice_eq(get(w, "/api/Computers/5/5").text, first.text));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(login_takes_json_and_forms),
        TEST(refused_logins_have_a_status_of_their_year),
        TEST(tokens_are_asked_for_and_end),
        TEST(unknown_things_are_told_in_the_product_s_ways),
        TEST(what_writes_is_refused),
        TEST(computers_come_in_pages),
        TEST(plans_are_as_odd_as_the_product_s),
        TEST(a_plan_runs_when_it_is_told_to),
        TEST(companies_and_computers_come_and_go),
        TEST(faults_are_played_in_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
