/* parts.c - NinjaOne's rows about parts of devices → facets. */
#include "provider/ninjaone/ninjaone.h"

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

/* --- what a device's own record says --- */

static void emit_os(struct slice device_id, const struct nin_os *o, const struct sink *sink)
{
    struct record r = facet_record(device_id, FACET_OS);

    r.facet.os = (struct facet_os){
        .manufacturer = known(o->manufacturer),
        .name = known(o->name),
        .build = known(o->build),
        .release = known(o->release),
        .architecture = known(o->architecture),
        .language = nin_first_known(o->language, o->locale),
        .last_boot = o->last_boot,
        .needs_reboot = o->needs_reboot,
    };
    sink->record(sink->arg, &r);
}

static void emit_system(struct slice device_id, const struct nin_system *s, const struct sink *sink)
{
    struct record r = facet_record(device_id, FACET_SYSTEM);

    r.facet.system = (struct facet_system){
        .manufacturer = known(s->manufacturer),
        .model = known(s->model),
        .serial = nin_first_known(s->serial, s->asset_serial),
        .bios_serial = known(s->bios_serial),
        .domain = known(s->domain),
        .chassis = known(s->chassis),
        .memory_bytes = s->memory,
        .virtual_machine = s->virtual_machine,
    };
    sink->record(sink->arg, &r);
}

static void emit_processor(struct slice device_id, const struct nin_processor *p, const struct sink *sink)
{
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

/* A virtualization host has no agent; it says the same in words of its own. */
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

static bool is_host(const struct nin_device_full *d)
{
    return slice_is(d->kind, "VMHost") || (slice_is(d->device.node_class, "VMWARE_VM_HOST") && d->host.vendor.n);
}

void nin_emit_full(const struct nin_device_full *d, struct slice console, const struct sink *sink)
{
    const struct nin_processor *p = d->processors.v;
    struct slice id = d->device.id;

    nin_emit_device(&d->device, console, sink);
    if (is_host(d)) {
        emit_host(id, &d->host, sink);
        return;
    }
    if (d->os.name.n)
        emit_os(id, &d->os, sink);
    if (d->system.manufacturer.n || d->system.model.n || d->system.serial.n || d->system.bios_serial.n)
        emit_system(id, &d->system, sink);
    for (size_t i = 0; i < d->processors.n; i++)
        emit_processor(id, &p[i], sink);
}

/* --- what reports say --- */

static enum tri encrypted_of(struct slice conversion)
{
    if (slice_is(conversion, "FULLY_ENCRYPTED"))
        return TRI_YES;
    return slice_is(conversion, "FULLY_DECRYPTED") ? TRI_NO : TRI_UNKNOWN;
}

void nin_emit_volume(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_volume *v = row;
    struct record r = facet_record(device_id, FACET_VOLUMES);

    r.facet.volume = (struct facet_volume){
        .name = nin_first_known(v->name, v->drive_letter),
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

void nin_emit_interface(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_interface *i = row;
    struct record r = facet_record(device_id, FACET_INTERFACES);

    r.facet.interface = (struct facet_interface){
        .name = nin_first_known(i->name, i->adapter),
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

void nin_emit_antivirus(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
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

void nin_emit_user(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_user *u = row;
    struct record r = facet_record(device_id, FACET_LAST_USER);

    if (!u->name.n)
        return; /* nobody has signed in yet, or the agent cannot tell */
    r.facet.last_user = (struct facet_last_user){.name = u->name, .logon = u->logon};
    sink->record(sink->arg, &r);
}

void nin_emit_health(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_health *h = row;
    struct record r = facet_record(device_id, FACET_HEALTH);

    r.facet.health = (struct facet_health){
        .status = known(h->status),
        .pending_reboot = known(h->pending_reboot),
        .alerts = h->alerts,
        .jobs = h->jobs,
        .threats_active = h->threats_active,
        .threats_quarantined = h->threats_quarantined,
        .threats_blocked = h->threats_blocked,
        .os_patches_pending = h->os_pending,
        .os_patches_failed = h->os_failed,
        .software_patches_pending = h->software_pending,
        .software_patches_failed = h->software_failed,
        .vulnerabilities_critical = h->critical,
        .vulnerabilities_high = h->high,
        .vulnerabilities_medium = h->medium,
        .vulnerabilities_low = h->low,
    };
    sink->record(sink->arg, &r);
    if (nin_wants(c, RECORD_PATCH))
        nin_emit_no_patches(device_id, h, sink);
}
