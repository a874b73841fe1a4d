/* jamf_sync.c - Jamf Pro's lists, what becomes of their rows, and everything that may go wrong with them. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"
#include "provider/jamf/pages.h"

#define SETTINGS                                                                                                       \
    "{\"base_url\":\"https://j.example/\",\"client_id\":\"c\",\"client_secret\":\"s\",\"mobile_devices\":false}"
#define EVERYTHING                                                                                                     \
    "{\"base_url\":\"https://j.example/\",\"client_id\":\"c\",\"client_secret\":\"s\",\"applications\":true,"          \
    "\"locations\":true}"
#define VERSION   "GET /api/v1/jamf-pro-version"
#define SITES     "GET /api/v1/sites"
#define DEPTS     "GET /api/v1/departments?page=0&page-size=2000&sort=id:asc"
#define BUILDINGS "GET /api/v1/buildings?page=0&page-size=2000&sort=id:asc"
#define GROUPS    "GET /api/v1/computer-groups"
#define USERS     "GET /api/v1/users?page=0&page-size=1000&sort=id:asc"
#define CLASSIC   "GET /JSSResource/users"
#define LIST(v)   "GET /api/v" v "/computers-inventory?"
#define PARTS                                                                                                          \
    "section=GENERAL&section=HARDWARE&section=OPERATING_SYSTEM&section=USER_AND_LOCATION&section=STORAGE&"             \
    "section=SECURITY&section=DISK_ENCRYPTION"
#define PAGE(n, size) "&page=" n "&page-size=" size "&sort=id:asc"
#define MOBILE                                                                                                         \
    "GET /api/v2/mobile-devices/detail?section=GENERAL&section=HARDWARE&section=USER_AND_LOCATION&section=SECURITY&"   \
    "exception-handling=LENIENT&page=0&page-size=500&sort=mobileDeviceId:asc"
#define NONE "{\"totalCount\":0,\"results\":[]}"
#define V(n) "{\"version\" : \"11." n ".1-t1784555528405\"}"

static const struct provider *jamf(void)
{
    return provider_find(SLICE("jamf"));
}

static struct play *play(const char *settings, uint64_t kinds)
{
    struct play *p = play_new(jamf(), jamf()->sync, settings);

    play_input(p)->kinds = kinds;
    return p;
}

static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){13, 5}, &e))
        fail_msg("%s\n%s", e.what, play_calls(p));
}

static struct err lost(struct play *p)
{
    struct err e = {0};
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    return e;
}

static void file(struct play *p, const char *call, const char *name)
{
    char *body = fixture(name);
    play_json(p, call, body);
    free(body);
}

/* A page of computers that have no more than an id: "1,2,3". */
static char *rows(int total, int first, int n)
{
    struct str out = {0};

    str_addf(&out, "{\"totalCount\":%d,\"results\":[", total);
    for (int i = 0; i < n; i++)
        str_addf(&out, "%s{\"id\":\"%d\",\"udid\":null,\"general\":{\"name\":\"m%d\"},\"hardware\":null}", i ? "," : "",
                 first + i, first + i);
    str_adds(&out, "]}");
    return str_take(&out);
}

static void page(struct play *p, const char *call, int total, int first, int n)
{
    char *body = rows(total, first, n);
    play_json(p, call, body);
    free(body);
}

#define DEVICES SYNC_KIND(RECORD_DEVICE)

static void quiet_lists(struct play *p)
{
    play_json(p, VERSION, V("30"));
    play_json(p, DEPTS, NONE);
    play_json(p, BUILDINGS, NONE);
}

/* --- the sheet's example, with all there is --- */

static void recorded(struct play *p)
{
    play_json(p, VERSION, V("29"));
    play_json(p, SITES, "[]");
    play_json(p, DEPTS, "{\"totalCount\":1,\"results\":[{\"id\":\"4\",\"name\":\"Design\"}]}");
    play_json(p, BUILDINGS,
              "{\"totalCount\":1,\"results\":[{\"id\":\"2\",\"name\":\"Berlin HQ\",\"streetAddress1\":\"Torstr. 12\","
              "\"streetAddress2\":null,\"city\":\"Berlin\",\"stateProvince\":null,\"zipPostalCode\":\"10119\","
              "\"country\":\"Germany\"}]}");
    play_json(p, GROUPS,
              "[{\"id\":\"1\",\"name\":\"All Managed Clients\",\"description\":\"\",\"smartGroup\":true},"
              "{\"id\":\"9\",\"name\":\"Design Loaners\",\"description\":\"Loan pool\",\"smartGroup\":false}]");
    play_json(p, USERS,
              "{\"page\":0,\"pageSize\":100,\"totalCount\":1,\"totalPages\":1,\"hasNext\":false,\"hasPrevious\":false,"
              "\"results\":[{\"id\":\"5\",\"username\":\"mkessler\",\"realname\":\"Mara Kessler\",\"email\":"
              "\"mara.kessler@example.org\",\"phone\":\"+49 30 5550199\",\"position\":\"Designer\","
              "\"enableCustomPhotoUrl\":false,\"customPhotoUrl\":\"\",\"managedAppleId\":\"\"}]}");
    file(p, LIST("3") PARTS "&section=APPLICATIONS&section=GROUP_MEMBERSHIPS" PAGE("0", "200"), "jamf/computers.json");
    play_json(p, MOBILE,
              "{\"totalCount\":1,\"results\":[{\"mobileDeviceId\":\"214\",\"deviceType\":\"iOS\",\"hardware\":{"
              "\"capacityMb\":65536,\"availableSpaceMb\":30211,\"serialNumber\":\"DMQ\",\"wifiMacAddress\":"
              "\"ee:00:7c:f0:e5:ff\",\"model\":\"iPad\"},\"userAndLocation\":{\"username\":\"\",\"buildingId\":\"-1\"},"
              "\"general\":{\"udid\":\"u\",\"displayName\":\"iPad 1\",\"siteId\":\"-1\",\"managed\":true,"
              "\"osVersion\":\"18.6\",\"ipAddress\":\"10.0.0.1\",\"lastContactDate\":\"2026-10-17T11:48:56.3Z\"},"
              "\"security\":{\"dataProtected\":true,\"activationLockEnabled\":false}}]}");
}

