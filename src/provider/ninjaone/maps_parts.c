/* maps_parts.c - NinjaOne's JSON → the rows of ninjaone.h: what reports, and the lists of one device, say of devices. Tables
 * only.
 * The lists of one device have the same rows as the reports, but without deviceId. */
#include "provider/ninjaone/ninjaone.h"

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

static const struct map_field volume_fields[] = {
    {"deviceId", MAP_ID, AT(nin_volume, device_id)},
    {"name", MAP_TEXT, AT(nin_volume, name)},
    {"driveLetter", MAP_TEXT, AT(nin_volume, drive_letter)},
    {"label", MAP_LOOSE_TEXT, AT(nin_volume, label)},
    {"deviceType", MAP_TEXT, AT(nin_volume, device_type)},
    {"fileSystem", MAP_TEXT, AT(nin_volume, file_system)},
    {"serialNumber", MAP_LOOSE_TEXT, AT(nin_volume, serial)},
    {"capacity", MAP_I64, AT(nin_volume, capacity)},
    {"freeSpace", MAP_I64, AT(nin_volume, free)},
    {"bitLockerStatus.conversionStatus", MAP_TEXT, AT(nin_volume, bitlocker)},
};
const struct map nin_volume_map = MAP_OF(nin_volume, volume_fields);

static const struct map_field interface_fields[] = {
    {"deviceId", MAP_ID, AT(nin_interface, device_id)},
    {"adapterName", MAP_TEXT, AT(nin_interface, adapter)},
    {"interfaceName", MAP_TEXT, AT(nin_interface, name)},
    {"interfaceType", MAP_LOOSE_TEXT, AT(nin_interface, type)},
    {"defaultGateway", MAP_LOOSE_TEXT, AT(nin_interface, gateway)},
    {"dnsServers", MAP_LOOSE_TEXT, AT(nin_interface, dns)},
    {"linkSpeed", MAP_LOOSE_TEXT, AT(nin_interface, speed)},
    {"status", MAP_LOOSE_TEXT, AT(nin_interface, status)},
    {"macAddress", MAP_TEXTS, AT(nin_interface, macs)},
    {"ipAddress", MAP_TEXTS, AT(nin_interface, ips)},
};
const struct map nin_interface_map = MAP_OF(nin_interface, interface_fields);

static const struct map_field antivirus_fields[] = {
    {"deviceId", MAP_ID, AT(nin_antivirus, device_id)},
    {"productName", MAP_TEXT, AT(nin_antivirus, product)},
    {"productState", MAP_LOOSE_TEXT, AT(nin_antivirus, state)},
    {"definitionStatus", MAP_LOOSE_TEXT, AT(nin_antivirus, definitions)},
    {"version", MAP_LOOSE_TEXT, AT(nin_antivirus, version)},
};
const struct map nin_antivirus_map = MAP_OF(nin_antivirus, antivirus_fields);

static const struct map_field user_fields[] = {
    {"deviceId", MAP_ID, AT(nin_user, device_id)},
    {"userName", MAP_TEXT, AT(nin_user, name)},
    {"logonTime", MAP_EPOCH, AT(nin_user, logon)},
};
const struct map nin_user_map = MAP_OF(nin_user, user_fields);

static const struct map_field health_fields[] = {
    {"deviceId", MAP_ID, AT(nin_health, device_id)},
    {"healthStatus", MAP_LOOSE_TEXT, AT(nin_health, status)},
    {"pendingRebootReason", MAP_LOOSE_TEXT, AT(nin_health, pending_reboot)},
    {"offline", MAP_TRI, AT(nin_health, offline)},
    {"alertCount", MAP_I64, AT(nin_health, alerts)},
    {"activeJobCount", MAP_I64, AT(nin_health, jobs)},
    {"activeThreatsCount", MAP_I64, AT(nin_health, threats_active)},
    {"quarantinedThreatsCount", MAP_I64, AT(nin_health, threats_quarantined)},
    {"blockedThreatsCount", MAP_I64, AT(nin_health, threats_blocked)},
    {"pendingOSPatchesCount", MAP_I64, AT(nin_health, os_pending)},
    {"failedOSPatchesCount", MAP_I64, AT(nin_health, os_failed)},
    {"pendingSoftwarePatchesCount", MAP_I64, AT(nin_health, software_pending)},
    {"failedSoftwarePatchesCount", MAP_I64, AT(nin_health, software_failed)},
    {"criticalVulnerabilityCount", MAP_I64, AT(nin_health, critical)},
    {"highVulnerabilityCount", MAP_I64, AT(nin_health, high)},
    {"mediumVulnerabilityCount", MAP_I64, AT(nin_health, medium)},
    {"lowVulnerabilityCount", MAP_I64, AT(nin_health, low)},
};
const struct map nin_health_map = MAP_OF(nin_health, health_fields);

