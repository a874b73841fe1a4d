/* syncro_act.c - what can be done in Syncro, and that nothing is done twice; settings, probe, doctor and webhooks. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"
#include "provider/syncro/syncro.h"

#define SETTINGS                                                                                                       \
    "{\"subdomain\":\"northmsp\",\"api_token\":\"secret-token\",\"ticket_user_id\":\"4411\",\"ticket_priority\":"      \
    "\"Normal\"}"
#define V1 "/api/v1/"
#define WORDS                                                                                                          \
    "{\"ticket\":{\"problem_types\":[\"Virus\",\"Hardware\",\"Other\"],\"priorities\":[\"\",\"0 Urgent\",\"1 "         \
    "High\",\"2 "                                                                                                      \
    "Normal\"]}}"

static const struct provider *syncro(void)
{
    return provider_find(SLICE("syncro"));
}

static const struct provider_action *action(const char *key)
{
    for (size_t i = 0; i < syncro()->nactions; i++)
        if (strcmp(syncro()->actions[i].key, key) == 0)
            return &syncro()->actions[i];
    fail_msg("no action %s", key);
    return NULL;
}

struct act {
    struct play *p;
    struct settings *args;
};

static struct act act_new(const char *key, const char *target, const char *args)
{
    const struct provider_action *a = action(key);
    struct err e = {0};
    struct act x = {play_new(syncro(), a->ops, SETTINGS),
                    settings_from_json(a->fields, a->nfields, slice_cstr(args), &e)};
    if (!x.args)
        fail_msg("%s", e.what);
    play_input(x.p)->args = x.args;
    play_input(x.p)->target_id = slice_cstr(target);
    return x;
}

static void act_free(struct act *x)
{
    play_free(x->p);
    settings_free(x->args);
}

static void act_run(struct act *x)
{
    struct err e = {0};
    if (!play_run(x->p, (struct play_cut){13, 5}, &e))
        fail_msg("%s", e.what);
}

static enum err_code act_fails(struct act *x, const char *says)
{
    struct err e = {0};
    assert_false(play_run(x->p, (struct play_cut){0, 0}, &e));
    assert_says(e.what, says);
    return e.code;
}

#define ARGS                                                                                                           \
    "{\"organization_id\":\"30771\",\"subject\":\"Disk \\\"C:\\\" full\",\"body\":\"4%\",\"type\":\"hardware\","       \
    "\"priority\":\"High\",\"device_id\":\"5520011\",\"marker\":\"[msphub:k3]\""
#define MADE                                                                                                           \
    "{\"ticket\":{\"id\":910002,\"number\":1002,\"subject\":\"[msphub:k3] "                                            \
    "Disk\",\"status\":\"New\",\"assets\":[{\"id\":5520011}],"                                                         \
    "\"comments\":[{\"id\":7,\"subject\":\"Details\",\"body\":\"4%\",\"user_id\":4411}]}}"
#define RESULT "result {\"id\":\"910002\",\"number\":\"1002\",\"url\":\"https://northmsp.syncromsp.com/tickets/910002\""
#define SEARCH "GET " V1 "tickets?page=1&customer_id=30771&query=%5Bmsphub%3Ak3%5D"

static void a_ticket_is_made_in_the_words_of_the_account(void **state)
{
    struct act x = act_new("create_ticket", "", ARGS "}");
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_on(x.p, "POST " V1 "tickets",
            (struct play_reply){.body = MADE,
                                .body_wants =
                                    "{\"customer_id\":30771,\"subject\":\"[msphub:k3] Disk \\\"C:\\\" "
                                    "full\",\"problem_type\":\"Hardware\",\"priority\":\"1 "
                                    "High\",\"user_id\":4411,\"asset_ids\":[5520011],\"comments_attributes\":[{"
                                    "\"subject\":\"Details\",\"body\":\"4%\",\"hidden\":true,\"do_not_email\":true,"
                                    "\"tech\":\"msphub\"}]}"});
    act_run(&x);
    assert_line(play_log(x.p), RESULT "}");
    assert_says(play_log(x.p), "ticket {\"id\":\"910002\",\"number\":\"1002\"");
    assert_says(play_log(x.p), "comment {\"id\":\"7\",\"ticket_id\":\"910002\"");
    act_free(&x);

    /* words that the account does not have would be refused: the setting's, else none */
    x = act_new("create_ticket", "",
                "{\"organization_id\":\"1\",\"subject\":\"s\",\"priority\":\"Blue\",\"notify_customer\":true}");
    play_json(x.p, "GET " V1 "settings", "{\"ticket\":{\"problem_types\":[\"Server\"],\"priorities\":[\"2 Normal\"]}}");
    play_on(x.p, "POST " V1 "tickets",
            (struct play_reply){
                .body = MADE,
                .body_wants = "{\"customer_id\":1,\"subject\":\"s\",\"priority\":\"2 "
                              "Normal\",\"user_id\":4411,\"comments_attributes\":[{\"subject\":\"Details\",\"body\":"
                              "\"s\",\"hidden\":false,\"do_not_email\":false"});
    act_run(&x);
    act_free(&x);
}

