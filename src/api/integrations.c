/* api/integrations.c - /api/v1/integrations: the catalog, and what the tenant has configured. */
#include "api/integration_json.h"
#include "api/schedules.h"
#include "hub/configure.h"
#include "hub/probe.h"
#include "store/health.h"

#include <stdio.h>
#include <stdlib.h>

/* --- reading --- */

static void on_catalog(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (const struct provider *const *p = provider_registry; *p; p++)
        json_provider(c->hub, *p, r, &w);
    jw_end(&w);
    jw_key_str(&w, "next", NULL);
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

void op_integrations_list(struct api_call *c)
{
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    integration_add_by_tenant(s, c->who.tenant_id);
    pg_submit(s, on_catalog, c);
}

static void on_one(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    int64_t version = 0;
    if (!json_integration_by_key(c->hub, r, http_request_param(c->req, "key"), &out, &version)) {
        api_problem(c, 404, "not_found", "There is no integration \"%.*s\" here; POST …/configure makes one.",
                    SLICE_FMT(http_request_param(c->req, "key")));
        return;
    }
    api_reply_tagged(c, c->status ? c->status : 200, version, str_slice(&out));
}

void op_integrations_get(struct api_call *c)
{
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    integration_add_by_tenant(s, c->who.tenant_id);
    pg_submit(s, on_one, c);
}

void op_integrations_summary(struct api_call *c)
{
    health_summary(c->hub->db, c->who.tenant_id, c->integration->id, api_reply_item, c);
}

/* --- configuring --- */

/* {key} is "provider" or "provider:name". */
static const struct provider *key_provider(struct api_call *c, struct slice *ret_name)
{
    struct slice name = http_request_param(c->req, "key");
    struct slice key = slice_cut(&name, ':');
    const struct provider *p = provider_find(key);
    if (!p)
        api_problem(c, 404, "not_found", "There is no provider \"%.*s\"; GET /api/v1/integrations lists them.",
                    SLICE_FMT(key));
    *ret_name = name;
    return p;
}

static void fault_reply(struct api_call *c, const struct configure_faults *v, const struct err *e)
{
    struct api_faults faults = {0};
    char pointer[128];
    for (size_t i = 0; v && i < v->n; i++) {
        snprintf(pointer, sizeof(pointer), "/settings%s", v->v[i].pointer);
        api_fault(&faults, pointer, "%s", v->v[i].detail);
    }
    if (!faults.n)
        api_fault(&faults, "/settings", "%s", e->what);
    api_faults_none(c, &faults);
}

/* The operations here are refused with ERR_CONFLICT when another version is there than the caller has seen. */
static void configure_refused(struct api_call *c, const struct configure_faults *faults, const struct err *e)
{
    if (e->code == ERR_INPUT)
        fault_reply(c, faults, e);
    else if (e->code == ERR_CONFLICT)
        api_problem_changed(c);
    else
        api_problem_err(c, e);
}

static void on_configured(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                          const struct err *e)
{
    struct api_call *c = arg;
    int64_t seen;
    if (e && e->code == ERR_CONFLICT && !api_if_match(c, &seen))
        return; /* 428: without If-Match a new one is made, and there is one */
    if (e && e->code == ERR_NOT_FOUND)
        api_problem_changed(c); /* If-Match names one that is not there */
    else if (e)
        configure_refused(c, faults, e);
    if (e)
        return;
    log_info(c->hub->log, "integration.configured", F_I64("tenant", it->tenant_id), F_STR("integration", it->key),
             F_BOOL("created", created), F_STR("by", c->who.label));
    c->status = created ? 201 : 200;
    op_integrations_get(c);
}

static enum tri member_tri(struct api_call *c, const char *name, struct api_faults *f)
{
    if (!json_get(c->body, name))
        return TRI_UNKNOWN;
    return api_member_bool(c, name, false, f) ? TRI_YES : TRI_NO;
}

/* Seconds; null takes the option's. */
static void member_interval(struct api_call *c, struct configure_input *in, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "sync_interval");
    int64_t seconds = 0;
    if (!j)
        return;
    in->sets_interval = true;
    in->sync_interval = USEC_NONE;
    if (j->type == JSON_NULL)
        return;
    if (json_get_i64(c->body, "sync_interval", &seconds) && seconds >= 60 && seconds <= 30 * 86400)
        in->sync_interval = SECONDS(seconds);
    else
        api_fault(f, "/sync_interval", "must be 60 to 2592000 seconds, or null for the option's");
}

