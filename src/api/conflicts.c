/* api/conflicts.c - /api/v1/conflicts: what waits for a person's word. */
#include "api/asset_edits.h"

static const char *const kinds[] = {"field", "candidate", "clone", NULL};
static const char *const statuses[] = {"open", "resolved", NULL};
static const char *const resolutions[] = {"ours", "theirs", "merged", "apart", NULL};

void op_conflicts_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct conflict_filter filter = {0};
    api_known_args(c, (const char *const[]){"kind", "status", "asset_id", NULL}, &faults);
    api_page_read(c, &page, &faults);
    filter.kind = api_arg_word(c, "kind", kinds, &faults);
    filter.status = api_arg_word(c, "status", statuses, &faults);
    api_arg_id(c, "asset_id", &filter.asset_id, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    conflict_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_conflicts_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        conflict_get(c->hub->db, c->who.tenant_id, id, api_reply_row, c);
}

static void on_resolved(void *arg, struct slice outcome, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (!e && slice_is(outcome, "none"))
        api_problem(c, 404, "not_found", "there is no such conflict");
    else if (!api_edit_failed(c, outcome, e))
        api_reply_row(c, row, NULL);
}

void op_conflicts_resolve(struct api_call *c)
{
    struct api_faults faults = {0};
    struct slice word = json_get_text(c->body, "resolution");
    bool known = false;
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_members(c, (const char *const[]){"resolution", NULL}, &faults);
    for (size_t i = 0; resolutions[i]; i++)
        known |= slice_is(word, resolutions[i]);
    if (!known)
        api_fault(&faults, "/resolution", "must be ours, theirs, merged or apart");
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    conflict_resolve(c->hub->db, &by, c->who.tenant_id, id, word, on_resolved, c);
}
