/* sync.c - Syncro's full and incremental sync.
 * Full:        customers · contacts · customer assets · active RMM alerts · tickets that changed within ticket_days, and of those that
 *              are not closed or changed lately the detail (it alone names assets) and the comments (a list carries the first only).
 * Incremental: alerts · tickets since the last run, overlapping by some minutes, each with detail and comments. What has no filter by
 *              time (customers, contacts, assets) is read by full runs, and when nothing else was asked for.
 * Resuming:    a checkpoint says which lists are done. Tickets are read again from their first page.
 * 401:         a missing permission costs its list only; GET /me is asked once whether the token itself is refused. */
#include "base/json_read.h"
#include "provider/syncro/list.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERLAP       SECONDS(300)
#define DAY           SECONDS(86400)
#define LATELY        (7 * DAY)
#define QUEUE_MAX     100000
#define COMMENTS_PAGE 100

enum stage { STAGE_ME, STAGE_CUSTOMERS, STAGE_CONTACTS, STAGE_ASSETS, STAGE_ALERTS, STAGE_TICKETS, STAGE_DETAILS };

struct syn_sync {
    struct machine m;
    struct task me;
    struct syn_list customers, contacts, assets, alerts, tickets;
    struct task detail, comments;
    int64_t *queue; /* tickets to be read in detail */
    size_t nqueue, queue_cap, next_detail, next_comments;
    size_t page_queue; /* of nqueue: as this page began */
    int64_t comments_page, comments_pages;
    usec_t since, asked_at; /* asked_at: the server's clock as the first page of tickets came */
    bool full, known;       /* known: /me has been asked for */
};

static struct syn_sync *sync_of(struct machine *m)
{
    return container_of(m, struct syn_sync, m);
}

static bool wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

static usec_t server_now(const struct task *t)
{
    return t->date != USEC_NONE ? t->date : t->machine->in->now;
}

static struct syn_list *list_of(struct task *t)
{
    return container_of(t, struct syn_list, task);
}

/* Behind each list that has ended: the next one is where a later process goes on. */
static void checkpoint(struct task *t)
{
    const struct sink *sink = t->machine->sink;
    _cleanup_(str_release) struct str json = {0};

    if (t->stage >= STAGE_ALERTS)
        return;
    str_addf(&json, "{\"done\":%u}", t->stage);
    sink->checkpoint(sink->arg, str_slice(&json));
}

/* --- is it the token, or a permission? --- */

static void ask_me(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, SYNCRO_API "/me");
}

static void no_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static void suspect(struct machine *m, const struct err *e)
{
    struct syn_sync *x = sync_of(m);

    if (e->code == ERR_FORBIDDEN && !x->known && x->me.state == TASK_OFF)
        task_switch(&x->me, TASK_READY);
    x->known |= e->code == ERR_FORBIDDEN;
}

/* --- lists --- */

static void ask_customers(struct task *t, struct str *path, struct str *body)
{
    syn_list_ask(list_of(t), path, "customers",
                 "&include_disabled=true"); /* assets and tickets belong to those as well */
}

static void ask_contacts(struct task *t, struct str *path, struct str *body)
{
    syn_list_ask(list_of(t), path, "contacts", "");
}

static void ask_assets(struct task *t, struct str *path, struct str *body)
{
    syn_list_ask(list_of(t), path, "customer_assets", "");
}

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    syn_list_ask(list_of(t), path, "rmm_alerts", "&status=active");
}

static void customer_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_customer *c = row;

    if (syn_list_take(list_of(t), c->id, fault))
        syn_emit_customer(c, t->machine->sink);
}

static void contact_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_contact *c = row;

    if (syn_list_take(list_of(t), c->id, fault))
        syn_emit_contact(c, t->machine->sink);
}

/* But for the id, a fault can only be a part of what the agent says in a shape that nobody has seen: the rest holds. */
static void asset_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_asset *a = row;

    if (syn_list_take(list_of(t), a->id, syn_is_id(a->id) ? NULL : fault))
        syn_emit_asset(a, server_now(t), t->machine->sink);
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_alert *a = row;

    if (syn_list_take(list_of(t), a->id, fault))
        syn_emit_alert(a, t->machine->sink);
}

static enum task_verdict list_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    enum task_verdict v = syn_list_page(list_of(t), head);

    if (v == TASK_DONE)
        checkpoint(t);
    return v;
}

static enum task_verdict list_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (syn_is_fatal(t, r, e))
        return TASK_FATAL;
    suspect(t->machine, e);
    syn_list_failed(list_of(t), e->what);
    return TASK_DONE;
}

