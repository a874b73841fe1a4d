/* computers.c - MSP360's computers: the list in pages, or one of them.
 *
 * Pages are cut by offset, and what `Count` counts is not told. So each page begins with the last row of the page before
 * (the anchor): when it is another row, the list has moved meanwhile and may have lost one without a sign. The list has
 * ended only when the anchor came alone; a page shorter than asked for may be the server's own idea of a page. */
#include "provider/msp360/sync.h"

#include "base/crypto.h"

#include <stdio.h>

#define COMPUTERS_PAGE 500
#define COMPUTERS_MAX  1000000 /* rows of one list */

/* --- the list --- */

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
    struct msp_sync *x = msp_sync_of(t->machine);

    begin_page(x);
    x->before = x->seen.n;
    str_addf(path, "/api/Computers/%lld/%d", (long long)x->offset, COMPUTERS_PAGE);
}

static void computers_again(struct task *t)
{
    struct msp_sync *x = msp_sync_of(t->machine);

    begin_page(x);
    seen_cut(&x->seen, x->before);
}

static void take_computer(struct task *t, const struct msp_computer *c, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
    char buf[MSP_ID_MAX];
    struct slice hid = msp_id(c->hid, buf);

    if (fault || !hid.n) {
        msp_reject(t, RECORD_DEVICE, hid, fault ? fault : "ComputerHID: missing, or too long");
        if (!hid.n)
            doubt(x, "a row cannot be named");
        return;
    }
    msp_names_add(&x->computer_ids, c->user_id, c->name, hid);
    msp_emit_computer(c, hid, msp_organization_of(x, c->company), x->m.sink);
}

static void computers_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
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
    struct msp_sync *x = msp_sync_of(t->machine);
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
    struct msp_sync *x = msp_sync_of(t->machine);
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
    msp_incomplete(t, RECORD_DEVICE, e->what);
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
        msp_emit_computer(c, hid, msp_organization_of(msp_sync_of(t->machine), c->company), sink);
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

/* --- tables --- */

static const struct map_doc computers_doc = {
    .rows = "Computers[]", .row = &msp_computer_map, .head = &computers_head, .any_case = true};
static const struct map_doc computer_doc = {.rows = "", .row = &msp_computer_map, .any_case = true};

const struct task_kind msp_computers_kind = {.what = "computers",
                                             .list = true,
                                             .doc = &computers_doc,
                                             .ask = ask_computers,
                                             .row = computers_row,
                                             .page = computers_page,
                                             .failed = computers_failed,
                                             .again = computers_again};
const struct task_kind msp_computer_kind = {.what = "computer",
                                            .doc = &computer_doc,
                                            .ask = ask_computer,
                                            .row = computer_row,
                                            .page = computer_page,
                                            .failed = computer_failed};
