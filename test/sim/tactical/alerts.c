/* tactical/alerts.c - alerts: PATCH /alerts/ is the call that lists. */
#include "tactical.h"
#include <stdlib.h>

static const char *const severities[] = {"info", "warning", "error"};

static bool visible(struct tactical *t, const struct ask *a, const struct t_alert *x)
{
    struct t_agent agent;
    if (x->deleted)
        return false;
    if (x->agent && !t_agent(t, x->agent, &agent))
        return false; /* deleted with its agent */
    return !(t_rights(a) & RIGHT_LIMITED) || !x->agent || agent.client == 2;
}

/* An absent filter lets everything through; a list lets through what it holds, so an empty list (or a plain string) nothing. */
static bool list_holds(const struct json *list, struct slice text)
{
    if (!list)
        return true;
    if (list->type != JSON_ARRAY)
        return false;
    for (const struct json *v = list->child; v; v = v->next) {
        if (slice_eq(v->text, text))
            return true;
    }
    return false;
}

struct filter {
    bool unresolved, unsnoozed;
    const struct json *severity, *client;
    usec_t since; /* USEC_NONE: any */
};

static bool matches(struct tactical *t, const struct filter *f, const struct t_alert *x)
{
    struct t_agent agent;
    char client[24] = "";
    if ((f->unresolved && x->resolved) || (f->unsnoozed && x->snoozed) || (f->since != USEC_NONE && x->at < f->since))
        return false;
    if (!list_holds(f->severity, slice_cstr(x->severity)))
        return false;
    if (!f->client)
        return true;
    if (x->agent && t_agent(t, x->agent, &agent))
        snprintf(client, sizeof(client), "%lld", (long long)agent.client);
    return client[0] && list_holds(f->client, slice_cstr(client));
}

static bool is_false(const struct json *o, const char *key)
{
    const struct json *v = json_get(o, key);
    return v && v->type == JSON_BOOL && !v->boolean;
}

/* False: the server fails on what it was given. */
static bool parse_filter(const struct json *o, usec_t now, struct filter *f)
{
    const struct json *days = json_get(o, "timeFilter");
    int64_t n;
    *f = (struct filter){.unresolved = is_false(o, "resolvedFilter"),
                         .unsnoozed = is_false(o, "snoozedFilter"),
                         .severity = json_get(o, "severityFilter"),
                         .client = json_get(o, "clientFilter"),
                         .since = USEC_NONE};
    if (!days)
        return true;
    if (!slice_i64(days->text, &n))
        return false;
    f->since = now - SECONDS(n * 86400);
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct t_alert *x = *(const struct t_alert *const *)a, *y = *(const struct t_alert *const *)b;
    return (x->at > y->at) - (x->at < y->at);
}

static void write_top(struct tactical *t, struct ask *a, struct answer *r, int64_t top)
{
    const struct t_alert **v = mem_realloc_array(NULL, t->nalerts + 1, sizeof(*v));
    size_t n = 0;
    for (size_t k = 0; k < t->nalerts; k++) {
        const struct t_alert *x = &t->alerts[k];
        if (visible(t, a, x) && !x->resolved && !x->snoozed && !x->hidden)
            v[n++] = x;
    }
    qsort(v, n, sizeof(const struct t_alert *), by_time);
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "alerts_count", (int64_t)n + (a->fault == FAULT_WRONG_TOTAL ? 7 : 0));
    jw_key(&w, "alerts");
    jw_array(&w);
    for (size_t k = 0; k < n && (int64_t)k < top; k++)
        tw_alert(&w, t, v[k]);
    jw_end(&w);
    jw_end(&w);
    free(v);
}

void t_alerts_patch(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct filter f;
    int64_t top;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    const struct json *want_top = json_get(o, "top");
    if (want_top) {
        if (slice_i64(want_top->text, &top))
            write_top(t, a, r, top);
        else
            t_html(r, 500);
        return;
    }
    if (!parse_filter(o, a->wall, &f)) {
        t_html(r, 500);
        return;
    }
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < t->nalerts; k++) {
        const struct t_alert *x = &t->alerts[a->fault == FAULT_SHUFFLE ? t->nalerts - 1 - k : k];
        if (visible(t, a, x) && matches(t, &f, x) && !(a->fault == FAULT_OMIT_ROWS && k % 10 == 3))
            tw_alert(&w, t, x);
    }
    jw_end(&w);
}

