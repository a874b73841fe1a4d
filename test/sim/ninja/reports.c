/* ninja/reports.c - the facets of devices, as rows of /v2/queries/… and /v2/device/{id}/…, and inside detailed devices. */
#include "write.h"

enum salt {
    R_FREE = 300,
    R_VOLUME_SERIAL = 400,
    R_SOFTWARE = 500,
    R_SOFTWARE_FIRST,
    R_PATCHES = 600,
    R_INSTALLS,
    R_PATCH,
    R_PATCH_ID,
    R_SOFTWARE_PATCH = 700,
    R_SOFTWARE_INSTALL,
    R_PRODUCT
};

static const struct os_row {
    const char *maker, *name, *build, *release;
} windows[] = {{"Microsoft Corporation", "Windows 11 Professional Edition", "22631", "23H2"},
               {"Microsoft Corporation", "Windows 10 Professional Edition", "19045", "22H2"},
               {"Microsoft Corporation", "Windows 11 Enterprise Edition", "26100", "24H2"}},
  servers[] = {{"Microsoft Corporation", "Windows Server 2022 Standard Edition", "20348", "21H2"},
               {"Microsoft Corporation", "Windows Server 2019 Datacenter Edition", "17763", "1809"},
               {"Microsoft Corporation", "Windows Server 2012 R2 Standard", "9600", ""}},
  linuxes[] = {{"Debian", "Debian GNU/Linux 12 (bookworm)", "6.1.0-28-amd64", "12"},
               {"Canonical", "Ubuntu 24.04.1 LTS", "6.8.0-49-generic", "24.04"}},
  macs[] = {{"Apple", "macOS Sequoia", "24C101", "15.2"}, {"Apple", "macOS Sonoma", "23J126", "14.7"}};

static const struct os_row *os_of(const struct ninja_device *d)
{
    switch (d->core.class->os) {
    case NO_WINDOWS_SERVER:
        return &servers[d->os % ARRAY_LEN(servers)];
    case NO_LINUX:
        return &linuxes[d->os % ARRAY_LEN(linuxes)];
    case NO_MAC:
        return &macs[d->os % ARRAY_LEN(macs)];
    case NO_WINDOWS:
    case NO_NONE:
        break;
    }
    return &windows[d->os % ARRAY_LEN(windows)];
}

static bool has_windows(const struct ninja_core *c)
{
    return c->class->os == NO_WINDOWS || c->class->os == NO_WINDOWS_SERVER;
}

/* The last two fields of every row. */
static void row_tail(struct jw *w, const struct ninja_device *d, unsigned flags, bool timestamp)
{
    if (!(flags & NW_REPORT))
        return;
    jw_key_i64(w, "deviceId", d->core.id);
    if (timestamp)
        nw_time(w, "timestamp", d->last_update, 0);
}

static unsigned one_per_agent(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return c->class->kind == NK_AGENT;
}

/* --- operating systems --- */

void nw_os(struct jw *w, const struct ninja_device *d, unsigned flags)
{
    const struct os_row *os = os_of(d);
    jw_key_str(w, "manufacturer", os->maker);
    jw_key_str(w, "name", os->name);
    jw_key_str(w, "architecture", "64-bit");
    nw_time(w, "lastBootTime", d->boot, flags);
    jw_key_str(w, "buildNumber", os->build);
    if (os->release[0])
        jw_key_str(w, "releaseId", os->release);
    jw_key_i64(w, "servicePackMajorVersion", 0);
    jw_key_i64(w, "servicePackMinorVersion", 0);
    jw_key_str(w, "locale", "en-US");
    jw_key_str(w, "language", "English");
    jw_key_bool(w, "needsReboot", d->needs_reboot);
}

static void write_os(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                     unsigned flags)
{
    nw_os(w, d, flags);
    row_tail(w, d, flags, true);
}

/* --- computer systems --- */

static const struct {
    const char *maker, *model, *chassis;
} models[] = {{"Dell Inc.", "OptiPlex 7090", "DESKTOP"},
              {"LENOVO", "ThinkPad T14 Gen 3", "LAPTOP"},
              {"HP", "EliteDesk 800 G6", "DESKTOP"},
              {"Micro-Star International Co., Ltd.", "MS-7D25 \"Z690\"", "UNKNOWN"}};

