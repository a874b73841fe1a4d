/* api/organizations.c - /api/v1/integrations/{key}/organizations: the customers as the product knows them. */
#include "api/api.h"
#include "store/organization.h"

static const char *const status_names[] = {"unmapped", "mapped", "ignored", "renamed", "missing", NULL};

static void list_of(struct api_call *c, struct integration *it)
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
    organization_list(c->hub->db, it->id, status < 0 ? SLICE_NONE : slice_cstr(status_names[status]), &request,
                      api_reply_page, c);
}

static void list(struct api_call *c)
{
    api_with_integration(c, list_of);
}

static const struct http_route routes[] = {
    API_ROUTE(HTTP_GET, "/api/v1/integrations/{key}/organizations", ACCESS_VIEWER, list),
};
const struct api_routes api_organizations = {routes, ARRAY_LEN(routes)};
