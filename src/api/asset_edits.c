/* api/asset_edits.c - /api/v1/assets/{id}: what people change, and what became of an asset.
 * Always: a field that is edited is locked until somebody gives it back; what is merged or split by hand stays so. */
#include "api/asset_edits.h"

#include "base/utf8.h"
#include "store/asset.h"

#include <stdio.h>

/* --- how it went --- */

static const struct {
    const char *outcome;
    int status; /* 422: a fault at `code` */
    const char *code, *detail;
} ends[] = {
    {"none", 404, "not_found", "there is no such asset"},
    {"not locked", 404, "not_found", "this field is not locked: its sources say what it is"},
    {"no client", 422, "/client_id", "there is no such client; GET /api/v1/clients lists them"},
    {"no other", 422, "/other", "there is no such asset, or it is this one"},
    {"no source", 422, "/external_id", "the asset has no such source; its sources are in the asset's JSON"},
    {"only source", 409, "only_source", "an asset with a single source cannot be split"},
    {"resolved", 409, "already_resolved", "it has been resolved before"},
    {"no such choice", 422, "/resolution",
     "a conflict of the kind \"field\" is resolved by ours or theirs, the others by merged or apart"},
};

bool api_edit_failed(struct api_call *c, struct slice outcome, const struct err *e)
{
    if (e) {
        api_problem_err(c, e);
        return true;
    }
    if (slice_is(outcome, "changed")) {
        api_problem_changed(c);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (!slice_is(outcome, ends[i].outcome))
            continue;
        if (ends[i].status == 422) {
            struct api_faults faults = {0};
            api_fault(&faults, ends[i].code, "%s", ends[i].detail);
            api_faults_none(c, &faults);
        } else {
            api_problem(c, ends[i].status, ends[i].code, "%s", ends[i].detail);
        }
        return true;
    }
    return false;
}

static void on_edited(void *arg, struct slice outcome, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (!api_edit_failed(c, outcome, e))
        api_reply_row(c, row, NULL);
}

static bool read_target(struct api_call *c, struct asset_target *ret)
{
    *ret = (struct asset_target){.tenant_id = c->who.tenant_id, .version = c->if_match};
    return api_id(c, "id", &ret->asset_id);
}

/* --- fields --- */

static const struct field {
    const char *name;
    size_t max;
    bool required; /* it cannot be null */
} texts[] = {
    {"name", 200, true},       {"description", 2000, false},  {"location", 200, false},       {"room", 200, false},
    {"asset_tag", 200, false}, {"assigned_user", 200, false}, {"assigned_email", 200, false},
};
static const char *const field_names[] = {"name",          "description",    "location",   "room",      "asset_tag",
                                          "assigned_user", "assigned_email", "asset_type", "client_id", NULL};

static void read_text(struct api_call *c, const struct field *field, struct jw *out, struct api_faults *f)
{
    const struct json *j = json_get(c->body, field->name);
    char pointer[40];
    snprintf(pointer, sizeof(pointer), "/%s", field->name);
    if (!j)
        return;
    if (j->type == JSON_NULL && !field->required) {
        jw_key(out, field->name);
        jw_null(out);
        return;
    }
    struct slice text = j->type == JSON_STRING ? slice_trim(j->text) : SLICE_NONE;
    if (text.n == 0 || utf8_length(text) > field->max)
        api_fault(f, pointer, "must be a text of 1 to %zu characters%s", field->max,
                  field->required ? "" : ", or null");
    else
        jw_key_slice(out, field->name, text);
}

static void read_type(struct api_call *c, struct jw *out, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "asset_type");
    if (!j)
        return;
    for (size_t i = 0; asset_type_names[i]; i++)
        if (j->type == JSON_STRING && slice_is(j->text, asset_type_names[i])) {
            jw_key_slice(out, "asset_type", j->text);
            return;
        }
    api_fault(f, "/asset_type", "must be unknown, workstation, server, network_device, mobile_device or printer");
}

static void read_client(struct api_call *c, struct jw *out, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "client_id");
    int64_t id = 0;
    if (!j)
        return;
    jw_key(out, "client_id");
    if (j->type == JSON_NULL)
        jw_null(out);
    else if (json_get_i64(c->body, "client_id", &id) && id > 0)
        jw_i64(out, id);
    else
        api_fault(f, "/client_id", "must be a client's id, or null for its organization's client");
}

void op_assets_update(struct api_call *c)
{
    struct api_faults faults = {0};
    struct asset_target target;
    _cleanup_(str_release) struct str changes = {0};
    struct jw w;
    if (!read_target(c, &target))
        return;
    api_known_members(c, field_names, &faults);
    jw_init(&w, &changes);
    jw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        read_text(c, &texts[i], &w, &faults);
    read_type(c, &w, &faults);
    if (!faults.n)
        read_client(c, &w, &faults);
    if (!c->body->child)
        api_fault(&faults, "", "says nothing to change");
    if (!api_faults_none(c, &faults))
        return;
    jw_end(&w);
    jw_done(&w);
    struct audit_actor by = api_actor(c);
    asset_edit(c->hub->db, &by, &target, str_slice(&changes), on_edited, c);
}

void op_assets_unlock(struct api_call *c)
{
    struct asset_target target;
    if (!read_target(c, &target))
        return;
    struct audit_actor by = api_actor(c);
    asset_unlock(c->hub->db, &by, &target, http_request_param(c->req, "field"), on_edited, c);
}

/* --- joining and parting --- */

void op_assets_merge(struct api_call *c)
{
    struct api_faults faults = {0};
    struct asset_target target;
    int64_t other = 0;
    if (!read_target(c, &target))
        return;
    api_known_members(c, (const char *const[]){"other", NULL}, &faults);
    if (!json_get_i64(c->body, "other", &other) || other < 1)
        api_fault(&faults, "/other", "must be the id of the asset that becomes a part of this one");
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    asset_merge(c->hub->db, &by, &target, other, on_edited, c);
}

static void on_split(void *arg, struct slice outcome, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    int64_t made;
    if (api_edit_failed(c, outcome, e) || !slice_i64(outcome, &made))
        return;
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "id", made);
    jw_key_i64(&w, "from_id", row->id);
    jw_end(&w);
    jw_done(&w);
    api_location(c, "/api/v1/assets", made);
    api_reply(c, 201, &json);
}

void op_assets_split(struct api_call *c)
{
    struct api_faults faults = {0};
    struct asset_target target;
    int64_t integration = 0;
    struct slice external = json_get_text(c->body, "external_id");
    if (!read_target(c, &target))
        return;
    api_known_members(c, (const char *const[]){"integration_id", "external_id", NULL}, &faults);
    if (!json_get_i64(c->body, "integration_id", &integration) || integration < 1)
        api_fault(&faults, "/integration_id", "must be the integration of the source that leaves");
    if (external.n == 0)
        api_fault(&faults, "/external_id", "must be the product's id of the source that leaves");
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    asset_split(c->hub->db, &by, &target, integration, external, on_split, c);
}

/* --- reading --- */

void op_assets_history(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_args(c, (const char *const[]){NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    asset_history(c->hub->db, id, &request, api_reply_page, c);
}

void op_assets_sources(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        asset_sources(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}
