/* maps.c - Jamf Pro's JSON → the rows of jamf.h. Tables only. A section that was not asked for is null, and so are its fields. */
#include "provider/jamf/jamf.h"

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

static const struct map_field named_fields[] = {
    {"id", MAP_ID, AT(jamf_named, id), .required = true},
    {"name", MAP_LOOSE_TEXT, AT(jamf_named, name)},
};
const struct map jamf_named_map = MAP_OF(jamf_named, named_fields);

static const struct map_field building_fields[] = {
    {"id", MAP_ID, AT(jamf_building, id), .required = true},
    {"name", MAP_LOOSE_TEXT, AT(jamf_building, name)},
    {"streetAddress1", MAP_LOOSE_TEXT, AT(jamf_building, street1)},
    {"streetAddress2", MAP_LOOSE_TEXT, AT(jamf_building, street2)},
    {"zipPostalCode", MAP_LOOSE_TEXT, AT(jamf_building, zip)},
    {"city", MAP_LOOSE_TEXT, AT(jamf_building, city)},
    {"stateProvince", MAP_LOOSE_TEXT, AT(jamf_building, state)},
    {"country", MAP_LOOSE_TEXT, AT(jamf_building, country)},
};
const struct map jamf_building_map = MAP_OF(jamf_building, building_fields);

static const struct map_field group_fields[] = {
    {"id", MAP_ID, AT(jamf_group, id), .required = true},
    {"name", MAP_LOOSE_TEXT, AT(jamf_group, name)},
    {"description", MAP_LOOSE_TEXT, AT(jamf_group, description)},
    {"smartGroup", MAP_TRI, AT(jamf_group, smart)},
};
const struct map jamf_group_map = MAP_OF(jamf_group, group_fields);

static const struct map_field user_fields[] = {
    {"id", MAP_ID, AT(jamf_user, id), .required = true},   {"username", MAP_LOOSE_TEXT, AT(jamf_user, username)},
    {"realname", MAP_LOOSE_TEXT, AT(jamf_user, realname)}, {"email", MAP_LOOSE_TEXT, AT(jamf_user, email)},
    {"phone", MAP_LOOSE_TEXT, AT(jamf_user, phone)},       {"position", MAP_LOOSE_TEXT, AT(jamf_user, position)},
};
const struct map jamf_user_map = MAP_OF(jamf_user, user_fields);

static const struct map_field classic_user_fields[] = {
    {"id", MAP_ID, AT(jamf_user, id), .required = true},
    {"name", MAP_LOOSE_TEXT, AT(jamf_user, username)},
};
const struct map jamf_classic_user_map = MAP_OF(jamf_user, classic_user_fields);

static const struct map_field app_fields[] = {
    {"name", MAP_LOOSE_TEXT, AT(jamf_app, name)},
    {"path", MAP_LOOSE_TEXT, AT(jamf_app, path)},
    {"version", MAP_LOOSE_TEXT, AT(jamf_app, version)},
    {"cfBundleShortVersionString", MAP_LOOSE_TEXT, AT(jamf_app, short_version)},
    {"bundleId", MAP_LOOSE_TEXT, AT(jamf_app, bundle)},
    {"sizeMegabytes", MAP_I64, AT(jamf_app, megabytes)},
};
static const struct map app_map = MAP_OF(jamf_app, app_fields);

static const struct map_field partition_fields[] = {
    {"name", MAP_LOOSE_TEXT, AT(jamf_partition, name)},
    {"partitionType", MAP_LOOSE_TEXT, AT(jamf_partition, type)},
    {"fileVault2State", MAP_LOOSE_TEXT, AT(jamf_partition, vault)},
    {"sizeMegabytes", MAP_I64, AT(jamf_partition, megabytes)},
    {"availableMegabytes", MAP_I64, AT(jamf_partition, available)},
};
static const struct map partition_map = MAP_OF(jamf_partition, partition_fields);

static const struct map_field profile_fields[] = {
    {"id", MAP_ID, AT(jamf_profile, id)},
    {"displayName", MAP_LOOSE_TEXT, AT(jamf_profile, name)},
    {"profileIdentifier", MAP_LOOSE_TEXT, AT(jamf_profile, identifier)},
    {"lastInstalled", MAP_ISO, AT(jamf_profile, installed)},
};
static const struct map profile_map = MAP_OF(jamf_profile, profile_fields);

