/* sim/jamf.c - the simulated Jamf Pro: shapes, refusals, and the oddities that a careless client trips over. */
#include "jamf/jamf.h"
#include "sim/world.h"

static struct jamf *self(struct world *w)
{
    return sim_instance(w->sim, &jamf_product)->self;
}

static struct got get(struct world *w, const char *target)
{
    return world_ask(w, "jamf", HTTP_GET, target, NULL);
}

static struct got post(struct world *w, const char *target, const char *body)
{
    return world_ask(w, "jamf", HTTP_POST, target, body);
}

static void settings(struct world *w, const char *body)
{
    assert_int_equal(world_control(w, HTTP_PATCH, "/control/jamf/settings", body).status, 200);
}

static void patch(struct world *w, int64_t id, const char *body)
{
    char target[64];
    snprintf(target, sizeof(target), "/control/jamf/computers/%lld", (long long)id);
    assert_int_equal(world_control(w, HTTP_PATCH, target, body).status, 200);
}

static void use(struct world *w, struct slice token)
{
    snprintf(w->token, sizeof(w->token), "Bearer %.*s", SLICE_FMT(token));
}

/* base64 of sim-jamf-user:sim-jamf-"pass:word" */
#define BASIC "Basic c2ltLWphbWYtdXNlcjpzaW0tamFtZi0icGFzczp3b3JkIg=="

static struct got sign_in(struct world *w)
{
    snprintf(w->token, sizeof(w->token), BASIC);
    struct got g = post(w, "/api/v1/auth/token", NULL);
    assert_int_equal(g.status, 200);
    use(w, json_get_text(g.json, "token"));
    return g;
}

static int setup(void **state)
{
    world_setup(state);
    struct world *w = *state;
    w->accept = "application/json";
    sign_in(w);
    return 0;
}

static const struct json *results(struct got g)
{
    assert_int_equal(g.status, 200);
    return json_get(g.json, "results");
}

static const struct json *error_of(struct got g, int status)
{
    assert_int_equal(g.status, status);
    assert_int_equal(json_number(g.json, "httpStatus"), status);
    return json_get(g.json, "errors");
}

/* --- tokens --- */

static void a_user_s_token_lives_until_it_is_kept_alive(void **state)
{
    struct world *w = *state;
    usec_t expires;
    struct got g = sign_in(w);
    assert_keys(g.json, "token,expires");
    assert_true(clock_parse_iso(json_get_text(g.json, "expires"), &expires));
    assert_int_equal(expires, WORLD_EPOCH + SECONDS(3600));
    assert_int_equal(get(w, "/api/v1/jamf-pro-version").status, 200);
    g = post(w, "/api/v1/auth/keep-alive", NULL);
    assert_int_equal(g.status, 200);
    assert_int_equal(json_count(error_of(get(w, "/api/v1/auth"), 401)), 0); /* the old one is dead */
    use(w, json_get_text(g.json, "token"));
    assert_int_equal(get(w, "/api/v1/auth").status, 200);
    assert_int_equal(post(w, "/api/v1/auth/invalidate-token", NULL).status, 204);
    assert_int_equal(json_count(error_of(get(w, "/api/v1/auth"), 401)), 0);
    self(w)->tokens[0].kind = J_TOKEN_USER; /* one that the clock ended, and one that nobody made */
    self(w)->tokens[0].expires = WORLD_EPOCH;
    use(w, slice_cstr(self(w)->tokens[0].value));
    const struct json *e = error_of(get(w, "/api/v1/auth"), 401);
    assert_text(json_get_text(json_at(e, 0), "code"), "INVALID_TOKEN");
    use(w, SLICE("nobody"));
    assert_int_equal(json_count(error_of(get(w, "/api/v1/auth"), 401)), 1);
}

