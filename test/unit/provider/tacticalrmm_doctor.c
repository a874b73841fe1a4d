/* tacticalrmm_doctor.c - each misconfiguration of Tactical RMM is named, with its mend; and one that is well is told well. */
#include "base/test.h"
#include "provider/harness.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define SETTINGS "{\"base_url\":\"https://api.example.com\",\"api_key\":\"KEY\"}"
#define DENIED   "{\"detail\":\"You do not have permission to perform this action.\"}"
#define AGENT    "LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP"
#define NOW      SECONDS(1763690400) /* as the harness has it */

static const struct provider *tactical(void)
{
    return provider_find(SLICE("tacticalrmm"));
}

static struct play *play(const char *settings)
{
    return play_new(tactical(), tactical()->doctor, settings);
}

/* What is found is the answer: the machine succeeds. */
static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){3, 9}, &e))
        fail_msg("%s", e.what);
}

static const char *const calls[] = {"GET /core/version/",
                                    "GET /clients/",
                                    "GET /clients/sites/3/",
                                    "GET /beta/v1/agent/?page_size=1",
                                    "GET /agents/?detail=false",
                                    "GET /software/" AGENT "/",
                                    "GET /agents/" AGENT "/checks/",
                                    "GET /winupdate/" AGENT "/",
                                    "GET /core/customfields/",
                                    "GET /scripts/",
                                    "PATCH /alerts/"};
static const char *const bodies[] = {
    "\"0.0.203\"",
    "[{\"id\":1,\"name\":\"a\",\"sites\":[]},{\"id\":2,\"sites\":[{\"id\":3,\"client\":2}]}]",
    "{\"id\":3,\"client\":2}",
    "{\"count\":1,\"results\":[]}",
    "[{\"id\":1,\"agent_id\":\"" AGENT "\"},{\"id\":2,\"agent_id\":\"another\"}]",
    "[]",
    "[]",
    "[]",
    "[]",
    "[]",
    "{\"alerts_count\":0,\"alerts\":[]}"};

static void well_but(struct play *p, const char *call, struct play_reply r)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (call && strcmp(call, calls[i]) == 0)
            play_on(p, call, r);
        else
            play_json(p, calls[i], bodies[i]);
}

static void root(struct play *p, usec_t date)
{
    play_on(p, "GET /", (struct play_reply){.body = "{\"status\":\"ok\"}", .date = date});
}

static void all_is_well(void **state)
{
    struct play *p = play(SETTINGS);

    root(p, NOW + SECONDS(30));
    well_but(p, NULL, (struct play_reply){.status = 0});
    run(p);
    assert_int_equal(count_says(play_log(p), "finding ok"), 5);
    assert_int_equal(count_says(play_log(p), "finding "), 5);
    assert_line(play_log(p), "finding ok credential: signed in with the API key");
    assert_line(play_log(p), "finding ok rights: the role may read all that is read");
    play_free(p);
}