static const struct map_field membership_fields[] = {
    {"groupId", MAP_ID, AT(jamf_group, id)},
    {"groupName", MAP_LOOSE_TEXT, AT(jamf_group, name)},
    {"smartGroup", MAP_TRI, AT(jamf_group, smart)},
};
static const struct map membership_map = MAP_OF(jamf_group, membership_fields);

#define G "general."
#define H "hardware."
#define U "userAndLocation."
#define O "operatingSystem."
#define S "security."
#define D "diskEncryption."
static const struct map_field computer_fields[] = {
    {"id", MAP_ID, AT(jamf_computer, id), .required = true},
    {"udid", MAP_LOOSE_TEXT, AT(jamf_computer, udid)},
    {G "name", MAP_LOOSE_TEXT, AT(jamf_computer, name)},
    {G "lastIpAddress", MAP_LOOSE_TEXT, AT(jamf_computer, public_ip)},
    {G "lastReportedIpV4", MAP_LOOSE_TEXT, AT(jamf_computer, ip4)},
    {G "lastReportedIp", MAP_LOOSE_TEXT, AT(jamf_computer, ip4_former)},
    {G "lastReportedIpV6", MAP_LOOSE_TEXT, AT(jamf_computer, ip6)},
    {G "jamfBinaryVersion", MAP_LOOSE_TEXT, AT(jamf_computer, binary)},
    {G "platform", MAP_LOOSE_TEXT, AT(jamf_computer, platform)},
    {G "assetTag", MAP_LOOSE_TEXT, AT(jamf_computer, asset_tag)},
    {G "barcode1", MAP_LOOSE_TEXT, AT(jamf_computer, barcode1)},
    {G "barcode2", MAP_LOOSE_TEXT, AT(jamf_computer, barcode2)},
    {G "site.id", MAP_ID, AT(jamf_computer, site_id)},
    {G "site.name", MAP_LOOSE_TEXT, AT(jamf_computer, site_name)},
    {G "enrollmentMethod.objectName", MAP_LOOSE_TEXT, AT(jamf_computer, method)},
    {G "managementId", MAP_LOOSE_TEXT, AT(jamf_computer, management_id)},
    {G "remoteManagement.managed", MAP_TRI, AT(jamf_computer, managed)},
    {G "supervised", MAP_TRI, AT(jamf_computer, supervised)},
    {G "mdmCapable.capable", MAP_TRI, AT(jamf_computer, capable)},
    {G "userApprovedMdm", MAP_TRI, AT(jamf_computer, approved)},
    {G "enrolledViaAutomatedDeviceEnrollment", MAP_TRI, AT(jamf_computer, automated)},
    {G "declarativeDeviceManagementEnabled", MAP_TRI, AT(jamf_computer, declarative)},
    {G "reportDate", MAP_ISO, AT(jamf_computer, reported)},
    {G "lastContact", MAP_ISO, AT(jamf_computer, contact)},
    {G "lastContactTime", MAP_ISO, AT(jamf_computer, contact_former)},
    {G "lastCheckIn", MAP_ISO, AT(jamf_computer, check_in)},
    {G "lastEnrolledDate", MAP_ISO, AT(jamf_computer, enrolled)},
    {G "mdmProfileExpiration", MAP_ISO, AT(jamf_computer, expires)},
    {G "initialEntryDate", MAP_ISO, AT(jamf_computer, entered)},
    {G "lastLoggedInUsernameBinary", MAP_LOOSE_TEXT, AT(jamf_computer, user_binary)},
    {G "lastLoggedInUsernameBinaryTimestamp", MAP_ISO, AT(jamf_computer, user_binary_at)},
    {G "lastLoggedInUsernameMdm", MAP_LOOSE_TEXT, AT(jamf_computer, user_mdm)},
    {G "lastLoggedInUsernameMdmTimestamp", MAP_ISO, AT(jamf_computer, user_mdm_at)},
    {G "lastLoggedInUsernameSelfService", MAP_LOOSE_TEXT, AT(jamf_computer, user_self_service)},
    {G "lastLoggedInUsernameSelfServiceTimestamp", MAP_ISO, AT(jamf_computer, user_self_service_at)},
    {H "make", MAP_LOOSE_TEXT, AT(jamf_computer, make)},
    {H "model", MAP_LOOSE_TEXT, AT(jamf_computer, model)},
    {H "modelIdentifier", MAP_LOOSE_TEXT, AT(jamf_computer, model_identifier)},
    {H "serialNumber", MAP_LOOSE_TEXT, AT(jamf_computer, serial)},
    {H "processorType", MAP_LOOSE_TEXT, AT(jamf_computer, processor)},
    {H "processorArchitecture", MAP_LOOSE_TEXT, AT(jamf_computer, architecture)},
    {H "networkAdapterType", MAP_LOOSE_TEXT, AT(jamf_computer, adapter)},
    {H "macAddress", MAP_LOOSE_TEXT, AT(jamf_computer, mac)},
    {H "altNetworkAdapterType", MAP_LOOSE_TEXT, AT(jamf_computer, alt_adapter)},
    {H "altMacAddress", MAP_LOOSE_TEXT, AT(jamf_computer, alt_mac)},
    {H "processorSpeedMhz", MAP_I64, AT(jamf_computer, megahertz)},
    {H "coreCount", MAP_I64, AT(jamf_computer, cores)},
    {H "totalRamMegabytes", MAP_I64, AT(jamf_computer, ram_megabytes)},
    {O "name", MAP_LOOSE_TEXT, AT(jamf_computer, os)},
    {O "version", MAP_LOOSE_TEXT, AT(jamf_computer, os_version)},
    {O "build", MAP_LOOSE_TEXT, AT(jamf_computer, os_build)},
    {O "rapidSecurityResponse", MAP_LOOSE_TEXT, AT(jamf_computer, os_extra)},
    {O "fileVault2Status", MAP_LOOSE_TEXT, AT(jamf_computer, vault)},
    {U "username", MAP_LOOSE_TEXT, AT(jamf_computer, username)},
    {U "realname", MAP_LOOSE_TEXT, AT(jamf_computer, realname)},
    {U "email", MAP_LOOSE_TEXT, AT(jamf_computer, email)},
    {U "phone", MAP_LOOSE_TEXT, AT(jamf_computer, phone)},
    {U "position", MAP_LOOSE_TEXT, AT(jamf_computer, position)},
    {U "departmentId", MAP_ID, AT(jamf_computer, department)},
    {U "buildingId", MAP_ID, AT(jamf_computer, building)},
    {U "room", MAP_LOOSE_TEXT, AT(jamf_computer, room)},
    {S "gatekeeperStatus", MAP_LOOSE_TEXT, AT(jamf_computer, gatekeeper)},
    {S "sipStatus", MAP_LOOSE_TEXT, AT(jamf_computer, sip)},
    {S "xprotectVersion", MAP_LOOSE_TEXT, AT(jamf_computer, xprotect)},
    {S "secureBootLevel", MAP_LOOSE_TEXT, AT(jamf_computer, secure_boot)},
    {S "firewallEnabled", MAP_TRI, AT(jamf_computer, firewall)},
    {S "activationLockEnabled", MAP_TRI, AT(jamf_computer, activation_lock)},
    {D "bootPartitionEncryptionDetails.partitionFileVault2State", MAP_LOOSE_TEXT, AT(jamf_computer, boot_state)},
    {D "bootPartitionEncryptionDetails.partitionFileVault2Percent", MAP_I64, AT(jamf_computer, boot_percent)},
    {D "individualRecoveryKeyValidityStatus", MAP_LOOSE_TEXT, AT(jamf_computer, recovery_key)},
    {"storage.disks[].partitions", MAP_LIST, AT(jamf_computer, partitions), .item = &partition_map},
    {"applications", MAP_LIST, AT(jamf_computer, apps), .item = &app_map},
    {"configurationProfiles", MAP_LIST, AT(jamf_computer, profiles), .item = &profile_map},
    {"groupMemberships", MAP_LIST, AT(jamf_computer, groups), .item = &membership_map},
};
const struct map jamf_computer_map = MAP_OF(jamf_computer, computer_fields);

