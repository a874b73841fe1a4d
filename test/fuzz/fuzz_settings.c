/* fuzz_settings.c - what a person typed into the form of a provider, as the JSON that the console sends; for every provider.
 * Held:  a refusal says why; what is accepted has values of its fields' kinds, and its base URL, with a path behind it, is one that the
 *        HTTP client calls. */
#include "fuzz.h"

#include "base/utf8.h"
#include "provider/providers.h"
#include "reactor/http_url.h"

static bool is_one_of(struct slice v, const char *const *options)
{
    for (; *options; options++)
        if (slice_is(v, *options))
            return true;
    return false;
}

static void check_field(const struct settings *s, const struct provider_field *f)
{
    struct slice v = settings_text(s, f->key);
    int64_t n;

    HOLD(!f->required || v.n);
    if (!v.n)
        return;
    HOLD(utf8_storable(v));
    for (size_t i = 0; i < v.n; i++)
        HOLD((uint8_t)v.p[i] >= 0x20);
    if (f->kind == FIELD_INPUT_SELECT)
        HOLD(is_one_of(v, f->options));
    if (f->kind == FIELD_INPUT_NUMBER)
        HOLD(slice_i64(v, &n) && (f->max <= 0 || (n >= f->min && n <= f->max)));
    if (f->kind == FIELD_INPUT_BOOL)
        HOLD(slice_is(v, "true") || slice_is(v, "false"));
}

static void check_url(const char *base)
{
    struct http_url u;
    struct err e = {0};
    char *url = NULL;

    HOLD(asprintf(&url, "%s/path?query", base) > 0);
    HOLD(http_url_parse(url, &u, &e));
    HOLD(base[strlen(base) - 1] != '/' && !strchr(base, '?'));
    http_url_release(&u);
    free(url);
}

static void check_provider(const struct provider *p, struct slice json)
{
    _cleanup_(str_release) struct str url = {0};
    struct err e = {0};
    struct settings *s = settings_from_json(p->fields, p->nfields, json, &e);

    if (!s) {
        HOLD(e.code == ERR_INPUT && e.what[0]);
        return;
    }
    for (size_t i = 0; i < p->nfields; i++)
        check_field(s, &p->fields[i]);
    if (p->base_url(s, &url, &e))
        check_url(url.p);
    else
        HOLD(e.code == ERR_INPUT && e.what[0]);
    settings_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (const struct provider *const *p = provider_registry; *p; p++)
        check_provider(*p, slice_of((const char *)data, size));
    return 0;
}
