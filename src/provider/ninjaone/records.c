/* records.c - NinjaOne's rows → records. */
#include "provider/ninjaone/ninjaone.h"

/* All node classes of the API (33). What is not listed is unknown, not an error: the product adds classes. */
static const struct {
    const char *node_class;
    enum asset_type type;
} node_classes[] = {
    {"WINDOWS_SERVER", ASSET_SERVER},
    {"WINDOWS_WORKSTATION", ASSET_WORKSTATION},
    {"LINUX_SERVER", ASSET_SERVER},
    {"LINUX_WORKSTATION", ASSET_WORKSTATION},
    {"MAC", ASSET_WORKSTATION},
    {"MAC_SERVER", ASSET_SERVER},
    {"ANDROID", ASSET_MOBILE_DEVICE},
    {"APPLE_IOS", ASSET_MOBILE_DEVICE},
    {"APPLE_IPADOS", ASSET_MOBILE_DEVICE},
    {"VMWARE_VM_HOST", ASSET_SERVER},
    {"VMWARE_VM_GUEST", ASSET_SERVER},
    {"HYPERV_VMM_HOST", ASSET_SERVER},
    {"HYPERV_VMM_GUEST", ASSET_SERVER},
    {"NMS_SWITCH", ASSET_NETWORK_DEVICE},
    {"NMS_ROUTER", ASSET_NETWORK_DEVICE},
    {"NMS_FIREWALL", ASSET_NETWORK_DEVICE},
    {"NMS_PRIVATE_NETWORK_GATEWAY", ASSET_NETWORK_DEVICE},
    {"NMS_PRINTER", ASSET_PRINTER},
    {"NMS_SCANNER", ASSET_PRINTER},
    {"NMS_DIAL_MANAGER", ASSET_NETWORK_DEVICE},
    {"NMS_WAP", ASSET_NETWORK_DEVICE},
    {"NMS_IPSLA", ASSET_NETWORK_DEVICE},
    {"NMS_COMPUTER", ASSET_WORKSTATION},
    {"NMS_VM_HOST", ASSET_SERVER},
    {"NMS_APPLIANCE", ASSET_NETWORK_DEVICE},
    {"NMS_OTHER", ASSET_NETWORK_DEVICE},
    {"NMS_SERVER", ASSET_SERVER},
    {"NMS_PHONE", ASSET_NETWORK_DEVICE},
    {"NMS_VIRTUAL_MACHINE", ASSET_SERVER},
    {"NMS_NETWORK_MANAGEMENT_AGENT", ASSET_NETWORK_DEVICE},
    {"CLOUD_MONITOR_TARGET", ASSET_UNKNOWN},
    {"UNMANAGED_DEVICE", ASSET_UNKNOWN},
    {"MANAGED_DEVICE", ASSET_UNKNOWN},
};

static enum asset_type asset_type(struct slice node_class)
{
    for (size_t i = 0; i < ARRAY_LEN(node_classes); i++)
        if (slice_is(node_class, node_classes[i].node_class))
            return node_classes[i].type;
    return ASSET_UNKNOWN;
}

static struct slice first_known(struct slice a, struct slice b)
{
    return a.n ? a : known(b);
}

static enum tri tri_of(bool v)
{
    return v ? TRI_YES : TRI_NO;
}

void nin_emit_organization(const struct record_organization *o, const struct sink *sink)
{
    struct record r = {.kind = RECORD_ORGANIZATION, .organization = *o};
    sink->record(sink->arg, &r);
}

static enum agent_status status_of(enum tri offline)
{
    switch (offline) {
    case TRI_YES:
        return AGENT_OFFLINE;
    case TRI_NO:
        return AGENT_ONLINE;
    case TRI_UNKNOWN:
        break;
    }
    return AGENT_UNKNOWN;
}

void nin_emit_device(const struct nin_device *d, const struct sink *sink)
{
    struct record r = {
        .kind = RECORD_DEVICE,
        .device =
            {
                .id = d->id,
                .organization_id = first_known(d->organization_id, d->organization.id),
                .location_id = first_known(d->location_id, d->location.id),
                .name = first_known(first_known(d->display_name, d->system_name), d->dns_name),
                .hostname = known(d->system_name),
                .dns_name = known(d->dns_name),
                .uid = known(d->uid),
                .type = asset_type(d->node_class),
                .product_class = known(d->node_class),
                .status = status_of(d->offline),
                .public_ip = known(d->public_ip),
                .ips = d->ips,
                .macs = d->macs,
                .approved = d->approval.n ? tri_of(slice_is(d->approval, "APPROVED")) : TRI_UNKNOWN,
                /* The object is left out while there is no window: that is a "no", or a window would never end. */
                .maintenance = tri_of(slice_is(d->maintenance, "IN_MAINTENANCE")),
                .created = d->created,
                .last_seen = d->last_contact,
            },
    };
    sink->record(sink->arg, &r);
}

void nin_emit_references(const struct nin_device *d, const struct sink *sink)
{
    if (d->organization.id.n && d->organization.name.n) {
        struct record_organization o = {.id = d->organization.id, .name = d->organization.name};
        nin_emit_organization(&o, sink);
    }
    if (d->location.id.n && d->location.name.n) {
        struct record r = {
            .kind = RECORD_LOCATION,
            .location = {.id = d->location.id,
                         .organization_id = first_known(d->organization_id, d->organization.id),
                         .name = d->location.name},
        };
        sink->record(sink->arg, &r);
    }
}

static struct record facet_record(struct slice device_id, enum facet facet)
{
    return (struct record){.kind = RECORD_FACET, .facet = {.device_id = device_id, .facet = facet}};
}

