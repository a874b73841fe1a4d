/* ninja/feed.c - what a client reads of alerts and activities: GET /v2/alerts, /v2/activities, and resets.
 * Always: newest first; olderThan and newerThan are ids, not times; an alert that was reset is gone from the list. */
#include "base/json_read.h"
#include "ninja.h"

/* --- alerts --- */

static void write_alerts(struct ninja *n, struct ask *a, struct answer *r, const struct ninja_filter *filter,
                         int64_t device)
{
    struct ninja_alert *alert, *next;
    struct ninja_core core;
    struct slice source = SLICE_NONE;
    ask_arg(a, "sourceType", &source);
    struct jw w = ninja_json(r);
    jw_array(&w);
    int64_t i = 0;
    HASH_ITER(hh, n->fleet->alerts, alert, next)
    {
        if ((device && alert->device != device) || !ninja_core(n->fleet, alert->device, &core))
            continue;
        if ((filter && !ninja_filter_match(filter, &core)) ||
            (source.n && !slice_is(source, ninja_conditions[alert->source].source_type)))
            continue;
        if (a->fault == FAULT_OMIT_ROWS && i++ % 10 == 3)
            continue;
        nw_alert(&w, n->fleet, alert);
    }
    jw_end(&w);
}

void ninja_alerts(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_filter *filter = ninja_df(n, a, r);
    if (filter)
        write_alerts(n, a, r, filter, 0);
}

void ninja_device_alerts(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    if (ninja_path_device(n, a, r, &core))
        write_alerts(n, a, r, NULL, core.id);
}

void ninja_alert_reset(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    if (a->method == HTTP_POST && a->body.n && !ninja_body(n, a, r, NULL))
        return;
    struct ninja_alert *alert = ninja_alert(n->fleet, a->params[0]);
    if (!alert) {
        ninja_refuse(n, r, 404, a->params[0].n == UUID_MAX - 1 ? "NOT_FOUND" : "FAILURE", "Alert %.*s not found",
                     SLICE_FMT(a->params[0]));
        r->gone = a->params[0].n == UUID_MAX - 1; /* reset before: uids that were never given are not told apart */
        return;
    }
    ninja_emit_alert(n, alert, "RESET");
    ninja_close(n->fleet, alert);
    ninja_no_content(r);
}

/* --- activities --- */

struct feed_query {
    int64_t older, newer, size, device;
    usec_t before, after;
    struct slice type, status, series, config, class;
    struct ninja_filter *filter; /* NULL: no df */
};

/* yyyyMMdd, or epoch seconds. */
bool ninja_arg_time(struct ninja *n, struct ask *a, struct answer *r, const char *name, usec_t *io)
{
    struct slice text;
    char iso[11];
    if (!ask_arg(a, name, &text))
        return true;
    if (text.n == 8) {
        snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2s", text.p, text.p + 4, text.p + 6);
        if (clock_parse_iso(slice_of(iso, 10), io))
            return true;
    } else if (clock_parse_epoch(text, io)) {
        return true;
    }
    ninja_refuse(n, r, 400, "FAILURE", "%s is neither a date nor a time", name);
    return false;
}

static bool feed_query(struct ninja *n, struct ask *a, struct answer *r, struct feed_query *q)
{
    struct slice df;
    *q = (struct feed_query){.older = INT64_MAX, .size = 200, .before = INT64_MAX, .after = INT64_MIN};
    if (!ninja_arg_i64(n, a, r, "olderThan", 0, INT64_MAX, &q->older) ||
        !ninja_arg_i64(n, a, r, "newerThan", 0, INT64_MAX, &q->newer) ||
        !ninja_arg_i64(n, a, r, "pageSize", 10, 1000, &q->size) || !ninja_arg_time(n, a, r, "before", &q->before) ||
        !ninja_arg_time(n, a, r, "after", &q->after))
        return false;
    ask_arg(a, a->params[0].p ? "activityType" : "type", &q->type);
    ask_arg(a, "status", &q->status);
    ask_arg(a, "seriesUid", &q->series);
    ask_arg(a, "sourceConfigUid", &q->config);
    ask_arg(a, "class", &q->class);
    if (q->class.n && !slice_is(q->class, "ALL") && !slice_is(q->class, "SYSTEM") && !slice_is(q->class, "DEVICE") &&
        !slice_is(q->class, "USER")) {
        ninja_refuse(n, r, 400, "FAILURE", "class is SYSTEM, DEVICE, USER or ALL");
        return false;
    }
    return !ask_arg(a, "df", &df) || (q->filter = ninja_df(n, a, r));
}

/* "TRIGGERED" or "in (TRIGGERED,RESET)". */
static bool status_matches(struct slice status, const char *code)
{
    if (!slice_starts(status, SLICE("in ")))
        return slice_is(status, code);
    status = slice_trim(slice_of(status.p + 3, status.n - 3));
    if (status.n < 2 || status.p[0] != '(')
        return false;
    status = slice_of(status.p + 1, status.n - 2);
    while (status.n) {
        if (slice_is(slice_trim(slice_cut(&status, ',')), code))
            return true;
    }
    return false;
}

static bool feed_match(const struct ninja *n, const struct feed_query *q, const struct ninja_activity *x)
{
    struct ninja_core core;
    if (x->id >= q->older || x->id <= q->newer || x->at >= q->before || x->at < q->after)
        return false;
    if ((q->device && x->device != q->device) || (q->type.n && !slice_is(q->type, x->type)))
        return false;
    if ((q->status.n && !status_matches(q->status, x->code)) || (q->series.n && !slice_is(q->series, x->series)))
        return false;
    if (q->config.n && !slice_is(q->config, x->config))
        return false;
    if ((slice_is(q->class, "SYSTEM") && x->device) || (slice_is(q->class, "DEVICE") && !x->device) ||
        (slice_is(q->class, "USER") && !x->user))
        return false;
    return !q->filter || (x->device && ninja_core(n->fleet, x->device, &core) && ninja_filter_match(q->filter, &core));
}

void ninja_activities(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct feed_query q;
    struct ninja_core core;
    bool of_device = a->params[0].p != NULL;
    if (of_device && !ninja_path_device(n, a, r, &core))
        return;
    if (!feed_query(n, a, r, &q))
        return;
    q.device = of_device ? core.id : 0;
    if (a->fault == FAULT_STUCK_CURSOR)
        q.older = INT64_MAX;
    int64_t last_of_device = 0, rows = 0;
    struct jw w = ninja_json(r);
    jw_object(&w);
    if (n->fleet->feed_n)
        jw_key_i64(&w, "lastActivityId", ninja_feed_at(n->fleet, n->fleet->feed_n - 1)->id);
    jw_key(&w, "activities");
    jw_array(&w);
    for (size_t i = n->fleet->feed_n; i > 0 && rows < q.size; i--) { /* newest first */
        const struct ninja_activity *x = ninja_feed_at(n->fleet, i - 1);
        if (of_device && !last_of_device && x->device == core.id)
            last_of_device = x->id;
        if (!feed_match(n, &q, x) || (a->fault == FAULT_OMIT_ROWS && rows++ % 10 == 3))
            continue;
        nw_activity(&w, n->fleet, x, 0);
        rows += a->fault != FAULT_OMIT_ROWS;
    }
    jw_end(&w);
    if (last_of_device)
        jw_key_i64(&w, "lastNodeActivityId", last_of_device);
    jw_end(&w);
}