static void bad_credentials_are_told_in_few_words(void **state)
{
    struct world *w = *state;
    snprintf(w->token, sizeof(w->token), "Basic c2ltLWphbWYtdXNlcjp3cm9uZw==");
    assert_int_equal(json_count(error_of(post(w, "/api/v1/auth/token", NULL), 401)), 0);
    snprintf(w->token, sizeof(w->token), "Basic c2ltLWphbWYtZXhwaXJlZDpzaW0tamFtZi0icGFzczp3b3JkIg==");
    const struct json *e = error_of(post(w, "/api/v1/auth/token", NULL), 401);
    assert_text(json_get_text(json_at(e, 0), "code"), "USER_EXPIRED_PASSWORD");
    assert_int_equal(get(w, "/api/v1/auth").status, 401); /* Basic opens nothing else */
    assert_int_equal(get(w, "/JSSResource/users").status, 401);
}

static void an_api_client_asks_for_a_new_token(void **state)
{
    struct world *w = *state;
    w->token[0] = '\0';
    w->type = "application/x-www-form-urlencoded";
    settings(w, "{\"client_token_life\":60}");
    struct got g = post(w, "/api/oauth/token",
                        "grant_type=client_credentials&client_id=sim-jamf-client&client_secret=sim-jamf-secret");
    assert_keys(g.json, "access_token,scope,token_type,expires_in");
    assert_int_equal(json_number(g.json, "expires_in"), 59);
    use(w, json_get_text(g.json, "access_token"));
    assert_int_equal(get(w, "/api/v1/auth").status, 200);
    assert_int_equal(post(w, "/api/v1/auth/keep-alive", NULL).status, 401);
    g = post(w, "/api/v1/oauth/token", "grant_type=client_credentials&client_id=sim-jamf-client&client_secret=x");
    assert_int_equal(g.status, 401);
    assert_text(json_get_text(g.json, "error"), "invalid_client");
    assert_int_equal(post(w, "/api/v1/oauth/token", "client_id=sim-jamf-client").status, 400);
}

/* --- refusals --- */

static void a_missing_privilege_is_told_in_each_api_s_way(void **state)
{
    struct world *w = *state;
    settings(w, "{\"privileges\":[\"Read Computers\"]}");
    assert_int_equal(get(w, "/api/v1/computers-inventory").status, 200);
    assert_int_equal(json_count(error_of(get(w, "/api/v1/computer-groups"), 403)), 0);
    struct got g = get(w, "/JSSResource/users");
    assert_int_equal(g.status, 401);
    assert_null(g.json);
    assert_non_null(strstr(g.text.p, "<title>Status page</title>"));
    settings(w, "{\"said_why\":true}");
    const struct json *e = error_of(get(w, "/api/v1/sites"), 403);
    assert_text(json_get_text(json_at(e, 0), "code"), "INVALID_PRIVILEGE");
    assert_int_equal(world_control(w, HTTP_PATCH, "/control/jamf/settings", "{\"privileges\":[\"All\"]}").status, 400);
}

static void what_the_server_s_version_has_not_is_not_there(void **state)
{
    struct world *w = *state;
    assert_int_equal(get(w, "/api/v4/computers-inventory").status, 200);
    settings(w, "{\"version\":\"11.25\"}");
    assert_non_null(strstr(get(w, "/api/v1/jamf-pro-version").text.p, "11.25.1-t"));
    error_of(get(w, "/api/v4/computers-inventory"), 404);
    assert_int_equal(get(w, "/api/v3/computers-inventory").status, 200);
    error_of(get(w, "/api/v1/users"), 404);
    error_of(get(w, "/api/v3/computer-groups/static-groups"), 404);
    assert_int_equal(get(w, "/api/v2/computer-groups/static-groups").status, 200);
    settings(w, "{\"version\":\"11.20\"}");
    error_of(get(w, "/api/v3/computers-inventory"), 404);
    assert_int_equal(get(w, "/api/v1/computers-inventory").status, 200);
    error_of(get(w, "/api/v1/computer-groups/9"), 404);
    assert_int_equal(post(w, "/api/v1/sites", "{}").status, 405);
}

/* --- the inventory --- */

