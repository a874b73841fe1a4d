/* mobile.c - Jamf Pro's mobile devices → records. Their numbers are not those of computers: the id has a prefix. */
#include "provider/jamf/jamf.h"

#include <stdio.h>

struct slice jamf_mobile_id(struct slice id, char buf[JAMF_ID_MAX])
{
    size_t n = sizeof(JAMF_MOBILE) - 1;

    if (!id.n || id.n + n >= JAMF_ID_MAX)
        return SLICE_NONE;
    memcpy(buf, JAMF_MOBILE, n);
    memcpy(buf + n, id.p, id.n);
    return slice_of(buf, n + id.n);
}

static void emit_facet(const struct sink *sink, struct slice device, const struct record_facet *facet)
{
    struct record r = {.kind = RECORD_FACET, .facet = *facet};

    r.facet.device_id = device;
    sink->record(sink->arg, &r);
}

static struct slice os_name(struct slice type)
{
    if (slice_ieq(type, SLICE("tvos")))
        return SLICE("tvOS");
    return slice_ieq(type, SLICE("ios")) ? SLICE("iOS") : known(type);
}

static void emit_device(const struct jamf_mobile *m, struct slice id, const struct jamf_links *l,
                        const struct sink *sink)
{
    _cleanup_(str_release) struct str url = {0};
    struct slice macs[2], ip = m->ip;
    size_t nmacs = 0;

    if (m->wifi_mac.n)
        macs[nmacs++] = m->wifi_mac;
    str_addf(&url, "%s/mobileDevices.html?id=", l->base_url);
    str_add_url(&url, m->id);
    str_adds(&url, "&o=r");
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = id,
                                  .organization_id = jamf_site(m->site_id),
                                  .location_id = l->locations ? jamf_place(m->building) : SLICE_NONE,
                                  .name = known(m->name),
                                  .hostname = known(m->name),
                                  .uid = known(m->udid),
                                  .type = ASSET_MOBILE_DEVICE,
                                  .product_class = known(m->type),
                                  .ips = {ip.n ? &ip : NULL, ip.n ? 1 : 0},
                                  .macs = {nmacs ? macs : NULL, nmacs},
                                  .url = str_slice(&url),
                                  .created = USEC_NONE,
                                  .last_seen = m->contact != USEC_NONE ? m->contact : m->reported}};
    sink->record(sink->arg, &r);
}

static void emit_hardware(const struct jamf_mobile *m, struct slice id, const struct sink *sink)
{
    struct slice mac = m->wifi_mac;

    if (m->os_version.n)
        emit_facet(sink, id,
                   &(struct record_facet){.facet = FACET_OS,
                                          .os = {.manufacturer = SLICE("Apple"),
                                                 .name = os_name(m->type),
                                                 .version = m->os_version,
                                                 .build = known(m->os_build),
                                                 .last_boot = USEC_NONE}});
    if (m->model.n || m->serial.n)
        emit_facet(sink, id,
                   &(struct record_facet){.facet = FACET_SYSTEM,
                                          .system = {.manufacturer = SLICE("Apple"),
                                                     .model = known(m->model),
                                                     .serial = known(m->serial),
                                                     .uuid = known(m->udid),
                                                     .memory_bytes = I64_NONE,
                                                     .virtual_machine = TRI_NO}});
    if (mac.n)
        emit_facet(
            sink, id,
            &(struct record_facet){.facet = FACET_INTERFACES,
                                   .interface = {.name = SLICE("Wi-Fi"), .type = SLICE("wifi"), .macs = {&mac, 1}}});
    if (m->capacity_megabytes > 0)
        emit_facet(sink, id,
                   &(struct record_facet){.facet = FACET_VOLUMES,
                                          .volume = {.name = SLICE("storage"),
                                                     .capacity_bytes = jamf_times(m->capacity_megabytes, JAMF_MEGABYTE),
                                                     .free_bytes = jamf_times(m->available_megabytes, JAMF_MEGABYTE),
                                                     .encrypted = m->encrypted}});
}

void jamf_emit_mobile(const struct jamf_mobile *m, const struct jamf_links *l, const struct sink *sink)
{
    char buf[JAMF_ID_MAX];
    struct slice id = jamf_mobile_id(m->id, buf);

    emit_device(m, id, l, sink);
    emit_hardware(m, id, sink);
    emit_facet(sink, id,
               &(struct record_facet){.facet = FACET_MANAGEMENT,
                                      .management = {.asset_tag = known(m->asset_tag),
                                                     .management_id = known(m->management_id),
                                                     .enrollment_method = known(m->ownership),
                                                     .managed = m->managed,
                                                     .supervised = m->supervised,
                                                     .declarative_management = m->declarative,
                                                     .enrolled = m->enrolled,
                                                     .last_inventory = m->reported,
                                                     .mdm_profile_expires = m->expires}});
    if (m->encrypted != TRI_UNKNOWN || m->activation_lock != TRI_UNKNOWN)
        emit_facet(sink, id,
                   &(struct record_facet){.facet = FACET_SECURITY,
                                          .security = {.boot_volume_percent = I64_NONE,
                                                       .encrypted = m->encrypted,
                                                       .activation_lock = m->activation_lock}});
    if (l->assignment)
        jamf_emit_assignment(id,
                             &(struct facet_assignment){.username = known(m->username),
                                                        .name = known(m->realname),
                                                        .email = known(m->email),
                                                        .phone = known(m->phone),
                                                        .title = known(m->position),
                                                        .department = known(l->department),
                                                        .building = known(l->building_name),
                                                        .room = known(m->room)},
                             sink);
}
