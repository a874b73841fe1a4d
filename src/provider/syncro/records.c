/* records.c - Syncro's customers, contacts, assets and alerts → records.
 * Assets:  there is no online flag. An agent is offline when its trigger says so, online when it synchronised lately, else not known
 *          to be either; what has no agent says nothing.
 * Alerts:  there is no severity. It follows from the trigger; script monitors carry any text and count as moderate. */
#include "provider/syncro/syncro.h"

#include "base/decimal.h"

#include <strings.h>

#define FRESH SECONDS(7200) /* agents synchronise several times an hour */
#define GB    (INT64_C(1) << 30)

bool syn_is_id(struct slice s)
{
    int64_t n;

    return slice_i64(s, &n) && n > 0;
}

bool syn_is_true(struct slice s)
{
    return slice_ieq(s, SLICE("true"));
}

static bool has_word(struct slice text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, word, n) == 0)
            return true;
    return false;
}

bool syn_says_cleared(struct slice text)
{
    return has_word(text, "auto resolved") || has_word(text, "auto-resolved");
}

/* An id that may be null, 0 or missing. */
static struct slice id_or(struct slice id, struct slice otherwise)
{
    return syn_is_id(id) ? id : otherwise;
}

static usec_t time_of(struct slice text)
{
    usec_t t;

    return clock_parse_iso(text, &t) ? t : USEC_NONE;
}

/* --- customers and contacts --- */

void syn_emit_customer(const struct syn_customer *c, const struct sink *sink)
{
    struct slice business = slice_trim(c->business_name), person = slice_trim(c->fullname);
    struct record r = {
        .kind = RECORD_ORGANIZATION,
        .organization = {.id = c->id,
                         .name = known(business.n ? business : person),
                         .description = c->disabled == TRI_YES ? SLICE("disabled in Syncro") : SLICE_NONE}};
    sink->record(sink->arg, &r);
}

void syn_emit_contact(const struct syn_contact *c, const struct sink *sink)
{
    _cleanup_(str_release) struct str phone = {0};
    struct slice number = slice_trim(c->phone);

    str_add(&phone, number);
    if (number.n && c->extension.n)
        str_addf(&phone, " x%.*s", SLICE_FMT(c->extension));
    struct record r = {.kind = RECORD_PERSON,
                       .person = {.id = c->id,
                                  .organization_id = id_or(c->customer_id, SLICE("")),
                                  .name = known(slice_trim(c->name)),
                                  .email = known(slice_trim(c->email)),
                                  .phone = known(str_slice(&phone)),
                                  .mobile = known(slice_trim(c->mobile)),
                                  .title = known(slice_trim(c->title))}};
    sink->record(sink->arg, &r);
}

/* --- assets --- */

static enum asset_type type_of(const struct syn_asset *a)
{
    static const struct {
        const char *word;
        enum asset_type type;
    } words[] = {{"printer", ASSET_PRINTER},        {"copier", ASSET_PRINTER},
                 {"server", ASSET_SERVER},          {"router", ASSET_NETWORK_DEVICE},
                 {"switch", ASSET_NETWORK_DEVICE},  {"firewall", ASSET_NETWORK_DEVICE},
                 {"network", ASSET_NETWORK_DEVICE}, {"access point", ASSET_NETWORK_DEVICE},
                 {"phone", ASSET_MOBILE_DEVICE},    {"mobile", ASSET_MOBILE_DEVICE},
                 {"tablet", ASSET_MOBILE_DEVICE},   {"laptop", ASSET_WORKSTATION},
                 {"desktop", ASSET_WORKSTATION},    {"workstation", ASSET_WORKSTATION}};

    if (has_word(a->os_name, "server"))
        return ASSET_SERVER;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (has_word(a->type, words[i].word))
            return words[i].type;
    return a->os_name.n ? ASSET_WORKSTATION : ASSET_UNKNOWN;
}

static enum agent_status status_of(const struct syn_asset *a, usec_t synced, usec_t now)
{
    if (syn_is_true(a->offline))
        return AGENT_OFFLINE;
    if (synced == USEC_NONE)
        return AGENT_UNKNOWN;
    return synced + FRESH >= now ? AGENT_ONLINE : AGENT_OFFLINE;
}