void nw_system(struct jw *w, const struct ninja_device *d)
{
    unsigned k = d->model % ARRAY_LEN(models);
    const char *maker = d->virtual_machine ? "Microsoft Corporation" : models[k].maker;
    const char *model = d->virtual_machine ? "Virtual Machine" : models[k].model;
    if (d->core.class->os == NO_MAC) {
        maker = "Apple Inc.";
        model = "MacBookPro18,3";
    }
    jw_key_str(w, "name", d->system_name);
    jw_key_str(w, "manufacturer", maker);
    jw_key_str(w, "model", model);
    jw_key_str(w, "biosSerialNumber", d->serial);
    jw_key_str(w, "serialNumber", d->serial);
    jw_key_str(w, "domain", d->domain);
    jw_key_str(w, "domainRole", d->core.class->os == NO_WINDOWS_SERVER ? "Member Server" : "Member Workstation");
    jw_key_i64(w, "numberOfProcessors", d->nprocessors);
    jw_key_i64(w, "totalPhysicalMemory", d->memory);
    jw_key_bool(w, "virtualMachine", d->virtual_machine);
    jw_key_str(w, "chassisType", models[k].chassis);
}

static void write_system(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                         unsigned flags)
{
    nw_system(w, d);
    row_tail(w, d, flags, true);
}

/* --- processors --- */

static const struct {
    const char *name;
    int64_t hz;
    unsigned cores, threads;
} processors[] = {{"Intel(R) Core(TM) i5-1145G7 @ 2.60GHz", 2600000000, 4, 8},
                  {"AMD Ryzen 7 PRO 5850U with Radeon Graphics", 1900000000, 8, 16},
                  {"Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz", 2400000000, 10, 20}};

void nw_processor(struct jw *w, const struct ninja_device *d)
{
    unsigned k = d->cpu % ARRAY_LEN(processors);
    jw_key_str(w, "architecture", "x64");
    jw_key_i64(w, "maxClockSpeed", processors[k].hz);
    jw_key_i64(w, "clockSpeed", processors[k].hz);
    jw_key_str(w, "name", processors[k].name);
    jw_key_i64(w, "numCores", processors[k].cores);
    jw_key_i64(w, "numLogicalCores", processors[k].threads);
}

static unsigned rows_processors(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return c->class->kind == NK_AGENT ? ninja_sockets(c) : 0;
}

static void write_processor(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                            unsigned flags)
{
    nw_processor(w, d);
    row_tail(w, d, flags, true);
}

/* --- volumes --- */

static unsigned base_volumes(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return c->class->kind == NK_AGENT ? ninja_base_volumes(f, c) : 0;
}

unsigned ninja_nvolumes(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return base_volumes(f, c) + ninja_extras(c, NX_VOLUME);
}

static void write_bitlocker(struct jw *w)
{
    jw_key(w, "bitLockerStatus");
    jw_object(w);
    jw_key_str(w, "conversionStatus", "FULLY_ENCRYPTED");
    jw_key_str(w, "encryptionMethod", "XTS_AES_128");
    jw_key_str(w, "protectionStatus", "PROTECTED");
    jw_key_str(w, "lockStatus", "UNLOCKED");
    jw_key_bool(w, "initializedForProtection", true);
    jw_end(w);
}

