/* jamf/records.c - a computer as the inventory writes it, in each of its versions. A section that was not asked for is null;
 * one that is empty is an empty list. */
#include "jamf.h"

static const char *const section_names[JS_N] = {
#define X(id, key) [JS_##id] = #id,
    J_SECTIONS(X)
#undef X
};
static const char *const section_keys[JS_N] = {
#define X(id, key) [JS_##id] = key,
    J_SECTIONS(X)
#undef X
};

bool j_section(struct slice name, unsigned version, enum j_section *ret)
{
    for (size_t k = 0; k < JS_N; k++)
        if (slice_is(name, section_names[k]) && (version == 1 || (k != JS_PLUGINS && k != JS_FONTS))) {
            *ret = (enum j_section)k;
            return true;
        }
    return false;
}

static void put(struct jw *w, const char *key, const struct j_computer *c, enum j_field f)
{
    jw_key_str(w, key, c->v[f]);
}

static void put_time(struct jw *w, const char *key, usec_t t)
{
    char buf[J_TIME_MAX];
    jw_key_str(w, key, j_time(t, buf));
}

static void put_nothing(struct jw *w, const char *const *keys)
{
    for (; *keys; keys++)
        jw_key_str(w, *keys, NULL);
}

static void put_empty(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_array(w);
    jw_end(w);
}

static void put_site(struct jw *w, const struct j_computer *c)
{
    const char *name = "None";
    jw_key(w, "site");
    if (!c->v[JF_SITE]) {
        jw_null(w);
        return;
    }
    for (size_t k = 0; k < j_nsites; k++)
        if (c->v[JF_SITE][0] == (char)('0' + j_sites[k].id))
            name = j_sites[k].name;
    jw_object(w);
    put(w, "id", c, JF_SITE);
    jw_key_str(w, "name", name);
    jw_end(w);
}

static void put_mdm(struct jw *w, const struct j_computer *c)
{
    jw_key(w, "remoteManagement");
    jw_object(w);
    jw_key_bool(w, "managed", c->managed);
    jw_key_str(w, "managementUsername", NULL);
    jw_end(w);
    jw_key_bool(w, "supervised", c->supervised);
    jw_key(w, "mdmCapable");
    jw_object(w);
    jw_key_bool(w, "capable", c->capable);
    jw_key(w, "capableUsers");
    jw_array(w);
    if (c->v[JF_USERNAME])
        jw_str(w, c->v[JF_USERNAME]);
    jw_end(w);
    put_empty(w, "userManagementInfo");
    jw_end(w);
}

static void general_bare(struct jw *w)
{
    static const char *const keys[] = {"name",       "lastIpAddress",    "lastReportedIpV4", "jamfBinaryVersion",
                                       "platform",   "assetTag",         "remoteManagement", "supervised",
                                       "mdmCapable", "reportDate",       "lastEnrolledDate", "mdmProfileExpiration",
                                       "site",       "enrollmentMethod", "userApprovedMdm",  "managementId",
                                       NULL};
    put_nothing(w, keys);
}

static void write_general(struct jw *w, const struct jamf *j, const struct j_computer *c, unsigned version)
{
    char day[CLOCK_ISO_MAX];
    if (c->bare) {
        general_bare(w);
        return;
    }
    put(w, "name", c, JF_NAME);
    put(w, "lastIpAddress", c, JF_PUBLIC_IP);
    if (version < 4)
        put(w, "lastReportedIp", c, JF_REPORTED_IP);
    put(w, "lastReportedIpV4", c, JF_REPORTED_IP);
    jw_key_str(w, "lastReportedIpV6", c->id % 7 == 1 ? "2001:db8::17" : NULL);
    jw_key_str(w, "jamfBinaryVersion", "11.29.1-t1782156420");
    jw_key_str(w, "platform", "Mac");
    jw_key_str(w, "barcode1", c->id % 6 == 2 ? "5 12345 678900" : NULL);
    jw_key_str(w, "barcode2", NULL);
    put(w, "assetTag", c, JF_ASSET_TAG);
    put_mdm(w, c);
    put_time(w, "reportDate", c->reported);
    if (version < 4)
        put_time(w, "lastContactTime", c->contact);
    else {
        put_time(w, "lastCheckIn", c->check_in);
        put_time(w, "lastContact", c->contact);
    }
    put_time(w, "lastEnrolledDate", c->enrolled);
    put_time(w, "mdmProfileExpiration", c->expires);
    snprintf(day, sizeof(day), "%.10s", clock_iso(c->enrolled, (char[CLOCK_ISO_MAX]){0}));
    jw_key_str(w, "initialEntryDate", day);
    jw_key(w, "enrollmentMethod");
    if (c->automated) {
        jw_object(w);
        jw_key_str(w, "id", "3");
        jw_key_str(w, "objectName", "Berlin PreStage");
        jw_key_str(w, "objectType", "PreStage enrollment");
        jw_end(w);
    } else {
        jw_null(w);
    }
    put_site(w, c);
    jw_key_bool(w, "enrolledViaAutomatedDeviceEnrollment", c->automated);
    jw_key_bool(w, "userApprovedMdm", c->approved);
    jw_key_bool(w, "declarativeDeviceManagementEnabled", c->silicon);
    put_empty(w, "extensionAttributes");
    put(w, "managementId", c, JF_MANAGEMENT_ID);
    put(w, "lastLoggedInUsernameBinary", c, JF_USERNAME);
    put_time(w, "lastLoggedInUsernameBinaryTimestamp", c->v[JF_USERNAME] ? c->check_in : USEC_NONE);
}

