/* sim/ninja.c - the simulated NinjaOne: as strict as its sheet, deterministic, and true to its faults. */
#include "ninja/ninja.h"
#include "sim/world.h"

static struct got get(struct world *w, const char *target)
{
    return world_ask(w, "ninja", HTTP_GET, target, NULL);
}

static void authorization_is_judged_as_the_product_does(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/v2/devices");
    assert_int_equal(g.status, 400);
    assert_text(g.text,
                "{\"error\":\"missing_header\",\"error_description\":\"Missing required header\",\"error_code\":2}");
    snprintf(w->token, sizeof(w->token), "Basic abc");
    g = get(w, "/v2/devices");
    assert_int_equal(g.status, 400);
    assert_text(json_get_text(g.json, "error"), "invalid_header");
    snprintf(w->token, sizeof(w->token), "Bearer nobody");
    g = get(w, "/v2/devices");
    assert_int_equal(g.status, 401);
    assert_text(json_get_text(g.json, "error"), "not_authenticated");
    world_sign_in(w);
    assert_int_equal(get(w, "/v2/devices").status, 200);
    assert_int_equal(get(w, "/api/v2/devices").status, 200);
    ninja_product.expire_tokens(sim_instance(w->sim, &ninja_product)->self);
    assert_int_equal(get(w, "/v2/devices").status, 401);
}

static struct got token(struct world *w, const char *form)
{
    w->type = "application/x-www-form-urlencoded";
    struct got g = world_ask(w, "ninja", HTTP_POST, "/oauth/token", form);
    w->type = "application/json";
    return g;
}

#define CLIENT "&client_id=sim-ninja-client&client_secret=sim-ninja-secret"

static void token_endpoint_refuses(void **state)
{
    struct world *w = *state;
    struct got g = token(w, "grant_type=client_credentials&client_id=other&client_secret=x");
    assert_int_equal(g.status, 404);
    assert_text(json_get_text(g.json, "resultCode"), "Client app not exist");
    g = token(w, "grant_type=client_credentials&client_id=sim-ninja-client&client_secret=x");
    assert_text(json_get_text(g.json, "error"), "invalid_client");
    assert_text(json_get_text(token(w, "grant_type=password" CLIENT).json, "error"), "unsupported_grant_type");
    assert_text(json_get_text(token(w, "grant_type=client_credentials&scope=root" CLIENT).json, "error"),
                "invalid_scope");
    assert_int_equal(world_ask(w, "ninja", HTTP_POST, "/ws/oauth/token", "{}").status, 400); /* not a form */
}

static void refresh_tokens_rotate_and_work_once(void **state)
{
    struct world *w = *state;
    char form[512];
    world_control(w, HTTP_POST, "/control/ninja/codes", "{\"code\":\"abc\",\"redirect_uri\":\"https://hub/cb\"}");
    assert_int_equal(token(w, "grant_type=authorization_code&code=abc&redirect_uri=https://hub/cb/" CLIENT).status,
                     400);
    world_control(w, HTTP_POST, "/control/ninja/codes", "{\"code\":\"abd\",\"redirect_uri\":\"https://hub/cb\"}");
    struct got g = token(w, "grant_type=authorization_code&code=abd&redirect_uri=https://hub/cb" CLIENT);
    assert_int_equal(g.status, 200);
    assert_int_equal(token(w, "grant_type=authorization_code&code=abd&redirect_uri=https://hub/cb" CLIENT).status, 400);
    struct slice refresh = json_get_text(g.json, "refresh_token");
    snprintf(form, sizeof(form), "grant_type=refresh_token&refresh_token=%.*s" CLIENT, SLICE_FMT(refresh));
    g = token(w, form);
    assert_int_equal(g.status, 200);
    assert_false(slice_eq(refresh, json_get_text(g.json, "refresh_token")));
    g = token(w, form);
    assert_int_equal(g.status, 400);
    assert_text(json_get_text(g.json, "error"), "invalid_token");
    assert_null(json_get_text(token(w, "grant_type=client_credentials" CLIENT).json, "refresh_token").p);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct world *w = *state;
    void *other;
    world_setup(&other);
    struct world *v = other;
    world_sign_in(w);
    world_sign_in(v);
    static const char *const targets[] = {"/v2/devices-detailed", "/v2/organizations-detailed", "/v2/alerts",
                                          "/v2/activities?pageSize=1000"};
    for (size_t k = 0; k < ARRAY_LEN(targets); k++)
        assert_true(slice_eq(get(w, targets[k]).text, get(v, targets[k]).text));
    world_teardown(&other);
}