static const struct map_field mobile_fields[] = {
    {"mobileDeviceId", MAP_ID, AT(jamf_mobile, id), .required = true},
    {"deviceType", MAP_LOOSE_TEXT, AT(jamf_mobile, type)},
    {G "udid", MAP_LOOSE_TEXT, AT(jamf_mobile, udid)},
    {G "displayName", MAP_LOOSE_TEXT, AT(jamf_mobile, name)},
    {G "assetTag", MAP_LOOSE_TEXT, AT(jamf_mobile, asset_tag)},
    {G "siteId", MAP_ID, AT(jamf_mobile, site_id)},
    {G "osVersion", MAP_LOOSE_TEXT, AT(jamf_mobile, os_version)},
    {G "osBuild", MAP_LOOSE_TEXT, AT(jamf_mobile, os_build)},
    {G "ipAddress", MAP_LOOSE_TEXT, AT(jamf_mobile, ip)},
    {G "managementId", MAP_LOOSE_TEXT, AT(jamf_mobile, management_id)},
    {G "deviceOwnershipType", MAP_LOOSE_TEXT, AT(jamf_mobile, ownership)},
    {G "managed", MAP_TRI, AT(jamf_mobile, managed)},
    {G "supervised", MAP_TRI, AT(jamf_mobile, supervised)},
    {G "declarativeDeviceManagementEnabled", MAP_TRI, AT(jamf_mobile, declarative)},
    {G "lastInventoryUpdateDate", MAP_ISO, AT(jamf_mobile, reported)},
    {G "lastContactDate", MAP_ISO, AT(jamf_mobile, contact)},
    {G "lastEnrolledDate", MAP_ISO, AT(jamf_mobile, enrolled)},
    {G "mdmProfileExpirationDate", MAP_ISO, AT(jamf_mobile, expires)},
    {H "serialNumber", MAP_LOOSE_TEXT, AT(jamf_mobile, serial)},
    {H "wifiMacAddress", MAP_LOOSE_TEXT, AT(jamf_mobile, wifi_mac)},
    {H "bluetoothMacAddress", MAP_LOOSE_TEXT, AT(jamf_mobile, bluetooth_mac)},
    {H "model", MAP_LOOSE_TEXT, AT(jamf_mobile, model)},
    {H "modelIdentifier", MAP_LOOSE_TEXT, AT(jamf_mobile, model_identifier)},
    {H "capacityMb", MAP_I64, AT(jamf_mobile, capacity_megabytes)},
    {H "availableSpaceMb", MAP_I64, AT(jamf_mobile, available_megabytes)},
    {U "username", MAP_LOOSE_TEXT, AT(jamf_mobile, username)},
    {U "realName", MAP_LOOSE_TEXT, AT(jamf_mobile, realname)},
    {U "emailAddress", MAP_LOOSE_TEXT, AT(jamf_mobile, email)},
    {U "phoneNumber", MAP_LOOSE_TEXT, AT(jamf_mobile, phone)},
    {U "position", MAP_LOOSE_TEXT, AT(jamf_mobile, position)},
    {U "departmentId", MAP_ID, AT(jamf_mobile, department)},
    {U "buildingId", MAP_ID, AT(jamf_mobile, building)},
    {U "room", MAP_LOOSE_TEXT, AT(jamf_mobile, room)},
    {S "activationLockEnabled", MAP_TRI, AT(jamf_mobile, activation_lock)},
    {S "passcodePresent", MAP_TRI, AT(jamf_mobile, passcode)},
    {S "passcodeCompliant", MAP_TRI, AT(jamf_mobile, passcode_compliant)},
    {S "jailBreakDetected", MAP_TRI, AT(jamf_mobile, jailbroken)},
    {S "lostModeEnabled", MAP_TRI, AT(jamf_mobile, lost)},
    {S "dataProtected", MAP_TRI, AT(jamf_mobile, encrypted)},
};
const struct map jamf_mobile_map = MAP_OF(jamf_mobile, mobile_fields);
