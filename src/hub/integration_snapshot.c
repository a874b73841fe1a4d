/* hub/integration_snapshot.c - a row of the database → an immutable snapshot, secrets unsealed.
 * Always: a row that cannot be used (unknown provider, key missing, settings of an older version) still gives a
 * snapshot, whose `unusable` says why: it must be shown, and its webhooks must be kept. */
#include "hub/integration.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "store/integration.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct slice integration_context(char buf[INTEGRATION_CONTEXT_MAX], int64_t tenant_id, int64_t id, const char *field)
{
    int n = snprintf(buf, INTEGRATION_CONTEXT_MAX, "%" PRId64 "/%" PRId64 "/%s", tenant_id, id, field);
    return slice_of(buf, MIN((size_t)n, INTEGRATION_CONTEXT_MAX - 1));
}

static bool open_sealed(const struct hub *h, const struct integration *it, const char *field, struct slice sealed,
                        struct secret **ret, struct err *e)
{
    char buf[INTEGRATION_CONTEXT_MAX];
    return unseal(h->keyring, sealed, integration_context(buf, it->tenant_id, it->id, field), ret, e);
}

static bool write_member(const struct hub *h, const struct integration *it, const struct provider_field *f,
                         const struct json *j, struct jw *w, struct str *raw, struct err *e)
{
    if (f->kind == FIELD_INPUT_SECRET && j->type == JSON_STRING && j->text.n) {
        _cleanup_(secret_freep) struct secret *plain = NULL;
        if (!open_sealed(h, it, f->key, j->text, &plain, e))
            return err_wrap(e, "%s (%s)", f->label, f->key);
        jw_key_slice(w, f->key, secret_text(plain));
        return true;
    }
    str_clear(raw);
    json_write(j, raw);
    jw_key_raw(w, f->key, str_slice(raw));
    return true;
}

/* The stored object with its secrets in plain text. Members that the provider no longer knows are left out. */
static bool write_plain(const struct hub *h, const struct integration *it, const struct json *stored, struct str *out,
                        struct err *e)
{
    _cleanup_(str_release) struct str raw = {0};
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    for (size_t i = 0; i < it->provider->nfields; i++) {
        const struct provider_field *f = &it->provider->fields[i];
        const struct json *j = json_get(stored, f->key);
        if (j && !write_member(h, it, f, j, &w, &raw, e))
            return false;
    }
    jw_end(&w);
    return true;
}

static bool read_settings(const struct hub *h, struct integration *it, struct slice stored, struct err *e)
{
    if (!it->provider)
        return err_set(e, ERR_CONFIG, "this build has no provider of this key");
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *tree;
    if (!json_parse(a, stored, &tree, e))
        return false;
    struct str plain = {0};
    str_reserve(&plain, 2 * stored.n + 256); /* never moves: no copy of a secret stays behind */
    bool good = write_plain(h, it, tree, &plain, e);
    if (good) {
        it->settings = settings_from_json(it->provider->fields, it->provider->nfields, str_slice(&plain), e);
        good = it->settings != NULL;
    }
    crypto_wipe(plain.p, plain.cap);
    str_release(&plain);
    _cleanup_(str_release) struct str url = {0};
    if (!good || !it->provider->base_url(it->settings, &url, e))
        return false;
    it->base_url = str_take(&url);
    return true;
}

static char *copy(struct slice s)
{
    return mem_strndup(s.p ? s.p : "", s.n);
}

static void read_paused(struct integration *it, struct slice ids)
{
    struct json *list;
    if (!ids.n)
        return;
    it->texts = arena_new();
    if (!json_parse(it->texts, ids, &list, NULL))
        return; /* PostgreSQL made it */
    for (const struct json *id = list->child; id; id = id->next)
        it->paused.n++;
    it->paused.v = arena_alloc(it->texts, it->paused.n * sizeof(*it->paused.v));
    size_t n = 0;
    for (const struct json *id = list->child; id; id = id->next)
        it->paused.v[n++] = id->text;
}

struct integration *integration_from_row(const struct hub *h, const struct integration_row *row)
{
    struct integration *it = NEW(struct integration);
    it->refs = 1;
    it->tenant_id = row->tenant_id;
    it->id = row->integration_id;
    it->version = row->version;
    it->provider = provider_find(row->provider);
    it->name = copy(row->name);
    it->key =
        row->name.n ? mem_printf("%.*s:%.*s", SLICE_FMT(row->provider), SLICE_FMT(row->name)) : copy(row->provider);
    it->hook = copy(row->hook);
    it->enabled = row->enabled;
    it->tenant_suspended = row->tenant_suspended;
    it->sync_interval = row->sync_interval;
    read_paused(it, row->paused);

    struct err e = {0};
    bool good = read_settings(h, it, row->settings, &e);
    if (row->hook_secret.n &&
        !open_sealed(h, it, INTEGRATION_FIELD_HOOK, row->hook_secret, &it->hook_secret, good ? &e : NULL))
        good = good && err_wrap(&e, "the webhook's secret (rotate it to get another)");
    if (!good)
        it->unusable = mem_strdup(e.what);
    for (unsigned i = 0; i < INTEGRATION_FORMER_SECRETS; i++) {
        it->former[i].until = row->former[i].until;
        if (row->former[i].secret.n)
            open_sealed(h, it, INTEGRATION_FIELD_HOOK, row->former[i].secret, &it->former[i].secret, NULL);
    }
    if (it->unusable) {
        free(it->base_url);
        it->base_url = NULL;
    }
    return it;
}

struct integration *integration_ref(struct integration *it)
{
    it->refs++;
    return it;
}

void integration_unref(struct integration *it)
{
    if (!it || --it->refs)
        return;
    free(it->name);
    free(it->key);
    free(it->hook);
    free(it->base_url);
    free(it->unusable);
    settings_free(it->settings);
    arena_free(it->texts);
    secret_free(it->hook_secret);
    for (unsigned i = 0; i < INTEGRATION_FORMER_SECRETS; i++)
        secret_free(it->former[i].secret);
    free(it);
}
