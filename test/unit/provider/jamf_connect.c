/* jamf_connect.c - Jamf Pro: addresses, signing in, the probe, the doctor, live details, and what refusals are called. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"
#include "provider/jamf/jamf.h"

#define CLIENT "{\"base_url\":\"https://j.example\",\"client_id\":\"id&\",\"client_secret\":\"s=+\"}"
#define USER                                                                                                           \
    "{\"base_url\":\"https://j.example\",\"auth\":\"user\",\"username\":\"j\xc3\xb6\",\"password\":\"p:w\\\"\"}"
#define TOKEN   "POST /api/v1/oauth/token"
#define SIGN_IN "POST /api/v1/auth/token"
#define VERSION "GET /api/v1/jamf-pro-version"

static const struct provider *jamf(void)
{
    return provider_find(SLICE("jamf"));
}

static char *address(const char *url)
{
    char *json = mem_printf("{\"base_url\":\"%s\"}", url);
    struct err e = {0};
    struct settings *s = settings_from_json(jamf()->fields, jamf()->nfields, slice_cstr(json), &e);
    struct str out = {0};

    if (!s || !jamf()->base_url(s, &out, &e))
        str_addf(&out, "refused: %s", e.what);
    settings_free(s);
    free(json);
    return str_take(&out);
}

static void addresses_keep_their_path(void **state)
{
    static const struct {
        const char *given, *want;
    } cases[] = {{"https://example.jamfcloud.com/", "https://example.jamfcloud.com"},
                 {"example.jamfcloud.com", "https://example.jamfcloud.com"},
                 {"https://jamf.example.org:8443/jss/", "https://jamf.example.org:8443/jss"},
                 {"https://jamf.example.org/jss/api/v1", "https://jamf.example.org/jss"},
                 {"https://jamf.example.org/JSSResource", "https://jamf.example.org"},
                 {"https://jamf.example.org/index.html", "https://jamf.example.org"},
                 {"https://jamf.example.org/index.html?x", "refused: "},
                 {"https://", "refused: "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *have = address(cases[i].given);
        assert_int_equal(strncmp(have, cases[i].want, strlen(cases[i].want)), 0);
        if (strcmp(cases[i].want, "refused: ") != 0)
            assert_string_equal(have, cases[i].want);
        free(have);
    }
}

/* --- signing in --- */

static void client_token(struct play *p)
{
    play_on(p, TOKEN,
            (struct play_reply){
                .body = "{\"access_token\":\"t\",\"scope\":\"api-role:4\",\"token_type\":\"Bearer\",\"expires_in\":59}",
                .body_wants = "grant_type=client_credentials&client_id=id%26&client_secret=s%3D%2B"});
}

static void user_token(struct play *p)
{
    /* the server's clock is five minutes ahead of ours, and the zeros at the end of its time are dropped */
    play_on(p, SIGN_IN,
            (struct play_reply){.body = "{ \"token\" : \"t\", \"expires\" : \"2025-11-21T02:35:00.5Z\" }",
                                .date = SECONDS(1763690700)});
}

static void tokens_have_their_own_lives(void **state)
{
    char *log = play_all_cuts(jamf(), jamf()->authenticate, CLIENT, client_token);
    assert_string_equal(log, "credential t expires 59 refresh \n");
    free(log);
    log = play_all_cuts(jamf(), jamf()->authenticate, USER, user_token);
    assert_string_equal(log, "credential t expires 1800 refresh \n");
    free(log);
}

static void a_user_goes_in_a_header(void **state)
{
    struct play *p = play_new(jamf(), jamf()->authenticate, USER);
    struct sink sink;
    struct str lines = {0};
    struct machine_call call = {0};
    struct err e = {0};

    lines_sink(&sink, &lines);
    struct machine *m = jamf()->authenticate->start(play_input(p), &sink, &e);
    assert_non_null(m);
    assert_int_equal(jamf()->authenticate->next(m, &call), MACHINE_CALL);
    assert_string_equal(call.headers[0].name, "Authorization");
    assert_string_equal(call.headers[0].value, "Basic asO2OnA6dyI="); /* jö:p:w" */
    assert_true(call.anonymous);
    assert_null(call.body.p);
    jamf()->authenticate->free(m);
    play_free(p);
}

static struct err refused(const char *settings, const char *call, int status, const char *body)
{
    struct play *p = play_new(jamf(), jamf()->authenticate, settings);
    struct err e = {0};

