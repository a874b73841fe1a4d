/* activity.c - NinjaOne's activities, from webhooks and from the feed: what they ask of us.
 * Always: only (activityType, statusCode) decide; `status`, `type` and `message` are localised texts. */
#include "provider/ninjaone/ninjaone.h"

/* The first match from the top. A '*' at the end of a status stands for any rest; a row "TYPE", "*" makes the whole
 * type known. */
static const struct {
    const char *type, *status;
    enum nin_action action;
    unsigned parts; /* of the device; those of REFRESH are read again */
} actions[] = {
    {"CONDITION", "TRIGGERED", NIN_TRIGGERED, PART_HEALTH},
    {"CONDITION", "RESET", NIN_RESET, PART_HEALTH},
    {"CONDITION", "DISABLED", NIN_RESET, PART_HEALTH}, /* a condition that is off cannot fire */
    {"CONDITION", "ACKNOWLEDGED", NIN_ACKNOWLEDGED},
    {"CONDITION", "EVALUATION_FAILURE", NIN_IGNORE},

    {"SYSTEM", "NODE_CREATED", NIN_UPSERT, PART_ALL},
    {"SYSTEM", "NODE_UPDATED", NIN_UPSERT, PART_DEVICE},
    {"SYSTEM", "NODE_RE_ENROLLED", NIN_UPSERT, PART_ALL},
    {"SYSTEM", "NODE_IDENTIFICATION_UPDATED", NIN_UPSERT, PART_ALL},
    {"SYSTEM", "NODE_MANUALLY_APPROVED", NIN_UPSERT, PART_ALL},
    {"SYSTEM", "NODE_AUTOMATICALLY_APPROVED", NIN_UPSERT, PART_ALL},
    {"SYSTEM", "NODE_DELETED", NIN_GONE},
    {"SYSTEM", "NODE_MANUALLY_REJECTED", NIN_GONE},
    {"SYSTEM", "NODE_AUTOMATICALLY_REJECTED", NIN_GONE},
    {"SYSTEM", "NODE_REGISTRATION_REJECTED", NIN_GONE},
    {"SYSTEM", "REJECTED_NODE_DELETED", NIN_GONE},
    {"SYSTEM", "REJECTED_NODE_CLEARED", NIN_REFRESH, PART_ALL},
    {"SYSTEM", "MOBILE_DEVICE_UNREGISTERED", NIN_REFRESH, PART_DEVICE},
    {"SYSTEM", "MAINTENANCE_MODE_*", NIN_REFRESH, PART_DEVICE},
    {"SYSTEM", "CLIENT_CHECKLIST_*", NIN_IGNORE},
    {"SYSTEM", "CLIENT_DOCUMENT*", NIN_IGNORE},
    {"SYSTEM", "CLIENT_*", NIN_STRUCTURE},
    {"SYSTEM", "LOCATION_*", NIN_STRUCTURE},
    {"SYSTEM", "NODE_ATTRIBUTE_VALUE_UPDATED", NIN_REFRESH, PART_FIELDS},
    {"SYSTEM", "NODE_*", NIN_IGNORE}, /* access, roles, cloning advice, definitions of attributes, jobs */
    {"SYSTEM", "CREDENTIAL_*", NIN_IGNORE},
    {"SYSTEM", "POLICY_*", NIN_IGNORE},
    {"SYSTEM", "APP_USER_*", NIN_IGNORE},
    {"SYSTEM", "END_USER_*", NIN_IGNORE},
    {"SYSTEM", "CONTACT_*", NIN_IGNORE},
    {"SYSTEM", "TECHNICIAN_*", NIN_IGNORE},
    {"SYSTEM", "DEVICE_GROUP_*", NIN_IGNORE},
    {"SYSTEM", "TICKET_TEMPLATE_*", NIN_IGNORE},
    {"SYSTEM", "CUSTOM_HEALTH_STATUS_*", NIN_REFRESH, PART_HEALTH},
    {"SYSTEM", "REPORT_*", NIN_IGNORE},
    {"SYSTEM", "PSA_*", NIN_IGNORE},
    {"SYSTEM", "RESET_BY_PSA_TICKET_CALLBACK", NIN_IGNORE},
    {"SYSTEM", "CONNECTWISE*", NIN_IGNORE},
    {"SYSTEM", "AUTOTASK_*", NIN_IGNORE},
    {"SYSTEM", "API_*", NIN_IGNORE},
    {"SYSTEM", "OAUTH2_*", NIN_IGNORE},
    {"SYSTEM", "TIME_ZONE_UPDATED", NIN_IGNORE},
    {"SYSTEM", "LANGUAGE_TAG_UPDATED", NIN_IGNORE},
    {"SYSTEM", "ATTACHMENT_FILE_SUSPICIOUS", NIN_IGNORE},
    {"SYSTEM", "SMTP_SEND_ERROR", NIN_IGNORE},

    {"MONITOR", "ADAPTER_*", NIN_REFRESH, PART_HARDWARE},
    {"MONITOR", "CPU_*", NIN_REFRESH, PART_DEVICE},
    {"MONITOR", "MEMORY_*", NIN_REFRESH, PART_DEVICE},
    {"MONITOR", "DISK_*", NIN_REFRESH, PART_VOLUMES},
    {"MONITOR", "RAID_*", NIN_REFRESH, PART_VOLUMES},
    {"MONITOR", "USER_LOGGED_IN", NIN_REFRESH, PART_USER},
    {"MONITOR", "USER_LOGGED_OUT", NIN_REFRESH, PART_USER},
    {"MONITOR", "SYSTEM_REBOOTED", NIN_REFRESH, PART_DEVICE | PART_HEALTH},
    {"MONITOR", "SOFTWARE_OS_UPDATED", NIN_REFRESH, PART_DEVICE | PART_SOFTWARE | PART_HEALTH},
    {"MONITOR", "SOFTWARE_*", NIN_REFRESH, PART_SOFTWARE},
    {"MONITOR", "BITLOCKER_*", NIN_REFRESH, PART_VOLUMES},
    {"MONITOR", "FILEVAULT_*", NIN_REFRESH, PART_VOLUMES},
    {"MONITOR", "TRUSTED_PLATFORM_MODULE_*", NIN_REFRESH, PART_DEVICE},
    {"MONITOR", "USER_ACCOUNT_*", NIN_IGNORE},
    {"MONITOR", "PORT_*", NIN_IGNORE},
    {"MONITOR", "WINDOWS_SERVICE_*", NIN_IGNORE},
    {"MONITOR", "MAC_DAEMON_*", NIN_IGNORE},
    {"MONITOR", "PROCESS_*", NIN_IGNORE},
    {"MONITOR", "CREDENTIALS_CHANGED", NIN_IGNORE},

    {"ANTIVIRUS", "BITDEFENDER_INSTALLATION_SUCCEEDED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "BITDEFENDER_UNINSTALLATION_SUCCEEDED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "BITDEFENDER_DISABLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "GRAVITYZONE_ENABLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "GRAVITYZONE_DISABLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "GRAVITYZONE_INSTALLATION_SUCCEEDED*", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "SENTINEL_ONE_AGENT_*", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "CROWDSTRIKE_SENSOR_*", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "VIPREAV_INSTALLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "VIPREAV_UNINSTALLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "VIPREAV_DISABLED", NIN_REFRESH, PART_ANTIVIRUS | PART_HEALTH},
    {"ANTIVIRUS", "*", NIN_IGNORE},

    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_SCAN_STARTED", NIN_IGNORE},
    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_APPLY_PATCH_STARTED", NIN_IGNORE},
    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_ROLLBACK_PATCH_REQUESTED", NIN_IGNORE},
    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_ROLLBACK_PATCH_STARTED", NIN_IGNORE},
    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_MESSAGE", NIN_IGNORE},
    {"PATCH_MANAGEMENT", "PATCH_MANAGEMENT_*", NIN_REFRESH, PART_OS_PATCHES | PART_HEALTH},
    {"SOFTWARE_PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT_SCAN_STARTED", NIN_IGNORE},
    {"SOFTWARE_PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT_APPLY_PATCH_STARTED", NIN_IGNORE},
    {"SOFTWARE_PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT_MESSAGE", NIN_IGNORE},
    {"SOFTWARE_PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT_*", NIN_REFRESH,
     PART_SOFTWARE_PATCHES | PART_SOFTWARE | PART_HEALTH},

    /* Job life cycles and areas that this provider does not carry: understood, nothing to do. */
    {"ACTIONSET", "*", NIN_IGNORE},
    {"ACTION", "*", NIN_IGNORE},
    {"CONDITION_ACTIONSET", "*", NIN_IGNORE},
    {"CONDITION_ACTION", "*", NIN_IGNORE},
    {"SCHEDULED_TASK", "*", NIN_IGNORE},
    {"SCRIPTING", "*", NIN_IGNORE},
    {"TEAMVIEWER", "*", NIN_IGNORE},
    {"SPLASHTOP", "*", NIN_IGNORE},
    {"RDP", "*", NIN_IGNORE},
    {"NINJA_REMOTE", "*", NIN_IGNORE},
    {"NINJA_QUICK_CONNECT", "*", NIN_IGNORE},
    {"REMOTE_TOOLS", "*", NIN_IGNORE},
    {"NINJA_NETWORK_DISCOVERY", "*", NIN_IGNORE},
    {"COMMENT", "*", NIN_IGNORE},
    {"HELP_REQUEST", "*", NIN_IGNORE},
    {"SECURITY", "*", NIN_IGNORE},
    {"SHADOWPROTECT", "*", NIN_IGNORE},
    {"IMAGEMANAGER", "*", NIN_IGNORE},
    {"CLOUDBERRY", "*", NIN_IGNORE},
    {"CLOUDBERRY_BACKUP", "*", NIN_IGNORE},
    {"NINJA_BACKUP", "*", NIN_IGNORE},
    {"VIRTUALIZATION", "*", NIN_IGNORE},
    {"MDM", "*", NIN_IGNORE},
    {"PSA", "*", NIN_IGNORE},
    {"NINJA_TICKETING", "*", NIN_IGNORE},
    {"KNOWLEDGE_BASE", "*", NIN_IGNORE},
    {"RELATED_ITEM", "*", NIN_IGNORE},
    {"CLIENT_CHECKLIST", "*", NIN_IGNORE},
    {"CHECKLIST_TEMPLATE", "*", NIN_IGNORE},
    {"DOCUMENTATION", "*", NIN_IGNORE},
    {"MICROSOFT_INTUNE", "*", NIN_IGNORE},
    {"DYNAMIC_POLICY", "*", NIN_IGNORE},
};

static bool status_matches(struct slice status, const char *pattern)
{
    size_t n = strlen(pattern);

    if (n && pattern[n - 1] == '*')
        return slice_starts(status, slice_of(pattern, n - 1));
    return slice_is(status, pattern);
}

enum nin_action nin_activity_action(struct slice type, struct slice status, unsigned *ret_parts)
{
    *ret_parts = 0;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!slice_is(type, actions[i].type) || !status_matches(status, actions[i].status))
            continue;
        *ret_parts = actions[i].parts;
        return actions[i].action;
    }
    return NIN_UNKNOWN;
}