#define ADDRESSES 64 /* of one asset are told */
struct addresses {
    struct slice v[ADDRESSES];
    size_t n;
};

static void add_address(struct addresses *to, struct slice text)
{
    text = slice_trim(text);
    for (size_t i = 0; i < to->n; i++)
        if (slice_ieq(to->v[i], text))
            return;
    if (text.n && to->n < ADDRESSES)
        to->v[to->n++] = text;
}

static void emit_device(const struct syn_asset *a, usec_t now, const struct sink *sink)
{
    const struct syn_adapter *adapters = a->adapters.v;
    struct addresses ips = {.n = 0}, macs = {.n = 0};
    struct slice name = slice_trim(a->name), host = slice_trim(a->host);
    usec_t synced = time_of(a->synced);

    for (size_t i = 0; i < a->adapters.n; i++) {
        add_address(&ips, adapters[i].ip4);
        add_address(&ips, adapters[i].ip6);
        add_address(&macs, adapters[i].mac);
    }
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = a->id,
                                  .organization_id = id_or(a->customer_id, SLICE("")),
                                  .name = known(name.n ? name : host),
                                  .hostname = known(host),
                                  .uid = known(slice_trim(a->uuid)),
                                  .type = type_of(a),
                                  .product_class = known(slice_trim(a->type)),
                                  .status = status_of(a, synced, now),
                                  .public_ip = known(slice_trim(a->public_ip)),
                                  .ips = {a->adapters.v ? ips.v : NULL, ips.n},
                                  .macs = {a->adapters.v ? macs.v : NULL, macs.n},
                                  .created = time_of(a->created),
                                  .last_seen = synced}};
    sink->record(sink->arg, &r);
}

static void emit_facet(const struct sink *sink, const struct record_facet *f)
{
    struct record r = {.kind = RECORD_FACET, .facet = *f};

    sink->record(sink->arg, &r);
}

static void emit_os(const struct syn_asset *a, const struct sink *sink)
{
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_OS,
                             .os = {.name = known(slice_trim(a->os_name)),
                                    .build = known(slice_trim(a->os_build)),
                                    .release = known(slice_trim(a->os_release)),
                                    .last_boot = time_of(a->last_boot)}};
    if (f.os.name.n)
        emit_facet(sink, &f);
}

static void emit_system(const struct syn_asset *a, const struct sink *sink)
{
    struct slice serial = slice_trim(a->general_serial);
    bool is_virtual = has_word(a->form_factor, "virtual") || has_word(a->model, "virtual");
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_SYSTEM,
                             .system = {.manufacturer = known(slice_trim(a->manufacturer)),
                                        .model = known(slice_trim(a->model)),
                                        .serial = known(serial.n ? serial : slice_trim(a->serial)),
                                        .domain = known(slice_trim(a->domain)),
                                        .chassis = known(slice_trim(a->form_factor)),
                                        .memory_bytes = I64_NONE,
                                        .virtual_machine = is_virtual ? TRI_YES : TRI_UNKNOWN}};
    if (f.system.manufacturer.n || f.system.model.n || f.system.serial.n)
        emit_facet(sink, &f);
}

static void emit_processors(const struct syn_asset *a, const struct sink *sink)
{
    const struct syn_named *v = a->cpus.v;
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_PROCESSORS,
                             .processor = {.cores = I64_NONE, .logical_cores = I64_NONE, .clock_hz = I64_NONE}};

    for (size_t i = 0; i < a->cpus.n; i++) {
        f.processor.name = known(slice_trim(v[i].name));
        if (f.processor.name.n)
            emit_facet(sink, &f);
    }
    f.processor.name = known(slice_trim(a->cpu));
    if (f.processor.name.n)
        emit_facet(sink, &f);
}

/* "476", 476 or "475.9": GB as Windows counts them. */
static int64_t bytes_of(struct slice gb)
{
    struct decimal d;
    int64_t n;

    if (!decimal_parse(slice_trim(gb), &d) || d.negative || !decimal_scale(&d, GB, &n, NULL))
        return I64_NONE;
    return n;
}