void nw_volume(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row, unsigned flags)
{
    static const char *const unix_names[] = {"/", "/var", "/home"};
    bool win = has_windows(&d->core);
    unsigned base = base_volumes(f, &d->core);
    const struct ninja_extra *x = row >= base ? ninja_extra_at(&d->core, NX_VOLUME, row - base) : NULL;
    char letter[3] = {(char)('C' + row), ':', '\0'}, serial[9];
    int64_t capacity = x ? x->size : 128030257152LL * (1 + d->core.id % 4 + row);
    jw_key_str(w, "name", x ? x->name : win ? letter : unix_names[row % 3]);
    if (win && !x)
        jw_key_str(w, "driveLetter", letter);
    jw_key_str(w, "label", row ? "Daten" : "");
    jw_key_str(w, "deviceType", "Local Disk");
    jw_key_str(w, "fileSystem", win ? "NTFS" : d->core.class->os == NO_MAC ? "APFS" : "ext4");
    jw_key_bool(w, "autoMount", false);
    jw_key_bool(w, "compressed", false);
    jw_key_i64(w, "capacity", capacity);
    jw_key_i64(w, "freeSpace",
               capacity / 100 * (int64_t)(5 + rng_below(f->seed, (uint64_t)d->core.id, R_FREE + row, 90)));
    jw_key_str(w, "serialNumber",
               rng_text(f->seed, (uint64_t)d->core.id, R_VOLUME_SERIAL + row, "0123456789ABCDEF", 16, serial, 8));
    if ((flags & NW_BITLOCKER) && d->bitlocker)
        write_bitlocker(w);
}

static void write_volume(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                         unsigned flags)
{
    nw_volume(w, f, d, row, flags);
    row_tail(w, d, flags, true);
}

/* --- disks --- */

static void write_disk(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                       unsigned flags)
{
    jw_key_str(w, "name", "\\\\.\\PHYSICALDRIVE0");
    jw_key_str(w, "model", "Samsung SSD 980 PRO 500GB");
    jw_key_str(w, "manufacturer", "(Standard disk drives)");
    jw_key_str(w, "interfaceType", "SCSI");
    jw_key_str(w, "mediaType", "Fixed hard disk media");
    jw_key_i64(w, "size", 500105249280LL);
    jw_key_i64(w, "bytesPerSector", 512);
    jw_key_i64(w, "partitionCount", 3);
    jw_key_bool(w, "smartCapable", true);
    jw_key_str(w, "status", "OK");
    row_tail(w, d, flags, true);
}

/* --- network interfaces --- */

static unsigned rows_interfaces(const struct ninja_fleet *f, const struct ninja_core *c)
{
    bool any = c->class->kind == NK_AGENT || c->class->kind == NK_VM_HOST || c->class->kind == NK_NMS_SERVER;
    return any ? ninja_adapters(f, c) : 0;
}

static void write_interface(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                            unsigned flags)
{
    row %= 2;
    jw_key_str(w, "adapterName", row ? "Intel(R) Wi-Fi 6 AX201" : "Intel(R) Ethernet Connection I219-LM");
    jw_key_str(w, "interfaceName", row ? "WLAN" : "Ethernet");
    jw_key_str(w, "interfaceType", row ? "WIRELESS" : "ETHERNET");
    jw_key_str(w, "interfaceIndex", row ? "12" : "7");
    jw_key(w, "ipAddress");
    jw_array(w);
    jw_str(w, d->ip[row]);
    if (d->core.id % 5 == 0)
        jw_str(w, "fe80::215:5dff:fe00:1");
    jw_end(w);
    jw_key(w, "macAddress");
    jw_array(w);
    jw_str(w, d->mac[row]);
    jw_end(w);
    jw_key_str(w, "subnetMask", "255.255.255.0");
    jw_key_str(w, "defaultGateway", "10.0.0.1");
    jw_key_str(w, "dnsServers", "10.0.0.53,10.0.0.54");
    jw_key_str(w, "dnsHostName", d->dns_name);
    jw_key_str(w, "linkSpeed", "1000000000");
    jw_key_str(w, "mtu", "1500");
    jw_key_str(w, "status", row ? "DOWN" : "UP");
    row_tail(w, d, flags, false);
}

/* --- software --- */

