/* ninjaone_webhook.c - NinjaOne's activities as they are posted. */
#include "base/json_read.h"
#include "base/mem.h"
#include "base/test.h"
#include "provider/common_scan.h"
#include "provider/harness.h"

static const struct provider *ninjaone(void)
{
    return provider_find(SLICE("ninjaone"));
}

#define DEVICE                                                                                                         \
    "\"device\":{\"id\":4711,\"organizationId\":13,\"locationId\":33,\"nodeClass\":\"WINDOWS_SERVER\","                \
    "\"approvalStatus\":\"APPROVED\",\"offline\":false,\"systemName\":\"ALD-RDS-01\",\"created\":1731000001.25,"       \
    "\"lastContact\":1760001200.531,\"references\":{\"organization\":{\"name\":\"Alder "                               \
    "Dental\",\"nodeApprovalMode\":\"AUTOMATIC\",\"id\":13},\"location\":{\"name\":\"Main Office\",\"id\":33}}}"
#define ALERT(id, time, status)                                                                                        \
    "{\"id\":" id ",\"activityTime\":" time ",\"deviceId\":4711,\"seriesUid\":\"0f0e4d9c\","                           \
    "\"activityType\":\"CONDITION\",\"statusCode\":\"" status "\",\"status\":\"Ausgel\\u00f6st\","                     \
    "\"sourceName\":\"_average_\",\"subject\":\"\",\"message\":\"Memory at or above 90%\",\"type\":\"Bedingung\","     \
    "\"data\":{\"message\":{\"code\":\"x\",\"params\":{\"start_date\":1760000634556}}}," DEVICE "}"
#define PLAIN(id, type, status, more)                                                                                  \
    "{\"id\":" id ",\"activityTime\":1760009999.0,\"activityType\":\"" type "\",\"statusCode\":\"" status "\"" more "}"

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
    d.result = ninjaone()->decode(slice_cstr(body), SECONDS(1760010000), &sink, &d.e);
    str_adds(&d.lines, "");
    return d;
}

static const char device_line[] =
    "device "
    "{\"id\":\"4711\",\"organization_id\":\"13\",\"location_id\":\"33\",\"name\":\"ALD-RDS-01\",\"hostname\":\"ALD-RDS-"
    "01\","
    "\"type\":\"server\",\"product_class\":\"WINDOWS_SERVER\",\"status\":\"online\",\"approved\":true,\"maintenance\":"
    "false,"
    "\"created\":\"2024-11-07T17:20:01.250000Z\",\"last_seen\":\"2025-10-09T09:13:20.531000Z\"}";

