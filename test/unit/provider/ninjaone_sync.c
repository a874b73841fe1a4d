/* ninjaone_sync.c - NinjaOne's lists, reports and feed, and everything the product may do wrong with them. */
#include "base/test.h"
#include "provider/harness.h"

#define SETTINGS "{\"client_id\":\"id\",\"client_secret\":\"s3cret\"}"

#define FEED          "GET /v2/activities?type=CONDITION&status=TRIGGERED&pageSize=1000"
#define HEAD          "GET /v2/activities?pageSize=10"
#define WALK          "GET /v2/activities?pageSize=1000"
#define TYPES         "GET /v2/device-custom-fields"
#define ORGANIZATIONS "GET /v2/organizations-detailed?pageSize=1000"
#define DEVICES       "GET /v2/devices-detailed?pageSize=1000"
#define PENDING       "GET /v2/devices-detailed?df=status%20%3D%20PENDING&pageSize=1000"
#define ALERTS        "GET /v2/alerts"
#define REPORT(name)  "GET /v2/queries/" name "?pageSize=10000"
#define VOLUMES       REPORT("volumes") "&include=bl"
#define SINCE         "&installedAfter=20250823" /* 90 days before the harness's now */
#define EMPTY_REPORT  "{\"cursor\":{\"name\":\"c\",\"offset\":0,\"count\":0,\"expires\":1.5},\"results\":[]}"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

static struct play *play(void)
{
    return play_new(ninjaone(), ninjaone()->sync, SETTINGS);
}

/* All reports of a full run, but one. */
static void quiet_reports(struct play *p, const char *except)
{
    static const char *const calls[] = {VOLUMES,
                                        REPORT("network-interfaces"),
                                        REPORT("antivirus-status"),
                                        REPORT("logged-on-users"),
                                        REPORT("device-health"),
                                        REPORT("custom-fields-detailed"),
                                        REPORT("software"),
                                        REPORT("os-patches"),
                                        REPORT("software-patches"),
                                        REPORT("os-patch-installs") SINCE,
                                        REPORT("software-patch-installs") SINCE};

    play_json(p, TYPES, "[]");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (!except || !strstr(calls[i], except))
            play_json(p, calls[i], EMPTY_REPORT);
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
              "{\"lastActivityId\":77,\"activities\":[{\"id\":70,\"activityType\":\"CONDITION\",\"statusCode\":"
              "\"TRIGGERED\"}]}");
    play_json(p, ORGANIZATIONS, "[{\"id\":1,\"name\":\"A\"}]");
    play_json(p, ORGANIZATIONS "&after=1", "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    play_json(p, ALERTS, "[]");
}

/* --- a whole run --- */