static const struct {
    const char *name, *publisher, *version, *location;
} software[] = {
    {"7-Zip 24.08 (x64)", "Igor Pavlov", "24.08", "C:\\Program Files\\7-Zip\\"},
    {"Mozilla Firefox (x64 de)", "Mozilla", "133.0.3", "C:\\Program Files\\Mozilla Firefox"},
    {"Google Chrome", "Google LLC", "131.0.6778.205", "C:\\Program Files\\Google\\Chrome"},
    {"Microsoft 365 Apps for business - de-de", "Microsoft Corporation", "16.0.18227.20162", ""},
    {"Büro-Paket “Pro”", "Müller & Söhne", "2024.1", "C:\\Program Files\\Büro-Paket\\"},
    {"Notepad++ (64-bit x64)", "Notepad++ Team", "8.7.4", "C:\\Program Files\\Notepad++\\"},
    {"Zoom Workplace (64-bit)", "Zoom", "6.3.5 (54827)", ""},
    {"FileZilla \"Client\" 3.68", "Tim Kosse", "3.68.1", ""},
    {"Adobe Acrobat (64-bit)", "Adobe", "24.005.20320", ""},
    {"NinjaRMMAgent", "NinjaRMM LLC", "8.0.2891", "C:\\Program Files (x86)\\ninja"},
    {"Java 8 Update 431 (64-bit)", "Oracle Corporation", "8.0.4310.10", ""},
    {"VLC media player", "VideoLAN", "3.0.21", "C:\\Program Files\\VideoLAN\\VLC"},
    {"PuTTY release 0.82 (64-bit)", "Simon Tatham", "0.82.0.0", ""},
    {"Webex", "Cisco Systems, Inc", "44.12.0.31109", ""},
    {"インストーラー", "株式会社サンプル", "1.0", ""},
    {"Visual C++ 2022 X64 Runtime", "Microsoft Corporation", "14.42.34433", ""},
    {"Dell Command | Update", "Dell Inc.", "5.4.0", ""},
    {"Blank at the end ", "", "1", ""},
    {"Python 3.12.8 (64-bit)", "Python Software Foundation", "3.12.8150.0", ""},
    {"Git", "The Git Development Community", "2.47.1", "C:\\Program Files\\Git\\"},
};

static unsigned base_software(const struct ninja_fleet *f, const struct ninja_core *c)
{
    if (c->class->kind != NK_AGENT)
        return 0;
    return f->software_items ? f->software_items : 6 + rng_below(f->seed, (uint64_t)c->id, R_SOFTWARE, 14);
}

static unsigned rows_software(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return base_software(f, c) + ninja_extras(c, NX_SOFTWARE);
}

static void write_software(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                           unsigned flags)
{
    unsigned base = base_software(f, &d->core);
    const struct ninja_extra *x = row >= base ? ninja_extra_at(&d->core, NX_SOFTWARE, row - base) : NULL;
    /* A start of its own and steps of one: no product twice on a device. */
    unsigned k =
        (rng_below(f->seed, (uint64_t)d->core.id, R_SOFTWARE_FIRST, ARRAY_LEN(software)) + row) % ARRAY_LEN(software);
    char date[12], more[32];
    const char *product = software[k].name;
    if (!x && row >= ARRAY_LEN(software)) {
        snprintf(more, sizeof(more), "Package %u", row);
        product = more;
    }
    snprintf(date, sizeof(date), "2024-%02u-%02u", 1 + k % 12, 1 + (unsigned)d->core.id % 28);
    if (k % 5)
        jw_key_str(w, "installDate", date);
    if (!x && software[k].location[0])
        jw_key_str(w, "location", software[k].location);
    jw_key_str(w, "name", x ? x->name : product);
    if (x || software[k].publisher[0])
        jw_key_str(w, "publisher", x ? "Example" : software[k].publisher);
    jw_key_i64(w, "size", x ? x->size : 5746 * (int64_t)(k + 1));
    jw_key_str(w, "version", x ? x->version : software[k].version);
    jw_key_str(w, "productCode", x ? x->name : product);
    jw_key_bool(w, "isSystemComponent", k == 15);
    row_tail(w, d, flags, true);
}

/* --- patches --- */

static unsigned base_patches(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return has_windows(c) && !c->offline ? rng_below(f->seed, (uint64_t)c->id, R_PATCHES, 4)
                                         : 0; /* offline devices have no rows */
}

static unsigned rows_patches(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return base_patches(f, c) + (c->offline ? 0 : ninja_extras(c, NX_PATCH));
}

