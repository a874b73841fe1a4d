/* syncro/control.c - the control API for Syncro: customers, assets, alerts, and what a technician or a customer does to tickets. */
#include "../control.h"
#include "syncro.h"
#include <stdlib.h>

static void one_id(struct answer *r, int64_t id)
{
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key_i64(&w, "id", id);
    jw_end(&w);
}

/* --- customers, assets --- */

static void customers_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", NULL};
    const struct json *o = control_body(a, r, known);
    if (o)
        one_id(r, s_add_customer(self, json_get_text(o, "name"))->id);
}

static void customer_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "disabled", NULL};
    int64_t id;
    struct s_customer *c = slice_i64(a->params[0], &id) ? s_customer(self, id) : NULL;
    if (!c) {
        control_refuse(r, 404, "no customer %.*s", SLICE_FMT(a->params[0]));
        return;
    }
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    control_take_text(o, "name", &c->business);
    c->disabled = json_get_bool(o, "disabled", c->disabled);
    c->updated = sim_wall(((struct syncro *)self)->sim);
    control_done(r);
}

static bool path_asset(struct syncro *s, struct ask *a, struct answer *r, struct s_asset *ret)
{
    int64_t id;
    if (slice_i64(a->params[0], &id) && s_asset(s, id, ret))
        return true;
    control_refuse(r, 404, "no asset %.*s", SLICE_FMT(a->params[0]));
    return false;
}

static void set_asset(struct syncro *s, int64_t id, const struct json *o)
{
    struct s_change *c = s_change(s, id);
    control_take_text(o, "name", &c->name);
    control_take_text(o, "serial", &c->serial);
    json_get_i64(o, "customer_id", &c->customer_id);
    if (json_get(o, "offline"))
        c->offline = json_get_bool(o, "offline", false);
}

static void assets_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"count", "name", "serial", "customer_id", "offline", NULL};
    struct syncro *s = self;
    int64_t count = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "count", &count);
    if (count < 1 || count > 100000) {
        control_refuse(r, 400, "count is 1 to 100000");
        return;
    }
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key(&w, "ids");
    jw_array(&w);
    while (count--) {
        int64_t id = S_ASSET_BASE + ++s->nassets;
        set_asset(s, id, o);
        jw_i64(&w, id);
    }
    jw_end(&w);
    jw_end(&w);
}

static void asset_get(void *self, struct ask *a, struct answer *r)
{
    struct s_asset x;
    if (!path_asset(self, a, r, &x))
        return;
    struct jw w = control_json(r, 200);
    s_write_asset(&w, self, &x);
}

static void asset_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "serial", "customer_id", "offline", NULL};
    struct s_asset x;
    const struct json *o = path_asset(self, a, r, &x) ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    set_asset(self, x.id, o);
    control_done(r);
}

static void asset_delete(void *self, struct ask *a, struct answer *r)
{
    struct s_asset x;
    if (!path_asset(self, a, r, &x))
        return;
    s_change(self, x.id)->deleted = true;
    control_done(r);
}

/* --- alerts --- */

static const char *text_of(struct ask *a, const struct json *o, const char *key)
{
    struct slice s = json_get_text(o, key);
    return s.p ? arena_strndup(a->arena, s.p, s.n) : NULL;
}

static void alerts_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"asset_id", "customer_id", "trigger", "description", "output", NULL};
    struct syncro *s = self;
    int64_t asset = 0, customer = 0;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "asset_id", &asset);
    json_get_i64(o, "customer_id", &customer);
    struct s_alert *x =
        s_raise(s, customer, asset, text_of(a, o, "trigger"), text_of(a, o, "description"), text_of(a, o, "output"));
    if (!x) {
        control_refuse(r, 400, "too many alerts");
        return;
    }
    s_send_alert(s, x, false);
    one_id(r, x->id);
}

static struct s_alert *path_alert(struct syncro *s, struct ask *a, struct answer *r)
{
    int64_t id;
    struct s_alert *x = slice_i64(a->params[0], &id) ? s_alert(s, id) : NULL;
    if (!x)
        control_refuse(r, 404, "no alert %.*s", SLICE_FMT(a->params[0]));
    return x;
}

static void alert_get(void *self, struct ask *a, struct answer *r)
{
    const struct s_alert *x = path_alert(self, a, r);
    if (!x)
        return;
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "asset_id", x->asset_id);
    jw_key_bool(&w, "resolved", x->resolved);
    jw_key_bool(&w, "muted", x->muted);
    jw_end(&w);
}

/* The condition went away by itself. */
static void alert_resolve(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    struct s_alert *x = path_alert(s, a, r);
    if (!x)
        return;
    x->resolved = true;
    x->updated = sim_wall(s->sim);
    s_send_alert(s, x, true);
    control_done(r);
}

/* --- tickets --- */

static struct s_ticket *path_ticket(struct syncro *s, struct ask *a, struct answer *r)
{
    int64_t id;
    struct s_ticket *t = slice_i64(a->params[0], &id) ? s_ticket(s, id) : NULL;
    if (!t)
        control_refuse(r, 404, "no ticket %.*s", SLICE_FMT(a->params[0]));
    return t;
}