static void whole_run(struct play *p)
{
    play_json(p, FEED,
              "{\"lastActivityId\":412000777,\"activities\":[{\"id\":412000700,\"activityType\":\"CONDITION\","
              "\"statusCode\":\"TRIGGERED\",\"seriesUid\":\"0f0e\",\"severity\":\"MINOR\",\"priority\":\"HIGH\"}]}");
    play_json(p, TYPES,
              "[{\"name\":\"warranty\",\"type\":\"DATE\"},{\"name\":\"seen\",\"type\":\"DATE_TIME\"},"
              "{\"name\":\"pin\",\"type\":\"TEXT_ENCRYPTED\"},{\"name\":\"otp\",\"type\":\"TOTP\"},"
              "{\"name\":\"roles\",\"type\":\"MULTI_SELECT\"},{\"name\":null}]");
    file(p, ORGANIZATIONS, "ninjaone/organizations.json");
    play_json(p, ORGANIZATIONS "&after=14", "[]");
    file(p, DEVICES, "ninjaone/devices.json");
    play_json(p, DEVICES "&after=4714", "[]");
    play_json(
        p, PENDING,
        "[{\"id\":9,\"organizationId\":13,\"approvalStatus\":\"PENDING\",\"offline\":false,\"systemName\":\"new\"}]");
    play_json(p, PENDING "&after=9", "[]");
    play_json(p, VOLUMES,
              "{\"cursor\":{\"name\":\"p1\",\"count\":3},\"results\":["
              "{\"deviceId\":4711,\"name\":\"C:\",\"capacity\":256060514304,\"freeSpace\":91268055040,"
              "\"fileSystem\":\"NTFS\",\"bitLockerStatus\":{\"conversionStatus\":\"FULLY_ENCRYPTED\"}},"
              "{\"deviceId\":4711,\"name\":\"D:\",\"bitLockerStatus\":{\"conversionStatus\":\"FULLY_DECRYPTED\"}}]}");
    play_json(p, VOLUMES "&cursor=p1",
              "{\"cursor\":{\"name\":\"p1\",\"count\":3},\"results\":[{\"deviceId\":4712,\"driveLetter\":\"E:\"}]}");
    play_json(p, REPORT("network-interfaces"),
              "{\"results\":[{\"deviceId\":4711,\"interfaceName\":\"Ethernet\",\"adapterName\":\"Intel\",\"ipAddress\":"
              "[\"10.1.8.4\",\"fe80::1\"],"
              "\"macAddress\":[\"00:15:5D:00:8B:04\"]}]}");
    play_json(p, REPORT("antivirus-status"),
              "{\"results\":[{\"deviceId\":4711,\"productName\":\"Defender\",\"productState\":\"ON\"}]}");
    play_json(p, REPORT("logged-on-users"),
              "{\"results\":[{\"deviceId\":4711,\"userName\":\"ALDER\\\\jdoe\",\"logonTime\":1760000000.5},"
              "{\"deviceId\":4712}]}");
    play_json(p, REPORT("device-health"),
              "{\"results\":[{\"deviceId\":4711,\"healthStatus\":\"NEEDS_ATTENTION\",\"offline\":false,"
              "\"pendingRebootReason\":\"WINDOWS_PM\",\"pendingOSPatchesCount\":2,\"pendingSoftwarePatchesCount\":0,"
              "\"activeThreatsCount\":1,\"criticalVulnerabilityCount\":4,\"productsInstallationStatuses\":{}},"
              "{\"deviceId\":4712,\"healthStatus\":\"UNKNOWN\",\"offline\":true,\"pendingOSPatchesCount\":0,"
              "\"pendingSoftwarePatchesCount\":0}]}");
    play_json(p, REPORT("custom-fields-detailed"),
              "{\"results\":[{\"deviceId\":4711,\"fields\":[{\"name\":\"warranty\",\"value\":1764547200000},"
              "{\"name\":\"seen\",\"value\":\"1764547200500\"},{\"name\":\"pin\",\"value\":\"hunter2\"},"
              "{\"name\":\"otp\",\"value\":\"otpauth://x\"},{\"name\":\"roles\",\"value\":[\"a\",\"\\\"b\\\"\"]},"
              "{\"name\":\"new one\",\"value\":true,\"updateTime\":1.5},{\"name\":\"wiki\",\"value\":{\"text\":\"hi\","
              "\"html\":\"<p>hi</p>\"}},{\"name\":\"empty\",\"value\":null},{\"name\":null,\"value\":1}]},"
              "{\"deviceId\":4712,\"fields\":[]}]}");
    play_json(p, REPORT("software"),
              "{\"cursor\":{\"name\":\"s\",\"count\":4},\"results\":["
              "{\"deviceId\":4711,\"name\":\"7-Zip \\u00fc \\ud83d\\ude80 "
              "\",\"version\":\"24.08\",\"publisher\":\"Igor Pavlov\","
              "\"installDate\":\"2024-06-08\",\"size\":5746,\"productCode\":\"7-Zip\",\"location\":\"C:\\\\7z\","
              "\"isSystemComponent\":false,\"timestamp\":1759130001.0},"
              "{\"deviceId\":4711,\"name\":\"Old\",\"installDate\":\"20230102\"},"
              "{\"deviceId\":4712,\"name\":\"Odd\",\"version\":12,\"installDate\":\"some day\"},"
              "{\"deviceId\":4712,\"name\":\"\",\"version\":\"1\"}]}");
    play_json(
        p, REPORT("os-patches"),
        "{\"results\":[{\"deviceId\":4711,\"id\":\"9d6c\",\"name\":\"Cumulative Update\",\"kbNumber\":\"KB5060001\","
        "\"severity\":\"CRITICAL\",\"status\":\"MANUAL\",\"type\":\"SECURITY_UPDATES\",\"timestamp\":1759130001.0},"
        "{\"deviceId\":4711,\"id\":\"9d6d\",\"name\":\"Driver\",\"severity\":\"optional\",\"status\":\"REJECTED\"},"
        "{\"deviceId\":4711,\"status\":\"MANUAL\"}]}");
    play_json(p, REPORT("software-patches"),
              "{\"results\":[{\"deviceId\":4711,\"id\":\"aa\",\"title\":\"Firefox 133\",\"impact\":\"RECOMMENDED\","
              "\"status\":\"APPROVED\",\"type\":\"PATCH\",\"productIdentifier\":\"pp\"}]}");
    play_json(p, REPORT("os-patch-installs") SINCE,
              "{\"results\":[{\"deviceId\":4711,\"kbNumber\":\"KB1\",\"name\":\"x\",\"status\":\"FAILED\","
              "\"installedAt\":1759130002,\"timestamp\":1759130001}]}");
    play_json(p, REPORT("software-patch-installs") SINCE,
              "{\"results\":[{\"deviceId\":4712,\"id\":\"ab\",\"title\":\"Git\",\"status\":\"INSTALLED\","
              "\"installedAt\":1759130003000}]}");
    play_json(p, ALERTS,
              "[{\"uid\":\"0f0e\",\"deviceId\":4711,\"message\":\"EventId: "
              "7031\",\"createTime\":1759130001.0,\"updateTime\":1759130009.0,"
              "\"sourceType\":\"CONDITION_WINDOWS_EVENT_LOG_TRIGGERED\",\"sourceName\":\"\",\"subject\":\"7031\","
              "\"data\":{\"message\":{\"params\":{}}}},"
              "{\"uid\":\"0f0f\",\"deviceId\":4712,\"severity\":\"MAJOR\",\"createTime\":1759130002},"
              "{\"uid\":\"0f10\",\"deviceId\":4712,\"priority\":\"LOW\",\"createTime\":1759130003}]");
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
                     "\"url\":\"https://app.ninjarmm.com/#/deviceDashboard/4711/overview\","
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
    /* A host without an agent says them in words of its own. */
    assert_says(log, "system 4713 {\"manufacturer\":\"Dell Inc.\",\"model\":\"PowerEdge R640\",\"serial\":\"ABC1234\"");
    assert_line(log, "complete organization 2");
    assert_line(log, "complete location 1");
    assert_line(log, "complete device 5");
    assert_line(log, "complete software 4");
    assert_int_equal(count_says(log, "complete patch"), 0); /* devices that are offline are not in its lists */
    assert_line(log, "complete alert 3");
    assert_line(log, "cursor {\"activity_id\":412000777}");
    assert_int_equal(count_says(log, "incomplete"), 0);
    free(log);
}

