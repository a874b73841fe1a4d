/* plans.c - MSP360's backup plans: the latest run of all, in one list.
 * A plan that is missing from the list is no news: the list may tell of computers that are online only. */
#include "provider/msp360/sync.h"

static void ask_plans(struct task *t, struct str *path, struct str *body)
{
    msp_list_begins(t);
    str_adds(path, "/api/Monitoring");
}

/* Older servers name the computer only: it is the one of this name among the user's. */
static struct slice device_of(struct msp_sync *x, const struct msp_plan *p, char buf[MSP_ID_MAX])
{
    struct slice hid = msp_id(p->hid, buf);

    if (!hid.n && msp_names_find(&x->computer_ids, p->user_id, p->computer, &hid) != MSP_ONE)
        return SLICE_NONE;
    return hid;
}

/* A row with a value that cannot be read is told, and taken as far as it can be: a failed backup must not be lost for a
 * garbled count. */
static void plan_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
    const struct msp_plan *p = row;
    char buf[MSP_ID_MAX];

    if (!msp_plan_key(p, &x->key)) {
        msp_reject(t, RECORD_BACKUP_JOB, SLICE_NONE,
                   fault ? fault : "the row names no plan, or no computer and no user");
        return;
    }
    const struct msp_links links = {
        .key = str_slice(&x->key), .device = device_of(x, p, buf), .organization = msp_organization_of(x, p->company)};
    if (fault)
        msp_reject(t, RECORD_BACKUP_JOB, links.key, fault);
    if (msp_wants(&x->m, RECORD_BACKUP_JOB))
        msp_emit_job(p, &links, x->stale_days, x->m.sink);
    if (msp_wants(&x->m, RECORD_ALERT))
        msp_emit_alerts(
            p, &links,
            &(struct msp_alerting){.warnings = x->warnings, .stale_days = x->stale_days, .now = msp_server_now(t)},
            x->m.sink);
}

static enum task_verdict plans_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    msp_tell_whole(t, RECORD_BACKUP_JOB);
    return TASK_DONE;
}

static enum task_verdict plans_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    msp_incomplete(t, msp_wants(t->machine, RECORD_BACKUP_JOB) ? RECORD_BACKUP_JOB : RECORD_ALERT, e->what);
    return TASK_DONE;
}

static const struct map_doc plans_doc = {.rows = "[]", .row = &msp_plan_map, .any_case = true};

const struct task_kind msp_plans_kind = {.what = "monitoring",
                                         .list = true,
                                         .doc = &plans_doc,
                                         .ask = ask_plans,
                                         .row = plan_row,
                                         .page = plans_page,
                                         .failed = plans_failed,
                                         .again = msp_list_begins};
