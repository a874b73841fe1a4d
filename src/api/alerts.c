/* api/alerts.c - /api/v1/alerts: what the products raised. */
#include "api/api.h"
#include "store/alert.h"

static const char *const state_names[] = {"open", "triggered", "acknowledged", "resolved", NULL};

void op_alerts_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct alert_filter filter = {0};
    api_known_args(c, (const char *const[]){"state", "severity", "integration_id", "asset_id", NULL}, &faults);
    api_page_read(c, &page, &faults);
    filter.state = api_arg_word(c, "state", state_names, &faults);
    filter.severity = api_arg_word(c, "severity", severity_names, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    api_arg_id(c, "asset_id", &filter.asset_id, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    alert_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_alerts_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        alert_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}
