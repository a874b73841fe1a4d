/* api/organizations.c - /api/v1/integrations/{key}/organizations: the customers as the product knows them. */
#include "api/api.h"
#include "store/organization.h"

static const char *const status_names[] = {"unmapped", "mapped", "ignored", "renamed", "missing", NULL};

void op_organizations_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    int status = -1;
    api_known_args(c, (const char *const[]){"status", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_enum(c, "status", status_names, &status, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    organization_list(c->hub->db, c->integration->id, status < 0 ? SLICE_NONE : slice_cstr(status_names[status]),
                      &request, api_reply_page, c);
}
