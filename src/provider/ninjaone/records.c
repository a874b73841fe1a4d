/* records.c - NinjaOne's organizations, devices and alerts → records. */
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

void nin_add_console_url(struct str *url, struct slice console, struct slice device_id)
{
    str_addf(url, "%.*s/#/deviceDashboard/%.*s/overview", SLICE_FMT(console), SLICE_FMT(device_id));
}

void nin_emit_device(const struct nin_device *d, struct slice console, const struct sink *sink)
{
    _cleanup_(str_release) struct str url = {0};
    if (console.n)
        nin_add_console_url(&url, console, d->id);
    struct record r = {
        .kind = RECORD_DEVICE,
        .device =
            {
                .id = d->id,
                .organization_id = nin_first_known(d->organization_id, d->organization.id),
                .location_id = nin_first_known(d->location_id, d->location.id),
                .name = nin_first_known(nin_first_known(d->display_name, d->system_name), d->dns_name),
                .hostname = known(d->system_name),
                .dns_name = known(d->dns_name),
                .uid = known(d->uid),
                .type = asset_type(d->node_class),
                .product_class = known(d->node_class),
                .status = status_of(d->offline),
                .public_ip = known(d->public_ip),
                .url = known(str_slice(&url)),
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
                         .organization_id = nin_first_known(d->organization_id, d->organization.id),
                         .name = d->location.name},
        };
        sink->record(sink->arg, &r);
    }
}

int nin_severity(int severity, int priority)
{
    return severity ? severity : priority;
}

/* An alert of the list is one that fires now. Its place in time is its creation: `updateTime` moves when a person
 * acknowledges it, and an alert already acknowledged here must not go back because the list does not tell the two
 * apart. */
void nin_emit_alert(const struct nin_alert *a, int severity, const struct sink *sink)
{
    struct record r = {
        .kind = RECORD_ALERT,
        .alert =
            {
                .series = a->uid,
                .device_id = known(a->device_id),
                .organization_id = known(a->organization_id),
                .state = ALERT_TRIGGERED,
                .severity = severity ? (enum severity)(severity - 1) : SEVERITY_NONE,
                .severity_known = severity != 0,
                .type = known(a->source_type),
                .subject = known(a->subject),
                .message = known(a->message),
                .source = nin_first_known(a->source_name, a->condition_name),
                .triggered_at = a->created,
                .changed_at = a->created != USEC_NONE ? a->created : a->updated,
            },
    };
    sink->record(sink->arg, &r);
}
