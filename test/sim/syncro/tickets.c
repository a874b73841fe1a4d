/* syncro/tickets.c - tickets, their comments, and the account's lists of words. What the sheet leaves open is refused here:
 * a status, problem type or priority that is not in the account's lists is a 422. */
#include "syncro.h"
#include <stdlib.h>
#include <strings.h>

#define TICKETS_PAGE  50
#define COMMENTS_PAGE 10

void s_write_comment(struct jw *w, const struct s_ticket *t, const struct s_comment *c)
{
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    s_key_time(w, "created_at", c->created);
    s_key_time(w, "updated_at", c->created);
    jw_key_i64(w, "ticket_id", t->id);
    jw_key_str(w, "subject", c->subject);
    jw_key_str(w, "body", c->body);
    jw_key_str(w, "tech", c->tech);
    jw_key_bool(w, "hidden", c->hidden);
    jw_key(w, "user_id");
    if (c->user_id)
        jw_i64(w, c->user_id);
    else
        jw_null(w);
    jw_key_bool(w, "is_rich_text", false);
    jw_end(w);
}

static void key_id(struct jw *w, const char *key, int64_t id)
{
    jw_key(w, key);
    if (id)
        jw_i64(w, id);
    else
        jw_null(w);
}

static void write_detail(struct jw *w, const struct syncro *s, const struct s_ticket *t)
{
    struct s_asset x;
    jw_key(w, "asset_ids");
    jw_array(w);
    for (size_t k = 0; k < t->nassets; k++)
        jw_i64(w, t->assets[k]);
    jw_end(w);
    jw_key(w, "assets");
    jw_array(w);
    for (size_t k = 0; k < t->nassets; k++)
        if (s_asset(s, t->assets[k], &x))
            s_write_asset(w, s, &x);
    jw_end(w);
    jw_key(w, "line_items");
    jw_array(w);
    jw_end(w);
}

void s_write_ticket(struct jw *w, const struct syncro *s, const struct s_ticket *t, bool detail)
{
    const struct s_customer *c = s_customer(s, t->customer_id);
    char name[2 * S_TEXT];
    jw_object(w);
    jw_key_i64(w, "id", t->id);
    jw_key_i64(w, "number", t->number);
    jw_key_str(w, "subject", t->subject);
    s_key_time(w, "created_at", t->created);
    jw_key_i64(w, "customer_id", t->customer_id);
    jw_key_str(w, "customer_business_then_name", c ? s_customer_name(c, name) : NULL);
    s_key_time(w, "due_date", t->due);
    s_key_time(w, "resolved_at", t->resolved);
    jw_key_str(w, "start_at", NULL);
    jw_key_str(w, "problem_type", t->problem);
    jw_key_str(w, "status", t->status);
    jw_key(w, "properties");
    jw_object(w);
    jw_end(w);
    key_id(w, "user_id", t->user_id);
    s_key_time(w, "updated_at", t->updated);
    jw_key_str(w, "priority", t->priority);
    jw_key_str(w, "contact_fullname", t->contact_id ? "Ana Müller" : NULL);
    key_id(w, "contact_id", t->contact_id);
    jw_key(w, "tag_list");
    jw_array(w);
    jw_end(w);
    jw_key(w, "comments"); /* of a list: the first only */
    jw_array(w);
    for (size_t k = 0; k < (detail ? t->ncomments : MIN(t->ncomments, (size_t)1)); k++)
        s_write_comment(w, t, &t->comments[k]);
    jw_end(w);
    jw_key(w, "user");
    if (t->user_id) {
        jw_object(w);
        jw_key_i64(w, "id", t->user_id);
        jw_key_str(w, "full_name", "Jo Tech");
        jw_key_bool(w, "admin?", false); /* with the question mark, as some accounts have it */
        jw_end(w);
    } else {
        jw_null(w);
    }
    if (detail)
        write_detail(w, s, t);
    jw_end(w);
}

/* --- the list --- */

static bool contains(const char *text, struct slice part)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + part.n <= n; i++)
        if (strncasecmp(text + i, part.p, part.n) == 0)
            return true;
    return false;
}

struct filter {
    struct slice status, query, number;
    int64_t customer, since;
    bool has_since;
};

static bool read_filter(const struct ask *a, struct answer *r, struct filter *f)
{
    struct slice text;
    *f = (struct filter){.status = SLICE_NONE, .query = SLICE_NONE, .number = SLICE_NONE};
    ask_arg(a, "status", &f->status);
    ask_arg(a, "query", &f->query);
    ask_arg(a, "number", &f->number);
    if (ask_arg(a, "customer_id", &text) && !slice_i64(text, &f->customer)) {
        s_error(r, 400, "customer_id is a number");
        return false;
    }
    f->has_since = ask_arg(a, "since_updated_at", &text);
    if (f->has_since && !clock_parse_iso(text, &f->since)) {
        s_error(r, 400, "since_updated_at is no date");
        return false;
    }
    return true;
}