static void a_lost_answer_is_searched_for_and_not_sent_again(void **state)
{
    static const struct play_reply lost[] = {{.transport = ERR_TIMEOUT},
                                             {.status = 502, .body = "<html>"},
                                             {.body = "{\"ticket\":{\"id\":91"},
                                             {.body = "{\"ticket\":{}}"}};
    for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
        struct act x = act_new("create_ticket", "", ARGS "}");
        play_json(x.p, "GET " V1 "settings", WORDS);
        play_on(x.p, "POST " V1 "tickets", lost[i]);
        play_json(
            x.p, SEARCH,
            "{\"tickets\":[{\"id\":1,\"subject\":\"[msphub:k31] other\"},{\"id\":910002,\"number\":1002,\"subject\":"
            "\"[msphub:k3] Disk\"}]}");
        act_run(&x);
        assert_line(play_log(x.p), RESULT ",\"found\":true}");
        assert_int_equal(count_says(play_calls(x.p), "POST"), 1);
        act_free(&x);

        x = act_new("create_ticket", "", ARGS "}");
        play_json(x.p, "GET " V1 "settings", WORDS);
        play_on(x.p, "POST " V1 "tickets", lost[i]);
        play_json(x.p, SEARCH, "{\"tickets\":[]}");
        assert_int_equal(act_fails(&x, "it is not known whether it was carried out"), ERR_UNAVAILABLE);
        assert_int_equal(count_says(play_calls(x.p), "POST"), 1);
        act_free(&x);
    }
}

static void a_second_try_looks_first(void **state)
{
    struct act x = act_new("create_ticket", "", ARGS ",\"retry\":true}");
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_json(x.p, SEARCH, "{\"tickets\":[{\"id\":910002,\"number\":1002,\"subject\":\"[msphub:k3] Disk\"}]}");
    act_run(&x);
    assert_line(play_log(x.p), RESULT ",\"found\":true}");
    act_free(&x);
    x = act_new("create_ticket", "", ARGS ",\"retry\":true}");
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_json(x.p, SEARCH, "{\"tickets\":[]}");
    play_json(x.p, "POST " V1 "tickets", MADE);
    act_run(&x);
    act_free(&x);
}

static void what_is_refused_is_final(void **state)
{
    struct act x = act_new("create_ticket", "", ARGS "}");
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_status(x.p, "POST " V1 "tickets", 422, "{\"error\":\"Customer required field\"}");
    assert_int_equal(act_fails(&x, "(Customer required field)"), ERR_INPUT);
    act_free(&x);
    x = act_new("create_ticket", "", ARGS "}");
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_status(x.p, "POST " V1 "tickets", 401, "{\"error\":\"Not authorized.\"}");
    assert_int_equal(act_fails(&x, "\"Tickets - Create\""), ERR_FORBIDDEN);
    act_free(&x);
    x = act_new("create_ticket", "", "{\"subject\":\"s\"}"); /* and no default_customer_id */
    assert_int_equal(act_fails(&x, "belongs to a customer"), ERR_INPUT);
    act_free(&x);
}

