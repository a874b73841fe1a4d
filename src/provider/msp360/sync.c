/* sync.c - MSP360's sync: companies · computers in pages · the latest run of all plans, once. Full and incremental are the
 * same: the product has no feed and no "changed since".
 *
 * Pages are cut by offset, and what `Count` counts is not told. So each page begins with the last row of the page before
 * (the anchor): when it is another row, the list has moved meanwhile and may have lost one without a sign. The list has
 * ended only when the anchor came alone; a page shorter than asked for may be the server's own idea of a page.
 *
 * A plan that is missing from the list is no news: the list may tell of computers that are online only. */
#include "provider/common_seen.h"
#include "provider/msp360/msp360.h"

#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPUTERS_PAGE 500
#define COMPUTERS_MAX  1000000 /* rows of one list */

enum stage { STAGE_COMPANIES, STAGE_COMPUTERS, STAGE_PLANS };

struct msp_sync {
    struct machine m;
    struct task companies, computers, computer, plans;
    struct msp_names company_ids, computer_ids; /* the latter by user and name */
    bool companies_unread;
    size_t nameless; /* rows without an id, of the list that is read now */
    bool warnings;
    int64_t stale_days;
    struct str key;

    /* the list of computers */
    struct seen seen;
    size_t before;         /* of `seen`, as this page began */
    int64_t offset;        /* of the page */
    uint64_t anchor, last; /* the last row of the page before; of this one so far */
    bool first, fresh;     /* no row of this page was read yet; one of them is new */
    int64_t count;         /* as the page before told; -1: none did */
    bool counts_all;       /* a page's Count was not its number of rows */
    char doubt[192];
};

static struct msp_sync *sync_of(struct machine *m)
{
    return container_of(m, struct msp_sync, m);
}

static bool wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

static usec_t server_now(const struct task *t)
{
    return t->date != USEC_NONE ? t->date : t->machine->in->now;
}

static void reject(struct task *t, enum record_kind kind, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    if (!wants(t->machine, kind))
        return;
    sync_of(t->machine)->nameless += !id.n;
    sink->reject(sink->arg, kind, known(id), fault);
}

static void incomplete(struct task *t, enum record_kind kind, const char *why)
{
    const struct sink *sink = t->machine->sink;

    if (wants(t->machine, kind))
        sink->incomplete(sink->arg, kind, why);
}

/* A list that came whole in one answer. */
static void tell_whole(struct task *t, enum record_kind kind)
{
    const struct sink *sink = t->machine->sink;
    char why[128];

    if (!wants(t->machine, kind))
        return;
    snprintf(why, sizeof(why), "MSP360, %s: a row without an id, so nothing is taken as missing", t->kind->what);
    if (sync_of(t->machine)->nameless)
        sink->incomplete(sink->arg, kind, why);
    else
        sink->complete(sink->arg, kind, t->page_rows);
}

/* --- companies --- */

static void ask_companies(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    str_adds(path, "/api/Companies");
}

static void company_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = sync_of(t->machine);
    struct msp_company c = *(const struct msp_company *)row;
    char id[MSP_ID_MAX];

    c.id = msp_id(c.id, id);
    if (fault || !c.id.n) {
        reject(t, RECORD_ORGANIZATION, c.id, fault ? fault : "Id: missing, or too long");
        return;
    }
    msp_names_add(&x->company_ids, SLICE_NONE, c.name, c.id);
    if (wants(&x->m, RECORD_ORGANIZATION))
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
    reject(arg, RECORD_ORGANIZATION, slice_cstr(n->id), why);
}

static enum task_verdict companies_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tell_whole(t, RECORD_ORGANIZATION);
    msp_names_doubled(&sync_of(t->machine)->company_ids, tell_doubled, t);
    return TASK_DONE;
}

static void companies_again(struct task *t)
{
    sync_of(t->machine)->nameless = 0;
    msp_names_clear(&sync_of(t->machine)->company_ids);
}

static enum task_verdict companies_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    sync_of(t->machine)->companies_unread = true;
    incomplete(t, RECORD_ORGANIZATION, e->what);
    return TASK_DONE;
}

/* The organization that a row names: SLICE_NONE when the list of companies could not be read (what is known stays), text of no
 * length when there is none, or more than one, of this name. */
static struct slice organization_of(struct msp_sync *x, struct slice company)
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

/* --- computers --- */

/* A computer may be listed once a user and profile. */
static uint64_t identity_of(const struct msp_computer *c)
{
    const struct slice parts[] = {c->hid, c->user_id, c->profile, c->name};
    uint64_t h = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        h = crypto_hash64(h, slice_of((const char *)&parts[i].n, sizeof(parts[i].n)));
        h = crypto_hash64(h, parts[i]);
    }
    return h ? h : 1;
}

static void doubt(struct msp_sync *x, const char *why)
{
    if (!x->doubt[0])
        snprintf(x->doubt, sizeof(x->doubt), "%s", why);
}

