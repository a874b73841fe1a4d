/* actions.c - what can be done in Syncro: make a ticket, comment on one, set its status, end an alert.
 * Once:   Syncro has no idempotency keys. A ticket's subject and a comment's subject carry a marker; when the outcome of the call that
 *         makes one is not known, the marker is searched for, and so it is before the call when `retry` says that it was tried before.
 *         What is not found either is told as unknown, never sent again here.
 * E-mail: a comment mails the customer unless it says do_not_email, hidden or not. It always does, but for notify_customer.
 * Words:  problem types, priorities and statuses are the account's own; they are read first, and the one that is meant is chosen. */
#include "base/json_write.h"
#include "base/utf8.h"
#include "provider/syncro/syncro.h"

#include <strings.h>

#define JSON_TYPE  "application/json"
#define AUTHOR     "msphub"
#define SHORT_TEXT 255 /* of subjects */

enum stage { STAGE_WORDS, STAGE_SEARCH, STAGE_ACT, STAGE_VERIFY };

struct syn_act {
    struct machine m;
    struct task words, search, act, verify;
    struct str type, priority, status, all; /* words that were chosen; all: those that there are, for messages */
    struct str id, number;                  /* what was made or found */
    bool found;
    struct err doubt; /* why the outcome is not known */
};

static struct syn_act *act_of(struct machine *m)
{
    return container_of(m, struct syn_act, m);
}

static struct slice arg(const struct task *t, const char *key)
{
    return slice_trim(settings_text(t->machine->in->args, key));
}

static bool contains(struct slice text, struct slice part)
{
    return part.n && text.n >= part.n && memmem(text.p, text.n, part.p, part.n);
}

/* --- words of the account --- */

struct words_row {
    struct texts types, priorities, statuses;
};
static const struct map_field words_fields[] = {
    {"ticket.problem_types", MAP_TEXTS, offsetof(struct words_row, types)},
    {"ticket.priorities", MAP_TEXTS, offsetof(struct words_row, priorities)},
    {"ticket_status_list", MAP_TEXTS, offsetof(struct words_row, statuses)},
};
static const struct map words_map = {sizeof(struct words_row), words_fields, ARRAY_LEN(words_fields)};
static const struct map_doc words_doc = {.rows = "", .row = &words_map};

static bool ends_with(struct slice text, struct slice word)
{
    return text.n >= word.n && slice_ieq(slice_of(text.p + text.n - word.n, word.n), word);
}

/* The entry that is the word, else the one that ends with it: "1 High" for High. */
static struct slice choose(const struct texts *list, struct slice word)
{
    for (size_t i = 0; word.n && i < list->n; i++)
        if (slice_ieq(list->v[i], word))
            return list->v[i];
    for (size_t i = 0; word.n && i < list->n; i++)
        if (ends_with(list->v[i], word))
            return list->v[i];
    return SLICE_NONE;
}

/* A word of ours (as in ticket_status_names) means the first of the account's that means the same. */
static struct slice choose_status(const struct texts *list, struct slice word)
{
    struct slice found = choose(list, word);

    for (int s = TICKET_OPEN; !found.n && s <= TICKET_CLOSED; s++)
        for (size_t i = 0; slice_ieq(word, slice_cstr(ticket_status_names[s])) && !found.n && i < list->n; i++)
            if (syn_ticket_status(list->v[i], false) == (enum ticket_status)s)
                found = list->v[i];
    return found;
}

/* The word that is asked for, else the setting's; a word that the account does not have would be refused. */
static void settings_row(struct task *t, const void *row, const char *fault)
{
    struct syn_act *x = act_of(t->machine);
    const struct words_row *w = row;
    const struct settings *s = t->machine->in->settings;
    struct slice chosen = choose(&w->types, arg(t, "type"));

    str_add(&x->type, chosen.n ? chosen : choose(&w->types, slice_trim(settings_text(s, "ticket_problem_type"))));
    chosen = choose(&w->priorities, arg(t, "priority"));
    str_add(&x->priority, chosen.n ? chosen : choose(&w->priorities, slice_trim(settings_text(s, "ticket_priority"))));
}