static void long_subjects_are_cut_between_characters(void **state)
{
    _cleanup_(str_release) struct str args = {0};
    str_adds(&args, "{\"organization_id\":\"1\",\"marker\":\"[m]\",\"subject\":\"");
    for (int i = 0; i < 200; i++)
        str_adds(&args, "\xc3\xbc");
    str_adds(&args, "\"}");
    struct act x = act_new("create_ticket", "", args.p);
    play_json(x.p, "GET " V1 "settings", WORDS);
    play_on(x.p, "POST " V1 "tickets",
            (struct play_reply){.body = MADE, .body_wants = "\xc3\xbc\",\"problem_type\":\"Other\""});
    act_run(&x);
    act_free(&x);
}

static void a_comment_mails_nobody_unless_asked_to(void **state)
{
    struct act x =
        act_new("comment_ticket", "910002", "{\"body\":\"done\",\"marker\":\"[msphub:c1]\",\"author\":\"Sam\"}");
    play_on(x.p, "POST " V1 "tickets/910002/comment",
            (struct play_reply){
                .body =
                    "{\"comment\":{\"id\":8,\"ticket_id\":910002,\"subject\":\"[msphub:c1] Update\",\"body\":\"done\","
                    "\"user_id\":4411}}",
                .body_wants = "{\"subject\":\"[msphub:c1] Update\",\"body\":\"done\",\"hidden\":true,\"do_not_email\":"
                              "true,\"tech\":\"Sam\"}"});
    act_run(&x);
    assert_line(play_log(x.p), "result {\"id\":\"8\"}");
    act_free(&x);

    x = act_new("comment_ticket", "910002",
                "{\"body\":\"done\",\"marker\":\"[msphub:c1]\",\"notify_customer\":true,\"retry\":true}");
    play_json(x.p, "GET " V1 "tickets/910002/comments?page=1&per_page=100&sort_by=created_at&sort_direction=DESC",
              "{\"comments\":[{\"id\":1,\"subject\":\"[msphub:c2] Update\"}]}");
    play_on(x.p, "POST " V1 "tickets/910002/comment",
            (struct play_reply){.transport = ERR_TIMEOUT, .body_wants = "\"hidden\":false,\"do_not_email\":false"});
    play_json(x.p, "GET " V1 "tickets/910002/comments?page=1&per_page=100&sort_by=created_at&sort_direction=DESC",
              "{\"comments\":[{\"id\":8,\"subject\":\"[msphub:c1] Update\",\"body\":\"done\"}]}");
    act_run(&x);
    assert_line(play_log(x.p), "result {\"id\":\"8\",\"found\":true}");
    act_free(&x);

    x = act_new("comment_ticket", "../settings", "{\"body\":\"x\"}");
    assert_int_equal(act_fails(&x, "is no ticket"), ERR_INPUT);
    act_free(&x);
}

#define STATUSES                                                                                                       \
    "{\"ticket_status_list\":[\"New\",\"In Progress\",\"Resolved\",\"Waiting for Parts\",\"Invoiced\"],\"users\":[]}"