static void answers_are_told_at_any_cut(void **state)
{
    char *log = play_all_cuts(jamf(), jamf()->sync, EVERYTHING, recorded);

    assert_line(log, "organization -1 {\"name\":\"j.example\"}");
    assert_line(log, "complete organization 1");
    assert_line(log, "location 2 {\"name\":\"Berlin HQ\",\"address\":\"Torstr. 12, 10119, Berlin, Germany\"}");
    assert_line(log, "room {\"id\":\"2/3.14\",\"location_id\":\"2\",\"name\":\"3.14\"}");
    assert_line(log, "complete location 1");
    assert_line(log,
                "device {\"id\":\"214\",\"organization_id\":\"-1\",\"location_id\":\"2\",\"name\":\"DESIGN-MBP-07\","
                "\"hostname\":\"DESIGN-MBP-07\",\"uid\":\"7C1E0A52-3B44-5D0F-9A61-2F0C8E5B71D3\",\"type\":"
                "\"workstation\",\"product_class\":\"Mac\",\"status\":\"online\",\"agent_version\":"
                "\"11.29.1-t1782156420\",\"public_ip\":\"203.0.113.24\",\"url\":"
                "\"https://j.example/computers.html?id=214&o=r\",\"ips\":[\"10.20.4.57\"],\"macs\":["
                "\"A4:83:E7:10:2B:6C\",\"00:E0:4C:68:11:9A\"],\"created\":\"2025-02-11T00:00:00Z\",\"last_seen\":"
                "\"2026-11-21T08:12:05.902000Z\"}");
    assert_line(log, "os 214 {\"manufacturer\":\"Apple\",\"name\":\"macOS\",\"version\":\"15.6.1\",\"build\":\"24G90\","
                     "\"architecture\":\"arm64\"}");
    assert_line(log, "system 214 {\"manufacturer\":\"Apple\",\"model\":\"MacBook Pro (14-inch, 2023)\",\"serial\":"
                     "\"XK4T9QW2LM\",\"uuid\":\"7C1E0A52-3B44-5D0F-9A61-2F0C8E5B71D3\",\"chassis\":\"laptop\","
                     "\"memory_bytes\":17179869184,\"virtual_machine\":false}");
    assert_line(log, "processors 214 {\"name\":\"Apple M2 Pro\",\"architecture\":\"arm64\",\"cores\":10}");
    assert_line(log, "interfaces 214 {\"name\":\"IEEE80211\",\"type\":\"wifi\",\"macs\":[\"A4:83:E7:10:2B:6C\"]}");
    assert_line(log, "interfaces 214 {\"name\":\"Ethernet\",\"type\":\"Ethernet\",\"macs\":[\"00:E0:4C:68:11:9A\"]}");
    assert_line(log, "volumes 214 {\"name\":\"Macintosh HD (Boot Partition)\",\"device_type\":\"BOOT\","
                     "\"capacity_bytes\":494384000000,\"free_bytes\":212410000000,\"encrypted\":true}");
    assert_line(log, "last_user 214 {\"name\":\"mkessler\",\"logon\":\"2026-11-20T07:58:10Z\"}");
    assert_line(log,
                "management 214 {\"asset_tag\":\"A-00417\",\"management_id\":"
                "\"b0a7a8c6-52c4-4f0d-8c0e-3c6f5a1f9d20\",\"enrollment_method\":\"Berlin PreStage\",\"managed\":true,"
                "\"supervised\":true,\"mdm_capable\":true,\"user_approved_mdm\":true,\"automated_enrollment\":true,"
                "\"declarative_management\":true,\"enrolled\":\"2025-02-11T09:30:00.417000Z\",\"last_inventory\":"
                "\"2026-11-20T21:03:44.180000Z\",\"mdm_profile_expires\":\"2027-02-11T09:29:41Z\"}");
    assert_line(log, "security 214 {\"encryption\":\"BOOT_ENCRYPTED\",\"boot_volume_state\":\"ENCRYPTED\","
                     "\"recovery_key\":\"VALID\",\"gatekeeper\":\"APP_STORE_AND_IDENTIFIED_DEVELOPERS\",\"sip\":"
                     "\"ENABLED\",\"xprotect\":\"5321\",\"firewall\":\"on\",\"secure_boot\":\"FULL_SECURITY\","
                     "\"boot_volume_percent\":100,\"encrypted\":true,\"activation_lock\":false}");
    assert_line(log, "assignment 214 {\"username\":\"mkessler\",\"name\":\"Mara Kessler\",\"email\":"
                     "\"mara.kessler@example.org\",\"phone\":\"+49 30 5550199\",\"title\":\"Designer\",\"department\":"
                     "\"Design\",\"building\":\"Berlin HQ\",\"room\":\"3.14\"}");
    assert_line(log, "software {\"device_id\":\"214\",\"name\":\"Slack\",\"version\":\"4.45.69\",\"product_code\":"
                     "\"com.tinyspeck.slackmacgap\",\"path\":\"/Applications/Slack.app\",\"system_component\":false}");
    assert_line(log, "group {\"id\":\"1\",\"name\":\"[JAMF] All Managed Clients\",\"url\":"
                     "\"https://j.example/smartComputerGroups.html?id=1&o=r\",\"of\":\"devices\",\"smart\":true}");
    assert_says(log, "group {\"id\":\"9\",\"name\":\"[JAMF] Design Loaners\",\"description\":\"Loan pool\",\"url\":"
                     "\"https://j.example/staticComputerGroups.html?id=9&o=r\",\"of\":\"devices\",\"smart\":false");
    assert_line(log, "member {\"group_id\":\"9\",\"member_id\":\"214\"}");
    assert_int_equal(count_says(log, "member {"), 1); /* smart groups have none here */
    assert_line(log, "complete group 2");
    assert_line(log,
                "person {\"id\":\"5\",\"organization_id\":\"-1\",\"name\":\"Mara Kessler\",\"username\":\"mkessler\","
                "\"email\":\"mara.kessler@example.org\",\"phone\":\"+49 30 5550199\",\"title\":\"Designer\",\"url\":"
                "\"https://j.example/users.html?id=5&o=r\"}");
    assert_line(log, "complete person 1");
    /* a mobile device's number may be a computer's */
    assert_line(log, "device {\"id\":\"mobile-214\",\"organization_id\":\"-1\",\"name\":\"iPad 1\",\"hostname\":\"iPad "
                     "1\",\"uid\":\"u\",\"type\":\"mobile_device\",\"product_class\":\"iOS\",\"url\":"
                     "\"https://j.example/mobileDevices.html?id=214&o=r\",\"ips\":[\"10.0.0.1\"],\"macs\":["
                     "\"ee:00:7c:f0:e5:ff\"],\"last_seen\":\"2026-10-17T11:48:56.300000Z\"}");
    assert_says(log, "system mobile-214 {\"manufacturer\":\"Apple\",\"model\":\"iPad\",\"serial\":\"DMQ\"");
    assert_line(log, "security mobile-214 {\"encrypted\":true,\"activation_lock\":false}");
    assert_line(log, "complete device 2");
    assert_line(log, "complete software 1");
    assert_line(log, "cursor {\"report_date\":\"2025-11-21T01:50:00Z\"}");
    assert_int_equal(count_says(log, "reject"), 0);
    assert_int_equal(count_says(log, "incomplete"), 0);
    free(log);
}

