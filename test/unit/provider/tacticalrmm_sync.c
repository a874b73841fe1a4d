/* tacticalrmm_sync.c - Tactical RMM from answers recorded on a real server, and everything that may go wrong with its
 * lists. */
#include "base/test.h"
#include "provider/harness.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define SETTINGS "{\"base_url\":\"https://api.example.com\",\"api_key\":\"KEY\"}"
#define CLIENTS  "GET /beta/v1/client/"
#define SITES    "GET /beta/v1/site/?page_size=1000&page="
#define AGENTS   "GET /beta/v1/agent/?page_size=200&page="
#define ALERTS   "PATCH /alerts/"
#define DATE     SECONDS(1795224990) /* 2026-11-21T01:36:30Z, 6.46 s after the recorded agent was seen */

static const struct provider *tactical(void)
{
    return provider_find(SLICE("tacticalrmm"));
}

static struct play *play(void)
{
    return play_new(tactical(), tactical()->sync, SETTINGS);
}

static void file_at(struct play *p, const char *call, int status, const char *type, const char *name, usec_t date)
{
    char *body = fixture(name);
    play_on(p, call, (struct play_reply){.status = status, .content_type = type, .body = body, .date = date});
    free(body);
}

static void file(struct play *p, const char *call, const char *name)
{
    file_at(p, call, 200, NULL, name, DATE);
}

static void alerts(struct play *p, const char *open, const char *recent)
{
    play_on(p, ALERTS,
            (struct play_reply){.body = open, .body_wants = "{\"resolvedFilter\":false,\"snoozedFilter\":true}"});
    play_on(p, ALERTS, (struct play_reply){.body = recent, .body_wants = "{\"timeFilter\":7}"});
}

static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){13, 5}, &e))
        fail_msg("%s", e.what);
}

/* --- recorded answers --- */

static void recorded(struct play *p)
{
    char *open = fixture("tacticalrmm/alerts.json");

    file(p, CLIENTS, "tacticalrmm/clients.json");
    file(p, SITES "1", "tacticalrmm/sites_all.json");
    file(p, AGENTS "1", "tacticalrmm/agents_all.json");
    alerts(p, open, open);
    free(open);
}

