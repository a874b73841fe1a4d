/* maps.c - NinjaOne's JSON → the rows of ninjaone.h: organizations, devices, alerts, activities. Tables only.
 * Identifiers are numbers in the API and texts here. Nothing but an identifier is required: NinjaOne leaves null
 * fields out. */
#include "provider/ninjaone/ninjaone.h"

static const struct map_name severities[] = {
    /* one more than enum severity: 0 is "not said" */
    {"NONE", SEVERITY_NONE + 1},   {"MINOR", SEVERITY_MINOR + 1},       {"MODERATE", SEVERITY_MODERATE + 1},
    {"MAJOR", SEVERITY_MAJOR + 1}, {"CRITICAL", SEVERITY_CRITICAL + 1}, {NULL, 0},
};

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

static const struct map_name priorities[] = {
    /* as a severity, likewise one more */
    {"NONE", SEVERITY_NONE + 1},
    {"LOW", SEVERITY_MINOR + 1},
    {"MEDIUM", SEVERITY_MODERATE + 1},
    {"HIGH", SEVERITY_MAJOR + 1},
    {NULL, 0},
};

static const struct map_field location_fields[] = {
    {"id", MAP_ID, AT(record_location, id)},
    {"name", MAP_TEXT, AT(record_location, name)},
    {"address", MAP_LOOSE_TEXT, AT(record_location, address)},
};
static const struct map location_map = MAP_OF(record_location, location_fields);

static const struct map_field organization_fields[] = {
    {"id", MAP_ID, AT(nin_organization, organization.id), .required = true},
    {"name", MAP_TEXT, AT(nin_organization, organization.name)},
    {"description", MAP_LOOSE_TEXT, AT(nin_organization, organization.description)},
    {"locations", MAP_LIST, AT(nin_organization, locations), .item = &location_map},
};
const struct map nin_organization_map = MAP_OF(nin_organization, organization_fields);

/* The basic shape, at path prefix P, as member M of struct T. */
#define DEVICE_FIELDS(P, T, M, REQUIRED)                                                                               \
    {P "id", MAP_ID, AT(T, M.id), .required = (REQUIRED)}, {P "uid", MAP_TEXT, AT(T, M.uid)},                          \
        {P "organizationId", MAP_ID, AT(T, M.organization_id)}, {P "locationId", MAP_ID, AT(T, M.location_id)},        \
        {P "nodeClass", MAP_TEXT, AT(T, M.node_class)}, {P "approvalStatus", MAP_TEXT, AT(T, M.approval)},             \
        {P "offline", MAP_TRI, AT(T, M.offline)}, {P "displayName", MAP_TEXT, AT(T, M.display_name)},                  \
        {P "systemName", MAP_TEXT, AT(T, M.system_name)}, {P "dnsName", MAP_TEXT, AT(T, M.dns_name)},                  \
        {P "publicIP", MAP_TEXT, AT(T, M.public_ip)}, {P "maintenance.status", MAP_TEXT, AT(T, M.maintenance)},        \
        {P "maintenance.start", MAP_LOOSE_TEXT, AT(T, M.maintenance_start)},                                           \
        {P "maintenance.end", MAP_LOOSE_TEXT, AT(T, M.maintenance_end)}, {P "created", MAP_EPOCH, AT(T, M.created)},   \
        {P "lastContact", MAP_EPOCH, AT(T, M.last_contact)}, {P "ipAddresses", MAP_TEXTS, AT(T, M.ips)},               \
        {P "macAddresses", MAP_TEXTS, AT(T, M.macs)},                                                                  \
        {P "references.organization.id", MAP_ID, AT(T, M.organization.id)},                                            \
        {P "references.organization.name", MAP_TEXT, AT(T, M.organization.name)},                                      \
        {P "references.location.id", MAP_ID, AT(T, M.location.id)},                                                    \
    {                                                                                                                  \
        P "references.location.name", MAP_TEXT, AT(T, M.location.name)                                                 \
    }

struct device_row {
    struct nin_device d;
};
static const struct map_field device_fields[] = {DEVICE_FIELDS("", device_row, d, true)};
const struct map nin_device_map = MAP_OF(nin_device, device_fields);
_Static_assert(sizeof(struct device_row) == sizeof(struct nin_device), "nin_device_map reads a struct nin_device");

#define OS_FIELDS(P, T, M)                                                                                             \
    {P "manufacturer", MAP_TEXT, AT(T, M manufacturer)}, {P "name", MAP_TEXT, AT(T, M name)},                          \
        {P "architecture", MAP_TEXT, AT(T, M architecture)}, {P "buildNumber", MAP_LOOSE_TEXT, AT(T, M build)},        \
        {P "releaseId", MAP_LOOSE_TEXT, AT(T, M release)}, {P "language", MAP_TEXT, AT(T, M language)},                \
        {P "locale", MAP_TEXT, AT(T, M locale)}, {P "lastBootTime", MAP_EPOCH, AT(T, M last_boot)},                    \
    {                                                                                                                  \
        P "needsReboot", MAP_TRI, AT(T, M needs_reboot)                                                                \
    }

