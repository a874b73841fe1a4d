/* syncro/alerts.c - RMM alerts: made, listed, muted, and resolved, which is what DELETE does. */
#include "syncro.h"
#include <stdlib.h>

#define ALERTS_PAGE 25

static void write_alert(struct jw *w, const struct s_alert *x, bool created)
{
    jw_object(w);
    jw_key_i64(w, "id", x->id);
    if (created)
        jw_key_i64(w, "account_id", 77);
    jw_key_i64(w, "customer_id", x->customer_id);
    if (created) {
        jw_key_str(w, "ticket_id", NULL);
    } else {
        jw_key_str(w, "ticket_number", NULL);
        jw_key_str(w, "ticket_status", NULL);
    }
    jw_key_str(w, "computer_name", x->computer);
    jw_key(w, "properties");
    jw_object(w);
    if (x->trigger) {
        jw_key_str(w, "trigger", x->trigger);
        jw_key_str(w, "description", x->description);
    }
    jw_end(w);
    jw_key_bool(w, "resolved", x->resolved);
    jw_key_str(w, "check_id", NULL);
    jw_key_str(w, "status", NULL);
    jw_key_str(w, "formatted_output", x->output);
    jw_key_str(w, "description", x->description);
    s_key_time(w, "created_at", x->created);
    s_key_time(w, "updated_at", x->updated);
    jw_key(w, "asset_id");
    if (x->asset_id)
        jw_i64(w, x->asset_id);
    else
        jw_null(w);
    jw_end(w);
}

static bool shown(const struct ask *a, const struct s_alert *x, struct slice status)
{
    if (!s_sees(a, x->customer_id))
        return false;
    if (slice_is(status, "all"))
        return true;
    return x->resolved == slice_is(status, "resolved");
}

void s_alerts(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    struct slice status = SLICE("active");
    struct s_page p;
    ask_arg(a, "status", &status);
    if (!slice_is(status, "active") && !slice_is(status, "resolved") && !slice_is(status, "all")) {
        s_error(r, 400, "status is active, resolved or all"); /* chosen: what the real one says is not known */
        return;
    }
    size_t *rows = mem_realloc_array(NULL, s->nalerts + 1, sizeof(*rows)), n = 0;
    for (size_t k = s->nalerts; k-- > 0;) /* newest first */
        if (shown(a, &s->alerts[k], status))
            rows[n++] = k;
    if (s_page(s, a, r, ALERTS_PAGE, (int64_t)n, false, &p)) {
        struct jw w = s_json(r, 200);
        jw_object(&w);
        jw_key(&w, "rmm_alerts");
        jw_array(&w);
        for (int64_t k = 0; k < p.last - p.first; k++)
            if (s_page_row(&p, k) >= 0)
                write_alert(&w, &s->alerts[rows[s_page_row(&p, k)]], false);
        jw_end(&w);
        s_write_meta(&w, &p);
        jw_end(&w);
    }
    free(rows);
}

void s_alert_post(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    const struct json *o = s_body(a, r);
    int64_t customer = 0, asset = 0;
    struct s_asset x;
    if (!o)
        return;
    json_get_i64(o, "customer_id", &customer);
    json_get_i64(o, "asset_id", &asset);
    if (!s_customer(s, customer) || (asset && !s_asset(s, asset, &x))) {
        s_refuse(r, "Customer can't be blank");
        return;
    }
    const struct json *properties = json_get(o, "properties");
    struct slice text = json_get_text(o, "description"), trigger = json_get_text(properties, "trigger");
    struct slice output = json_get_text(o, "formatted_output");
    struct s_alert *alert =
        s_raise(s, customer, asset, trigger.p ? arena_strndup(a->arena, trigger.p, trigger.n) : NULL,
                arena_strndup(a->arena, text.p ? text.p : "", text.n),
                arena_strndup(a->arena, output.p ? output.p : "", output.n));
    if (!alert) {
        s_error(r, 500, "Internal Server Error");
        return;
    }
    struct jw w = s_json(r, 201);
    jw_object(&w);
    jw_key_bool(&w, "success", true);
    jw_key(&w, "alert");
    write_alert(&w, alert, true);
    jw_end(&w);
    s_send_alert(s, alert, false);
}

static struct s_alert *path_alert(struct syncro *s, struct ask *a, struct answer *r)
{
    int64_t id;
    struct s_alert *x = slice_i64(a->params[0], &id) ? s_alert(s, id) : NULL;
    if (x && s_sees(a, x->customer_id))
        return x;
    s_not_found(r, "RMM alert", false);
    return NULL;
}

void s_alert_one(void *self, struct ask *a, struct answer *r)
{
    const struct s_alert *x = path_alert(self, a, r);
    if (!x)
        return;
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "rmm_alert"); /* "alert" when it is made */
    write_alert(&w, x, false);
    jw_end(&w);
}

void s_alert_mute(void *self, struct ask *a, struct answer *r)
{
    static const char *const spans[] = {"1-hour", "1-day", "2-days", "1-week", "2-weeks", "1-month", "forever", NULL};
    struct s_alert *x = path_alert(self, a, r);
    struct slice span = SLICE_NONE;
    if (!x)
        return;
    if (!ask_arg(a, "mute_for", &span) && a->body.n) {
        const struct json *o = s_body(a, r);
        if (!o)
            return;
        span = json_get_text(o, "mute_for");
    }
    if (!s_listed(spans, span)) {
        answer_text(r, 422, "application/json; charset=utf-8",
                    "{\"errors\":{\"mute_for\":[\"is not included in the list\"]}}");
        answer_because(r, "mute_for is not included in the list");
        return;
    }
    x->muted = true;
    answer_text(r, 200, "application/json; charset=utf-8", "{\"success\":\"true\"}"); /* a text */
}

/* Resolves it; the row stays. */
void s_alert_delete(void *self, struct ask *a, struct answer *r)
{
    struct s_alert *x = path_alert(self, a, r);
    if (!x)
        return;
    x->resolved = true;
    x->updated = a->wall;
    answer_text(r, 200, "application/json; charset=utf-8", "{\"success\":\"true\"}");
}