static void recorded_answers_are_told_at_any_cut(void **state)
{
    char *log = play_all_cuts(tactical(), tactical()->sync, SETTINGS, recorded);

    assert_line(log, "organization 11 {\"name\":\"Emoji \xf0\x9f\x9a\x80 Co\"}");
    assert_line(log, "complete organization 12");
    assert_line(log, "location 13 {\"organization\":\"8\",\"name\":\"Main\"}");
    assert_line(log, "complete location 5");
    /* offline_time 30, overdue_time 4, seen 6 s ago */
    assert_line(
        log,
        "device {\"id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"alternate_id\":\"1\",\"organization_id\":\"5\","
        "\"location_id\":\"10\",\"name\":\"WEB-001\",\"hostname\":\"WEB-001\",\"type\":\"workstation\",\"product_"
        "class\":\"windows\","
        "\"status\":\"online\",\"agent_version\":\"2.11.0\",\"public_ip\":\"203.0.113.238\",\"ips\":[\"10.155.0.2\","
        "\"fe80::0:8728\"],"
        "\"macs\":[\"FA:80:1A:2F:D8:8D\"],\"maintenance\":false,\"created\":\"2026-11-21T01:36:28.283287Z\","
        "\"last_seen\":\"2026-11-21T01:36:23.539604Z\"}");
    assert_line(
        log, "os LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP {\"manufacturer\":\"Microsoft\",\"name\":\"Windows 11 Pro\","
             "\"build\":\"22631.4602\",\"release\":\"23H2\",\"architecture\":\"64 "
             "bit\",\"last_boot\":\"2026-11-10T11:00:54Z\","
             "\"needs_reboot\":false}");
    assert_line(
        log,
        "system LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP {\"manufacturer\":\"Dell Inc.\",\"model\":\"OptiPlex 7090\","
        "\"serial\":\"IQHG9JRS\",\"bios_serial\":\"IQHG9JRS\",\"uuid\":\"341EF40B-57C7-00AA-B7B5-6EA735EBD32D\","
        "\"domain\":\"corp.example.com\",\"memory_bytes\":17078960128}");
    assert_int_equal(count_says(log, "processors LEGH"), 2);
    assert_says(log, "\"cores\":10,\"logical_cores\":20,\"clock_hz\":2600000000}");
    /* text sizes with divisor 1024 */
    assert_line(log, "volumes LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
                     "{\"name\":\"C:\",\"file_system\":\"NTFS\",\"capacity_bytes\":536226666905,"
                     "\"free_bytes\":467292441804}");
    /* the miniport without addresses is left out */
    assert_line(
        log,
        "interfaces LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP {\"name\":\"Intel(R) Ethernet\",\"gateway\":\"10.0.0.1\","
        "\"dns\":\"10.0.0.53\",\"macs\":[\"FA:80:1A:2F:D8:8D\"],\"ips\":[\"10.155.0.2\",\"fe80::0:8728\"]}");
    assert_int_equal(count_says(log, "interfaces LEGH"), 1);
    assert_says(log, "last_user LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP {\"name\":\"m\xc3\xbcller\"}");

    assert_line(log,
                "os linuxagentlinuxagentlinuxagentlinuxagent {\"name\":\"Debian 12.8\",\"version\":\"6.1.0-28-amd64\","
                "\"architecture\":\"x86_64\",\"last_boot\":\"2026-11-10T11:00:54Z\",\"needs_reboot\":false}");
    assert_line(
        log,
        "system linuxagentlinuxagentlinuxagentlinuxagent {\"model\":\"Supermicro X11\",\"memory_bytes\":68719476736}");
    assert_line(log, "processors linuxagentlinuxagentlinuxagentlinuxagent {\"name\":\"AMD EPYC 7302P 16-Core "
                     "Processor\",\"cores\":16,"
                     "\"logical_cores\":32}");
    assert_says(log, "\"ips\":[\"10.1.1.7\",\"fe80::1\"]");
    assert_int_equal(count_says(log, "last_user linux"), 0); /* "None" is nobody */
    assert_says(log, "\"organization_id\":\"8\",\"location_id\":\"13\",\"name\":\"db-1\"");

    assert_line(log, "volumes macagentmacagentmacagentmacagentmacagent none");
    assert_says(log, "\"alternate_id\":\"3\",\"location_id\":\"999\",\"name\":\"mac\""); /* a site nobody listed */
    assert_line(log, "system macagentmacagentmacagentmacagentmacagent {\"memory_bytes\":4294967296}");
    assert_says(log, "\"name\":\"Apple M2\"}");

    assert_says(log, "\"name\":\"FILE-004\",\"hostname\":\"FILE-004\",\"type\":\"workstation\",\"product_class\":"
                     "\"windows\",\"status\":\"offline\"");
    assert_int_equal(count_says(log, "system AvID"), 0);
    assert_int_equal(count_says(log, "volumes AvID"), 0);
    assert_line(log, "complete device 4");

    assert_says(log, "alert 44 {\"device\":\"tzJatsnBYLMPuDCCRnGEYYVkQfsGQONvfWpRtoZm\",\"state\":\"triggered\"");
    assert_says(log, "\"source\":\"check 5\"");
    assert_says(log, "alert 1 "
                     "{\"device\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"state\":\"resolved\",\"severity\":"
                     "\"major\",\"type\":\"availability\"");
    assert_says(log, "\"changed\":\"2026-11-13T12:33:21.919038Z\"");
    assert_says(log, "alert 73 {\"state\":\"triggered\""); /* belongs to no agent */
    assert_line(log, "complete alert 4");
    assert_int_equal(count_says(log, "incomplete"), 0);
    assert_int_equal(count_says(log, "reject"), 0);
    free(log);
}