static void pages_by_after_cover_everything_once(void **state)
{
    struct world *w = *state;
    world_sign_in(w);
    int64_t last = 0;
    size_t rows = 0, classes = 0;
    unsigned char seen[64] = {0};
    for (;;) {
        char target[80];
        snprintf(target, sizeof(target), "/v2/devices?pageSize=70&after=%lld", (long long)last);
        struct got g = get(w, target);
        assert_int_equal(g.status, 200);
        if (!g.json->child)
            break;
        for (const struct json *d = g.json->child; d; d = d->next, rows++) {
            int64_t id = json_number(d, "id");
            assert_true(id > last);
            last = id;
            const struct ninja_class *c = ninja_class_named(json_get_text(d, "nodeClass"));
            classes += !seen[c - ninja_classes];
            seen[c - ninja_classes] = 1;
        }
    }
    assert_int_equal(rows, json_number(world_control(w, HTTP_GET, "/control/ninja/summary", NULL).json, "approved"));
    assert_int_equal(classes, 33);
}

static void out_of_range_and_unknown_are_refused(void **state)
{
    static const struct {
        const char *target;
        int status;
    } rows[] = {{"/v2/devices?pageSize=0", 400},
                {"/v2/devices?pageSize=1001", 400},
                {"/v2/devices?pageSize=ten", 404},
                {"/v2/activities?pageSize=9", 400},
                {"/v2/activities?pageSize=1001", 400},
                {"/v2/queries/volumes?pageSize=10001", 400},
                {"/v2/queries/logged-on-users?pageSize=9", 400},
                {"/v2/queries/volumes?cursor=nope", 400},
                {"/v2/queries/nope", 404},
                {"/v2/nope", 404},
                {"/v2/device/1", 404},
                {"/v2/device/1001/nope", 404},
                {"/v2/devices?df=", 400},
                {"/v2/devices?df=org%3D11%20OR%20org%3D12", 400},
                {"/v2/devices?df=(org%3D11)", 400},
                {"/v2/devices?df=class%3DTOASTER", 400},
                {"/v2/devices?df=group%205", 400},
                {"/v2/webhook", 405},
                {"/v2/devices?df=org%20in%20(11,12)%20AND%20online", 200}};
    struct world *w = *state;
    world_sign_in(w);
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct got g = get(w, rows[k].target);
        if (g.status != rows[k].status)
            fail_msg("%s: %d", rows[k].target, g.status);
        assert_true(g.status < 400 || g.reason[0]); /* the statistics say why */
    }
}

/* Reads a report to its end; the rows read, and the last cursor's count. */
static size_t read_report(struct world *w, const char *what, int64_t *ret_count)
{
    char target[200], name[64] = "";
    size_t rows = 0;
    for (int guard = 0; guard < 500; guard++) {
        snprintf(target, sizeof(target), "/v2/queries/%s%s%s", what, name[0] ? "&cursor=" : "", name);
        struct got g = get(w, target);
        assert_int_equal(g.status, 200);
        const struct json *cursor = json_get(g.json, "cursor"), *results = json_get(g.json, "results");
        if (ret_count)
            *ret_count = json_number(cursor, "count");
        assert_int_equal(json_number(cursor, "offset"), rows);
        struct slice text = json_get_text(cursor, "name");
        snprintf(name, sizeof(name), "%.*s", SLICE_FMT(text));
        if (!results->child)
            return rows;
        rows += json_count(results);
    }
    fail_msg("the cursor of %s does not end", what);
    return 0;
}

