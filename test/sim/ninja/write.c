/* ninja/write.c - organizations, devices, alerts, activities as NinjaOne spells them. See write.h. */
#include "write.h"

void nw_time(struct jw *w, const char *key, usec_t t, unsigned flags)
{
    char buf[40];
    int n;
    if (t == USEC_NONE)
        return;
    if (!(flags & NW_HOOK)) {
        n = snprintf(buf, sizeof(buf), "%lld.%06d000", t / USEC_PER_S, (int)(t % USEC_PER_S));
    } else {
        n = snprintf(buf, sizeof(buf), "%lld.%06d", t / USEC_PER_S, (int)(t % USEC_PER_S));
        while (buf[n - 1] == '0')
            n--;
        if (buf[n - 1] == '.')
            n--;
    }
    jw_key_raw(w, key, slice_of(buf, (size_t)n));
}

void nw_location(struct jw *w, const struct ninja_location *l, bool with_org)
{
    jw_object(w);
    jw_key_i64(w, "id", l->id);
    jw_key_str(w, "name", l->name);
    jw_key_str(w, "address", l->address);
    jw_key_str(w, "description", "");
    if (with_org)
        jw_key_i64(w, "organizationId", l->org);
    jw_end(w);
}

static void write_setting(struct jw *w, const char *key, bool enabled)
{
    jw_key(w, key);
    jw_object(w);
    jw_key_bool(w, "enabled", enabled);
    jw_end(w);
}

void nw_org(struct jw *w, const struct ninja_org *o, bool detailed, const struct ninja_fleet *f)
{
    jw_object(w);
    jw_key_i64(w, "id", o->id);
    jw_key_str(w, "name", o->name);
    if (o->description[0])
        jw_key_str(w, "description", o->description);
    jw_key_str(w, "nodeApprovalMode", o->mode);
    if (detailed) {
        jw_key(w, "locations");
        jw_array(w);
        for (size_t k = 0; k < o->nlocations; k++)
            nw_location(w, &f->locations[o->first_location + k], false);
        jw_end(w);
        jw_key(w, "policies");
        jw_array(w);
        jw_object(w);
        jw_key_i64(w, "nodeRoleId", 1002);
        jw_key_i64(w, "policyId", 57);
        jw_end(w);
        jw_end(w);
        jw_key(w, "settings");
        jw_object(w);
        write_setting(w, "trayicon", true);
        write_setting(w, "splashtop", false);
        write_setting(w, "psa", false);
        jw_end(w);
    }
    jw_end(w);
}

static void write_references(struct jw *w, const struct ninja_fleet *f, const struct ninja_core *c, unsigned flags)
{
    jw_key(w, "references");
    jw_object(w);
    const struct ninja_org *o = ninja_org(f, c->org);
    if ((flags & NW_REF_ORG) && o) {
        jw_key(w, "organization");
        jw_object(w);
        jw_key_str(w, "name", o->name);
        jw_key_str(w, "nodeApprovalMode", o->mode);
        jw_key_i64(w, "id", o->id);
        jw_end(w);
    }
    const struct ninja_location *l = ninja_location(f, c->location);
    if ((flags & NW_REF_LOCATION) && l) {
        jw_key(w, "location");
        jw_object(w);
        jw_key_str(w, "name", l->name);
        jw_key_i64(w, "id", l->id);
        jw_end(w);
    }
    jw_end(w);
}

static void write_basic(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned flags)
{
    const struct ninja_core *c = &d->core;
    jw_key_i64(w, "id", c->id);
    if (!(flags & NW_HOOK))
        jw_key_str(w, "uid", d->uid);
    if (c->class->kind == NK_VM_GUEST && c->id > NINJA_FIRST_ID)
        jw_key_i64(w, "parentDeviceId", c->id - 1);
    jw_key_i64(w, "organizationId", c->org);
    jw_key_i64(w, "locationId", c->location);
    jw_key_str(w, "nodeClass", c->class->name);
    jw_key_i64(w, "nodeRoleId", c->role);
    jw_key_i64(w, "rolePolicyId", 57);
    if (c->policy)
        jw_key_i64(w, "policyId", c->policy);
    jw_key_str(w, "approvalStatus", c->approval);
    jw_key_bool(w, "offline", c->offline);
    if (d->display_name[0])
        jw_key_str(w, "displayName", d->display_name);
    jw_key_str(w, "systemName", d->system_name);
    jw_key_str(w, "dnsName", d->dns_name);
    nw_time(w, "created", c->created, flags);
    nw_time(w, "lastContact", d->last_contact, flags);
    nw_time(w, "lastUpdate", d->last_update, flags);
    if (c->change && c->change->maintenance.set) {
        jw_key(w, "maintenance");
        jw_object(w);
        jw_key_str(w, "status", "IN_MAINTENANCE");
        nw_time(w, "start", c->change->maintenance.start, flags);
        nw_time(w, "end", c->change->maintenance.end, flags);
        jw_end(w);
    }
    if (!(flags & NW_HOOK)) {
        jw_key(w, "tags");
        jw_array(w);
        if (c->id % 13 == 0)
            jw_str(w, "wichtig \"A\"");
        jw_end(w);
    }
    if (flags & (NW_REF_ORG | NW_REF_LOCATION))
        write_references(w, f, c, flags);
}