static void a_status_is_one_of_the_account(void **state)
{
    static const struct {
        const char *wanted, *sent;
    } cases[] = {{"in progress", "In Progress"},
                 {"resolved", "Resolved"},
                 {"waiting", "Waiting for Parts"},
                 {"closed", "Invoiced"},
                 {"open", "New"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *args = mem_printf("{\"status\":\"%s\"}", cases[i].wanted),
             *body = mem_printf("{\"status\":\"%s\"}", cases[i].sent);
        struct act x = act_new("set_ticket_status", "910002", args);
        play_json(x.p, "GET " V1 "tickets/settings", STATUSES);
        play_on(x.p, "PUT " V1 "tickets/910002", (struct play_reply){.body = MADE, .body_wants = body});
        act_run(&x);
        act_free(&x);
        free(args);
        free(body);
    }
    struct act x = act_new("set_ticket_status", "910002", "{\"status\":\"Gone fishing\"}");
    play_json(x.p, "GET " V1 "tickets/settings", STATUSES);
    assert_int_equal(act_fails(&x, "there are: New, In Progress, Resolved"), ERR_INPUT);
    act_free(&x);
}

static void deleting_an_alert_resolves_it(void **state)
{
    struct act x = act_new("reset_alert", "88012", "{}");
    play_on(x.p, "DELETE " V1 "rmm_alerts/88012",
            (struct play_reply){.body = "{\"success\":\"true\"}", .date = SECONDS(1763690500)});
    act_run(&x);
    assert_line(play_log(x.p),
                "alert 88012 {\"state\":\"resolved\",\"changed\":\"2025-11-21T02:01:40Z\",\"closes_only\":true}");
    act_free(&x);
    x = act_new("reset_alert", "88012", "{}");
    play_status(x.p, "DELETE " V1 "rmm_alerts/88012", 404, "{\"message\":\"Not found\"}");
    act_run(&x);
    act_free(&x);
    x = act_new("reset_alert", "88012", "{}");
    play_on(x.p, "DELETE " V1 "rmm_alerts/88012",
            (struct play_reply){.status = 404, .content_type = "text/html", .body = "<html>"});
    act_fails(&x, "an HTML page");
    act_free(&x);
}

/* --- settings --- */

static void the_subdomain_is_a_name_and_nothing_else(void **state)
{
    static const struct {
        const char *given, *more, *url; /* url NULL: refused */
    } cases[] = {
        {"northmsp", "", "https://northmsp.syncromsp.com"},
        {" NorthMSP ", "", "https://northmsp.syncromsp.com"},
        {"https://north-msp.syncromsp.com/tickets", "", "https://north-msp.syncromsp.com"},
        {"north.repairshopr.com", ",\"site\":\"repairshopr.com\"", "https://north.repairshopr.com"},
        {"evil.example/x", "", NULL},
        {"evil.example#", "", NULL},
        {"127.0.0.1", "", NULL},
        {"a@b", "", NULL},
        {"-x", "", NULL},
        {".syncromsp.com", "", NULL},
        {"", "", NULL},
        {"north", ",\"base_url\":\"http://127.0.0.1:8080/api/v1\"", "http://127.0.0.1:8080"},
        {"north", ",\"base_url\":\"https://evil.example\"", NULL},
        {"north", ",\"base_url\":\"https://other.syncromsp.com\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *json = mem_printf("{\"api_token\":\"t\",\"subdomain\":\"%s\"%s}", cases[i].given, cases[i].more);
        struct err e = {0};
        _cleanup_(str_release) struct str url = {0};
        struct settings *s = settings_from_json(syncro()->fields, syncro()->nfields, slice_cstr(json), &e);
        bool ok = s && syncro()->base_url(s, &url, &e);
        if (ok != (cases[i].url != NULL))
            fail_msg("%s: %s", cases[i].given, ok ? url.p : e.what);
        if (ok)
            assert_string_equal(url.p, cases[i].url);
        settings_free(s);
        free(json);
    }
}

/* --- probe and doctor --- */

#define ME "{\"user_token\":\"SECRET-USER-TOKEN\",\"user_name\":\"API Bot\",\"user_id\":4411,\"subdomain\":\"%s\"}"

static struct play *asked(const struct machine_ops *ops, uint64_t kinds, int me, const char *subdomain)
{
    struct play *p = play_new(syncro(), ops, SETTINGS);
    char *body = mem_printf(ME, subdomain);
    play_input(p)->kinds = kinds;
    play_on(p, "GET " V1 "me",
            (struct play_reply){.status = me, .body = me == 200 ? body : "HTTP Token: Access denied.\n"});
    free(body);
    return p;
}

static void lists(struct play *p, int alerts, int customers)
{
    play_on(p, "GET " V1 "customers?page=1",
            (struct play_reply){.status = customers,
                                .body = customers == 200 ? "{\"customers\":[{\"id\":1},{\"id\":2}]}"
                                                         : "{\"error\":\"no\"}"});
    play_json(p, "GET " V1 "contacts?page=1", "{\"contacts\":[]}");
    play_json(p, "GET " V1 "customer_assets?page=1", "{\"assets\":[]}");
    play_on(p, "GET " V1 "rmm_alerts?page=1",
            (struct play_reply){.status = alerts,
                                .body = alerts == 200 ? "{\"rmm_alerts\":[]}" : "{\"error\":\"Not authorized.\"}"});
    play_json(p, "GET " V1 "tickets?page=1", "{\"tickets\":[]}");
}

static void a_check_is_one_call_and_a_test_names_what_is_missing(void **state)
{
    struct err e = {0};
    struct play *p = asked(syncro()->probe, 0, 200, "northmsp");
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_line(play_log(p), "remark Syncro account northmsp as API Bot");
    play_free(p);

    p = asked(syncro()->probe, SYNC_KINDS_ALL, 200, "northmsp");
    lists(p, 401, 200);
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_line(play_log(p), "remark Syncro account northmsp as API Bot; the token lacks \"RMM Alerts - List\"");
    play_free(p);

    p = asked(syncro()->probe, SYNC_KINDS_ALL, 200, "northmsp");
    lists(p, 200, 401);
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_FORBIDDEN);
    play_free(p);

    p = asked(syncro()->probe, 0, 401, "");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_AUTH);
    play_free(p);

    p = asked(syncro()->probe, 0, 200, "southmsp");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(e.what, "the token belongs to the account southmsp, the settings say northmsp");
    play_free(p);
}

