/* ninja/fleet.c - devices from a seed, and what was changed since. See fleet.h. */
#include "fleet.h"
#include "base/mem.h"
#include <stdlib.h>

const struct ninja_class ninja_classes[] = {
    {"WINDOWS_WORKSTATION", NK_AGENT, NO_WINDOWS, 520, "WS"},
    {"WINDOWS_SERVER", NK_AGENT, NO_WINDOWS_SERVER, 130, "SRV"},
    {"MAC", NK_AGENT, NO_MAC, 80, "MAC"},
    {"LINUX_SERVER", NK_AGENT, NO_LINUX, 50, "LNX"},
    {"LINUX_WORKSTATION", NK_AGENT, NO_LINUX, 10, "TUX"},
    {"MAC_SERVER", NK_AGENT, NO_MAC, 2, "MSRV"},
    {"ANDROID", NK_MDM, NO_NONE, 20, "AND"},
    {"APPLE_IOS", NK_MDM, NO_NONE, 20, "IPH"},
    {"APPLE_IPADOS", NK_MDM, NO_NONE, 10, "IPAD"},
    {"VMWARE_VM_HOST", NK_VM_HOST, NO_NONE, 6, "ESX"},
    {"VMWARE_VM_GUEST", NK_VM_GUEST, NO_NONE, 20, "VM"},
    {"HYPERV_VMM_HOST", NK_VM_HOST, NO_NONE, 6, "HV"},
    {"HYPERV_VMM_GUEST", NK_VM_GUEST, NO_NONE, 20, "HVG"},
    {"CLOUD_MONITOR_TARGET", NK_CLOUD, NO_NONE, 10, "MON"},
    {"NMS_SWITCH", NK_NMS_TARGET, NO_NONE, 25, "SW"},
    {"NMS_ROUTER", NK_NMS_TARGET, NO_NONE, 8, "RTR"},
    {"NMS_FIREWALL", NK_NMS_TARGET, NO_NONE, 12, "FW"},
    {"NMS_PRIVATE_NETWORK_GATEWAY", NK_NMS_TARGET, NO_NONE, 1, "PNG"},
    {"NMS_PRINTER", NK_NMS_TARGET, NO_NONE, 20, "PRN"},
    {"NMS_SCANNER", NK_NMS_TARGET, NO_NONE, 1, "SCN"},
    {"NMS_DIAL_MANAGER", NK_NMS_TARGET, NO_NONE, 1, "DIAL"},
    {"NMS_WAP", NK_NMS_TARGET, NO_NONE, 15, "AP"},
    {"NMS_IPSLA", NK_NMS_TARGET, NO_NONE, 1, "SLA"},
    {"NMS_COMPUTER", NK_NMS_TARGET, NO_NONE, 2, "PC"},
    {"NMS_VM_HOST", NK_NMS_TARGET, NO_NONE, 1, "NVH"},
    {"NMS_APPLIANCE", NK_NMS_TARGET, NO_NONE, 2, "APPL"},
    {"NMS_OTHER", NK_NMS_TARGET, NO_NONE, 2, "DEV"},
    {"NMS_SERVER", NK_NMS_TARGET, NO_NONE, 2, "NSRV"},
    {"NMS_PHONE", NK_NMS_TARGET, NO_NONE, 5, "TEL"},
    {"NMS_VIRTUAL_MACHINE", NK_NMS_TARGET, NO_NONE, 1, "NVM"},
    {"NMS_NETWORK_MANAGEMENT_AGENT", NK_NMS_SERVER, NO_NONE, 4, "NMA"},
    {"UNMANAGED_DEVICE", NK_UNMANAGED, NO_NONE, 5, "UNM"},
    {"MANAGED_DEVICE", NK_UNMANAGED, NO_NONE, 1, "MAN"},
};
const size_t ninja_nclasses = ARRAY_LEN(ninja_classes);

enum salt {
    S_CLASS = 1,
    S_ORG,
    S_LOC,
    S_OFFLINE,
    S_APPROVAL,
    S_CREATED,
    S_UID,
    S_NAME,
    S_SERIAL,
    S_MAC,
    S_IP,
    S_MODEL,
    S_OS,
    S_CPU,
    S_MEM,
    S_VOL,
    S_USER,
    S_CONTACT,
    S_ALERT,
    S_MISC,
    S_POLICY
};

