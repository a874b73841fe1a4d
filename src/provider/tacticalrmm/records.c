/* records.c - Tactical RMM's rows → records. */
#include "base/utf8.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#include <ctype.h>
#include <stdio.h>

#define MINUTE       SECONDS(60)
#define AGENT_ID_MIN 21 /* a shorter one is no path of the API */

struct slice tac_known(struct slice s)
{
    static const char *const nothing[] = {"None", "n/a", "-", "Not Specified", "No graphics cards"};
    static const char *const sentences[] = {"unknown ", "error getting ", "Error getting "};

    s = slice_trim(s);
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
        if (slice_is(s, nothing[i]))
            return SLICE_NONE;
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if (slice_starts(s, slice_cstr(sentences[i])))
            return SLICE_NONE;
    return known(s);
}

struct slice tac_brief(struct slice s)
{
    return known(utf8_cut(s, TAC_TEXT_MAX));
}

static struct slice first_known(struct slice a, struct slice b)
{
    a = tac_known(a);
    return a.n ? a : tac_known(b);
}

enum agent_status tac_status(usec_t last_seen, int64_t offline_minutes, int64_t overdue_minutes, usec_t now)
{
    usec_t age, offline, overdue;

    if (last_seen == USEC_NONE)
        return AGENT_OFFLINE; /* never reported */
    age = now - last_seen;
    offline = offline_minutes * MINUTE;
    overdue = overdue_minutes * MINUTE;
    if (age > offline && age < overdue)
        return AGENT_OFFLINE;
    if (age > offline && age > overdue)
        return AGENT_OVERDUE;
    return AGENT_ONLINE; /* exactly at a limit as well */
}

static enum agent_status status_of(const struct tac_agent *a, usec_t now)
{
    const int64_t most = INT32_MAX; /* minutes; what the server can store */

    if (slice_is(a->status, "online"))
        return AGENT_ONLINE;
    if (slice_is(a->status, "offline"))
        return AGENT_OFFLINE;
    if (slice_is(a->status, "overdue"))
        return AGENT_OVERDUE;
    if (a->offline_minutes < 0 || a->overdue_minutes < 0 || a->offline_minutes > most || a->overdue_minutes > most)
        return AGENT_UNKNOWN;
    return tac_status(a->last_seen, a->offline_minutes, a->overdue_minutes, now);
}

bool tac_is_agent_id(struct slice s)
{
    if (s.n < AGENT_ID_MIN || s.n > 100)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]))
            return false;
    return true;
}

bool tac_check_agent_id(struct slice s, struct err *e)
{
    return tac_is_agent_id(s) ||
           err_set(e, ERR_INPUT,
                   "\"%.*s\" is no Tactical agent id: they are 40 letters; the number of an agent is not one",
                   (int)MIN(s.n, 48), s.p ? s.p : "");
}

static enum asset_type type_of(struct slice monitoring_type)
{
    if (slice_is(monitoring_type, "server"))
        return ASSET_SERVER;
    return slice_is(monitoring_type, "workstation") ? ASSET_WORKSTATION : ASSET_UNKNOWN;
}

/* --- addresses --- */

#define MAX_IPS 32
struct ip_list {
    struct slice v[MAX_IPS];
    size_t n;
};

static void add_ip(struct ip_list *l, struct slice ip)
{
    ip = tac_known(ip);
    ip = slice_cut(&ip, '/'); /* Linux and macOS write 10.0.0.5/24 */
    if (ip.n && l->n < MAX_IPS)
        l->v[l->n++] = ip;
}

static struct texts ips_of(const struct tac_agent *a, struct ip_list *l)
{
    const struct texts *t = a->ips.n ? &a->ips : &a->flat_ips;
    struct slice rest = tac_known(a->local_ips);

    for (size_t i = 0; i < t->n; i++)
        add_ip(l, t->v[i]);
    while (!t->n && rest.n)
        add_ip(l, slice_cut(&rest, ','));
    return (struct texts){l->n ? l->v : NULL, l->n};
}

/* --- operating system: one text, three spellings --- */

static bool cut_at(struct slice *rest, const char *sep, struct slice *ret)
{
    size_t n = strlen(sep);

    for (size_t i = 0; i + n <= rest->n; i++)
        if (memcmp(rest->p + i, sep, n) == 0) {
            *ret = slice_of(rest->p, i);
            *rest = slice_of(rest->p + i + n, rest->n - i - n);
            return true;
        }
    return false;
}

/* "Windows 11 Pro, 64 bit v23H2 (build 22631.4602)" */
static bool parse_windows(struct slice text, struct facet_os *os)
{
    struct slice rest = text, name, arch, release, build;

    if (!cut_at(&rest, ", ", &name) || !cut_at(&rest, " v", &arch) || !cut_at(&rest, " (build ", &release) ||
        !cut_at(&rest, ")", &build))
        return false;
    os->name = name;
    os->architecture = arch;
    os->release = release;
    os->build = build;
    return true;
}