static void list_again(struct task *t)
{
    syn_list_again(list_of(t));
}

/* --- tickets --- */

static void ask_tickets(struct task *t, struct str *path, struct str *body)
{
    struct syn_sync *x = sync_of(t->machine);
    char iso[CLOCK_ISO_MAX];
    _cleanup_(str_release) struct str more = {0};

    x->page_queue = x->nqueue;
    str_adds(&more, "&since_updated_at=");
    str_add_url(&more, slice_cstr(clock_iso(x->since - x->since % USEC_PER_S, iso)));
    syn_list_ask(&x->tickets, path, "tickets", more.p);
}

static bool wants_detail(const struct syn_sync *x, const struct syn_ticket *t)
{
    enum ticket_status status = syn_ticket_status(t->status, t->resolved != USEC_NONE);

    if (!x->full)
        return true;
    if (status != TICKET_CLOSED && status != TICKET_RESOLVED)
        return true;
    return t->updated != USEC_NONE && t->updated + LATELY >= x->m.in->now;
}

static void enqueue(struct syn_sync *x, struct slice id)
{
    int64_t n;

    if (x->nqueue == QUEUE_MAX || !slice_i64(id, &n))
        return;
    if (x->nqueue == x->queue_cap) {
        x->queue_cap = x->queue_cap ? 2 * x->queue_cap : 64;
        x->queue = mem_realloc_array(x->queue, x->queue_cap, sizeof(*x->queue));
    }
    x->queue[x->nqueue++] = n;
}

static void ticket_row(struct task *t, const void *row, const char *fault)
{
    struct syn_sync *x = sync_of(t->machine);
    const struct syn_ticket *ticket = row;
    size_t before = x->tickets.seen.n;

    if (!syn_list_take(&x->tickets, ticket->id, fault))
        return;
    syn_emit_ticket(ticket, t->machine->in->settings, t->machine->sink);
    syn_emit_comments(ticket, t->machine->sink);
    if (x->tickets.seen.n > before && wants_detail(x, ticket))
        enqueue(x, ticket->id);
}

static void tickets_again(struct task *t)
{
    struct syn_sync *x = sync_of(t->machine);

    syn_list_again(&x->tickets);
    x->nqueue = x->page_queue;
}

static void begin_details(struct syn_sync *x)
{
    const struct sink *sink = x->m.sink;

    if (x->nqueue == QUEUE_MAX)
        sink->incomplete(sink->arg, RECORD_TICKET,
                         "Syncro, tickets: so many have changed that not all were read in detail");
    if (x->nqueue) {
        task_switch(&x->detail, TASK_READY);
        task_switch(&x->comments, TASK_READY);
    }
}

static enum task_verdict tickets_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_sync *x = sync_of(t->machine);

    if (x->asked_at == USEC_NONE)
        x->asked_at = server_now(t);
    enum task_verdict v = syn_list_page(&x->tickets, head);
    if (v == TASK_DONE && x->tickets.doubt[0])
        syn_list_failed(&x->tickets, x->tickets.doubt);
    if (v == TASK_DONE)
        begin_details(x);
    return v;
}

static enum task_verdict tickets_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_sync *x = sync_of(t->machine);

    x->asked_at = USEC_NONE; /* nothing is known up to any time */
    return list_failed(t, r, e);
}

/* --- each ticket: what the list does not tell --- */

static void ask_detail(struct task *t, struct str *path, struct str *body)
{
    struct syn_sync *x = sync_of(t->machine);

    str_addf(path, SYNCRO_API "/tickets/%lld", (long long)x->queue[x->next_detail]);
}

static void detail_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_ticket *ticket = row;
    const struct sink *sink = t->machine->sink;

    if (fault)
        sink->reject(sink->arg, RECORD_TICKET, known(ticket->id), fault);
    else
        syn_emit_ticket(ticket, t->machine->in->settings, sink);
}

static enum task_verdict next_detail(struct syn_sync *x)
{
    return ++x->next_detail < x->nqueue ? TASK_AGAIN : TASK_DONE;
}

static enum task_verdict detail_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return next_detail(sync_of(t->machine));
}

static void tell_row_failed(struct task *t, int64_t ticket, const struct err *e)
{
    const struct sink *sink = t->machine->sink;
    char id[24];

    snprintf(id, sizeof(id), "%lld", (long long)ticket);
    sink->reject(sink->arg, RECORD_TICKET, slice_cstr(id), e->what);
}

