/* ninjaone_sync.c - NinjaOne's lists, reports and feed, and everything the product may do wrong with them. */
#include "base/test.h"
#include "provider/harness.h"

#define SETTINGS "{\"client_id\":\"id\",\"client_secret\":\"s3cret\"}"

#define FEED          "GET /v2/activities?pageSize=10"
#define WALK          "GET /v2/activities?pageSize=1000"
#define ORGANIZATIONS "GET /v2/organizations?pageSize=1000"
#define LOCATIONS     "GET /v2/locations?pageSize=1000"
#define DEVICES       "GET /v2/devices-detailed?pageSize=1000"
#define PENDING       "GET /v2/devices-detailed?df=status%20%3D%20PENDING&pageSize=1000"
#define ALERTS        "GET /v2/alerts"
#define REPORT(name)  "GET /v2/queries/" name "?pageSize=10000"
#define EMPTY_REPORT  "{\"cursor\":{\"name\":\"c\",\"offset\":0,\"count\":0,\"expires\":1.5},\"results\":[]}"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

static struct play *play(void)
{
    return play_new(ninjaone(), ninjaone()->sync, SETTINGS);
}

static void quiet_reports(struct play *p, const char *except)
{
    static const char *const names[] = {"operating-systems",  "computer-systems", "processors",     "volumes",
                                        "network-interfaces", "antivirus-status", "logged-on-users"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char call[128];
        snprintf(call, sizeof(call), "GET /v2/queries/%s?pageSize=10000", names[i]);
        if (!except || strcmp(except, names[i]) != 0)
            play_json(p, call, EMPTY_REPORT);
    }
}

static void file(struct play *p, const char *call, const char *name)
{
    char *body = fixture(name);
    play_json(p, call, body);
    free(body);
}