static struct slice last_word(struct slice *rest)
{
    size_t i = rest->n;
    struct slice word;

    while (i && rest->p[i - 1] != ' ')
        i--;
    word = slice_of(rest->p + i, rest->n - i);
    *rest = slice_trim(slice_of(rest->p, i));
    return word;
}

/* "Debian 12.8 x86_64 6.1.0-28-amd64", "Darwin 15.2 arm64 24.2.0" */
static bool parse_unix(struct slice text, struct facet_os *os)
{
    struct slice rest = text, kernel = last_word(&rest), arch = last_word(&rest);

    if (!rest.n || !arch.n || !kernel.n || !isdigit((unsigned char)kernel.p[0]))
        return false;
    os->name = rest;
    os->architecture = arch;
    os->version = kernel;
    return true;
}

static void emit_os(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_OS}};
    struct facet_os *os = &r.facet.os;
    struct slice text = tac_known(a->os);

    if (!text.n)
        return;
    *os = (struct facet_os){.last_boot = a->boot, .needs_reboot = a->needs_reboot};
    if (slice_is(a->plat, "windows") ? !parse_windows(text, os) : !parse_unix(text, os))
        os->name = text;
    if (slice_is(a->plat, "windows"))
        os->manufacturer = SLICE("Microsoft");
    if (!os->architecture.n)
        os->architecture = known(a->goarch);
    sink->record(sink->arg, &r);
}

/* --- hardware --- */

static void emit_system(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_SYSTEM}};
    struct facet_system *s = &r.facet.system;

    *s = (struct facet_system){
        .manufacturer = tac_known(a->vendor),
        .model = first_known(a->model, first_known(a->flat_make_model, a->make_model)),
        .serial = first_known(a->bios_serial, first_known(a->flat_serial, a->serial_number)),
        .bios_serial = tac_known(a->product_serial),
        .uuid = tac_known(a->uuid),
        .domain = tac_known(a->domain),
        .memory_bytes = a->memory != I64_NONE ? a->memory : a->ram,
    };
    if (s->manufacturer.n || s->model.n || s->serial.n || s->uuid.n || s->memory_bytes != I64_NONE)
        sink->record(sink->arg, &r);
}

/* "Intel(R) Core(TM) i5-1145G7 @ 2.60GHz, 4C/8T" */
static struct facet_processor parse_cpu(struct slice text)
{
    struct facet_processor p = {.name = text, .cores = I64_NONE, .logical_cores = I64_NONE, .clock_hz = I64_NONE};
    struct slice name = text, cores, threads;

    while (name.n && name.p[name.n - 1] != ',')
        name.n--;
    if (!name.n)
        return p;
    threads = slice_trim(slice_of(text.p + name.n, text.n - name.n));
    cores = slice_cut(&threads, '/');
    if (cores.n < 2 || threads.n < 2 || cores.p[cores.n - 1] != 'C' || threads.p[threads.n - 1] != 'T' ||
        !slice_i64(slice_of(cores.p, cores.n - 1), &p.cores) ||
        !slice_i64(slice_of(threads.p, threads.n - 1), &p.logical_cores)) {
        p.cores = p.logical_cores = I64_NONE;
        return p;
    }
    p.name = slice_of(name.p, name.n - 1);
    return p;
}

static void emit_processors(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_PROCESSORS}};
    const struct texts *texts = a->flat_cpus.n ? &a->flat_cpus : &a->cpu_model;
    const struct tac_cpu *cpus = a->cpus.v;

    for (size_t i = 0; i < a->cpus.n; i++) {
        if (!tac_known(cpus[i].name).n)
            continue; /* the other half of a part that an old agent has spread */
        r.facet.processor = (struct facet_processor){.name = tac_known(cpus[i].name),
                                                     .cores = cpus[i].cores,
                                                     .logical_cores = cpus[i].logical,
                                                     .clock_hz = cpus[i].clock};
        sink->record(sink->arg, &r);
    }
    for (size_t i = 0; i < texts->n && !a->cpus.n; i++) {
        r.facet.processor = parse_cpu(tac_known(texts->v[i]));
        if (r.facet.processor.name.n)
            sink->record(sink->arg, &r);
    }
}

static void emit_volumes(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_VOLUMES}};
    const struct tac_disk *disks = a->disks.v;

    for (size_t i = 0; i < a->disks.n; i++) {
        r.facet.volume = (struct facet_volume){.name = tac_known(disks[i].device),
                                               .file_system = tac_known(disks[i].fstype),
                                               .capacity_bytes = disks[i].total,
                                               .free_bytes = disks[i].free};
        sink->record(sink->arg, &r);
    }
    if (disks && !a->disks.n) {
        r.facet.none = true;
        sink->record(sink->arg, &r);
    }
}

/* "[00000001] Intel(R) Ethernet" */
static struct slice caption_of(struct slice s)
{
    struct slice rest = s;