static void the_doctor_tells_them_apart(void **state)
{
    struct err e = {0};
    struct play *p = asked(syncro()->doctor, 0, 200, "northmsp");
    lists(p, 401, 200);
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(play_log(p),
                "finding error missing_permission: Syncro answered 401 to alerts (Not authorized.): give the token the "
                "permission \"RMM Alerts - List\"");
    assert_says(play_log(p), "finding ok account: The token belongs to API Bot in the account northmsp.");
    assert_int_equal(count_says(play_log(p), "SECRET-USER-TOKEN"), 0);
    play_free(p);

    p = asked(syncro()->doctor, 0, 401, "");
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(play_log(p), "finding error token_refused: ");
    assert_int_equal(count_says(play_calls(p), "GET"), 1);
    play_free(p);

    p = play_new(syncro(), syncro()->doctor, SETTINGS);
    play_on(p, "GET " V1 "me", (struct play_reply){.content_type = "text/html", .body = "<html>Sign in</html>"});
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(play_log(p), "finding error page_for_data: ");
    play_free(p);
}

/* --- webhooks --- */

static char *decoded(const char *body, enum decode_result want)
{
    _cleanup_(str_release) struct str lines = {0};
    struct sink sink;
    struct err e = {0};
    lines_sink(&sink, &lines);
    assert_int_equal(syncro()->decode(slice_cstr(body), SECONDS(1763690500), &sink, &e), want);
    return str_take(&lines);
}

#define LINK(path) "\"link\":\"https://northmsp.syncromsp.com/" path "\""
#define AT         " 2025-11-21T02:01:40Z\n"

