/* fields.c - what Tactical RMM tells of an agent beside the machine itself: how its checks stand, and its custom fields.
 * Why:    an agent's values name their field by number; the names are a list of their own, and clients and sites have
 *         fields, too. */
#include "base/json_write.h"
#include "base/utf8.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#include <stdlib.h>

#define FIELD_MAX 8192

void tac_names_add(struct tac_names *names, const struct tac_custom_field *f)
{
    if (!slice_is(f->model, "agent") || !f->name.n || names->n == TAC_NAMES_MAX)
        return;
    names->v[names->n++] = (struct tac_name){
        .id = mem_strndup(f->id.p, f->id.n),
        .name = mem_strndup(f->name.p, f->name.n),
        .type = mem_strndup(f->type.n ? f->type.p : "", f->type.n),
    };
}

void tac_names_clear(struct tac_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->v[i].id);
        free(names->v[i].name);
        free(names->v[i].type);
    }
    names->n = 0;
}

const struct tac_name *tac_names_find(const struct tac_names *names, struct slice id)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_is(id, names->v[i].id))
            return &names->v[i];
    return NULL;
}

static void emit_checks(const struct tac_agent *a, const struct sink *sink)
{
    struct record r = {.kind = RECORD_FACET,
                       .facet = {.device_id = a->agent_id, .facet = FACET_CHECKS, .checks = a->checks}};

    if (a->checks.total != I64_NONE)
        sink->record(sink->arg, &r);
}

/* A list is its JSON. */
static struct slice value_text(const struct tac_field_value *v, struct str *scratch)
{
    struct jw w;

    if (v->value.p || !v->values.n)
        return v->value;
    str_clear(scratch);
    jw_init(&w, scratch);
    jw_array(&w);
    for (size_t i = 0; i < v->values.n; i++)
        jw_slice(&w, v->values.v[i]);
    jw_end(&w);
    return str_slice(scratch);
}

static void emit_fields(const struct tac_agent *a, const struct tac_names *names, const struct sink *sink)
{
    _cleanup_(str_release) struct str scratch = {0};
    struct record r = {.kind = RECORD_FACET, .facet = {.device_id = a->agent_id, .facet = FACET_CUSTOM_FIELDS}};
    const struct tac_field_value *v = a->field_values.v;
    bool any = false;

    for (size_t i = 0; i < a->field_values.n; i++) {
        const struct tac_name *name = tac_names_find(names, v[i].field);
        struct slice text = value_text(&v[i], &scratch);
        if (!name || !text.n)
            continue;
        r.facet.custom_field = (struct facet_custom_field){
            .name = slice_cstr(name->name), .type = known(slice_cstr(name->type)), .value = utf8_cut(text, FIELD_MAX)};
        sink->record(sink->arg, &r);
        any = true;
    }
    r.facet.none = true;
    if (!any && v)
        sink->record(sink->arg, &r);
}

void tac_emit_extras(const struct tac_agent *a, const struct tac_names *names, const struct sink *sink)
{
    emit_checks(a, sink);
    if (names)
        emit_fields(a, names, sink);
}
