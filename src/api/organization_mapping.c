/* api/organization_mapping.c - …/organizations/suggestions, …/auto-map and …/{id}/client: help with saying which client is which. */
#include "api/api.h"
#include "base/utf8.h"
#include "store/organization.h"

#define NAME_LENGTH_MAX   200 /* characters */
#define THRESHOLD_LEAST   50
#define THRESHOLD_DEFAULT 90
#define AUTO_MAP_MAX      1000 /* organizations in one call: it is one transaction */

void op_organizations_suggestions(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    organization_suggest(c->hub->db, c->integration->id, &request, api_reply_page, c);
}

/* {"threshold": 90, "create_clients": false, "dry_run": true} */
void op_organizations_auto_map(struct api_call *c)
{
    struct api_faults faults = {0};
    struct organization_auto_map m = {.threshold = THRESHOLD_DEFAULT, .limit = AUTO_MAP_MAX};
    api_known_members(c, (const char *const[]){"threshold", "create_clients", "dry_run", NULL}, &faults);
    if (json_get(c->body, "threshold") &&
        (!json_get_i64(c->body, "threshold", &m.threshold) || m.threshold < THRESHOLD_LEAST || m.threshold > 100))
        api_fault(&faults, "/threshold", "must be a whole number of per cent from %d to 100", THRESHOLD_LEAST);
    m.create_clients = api_member_bool(c, "create_clients", false, &faults);
    m.dry_run = api_member_bool(c, "dry_run", false, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    organization_auto_map(c->hub->db, &by, c->who.tenant_id, c->integration->id, &m, api_reply_item, c);
}

/* 0: none. */
static int64_t client_of(struct arena *a, struct slice organization)
{
    struct json *j;
    int64_t id = 0;
    if (json_parse(a, organization, &j, NULL))
        json_get_i64(j, "client_id", &id);
    return id;
}

static void on_client(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    api_location(c, "/api/v1/clients", client_of(c->arena, row->json));
    api_reply_tagged(c, 201, row->version, row->json);
}

/* {"name": "Zebra Ltd"}; without it the client is called as the organization. */
void op_organizations_client(struct api_call *c)
{
    struct api_faults faults = {0};
    const struct json *member = json_get(c->body, "name");
    struct slice name = SLICE_NONE;
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_members(c, (const char *const[]){"name", NULL}, &faults);
    if (member) {
        name = slice_trim(json_get_text(c->body, "name"));
        if (name.n == 0 || utf8_length(name) > NAME_LENGTH_MAX)
            api_fault(&faults, "/name", "must be a text of 1 to %d characters", NAME_LENGTH_MAX);
    }
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    organization_become_client(c->hub->db, &by, c->who.tenant_id, c->integration->id, id, name, on_client, c);
}
