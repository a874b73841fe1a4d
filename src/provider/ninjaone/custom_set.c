/* custom_set.c - one custom field of a NinjaOne device is written and read back.
 * How:    the definitions say the field's type and whether the API may write it; the value is sent in that type; the
 *         device's fields are read again and must show it. The device is then read as a whole, for a list of custom
 *         fields is stored as one.
 * Always: a field that keeps a secret is neither written nor read. */
#include "provider/ninjaone/actions.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_NAME 100u

struct definition {
    struct slice name, type, permission;
};
static const struct map_field definition_fields[] = {
    {"name", MAP_TEXT, offsetof(struct definition, name)},
    {"type", MAP_TEXT, offsetof(struct definition, type)},
    {"apiPermission", MAP_TEXT, offsetof(struct definition, permission)},
};
static const struct map definition_map = {sizeof(struct definition), definition_fields, ARRAY_LEN(definition_fields)};
static const struct map_doc definitions_doc = {.rows = "[]", .row = &definition_map};

struct shown { /* the one field of the device's */
    struct slice value, inner;
    struct texts list;
};

struct set_field {
    struct nin_act act; /* its tasks: write, read back */
    struct task definitions;
    struct arena *arena;
    struct slice name;
    struct str type, wanted; /* wanted: the value as it is sent, JSON */
    /* the map of one field whose name is known when the machine starts */
    struct map_field fields[3];
    struct map map;
    struct map_doc doc;
    struct task_kind read_kind;
};

static struct set_field *set_of(struct task *t)
{
    return container_of(nin_act_of(t->machine), struct set_field, act);
}

/* --- what is to be sent --- */

static bool write_number(struct jw *w, struct slice value)
{
    if (!json_valid(value, NULL) || (!isdigit((unsigned char)value.p[0]) && value.p[0] != '-'))
        return false;
    jw_raw(w, value);
    return true;
}

static bool write_date(struct jw *w, struct slice value)
{
    usec_t t;

    if (!clock_parse_iso(value, &t))
        return false;
    jw_i64(w, t / USEC_PER_MS);
    return true;
}

static bool write_choices(struct jw *w, struct slice value)
{
    jw_array(w);
    while (value.n) {
        struct slice one = slice_trim(slice_cut(&value, ','));
        if (one.n)
            jw_slice(w, one);
    }
    jw_end(w);
    return true;
}

static bool write_boolean(struct jw *w, struct slice value)
{
    if (!slice_ieq(value, SLICE("true")) && !slice_ieq(value, SLICE("false")))
        return false;
    jw_bool(w, slice_ieq(value, SLICE("true")));
    return true;
}

static bool write_text(struct jw *w, struct slice value)
{
    jw_slice(w, value);
    return true;
}

static const struct {
    const char *type;
    bool (*write)(struct jw *w, struct slice value);
    const char *expects;
} writers[] = {
    {"NUMERIC", write_number, "a whole number"},
    {"DECIMAL", write_number, "a number"},
    {"CHECKBOX", write_boolean, "true or false"},
    {"DATE", write_date, "a date such as 2026-06-30"},
    {"DATE_TIME", write_date, "a time such as 2026-06-30T12:00:00Z"},
    {"MULTI_SELECT", write_choices, "ids of choices, separated by commas"},
    {"NODE_MULTI_SELECT", write_choices, "ids of devices, separated by commas"},
    {"CLIENT_MULTI_SELECT", write_choices, "ids of organizations, separated by commas"},
    {"CLIENT_LOCATION_MULTI_SELECT", write_choices, "ids of locations, separated by commas"},
    {"CLIENT_DOCUMENT_MULTI_SELECT", write_choices, "ids of documents, separated by commas"},
};