static void condition_becomes_one_alert_through_its_life(void **state)
{
    static const struct {
        const char *body, *line;
    } cases[] = {
        {ALERT("551210", "1760001234.556", "TRIGGERED"),
         "alert 0f0e4d9c {\"device\":\"4711\",\"organization\":\"13\",\"state\":\"triggered\",\"message\":\"Memory at "
         "or above 90%\","
         "\"source\":\"_average_\",\"triggered\":\"2025-10-09T09:13:54.556000Z\",\"changed\":\"2025-10-09T09:13:54."
         "556000Z\","
         "\"change_id\":\"551210\"}"},
        {ALERT("551300", "1760001300", "ACKNOWLEDGED"),
         "alert 0f0e4d9c "
         "{\"device\":\"4711\",\"organization\":\"13\",\"state\":\"acknowledged\",\"source\":\"_average_\","
         "\"changed\":\"2025-10-09T09:15:00Z\",\"change_id\":\"551300\"}"},
        {ALERT("551305", "1760001834.101", "RESET"),
         "alert 0f0e4d9c {\"device\":\"4711\",\"organization\":\"13\",\"state\":\"resolved\",\"source\":\"_average_\","
         "\"changed\":\"2025-10-09T09:23:54.101000Z\",\"change_id\":\"551305\"}"},
        {ALERT("551306", "1760001834.101", "DISABLED"),
         "alert 0f0e4d9c {\"device\":\"4711\",\"organization\":\"13\",\"state\":\"resolved\",\"source\":\"_average_\","
         "\"changed\":\"2025-10-09T09:23:54.101000Z\",\"change_id\":\"551306\"}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = decode(cases[i].body);
        assert_int_equal(d.result, DECODE_APPLIED);
        assert_line(d.lines.p, cases[i].line);
        assert_line(d.lines.p, "organization 13 {\"name\":\"Alder Dental\"}");
        assert_line(d.lines.p, "location 33 {\"organization\":\"13\",\"name\":\"Main Office\"}");
        assert_line(d.lines.p, device_line);
        /* the alert may need the device: it comes last */
        assert_true(strstr(d.lines.p, "alert") > strstr(d.lines.p, "device {"));
        str_release(&d.lines);
    }
}

static void type_and_status_decide_what_happens(void **state)
{
    static const struct {
        const char *body;
        enum decode_result result;
        const char *lines; /* exactly */
    } cases[] = {
        {PLAIN("1", "SYSTEM", "NODE_CREATED", ",\"deviceId\":5"), DECODE_APPLIED, "refresh 5 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "SYSTEM", "NODE_DELETED", ",\"deviceId\":5"), DECODE_APPLIED, "gone 5 2025-10-09T11:39:59Z\n"},
        /* what is deleted must not come back through its own payload */
        {PLAIN("1", "SYSTEM", "NODE_DELETED", "," DEVICE), DECODE_APPLIED, "gone 4711 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "SYSTEM", "NODE_MANUALLY_REJECTED", ",\"deviceId\":5"), DECODE_APPLIED,
         "gone 5 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "MONITOR", "DISK_VOLUME_ADDED", ",\"deviceId\":5"), DECODE_APPLIED,
         "refresh 5 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "MONITOR", "USER_LOGGED_IN", ",\"deviceId\":5"), DECODE_APPLIED,
         "refresh 5 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "MONITOR", "SYSTEM_REBOOTED", ",\"deviceId\":5"), DECODE_APPLIED,
         "refresh 5 2025-10-09T11:39:59Z\n"},
        {PLAIN("1", "MONITOR", "PROCESS_STARTED", ",\"deviceId\":5"), DECODE_IGNORED, ""},
        {PLAIN("1", "SYSTEM", "CLIENT_CREATED", ""), DECODE_IGNORED, ""},
        {PLAIN("1", "SYSTEM", "APP_USER_LOGGED_IN", ""), DECODE_IGNORED, ""},
        {PLAIN("1", "ACTIONSET", "START_REQUESTED", ",\"deviceId\":5"), DECODE_IGNORED, ""},
        {PLAIN("1", "CONDITION_ACTION", "TRIGGERED", ",\"deviceId\":5"), DECODE_IGNORED, ""},
        {PLAIN("1", "CONDITION", "EXPLODED", ",\"deviceId\":5"), DECODE_UNKNOWN, ""},
        {PLAIN("1", "QUANTUM", "ENTANGLED", ""), DECODE_UNKNOWN, ""},
        /* localised words decide nothing */
        {"{\"id\":1,\"type\":\"CONDITION\",\"status\":\"TRIGGERED\",\"activityType\":\"QUANTUM\"}", DECODE_UNKNOWN, ""},
        {"{\"id\":1,\"activityType\":\"NODE_CREATED\",\"deviceId\":5}", DECODE_UNKNOWN, ""},
        {PLAIN("1", "SYSTEM", "NODE_CREATED", ""), DECODE_FAILED, ""},
        {PLAIN("1", "CONDITION", "TRIGGERED", ",\"deviceId\":5"), DECODE_FAILED, ""},
        {PLAIN("1", "CONDITION", "TRIGGERED", ",\"seriesUid\":\"s\",\"activityTime\":{}"), DECODE_APPLIED, NULL},
        {"{\"id\":1}", DECODE_FAILED, ""},
        {"[]", DECODE_FAILED, ""},
        {"\"text\"", DECODE_FAILED, ""},
        {"{\"id\":1,", DECODE_FAILED, ""},
        {"{\"id\":1,\"activityType\":7}", DECODE_FAILED, ""},
        {"{\"activityType\":\"CONDITION\",\"statusCode\":\"RESET\",\"seriesUid\":\"s\",\"device\":{\"id\":1,"
         "\"offline\":\"no idea\"}}",
         DECODE_FAILED, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d = decode(cases[i].body);
        if (d.result != cases[i].result)
            fail_msg("case %zu: %d, %s", i, d.result, d.e.what);
        assert_int_equal(d.e.code != ERR_NONE, d.result == DECODE_FAILED); /* a failure says why */
        if (cases[i].lines)
            assert_string_equal(d.lines.p, cases[i].lines);
        str_release(&d.lines);
    }
}

