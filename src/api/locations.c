/* api/locations.c - /api/v1/locations: the products' sites, with their rooms. */
#include "api/api.h"
#include "store/location.h"

void op_locations_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    int64_t integration_id = 0;
    api_known_args(c, (const char *const[]){"integration_id", "q", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_id(c, "integration_id", &integration_id, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    location_list(c->hub->db, integration_id, api_arg(c, "q"), &request, api_reply_page, c);
}