/* One that was deleted since is no failure; without the permission all would fail alike. */
static enum task_verdict detail_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_sync *x = sync_of(t->machine);
    const struct sink *sink = t->machine->sink;

    if (syn_is_fatal(t, r, e))
        return TASK_FATAL;
    if (e->code == ERR_FORBIDDEN) {
        suspect(t->machine, e);
        sink->incomplete(sink->arg, RECORD_TICKET, e->what);
        return TASK_DONE;
    }
    if (e->code != ERR_NOT_FOUND)
        tell_row_failed(t, x->queue[x->next_detail], e);
    return next_detail(x);
}

static void ask_comments(struct task *t, struct str *path, struct str *body)
{
    struct syn_sync *x = sync_of(t->machine);

    str_addf(path, SYNCRO_API "/tickets/%lld/comments?page=%lld&per_page=%d", (long long)x->queue[x->next_comments],
             (long long)x->comments_page, COMMENTS_PAGE);
}

static void comment_row(struct task *t, const void *row, const char *fault)
{
    struct syn_sync *x = sync_of(t->machine);
    const struct syn_comment *c = row;
    const struct sink *sink = t->machine->sink;
    char id[24];

    snprintf(id, sizeof(id), "%lld", (long long)x->queue[x->next_comments]);
    if (fault)
        sink->reject(sink->arg, RECORD_COMMENT, known(c->id), fault);
    else
        syn_emit_comment(c, slice_cstr(id), sink);
}

static enum task_verdict next_comments(struct syn_sync *x)
{
    x->comments_page = 1;
    return ++x->next_comments < x->nqueue ? TASK_AGAIN : TASK_DONE;
}

struct comments_head {
    int64_t pages;
};
static const struct map_field comments_head_fields[] = {
    {"meta.total_pages", MAP_I64, offsetof(struct comments_head, pages)}};
static const struct map comments_head = {sizeof(struct comments_head), comments_head_fields, 1};

static enum task_verdict comments_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_sync *x = sync_of(t->machine);
    const struct comments_head *h = head;

    if (t->page_rows && h && h->pages > x->comments_page) {
        x->comments_page++;
        return TASK_AGAIN;
    }
    return next_comments(x);
}

static enum task_verdict comments_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_sync *x = sync_of(t->machine);
    const struct sink *sink = t->machine->sink;

    if (syn_is_fatal(t, r, e))
        return TASK_FATAL;
    if (e->code == ERR_FORBIDDEN) {
        suspect(t->machine, e);
        sink->incomplete(sink->arg, RECORD_TICKET, e->what);
        return TASK_DONE;
    }
    if (e->code != ERR_NOT_FOUND)
        tell_row_failed(t, x->queue[x->next_comments], e);
    return next_comments(x);
}

/* --- tables --- */

static const struct map_doc me_doc = {.rows = "", .row = &(const struct map){0, NULL, 0}};
static const struct map_doc customers_doc = {.rows = "customers[]", .row = &syn_customer_map, .head = &syn_list_head};
static const struct map_doc contacts_doc = {.rows = "contacts[]", .row = &syn_contact_map, .head = &syn_list_head};
static const struct map_doc assets_doc = {.rows = "assets[]", .row = &syn_asset_map, .head = &syn_list_head};
static const struct map_doc alerts_doc = {.rows = "rmm_alerts[]", .row = &syn_alert_map, .head = &syn_list_head};
static const struct map_doc tickets_doc = {.rows = "tickets[]", .row = &syn_ticket_map, .head = &syn_list_head};
static const struct map_doc detail_doc = {.rows = "", .row = &syn_ticket_one_map};
static const struct map_doc comments_doc = {.rows = "comments[]", .row = &syn_comment_map, .head = &comments_head};

static const struct task_kind me_kind = {.what = "me", .doc = &me_doc, .ask = ask_me, .row = no_row, .page = done};

#define LIST_KIND .list = true, .page = list_page, .failed = list_failed, .again = list_again
static const struct task_kind customers_kind = {
    .what = "customers", LIST_KIND, .doc = &customers_doc, .ask = ask_customers, .row = customer_row};
static const struct task_kind contacts_kind = {
    .what = "contacts", LIST_KIND, .doc = &contacts_doc, .ask = ask_contacts, .row = contact_row};
static const struct task_kind assets_kind = {
    .what = "assets", LIST_KIND, .doc = &assets_doc, .ask = ask_assets, .row = asset_row};
static const struct task_kind alerts_kind = {
    .what = "alerts", LIST_KIND, .doc = &alerts_doc, .ask = ask_alerts, .row = alert_row};
