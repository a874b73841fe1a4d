/* api/groups.c - /api/v1/groups: the products' groups of devices and people. */
#include "api/api.h"
#include "store/asset_group.h"

static const char *const of_names[] = {"devices", "people", NULL};

void op_groups_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct asset_group_filter filter = {.missing = TRI_NO};
    api_known_args(c, (const char *const[]){"integration_id", "of", "smart", "missing", "q", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    filter.of = api_arg_word(c, "of", of_names, &faults);
    api_arg_tri(c, "smart", &filter.smart, &faults);
    api_arg_tri(c, "missing", &filter.missing, &faults);
    if (!api_faults_none(c, &faults))
        return;
    filter.text = api_arg(c, "q");
    struct page_request request = api_page_request(c, &page);
    asset_group_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_groups_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        asset_group_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}

typedef void part_fn(struct pg_pool *db, int64_t id, const struct page_request *q, page_cb *cb, void *arg);

/* What belongs to the thing of the path. */
static void list_of(struct api_call *c, part_fn *read)
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
    read(c->hub->db, id, &request, api_reply_page, c);
}

void op_groups_members(struct api_call *c)
{
    list_of(c, asset_group_members);
}

void op_assets_groups(struct api_call *c)
{
    list_of(c, asset_group_of_asset);
}
