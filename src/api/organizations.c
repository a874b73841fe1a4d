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

/* --- which client it is --- */

struct decision {
    struct api_call *call;
    int64_t id, client_id;
    bool ignored;
};

static void on_decided(void *arg, const struct row *row, const struct err *e)
{
    struct decision *d = arg;
    struct api_call *c = d->call;
    if (e && e->code == ERR_NOT_FOUND) {
        api_problem_changed(c); /* it was there when it was read */
    } else if (e && e->code == ERR_CONFLICT) {
        struct api_faults faults = {0};
        api_fault(&faults, "/client_id", "there is no such client; GET /api/v1/clients lists them");
        api_faults_none(c, &faults);
    } else {
        api_reply_row(c, row, e);
    }
}

static void on_to_decide(void *arg, const struct row *row, const struct err *e)
{
    struct decision *d = arg;
    struct api_call *c = d->call;
    if (e) {
        api_problem_err(c, e);
    } else if (c->if_match && c->if_match != row->version) {
        api_problem_changed(c);
    } else {
        struct audit_actor by = api_actor(c);
        organization_decide(c->hub->db, &by, c->who.tenant_id, c->integration->id, d->id, row->version, d->client_id,
                            d->ignored, on_decided, d);
    }
}

/* {"client_id": 7} maps it, {"client_id": null} unmaps it, {"ignored": true} says that it is no client's. */
void op_organizations_update(struct api_call *c)
{
    struct api_faults faults = {0};
    struct decision *d = arena_alloc(c->arena, sizeof(*d));
    *d = (struct decision){.call = c};
    const struct json *client = json_get(c->body, "client_id");
    if (!api_id(c, "id", &d->id))
        return;
    api_known_members(c, (const char *const[]){"client_id", "ignored", NULL}, &faults);
    d->ignored = api_member_bool(c, "ignored", false, &faults);
    if (!client && !json_get(c->body, "ignored"))
        api_fault(&faults, "/client_id", "is missing: a client's id, or null for none");
    if (client && client->type != JSON_NULL && (!json_get_i64(c->body, "client_id", &d->client_id) || d->client_id < 1))
        api_fault(&faults, "/client_id", "must be a client's id, or null");
    if (d->ignored && d->client_id)
        api_fault(&faults, "/ignored", "an organization that is mapped to a client is not ignored");
    if (api_faults_none(c, &faults))
        organization_get(c->hub->db, c->who.tenant_id, c->integration->id, d->id, on_to_decide, d);
}