static const struct task_kind tickets_kind = {.what = "tickets",
                                              .list = true,
                                              .doc = &tickets_doc,
                                              .ask = ask_tickets,
                                              .row = ticket_row,
                                              .page = tickets_page,
                                              .failed = tickets_failed,
                                              .again = tickets_again};
static const struct task_kind detail_kind = {.what = "ticket",
                                             .doc = &detail_doc,
                                             .ask = ask_detail,
                                             .row = detail_row,
                                             .page = detail_page,
                                             .failed = detail_failed};
static const struct task_kind comments_kind = {.what = "comments",
                                               .list = true,
                                               .doc = &comments_doc,
                                               .ask = ask_comments,
                                               .row = comment_row,
                                               .page = comments_page,
                                               .failed = comments_failed};

/* --- life --- */

static void finish(struct machine *m)
{
    struct syn_sync *x = sync_of(m);
    const struct sink *sink = m->sink;
    char iso[CLOCK_ISO_MAX];
    _cleanup_(str_release) struct str json = {0};

    if (x->asked_at == USEC_NONE)
        return;
    str_addf(&json, "{\"tickets\":\"%s\"}", clock_iso(x->asked_at - x->asked_at % USEC_PER_S, iso));
    sink->cursor(sink->arg, str_slice(&json));
}

static void release(struct machine *m)
{
    struct syn_sync *x = sync_of(m);

    syn_list_release(&x->customers);
    syn_list_release(&x->contacts);
    syn_list_release(&x->assets);
    syn_list_release(&x->alerts);
    syn_list_release(&x->tickets);
    free(x->queue);
}

static void add_list(struct syn_sync *x, struct syn_list *l, const struct task_kind *kind, enum stage stage,
                     enum record_kind record, bool read)
{
    syn_list_init(l, record, record != RECORD_TICKET);
    machine_add(&x->m, &l->task, kind, stage);
    if (!read || !wants(&x->m, record))
        task_switch(&l->task, TASK_OFF);
}

/* What the last run left: the time up to which tickets are known. False: nothing. */
static bool read_cursor(struct slice json, usec_t *ret)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *root = NULL;
    struct err e;

    return json.n && json_parse(a, json, &root, &e) && clock_parse_iso(json_get_text(root, "tickets"), ret);
}

static int64_t read_checkpoint(struct slice json)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *root = NULL;
    struct err e;
    int64_t stage = 0;

    if (json.n && json_parse(a, json, &root, &e))
        json_get_i64(root, "done", &stage);
    return stage;
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (in->mode == SYNC_SINGLE)
        return syn_single_start(in, sink, e);

    const uint64_t by_time = SYNC_KIND(RECORD_TICKET) | SYNC_KIND(RECORD_ALERT);
    struct syn_sync *x = NEW(struct syn_sync);
    struct machine *m = &x->m;
    usec_t known_at = USEC_NONE;
    int64_t past = read_checkpoint(in->checkpoint);

    machine_init(m, in, sink, syn_explain);
    m->release = release;
    m->finish = finish;
    x->asked_at = USEC_NONE;
    x->comments_page = 1;
    x->full = in->mode == SYNC_FULL || !read_cursor(in->cursor, &known_at);
    x->since = x->full ? in->now - settings_i64(in->settings, "ticket_days", 90) * DAY : known_at - OVERLAP;
    bool walks = x->full || !(in->kinds & by_time);

    machine_add(m, &x->me, &me_kind, STAGE_ME);
    task_switch(&x->me, TASK_OFF);
    add_list(x, &x->customers, &customers_kind, STAGE_CUSTOMERS, RECORD_ORGANIZATION, walks && past < STAGE_CUSTOMERS);
    add_list(x, &x->contacts, &contacts_kind, STAGE_CONTACTS, RECORD_PERSON, walks && past < STAGE_CONTACTS);
    add_list(x, &x->assets, &assets_kind, STAGE_ASSETS, RECORD_DEVICE, walks && past < STAGE_ASSETS);
    add_list(x, &x->alerts, &alerts_kind, STAGE_ALERTS, RECORD_ALERT, true);
    add_list(x, &x->tickets, &tickets_kind, STAGE_TICKETS, RECORD_TICKET, true);
    machine_add(m, &x->detail, &detail_kind, STAGE_DETAILS);
    machine_add(m, &x->comments, &comments_kind, STAGE_DETAILS);
    task_switch(&x->detail, TASK_OFF);
    task_switch(&x->comments, TASK_OFF);
    return m;
}

const struct machine_ops syn_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