static struct t_alert *path_alert(struct tactical *t, struct ask *a, struct answer *r)
{
    int64_t id;
    if (!slice_i64(a->params[0], &id)) {
        t_html(r, 404);
        return NULL;
    }
    struct t_alert *x = t_alert(t, id);
    if (!x || !visible(t, a, x)) {
        t_detail(r, 404, "No Alert matches the given query.");
        r->gone = id >= 1 && id <= (int64_t)t->nalerts;
        return NULL;
    }
    return x;
}

void t_alert_get(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    const struct t_alert *x = path_alert(t, a, r);
    if (!x)
        return;
    struct jw w = t_json(r, 200);
    tw_alert(&w, t, x);
}

static void resolve(struct t_alert *x, usec_t now)
{
    x->resolved = true;
    x->resolved_on = now;
    x->snoozed = false;
    x->snooze_until = USEC_NONE;
}

static void snooze(struct t_alert *x, usec_t now, int64_t days)
{
    x->snoozed = true;
    x->snooze_until = now + SECONDS(days * 86400);
}

/* By hand: no webhook, and while the agent stays overdue the server will raise a new alert. */
void t_alert_put(void *self, struct ask *a, struct answer *r)
{
    int64_t days;
    struct t_alert *x = path_alert(self, a, r);
    const struct json *o = x ? t_body(a, r) : NULL;
    if (!o)
        return;
    struct slice type = json_get_text(o, "type");
    if (slice_is(type, "resolve")) {
        resolve(x, a->wall);
    } else if (slice_is(type, "snooze")) {
        if (!json_get_i64(o, "snooze_days", &days)) {
            t_string(r, 400, "Missing 'snoozed_days' when trying to snooze alert");
            return;
        }
        snooze(x, a->wall, days);
    } else if (slice_is(type, "unsnooze")) {
        x->snoozed = false;
        x->snooze_until = USEC_NONE;
    } else if (json_get(o, "type")) {
        t_string(r, 400, "There was an error in the request data");
        return;
    } else { /* the fields as they are */
        x->resolved = json_get_bool(o, "resolved", x->resolved);
        x->hidden = json_get_bool(o, "hidden", x->hidden);
        x->snoozed = json_get_bool(o, "snoozed", x->snoozed);
    }
    t_string(r, 200, "ok");
}

void t_alert_delete(void *self, struct ask *a, struct answer *r)
{
    struct t_alert *x = path_alert(self, a, r);
    if (!x)
        return;
    x->deleted = true;
    t_string(r, 200, "ok");
}

void t_alerts_bulk(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    int64_t days = 0, id;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    struct slice action = json_get_text(o, "bulk_action");
    const struct json *ids = json_get(o, "alerts");
    bool snoozes = slice_is(action, "snooze") && json_get_i64(o, "snooze_days", &days);
    if ((!slice_is(action, "resolve") && !snoozes) || !ids) {
        t_string(r, 400, "The request was invalid");
        return;
    }
    for (const struct json *v = ids->child; v; v = v->next) {
        struct t_alert *x = slice_i64(v->text, &id) ? t_alert(t, id) : NULL;
        if (!x)
            continue;
        if (snoozes)
            snooze(x, a->wall, days);
        else
            resolve(x, a->wall);
    }
    t_string(r, 200, "ok");
}

void t_alerts_post(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent agent;
    int64_t id = 0;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    struct slice severity = json_get_text(o, "severity"), message = json_get_text(o, "message");
    const char *level = NULL;
    for (size_t k = 0; k < ARRAY_LEN(severities); k++)
        level = slice_is(severity, severities[k]) ? severities[k] : level;
    if (!level) {
        _cleanup_(str_release) struct str text = {0};
        str_addf(&text, "\"%.*s\" is not a valid choice.", SLICE_FMT(severity));
        struct jw w = t_json(r, 400);
        jw_object(&w);
        jw_key(&w, "severity");
        jw_array(&w);
        jw_slice(&w, str_slice(&text));
        jw_end(&w);
        jw_end(&w);
        answer_because(r, "unknown severity");
        return;
    }
    if (json_get_i64(o, "agent", &id) && !t_agent(t, id, &agent))
        id = 0;
    struct t_alert *x = t_raise(t, id, "custom", level, a->wall);
    if (x && message.p) {
        free(x->message);
        x->message = mem_strndup(message.p, message.n);
    }
    t_string(r, 200, "ok"); /* without the new id */
}