static bool take_value(struct set_field *x, struct slice value, struct err *e)
{
    bool (*write)(struct jw * w, struct slice value) = write_text;
    const char *expects = "a text";
    struct jw w;

    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        if (slice_is(str_slice(&x->type), writers[i].type)) {
            write = writers[i].write;
            expects = writers[i].expects;
        }
    str_clear(&x->wanted);
    jw_init(&w, &x->wanted);
    if (!value.n)
        jw_null(&w);
    else if (!write(&w, value))
        return err_set(e, ERR_INPUT, "value: %.*s (%s) takes %s", SLICE_FMT(x->name), x->type.p, expects);
    jw_done(&w);
    return true;
}

/* --- the definition --- */

static void ask_definitions(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/device-custom-fields");
}

static void definition_row(struct task *t, const void *row, const char *fault)
{
    struct set_field *x = set_of(t);
    const struct definition *d = row;
    struct err *e = &t->machine->err;

    if (fault || !slice_eq(d->name, x->name))
        return;
    str_clear(&x->type);
    str_add(&x->type, d->type.n ? d->type : SLICE("TEXT"));
    if (nin_custom_is_secret(d->type))
        err_set(e, ERR_INPUT, "%.*s keeps a secret: msphub neither reads nor writes such fields", SLICE_FMT(x->name));
    else if (d->permission.n && !slice_is(d->permission, "READ_WRITE") && !slice_is(d->permission, "WRITE_ONLY"))
        err_set(e, ERR_FORBIDDEN,
                "%.*s may not be written through the API: set its API permission to read and write in NinjaOne",
                SLICE_FMT(x->name));
    else
        (void)!take_value(x, nin_arg(t, "value"), e);
}

static enum task_verdict definitions_page(struct task *t, const void *head, const struct machine_reply *r,
                                          struct err *e)
{
    struct set_field *x = set_of(t);

    if (x->wanted.n || t->machine->err.code != ERR_NONE)
        return TASK_DONE;
    err_set(e, ERR_INPUT, "NinjaOne has no custom field \"%.*s\" for devices that the API may see", SLICE_FMT(x->name));
    return TASK_FATAL;
}

static const struct task_kind definitions_kind = {.what = "device-custom-fields",
                                                  .list = true,
                                                  .doc = &definitions_doc,
                                                  .ask = ask_definitions,
                                                  .row = definition_row,
                                                  .page = definitions_page};

/* --- writing and reading back --- */

static void ask_path(struct task *t, struct str *path)
{
    str_addf(path, "/v2/device/%lld/custom-fields", (long long)set_of(t)->act.device);
}

static void ask_write(struct task *t, struct str *path, struct str *body)
{
    struct set_field *x = set_of(t);
    struct jw w;

    ask_path(t, path);
    jw_init(&w, body);
    jw_object(&w);
    jw_key_text(&w, x->name);
    jw_raw(&w, str_slice(&x->wanted));
    jw_end(&w);
    jw_done(&w);
}

static void ask_read(struct task *t, struct str *path, struct str *body)
{
    ask_path(t, path);
}

/* In the spelling that a value is sent in. */
static void write_shown(const struct set_field *x, const struct shown *s, struct str *out)
{
    bool quoted = x->wanted.p[0] == '"';
    struct jw w;

    jw_init(&w, out);
    if (s->value.n && quoted) {
        jw_slice(&w, s->value);
    } else if (s->value.n) {
        str_add(out, s->value);
        return;
    } else if (s->inner.n) {
        jw_slice(&w, s->inner);
    } else if (s->list.n) {
        jw_array(&w);
        for (size_t i = 0; i < s->list.n; i++)
            jw_slice(&w, s->list.v[i]);
        jw_end(&w);
    } else {
        jw_null(&w);
    }
    jw_done(&w);
}

static bool same_number(struct slice a, struct slice b)
{
    char text[2][40];
    char *end[2];

    if (!a.n || !b.n || a.n >= sizeof(text[0]) || b.n >= sizeof(text[1]) || !isdigit((unsigned char)b.p[b.n - 1]))
        return false;
    snprintf(text[0], sizeof(text[0]), "%.*s", SLICE_FMT(a));
    snprintf(text[1], sizeof(text[1]), "%.*s", SLICE_FMT(b));
    double x = strtod(text[0], &end[0]), y = strtod(text[1], &end[1]);
    return !*end[0] && !*end[1] && x == y;
}