static void tickets_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"count", "customer_id", "asset_id", "subject", NULL};
    struct syncro *s = self;
    int64_t count = 1, customer = S_CUSTOMER_BASE + 1, asset = 0, last = 0;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "count", &count);
    json_get_i64(o, "customer_id", &customer);
    json_get_i64(o, "asset_id", &asset);
    for (; count > 0; count--) {
        struct s_ticket *t = s_ticket_add(s, customer, json_get_text(o, "subject"));
        if (!t) {
            control_refuse(r, 400, "too many tickets");
            return;
        }
        t->nassets = asset ? 1 : 0;
        t->assets[0] = asset;
        last = t->id;
        s_send_ticket(s, t, "A new ticket was created");
    }
    one_id(r, last);
}

static void ticket_get(void *self, struct ask *a, struct answer *r)
{
    const struct s_ticket *t = path_ticket(self, a, r);
    if (!t)
        return;
    struct jw w = control_json(r, 200);
    s_write_ticket(&w, self, t, true);
}

static void ticket_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"status", "subject", "priority", NULL};
    struct s_ticket *t = path_ticket(self, a, r);
    const struct json *o = t ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct slice status = json_get_text(o, "status");
    if (status.p && !s_listed(s_statuses, status)) {
        control_refuse(r, 400, "no status %.*s", SLICE_FMT(status));
        return;
    }
    s_set_status(self, t, status.p ? status : slice_cstr(t->status));
    control_take_text(o, "subject", &t->subject);
    control_take_text(o, "priority", &t->priority);
    s_send_ticket(self, t, "Ticket was updated");
    control_done(r);
}

static void ticket_delete(void *self, struct ask *a, struct answer *r)
{
    struct s_ticket *t = path_ticket(self, a, r);
    if (!t)
        return;
    t->deleted = true;
    control_done(r);
}

static void comment_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"subject", "body", "tech", "hidden", "user_id", NULL};
    struct s_ticket *t = path_ticket(self, a, r);
    const struct json *o = t ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct s_comment *c =
        s_comment_add(self, t, json_get_text(o, "subject"), json_get_text(o, "body"), json_get_text(o, "tech"));
    c->hidden = json_get_bool(o, "hidden", false);
    json_get_i64(o, "user_id", &c->user_id);
    s_send_comment(self, t, c);
    one_id(r, c->id);
}

/* --- settings, summary --- */

static void settings_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"per_minute",          "window_ms",  "retry_after", "page_size",
                                        "assets_without_meta", "note_bytes", NULL};
    struct syncro *s = self;
    int64_t window = s->window / USEC_PER_MS;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "per_minute", &s->per_minute);
    json_get_i64(o, "window_ms", &window);
    json_get_i64(o, "page_size", &s->page_size);
    json_get_i64(o, "note_bytes", &s->note_bytes);
    s->per_minute = MAX(MIN(s->per_minute, S_MAX_RATE), 1);
    s->window = MILLIS(window);
    s->retry_after = json_get_bool(o, "retry_after", s->retry_after);
    s->assets_without_meta = json_get_bool(o, "assets_without_meta", s->assets_without_meta);
    control_done(r);
}

static void summary_get(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    struct s_asset x;
    int64_t assets = 0, active = 0, tickets = 0, open = 0, comments = 0, customers = 0;
    for (int64_t n = 1; n <= s->nassets; n++)
        assets += s_asset(s, S_ASSET_BASE + n, &x);
    for (size_t k = 0; k < s->ncustomers; k++)
        customers += !s->customers[k].disabled;
    for (size_t k = 0; k < s->nalerts; k++)
        active += !s->alerts[k].resolved;
    for (size_t k = 0; k < s->ntickets; k++) {
        const struct s_ticket *t = &s->tickets[k];
        tickets += !t->deleted;
        open += !t->deleted && t->resolved == USEC_NONE;
        comments += t->deleted ? 0 : (int64_t)t->ncomments;
    }
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "customers", customers);
    jw_key_i64(&w, "customers_disabled", (int64_t)s->ncustomers - customers);
    jw_key_i64(&w, "assets", assets);
    jw_key_i64(&w, "contacts", (int64_t)s->nbase * 2 + 1);
    jw_key_i64(&w, "alerts", active);
    jw_key_i64(&w, "tickets", tickets);
    jw_key_i64(&w, "tickets_open", open);
    jw_key_i64(&w, "comments", comments);
    jw_key_i64(&w, "emails", s->emails);
    jw_key_i64(&w, "texts", s->texts);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/control/syncro/summary", summary_get},
    {HTTP_POST, "/control/syncro/customers", customers_post},
    {HTTP_PATCH, "/control/syncro/customers/{}", customer_patch},
    {HTTP_POST, "/control/syncro/assets", assets_post},
    {HTTP_GET, "/control/syncro/assets/{}", asset_get},
    {HTTP_PATCH, "/control/syncro/assets/{}", asset_patch},
    {HTTP_DELETE, "/control/syncro/assets/{}", asset_delete},
    {HTTP_POST, "/control/syncro/alerts", alerts_post},
    {HTTP_GET, "/control/syncro/alerts/{}", alert_get},
    {HTTP_POST, "/control/syncro/alerts/{}/resolve", alert_resolve},
    {HTTP_POST, "/control/syncro/tickets", tickets_post},
    {HTTP_GET, "/control/syncro/tickets/{}", ticket_get},
    {HTTP_PATCH, "/control/syncro/tickets/{}", ticket_patch},
    {HTTP_DELETE, "/control/syncro/tickets/{}", ticket_delete},
    {HTTP_POST, "/control/syncro/tickets/{}/comments", comment_post},
    {HTTP_PATCH, "/control/syncro/settings", settings_patch},
};
const struct routes syncro_controls = {routes, ARRAY_LEN(routes)};