/* --- values --- */

static char *one(const char *fields)
{
    struct play *p = play(SETTINGS, DEVICES);
    char *body = mem_printf("{\"totalCount\":1,\"results\":[{\"id\":\"1\",%s}]}", fields), *log;

    quiet_lists(p);
    play_json(p, LIST("4") PARTS PAGE("0", "500"), body);
    run(p);
    log = mem_strdup(play_log(p));
    play_free(p);
    free(body);
    return log;
}

static void says(const char *fields, const char *want)
{
    char *log = one(fields);
    assert_says(log, want);
    assert_int_equal(count_says(log, "reject"), 0);
    free(log);
}

static void states_are_derived(void **state)
{
    static const struct {
        const char *vault, *boot, *want;
    } cases[] = {{"\"BOOT_ENCRYPTED\"", "\"ENCRYPTED\"", "\"encrypted\":true"},
                 {"\"ALL_ENCRYPTED\"", "null", "\"encrypted\":true"},
                 {"\"SOME_ENCRYPTED\"", "\"ENCRYPTED\"", "\"encrypted\":true"},
                 {"\"SOME_ENCRYPTED\"", "\"UNENCRYPTED\"", "\"encrypted\":false"},
                 {"\"NOT_ENCRYPTED\"", "\"ENCRYPTING\"", "\"encrypted\":false"},
                 {"\"NOT_ENCRYPTED\"", "\"UNKNOWN\"", "\"encrypted\":false"},
                 {"null", "\"ENCRYPTED\"", "\"encrypted\":true"},
                 {"null", "\"DECRYPTING_PAUSED\"", "\"encrypted\":false"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *fields = mem_printf("\"operatingSystem\":{\"fileVault2Status\":%s},\"diskEncryption\":{"
                                  "\"bootPartitionEncryptionDetails\":{\"partitionFileVault2State\":%s}}",
                                  cases[i].vault, cases[i].boot);
        says(fields, cases[i].want);
        free(fields);
    }
    char *log = one("\"operatingSystem\":{\"fileVault2Status\":\"NOT_APPLICABLE\"}");
    assert_int_equal(count_says(log, "\"encrypted\""), 0);
    free(log);
    assert_true(slice_is(jamf_gatekeeper(SLICE("APP_STORE")), "on"));
    assert_true(slice_is(jamf_gatekeeper(SLICE("APP_STORE_AND_IDENTIFIED_DEVELOPERS")), "on"));
    assert_true(slice_is(jamf_gatekeeper(SLICE("DISABLED")), "off"));
    assert_null(jamf_gatekeeper(SLICE("NOT_COLLECTED")).p);
    assert_true(slice_is(jamf_sip(SLICE("ENABLED")), "on") && slice_is(jamf_sip(SLICE("DISABLED")), "off"));
    assert_null(jamf_sip(SLICE("NOT_AVAILABLE")).p);
}

static void times_and_names_are_taken_as_they_come(void **state)
{
    /* the clock of the test is 2025-11-21T02:00:00Z */
    says("\"general\":{\"name\":\"a\",\"lastCheckIn\":\"2025-11-21T01:00:00Z\"}", "\"status\":\"online\"");
    says("\"general\":{\"name\":\"a\",\"lastCheckIn\":\"2025-11-21T00:59:59.9Z\"}", "\"status\":\"offline\"");
    says("\"general\":{\"name\":\"a\",\"lastCheckIn\":\"2025-10-20T00:00:00.18Z\"}", "\"status\":\"overdue\"");
    says("\"general\":{\"name\":\"a\",\"lastContact\":\"2025-11-21T01:30:00Z\"}",
         "\"last_seen\":\"2025-11-21T01:30:00Z\"}\n");
    says("\"general\":{\"name\":\"J\xc3\xb6rg\xe2\x80\x99s \xe2\x80\x9cMac\xe2\x80\x9d\"}",
         "\"name\":\"J\xc3\xb6rg\xe2\x80\x99s \xe2\x80\x9cMac\xe2\x80\x9d\"");
    says("\"general\":{\"name\":\"a\",\"site\":{\"id\":\"2\",\"name\":\"Finch\"}}", "\"organization_id\":\"2\"");
    says("\"general\":{\"name\":\"a\",\"site\":{\"id\":\"2\",\"name\":\"Finch\"}}", "management 1 {\"site\":\"Finch\"");
    says("\"general\":null,\"hardware\":null,\"applications\":null,\"storage\":null",
         "device {\"id\":\"1\",\"organization_id\":\"-1\",\"type\":\"workstation\",\"url\":"
         "\"https://j.example/computers.html?id=1&o=r\"}");
    says("\"storage\":{\"disks\":[{\"partitions\":[]}]}", "volumes 1 none");
    says("\"storage\":{\"disks\":[{\"partitions\":[{\"name\":\"a\",\"sizeMegabytes\":1},{\"name\":\"b\"}]},{"
         "\"partitions\":"
         "[{\"name\":\"c\",\"availableMegabytes\":-1}]}]}",
         "volumes 1 {\"name\":\"a\",\"capacity_bytes\":1000000}\nvolumes 1 {\"name\":\"b\"}\nvolumes 1 "
         "{\"name\":\"c\"}");
    says("\"hardware\":{\"macAddress\":\"\",\"altMacAddress\":\"\"}", "interfaces 1 none");
    says("\"general\":{\"lastLoggedInUsernameMdm\":\"new\",\"lastLoggedInUsernameMdmTimestamp\":\"2025-02-01T00:00:"
         "00Z\","
         "\"lastLoggedInUsernameBinary\":\"old\",\"lastLoggedInUsernameBinaryTimestamp\":\"2025-01-01T00:00:00Z\"}",
         "last_user 1 {\"name\":\"new\"");
    says("\"userAndLocation\":{\"username\":\"\",\"departmentId\":\"-1\",\"buildingId\":\"\"}", "assignment 1 {}");
    char *log = one("\"general\":{\"name\":[1],\"supervised\":\"maybe\"}");
    assert_says(log, "reject device 1: general.supervised: expected a boolean");
    assert_line(log, "complete device 1"); /* it is there */
    free(log);
}

/* --- pages --- */

static void pages_are_read_to_the_announced_end(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);

    quiet_lists(p);
    page(p, LIST("4") PARTS PAGE("0", "500"), 501, 1, 500);
    page(p, LIST("4") PARTS PAGE("1", "500"), 502, 501, 2); /* one more has come meanwhile */
    run(p);
    assert_line(play_log(p), "complete device 502");
    play_free(p);
}

