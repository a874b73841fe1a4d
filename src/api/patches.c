/* api/patches.c - /api/v1/patches: updates that wait, failed or were installed. */
#include "api/api.h"
#include "store/patch.h"

static void read_filter(struct api_call *c, struct patch_filter *f, struct api_faults *faults)
{
    f->status = api_arg_word(c, "status", patch_status_names, faults);
    f->family = api_arg_word(c, "family", patch_family_names, faults);
}

void op_patches_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct patch_filter filter = {0};
    api_known_args(c, (const char *const[]){"status", "family", "severity", "client_id", "integration_id", NULL},
                   &faults);
    api_page_read(c, &page, &faults);
    read_filter(c, &filter, &faults);
    api_arg_id(c, "client_id", &filter.client_id, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    if (!api_faults_none(c, &faults))
        return;
    filter.severity = api_arg(c, "severity");
    if (!filter.status.p)
        filter.status = slice_cstr(patch_status_names[PATCH_PENDING]);
    struct page_request request = api_page_request(c, &page);
    patch_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_assets_patches(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct patch_filter filter = {.closed = TRI_NO};
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_args(c, (const char *const[]){"status", "family", "closed", NULL}, &faults);
    api_page_read(c, &page, &faults);
    read_filter(c, &filter, &faults);
    api_arg_tri(c, "closed", &filter.closed, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    patch_of_asset(c->hub->db, id, &filter, &request, api_reply_page, c);
}

void op_assets_patch_summary(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        patch_summary(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}
