/* tactical/agent.c - the five shapes of an agent: beta list, beta detail, row of /agents/, its short form, /agents/{agent_id}/.
 * Always: unknown facts are sentences, not null; `policy` is left out of a row when there is none. */
#include "tactical.h"

/* --- what an agent is made of --- */

static const struct {
    const char *text, *caption, *version, *build;
} windows[] = {{"Windows 11 Pro, 64 bit v23H2 (build 22631.4602)", "Microsoft Windows 11 Pro", "10.0.22631", "22631"},
               {"Windows 10 Pro, 64 bit v22H2 (build 19045.5247)", "Microsoft Windows 10 Pro", "10.0.19045", "19045"},
               {"Windows Server 2022 Standard, 64 bit v21H2 (build 20348.2966)",
                "Microsoft Windows Server 2022 Standard", "10.0.20348", "20348"}};

static const struct {
    const char *maker, *model, *family;
} models[] = {{"Dell Inc.", "OptiPlex 7090", "OptiPlex"},
              {"LENOVO", "20XW00AAGE", "ThinkPad X1"},
              {"VMware, Inc.", "VMware20,1", ""}};

static const struct {
    const char *name;
    unsigned cores, threads;
} cpus[] = {{"Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz", 10, 20},
            {"Intel(R) Core(TM) i5-1145G7 @ 2.60GHz", 4, 8},
            {"AMD EPYC 7302P 16-Core Processor", 16, 32}};

static const struct {
    const char *size, *used, *free;
    unsigned percent;
} disks[] = {{"499.4 GB", "64.2 GB", "435.2 GB", 12},
             {"1.8 TB", "1.7 TB", "98.1 GB", 94},
             {"953.2 MB", "100.0 kB", "953.1 MB", 0}};

static const char *const plats[] = {"windows", "linux", "darwin"};

static const char *os_text(const struct t_agent *a)
{
    if (a->plat == T_LINUX)
        return "Debian 12.8 x86_64 6.1.0-28-amd64";
    return a->plat == T_DARWIN ? "Darwin 15.2 arm64 24.2.0" : windows[a->os % ARRAY_LEN(windows)].text;
}

static const char *arch_text(const struct t_agent *a)
{
    return t_never(a) ? NULL : a->plat == T_DARWIN ? "arm64" : "amd64";
}

static void write_service(struct jw *w, const char *name, const char *display, const char *status, int64_t pid)
{
    jw_object(w);
    jw_key_i64(w, "pid", pid);
    jw_key_str(w, "name", name);
    jw_key_str(w, "status", status);
    jw_key_str(w, "binpath", "C:\\Windows\\System32\\svchost.exe -k netsvcs");
    jw_key_str(w, "username", "LocalSystem");
    jw_key_bool(w, "autodelay", false);
    jw_key_str(w, "start_type", "Automatic");
    jw_key_str(w, "description", display);
    jw_key_str(w, "display_name", display);
    jw_end(w);
}

static void write_services(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "services");
    if (t_never(a)) {
        jw_null(w);
        return;
    }
    jw_array(w);
    if (a->plat == T_WINDOWS) {
        write_service(w, "Spooler", "Print Spooler", a->id % 7 ? "running" : "stopped", a->id % 7 ? 2138 : 0);
        write_service(w, "wuauserv", "Windows Update", "stopped", 0);
        write_service(w, "WinRM", "Windows Remote Management (WS-Management)", "running", 1700);
        write_service(w, "tacticalrmm", "TacticalRMM Agent Service", "running", 8788);
    }
    jw_end(w);
}

static void write_disks(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "disks");
    if (t_never(a)) {
        jw_null(w);
        return;
    }
    jw_array(w);
    for (unsigned k = 0; k < 1u + (unsigned)a->id % 2; k++) {
        unsigned d = (a->model + k) % ARRAY_LEN(disks);
        jw_object(w);
        jw_key_str(w, "free", disks[d].free);
        jw_key_str(w, "used", disks[d].used);
        jw_key_str(w, "total", disks[d].size);
        jw_key_str(w, "device", a->plat == T_WINDOWS ? (k ? "D:" : "C:") : k ? "/dev/sdb1" : "/dev/sda1");
        jw_key_str(w, "fstype", a->plat == T_WINDOWS ? "NTFS" : "ext4");
        jw_key_i64(w, "percent", disks[d].percent);
        jw_end(w);
    }
    jw_end(w);
}

/* [[{ … }]]: opened here, closed by wmi_close. */
static void wmi_open(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_array(w);
    jw_array(w);
    jw_object(w);
}