static void emit_ref(enum record_kind kind, struct slice device_id, usec_t at, const struct sink *sink)
{
    struct record r = {.kind = kind, .ref = {.device_id = device_id, .at = at}};
    sink->record(sink->arg, &r);
}

static void emit_alert(const struct nin_activity *a, enum alert_state state, struct slice device_id,
                       const struct sink *sink)
{
    int severity = nin_severity(a->severity, a->priority);
    struct slice organization =
        a->device.organization_id.n ? a->device.organization_id : known(a->device.organization.id);
    struct record r = {
        .kind = RECORD_ALERT,
        .alert =
            {
                .series = a->series,
                .device_id = device_id,
                .organization_id = organization,
                .state = state,
                .severity = severity ? (enum severity)(severity - 1) : SEVERITY_NONE,
                .severity_known = severity != 0,
                .subject = known(a->subject),
                .message = state == ALERT_TRIGGERED ? known(a->message) : SLICE_NONE,
                .source = known(a->source_name),
                .triggered_at = state == ALERT_TRIGGERED ? a->at : USEC_NONE,
                .changed_at = a->at,
                .change_id = known(a->id),
            },
    };
    sink->record(sink->arg, &r);
}

static void emit_payload(const struct nin_activity *a, const struct sink *sink)
{
    if (!a->device.id.n)
        return;
    nin_emit_references(&a->device, sink);
    nin_emit_device(&a->device, SLICE_NONE, sink);
}