static bool same_value(struct slice a, struct slice b)
{
    bool none_a = slice_is(a, "null") || slice_is(a, "[]"), none_b = slice_is(b, "null") || slice_is(b, "[]");

    return slice_eq(a, b) || (none_a && none_b) || same_number(a, b);
}

static void read_row(struct task *t, const void *row, const char *fault)
{
    struct set_field *x = set_of(t);
    const struct sink *sink = t->machine->sink;
    _cleanup_(str_release) struct str now = {0}, json = {0};
    struct record refresh = {.kind = RECORD_REFRESH,
                             .ref = {.device_id = t->machine->in->device_id, .at = t->machine->in->now}};
    struct jw w;

    write_shown(x, row, &now);
    if (fault || !same_value(str_slice(&now), str_slice(&x->wanted))) {
        err_set(&t->machine->err, ERR_PROTOCOL, "NinjaOne took the value of %.*s, and shows %.*s: %s",
                SLICE_FMT(x->name), (int)MIN(now.n, (size_t)100), now.p,
                fault ? fault : "another field's rule may have changed it");
        return;
    }
    sink->record(sink->arg, &refresh);
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_slice(&w, "name", x->name);
    jw_key_slice(&w, "type", str_slice(&x->type));
    jw_key_raw(&w, "value", str_slice(&now));
    jw_end(&w);
    jw_done(&w);
    sink->result(sink->arg, str_slice(&json));
}

static const struct task_kind write_kind = {
    .what = "device-custom-fields", .method = "PATCH", NIN_ACT_JSON, .ask = ask_write, .page = nin_act_done};

/* --- the machine --- */

static bool is_field_name(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_' && name.p[i] != '-')
            return false;
    return name.n > 0 && name.n <= MAX_NAME;
}

static void map_field_of(struct set_field *x)
{
    const char *name = arena_strndup(x->arena, x->name.p, x->name.n);

    x->fields[0] = (struct map_field){name, MAP_LOOSE_TEXT, offsetof(struct shown, value)};
    x->fields[1] =
        (struct map_field){arena_printf(x->arena, "%s.text", name), MAP_LOOSE_TEXT, offsetof(struct shown, inner)};
    x->fields[2] = (struct map_field){arena_printf(x->arena, "%s[]", name), MAP_TEXTS, offsetof(struct shown, list)};
    x->map = (struct map){sizeof(struct shown), x->fields, ARRAY_LEN(x->fields)};
    x->doc = (struct map_doc){.rows = "", .row = &x->map};
    x->read_kind = (struct task_kind){.what = "device-custom-fields",
                                      .list = true,
                                      .doc = &x->doc,
                                      .ask = ask_read,
                                      .row = read_row,
                                      .page = nin_act_done};
}

static void release(struct machine *m)
{
    struct set_field *x = container_of(nin_act_of(m), struct set_field, act);

    nin_act_release(m);
    str_release(&x->type);
    str_release(&x->wanted);
    arena_free(x->arena);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct slice name = slice_trim(settings_text(in->args, "name"));
    struct set_field *x;

    if (!is_field_name(name))
        return err_set(e, ERR_INPUT,
                       "name: \"%.*s\" is no name of a custom field; they consist of letters, digits, _ and -",
                       (int)MIN(name.n, 60), name.p ? name.p : ""),
               NULL;
    x = NEW(struct set_field);
    x->arena = arena_new();
    x->name = name;
    map_field_of(x);
    if (!nin_act_init(&x->act, in, sink, &write_kind, &x->read_kind, e)) {
        arena_free(x->arena);
        mem_freep(&x);
        return NULL;
    }
    x->act.m.release = release;
    x->act.act.stage = 1;
    x->act.read.stage = 2;
    machine_add(&x->act.m, &x->definitions, &definitions_kind, 0);
    return &x->act.m;
}

const struct machine_ops nin_set_custom_field_ops = {.name = "set_custom_field", .start = start, MACHINE_TASKS_OPS};