static void begin_page(struct msp_sync *x)
{
    x->first = true;
    x->fresh = false;
}

static void ask_computers(struct task *t, struct str *path, struct str *body)
{
    struct msp_sync *x = sync_of(t->machine);

    begin_page(x);
    x->before = x->seen.n;
    str_addf(path, "/api/Computers/%lld/%d", (long long)x->offset, COMPUTERS_PAGE);
}

static void computers_again(struct task *t)
{
    struct msp_sync *x = sync_of(t->machine);

    begin_page(x);
    seen_cut(&x->seen, x->before);
}

static void take_computer(struct task *t, const struct msp_computer *c, const char *fault)
{
    struct msp_sync *x = sync_of(t->machine);
    char buf[MSP_ID_MAX];
    struct slice hid = msp_id(c->hid, buf);

    if (fault || !hid.n) {
        reject(t, RECORD_DEVICE, hid, fault ? fault : "ComputerHID: missing, or too long");
        if (!hid.n)
            doubt(x, "a row cannot be named");
        return;
    }
    msp_names_add(&x->computer_ids, c->user_id, c->name, hid);
    msp_emit_computer(c, hid, organization_of(x, c->company), x->m.sink);
}

static void computers_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = sync_of(t->machine);
    const struct msp_computer *c = row;
    uint64_t identity = identity_of(c);
    bool is_anchor = x->first && x->offset > 0 && identity == x->anchor;

    if (x->first && x->offset > 0 && !is_anchor)
        doubt(x, "the list moved while it was read");
    x->first = false;
    x->last = identity;
    if (is_anchor)
        return;
    if (x->seen.n < COMPUTERS_MAX && seen_add(&x->seen, identity)) {
        x->fresh = true;
        take_computer(t, c, fault);
    } else {
        doubt(x, x->seen.n < COMPUTERS_MAX ? "a row came twice" : "more rows than are read of one list");
    }
}

struct computers_head {
    int64_t count, status;
    struct slice message;
};
static const struct map_field head_fields[] = {
    {"Count", MAP_I64, offsetof(struct computers_head, count)},
    {"StatusCode", MAP_I64, offsetof(struct computers_head, status)},
    {"Message", MAP_LOOSE_TEXT, offsetof(struct computers_head, message)},
};
static const struct map computers_head = {sizeof(struct computers_head), head_fields, ARRAY_LEN(head_fields)};

/* Count is the page's number of rows, or that of the whole list: then it must be the same on each page, and true. */
static void check_count(struct msp_sync *x, const struct computers_head *h, int64_t rows)
{
    bool differs = h->count != I64_NONE && h->count != rows;

    if (x->counts_all && h->count != x->count)
        doubt(x, "the total changed between two pages");
    x->counts_all |= differs;
    x->count = h->count;
}

static void check_total(struct msp_sync *x)
{
    char why[128];

    if (!x->counts_all || x->count == (int64_t)x->seen.n)
        return;
    snprintf(why, sizeof(why), "%lld rows were announced and %zu were given", (long long)x->count, x->seen.n);
    doubt(x, why);
}

static enum task_verdict computers_end(struct task *t)
{
    struct msp_sync *x = sync_of(t->machine);
    const struct sink *sink = x->m.sink;
    char why[320];

    if (!x->doubt[0]) {
        sink->complete(sink->arg, RECORD_DEVICE, (int64_t)x->seen.n);
        return TASK_DONE;
    }
    snprintf(why, sizeof(why), "MSP360, computers from row %lld on: %s, so nothing is taken as missing",
             (long long)x->offset, x->doubt);
    sink->incomplete(sink->arg, RECORD_DEVICE, why);
    return TASK_DONE;
}

static enum task_verdict computers_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct msp_sync *x = sync_of(t->machine);
    const struct computers_head *h = head;
    int64_t rows = t->page_rows;
    char why[160];

    if (h && h->status != I64_NONE && h->status / 100 != 2) {
        snprintf(why, sizeof(why), "the product says %lld (%.*s)", (long long)h->status, (int)MIN(h->message.n, 80),
                 h->message.p ? h->message.p : "");
        doubt(x, why);
        return computers_end(t);
    }
    if (h)
        check_count(x, h, rows);
    if (x->offset > 0 && rows == 0)
        doubt(x, "the list became shorter while it was read");
    if (rows > 1 && !x->fresh)
        doubt(x, "a page repeats what came before, and the list does not move on");
    if (rows <= 1 || !x->fresh) {
        check_total(x);
        return computers_end(t);
    }
    x->anchor = x->last;
    x->offset += rows - 1;
    return TASK_AGAIN;
}

static enum task_verdict computers_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    incomplete(t, RECORD_DEVICE, e->what);
    return TASK_DONE;
}

/* --- one computer --- */

static void ask_computer(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/Computers/");
    str_add_url(path, t->machine->in->device_id);
}