static void sections_that_nobody_asked_for_are_null(void **state)
{
    struct world *w = *state;
    const struct json *row = json_at(results(get(w, "/api/v3/computers-inventory?sort=id:asc")), 0);
    assert_text(json_get_text(row, "id"), "1");
    assert_int_equal(json_get(row, "general")->type, JSON_OBJECT);
    assert_int_equal(json_get(row, "hardware")->type, JSON_NULL);
    assert_int_equal(json_get(row, "applications")->type, JSON_NULL);
    assert_null(json_get(row, "plugins"));
    row = json_at(results(get(w, "/api/v1/computers-inventory?section=HARDWARE&section=PRINTERS,STORAGE")), 0);
    assert_int_equal(json_get(row, "general")->type, JSON_NULL);
    assert_int_equal(json_get(row, "hardware")->type, JSON_OBJECT);
    assert_int_equal(json_get(row, "storage")->type, JSON_OBJECT);
    assert_int_equal(json_get(row, "printers")->type, JSON_ARRAY);
    assert_non_null(json_get(row, "plugins"));
    error_of(get(w, "/api/v3/computers-inventory?section=FONTS"), 400);
    error_of(get(w, "/api/v3/computers-inventory?section=hardware"), 400);
}

static void versions_differ_in_what_they_call_the_last_contact(void **state)
{
    struct world *w = *state;
    const struct json *g = json_get(get(w, "/api/v3/computers-inventory/1").json, "general");
    assert_true(json_get(g, "lastContactTime") && json_get(g, "lastReportedIp") && !json_get(g, "lastCheckIn"));
    g = json_get(get(w, "/api/v4/computers-inventory/1").json, "general");
    assert_true(json_get(g, "lastContact") && json_get(g, "lastCheckIn"));
    assert_false(json_get(g, "lastContactTime") || json_get(g, "lastReportedIp"));
    const struct json *detail = get(w, "/api/v4/computers-inventory-detail/1").json;
    assert_int_equal(json_get(detail, "softwareUpdates")->type, JSON_ARRAY);
    error_of(get(w, "/api/v4/computers-inventory/9999"), 404);
}

static void pages_are_clamped_and_end_empty(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/api/v4/computers-inventory?page-size=1000000&sort=id:asc");
    assert_int_equal(json_number(g.json, "totalCount"), 130);
    assert_int_equal(json_count(results(g)), 130);
    assert_int_equal(json_count(results(get(w, "/api/v4/computers-inventory"))), 100);
    assert_int_equal(json_count(results(get(w, "/api/v4/computers-inventory?page=1"))), 30);
    g = get(w, "/api/v4/computers-inventory?page=2&pagesize=100");
    assert_int_equal(json_count(results(g)), 0);
    assert_int_equal(json_number(g.json, "totalCount"), 130);
    error_of(get(w, "/api/v4/computers-inventory?page=-1"), 400);
    error_of(get(w, "/api/v4/computers-inventory?page-size=all"), 400);
    struct ask a = {.arena = w->arena, .query = SLICE("page-size=5000")};
    struct answer r = {.status = 0};
    struct j_page p;
    ask_parse_query(&a);
    assert_true(j_page(self(w), &a, &r, J_USERS_PAGE_MAX, &p) && p.size == 1000);
}

static size_t filtered(struct world *w, const char *filter)
{
    char target[300];
    snprintf(target, sizeof(target), "/api/v4/computers-inventory?page-size=2000&sort=id:asc&filter=%s", filter);
    return json_count(results(get(w, target)));
}

