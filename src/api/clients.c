/* api/clients.c - /api/v1/clients: the customer companies of the tenant. */
#include "api/api.h"
#include "base/utf8.h"
#include "store/client.h"

#define TEXT_LENGTH_MAX 200 /* characters */

void op_clients_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){"q", NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    client_list(c->hub->db, api_arg(c, "q"), &request, api_reply_page, c);
}

void op_clients_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        client_get(c->hub->db, c->who.tenant_id, id, api_reply_row, c);
}

/* --- changes --- */

/* A member that is a text of 1 to 200 characters once it is trimmed. */
static struct slice member_text(struct api_call *c, const char *name, const char *pointer, struct api_faults *f)
{
    struct slice text = slice_trim(json_get_text(c->body, name));
    if (text.n == 0 || utf8_length(text) > TEXT_LENGTH_MAX)
        api_fault(f, pointer, "must be a text of 1 to %d characters", TEXT_LENGTH_MAX);
    return text;
}

static void read_change(struct api_call *c, bool creates, struct client_change *ret, struct api_faults *f)
{
    const struct json *reference = json_get(c->body, "reference");
    api_known_members(c, (const char *const[]){"name", "reference", NULL}, f);
    if (creates || json_get(c->body, "name"))
        ret->name = member_text(c, "name", "/name", f);
    ret->sets_reference = reference != NULL;
    if (reference && reference->type != JSON_NULL)
        ret->reference = member_text(c, "reference", "/reference", f);
}

static void on_created(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    api_location(c, "/api/v1/clients", row->id);
    api_reply_tagged(c, 201, row->version, row->json);
}

void op_clients_create(struct api_call *c)
{
    struct api_faults faults = {0};
    struct client_change in = {0};
    read_change(c, true, &in, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    client_create(c->hub->db, &by, c->who.tenant_id, &in, on_created, c);
}

/* An edit of one that exists: it is read before, so that "not there" and "changed meanwhile" are told apart. */
struct edit {
    struct api_call *call;
    int64_t id;
    struct client_change in;
    bool deletes;
};

static void on_edited(void *arg, const struct row *row, const struct err *e)
{
    struct edit *ed = arg;
    struct api_call *c = ed->call;
    if (e && e->code == ERR_NOT_FOUND)
        api_problem_changed(c);
    else if (!e && ed->deletes)
        api_reply_none(c);
    else
        api_reply_row(c, row, e);
}

static void on_to_edit(void *arg, const struct row *row, const struct err *e)
{
    struct edit *ed = arg;
    struct api_call *c = ed->call;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    if (c->if_match && c->if_match != row->version) {
        api_problem_changed(c);
        return;
    }
    struct audit_actor by = api_actor(c);
    if (ed->deletes)
        client_delete(c->hub->db, &by, c->who.tenant_id, ed->id, row->version, on_edited, ed);
    else
        client_update(c->hub->db, &by, c->who.tenant_id, ed->id, row->version, &ed->in, on_edited, ed);
}

static void edit(struct api_call *c, bool deletes)
{
    struct api_faults faults = {0};
    struct edit *ed = arena_alloc(c->arena, sizeof(*ed));
    *ed = (struct edit){.call = c, .deletes = deletes};
    if (!api_id(c, "id", &ed->id))
        return;
    if (!deletes)
        read_change(c, false, &ed->in, &faults);
    if (api_faults_none(c, &faults))
        client_get(c->hub->db, c->who.tenant_id, ed->id, on_to_edit, ed);
}

void op_clients_update(struct api_call *c)
{
    edit(c, false);
}

void op_clients_delete(struct api_call *c)
{
    edit(c, true);
}