static unsigned rows_installs(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return has_windows(c) ? 1 + rng_below(f->seed, (uint64_t)c->id, R_INSTALLS, 4) : 0;
}

/* Of the last week, but for the oldest one, which is of half a year ago. */
static usec_t when_patched(const struct ninja_device *d, unsigned row)
{
    return d->last_update - SECONDS(86400LL * (row < 3 ? 1 + row : 180 + row));
}

static usec_t when_updated(const struct ninja_device *d, unsigned row)
{
    return d->last_update - SECONDS(7200);
}

static void write_patch_row(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                            bool installed, unsigned flags)
{
    static const char *const severities[] = {"CRITICAL", "IMPORTANT", "optional", "MODERATE", "critical", "NONE"};
    static const char *const types[] = {"SECURITY_UPDATES", "UPDATE_ROLLUPS", "DRIVER_UPDATES", "DEFINITION_UPDATES"};
    unsigned base = installed ? UINT32_MAX : base_patches(f, &d->core);
    const struct ninja_extra *x = row >= base ? ninja_extra_at(&d->core, NX_PATCH, row - base) : NULL;
    char uid[UUID_MAX], kb[16], name[96];
    unsigned n = 5060001 + rng_below(f->seed, (uint64_t)d->core.id, R_PATCH, 40) + row * 41 + (installed ? 5000 : 0);
    snprintf(kb, sizeof(kb), "KB%u", n);
    snprintf(name, sizeof(name), "2026-06 Cumulative Update for Windows 11 (KB%u)", n);
    jw_key_str(w, "id", rng_uuid(f->seed, n, R_PATCH_ID, uid));
    jw_key_str(w, "name", x ? x->name : name);
    jw_key_str(w, "severity", severities[n % ARRAY_LEN(severities)]);
    if (installed)
        jw_key_str(w, "status", n % 9 == 0 ? "FAILED" : "INSTALLED");
    else
        jw_key_str(w, "status", n % 3 == 0 ? "APPROVED" : n % 17 == 0 ? "REJECTED" : "MANUAL");
    jw_key_str(w, "type", types[n % ARRAY_LEN(types)]);
    if (n % 4 != 2)
        jw_key_str(w, "kbNumber", x ? x->version : kb);
    if (installed)
        nw_time(w, "installedAt", when_patched(d, row), 0);
    row_tail(w, d, flags, true);
}

static void write_patch(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                        unsigned flags)
{
    write_patch_row(w, f, d, row, false, flags);
}

static void write_install(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                          unsigned flags)
{
    write_patch_row(w, f, d, row, true, flags);
}

static unsigned rows_software_patches(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return has_windows(c) && !c->offline ? (unsigned)c->id % 2 : 0;
}

static void write_software_patch_row(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d,
                                     unsigned row, bool installed, unsigned flags)
{
    char id[UUID_MAX], product[UUID_MAX];
    uint64_t n = (uint64_t)d->core.id % 20;
    jw_key_str(w, "id", rng_uuid(f->seed, n, installed ? R_SOFTWARE_INSTALL : R_SOFTWARE_PATCH, id));
    jw_key_str(w, "productIdentifier", rng_uuid(f->seed, n, R_PRODUCT, product));
    jw_key_str(w, "title", software[n].name);
    jw_key_str(w, "impact", n % 3 == 0 ? "CRITICAL" : "RECOMMENDED");
    jw_key_str(w, "status", installed ? "INSTALLED" : "MANUAL");
    jw_key_str(w, "type", "PATCH");
    if (installed)
        nw_time(w, "installedAt", when_updated(d, row), 0);
    row_tail(w, d, flags, true);
}

static void write_software_patch(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                                 unsigned flags)
{
    write_software_patch_row(w, f, d, row, false, flags);
}

static void write_software_install(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d,
                                   unsigned row, unsigned flags)
{
    write_software_patch_row(w, f, d, row, true, flags);
}

/* --- antivirus, health, users --- */

static unsigned rows_antivirus(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return has_windows(c) ? 1 + (c->id % 6 == 0) : 0;
}