static unsigned class_of(const struct ninja_fleet *f, int64_t id)
{
    uint64_t i = (uint64_t)(id - NINJA_FIRST_ID);
    if (i < ARRAY_LEN(ninja_classes))
        return (unsigned)i; /* so that every class occurs */
    unsigned dice = rng_below(f->seed, (uint64_t)id, S_CLASS, f->weights), k = 0;
    while (dice >= ninja_classes[k].weight)
        dice -= ninja_classes[k++].weight;
    return k;
}

bool ninja_core(const struct ninja_fleet *f, int64_t id, struct ninja_core *ret)
{
    if (id < NINJA_FIRST_ID || id >= f->next_device)
        return false;
    struct ninja_change *c = NULL;
    if (f->changes)
        HASH_FIND(hh, f->changes, &id, sizeof(id), c);
    if (c && c->deleted)
        return false;
    uint64_t u = (uint64_t)id;
    ret->id = id;
    ret->change = c;
    ret->class = c && c->class ? c->class : &ninja_classes[class_of(f, id)];
    /* The last of the generated organizations stays empty, as some real ones are. */
    size_t busy = f->base_orgs > 2 ? f->base_orgs - 1 : f->base_orgs;
    const struct ninja_org *org = &f->orgs[rng_below(f->seed, u, S_ORG, (unsigned)busy)];
    ret->org = org->id;
    ret->location = f->locations[org->first_location + rng_below(f->seed, u, S_LOC, (unsigned)org->nlocations)].id;
    ret->offline = rng_below(f->seed, u, S_OFFLINE, 100) < 12;
    unsigned approval = rng_below(f->seed, u, S_APPROVAL, 200);
    ret->approval = approval == 0 ? "PENDING" : "APPROVED";
    ret->role = 1001 + (ret->class - ninja_classes);
    ret->policy = rng_below(f->seed, u, S_POLICY, 4) == 0 ? 200 + (ret->class - ninja_classes) : 0;
    ret->created = f->epoch - SECONDS(86400LL * (30 + rng_below(f->seed, u, S_CREATED, 1000))) - MILLIS(u % 1000);
    if (!c)
        return true;
    if (c->org) {
        ret->org = c->org;
        ret->location = c->location;
    }
    if (c->offline >= 0)
        ret->offline = c->offline;
    if (c->approval)
        ret->approval = c->approval;
    if (c->created != USEC_NONE)
        ret->created = c->created;
    return true;
}

/* Names that break what is careless: quotes, umlauts, emoji, blanks at the end, markup, other scripts, length. */
static const char *const odd_names[] = {
    "Empfang \"links\"",
    "Büro Müller – Gerät 1",
    "Kasse 🖨️ Filiale",
    "O'Brien Laptop ",
    "<b>Meeting</b> & Co",
    "東京サポート-端末",
    "Zürich\\Lager\\Scanner",
    "Ünïcödé ÅÄÖ ñ ß",
    "100 % cpu; drop table",
    "  leading blanks",
    "tab\there",
    "Наталья – ноутбук",
};
static const char junk_serials[][28] = {"To be filled by O.E.M.", "Default string", "System Serial Number", "None",
                                        "0"};