static void statuses_row(struct task *t, const void *row, const char *fault)
{
    struct syn_act *x = act_of(t->machine);
    const struct words_row *w = row;

    str_add(&x->status, choose_status(&w->statuses, arg(t, "status")));
    for (size_t i = 0; i < w->statuses.n; i++)
        str_addf(&x->all, "%s%.*s", i ? ", " : "", SLICE_FMT(w->statuses.v[i]));
}

static void ask_settings(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, SYNCRO_API "/settings");
}

static void ask_ticket_settings(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, SYNCRO_API "/tickets/settings");
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* --- doing it once --- */

/* Nothing proves that it was not carried out. */
static bool is_uncertain(const struct task *t, const struct machine_reply *r)
{
    return t->broken.code != ERR_NONE || r->status >= 500 ||
           (r->err && r->status == 0 && r->err->code != ERR_THROTTLED);
}

static enum task_verdict act_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_act *x = act_of(t->machine);

    if (!is_uncertain(t, r) || !arg(t, "marker").n)
        return TASK_FATAL;
    x->doubt = *e;
    task_switch(&x->verify, TASK_READY);
    return TASK_DONE;
}

static void begin_found(struct syn_act *x)
{
    str_clear(&x->id);
    str_clear(&x->number);
    x->found = false;
}

static enum task_verdict search_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_act *x = act_of(t->machine);

    if (x->found)
        task_switch(&x->act, TASK_OFF);
    return TASK_DONE;
}

static enum task_verdict verify_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_act *x = act_of(t->machine);

    if (x->found)
        return TASK_DONE;
    *e = x->doubt;
    e->code = ERR_UNAVAILABLE;
    return err_wrap(e, "it is not known whether it was carried out, and nothing with its marker was found"), TASK_FATAL;
}

static void search_again(struct task *t)
{
    begin_found(act_of(t->machine));
}

/* --- making a ticket --- */

static struct slice customer_of(const struct machine_input *in)
{
    struct slice id = slice_trim(settings_text(in->args, "organization_id"));

    return syn_is_id(id) ? id : slice_trim(settings_text(in->settings, "default_customer_id"));
}

static void ask_search(struct task *t, struct str *path, struct str *body)
{
    begin_found(act_of(t->machine));
    str_addf(path, SYNCRO_API "/tickets?page=1&customer_id=%.*s&query=", SLICE_FMT(customer_of(t->machine->in)));
    str_add_url(path, arg(t, "marker"));
}

static void take_ticket(struct task *t, const struct syn_ticket *ticket)
{
    struct syn_act *x = act_of(t->machine);

    begin_found(x);
    str_add(&x->id, ticket->id);
    str_add(&x->number, ticket->number);
    syn_emit_ticket(ticket, t->machine->in->settings, t->machine->sink);
    syn_emit_comments(ticket, t->machine->sink);
}

static void search_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_ticket *ticket = row;
    struct syn_act *x = act_of(t->machine);

    if (x->found || !syn_is_id(ticket->id) || !contains(ticket->subject, arg(t, "marker")))
        return; /* a search finds what is alike as well */
    take_ticket(t, ticket);
    x->found = true;
}

static void key_id(struct jw *w, const char *key, struct slice id)
{
    int64_t n;

    if (slice_i64(id, &n) && n > 0)
        jw_key_i64(w, key, n);
}

static void key_word(struct jw *w, const char *key, const struct str *word)
{
    if (word->n)
        jw_key_slice(w, key, str_slice(word));
}

static void comment_members(const struct task *t, struct jw *w, struct slice subject, struct slice body)
{
    const struct settings *args = t->machine->in->args;
    struct slice author = arg(t, "author");
    bool notify = settings_bool(args, "notify_customer");

    jw_key_slice(w, "subject", subject);
    jw_key_slice(w, "body", body);
    jw_key_bool(w, "hidden", !notify && settings_bool(args, "hidden"));
    jw_key_bool(w, "do_not_email", !notify);
    jw_key_slice(w, "tech", author.n ? author : SLICE(AUTHOR));
}

