/* tacticalrmm_sync.c - Tactical RMM from answers recorded on a real server, and everything that may go wrong with its
 * lists. */
#include "base/test.h"
#include "provider/harness.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define SETTINGS "{\"base_url\":\"https://api.example.com\",\"api_key\":\"KEY\"}"
#define CLIENTS  "GET /clients/"
#define FIELDS   "GET /core/customfields/"
#define AGENTS   "GET /beta/v1/agent/?page_size=250&page="
#define IDS      "GET /agents/?detail=false"
#define PLAIN    "GET /agents/"
#define SOFTWARE "GET /software/"
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

/* What a test about agents has around them: one site of one client, and nothing else. */
#define ONE_SITE "[{\"id\":7,\"name\":\"c\",\"sites\":[{\"id\":1,\"name\":\"s\",\"client\":7}]}]"
static void around(struct play *p, const char *plain)
{
    play_json(p, CLIENTS, ONE_SITE);
    play_json(p, FIELDS, "[]");
    play_json(p, PLAIN, plain);
    play_json(p, SOFTWARE, "[]");
    alerts(p, "[]", "[]");
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

    file(p, CLIENTS, "tacticalrmm/clients_all.json");
    file(p, FIELDS, "tacticalrmm/custom_fields.json");
    file(p, AGENTS "1", "tacticalrmm/agents_all.json");
    file(p, PLAIN, "tacticalrmm/agents_rows.json");
    file(p, SOFTWARE, "tacticalrmm/software_all.json");
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
        "\"status\":\"online\",\"agent_version\":\"2.11.0\",\"public_ip\":\"203.0.113.238\",\"url\":\"https://"
        "rmm.example.com/agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"ips\":[\"10.155.0.2\","
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
    assert_says(log, "\"alternate_id\":\"3\",\"organization_id\":\"2\",\"location_id\":\"3\",\"name\":\"mac\"");
    assert_line(log, "system macagentmacagentmacagentmacagentmacagent {\"memory_bytes\":4294967296}");
    assert_says(log, "\"name\":\"Apple M2\"}");

    assert_says(log, "\"name\":\"FILE-004\",\"hostname\":\"FILE-004\",\"type\":\"workstation\",\"product_class\":"
                     "\"windows\",\"status\":\"offline\"");
    assert_int_equal(count_says(log, "system AvID"), 0);
    assert_int_equal(count_says(log, "volumes AvID"), 0);
    assert_line(log, "complete device 4");
    assert_int_equal(count_says(log, "OUTSIDE"),
                     0); /* the beta list ignores the limits of a role: its site is not shown */
    assert_int_equal(count_says(log, "Not the hardware's"), 0); /* each fact from one list alone */

    assert_line(log, "checks LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
                     "{\"total\":5,\"passing\":2,\"failing\":1,\"warning\":1,\"info\":1}");
    assert_line(log, "custom_fields LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
                     "{\"name\":\"AssetTag\",\"type\":\"text\",\"value\":\"AT-\\\"1\\\" \xf0\x9f\x9a\x80 \"}");
    assert_line(log, "custom_fields LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
                     "{\"name\":\"Loaner\",\"type\":\"checkbox\",\"value\":\"true\"}");
    assert_line(
        log, "custom_fields LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
             "{\"name\":\"Roles \\\"now\\\"\",\"type\":\"multiple\",\"value\":\"[\\\"web\\\",\\\"d\\\\\\\"b\\\"]\"}");
    assert_int_equal(count_says(log, "custom_fields LEGH"), 3); /* not the client's, nor one that is gone */
    assert_line(log, "custom_fields linuxagentlinuxagentlinuxagentlinuxagent none");
    assert_line(log, "custom_fields AvIDAdnAyXLSbWKyEawtWyAIVVIZMoForBFbyvQR none");

    assert_line(log,
                "software {\"device_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"name\":\"Mesh Agent background "
                "service\",\"path\":\"C:\\\\Program Files\\\\Mesh\\\\\"}");
    assert_line(log,
                "software {\"device_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"name\":\"B\xc3\xbcro-Paket "
                "\xe2\x80\x9cPro\xe2\x80\x9d \",\"version\":\"2024.1\",\"publisher\":\"M\xc3\xbcller & "
                "S\xc3\xb6hne\",\"installed\":\"2019-06-09T00:00:00Z\",\"size_bytes\":1288490188}");
    assert_says(log, "\"name\":\"Notepad++ (64-bit x64)\",\"version\":\"8.7.4\",\"publisher\":\"Notepad++ "
                     "Team\",\"installed\":\"2024-03-07T00:00:00Z\",\"size_bytes\":18035507}");
    assert_says(log, "\"name\":\"Firefox\",\"version\":\"133.0.3\",\"publisher\":\"Mozilla\"}");
    assert_int_equal(count_says(log, "\"name\":\"Twice\""), 2);
    assert_int_equal(count_says(log, "software {\"device_id\":\"LEGH"), 6);
    assert_line(log, "software {\"device_id\":\"macagentmacagentmacagentmacagentmacagent\"}"); /* it has none */
    assert_int_equal(count_says(log, "outside the role"), 0);
    assert_line(log, "complete software 3");

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

    file(p, CLIENTS, "tacticalrmm/clients_all.json");
    play_json(p, FIELDS, "[]");
    file(p, AGENTS "1", "tacticalrmm/agents_first.json");
    file_at(p, AGENTS "2", 404, NULL, "tacticalrmm/invalid_page.json", DATE);
    play_json(p, IDS, "[]"); /* not all numbers are known, and software wants them */
    play_json(p, PLAIN, "[]");
    play_json(p, SOFTWARE, "[]");
    alerts(p, "[]", "[]");
    run(p);
    assert_says(play_log(p),
                "incomplete device: Tactical RMM, agent-pages, page 2: 120 rows were announced and 1 were given");
    assert_int_equal(count_says(play_log(p), "incomplete device"), 1);
    assert_int_equal(count_says(play_log(p), "\ncomplete device"), 0);
    assert_says(play_log(p),
                "checkpoint {\"page\":2,\"rows\":1,\"count\":120,\"last\":1,\"emitted\":1,\"doubtful\":false}");
    play_free(p);
}