static void parts_of_devices_are_told(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, whole_run);

    assert_says(
        log, "os 4711 {\"manufacturer\":\"Microsoft Corporation\",\"name\":\"Windows Server 2022 Standard Edition\"");
    assert_says(log, "processors 4711 ");
    /* volumes only from the report, where their encryption is */
    assert_int_equal(count_says(log, "volumes 4711"), 2);
    assert_says(log, "volumes 4711 {\"name\":\"C:\",\"file_system\":\"NTFS\",\"capacity_bytes\":256060514304,"
                     "\"free_bytes\":91268055040,\"encrypted\":true}");
    assert_line(log, "volumes 4711 {\"name\":\"D:\",\"encrypted\":false}");
    assert_line(log, "volumes 4712 {\"name\":\"E:\"}");
    assert_says(log, "interfaces 4711 "
                     "{\"name\":\"Ethernet\",\"description\":\"Intel\",\"macs\":[\"00:15:5D:00:8B:04\"],\"ips\":[\"10."
                     "1.8.4\",\"fe80::1\"]}");
    assert_says(log, "antivirus 4711 {\"product\":\"Defender\",\"state\":\"ON\"}");
    assert_says(log, "\"name\":\"ALDER\\\\jdoe\"");
    assert_int_equal(count_says(log, "last_user"), 1); /* nobody at 4712 */
    assert_line(log,
                "health 4711 {\"status\":\"NEEDS_ATTENTION\",\"pending_reboot\":\"WINDOWS_PM\",\"threats_active\":1,"
                "\"os_patches_pending\":2,\"software_patches_pending\":0,\"vulnerabilities_critical\":4}");
    assert_line(log, "custom_fields 4711 {\"name\":\"warranty\",\"type\":\"DATE\",\"value\":\"2025-12-01\"}");
    assert_line(
        log, "custom_fields 4711 {\"name\":\"seen\",\"type\":\"DATE_TIME\",\"value\":\"2025-12-01T00:00:00.500000Z\"}");
    assert_line(log,
                "custom_fields 4711 "
                "{\"name\":\"roles\",\"type\":\"MULTI_SELECT\",\"value\":\"[\\\"a\\\",\\\"\\\\\\\"b\\\\\\\"\\\"]\"}");
    assert_line(log, "custom_fields 4711 {\"name\":\"new one\",\"value\":\"true\"}");
    assert_line(log, "custom_fields 4711 {\"name\":\"wiki\",\"value\":\"hi\"}");
    assert_line(log, "custom_fields 4712 none");
    assert_int_equal(count_says(log, "custom_fields 4711"), 5);
    assert_int_equal(count_says(log, "hunter2"), 0);
    assert_int_equal(count_says(log, "otpauth"), 0);
    free(log);
}