static void marked(const struct task *t, struct slice text, struct str *ret)
{
    struct slice marker = arg(t, "marker");

    if (marker.n)
        str_addf(ret, "%.*s ", SLICE_FMT(marker));
    str_add(ret, utf8_cut(text, ret->n < SHORT_TEXT ? SHORT_TEXT - ret->n : 0));
}

static void ask_create(struct task *t, struct str *path, struct str *body)
{
    struct syn_act *x = act_of(t->machine);
    const struct machine_input *in = t->machine->in;
    struct slice text = settings_text(in->args, "body"), device = arg(t, "device_id");
    _cleanup_(str_release) struct str subject = {0};
    struct jw w;

    marked(t, arg(t, "subject"), &subject);
    str_adds(path, SYNCRO_API "/tickets");
    jw_init(&w, body);
    jw_object(&w);
    key_id(&w, "customer_id", customer_of(in));
    jw_key_slice(&w, "subject", str_slice(&subject));
    key_word(&w, "problem_type", &x->type);
    key_word(&w, "priority", &x->priority);
    key_id(&w, "contact_id", arg(t, "contact_id"));
    key_id(&w, "user_id", slice_trim(settings_text(in->settings, "ticket_user_id")));
    if (syn_is_id(device)) {
        jw_key(&w, "asset_ids");
        jw_array(&w);
        jw_raw(&w, device);
        jw_end(&w);
    }
    jw_key(&w, "comments_attributes"); /* a ticket has no description but its first comment */
    jw_array(&w);
    jw_object(&w);
    comment_members(t, &w, SLICE("Details"), slice_trim(text).n ? text : arg(t, "subject"));
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_done(&w);
}

static void created_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_ticket *ticket = row;

    if (syn_is_id(ticket->id))
        take_ticket(t, ticket);
}

/* It was carried out, for the status says so; without an id it can only be searched for. */
static enum task_verdict created_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_act *x = act_of(t->machine);

    if (x->id.n)
        return TASK_DONE;
    err_set(&x->doubt, ERR_PROTOCOL, "Syncro, %s: the answer names nothing that was made", t->kind->what);
    *e = x->doubt;
    if (!arg(t, "marker").n)
        return TASK_FATAL;
    task_switch(&x->verify, TASK_READY);
    return TASK_DONE;
}

static const struct map_doc tickets_doc = {.rows = "tickets[]", .row = &syn_ticket_map};
static const struct map_doc ticket_doc = {.rows = "", .row = &syn_ticket_one_map};

static const struct task_kind settings_kind = {
    .what = "settings", .doc = &words_doc, .ask = ask_settings, .row = settings_row, .page = done};
#define SEARCH_KIND                                                                                                    \
    .what = "ticket-search", .list = true, .doc = &tickets_doc, .ask = ask_search, .row = search_row,                  \
    .again = search_again
static const struct task_kind search_kind = {SEARCH_KIND, .page = search_page};
static const struct task_kind verify_kind = {SEARCH_KIND, .page = verify_page};
static const struct task_kind create_kind = {.what = "ticket-create",
                                             .method = "POST",
                                             .acting = true,
                                             .content_type = JSON_TYPE,
                                             .doc = &ticket_doc,
                                             .ask = ask_create,
                                             .row = created_row,
                                             .page = created_page,
                                             .failed = act_failed};

/* --- commenting --- */

static void ask_comments(struct task *t, struct str *path, struct str *body)
{
    begin_found(act_of(t->machine));
    str_addf(path, SYNCRO_API "/tickets/%.*s/comments?page=1&per_page=100&sort_by=created_at&sort_direction=DESC",
             SLICE_FMT(t->machine->in->target_id));
}

static void take_comment(struct task *t, const struct syn_comment *c)
{
    struct syn_act *x = act_of(t->machine);

    str_clear(&x->id);
    str_add(&x->id, c->id);
    syn_emit_comment(c, t->machine->in->target_id, t->machine->sink);
}

static void comments_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_comment *c = row;
    struct syn_act *x = act_of(t->machine);

    if (x->found || !syn_is_id(c->id) || !contains(c->subject, arg(t, "marker")))
        return;
    take_comment(t, c);
    x->found = true;
}