static void gone(struct task *t, usec_t at)
{
    const struct sink *sink = t->machine->sink;
    struct record r = {
        .kind = RECORD_DEVICE_GONE,
        .ref = {.device_id = t->machine->in->device_id, .at = at != USEC_NONE ? at : t->machine->in->now}};
    sink->record(sink->arg, &r);
}

static void computer_row(struct task *t, const void *row, const char *fault)
{
    const struct msp_computer *c = row;
    const struct sink *sink = t->machine->sink;
    char buf[MSP_ID_MAX];
    struct slice hid = msp_id(c->hid, buf), asked = t->machine->in->device_id;

    if (!hid.n && msp_is_missing(c->error_code)) /* with status 200 */
        gone(t, t->date);
    else if (fault || !slice_eq(hid, asked))
        sink->reject(sink->arg, RECORD_DEVICE, asked, fault ? fault : "the answer is about another computer");
    else
        msp_emit_computer(c, hid, organization_of(sync_of(t->machine), c->company), sink);
}

static enum task_verdict computer_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict computer_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct msp_error said;

    if (r->err)
        return TASK_FATAL;
    msp_error_read(r, a, &said);
    if (!msp_is_missing(said.code))
        return TASK_FATAL;
    gone(t, r->date);
    return TASK_DONE;
}

/* --- plans --- */

static void ask_plans(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
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
    struct msp_sync *x = sync_of(t->machine);
    const struct msp_plan *p = row;
    char buf[MSP_ID_MAX];

    if (!msp_plan_key(p, &x->key)) {
        reject(t, RECORD_BACKUP_JOB, SLICE_NONE, fault ? fault : "the row names no plan, or no computer and no user");
        return;
    }
    const struct msp_links links = {
        .key = str_slice(&x->key), .device = device_of(x, p, buf), .organization = organization_of(x, p->company)};
    if (fault)
        reject(t, RECORD_BACKUP_JOB, links.key, fault);
    if (wants(&x->m, RECORD_BACKUP_JOB))
        msp_emit_job(p, &links, x->stale_days, x->m.sink);
    if (wants(&x->m, RECORD_ALERT))
        msp_emit_alert(p, &links, x->warnings, server_now(t), x->m.sink);
}

static enum task_verdict plans_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tell_whole(t, RECORD_BACKUP_JOB);
    return TASK_DONE;
}

static void plans_again(struct task *t)
{
    sync_of(t->machine)->nameless = 0;
}

static enum task_verdict plans_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    incomplete(t, wants(t->machine, RECORD_BACKUP_JOB) ? RECORD_BACKUP_JOB : RECORD_ALERT, e->what);
    return TASK_DONE;
}

/* --- tables --- */

static const struct map_doc companies_doc = {.rows = "[]", .row = &msp_company_map, .any_case = true};
static const struct map_doc computers_doc = {
    .rows = "Computers[]", .row = &msp_computer_map, .head = &computers_head, .any_case = true};
static const struct map_doc computer_doc = {.rows = "", .row = &msp_computer_map, .any_case = true};
static const struct map_doc plans_doc = {.rows = "[]", .row = &msp_plan_map, .any_case = true};

static const struct task_kind companies_kind = {.what = "companies",
                                                .list = true,
                                                .doc = &companies_doc,
                                                .ask = ask_companies,
                                                .row = company_row,
                                                .page = companies_page,
                                                .failed = companies_failed,
                                                .again = companies_again};
static const struct task_kind computers_kind = {.what = "computers",
                                                .list = true,
                                                .doc = &computers_doc,
                                                .ask = ask_computers,
                                                .row = computers_row,
                                                .page = computers_page,
                                                .failed = computers_failed,
                                                .again = computers_again};
static const struct task_kind computer_kind = {.what = "computer",
                                               .doc = &computer_doc,
                                               .ask = ask_computer,
                                               .row = computer_row,
                                               .page = computer_page,
                                               .failed = computer_failed};
static const struct task_kind plans_kind = {.what = "monitoring",
                                            .list = true,
                                            .doc = &plans_doc,
                                            .ask = ask_plans,
                                            .row = plan_row,
                                            .page = plans_page,
                                            .failed = plans_failed,
                                            .again = plans_again};

/* --- life --- */

static void release(struct machine *m)
{
    struct msp_sync *x = sync_of(m);

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
    machine_add(m, &x->computers, &computers_kind, STAGE_COMPUTERS);
    machine_add(m, &x->computer, &computer_kind, STAGE_COMPUTERS);
    machine_add(m, &x->plans, &plans_kind, STAGE_PLANS);
    if (single || !wants(m, RECORD_DEVICE))
        task_switch(&x->computers, TASK_OFF);
    if (!single)
        task_switch(&x->computer, TASK_OFF);
    if (single || !(wants(m, RECORD_BACKUP_JOB) || wants(m, RECORD_ALERT)))
        task_switch(&x->plans, TASK_OFF);
    return m;
}

const struct machine_ops msp_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
