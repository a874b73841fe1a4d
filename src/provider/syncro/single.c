/* single.c - one thing of Syncro's read again: an asset ("5520000001"), a ticket with its comments ("ticket:910001"), an alert
 * ("alert:88012"), a customer ("customer:30001"), or the newest alerts that were resolved ("alerts:resolved").
 * Always: gone is only what the product says is not there, by its own JSON; a page with a 404 proves nothing. */
#include "provider/syncro/syncro.h"

#include <stdio.h>

#define COMMENTS_PAGE 100

struct syn_single {
    struct machine m;
    struct task task, comments;
    int64_t id, page;
};

static struct syn_single *single_of(struct task *t)
{
    return container_of(t->machine, struct syn_single, m);
}

static usec_t server_now(const struct task *t, const struct machine_reply *r)
{
    return r && r->date != USEC_NONE ? r->date : t->date != USEC_NONE ? t->date : t->machine->in->now;
}

static bool is_missing(const struct machine_reply *r)
{
    return !r->err && r->status == 404 && !reply_is_html(r);
}

static struct slice id_text(const struct task *t, char buf[24])
{
    return slice_of(buf,
                    (size_t)snprintf(buf, 24, "%lld", (long long)container_of(t->machine, struct syn_single, m)->id));
}

static void ask(struct task *t, struct str *path, const char *resource)
{
    str_addf(path, SYNCRO_API "/%s/%lld", resource, (long long)single_of(t)->id);
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static bool refused(struct task *t, enum record_kind kind, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;
    char buf[24];
    struct slice asked = id_text(t, buf);

    if (syn_is_id(id) && slice_eq(id, asked))
        return false;
    sink->reject(sink->arg, kind, asked, fault ? fault : "the answer is about another one");
    return true;
}

/* --- an asset --- */

static void ask_asset(struct task *t, struct str *path, struct str *body)
{
    ask(t, path, "customer_assets");
}

static void asset_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_asset *a = row;

    if (!refused(t, RECORD_DEVICE, a->id, fault))
        syn_emit_asset(a, server_now(t, NULL), t->machine->sink);
}

static enum task_verdict asset_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    char buf[24];
    struct record gone = {.kind = RECORD_DEVICE_GONE, .ref = {.device_id = id_text(t, buf), .at = server_now(t, r)}};

    if (!is_missing(r))
        return TASK_FATAL;
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

/* --- a customer --- */

static void ask_customer(struct task *t, struct str *path, struct str *body)
{
    ask(t, path, "customers");
}

static void customer_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_customer *c = row;

    if (!fault && !refused(t, RECORD_ORGANIZATION, c->id, fault))
        syn_emit_customer(c, t->machine->sink);
}

/* --- alerts --- */

static void ask_alert(struct task *t, struct str *path, struct str *body)
{
    ask(t, path, "rmm_alerts");
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_alert *a = row;

    if (!refused(t, RECORD_ALERT, a->id, fault))
        syn_emit_alert(a, t->machine->sink);
}

/* One that is not there any more does not fire. */
static enum task_verdict alert_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    char buf[24];
    struct record closed = {.kind = RECORD_ALERT,
                            .alert = {.series = id_text(t, buf),
                                      .state = ALERT_RESOLVED,
                                      .closes_only = true,
                                      .triggered_at = USEC_NONE,
                                      .changed_at = server_now(t, r)}};

    if (!is_missing(r))
        return TASK_FATAL;
    sink->record(sink->arg, &closed);
    return TASK_DONE;
}

static void ask_resolved(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, SYNCRO_API "/rmm_alerts?page=1&status=resolved");
}

static void resolved_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_alert *a = row;

    if (syn_is_id(a->id) && syn_is_true(a->resolved))
        syn_emit_alert(a, t->machine->sink);
}

/* --- a ticket --- */

static void ask_ticket(struct task *t, struct str *path, struct str *body)
{
    ask(t, path, "tickets");
}

static void ticket_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_ticket *ticket = row;

    if (fault || refused(t, RECORD_TICKET, ticket->id, fault))
        return;
    syn_emit_ticket(ticket, t->machine->in->settings, t->machine->sink);
}

/* Deleted in the product: nothing more will come of it. */
static enum task_verdict ticket_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    char buf[24];
    usec_t now = server_now(t, r);
    struct record gone = {.kind = RECORD_TICKET,
                          .ticket = {.id = id_text(t, buf),
                                     .status = TICKET_CLOSED,
                                     .status_word = SLICE("deleted"),
                                     .created = USEC_NONE,
                                     .changed = now,
                                     .resolved = now,
                                     .due = USEC_NONE}};

    if (!is_missing(r))
        return TASK_FATAL;
    task_switch(&single_of(t)->comments, TASK_OFF);
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

