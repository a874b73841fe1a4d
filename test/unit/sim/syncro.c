/* sim/syncro.c - the simulated Syncro: shapes, refusals, and the oddities that a careless client trips over. */
#include "syncro/syncro.h"
#include "sim/world.h"

static struct got ask(struct world *w, enum http_method method, const char *target, const char *body)
{
    return world_ask(w, "syncro", method, arena_printf(w->arena, "/api/v1%s", target), body);
}

static struct got get(struct world *w, const char *target)
{
    return ask(w, HTTP_GET, target, NULL);
}

static struct syncro *self(struct world *w)
{
    return sim_instance(w->sim, &syncro_product)->self;
}

static void as(struct world *w, const char *token)
{
    snprintf(w->token, sizeof(w->token), "Bearer %s", token);
}

static int setup(void **state)
{
    world_setup(state);
    as(*state, SYNCRO_TOKEN);
    return 0;
}

static void settings(struct world *w, const char *body)
{
    assert_int_equal(world_control(w, HTTP_PATCH, "/control/syncro/settings", body).status, 200);
}

static int64_t summary(struct world *w, const char *key)
{
    return json_number(world_control(w, HTTP_GET, "/control/syncro/summary", NULL).json, key);
}

static void tokens_come_in_four_ways(void **state)
{
    struct world *w = *state;
    assert_int_equal(get(w, "/me").status, 200);
    snprintf(w->token, sizeof(w->token), "bearer %s", SYNCRO_TOKEN);
    assert_int_equal(get(w, "/me").status, 200);
    snprintf(w->token, sizeof(w->token), "%s", SYNCRO_TOKEN);
    assert_int_equal(get(w, "/me").status, 200);
    w->token[0] = '\0';
    assert_int_equal(get(w, "/me").status, 401);
    assert_int_equal(get(w, "/me?api_key=" SYNCRO_TOKEN).status, 200);
    assert_int_equal(ask(w, HTTP_POST, "/tickets", "{\"api_key\":\"" SYNCRO_TOKEN "\"}").status, 422);
}

static void a_401_is_a_bad_token_or_a_missing_permission(void **state)
{
    struct world *w = *state;
    as(w, SYNCRO_TOKEN_EXPIRED);
    struct got g = get(w, "/me");
    assert_int_equal(g.status, 401);
    assert_null(g.json); /* not even JSON */
    as(w, SYNCRO_TOKEN_NO_ALERTS);
    assert_int_equal(get(w, "/me").status, 200);
    g = get(w, "/rmm_alerts");
    assert_int_equal(g.status, 401);
    assert_text(json_get_text(g.json, "error"),
                "Not authorized. Please ask account admin to update your group permissions.");
    as(w, SYNCRO_TOKEN_READ);
    assert_int_equal(get(w, "/tickets").status, 200);
    assert_int_equal(ask(w, HTTP_POST, "/tickets", "{}").status, 401);
    as(w, SYNCRO_TOKEN_ONE_CUSTOMER); /* nothing tells that the rest is hidden */
    assert_int_equal(json_count(json_get(get(w, "/customers").json, "customers")), 1);
    as(w, SYNCRO_TOKEN_ELSEWHERE);
    assert_text(json_get_text(get(w, "/me").json, "subdomain"), "southmsp");
}

static void more_than_180_a_minute_are_refused(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 180; i++)
        assert_int_equal(get(w, "/me").status, 200);
    w->token[0] = '\0'; /* whoever asks */
    struct got g = get(w, "/me");
    assert_int_equal(g.status, 429);
    assert_null(g.json);
    assert_null(g.retry_after);
    settings(w, "{\"retry_after\":true}");
    assert_string_equal(get(w, "/me").retry_after, "60");
}

