/* maps.c - Tactical RMM's JSON → the rows of tacticalrmm.h. Tables only. */
#include "provider/tacticalrmm/tacticalrmm.h"

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

static const struct map_field site_fields[] = {
    {"id", MAP_ID, AT(tac_site, id), .required = true},
    {"name", MAP_TEXT, AT(tac_site, name)},
    {"client", MAP_ID, AT(tac_site, client)},
};
const struct map tac_site_map = MAP_OF(tac_site, site_fields);

static const struct map_field client_fields[] = {
    {"id", MAP_ID, AT(tac_client, id), .required = true},
    {"name", MAP_TEXT, AT(tac_client, name)},
    {"sites", MAP_LIST, AT(tac_client, sites), .item = &tac_site_map},
};
const struct map tac_client_map = MAP_OF(tac_client, client_fields);

static const struct map_field disk_fields[] = {
    {"device", MAP_LOOSE_TEXT, AT(tac_disk, device)},
    {"fstype", MAP_LOOSE_TEXT, AT(tac_disk, fstype)},
    {"total", MAP_SIZE, AT(tac_disk, total)},
    {"free", MAP_SIZE, AT(tac_disk, free)},
};
static const struct map disk_map = MAP_OF(tac_disk, disk_fields);

static const struct map_field cpu_fields[] = {
    {"Name", MAP_LOOSE_TEXT, AT(tac_cpu, name)},
    {"NumberOfCores", MAP_I64, AT(tac_cpu, cores)},
    {"NumberOfLogicalProcessors", MAP_I64, AT(tac_cpu, logical)},
    {"MaxClockSpeed", MAP_I64, AT(tac_cpu, clock), .scale = 1000000}, /* MHz */
};
static const struct map cpu_map = MAP_OF(tac_cpu, cpu_fields);

static const struct map_field nic_fields[] = {
    {"Caption", MAP_LOOSE_TEXT, AT(tac_nic, caption)},
    {"MACAddress", MAP_LOOSE_TEXT, AT(tac_nic, mac)},
    {"IPAddress", MAP_TEXTS, AT(tac_nic, ips)},
    {"DefaultIPGateway", MAP_TEXTS, AT(tac_nic, gateways)},
    {"DNSServerSearchOrder", MAP_TEXTS, AT(tac_nic, dns)},
};
static const struct map nic_map = MAP_OF(tac_nic, nic_fields);

static const struct map_field value_fields[] = {
    {"field", MAP_ID, AT(tac_field_value, field)},
    {"value", MAP_LOOSE_TEXT, AT(tac_field_value, value)},
    {"value[]", MAP_TEXTS, AT(tac_field_value, values)}, /* of a choice of several */
};
static const struct map value_map = MAP_OF(tac_field_value, value_fields);

