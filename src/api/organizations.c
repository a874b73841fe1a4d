/* api/organizations.c - /api/v1/integrations/{key}/organizations: the customers as the product knows them. */
#include "api/api.h"
#include "store/organization.h"

static const char *const status_names[] = {"unmapped", "mapped", "ignored", "renamed", "missing", NULL};

void op_organizations_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){"status", NULL}, &faults);
    api_page_read(c, &page, &faults);
    struct slice status = api_arg_word(c, "status", status_names, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    organization_list(c->hub->db, c->integration->id, status, &request, api_reply_page, c);
}

/* --- changes --- */

struct edit {
    struct api_call *call;
    int64_t id;
    struct organization_change change;
};

static void on_changed(void *arg, const struct row *row, const struct err *e)
{
    struct edit *ed = arg;
    struct api_call *c = ed->call;
    if (e && e->code == ERR_NOT_FOUND) {
        api_problem_changed(c); /* it was there when it was read */
    } else if (e && e->code == ERR_CONFLICT) {
        struct api_faults faults = {0};
        const struct organization_change *change = &ed->change;
        if (change->client_id)
            api_fault(&faults, "/client_id", "there may be no such client; GET /api/v1/clients lists them");
        if (change->contact_id)
            api_fault(&faults, "/default_contact_id", "there may be no such person; GET /api/v1/people lists them");
        api_faults_none(c, &faults);
    } else {
        api_reply_row(c, row, e);
    }
}

static void on_to_change(void *arg, const struct row *row, const struct err *e)
{
    struct edit *ed = arg;
    struct api_call *c = ed->call;
    if (e) {
        api_problem_err(c, e);
    } else if (c->if_match && c->if_match != row->version) {
        api_problem_changed(c);
    } else {
        struct audit_actor by = api_actor(c);
        organization_change(c->hub->db, &by, c->who.tenant_id, c->integration->id, ed->id, row->version, &ed->change,
                            on_changed, ed);
    }
}

/* An id, or null for none, which is 0. */
static void read_id(const struct json *j, const char *pointer, const char *what, int64_t *ret, struct api_faults *f)
{
    if (j && j->type != JSON_NULL && (j->type != JSON_NUMBER || !slice_i64(j->text, ret) || *ret < 1))
        api_fault(f, pointer, "must be a %s's id, or null", what);
}

static void read_change(struct api_call *c, struct organization_change *ret, struct api_faults *f)
{
    const struct json *client = json_get(c->body, "client_id"), *contact = json_get(c->body, "default_contact_id");
    api_known_members(c, (const char *const[]){"client_id", "ignored", "auto_sync", "default_contact_id", NULL}, f);
    ret->decides = client || json_get(c->body, "ignored");
    ret->ignored = api_member_bool(c, "ignored", false, f);
    if (json_get(c->body, "auto_sync"))
        ret->auto_sync = api_member_bool(c, "auto_sync", true, f) ? TRI_YES : TRI_NO;
    ret->sets_contact = contact != NULL;
    if (!ret->decides && !ret->auto_sync && !ret->sets_contact)
        api_fault(f, "/client_id", "is missing: a client's id, or null for none");
    read_id(client, "/client_id", "client", &ret->client_id, f);
    read_id(contact, "/default_contact_id", "person", &ret->contact_id, f);
    if (ret->ignored && ret->client_id)
        api_fault(f, "/ignored", "an organization that is mapped to a client is not ignored");
}

/* {"client_id": 7} maps it, {"client_id": null} unmaps it, {"ignored": true} says that it is no client's; {"auto_sync": false} leaves
 * its devices as they are; {"default_contact_id": 3} says whom its tickets are about. */
void op_organizations_update(struct api_call *c)
{
    struct api_faults faults = {0};
    struct edit *ed = arena_alloc(c->arena, sizeof(*ed));
    *ed = (struct edit){.call = c};
    if (!api_id(c, "id", &ed->id))
        return;
    read_change(c, &ed->change, &faults);
    if (api_faults_none(c, &faults))
        organization_get(c->hub->db, c->who.tenant_id, c->integration->id, ed->id, on_to_change, ed);
}
