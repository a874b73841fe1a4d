/* custom.c - NinjaOne's custom fields: values whose meaning follows from a definition that is read apart.
 * Always: the value of a field whose type keeps a secret never leaves this file, whatever the product sends for it;
 *         values of a type that was not learnt are told as they come, and dates then as the milliseconds they are. */
#include "provider/ninjaone/ninjaone.h"

#include "base/crypto.h"
#include "base/json_write.h"

#include <stdlib.h>

#define NAMES_SEED 3

void nin_custom_types_add(struct nin_custom_types *t, const struct nin_custom_definition *d)
{
    if (!d->name.n || t->n == NIN_CUSTOM_TYPES_MAX)
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->v = mem_realloc_array(t->v, t->cap, sizeof(*t->v));
    }
    struct nin_custom_type *type = &t->v[t->n++];
    size_t n = MIN(d->type.n, sizeof(type->type) - 1);
    type->name = crypto_hash64(NAMES_SEED, d->name);
    if (n)
        memcpy(type->type, d->type.p, n);
    type->type[n] = '\0';
}

void nin_custom_types_release(struct nin_custom_types *t)
{
    free(t->v);
    *t = (struct nin_custom_types){0};
}

static struct slice type_of(const struct nin_custom_types *t, struct slice name)
{
    uint64_t h = crypto_hash64(NAMES_SEED, name);

    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].name == h)
            return known(slice_cstr(t->v[i].type));
    return SLICE_NONE;
}

bool nin_custom_is_secret(struct slice type)
{
    return slice_is(type, "TEXT_ENCRYPTED") || slice_is(type, "TOTP");
}

/* Milliseconds → the day or the time, as ISO text in `buf`; what is no such number stays. */
static struct slice date_of(struct slice type, struct slice value, char buf[CLOCK_ISO_MAX])
{
    bool day = slice_is(type, "DATE");
    int64_t ms;

    if ((!day && !slice_is(type, "DATE_TIME")) || !slice_i64(value, &ms) || ms < 0 || ms > INT64_C(253402300799999))
        return value;
    clock_iso(MILLIS(ms), buf);
    if (day)
        buf[10] = '\0';
    return slice_cstr(buf);
}

static void write_list(const struct texts *values, struct str *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_array(&w);
    for (size_t i = 0; i < values->n; i++)
        jw_slice(&w, values->v[i]);
    jw_end(&w);
    jw_done(&w);
}

static bool emit_value(const struct nin_custom_types *t, struct slice device_id, const struct nin_custom_value *v,
                       const struct sink *sink)
{
    _cleanup_(str_release) struct str list = {0};
    char iso[CLOCK_ISO_MAX];
    struct slice type = type_of(t, v->name), value = v->value.n ? v->value : known(v->inner);
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = device_id, .facet = FACET_CUSTOM_FIELDS}};

    if (!value.n && v->values.n) {
        write_list(&v->values, &list);
        value = str_slice(&list);
    }
    if (!v->name.n || !value.n || nin_custom_is_secret(type))
        return false;
    r.facet.custom_field =
        (struct facet_custom_field){.name = v->name, .type = type, .value = date_of(type, value, iso)};
    sink->record(sink->arg, &r);
    return true;
}

void nin_emit_custom_fields(const struct nin_context *c, struct slice device_id, const void *row,
                            const struct sink *sink)
{
    const struct map_list *fields = &((const struct nin_custom_fields *)row)->fields;
    const struct nin_custom_value *v = fields->v;
    bool any = false;

    for (size_t i = 0; i < fields->n; i++)
        any |= emit_value(&c->types, device_id, &v[i], sink);
    if (!any && v)
        nin_emit_no_facet(device_id, FACET_CUSTOM_FIELDS, sink);
}