static const struct map_field agent_fields[] = {
    {"agent_id", MAP_TEXT, AT(tac_agent, agent_id), .required = true},
    {"id", MAP_ID, AT(tac_agent, id)},
    {"winupdatepolicy[].agent", MAP_ID, AT(tac_agent, id)}, /* the detail's only place for it */
    {"hostname", MAP_TEXT, AT(tac_agent, hostname)},
    {"operating_system", MAP_TEXT, AT(tac_agent, os)},
    {"plat", MAP_TEXT, AT(tac_agent, plat)},
    {"goarch", MAP_TEXT, AT(tac_agent, goarch)},
    {"monitoring_type", MAP_TEXT, AT(tac_agent, monitoring_type)},
    {"version", MAP_TEXT, AT(tac_agent, version)},
    {"public_ip", MAP_TEXT, AT(tac_agent, public_ip)},
    {"description", MAP_LOOSE_TEXT, AT(tac_agent, description)},
    {"last_logged_in_user", MAP_LOOSE_TEXT, AT(tac_agent, user)},
    {"logged_in_username", MAP_LOOSE_TEXT, AT(tac_agent, user_now)},
    {"logged_username", MAP_LOOSE_TEXT, AT(tac_agent, user_now)}, /* in /agents/ */
    {"site", MAP_ID, AT(tac_agent, site)},
    {"site_name", MAP_LOOSE_TEXT, AT(tac_agent, site_name)},
    {"client_name", MAP_LOOSE_TEXT, AT(tac_agent, client_name)},
    {"status", MAP_LOOSE_TEXT, AT(tac_agent, status)},
    {"local_ips", MAP_LOOSE_TEXT, AT(tac_agent, local_ips)},
    {"make_model", MAP_LOOSE_TEXT, AT(tac_agent, make_model)},
    {"serial_number", MAP_LOOSE_TEXT, AT(tac_agent, serial_number)},
    {"last_seen", MAP_ISO, AT(tac_agent, last_seen)},
    {"created_time", MAP_ISO, AT(tac_agent, created)},
    {"boot_time", MAP_EPOCH, AT(tac_agent, boot)},
    {"offline_time", MAP_I64, AT(tac_agent, offline_minutes)},
    {"overdue_time", MAP_I64, AT(tac_agent, overdue_minutes)},
    {"total_ram", MAP_I64, AT(tac_agent, ram), .scale = INT64_C(1) << 30}, /* GiB, rounded up */
    {"needs_reboot", MAP_TRI, AT(tac_agent, needs_reboot)},
    {"maintenance_mode", MAP_TRI, AT(tac_agent, maintenance)},
    {"cpu_model", MAP_TEXTS, AT(tac_agent, cpu_model)},
    {"disks", MAP_LIST, AT(tac_agent, disks), .item = &disk_map},
    {"checks.total", MAP_I64, AT(tac_agent, checks.total)},
    {"checks.passing", MAP_I64, AT(tac_agent, checks.passing)},
    {"checks.failing", MAP_I64, AT(tac_agent, checks.failing)},
    {"checks.warning", MAP_I64, AT(tac_agent, checks.warning)},
    {"checks.info", MAP_I64, AT(tac_agent, checks.info)},
    {"custom_fields", MAP_LIST, AT(tac_agent, field_values), .item = &value_map},
    /* Windows: a list of lists; an old agent spreads one part over several objects, so the first that has a value
     * counts. */
    {"wmi_detail.bios[][].SerialNumber", MAP_LOOSE_TEXT, AT(tac_agent, bios_serial)},
    {"wmi_detail.comp_sys_prod[][].IdentifyingNumber", MAP_LOOSE_TEXT, AT(tac_agent, product_serial)},
    {"wmi_detail.comp_sys_prod[][].Vendor", MAP_LOOSE_TEXT, AT(tac_agent, vendor)},
    {"wmi_detail.comp_sys_prod[][].UUID", MAP_LOOSE_TEXT, AT(tac_agent, uuid)},
    {"wmi_detail.comp_sys[][].Model", MAP_LOOSE_TEXT, AT(tac_agent, model)},
    {"wmi_detail.comp_sys[][].Domain", MAP_LOOSE_TEXT, AT(tac_agent, domain)},
    {"wmi_detail.comp_sys[][].TotalPhysicalMemory", MAP_I64, AT(tac_agent, memory)},
    {"wmi_detail.cpu[]", MAP_LIST, AT(tac_agent, cpus), .item = &cpu_map},
    {"wmi_detail.network_config[]", MAP_LIST, AT(tac_agent, nics), .item = &nic_map},
    {"wmi_detail.network_config[][].MACAddress", MAP_TEXTS, AT(tac_agent, macs)},
    {"wmi_detail.network_config[][].IPAddress", MAP_TEXTS, AT(tac_agent, ips)},
    /* Linux, macOS: flat. */
    {"wmi_detail.make_model", MAP_LOOSE_TEXT, AT(tac_agent, flat_make_model)},
    {"wmi_detail.serialnumber", MAP_LOOSE_TEXT, AT(tac_agent, flat_serial)},
    {"wmi_detail.cpus", MAP_TEXTS, AT(tac_agent, flat_cpus)},
    {"wmi_detail.local_ips", MAP_TEXTS, AT(tac_agent, flat_ips)},
};
const struct map tac_agent_map = MAP_OF(tac_agent, agent_fields);

static const struct map_field agent_id_fields[] = {
    {"agent_id", MAP_TEXT, AT(tac_agent, agent_id), .required = true},
    {"id", MAP_ID, AT(tac_agent, id), .required = true},
};
const struct map tac_agent_id_map = MAP_OF(tac_agent, agent_id_fields);

