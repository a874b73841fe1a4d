/* records.c - Jamf Pro's rows of computers, groups and users → records.
 * Status: the product has no "online". A Mac checks in every few minutes, so one whose last check-in lies no more than an hour back
 *         counts as online, one that has been silent for thirty days as overdue. */
#include "provider/jamf/jamf.h"

#include <stdio.h>

#define ONLINE  SECONDS(3600)
#define OVERDUE SECONDS(30 * 86400LL)

struct slice jamf_place(struct slice id)
{
    return id.n && !slice_is(id, "-1") ? id : SLICE_NONE;
}

struct slice jamf_site(struct slice id)
{
    struct slice site = jamf_place(id);

    return site.n ? site : SLICE(JAMF_NO_SITE);
}

usec_t jamf_check_in(const struct jamf_computer *c)
{
    return c->check_in != USEC_NONE ? c->check_in : c->contact_former;
}

static usec_t last_contact(const struct jamf_computer *c)
{
    return c->contact != USEC_NONE ? c->contact : c->contact_former;
}

static enum agent_status status_of(usec_t seen, usec_t now)
{
    if (seen == USEC_NONE)
        return AGENT_UNKNOWN;
    if (now - seen <= ONLINE)
        return AGENT_ONLINE;
    return now - seen <= OVERDUE ? AGENT_OFFLINE : AGENT_OVERDUE;
}

/* --- states --- */

static bool is_any(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_is(s, *words))
            return true;
    return false;
}

enum tri jamf_encrypted(struct slice vault, struct slice boot_state)
{
    static const char *const on[] = {"BOOT_ENCRYPTED", "ALL_ENCRYPTED", NULL};
    static const char *const open[] = {"",           "UNKNOWN",        "INELIGIBLE", /* says nothing of the volume */
                                       "OPTIMIZING", "RESTART_NEEDED", NULL};

    if (is_any(vault, on) || slice_is(boot_state, "ENCRYPTED"))
        return TRI_YES;
    if (!is_any(boot_state, open) || slice_is(vault, "NOT_ENCRYPTED"))
        return TRI_NO;
    return TRI_UNKNOWN;
}

struct slice jamf_gatekeeper(struct slice status)
{
    if (slice_starts(status, SLICE("APP_STORE")))
        return SLICE("on");
    return slice_is(status, "DISABLED") ? SLICE("off") : SLICE_NONE;
}

struct slice jamf_sip(struct slice status)
{
    if (slice_is(status, "ENABLED"))
        return SLICE("on");
    return slice_is(status, "DISABLED") ? SLICE("off") : SLICE_NONE;
}

/* --- one computer --- */

static void emit(const struct sink *sink, const struct record *r)
{
    sink->record(sink->arg, r);
}

static void emit_none(struct slice device, enum facet facet, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = device, .facet = facet, .none = true}};

    emit(sink, &r);
}

static size_t gather(struct slice *v, const struct slice *from, size_t n)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        if (from[i].n)
            v[found++] = from[i];
    return found;
}

static void add_link(struct str *url, const char *base_url, const char *page, struct slice id)
{
    str_addf(url, "%s/%s.html?id=", base_url, page);
    str_add_url(url, id);
    str_adds(url, "&o=r");
}