static void reports_are_read_to_the_announced_count(void **state)
{
    struct world *w = *state;
    int64_t count = 0;
    world_sign_in(w);
    const struct json *rows = json_get(world_control(w, HTTP_GET, "/control/ninja/summary", NULL).json, "rows");
    assert_int_equal(read_report(w, "volumes?pageSize=7", &count), json_number(rows, "volumes"));
    assert_int_equal(count, json_number(rows, "volumes"));
    assert_int_equal(read_report(w, "software?pageSize=333", &count), json_number(rows, "software"));
    assert_int_equal(read_report(w, "network-interfaces?pageSize=50", &count), json_number(rows, "network-interfaces"));
    world_control(w, HTTP_PATCH, "/control/ninja/settings", "{\"new_cursor_names\":true}");
    assert_int_equal(read_report(w, "volumes?pageSize=7", &count), json_number(rows, "volumes"));
}

static struct got page(struct world *w, const char *name)
{
    char target[160];
    snprintf(target, sizeof(target), "/v2/queries/volumes?pageSize=20%s%s", name[0] ? "&cursor=" : "", name);
    return get(w, target);
}

static void data_faults_are_played(void **state)
{
    struct world *w = *state;
    char name[64];
    world_sign_in(w);
    struct got first = page(w, "");
    struct slice text = json_get_text(json_get(first.json, "cursor"), "name");
    snprintf(name, sizeof(name), "%.*s", SLICE_FMT(text));
    int64_t count = json_number(json_get(first.json, "cursor"), "count");
    w->fault = FAULT_STUCK_CURSOR;
    struct got a = page(w, name), b = page(w, name);
    assert_true(slice_eq(a.text, b.text));
    w->fault = FAULT_WRONG_TOTAL;
    assert_int_equal(json_number(json_get(page(w, "").json, "cursor"), "count"), count + 7);
    w->fault = FAULT_OMIT_ROWS;
    assert_int_equal(json_count(json_get(page(w, "").json, "results")), 18);
    w->fault = FAULT_NONE;
    w->damaged = true; /* an answer that will not arrive does not move the cursor */
    page(w, name);
    w->damaged = false;
    assert_true(slice_eq(page(w, name).text, a.text));
    w->fault = FAULT_SHUFFLE;
    struct got s = get(w, "/v2/devices?pageSize=50");
    assert_int_equal(json_count(s.json), 50);
    assert_int_not_equal(json_number(json_at(s.json, 0), "id"), NINJA_FIRST_ID);
}

static void changes_reach_the_lists_the_feed_and_the_webhook(void **state)
{
    struct world *w = *state;
    world_sign_in(w);
    struct got g =
        world_ask(w, "ninja", HTTP_PUT, "/v2/webhook",
                  "{\"url\":\"https://hub.test/h\",\"activities\":{\"SYSTEM\":[\"*\"],\"CONDITION\":[\"TRIGGERED\"]},"
                  "\"expand\":[\"device\",\"organization\"],\"headers\":[{\"name\":\"X-Secret\",\"value\":\"s\"}]}");
    assert_int_equal(g.status, 204);
    unsigned before = w->hooks;
    g = world_control(w, HTTP_POST, "/control/ninja/devices",
                      "{\"systemName\":\"A \\\"b\\\" \",\"organizationId\":12}");
    int64_t id = 0;
    assert_true(slice_i64(json_at(json_get(g.json, "ids"), 0)->text, &id));
    assert_int_equal(w->hooks, before + 1);
    char target[80], body[80];
    struct err e;
    struct json *hook;
    assert_true(json_parse(w->arena, str_slice(&w->hook), &hook, &e));
    assert_text(json_get_text(hook, "statusCode"), "NODE_CREATED");
    assert_null(json_get(hook, "organizationId")); /* never at the root */
    assert_int_equal(json_number(json_get(hook, "device"), "organizationId"), 12);
    assert_int_equal(json_number(json_get(json_get(json_get(hook, "device"), "references"), "organization"), "id"), 12);
    snprintf(target, sizeof(target), "/v2/device/%lld", (long long)id);
    assert_text(json_get_text(get(w, target).json, "systemName"), "A \"b\" ");
    snprintf(body, sizeof(body), "{\"deviceId\":%lld}", (long long)id);
    g = world_control(w, HTTP_POST, "/control/ninja/alerts", body);
    struct slice uid = json_get_text(g.json, "uid");
    assert_int_equal(w->hooks, before + 2);
    snprintf(target, sizeof(target), "/v2/alert/%.*s", SLICE_FMT(uid));
    assert_int_equal(world_ask(w, "ninja", HTTP_DELETE, target, NULL).status, 204);
    assert_int_equal(world_ask(w, "ninja", HTTP_DELETE, target, NULL).status, 404);
    assert_int_equal(w->hooks, before + 2); /* RESET was not asked for */
    snprintf(target, sizeof(target), "/v2/activities?seriesUid=%.*s", SLICE_FMT(uid));
    const struct json *feed = json_get(get(w, target).json, "activities");
    assert_int_equal(json_count(feed), 2);
    assert_text(json_get_text(json_at(feed, 0), "statusCode"), "RESET"); /* newest first */
    snprintf(target, sizeof(target), "/control/ninja/devices/%lld", (long long)id);
    assert_int_equal(world_control(w, HTTP_DELETE, target, NULL).status, 200);
    assert_true(json_parse(w->arena, str_slice(&w->hook), &hook, &e));
    assert_text(json_get_text(hook, "statusCode"), "NODE_DELETED");
    assert_null(json_get(hook, "device"));
    snprintf(target, sizeof(target), "/v2/device/%lld", (long long)id);
    assert_int_equal(get(w, target).status, 404);
}