static bool shown(const struct ask *a, const struct s_ticket *t, const struct filter *f)
{
    int64_t number;
    bool closed = t->resolved != USEC_NONE;
    if (t->deleted || !s_sees(a, t->customer_id) || (f->customer && t->customer_id != f->customer))
        return false;
    if (f->has_since && t->updated <= f->since)
        return false;
    if (f->number.n && (!slice_i64(f->number, &number) || number != t->number))
        return false;
    if (f->query.n && !contains(t->subject, f->query))
        return false;
    return !f->status.n || (slice_is(f->status, "Not Closed") ? !closed : slice_is(f->status, t->status));
}

void s_tickets(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    struct filter f;
    struct s_page p;
    if (!read_filter(a, r, &f))
        return;
    size_t *rows = mem_realloc_array(NULL, s->ntickets + 1, sizeof(*rows)), n = 0;
    for (size_t k = s->ntickets; k-- > 0;) /* newest first */
        if (shown(a, &s->tickets[k], &f))
            rows[n++] = k;
    if (s_page(s, a, r, TICKETS_PAGE, (int64_t)n, false, &p)) {
        struct jw w = s_json(r, 200);
        jw_object(&w);
        jw_key(&w, "tickets");
        jw_array(&w);
        for (int64_t k = 0; k < p.last - p.first; k++)
            if (s_page_row(&p, k) >= 0)
                s_write_ticket(&w, s, &s->tickets[rows[s_page_row(&p, k)]], false);
        jw_end(&w);
        s_write_meta(&w, &p);
        jw_end(&w);
    }
    free(rows);
}

/* --- writing --- */

static struct s_ticket *path_ticket(struct syncro *s, struct ask *a, struct answer *r)
{
    int64_t id = 0;
    struct s_ticket *t = slice_i64(a->params[0], &id) ? s_ticket(s, id) : NULL;
    if (t && !t->deleted && s_sees(a, t->customer_id))
        return t;
    s_not_found(r, "Ticket", t != NULL);
    return NULL;
}

static void answer_ticket(const struct syncro *s, const struct s_ticket *t, struct answer *r)
{
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "ticket");
    s_write_ticket(&w, s, t, true);
    jw_end(&w);
}

/* What both ways of writing check; false: it has answered. */
static bool check_fields(struct syncro *s, const struct json *o, struct answer *r)
{
    static const struct {
        const char *key, *name;
        const char *const *list;
    } words[] = {{"status", "Status", s_statuses},
                 {"problem_type", "Problem type", s_problems},
                 {"priority", "Priority", s_priorities}};
    const struct json *assets = json_get(o, "asset_ids"), *id;
    struct s_asset x;
    int64_t v;
    for (size_t k = 0; k < ARRAY_LEN(words); k++) {
        const struct json *value = json_get(o, words[k].key);
        if (value && value->type != JSON_NULL && !s_listed(words[k].list, json_get_text(o, words[k].key))) {
            s_refuse(r, "%s is not included in the list", words[k].name);
            return false;
        }
    }
    for (id = assets ? assets->child : NULL; id; id = id->next)
        if (!slice_i64(id->text, &v) || !s_asset(s, v, &x)) {
            s_refuse(r, "Asset not found");
            return false;
        }
    return true;
}

static void set_fields(struct syncro *s, struct s_ticket *t, const struct json *o)
{
    const struct json *assets = json_get(o, "asset_ids"), *v;
    struct slice text = json_get_text(o, "status");
    if (text.p)
        s_set_status(s, t, text);
    static const char *const keys[] = {"subject", "problem_type", "priority"};
    char **const places[] = {&t->subject, &t->problem, &t->priority};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        if ((text = json_get_text(o, keys[k])).p) {
            free(*places[k]);
            *places[k] = mem_strndup(text.p, text.n);
        }
    json_get_i64(o, "user_id", &t->user_id);
    json_get_i64(o, "contact_id", &t->contact_id);
    if (assets) {
        t->nassets = 0;
        for (v = assets->child; v && t->nassets < S_MAX_ASSETS; v = v->next)
            if (slice_i64(v->text, &t->assets[t->nassets]))
                t->nassets++;
    }
    t->updated = sim_wall(s->sim);
}

/* One comment of a request; false: it was refused. A customer is mailed unless the comment says no. */
static bool check_comment(const struct json *o, struct answer *r)
{
    bool subject = json_get_text(o, "subject").n > 0, body = json_get_text(o, "body").n > 0;
    if (subject && body)
        return true;
    struct jw w = s_json(r, 422);
    jw_object(&w);
    jw_key_bool(&w, "success", false);
    jw_key(&w, "message");
    jw_array(&w);
    if (!body)
        jw_str(&w, "Body can't be blank");
    if (!subject)
        jw_str(&w, "Subject can't be blank");
    jw_end(&w);
    jw_end(&w);
    answer_because(r, "a comment without %s", subject ? "body" : "subject");
    return false;
}

static struct s_comment *add_comment(struct syncro *s, struct s_ticket *t, const struct json *o)
{
    struct s_comment *c =
        s_comment_add(s, t, json_get_text(o, "subject"), json_get_text(o, "body"), json_get_text(o, "tech"));
    c->hidden = json_get_bool(o, "hidden", false);
    c->user_id = 4411;
    s->emails += !json_get_bool(o, "do_not_email", false);
    s->texts += json_get_text(o, "sms_body").n > 0;
    return c;
}