static void write_antivirus(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                            unsigned flags)
{
    bool off = (d->core.id + row) % 11 == 0;
    jw_key_str(w, "productName", row ? "Bitdefender Endpoint Security Tools" : "Windows Defender");
    jw_key_str(w, "productState", off ? "OFF" : "ON");
    jw_key_str(w, "definitionStatus", off ? "Out-of-Date" : "Up-to-Date");
    if (!row)
        jw_key_str(w, "version", "4.18.24090.11");
    row_tail(w, d, flags, true);
}

static unsigned no_rows(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return 0;
}

static unsigned one_per_device(const struct ninja_fleet *f, const struct ninja_core *c)
{
    return 1;
}

static void write_health(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                         unsigned flags)
{
    static const char *const health[] = {"HEALTHY", "NEEDS_ATTENTION", "UNHEALTHY", "UNKNOWN", "HEALTHY"};
    static const char *const zeros[] = {"activeThreatsCount", "quarantinedThreatsCount", "blockedThreatsCount",
                                        "failedOSPatchesCount"};
    for (size_t k = 0; k < ARRAY_LEN(zeros); k++)
        jw_key_i64(w, zeros[k], 0);
    jw_key_i64(w, "pendingOSPatchesCount", rows_patches(f, &d->core));
    jw_key_i64(w, "alertCount", 0);
    jw_key_i64(w, "activeJobCount", 0);
    jw_key_i64(w, "failedSoftwarePatchesCount", 0);
    jw_key_i64(w, "pendingSoftwarePatchesCount", rows_software_patches(f, &d->core));
    if (d->needs_reboot)
        jw_key_str(w, "pendingRebootReason", "WINDOWS_PM");
    jw_key(w, "productsInstallationStatuses");
    jw_object(w);
    jw_end(w);
    jw_key_bool(w, "offline", d->core.offline);
    jw_key_bool(w, "parentOffline", false);
    jw_key_str(w, "healthStatus", health[d->core.id % 5]);
    jw_key_i64(w, "installationIssuesCount", 0);
    row_tail(w, d, flags, false);
}

static void write_user(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                       unsigned flags)
{
    jw_key_str(w, "userName", d->user);
    nw_time(w, "logonTime", d->boot + SECONDS(300), 0);
    row_tail(w, d, flags, false);
}

static void write_custom_fields(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                                unsigned flags)
{
    jw_key(w, "fields");
    nw_custom_list(w, f, &d->core);
    row_tail(w, d, flags, false);
}

const struct ninja_report ninja_reports[] = {
    {"operating-systems", one_per_agent, write_os, NULL, 1},
    {"computer-systems", one_per_agent, write_system, NULL, 1},
    {"processors", rows_processors, write_processor, NULL, 1},
    {"volumes", ninja_nvolumes, write_volume, NULL, 1},
    {"disks", one_per_agent, write_disk, NULL, 1},
    {"network-interfaces", rows_interfaces, write_interface, NULL, 1, .pages_of_devices = true},
    {"software", rows_software, write_software, NULL, 1},
    {"os-patches", rows_patches, write_patch, NULL, 1},
    {"os-patch-installs", rows_installs, write_install, when_patched, 1},
    {"software-patches", rows_software_patches, write_software_patch, NULL, 1},
    {"software-patch-installs", rows_software_patches, write_software_install, when_updated, 1},
    {"antivirus-status", rows_antivirus, write_antivirus, NULL, 1},
    {"antivirus-threats", no_rows, write_antivirus, NULL, 1},
    {"device-health", one_per_device, write_health, NULL, 1, .cursor_optional = true},
    {"custom-fields-detailed", one_per_agent, write_custom_fields, NULL, 10},
    {"logged-on-users", one_per_agent, write_user, NULL, 10},
};
const size_t ninja_nreports = ARRAY_LEN(ninja_reports);

const struct ninja_report *ninja_report(struct slice name)
{
    for (size_t k = 0; k < ARRAY_LEN(ninja_reports); k++) {
        if (slice_is(name, ninja_reports[k].name))
            return &ninja_reports[k];
    }
    return NULL;
}
