/* ninja/custom.c - custom fields: definitions, values, and their change.
 * Always: what keeps a secret is shown as asterisks; a field whose apiPermission is NONE is shown nowhere; what is written
 *         must be known, writable and of the field's type, or it is a 400 whose errorMessage is an object. */
#include "base/json_read.h"
#include "ninja.h"
#include <stdlib.h>

static const struct custom {
    const char *name, *label, *type, *permission;
    enum json_type value; /* of what is written */
    const char *fallback; /* JSON, of two devices in three; NULL: none */
} customs[NINJA_CUSTOM_FIELDS] = {
    {"rackPlace", "Rack \"place\"", "TEXT", "READ_WRITE", JSON_STRING, "\"Büro 3, Platz “7” 🖨️ \""},
    {"warrantyEnd", "Warranty end", "DATE", "READ_WRITE", JSON_NUMBER, "1798761600000"},
    {"lastAudit", "Last audit", "DATE_TIME", "READ_ONLY", JSON_NUMBER, "1759130001500"},
    {"score", "Score", "NUMERIC", "READ_WRITE", JSON_NUMBER, "42"},
    {"managed", "Managed", "CHECKBOX", "READ_WRITE", JSON_BOOL, "true"},
    {"roles", "Roles", "MULTI_SELECT", "READ_WRITE", JSON_ARRAY,
     "[\"0b7a3c1e-0000-4000-8000-000000000001\",\"0b7a3c1e-0000-4000-8000-000000000002\"]"},
    {"localAdminPassword", "Local administrator", "TEXT_ENCRYPTED", "READ_WRITE", JSON_STRING,
     "\"CONFIDENTIAL-FIELD\""},
    {"hiddenNote", "Hidden", "TEXT", "NONE", JSON_STRING, "\"CONFIDENTIAL-NOTE\""},
    {"handbook", "Handbook", "WYSIWYG", "READ_ONLY", JSON_OBJECT, "{\"text\":\"Read me\",\"html\":\"<p>Read me</p>\"}"},
};

static const char *value_of(const struct ninja_core *core, size_t k)
{
    const char *set = core->change ? core->change->custom[k] : NULL;
    if (set)
        return *set ? set : NULL;
    return core->class->kind == NK_AGENT && (core->id + (int64_t)k) % 3 ? customs[k].fallback : NULL;
}

static bool is_shown(size_t k)
{
    return strcmp(customs[k].permission, "NONE") != 0;
}

static struct slice shown(const struct ninja_core *core, size_t k)
{
    const char *value = value_of(core, k);
    return value && strcmp(customs[k].type, "TEXT_ENCRYPTED") == 0 ? SLICE("\"*******\"") : slice_cstr(value);
}

void nw_custom_list(struct jw *w, const struct ninja_fleet *f, const struct ninja_core *core)
{
    jw_array(w);
    for (size_t k = 0; k < NINJA_CUSTOM_FIELDS; k++) {
        if (!is_shown(k) || !value_of(core, k))
            continue;
        jw_object(w);
        jw_key_str(w, "name", customs[k].name);
        jw_key_raw(w, "value", shown(core, k));
        nw_time(w, "updateTime", f->epoch - SECONDS(86400), 0);
        jw_key(w, "updatedBy");
        jw_object(w);
        jw_key_str(w, "source", "API");
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

void nw_custom_members(struct jw *w, const struct ninja_core *core)
{
    jw_object(w);
    for (size_t k = 0; k < NINJA_CUSTOM_FIELDS; k++)
        if (is_shown(k) && value_of(core, k))
            jw_key_raw(w, customs[k].name, shown(core, k));
    jw_end(w);
}

void ninja_custom_definitions(void *self, struct ask *a, struct answer *r)
{
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (size_t k = 0; k < NINJA_CUSTOM_FIELDS; k++) {
        if (!is_shown(k))
            continue;
        jw_object(&w);
        jw_key_str(&w, "entityType", "NODE");
        jw_key_str(&w, "type", customs[k].type);
        jw_key_str(&w, "label", customs[k].label);
        jw_key_str(&w, "name", customs[k].name);
        jw_key_str(&w, "apiPermission", customs[k].permission);
        jw_key_bool(&w, "active", true);
        jw_end(&w);
    }
    jw_end(&w);
}

/* Some validations say what is wrong in an object. */
static void refuse_field(struct ninja *n, struct answer *r, const char *code, struct slice field)
{
    ninja_refuse(n, r, 400, "FAILURE", "%s", code);
    str_clear(&r->body);
    struct jw w;
    jw_init(&w, &r->body);
    jw_object(&w);
    jw_key_str(&w, "resultCode", "FAILURE");
    jw_key(&w, "errorMessage");
    jw_object(&w);
    jw_key_str(&w, "code", code);
    jw_key(&w, "params");
    jw_object(&w);
    jw_key_slice(&w, "field", field);
    jw_end(&w);
    jw_end(&w);
    jw_key_str(&w, "incidentId", "WEB_MGMT_SERVICE-0");
    jw_end(&w);
}

/* The row of a member that may be written; false: it has answered. */
static bool writable(struct ninja *n, struct answer *r, const struct json *m, size_t *ret)
{
    size_t k = 0;
    while (k < NINJA_CUSTOM_FIELDS && !(is_shown(k) && slice_is(m->key, customs[k].name)))
        k++;
    *ret = k;
    if (k == NINJA_CUSTOM_FIELDS)
        refuse_field(n, r, "attribute_not_found", m->key);
    else if (strcmp(customs[k].permission, "READ_WRITE") != 0)
        refuse_field(n, r, "attribute_not_writable", m->key);
    else if (m->type != JSON_NULL && m->type != customs[k].value)
        refuse_field(n, r, "attribute_value_invalid", m->key);
    else
        return true;
    return false;
}

static void patch(struct ninja *n, struct ask *a, struct answer *r, int64_t device)
{
    const struct json *body = ninja_body(n, a, r, NULL);
    size_t k;
    for (const struct json *m = body ? body->child : NULL; m; m = m->next)
        if (!writable(n, r, m, &k))
            return;
    if (!body)
        return;
    struct ninja_change *c = ninja_change(n->fleet, device);
    for (const struct json *m = body->child; m; m = m->next) {
        _cleanup_(str_release) struct str text = {0};
        writable(n, r, m, &k);
        if (m->type != JSON_NULL)
            json_write(m, &text);
        free(c->custom[k]);
        c->custom[k] = mem_strndup(text.p ? text.p : "", text.n);
    }
    ninja_emit_device(n, device, "SYSTEM", "NODE_ATTRIBUTE_VALUE_UPDATED", "custom fields updated");
    ninja_no_content(r);
}

void ninja_custom_fields(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    if (a->method == HTTP_PATCH) {
        const struct ninja_token *who = a->who;
        if (!(who->scopes & SCOPE_MANAGEMENT))
            ninja_refuse(n, r, 403, "permission_denied", "The scope management is needed");
        else
            patch(n, a, r, core.id);
        return;
    }
    struct jw w = ninja_json(r);
    nw_custom_members(&w, &core);
}