static void webhook_configuration_is_strict(void **state)
{
    static const char *const bad[] = {"{\"url\":\"ftp://x\"}",
                                      "{\"url\":\"https://x\",\"activities\":{\"NOPE\":[\"*\"]}}",
                                      "{\"url\":\"https://x\",\"headers\":{\"a\":\"b\"}}",
                                      "{\"url\":\"https://x\",\"secret\":\"b\"}",
                                      "{\"url\":\"https://x\",\"activities\":[\"CONDITION\"]}",
                                      "[]",
                                      "nonsense"};
    struct world *w = *state;
    world_sign_in(w);
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        assert_int_equal(world_ask(w, "ninja", HTTP_PUT, "/v2/webhook", bad[k]).status, 400);
    world_control(w, HTTP_PATCH, "/control/ninja/settings", "{\"webhook_needs_admin\":true}");
    assert_int_equal(world_ask(w, "ninja", HTTP_PUT, "/v2/webhook", "{\"url\":\"https://x\"}").status, 403);
}

static void feed_pages_backwards_by_id(void **state)
{
    struct world *w = *state;
    char target[96];
    int64_t older = 0;
    size_t rows = 0;
    world_sign_in(w);
    for (;;) {
        snprintf(target, sizeof(target), "/v2/activities?pageSize=30&olderThan=%lld",
                 (long long)(older ? older : INT64_MAX));
        const struct json *v = json_get(get(w, target).json, "activities")->child;
        if (!v)
            break;
        for (; v; v = v->next, rows++) {
            assert_true(!older || json_number(v, "id") < older);
            older = json_number(v, "id");
        }
    }
    assert_int_equal(rows, json_number(world_control(w, HTTP_GET, "/control/ninja/summary", NULL).json, "activities"));
    snprintf(target, sizeof(target), "/v2/activities?newerThan=%lld", 1795000000LL); /* a time instead of an id */
    assert_int_equal(json_count(json_get(get(w, target).json, "activities")), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(authorization_is_judged_as_the_product_does),
        TEST(token_endpoint_refuses),
        TEST(refresh_tokens_rotate_and_work_once),
        TEST(the_same_seed_gives_the_same_bytes),
        TEST(pages_by_after_cover_everything_once),
        TEST(out_of_range_and_unknown_are_refused),
        TEST(reports_are_read_to_the_announced_count),
        TEST(data_faults_are_played),
        TEST(changes_reach_the_lists_the_feed_and_the_webhook),
        TEST(webhook_configuration_is_strict),
        TEST(feed_pages_backwards_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
