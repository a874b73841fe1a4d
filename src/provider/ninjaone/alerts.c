/* alerts.c - NinjaOne's alerts: one list of those that fire now, and where it says no severity, the activities that
 * triggered them.
 * Why:    older instances leave severity and priority out of the list; the activity with the alert's series has them.
 *         Asking for each alert would be a call an alert: the latest thousand come with the feed's head, older ones by
 *         some more pages of the same.
 * Always: an alert is told with its list, severity or not; a severity that is found later is told by the activity, whose
 *         place in time is the alert's beginning and so changes nothing else. */
#include "provider/ninjaone/sync.h"

#include "base/crypto.h"

#include <stdlib.h>

#define SERIES_SEED      5
#define SEVERITIES_MAX   16384 /* series of which anything is known; past it alerts go without */
#define SEVERITIES_PAGES 5

/* --- what is known --- */

static struct nin_severity *slot_of(struct nin_severity *v, size_t cap, uint64_t series)
{
    size_t i = series & (cap - 1);

    while (v[i].series && v[i].series != series)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static uint64_t hash_of(struct slice series)
{
    return crypto_hash64(SERIES_SEED, series) | 1;
}

/* NULL: there is no room. */
static struct nin_severity *severity_slot(struct nin_severities *s, struct slice series)
{
    if (2 * (s->n + 1) > s->cap) {
        struct nin_severity *old = s->v;
        size_t cap = s->cap ? 2 * s->cap : 256;
        if (s->n >= SEVERITIES_MAX)
            return NULL;
        s->v = mem_zalloc(cap * sizeof(*s->v));
        for (size_t i = 0; i < s->cap; i++)
            if (old[i].series)
                *slot_of(s->v, cap, old[i].series) = old[i];
        s->cap = cap;
        free(old);
    }
    struct nin_severity *slot = slot_of(s->v, s->cap, hash_of(series));
    s->n += !slot->series;
    slot->series = hash_of(series);
    return slot;
}

void nin_severities_learn(struct nin_severities *s, const struct nin_activity *a)
{
    int severity = nin_severity(a->severity, a->priority);
    struct nin_severity *slot;

    if (severity && a->series.n && slice_is(a->type, "CONDITION") && slice_is(a->status, "TRIGGERED") &&
        (slot = severity_slot(s, a->series)) && !slot->severity) /* newest first */
        slot->severity = severity;
}

int nin_severities_of(const struct nin_severities *s, struct slice series)
{
    return s->cap ? slot_of(s->v, s->cap, hash_of(series))->severity : 0;
}

void nin_severities_want(struct nin_severities *s, struct slice series)
{
    size_t n = s->n;

    if (severity_slot(s, series) && s->n > n) /* not when the page is read again */
        s->wanted++;
}

bool nin_severities_take(struct nin_severities *s, const struct nin_activity *a)
{
    struct nin_severity *slot = s->cap && a->series.n ? slot_of(s->v, s->cap, hash_of(a->series)) : NULL;

    if (!slot || !slot->series || slot->severity || !nin_severity(a->severity, a->priority))
        return false;
    slot->severity = nin_severity(a->severity, a->priority);
    s->wanted--;
    return true;
}

void nin_severities_release(struct nin_severities *s)
{
    free(s->v);
    *s = (struct nin_severities){0};
}

/* --- the list --- */

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/alerts");
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_alert *a = row;
    const struct sink *sink = t->machine->sink;
    struct nin_sync *x = nin_sync_of(t->machine);

    if (fault || !a->uid.n) {
        x->alerts_nameless += !a->uid.n;
        sink->reject(sink->arg, RECORD_ALERT, known(a->uid), fault ? fault : "uid is empty");
        return;
    }
    int severity = nin_severity(a->severity, a->priority);
    if (!severity)
        severity = nin_severities_of(&x->feed.severities, a->uid);
    if (!severity && x->full)
        nin_severities_want(&x->feed.severities, a->uid);
    nin_emit_alert(a, severity, sink);
}

static void alerts_again(struct task *t)
{
    nin_sync_of(t->machine)->alerts_nameless = 0;
}

static enum task_verdict alerts_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    const struct sink *sink = t->machine->sink;

    if (x->alerts_nameless)
        sink->incomplete(sink->arg, RECORD_ALERT,
                         "NinjaOne, alerts: a row without a uid, so no alert is taken as resolved");
    else
        sink->complete(sink->arg, RECORD_ALERT, t->page_rows);
    if (x->feed.severities.wanted) {
        x->severities_older = x->feed.oldest;
        task_switch(&x->severities, TASK_READY);
    }
    return TASK_DONE;
}

static enum task_verdict alerts_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (nin_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->incomplete(sink->arg, RECORD_ALERT, e->what);
    return TASK_DONE;
}

static const struct map_doc alerts_doc = {.rows = "[]", .row = &nin_alert_map};
static const struct task_kind alerts_kind = {.what = "alerts",
                                             .list = true,
                                             .doc = &alerts_doc,
                                             .ask = ask_alerts,
                                             .row = alert_row,
                                             .page = alerts_page,
                                             .failed = alerts_failed,
                                             .again = alerts_again};

/* --- severities that the feed's head did not hold --- */

static void ask_severities(struct task *t, struct str *path, struct str *body)
{
    const struct nin_sync *x = nin_sync_of(t->machine);

    str_adds(path, "/v2/activities?" NIN_TRIGGERS "&pageSize=1000");
    if (x->severities_older)
        str_addf(path, "&olderThan=%lld", (long long)x->severities_older);
}

static void severity_row(struct task *t, const void *row, const char *fault)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    const struct nin_activity *a = row;
    struct err e = {0};
    int64_t id;

    if (!slice_i64(a->id, &id) || id <= 0)
        return;
    x->severities_lowest = x->severities_lowest ? MIN(x->severities_lowest, id) : id;
    if (!fault && slice_is(a->type, "CONDITION") && slice_is(a->status, "TRIGGERED") &&
        nin_severities_take(&x->feed.severities, a))
        (void)nin_activity_emit(a, t->machine->sink, &e);
}

static enum task_verdict severities_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    int64_t lowest = x->severities_lowest;
    bool moves = lowest && (!x->severities_older || lowest < x->severities_older);

    x->severities_lowest = 0;
    if (!moves || !x->feed.severities.wanted || ++x->severities_pages == SEVERITIES_PAGES)
        return TASK_DONE;
    x->severities_older = lowest;
    return TASK_AGAIN;
}

/* Alerts go without: that is no reason to call the run partial. */
static enum task_verdict severities_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return nin_is_fatal(t, r, e) ? TASK_FATAL : TASK_DONE;
}

static const struct task_kind severities_kind = {.what = "activities",
                                                 .list = true,
                                                 .doc = &nin_feed_doc,
                                                 .ask = ask_severities,
                                                 .row = severity_row,
                                                 .page = severities_page,
                                                 .failed = severities_failed};

void nin_alerts_add(struct nin_sync *x)
{
    machine_add(&x->m, &x->alerts, &alerts_kind, STAGE_PENDING);
    machine_add(&x->m, &x->severities, &severities_kind, STAGE_SEVERITIES);
    task_switch(&x->severities, TASK_OFF);
    if (!nin_wants(&x->context, RECORD_ALERT))
        task_switch(&x->alerts, TASK_OFF);
}