static void emit_device(const struct jamf_computer *c, const struct jamf_links *l, const struct sink *sink)
{
    _cleanup_(str_release) struct str url = {0};
    struct slice macs[2], ips[2];
    size_t nmacs = gather(macs, (struct slice[]){c->mac, c->alt_mac}, 2);
    size_t nips = gather(ips, (struct slice[]){c->ip4.n ? c->ip4 : c->ip4_former, c->ip6}, 2);
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = c->id,
                                  .organization_id = jamf_site(c->site_id),
                                  .location_id = l->locations ? jamf_place(c->building) : SLICE_NONE,
                                  .name = known(c->name),
                                  .hostname = known(c->name),
                                  .uid = known(c->udid),
                                  .type = ASSET_WORKSTATION,
                                  .product_class = known(c->platform),
                                  .status = status_of(jamf_check_in(c), l->now),
                                  .agent_version = known(c->binary),
                                  .public_ip = known(c->public_ip),
                                  .ips = {nips ? ips : NULL, nips},
                                  .macs = {nmacs ? macs : NULL, nmacs},
                                  .created = c->entered,
                                  .last_seen = last_contact(c)}};

    add_link(&url, l->base_url, "computers", c->id);
    r.device.url = str_slice(&url);
    emit(sink, &r);
}

static void emit_os(const struct jamf_computer *c, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = c->id,
                                 .facet = FACET_OS,
                                 .os = {.manufacturer = SLICE("Apple"),
                                        .name = known(c->os),
                                        .version = known(c->os_version),
                                        .build = known(c->os_build),
                                        .release = known(c->os_extra),
                                        .architecture = known(c->architecture),
                                        .last_boot = USEC_NONE}}};

    if (c->os.n || c->os_version.n)
        emit(sink, &r);
}

static struct slice chassis_of(struct slice model)
{
    if (slice_starts(model, SLICE("MacBook")))
        return SLICE("laptop");
    return slice_starts(model, SLICE("iMac")) || slice_starts(model, SLICE("Mac")) ? SLICE("desktop") : SLICE_NONE;
}

static enum tri virtual_of(struct slice identifier)
{
    static const char *const machines[] = {"VirtualMac", "VMware", "Parallels"};

    for (size_t i = 0; i < ARRAY_LEN(machines); i++)
        if (slice_starts(identifier, slice_cstr(machines[i])))
            return TRI_YES;
    return identifier.n ? TRI_NO : TRI_UNKNOWN;
}

static void emit_system(const struct jamf_computer *c, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = c->id,
                                 .facet = FACET_SYSTEM,
                                 .system = {.manufacturer = known(c->make),
                                            .model = known(c->model),
                                            .serial = known(c->serial),
                                            .uuid = known(c->udid),
                                            .chassis = chassis_of(c->model),
                                            .memory_bytes = jamf_times(c->ram_megabytes, JAMF_MEBIBYTE),
                                            .virtual_machine = virtual_of(c->model_identifier)}}};

    if (c->make.n || c->model.n || c->serial.n)
        emit(sink, &r);
}

static void emit_processor(const struct jamf_computer *c, const struct sink *sink)
{
    struct record r = {
        .kind = RECORD_FACET,
        .facet = {.device_id = c->id,
                  .facet = FACET_PROCESSORS,
                  .processor = {.name = known(c->processor),
                                .architecture = known(c->architecture),
                                .cores = c->cores > 0 ? c->cores : I64_NONE,
                                .logical_cores = I64_NONE,
                                .clock_hz = c->megahertz > 0 ? jamf_times(c->megahertz, 1000000) : I64_NONE}}};

    if (c->processor.n) /* the speed is 0 on Apple's own */
        emit(sink, &r);
}

static void emit_interface(struct slice device, struct slice type, struct slice mac, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = device,
                                 .facet = FACET_INTERFACES,
                                 .interface = {.type = slice_is(type, "IEEE80211") ? SLICE("wifi") : known(type),
                                               .name = known(type),
                                               .macs = {&mac, 1}}}};

    if (mac.n)
        emit(sink, &r);
}

