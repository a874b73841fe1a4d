/* maps.c - MSP360's JSON → the rows of msp360.h. Tables only; keys compare without case, since the product spells one thing
 * as ID, Id, UserID and UserId. */
#include "provider/msp360/msp360.h"

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

static const struct map_field company_fields[] = {
    {"Id", MAP_ID, AT(msp_company, id), .required = true},
    {"Name", MAP_LOOSE_TEXT, AT(msp_company, name)},
};
const struct map msp_company_map = MAP_OF(msp_company, company_fields);

static const struct map_field app_fields[] = {
    {"ApplicationId", MAP_LOOSE_TEXT, AT(msp_app, id)},
    {"Version", MAP_LOOSE_TEXT, AT(msp_app, version)},
    {"Online", MAP_TRI, AT(msp_app, online)},
};
static const struct map app_map = MAP_OF(msp_app, app_fields);

static const struct map_field computer_fields[] = {
    {"ComputerHID", MAP_ID, AT(msp_computer, hid)},
    {"ComputerName", MAP_LOOSE_TEXT, AT(msp_computer, name)},
    {"ComputerDisplayName", MAP_LOOSE_TEXT, AT(msp_computer, display_name)},
    {"OSTypeString", MAP_LOOSE_TEXT, AT(msp_computer, os)},
    {"CompanyName", MAP_LOOSE_TEXT, AT(msp_computer, company)},
    {"UserEmail", MAP_LOOSE_TEXT, AT(msp_computer, user)},
    {"UserID", MAP_ID, AT(msp_computer, user_id)},
    {"ProfileName", MAP_LOOSE_TEXT, AT(msp_computer, profile)},
    {"BackupBuildVersion._Major", MAP_I64, AT(msp_computer, version[0])},
    {"BackupBuildVersion._Minor", MAP_I64, AT(msp_computer, version[1])},
    {"BackupBuildVersion._Build", MAP_I64, AT(msp_computer, version[2])},
    {"BackupBuildVersion._Revision", MAP_I64, AT(msp_computer, version[3])},
    {"LastActivity", MAP_ISO, AT(msp_computer, last_activity)},
    {"Apps", MAP_LIST, AT(msp_computer, apps), .item = &app_map},
    {"ErrorCode", MAP_LOOSE_TEXT, AT(msp_computer, error_code)},
    {"Message", MAP_LOOSE_TEXT, AT(msp_computer, message)},
};
const struct map msp_computer_map = MAP_OF(msp_computer, computer_fields);

static const struct map_field plan_fields[] = {
    {"PlanName", MAP_LOOSE_TEXT, AT(msp_plan, plan)},
    {"PlanId", MAP_ID, AT(msp_plan, plan_id)},
    {"CompanyName", MAP_LOOSE_TEXT, AT(msp_plan, company)},
    {"UserName", MAP_LOOSE_TEXT, AT(msp_plan, user)},
    {"UserID", MAP_ID, AT(msp_plan, user_id)},
    {"ComputerName", MAP_LOOSE_TEXT, AT(msp_plan, computer)},
    {"ComputerHid", MAP_ID, AT(msp_plan, hid)},
    {"BuildVersion", MAP_LOOSE_TEXT, AT(msp_plan, version)},
    {"StorageType", MAP_LOOSE_TEXT, AT(msp_plan, storage)},
    {"LastStart", MAP_ISO, AT(msp_plan, last_start)},
    {"NextStart", MAP_ISO, AT(msp_plan, next_start)},
    {"Status", MAP_LOOSE_TEXT, AT(msp_plan, status)},
    {"PlanType", MAP_LOOSE_TEXT, AT(msp_plan, type)},
    {"ErrorMessage", MAP_LOOSE_TEXT, AT(msp_plan, message)},
    {"Duration", MAP_LOOSE_TEXT, AT(msp_plan, duration)},
    {"TotalData", MAP_I64, AT(msp_plan, total_bytes)},
    {"DataToBackup", MAP_I64, AT(msp_plan, selected_bytes)},
    {"DataCopied", MAP_I64, AT(msp_plan, copied_bytes)},
    {"FilesScanned", MAP_I64, AT(msp_plan, files_scanned)},
    {"FilesToBackup", MAP_I64, AT(msp_plan, files_selected)},
    {"FilesCopied", MAP_I64, AT(msp_plan, files_copied)},
    {"FilesFailed", MAP_I64, AT(msp_plan, files_failed)},
    /* DetailedReportLink is signed: who has it reads the report. It is not read. */
};
const struct map msp_plan_map = MAP_OF(msp_plan, plan_fields);

static const struct map_field user_fields[] = {
    {"ID", MAP_ID, AT(msp_user, id)},
    {"Email", MAP_LOOSE_TEXT, AT(msp_user, login)},
    {"FirstName", MAP_LOOSE_TEXT, AT(msp_user, first_name)},
    {"LastName", MAP_LOOSE_TEXT, AT(msp_user, last_name)},
    {"Company", MAP_LOOSE_TEXT, AT(msp_user, company)},
};
const struct map msp_user_map = MAP_OF(msp_user, user_fields);

static const struct map_field license_fields[] = {
    {"ID", MAP_ID, AT(msp_license, id)},
    {"Number", MAP_LOOSE_TEXT, AT(msp_license, number)},
    {"LicenseType", MAP_LOOSE_TEXT, AT(msp_license, type)},
    {"ComputerName", MAP_LOOSE_TEXT, AT(msp_license, computer)},
    {"User", MAP_LOOSE_TEXT, AT(msp_license, user)},
    {"UserID", MAP_ID, AT(msp_license, user_id)},
    {"IsTaken", MAP_TRI, AT(msp_license, taken)},
    {"IsTrial", MAP_TRI, AT(msp_license, trial)},
    {"DateExpired", MAP_ISO, AT(msp_license, expires)},
};
const struct map msp_license_map = MAP_OF(msp_license, license_fields);
