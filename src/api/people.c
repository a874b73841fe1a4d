/* api/people.c - /api/v1/people: contacts and end users. */
#include "api/api.h"
#include "store/person.h"

void op_people_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct person_filter filter = {.missing = TRI_NO};
    api_known_args(c, (const char *const[]){"client_id", "integration_id", "q", "missing", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_id(c, "client_id", &filter.client_id, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    api_arg_tri(c, "missing", &filter.missing, &faults);
    if (!api_faults_none(c, &faults))
        return;
    filter.text = api_arg(c, "q");
    struct page_request request = api_page_request(c, &page);
    person_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_people_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        person_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}
