/* tacticalrmm_webhook.c - what Tactical RMM posts, recorded from a real server, and what templates can do wrong. */
#include "base/test.h"
#include "provider/harness.h"

#define AGENT    "ctxYcwnRpQgwXJANVjpkZZlAblVvYAZQVZprkYSg"
#define QUOTED   "LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP"
#define RECEIVED SECONDS(1795224800) /* 2026-11-21T01:33:20Z: four minutes behind the server's clock */

static const struct provider *tactical(void)
{
    return provider_find(SLICE("tacticalrmm"));
}

struct decoded {
    enum decode_result result;
    struct err e;
    struct str lines;
};

static struct decoded decode(const char *body, usec_t received)
{
    struct decoded d = {0};
    struct sink sink;

    lines_sink(&sink, &d.lines);
    d.result = tactical()->decode(slice_cstr(body), received, &sink, &d.e);
    str_adds(&d.lines, "");
    return d;
}

static void recorded_deliveries_are_understood(void **state)
{
    static const struct {
        const char *name, *alert, *refresh, *type;
    } cases[] = {
        {"trigger",
         "alert 75 {\"device\":\"" AGENT "\",\"state\":\"triggered\",\"severity\":\"major\",\"type\":\"availability\","
         "\"message\":\"FILE-002 in H\xc3\xb4tel \xc3\x89toile, Main is "
         "overdue.\",\"triggered\":\"2026-11-21T01:37:15.979919Z\","
         "\"changed\":\"2026-11-21T01:37:15.979919Z\"}",
         "refresh " AGENT " 2026-11-21T01:33:20Z", "availability.trigger"},
        /* the recovery is never before its alert, whatever our clock says */
        {"resolve",
         "alert 75 {\"device\":\"" AGENT "\",\"state\":\"resolved\",\"severity\":\"major\",\"type\":\"availability\","
         "\"message\":\"FILE-002 in H\xc3\xb4tel \xc3\x89toile, Main is "
         "overdue.\",\"triggered\":\"2026-11-21T01:37:15.979919Z\","
         "\"changed\":\"2026-11-21T01:37:15.979920Z\"}",
         "refresh " AGENT " 2026-11-21T01:33:20Z", "availability.resolve"},
        /* one quote in a client's name: the whole body is one JSON string */
        {"trigger_quoted",
         "alert 76 {\"device\":\"" QUOTED "\",\"state\":\"triggered\",\"severity\":\"major\",\"type\":\"availability\","
         "\"triggered\":\"2026-11-21T01:37:15.995709Z\",\"changed\":\"2026-11-21T01:37:15.995709Z\"}",
         "refresh " QUOTED " 2026-11-21T01:33:20Z", "text"},
        {"resolve_quoted",
         "alert 76 {\"device\":\"" QUOTED "\",\"state\":\"resolved\",\"severity\":\"major\",\"type\":\"availability\","
         "\"triggered\":\"2026-11-21T01:37:15.995709Z\",\"changed\":\"2026-11-21T01:37:15.995710Z\"}",
         "refresh " QUOTED " 2026-11-21T01:33:20Z", "text"},
        {"check_quoted",
         "alert 77 {\"device\":\"" QUOTED "\",\"state\":\"triggered\",\"severity\":\"major\",\"type\":\"check\","
         "\"triggered\":\"2026-11-21T01:37:19.848215Z\",\"changed\":\"2026-11-21T01:37:19.848215Z\"}",
         "refresh " QUOTED " 2026-11-21T01:33:20Z", "text"},
        {"check_resolve_quoted",
         "alert 77 {\"device\":\"" QUOTED "\",\"state\":\"resolved\",\"severity\":\"major\",\"type\":\"check\","
         "\"triggered\":\"2026-11-21T01:37:19.848215Z\",\"changed\":\"2026-11-21T01:37:19.848216Z\"}",
         "refresh " QUOTED " 2026-11-21T01:33:20Z", "text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[80];
        struct intake_keys keys = {0};
        snprintf(name, sizeof(name), "tacticalrmm/webhook_%s.json", cases[i].name);
        char *body = fixture(name);
        struct decoded d = decode(body, RECEIVED);
        assert_int_equal(d.result, DECODE_APPLIED);
        assert_line(d.lines.p, cases[i].alert);
        assert_line(d.lines.p, cases[i].refresh);
        assert_true(tactical()->intake(slice_cstr(body), &keys, NULL));
        assert_string_equal(keys.type.p, cases[i].type);
        assert_int_equal(keys.dedupe.n, 0); /* the body's hash */
        str_release(&keys.type);
        str_release(&d.lines);
        free(body);
    }
}

#define HOOK(alert, severity, event)                                                                                   \
    "{\"agent_id\": \"" AGENT "\", \"alert_id\": \"" alert "\", \"alert_type\": \"check\", \"severity\": \"" severity  \
    "\", \"alert_time\": \"2026-01-09 10:11:12.345678+00:00\", \"event\": \"" event "\"}"

static void templates_go_wrong_in_many_ways(void **state)
{
    static const struct {
        const char *body;
        enum decode_result result;
        size_t alerts, refreshes;
    } cases[] = {
        {HOOK("75", "warning", "trigger"), DECODE_APPLIED, 1, 1},
        {HOOK("75", "warning", "Resolved"), DECODE_APPLIED, 1, 1},
        {HOOK("75", "None", "trigger"), DECODE_APPLIED, 1, 1},
        {HOOK("75", "warning", "None"), DECODE_APPLIED, 0,
         1}, /* which of the two is not known: the agent, and polling, will tell */
        {HOOK("75", "warning", "perhaps"), DECODE_APPLIED, 0, 1},
        {HOOK("None", "None", "trigger"), DECODE_APPLIED, 0, 1},
        {HOOK("12", "WEB-001", "trigger"), DECODE_IGNORED, 0, 0}, /* the dashboard's test */
        {HOOK("WEB-001", "error", "trigger"), DECODE_IGNORED, 0, 0},
        {HOOK("{{alert.id}}", "{{alert.severity}}", "trigger"), DECODE_IGNORED, 0, 0},
        {"{\"agent_id\":\"None\",\"alert_id\":73,\"severity\":\"info\",\"event\":\"trigger\"}", DECODE_APPLIED, 1,
         0}, /* belongs to no agent */
        {"{\"agent_id\":\"None\",\"alert_id\":73,\"severity\":\"info\"}", DECODE_FAILED, 0, 0},
        {"{\"agent_id\":\"WEB-001\",\"event\":\"trigger\"}", DECODE_FAILED, 0,
         0}, /* an unknown property yields the host's name */
        {"{\"agent_id\":{\"a\":1},\"alert_id\":[75],\"event\":true}", DECODE_FAILED, 0, 0},
        {"{}", DECODE_FAILED, 0, 0},
        {"\"\"", DECODE_FAILED, 0, 0}, /* an empty body arrives so */
        {"null", DECODE_FAILED, 0, 0},
        {"[1]", DECODE_FAILED, 0, 0},
        {"{\"agent_id\":", DECODE_FAILED, 0, 0},
        {"\"{\\\"agent_id\\\": None, \\\"alert_id\\\": None\"", DECODE_FAILED, 0, 0},
        {"\"{\\\"agent_id\\\": \\\"" AGENT "\"", DECODE_APPLIED, 0, 1},
        {"\"\\\"agent_id\\\"\"", DECODE_FAILED, 0, 0},
        {"\"\\\"agent_id\"", DECODE_FAILED, 0, 0},
        {"\"\\\"agent_id\\\":\"", DECODE_FAILED, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = decode(cases[i].body, RECEIVED);
        if (d.result != cases[i].result)
            fail_msg("case %zu: %d, %s", i, d.result, d.e.what);
        assert_int_equal(count_says(d.lines.p, "alert "), cases[i].alerts);
        assert_int_equal(count_says(d.lines.p, "refresh "), cases[i].refreshes);
        assert_int_equal(d.e.code != ERR_NONE, d.result == DECODE_FAILED);
        str_release(&d.lines);
    }
}

static void not_json_is_refused_at_the_door(void **state)
{
    static const char *const bad[] = {"", " ", "{\"a\":None}", "{\"a\":\"b\"", "agent_id=x", "{'a':'b'}"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct intake_keys keys = {0};
        struct err e = {0};
        assert_false(tactical()->intake(slice_cstr(bad[i]), &keys, &e));
        assert_int_equal(e.code, ERR_INPUT);
        str_release(&keys.type);
    }
}

static void damaged_bodies_do_no_harm(void **state)
{
    char *body = fixture("tacticalrmm/webhook_check_quoted.json");
    size_t n = strlen(body);

    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            body[i] = (char)(body[i] ^ (1 << bit));
            char *copy = strndup(body, n);
            struct decoded d = decode(copy, RECEIVED);
            str_release(&d.lines);
            free(copy);
            body[i] = (char)(body[i] ^ (1 << bit));
        }
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_deliveries_are_understood),
        cmocka_unit_test(templates_go_wrong_in_many_ways),
        cmocka_unit_test(not_json_is_refused_at_the_door),
        cmocka_unit_test(damaged_bodies_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