void nin_emit_no_facet(struct slice device_id, enum facet facet, const struct sink *sink)
{
    struct record r = facet_record(device_id, facet);
    r.facet.none = true;
    sink->record(sink->arg, &r);
}

void nin_emit_os(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_os *o = row;
    struct record r = facet_record(device_id, FACET_OS);

    r.facet.os = (struct facet_os){
        .manufacturer = known(o->manufacturer),
        .name = known(o->name),
        .build = known(o->build),
        .release = known(o->release),
        .architecture = known(o->architecture),
        .language = first_known(o->language, o->locale),
        .last_boot = o->last_boot,
        .needs_reboot = o->needs_reboot,
    };
    sink->record(sink->arg, &r);
}

void nin_emit_system(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_system *s = row;
    struct record r = facet_record(device_id, FACET_SYSTEM);

    r.facet.system = (struct facet_system){
        .manufacturer = known(s->manufacturer),
        .model = known(s->model),
        .serial = first_known(s->serial, s->asset_serial),
        .bios_serial = known(s->bios_serial),
        .domain = known(s->domain),
        .chassis = known(s->chassis),
        .memory_bytes = s->memory,
        .virtual_machine = s->virtual_machine,
    };
    sink->record(sink->arg, &r);
}

/* A virtualization host has no agent and so no row in the reports; its own record is all there is. */
static void emit_host(struct slice device_id, const struct nin_host *h, const struct sink *sink)
{
    struct record os = facet_record(device_id, FACET_OS), system = facet_record(device_id, FACET_SYSTEM);

    os.facet.os = (struct facet_os){
        .manufacturer = known(h->vendor),
        .name = known(h->release),
        .version = known(h->version),
        .build = known(h->build),
        .last_boot = h->last_boot,
    };
    system.facet.system = (struct facet_system){
        .manufacturer = known(h->vendor),
        .model = known(h->model),
        .serial = known(h->service_tag),
        .memory_bytes = h->memory,
        .virtual_machine = TRI_NO,
    };
    sink->record(sink->arg, &os);
    sink->record(sink->arg, &system);
}

void nin_emit_listed(const struct nin_device_full *d, const struct sink *sink)
{
    nin_emit_device(&d->device, sink);
    if (slice_is(d->kind, "VMHost") || (slice_is(d->device.node_class, "VMWARE_VM_HOST") && d->host.vendor.n))
        emit_host(d->device.id, &d->host, sink);
}

void nin_emit_processor(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_processor *p = row;
    struct record r = facet_record(device_id, FACET_PROCESSORS);

    r.facet.processor = (struct facet_processor){
        .name = known(p->name),
        .architecture = known(p->architecture),
        .cores = p->cores,
        .logical_cores = p->logical_cores,
        .clock_hz = p->max_clock != I64_NONE ? p->max_clock : p->clock,
    };
    sink->record(sink->arg, &r);
}

static enum tri encrypted_of(struct slice conversion)
{
    if (slice_is(conversion, "FULLY_ENCRYPTED"))
        return TRI_YES;
    return slice_is(conversion, "FULLY_DECRYPTED") ? TRI_NO : TRI_UNKNOWN;
}

void nin_emit_volume(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_volume *v = row;
    struct record r = facet_record(device_id, FACET_VOLUMES);

    r.facet.volume = (struct facet_volume){
        .name = first_known(v->name, v->drive_letter),
        .label = known(v->label),
        .device_type = known(v->device_type),
        .file_system = known(v->file_system),
        .serial = known(v->serial),
        .capacity_bytes = v->capacity,
        .free_bytes = v->free,
        .encrypted = encrypted_of(v->bitlocker),
    };
    sink->record(sink->arg, &r);
}

void nin_emit_interface(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_interface *i = row;
    struct record r = facet_record(device_id, FACET_INTERFACES);

    r.facet.interface = (struct facet_interface){
        .name = first_known(i->name, i->adapter),
        .description = known(i->adapter),
        .type = known(i->type),
        .gateway = known(i->gateway),
        .dns = known(i->dns),
        .speed = known(i->speed),
        .status = known(i->status),
        .macs = i->macs,
        .ips = i->ips,
    };
    sink->record(sink->arg, &r);
}

void nin_emit_antivirus(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_antivirus *a = row;
    struct record r = facet_record(device_id, FACET_ANTIVIRUS);

    r.facet.antivirus = (struct facet_antivirus){
        .product = known(a->product),
        .state = known(a->state),
        .definitions = known(a->definitions),
        .version = known(a->version),
    };
    sink->record(sink->arg, &r);
}

void nin_emit_user(struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_user *u = row;
    struct record r = facet_record(device_id, FACET_LAST_USER);

    r.facet.last_user = (struct facet_last_user){.name = known(u->name), .logon = u->logon};
    sink->record(sink->arg, &r);
}

/* An alert of the list is one that fires now. Its place in time is its creation: `updateTime` moves when a person
 * acknowledges it, and an alert already acknowledged here must not go back because the list does not tell the two
 * apart. */
void nin_emit_alert(const struct nin_alert *a, const struct sink *sink)
{
    struct record r = {
        .kind = RECORD_ALERT,
        .alert =
            {
                .series = a->uid,
                .device_id = known(a->device_id),
                .organization_id = known(a->organization_id),
                .state = ALERT_TRIGGERED,
                .severity = a->severity ? (enum severity)(a->severity - 1) : SEVERITY_NONE,
                .severity_known = a->severity != 0,
                .type = known(a->source_type),
                .subject = known(a->subject),
                .message = known(a->message),
                .source = first_known(a->source_name, a->condition_name),
                .triggered_at = a->created,
                .changed_at = a->created != USEC_NONE ? a->created : a->updated,
            },
    };
    sink->record(sink->arg, &r);
}