static void emit_volumes(const struct jamf_computer *c, const struct sink *sink)
{
    const struct jamf_partition *p = c->partitions.v;

    if (p && !c->partitions.n)
        emit_none(c->id, FACET_VOLUMES, sink);
    for (size_t i = 0; i < c->partitions.n; i++) {
        bool vault = p[i].vault.n && !slice_is(p[i].vault, "UNKNOWN");
        struct record r = {.kind = RECORD_FACET,
                           .facet = {.device_id = c->id,
                                     .facet = FACET_VOLUMES,
                                     .volume = {.name = known(p[i].name),
                                                .device_type = known(p[i].type),
                                                .capacity_bytes = jamf_times(p[i].megabytes, JAMF_MEGABYTE),
                                                .free_bytes = jamf_times(p[i].available, JAMF_MEGABYTE),
                                                .encrypted = !vault                              ? TRI_UNKNOWN
                                                             : slice_is(p[i].vault, "ENCRYPTED") ? TRI_YES
                                                                                                 : TRI_NO}}};
        emit(sink, &r);
    }
}

/* Of the three ways in which the product hears of a user the latest. */
static void emit_last_user(const struct jamf_computer *c, const struct sink *sink)
{
    const struct facet_last_user users[] = {{c->user_binary, c->user_binary_at},
                                            {c->user_mdm, c->user_mdm_at},
                                            {c->user_self_service, c->user_self_service_at}};
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = c->id, .facet = FACET_LAST_USER}};

    r.facet.last_user.logon = USEC_NONE;
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        if (users[i].name.n && (!r.facet.last_user.name.n || users[i].logon > r.facet.last_user.logon))
            r.facet.last_user = users[i];
    if (r.facet.last_user.name.n)
        emit(sink, &r);
}

static void emit_management(const struct jamf_computer *c, const struct sink *sink)
{
    bool sited = jamf_place(c->site_id).n > 0;
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = c->id,
                                 .facet = FACET_MANAGEMENT,
                                 .management = {.asset_tag = known(c->asset_tag),
                                                .barcode1 = known(c->barcode1),
                                                .barcode2 = known(c->barcode2),
                                                .site = sited ? known(c->site_name) : SLICE_NONE,
                                                .management_id = known(c->management_id),
                                                .enrollment_method = known(c->method),
                                                .managed = c->managed,
                                                .supervised = c->supervised,
                                                .mdm_capable = c->capable,
                                                .user_approved_mdm = c->approved,
                                                .automated_enrollment = c->automated,
                                                .declarative_management = c->declarative,
                                                .enrolled = c->enrolled,
                                                .last_inventory = c->reported,
                                                .mdm_profile_expires = c->expires}}};

    emit(sink, &r);
}

static void emit_security(const struct jamf_computer *c, const struct sink *sink)
{
    static const struct slice words[] = {
        [TRI_UNKNOWN] = {NULL, 0}, [TRI_NO] = SLICE_INIT("off"), [TRI_YES] = SLICE_INIT("on")};
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = c->id,
                                 .facet = FACET_SECURITY,
                                 .security = {.encryption = known(c->vault),
                                              .boot_volume_state = known(c->boot_state),
                                              .recovery_key = known(c->recovery_key),
                                              .gatekeeper = known(c->gatekeeper),
                                              .sip = known(c->sip),
                                              .xprotect = known(c->xprotect),
                                              .firewall = words[c->firewall],
                                              .secure_boot = known(c->secure_boot),
                                              .boot_volume_percent = c->boot_percent,
                                              .encrypted = jamf_encrypted(c->vault, c->boot_state),
                                              .activation_lock = c->activation_lock}}};

    if (c->vault.n || c->boot_state.n || c->gatekeeper.n || c->sip.n)
        emit(sink, &r);
}

void jamf_emit_assignment(struct slice device, const struct facet_assignment *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = device, .facet = FACET_ASSIGNMENT, .assignment = *a}};

    emit(sink, &r);
}