static void a_delivery_says_what_to_read_again(void **state)
{
    static const struct {
        const char *body;
        enum decode_result result;
        const char *log;
    } cases[] = {
        {"{\"text\":\"t\"," LINK("tickets/910001") ",\"attributes\":{\"id\":910001,\"status\":\"Resolved\"}}",
         DECODE_APPLIED, "refresh ticket:910001" AT},
        {"{" LINK("tickets/1?tab=x") ",\"attributes\":{\"id\":5,\"ticket_id\":910001,\"body\":\"b\"}}", DECODE_APPLIED,
         "refresh ticket:910001" AT},
        {"{" LINK("rmm_alerts/88012") ",\"attributes\":{\"id\":88012,\"computer_name\":\"A\",\"resolved\":\"false\"}}",
         DECODE_APPLIED, "refresh alert:88012" AT},
        {"{" LINK("somewhere/else") ",\"attributes\":{\"id\":88012,\"computer_name\":\"A\"}}", DECODE_APPLIED,
         "refresh alert:88012" AT},
        {"{" LINK("rmm_alerts/9") ",\"attributes\":{\"id\":9,\"computer_name\":\"A\",\"properties\":{\"description\":"
                                  "\"(auto "
                                  "resolved)\"}}}",
         DECODE_APPLIED, "refresh alert:9" AT "refresh alerts:resolved" AT},
        {"{" LINK("customer_assets/7") ",\"attributes\":{}}", DECODE_APPLIED, "refresh 7" AT},
        {"{" LINK("customers/7") ",\"attributes\":null}", DECODE_APPLIED, "refresh customer:7" AT},
        {"{" LINK("invoices/7") ",\"attributes\":{}}", DECODE_IGNORED, ""},
        {"{" LINK("planets/7") "}", DECODE_UNKNOWN, ""},
        {"{\"text\":\"t\"}", DECODE_UNKNOWN, ""},
        {"{" LINK("tickets/abc") "}", DECODE_FAILED, ""},
        {"[1]", DECODE_FAILED, ""},
        {"\"text\"", DECODE_FAILED, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *log = decoded(cases[i].body, cases[i].result);
        assert_string_equal(log, cases[i].log);
        free(log);
    }
}

static void deliveries_are_told_apart_without_an_id(void **state)
{
    static const struct {
        const char *body, *type, *dedupe;
    } cases[] = {
        {"{\"text\":\"T\"," LINK("tickets/1") ",\"attributes\":{\"id\":1,\"updated_at\":\"2026\"}}", "ticket",
         "2026 https://northmsp.syncromsp.com/tickets/1 \"T\""},
        {"{\"text\":\"T\"," LINK("tickets/1") ",\"attributes\":{\"id\":1}}", "ticket", ""}, /* the body's hash */
        {"{" LINK("tickets/1") ",\"attributes\":{\"id\":1,\"ticket_id\":4,\"updated_at\":\"2026\"}}", "comment", ""},
        {"{\"attributes\":{\"id\":1,\"computer_name\":\"x\"}}", "rmm_alert", ""},
        {"{\"attributes\":[1]}", "unknown", ""},
        {"7", "unknown", ""},
    };
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct intake_keys keys = {0};
        assert_true(syncro()->intake(slice_cstr(cases[i].body), &keys, &e));
        assert_string_equal(keys.type.p, cases[i].type);
        assert_string_equal(keys.dedupe.n ? keys.dedupe.p : "", cases[i].dedupe);
        str_release(&keys.type);
        str_release(&keys.dedupe);
    }
    struct intake_keys keys = {0};
    assert_false(syncro()->intake(SLICE("{\"text\":"), &keys, &e));
    str_release(&keys.type);
    str_release(&keys.dedupe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_made_in_the_words_of_the_account),
        cmocka_unit_test(a_lost_answer_is_searched_for_and_not_sent_again),
        cmocka_unit_test(a_second_try_looks_first),
        cmocka_unit_test(what_is_refused_is_final),
        cmocka_unit_test(long_subjects_are_cut_between_characters),
        cmocka_unit_test(a_comment_mails_nobody_unless_asked_to),
        cmocka_unit_test(a_status_is_one_of_the_account),
        cmocka_unit_test(deleting_an_alert_resolves_it),
        cmocka_unit_test(the_subdomain_is_a_name_and_nothing_else),
        cmocka_unit_test(a_check_is_one_call_and_a_test_names_what_is_missing),
        cmocka_unit_test(the_doctor_tells_them_apart),
        cmocka_unit_test(a_delivery_says_what_to_read_again),
        cmocka_unit_test(deliveries_are_told_apart_without_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