static void ask_comment(struct task *t, struct str *path, struct str *body)
{
    _cleanup_(str_release) struct str subject = {0};
    struct slice wanted = arg(t, "subject");
    struct jw w;

    marked(t, wanted.n ? wanted : SLICE("Update"), &subject);
    str_addf(path, SYNCRO_API "/tickets/%.*s/comment", SLICE_FMT(t->machine->in->target_id));
    jw_init(&w, body);
    jw_object(&w);
    comment_members(t, &w, str_slice(&subject), settings_text(t->machine->in->args, "body"));
    jw_end(&w);
    jw_done(&w);
}

static void comment_row(struct task *t, const void *row, const char *fault)
{
    const struct syn_comment *c = row;

    if (syn_is_id(c->id))
        take_comment(t, c);
}

static const struct map_doc comments_doc = {.rows = "comments[]", .row = &syn_comment_map};
static const struct map_doc comment_doc = {.rows = "", .row = &syn_comment_one_map};

#define COMMENTS_KIND                                                                                                  \
    .what = "comments", .list = true, .doc = &comments_doc, .ask = ask_comments, .row = comments_row,                  \
    .again = search_again
static const struct task_kind comments_search_kind = {COMMENTS_KIND, .page = search_page};
static const struct task_kind comments_verify_kind = {COMMENTS_KIND, .page = verify_page};
static const struct task_kind comment_kind = {.what = "comment-create",
                                              .method = "POST",
                                              .acting = true,
                                              .content_type = JSON_TYPE,
                                              .doc = &comment_doc,
                                              .ask = ask_comment,
                                              .row = comment_row,
                                              .page = created_page,
                                              .failed = act_failed};

/* --- setting a status --- */

static enum task_verdict statuses_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_act *x = act_of(t->machine);

    if (x->status.n)
        return TASK_DONE;
    return err_set(e, ERR_INPUT, "Syncro has no status \"%.*s\" in this account; there are: %s",
                   (int)MIN(arg(t, "status").n, 60), arg(t, "status").p, x->all.n ? x->all.p : "none"),
           TASK_FATAL;
}

static void ask_status(struct task *t, struct str *path, struct str *body)
{
    struct syn_act *x = act_of(t->machine);
    struct jw w;

    str_addf(path, SYNCRO_API "/tickets/%.*s", SLICE_FMT(t->machine->in->target_id));
    jw_init(&w, body); /* what is left out stays as it is */
    jw_object(&w);
    jw_key_slice(&w, "status", str_slice(&x->status));
    jw_end(&w);
    jw_done(&w);
}

static const struct task_kind statuses_kind = {.what = "ticket-settings",
                                               .doc = &words_doc,
                                               .ask = ask_ticket_settings,
                                               .row = statuses_row,
                                               .page = statuses_page};
static const struct task_kind status_kind = {.what = "ticket-status", /* twice is the same as once */
                                             .method = "PUT",
                                             .content_type = JSON_TYPE,
                                             .doc = &ticket_doc,
                                             .ask = ask_status,
                                             .row = created_row,
                                             .page = done};

/* --- ending an alert --- */

static void ask_delete(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, SYNCRO_API "/rmm_alerts/%.*s", SLICE_FMT(t->machine->in->target_id));
}

static enum task_verdict ended(struct task *t, usec_t at)
{
    const struct sink *sink = t->machine->sink;
    struct record r = {.kind = RECORD_ALERT,
                       .alert = {.series = t->machine->in->target_id,
                                 .state = ALERT_RESOLVED,
                                 .closes_only = true,
                                 .triggered_at = USEC_NONE,
                                 .changed_at = at != USEC_NONE ? at : t->machine->in->now}};

    sink->record(sink->arg, &r);
    str_add(&act_of(t->machine)->id, t->machine->in->target_id);
    return TASK_DONE;
}

static enum task_verdict deleted_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return ended(t, r->date);
}

static enum task_verdict delete_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (!r->err && r->status == 404 && !reply_is_html(r))
        return ended(t, r->date); /* it is not there any more */
    return TASK_FATAL;
}

static const struct task_kind delete_kind = {
    .what = "alert-delete", .method = "DELETE", .ask = ask_delete, .page = deleted_page, .failed = delete_failed};

/* --- life --- */

