/* api/runs.c - /api/v1/integrations/{key}/sync and …/runs: asking for syncs, following them, undoing retirements. */
#include "api/schedules.h"
#include "hub/syncer.h"
#include "store/run.h"

static const char *const status_names[] = {"queued", "running", "success", "partial", "failed", "canceled", NULL};

/* --- asking for one --- */

static void read_mode(const struct json *j, enum sync_mode *ret, struct api_faults *f)
{
    for (int i = 0; j && i <= SYNC_SINGLE; i++)
        if (j->type == JSON_STRING && slice_is(j->text, sync_mode_names[i])) {
            *ret = (enum sync_mode)i;
            return;
        }
    if (j)
        api_fault(f, "/mode", "must be full, incremental or single");
}

static void on_requested(void *arg, int64_t run_id, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code == ERR_CONFLICT && run_id) {
        api_problem_about(c, 409, "sync_running", "run_id", run_id,
                          "A run of this integration is queued or running already.");
        return;
    }
    if (e) {
        api_problem_err(c, e);
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    str_addf(&out, "{\"run_id\":%lld}", (long long)run_id);
    api_reply(c, 202, &out);
}

void op_runs_request(struct api_call *c)
{
    const struct integration *it = c->integration;
    struct api_faults faults = {0};
    struct audit_actor actor = api_actor(c);
    struct sync_request q = {.tenant_id = c->who.tenant_id,
                             .integration_id = it->id,
                             .mode = SYNC_FULL,
                             .kinds = SYNC_KINDS_ALL,
                             .trigger = "api",
                             .by = &actor};
    api_known_members(c, (const char *const[]){"mode", "kinds", "dry_run", "device_id", NULL}, &faults);
    read_mode(json_get(c->body, "mode"), &q.mode, &faults);
    api_kinds_read(json_get(c->body, "kinds"), it->provider, "/kinds", &q.kinds, &faults);
    q.dry_run = api_member_bool(c, "dry_run", false, &faults);
    q.device_id = json_get_text(c->body, "device_id");
    if (q.mode == SYNC_SINGLE && q.device_id.n == 0)
        api_fault(&faults, "/device_id", "is needed for a single sync: the product's id of the device, as text");
    else if (q.mode != SYNC_SINGLE && json_get(c->body, "device_id"))
        api_fault(&faults, "/device_id", "goes with \"mode\": \"single\" only");
    if (it->unusable)
        api_fault(&faults, "", "the integration cannot be used: %s", it->unusable);
    if (api_faults_none(c, &faults))
        syncer_request(c->hub->syncer, &q, on_requested, c);
}

/* --- lists --- */

void op_runs_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){"status", NULL}, &faults);
    api_page_read(c, &page, &faults);
    struct slice status = api_arg_word(c, "status", status_names, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    run_list(c->hub->db, c->integration->id, status, &request, api_reply_page, c);
}

/* --- one run, which must be of the integration that the path names --- */

struct run_call {
    struct api_call *call;
    int64_t run_id;
    const char *key;
    void (*then)(struct run_call *r, struct slice json);
};

static bool is_of(struct run_call *r, struct slice json)
{
    struct json *run = NULL;
    return json_parse(r->call->arena, json, &run, NULL) && slice_is(json_get_text(run, "integration"), r->key);
}

static void on_run(void *arg, struct slice json, const struct err *e)
{
    struct run_call *r = arg;
    if (e)
        api_problem_err(r->call, e);
    else if (!is_of(r, json))
        api_problem(r->call, 404, "not_found", "There is no such run of this integration.");
    else
        r->then(r, json);
}

static void with_run(struct api_call *c, void (*then)(struct run_call *r, struct slice json))
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct run_call *r = arena_alloc(c->arena, sizeof(*r));
    *r = (struct run_call){c, id, c->integration->key, then};
    run_get(c->hub->db, c->who.tenant_id, id, on_run, r);
}

static void show_run(struct run_call *r, struct slice json)
{
    api_reply_tagged(r->call, 200, 0, json);
}

void op_runs_get(struct api_call *c)
{
    with_run(c, show_run);
}

static void list_errors(struct run_call *r, struct slice json)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(r->call, (const char *const[]){NULL}, &faults);
    api_page_read(r->call, &page, &faults);
    if (!api_faults_none(r->call, &faults))
        return;
    struct page_request request = api_page_request(r->call, &page);
    run_error_list(r->call->hub->db, r->run_id, &request, api_reply_page, r->call);
}

void op_runs_errors(struct api_call *c)
{
    with_run(c, list_errors);
}

/* --- one record again --- */

static void on_retried(void *arg, int64_t run_id, const struct err *e)
{
    struct api_call *c = arg;
    struct api_faults faults = {0};
    if (e && e->code == ERR_CONFLICT && run_id) {
        api_problem_about(c, 409, "sync_running", "run_id", run_id, e->what);
    } else if (e && e->code == ERR_INPUT) {
        api_fault(&faults, "", "%s", e->what);
        api_faults_none(c, &faults);
    } else {
        on_requested(c, run_id, e);
    }
}

static void retry_error(struct run_call *r, struct slice json)
{
    struct audit_actor actor = api_actor(r->call);
    int64_t error;
    if (api_id(r->call, "error", &error))
        run_retry(r->call->hub->db, r->call->who.tenant_id, r->run_id, error, &actor, on_retried, r->call);
}

void op_runs_retry(struct api_call *c)
{
    with_run(c, retry_error);
}

static void on_canceled(void *arg, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_none(c);
}

static void cancel_run(struct run_call *r, struct slice json)
{
    struct audit_actor actor = api_actor(r->call);
    syncer_cancel(r->call->hub->syncer, r->call->who.tenant_id, r->run_id, &actor, on_canceled, r->call);
}

void op_runs_cancel(struct api_call *c)
{
    with_run(c, cancel_run);
}

static void on_restored(void *arg, int64_t restored, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    str_addf(&out, "{\"restored\":%lld}", (long long)restored);
    api_reply(c, 200, &out);
}

static void undo_run(struct run_call *r, struct slice json)
{
    struct audit_actor actor = api_actor(r->call);
    run_restore(r->call->hub->db, r->call->who.tenant_id, r->run_id, &actor, on_restored, r->call);
}

void op_runs_undo(struct api_call *c)
{
    with_run(c, undo_run);
}