static void wrong_host_is_named(void **state)
{
    static const struct {
        const char *base;
        struct play_reply reply;
        const char *says;
    } cases[] = {
        {"https://rmm.example.com",
         {.content_type = "text/html", .body = "<!DOCTYPE html>"},
         "finding error wrong_host: the host answers with a page"},
        {"https://rmm.example.com",
         {.content_type = "text/html", .body = "<!DOCTYPE html>"},
         "set base_url to the API's host, as the installer names it https://api.example.com"},
        {"https://tactical.example.com",
         {.content_type = "text/html", .body = "<!DOCTYPE html>"},
         "as a rule https://api.<your domain>"},
        {"https://x.example.com",
         {.status = 404, .content_type = "text/html", .body = "<html>"},
         "finding error wrong_host"},
        {"https://x.example.com", {.status = 401, .body = "{}"}, "finding error wrong_host"},
        {"https://x.example.com",
         {.body = "{\"hello\":\"world\"}"},
         "finding error wrong_host: the host answers, but not as"},
        {"https://x.example.com",
         {.status = 400, .content_type = "text/html", .body = "<html>"},
         "finding error wrong_host_name"},
        {"https://x.example.com", {.status = 301}, "finding error redirect"},
        {"http://x.example.com", {.status = 301}, "finding error http_not_https"},
        {"https://x.example.com",
         {.status = 502, .content_type = "text/html", .body = "<html>"},
         "finding error server_fault"},
        {"https://x.example.com", {.transport = ERR_TIMEOUT}, "finding error unreachable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *settings = mem_printf("{\"base_url\":\"%s\",\"api_key\":\"KEY\"}", cases[i].base);
        struct play *p = play(settings);
        play_on(p, "GET /", cases[i].reply);
        run(p);
        assert_says(play_log(p), cases[i].says);
        assert_int_equal(count_says(play_log(p), "finding "), 1);
        assert_int_equal(count_says(play_calls(p), "\n"), 1); /* the credential goes to nobody who is not the API */
        play_free(p);
        free(settings);
    }
}

static void credential_is_judged_before_the_rights(void **state)
{
    struct play *p = play(SETTINGS);

    root(p, 0);
    play_status(p, "GET /core/version/", 401, "{\"detail\":\"The token has expired.\"}");
    run(p);
    assert_says(play_log(p),
                "finding error credential_refused: Tactical RMM answered 401 to version (The token has expired.): the "
                "API key has expired");
    assert_int_equal(count_says(play_calls(p), "\n"), 2);
    play_free(p);
}

static void each_missing_right_is_named(void **state)
{
    static const struct {
        const char *call, *says;
    } cases[] = {
        {"GET /clients/",
         "error missing_right: the role may not read clients: a sync fails or is partial - give the user's role "
         "the right can_list_clients"},
        {"GET /clients/sites/3/", "can_list_sites"},
        {"GET /beta/v1/agent/?page_size=1", "can_list_agents"},
        {"GET /agents/?detail=false", "can_list_agents"},
        {"PATCH /alerts/", "error missing_right: the role may not read alerts"},
        {"GET /software/" AGENT "/",
         "warning missing_right: the role may not read software: that part is left out - give the user's "
         "role the right can_list_software"},
        {"GET /agents/" AGENT "/checks/", "can_list_checks"},
        {"GET /winupdate/" AGENT "/", "can_manage_winupdates"},
        {"GET /core/customfields/", "can_view_customfields"},
        {"GET /scripts/", "can_list_scripts"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(SETTINGS);
        root(p, NOW);
        play_lenient(p); /* without agents there is none to ask about */
        well_but(p, cases[i].call, (struct play_reply){.status = 403, .body = DENIED});
        run(p);
        assert_says(play_log(p), cases[i].says);
        assert_int_equal(count_says(play_log(p), "missing_right"), 1);
        assert_int_equal(count_says(play_log(p), "finding ok rights"), 0);
        play_free(p);
    }
}

static void beta_api_and_faults(void **state)
{
    struct play *p = play(SETTINGS);

    root(p, NOW);
    well_but(p, "GET /beta/v1/agent/?page_size=1",
             (struct play_reply){.status = 404, .content_type = "text/html", .body = "<html>404"});
    run(p);
    assert_says(play_log(p), "finding warning beta_api_off: the beta API is off");
    assert_says(play_log(p), "BETA_API_ENABLED = True");
    assert_says(play_log(p), "finding ok rights"); /* that is no right */
    play_free(p);

    p = play(SETTINGS); /* a fault of one call is not one of the role */
    root(p, NOW);
    well_but(p, "GET /scripts/", (struct play_reply){.status = 500, .content_type = "text/html", .body = "<html>500"});
    run(p);
    assert_says(play_log(p), "finding warning call_failed");
    play_free(p);
}

static void clock_is_compared(void **state)
{
    static const struct {
        int64_t off;
        const char *says;
    } cases[] = {
        {119, "finding ok clock"},
        {-119, "finding ok clock"},
        {400,
         "finding warning clock_off: the server's clock is 400 s ahead of the hub's; the login's codes are made for"},
        {-400, "finding warning clock_off: the server's clock is 400 s behind the hub's"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p =
            play("{\"base_url\":\"http://api.example.com\",\"auth\":\"login\",\"username\":\"u\",\"password\":\"p\","
                 "\"totp_secret\":\"JBSWY3DPEHPK3PXP\"}");
        root(p, NOW + SECONDS(cases[i].off));
        well_but(p, NULL, (struct play_reply){.status = 0});
        run(p);
        assert_says(play_log(p), cases[i].says);
        assert_says(play_log(p), "finding warning http_not_https"); /* it answers there, in the open */
        assert_line(play_log(p), "finding ok credential: signed in with user and password");
        play_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(wrong_host_is_named),
        cmocka_unit_test(credential_is_judged_before_the_rights),
        cmocka_unit_test(each_missing_right_is_named),
        cmocka_unit_test(beta_api_and_faults),
        cmocka_unit_test(clock_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