static void finish(struct machine *m)
{
    struct syn_act *x = act_of(m);
    const struct sink *sink = m->sink;
    bool ticket = x->number.n > 0;
    _cleanup_(str_release) struct str json = {0}, url = {0};
    struct jw w;

    if (ticket)
        syn_ticket_url(m->in->settings, str_slice(&x->id), &url);
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_slice(&w, "id", str_slice(&x->id));
    if (ticket) {
        jw_key_slice(&w, "number", str_slice(&x->number));
        jw_key_slice(&w, "url", str_slice(&url));
    }
    if (x->found)
        jw_key_bool(&w, "found", true); /* it was there already: an earlier try had made it */
    jw_end(&w);
    jw_done(&w);
    sink->result(sink->arg, str_slice(&json));
}

static void release(struct machine *m)
{
    struct syn_act *x = act_of(m);

    str_release(&x->type);
    str_release(&x->priority);
    str_release(&x->status);
    str_release(&x->all);
    str_release(&x->id);
    str_release(&x->number);
}

static struct syn_act *start(const struct machine_input *in, const struct sink *sink)
{
    struct syn_act *x = NEW(struct syn_act);

    machine_init(&x->m, in, sink, syn_explain);
    x->m.finish = finish;
    x->m.release = release;
    return x;
}

static struct machine *once(struct syn_act *x, const struct task_kind *search, const struct task_kind *act,
                            const struct task_kind *verify)
{
    machine_add(&x->m, &x->search, search, STAGE_SEARCH);
    machine_add(&x->m, &x->act, act, STAGE_ACT);
    machine_add(&x->m, &x->verify, verify, STAGE_VERIFY);
    task_switch(&x->verify, TASK_OFF);
    if (!settings_bool(x->m.in->args, "retry") || !settings_text(x->m.in->args, "marker").n)
        task_switch(&x->search, TASK_OFF);
    return &x->m;
}

static bool check_target(const struct machine_input *in, const char *what, struct err *e)
{
    return syn_is_id(in->target_id) ||
           err_set(e, ERR_INPUT, "\"%.*s\" is no %s of Syncro: they are positive numbers",
                   (int)MIN(in->target_id.n, 40), in->target_id.p ? in->target_id.p : "", what);
}

static bool check_text(const struct machine_input *in, const char *key, struct err *e)
{
    return slice_trim(settings_text(in->args, key)).n || err_set(e, ERR_INPUT, "%s: must not be empty", key);
}

static struct machine *start_create(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (!syn_is_id(customer_of(in)))
        return err_set(e, ERR_INPUT,
                       "a ticket of Syncro belongs to a customer: name one, map the client to a customer, or set "
                       "default_customer_id"),
               NULL;
    if (!check_text(in, "subject", e))
        return NULL;
    struct syn_act *x = start(in, sink);
    machine_add(&x->m, &x->words, &settings_kind, STAGE_WORDS);
    return once(x, &search_kind, &create_kind, &verify_kind);
}

static struct machine *start_comment(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (!check_target(in, "ticket", e) || !check_text(in, "body", e))
        return NULL;
    return once(start(in, sink), &comments_search_kind, &comment_kind, &comments_verify_kind);
}

static struct machine *start_status(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (!check_target(in, "ticket", e) || !check_text(in, "status", e))
        return NULL;
    struct syn_act *x = start(in, sink);
    machine_add(&x->m, &x->words, &statuses_kind, STAGE_WORDS);
    machine_add(&x->m, &x->act, &status_kind, STAGE_ACT);
    return &x->m;
}

static struct machine *start_reset(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (!check_target(in, "RMM alert", e))
        return NULL;
    struct syn_act *x = start(in, sink);
    machine_add(&x->m, &x->act, &delete_kind, STAGE_ACT);
    return &x->m;
}

static const struct machine_ops create_ops = {.name = "create_ticket", .start = start_create, MACHINE_TASKS_OPS};
static const struct machine_ops comment_ops = {.name = "comment_ticket", .start = start_comment, MACHINE_TASKS_OPS};
static const struct machine_ops status_ops = {.name = "set_ticket_status", .start = start_status, MACHINE_TASKS_OPS};
static const struct machine_ops reset_ops = {.name = "reset_alert", .start = start_reset, MACHINE_TASKS_OPS};