static void software_is_told(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, whole_run);

    assert_line(log,
                "software {\"device_id\":\"4711\",\"name\":\"7-Zip \xc3\xbc \xf0\x9f\x9a\x80 \",\"version\":\"24.08\","
                "\"publisher\":\"Igor Pavlov\",\"product_code\":\"7-Zip\",\"path\":\"C:\\\\7z\","
                "\"installed\":\"2024-06-08T00:00:00Z\",\"size_bytes\":5746,\"system_component\":false}");
    assert_says(log, "\"name\":\"Old\",\"installed\":\"2023-01-02T00:00:00Z\"");
    assert_line(log, "software {\"device_id\":\"4712\",\"name\":\"Odd\",\"version\":\"12\"}");
    assert_line(log, "reject software 4712: name is missing");
    free(log);
}

static void patches_are_told(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, whole_run);

    assert_line(log,
                "patch {\"device_id\":\"4711\",\"family\":\"os\",\"id\":\"9d6c\",\"title\":\"Cumulative Update\","
                "\"kb\":\"KB5060001\",\"status\":\"pending\",\"severity\":\"critical\",\"type\":\"security_updates\","
                "\"detected_at\":\"2025-09-29T07:13:21Z\"}");
    assert_says(log, "\"id\":\"9d6d\",\"title\":\"Driver\",\"status\":\"rejected\",\"severity\":\"optional\"");
    assert_line(log, "reject patch 4711: neither id nor kbNumber nor name is there");
    assert_line(log, "patch {\"device_id\":\"4711\",\"family\":\"software\",\"id\":\"aa\",\"title\":\"Firefox 133\","
                     "\"status\":\"approved\",\"severity\":\"recommended\",\"type\":\"patch\"}");
    assert_line(
        log,
        "patch {\"device_id\":\"4711\",\"family\":\"os\",\"id\":\"KB1\",\"title\":\"x\",\"kb\":\"KB1\","
        "\"status\":\"failed\",\"installed_at\":\"2025-09-29T07:13:22Z\",\"detected_at\":\"2025-09-29T07:13:21Z\"}");
    assert_says(log,
                "\"id\":\"ab\",\"title\":\"Git\",\"status\":\"installed\",\"installed_at\":\"2025-09-29T07:13:23Z\"");
    /* 4711 is online and has none; of 4712, which is offline, zero says nothing */
    assert_line(log, "patch {\"device_id\":\"4711\",\"family\":\"software\"}");
    assert_int_equal(count_says(log, "patch {\"device_id\":\"4712\",\"family\":\"software\"}"), 0);
    assert_int_equal(count_says(log, "patch {\"device_id\":\"4712\",\"family\":\"os\"}"), 0);
    free(log);
}

static void severities_come_from_the_list_or_from_what_triggered_it(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, whole_run);

    assert_line(
        log,
        "alert 0f0e "
        "{\"device\":\"4711\",\"state\":\"triggered\",\"severity\":\"minor\",\"type\":\"CONDITION_WINDOWS_EVENT_LOG_"
        "TRIGGERED\",\"subject\":\"7031\","
        "\"message\":\"EventId: 7031\",\"triggered\":\"2025-09-29T07:13:21Z\",\"changed\":\"2025-09-29T07:13:21Z\"}");
    assert_says(log, "alert 0f0f {\"device\":\"4712\",\"state\":\"triggered\",\"severity\":\"major\"");
    assert_says(log, "alert 0f10 {\"device\":\"4712\",\"state\":\"triggered\",\"severity\":\"minor\"");
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
        play_json(p, HEAD, "{\"activities\":[]}");
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