static void what_is_not_proven_is_told(void **state)
{
    static const struct {
        int total, first, n;
        const char *why;
    } cases[] = {{501, 501, 0, "501 rows were announced and 500 were given"},
                 {500, 501, 0, "the list became shorter while it was read"},
                 {501, 1, 500, "a row came twice"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(SETTINGS, DEVICES);
        quiet_lists(p);
        page(p, LIST("4") PARTS PAGE("0", "500"), 501, 1, 500);
        page(p, LIST("4") PARTS PAGE("1", "500"), cases[i].total, cases[i].first, cases[i].n);
        run(p);
        assert_says(play_log(p), cases[i].why);
        assert_int_equal(count_says(play_log(p), "complete device"), 0 + count_says(play_log(p), "incomplete device"));
        assert_int_equal(count_says(play_log(p), "device {"), 500);
        play_free(p);
    }
    struct play *p = play(SETTINGS, DEVICES);
    quiet_lists(p);
    play_json(p, LIST("4") PARTS PAGE("0", "500"), "{\"totalCount\":2,\"results\":[{\"id\":\"1\"},{\"id\":null}]}");
    page(p, LIST("4") PARTS PAGE("1", "500"), 2, 3, 0);
    run(p);
    assert_says(play_log(p),
                "incomplete device: Jamf Pro, computers: a row without an id, so nothing is taken as missing");
    play_free(p);
}

#define P500 ((struct play_reply){.status = 500, .body = "{\"httpStatus\":500,\"errors\":[]}"})

/* 7 records; the third fails. In pages of 500: 250, 125, 25, 5, and one by one. */
static void to_the_bottom(struct play *p)
{
    quiet_lists(p);
    play_on(p, LIST("4") PARTS PAGE("0", "500"), P500);
    play_on(p, LIST("4") PARTS PAGE("0", "250"), P500);
    play_on(p, LIST("4") PARTS PAGE("0", "125"), P500);
    play_on(p, LIST("4") PARTS PAGE("0", "25"), P500);
    play_on(p, LIST("4") PARTS PAGE("0", "5"), P500);
    page(p, LIST("4") PARTS PAGE("0", "1"), 7, 1, 1);
    page(p, LIST("4") PARTS PAGE("1", "1"), 7, 2, 1);
    play_on(p, LIST("4") PARTS PAGE("2", "1"), P500);
}

static void a_damaged_record_costs_itself(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);

    to_the_bottom(p);
    page(p, LIST("4") "section=GENERAL" PAGE("2", "1"), 7, 3, 1); /* its id can be had */
    page(p, LIST("4") PARTS PAGE("3", "1"), 7, 4, 1);
    page(p, LIST("4") PARTS PAGE("4", "1"), 7, 5, 1);
    page(p, LIST("4") PARTS PAGE("1", "5"), 7, 6, 2);
    run(p);
    assert_says(play_log(p), "reject device 3: Jamf Pro fails with a 500 for this record");
    assert_int_equal(count_says(play_log(p), "device {"), 6);
    assert_line(play_log(p), "complete device 7");
    play_free(p);

    p = play(SETTINGS, DEVICES);
    to_the_bottom(p);
    play_on(p, LIST("4") "section=GENERAL" PAGE("2", "1"), P500); /* not even that */
    page(p, LIST("4") PARTS PAGE("3", "1"), 7, 4, 1);
    page(p, LIST("4") PARTS PAGE("4", "1"), 7, 5, 1);
    page(p, LIST("4") PARTS PAGE("1", "5"), 7, 6, 2);
    run(p);
    assert_says(play_log(p), "reject device : record 3 of the list by id: Jamf Pro fails with a 500");
    assert_says(play_log(p), "incomplete device: Jamf Pro, computers: a record cannot be read, and not be named");
    assert_int_equal(count_says(play_log(p), "device {"), 6);
    play_free(p);
}