/* --- the beta API is off --- */

static void beta_off(struct play *p, const char *ids)
{
    file(p, CLIENTS, "tacticalrmm/clients_plain.json");
    file(p, FIELDS, "tacticalrmm/custom_fields.json");
    file_at(p, AGENTS "1", 404, "text/html; charset=utf-8", "tacticalrmm/not_found.html", DATE);
    play_json(p, IDS, ids);
    file(p, PLAIN, "tacticalrmm/agents_plain.json");
    play_json(p, SOFTWARE, "[{\"agent\":16,\"software\":[{\"name\":\"7-Zip\"}]}]");
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
    assert_line(play_log(p),
                "software {\"device_id\":\"yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth\",\"name\":\"7-Zip\"}");
    assert_says(play_log(p), "custom_fields yfxobugTPvYjicsESiWTECNafbqnjJUMHBhXspth {\"name\":\"AssetTag\"");
    assert_int_equal(count_says(play_calls(p), "\n"), 8); /* however many agents there are */
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
        bool ids; /* not all numbers are known */
    } cases[] = {
        {{PAGE("3", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("3"))}, NULL, 3, false},
        {{PAGE("0", "null", "")}, NULL, 0, false},
        /* an agent was deleted in between: one is missed, the total is less */
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("4"))},
         "the total changed between two pages",
         3,
         true},
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("4", "null", ROW("4"))},
         "4 rows were announced and 3 were given",
         3,
         true},
        /* stuck */
        {{PAGE("4", NEXT, ROW("1") "," ROW("2")), PAGE("4", NEXT, ROW("1") "," ROW("2"))}, "a row came twice", 2, true},
        {{PAGE("3", NEXT, ROW("1") "," ROW("2")), PAGE("3", "null", ROW("2") "," ROW("3"))},
         "a row came twice",
         3,
         true},
        {{PAGE("3", "null",
               ROW("1") ",{\"id\":2,\"agent_id\":null},{\"id\":3,\"agent_id\":\"x\",\"last_seen\":\"yesterday\"}")},
         "a row cannot be named",
         1,
         true},
        {{PAGE("2", "null", ROW("1") ",[]")}, "a row has no usable id", 1, true},
        /* unreadable, but it names itself: it is not missing */
        {{PAGE("2", "null", ROW("1") ",{\"id\":3,\"agent_id\":\"x\",\"last_seen\":\"yesterday\"}")}, NULL, 1, true},
        {{PAGE("\"many\"", "null", ROW("1")), PAGE("1", "null", ROW("1"))}, NULL, 2, false}, /* asked for again */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const char *const rows[] = {"[]", "[" ROW("1") "]", "[" ROW("1") "," ROW("2") "]",
                                           "[" ROW("1") "," ROW("2") "," ROW("3") "]"};
        struct play *p = play();
        size_t there = i == ARRAY_LEN(cases) - 2 ? 2 : i == ARRAY_LEN(cases) - 1 ? 1 : cases[i].devices;
        around(p, rows[there]);
        if (cases[i].ids)
            play_json(p, IDS, "[]");
        for (size_t n = 0; n < 3 && cases[i].pages[n]; n++) {
            char call[96];
            snprintf(call, sizeof(call), AGENTS "%zu", i == ARRAY_LEN(cases) - 1 ? 1 : n + 1);
            play_json(p, call, cases[i].pages[n]);
        }
        run(p);
        if (cases[i].says)
            assert_says(play_log(p), cases[i].says);
        assert_int_equal(count_says(play_log(p), "incomplete device"), cases[i].says ? 1 : 0);
        assert_int_equal(count_says(play_log(p), "\ncomplete device"), cases[i].says ? 0 : 1);
        assert_int_equal(count_says(play_log(p), "device {"), cases[i].devices);
        play_free(p);
    }
}