static void wmi_close(struct jw *w)
{
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void wmi_machine(struct jw *w, const struct t_agent *a)
{
    unsigned m = a->model % ARRAY_LEN(models);
    wmi_open(w, "bios");
    jw_key_str(w, "Manufacturer", models[m].maker);
    jw_key_str(w, "SerialNumber", a->serial);
    jw_key_str(w, "SMBIOSBIOSVersion", "1.14.2");
    wmi_close(w);
    wmi_open(w, "disk");
    jw_key_i64(w, "Size", 500105249280LL);
    jw_key_i64(w, "Index", 0);
    jw_key_str(w, "Caption", "Samsung SSD 980 PRO 500GB");
    jw_key_str(w, "InterfaceType", "SCSI");
    wmi_close(w);
    wmi_open(w, "comp_sys");
    jw_key_str(w, "Name", a->hostname);
    jw_key_str(w, "Model", models[m].model);
    jw_key_str(w, "Domain", "corp.example.com");
    jw_key_str(w, "UserName", "");
    jw_key_i64(w, "DomainRole", 3);
    jw_key_str(w, "Manufacturer", models[m].maker);
    jw_key_bool(w, "PartOfDomain", true);
    jw_key_str(w, "SystemFamily", models[m].family);
    jw_key_i64(w, "TotalPhysicalMemory", a->ram * 1073741824LL - 100909056);
    wmi_close(w);
    wmi_open(w, "base_board");
    jw_key_str(w, "Product", "0T7D40");
    jw_key_str(w, "Manufacturer", models[m].maker);
    wmi_close(w);
    wmi_open(w, "comp_sys_prod");
    jw_key_str(w, "Name", models[m].model);
    jw_key_str(w, "UUID", a->uuid);
    jw_key_str(w, "Vendor", models[m].maker);
    jw_key_str(w, "Version", "");
    jw_key_str(w, "IdentifyingNumber", a->serial);
    wmi_close(w);
}

static void wmi_network(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "network_config");
    jw_array(w);
    jw_array(w);
    jw_object(w);
    jw_key_str(w, "Caption", "[00000000] WAN Miniport");
    jw_key_str(w, "IPAddress", NULL);
    jw_key_bool(w, "IPEnabled", false);
    jw_key_str(w, "MACAddress", "");
    jw_end(w);
    jw_end(w);
    jw_array(w);
    jw_object(w);
    jw_key_str(w, "Caption", "[00000001] Intel(R) Ethernet");
    jw_key(w, "IPAddress");
    jw_array(w);
    jw_str(w, a->local_ip);
    jw_str(w, "fe80::0:8728");
    jw_end(w);
    jw_key_bool(w, "IPEnabled", true);
    jw_key_str(w, "MACAddress", a->mac);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void wmi_windows(struct jw *w, const struct t_agent *a)
{
    unsigned o = a->os % ARRAY_LEN(windows), c = a->cpu % ARRAY_LEN(cpus);
    wmi_open(w, "os");
    jw_key_str(w, "Caption", windows[o].caption);
    jw_key_str(w, "Version", windows[o].version);
    jw_key_str(w, "BuildNumber", windows[o].build);
    jw_key_str(w, "OSArchitecture", "64-bit");
    wmi_close(w);
    wmi_open(w, "cpu");
    jw_key_str(w, "Name", cpus[c].name);
    jw_key_i64(w, "MaxClockSpeed", 2600);
    jw_key_i64(w, "NumberOfCores", cpus[c].cores);
    jw_key_i64(w, "NumberOfLogicalProcessors", cpus[c].threads);
    wmi_close(w);
    wmi_open(w, "mem");
    jw_key_i64(w, "Speed", 3200);
    jw_key_i64(w, "Capacity", a->ram * 1073741824LL);
    wmi_close(w);
    wmi_open(w, "usb");
    jw_key_str(w, "Name", "Standard USB 3.20 eXtensible Host Controller");
    wmi_close(w);
    wmi_machine(w, a);
    wmi_open(w, "graphics");
    jw_key_str(w, "Caption", "Intel(R) Iris(R) Xe Graphics");
    wmi_close(w);
    wmi_network(w, a);
    wmi_open(w, "desktop_monitor");
    jw_key_str(w, "Name", "Generic PnP Monitor");
    wmi_close(w);
    wmi_open(w, "network_adapter");
    jw_key_str(w, "Name", "Intel(R) Ethernet Connection I219-LM");
    jw_key_str(w, "MACAddress", a->mac);
    wmi_close(w);
}

static void write_wmi(struct jw *w, const struct t_agent *a)
{
    char ip[24];
    jw_key(w, "wmi_detail");
    if (t_never(a)) {
        jw_null(w);
        return;
    }
    jw_object(w);
    if (a->plat == T_WINDOWS) {
        wmi_windows(w, a);
    } else {
        snprintf(ip, sizeof(ip), "%s/24", a->local_ip);
        tw_list_of_one(w, "cpus", cpus[a->cpu % ARRAY_LEN(cpus)].name);
        jw_key_str(w, "gpus", "");
        tw_list_of_one(w, "disks", "Samsung SSD 980 PRO 500GB 466GB SCSI");
        tw_list_of_one(w, "local_ips", ip);
        jw_key_str(w, "make_model", a->plat == T_DARWIN ? "MacBookPro18,3" : "QEMU Standard PC");
        jw_key_str(w, "serialnumber", a->plat == T_DARWIN ? a->serial : "Not Specified");
    }
    jw_end(w);
}

/* Raw columns that the beta list, beta detail and /agents/{agent_id}/ have in common. */
static void write_columns(struct jw *w, const struct t_agent *a, bool seen)
{
    bool no = t_never(a);
    jw_key_str(w, "version", no ? "0.1.0" : a->id % 9 ? "2.11.0" : "2.10.0");
    jw_key_str(w, "operating_system", no ? NULL : os_text(a));
    jw_key_str(w, "plat", plats[a->plat]);
    jw_key_str(w, "goarch", arch_text(a));
    jw_key_str(w, "hostname", a->hostname);
    jw_key_str(w, "agent_id", a->agent_id);
    if (seen)
        jw_key_time(w, "last_seen", a->last_seen);
    write_services(w, a);
    jw_key_str(w, "public_ip", no ? NULL : a->public_ip);
    tw_number(w, "total_ram", no, a->ram);
    write_disks(w, a);
    jw_key(w, "boot_time");
    if (no)
        jw_null(w);
    else {
        char text[24];
        snprintf(text, sizeof(text), "%lld.0",
                 (long long)(a->last_seen / SECONDS(86400) * 86400 - 86400 * (a->id % 20)));
        jw_raw(w, slice_cstr(text));
    }
    jw_key_str(w, "logged_in_username", no ? NULL : a->user);
    jw_key_str(w, "last_logged_in_user", no ? NULL : "jdoe");
    jw_key_str(w, "monitoring_type", a->server ? "server" : "workstation");
    jw_key_str(w, "description", a->description);
    jw_key_str(w, "mesh_node_id", no ? NULL : a->mesh);
    jw_key_bool(w, "overdue_email_alert", a->id % 3 == 0);
    jw_key_bool(w, "overdue_text_alert", false);
    jw_key_bool(w, "overdue_dashboard_alert", a->id % 2);
    jw_key_i64(w, "offline_time", a->offline_time);
    jw_key_i64(w, "overdue_time", a->overdue_time);
    jw_key_i64(w, "check_interval", 120);
    jw_key_bool(w, "needs_reboot", a->needs_reboot);
    jw_key_bool(w, "choco_installed", a->choco);
    write_wmi(w, a);
    jw_key_str(w, "time_zone", a->id % 6 ? NULL : "Europe/London");
    jw_key_bool(w, "maintenance_mode", a->maintenance);
    jw_key_bool(w, "block_policy_inheritance", false);
}

static void write_links(struct jw *w, const struct t_agent *a)
{
    tw_number(w, "alert_template", !a->alert_template, 1);
    jw_key_i64(w, "site", a->site);
    tw_number(w, "policy", !a->policy, 1);
}

static void write_shell(struct jw *w)
{
    jw_key_str(w, "default_shell", "use_global");
    jw_key_str(w, "default_shell_custom", "");
}

void tw_agent_beta(struct jw *w, const struct tactical *t, const struct t_agent *a)
{
    jw_object(w);
    jw_key_i64(w, "id", a->id);
    tw_created(w, t->epoch - SECONDS(86400) + a->id);
    write_columns(w, a, true);
    jw_key_str(w, "patches_last_installed", NULL);
    write_shell(w);
    write_links(w, a);
    jw_end(w);
}

/* --- computed --- */

static void write_checks(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "checks");
    jw_object(w);
    jw_key_i64(w, "total", tw_checks(a));
    jw_key_i64(w, "passing", tw_checks(a) - tw_failing(a));
    jw_key_i64(w, "failing", tw_failing(a));
    jw_key_i64(w, "warning", 0);
    jw_key_i64(w, "info", 0);
    jw_key_bool(w, "has_failing_checks", tw_failing(a) > 0);
    jw_end(w);
}