/* The members come with the computers: one that could not be read leaves those of its groups alone. */
static void a_lost_computer_leaves_members_alone(void **state)
{
    struct play *p = play(SETTINGS, SYNC_KIND(RECORD_GROUP));

    play_json(p, VERSION, V("30"));
    play_json(p, GROUPS, "[{\"id\":\"9\",\"name\":\"g\",\"smartGroup\":false}]");
    play_json(
        p, LIST("4") "section=GROUP_MEMBERSHIPS" PAGE("0", "500"),
        "{\"totalCount\":2,\"results\":[{\"id\":\"1\",\"groupMemberships\":[{\"groupId\":\"9\",\"groupName\":\"g\","
        "\"smartGroup\":false},{\"groupId\":\"77\",\"smartGroup\":false}]},{\"id\":\"2\",\"general\":{\"supervised\":"
        "3}}]}");
    run(p);
    assert_line(play_log(p), "member {\"group_id\":\"9\",\"member_id\":\"1\"}");
    assert_int_equal(count_says(play_log(p), "member {"), 1); /* 77 is in no list of groups */
    assert_int_equal(count_says(play_log(p), "device {"), 0);
    assert_says(play_log(p), "incomplete group: Jamf Pro: not all computers could be read");
    play_free(p);
}

static void a_failing_server_fails_the_run(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);
    static const char *const sizes[] = {"500", "250", "125", "25", "5"};

    quiet_lists(p);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *call = mem_printf(LIST("4") PARTS "&page=0&page-size=%s&sort=id:asc", sizes[i]);
        play_on(p, call, P500);
        free(call);
    }
    for (int i = 0; i <= JAMF_FAIL_MAX; i++) {
        char *call = mem_printf(LIST("4") PARTS "&page=%d&page-size=1&sort=id:asc", i);
        char *basic = mem_printf(LIST("4") "section=GENERAL&page=%d&page-size=1&sort=id:asc", i);
        play_on(p, call, P500);
        if (i < JAMF_FAIL_MAX)
            play_on(p, basic, P500);
        free(call);
        free(basic);
        if ((i + 1) % 5 == 0) { /* a page of five begins here */
            call = mem_printf(LIST("4") PARTS "&page=%d&page-size=5&sort=id:asc", (i + 1) / 5);
            play_on(p, call, P500);
            free(call);
        }
    }
    struct err e = lost(p);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.what, "more than 20 records fail by themselves"));
    play_free(p);

    p = play(SETTINGS, DEVICES);
    quiet_lists(p);
    play_status(p, LIST("4") PARTS PAGE("0", "500"), 503, "");
    e = lost(p);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    play_free(p);
}