/* The product's activity types, each with statuses of its own: whatever is not done here is understood, and counted as such. */
static void every_group_of_activities_is_known(void **state)
{
    static const struct {
        const char *type, *statuses; /* separated by blanks */
        enum decode_result result;
    } groups[] = {
        {"ACTIONSET", "START_REQUESTED STARTED IN_PROCESS COMPLETED CANCEL_REQUESTED CANCELLED BLOCKED",
         DECODE_IGNORED},
        {"ACTION", "COMPLETED", DECODE_IGNORED},
        {"CONDITION_ACTIONSET", "STARTED", DECODE_IGNORED},
        {"CONDITION_ACTION", "BLOCKED", DECODE_IGNORED},
        {"SCHEDULED_TASK", "STARTED SCHEDULED_TASK_CREATED", DECODE_IGNORED},
        {"SCRIPTING", "COMPLETED SCRIPT_UPDATED", DECODE_IGNORED},
        {"CONDITION", "TRIGGERED RESET ACKNOWLEDGED DISABLED", DECODE_APPLIED},
        {"CONDITION", "EVALUATION_FAILURE", DECODE_IGNORED},
        {"SYSTEM",
         "NODE_CREATED NODE_UPDATED NODE_RE_ENROLLED NODE_IDENTIFICATION_UPDATED NODE_MANUALLY_APPROVED "
         "NODE_AUTOMATICALLY_APPROVED NODE_DELETED NODE_MANUALLY_REJECTED NODE_AUTOMATICALLY_REJECTED "
         "NODE_REGISTRATION_REJECTED REJECTED_NODE_CLEARED REJECTED_NODE_DELETED MOBILE_DEVICE_UNREGISTERED "
         "MAINTENANCE_MODE_CONFIGURED NODE_ATTRIBUTE_VALUE_UPDATED CUSTOM_HEALTH_STATUS_CHANGED",
         DECODE_APPLIED},
        {"SYSTEM",
         "CLIENT_CREATED LOCATION_DELETED CREDENTIAL_UPDATED POLICY_CREATED NODE_ROLE_DELETED NODE_ACCESS_GRANTED "
         "NODE_CLONING_DETECTED NODE_CLONE_ADVISED_TO_REGISTER APP_USER_LOGGED_IN END_USER_CREATED_API CONTACT_UPDATED "
         "DEVICE_GROUP_CREATED TICKET_TEMPLATE_UPDATED REPORT_DELETED PSA_ENABLED PSA_TICKET_CREATION_FAILED "
         "RESET_BY_PSA_TICKET_CALLBACK CONNECTWISE_UPDATED CONNECTWISECONTROL_ATTEMPT AUTOTASK_ATTACHMENT_FAILURE "
         "TIME_ZONE_UPDATED LANGUAGE_TAG_UPDATED TECHNICIAN_ROLE_CREATED OAUTH2_CREATED ATTACHMENT_FILE_SUSPICIOUS "
         "SMTP_SEND_ERROR API_WEBHOOK_CONFIGURATION_UPDATED NODE_JOBS_CANCELLED",
         DECODE_IGNORED},
        {"MONITOR",
         "ADAPTER_ADDED CPU_REMOVED MEMORY_ADDED DISK_DRIVE_ADDED DISK_VOLUME_REMOVED USER_LOGGED_IN USER_LOGGED_OUT "
         "SOFTWARE_ADDED SOFTWARE_REMOVED SOFTWARE_UPDATED SOFTWARE_OS_UPDATED RAID_LOGICAL_DISK_ADDED "
         "BITLOCKER_ENABLED "
         "FILEVAULT_DISABLED TRUSTED_PLATFORM_MODULE_INSTALLED SYSTEM_REBOOTED",
         DECODE_APPLIED},
        {"MONITOR",
         "USER_ACCOUNT_ADDED PORT_OPENED WINDOWS_SERVICE_STOPPED MAC_DAEMON_STARTED PROCESS_STOPPED "
         "CREDENTIALS_CHANGED",
         DECODE_IGNORED},
        {"PATCH_MANAGEMENT",
         "PATCH_MANAGEMENT_SCAN_COMPLETED PATCH_MANAGEMENT_APPLY_PATCH_COMPLETED PATCH_MANAGEMENT_INSTALLED "
         "PATCH_MANAGEMENT_INSTALL_FAILED PATCH_MANAGEMENT_FAILURE PATCH_MANAGEMENT_ROLLBACK_PATCH_COMPLETED "
         "PATCH_MANAGEMENT_PATCH_APPROVED PATCH_MANAGEMENT_PATCH_REJECTED",
         DECODE_APPLIED},
        {"PATCH_MANAGEMENT",
         "PATCH_MANAGEMENT_SCAN_STARTED PATCH_MANAGEMENT_APPLY_PATCH_STARTED PATCH_MANAGEMENT_MESSAGE "
         "PATCH_MANAGEMENT_ROLLBACK_PATCH_REQUESTED PATCH_MANAGEMENT_ROLLBACK_PATCH_STARTED",
         DECODE_IGNORED},
        {"SOFTWARE_PATCH_MANAGEMENT",
         "SOFTWARE_PATCH_MANAGEMENT_SCAN_COMPLETED SOFTWARE_PATCH_MANAGEMENT_INSTALLED "
         "SOFTWARE_PATCH_MANAGEMENT_INSTALL_FAILED SOFTWARE_PATCH_MANAGEMENT_PATCH_APPROVED",
         DECODE_APPLIED},
        {"SOFTWARE_PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT_SCAN_STARTED SOFTWARE_PATCH_MANAGEMENT_MESSAGE",
         DECODE_IGNORED},
        {"ANTIVIRUS",
         "VIPREAV_INSTALLED BITDEFENDER_DISABLED GRAVITYZONE_ENABLED GRAVITYZONE_INSTALLATION_SUCCEEDED_WITH_WARNINGS "
         "SENTINEL_ONE_AGENT_DISABLED CROWDSTRIKE_SENSOR_ENABLED",
         DECODE_APPLIED},
        {"ANTIVIRUS",
         "WEBROOT_THREAT_DETECTED BDAS_BITDEFENDER_THREAT_BLOCKED COMPETITOR_EXISTING_PRODUCT_UNINSTALL "
         "SCHEDULE_INSTALL_OPTION_CHANGED SENTINEL_ONE_SCAN_STARTED",
         DECODE_IGNORED},
        {"SECURITY", "SECURITY_CREDENTIAL_ACCESS_GRANTED", DECODE_IGNORED},
        {"COMMENT", "COMMENT", DECODE_IGNORED},
        {"HELP_REQUEST", "HELP_REQUEST_SUBMITTED", DECODE_IGNORED},
        {"RDP", "RDP_CONNECTION_INITIATED", DECODE_IGNORED},
        {"TEAMVIEWER", "TEAMVIEWER_INSTALLED", DECODE_IGNORED},
        {"SPLASHTOP", "SPLASHTOP_CONNECTION_INITIATED", DECODE_IGNORED},
        {"NINJA_QUICK_CONNECT", "QC_SESSION_STARTED", DECODE_IGNORED},
        {"NINJA_REMOTE", "REMOTE_SUPPORT_CREATED", DECODE_IGNORED},
        {"NINJA_NETWORK_DISCOVERY", "STARTED", DECODE_IGNORED},
        {"REMOTE_TOOLS", "REMOTE_TOOLS_FILE_TRANSFER_SUCCESS", DECODE_IGNORED},
        {"NINJA_BACKUP", "NINJA_BACKUP_BACKUPJOB_FAILED BACKUP_IMAGE_RESTORE_CANCELED", DECODE_IGNORED},
        {"SHADOWPROTECT", "SHADOWPROTECT_BACKUPJOB_FAILED", DECODE_IGNORED},
        {"IMAGEMANAGER", "IMAGEMANAGER_VERIFICATION_FAILED", DECODE_IGNORED},
        {"CLOUDBERRY", "CLOUDBERRY_INSTALLED", DECODE_IGNORED},
        {"CLOUDBERRY_BACKUP", "CLOUDBERRY_BACKUPJOB_FAILED", DECODE_IGNORED},
        {"VIRTUALIZATION", "STARTED", DECODE_IGNORED},
        {"MDM", "MDM_ERASE_STATUS_CREATED", DECODE_IGNORED},
        {"NINJA_TICKETING", "NINJA_TICKETING_TICKET_CREATED", DECODE_IGNORED},
        {"PSA", "SERVICE_NOW_UPDATED ZENDESK_UPDATED", DECODE_IGNORED},
        {"KNOWLEDGE_BASE", "KNOWLEDGE_BASE_DOCUMENT_CREATED", DECODE_IGNORED},
        {"DOCUMENTATION", "CLIENT_DOCUMENT_CREATED", DECODE_IGNORED},
        {"CLIENT_CHECKLIST", "CLIENT_CHECKLIST_CREATED", DECODE_IGNORED},
        {"CHECKLIST_TEMPLATE", "CHECKLIST_TEMPLATE_CREATED", DECODE_IGNORED},
        {"RELATED_ITEM", "RELATED_ITEM_CREATED", DECODE_IGNORED},
        {"MICROSOFT_INTUNE", "STARTED", DECODE_IGNORED},
        {"DYNAMIC_POLICY", "STARTED", DECODE_IGNORED},
        {"CONDITION", "EXPLODED", DECODE_UNKNOWN},
        {"SYSTEM", "BRAND_NEW", DECODE_UNKNOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        struct slice left = slice_cstr(groups[i].statuses);
        while (left.n) {
            struct slice status = slice_cut(&left, ' ');
            char *body = mem_printf("{\"id\":1,\"activityTime\":1760009999,\"deviceId\":5,\"seriesUid\":\"s\","
                                    "\"activityType\":\"%s\",\"statusCode\":\"%.*s\"}",
                                    groups[i].type, SLICE_FMT(status));
            struct decoded d = decode(body);
            if (d.result != groups[i].result)
                fail_msg("%s %.*s: %d", groups[i].type, SLICE_FMT(status), d.result);
            assert_int_equal(d.lines.n > 0, d.result == DECODE_APPLIED);
            str_release(&d.lines);
            free(body);
        }
    }
}

/* Of an organization or the account: there is no device to be read again, and nothing is wrong with it. */
static void what_names_no_device_refreshes_none(void **state)
{
    static const char *const bodies[] = {PLAIN("1", "SYSTEM", "NODE_ATTRIBUTE_VALUE_UPDATED", ""),
                                         PLAIN("1", "PATCH_MANAGEMENT", "PATCH_MANAGEMENT_PATCH_APPROVED", ""),
                                         PLAIN("1", "MONITOR", "SOFTWARE_ADDED", "")};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct decoded d = decode(bodies[i]);
        assert_int_equal(d.result, DECODE_IGNORED);
        assert_string_equal(d.lines.p, "");
        str_release(&d.lines);
    }
}