/* The pages are whole, and the plain list knows of one more, or one less: nobody is taken as missing. */
static void two_lists_of_agents_must_agree(void **state)
{
    static const char *const plain[] = {"[]", "[" ROW("1") "," ROW("2") "]"};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        struct play *p = play();
        around(p, plain[i]);
        play_json(p, AGENTS "1", PAGE("1", "null", ROW("1")));
        run(p);
        assert_says(play_log(p), "incomplete device: Tactical RMM, agents: 1 of them came by pages, against");
        assert_int_equal(count_says(play_log(p), "\ncomplete device"), 0);
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
        around(p, "[" ROW("1") "," ROW("2") "," ROW("3") "]");
        if (i)
            play_json(p, IDS, "[]");
        play_json(p, AGENTS "1", pages[i][0]);
        play_on(p, AGENTS "2", (struct play_reply){.body = pages[i][1], .cut_once = true});
        run(p);
        assert_int_equal(count_says(play_log(p), "\ncomplete device"), i == 0);
        play_free(p);
    }
}

static void resumed_run_goes_on_with_its_page(void **state)
{
    struct play *p = play();
    _cleanup_(str_release) struct str plain = {0};

    play_input(p)->checkpoint = SLICE(
        "{\"page\":3,\"rows\":4,\"count\":5,\"last\":8,\"emitted\":1,\"doubtful\":false}"); /* three were outside */
    around(p, "[" ROW("1") "," ROW("9") "]");
    play_json(p, AGENTS "3", PAGE("5", "null", ROW("9")));
    play_json(p, IDS, "[" ROW("1") "," ROW("9") "]");
    run(p);
    assert_line(play_log(p), "complete device 2");
    assert_says(play_log(p), "\"organization_id\":\"7\""); /* the sites were read again for it */
    play_free(p);
}

static void only_the_kinds_asked_for(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT);
    alerts(p, "[{\"id\":5,\"severity\":\"warning\",\"alert_time\":\"2026-01-01T00:00:00Z\"}]", "[]");
    run(p);
    assert_int_equal(count_says(play_calls(p), "\n"), 2);
    assert_line(play_log(p), "complete alert 1");
    play_free(p);

    p = play();
    play_input(p)->kinds = SYNC_KIND(RECORD_SOFTWARE);
    play_json(p, IDS, "[" ROW("1") "]");
    play_json(p, SOFTWARE, "[{\"agent\":1,\"software\":[{\"name\":\"x\"}]},{\"agent\":\"one\",\"software\":7}]");
    run(p);
    assert_int_equal(count_says(play_calls(p), "\n"), 2);
    assert_says(play_log(p), "\"name\":\"x\"}");
    assert_says(play_log(p), "reject software : "); /* whose list it is cannot be told: nothing is taken as removed */
    assert_says(play_log(p), "incomplete software");
    play_free(p);

    p = play(); /* there is no list of all updates */
    play_input(p)->kinds = SYNC_KIND(RECORD_PATCH);
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_says(e.what, "refresh a device");
    play_free(p);
}