/* Exactly as recorded: the first page of one row, then past the end. 120 were announced. */
static void recorded_total_that_is_not_reached_is_told(void **state)
{
    struct play *p = play();

    file(p, CLIENTS, "tacticalrmm/clients.json");
    file(p, SITES "1", "tacticalrmm/sites_first.json");
    file(p, AGENTS "1", "tacticalrmm/agents_first.json");
    file_at(p, AGENTS "2", 404, NULL, "tacticalrmm/invalid_page.json", DATE);
    alerts(p, "[]", "[]");
    run(p);
    assert_says(play_log(p),
                "incomplete location: Tactical RMM, sites, page 1: 21 rows were announced and 3 were given");
    assert_says(play_log(p),
                "incomplete device: Tactical RMM, agents, page 2: 120 rows were announced and 1 were given");
    assert_int_equal(count_says(play_log(p), "\ncomplete device"), 0);
    assert_says(play_log(p), "checkpoint {\"page\":2,\"rows\":1,\"count\":120,\"last\":1,\"doubtful\":false}");
    play_free(p);
}

/* --- the beta API is off --- */

static void beta_off(struct play *p, const char *ids)
{
    file_at(p, CLIENTS, 404, "text/html; charset=utf-8", "tacticalrmm/not_found.html", DATE);
    file(p, "GET /clients/", "tacticalrmm/clients_plain.json");
    play_json(p, "GET /agents/?detail=false", ids);
    file(p, "GET /agents/", "tacticalrmm/agents_plain.json");
    alerts(p, "[]", "[]");
}

static void without_beta_api_the_plain_lists_are_read(void **state)
{
    struct play *p = play();

    beta_off(p, "[{\"id\":83,\"agent_id\":\"fnslkVGrKQLnLaHXKlAepXFRgvbsRRhzxLgujbfD\",\"hostname\":\"LAP-083\"},"
                "{\"id\":16,\"agent_id\":\"yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth\"}]");
    run(p);
    assert_line(play_log(p), "organization 1 {\"name\":\"Acme Manufacturing\"}");
    assert_line(play_log(p), "location 2 {\"organization\":\"1\",\"name\":\"Branch \xe2\x80\x93 North\"}");
    /* client and site by both names: "Branch – North" exists at every client */
    assert_says(play_log(p), "\"id\":\"yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth\",\"alternate_id\":\"16\","
                             "\"organization_id\":\"1\",\"location_id\":\"2\","
                             "\"name\":\"HV-016\"");
    assert_says(play_log(p), "\"product_class\":\"windows\",\"status\":\"overdue\"");
    assert_says(play_log(p), "\"ips\":[\"10.202.0.17\"]");
    assert_line(play_log(p), "system yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth {\"model\":\"Dell Inc. OptiPlex "
                             "7090\",\"serial\":\"Y4CYXQBW\"}");
    assert_line(
        play_log(p),
        "processors yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth {\"name\":\"Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz\","
        "\"cores\":10,\"logical_cores\":20}");
    assert_line(play_log(p), "complete organization 2");
    assert_line(play_log(p), "complete location 3");
    assert_line(play_log(p), "complete device 2");
    play_free(p);
}

static void plain_lists_that_disagree_prove_nothing(void **state)
{
    char *ids = fixture("tacticalrmm/agent_ids.json"); /* recorded: two other agents */
    struct play *p = play();

    beta_off(p, ids);
    run(p);
    assert_says(play_log(p),
                "incomplete device: Tactical RMM, agents: 2 rows, of which 0 have no id, against 2 in the list of ids");
    assert_int_equal(count_says(play_log(p), "\ncomplete device"), 0);
    assert_int_equal(count_says(play_log(p), "device {"), 2);
    play_free(p);
    free(ids);
}

/* --- paging --- */

#define ROW(id)                 "{\"id\":" id ",\"agent_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" id "\",\"site\":1}"
#define PAGE(count, next, rows) "{\"count\":" count ",\"next\":" next ",\"previous\":null,\"results\":[" rows "]}"
#define NEXT                    "\"http://inner:8000/beta/v1/agent/?page=9\""