static void copy_text(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

static char *put_number(char *p, uint64_t v, unsigned digits)
{
    char buf[20];
    unsigned n = 0;
    do {
        buf[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v || n < digits);
    while (n)
        *p++ = buf[--n];
    *p = '\0';
    return p;
}

static void put_ip(char *p, unsigned a, unsigned b, unsigned c, unsigned d)
{
    unsigned part[4] = {a, b, c, d};
    for (unsigned i = 0; i < 4; i++) {
        p = put_number(p, part[i], 1);
        if (i < 3)
            *p++ = '.';
    }
}

static void put_mac(char *p, uint8_t adapter, uint64_t id)
{
    static const char hex[] = "0123456789ABCDEF";
    uint8_t octet[6] = {0x00, 0x15, adapter, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    for (unsigned i = 0; i < 6; i++) {
        *p++ = hex[octet[i] >> 4];
        *p++ = hex[octet[i] & 15];
        if (i < 5)
            *p++ = ':';
    }
    *p = '\0';
}

unsigned ninja_adapters(const struct ninja_fleet *f, const struct ninja_core *core)
{
    return 1 + (rng_below(f->seed, (uint64_t)core->id, S_MAC, 4) == 0);
}

unsigned ninja_sockets(const struct ninja_core *core)
{
    return 1 + (core->class->os == NO_WINDOWS_SERVER && core->id % 4 == 0);
}

unsigned ninja_base_volumes(const struct ninja_fleet *f, const struct ninja_core *core)
{
    return 1 + rng_below(f->seed, (uint64_t)core->id, S_VOL, 3);
}

static void name_device(const struct ninja_fleet *f, struct ninja_device *d)
{
    uint64_t id = (uint64_t)d->core.id;
    char *p = d->system_name;
    copy_text(p, NINJA_TEXT, d->core.class->prefix);
    p += strlen(p);
    *p++ = '-';
    put_number(p, id, 5);
    unsigned odd = rng_below(f->seed, id, S_NAME, 100);
    d->display_name[0] = '\0';
    if (odd < 10)
        copy_text(d->display_name, NINJA_TEXT, odd_names[id % ARRAY_LEN(odd_names)]);
    if (odd == 11) /* the same system name on two machines */
        copy_text(d->system_name, NINJA_TEXT, "DESKTOP-DUPLICATE");
    p = d->dns_name;
    for (const char *s = d->system_name; *s; s++)
        *p++ = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    copy_text(p, 32, ".corp.example");
}

static void serial_device(const struct ninja_fleet *f, struct ninja_device *d)
{
    uint64_t id = (uint64_t)d->core.id;
    unsigned dice = rng_below(f->seed, id, S_SERIAL, 100);
    if (dice < 3) {
        copy_text(d->serial, sizeof(d->serial), junk_serials[id % ARRAY_LEN(junk_serials)]);
        return;
    }
    rng_text(f->seed, id, S_SERIAL, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 34, d->serial, 10);
}

void ninja_device(const struct ninja_fleet *f, const struct ninja_core *core, struct ninja_device *d)
{
    uint64_t id = (uint64_t)core->id, seed = f->seed;
    const struct ninja_change *c = core->change;
    d->core = *core;
    rng_uuid(seed, id, S_UID, d->uid);
    name_device(f, d);
    serial_device(f, d);
    copy_text(d->domain, sizeof(d->domain), core->class->os == NO_WINDOWS_SERVER || id % 3 ? "CORP" : "WORKGROUP");
    static const char *const users[] = {"jdoe", "müller", "a.smith", "zoë", "svc \"backup\"", "o'neil", "田中"};
    copy_text(d->user, sizeof(d->user), d->domain);
    copy_text(d->user + strlen(d->user), 2, "\\");
    copy_text(d->user + strlen(d->user), 100, users[rng_below(seed, id, S_USER, ARRAY_LEN(users))]);
    d->nmacs = ninja_adapters(f, core);
    put_mac(d->mac[0], 0x5d, id);
    put_mac(d->mac[1], 0x5e, id);
    uint64_t x = rng(seed, id, S_IP);
    put_ip(d->ip[0], 10, (unsigned)(core->org & 0xff), (unsigned)(x >> 8) & 0xff, 1 + (unsigned)x % 254);
    put_ip(d->ip[1], 192, 168, (unsigned)(x >> 24) & 0xff, 1 + (unsigned)(x >> 16) % 254);
    put_ip(d->public_ip, 203, 0, 113, (unsigned)core->org & 0xff);
    d->model = rng_below(seed, id, S_MODEL, 1000);
    d->os = rng_below(seed, id, S_OS, 1000);
    d->cpu = rng_below(seed, id, S_CPU, 1000);
    d->memory = 4294967296LL << rng_below(seed, id, S_MEM, 5);
    d->nprocessors = ninja_sockets(core);
    d->virtual_machine = core->class->os == NO_WINDOWS_SERVER && id % 2;
    d->needs_reboot = rng_below(seed, id, S_MISC, 10) == 0;
    d->bitlocker = core->class->os == NO_WINDOWS && rng_below(seed, id, S_MISC + 100, 3) == 0;
    int64_t away =
        core->offline ? 3600 + rng_below(seed, id, S_CONTACT, 86400 * 20) : rng_below(seed, id, S_CONTACT, 300);
    d->last_contact = f->epoch - SECONDS(away) - MILLIS(id % 997);
    d->last_update = d->last_contact - SECONDS(rng_below(seed, id, S_CONTACT + 100, 900));
    d->boot = d->last_contact - SECONDS(3600 + rng_below(seed, id, S_CONTACT + 200, 86400 * 40));
    if (!c)
        return;
    if (c->system_name)
        copy_text(d->system_name, NINJA_TEXT, c->system_name);
    if (c->display_name)
        copy_text(d->display_name, NINJA_TEXT, c->display_name);
    if (c->serial)
        copy_text(d->serial, sizeof(d->serial), c->serial);
    if (c->user)
        copy_text(d->user, sizeof(d->user), c->user);
    if (c->ip)
        copy_text(d->ip[0], sizeof(d->ip[0]), c->ip);
    if (c->memory)
        d->memory = c->memory;
    if (c->touched != USEC_NONE)
        d->last_contact = d->last_update = c->touched;
}

/* --- changes --- */

struct ninja_change *ninja_change(struct ninja_fleet *f, int64_t id)
{
    struct ninja_change *c;
    HASH_FIND(hh, f->changes, &id, sizeof(id), c);
    if (c)
        return c;
    c = NEW(struct ninja_change);
    c->id = id;
    c->offline = -1;
    c->created = c->touched = USEC_NONE;
    LIST_INIT(&c->extras);
    HASH_ADD(hh, f->changes, id, sizeof(c->id), c);
    return c;
}

static void extra_free(struct ninja_extra *x)
{
    free(x->name);
    free(x->version);
    free(x);
}

static void change_free(struct ninja_change *c)
{
    struct ninja_extra *x;
    while ((x = LIST_FIRST(&c->extras))) {
        LIST_REMOVE(x, link);
        extra_free(x);
    }
    for (size_t k = 0; k < NINJA_CUSTOM_FIELDS; k++)
        free(c->custom[k]);
    free(c->system_name);
    free(c->display_name);
    free(c->serial);
    free(c->user);
    free(c->ip);
    free(c);
}

int64_t ninja_add_device(struct ninja_fleet *f)
{
    return f->next_device++;
}

int64_t ninja_count(const struct ninja_fleet *f)
{
    return f->next_device - NINJA_FIRST_ID - f->ndeleted;
}

unsigned ninja_extras(const struct ninja_core *core, enum ninja_extra_kind kind)
{
    unsigned n = 0;
    const struct ninja_extra *x;
    if (!core->change)
        return 0;
    LIST_FOREACH (x, &core->change->extras, link)
        n += x->kind == kind;
    return n;
}

const struct ninja_extra *ninja_extra_at(const struct ninja_core *core, enum ninja_extra_kind kind, unsigned k)
{
    const struct ninja_extra *x;
    LIST_FOREACH (x, &core->change->extras, link) {
        if (x->kind == kind && k-- == 0)
            return x;
    }
    return NULL;
}

void ninja_add_extra(struct ninja_fleet *f, int64_t id, enum ninja_extra_kind kind, struct slice name,
                     struct slice version, int64_t size, usec_t at)
{
    struct ninja_change *c = ninja_change(f, id);
    struct ninja_extra *x = NEW(struct ninja_extra);
    *x = (struct ninja_extra){.kind = kind, .size = size, .at = at};
    x->name = mem_strndup(name.p, name.n);
    x->version = version.p ? mem_strndup(version.p, version.n) : mem_strdup("");
    LIST_INSERT_HEAD(&c->extras, x, link);
}

bool ninja_drop_extra(struct ninja_fleet *f, int64_t id, enum ninja_extra_kind kind, struct slice name)
{
    struct ninja_extra *x;
    LIST_FOREACH (x, &ninja_change(f, id)->extras, link) {
        if (x->kind != kind || !slice_is(name, x->name))
            continue;
        LIST_REMOVE(x, link);
        extra_free(x);
        return true;
    }
    return false;
}

/* --- life --- */

/* One that is started again goes on behind the ids that it used before, as the product would: they are known elsewhere. Yet an id
 * stays below any Unix time, for the feed takes ids where people give it times. */
static int64_t first_activity(usec_t epoch)
{
    return 412000001 + epoch / USEC_PER_S % 40000000 * 30;
}

struct ninja_fleet *ninja_fleet_new(uint64_t seed, usec_t epoch, int64_t devices, int64_t orgs)
{
    struct ninja_fleet *f = NEW(struct ninja_fleet);
    f->seed = seed;
    f->epoch = epoch;
    f->next_device = NINJA_FIRST_ID + devices;
    f->next_activity = first_activity(epoch);
    for (size_t k = 0; k < ARRAY_LEN(ninja_classes); k++)
        f->weights += ninja_classes[k].weight;
    ninja_seed_orgs(f, MAX(orgs, 1));
    return f;
}

void ninja_fleet_free(struct ninja_fleet *f)
{
    if (!f)
        return;
    struct ninja_change *c, *cnext;
    HASH_ITER(hh, f->changes, c, cnext)
    {
        HASH_DEL(f->changes, c);
        change_free(c);
    }
    ninja_records_release(f);
    free(f);
}
