/* api/assets.c - /api/v1/assets: the inventory. */
#include "api/api.h"
#include "store/asset.h"
#include "store/asset_edit.h"

static const char *const known[] = {"type",
                                    "agent_status",
                                    "provider",
                                    "integration_id",
                                    "organization_id",
                                    "retired",
                                    "q",
                                    "last_seen_before",
                                    "last_seen_after",
                                    "sort",
                                    NULL};
static const char *const sort_names[] = {[ASSET_BY_NAME] = "name", [ASSET_BY_ID] = "id", NULL};

struct list_args {
    struct asset_filter filter;
    struct api_page page;
};

static void list_read(struct api_call *c, page_cb *cb, void *arg)
{
    const struct list_args *args = c->args;
    struct page_request request = api_page_request(c, &args->page);
    asset_list(c->hub->db, &args->filter, &request, cb, arg);
}

/* Retired assets are shown when they are asked for. */
void op_assets_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct list_args *args = arena_alloc(c->arena, sizeof(*args));
    struct asset_filter f = {.retired = TRI_NO, .last_seen_before = USEC_NONE, .last_seen_after = USEC_NONE};
    int sort = ASSET_BY_NAME;
    api_known_args(c, known, &faults);
    api_page_read(c, &args->page, &faults);
    f.type = api_arg_word(c, "type", asset_type_names, &faults);
    f.agent_status = api_arg_word(c, "agent_status", agent_status_names, &faults);
    api_arg_enum(c, "sort", sort_names, &sort, &faults);
    api_arg_id(c, "integration_id", &f.integration_id, &faults);
    api_arg_id(c, "organization_id", &f.organization_id, &faults);
    api_arg_tri(c, "retired", &f.retired, &faults);
    api_arg_time(c, "last_seen_before", &f.last_seen_before, &faults);
    api_arg_time(c, "last_seen_after", &f.last_seen_after, &faults);
    if (!api_faults_none(c, &faults))
        return;
    f.provider = api_arg(c, "provider");
    f.text = api_arg(c, "q");
    f.order = (enum asset_order)sort;
    args->filter = f;
    c->args = args;
    api_share_page(c, list_read);
}

/* --- one --- */

static void on_alias(void *arg, int64_t into_id)
{
    struct api_call *c = arg;
    if (into_id)
        api_problem_about(c, 404, "merged_asset", "asset_id", into_id,
                          "this asset was found to be the same machine as another one, and is a part of it now");
    else
        api_problem(c, 404, "not_found", "there is no such asset");
}

static void on_asset(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    int64_t id;
    if (e && e->code == ERR_NOT_FOUND && api_id(c, "id", &id))
        asset_alias(c->hub->db, c->who.tenant_id, id, on_alias, c);
    else
        api_reply_row(c, row, e);
}

void op_assets_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        asset_get(c->hub->db, c->who.tenant_id, id, on_asset, c);
}
