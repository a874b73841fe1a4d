/* hub/configure_fields.c - given settings + stored ones → what is stored, field by field.
 * How:    each field comes from what was given or from what is stored; the plain values are checked one by one, so that all
 *         faults are told at once, then as a whole (base URL; a kept secret goes to no other one); last the secrets are sealed.
 * Owns:   for its duration the plain text of secrets, in one buffer that never moves and is wiped. */
#include "hub/configure_internal.h"

#include "reactor/http_url.h"
#include "store/integration.h"

#include <stdlib.h>
#include <string.h>

static void fault(struct merge *m, const char *key, size_t nkey, const char *detail)
{
    struct configure_faults *f = &m->faults;
    if (f->n == CONFIGURE_MAX_FAULTS)
        return;
    if (!f->v)
        f->v = mem_realloc_array(NULL, CONFIGURE_MAX_FAULTS, sizeof *f->v);
    struct str pointer = {0};
    if (key)
        str_addc(&pointer, '/');
    for (size_t i = 0; i < nkey; i++) { /* RFC 6901 */
        if (key[i] == '~')
            str_adds(&pointer, "~0");
        else if (key[i] == '/')
            str_adds(&pointer, "~1");
        else
            str_addc(&pointer, key[i]);
    }
    f->v[f->n++] = (struct configure_fault){str_take(&pointer), mem_strdup(detail)};
}

static void faults_release(struct configure_faults *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].pointer);
        free(f->v[i].detail);
    }
    free(f->v);
    *f = (struct configure_faults){0};
}

/* --- where a field's value comes from --- */

enum source { NOWHERE, GIVEN, KEPT };

static bool is_absent(const struct json *j)
{
    return !j || j->type == JSON_NULL || (j->type == JSON_STRING && slice_trim(j->text).n == 0);
}

static enum source source_of(const struct merge *m, const struct provider_field *f)
{
    const struct json *given = m->given ? json_get(m->given, f->key) : NULL;
    const struct json *stored = m->stored ? json_get(m->stored, f->key) : NULL;
    bool keeps =
        !m->given || (f->kind == FIELD_INPUT_SECRET &&
                      (!given || (given->type == JSON_STRING && (secret_is_mask(given->text) || given->text.n == 0))));
    if (keeps && !is_absent(stored))
        return KEPT;
    return is_absent(given) ? NOWHERE : GIVEN;
}

/* The field alone, so that its fault is told beside those of the others. */
static bool check_one(struct merge *m, const struct provider_field *f, const struct json *given)
{
    if (f->kind == FIELD_INPUT_SECRET && given->type == JSON_STRING && secret_is_mask(given->text)) {
        fault(m, f->key, strlen(f->key),
              "is a mask, and no secret is stored that it could stand for; give the secret itself");
        return false;
    }
    struct provider_field alone = *f;
    alone.required = false;
    struct str text = {0};
    struct err e = {0};
    struct jw w;
    str_reserve(&text, 6 * given->text.n + strlen(f->key) + 64);
    jw_init(&w, &text);
    jw_object(&w);
    struct str value = {0};
    str_reserve(&value, 6 * given->text.n + 64);
    json_write(given, &value);
    jw_key_raw(&w, f->key, str_slice(&value));
    jw_end(&w);
    struct settings *s = settings_from_json(&alone, 1, str_slice(&text), &e);
    if (!s)
        fault(m, f->key, strlen(f->key), e.what);
    settings_free(s);
    crypto_wipe(text.p, text.cap);
    crypto_wipe(value.p, value.cap);
    str_release(&text);
    str_release(&value);
    return s != NULL;
}

static void check_fields(struct merge *m)
{
    for (const struct json *j = m->given ? m->given->child : NULL; j; j = j->next) {
        size_t i = 0;
        while (i < m->provider->nfields && !slice_is(j->key, m->provider->fields[i].key))
            i++;
        if (i == m->provider->nfields)
            fault(m, j->key.p, j->key.n, "is not a setting of this provider");
    }
    for (size_t i = 0; i < m->provider->nfields; i++) {
        const struct provider_field *f = &m->provider->fields[i];
        switch (source_of(m, f)) {
        case GIVEN:
            check_one(m, f, json_get(m->given, f->key));
            break;
        case KEPT:
            if (f->kind == FIELD_INPUT_SECRET && (!m->old || !m->old->settings))
                fault(m, f->key, strlen(f->key),
                      "the stored secret cannot be opened with the keys of key_file; give it anew");
            break;
        case NOWHERE:
            if (f->required && !f->fallback)
                fault(m, f->key, strlen(f->key), "is required");
            break;
        }
    }
}

/* --- what comes of them --- */

static void write_value(struct jw *w, const char *key, const struct json *j, struct str *scratch)
{
    str_clear(scratch);
    json_write(j, scratch);
    jw_key_raw(w, key, str_slice(scratch));
}

static void write_plain(const struct merge *m, struct jw *w, struct str *scratch)
{
    for (size_t i = 0; i < m->provider->nfields; i++) {
        const struct provider_field *f = &m->provider->fields[i];
        enum source source = source_of(m, f);
        if (source == KEPT && f->kind == FIELD_INPUT_SECRET)
            jw_key_slice(w, f->key, settings_text(m->old->settings, f->key));
        else if (source != NOWHERE)
            write_value(w, f->key, json_get(source == KEPT ? m->stored : m->given, f->key), scratch);
    }
}