static void ask_comments(struct task *t, struct str *path, struct str *body)
{
    ask(t, path, "tickets");
    str_addf(path, "/comments?page=%lld&per_page=%d", (long long)single_of(t)->page, COMMENTS_PAGE);
}

static void comment_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_comment *c = row;
    const struct sink *sink = t->machine->sink;
    char buf[24];

    if (fault)
        sink->reject(sink->arg, RECORD_COMMENT, known(c->id), fault);
    else
        syn_emit_comment(c, id_text(t, buf), sink);
}

struct comments_head {
    int64_t pages;
};
static const struct map_field head_fields[] = {{"meta.total_pages", MAP_I64, offsetof(struct comments_head, pages)}};
static const struct map comments_head = {sizeof(struct comments_head), head_fields, ARRAY_LEN(head_fields)};

static enum task_verdict comments_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    const struct comments_head *h = head;

    if (!t->page_rows || !h || h->pages <= single_of(t)->page)
        return TASK_DONE;
    single_of(t)->page++;
    return TASK_AGAIN;
}

/* --- tables --- */

static const struct map_doc asset_doc = {.rows = "", .row = &syn_asset_one_map};
static const struct map_doc customer_doc = {.rows = "", .row = &syn_customer_one_map};
static const struct map_doc alert_doc = {.rows = "", .row = &syn_alert_one_map};
static const struct map_doc resolved_doc = {.rows = "rmm_alerts[]", .row = &syn_alert_map};
static const struct map_doc ticket_doc = {.rows = "", .row = &syn_ticket_one_map};
static const struct map_doc comments_doc = {.rows = "comments[]", .row = &syn_comment_map, .head = &comments_head};

static const struct task_kind asset_kind = {
    .what = "asset", .doc = &asset_doc, .ask = ask_asset, .row = asset_row, .page = done, .failed = asset_failed};
static const struct task_kind customer_kind = {
    .what = "customer", .doc = &customer_doc, .ask = ask_customer, .row = customer_row, .page = done};
static const struct task_kind alert_kind = {
    .what = "alert", .doc = &alert_doc, .ask = ask_alert, .row = alert_row, .page = done, .failed = alert_failed};
static const struct task_kind resolved_kind = {.what = "resolved-alerts",
                                               .list = true,
                                               .doc = &resolved_doc,
                                               .ask = ask_resolved,
                                               .row = resolved_row,
                                               .page = done};
static const struct task_kind ticket_kind = {
    .what = "ticket", .doc = &ticket_doc, .ask = ask_ticket, .row = ticket_row, .page = done, .failed = ticket_failed};
static const struct task_kind comments_kind = {.what = "comments",
                                               .list = true,
                                               .doc = &comments_doc,
                                               .ask = ask_comments,
                                               .row = comment_row,
                                               .page = comments_page};

static const struct {
    const char *prefix;
    const struct task_kind *kind;
} names[] = {{SYN_TICKET_PREFIX, &ticket_kind}, {SYN_ALERT_PREFIX, &alert_kind}, {SYN_CUSTOMER_PREFIX, &customer_kind}};

static const struct task_kind *kind_of(struct slice name, int64_t *ret_id)
{
    if (slice_is(name, SYN_RESOLVED_ALERTS))
        return &resolved_kind;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i].prefix);
        if (slice_starts(name, slice_cstr(names[i].prefix)))
            return slice_i64(slice_of(name.p + n, name.n - n), ret_id) && *ret_id > 0 ? names[i].kind : NULL;
    }
    return slice_i64(name, ret_id) && *ret_id > 0 ? &asset_kind : NULL;
}

struct machine *syn_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    int64_t id = 0;
    const struct task_kind *kind = kind_of(in->device_id, &id);

    if (!kind)
        return err_set(e, ERR_INPUT, "\"%.*s\" is no Syncro asset id: they are positive numbers",
                       (int)MIN(in->device_id.n, 40), in->device_id.p ? in->device_id.p : ""),
               NULL;
    struct syn_single *x = NEW(struct syn_single);
    x->id = id;
    x->page = 1;
    machine_init(&x->m, in, sink, syn_explain);
    machine_add(&x->m, &x->task, kind, 0);
    machine_add(&x->m, &x->comments, &comments_kind, 1);
    if (kind != &ticket_kind)
        task_switch(&x->comments, TASK_OFF);
    return &x->m;
}