static void write_addresses(struct jw *w, const struct ninja_device *d)
{
    jw_key(w, "ipAddresses");
    jw_array(w);
    for (unsigned k = 0; k < d->nmacs; k++)
        jw_str(w, d->ip[k]);
    jw_end(w);
    jw_key(w, "macAddresses");
    jw_array(w);
    for (unsigned k = 0; k < d->nmacs; k++)
        jw_str(w, d->mac[k]);
    jw_end(w);
    jw_key_str(w, "publicIP", d->public_ip);
}

static void write_agent(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned flags)
{
    jw_key(w, "os");
    jw_object(w);
    nw_os(w, d, flags);
    jw_end(w);
    jw_key(w, "system");
    jw_object(w);
    nw_system(w, d);
    jw_end(w);
    jw_key(w, "memory");
    jw_object(w);
    jw_key_i64(w, "capacity", d->memory);
    jw_end(w);
    jw_key(w, "processors");
    jw_array(w);
    for (unsigned k = 0; k < d->nprocessors; k++) {
        jw_object(w);
        nw_processor(w, d);
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, "volumes");
    jw_array(w);
    for (unsigned k = 0, n = ninja_nvolumes(f, &d->core); k < n; k++) {
        jw_object(w);
        jw_key_i64(w, "nodeId", d->core.id);
        nw_volume(w, f, d, k, flags);
        jw_end(w);
    }
    jw_end(w);
    jw_key_str(w, "lastLoggedInUser", d->user);
}

static void write_vm_host(struct jw *w, const struct ninja_device *d, unsigned flags)
{
    jw_key_i64(w, "cpuMhz", 2200);
    jw_key_str(w, "cpuModel", "Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz");
    jw_key_i64(w, "cpuCores", 20);
    jw_key_i64(w, "cpuPackages", 2);
    jw_key_i64(w, "cpuThreads", 40);
    jw_key_bool(w, "htActive", true);
    jw_key_bool(w, "htAvailable", true);
    jw_key_i64(w, "memorySize", d->memory);
    jw_key_str(w, "vendor", "Dell Inc.");
    jw_key_str(w, "model", "PowerEdge R640");
    jw_key_str(w, "serviceTag", d->serial);
    jw_key_str(w, "name", d->system_name);
    jw_key_str(w, "releaseName", "VMware ESXi");
    jw_key_str(w, "version", "7.0.3");
    jw_key_str(w, "buildNumber", "21424296");
    nw_time(w, "lastBootTime", d->boot, flags);
}

static void write_vm_guest(struct jw *w, const struct ninja_device *d, unsigned flags)
{
    jw_key_str(w, "fullName", d->system_name);
    nw_time(w, "lastBootTime", d->boot, flags);
    jw_key_i64(w, "memorySize", d->memory);
    jw_key_i64(w, "cpuCores", 4);
    jw_key_i64(w, "coresPerSocket", 2);
    jw_key_str(w, "powerState", d->core.offline ? "POWERED_OFF" : "POWERED_ON");
    jw_key_str(w, "guestOSFullName", "Microsoft Windows Server 2019 (64-bit)");
    jw_key_str(w, "toolStatus", "TOOLS_OK");
    jw_key_i64(w, "snapshotCount", d->core.id % 3);
    jw_key_i64(w, "snapshotTotalSize", d->core.id % 3 * 1073741824LL);
}

static void write_mdm(struct jw *w, const struct ninja_device *d)
{
    bool android = d->core.class->name[1] == 'N';
    jw_key(w, "system");
    jw_object(w);
    jw_key_str(w, "displayName", d->system_name);
    jw_key_str(w, "name", d->system_name);
    jw_key_str(w, "manufacturer", android ? "Samsung" : "Apple");
    jw_key_str(w, "model", android ? "SM-G998B" : "iPhone 15");
    jw_key_str(w, "serialNumber", d->serial);
    jw_end(w);
    jw_key(w, "memory");
    jw_object(w);
    jw_key_i64(w, "capacity", d->memory);
    jw_end(w);
    jw_key(w, "network");
    jw_array(w);
    jw_object(w);
    jw_key_str(w, "carrier", "Example Mobile");
    jw_key_str(w, "phoneNumber", "+49 151 0000000");
    jw_end(w);
    jw_end(w);
    jw_key(w, "volumes");
    jw_array(w);
    jw_end(w);
}