/* Everything but devices: one organization, no location, nothing pending, no alert. */
static void quiet_rest(struct play *p)
{
    play_json(p, FEED,
              "{\"lastActivityId\":77,\"activities\":[{\"id\":77,\"activityType\":\"SYSTEM\",\"statusCode\":\"NODE_"
              "CREATED\"}]}");
    play_json(p, ORGANIZATIONS, "[{\"id\":1,\"name\":\"A\"}]");
    play_json(p, ORGANIZATIONS "&after=1", "[]");
    play_json(p, LOCATIONS, "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    play_json(p, ALERTS, "[]");
}

/* --- a whole run --- */

static void whole_run(struct play *p)
{
    play_json(p, FEED, "{\"lastActivityId\":412000777,\"activities\":[{\"id\":412000777},{\"id\":412000776}]}");
    file(p, ORGANIZATIONS, "ninjaone/organizations.json");
    play_json(p, ORGANIZATIONS "&after=14", "[]");
    file(p, LOCATIONS, "ninjaone/locations.json");
    play_json(p, LOCATIONS "&after=33", "[]");
    file(p, DEVICES, "ninjaone/devices.json");
    play_json(p, DEVICES "&after=4714", "[]");
    play_json(
        p, PENDING,
        "[{\"id\":9,\"organizationId\":13,\"approvalStatus\":\"PENDING\",\"offline\":false,\"systemName\":\"new\"}]");
    play_json(p, PENDING "&after=9", "[]");
    play_json(p, REPORT("operating-systems"),
              "{\"cursor\":{\"name\":\"x\",\"count\":1},\"results\":[{\"name\":\"Windows "
              "11\",\"buildNumber\":\"22631\",\"needsReboot\":true,"
              "\"lastBootTime\":1759500000.0,\"deviceId\":4711,\"timestamp\":1}]}");
    play_json(p, REPORT("computer-systems"),
              "{\"results\":[{\"manufacturer\":\"Dell\",\"model\":\"R640\",\"serialNumber\":\"S1\","
              "\"totalPhysicalMemory\":34359738368,"
              "\"virtualMachine\":false,\"deviceId\":4711}]}");
    play_json(p, REPORT("processors"),
              "{\"cursor\":{\"name\":\"p1\",\"count\":3},\"results\":[{\"deviceId\":4711,\"name\":\"CPU "
              "0\",\"numCores\":8,\"maxClockSpeed\":2900000000},"
              "{\"deviceId\":4711,\"name\":\"CPU 1\",\"numCores\":8}]}");
    play_json(p, REPORT("processors") "&cursor=p1",
              "{\"cursor\":{\"name\":\"p1\",\"count\":3},\"results\":[{\"deviceId\":4712,\"name\":\"CPU "
              "0\",\"clockSpeed\":1000}]}");
    play_json(p, REPORT("volumes"),
              "{\"results\":[{\"deviceId\":4711,\"name\":\"C:\",\"capacity\":256060514304,\"freeSpace\":91268055040,"
              "\"fileSystem\":\"NTFS\"}]}");
    play_json(p, REPORT("network-interfaces"),
              "{\"results\":[{\"deviceId\":4711,\"interfaceName\":\"Ethernet\",\"adapterName\":\"Intel\",\"ipAddress\":"
              "[\"10.1.8.4\",\"fe80::1\"],"
              "\"macAddress\":[\"00:15:5D:00:8B:04\"]}]}");
    play_json(p, REPORT("antivirus-status"),
              "{\"results\":[{\"deviceId\":4711,\"productName\":\"Defender\",\"productState\":\"ON\"}]}");
    play_json(p, REPORT("logged-on-users"),
              "{\"results\":[{\"deviceId\":4711,\"userName\":\"ALDER\\\\jdoe\",\"logonTime\":1760000000.5}]}");
    play_json(p, ALERTS,
              "[{\"uid\":\"0f0e\",\"deviceId\":4711,\"message\":\"EventId: "
              "7031\",\"createTime\":1759130001.0,\"updateTime\":1759130009.0,"
              "\"sourceType\":\"CONDITION_WINDOWS_EVENT_LOG_TRIGGERED\",\"sourceName\":\"\",\"subject\":\"7031\","
              "\"data\":{\"message\":{\"params\":{}}}},"
              "{\"uid\":\"0f0f\",\"deviceId\":4712,\"severity\":\"MAJOR\",\"createTime\":1759130002}]");
}

static void full_sync_tells_everything_at_any_cut(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, whole_run);

    assert_line(log, "organization 13 {\"name\":\"Alder Dental\",\"description\":\"Gold\"}");
    assert_line(log, "organization 14 {\"name\":\"Birch \xc3\x9cnion\"}");
    assert_line(log, "location 33 {\"organization\":\"13\",\"name\":\"Main Office\",\"address\":\"1 Mill Rd\"}");
    assert_line(log, "device "
                     "{\"id\":\"4711\",\"organization_id\":\"13\",\"location_id\":\"33\",\"name\":\"ALD-RDS-01\","
                     "\"hostname\":\"ALD-RDS-01\","
                     "\"dns_name\":\"ald-rds-01.alder.example\",\"uid\":\"5b1f9f0e-8a1c-4f5e-9a57-0d3c4a0e7b21\","
                     "\"type\":\"server\","
                     "\"product_class\":\"WINDOWS_SERVER\",\"status\":\"online\",\"public_ip\":\"203.0.113.14\","
                     "\"ips\":[\"10.1.8.4\"],"
                     "\"macs\":[\"00:15:5D:00:8B:04\"],\"approved\":true,\"maintenance\":true,\"created\":\"2024-11-"
                     "07T17:20:01.250000Z\","
                     "\"last_seen\":\"2025-10-09T08:55:23.450000Z\"}");
    assert_says(log, "\"name\":\"Core "
                     "switch\",\"hostname\":\"sw1\",\"type\":\"network_device\",\"product_class\":\"NMS_SWITCH\","
                     "\"status\":\"offline\"");
    assert_says(log, "\"id\":\"4714\",\"organization_id\":\"14\",\"name\":\"h1\",\"hostname\":\"h1\","
                     "\"product_class\":\"HOLODECK\"");
    assert_says(log, "\"id\":\"9\",\"organization_id\":\"13\"");
    assert_says(log, "\"approved\":false");
    /* A host without an agent has no row in the reports. */
    assert_says(log, "system 4713 {\"manufacturer\":\"Dell Inc.\",\"model\":\"PowerEdge R640\",\"serial\":\"ABC1234\"");
    /* The list's own os and volumes are not told beside the report's. */
    assert_int_equal(count_says(log, "os 4711"), 1);
    assert_int_equal(count_says(log, "volumes 4711"), 1);
    assert_says(log, "os 4711 {\"name\":\"Windows "
                     "11\",\"build\":\"22631\",\"last_boot\":\"2025-10-03T14:00:00Z\",\"needs_reboot\":true}");
    assert_int_equal(count_says(log, "processors 47"), 3);
    assert_says(log, "interfaces 4711 "
                     "{\"name\":\"Ethernet\",\"description\":\"Intel\",\"macs\":[\"00:15:5D:00:8B:04\"],\"ips\":[\"10."
                     "1.8.4\",\"fe80::1\"]}");
    assert_says(log, "\"name\":\"ALDER\\\\jdoe\"");
    assert_line(
        log,
        "alert 0f0e "
        "{\"device\":\"4711\",\"state\":\"triggered\",\"type\":\"CONDITION_WINDOWS_EVENT_LOG_TRIGGERED\",\"subject\":"
        "\"7031\","
        "\"message\":\"EventId: 7031\",\"triggered\":\"2025-09-29T07:13:21Z\",\"changed\":\"2025-09-29T07:13:21Z\"}");
    assert_says(log, "alert 0f0f {\"device\":\"4712\",\"state\":\"triggered\",\"severity\":\"major\"");
    assert_line(log, "complete organization 2");
    assert_line(log, "complete location 1");
    assert_line(log, "complete device 5");
    assert_line(log, "complete alert 2");
    assert_line(log, "cursor {\"activity_id\":412000777}");
    assert_int_equal(count_says(log, "incomplete"), 0);
    free(log);
}