#define SYSTEM_FIELDS(P, T, M)                                                                                         \
    {P "manufacturer", MAP_TEXT, AT(T, M manufacturer)}, {P "model", MAP_LOOSE_TEXT, AT(T, M model)},                  \
        {P "biosSerialNumber", MAP_LOOSE_TEXT, AT(T, M bios_serial)},                                                  \
        {P "serialNumber", MAP_LOOSE_TEXT, AT(T, M serial)},                                                           \
        {P "assetSerialNumber", MAP_LOOSE_TEXT, AT(T, M asset_serial)}, {P "domain", MAP_TEXT, AT(T, M domain)},       \
        {P "chassisType", MAP_TEXT, AT(T, M chassis)}, {P "totalPhysicalMemory", MAP_I64, AT(T, M memory)},            \
    {                                                                                                                  \
        P "virtualMachine", MAP_TRI, AT(T, M virtual_machine)                                                          \
    }

#define PROCESSOR_FIELDS                                                                                               \
    {"name", MAP_TEXT, AT(nin_processor, name)}, {"architecture", MAP_TEXT, AT(nin_processor, architecture)},          \
        {"numCores", MAP_I64, AT(nin_processor, cores)},                                                               \
        {"numLogicalCores", MAP_I64, AT(nin_processor, logical_cores)},                                                \
        {"clockSpeed", MAP_I64, AT(nin_processor, clock)},                                                             \
    {                                                                                                                  \
        "maxClockSpeed", MAP_I64, AT(nin_processor, max_clock)                                                         \
    }

static const struct map_field processor_fields[] = {PROCESSOR_FIELDS};
static const struct map processor_map = MAP_OF(nin_processor, processor_fields);

#define HOST_FIELDS                                                                                                    \
    {"deviceType", MAP_TEXT, AT(nin_device_full, kind)}, {"vendor", MAP_TEXT, AT(nin_device_full, host.vendor)},       \
        {"model", MAP_LOOSE_TEXT, AT(nin_device_full, host.model)},                                                    \
        {"serviceTag", MAP_LOOSE_TEXT, AT(nin_device_full, host.service_tag)},                                         \
        {"releaseName", MAP_LOOSE_TEXT, AT(nin_device_full, host.release)},                                            \
        {"version", MAP_LOOSE_TEXT, AT(nin_device_full, host.version)},                                                \
        {"buildNumber", MAP_LOOSE_TEXT, AT(nin_device_full, host.build)},                                              \
        {"memorySize", MAP_I64, AT(nin_device_full, host.memory)},                                                     \
    {                                                                                                                  \
        "lastBootTime", MAP_EPOCH, AT(nin_device_full, host.last_boot)                                                 \
    }

static const struct map_field device_full_fields[] = {
    DEVICE_FIELDS("", nin_device_full, device, true),
    OS_FIELDS("os.", nin_device_full, os.),
    SYSTEM_FIELDS("system.", nin_device_full, system.),
    {"processors", MAP_LIST, AT(nin_device_full, processors), .item = &processor_map},
    HOST_FIELDS,
};
const struct map nin_device_full_map = MAP_OF(nin_device_full, device_full_fields);

static const struct map_field alert_fields[] = {
    {"uid", MAP_ID, AT(nin_alert, uid), .required = true},
    {"deviceId", MAP_ID, AT(nin_alert, device_id)},
    {"device.organizationId", MAP_ID, AT(nin_alert, organization_id)},
    {"message", MAP_LOOSE_TEXT, AT(nin_alert, message)},
    {"sourceType", MAP_LOOSE_TEXT, AT(nin_alert, source_type)},
    {"sourceName", MAP_LOOSE_TEXT, AT(nin_alert, source_name)},
    {"subject", MAP_LOOSE_TEXT, AT(nin_alert, subject)},
    {"conditionName", MAP_LOOSE_TEXT, AT(nin_alert, condition_name)},
    {"createTime", MAP_EPOCH, AT(nin_alert, created)},
    {"updateTime", MAP_EPOCH, AT(nin_alert, updated)},
    {"severity", MAP_ENUM, AT(nin_alert, severity), .names = severities},
    {"priority", MAP_ENUM, AT(nin_alert, priority), .names = priorities},
};
const struct map nin_alert_map = MAP_OF(nin_alert, alert_fields);

#define ACTIVITY_FIELDS(P, T, M)                                                                                       \
    {P "id", MAP_ID, AT(T, M id)}, {P "deviceId", MAP_ID, AT(T, M device_id)},                                         \
        {P "seriesUid", MAP_ID, AT(T, M series)}, {P "activityType", MAP_TEXT, AT(T, M type)},                         \
        {P "statusCode", MAP_TEXT, AT(T, M status)}, {P "sourceName", MAP_LOOSE_TEXT, AT(T, M source_name)},           \
        {P "subject", MAP_LOOSE_TEXT, AT(T, M subject)}, {P "message", MAP_LOOSE_TEXT, AT(T, M message)},              \
        {P "activityTime", MAP_TIME, AT(T, M at)}, {P "severity", MAP_ENUM, AT(T, M severity), .names = severities},   \
        {P "priority", MAP_ENUM, AT(T, M priority), .names = priorities},                                              \
        DEVICE_FIELDS(P "device.", T, M device, false)

static const struct map_field activity_fields[] = {ACTIVITY_FIELDS("", nin_activity, )};
const struct map nin_activity_map = MAP_OF(nin_activity, activity_fields);