static void write_hardware(struct jw *w, const struct t_agent *a)
{
    char text[160];
    unsigned c = a->cpu % ARRAY_LEN(cpus), m = a->model % ARRAY_LEN(models);
    snprintf(text, sizeof(text), "%s, %uC/%uT", cpus[c].name, cpus[c].cores, cpus[c].threads);
    tw_list_of_one(w, "cpu_model", t_never(a) ? "unknown cpu model" : text);
    jw_key_str(w, "graphics",
               t_never(a)             ? "Graphics info requires agent v1.4.14"
               : a->plat == T_WINDOWS ? "Intel(R) Iris(R) Xe Graphics"
                                      : "No graphics cards");
    snprintf(text, sizeof(text), "%s%s", a->local_ip, a->plat == T_WINDOWS ? "" : "/24");
    jw_key_str(w, "local_ips", t_never(a) ? "error getting local ips" : text);
    snprintf(text, sizeof(text), "%s %s", models[m].maker, models[m].model);
    jw_key_str(w, "make_model",
               t_never(a)             ? "unknown make/model"
               : a->plat == T_WINDOWS ? text
               : a->plat == T_DARWIN  ? "MacBookPro18,3"
                                      : "QEMU Standard PC");
    tw_list_of_one(w, "physical_disks", t_never(a) ? "unknown disk" : "Samsung SSD 980 PRO 500GB 466GB SCSI");
}