/* A part that fails for another reason is asked for again, with the engine's repetitions. */
static void a_hiccup_is_no_damage(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);

    quiet_lists(p);
    play_on(p, LIST("4") PARTS PAGE("0", "500"), (struct play_reply){.transport = ERR_TIMEOUT});
    play_status(p, LIST("4") PARTS PAGE("0", "250"), 503, "");
    page(p, LIST("4") PARTS PAGE("0", "250"), 3, 1, 3);
    run(p);
    assert_line(play_log(p), "complete device 3");
    play_free(p);
}

/* --- versions --- */

static void the_newest_inventory_that_there_is(void **state)
{
    static const struct {
        const char *version, *list;
    } cases[] = {{V("30"), LIST("4")},
                 {V("29"), LIST("3")},
                 {V("23"), LIST("3")},
                 {V("22"), LIST("1")},
                 {"{\"version\":\"12.0.0\"}", LIST("4")},
                 {"{\"version\":\"10.50.0-t1\"}", LIST("1")}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(SETTINGS, DEVICES);
        char *call = mem_printf("%s" PARTS PAGE("0", "500"), cases[i].list);
        play_json(p, VERSION, cases[i].version);
        play_json(p, DEPTS, NONE);
        play_json(p, BUILDINGS, NONE);
        play_json(p, call, NONE);
        run(p);
        assert_line(play_log(p), "complete device 0");
        play_free(p);
        free(call);
    }
    struct play *p = play(SETTINGS, DEVICES); /* not what its version says */
    play_status(p, VERSION, 404, "");
    play_json(p, DEPTS, NONE);
    play_json(p, BUILDINGS, NONE);
    play_status(p, LIST("4") PARTS PAGE("0", "500"), 404, "{\"httpStatus\":404,\"errors\":[]}");
    play_status(p, LIST("3") PARTS PAGE("0", "500"), 404, "");
    play_json(p, LIST("2") PARTS PAGE("0", "500"),
              "{\"totalCount\":1,\"results\":[{\"id\":\"1\",\"general\":{\"lastReportedIp\":\"10.0.0.1\","
              "\"lastContactTime\":\"2025-11-21T01:30:00.5Z\"}}]}");
    run(p);
    assert_says(play_log(p), "\"status\":\"online\"");
    assert_says(play_log(p), "\"ips\":[\"10.0.0.1\"],\"last_seen\":\"2025-11-21T01:30:00.500000Z\"");
    play_free(p);
}

/* --- lists that cannot be had --- */

static void a_missing_privilege_is_named_and_the_rest_goes_on(void **state)
{
    struct play *p =
        play("{\"base_url\":\"https://j.example\",\"client_id\":\"c\",\"client_secret\":\"s\"}",
             DEVICES | SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_GROUP) | SYNC_KIND(RECORD_PERSON));
    static const char refused[] = "{\"httpStatus\":403,\"errors\":[]}";

    play_json(p, VERSION, V("30"));
    play_status(p, SITES, 403, refused);
    play_status(p, DEPTS, 403, refused);
    play_status(p, BUILDINGS, 403, refused);
    play_status(p, GROUPS, 403, refused);
    play_status(p, USERS, 403, refused);
    play_json(
        p, LIST("4") PARTS "&section=GROUP_MEMBERSHIPS" PAGE("0", "500"),
        "{\"totalCount\":1,\"results\":[{\"id\":\"1\",\"userAndLocation\":{\"departmentId\":\"4\",\"room\":\"3\"}}]}");
    play_status(p, MOBILE, 403, refused);
    run(p);
    static const char *const named[] = {"incomplete organization: Jamf Pro answered 403 to sites: give the account's",
                                        "the privilege Read Departments",
                                        "the privilege Read Buildings",
                                        "incomplete group: ",
                                        "Read Static Computer Groups and Read Smart Computer Groups",
                                        "incomplete person: ",
                                        "the privilege Read User",
                                        "incomplete device: Jamf Pro answered 403 to mobile-devices",
                                        "assignment 1 {\"room\":\"3\"}"};
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        assert_says(play_log(p), named[i]);
    assert_int_equal(count_says(play_log(p), "\ncomplete"), 0);
    play_free(p);
}

/* What was named before stays named. */
static void places_that_fail_leave_the_assignment(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);

    play_json(p, VERSION, V("30"));
    play_json(p, DEPTS, NONE);
    play_status(p, BUILDINGS, 500, "");
    page(p, LIST("4") PARTS PAGE("0", "500"), 1, 1, 1);
    run(p);
    assert_int_equal(count_says(play_log(p), "assignment"), 0);
    assert_says(play_log(p), "reject facet buildings: Jamf Pro answered 500");
    assert_line(play_log(p), "complete device 1");
    play_free(p);
}