    if (s.n && s.p[0] == '[') {
        (void)slice_cut(&rest, ']');
        rest = slice_trim(rest);
    }
    return rest.n ? rest : s;
}

static struct slice first_text(const struct texts *t)
{
    return t->n ? known(t->v[0]) : SLICE_NONE;
}

static void emit_interfaces(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_INTERFACES}};
    const struct tac_nic *nics = a->nics.v;

    for (size_t i = 0; i < a->nics.n; i++) {
        struct slice mac = tac_known(nics[i].mac);

        if (!mac.n && !nics[i].ips.n)
            continue; /* WAN Miniport and its like */
        r.facet.interface = (struct facet_interface){.name = caption_of(tac_known(nics[i].caption)),
                                                     .gateway = first_text(&nics[i].gateways),
                                                     .dns = first_text(&nics[i].dns),
                                                     .macs = {mac.n ? &mac : NULL, mac.n ? 1 : 0},
                                                     .ips = nics[i].ips};
        sink->record(sink->arg, &r);
    }
}

static void emit_user(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_LAST_USER}};

    r.facet.last_user = (struct facet_last_user){.name = first_known(a->user_now, a->user), .logon = USEC_NONE};
    if (r.facet.last_user.name.n)
        sink->record(sink->arg, &r);
}

void tac_emit_agent(const struct tac_agent *a, const struct tac_context *c, const struct sink *sink)
{
    _cleanup_(str_release) struct str url = {0};
    struct ip_list ips = {.n = 0};

    if (*c->dashboard && tac_is_agent_id(a->agent_id))
        str_addf(&url, "%s/agents/%.*s", c->dashboard, SLICE_FMT(a->agent_id));
    struct record r = {
        .kind = RECORD_DEVICE,
        .device =
            {
                .id = a->agent_id,
                .alternate_id = known(a->id),
                .organization_id = known(c->organization),
                .location_id = known(c->location),
                .name = tac_brief(a->hostname),
                .hostname = tac_brief(a->hostname),
                .type = type_of(a->monitoring_type),
                .product_class = known(a->plat),
                .status = status_of(a, c->now),
                .agent_version = known(a->version),
                .public_ip = tac_known(a->public_ip),
                .description = tac_brief(tac_known(a->description)),
                .url = known(str_slice(&url)),
                .ips = ips_of(a, &ips),
                .macs = a->macs,
                .maintenance = a->maintenance,
                .created = a->created,
                .last_seen = a->last_seen,
            },
    };

    sink->record(sink->arg, &r);
    emit_os(a, sink);
    emit_system(a, sink);
    emit_processors(a, sink);
    emit_volumes(a, sink);
    emit_interfaces(a, sink);
    emit_user(a, sink);
}

void tac_emit_client(struct slice id, struct slice name, const struct sink *sink)
{
    struct record r = {.kind = RECORD_ORGANIZATION, .organization = {.id = id, .name = known(name)}};
    sink->record(sink->arg, &r);
}

void tac_emit_site(const struct tac_site *s, const struct sink *sink)
{
    struct record r = {.kind = RECORD_LOCATION,
                       .location = {.id = s->id, .organization_id = known(s->client), .name = known(s->name)}};
    sink->record(sink->arg, &r);
}

int tac_severity(struct slice word)
{
    if (slice_is(word, "error"))
        return SEVERITY_MAJOR;
    if (slice_is(word, "warning"))
        return SEVERITY_MODERATE;
    return slice_is(word, "info") ? SEVERITY_MINOR : -1;
}

/* When the state was reached. A person may reopen an alert: that leaves `resolved_on` and no time of its own. */
static usec_t changed_at(const struct tac_alert *a, usec_t now)
{
    if (a->resolved == TRI_YES)
        return a->resolved_on != USEC_NONE ? a->resolved_on : now;
    return a->resolved_on != USEC_NONE ? now : a->created;
}

void tac_emit_alert(const struct tac_alert *a, usec_t now, const struct sink *sink)
{
    int severity = tac_severity(a->severity);
    char source[48] = "";
    struct slice device = tac_known(a->agent_id);

    if (a->check.n)
        snprintf(source, sizeof(source), "check %.*s", (int)MIN(a->check.n, 24), a->check.p);
    else if (a->task.n)
        snprintf(source, sizeof(source), "task %.*s", (int)MIN(a->task.n, 24), a->task.p);
    struct record r = {
        .kind = RECORD_ALERT,
        .alert =
            {
                .series = a->id,
                .device_id = device.n ? device : known(a->agent_number),
                .state = a->resolved == TRI_YES ? ALERT_RESOLVED : ALERT_TRIGGERED,
                .severity = severity >= 0 ? (enum severity)severity : SEVERITY_NONE,
                .severity_known = severity >= 0,
                .type = known(a->type),
                .message = known(a->message),
                .source = known(slice_cstr(source)),
                .triggered_at = a->created,
                .changed_at = changed_at(a, now),
            },
    };
    sink->record(sink->arg, &r);
}
