/* api/tenants.c - /api/v1/tenants: the platform's operator makes, suspends, exports and deletes tenants. */
#include "hub/tenants.h"
#include "api/stream.h"
#include "store/tenant.h"
#include "store/tenant_export.h"

#define NAME_MAX_LEN 200

/* --- reading --- */

void op_tenants_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    int status = -1;
    api_known_args(c, (const char *const[]){"status", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_enum(c, "status", tenant_status_names, &status, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    tenant_list(c->hub->db, status, &request, api_reply_page, c);
}

void op_tenants_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        tenant_get(c->hub->db, id, api_reply_row, c);
}

/* --- making and renaming --- */

static struct slice member_name(struct api_call *c, struct api_faults *f)
{
    struct slice name = slice_trim(json_get_text(c->body, "name"));
    if (!name.n || name.n > NAME_MAX_LEN)
        api_fault(f, "/name", "must be a text of 1 to %d bytes", NAME_MAX_LEN);
    return name;
}

static void on_created(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    api_location(c, "/api/v1/tenants", row->id);
    api_reply_tagged(c, 201, row->version, row->json);
}

void op_tenants_create(struct api_call *c)
{
    struct api_faults faults = {0};
    api_known_members(c, (const char *const[]){"slug", "name", NULL}, &faults);
    struct slice slug = json_get_text(c->body, "slug"), name = member_name(c, &faults);
    if (!tenant_slug_good(slug))
        api_fault(&faults, "/slug", "must be 1 to %d lower-case letters, digits and '-', and begin with no '-'",
                  TENANT_SLUG_MAX);
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor actor = api_actor(c);
    tenant_create(c->hub->db, slug, name, &actor, on_created, c);
}

/* Of a call whose path names a tenant: first whether there is one. */
struct tenant_call {
    struct api_call *call;
    int64_t id;
    struct audit_actor actor;
    void (*then)(struct tenant_call *t);
};

static void on_there(void *arg, const struct row *row, const struct err *e)
{
    struct tenant_call *t = arg;
    if (e)
        api_problem_err(t->call, e);
    else
        t->then(t);
}

static void with_tenant(struct api_call *c, void (*then)(struct tenant_call *t))
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct tenant_call *t = arena_alloc(c->arena, sizeof(*t));
    *t = (struct tenant_call){.call = c, .id = id, .actor = api_actor(c), .then = then};
    tenant_get(c->hub->db, id, on_there, t);
}

static void on_renamed(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code == ERR_CONFLICT)
        api_problem_changed(c);
    else
        api_reply_row(c, row, e);
}

static void rename_it(struct tenant_call *t)
{
    struct api_call *c = t->call;
    struct api_faults faults = {0};
    api_known_members(c, (const char *const[]){"name", NULL}, &faults);
    struct slice name = member_name(c, &faults);
    if (api_faults_none(c, &faults))
        tenant_rename(c->hub->db, t->id, c->if_match, name, &t->actor, on_renamed, c);
}

void op_tenants_update(struct api_call *c)
{
    with_tenant(c, rename_it);
}

/* --- suspending, resuming, deleting --- */

static void suspend(struct tenant_call *t)
{
    tenant_suspend(t->call->hub->db, t->id, &t->actor, api_reply_row, t->call);
}

void op_tenants_suspend(struct api_call *c)
{
    with_tenant(c, suspend);
}

static void resume(struct tenant_call *t)
{
    tenant_resume(t->call->hub->db, t->id, &t->actor, api_reply_row, t->call);
}

void op_tenants_resume(struct api_call *c)
{
    with_tenant(c, resume);
}

static void on_removal(void *arg, int64_t tenant_id, const struct err *e)
{
    struct api_call *c = arg;
    struct api_faults faults = {0};
    if (e && e->code == ERR_INPUT) {
        api_fault(&faults, "/confirm", "%s", e->what);
        api_faults_none(c, &faults);
    } else if (e) {
        api_problem_err(c, e);
    } else {
        _cleanup_(str_release) struct str out = {0};
        str_addf(&out, "{\"id\":%lld,\"status\":\"deleting\"}", (long long)tenant_id);
        api_reply(c, 202, &out);
    }
}

void op_tenants_delete(struct api_call *c)
{
    int64_t id;
    struct api_faults faults = {0};
    if (!api_id(c, "id", &id))
        return;
    api_known_members(c, (const char *const[]){"confirm", NULL}, &faults);
    struct slice slug = json_get_text(c->body, "confirm");
    if (!slug.n)
        api_fault(&faults, "/confirm", "must be the slug of the tenant whose data is to be deleted for good");
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor actor = api_actor(c);
    tenant_remove(c->hub->db, id, slug, &actor, on_removal, c);
}

/* --- export --- */

struct export
{
    struct api_stream *stream;
    struct tenant_export *rows;
};

static void on_lines(void *arg, struct slice lines, bool last, const struct err *e)
{
    struct export *x = arg;
    if (e)
        api_stream_fail(x->stream, e);
    else if (last)
        api_stream_end(x->stream, lines);
    else
        api_stream_put(x->stream, lines);
}

static void next_lines(struct api_stream *s, void *arg)
{
    struct export *x = arg;
    x->stream = s;
    tenant_export_next(x->rows, on_lines, x);
}

static void export_over(void *arg)
{
    struct export *x = arg;
    tenant_export_free(x->rows);
}

static void start_export(struct tenant_call *t)
{
    struct api_call *c = t->call;
    struct export *x = arena_alloc(c->arena, sizeof(*x));
    x->rows = tenant_export_new(c->hub->db, t->id, &t->actor);
    c->on_end = export_over;
    c->end_arg = x;
    http_reply_header(c->req, "Content-Disposition", "attachment; filename=\"tenant.ndjson\"");
    api_stream_start(c, "application/x-ndjson", next_lines, x);
}

void op_tenants_export(struct api_call *c)
{
    with_tenant(c, start_export);
}