static void filters_are_rsql(void **state)
{
    struct world *w = *state;
    assert_int_equal(filtered(w, "id==7"), 1);
    assert_int_equal(filtered(w, "id=in=(7,8,9999)"), 2);
    assert_int_equal(filtered(w, "id=out=(7,8)"), 128);
    assert_int_equal(filtered(w, "id=gt=120;id=le=125"), 5);
    assert_int_equal(filtered(w, "id%3C3,id%3E=129"), 4);
    assert_int_equal(filtered(w, "(id==1%20or%20id==2)%20and%20general.name==%22MAC-0001%22"), 1);
    assert_int_equal(filtered(w, "general.name==mac-000*"), 8); /* 7 has another name */
    assert_int_equal(filtered(w, "general.name!=mac-*"), 130 - filtered(w, "general.name==mac-*"));
    patch(w, 5, "{\"name\":\"now\"}");
    patch(w, 6, "{\"reportDate\":\"2026-11-20T04:00:00.000Z\"}");
    assert_int_equal(filtered(w, "general.reportDate%3E=%222026-11-20T04:00:00.000Z%22;id==6"), 1);
    assert_int_equal(filtered(w, "general.reportDate%3E%222026-11-20T04:00:00.000Z%22;id==6"), 0);
    assert_int_equal(filtered(w, "general.reportDate=ge=1970-01-01T00:00:00Z;id==36"), 0); /* null is before nothing */
    assert_int_equal(filtered(w, "general.remoteManagement.managed==false;id=lt=12"), 1);
    static const char *const bad[] = {"id",
                                      "id=7",
                                      "nothing==1",
                                      "id==x",
                                      "general.reportDate%3E=yesterday",
                                      "(id==1",
                                      "id==",
                                      "id=in=(1,2",
                                      "id==1)",
                                      "general.lastContactTime==2026-01-01",
                                      "id==1;",
                                      "==1",
                                      "general.name%3Ea",
                                      "general.name==%22x"};
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        char target[200];
        snprintf(target, sizeof(target), "/api/v4/computers-inventory?filter=%s", bad[k]);
        error_of(get(w, target), 400);
    }
}

static void the_default_order_moves_with_the_names(void **state)
{
    struct world *w = *state;
    patch(w, 130, "{\"name\":\" first\"}");
    assert_text(json_get_text(json_at(results(get(w, "/api/v4/computers-inventory?page-size=3")), 0), "id"),
                "40"); /* no name */
    assert_text(json_get_text(json_at(results(get(w, "/api/v4/computers-inventory?page-size=5")), 3), "id"), "130");
    assert_text(json_get_text(json_at(results(get(w, "/api/v4/computers-inventory?sort=id:desc")), 0), "id"), "130");
    error_of(get(w, "/api/v4/computers-inventory?sort=colour:asc"), 400);
}

static void everything_that_can_be_odd_is(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/api/v4/computers-inventory?page-size=2000&sort=id:asc&section=GENERAL&section=HARDWARE&"
                          "section=USER_AND_LOCATION&section=SECURITY");
    unsigned bare = 0, no_serial = 0, no_user = 0, doubles = 0, unset_building = 0, pending = 0, short_time = 0;
    struct slice before = SLICE_NONE;
    for (const struct json *row = results(g)->child; row; row = row->next) {
        const struct json *general = json_get(row, "general"), *hardware = json_get(row, "hardware"),
                          *user = json_get(row, "userAndLocation");
        struct slice serial = json_get_text(hardware, "serialNumber"), building = json_get_text(user, "buildingId"),
                     report = json_get_text(general, "reportDate");
        bare += !json_get_text(general, "name").p;
        no_serial += serial.p && !serial.n;
        no_user += !json_get_text(user, "username").p;
        doubles += serial.n && slice_eq(serial, before);
        unset_building += slice_is(building, "-1") || (building.p && !building.n);
        pending += !report.p && json_get_text(general, "name").p;
        short_time += report.n > 20 && report.n < 24;
        before = serial;
    }
    assert_true(bare == 3 && no_serial && no_user && doubles == 2 && unset_building && pending && short_time);
}

static void a_damaged_record_spoils_its_page(void **state)
{
    struct world *w = *state;
    patch(w, 7, "{\"damaged\":true,\"quiet\":true}");
    error_of(get(w, "/api/v4/computers-inventory?sort=id:asc&page-size=10"), 500);
    error_of(get(w, "/api/v4/computers-inventory?sort=id:asc&page-size=1&page=6"), 500);
    error_of(get(w, "/api/v4/computers-inventory/7"), 500);
    assert_int_equal(get(w, "/api/v4/computers-inventory?sort=id:asc&page-size=10&page=1").status, 200);
}