static void wrapped_activities_are_read_too(void **state)
{
    struct decoded d = decode("{\"activity\":" ALERT("1", "1760001234", "RESET") "}");
    assert_int_equal(d.result, DECODE_APPLIED);
    assert_says(d.lines.p, "alert 0f0e4d9c");
    str_release(&d.lines);

    d = decode(" { \"activities\" : [ " PLAIN("1", "SYSTEM", "NODE_CREATED", ",\"deviceId\":5") " , " PLAIN(
        "2", "QUANTUM", "X", "") ",\n" PLAIN("3", "SYSTEM", "NODE_DELETED", ",\"deviceId\":6") "]}");
    assert_int_equal(d.result, DECODE_APPLIED);
    assert_string_equal(d.lines.p, "refresh 5 2025-10-09T11:39:59Z\ngone 6 2025-10-09T11:39:59Z\n");
    str_release(&d.lines);

    d = decode("{\"activities\":[" PLAIN("1", "CONDITION", "TRIGGERED", "") "," PLAIN("3", "SYSTEM", "NODE_DELETED",
                                                                                      ",\"deviceId\":6") "]}");
    assert_int_equal(d.result, DECODE_FAILED); /* the bad one shows, its neighbour counts */
    assert_says(d.e.what, "seriesUid");
    assert_says(d.lines.p, "gone 6");
    str_release(&d.lines);
}