static void write_hardware(struct jw *w, const struct j_computer *c)
{
    static const char *const keys[] = {"make", "model", "serialNumber", "macAddress", "totalRamMegabytes", NULL};
    if (c->bare) {
        put_nothing(w, keys);
        return;
    }
    jw_key_str(w, "make", "Apple");
    put(w, "model", c, JF_MODEL);
    put(w, "modelIdentifier", c, JF_MODEL_IDENTIFIER);
    put(w, "serialNumber", c, JF_SERIAL);
    jw_key_i64(w, "processorSpeedMhz", c->silicon ? 0 : 3200);
    jw_key_i64(w, "processorCount", 1);
    jw_key_i64(w, "coreCount", c->silicon ? 10 : 6);
    put(w, "processorType", c, JF_PROCESSOR);
    jw_key_str(w, "processorArchitecture", c->silicon ? "arm64" : "x86_64");
    jw_key_str(w, "networkAdapterType", "IEEE80211");
    put(w, "macAddress", c, JF_MAC);
    jw_key_str(w, "altNetworkAdapterType", c->v[JF_ALT_MAC] && *c->v[JF_ALT_MAC] ? "Ethernet" : "");
    put(w, "altMacAddress", c, JF_ALT_MAC);
    jw_key_i64(w, "totalRamMegabytes", 8192 << (c->id % 3));
    jw_key_i64(w, "batteryCapacityPercent", 91);
    jw_key_str(w, "batteryHealth", "NORMAL");
    jw_key_str(w, "opticalDrive", NULL);
    jw_key_str(w, "bootRom", "11881.41.5");
    jw_key_bool(w, "appleSilicon", c->silicon);
    put_empty(w, "extensionAttributes");
}

static void write_user(struct jw *w, const struct j_computer *c)
{
    put(w, "username", c, JF_USERNAME);
    put(w, "realname", c, JF_REALNAME);
    put(w, "email", c, JF_EMAIL);
    put(w, "position", c, JF_POSITION);
    put(w, "phone", c, JF_PHONE);
    put(w, "departmentId", c, JF_DEPARTMENT);
    put(w, "buildingId", c, JF_BUILDING);
    put(w, "room", c, JF_ROOM);
    put_empty(w, "extensionAttributes");
}

static void write_os(struct jw *w, const struct j_computer *c)
{
    jw_key_str(w, "name", c->bare ? NULL : "macOS");
    put(w, "version", c, JF_OS_VERSION);
    put(w, "build", c, JF_OS_BUILD);
    put(w, "supplementalBuildVersion", c, JF_OS_BUILD);
    jw_key_str(w, "rapidSecurityResponse", c->bare ? NULL : "");
    jw_key_str(w, "activeDirectoryStatus", c->bare ? NULL : "Not Bound");
    put(w, "fileVault2Status", c, JF_FILEVAULT);
    jw_key_str(w, "softwareUpdateDeviceId", c->bare ? NULL : "J414sAP");
    put_empty(w, "extensionAttributes");
}