static void emit_volume(const struct syn_asset *a, const struct sink *sink)
{
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_VOLUMES,
                             .volume = {.name = SLICE("system"),
                                        .capacity_bytes = bytes_of(a->partition_size),
                                        .free_bytes = bytes_of(a->partition_free)}};
    if (f.volume.capacity_bytes != I64_NONE)
        emit_facet(sink, &f);
}

static void emit_adapter(const struct syn_asset *a, const struct syn_adapter *x, const struct sink *sink)
{
    struct addresses ips = {.n = 0}, macs = {.n = 0};
    _cleanup_(str_release) struct str dns = {0};

    add_address(&ips, x->ip4);
    add_address(&ips, x->ip6);
    add_address(&macs, x->mac);
    str_add(&dns, slice_trim(x->dns1));
    if (x->dns2.n)
        str_addf(&dns, "%s%.*s", dns.n ? ", " : "", SLICE_FMT(slice_trim(x->dns2)));
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_INTERFACES,
                             .interface = {.name = known(slice_trim(x->name)),
                                           .description = known(slice_trim(x->description)),
                                           .type = known(slice_trim(x->type)),
                                           .gateway = known(slice_trim(x->gateway)),
                                           .dns = known(str_slice(&dns)),
                                           .macs = {macs.v, macs.n},
                                           .ips = {ips.v, ips.n}}};
    if (f.interface.name.n || macs.n || ips.n)
        emit_facet(sink, &f);
}

static void emit_user(const struct syn_asset *a, const struct sink *sink)
{
    struct record_facet f = {.device_id = a->id,
                             .facet = FACET_LAST_USER,
                             .last_user = {.name = known(slice_trim(a->last_user)), .logon = USEC_NONE}};
    if (f.last_user.name.n)
        emit_facet(sink, &f);
}

void syn_emit_asset(const struct syn_asset *a, usec_t now, const struct sink *sink)
{
    const struct syn_adapter *adapters = a->adapters.v;

    emit_device(a, now, sink);
    emit_os(a, sink);
    emit_system(a, sink);
    emit_processors(a, sink);
    emit_volume(a, sink);
    for (size_t i = 0; i < a->adapters.n; i++)
        emit_adapter(a, &adapters[i], sink);
    emit_user(a, sink);
}

/* --- alerts --- */

static enum severity severity_of(struct slice trigger)
{
    static const struct {
        const char *word;
        enum severity severity;
    } words[] = {{"smart_failure", SEVERITY_CRITICAL},
                 {"agent_offline", SEVERITY_MAJOR},
                 {"bsod", SEVERITY_MAJOR},
                 {"no_av", SEVERITY_MAJOR},
                 {"app_crash", SEVERITY_MINOR},
                 {"defrag", SEVERITY_MINOR},
                 {"device_manager", SEVERITY_MINOR},
                 {"time_trigger", SEVERITY_MINOR}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (has_word(trigger, words[i].word))
            return words[i].severity;
    return SEVERITY_MODERATE;
}

void syn_emit_alert(const struct syn_alert *a, const struct sink *sink)
{
    bool resolved = syn_is_true(a->resolved) || syn_says_cleared(a->cause) || syn_says_cleared(a->output);
    struct slice subject = slice_trim(a->description), cause = slice_trim(a->cause), output = slice_trim(a->output);
    struct record r = {.kind = RECORD_ALERT,
                       .alert = {.series = a->id,
                                 .device_id = id_or(a->asset_id, SLICE_NONE),
                                 .organization_id = id_or(a->customer_id, SLICE_NONE),
                                 .state = resolved ? ALERT_RESOLVED : ALERT_TRIGGERED,
                                 .closes_only = resolved,
                                 .triggered_at = a->created,
                                 .changed_at = a->updated != USEC_NONE ? a->updated : a->created}};
    if (!resolved) {
        r.alert.severity = severity_of(a->trigger);
        r.alert.severity_known = true;
        r.alert.type = known(slice_trim(a->trigger));
        r.alert.subject = known(subject.n ? subject : cause);
        r.alert.message = known(output.n ? output : cause);
    }
    sink->record(sink->arg, &r);
}