static void intake_takes_id_and_type(void **state)
{
    static const struct {
        const char *body, *dedupe, *type;
    } cases[] = {
        {ALERT("551210", "1760001234.556", "TRIGGERED"), "551210", "CONDITION.TRIGGERED"},
        {"\n{ \"id\" : \"77\" , \"activityType\" : \"SYSTEM\", \"statusCode\":\"NODE_DELETED\" }\n", "77",
         "SYSTEM.NODE_DELETED"},
        {"{\"activity\":{\"id\":8,\"activityType\":\"A\",\"statusCode\":\"B\"}}", "8", "A.B"},
        {"{\"activities\":[{\"id\":8},{\"id\":9}]}", "", "activities"},
        {"{\"data\":{\"id\":5},\"device\":{\"id\":6}}", "", ""}, /* not the ids of something inside */
        {"{\"id\":-5.5,\"activityType\":\"A\\u0042\"}", "", ""},
        {"[]", "", ""},
        {"\"x\"", "", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct intake_keys keys = {0};
        struct err e = {0};
        if (!ninjaone()->intake(slice_cstr(cases[i].body), &keys, &e))
            fail_msg("case %zu: %s", i, e.what);
        assert_string_equal(keys.dedupe.p ? keys.dedupe.p : "", cases[i].dedupe);
        assert_string_equal(keys.type.p ? keys.type.p : "", cases[i].type);
        str_release(&keys.dedupe);
        str_release(&keys.type);
    }
}

/* The scanner that stands at the door and the reader behind it agree on what JSON is. */
static void scanner_agrees_with_the_reader(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "{}",
        "[]",
        "[,]",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "-",
        "-0",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1E-5",
        "1.5e10",
        "nul",
        "null",
        "nullx",
        "true",
        "falsey",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\u00e9\"",
        "\"\t\"",
        "1 2",
        "[1 2]",
        "{}{}",
        "[[[[]]]]",
        "\"a\" ",
        "\r\n[\t]\n",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
        "[1",
        "[\"a",
        "{\"a\":1 \"b\":2}",
        "+1",
        "0x10",
        "NaN",
        "'a'",
        "[\"\\ud83d\\ude80\"]",
        "\"\xff\"",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        /* exactly as long as the text: a look past its end is found */
        size_t n = strlen(texts[i]);
        char *copy = malloc(n + !n);
        memcpy(copy, texts[i], n);
        struct slice text = slice_of(copy, n);
        struct err e = {0};
        bool scan = scan_json(text, NULL, NULL, &e), reader = json_valid(text, NULL);
        if (scan != reader)
            fail_msg("%s: scan_json says %d, the reader %d (%s)", texts[i], scan, reader, e.what);
        free(copy);
    }
}

