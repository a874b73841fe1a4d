/* api/software.c - /api/v1/software: what is installed, and where. */
#include "store/software.h"
#include "api/api.h"

void op_assets_software(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct software_filter filter = {.removed = TRI_NO};
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_args(c, (const char *const[]){"removed", "q", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_tri(c, "removed", &filter.removed, &faults);
    if (!api_faults_none(c, &faults))
        return;
    filter.text = api_arg(c, "q");
    struct page_request request = api_page_request(c, &page);
    software_of_asset(c->hub->db, id, &filter, &request, api_reply_page, c);
}

void op_software_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){"q", NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    software_list(c->hub->db, api_arg(c, "q"), &request, api_reply_page, c);
}

void op_software_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        software_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}

void op_software_assets(struct api_call *c)
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
    if (software_assets(c->hub->db, id, &request, api_reply_page, c))
        return;
    api_page_fault(&faults);
    api_faults_none(c, &faults);
}