/* --- users of the older API --- */

static void older_servers_have_users_in_classic(void **state)
{
    struct play *p = play(SETTINGS, SYNC_KIND(RECORD_PERSON));

    play_json(p, VERSION, V("25"));
    play_json(p, SITES, "[{\"id\":\"1\",\"name\":\"a\",\"divisionId\":\"-1\"}]");
    play_status(p, USERS, 404, "{\"httpStatus\":404,\"errors\":[]}");
    play_json(
        p, LIST("3") "section=USER_AND_LOCATION" PAGE("0", "500"),
        "{\"totalCount\":1,\"results\":[{\"id\":\"1\",\"userAndLocation\":{\"username\":\"MKessler\",\"realname\":"
        "\"Mara \\\"K\\\"\",\"email\":\"m@example.org\",\"phone\":null,\"position\":\"Designer\"}}]}");
    play_on(p, CLASSIC,
            (struct play_reply){
                .content_type = "text/plain;charset=UTF-8",
                .body = "{\"users\":[{\"id\":17,\"name\":\"Lab Cart 3\"},{\"id\":5,\"name\":\"mkessler\"}]}"});
    run(p);
    assert_line(play_log(p), "person {\"id\":\"17\",\"name\":\"Lab Cart 3\",\"username\":\"Lab Cart 3\",\"url\":"
                             "\"https://j.example/users.html?id=17&o=r\"}");
    assert_line(play_log(p),
                "person {\"id\":\"5\",\"name\":\"Mara \\\"K\\\"\",\"username\":\"mkessler\",\"email\":"
                "\"m@example.org\",\"title\":\"Designer\",\"url\":\"https://j.example/users.html?id=5&o=r\"}");
    assert_line(play_log(p), "complete person 2");
    assert_int_equal(count_says(play_log(p), "checkpoint"), 0);
    assert_int_equal(count_says(play_log(p), "device"), 0);
    play_free(p);

    p = play(SETTINGS, SYNC_KIND(RECORD_PERSON)); /* in Classic a missing privilege is a 401, and a page */
    play_json(p, VERSION, V("25"));
    play_json(p, SITES, "[]");
    play_status(p, USERS, 404, "");
    play_json(p, LIST("3") "section=USER_AND_LOCATION" PAGE("0", "500"), NONE);
    play_on(
        p, CLASSIC,
        (struct play_reply){.status = 401, .content_type = "text/html", .body = "<html><title>Status page</title>"});
    run(p);
    assert_says(play_log(p), "incomplete person: Jamf Pro answered 401 to classic-users: give the account's privilege "
                             "set, or the API client's role, the privilege Read User");
    play_free(p);
}

/* --- incremental, checkpoints --- */

#define SINCE(field) "&filter=" field "%3E%3D%222025-11-20T04%3A00%3A00Z%22"

static void incremental_reads_what_is_newer(void **state)
{
    struct play *p =
        play("{\"base_url\":\"https://j.example\",\"client_id\":\"c\",\"client_secret\":\"s\",\"locations\":true}",
             SYNC_KINDS_ALL);

    play_input(p)->mode = SYNC_INCREMENTAL;
    play_input(p)->cursor = SLICE("{\"report_date\":\"2025-11-20T04:00:00.5Z\"}");
    play_on(p, VERSION, (struct play_reply){.body = V("30"), .date = SECONDS(1763690700)});
    play_json(p, DEPTS, NONE);
    play_json(p, BUILDINGS, NONE);
    page(p, LIST("4") PARTS PAGE("0", "500") SINCE("general.reportDate"), 1, 7, 1);
    play_json(p, MOBILE SINCE("lastInventoryUpdateDate"), NONE);
    run(p);
    assert_says(play_log(p), "device {\"id\":\"7\"");
    assert_int_equal(count_says(play_log(p), "complete"), 0); /* it proves nothing about what is missing */
    assert_line(play_log(p), "cursor {\"report_date\":\"2025-11-21T01:55:00Z\"}"); /* by the server's clock */
    play_free(p);

    p = play(SETTINGS, DEVICES); /* no cursor: a full one */
    play_input(p)->mode = SYNC_INCREMENTAL;
    play_input(p)->cursor = SLICE("{\"report_date\":\"soon\"}");
    quiet_lists(p);
    play_json(p, LIST("4") PARTS PAGE("0", "500"), NONE);
    run(p);
    assert_line(play_log(p), "complete device 0");
    play_free(p);
}

