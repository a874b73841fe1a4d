/* api/integration_json.c - see integration_json.h. */
#include "api/integration_json.h"

#include "hub/configure.h"
#include "hub/webhook.h"
#include "store/schedule.h"

static const char *const input_names[] = {
    [FIELD_INPUT_TEXT] = "text",   [FIELD_INPUT_SECRET] = "secret", [FIELD_INPUT_SELECT] = "select",
    [FIELD_INPUT_URL] = "url",     [FIELD_INPUT_BOOL] = "bool",     [FIELD_INPUT_NUMBER] = "number",
    [FIELD_INPUT_LINES] = "lines",
};

static void json_field(const struct provider_field *f, struct jw *w)
{
    jw_object(w);
    jw_key_str(w, "key", f->key);
    jw_key_str(w, "label", f->label);
    jw_key_str(w, "kind", input_names[f->kind]);
    jw_key_bool(w, "required", f->required);
    jw_key_str(w, "default", f->fallback);
    jw_key_str(w, "help", f->help);
    if (f->options) {
        jw_key(w, "options");
        jw_array(w);
        for (const char *const *o = f->options; *o; o++)
            jw_str(w, *o);
        jw_end(w);
    }
    if (f->max > 0) {
        jw_key_i64(w, "min", f->min);
        jw_key_i64(w, "max", f->max);
    }
    jw_end(w);
}

void json_action(const struct provider_action *a, struct jw *w)
{
    static const char *const targets[] = {[ACTION_ON_DEVICE] = "asset",
                                          [ACTION_ON_ALERT] = "alert",
                                          [ACTION_ON_TICKET] = "ticket",
                                          [ACTION_ON_INTEGRATION] = "integration"};
    jw_key_str(w, "label", a->label);
    jw_key_str(w, "help", a->help);
    jw_key_str(w, "target", targets[a->target]);
    jw_key_bool(w, "reads", a->flags & ACTION_READS);
    jw_key_bool(w, "disruptive", a->flags & ACTION_DISRUPTIVE);
    jw_key_bool(w, "remote", a->flags & ACTION_REMOTE);
    jw_key_i64(w, "cache_seconds", a->cache / USEC_PER_S);
    jw_key(w, "fields");
    jw_array(w);
    for (size_t i = 0; i < a->nfields; i++)
        json_field(&a->fields[i], w);
    jw_end(w);
}

/* --- integrations --- */

enum { NOT_CONFIGURED, CONFIGURED, ACTIVE, ERROR_, NSTATUSES };
static const struct {
    const char *name, *label;
} statuses[NSTATUSES] = {
    [NOT_CONFIGURED] = {"not_configured", "Not Configured"},
    [CONFIGURED] = {"configured", "Configured"},
    [ACTIVE] = {"active", "Active"},
    [ERROR_] = {"error", "Error"},
};

static unsigned status_of(struct slice name)
{
    for (unsigned s = 0; s < NSTATUSES; s++)
        if (slice_is(name, statuses[s].name))
            return s;
    return CONFIGURED;
}

static void json_status(unsigned status, struct jw *w)
{
    jw_key_str(w, "status", statuses[status].name);
    jw_key_str(w, "status_label", statuses[status].label);
}

static void json_integration(const struct hub *h, const struct pg_reply *r, size_t row, struct jw *w)
{
    struct integration_row stored;
    struct integration_status status;
    integration_row_read(r, 0, row, &stored);
    integration_status_read(r, 0, row, &status);
    struct integration *it = integration_from_row(h, &stored);
    jw_object(w);
    jw_key_i64(w, "id", it->id);
    jw_key_str(w, "key", it->key);
    jw_key_slice(w, "provider", stored.provider);
    jw_key_slice(w, "name", stored.name);
    jw_key_i64(w, "version", it->version);
    json_status(status_of(status.status), w);
    jw_key_time(w, "status_since", status.since);
    jw_key_slice(w, "error_message", it->unusable ? slice_cstr(it->unusable) : status.error_message);
    jw_key_bool(w, "enabled", it->enabled);
    jw_key(w, "settings");
    configure_write_settings(it, w);
    jw_key(w, "sync_interval");
    if (it->sync_interval == USEC_NONE)
        jw_null(w);
    else
        jw_i64(w, it->sync_interval / USEC_PER_S);
    jw_key(w, "schedules");
    if (status.schedules.p)
        jw_raw(w, status.schedules);
    else
        jw_null(w);
    jw_key_time(w, "next_sync_at", status.next_sync_at);
    jw_key_time(w, "last_success_at", status.last_success_at);
    jw_key_time(w, "last_health_check", status.last_health_check);
    jw_key_time(w, "last_delivery_at", status.last_delivery_at);
    jw_key_time(w, "credential_expires_at", status.credential_expires_at);
    jw_key_time(w, "created_at", status.created_at);
    jw_key_time(w, "updated_at", status.updated_at);
    jw_end(w);
    integration_unref(it);
}