static void lists_have_pages_of_their_own(void **state)
{
    struct world *w = *state;
    const struct json *meta = json_get(get(w, "/customer_assets").json, "meta");
    assert_keys(meta, "total_pages,total_entries,per_page,page");
    assert_int_equal(json_number(meta, "per_page"), 50);
    assert_int_equal(json_number(meta, "total_entries"), 120);
    assert_int_equal(json_count(json_get(get(w, "/customer_assets?page=3").json, "assets")), 20);
    assert_int_equal(json_count(json_get(get(w, "/customer_assets?page=4").json, "assets")), 0);
    assert_keys(json_get(get(w, "/tickets").json, "meta"), "total_pages,page");
    assert_int_equal(json_count(json_get(get(w, "/tickets").json, "tickets")), 50);
    settings(w, "{\"assets_without_meta\":true,\"page_size\":10}");
    assert_null(json_get(get(w, "/customer_assets").json, "meta"));
    assert_int_equal(json_count(json_get(get(w, "/contacts").json, "contacts")), 10);
}

static void disabled_customers_are_asked_for(void **state)
{
    struct world *w = *state;
    assert_int_equal(json_count(json_get(get(w, "/customers").json, "customers")), 11);
    assert_int_equal(json_count(json_get(get(w, "/customers?include_disabled=true").json, "customers")), 12);
    assert_int_equal(summary(w, "customers"), 11);
}

/* Each shape that an agent's data has been seen in, at least once. */
static void assets_are_as_odd_as_the_product_s(void **state)
{
    struct world *w = *state;
    size_t null_info = 0, text_info = 0, array_general = 0, null_os = 0, object_adapters = 0, text_numbers = 0,
           no_store = 0, text_triggers = 0, bool_triggers = 0, no_properties = 0, no_customer = 0, ten_digits = 0;
    for (int page = 1; page <= 3; page++) {
        struct got g = get(w, arena_printf(w->arena, "/customer_assets?page=%d", page));
        for (const struct json *row = json_get(g.json, "assets")->child; row; row = row->next) {
            const struct json *properties = json_get(row, "properties"),
                              *info = json_get(properties, "kabuto_information"), *store = json_get(row, "rmm_store"),
                              *triggers = json_get(store, "triggers"),
                              *offline = json_get(triggers, "agent_offline_triggered"), *part;
            ten_digits += json_number(row, "id") > INT32_MAX;
            no_properties += properties->type == JSON_NULL;
            no_customer += json_get(row, "customer_id")->type == JSON_NULL;
            null_info += info && info->type == JSON_NULL;
            text_info += info && info->type == JSON_STRING;
            array_general += (part = json_get(info, "general")) && part->type == JSON_ARRAY;
            null_os += (part = json_get(info, "os")) && part->type == JSON_NULL;
            object_adapters += (part = json_get(info, "network_adapters")) && part->type == JSON_OBJECT;
            text_numbers +=
                (part = json_get(json_get(info, "system_partition"), "size_gb")) && part->type == JSON_STRING;
            no_store += store->type == JSON_NULL;
            text_triggers += offline && offline->type == JSON_STRING;
            bool_triggers += offline && offline->type == JSON_BOOL;
        }
    }
    assert_int_equal(ten_digits, 120);
    assert_true(null_info && text_info && array_general && null_os && object_adapters && text_numbers && no_store &&
                text_triggers && bool_triggers && no_properties && no_customer);
}

static void wrappers_and_statuses_differ_per_call(void **state)
{
    struct world *w = *state;
    struct got g = get(w, "/customer_assets/5520000001");
    assert_int_equal(json_number(json_get(g.json, "asset"), "id"), 5520000001);
    assert_text(json_get_text(get(w, "/customer_assets/1").json, "error"), "Asset not found");
    assert_text(json_get_text(get(w, "/tickets/1").json, "message"), "Not found");
    g = ask(w, HTTP_POST, "/rmm_alerts", "{\"customer_id\":30001,\"asset_id\":5520000001,\"description\":\"x\"}");
    assert_int_equal(g.status, 201);
    int64_t alert = json_number(json_get(g.json, "alert"), "id");
    char *path = arena_printf(w->arena, "/rmm_alerts/%lld", (long long)alert);
    assert_non_null(json_get(get(w, path).json, "rmm_alert"));
    g = ask(w, HTTP_DELETE, path, NULL); /* resolves */
    assert_text(json_get_text(g.json, "success"), "true");
    assert_true(json_get_bool(json_get(get(w, path).json, "rmm_alert"), "resolved", false));
    path = arena_printf(w->arena, "/rmm_alerts/%lld/mute", (long long)alert);
    assert_int_equal(ask(w, HTTP_POST, path, "{\"mute_for\":\"never\"}").status, 422);
    assert_int_equal(ask(w, HTTP_POST, path, "{\"mute_for\":\"1-day\"}").status, 200);
    assert_int_equal(ask(w, HTTP_PUT, path, "{}").status, 404); /* no such call */
}