static void agents_by_pages(void **state)
{
    static const struct {
        const char *pages[3];
        const char *says; /* NULL: complete */
        size_t devices;
    } cases[] = {
        {{PAGE("3", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("3"))}, NULL, 3},
        {{PAGE("0", "null", "")}, NULL, 0},
        /* an agent was deleted in between: one is missed, the total is less */
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("4"))},
         "the total changed between two pages",
         3},
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("4", "null", ROW("4"))},
         "4 rows were announced and 3 were given",
         3},
        /* stuck */
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("4", NEXT, ROW("1") "," ROW("2"))}, "a row came twice", 2},
        {{PAGE("3", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("2") "," ROW("3"))}, "a row came twice", 3},
        {{PAGE("3", "null",
               ROW("1") ",{\"id\":2,\"agent_id\":null},{\"id\":3,\"agent_id\":\"x\",\"last_seen\":\"yesterday\"}")},
         "a row cannot be named",
         1},
        {{PAGE("2", "null", ROW("1") ",[]")}, "a row has no usable id", 1},
        /* unreadable, but it names itself: it is not missing */
        {{PAGE("2", "null", ROW("1") ",{\"id\":3,\"agent_id\":\"x\",\"last_seen\":\"yesterday\"}")}, NULL, 1},
        {{PAGE("\"many\"", "null", ROW("1")), PAGE("1", "null", ROW("1"))}, NULL, 2}, /* asked for again */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play();
        play_json(p, CLIENTS, "[]");
        play_json(p, SITES "1", PAGE("0", "null", ""));
        for (size_t n = 0; n < 3 && cases[i].pages[n]; n++) {
            char call[96];
            snprintf(call, sizeof(call), AGENTS "%zu", i == ARRAY_LEN(cases) - 1 ? 1 : n + 1);
            play_json(p, call, cases[i].pages[n]);
        }
        alerts(p, "[]", "[]");
        run(p);
        if (cases[i].says)
            assert_says(play_log(p), cases[i].says);
        assert_int_equal(count_says(play_log(p), "incomplete device"), cases[i].says ? 1 : 0);
        assert_int_equal(count_says(play_log(p), "\ncomplete device"), cases[i].says ? 0 : 1);
        assert_int_equal(count_says(play_log(p), "device {"), cases[i].devices);
        play_free(p);
    }
}

/* A page that is read again is judged by what stood before it, not by itself. */
static void cut_page_is_judged_again(void **state)
{
    static const char *const pages[2][2] = {
        {PAGE("3", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("3"))},
        {PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("4", "null", ROW("2") "," ROW("3"))},
    };

    for (size_t i = 0; i < 2; i++) {
        struct play *p = play();
        play_json(p, CLIENTS, "[]");
        play_json(p, SITES "1", PAGE("0", "null", ""));
        play_json(p, AGENTS "1", pages[i][0]);
        play_on(p, AGENTS "2", (struct play_reply){.body = pages[i][1], .cut_once = true});
        alerts(p, "[]", "[]");
        run(p);
        assert_int_equal(count_says(play_log(p), "\ncomplete device"), i == 0);
        play_free(p);
    }
}

static void resumed_run_goes_on_with_its_page(void **state)
{
    struct play *p = play();

    play_input(p)->checkpoint = SLICE("{\"page\":3,\"rows\":400,\"count\":401,\"last\":400,\"doubtful\":false}");
    play_json(p, CLIENTS, "[]");
    play_json(p, SITES "1", PAGE("1", "null", "{\"id\":1,\"name\":\"s\",\"client\":7}"));
    play_json(p, AGENTS "3", PAGE("401", "null", ROW("401")));
    alerts(p, "[]", "[]");
    run(p);
    assert_line(play_log(p), "complete device 401");
    assert_says(play_log(p), "\"organization_id\":\"7\""); /* the sites were read again for it */
    play_free(p);
}