/* --- the other lists --- */

static void groups_have_no_members_but_in_the_classic_api(void **state)
{
    struct world *w = *state;
    const struct json *groups = get(w, "/api/v1/computer-groups").json;
    assert_int_equal(groups->type, JSON_ARRAY);
    assert_keys(json_at(groups, 0), "id,name,description,smartGroup");
    assert_text(json_get_text(json_at(groups, 0), "id"), "1");
    assert_keys(get(w, "/api/v3/computer-groups/static-groups/9").json, "id,name,description,siteId");
    error_of(get(w, "/api/v3/computer-groups/static-groups/1"), 404); /* a smart one */
    const struct json *members = json_get(get(w, "/api/v3/computer-groups/smart-group-membership/11").json, "members");
    assert_int_equal(json_at(members, 0)->type, JSON_NUMBER);
    const struct json *group = json_get(get(w, "/JSSResource/computergroups/id/9").json, "computer_group");
    assert_int_equal(json_number(group, "id"), 9);
    size_t n = json_count(json_get(group, "computers"));
    patch(w, 4, "{\"addGroup\":9}");
    patch(w, 10, "{\"removeGroup\":9}");
    patch(w, 17, "{\"removeGroup\":9}");
    group = json_get(get(w, "/JSSResource/computergroups/id/9").json, "computer_group");
    assert_int_equal(json_count(json_get(group, "computers")), n - 1);
    const struct json *in =
        json_get(get(w, "/api/v4/computers-inventory/4?section=GROUP_MEMBERSHIPS").json, "groupMemberships");
    assert_keys(json_at(in, 0), "groupId,groupName,groupDescription,smartGroup");
}

static void users_come_in_two_ways(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/api/v1/users?page-size=10");
    assert_keys(g.json, "page,pageSize,totalCount,totalPages,hasNext,hasPrevious,results");
    assert_keys(json_at(results(g), 0), "id,username,realname,email,phone,position,enableCustomPhotoUrl,"
                                        "customPhotoUrl,managedAppleId");
    g = get(w, "/JSSResource/users");
    const struct json *users = json_get(g.json, "users");
    assert_int_equal(json_count(users), 100);
    assert_keys(json_at(users, 0), "id,name");
    assert_int_equal(json_at(users, 0)->child->type, JSON_NUMBER);
    for (size_t k = 1; k < 100; k++) /* by name, not by id */
        assert_true(strncmp(json_get_text(json_at(users, k - 1), "name").p, json_get_text(json_at(users, k), "name").p,
                            6) <= 0);
    w->accept = NULL;
    assert_null(get(w, "/JSSResource/users").json); /* XML */
}

static void places_and_mobile_devices(void **state)
{
    struct world *w = *state;
    assert_int_equal(get(w, "/api/v1/sites").json->type, JSON_ARRAY);
    assert_keys(json_at(results(get(w, "/api/v1/departments")), 0), "id,name");
    assert_int_equal(json_count(results(get(w, "/api/v1/buildings?page-size=3"))), 3);
    const struct json *row = json_at(results(get(w, "/api/v2/mobile-devices/detail?section=GENERAL&page-size=5")), 4);
    assert_text(json_get_text(row, "mobileDeviceId"), "5");
    assert_text(json_get_text(row, "deviceType"), "tvOS");
    assert_null(json_get(row, "security"));
    assert_int_equal(json_get(row, "hardware")->type, JSON_NULL);
    struct got g = get(w, "/api/v2/mobile-devices/detail?filter=mobileDeviceId==%2217%22");
    assert_int_equal(json_number(g.json, "totalCount"), 1);
    error_of(get(w, "/api/v2/mobile-devices/detail?filter=name==x"), 400);
}

/* --- webhooks --- */

