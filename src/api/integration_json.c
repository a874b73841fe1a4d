/* api/integration_json.c - see integration_json.h. */
#include "api/integration_json.h"

#include "hub/configure.h"

static const char *const input_names[] = {
    [FIELD_INPUT_TEXT] = "text", [FIELD_INPUT_SECRET] = "secret", [FIELD_INPUT_SELECT] = "select",
    [FIELD_INPUT_URL] = "url",   [FIELD_INPUT_BOOL] = "bool",     [FIELD_INPUT_NUMBER] = "number",
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
    jw_key_slice(w, "status", status.status);
    jw_key_slice(w, "error_message", it->unusable ? slice_cstr(it->unusable) : status.error_message);
    jw_key_bool(w, "enabled", it->enabled);
    jw_key(w, "settings");
    configure_write_settings(it, w);
    jw_key(w, "sync_interval");
    if (it->sync_interval == USEC_NONE)
        jw_null(w);
    else
        jw_i64(w, it->sync_interval / USEC_PER_S);
    jw_key_time(w, "next_sync_at", status.next_sync_at);
    jw_key_time(w, "last_success_at", status.last_success_at);
    jw_key_time(w, "last_health_check", status.last_health_check);
    jw_key_time(w, "created_at", status.created_at);
    jw_key_time(w, "updated_at", status.updated_at);
    jw_end(w);
    integration_unref(it);
}

static size_t json_instances(const struct hub *h, const struct provider *p, const struct pg_reply *r, struct jw *w)
{
    size_t n = 0;
    jw_array(w);
    for (size_t row = 0; row < pg_nrows(r, 0); row++) {
        struct integration_row stored;
        integration_row_read(r, 0, row, &stored);
        if (!slice_is(stored.provider, p->key))
            continue;
        json_integration(h, r, row, w);
        n++;
    }
    jw_end(w);
    return n;
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
    jw_key_bool(w, "webhook", p->flags & PROVIDER_WEBHOOK);
    jw_key(w, "fields");
    jw_array(w);
    for (size_t i = 0; i < p->nfields; i++)
        json_field(&p->fields[i], w);
    jw_end(w);
    jw_key(w, "instances");
    bool configured = json_instances(h, p, r, w) > 0;
    jw_key_bool(w, "configured", configured);
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
    struct slice base = slice_cstr(h->options->public_url);
    while (slice_ends(base, SLICE("/")))
        base.n--;
    if (base.n)
        str_add(out, base);
    else
        str_addf(out, "%s://%.*s", tls ? "https" : "http", SLICE_FMT(host));
    str_addf(out, "/webhooks/%s/%s", it->provider->key, it->hook);
}

void json_webhook(const struct hub *h, const struct integration *it, struct slice host, bool tls, struct str *out)
{
    _cleanup_(str_release) struct str url = {0};
    webhook_url(h, it, host, tls, &url);
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_slice(&w, "url", str_slice(&url));
    jw_key_str(&w, "header", it->provider->webhook_secret_header);
    jw_key_slice(&w, "secret", secret_text(it->hook_secret));
    jw_key_time(&w, "previous_secret_until", it->hook_secret_previous ? it->hook_secret_previous_until : USEC_NONE);
    jw_key_str(&w, "template", it->provider->webhook_template);
    jw_end(&w);
    jw_done(&w);
}