static void write_security(struct jw *w, const struct j_computer *c)
{
    put(w, "sipStatus", c, JF_SIP);
    put(w, "gatekeeperStatus", c, JF_GATEKEEPER);
    put(w, "xprotectVersion", c, JF_XPROTECT);
    if (c->bare)
        return;
    jw_key_bool(w, "autoLoginDisabled", true);
    jw_key_bool(w, "remoteDesktopEnabled", c->id % 6 == 3);
    jw_key_bool(w, "activationLockEnabled", c->id % 8 == 1);
    jw_key_bool(w, "recoveryLockEnabled", false);
    jw_key_bool(w, "firewallEnabled", c->id % 5 != 4);
    jw_key_str(w, "secureBootLevel", c->silicon ? "FULL_SECURITY" : "NOT_SUPPORTED");
    jw_key_str(w, "externalBootLevel", "DISALLOW_BOOTING_FROM_EXTERNAL_MEDIA");
    jw_key_bool(w, "bootstrapTokenAllowed", true);
    jw_key_str(w, "bootstrapTokenEscrowedStatus", "ESCROWED");
}

static void write_encryption(struct jw *w, const struct jamf *j, const struct j_computer *c)
{
    jw_key(w, "bootPartitionEncryptionDetails");
    jw_object(w);
    jw_key_str(w, "partitionName", c->bare ? NULL : "Macintosh HD (Boot Partition)");
    put(w, "partitionFileVault2State", c, JF_BOOT_STATE);
    jw_key_i64(w, "partitionFileVault2Percent", c->bare ? 0 : 100);
    jw_end(w);
    jw_key_str(w, "individualRecoveryKeyValidityStatus", c->bare ? "UNKNOWN" : "VALID");
    jw_key_bool(w, "institutionalRecoveryKeyPresent", false);
    jw_key_str(w, "diskEncryptionConfigurationName", NULL);
    if (j->minor >= 25) /* missing on older servers */
        jw_key_bool(w, "fileVault2Enabled", !c->bare && c->id % 3);
    put_empty(w, "fileVault2EnabledUserNames");
    jw_key_str(w, "fileVault2EligibilityMessage", c->bare ? NULL : "Eligible");
}

static void write_partition(struct jw *w, const struct j_computer *c, const char *name, const char *type, int64_t size)
{
    jw_object(w);
    jw_key_str(w, "name", name);
    jw_key_i64(w, "sizeMegabytes", size);
    jw_key_i64(w, "availableMegabytes", size * 2 / 5);
    jw_key_str(w, "partitionType", type);
    jw_key_i64(w, "percentUsed", 60);
    put(w, "fileVault2State", c, JF_BOOT_STATE);
    jw_key_i64(w, "fileVault2ProgressPercent", 100);
    jw_key_bool(w, "lvmManaged", false);
    jw_end(w);
}