static void webhooks_have_three_shapes(void **state)
{
    struct world *w = *state;
    struct json *j;
    static const char config[] = "{\"url\":\"http://127.0.0.1:1/x\",\"authentication_type\":\"HEADER\","
                                 "\"header\":{\"X-Msphub-Secret\":\"s\"}}";
    assert_int_equal(world_control(w, HTTP_PUT, "/control/webhooks/jamf", config).status, 200);
    patch(w, 3, "{\"name\":\"renamed\"}");
    assert_true(json_parse(w->arena, str_slice(&w->hook), &j, NULL));
    assert_int_equal(json_number(json_get(j, "event"), "jssID"), 3);
    assert_text(json_get_text(json_get(j, "event"), "deviceName"), "renamed");
    assert_text(json_get_text(json_get(j, "webhook"), "webhookEvent"), "ComputerInventoryCompleted");
    assert_int_equal(json_number(json_get(j, "webhook"), "eventTimestamp"), WORLD_EPOCH / USEC_PER_MS);
    world_control(w, HTTP_POST, "/control/jamf/computers/3/check-in", NULL);
    assert_true(json_parse(w->arena, str_slice(&w->hook), &j, NULL));
    assert_int_equal(json_number(json_get(json_get(j, "event"), "computer"), "jssID"), 3);
    patch(w, 3, "{\"removeGroup\":1,\"quiet\":true}");
    assert_true(json_parse(w->arena, str_slice(&w->hook), &j, NULL));
    assert_true(json_get_bool(json_get(j, "event"), "computer", false));
    assert_int_equal(json_number(json_get(j, "event"), "jssid"), 1);
    assert_int_equal(json_count(json_get(json_get(j, "event"), "groupRemovedDevicesIds")), 1);
    unsigned seen = w->hooks;
    patch(w, 3, "{\"addGroup\":9,\"quiet\":true}"); /* a static group has no event */
    assert_int_equal(w->hooks, seen);
    assert_int_equal(world_control(w, HTTP_POST, "/control/jamf/computers", "{\"count\":2}").status, 201);
    assert_int_equal(w->hooks, seen + 2);
    static const char *const bad[] = {"{}", "{\"url\":\"x\",\"authentication_type\":\"HEADER\"}",
                                      "{\"url\":\"x\",\"authentication_type\":\"HEADER\",\"header\":{\"Host\":\"a\"}}",
                                      "{\"url\":\"x\",\"authentication_type\":\"BASIC\",\"username\":\"a\"}"};
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        assert_int_equal(world_control(w, HTTP_PUT, "/control/webhooks/jamf", bad[k]).status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_user_s_token_lives_until_it_is_kept_alive, setup, world_teardown),
        cmocka_unit_test_setup_teardown(bad_credentials_are_told_in_few_words, setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_api_client_asks_for_a_new_token, setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_missing_privilege_is_told_in_each_api_s_way, setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_the_server_s_version_has_not_is_not_there, setup, world_teardown),
        cmocka_unit_test_setup_teardown(sections_that_nobody_asked_for_are_null, setup, world_teardown),
        cmocka_unit_test_setup_teardown(versions_differ_in_what_they_call_the_last_contact, setup, world_teardown),
        cmocka_unit_test_setup_teardown(pages_are_clamped_and_end_empty, setup, world_teardown),
        cmocka_unit_test_setup_teardown(filters_are_rsql, setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_default_order_moves_with_the_names, setup, world_teardown),
        cmocka_unit_test_setup_teardown(everything_that_can_be_odd_is, setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_record_spoils_its_page, setup, world_teardown),
        cmocka_unit_test_setup_teardown(groups_have_no_members_but_in_the_classic_api, setup, world_teardown),
        cmocka_unit_test_setup_teardown(users_come_in_two_ways, setup, world_teardown),
        cmocka_unit_test_setup_teardown(places_and_mobile_devices, setup, world_teardown),
        cmocka_unit_test_setup_teardown(webhooks_have_three_shapes, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