static void tickets_are_made_and_found_again(void **state)
{
    struct world *w = *state;
    assert_text(json_get_text(ask(w, HTTP_POST, "/tickets", "{\"subject\":\"x\"}").json, "error"),
                "Customer required field");
    assert_int_equal(ask(w, HTTP_POST, "/tickets", "{\"customer_id\":30001}").status, 422);
    assert_int_equal(
        ask(w, HTTP_POST, "/tickets", "{\"customer_id\":30001,\"subject\":\"x\",\"priority\":\"High\"}").status, 422);
    assert_int_equal(ask(w, HTTP_POST, "/tickets",
                         "{\"customer_id\":30001,\"subject\":\"x\",\"comments_attributes\":[{\"subject\":\"s\"}]}")
                         .status,
                     422);
    struct got g =
        ask(w, HTTP_POST, "/tickets",
            "{\"customer_id\":30001,\"subject\":\"[marker:1] Disk\",\"status\":\"New\",\"problem_type\":\"Hardware\","
            "\"priority\":\"1 High\",\"asset_ids\":[5520000001],\"line_items\":[1],\"comments_attributes\":[{"
            "\"subject\":\"Details\",\"body\":\"4%\",\"hidden\":true,\"do_not_email\":true}]}");
    assert_int_equal(g.status, 200);
    const struct json *t = json_get(g.json, "ticket");
    assert_int_equal(json_count(json_get(t, "comments")), 1);
    assert_int_equal(json_count(json_get(t, "line_items")), 0); /* ignored */
    assert_int_equal(summary(w, "emails"), 0);
    const struct json *found = json_get(get(w, "/tickets?customer_id=30001&query=%5Bmarker%3A1%5D").json, "tickets");
    assert_int_equal(json_count(found), 1);
    assert_int_equal(json_number(json_at(found, 0), "id"), json_number(t, "id"));
    assert_int_equal(json_count(json_get(get(w, "/tickets?customer_id=30002&query=%5Bmarker%3A1%5D").json, "tickets")),
                     0);

    char *path = arena_printf(w->arena, "/tickets/%lld/comment", (long long)json_number(t, "id"));
    assert_int_equal(ask(w, HTTP_POST, path, "{\"body\":\"x\"}").status, 422);
    assert_int_equal(ask(w, HTTP_POST, path, "{\"body\":\"x\",\"subject\":\"y\",\"do_not_email\":true}").status, 200);
    assert_int_equal(summary(w, "emails"), 0);
    assert_int_equal(ask(w, HTTP_POST, path, "{\"body\":\"x\",\"subject\":\"y\",\"hidden\":true}").status, 200);
    assert_int_equal(summary(w, "emails"), 1); /* hidden alone does not keep the customer from being mailed */
    path = arena_printf(w->arena, "/tickets/%lld", (long long)json_number(t, "id"));
    assert_int_equal(ask(w, HTTP_PUT, path, "{\"status\":\"Done\"}").status, 422);
    g = ask(w, HTTP_PUT, path, "{\"status\":\"Resolved\"}");
    assert_true(json_get_text(json_get(g.json, "ticket"), "resolved_at").n > 0);
}