static void write_serial(struct jw *w, const struct t_agent *a)
{
    jw_key_str(w, "serial_number", t_never(a) ? "" : a->plat == T_LINUX ? "Not Specified" : a->serial);
}

void tw_agent_detail(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now)
{
    jw_object(w);
    write_columns(w, a, true);
    jw_key_str(w, "patches_last_installed", NULL);
    jw_key_str(w, "hex_mesh_node_id",
               t_never(a) ? "error" : "zp4aEfy7Tln73c98nJbp7E1xw2axm0MUOLEFUM1XBPMnAs3SAoYhi4SPTvEl6ZU9");
    write_links(w, a);
    jw_key_str(w, "status", t_status_text(a, now));
    write_checks(w, a);
    jw_key_i64(w, "pending_actions_count", 0);
    write_hardware(w, a);
    write_serial(w, a);
    jw_end(w);
}

static void write_template(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "alert_template");
    if (!a->alert_template) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key_str(w, "name", "Hooks");
    jw_key_str(w, "always_email", NULL);
    jw_key_str(w, "always_text", NULL);
    jw_key_bool(w, "always_alert", true);
    jw_end(w);
}

static void write_field(struct jw *w, const struct t_agent *a, int64_t field)
{
    jw_object(w);
    jw_key_i64(w, "id", a->id * 4 + field);
    jw_key_i64(w, "field", field);
    jw_key_i64(w, "agent", a->id);
    jw_key(w, "value");
}