static const char *device_type(enum ninja_kind k)
{
    static const char *const names[] = {
        [NK_AGENT] = "AgentDevice",      [NK_VM_HOST] = "VMHost",           [NK_VM_GUEST] = "VMGuest",
        [NK_NMS_TARGET] = "NMSTarget",   [NK_NMS_SERVER] = "NMSServer",     [NK_MDM] = "MdmDevice",
        [NK_CLOUD] = "CloudMonitorPing", [NK_UNMANAGED] = "UnmanagedDevice"};
    return names[k];
}

static void write_detail(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned flags)
{
    enum ninja_kind kind = d->core.class->kind;
    if (kind != NK_UNMANAGED && kind != NK_CLOUD && kind != NK_MDM)
        write_addresses(w, d);
    switch (kind) {
    case NK_AGENT:
        write_agent(w, f, d, flags);
        break;
    case NK_VM_HOST:
        write_vm_host(w, d, flags);
        break;
    case NK_VM_GUEST:
        write_vm_guest(w, d, flags);
        break;
    case NK_MDM:
        write_mdm(w, d);
        break;
    case NK_CLOUD:
        jw_key_bool(w, "enabled", true);
        jw_key_i64(w, "interval", 300);
        jw_key_i64(w, "timeout", 10);
        jw_key_str(w, "target", d->dns_name);
        break;
    case NK_NMS_TARGET:
    case NK_NMS_SERVER:
    case NK_UNMANAGED:
        break;
    }
    if (d->core.id % 29 == 0) {
        jw_key(w, "notes");
        jw_array(w);
        jw_object(w);
        jw_key_str(w, "text", "first line\nsecond \"line\"");
        jw_end(w);
        jw_end(w);
    }
    jw_key_str(w, "deviceType", device_type(kind));
}

void nw_device(struct jw *w, const struct ninja_fleet *f, const struct ninja_core *core, unsigned flags)
{
    struct ninja_device d;
    ninja_device(f, core, &d);
    jw_object(w);
    write_basic(w, f, &d, flags);
    if (flags & NW_DETAILED)
        write_detail(w, f, &d, flags);
    jw_end(w);
}

void nw_alert(struct jw *w, const struct ninja_fleet *f, const struct ninja_alert *a)
{
    const struct ninja_condition *c = &ninja_conditions[a->source];
    jw_object(w);
    jw_key_str(w, "uid", a->uid);
    jw_key_i64(w, "deviceId", a->device);
    jw_key_str(w, "message", a->message ? a->message : c->message);
    nw_time(w, "createTime", a->created, 0);
    nw_time(w, "updateTime", a->updated, 0);
    jw_key_str(w, "sourceType", c->source_type);
    jw_key_str(w, "sourceConfigUid", a->config_uid);
    jw_key_str(w, "sourceName", c->name);
    jw_key_str(w, "subject", a->subject);
    if (a->explicit_severity) {
        jw_key_str(w, "severity", a->severity);
        jw_key_str(w, "priority", a->priority);
    }
    jw_key(w, "data");
    jw_object(w);
    jw_key(w, "message");
    jw_object(w);
    jw_key_str(w, "code", c->code);
    jw_key(w, "params");
    jw_object(w);
    jw_key_str(w, "event_id", a->subject);
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void key_unless_empty(struct jw *w, const char *key, const char *text)
{
    if (text && *text)
        jw_key_str(w, key, text);
}

static void key_unless_null(struct jw *w, const char *key, const char *text)
{
    if (text)
        jw_key_str(w, key, text);
}

void nw_activity(struct jw *w, const struct ninja_fleet *f, const struct ninja_activity *a, unsigned flags)
{
    struct ninja_core core;
    jw_object(w);
    jw_key_i64(w, "id", a->id);
    nw_time(w, "activityTime", a->at, flags);
    if (a->device)
        jw_key_i64(w, "deviceId", a->device);
    if (!(flags & NW_HOOK)) { /* no captured webhook carries them */
        key_unless_null(w, "severity", a->severity);
        key_unless_null(w, "priority", a->priority);
    }
    key_unless_empty(w, "seriesUid", a->series);
    jw_key_str(w, "activityType", a->type);
    jw_key_str(w, "statusCode", a->code);
    jw_key_str(w, "status", a->label);
    key_unless_null(w, "activityResult", a->result);
    key_unless_empty(w, "sourceConfigUid", a->config);
    key_unless_null(w, "sourceName", a->source_name);
    key_unless_null(w, "subject", a->subject);
    if (a->user)
        jw_key_i64(w, "userId", a->user);
    key_unless_null(w, "message", a->message);
    jw_key_str(w, "type", a->type_label);
    if (a->data)
        jw_key_raw(w, "data", slice_cstr(a->data));
    if ((flags & NW_DEVICE) && a->device && ninja_core(f, a->device, &core)) {
        jw_key(w, "device");
        nw_device(w, f, &core, flags);
    }
    jw_end(w);
}