/* A right that is missing for one list costs that list. */
static void list_that_is_refused_costs_its_kind(void **state)
{
    static const char denied[] = "{\"detail\":\"You do not have permission to perform this action.\"}";
    struct play *p = play();

    play_json(p, CLIENTS, ONE_SITE);
    play_status(p, FIELDS, 403, denied);
    play_json(p, AGENTS "1", PAGE("1", "null", ROW("1")));
    play_json(p, PLAIN,
              "[{\"agent_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1\",\"checks\":{\"total\":1},"
              "\"custom_fields\":[{\"field\":1,\"value\":\"v\"}]}]");
    play_status(p, SOFTWARE, 403, denied);
    play_status(p, ALERTS, 403, denied);
    play_status(p, ALERTS, 403, denied);
    run(p);
    assert_line(play_log(p), "complete device 1");
    assert_says(play_log(p), "checks aaaa");
    assert_int_equal(count_says(play_log(p), "custom_fields"), 0); /* neither told nor told to be none */
    assert_says(play_log(p),
                "incomplete software: Tactical RMM answered 403 to software (You do not have permission to "
                "perform this action.): give the user's role the right can_list_software");
    assert_int_equal(count_says(play_log(p), "incomplete alert"), 2);
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

    around(p, "[]");
    play_on(p, AGENTS "1",
            (struct play_reply){
                .body = PAGE("1", "null",
                             "{\"id\":1,\"agent_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"offline_time\":4,"
                             "\"overdue_time\":30,\"last_seen\":\"2026-11-21T01:26:30Z\"}"),
                .date = DATE});
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
    file(p, FIELDS, "tacticalrmm/custom_fields.json");
    play_json(p, "GET /software/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/",
              "{\"id\":9,\"agent\":1,\"software\":[{\"name\":\"7-Zip\",\"size\":\"5.7 MB\"}]}");
    file(p, "GET /winupdate/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", "tacticalrmm/updates.json");
    play_on(p, ALERTS,
            (struct play_reply){
                .body =
                    "[{\"id\":9,\"agent\":1,\"agent_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"message\":\"is "
                    "overdue\",\"alert_time\":\"2026-01-01T00:00:00Z\"},{\"id\":10,\"agent_id\":\"another's\"}]",
                .body_wants = "{\"clientFilter\":[5],\"timeFilter\":1}"});
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
    assert_line(log, "checks LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP "
                     "{\"total\":2,\"passing\":2,\"failing\":0,\"warning\":0,\"info\":0}");
    assert_says(log, "{\"name\":\"Roles \\\"now\\\"\",\"type\":\"multiple\",\"value\":\"[\\\"web\\\",\\\"db\\\"]\"}");
    assert_says(log, "\"url\":\"https://rmm.example.com/agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\"");
    assert_says(log, "\"name\":\"7-Zip\",\"size_bytes\":5976883}");
#define PATCH_OF(id, kb, status, more)                                                                                 \
    "patch {\"device_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"family\":\"os\",\"id\":\"" id                 \
    "\",\"title\":\"2024-07 Cumulative Update for Windows (" kb ")\",\"kb\":\"" kb "\",\"status\":\"" status "\"" more \
    ",\"type\":\"Security Updates\""
#define GUID "424d3469-06a0-bfb4-5df0-fb2667b4000"
    assert_line(log, PATCH_OF(GUID "6", "KB5033606", "approved", ",\"severity\":\"Critical\"") "}");
    assert_line(log, PATCH_OF(GUID "5", "KB5033605", "failed", ",\"severity\":\"Critical\"") "}");
    assert_line(log, PATCH_OF("KB5033604", "KB5033604", "rejected", ",\"severity\":\"Critical\"") "}");
    assert_line(log, PATCH_OF(GUID "3", "KB5033603", "pending", "") "}");
    /* in a time zone that nobody tells: the day */
    assert_line(log, PATCH_OF(GUID "2", "KB5033602", "installed",
                              ",\"severity\":\"Critical\"") ",\"installed_at\":\"2024-07-14T00:00:00Z\"}");
    assert_says(log, "reject patch LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP: an update without guid");
    assert_says(log, "alert 9 {\"device\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\"");
    assert_int_equal(count_says(log, "alert 10"), 0);
    free(log);
}

/* Nothing of its own: an empty list where others have an object; no updates; a Linux machine is asked for neither. */
static void single_agent_without_lists(void **state)
{
    struct play *p = play();

    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(agent_id);
    play_json(p, "GET /agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/",
              "{\"agent_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"plat\":\"windows\",\"custom_fields\":[]}");
    play_json(p, "GET /software/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", "[]");
    play_json(p, "GET /winupdate/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/", "[]");
    run(p);
    assert_line(play_log(p), "software {\"device_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\"}");
    assert_line(play_log(p), "patch {\"device_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\"}");
    assert_says(play_log(p), "custom_fields LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP none");
    assert_int_equal(count_says(play_log(p), "reject"), 0);
    play_free(p);

    p = play();
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(agent_id);
    play_json(p, "GET /agents/LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP/",
              "{\"agent_id\":\"LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP\",\"plat\":\"linux\"}");
    run(p);
    assert_int_equal(count_says(play_calls(p), "\n"), 1);
    play_free(p);
}