/* --- lists that cannot be proven --- */

static char *run_devices(void (*script)(struct play *p), bool *ok)
{
    struct play *p = play();
    struct err e = {0};
    char *log;

    quiet_rest(p);
    script(p);
    *ok = play_run(p, (struct play_cut){0, 0}, &e);
    if (!*ok)
        print_message("%s\n", e.what);
    log = strdup(play_log(p));
    play_free(p);
    return log;
}

static void page_repeats(struct play *p)
{
    play_json(p, DEVICES, "[{\"id\":1},{\"id\":2}]");
    play_json(p, DEVICES "&after=2", "[{\"id\":1},{\"id\":2}]");
}

static void page_repeats_partly(struct play *p)
{
    play_json(p, DEVICES, "[{\"id\":1},{\"id\":2}]");
    play_json(p, DEVICES "&after=2", "[{\"id\":2},{\"id\":3}]");
    play_json(p, DEVICES "&after=3", "[]");
}

static void ids_descend(struct play *p)
{
    play_json(p, DEVICES, "[{\"id\":5},{\"id\":2}]");
    play_json(p, DEVICES "&after=5", "[]");
}

static void a_row_is_bad(struct play *p)
{
    play_json(p, DEVICES,
              "[{\"id\":1},17,{\"id\":null,\"systemName\":\"x\"},{\"id\":3,\"offline\":\"perhaps\"},{\"id\":"
              "99999999999999999999999},{\"id\":4}]");
    play_json(p, DEVICES "&after=4", "[]");
}

static void list_that_cannot_be_proven_retires_nothing(void **state)
{
    static const struct {
        void (*script)(struct play *p);
        const char *why;
        size_t devices;
    } cases[] = {
        {page_repeats, "rows of an earlier page came again", 2},
        {page_repeats_partly, "rows of an earlier page came again", 3},
        {ids_descend, "do not ascend", 2},
        {a_row_is_bad, "a row without a usable id", 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool ok;
        char *log = run_devices(cases[i].script, &ok);
        assert_says(log, cases[i].why);
        assert_true(ok); /* the rest of the run goes on */
        assert_int_equal(count_says(log, "incomplete device"), 1);
        assert_int_equal(count_says(log, "complete device"), 1); /* that very line */
        assert_int_equal(count_says(log, "device {"), cases[i].devices);
        assert_line(log, "complete alert 0");
        free(log);
    }
}

static void a_bad_row_names_itself(void **state)
{
    bool ok;
    char *log = run_devices(a_row_is_bad, &ok);

    assert_line(log, "reject device 3: offline: expected a boolean, found text \"perhaps\"");
    assert_says(log, "reject device : expected an object, found the number 17");
    assert_line(log, "reject device : id: missing");
    assert_line(log, "reject device 99999999999999999999999: id: expected a positive number");
    free(log);
}

static void a_row_is_bad_but_names_itself(struct play *p)
{
    play_json(p, DEVICES, "[{\"id\":1},{\"id\":2,\"lastContact\":\"long ago\"},{\"id\":3}]");
    play_json(p, DEVICES "&after=3", "[]");
}

/* It is there, so it is not missing: one bad row for ever must not keep all others from being retired. */
static void a_bad_row_that_names_itself_is_not_missing(void **state)
{
    bool ok;
    char *log = run_devices(a_row_is_bad_but_names_itself, &ok);

    assert_true(ok);
    assert_says(log, "reject device 2: lastContact");
    assert_line(log, "complete device 3");
    free(log);
}

static void cut_answer_is_asked_for_once_more(struct play *p)
{
    play_json(p, DEVICES, "[{\"id\":1},{\"id\":2}");
    play_json(p, DEVICES, "[{\"id\":1},{\"id\":2}]");
    play_json(p, DEVICES "&after=2", "[]");
}

static void truncated_json_is_asked_for_again_then_fails(void **state)
{
    bool ok;
    char *log = run_devices(cut_answer_is_asked_for_once_more, &ok);
    struct play *p = play();
    struct err e = {0};

    assert_true(ok);
    assert_line(log, "complete device 2");
    free(log);

    quiet_rest(p);
    play_json(p, DEVICES, "[{\"id\":1},{\"id\"");
    play_json(p, DEVICES, "[{\"id\":1},{\"id\"");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_PROTOCOL);
    assert_says(e.what, "devices: the answer cannot be read");
    assert_int_equal(count_says(play_log(p), "complete device"), 0);
    play_free(p);
}