/* The catalog shows of several the one that most needs a look: an error, then one that never worked. */
static unsigned json_instances(const struct hub *h, const struct provider *p, const struct pg_reply *r, struct jw *w)
{
    static const unsigned weight[NSTATUSES] = {[NOT_CONFIGURED] = 0, [ACTIVE] = 1, [CONFIGURED] = 2, [ERROR_] = 3};
    unsigned worst = NOT_CONFIGURED;
    jw_array(w);
    for (size_t row = 0; row < pg_nrows(r, 0); row++) {
        struct integration_row stored;
        struct integration_status status;
        integration_row_read(r, 0, row, &stored);
        integration_status_read(r, 0, row, &status);
        if (!slice_is(stored.provider, p->key))
            continue;
        unsigned this = status_of(status.status);
        worst = weight[this] > weight[worst] ? this : worst;
        json_integration(h, r, row, w);
    }
    jw_end(w);
    return worst;
}

/* --- the catalog --- */

static void json_capabilities(const struct provider *p, struct jw *w)
{
    static const struct {
        const char *name;
        uint64_t kinds;
        unsigned flags;
    } known[] = {
        {"organizations", .kinds = SYNC_KIND(RECORD_ORGANIZATION)},
        {"locations", .kinds = SYNC_KIND(RECORD_LOCATION)},
        {"devices", .kinds = SYNC_KIND(RECORD_DEVICE)},
        {"hardware", .kinds = SYNC_KIND(RECORD_FACET)},
        {"alerts", .kinds = SYNC_KIND(RECORD_ALERT)},
        {"backups", .kinds = SYNC_KIND(RECORD_BACKUP_JOB)},
        {"software", .kinds = SYNC_KIND(RECORD_SOFTWARE)},
        {"patches", .kinds = SYNC_KIND(RECORD_PATCH)},
        {"people", .kinds = SYNC_KIND(RECORD_PERSON)},
        {"groups", .kinds = SYNC_KIND(RECORD_GROUP)},
        {"licenses", .kinds = SYNC_KIND(RECORD_LICENSE)},
        {"tickets", .kinds = SYNC_KIND(RECORD_TICKET)},
        {"webhooks", .flags = PROVIDER_WEBHOOK},
        {"oauth", .flags = PROVIDER_OAUTH},
    };
    jw_array(w);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if ((p->kinds & known[i].kinds) || (p->flags & known[i].flags))
            jw_str(w, known[i].name);
    jw_end(w);
}

/* What a run or a schedule can be asked for. */
static void json_kinds(const struct provider *p, struct jw *w)
{
    jw_array(w);
    for (const enum record_kind *k = sync_kinds; *k != RECORD_NKINDS_; k++)
        if (p->kinds & SYNC_KIND(*k))
            jw_str(w, record_kind_words[*k]);
    jw_end(w);
}

static void json_limits(const struct provider_limits *l, struct jw *w)
{
    static const char *const scopes[] = {[BUDGET_INTEGRATION] = "integration",
                                         [BUDGET_TENANT] = "tenant",
                                         [BUDGET_HOST] = "host",
                                         [BUDGET_SOURCE_ADDRESS] = "source_address"};
    jw_object(w);
    jw_key_i64(w, "concurrency", l->concurrency);
    jw_key(w, "requests_per_minute");
    if (l->per_minute)
        jw_i64(w, l->per_minute);
    else
        jw_null(w);
    jw_key_str(w, "scope", scopes[l->scope]);
    jw_end(w);
}