/* --- words and days --- */

static void days_are_read_in_all_spellings(void **state)
{
    static const struct {
        const char *text, *iso; /* NULL: not known */
    } days[] = {{"2024-3-07", "2024-03-07"},
                {"2024-11-30", "2024-11-30"},
                {"2019-06-09 00:00:00 +0000 UTC", "2019-06-09"},
                {" 2024-3-7 ", "2024-03-07"},
                {"01-1-01", NULL},
                {"0001-01-01 00:00:00 +0000 UTC", NULL},
                {"2024-13-01", NULL},
                {"2023-2-29", NULL},
                {"2024--07", NULL},
                {"20240307", NULL},
                {"-2024-3-07", NULL},
                {"", NULL},
                {"None", NULL}},
      installed[] = {{"07 14 2024 03:12", "2024-07-14"}, {"14 07 2024 03:12", NULL}, {"2024-07-14", NULL}, {"", NULL}};
    usec_t t;

    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        usec_t want = days[i].iso && clock_parse_iso(slice_cstr(days[i].iso), &t) ? t : USEC_NONE;
        assert_true(tac_parse_day(slice_cstr(days[i].text)) == want);
    }
    for (size_t i = 0; i < ARRAY_LEN(installed); i++) {
        usec_t want = installed[i].iso && clock_parse_iso(slice_cstr(installed[i].iso), &t) ? t : USEC_NONE;
        assert_true(tac_parse_installed(slice_cstr(installed[i].text)) == want);
    }
}

static void sizes_are_text(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {{"5.7 MB", 5976883}, {"1.2 GB", 1288490188},     {"100.0 kB", 102400},
                 {"12 B", 12},        {"1 TB", INT64_C(1) << 40}, {"0 B", I64_NONE},
                 {"", I64_NONE},      {"5.7 apples", I64_NONE},   {"-5 MB", I64_NONE},
                 {"MB", I64_NONE},    {"5.7", I64_NONE},          {"99999999999 TB", I64_NONE}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(tac_parse_size(slice_cstr(cases[i].text)), cases[i].bytes);
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
        play_json(p, FIELDS, "[]");
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
    file(p, CLIENTS, "tacticalrmm/clients_plain.json");
}

static void probe_tells_what_it_found(void **state)
{
    struct play *p = play_new(tactical(), tactical()->probe, SETTINGS);
    struct err e = {0};

    probe(p);
    play_json(p, "GET /beta/v1/agent/?page_size=1", PAGE("120", NEXT, ROW("1")));
    play_on(p, ALERTS, (struct play_reply){.body = "{\"alerts_count\":30,\"alerts\":[]}", .body_wants = "{\"top\":1}"});
    run(p);
    assert_line(play_log(p),
                "remark Tactical RMM at api.example.com, dashboard build 0.0.203, 2 clients with 3 sites; the "
                "beta API is on");
    play_free(p);

    p = play_new(tactical(), tactical()->probe, SETTINGS);
    probe(p);
    file_at(p, "GET /beta/v1/agent/?page_size=1", 404, "text/html", "tacticalrmm/not_found.html", DATE);
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
        cmocka_unit_test(two_lists_of_agents_must_agree),
        cmocka_unit_test(cut_page_is_judged_again),
        cmocka_unit_test(resumed_run_goes_on_with_its_page),
        cmocka_unit_test(only_the_kinds_asked_for),
        cmocka_unit_test(list_that_is_refused_costs_its_kind),
        cmocka_unit_test(bad_alert_row_resolves_nothing),
        cmocka_unit_test(reopened_alert_is_newer_than_its_resolution),
        cmocka_unit_test(status_is_the_products_rule),
        cmocka_unit_test(status_uses_the_servers_clock),
        cmocka_unit_test(single_agent_is_read_with_its_client),
        cmocka_unit_test(single_agent_without_lists),
        cmocka_unit_test(days_are_read_in_all_spellings),
        cmocka_unit_test(sizes_are_text),
        cmocka_unit_test(agent_that_is_missing_is_gone_only_if_said_so),
        cmocka_unit_test(agent_id_has_a_shape),
        cmocka_unit_test(refusals_say_where_and_how_to_mend),
        cmocka_unit_test(probe_tells_what_it_found),
        cmocka_unit_test(base_url_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