static void only_the_kinds_asked_for(void **state)
{
    struct play *p = play();

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT);
    alerts(p, "[{\"id\":5,\"severity\":\"warning\",\"alert_time\":\"2026-01-01T00:00:00Z\"}]", "[]");
    run(p);
    assert_int_equal(count_says(play_calls(p), "\n"), 2);
    assert_line(play_log(p), "complete alert 1");
    play_free(p);
}

static void bad_alert_row_resolves_nothing(void **state)
{
    struct play *p = play();

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT);
    alerts(p, "[{\"id\":5},{\"id\":6,\"alert_time\":\"soon\"},7]", "[]");
    run(p);
    assert_line(play_log(p), "reject alert 6: alert_time: expected an ISO 8601 time, found text \"soon\"");
    assert_int_equal(count_says(play_log(p), "incomplete alert"), 1);
    assert_int_equal(count_says(play_log(p), "\ncomplete alert"), 0);
    play_free(p);
}

/* Reopened by hand: `resolved_on` stays, and the time of its own is not told; it must not look older than its
 * resolution. */
static void reopened_alert_is_newer_than_its_resolution(void **state)
{
    struct play *p = play();

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT);
    alerts(p,
           "[{\"id\":5,\"resolved\":false,\"alert_time\":\"2025-01-01T00:00:00Z\",\"resolved_on\":\"2025-01-02T00:00:"
           "00Z\"}]",
           "[]");
    run(p);
    assert_line(
        play_log(p),
        "alert 5 "
        "{\"state\":\"triggered\",\"triggered\":\"2025-01-01T00:00:00Z\",\"changed\":\"2025-11-21T02:00:00Z\"}");
    play_free(p);
}

/* --- status --- */