void jamf_emit_computer(const struct jamf_computer *c, const struct jamf_links *l, const struct sink *sink)
{
    const struct facet_assignment assignment = {.username = known(c->username),
                                                .name = known(c->realname),
                                                .email = known(c->email),
                                                .phone = known(c->phone),
                                                .title = known(c->position),
                                                .department = known(l->department),
                                                .building = known(l->building_name),
                                                .room = known(c->room)};

    emit_device(c, l, sink);
    emit_os(c, sink);
    emit_system(c, sink);
    emit_processor(c, sink);
    if (c->mac.p && !c->mac.n && !c->alt_mac.n)
        emit_none(c->id, FACET_INTERFACES, sink);
    emit_interface(c->id, c->adapter, c->mac, sink);
    emit_interface(c->id, c->alt_adapter, c->alt_mac, sink);
    emit_volumes(c, sink);
    emit_last_user(c, sink);
    emit_management(c, sink);
    emit_security(c, sink);
    if (l->assignment)
        jamf_emit_assignment(c->id, &assignment, sink);
}

void jamf_emit_software(const struct jamf_computer *c, const struct sink *sink)
{
    const struct jamf_app *a = c->apps.v;
    struct record r = {.kind = RECORD_SOFTWARE, .software = {.device_id = c->id, .none = true, .installed = USEC_NONE}};

    r.software.size_bytes = I64_NONE;
    if (a && !c->apps.n)
        emit(sink, &r);
    for (size_t i = 0; i < c->apps.n; i++) {
        struct slice name = slice_trim(a[i].name);
        if (slice_ends(name, SLICE(".app")) && name.n > 4)
            name.n -= 4;
        r.software = (struct record_software){
            .device_id = c->id,
            .name = known(name),
            .version = known(a[i].version.n ? a[i].version : a[i].short_version),
            .product_code = known(a[i].bundle),
            .path = known(a[i].path),
            .installed = USEC_NONE,
            .size_bytes = a[i].megabytes > 0 ? jamf_times(a[i].megabytes, JAMF_MEGABYTE) : I64_NONE,
            .system_component = !a[i].path.n                                 ? TRI_UNKNOWN
                                : slice_starts(a[i].path, SLICE("/System/")) ? TRI_YES
                                                                             : TRI_NO};
        if (name.n)
            emit(sink, &r);
    }
}

/* --- places, groups, users --- */

void jamf_emit_room(struct slice building, struct slice room, const struct sink *sink)
{
    _cleanup_(str_release) struct str id = {0};

    str_add(&id, building);
    str_addc(&id, '/');
    str_add(&id, room);
    struct record r = {.kind = RECORD_ROOM, .room = {.id = str_slice(&id), .location_id = building, .name = room}};
    emit(sink, &r);
}

/* Smart groups are the product's own rules: what is in them is its business. */
void jamf_emit_group(const struct jamf_group *g, const char *base_url, const struct sink *sink)
{
    _cleanup_(str_release) struct str name = {0}, url = {0};
    bool is_static = g->smart == TRI_NO;
    struct record r = {.kind = RECORD_GROUP,
                       .group = {.id = g->id,
                                 .description = known(g->description),
                                 .of = GROUP_OF_DEVICES,
                                 .smart = g->smart,
                                 .members_known = is_static}};

    str_addf(&name, "[JAMF] %.*s", SLICE_FMT(g->name));
    add_link(&url, base_url, is_static ? "staticComputerGroups" : "smartComputerGroups", g->id);
    r.group.name = str_slice(&name);
    r.group.url = str_slice(&url);
    emit(sink, &r);
}

void jamf_emit_user(const struct jamf_user *u, struct slice organization, const char *base_url, const struct sink *sink)
{
    _cleanup_(str_release) struct str url = {0};
    struct record r = {.kind = RECORD_PERSON,
                       .person = {.id = u->id,
                                  .organization_id = organization,
                                  .name = known(u->realname.n ? u->realname : u->username),
                                  .username = known(u->username),
                                  .email = known(u->email),
                                  .phone = known(u->phone),
                                  .title = known(u->position)}};

    add_link(&url, base_url, "users", u->id);
    r.person.url = str_slice(&url);
    emit(sink, &r);
}