/* --- tables --- */

#define MARKER_FIELDS                                                                                                  \
    {.key = "marker",                                                                                                  \
     .label = "Marker",                                                                                                \
     .kind = FIELD_INPUT_TEXT,                                                                                         \
     .help = "Put before the subject; by it the thing is found again when an answer was lost."},                       \
    {                                                                                                                  \
        .key = "retry", .label = "Tried before", .kind = FIELD_INPUT_BOOL, .fallback = "false",                        \
        .help = "Look for the marker first."                                                                           \
    }
#define COMMENT_FIELDS                                                                                                 \
    {.key = "hidden",                                                                                                  \
     .label = "Internal note",                                                                                         \
     .kind = FIELD_INPUT_BOOL,                                                                                         \
     .fallback = "true",                                                                                               \
     .help = "The customer does not see it in the portal."},                                                           \
        {.key = "notify_customer",                                                                                     \
         .label = "E-mail the customer",                                                                               \
         .kind = FIELD_INPUT_BOOL,                                                                                     \
         .fallback = "false",                                                                                          \
         .help = "Syncro sends the text to the customer; then it is no internal note."},                               \
    {                                                                                                                  \
        .key = "author", .label = "Author", .kind = FIELD_INPUT_TEXT, .help = "Shown as the technician."               \
    }

static const struct provider_field create_fields[] = {
    {.key = "organization_id",
     .label = "Customer",
     .kind = FIELD_INPUT_TEXT,
     .help = "The customer's number in Syncro."},
    {.key = "subject", .label = "Subject", .kind = FIELD_INPUT_TEXT, .required = true},
    {.key = "body", .label = "Description", .kind = FIELD_INPUT_TEXT, .help = "Becomes the ticket's first comment."},
    {.key = "type",
     .label = "Problem type",
     .kind = FIELD_INPUT_TEXT,
     .help = "One of the account's; else the setting's."},
    {.key = "priority",
     .label = "Priority",
     .kind = FIELD_INPUT_TEXT,
     .help = "One of the account's, or how it ends: Urgent, High, Normal, Low."},
    {.key = "device_id", .label = "Asset", .kind = FIELD_INPUT_TEXT, .help = "The asset's number in Syncro."},
    {.key = "contact_id", .label = "Contact", .kind = FIELD_INPUT_TEXT, .help = "The contact's number in Syncro."},
    COMMENT_FIELDS,
    MARKER_FIELDS,
};
static const struct provider_field comment_fields[] = {
    {.key = "subject", .label = "Subject", .kind = FIELD_INPUT_TEXT, .fallback = "Update"},
    {.key = "body", .label = "Text", .kind = FIELD_INPUT_TEXT, .required = true},
    COMMENT_FIELDS,
    MARKER_FIELDS,
};
static const struct provider_field status_fields[] = {
    {.key = "status",
     .label = "Status",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help = "One of the account's, or open, in_progress, waiting, resolved, closed."},
};

const struct provider_action syn_actions[SYN_NACTIONS] = {
    {.key = "create_ticket",
     .label = "Create a ticket",
     .help = "Nobody is e-mailed unless asked for.",
     .target = ACTION_ON_INTEGRATION,
     .fields = create_fields,
     .nfields = ARRAY_LEN(create_fields),
     .ops = &create_ops},
    {.key = "comment_ticket",
     .label = "Comment on a ticket",
     .help = "Nobody is e-mailed unless asked for.",
     .target = ACTION_ON_TICKET,
     .fields = comment_fields,
     .nfields = ARRAY_LEN(comment_fields),
     .ops = &comment_ops},
    {.key = "set_ticket_status",
     .label = "Set a ticket's status",
     .target = ACTION_ON_TICKET,
     .fields = status_fields,
     .nfields = ARRAY_LEN(status_fields),
     .ops = &status_ops},
    {.key = "reset_alert",
     .label = "Resolve the alert in Syncro",
     .help = "Clears the RMM alert; it stays in Syncro's history.",
     .target = ACTION_ON_ALERT,
     .ops = &reset_ops},
};
