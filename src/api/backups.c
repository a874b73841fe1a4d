/* api/backups.c - /api/v1/backups: backup plans with their latest run. */
#include "api/api.h"
#include "store/backup_job.h"

void op_backups_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct backup_filter filter = {0};
    api_known_args(c, (const char *const[]){"status", "integration_id", "stale", NULL}, &faults);
    api_page_read(c, &page, &faults);
    filter.status = api_arg_word(c, "status", backup_status_names, &faults);
    api_arg_id(c, "integration_id", &filter.integration_id, &faults);
    api_arg_tri(c, "stale", &filter.stale, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    backup_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_assets_backups(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        backup_of_asset(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}