static void lists_of_tickets_carry_the_first_comment_only(void **state)
{
    struct world *w = *state;
    const struct json *row;
    size_t many = 0;
    for (row = json_get(get(w, "/tickets").json, "tickets")->child; row; row = row->next) {
        assert_true(json_count(json_get(row, "comments")) <= 1);
        struct got g = get(w, arena_printf(w->arena, "/tickets/%lld/comments", (long long)json_number(row, "id")));
        many += json_number(json_get(g.json, "meta"), "total_pages") > 1;
    }
    assert_true(many > 0); /* ten a page */
    struct s_ticket *t = &self(w)->tickets[0];
    t->updated = WORLD_EPOCH;
    row = json_get(get(w, "/tickets?since_updated_at=2026-11-18T00%3A00%3A00Z").json, "tickets");
    assert_true(json_count(row) < 60);
    assert_int_equal(get(w, "/tickets?since_updated_at=soon").status, 400);
}

static void webhooks_have_four_members_and_no_header(void **state)
{
    struct world *w = *state;
    struct json *o;
    struct err e;
    assert_int_equal(world_control(w, HTTP_PUT, "/control/webhooks/syncro",
                                   "{\"url\":\"http://127.0.0.1:1/x\",\"headers\":{\"a\":\"b\"}}")
                         .status,
                     400);
    assert_int_equal(
        world_control(w, HTTP_PUT, "/control/webhooks/syncro", "{\"url\":\"http://127.0.0.1:1/x\"}").status, 200);
    struct got g = world_control(w, HTTP_POST, "/control/syncro/alerts",
                                 "{\"asset_id\":5520000001,\"trigger\":\"ps_monitor\",\"description\":\"d\"}");
    assert_true(json_parse(w->arena, str_slice(&w->hook), &o, &e));
    assert_keys(o, "text,html,link,attributes");
    int64_t id = json_number(g.json, "id");
    world_control(w, HTTP_POST, arena_printf(w->arena, "/control/syncro/alerts/%lld/resolve", (long long)id), NULL);
    assert_int_equal(w->hooks, 2); /* the clear is a new event whose words say so */
    assert_non_null(memmem(w->hook.p, w->hook.n, "auto resolved", 13));
    assert_null(memmem(w->hook.p, w->hook.n, "\"resolved\":true", 15));
    assert_null(memmem(w->hook.p, w->hook.n, "\"resolved\":\"true\"", 17));
}

static void faults_are_played_in_the_data(void **state)
{
    struct world *w = *state;
    w->fault = FAULT_OMIT_ROWS;
    assert_int_equal(json_count(json_get(get(w, "/customer_assets").json, "assets")), 45);
    w->fault = FAULT_WRONG_TOTAL;
    assert_int_equal(json_number(json_get(get(w, "/customer_assets").json, "meta"), "total_entries"), 127);
    w->fault = FAULT_STUCK_CURSOR;
    assert_int_equal(json_number(json_get(get(w, "/customer_assets?page=2").json, "meta"), "page"), 1);
    w->fault = FAULT_REPEAT_PAGE;
    assert_int_equal(json_number(json_get(get(w, "/customer_assets?page=3").json, "meta"), "page"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tokens_come_in_four_ways, setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_401_is_a_bad_token_or_a_missing_permission, setup, world_teardown),
        cmocka_unit_test_setup_teardown(more_than_180_a_minute_are_refused, setup, world_teardown),
        cmocka_unit_test_setup_teardown(lists_have_pages_of_their_own, setup, world_teardown),
        cmocka_unit_test_setup_teardown(disabled_customers_are_asked_for, setup, world_teardown),
        cmocka_unit_test_setup_teardown(assets_are_as_odd_as_the_product_s, setup, world_teardown),
        cmocka_unit_test_setup_teardown(wrappers_and_statuses_differ_per_call, setup, world_teardown),
        cmocka_unit_test_setup_teardown(tickets_are_made_and_found_again, setup, world_teardown),
        cmocka_unit_test_setup_teardown(lists_of_tickets_carry_the_first_comment_only, setup, world_teardown),
        cmocka_unit_test_setup_teardown(webhooks_have_four_members_and_no_header, setup, world_teardown),
        cmocka_unit_test_setup_teardown(faults_are_played_in_the_data, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