static void connection_cut_in_a_page(struct play *p)
{
    quiet_rest(p);
    play_on(p, DEVICES, (struct play_reply){.body = "[{\"id\":1},{\"id\":2},{\"id\":3}]", .cut_once = true});
    play_json(p, DEVICES "&after=3", "[]");
}

static void cut_connection_does_not_count_rows_twice(void **state)
{
    struct play *p = play();
    struct err e = {0};

    connection_cut_in_a_page(p);
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_line(play_log(p), "complete device 3");
    assert_int_equal(count_says(play_log(p), "incomplete"), 0);
    play_free(p);
}

/* --- refused calls --- */

static void refusals_say_where_and_how_to_mend(void **state)
{
    static const struct {
        int status;
        const char *type, *body, *says;
        enum err_code code;
    } cases[] = {
        {401, NULL, "{\"error\":\"not_authenticated\",\"error_description\":\"Invalid credentials\",\"error_code\":10}",
         "NinjaOne answered 401 to organizations (not_authenticated, Invalid credentials): the access token is refused",
         ERR_AUTH},
        {403, NULL,
         "{\"resultCode\":\"FAILURE\",\"errorMessage\":{\"code\":\"no_right\",\"params\":{}},\"incidentId\":\"I-1\"}",
         "(FAILURE, no_right, I-1): the API application lacks a right", ERR_FORBIDDEN},
        {404, NULL, "{\"resultCode\":\"FAILURE\",\"errorMessage\":\"HTTP 404 Not Found\"}", "check region or base_url",
         ERR_NOT_FOUND},
        {404, "text/html", "<html>nope</html>", "this host does not serve the API", ERR_NOT_FOUND},
        {429, NULL, "", "too many calls", ERR_THROTTLED},
        {200, "text/html", " <html>Too many requests</html>", "called too often", ERR_THROTTLED},
        {500, NULL, "\"oops\"", "NinjaOne answered 500 to organizations: NinjaOne has a fault", ERR_UNAVAILABLE},
        {400, NULL, "{\"error\":\"missing_header\",\"error_description\":\"Missing required header\",\"error_code\":2}",
         "missing_header", ERR_PROTOCOL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play();
        struct err e = {0};

        play_input(p)->kinds = SYNC_KIND(RECORD_ORGANIZATION);
        play_json(p, FEED, "{\"activities\":[]}");
        play_on(p, ORGANIZATIONS,
                (struct play_reply){.status = cases[i].status, .content_type = cases[i].type, .body = cases[i].body});
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_says(e.what, cases[i].says);
        assert_int_equal(e.code, cases[i].code);
        play_free(p);
    }
}

/* Other calls are open, half read, when it fails: they end, and the reason stays. */
static void silence_fails_the_run_and_keeps_what_it_has(void **state)
{
    struct play *p = play();
    struct err e = {0};

    quiet_rest(p);
    play_json(p, DEVICES, "[{\"id\":1}]");
    play_on(p, DEVICES "&after=1", (struct play_reply){.transport = ERR_TIMEOUT});
    assert_false(play_run(p, (struct play_cut){3, 1}, &e));
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_says(e.what, "NinjaOne: devices: no whole answer");
    assert_says(play_log(p), "\"devices\":{\"after\":1,\"rows\":1,\"ended\":false");
    play_free(p);
}

/* --- reports --- */

struct report_case {
    const char *says; /* of the one complaint; NULL: none */
    size_t rows;
    struct {
        const char *cursor; /* that we are to send */
        int status;
        const char *body;
    } pages[3];
};

#define ROW(id)                 "{\"deviceId\":" id ",\"name\":\"C:\",\"capacity\":1}"
#define PAGE(name, count, rows) "{\"cursor\":{\"name\":\"" name "\",\"count\":" count "},\"results\":[" rows "]}"

static const struct report_case report_cases[] = {
    /* the cursor's name changes, the count is of the whole report */
    {NULL, 3, {{"", 200, PAGE("a", "3", ROW("1") "," ROW("2"))}, {"&cursor=a", 200, PAGE("b", "3", ROW("3"))}}},
    /* no cursor, or none that is one, on a single page */
    {NULL, 1, {{"", 200, "{\"results\":[" ROW("1") "]}"}}},
    {NULL, 1, {{"", 200, "{\"cursor\":null,\"results\":[" ROW("1") "]}"}}},
    /* wrong totals */
    {"41 rows were announced and 1 were given",
     1,
     {{"", 200, PAGE("a", "41", ROW("1"))}, {"&cursor=a", 200, PAGE("a", "41", "")}}},
    {"1 rows were announced and 2 were given", 2, {{"", 200, PAGE("a", "1", ROW("1") "," ROW("2"))}}},
    /* stuck */
    {"a page came twice", 2, {{"", 200, PAGE("a", "9", ROW("1"))}, {"&cursor=a", 200, PAGE("a", "9", ROW("1"))}}},
    /* expired: read once more from the start, then given up */
    {NULL,
     3,
     {{"", 200, PAGE("a", "2", ROW("1"))},
      {"&cursor=a", 400, "{\"resultCode\":\"INVALID_CURSOR\"}"},
      {"", 200, PAGE("z", "2", ROW("1") "," ROW("2"))}}},
    {"NinjaOne answered 400 to volumes (INVALID_CURSOR)",
     1,
     {{"", 200, PAGE("a", "2", ROW("1"))},
      {"&cursor=a", 400, "{\"resultCode\":\"INVALID_CURSOR\"}"},
      {"", 400, "{\"resultCode\":\"INVALID_CURSOR\"}"}}},
    /* one report that this instance does not have does not end the run */
    {"NinjaOne answered 404 to volumes",
     0,
     {{"", 404, "{\"resultCode\":\"FAILURE\",\"errorMessage\":\"HTTP 404 Not Found\"}"}}},
    {"the answer has no list at \"results[]\"", 0, {{"", 200, "{\"oops\":true}"}, {"", 200, "{\"oops\":true}"}}},
    {"cursor.count: expected a whole number, found text \"many\"",
     0,
     {{"", 200, PAGE("a", "\"many\"", "")}, {"", 200, PAGE("a", "\"many\"", "")}}},
    /* rows that cannot be read are counted, or the total would be wrong */
    {NULL, 0, {{"", 200, PAGE("a", "2", "{\"deviceId\":null},{\"deviceId\":7,\"capacity\":\"much\"}")}}},
};

static void reports_end_where_they_should(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(report_cases); i++) {
        const struct report_case *c = &report_cases[i];
        struct play *p = play();
        struct err e = {0};

        play_json(p, FEED, "{\"activities\":[]}");
        play_json(p, ORGANIZATIONS, "[]");
        play_json(p, LOCATIONS, "[]");
        play_json(p, DEVICES, "[]");
        play_json(p, PENDING, "[]");
        play_json(p, ALERTS, "[]");
        quiet_reports(p, "volumes");
        for (size_t n = 0; n < ARRAY_LEN(c->pages) && c->pages[n].body; n++) {
            char call[128];
            snprintf(call, sizeof(call), REPORT("volumes") "%s", c->pages[n].cursor);
            play_status(p, call, c->pages[n].status, c->pages[n].body);
        }
        if (!play_run(p, (struct play_cut){3, (uint32_t)i}, &e))
            fail_msg("case %zu: %s", i, e.what);
        if (c->says)
            assert_says(play_log(p), c->says);
        assert_int_equal(count_says(play_log(p), "incomplete facet"), c->says ? 1 : 0);
        assert_int_equal(count_says(play_log(p), "\nvolumes "), c->rows);
        play_free(p);
    }
}

