/* sync.c - MSP360's sync: companies · users, computers in pages · the latest run of all plans, licences, each once. Full and
 * incremental are the same: the product has no feed and no "changed since". */
#include "provider/msp360/sync.h"

#include <stdio.h>
#include <stdlib.h>

/* One list at a time: the product asks to be treated so. */
enum stage { STAGE_COMPANIES, STAGE_COMPUTERS, STAGE_USERS, STAGE_PLANS, STAGE_LICENSES };

struct msp_sync *msp_sync_of(struct machine *m)
{
    return container_of(m, struct msp_sync, m);
}

bool msp_wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

usec_t msp_server_now(const struct task *t)
{
    return t->date != USEC_NONE ? t->date : t->machine->in->now;
}

void msp_reject(struct task *t, enum record_kind kind, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    if (!msp_wants(t->machine, kind))
        return;
    msp_sync_of(t->machine)->nameless += !id.n;
    sink->reject(sink->arg, kind, known(id), fault);
}

void msp_incomplete(struct task *t, enum record_kind kind, const char *why)
{
    const struct sink *sink = t->machine->sink;

    if (msp_wants(t->machine, kind))
        sink->incomplete(sink->arg, kind, why);
}

void msp_tell_whole(struct task *t, enum record_kind kind)
{
    const struct sink *sink = t->machine->sink;
    char why[128];

    if (!msp_wants(t->machine, kind))
        return;
    snprintf(why, sizeof(why), "MSP360, %s: a row without an id, so nothing is taken as missing", t->kind->what);
    if (msp_sync_of(t->machine)->nameless)
        sink->incomplete(sink->arg, kind, why);
    else
        sink->complete(sink->arg, kind, t->page_rows);
}

void msp_list_begins(struct task *t)
{
    msp_sync_of(t->machine)->nameless = 0;
}

/* --- companies --- */

static void ask_companies(struct task *t, struct str *path, struct str *body)
{
    msp_list_begins(t);
    str_adds(path, "/api/Companies");
}

static void company_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
    struct msp_company c = *(const struct msp_company *)row;
    char id[MSP_ID_MAX];

    c.id = msp_id(c.id, id);
    if (fault || !c.id.n) {
        msp_reject(t, RECORD_ORGANIZATION, c.id, fault ? fault : "Id: missing, or too long");
        return;
    }
    msp_names_add(&x->company_ids, SLICE_NONE, c.name, c.id);
    if (msp_wants(&x->m, RECORD_ORGANIZATION))
        msp_emit_company(&c, x->m.sink);
}

static void tell_doubled(void *arg, const struct msp_name *n)
{
    char why[256];

    snprintf(
        why, sizeof(why),
        "another company is called \"%.80s\" as well: computers and plans name their company only so, and are left "
        "without one; rename one of them in MSP360",
        n->name);
    msp_reject(arg, RECORD_ORGANIZATION, slice_cstr(n->id), why);
}

static enum task_verdict companies_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    msp_tell_whole(t, RECORD_ORGANIZATION);
    msp_names_doubled(&msp_sync_of(t->machine)->company_ids, tell_doubled, t);
    return TASK_DONE;
}

static void companies_again(struct task *t)
{
    msp_list_begins(t);
    msp_names_clear(&msp_sync_of(t->machine)->company_ids);
}

static enum task_verdict companies_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    msp_sync_of(t->machine)->companies_unread = true;
    msp_incomplete(t, RECORD_ORGANIZATION, e->what);
    return TASK_DONE;
}

struct slice msp_organization_of(struct msp_sync *x, struct slice company)
{
    struct slice id = SLICE("");

    if (x->companies_unread)
        return SLICE_NONE;
    switch (msp_names_find(&x->company_ids, SLICE_NONE, company, &id)) {
    case MSP_UNSURE:
        return SLICE_NONE;
    case MSP_NONE:
    case MSP_SEVERAL:
        return SLICE("");
    case MSP_ONE:
        break;
    }
    return id;
}

static const struct map_doc companies_doc = {.rows = "[]", .row = &msp_company_map, .any_case = true};
static const struct task_kind companies_kind = {.what = "companies",
                                                .list = true,
                                                .doc = &companies_doc,
                                                .ask = ask_companies,
                                                .row = company_row,
                                                .page = companies_page,
                                                .failed = companies_failed,
                                                .again = companies_again};

/* --- life --- */

static void release(struct machine *m)
{
    struct msp_sync *x = msp_sync_of(m);

    msp_names_clear(&x->company_ids);
    msp_names_clear(&x->computer_ids);
    seen_release(&x->seen);
    str_release(&x->key);
}

static bool is_id(struct slice id)
{
    char buf[MSP_ID_MAX];

    return slice_eq(msp_id(id, buf), id) && id.n;
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    bool single = in->mode == SYNC_SINGLE;

    if (single && !is_id(in->device_id))
        return err_set(e, ERR_INPUT, "\"%.*s\" is no computer id of MSP360", (int)MIN(in->device_id.n, 48),
                       in->device_id.p ? in->device_id.p : ""),
               NULL;
    struct msp_sync *x = NEW(struct msp_sync);
    struct machine *m = &x->m;
    machine_init(m, in, sink, msp_explain);
    m->release = release;
    x->count = -1;
    x->warnings = settings_bool(in->settings, "alert_on_warning");
    x->stale_days = settings_i64(in->settings, "stale_days", I64_NONE);
    machine_add(m, &x->companies, &companies_kind, STAGE_COMPANIES);
    machine_add(m, &x->computers, &msp_computers_kind, STAGE_COMPUTERS);
    machine_add(m, &x->computer, &msp_computer_kind, STAGE_COMPUTERS);
    machine_add(m, &x->users, &msp_users_kind, STAGE_USERS);
    machine_add(m, &x->plans, &msp_plans_kind, STAGE_PLANS);
    machine_add(m, &x->licenses, &msp_licenses_kind, STAGE_LICENSES);
    if (single || !msp_wants(m, RECORD_DEVICE))
        task_switch(&x->computers, TASK_OFF);
    if (!single)
        task_switch(&x->computer, TASK_OFF);
    if (single || !(msp_wants(m, RECORD_BACKUP_JOB) || msp_wants(m, RECORD_ALERT)))
        task_switch(&x->plans, TASK_OFF);
    if (single || !msp_wants(m, RECORD_PERSON))
        task_switch(&x->users, TASK_OFF);
    if (single || !msp_wants(m, RECORD_LICENSE))
        task_switch(&x->licenses, TASK_OFF);
    return m;
}

const struct machine_ops msp_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