static enum decode_result need_device(const struct nin_activity *a, struct err *e)
{
    err_set(e, ERR_DATA, "activity %.*s (%.*s.%.*s) names no device: neither deviceId nor device.id is there",
            SLICE_FMT(a->id), SLICE_FMT(a->type), SLICE_FMT(a->status));
    return DECODE_FAILED;
}

enum decode_result nin_activity_emit(const struct nin_activity *a, const struct sink *sink, struct err *e)
{
    struct slice device_id = a->device_id.n ? a->device_id : known(a->device.id);
    unsigned parts;
    enum nin_action action = nin_activity_action(a->type, a->status, &parts);
    enum alert_state state = ALERT_TRIGGERED;

    switch (action) {
    case NIN_UNKNOWN:
        return DECODE_UNKNOWN;
    case NIN_IGNORE:
    case NIN_STRUCTURE:
        return DECODE_IGNORED;
    case NIN_GONE:
        if (!device_id.n)
            return need_device(a, e);
        emit_ref(RECORD_DEVICE_GONE, device_id, a->at, sink);
        return DECODE_APPLIED;
    case NIN_UPSERT:
        if (!device_id.n)
            return need_device(a, e);
        break;
    case NIN_REFRESH: /* of an organization, an account */
        if (!device_id.n)
            return DECODE_IGNORED;
        break;
    case NIN_TRIGGERED:
        break;
    case NIN_RESET:
        state = ALERT_RESOLVED;
        break;
    case NIN_ACKNOWLEDGED:
        state = ALERT_ACKNOWLEDGED;
        break;
    }
    if (action == NIN_UPSERT || action == NIN_REFRESH) {
        emit_payload(a, sink);
        emit_ref(RECORD_REFRESH, device_id, a->at, sink);
        return DECODE_APPLIED;
    }
    if (!a->series.n) {
        err_set(e, ERR_DATA, "activity %.*s (CONDITION.%.*s) has no seriesUid, so it belongs to no alert",
                SLICE_FMT(a->id), SLICE_FMT(a->status));
        return DECODE_FAILED;
    }
    emit_payload(a, sink);
    emit_alert(a, state, device_id, sink);
    return DECODE_APPLIED;
}