static void a_resumed_run_goes_on_and_tells_the_whole(void **state)
{
    struct play *p = play(SETTINGS, DEVICES);

    play_input(p)->checkpoint = SLICE(
        "{\"inventory\":3,\"began\":\"2025-11-21T00:00:00Z\",\"computers\":{\"offset\":500,\"size\":500,\"rows\":500,"
        "\"total\":502,\"lost\":0,\"ended\":false,\"proven\":false,\"doubtful\":false}}");
    quiet_lists(p);
    page(p, LIST("4") PARTS PAGE("1", "500"), 502, 501, 2);
    run(p);
    assert_line(play_log(p), "complete device 502");
    assert_line(play_log(p), "cursor {\"report_date\":\"2025-11-20T23:50:00Z\"}"); /* of the first beginning */
    assert_says(play_log(p), "checkpoint {\"inventory\":4,\"began\":\"2025-11-21T00:00:00Z\",\"computers\":{\"offset\":"
                             "1000,\"size\":500,\"rows\":502,\"total\":502,\"lost\":0,\"ended\":true,\"proven\":true,"
                             "\"doubtful\":false}}");
    play_free(p);
}

/* --- one device --- */

#define ONE(v) LIST(v) PARTS "&page=0&page-size=1&filter=id%3D%3D%22214%22"

static struct play *single(const char *id)
{
    struct play *p = play(SETTINGS, SYNC_KINDS_ALL);

    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(id);
    return p;
}

static void one_computer_is_read_again(void **state)
{
    struct play *p = single("214");
    char *body = fixture("jamf/computers.json");

    play_status(p, ONE("4"), 404, "");
    play_json(p, ONE("3"), body);
    play_json(p, "GET /api/v1/buildings/2", "{\"id\":\"2\",\"name\":\"Berlin HQ\"}");
    play_json(p, "GET /api/v1/departments/4", "{\"id\":\"4\",\"name\":\"Design\"}");
    run(p);
    assert_says(play_log(p), "device {\"id\":\"214\"");
    /* the same as the list's */
    assert_says(play_log(p), "assignment 214 {\"username\":\"mkessler\",\"name\":\"Mara Kessler\",\"email\":"
                             "\"mara.kessler@example.org\",\"phone\":\"+49 30 5550199\",\"title\":\"Designer\","
                             "\"department\":\"Design\",\"building\":\"Berlin HQ\",\"room\":\"3.14\"}");
    assert_int_equal(count_says(play_log(p), "complete"), 0);
    play_free(p);

    p = single("214"); /* a name that cannot be had: the assignment stays */
    play_json(p, ONE("4"), body);
    play_status(p, "GET /api/v1/buildings/2", 403, "");
    play_status(p, "GET /api/v1/departments/4", 404, "");
    run(p);
    assert_int_equal(count_says(play_log(p), "assignment"), 0);
    assert_says(play_log(p), "reject facet 214: Jamf Pro answered 403 to building");
    play_free(p);
    free(body);
}

static void gone_is_what_an_empty_list_says(void **state)
{
    struct play *p = single("214");

    play_on(p, ONE("4"), (struct play_reply){.body = NONE, .date = SECONDS(1763690500)});
    run(p);
    assert_line(play_log(p), "gone 214 2025-11-21T02:01:40Z");
    play_free(p);

    p = single("214");
    page(p, ONE("4"), 1, 215, 1);
    run(p);
    assert_says(play_log(p), "reject device 214: the answer is about another device");
    assert_int_equal(count_says(play_log(p), "gone"), 0);
    play_free(p);

    p = single("214");
    play_status(p, ONE("4"), 404, "");
    play_status(p, ONE("3"), 404, "");
    play_status(p, ONE("2"), 404, "");
    play_status(p, ONE("1"), 404, "");
    assert_int_equal(lost(p).code, ERR_NOT_FOUND); /* a path is no proof */
    assert_int_equal(count_says(play_log(p), "gone"), 0);
    play_free(p);

    p = single("mobile-17");
    play_json(p,
              "GET /api/v2/mobile-devices/detail?section=GENERAL&section=HARDWARE&section=USER_AND_LOCATION&section="
              "SECURITY&exception-handling=LENIENT&page=0&page-size=1&filter=mobileDeviceId%3D%3D%2217%22",
              NONE);
    run(p);
    assert_line(play_log(p), "gone mobile-17 2025-11-21T02:00:00Z");
    play_free(p);

    static const char *const bad[] = {"", "x", "-1", "0", "mobile-", "mobile-x", "214\"or", "mobile-0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        p = single(bad[i]);
        assert_int_equal(lost(p).code, ERR_INPUT);
        play_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_at_any_cut),
        cmocka_unit_test(states_are_derived),
        cmocka_unit_test(times_and_names_are_taken_as_they_come),
        cmocka_unit_test(pages_are_read_to_the_announced_end),
        cmocka_unit_test(what_is_not_proven_is_told),
        cmocka_unit_test(a_damaged_record_costs_itself),
        cmocka_unit_test(a_lost_computer_leaves_members_alone),
        cmocka_unit_test(a_failing_server_fails_the_run),
        cmocka_unit_test(a_hiccup_is_no_damage),
        cmocka_unit_test(the_newest_inventory_that_there_is),
        cmocka_unit_test(a_missing_privilege_is_named_and_the_rest_goes_on),
        cmocka_unit_test(places_that_fail_leave_the_assignment),
        cmocka_unit_test(older_servers_have_users_in_classic),
        cmocka_unit_test(incremental_reads_what_is_newer),
        cmocka_unit_test(a_resumed_run_goes_on_and_tells_the_whole),
        cmocka_unit_test(one_computer_is_read_again),
        cmocka_unit_test(gone_is_what_an_empty_list_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
