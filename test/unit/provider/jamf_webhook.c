/* jamf_webhook.c - Jamf Pro's events as they are posted, in all their shapes. */
#include "base/test.h"
#include "provider/harness.h"

#define HOOK(event)                                                                                                    \
    "\"webhook\":{\"eventTimestamp\":1795283525902,\"id\":4,\"name\":\"x\",\"webhookEvent\":\"" event "\"}}"
#define AT " 2025-10-09T11:40:00Z"

static const struct provider *jamf(void)
{
    return provider_find(SLICE("jamf"));
}

struct decoded {
    enum decode_result result;
    struct err e;
    struct str lines;
};

static struct decoded decode(const char *body)
{
    struct decoded d = {0};
    struct sink sink;

    lines_sink(&sink, &d.lines);
    d.result = jamf()->decode(slice_cstr(body), SECONDS(1760010000), &sink, &d.e);
    str_adds(&d.lines, "");
    return d;
}

static void what_is_named_is_read_again(void **state)
{
    static const struct {
        const char *body, *lines;
    } cases[] = {
        {"{\"event\":{\"building\":\"Berlin HQ\",\"deviceName\":\"D\\\"\",\"jssID\":214,\"udid\":\"7\"}," HOOK(
             "ComputerInventoryCompleted"),
         "refresh 214" AT "\n"},
        {"{\"event\":{\"jssID\":214}," HOOK("ComputerAdded"), "refresh 214" AT "\n"},
        {"{\"event\":{\"computer\":{\"deviceName\":\"D\",\"jssID\":214},\"trigger\":\"CLIENT_CHECKIN\",\"username\":"
         "\"m\"}," HOOK("ComputerCheckIn"),
         "refresh 214" AT "\n"},
        {"{\"event\":{\"jssID\":\"17\"}," HOOK("MobileDeviceInventoryCompleted"), "refresh mobile-17" AT "\n"},
        {"{\"event\":{\"jssID\":17}," HOOK("MobileDeviceUnEnrolled"), "refresh mobile-17" AT "\n"},
        {"{\"event\":{\"computer\":true,\"groupAddedDevices\":[{}],\"groupAddedDevicesIds\":[214,\"215\"],"
         "\"groupRemovedDevicesIds\":[216,null,-1],\"jssid\":1,\"name\":\"All\",\"smartGroup\":true}," HOOK(
             "SmartGroupComputerMembershipChange"),
         "refresh 214" AT "\nrefresh 215" AT "\nrefresh 216" AT "\n"},
        {"{\"event\":{\"computer\":false,\"groupAddedDevicesIds\":[9],\"groupRemovedDevicesIds\":[],\"jssid\":1}," HOOK(
             "SmartGroupMobileDeviceMembershipChange"),
         "refresh mobile-9" AT "\n"},
        {"{\"webhook\":{\"webhookEvent\":\"ComputerAdded\"},\"event\":{\"jssID\":1}}", "refresh 1" AT "\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = decode(cases[i].body);
        assert_int_equal(d.result, DECODE_APPLIED);
        assert_string_equal(d.lines.p, cases[i].lines);
        str_release(&d.lines);
    }
}

static void the_rest_is_ignored_unknown_or_wrong(void **state)
{
    static const struct {
        const char *body;
        enum decode_result result;
    } cases[] = {
        {"{\"event\":{}," HOOK("JSSStartup"), DECODE_IGNORED},
        {"{\"event\":{\"objectID\":5}," HOOK("RestAPIOperation"), DECODE_IGNORED},
        {"{\"event\":{\"groupAddedUserIds\":[1]}," HOOK("SmartGroupUserMembershipChange"), DECODE_IGNORED},
        {"{\"event\":{\"computer\":true,\"groupAddedDevicesIds\":[],\"jssid\":1}," HOOK(
             "SmartGroupComputerMembershipChange"),
         DECODE_IGNORED},
        {"{\"event\":{}," HOOK("ComputerSprouted"), DECODE_UNKNOWN},
        {"{\"event\":{},\"webhook\":{}}", DECODE_UNKNOWN},
        {"{\"event\":{}," HOOK("ComputerAdded"), DECODE_FAILED},
        {"{\"event\":{\"jssID\":\"x\"}," HOOK("ComputerAdded"), DECODE_FAILED},
        {"{\"event\":{\"computer\":true}," HOOK("ComputerCheckIn"), DECODE_FAILED},
        {"{\"event\":[]," HOOK("ComputerAdded"), DECODE_FAILED},
        {"{\"event\":{\"jssID\":1}}", DECODE_FAILED},
        {"[]", DECODE_FAILED},
        {"\"text\"", DECODE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = decode(cases[i].body);
        if (d.result != cases[i].result)
            fail_msg("case %zu: %d", i, (int)d.result);
        assert_string_equal(d.lines.p, "");
        assert_int_equal(d.result == DECODE_FAILED, d.e.code != ERR_NONE);
        str_release(&d.lines);
    }
}

/* A group of hundreds is left to the next sync. */
static void a_large_move_is_no_flood(void **state)
{
    struct str body = {0};

    str_adds(&body, "{\"event\":{\"computer\":true,\"groupAddedDevicesIds\":[");
    for (int i = 1; i <= 100; i++)
        str_addf(&body, "%s%d", i > 1 ? "," : "", i);
    size_t hundred = body.n;
    str_adds(&body, "],\"jssid\":1}," HOOK("SmartGroupComputerMembershipChange"));
    struct decoded d = decode(body.p);
    assert_int_equal(d.result, DECODE_APPLIED);
    assert_int_equal(count_says(d.lines.p, "refresh"), 100);
    str_release(&d.lines);
    body.n = hundred;
    str_adds(&body, ",101],\"jssid\":1}," HOOK("SmartGroupComputerMembershipChange"));
    d = decode(body.p);
    assert_int_equal(d.result, DECODE_IGNORED);
    str_release(&d.lines);
    str_release(&body);
}

static void deliveries_have_a_type_and_no_key_of_their_own(void **state)
{
    struct intake_keys keys = {.type = {0}};
    struct err e = {0};

    assert_true(jamf()->intake(SLICE("{\"event\":{\"jssID\":1}," HOOK("ComputerCheckIn")), &keys, &e));
    assert_string_equal(keys.type.p, "ComputerCheckIn");
    assert_int_equal(keys.dedupe.n, 0);
    str_clear(&keys.type);
    assert_true(jamf()->intake(SLICE("{\"webhook\":1}"), &keys, &e));
    assert_int_equal(keys.type.n, 0);
    assert_false(jamf()->intake(SLICE("<JSSEvent><webhook/></JSSEvent>"), &keys, &e));
    assert_int_equal(e.code, ERR_INPUT);
    str_release(&keys.type);
    str_release(&keys.dedupe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_named_is_read_again),
        cmocka_unit_test(the_rest_is_ignored_unknown_or_wrong),
        cmocka_unit_test(a_large_move_is_no_flood),
        cmocka_unit_test(deliveries_have_a_type_and_no_key_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