void json_provider(const struct hub *h, const struct provider *p, const struct pg_reply *r, struct jw *w)
{
    jw_object(w);
    jw_key_str(w, "key", p->key);
    jw_key_str(w, "name", p->name);
    jw_key_str(w, "vendor", p->vendor);
    jw_key_str(w, "category", p->category);
    jw_key_str(w, "description", p->description);
    jw_key_str(w, "documentation_url", p->documentation_url);
    jw_key(w, "capabilities");
    json_capabilities(p, w);
    jw_key(w, "kinds");
    json_kinds(p, w);
    jw_key(w, "limits");
    json_limits(&p->limits, w);
    jw_key_bool(w, "webhook", p->flags & PROVIDER_WEBHOOK);
    jw_key(w, "fields");
    jw_array(w);
    for (size_t i = 0; i < p->nfields; i++)
        json_field(&p->fields[i], w);
    jw_end(w);
    jw_key(w, "instances");
    unsigned status = json_instances(h, p, r, w);
    jw_key_bool(w, "configured", status != NOT_CONFIGURED);
    json_status(status, w);
    jw_end(w);
}

static bool is_key(const struct integration_row *stored, struct slice key)
{
    struct slice name = key;
    struct slice provider = slice_cut(&name, ':');
    return slice_eq(stored->provider, provider) && slice_eq(stored->name, name);
}

bool json_integration_by_key(const struct hub *h, const struct pg_reply *r, struct slice key, struct str *out,
                             int64_t *ret_version)
{
    for (size_t row = 0; row < pg_nrows(r, 0); row++) {
        struct integration_row stored;
        integration_row_read(r, 0, row, &stored);
        if (!is_key(&stored, key))
            continue;
        struct jw w;
        jw_init(&w, out);
        json_integration(h, r, row, &w);
        jw_done(&w);
        *ret_version = stored.version;
        return true;
    }
    return false;
}

/* public_url, else the address that the caller used. */
static void webhook_url(const struct hub *h, const struct integration *it, struct slice host, bool tls, struct str *out)
{
    struct slice base = webhook_public_url(h);
    _cleanup_(str_release) struct str asked = {0};
    if (!base.p) {
        str_addf(&asked, "%s://%.*s", tls ? "https" : "http", SLICE_FMT(host));
        base = str_slice(&asked);
    }
    webhook_address(it, base, out);
    webhook_add_secret(it, out);
}

/* Secrets of before that are still taken: how many, and until when. */
static void json_former(const struct hub *h, const struct integration *it, struct jw *w)
{
    usec_t until = USEC_NONE;
    int64_t n = 0;
    for (unsigned i = 0; i < INTEGRATION_FORMER_SECRETS; i++) {
        if (!it->former[i].secret || it->former[i].until <= loop_wall(h->loop))
            continue;
        until = MAX(until, it->former[i].until);
        n++;
    }
    jw_key_i64(w, "previous_secrets", n);
    jw_key_time(w, "previous_secret_until", until);
}

void json_webhook(const struct hub *h, const struct integration *it, const struct connect_row *row, struct slice host,
                  bool tls, struct str *out)
{
    _cleanup_(str_release) struct str url = {0};
    webhook_url(h, it, host, tls, &url);
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_slice(&w, "url", str_slice(&url));
    jw_key_str(&w, "header", it->provider->webhook_secret_header);
    jw_key_slice(&w, "secret", secret_text(it->hook_secret));
    json_former(h, it, &w);
    jw_key_str(&w, "template", it->provider->webhook_template);
    jw_key_bool(&w, "registrable", it->provider->webhook_register != NULL);
    jw_key_time(&w, "registered_at", row->registered_at);
    jw_key_slice(&w, "registered_by", row->registered_by);
    jw_key_slice(&w, "registered_url", row->registered_url);
    jw_key_slice(&w, "registration_error", row->registration_error);
    jw_key_time(&w, "last_delivery_at", row->last_delivery_at);
    jw_end(&w);
    jw_done(&w);
    if (url.p)
        crypto_wipe(url.p, url.cap); /* it may hold the secret */
}
