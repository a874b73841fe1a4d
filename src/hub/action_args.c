/* hub/action_args.c - an action's arguments against its table: each value by itself, so that all that is wrong is told at once. */
#include "hub/action.h"

#include "base/crypto.h"
#include "base/json_write.h"
#include "base/utf8.h"

const struct provider_action *action_find(const struct provider *p, struct slice key)
{
    for (size_t i = 0; i < p->nactions; i++)
        if (slice_is(key, p->actions[i].key))
            return &p->actions[i];
    return NULL;
}

struct faults {
    action_fault_fn *tell;
    void *arg;
    unsigned n;
};

/* A member's name as RFC 6901 writes it. */
static void tell(struct faults *f, struct slice name, const char *detail)
{
    _cleanup_(str_release) struct str pointer = {0};
    str_addc(&pointer, '/');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '~')
            str_adds(&pointer, "~0");
        else if (name.p[i] == '/')
            str_adds(&pointer, "~1");
        else
            str_addc(&pointer, name.p[i]);
    }
    f->n++;
    f->tell(f->arg, pointer.p, detail);
}

static const struct provider_field *field_of(const struct provider_action *a, struct slice name)
{
    for (size_t i = 0; i < a->nfields; i++)
        if (slice_is(name, a->fields[i].key))
            return &a->fields[i];
    return NULL;
}

static void write_member(struct jw *w, const struct json *j)
{
    struct str value = {0};
    json_write(j, &value);
    jw_key_text(w, j->key);
    jw_raw(w, str_slice(&value));
    crypto_wipe(value.p, value.cap);
    str_release(&value);
}

static struct settings *read_members(const struct provider_field *fields, size_t n, const struct json *first, bool one,
                                     struct err *e)
{
    struct str text = {0};
    struct jw w;
    jw_init(&w, &text);
    jw_object(&w);
    for (const struct json *j = first; j; j = one ? NULL : j->next)
        write_member(&w, j);
    jw_end(&w);
    struct settings *s = settings_from_json(fields, n, str_slice(&text), e);
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return s;
}

static void check_member(struct faults *f, const struct provider_action *a, const struct json *j)
{
    const struct provider_field *field = field_of(a, j->key);
    struct err e = {0};
    if (!field) {
        tell(f, utf8_cut(j->key, 80), "is no argument of this action");
        return;
    }
    struct provider_field alone = *field;
    alone.required = false;
    struct settings *s = read_members(&alone, 1, j, true, &e);
    if (!s)
        tell(f, j->key, e.what);
    settings_free(s);
}

static bool is_empty(const struct json *j)
{
    return !j || j->type == JSON_NULL || (j->type == JSON_STRING && slice_trim(j->text).n == 0);
}

struct settings *action_args(const struct provider_action *action, const struct json *given, action_fault_fn *fault,
                             void *arg)
{
    struct faults f = {fault, arg, 0};
    struct err e = {0};
    if (given && given->type != JSON_OBJECT) {
        fault(arg, "", "must be an object with the action's arguments");
        return NULL;
    }
    for (const struct json *j = given ? given->child : NULL; j; j = j->next)
        check_member(&f, action, j);
    for (size_t i = 0; i < action->nfields; i++) {
        const struct provider_field *field = &action->fields[i];
        if (field->required && !field->fallback && (!given || is_empty(json_get(given, field->key))))
            tell(&f, slice_cstr(field->key), "is required");
    }
    if (f.n)
        return NULL;
    struct settings *s = read_members(action->fields, action->nfields, given ? given->child : NULL, false, &e);
    if (!s)
        fault(arg, "", e.what);
    return s;
}