/* A value may be of any type: each field takes those that it knows. */
static const struct map_field custom_value_fields[] = {
    {"name", MAP_TEXT, AT(nin_custom_value, name)},
    {"value", MAP_LOOSE_TEXT, AT(nin_custom_value, value)},
    {"value[]", MAP_TEXTS, AT(nin_custom_value, values)},
    {"value.text", MAP_LOOSE_TEXT, AT(nin_custom_value, inner)},
};
static const struct map custom_value_map = MAP_OF(nin_custom_value, custom_value_fields);

static const struct map_field custom_fields_fields[] = {
    {"deviceId", MAP_ID, AT(nin_custom_fields, device_id)},
    {"fields", MAP_LIST, AT(nin_custom_fields, fields), .item = &custom_value_map},
};
const struct map nin_custom_fields_map = MAP_OF(nin_custom_fields, custom_fields_fields);

static const struct map_field custom_definition_fields[] = {
    {"name", MAP_TEXT, AT(nin_custom_definition, name)},
    {"type", MAP_TEXT, AT(nin_custom_definition, type)},
};
const struct map nin_custom_definition_map = MAP_OF(nin_custom_definition, custom_definition_fields);

static const struct map_field software_fields[] = {
    {"deviceId", MAP_ID, AT(nin_software, device_id)},
    {"name", MAP_LOOSE_TEXT, AT(nin_software, name)},
    {"version", MAP_LOOSE_TEXT, AT(nin_software, version)},
    {"publisher", MAP_LOOSE_TEXT, AT(nin_software, publisher)},
    {"productCode", MAP_LOOSE_TEXT, AT(nin_software, code)},
    {"location", MAP_LOOSE_TEXT, AT(nin_software, location)},
    {"installDate", MAP_LOOSE_TEXT, AT(nin_software, installed)},
    {"size", MAP_I64, AT(nin_software, size)},
    {"isSystemComponent", MAP_TRI, AT(nin_software, system_component)},
};
const struct map nin_software_map = MAP_OF(nin_software, software_fields);

static const struct map_name patch_statuses[] = {
    {"MANUAL", PATCH_PENDING}, /* the product's console calls it pending */
    {"PENDING", PATCH_PENDING}, {"APPROVED", PATCH_APPROVED},   {"REJECTED", PATCH_REJECTED},
    {"FAILED", PATCH_FAILED},   {"INSTALLED", PATCH_INSTALLED}, {NULL, 0},
};

static const struct map_field patch_fields[] = {
    {"deviceId", MAP_ID, AT(nin_patch, device_id)},
    {"id", MAP_ID, AT(nin_patch, id)},
    {"name", MAP_LOOSE_TEXT, AT(nin_patch, name)},
    {"title", MAP_LOOSE_TEXT, AT(nin_patch, title)},
    {"kbNumber", MAP_LOOSE_TEXT, AT(nin_patch, kb)},
    {"productIdentifier", MAP_LOOSE_TEXT, AT(nin_patch, product)},
    {"severity", MAP_LOOSE_TEXT, AT(nin_patch, severity)},
    {"impact", MAP_LOOSE_TEXT, AT(nin_patch, impact)},
    {"type", MAP_LOOSE_TEXT, AT(nin_patch, type)},
    {"status", MAP_ENUM, AT(nin_patch, status), .names = patch_statuses},
    {"installedAt", MAP_TIME, AT(nin_patch, installed_at)},
    {"timestamp", MAP_TIME, AT(nin_patch, timestamp)},
};
const struct map nin_patch_map = MAP_OF(nin_patch, patch_fields);
