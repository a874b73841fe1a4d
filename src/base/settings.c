/* settings.c - what a tenant configured, checked against the provider's field table.
 * Why:    the table that draws the console's form is the one that decides what is valid; a message names the field as
 * the form does and as the API does. Owns:   the texts, as secrets all of them: a base URL may carry a token as well.
 */
#include "msphub/provider.h"

#include "base/crypto.h"
#include "base/json_read.h"
#include <assert.h>
#include <stdlib.h>

struct settings {
    const struct provider_field *fields; /* borrowed: tables of the program */
    size_t n;
    struct secret *values[]; /* NULL: not given */
};

static const struct provider_field *field_find(const struct provider_field *fields, size_t n, struct slice key)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(key, fields[i].key))
            return &fields[i];
    return NULL;
}

/* --- lookups --- */

struct slice settings_text(const struct settings *s, const char *key)
{
    const struct provider_field *f = field_find(s->fields, s->n, slice_cstr(key));
    assert(f); /* a provider asks for its own fields */
    const struct secret *v = f ? s->values[f - s->fields] : NULL;
    return v ? secret_text(v) : slice_cstr(f ? f->fallback : NULL);
}

bool settings_bool(const struct settings *s, const char *key)
{
    return slice_is(settings_text(s, key), "true");
}

int64_t settings_i64(const struct settings *s, const char *key, int64_t fallback)
{
    int64_t v;
    return slice_i64(settings_text(s, key), &v) ? v : fallback;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        secret_free(s->values[i]);
    free(s);
}

/* --- reading --- */

static bool wrong(const struct provider_field *f, struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "%s (%s) %s", f->label, f->key, what);
}

/* People paste a bare host, blanks around it, or HTTPS in capitals: the provider's base_url mends that (common_http.h). */
static bool check_url(const struct provider_field *f, struct slice text, struct err *e)
{
    text = slice_trim(text);
    struct slice rest = text, scheme = text;
    for (size_t i = 0; i + 3 <= text.n; i++)
        if (memcmp(text.p + i, "://", 3) == 0) {
            scheme.n = i;
            if (!slice_ieq(scheme, SLICE("https")) && !slice_ieq(scheme, SLICE("http")))
                return wrong(f, e, "must be an address that begins with https://");
            rest = slice_of(text.p + i + 3, text.n - i - 3);
            break;
        }
    if (rest.n == 0 || memchr("/?#:@", rest.p[0], 5))
        return wrong(f, e, "names no host; expected https://host");
    for (size_t i = 0; i < text.n; i++)
        if ((uint8_t)text.p[i] <= 0x20 || (uint8_t)text.p[i] >= 0x7F || memchr("\\\"<>^`{|}", text.p[i], 9))
            return wrong(f, e, "holds a character that no address may hold");
    return true;
}

static bool check_select(const struct provider_field *f, struct slice text, struct err *e)
{
    _cleanup_(str_release) struct str all = {0};
    for (const char *const *o = f->options; *o; o++) {
        if (slice_is(text, *o))
            return true;
        str_addf(&all, "%s%s", all.n ? ", " : "", *o);
    }
    str_add(&all, SLICE_NONE);
    return err_set(e, ERR_INPUT, "%s (%s) must be one of: %s", f->label, f->key, all.p);
}

static bool check_number(const struct provider_field *f, struct slice text, struct err *e)
{
    int64_t v;
    if (!slice_i64(text, &v))
        return wrong(f, e, "must be a whole number");
    if (f->max > 0 && (v < f->min || v > f->max))
        return err_set(e, ERR_INPUT, "%s (%s) must be from %lld to %lld", f->label, f->key, (long long)f->min,
                       (long long)f->max);
    return true;
}

static bool check_text(const struct provider_field *f, struct slice text, struct err *e)
{
    switch (f->kind) {
    case FIELD_INPUT_TEXT:
    case FIELD_INPUT_SECRET:
        for (size_t i = 0; i < text.n; i++)
            if ((uint8_t)text.p[i] < 0x20 || text.p[i] == 0x7F) /* it would travel in a header */
                return wrong(f, e, "holds a control character");
        return true;
    case FIELD_INPUT_LINES:
        for (size_t i = 0; i < text.n; i++)
            if (((uint8_t)text.p[i] < 0x20 && !memchr("\t\n\r", text.p[i], 3)) || text.p[i] == 0x7F)
                return wrong(f, e, "holds a control character");
        return true;
    case FIELD_INPUT_SELECT:
        return check_select(f, text, e);
    case FIELD_INPUT_URL:
        return check_url(f, text, e);
    case FIELD_INPUT_BOOL:
        return slice_is(text, "true") || slice_is(text, "false") || wrong(f, e, "must be true or false");
    case FIELD_INPUT_NUMBER:
        return check_number(f, text, e);
    }
    return wrong(f, e, "has no known kind");
}

/* The text of a value of the right JSON type; blanks around it are what a paste brought along. */
static bool value_text(const struct provider_field *f, const struct json *j, struct slice *ret, struct err *e)
{
    bool fits = j->type == JSON_STRING || (j->type == JSON_BOOL && f->kind == FIELD_INPUT_BOOL) ||
                (j->type == JSON_NUMBER && f->kind == FIELD_INPUT_NUMBER);
    if (!fits)
        return wrong(f, e,
                     f->kind == FIELD_INPUT_BOOL     ? "must be true or false"
                     : f->kind == FIELD_INPUT_NUMBER ? "must be a whole number"
                                                     : "must be text");
    *ret = j->type == JSON_BOOL ? slice_cstr(j->boolean ? "true" : "false") : slice_trim(j->text);
    return true;
}

static bool take_member(struct settings *s, const struct json *j, struct err *e)
{
    const struct provider_field *f = field_find(s->fields, s->n, j->key);
    struct slice text = SLICE_NONE;
    if (!f)
        return err_set(e, ERR_INPUT, "\"%.*s\" is not a setting of this provider", SLICE_FMT(j->key));
    if (j->type == JSON_NULL)
        return true;
    if (!value_text(f, j, &text, e))
        return false;
    if (text.n == 0) /* an input left empty */
        return true;
    if (!check_text(f, text, e))
        return false;
    s->values[f - s->fields] = secret_new(text);
    return true;
}

static bool take_all(struct settings *s, const struct json *object, struct err *e)
{
    if (object->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, "the settings must be a JSON object");
    for (const struct json *j = object->child; j; j = j->next)
        if (!take_member(s, j, e))
            return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].required && !s->values[i] && !s->fields[i].fallback)
            return wrong(&s->fields[i], e, "is required");
    return true;
}

struct settings *settings_from_json(const struct provider_field *fields, size_t n, struct slice json, struct err *e)
{
    struct settings *s = mem_zalloc(sizeof(*s) + n * sizeof(*s->values));
    s->fields = fields;
    s->n = n;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *root = NULL;
    bool ok = json_parse(a, json, &root, e) && take_all(s, root, e);
    arena_wipe(a); /* the tree held the secrets */
    if (!ok) {
        settings_free(s);
        return NULL;
    }
    return s;
}