static void write_storage(struct jw *w, const struct j_computer *c)
{
    if (c->bare) {
        jw_key_str(w, "bootDriveAvailableSpaceMegabytes", NULL);
        jw_key_str(w, "disks", NULL);
        return;
    }
    jw_key_i64(w, "bootDriveAvailableSpaceMegabytes", 197757);
    jw_key(w, "disks");
    jw_array(w);
    jw_object(w);
    jw_key_str(w, "id", "611");
    jw_key_str(w, "device", "disk0");
    jw_key_str(w, "model", "APPLE SSD AP0512Z");
    jw_key_str(w, "revision", "561.100.");
    jw_key_str(w, "serialNumber", "0ba01f2ec2d0a71f");
    jw_key_i64(w, "sizeMegabytes", 500277);
    jw_key_str(w, "smartStatus", "Verified");
    jw_key_str(w, "type", "false");
    jw_key(w, "partitions");
    jw_array(w);
    write_partition(w, c, "Macintosh HD (Boot Partition)", "BOOT", 494384);
    if (c->id % 3 == 1)
        write_partition(w, c, "Recovery", "RECOVERY", 5368);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void write_apps(struct jw *w, const struct j_computer *c, unsigned version)
{
    char name[J_TEXT], number[J_TEXT], bundle[J_TEXT];
    jw_array(w);
    for (unsigned i = 0; j_app(c, i, name, number, bundle); i++) {
        jw_object(w);
        jw_key_str(w, "name", name);
        jw_key(w, "path");
        _cleanup_(str_release) struct str path = {0};
        str_addf(&path, "/Applications/%s", name);
        jw_slice(w, str_slice(&path));
        jw_key_str(w, "version", i % 11 == 10 ? NULL : number);
        if (version >= 3) {
            jw_key_str(w, "cfBundleShortVersionString", number);
            jw_key_str(w, "cfBundleVersion", number);
        }
        jw_key_bool(w, "macAppStore", i % 3 == 0);
        jw_key_i64(w, "sizeMegabytes", i % 4 ? 12 * (int64_t)i : 0);
        jw_key_str(w, "bundleId", bundle);
        jw_key_bool(w, "updateAvailable", i % 7 == 3);
        jw_key_str(w, "externalVersionId", "0");
        jw_end(w);
    }
    jw_end(w);
}

static void write_profile(struct jw *w, const char *id, const char *name, const char *identifier)
{
    jw_object(w);
    jw_key_str(w, "id", id);
    jw_key_str(w, "username", NULL);
    jw_key_str(w, "lastInstalled", "2026-03-02T10:11:12Z");
    jw_key_bool(w, "removable", false);
    jw_key_str(w, "displayName", name);
    jw_key_str(w, "profileIdentifier", identifier);
    jw_end(w);
}

static void write_profiles(struct jw *w, const struct j_computer *c)
{
    jw_array(w);
    if (!c->bare && c->managed) {
        write_profile(w, "12", "Wi-Fi Corporate", "5D0B7C39-4C06-4A37-8F5E-2E0F1B7B6A11");
        write_profile(w, "-11", "MDM Profile", "00000000-0000-0000-A000-4A414D460003");
        write_profile(w, "", "A vendor’s own", "com.example.profile");
    }
    jw_end(w);
}

static void write_groups(struct jw *w, const struct jamf *j, const struct j_computer *c)
{
    char id[24];
    jw_array(w);
    for (size_t k = 0; k < j->ngroups; k++) {
        if (!j_member(c, j, k))
            continue;
        snprintf(id, sizeof(id), "%lld", (long long)j->groups[k].id);
        jw_object(w);
        jw_key_str(w, "groupId", id);
        jw_key_str(w, "groupName", j->groups[k].name);
        if (j->minor >= 28)
            jw_key_str(w, "groupDescription", j->groups[k].description);
        jw_key_bool(w, "smartGroup", j->groups[k].smart);
        jw_end(w);
    }
    jw_end(w);
}

static void write_section(struct jw *w, const struct jamf *j, const struct j_computer *c, unsigned version,
                          enum j_section s)
{
    switch (s) {
    case JS_APPLICATIONS:
        write_apps(w, c, version);
        return;
    case JS_CONFIGURATION_PROFILES:
        write_profiles(w, c);
        return;
    case JS_GROUP_MEMBERSHIPS:
        write_groups(w, j, c);
        return;
    case JS_GENERAL:
    case JS_HARDWARE:
    case JS_USER_AND_LOCATION:
    case JS_OPERATING_SYSTEM:
    case JS_SECURITY:
    case JS_DISK_ENCRYPTION:
    case JS_STORAGE:
        break;
    case JS_PURCHASING:
    case JS_PACKAGE_RECEIPTS:
    case JS_CONTENT_CACHING:
        jw_object(w);
        jw_end(w);
        return;
    default:
        jw_array(w);
        jw_end(w);
        return;
    }
    jw_object(w);
    if (s == JS_GENERAL)
        write_general(w, j, c, version);
    else if (s == JS_HARDWARE)
        write_hardware(w, c);
    else if (s == JS_USER_AND_LOCATION)
        write_user(w, c);
    else if (s == JS_OPERATING_SYSTEM)
        write_os(w, c);
    else if (s == JS_SECURITY)
        write_security(w, c);
    else if (s == JS_DISK_ENCRYPTION)
        write_encryption(w, j, c);
    else
        write_storage(w, c);
    jw_end(w);
}

void j_write_computer(struct jw *w, const struct jamf *j, const struct j_computer *c, unsigned version,
                      unsigned sections)
{
    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)c->id);
    jw_object(w);
    jw_key_str(w, "id", id);
    put(w, "udid", c, JF_UDID);
    for (size_t s = 0; s < JS_N; s++) {
        if (version > 1 && (s == JS_PLUGINS || s == JS_FONTS))
            continue;
        jw_key(w, section_keys[s]);
        if (sections >> s & 1)
            write_section(w, j, c, version, (enum j_section)s);
        else
            jw_null(w);
    }
    jw_end(w);
}