static bool read_plain(struct merge *m, size_t room, struct err *e)
{
    struct str plain = {0}, scratch = {0};
    struct jw w;
    str_reserve(&plain, room);
    str_reserve(&scratch, room);
    jw_init(&w, &plain);
    jw_object(&w);
    write_plain(m, &w, &scratch);
    jw_end(&w);
    m->settings = settings_from_json(m->provider->fields, m->provider->nfields, str_slice(&plain), e);
    crypto_wipe(plain.p, plain.cap);
    crypto_wipe(scratch.p, scratch.cap);
    str_release(&plain);
    str_release(&scratch);
    return m->settings != NULL;
}

static bool check_together(struct merge *m)
{
    const char *key = NULL;
    struct err e = {0};
    if (!m->provider->check || m->provider->check(m->settings, &key, &e))
        return true;
    fault(m, key, key ? strlen(key) : 0, e.what);
    return false;
}

static const char *url_field(const struct provider *p)
{
    for (size_t i = 0; i < p->nfields; i++)
        if (p->fields[i].kind == FIELD_INPUT_URL)
            return p->fields[i].key;
    return NULL;
}

static bool check_url(struct merge *m)
{
    struct err e = {0};
    if (m->provider->base_url(m->settings, &m->base_url, &e) && egress_url_allowed(m->h->egress, m->base_url.p, &e))
        return true;
    const char *key = url_field(m->provider);
    fault(m, key, key ? strlen(key) : 0, e.what);
    return false;
}

static bool same_origin(const char *a, const char *b)
{
    struct http_url x = {0}, y = {0};
    bool same = http_url_parse(a, &x, NULL) && http_url_parse(b, &y, NULL) && x.tls == y.tls && x.port == y.port &&
                strcmp(x.host, y.host) == 0;
    http_url_release(&x);
    http_url_release(&y);
    return same;
}

/* Who may type in an address, or try one, does not learn a secret that was given for another. */
static void check_origin(struct merge *m)
{
    _cleanup_(str_release) struct str before = {0};
    if (!m->given || !m->old || !m->old->settings ||
        (m->provider->base_url(m->old->settings, &before, NULL) && same_origin(before.p, m->base_url.p)))
        return;
    for (size_t i = 0; i < m->provider->nfields; i++) {
        const struct provider_field *f = &m->provider->fields[i];
        if (f->kind == FIELD_INPUT_SECRET && source_of(m, f) == KEPT)
            fault(m, f->key, strlen(f->key), "was given for another address; with a new one, give it anew");
    }
}

static bool seal_member(struct merge *m, const struct provider_field *f, struct jw *w, struct err *e)
{
    char buf[INTEGRATION_CONTEXT_MAX];
    _cleanup_(str_release) struct str text = {0};
    if (!seal(m->h->keyring, settings_text(m->settings, f->key), integration_context(buf, m->tenant_id, m->id, f->key),
              &text, e))
        return false;
    jw_key_slice(w, f->key, str_slice(&text));
    return true;
}

static bool write_sealed(struct merge *m, struct err *e)
{
    _cleanup_(str_release) struct str scratch = {0};
    struct jw w;
    jw_init(&w, &m->sealed);
    jw_object(&w);
    for (size_t i = 0; i < m->provider->nfields; i++) {
        const struct provider_field *f = &m->provider->fields[i];
        enum source source = source_of(m, f);
        if (source == KEPT)
            write_value(&w, f->key, json_get(m->stored, f->key), &scratch);
        else if (source == GIVEN && f->kind == FIELD_INPUT_SECRET && !seal_member(m, f, &w, e))
            return false;
        else if (source == GIVEN && f->kind != FIELD_INPUT_SECRET)
            write_value(&w, f->key, json_get(m->given, f->key), &scratch);
    }
    jw_end(&w);
    return true;
}

static void compare(struct merge *m)
{
    m->changed = m->secret_changed = !m->old || !m->old->settings;
    for (size_t i = 0; !m->secret_changed && i < m->provider->nfields; i++) {
        const struct provider_field *f = &m->provider->fields[i];
        if (slice_eq(settings_text(m->old->settings, f->key), settings_text(m->settings, f->key)))
            continue;
        m->changed = true;
        m->secret_changed = f->kind == FIELD_INPUT_SECRET;
    }
}

static size_t text_size(const struct json *object)
{
    size_t n = 256;
    for (const struct json *j = object ? object->child : NULL; j; j = j->next)
        n += 6 * (j->text.n + j->key.n) + 64;
    return n;
}

bool configure_merge(struct merge *m, struct err *e)
{
    struct err why = {0};
    if (m->given && m->given->type != JSON_OBJECT) {
        fault(m, NULL, 0, "must be an object");
        return err_set(e, ERR_INPUT, "the settings must be a JSON object");
    }
    check_fields(m);
    if (m->faults.n == 0 && !read_plain(m, text_size(m->given) + text_size(m->stored), &why))
        fault(m, NULL, 0, why.what);
    if (m->faults.n == 0 && check_together(m) && check_url(m))
        check_origin(m);
    if (m->faults.n)
        return err_set(e, ERR_INPUT, "%zu of the settings cannot be used", m->faults.n);
    compare(m);
    return m->id == 0 || write_sealed(m, e);
}

void configure_merge_release(struct merge *m)
{
    settings_free(m->settings);
    str_release(&m->base_url);
    str_release(&m->sealed);
    faults_release(&m->faults);
}