static const struct json *member_settings(struct api_call *c, struct api_faults *f)
{
    const struct json *settings = json_get(c->body, "settings");
    if (settings && settings->type != JSON_OBJECT)
        api_fault(f, "/settings", "must be an object of this provider's fields");
    return settings;
}

static void member_expiry(struct api_call *c, struct configure_input *in, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "credential_expires_at");
    if (!j)
        return;
    in->sets_expiry = true;
    in->credential_expires_at = USEC_NONE;
    if (j->type != JSON_NULL && (j->type != JSON_STRING || !clock_parse_iso(j->text, &in->credential_expires_at)))
        api_fault(f, "/credential_expires_at",
                  "must be a time like 2027-01-31T00:00:00Z, or null when it is not known");
}

/* An edit on its way; in the call's arena. */
struct edit {
    struct configure_input in;
    struct audit_actor by;
    struct api_schedules schedules;
};

static void submit_edit(struct api_call *c)
{
    configure(c->hub, &((struct edit *)c->args)->in, on_configured, c);
}

static void begin_edit(struct api_call *c, const struct configure_input *start)
{
    struct api_faults faults = {0};
    struct edit *edit = arena_alloc(c->arena, sizeof(*edit));
    struct configure_input *in = &edit->in;
    *in = *start;
    edit->by = api_actor(c);
    in->by = &edit->by;
    in->tenant_id = c->who.tenant_id;
    api_known_members(
        c, (const char *const[]){"settings", "enabled", "sync_interval", "schedules", "credential_expires_at", NULL},
        &faults);
    in->settings = member_settings(c, &faults);
    in->enabled = member_tri(c, "enabled", &faults);
    member_interval(c, in, &faults);
    member_expiry(c, in, &faults);
    api_schedules_read(c, in->provider, &edit->schedules, &faults);
    in->sets_schedules = edit->schedules.given;
    in->schedules = edit->schedules.shown;
    in->schedule_plans = edit->schedules.plans;
    c->args = edit;
    if (api_faults_none(c, &faults))
        api_schedules_check(c, &edit->schedules, submit_edit);
}

/* Makes one, or with If-Match edits the one that is there. */
void op_integrations_configure(struct api_call *c)
{
    struct configure_input in = {.mode = CONFIGURE_CREATE};
    in.provider = key_provider(c, &in.name);
    if (!in.provider)
        return;
    if (http_request_header(c->req, "If-Match").p) {
        if (!api_if_match(c, &in.version))
            return;
        in.mode = CONFIGURE_UPDATE;
    }
    begin_edit(c, &in);
}

void op_integrations_reconfigure(struct api_call *c)
{
    struct configure_input in = {.mode = CONFIGURE_UPDATE, .version = c->if_match};
    in.provider = key_provider(c, &in.name);
    if (in.provider)
        begin_edit(c, &in);
}

static void on_deleted(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                       const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        configure_refused(c, faults, e);
        return;
    }
    log_info(c->hub->log, "integration.deleted", F_I64("tenant", c->who.tenant_id),
             F_SLICE("integration", http_request_param(c->req, "key")), F_STR("by", c->who.label));
    api_reply_none(c);
}

void op_integrations_delete(struct api_call *c)
{
    struct audit_actor by = api_actor(c);
    configure_delete(c->hub, c->who.tenant_id, c->integration->id, c->if_match, &by, on_deleted, c);
}

/* --- testing a connection --- */

static void on_probed(void *arg, const char *remark, const struct err *err)
{
    struct api_call *c = arg;
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_bool(&w, "ok", !err);
    jw_key_str(&w, "message", err ? err->what : remark);
    if (err)
        jw_key_str(&w, "code", err_code_name(err->code));
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

static void probe_saved(struct api_call *c)
{
    probe_run(c->hub, c->integration, http_request_trace(c->req), on_probed, c);
}

static void on_tried(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                     const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        configure_refused(c, faults, e);
    else
        probe_run(c->hub, it, http_request_trace(c->req), on_probed, c);
}

/* Without settings: the saved ones. */
void op_integrations_test(struct api_call *c)
{
    struct api_faults faults = {0};
    struct configure_input in = {.tenant_id = c->who.tenant_id, .mode = CONFIGURE_TRY};
    in.provider = key_provider(c, &in.name);
    if (!in.provider)
        return;
    api_known_members(c, (const char *const[]){"settings", NULL}, &faults);
    in.settings = member_settings(c, &faults);
    if (!api_faults_none(c, &faults))
        return;
    if (in.settings)
        configure(c->hub, &in, on_tried, c);
    else
        api_find_integration(c, probe_saved);
}