void s_ticket_post(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    const struct json *o = s_body(a, r), *comments, *c;
    int64_t customer = 0;
    if (!o)
        return;
    if (!json_get_i64(o, "customer_id", &customer) || !s_customer(s, customer) || !s_sees(a, customer)) {
        s_error(r, 422, "Customer required field");
        return;
    }
    if (!json_get_text(o, "subject").n) {
        s_refuse(r, "Subject can't be blank");
        return;
    }
    if (!check_fields(s, o, r))
        return;
    comments = json_get(o, "comments_attributes");
    for (c = comments ? comments->child : NULL; c; c = c->next)
        if (!check_comment(c, r))
            return;
    struct s_ticket *t = s_ticket_add(s, customer, json_get_text(o, "subject"));
    if (!t) {
        s_error(r, 500, "Internal Server Error");
        return;
    }
    set_fields(s, t, o);
    for (c = comments ? comments->child : NULL; c; c = c->next)
        add_comment(s, t, c);
    answer_ticket(s, t, r);
    s_send_ticket(s, t, "A new ticket was created");
}

void s_ticket_one(void *self, struct ask *a, struct answer *r)
{
    const struct s_ticket *t = path_ticket(self, a, r);
    if (t)
        answer_ticket(self, t, r);
}

void s_ticket_put(void *self, struct ask *a, struct answer *r)
{
    struct s_ticket *t = path_ticket(self, a, r);
    const struct json *o = t ? s_body(a, r) : NULL, *subject = json_get(o, "subject");
    if (!o)
        return;
    if (subject && !json_get_text(o, "subject").n) {
        s_refuse(r, "Subject can't be blank");
        return;
    }
    if (!check_fields(self, o, r))
        return;
    set_fields(self, t, o);
    answer_ticket(self, t, r);
    s_send_ticket(self, t, "Ticket was updated");
}

void s_ticket_delete(void *self, struct ask *a, struct answer *r)
{
    struct s_ticket *t = path_ticket(self, a, r);
    if (!t)
        return;
    t->deleted = true;
    answer_text(r, 200, "application/json; charset=utf-8", "{\"message\":\"Ticket was successfully deleted. \"}");
}

/* --- comments --- */

void s_comments(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    const struct s_ticket *t = path_ticket(s, a, r);
    struct slice text;
    int64_t size = COMMENTS_PAGE;
    struct s_page p;
    if (!t)
        return;
    if (ask_arg(a, "per_page", &text) && (!slice_i64(text, &size) || size < 1)) {
        s_error(r, 400, "per_page is a number");
        return;
    }
    if (!s_page(s, a, r, MIN(size, 100), (int64_t)t->ncomments, false, &p))
        return;
    bool newest_first = ask_arg(a, "sort_direction", &text) && slice_is(text, "DESC");
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "comments");
    jw_array(&w);
    for (int64_t k = 0; k < p.last - p.first; k++)
        if (s_page_row(&p, k) >= 0)
            s_write_comment(&w, t, &t->comments[newest_first ? p.total - 1 - s_page_row(&p, k) : s_page_row(&p, k)]);
    jw_end(&w);
    s_write_meta(&w, &p);
    jw_end(&w);
}

void s_comment_post(void *self, struct ask *a, struct answer *r)
{
    struct s_ticket *t = path_ticket(self, a, r);
    const struct json *o = t ? s_body(a, r) : NULL;
    if (!o || !check_comment(o, r))
        return;
    const struct s_comment *c = add_comment(self, t, o);
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "comment");
    s_write_comment(&w, t, c);
    jw_end(&w);
    s_send_comment(self, t, c);
}

/* --- words --- */

static void write_words(struct jw *w, const char *key, const char *const *list)
{
    jw_key(w, key);
    jw_array(w);
    for (; *list; list++)
        jw_str(w, *list);
    jw_end(w);
}

void s_ticket_settings(void *self, struct ask *a, struct answer *r)
{
    struct jw w = s_json(r, 200);
    jw_object(&w);
    write_words(&w, "ticket_status_list", s_statuses);
    jw_key(&w, "ticket_types");
    jw_array(&w);
    jw_end(&w);
    jw_key(&w, "users");
    jw_array(&w);
    jw_object(&w);
    jw_key_i64(&w, "id", 4411);
    jw_key_str(&w, "name", "Jo Tech");
    jw_end(&w);
    jw_end(&w);
    jw_key_str(&w, "require_ticket_type", NULL);
    jw_end(&w);
}

void s_settings(void *self, struct ask *a, struct answer *r)
{
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "locale");
    jw_object(&w);
    jw_key_str(&w, "time_zone", "America/Los_Angeles");
    jw_end(&w);
    jw_key(&w, "ticket");
    jw_object(&w);
    write_words(&w, "problem_types", s_problems);
    write_words(&w, "priorities", s_priorities);
    jw_end(&w);
    jw_end(&w);
}
