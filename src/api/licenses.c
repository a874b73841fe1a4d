/* api/licenses.c - /api/v1/licenses: the products' licences. */
#include "api/api.h"
#include "store/license.h"

void op_licenses_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct license_filter filter = {.missing = TRI_NO, .expires_before = USEC_NONE};
    api_known_args(c, (const char *const[]){"integration_id", "taken", "expires_before", "missing", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    api_arg_tri(c, "taken", &filter.taken, &faults);
    api_arg_time(c, "expires_before", &filter.expires_before, &faults);
    api_arg_tri(c, "missing", &filter.missing, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    license_list(c->hub->db, &filter, &request, api_reply_page, c);
}