/* The reader takes a vertical tab for a blank, JSON does not. */
static void scanner_is_stricter_about_blanks(void **state)
{
    assert_false(scan_json(SLICE("\v[]"), NULL, NULL, NULL));
    assert_false(scan_json(SLICE("[\f]"), NULL, NULL, NULL));
}

static void scanner_bounds_the_depth(void **state)
{
    char deep[2 * (JSON_MAX_DEPTH + 2)];

    for (unsigned depth = JSON_MAX_DEPTH - 1; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        assert_int_equal(scan_json(slice_of(deep, 2 * (size_t)depth), NULL, NULL, NULL), depth <= JSON_MAX_DEPTH);
        assert_int_equal(json_valid(slice_of(deep, 2 * (size_t)depth), NULL), depth <= JSON_MAX_DEPTH);
    }
}

/* Each prefix and each single damaged byte of a real body: never a crash, and a prefix is never JSON. */
static void damaged_bodies_are_refused(void **state)
{
    const char *body = ALERT("551210", "1760001234.556", "TRIGGERED");
    size_t n = strlen(body);

    for (size_t i = 0; i < n; i++) {
        char *cut = malloc(i + 1);
        memcpy(cut, body, i);
        struct intake_keys keys = {0};
        assert_false(ninjaone()->intake(slice_of(cut, i), &keys, NULL));
        str_release(&keys.dedupe);
        str_release(&keys.type);
        free(cut);
    }
    for (size_t i = 0; i < n; i++) {
        char *bent = strdup(body);
        bent[i] = (char)(bent[i] ^ 0x15);
        struct decoded d = decode(bent);
        str_release(&d.lines);
        free(bent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(condition_becomes_one_alert_through_its_life),
        cmocka_unit_test(type_and_status_decide_what_happens),
        cmocka_unit_test(every_group_of_activities_is_known),
        cmocka_unit_test(what_names_no_device_refreshes_none),
        cmocka_unit_test(wrapped_activities_are_read_too),
        cmocka_unit_test(intake_takes_id_and_type),
        cmocka_unit_test(scanner_agrees_with_the_reader),
        cmocka_unit_test(scanner_is_stricter_about_blanks),
        cmocka_unit_test(scanner_bounds_the_depth),
        cmocka_unit_test(damaged_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