/* --- incremental --- */

static struct play *play_incremental(const char *cursor)
{
    struct play *p = play();
    play_input(p)->mode = SYNC_INCREMENTAL;
    play_input(p)->cursor = slice_cstr(cursor);
    return p;
}

static void feed_is_walked_down_to_what_is_known(void **state)
{
    struct play *p = play_incremental("{\"activity_id\":100}");
    struct err e = {0};

    play_json(p, WALK,
              "{\"lastActivityId\":106,\"activities\":["
              "{\"id\":106,\"activityTime\":1760000600,\"deviceId\":1,\"activityType\":\"MONITOR\",\"statusCode\":"
              "\"SYSTEM_REBOOTED\"},"
              "{\"id\":105,\"activityTime\":1760000500,\"deviceId\":1,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_UPDATED\"},"
              "{\"id\":104,\"activityTime\":1760000400.25,\"deviceId\":2,\"seriesUid\":\"s\",\"activityType\":"
              "\"CONDITION\",\"statusCode\":\"RESET\","
              "\"severity\":\"CRITICAL\"}]}");
    play_json(p, WALK "&olderThan=104",
              "{\"lastActivityId\":106,\"activities\":["
              "{\"id\":103,\"activityTime\":1760000300,\"deviceId\":3,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_DELETED\"},"
              "{\"id\":102,\"activityTime\":1760000250,\"activityType\":\"SYSTEM\",\"statusCode\":\"CLIENT_CREATED\"},"
              "{\"id\":101,\"activityTime\":1760000200,\"deviceId\":3,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_UPDATED\"},"
              "{\"id\":100,\"activityTime\":1760000100,\"deviceId\":9,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_UPDATED\"}]}");
    play_json(p, ORGANIZATIONS, "[{\"id\":1,\"name\":\"A\"}]"); /* because of CLIENT_CREATED */
    play_json(p, ORGANIZATIONS "&after=1", "[]");
    play_json(p, LOCATIONS, "[]");
    play_json(p, ALERTS, "[]");
    if (!play_run(p, (struct play_cut){5, 9}, &e))
        fail_msg("%s", e.what);
    assert_line(play_log(p), "refresh 1 2025-10-09T09:03:20Z");
    assert_int_equal(count_says(play_log(p), "refresh"), 1); /* the newest word about a device is enough */
    assert_line(play_log(p), "gone 3 2025-10-09T08:58:20Z");
    assert_line(play_log(p), "alert s "
                             "{\"device\":\"2\",\"state\":\"resolved\",\"severity\":\"critical\",\"changed\":\"2025-10-"
                             "09T09:00:00.250000Z\",\"change_id\":\"104\"}");
    assert_line(play_log(p), "cursor {\"activity_id\":106}");
    assert_line(play_log(p), "complete alert 0");
    assert_int_equal(count_says(play_log(p), "complete device"), 0);
    play_free(p);
}