static void write_fields(struct jw *w, const struct t_agent *a)
{
    char tag[16];
    snprintf(tag, sizeof(tag), "AT-%05u", (unsigned)a->id);
    jw_key(w, "custom_fields");
    jw_array(w);
    if (a->id % 3 == 1) {
        write_field(w, a, 1);
        jw_str(w, tag);
        jw_end(w);
    }
    if (a->id % 4 == 1) {
        write_field(w, a, 2);
        jw_bool(w, true);
        jw_end(w);
    }
    if (a->id % 6 == 1) {
        write_field(w, a, 3);
        jw_array(w);
        jw_str(w, "web");
        jw_str(w, "db");
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

void tw_agent_row(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now)
{
    const char *status = t_status_text(a, now);
    bool nobody = strcmp(a->user, "None") == 0;
    jw_object(w);
    jw_key_str(w, "agent_id", a->agent_id);
    write_template(w, a);
    jw_key_str(w, "hostname", a->hostname);
    jw_key_str(w, "site_name", t_site(t, a->site)->name);
    jw_key_str(w, "client_name", t_client(t, a->client)->name);
    jw_key_str(w, "monitoring_type", a->server ? "server" : "workstation");
    jw_key_str(w, "description", a->description);
    jw_key_bool(w, "needs_reboot", a->needs_reboot);
    jw_key_i64(w, "pending_actions_count", 0);
    jw_key_str(w, "status", status);
    jw_key_bool(w, "overdue_text_alert", false);
    jw_key_bool(w, "overdue_email_alert", a->id % 3 == 0);
    jw_key_bool(w, "overdue_dashboard_alert", a->id % 2);
    jw_key_time(w, "last_seen", a->last_seen);
    jw_key(w, "boot_time");
    if (t_never(a))
        jw_null(w);
    else {
        char text[24];
        snprintf(text, sizeof(text), "%lld.0",
                 (long long)(a->last_seen / SECONDS(86400) * 86400 - 86400 * (a->id % 20)));
        jw_raw(w, slice_cstr(text));
    }
    write_checks(w, a);
    jw_key_bool(w, "maintenance_mode", a->maintenance);
    jw_key_str(w, "logged_username", t_never(a) ? NULL : nobody ? "-" : a->user);
    jw_key_bool(w, "italic", nobody && strcmp(status, "online") == 0);
    jw_key_bool(w, "block_policy_inheritance", false);
    jw_key_str(w, "plat", plats[a->plat]);
    jw_key_str(w, "goarch", arch_text(a));
    jw_key_bool(w, "has_patches_pending", tw_patches_pending(a));
    jw_key_str(w, "version", t_never(a) ? "0.1.0" : a->id % 9 ? "2.11.0" : "2.10.0");
    jw_key_str(w, "operating_system", t_never(a) ? NULL : os_text(a));
    jw_key_str(w, "public_ip", t_never(a) ? NULL : a->public_ip);
    write_hardware(w, a);
    write_fields(w, a);
    write_serial(w, a);
    if (a->policy)
        jw_key_i64(w, "policy", 1);
    jw_end(w);
}

void tw_agent_short(struct jw *w, const struct tactical *t, const struct t_agent *a)
{
    jw_object(w);
    jw_key_i64(w, "id", a->id);
    jw_key_str(w, "hostname", a->hostname);
    jw_key_str(w, "agent_id", a->agent_id);
    jw_key_str(w, "client", t_client(t, a->client)->name);
    jw_key_str(w, "site", t_site(t, a->site)->name);
    jw_end(w);
}

static void write_policies(struct jw *w)
{
    static const char *const levels[] = {"agent_policy", "site_policy", "client_policy", "default_policy"};
    jw_key(w, "applied_policies");
    jw_object(w);
    for (size_t k = 0; k < ARRAY_LEN(levels); k++)
        jw_key_str(w, levels[k], NULL);
    jw_end(w);
    jw_key(w, "effective_patch_policy");
    jw_object(w);
    jw_key_i64(w, "id", 1);
    jw_key_str(w, "critical", "inherit");
    jw_key_str(w, "important", "inherit");
    jw_key_i64(w, "run_time_hour", 3);
    jw_key_str(w, "reboot_after_install", "inherit");
    jw_end(w);
}

/* Here the template is the whole object, not the four keys of a row. */
static void write_whole_template(struct jw *w, const struct t_agent *a)
{
    jw_key(w, "alert_template");
    if (!a->alert_template) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key_i64(w, "id", 1);
    jw_key_str(w, "name", "Hooks");
    jw_key_bool(w, "is_active", true);
    jw_key_str(w, "action_type", "rest");
    jw_key_str(w, "resolved_action_type", "rest");
    jw_key_bool(w, "agent_always_alert", true);
    jw_key_i64(w, "action_rest", 1);
    jw_key_i64(w, "resolved_action_rest", 2);
    jw_end(w);
}

void tw_agent_full(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now)
{
    static const char *const zones[] = {"Africa/Abidjan", "Africa/Accra", "Europe/Berlin", "Europe/London", "UTC"};
    jw_object(w);
    jw_key(w, "winupdatepolicy");
    jw_array(w);
    jw_object(w);
    jw_key_i64(w, "id", a->id);
    jw_key_str(w, "critical", "inherit");
    jw_key_i64(w, "agent", a->id);
    jw_key_str(w, "policy", NULL);
    jw_end(w);
    jw_end(w);
    jw_key_str(w, "status", t_status_text(a, now));
    write_hardware(w, a);
    write_checks(w, a);
    jw_key_str(w, "timezone", a->id % 6 ? "America/Los_Angeles" : "Europe/London");
    jw_key(w, "all_timezones");
    jw_array(w);
    for (size_t k = 0; k < ARRAY_LEN(zones); k++)
        jw_str(w, zones[k]);
    jw_end(w);
    jw_key_str(w, "client", t_client(t, a->client)->name);
    jw_key_str(w, "site_name", t_site(t, a->site)->name);
    write_fields(w, a);
    jw_key_str(w, "patches_last_installed", NULL);
    jw_key_time(w, "last_seen", a->last_seen);
    write_policies(w);
    write_whole_template(w, a);
    jw_key_str(w, "effective_default_shell", "cmd");
    tw_created(w, t->epoch - SECONDS(86400) + a->id);
    write_columns(w, a, false);
    write_shell(w);
    jw_key_i64(w, "site", a->site);
    tw_number(w, "policy", !a->policy, 1);
    jw_end(w);
}
