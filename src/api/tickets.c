/* api/tickets.c - /api/v1/tickets: what products keep, and what is made, said and moved from here. */
#include "api/api.h"
#include "base/utf8.h"
#include "hub/ticket.h"

#define SUBJECT_MAX 200 /* characters */
#define BODY_MAX    20000
#define WORD_MAX    100

/* --- reading --- */

void op_tickets_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct ticket_filter filter = {.since = USEC_NONE};
    api_known_args(c, (const char *const[]){"client_id", "status", "integration_id", "updated_since", NULL}, &faults);
    api_page_read(c, &page, &faults);
    filter.status = api_arg_word(c, "status", ticket_status_names, &faults);
    api_arg_id(c, "client_id", &filter.client_id, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    api_arg_time(c, "updated_since", &filter.since, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    ticket_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_tickets_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        ticket_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}

void op_assets_tickets(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        ticket_of_asset(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}

/* --- wishes --- */

struct wish {
    struct api_call *call;
    struct ticket_wish in;
    struct audit_actor by;
    int64_t id;
};

static struct wish *wish_new(struct api_call *c)
{
    struct wish *w = arena_alloc(c->arena, sizeof(*w));
    w->call = c;
    w->by = api_actor(c);
    w->in = (struct ticket_wish){.tenant_id = c->who.tenant_id,
                                 .subject = SLICE_NONE,
                                 .body = SLICE_NONE,
                                 .type = SLICE_NONE,
                                 .priority = SLICE_NONE,
                                 .author = slice_cstr(c->who.label),
                                 .hidden = true,
                                 .by = &w->by};
    return w;
}

static void on_read(void *arg, struct slice json, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_json(c, c->status, json);
}

/* It is answered as it stands now; `pending` tells that the product has not heard of it yet. */
static void on_wished(void *arg, const struct row *row, const struct err *e)
{
    struct wish *w = arg;
    struct api_call *c = w->call;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    if (c->status == 201)
        api_location(c, "/api/v1/tickets", row->id);
    ticket_get(c->hub->db, c->who.tenant_id, row->id, on_read, c);
}

/* Trimmed; SLICE_NONE when absent. */
static struct slice member_text(struct api_call *c, const char *name, size_t max, bool required, struct api_faults *f)
{
    const struct json *j = json_get(c->body, name);
    struct slice text = slice_trim(json_get_text(c->body, name));
    _cleanup_(str_release) struct str pointer = {0};
    if (!j && !required)
        return SLICE_NONE;
    str_addf(&pointer, "/%s", name);
    if (text.n == 0 || utf8_length(text) > max)
        api_fault(f, pointer.p, "must be a text of 1 to %zu characters", max);
    return text;
}

static void member_id(struct api_call *c, const char *name, int64_t *ret, struct api_faults *f)
{
    const struct json *j = json_get(c->body, name);
    _cleanup_(str_release) struct str pointer = {0};
    if (!j)
        return;
    str_addf(&pointer, "/%s", name);
    if (!json_get_i64(c->body, name, ret) || *ret < 1)
        api_fault(f, pointer.p, "must be a positive number");
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct wish *w = arg;
    struct api_call *c = w->call;
    struct api_faults faults = {0};
    if (e && e->code != ERR_NOT_FOUND) {
        api_problem_err(c, e);
        return;
    }
    if (e)
        api_fault(&faults, "/integration", "there is no such integration");
    else if (!ticket_possible(it->provider))
        api_fault(&faults, "/integration", "%s keeps no tickets that can be made from here",
                  it->provider ? it->provider->name : it->key);
    if (!api_faults_none(c, &faults))
        return;
    w->in.integration_id = it->id;
    ticket_create(c->hub, &w->in, on_wished, w);
}

void op_tickets_create(struct api_call *c)
{
    static const char *const known[] = {"integration",     "asset_id", "client_id", "organization_id",
                                        "subject",         "body",     "type",      "priority",
                                        "notify_customer", "hidden",   NULL};
    struct api_faults faults = {0};
    struct wish *w = wish_new(c);
    api_known_members(c, known, &faults);
    struct slice integration = member_text(c, "integration", WORD_MAX, true, &faults);
    w->in.subject = member_text(c, "subject", SUBJECT_MAX, true, &faults);
    w->in.body = member_text(c, "body", BODY_MAX, false, &faults);
    w->in.type = member_text(c, "type", WORD_MAX, false, &faults);
    w->in.priority = member_text(c, "priority", WORD_MAX, false, &faults);
    member_id(c, "asset_id", &w->in.asset_id, &faults);
    member_id(c, "client_id", &w->in.client_id, &faults);
    member_id(c, "organization_id", &w->in.organization_id, &faults);
    w->in.notify_customer = api_member_bool(c, "notify_customer", false, &faults);
    w->in.hidden = api_member_bool(c, "hidden", true, &faults);
    if (!api_faults_none(c, &faults))
        return;
    c->status = 201;
    integrations_get_by_key(c->hub->integrations, c->who.tenant_id, integration, on_integration, w);
}

void op_tickets_comment(struct api_call *c)
{
    struct api_faults faults = {0};
    struct wish *w = wish_new(c);
    if (!api_id(c, "id", &w->id))
        return;
    api_known_members(c, (const char *const[]){"body", "hidden", "notify_customer", NULL}, &faults);
    w->in.body = member_text(c, "body", BODY_MAX, true, &faults);
    w->in.notify_customer = api_member_bool(c, "notify_customer", false, &faults);
    w->in.hidden = api_member_bool(c, "hidden", true, &faults);
    if (!api_faults_none(c, &faults))
        return;
    c->status = 202;
    ticket_comment(c->hub, w->id, &w->in, on_wished, w);
}

void op_tickets_status(struct api_call *c)
{
    struct api_faults faults = {0};
    struct wish *w = wish_new(c);
    if (!api_id(c, "id", &w->id))
        return;
    api_known_members(c, (const char *const[]){"status", NULL}, &faults);
    struct slice status = member_text(c, "status", WORD_MAX, true, &faults);
    if (!api_faults_none(c, &faults))
        return;
    c->status = 202;
    ticket_set_status(c->hub, &w->by, c->who.tenant_id, w->id, status, on_wished, w);
}

void op_tickets_retry(struct api_call *c)
{
    struct wish *w = wish_new(c);
    if (!api_id(c, "id", &w->id))
        return;
    c->status = 202;
    ticket_try_again(c->hub, c->who.tenant_id, w->id, on_wished, w);
}