    if (call)
        play_status(p, call, status, body);
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(count_says(play_log(p), "credential"), 0);
    play_free(p);
    return e;
}

static void refused_sign_ins_are_explained(void **state)
{
    static const struct {
        const char *settings, *call;
        int status;
        const char *body;
        enum err_code code;
        const char *why;
    } cases[] = {
        {CLIENT, TOKEN, 401, "{\"error\":\"invalid_client\",\"error_description\":\"Client authentication failed\"}",
         ERR_AUTH, "invalid_client, Client authentication failed): client_id or client_secret is refused"},
        {CLIENT, TOKEN, 400, "{\"error\":\"invalid_client\"}", ERR_AUTH, "client_id or client_secret is refused"},
        {CLIENT, TOKEN, 404, "", ERR_NOT_FOUND, "knows no API clients"},
        {CLIENT, TOKEN, 404, "<html>", ERR_NOT_FOUND, "a page where the API was due: base_url is the address"},
        {CLIENT, TOKEN, 503, "", ERR_UNAVAILABLE, "overloaded or being serviced"},
        {CLIENT, TOKEN, 200, "{}", ERR_PROTOCOL, "gave no usable token"},
        {USER, SIGN_IN, 401, "{\"httpStatus\":401,\"errors\":[]}", ERR_AUTH, "an account that signs in by SSO cannot"},
        {USER, SIGN_IN, 401, "{\"httpStatus\":401,\"errors\":[{\"code\":\"USER_EXPIRED_PASSWORD\"}]}", ERR_AUTH,
         "the password has expired"},
        {"{\"base_url\":\"https://j.example\"}", NULL, 0, NULL, ERR_INPUT, "client_id is empty"},
        {"{\"base_url\":\"https://j.example\",\"client_id\":\"a\"}", NULL, 0, NULL, ERR_INPUT,
         "client_secret is empty"},
        {"{\"base_url\":\"https://j.example\",\"auth\":\"user\",\"username\":\"a\"}", NULL, 0, NULL, ERR_INPUT,
         "password is empty"},
        {"{\"base_url\":\"https://j.example\",\"auth\":\"user\",\"username\":\"a:b\",\"password\":\"x\"}", NULL, 0,
         NULL, ERR_INPUT, "a colon cannot stand in it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = refused(cases[i].settings, cases[i].call, cases[i].status, cases[i].body);
        if (e.code != cases[i].code || !strstr(e.what, cases[i].why))
            fail_msg("case %zu: %d %s", i, (int)e.code, e.what);
    }
}

static void a_401_means_what_its_api_means_by_it(void **state)
{
    const struct machine_reply r = {.status = 401};
    const struct machine_call pro = {.path = "/api/v1/sites"}, classic = {.path = "/JSSResource/users"},
                              login = {.path = "/api/v1/auth/token", .anonymous = true};

    assert_int_equal(jamf()->classify(&pro, &r, '{'), REPLY_AUTH);
    assert_int_equal(jamf()->classify(&classic, &r, '{'), REPLY_AUTH);
    assert_int_equal(jamf()->classify(&classic, &r, '<'), REPLY_FAILED); /* a privilege */
    assert_int_equal(jamf()->classify(&login, &r, '{'), REPLY_FAILED);
}

/* --- probe, doctor --- */

static void the_probe_says_what_it_found(void **state)
{
    struct play *p = play_new(jamf(), jamf()->probe, CLIENT);
    struct err e = {0};

    play_json(p, VERSION, "{\"version\":\"11.29.1-t1782156420\"}");
    play_status(p, "GET /api/v3/computers-inventory?section=GENERAL&page=0&page-size=1&sort=id:asc", 404, "");
    play_json(p, "GET /api/v2/computers-inventory?section=GENERAL&page=0&page-size=1&sort=id:asc",
              "{\"totalCount\":41,\"results\":[{\"id\":\"1\"}]}");
    assert_true(play_run(p, (struct play_cut){7, 1}, &e));
    assert_line(play_log(p), "remark Jamf Pro 11.29.1 at j.example: 41 computers, read by version 2 of the inventory");
    play_free(p);

    p = play_new(jamf(), jamf()->probe, CLIENT);
    play_json(p, VERSION, "{\"name\":\"something else\"}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_non_null(strstr(e.what, "not as Jamf Pro does"));
    play_free(p);
}

static void the_doctor_names_each_privilege(void **state)
{
    static const char *const lists[] = {"GET /api/v1/sites", "GET /api/v1/computer-groups",
                                        "GET /api/v1/departments?page=0&page-size=1",
                                        "GET /api/v1/buildings?page=0&page-size=1"};
    struct play *p = play_new(jamf(), jamf()->doctor, CLIENT);
    struct err e = {0};

    play_json(p, VERSION, "{\"version\":\"11.25.0\"}");
    play_status(p, "GET /api/v3/computers-inventory?section=GENERAL&page=0&page-size=1", 403,
                "{\"httpStatus\":403,\"errors\":[]}");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        play_json(p, lists[i], i < 2 ? "[]" : "{\"totalCount\":0,\"results\":[]}");
    play_status(p, "GET /api/v1/users?page=0&page-size=1", 404, "");
    play_status(p, "GET /api/v2/mobile-devices/detail?section=GENERAL&page=0&page-size=1", 403, "");
    assert_true(play_run(p, (struct play_cut){0, 0}, &e));
    assert_says(play_log(p), "finding warning old_server: The server is older than 11.26");
    assert_says(play_log(p),
                "finding error missing_privilege: Jamf Pro answered 403 to computers: give the account's "
                "privilege set, or the API client's role, the privilege Read Computers - give the account's");
    assert_says(play_log(p), "finding warning missing_privilege: Jamf Pro answered 403 to mobile-devices");
    assert_says(play_log(p), "finding ok groups: Computer groups can be read.");
    assert_int_equal(count_says(play_log(p), "finding "), 7);
    play_free(p);

    p = play_new(jamf(), jamf()->doctor, CLIENT); /* whoever has no token can be told no more */
    play_status(p, VERSION, 401, "");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_AUTH);
    play_free(p);
}

/* --- live --- */

#define LIVE(v)                                                                                                        \
    "GET /api/v" v "/computers-inventory?section=GENERAL&section=OPERATING_SYSTEM&section=SECURITY&"                   \
    "section=DISK_ENCRYPTION&section=APPLICATIONS&section=CONFIGURATION_PROFILES&section=GROUP_MEMBERSHIPS&"           \
    "page=0&page-size=1&filter=id%3D%3D%22214%22"

static struct play *live(const char *id)
{
    struct play *p = play_new(jamf(), jamf()->actions[0].ops, CLIENT);

    assert_string_equal(jamf()->actions[0].key, "live");
    play_input(p)->device_id = slice_cstr(id);
    return p;
}

static void live_details_are_those_of_now(void **state)
{
    struct play *p = live("214");
    char *body = fixture("jamf/computers.json");
    struct err e = {0};

    play_status(p, LIVE("4"), 404, "");
    play_on(p, LIVE("3"), (struct play_reply){.body = body, .cut_once = true});
    assert_true(play_run(p, (struct play_cut){13, 3}, &e));
    assert_line(
        play_log(p),
        "result {\"name\":\"DESIGN-MBP-07\",\"enrollment\":\"enrolled\",\"managed\":true,\"supervised\":true,"
        "\"mdm_capable\":true,\"user_approved_mdm\":true,\"automated_enrollment\":true,\"enrolled\":"
        "\"2025-02-11T09:30:00.417000Z\",\"mdm_profile_expires\":\"2027-02-11T09:29:41Z\",\"last_check_in\":"
        "\"2026-11-21T08:12:05.902000Z\",\"last_inventory\":\"2026-11-20T21:03:44.180000Z\",\"filevault\":{\"on\":"
        "true,\"status\":\"BOOT_ENCRYPTED\",\"boot_volume\":\"ENCRYPTED\",\"percent\":100,\"recovery_key\":"
        "\"VALID\"},\"gatekeeper\":{\"on\":true,\"status\":\"APP_STORE_AND_IDENTIFIED_DEVELOPERS\"},\"sip\":{"
        "\"on\":true,\"status\":\"ENABLED\"},\"xprotect\":\"5321\",\"firewall\":true,\"activation_lock\":false,"
        "\"os\":\"macOS\",\"os_version\":\"15.6.1\",\"os_build\":\"24G90\",\"applications\":[{\"name\":"
        "\"Slack.app\",\"version\":\"4.45.69\",\"bundle_id\":\"com.tinyspeck.slackmacgap\",\"path\":"
        "\"/Applications/Slack.app\"}],\"profiles\":[{\"id\":\"12\",\"name\":\"Wi-Fi Corporate\",\"identifier\":"
        "\"5D0B7C39-4C06-4A37-8F5E-2E0F1B7B6A11\",\"installed\":\"2026-03-02T10:11:12Z\"}],\"groups\":[{\"id\":"
        "\"1\",\"name\":\"All Managed Clients\",\"smart\":true},{\"id\":\"9\",\"name\":\"Design Loaners\","
        "\"smart\":false}],\"url\":\"https://j.example/computers.html?id=214&o=r\"}");
    assert_int_equal(count_says(play_log(p), "result"), 1);
    assert_int_equal(count_says(play_log(p), "device {"), 0);
    free(body);
    play_free(p);
}

static void enrolment_is_derived(void **state)
{
    static const struct {
        const char *general, *want;
    } cases[] = {
        {"\"remoteManagement\":{\"managed\":false}", "unenrolled"},
        {"\"remoteManagement\":{\"managed\":true},\"mdmCapable\":{\"capable\":true}", "pending"},
        {"\"remoteManagement\":{\"managed\":true},\"mdmCapable\":{\"capable\":true},\"reportDate\":\"2025-01-01T00:00:"
         "00Z\"",
         "enrolled"},
        {"\"remoteManagement\":{\"managed\":true},\"mdmProfileExpiration\":\"2025-12-01T00:00:00Z\",\"reportDate\":"
         "\"2025-01-01T00:00:00Z\"",
         "enrolled"},
        {"\"remoteManagement\":{\"managed\":true},\"mdmProfileExpiration\":\"2025-01-01T00:00:00Z\",\"reportDate\":"
         "\"2025-01-01T00:00:00Z\"",
         "unknown"},
        {"\"remoteManagement\":null", "unknown"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = live("214");
        struct err e = {0};
        char *body = mem_printf("{\"totalCount\":1,\"results\":[{\"id\":\"214\",\"general\":{%s}}]}", cases[i].general);
        char *want = mem_printf("\"enrollment\":\"%s\"", cases[i].want);
        play_json(p, LIVE("4"), body);
        assert_true(play_run(p, (struct play_cut){0, 0}, &e));
        assert_says(play_log(p), want);
        play_free(p);
        free(body);
        free(want);
    }
}

static void live_details_of_what_is_not_there(void **state)
{
    struct play *p = live("214");
    struct err e = {0};

    play_json(p, LIVE("4"), "{\"totalCount\":0,\"results\":[]}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(count_says(play_log(p), "result"), 0);
    play_free(p);

    p = live("214");
    play_json(p, LIVE("4"), "{\"totalCount\":1,\"results\":[{\"id\":\"215\"}]}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_non_null(strstr(e.what, "it is about another device"));
    play_free(p);

    p = live("mobile-17");
    play_json(
        p,
        "GET /api/v2/mobile-devices/detail?section=GENERAL&section=HARDWARE&section=USER_AND_LOCATION&section="
        "SECURITY&exception-handling=LENIENT&page=0&page-size=1&filter=mobileDeviceId%3D%3D%2217%22",
        "{\"totalCount\":1,\"results\":[{\"mobileDeviceId\":\"17\",\"deviceType\":\"iOS\",\"general\":{\"managed\":"
        "true,\"lastInventoryUpdateDate\":\"2025-01-01T00:00:00Z\"},\"security\":{\"passcodePresent\":false,"
        "\"jailBreakDetected\":true}}]}");
    assert_true(play_run(p, (struct play_cut){3, 3}, &e));
    assert_says(play_log(p), "\"enrollment\":\"enrolled\"");
    assert_says(play_log(p),
                "\"passcode\":false,\"passcode_compliant\":null,\"data_protected\":null,\"activation_lock\":"
                "null,\"jailbroken\":true");
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_keep_their_path),
        cmocka_unit_test(tokens_have_their_own_lives),
        cmocka_unit_test(a_user_goes_in_a_header),
        cmocka_unit_test(refused_sign_ins_are_explained),
        cmocka_unit_test(a_401_means_what_its_api_means_by_it),
        cmocka_unit_test(the_probe_says_what_it_found),
        cmocka_unit_test(the_doctor_names_each_privilege),
        cmocka_unit_test(live_details_are_those_of_now),
        cmocka_unit_test(enrolment_is_derived),
        cmocka_unit_test(live_details_of_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