static void status_is_the_products_rule(void **state)
{
    static const struct {
        int64_t age, offline, overdue; /* seconds, minutes, minutes */
        enum agent_status status;
    } cases[] = {
        {0, 4, 30, AGENT_ONLINE},     {240, 4, 30, AGENT_ONLINE}, /* exactly at the limit */
        {241, 4, 30, AGENT_OFFLINE},  {1799, 4, 30, AGENT_OFFLINE},
        {1800, 4, 30, AGENT_ONLINE}, /* at the second limit: neither below nor above */
        {1801, 4, 30, AGENT_OVERDUE}, {-5, 4, 30, AGENT_ONLINE},
        {1799, 30, 4, AGENT_ONLINE}, /* overdue below offline: no "offline" at all */
        {1801, 30, 4, AGENT_OVERDUE}, {1, 0, 0, AGENT_OVERDUE},
        {1, 0, 30, AGENT_OFFLINE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(tac_status(DATE - SECONDS(cases[i].age), cases[i].offline, cases[i].overdue, DATE),
                         cases[i].status);
    assert_int_equal(tac_status(USEC_NONE, 4, 30, DATE), AGENT_OFFLINE);
}

/* Our clock is a day behind the server's: only the server's own may judge `last_seen`. */
static void status_uses_the_servers_clock(void **state)
{
    struct play *p = play();

    play_json(p, CLIENTS, "[]");
    play_json(p, SITES "1", PAGE("0", "null", ""));
    play_on(p, AGENTS "1",
            (struct play_reply){
                .body = PAGE("1", "null",
                             "{\"id\":1,\"agent_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"offline_time\":4,"
                             "\"overdue_time\":30,\"last_seen\":\"2026-11-21T01:26:30Z\"}"),
                .date = DATE});
    alerts(p, "[]", "[]");
    run(p);
    assert_says(play_log(p), "\"status\":\"offline\"");
    play_free(p);
}

/* --- one agent --- */

static const char agent_id[] = "LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP";

static void one_agent(struct play *p)
{
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(agent_id);
    file(p, "GET /agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", "tacticalrmm/agent_detail.json");
    play_json(p, "GET /clients/sites/10/", "{\"id\":10,\"name\":\"Branch\",\"client\":5,\"client_name\":\"Zebra\"}");
}

static void single_agent_is_read_with_its_client(void **state)
{
    char *log = play_all_cuts(tactical(), tactical()->sync, SETTINGS, one_agent);

    assert_says(
        log,
        "device {\"id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"alternate_id\":\"1\",\"location_id\":\"10\"");
    assert_line(log, "location 10 {\"organization\":\"5\",\"name\":\"Branch\"}");
    assert_line(
        log, "device "
             "{\"id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"organization_id\":\"5\",\"location_id\":\"10\"}");
    assert_int_equal(count_says(log, "processors LEGH"), 2);
    free(log);
}

static void agent_that_is_missing_is_gone_only_if_said_so(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(agent_id);
    file_at(p, "GET /agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", 404, NULL, "tacticalrmm/agent_missing.json",
            DATE);
    run(p);
    assert_line(play_log(p), "gone LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP 2026-11-21T01:36:30Z");
    play_free(p);

    p = play();
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(agent_id);
    file_at(p, "GET /agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", 404, "text/html", "tacticalrmm/not_found.html",
            DATE);
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(count_says(play_log(p), "gone"), 0);
    play_free(p);
}

static void agent_id_has_a_shape(void **state)
{
    static const char *const bad[] = {
        "", "1", "abc", "aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa/../x", "aaaaaaaaaaaaaaaaaaaaaaa%2e"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct play *p = play();
        struct err e = {0};
        play_input(p)->mode = SYNC_SINGLE;
        play_input(p)->device_id = slice_cstr(bad[i]);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_int_equal(e.code, ERR_INPUT);
        play_free(p);
    }
}

/* --- refusals --- */

#define PAGE_400 "\n<!doctype html>\n<html lang=\"en\"><head><title>Bad Request (400)</title></head></html>"

static void refusals_say_where_and_how_to_mend(void **state)
{
    static const struct {
        int status;
        const char *type, *body, *says;
        enum err_code code;
    } cases[] = {
        {401, NULL, "{\"detail\":\"Invalid token.\"}", "the server does not know this API key", ERR_AUTH},
        {401, NULL, "{\"detail\":\"The token has expired.\"}", "the API key has expired", ERR_AUTH},
        {401, NULL, "{\"detail\":\"User inactive or deleted.\"}", "user is disabled or deleted", ERR_AUTH},
        {401, NULL, "{\"detail\":\"Authentication credentials were not provided.\"}", "X-API-KEY", ERR_AUTH},
        {403, NULL, "{\"detail\":\"You do not have permission to perform this action.\"}", "can_list_clients",
         ERR_FORBIDDEN},
        {200, "text/html", "<!DOCTYPE html><html></html>", "base_url must be the API's host", ERR_PROTOCOL},
        {405, "text/html", "<html>405</html>", "base_url must be the API's host", ERR_PROTOCOL},
        {400, "text/html; charset=utf-8", PAGE_400, "the server does not serve this host name", ERR_PROTOCOL},
        {301, NULL, "", "base_url must be the address that the server itself uses", ERR_PROTOCOL},
        {500, "text/html", "<html>500</html>", "the server has a fault", ERR_UNAVAILABLE},
        {429, NULL, "{\"detail\":\"Request was throttled. Expected available in 59 seconds.\"}", "throttled",
         ERR_THROTTLED},
        {404, NULL, "{\"detail\":\"Not found.\"}", "check base_url", ERR_NOT_FOUND},
        {415, NULL, "\"a bare text\"", "(a bare text)", ERR_PROTOCOL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play();
        struct err e = {0};
        play_on(p, CLIENTS,
                (struct play_reply){.status = cases[i].status, .content_type = cases[i].type, .body = cases[i].body});
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_says(e.what, cases[i].says);
        assert_says(e.what, "Tactical RMM answered ");
        assert_int_equal(e.code, cases[i].code);
        assert_null(strstr(e.what, "KEY\""));
        play_free(p);
    }
}

/* --- test connection --- */

static void probe(struct play *p)
{
    play_json(p, "GET /", "{\"status\":\"ok\"}");
    play_json(p, "GET /core/version/", "\"0.0.203\"");
}

static void probe_tells_what_it_found(void **state)
{
    struct play *p = play_new(tactical(), tactical()->probe, SETTINGS);
    struct err e = {0};

    probe(p);
    play_json(p, "GET /beta/v1/site/?page_size=1", PAGE("21", NEXT, "{\"id\":1,\"name\":\"Main\",\"client\":1}"));
    play_on(p, ALERTS, (struct play_reply){.body = "{\"alerts_count\":30,\"alerts\":[]}", .body_wants = "{\"top\":1}"});
    run(p);
    assert_line(play_log(p),
                "remark Tactical RMM at api.example.com, dashboard build 0.0.203, 21 sites; the beta API is on");
    play_free(p);

    p = play_new(tactical(), tactical()->probe, SETTINGS);
    probe(p);
    file_at(p, "GET /beta/v1/site/?page_size=1", 404, "text/html", "tacticalrmm/not_found.html", DATE);
    file(p, "GET /clients/", "tacticalrmm/clients_plain.json");
    play_json(p, ALERTS, "{\"alerts_count\":0,\"alerts\":[]}");
    run(p);
    assert_says(play_log(p), "3 sites; the beta API is off");
    assert_says(play_log(p), "BETA_API_ENABLED");
    play_free(p);

    p = play_new(tactical(), tactical()->probe, SETTINGS); /* the dashboard's host */
    play_on(p, "GET /", (struct play_reply){.content_type = "text/html", .body = "<!DOCTYPE html>"});
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(e.what, "the dashboard (rmm.");
    play_free(p);

    p = play_new(tactical(), tactical()->probe, SETTINGS);
    play_json(p, "GET /", "{\"hello\":\"world\"}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(e.what, "not as Tactical RMM's API does");
    play_free(p);
}

static void base_url_is_mended(void **state)
{
    static const struct {
        const char *given, *url;
    } cases[] = {
        {"https://api.x.example/", "https://api.x.example"},
        {"https://api.x.example/api", "https://api.x.example"},
        {"https://api.x.example/api/", "https://api.x.example"},
        {"api.x.example", "https://api.x.example"},
        {" api.x.example ", "https://api.x.example"},
        {"http://127.0.0.1:9/", "http://127.0.0.1:9"},
        {"https://[2001:db8::1]:8443/api", "https://[2001:db8::1]:8443"},
        {"http://h/api", "http://h"},
        {"https://api", "https://api"}, /* here it is the host */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char json[128];
        struct err e = {0};
        _cleanup_(str_release) struct str url = {0};
        snprintf(json, sizeof(json), "{\"base_url\":\"%s\",\"api_key\":\"k\"}", cases[i].given);
        struct settings *s = settings_from_json(tactical()->fields, tactical()->nfields, slice_cstr(json), &e);
        if (!s || !tactical()->base_url(s, &url, &e))
            fail_msg("%s: %s", cases[i].given, e.what);
        assert_string_equal(url.p, cases[i].url);
        settings_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_answers_are_told_at_any_cut),
        cmocka_unit_test(recorded_total_that_is_not_reached_is_told),
        cmocka_unit_test(without_beta_api_the_plain_lists_are_read),
        cmocka_unit_test(plain_lists_that_disagree_prove_nothing),
        cmocka_unit_test(agents_by_pages),
        cmocka_unit_test(cut_page_is_judged_again),
        cmocka_unit_test(resumed_run_goes_on_with_its_page),
        cmocka_unit_test(only_the_kinds_asked_for),
        cmocka_unit_test(bad_alert_row_resolves_nothing),
        cmocka_unit_test(reopened_alert_is_newer_than_its_resolution),
        cmocka_unit_test(status_is_the_products_rule),
        cmocka_unit_test(status_uses_the_servers_clock),
        cmocka_unit_test(single_agent_is_read_with_its_client),
        cmocka_unit_test(agent_that_is_missing_is_gone_only_if_said_so),
        cmocka_unit_test(agent_id_has_a_shape),
        cmocka_unit_test(refusals_say_where_and_how_to_mend),
        cmocka_unit_test(probe_tells_what_it_found),
        cmocka_unit_test(base_url_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