static void expect_full(struct play *p)
{
    struct err e = {0};

    play_json(p, ORGANIZATIONS, "[]");
    play_json(p, LOCATIONS, "[]");
    play_json(p, DEVICES, "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    play_json(p, ALERTS, "[]");
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_line(play_log(p), "complete device 0");
    play_free(p);
}

static void feed_that_cannot_close_the_gap_becomes_a_full_sync(void **state)
{
    struct play *p = play_incremental("{\"activity_id\":100}");
    play_json(p, WALK, "{\"activities\":[{\"id\":7}]}"); /* the feed knows nothing of 100 */
    expect_full(p);

    p = play_incremental("{\"activity_id\":100}");
    play_json(p, WALK, "{\"activities\":[{\"id\":300},{\"id\":200}]}");
    play_json(p, WALK "&olderThan=200", "{\"activities\":[{\"id\":300},{\"id\":200}]}"); /* stuck */
    expect_full(p);

    p = play_incremental("{\"activity_id\":100}");
    play_status(p, WALK, 403, "{\"resultCode\":\"FAILURE\"}");
    expect_full(p);

    p = play_incremental("not json");
    play_json(p, FEED, "{\"activities\":[{\"id\":300}]}");
    expect_full(p);
}

/* --- resuming --- */

static void resumed_run_goes_on_and_tells_the_whole(void **state)
{
    static const char checkpoint[] =
        "{\"full\":true,\"top\":77,\"older\":0,\"structure\":false,\"feed_ended\":true,"
        "\"organizations\":{\"after\":14,\"rows\":2,\"ended\":true,\"proven\":true,\"doubtful\":false},"
        "\"locations\":{\"after\":0,\"rows\":0,\"ended\":true,\"proven\":false,\"doubtful\":true},"
        "\"devices\":{\"after\":4000,\"rows\":1000,\"ended\":false,\"proven\":false,\"doubtful\":false},"
        "\"pending\":{\"after\":0,\"rows\":0,\"ended\":false,\"proven\":false,\"doubtful\":false}}";
    struct play *p = play();
    struct err e = {0};

    play_input(p)->checkpoint = slice_cstr(checkpoint);
    play_json(p, DEVICES "&after=4000", "[{\"id\":4001}]");
    play_json(p, DEVICES "&after=4001", "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    play_json(p, ALERTS, "[]");
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_line(play_log(p), "complete organization 2");
    assert_int_equal(count_says(play_log(p), "complete location"), 0);
    assert_line(play_log(p), "complete device 1001");
    assert_line(play_log(p), "cursor {\"activity_id\":77}");
    play_free(p);
}

/* Every checkpoint of a run, taken up by a new machine, ends in the same completeness. */
static void every_checkpoint_can_be_resumed(void **state)
{
    struct play *p = play();
    struct err e = {0};
    const char *at;
    size_t n = 0;

    whole_run(p);
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    for (at = play_log(p); (at = strstr(at, "checkpoint ")); n++) {
        at += strlen("checkpoint ");
        char *json = strndup(at, strcspn(at, "\n"));
        struct play *q = play();
        play_input(q)->checkpoint = slice_cstr(json);
        whole_run(q);
        play_lenient(q);
        assert_true(play_run(q, (struct play_cut){17, 3}, &e));
        assert_line(play_log(q), "complete device 5");
        assert_line(play_log(q), "complete organization 2");
        assert_line(play_log(q), "complete alert 2");
        assert_line(play_log(q), "cursor {\"activity_id\":412000777}");
        play_free(q);
        free(json);
    }
    assert_true(n >= 5);
    play_free(p);
}

/* What was doubted before the run was taken over stays doubted. */
static void resumed_doubt_is_kept(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_input(p)->checkpoint =
        SLICE("{\"feed_ended\":true,\"top\":1,\"older\":0,\"devices\":{\"after\":4,\"rows\":4,\"ended\":false,"
              "\"proven\":false,\"doubtful\":true}}");
    play_json(p, DEVICES "&after=4", "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_int_equal(count_says(play_log(p), "complete device"), 0);
    assert_int_equal(count_says(play_log(p), "cursor"),
                     0); /* other kinds were not read: the next run must not skip them */
    play_free(p);
}

/* Devices are proven by two lists: approved and pending. */
static void pending_list_that_fails_retires_nothing(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_json(p, FEED, "{\"activities\":[]}");
    play_json(p, DEVICES, "[{\"id\":1}]");
    play_json(p, DEVICES "&after=1", "[]");
    play_status(p, PENDING, 400, "{\"resultCode\":\"FAILURE\",\"errorMessage\":\"df\"}");
    quiet_reports(p, NULL);
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_says(play_log(p), "incomplete device: NinjaOne answered 400 to pending-devices");
    assert_int_equal(count_says(play_log(p), "\ncomplete device"), 0);
    play_free(p);
}

/* --- one device --- */

static const char one_device[] =
    "{\"id\":4711,\"organizationId\":13,\"nodeClass\":\"WINDOWS_WORKSTATION\",\"offline\":true,\"systemName\":\"pc\","
    "\"deviceType\":\"AgentDevice\","
    "\"os\":{\"name\":\"Windows "
    "11\",\"needsReboot\":true},\"system\":{\"manufacturer\":\"Dell\",\"serialNumber\":\"X1\"},"
    "\"processors\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"volumes\":[{\"name\":\"C:\",\"capacity\":5,"
    "\"bitLockerStatus\":{\"conversionStatus\":\"FULLY_ENCRYPTED\"}}]}";

static void one_device_script(struct play *p)
{
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("4711");
    play_json(p, "GET /v2/device/4711", one_device);
    play_json(p, "GET /v2/device/4711/network-interfaces", "[]");
    play_json(p, "GET /v2/queries/antivirus-status?df=id%20%3D%204711&pageSize=1000",
              "{\"results\":[{\"deviceId\":1,\"productName\":\"Other's\"},{\"deviceId\":4711,\"productName\":"
              "\"Defender\"}]}");
    play_json(p, "GET /v2/device/4711/last-logged-on-user", "{\"userName\":\"jdoe\",\"logonTime\":1760000000}");
}

static void single_device_is_read_with_its_parts(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, one_device_script);

    assert_says(log, "device {\"id\":\"4711\"");
    assert_line(log, "os 4711 {\"name\":\"Windows 11\",\"needs_reboot\":true}");
    assert_says(log, "system 4711 {\"manufacturer\":\"Dell\",\"serial\":\"X1\"}");
    assert_int_equal(count_says(log, "processors 4711"), 2);
    assert_says(log, "\"encrypted\":true");
    assert_line(log, "interfaces 4711 none");
    assert_int_equal(count_says(log, "antivirus 4711"), 1);
    assert_says(log, "Defender");
    assert_says(log, "jdoe");
    free(log);
}

static void single_device_404(const char *body, bool gone)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("4711");
    play_status(p, "GET /v2/device/4711", 404, body);
    assert_int_equal(play_run(p, (struct play_cut){0, 0}, &e), gone);
    assert_int_equal(count_says(play_log(p), "gone 4711"), gone ? 1 : 0);
    if (!gone)
        assert_int_equal(e.code, ERR_NOT_FOUND);
    play_free(p);
}

static void only_a_missing_entity_is_gone(void **state)
{
    single_device_404("{\"resultCode\":\"NOT_FOUND\",\"errorMessage\":\"device\"}", true);
    single_device_404("{\"resultCode\":\"device_not_found\"}", true);
    single_device_404("{\"resultCode\":\"FAILURE\",\"errorMessage\":\"HTTP 404 Not Found\"}", false);
    single_device_404("<html>", false);
    single_device_404("", false);
}

static void device_id_must_be_a_number(void **state)
{
    static const char *const bad[] = {"", "abc", "-1", "1/../2", "99999999999999999999"};

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

/* Freed in the middle, with calls open and half a body fed: nothing may leak or be touched. */
static void machine_may_be_freed_at_any_time(void **state)
{
    for (size_t steps = 0; steps < 8; steps++) {
        struct play *p = play();
        struct sink sink;
        _cleanup_(str_release) struct str lines = {0};
        struct machine_call mc;
        struct err e;
        struct machine *m;

        lines_sink(&sink, &lines);
        play_input(p)->mode = SYNC_SINGLE;
        play_input(p)->device_id = SLICE("1");
        m = ninjaone()->sync->start(play_input(p), &sink, &e);
        assert_non_null(m);
        assert_int_equal(ninjaone()->sync->next(m, &mc), MACHINE_CALL);
        assert_true(ninjaone()->sync->on_body(m, mc.id, slice_of("{\"id\":\"1\"", steps)));
        if (steps & 1)
            ninjaone()->sync->on_again(m, mc.id);
        ninjaone()->sync->free(m);
        play_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_sync_tells_everything_at_any_cut),
        cmocka_unit_test(list_that_cannot_be_proven_retires_nothing),
        cmocka_unit_test(a_bad_row_names_itself),
        cmocka_unit_test(a_bad_row_that_names_itself_is_not_missing),
        cmocka_unit_test(truncated_json_is_asked_for_again_then_fails),
        cmocka_unit_test(cut_connection_does_not_count_rows_twice),
        cmocka_unit_test(refusals_say_where_and_how_to_mend),
        cmocka_unit_test(silence_fails_the_run_and_keeps_what_it_has),
        cmocka_unit_test(reports_end_where_they_should),
        cmocka_unit_test(feed_is_walked_down_to_what_is_known),
        cmocka_unit_test(feed_that_cannot_close_the_gap_becomes_a_full_sync),
        cmocka_unit_test(resumed_run_goes_on_and_tells_the_whole),
        cmocka_unit_test(every_checkpoint_can_be_resumed),
        cmocka_unit_test(resumed_doubt_is_kept),
        cmocka_unit_test(pending_list_that_fails_retires_nothing),
        cmocka_unit_test(single_device_is_read_with_its_parts),
        cmocka_unit_test(only_a_missing_entity_is_gone),
        cmocka_unit_test(device_id_must_be_a_number),
        cmocka_unit_test(machine_may_be_freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