static const struct map_field alert_fields[] = {
    {"id", MAP_ID, AT(tac_alert, id), .required = true},   {"agent", MAP_ID, AT(tac_alert, agent_number)},
    {"agent_id", MAP_LOOSE_TEXT, AT(tac_alert, agent_id)}, /* the key is missing when the alert belongs to no agent */
    {"assigned_check", MAP_ID, AT(tac_alert, check)},      {"assigned_task", MAP_ID, AT(tac_alert, task)},
    {"alert_type", MAP_LOOSE_TEXT, AT(tac_alert, type)},   {"severity", MAP_LOOSE_TEXT, AT(tac_alert, severity)},
    {"message", MAP_LOOSE_TEXT, AT(tac_alert, message)},   {"alert_time", MAP_ISO, AT(tac_alert, created)},
    {"resolved_on", MAP_ISO, AT(tac_alert, resolved_on)},  {"resolved", MAP_TRI, AT(tac_alert, resolved)},
};
const struct map tac_alert_map = MAP_OF(tac_alert, alert_fields);

static const struct map_field custom_field_fields[] = {
    {"id", MAP_ID, AT(tac_custom_field, id), .required = true},
    {"model", MAP_LOOSE_TEXT, AT(tac_custom_field, model)},
    {"name", MAP_LOOSE_TEXT, AT(tac_custom_field, name)},
    {"type", MAP_LOOSE_TEXT, AT(tac_custom_field, type)},
};
const struct map tac_custom_field_map = MAP_OF(tac_custom_field, custom_field_fields);

/* Loose: one item that is not as it should be costs itself, not the agent's list. */
static const struct map_field item_fields[] = {
    {"name", MAP_LOOSE_TEXT, AT(tac_software_item, name)},
    {"version", MAP_LOOSE_TEXT, AT(tac_software_item, version)},
    {"publisher", MAP_LOOSE_TEXT, AT(tac_software_item, publisher)},
    {"location", MAP_LOOSE_TEXT, AT(tac_software_item, location)},
    {"install_date", MAP_LOOSE_TEXT, AT(tac_software_item, install_date)},
    {"size", MAP_LOOSE_TEXT, AT(tac_software_item, size)},
};
static const struct map item_map = MAP_OF(tac_software_item, item_fields);

static const struct map_field software_fields[] = {
    {"agent", MAP_ID, AT(tac_software, agent), .required = true},
    {"software", MAP_LIST, AT(tac_software, items), .item = &item_map},
};
const struct map tac_software_map = MAP_OF(tac_software, software_fields);

static const struct map_field update_fields[] = {
    {"id", MAP_ID, AT(tac_update, id)},
    {"guid", MAP_LOOSE_TEXT, AT(tac_update, guid)},
    {"kb", MAP_LOOSE_TEXT, AT(tac_update, kb)},
    {"title", MAP_LOOSE_TEXT, AT(tac_update, title)},
    {"severity", MAP_LOOSE_TEXT, AT(tac_update, severity)},
    {"action", MAP_LOOSE_TEXT, AT(tac_update, action)},
    {"result", MAP_LOOSE_TEXT, AT(tac_update, result)},
    {"date_installed", MAP_LOOSE_TEXT, AT(tac_update, date_installed)},
    {"categories", MAP_TEXTS, AT(tac_update, categories)},
    {"installed", MAP_TRI, AT(tac_update, installed)},
    {"downloaded", MAP_TRI, AT(tac_update, downloaded)},
};
const struct map tac_update_map = MAP_OF(tac_update, update_fields);

static const struct map_field check_fields[] = {
    {"id", MAP_ID, AT(tac_check, id)},
    {"check_type", MAP_LOOSE_TEXT, AT(tac_check, type)},
    {"readable_desc", MAP_LOOSE_TEXT, AT(tac_check, description)},
    {"name", MAP_LOOSE_TEXT, AT(tac_check, name)},
    {"check_result.status", MAP_LOOSE_TEXT, AT(tac_check, status)}, /* {} before the first run */
    {"check_result.alert_severity", MAP_LOOSE_TEXT, AT(tac_check, severity)},
    {"check_result.more_info", MAP_LOOSE_TEXT, AT(tac_check, info)},
    {"check_result.last_run", MAP_ISO, AT(tac_check, last_run)},
};
const struct map tac_check_map = MAP_OF(tac_check, check_fields);