#define USER(id)                "{\"deviceId\":" id ",\"userName\":\"u\"}"
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

        play_json(p, FEED, "{\"lastActivityId\":5,\"activities\":[]}");
        play_json(p, ORGANIZATIONS, "[]");
        play_json(p, DEVICES, "[]");
        play_json(p, PENDING, "[]");
        play_json(p, ALERTS, "[]");
        quiet_reports(p, "volumes");
        for (size_t n = 0; n < ARRAY_LEN(c->pages) && c->pages[n].body; n++) {
            char call[128];
            snprintf(call, sizeof(call), VOLUMES "%s", c->pages[n].cursor);
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

/* What each activity may have changed, and nothing else, is read again, for all devices at once. */
static void feed_is_walked_down_to_what_is_known(void **state)
{
    struct play *p = play_incremental("{\"activity_id\":100}");
    struct err e = {0};

    play_json(p, WALK,
              "{\"lastActivityId\":106,\"activities\":["
              "{\"id\":106,\"activityTime\":1760000600,\"deviceId\":1,\"activityType\":\"MONITOR\",\"statusCode\":"
              "\"SYSTEM_REBOOTED\"},"
              "{\"id\":105,\"activityTime\":1760000500,\"deviceId\":7,\"activityType\":\"PATCH_MANAGEMENT\","
              "\"statusCode\":\"PATCH_MANAGEMENT_INSTALLED\"},"
              "{\"id\":104,\"activityTime\":1760000400.25,\"deviceId\":2,\"seriesUid\":\"s\",\"activityType\":"
              "\"CONDITION\",\"statusCode\":\"RESET\",\"severity\":\"CRITICAL\"}]}");
    play_json(p, WALK "&olderThan=104",
              "{\"lastActivityId\":106,\"activities\":["
              "{\"id\":103,\"activityTime\":1760000300,\"deviceId\":3,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_DELETED\"},"
              "{\"id\":102,\"activityTime\":1760000250,\"activityType\":\"SYSTEM\",\"statusCode\":\"CLIENT_CREATED\"},"
              "{\"id\":101,\"activityTime\":1760000200,\"deviceId\":3,\"activityType\":\"MONITOR\",\"statusCode\":"
              "\"SOFTWARE_ADDED\"},"
              "{\"id\":100,\"activityTime\":1760000100,\"deviceId\":9,\"activityType\":\"SYSTEM\",\"statusCode\":"
              "\"NODE_UPDATED\"}]}");
    play_json(p, ORGANIZATIONS, "[{\"id\":1,\"name\":\"A\"}]"); /* because of CLIENT_CREATED */
    play_json(p, ORGANIZATIONS "&after=1", "[]");
    play_json(p, "GET /v2/devices-detailed?df=id%20in%20(1)&pageSize=1000", "[{\"id\":1,\"systemName\":\"one\"}]");
    play_json(p, REPORT("device-health") "&df=id%20in%20(1%2C2%2C7)", EMPTY_REPORT);
    play_json(p, REPORT("software") "&df=id%20in%20(3)", EMPTY_REPORT);
    play_json(p, REPORT("os-patches") "&df=id%20in%20(7)",
              "{\"results\":[{\"deviceId\":7,\"id\":\"p\",\"status\":\"MANUAL\"}]}");
    play_json(p, REPORT("os-patch-installs") "&installedAfter=20250823&df=id%20in%20(7)", EMPTY_REPORT);
    play_json(p, ALERTS, "[]");
    if (!play_run(p, (struct play_cut){5, 9}, &e))
        fail_msg("%s", e.what);
    assert_says(play_log(p), "device {\"id\":\"1\"");
    assert_line(play_log(p), "gone 3 2025-10-09T08:58:20Z");
    assert_line(play_log(p), "alert s "
                             "{\"device\":\"2\",\"state\":\"resolved\",\"severity\":\"critical\",\"changed\":\"2025-10-"
                             "09T09:00:00.250000Z\",\"change_id\":\"104\"}");
    assert_line(play_log(p), "cursor {\"activity_id\":106}");
    assert_line(play_log(p), "complete alert 0");
    assert_int_equal(count_says(play_log(p), "complete device"), 0);
    assert_line(play_log(p), "complete patch 1");
    assert_line(play_log(p), "complete software 0"); /* of what was asked for: no device is missing for it */
    assert_int_equal(count_says(play_log(p), "checkpoint"), 0);
    play_free(p);
}

static void devices_that_came_are_looked_for_among_those_that_wait(void **state)
{
    struct play *p = play_incremental("{\"activity_id\":100}");
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_json(p, WALK,
              "{\"activities\":[{\"id\":103,\"deviceId\":5,\"activityType\":\"SYSTEM\",\"statusCode\":\"NODE_RE_"
              "ENROLLED\"},"
              "{\"id\":102,\"deviceId\":5,\"activityType\":\"SYSTEM\",\"statusCode\":\"NODE_DELETED\"},{\"id\":100}]}");
    play_json(p, TYPES, "[]");
    play_json(p, "GET /v2/devices-detailed?df=id%20in%20(5)&pageSize=1000", "[]");
    play_json(p, VOLUMES "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, REPORT("network-interfaces") "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, REPORT("antivirus-status") "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, REPORT("logged-on-users") "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, REPORT("device-health") "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, REPORT("custom-fields-detailed") "&df=id%20in%20(5)", EMPTY_REPORT);
    play_json(p, PENDING, "[{\"id\":5,\"approvalStatus\":\"PENDING\"}]");
    play_json(p, PENDING "&after=5", "[]");
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_says(play_log(p), "device {\"id\":\"5\"");
    assert_int_equal(count_says(play_log(p), "gone"), 0);   /* older than what made it anew */
    assert_int_equal(count_says(play_log(p), "cursor"), 0); /* other kinds were not read */
    play_free(p);
}

/* Four hundred and fifty devices are three filters, each asked for to its end. */
static void many_changes_are_asked_for_in_turn(void **state)
{
    struct play *p = play_incremental("{\"activity_id\":1000}");
    _cleanup_(str_release) struct str feed = {0};
    struct str df[3] = {{0}};
    struct err e = {0};

    str_adds(&feed, "{\"activities\":[");
    for (int i = 450; i > 0; i--) {
        str_addf(&feed, "{\"id\":%d,\"deviceId\":%d,\"activityType\":\"MONITOR\",\"statusCode\":\"USER_LOGGED_IN\"},",
                 1000 + i, i);
    }
    str_adds(&feed, "{\"id\":1000}]}");
    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_json(p, WALK, feed.p);
    for (int k = 0; k < 3; k++) {
        str_adds(&df[k], REPORT("logged-on-users") "&df=id%20in%20(");
        for (int i = 200 * k + 1; i <= MIN(200 * k + 200, 450); i++)
            str_addf(&df[k], "%s%d", i > 200 * k + 1 ? "%2C" : "", i);
        str_adds(&df[k], ")");
        play_json(p, df[k].p, k == 1 ? PAGE("u", "2", USER("201")) : EMPTY_REPORT);
        if (k == 1) {
            str_adds(&df[k], "&cursor=u");
            play_json(p, df[k].p, PAGE("u", "2", USER("202")));
        }
    }
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_int_equal(count_says(play_log(p), "last_user"), 2);
    assert_int_equal(count_says(play_log(p), "incomplete"), 0);
    play_free(p);
    for (int k = 0; k < 3; k++)
        str_release(&df[k]);
}

/* What could not be read is still to be read: the next run starts where this one did. */
static void a_report_that_fails_keeps_the_cursor_back(void **state)
{
    static const struct {
        int status;
        bool moves;
    } cases[] = {{500, false}, {404, true}, {403, true}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_incremental("{\"activity_id\":100}");
        struct err e = {0};
        play_json(p, WALK,
                  "{\"activities\":[{\"id\":101,\"deviceId\":5,\"activityType\":\"MONITOR\",\"statusCode\":\"USER_"
                  "LOGGED_IN\"},{\"id\":100}]}");
        play_status(p, REPORT("logged-on-users") "&df=id%20in%20(5)", cases[i].status, "{\"resultCode\":\"FAILURE\"}");
        play_json(p, ALERTS, "[]");
        if (!play_run(p, (struct play_cut){0, 0}, &e))
            fail_msg("%s", e.what);
        assert_says(play_log(p), "incomplete facet");
        assert_int_equal(count_says(play_log(p), "cursor {"), cases[i].moves);
        play_free(p);
    }
}

static void expect_full(struct play *p)
{
    struct err e = {0};

    play_json(p, ORGANIZATIONS, "[]");
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

    /* more devices than are worth their filters */
    _cleanup_(str_release) struct str feed = {0};
    str_adds(&feed, "{\"activities\":[");
    for (int i = 1001; i > 0; i--)
        str_addf(&feed, "{\"id\":%d,\"deviceId\":%d,\"activityType\":\"SYSTEM\",\"statusCode\":\"NODE_UPDATED\"},",
                 1000 + i, i);
    str_adds(&feed, "{\"id\":1000}]}");
    p = play_incremental("{\"activity_id\":1000}");
    play_json(p, WALK, feed.p);
    expect_full(p);
}

/* --- the feed's head and the severities --- */

static void head_tells_where_the_next_run_starts(void **state)
{
    static const struct {
        const char *triggers, *plain; /* answers */
        int status;
        const char *cursor; /* NULL: none */
    } cases[] = {
        {"{\"lastActivityId\":90,\"activities\":[{\"id\":70}]}", NULL, 200, "cursor {\"activity_id\":90}"},
        {"{\"activities\":[{\"id\":70},{\"id\":60}]}", NULL, 200, "cursor {\"activity_id\":70}"},
        {"{\"activities\":[]}", "{\"activities\":[{\"id\":80}]}", 200, "cursor {\"activity_id\":80}"},
        {"{\"resultCode\":\"FAILURE\"}", "{\"activities\":[{\"id\":80}]}", 400, "cursor {\"activity_id\":80}"},
        {"{\"activities\":[]}", "{\"activities\":[]}", 200, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play();
        struct err e = {0};
        play_status(p, FEED, cases[i].status, cases[i].triggers);
        if (cases[i].plain)
            play_json(p, HEAD, cases[i].plain);
        play_json(p, ORGANIZATIONS, "[]");
        play_json(p, DEVICES, "[]");
        play_json(p, PENDING, "[]");
        quiet_reports(p, NULL);
        play_json(p, ALERTS, "[]");
        if (!play_run(p, (struct play_cut){0, 0}, &e))
            fail_msg("case %zu: %s", i, e.what);
        if (cases[i].cursor)
            assert_says(play_log(p), cases[i].cursor);
        else
            assert_int_equal(count_says(play_log(p), "cursor"), 0);
        play_free(p);
    }
}

#define TRIGGER(id, series, severity)                                                                                  \
    "{\"id\":" id ",\"activityTime\":1760000000,\"deviceId\":1,\"activityType\":\"CONDITION\",\"statusCode\":"         \
    "\"TRIGGERED\",\"seriesUid\":\"" series "\",\"severity\":\"" severity "\"}"

static void severities_are_looked_for_further_back(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT);
    play_json(p, FEED, "{\"activities\":[" TRIGGER("90", "a", "MAJOR") "," TRIGGER("80", "x", "MINOR") "]}");
    play_json(p, ALERTS,
              "[{\"uid\":\"a\",\"deviceId\":1},{\"uid\":\"b\",\"deviceId\":1},{\"uid\":\"c\",\"deviceId\":1}]");
    play_json(p, FEED "&olderThan=80",
              "{\"activities\":[" TRIGGER("70", "b", "CRITICAL") "," TRIGGER("60", "gone", "MINOR") "]}");
    play_json(p, FEED "&olderThan=60", "{\"activities\":[]}");
    if (!play_run(p, (struct play_cut){0, 0}, &e))
        fail_msg("%s", e.what);
    assert_says(play_log(p), "alert a {\"device\":\"1\",\"state\":\"triggered\",\"severity\":\"major\"");
    assert_says(play_log(p), "alert b {\"device\":\"1\",\"state\":\"triggered\",\"severity\":\"critical\"");
    assert_int_equal(count_says(play_log(p), "alert b"), 2); /* with the list, and with what was found */
    assert_int_equal(count_says(play_log(p), "alert c"), 1);
    assert_int_equal(count_says(play_log(p), "alert gone"), 0);
    play_free(p);
}

/* --- what is asked for --- */

static void kinds_that_are_not_wanted_cost_no_calls(void **state)
{
    static const struct {
        uint64_t kinds;
        const char *calls;
    } cases[] = {
        {SYNC_KIND(RECORD_ALERT), FEED "\n" ALERTS "\n"},
        {SYNC_KIND(RECORD_LOCATION), HEAD "\n" ORGANIZATIONS "\n"},
        {SYNC_KIND(RECORD_SOFTWARE), HEAD "\n" REPORT("software") "\n"},
        {SYNC_KIND(RECORD_PATCH), HEAD "\n" REPORT("os-patches") "\n" REPORT("software-patches") "\n" REPORT(
                                      "os-patch-installs") SINCE "\n" REPORT("software-patch-installs") SINCE "\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play();
        struct err e = {0};
        play_input(p)->kinds = cases[i].kinds;
        play_json(p, HEAD, "{\"activities\":[{\"id\":1}]}");
        play_json(p, FEED, "{\"activities\":[{\"id\":1}]}");
        play_json(p, ORGANIZATIONS, "[]");
        quiet_reports(p, NULL);
        play_json(p, ALERTS, "[]");
        play_lenient(p);
        if (!play_run(p, (struct play_cut){0, 0}, &e))
            fail_msg("case %zu: %s", i, e.what);
        assert_string_equal(play_calls(p), cases[i].calls);
        play_free(p);
    }
}

/* --- resuming --- */

static void resumed_run_goes_on_and_tells_the_whole(void **state)
{
    static const char checkpoint[] =
        "{\"top\":77,\"locations\":3,"
        "\"organizations\":{\"after\":14,\"rows\":2,\"ended\":true,\"proven\":true,\"doubtful\":false},"
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
    assert_line(play_log(p), "complete location 3");
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
        assert_line(play_log(q), "complete alert 3");
        assert_says(play_log(q), "cursor {\"activity_id\":412000777");
        play_free(q);
        free(json);
    }
    assert_true(n >= 4);
    play_free(p);
}

/* What was doubted before the run was taken over stays doubted. */
static void resumed_doubt_is_kept(void **state)
{
    struct play *p = play();
    struct err e = {0};

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_input(p)->checkpoint = SLICE("{\"top\":1,\"devices\":{\"after\":4,\"rows\":4,\"ended\":false,"
                                      "\"proven\":false,\"doubtful\":true}}");
    play_json(p, DEVICES "&after=4", "[]");
    play_json(p, PENDING, "[]");
    quiet_reports(p, NULL);
    play_lenient(p); /* software and patches were not asked for */
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
    play_json(p, HEAD, "{\"activities\":[]}");
    play_lenient(p);
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
    "\"processors\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"volumes\":[{\"name\":\"C:\",\"capacity\":5}]}";

static void one_device_script(struct play *p)
{
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("4711");
    play_json(p, "GET /v2/device/4711", one_device);
    play_json(p, "GET /v2/device/4711/volumes?include=bl",
              "[{\"name\":\"C:\",\"capacity\":5,\"bitLockerStatus\":{\"conversionStatus\":\"FULLY_ENCRYPTED\"}}]");
    play_json(p, "GET /v2/device/4711/network-interfaces", "[]");
    play_json(p, "GET /v2/queries/antivirus-status?pageSize=1000&df=id%20%3D%204711",
              "{\"results\":[{\"deviceId\":1,\"productName\":\"Other's\"},{\"deviceId\":4711,\"productName\":"
              "\"Defender\"}]}");
    play_json(p, "GET /v2/queries/device-health?pageSize=1000&df=id%20%3D%204711",
              "{\"results\":[{\"deviceId\":4711,\"healthStatus\":\"HEALTHY\",\"offline\":true,"
              "\"pendingOSPatchesCount\":0}]}");
    play_json(p, "GET /v2/device/4711/last-logged-on-user", "{\"userName\":\"jdoe\",\"logonTime\":1760000000}");
    play_json(p, TYPES, "[{\"name\":\"pin\",\"type\":\"TEXT_ENCRYPTED\"}]");
    play_json(p, "GET /v2/queries/custom-fields-detailed?pageSize=1000&df=id%20%3D%204711",
              "{\"results\":[{\"deviceId\":4711,\"fields\":[{\"name\":\"pin\",\"value\":\"hunter2\"},"
              "{\"name\":\"rack\",\"value\":7}]}]}");
    play_json(p, "GET /v2/device/4711/software", "[]");
    play_json(p, "GET /v2/device/4711/os-patches", "[{\"id\":\"p1\",\"name\":\"n\",\"status\":\"MANUAL\"}]");
    play_json(p, "GET /v2/device/4711/software-patches", "[]");
    play_json(p, "GET /v2/device/4711/os-patch-installs?installedAfter=20250823",
              "[{\"id\":\"p2\",\"name\":\"n\",\"status\":\"INSTALLED\"}]");
    play_json(p, "GET /v2/device/4711/software-patch-installs?installedAfter=20250823", "[]");
}

static void single_device_is_read_with_its_parts(void **state)
{
    char *log = play_all_cuts(ninjaone(), ninjaone()->sync, SETTINGS, one_device_script);

    assert_says(log, "device {\"id\":\"4711\"");
    assert_line(log, "os 4711 {\"name\":\"Windows 11\",\"needs_reboot\":true}");
    assert_says(log, "system 4711 {\"manufacturer\":\"Dell\",\"serial\":\"X1\"}");
    assert_int_equal(count_says(log, "processors 4711"), 2);
    assert_line(log, "volumes 4711 {\"name\":\"C:\",\"capacity_bytes\":5,\"encrypted\":true}");
    assert_line(log, "interfaces 4711 none");
    assert_int_equal(count_says(log, "antivirus 4711"), 1);
    assert_says(log, "Defender");
    assert_says(log, "jdoe");
    assert_line(log, "health 4711 {\"status\":\"HEALTHY\",\"os_patches_pending\":0}");
    assert_line(log, "custom_fields 4711 {\"name\":\"rack\",\"value\":\"7\"}");
    assert_int_equal(count_says(log, "hunter2"), 0);
    assert_line(log, "software {\"device_id\":\"4711\"}"); /* it has none */
    assert_int_equal(count_says(log, "\"id\":\"p1\",\"title\":\"n\",\"status\":\"pending\""), 1);
    assert_int_equal(count_says(log, "\"id\":\"p2\",\"title\":\"n\",\"status\":\"installed\""), 1);
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
        cmocka_unit_test(parts_of_devices_are_told),
        cmocka_unit_test(software_is_told),
        cmocka_unit_test(patches_are_told),
        cmocka_unit_test(severities_come_from_the_list_or_from_what_triggered_it),
        cmocka_unit_test(list_that_cannot_be_proven_retires_nothing),
        cmocka_unit_test(a_bad_row_names_itself),
        cmocka_unit_test(a_bad_row_that_names_itself_is_not_missing),
        cmocka_unit_test(truncated_json_is_asked_for_again_then_fails),
        cmocka_unit_test(cut_connection_does_not_count_rows_twice),
        cmocka_unit_test(refusals_say_where_and_how_to_mend),
        cmocka_unit_test(silence_fails_the_run_and_keeps_what_it_has),
        cmocka_unit_test(reports_end_where_they_should),
        cmocka_unit_test(feed_is_walked_down_to_what_is_known),
        cmocka_unit_test(devices_that_came_are_looked_for_among_those_that_wait),
        cmocka_unit_test(many_changes_are_asked_for_in_turn),
        cmocka_unit_test(a_report_that_fails_keeps_the_cursor_back),
        cmocka_unit_test(head_tells_where_the_next_run_starts),
        cmocka_unit_test(severities_are_looked_for_further_back),
        cmocka_unit_test(kinds_that_are_not_wanted_cost_no_calls),
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
