/* sync.c - NinjaOne's full and incremental sync.
 * Full:        newest activity id; then side by side organizations, locations, devices and seven reports; then the
 *              devices that wait for approval, and the alerts. A device's hardware comes from the reports only, never
 *              from the lists as well.
 * Incremental: the activity feed down to the stored id (it names the devices to read again and carries the alerts'
 *              changes) · organizations and locations when the feed says they changed · the alerts, whole. Without a
 *              stored id, or when the feed cannot close the gap, it becomes a full sync.
 * Resuming:    a checkpoint holds the position of each list by id and of the feed. Reports and alerts start again: a
 *              report's cursor may have expired, and the alerts are one call.
 * Always:      a list is told complete in finish(), so that a resumed run tells it as well. */
#include "provider/ninjaone/sync.h"

#include "base/json_read.h"
#include "base/json_write.h"

#define LIST_PAGE 1000

struct nin_sync {
    struct machine m;
    struct nin_feed feed;
    struct nin_list organizations, locations, devices, pending;
    struct nin_report reports[NIN_NREPORTS];
    struct task alerts;
    int64_t alerts_nameless;
    bool full;
};

static struct nin_sync *sync_of(struct machine *m)
{
    return container_of(m, struct nin_sync, m);
}

static bool wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

/* --- lists --- */

static struct nin_list *list_of(struct task *t)
{
    return container_of(t, struct nin_list, task);
}

static void ask_list(struct task *t, struct str *path, const char *resource, const char *filter)
{
    str_addf(path, "/v2/%s?%spageSize=%d", resource, filter, LIST_PAGE);
    if (list_of(t)->after)
        str_addf(path, "&after=%lld", (long long)list_of(t)->after);
}

static void ask_organizations(struct task *t, struct str *path, struct str *body)
{
    ask_list(t, path, "organizations", "");
}

static void ask_locations(struct task *t, struct str *path, struct str *body)
{
    ask_list(t, path, "locations", "");
}

static void ask_devices(struct task *t, struct str *path, struct str *body)
{
    ask_list(t, path, "devices-detailed", "");
}

/* Without a filter the product hides devices that wait for approval; one that a webhook brought would then look as if
 * it were gone. */
static void ask_pending(struct task *t, struct str *path, struct str *body)
{
    ask_list(t, path, "devices-detailed", "df=status%20%3D%20PENDING&");
}

static void organization_row(struct task *t, const void *row, const char *fault)
{
    const struct record_organization *o = row;

    if (nin_list_take(list_of(t), o->id, fault))
        nin_emit_organization(o, t->machine->sink);
}

static void location_row(struct task *t, const void *row, const char *fault)
{
    const struct record_location *l = row;
    struct record r = {.kind = RECORD_LOCATION, .location = *l};

    if (nin_list_take(list_of(t), l->id, fault))
        t->machine->sink->record(t->machine->sink->arg, &r);
}

static void device_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_device_full *d = row;

    if (nin_list_take(list_of(t), d->device.id, fault))
        nin_emit_listed(d, t->machine->sink);
}

static enum task_verdict list_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return nin_list_page(list_of(t));
}

/* Only the lists of devices make checkpoints, and they are read one after the other: what follows a checkpoint was
 * asked for after it. */
static enum task_verdict devices_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    enum task_verdict v = nin_list_page(list_of(t));

    nin_sync_checkpoint(t->machine);
    return v;
}

static void list_again(struct task *t)
{
    nin_list_again(list_of(t));
}

/* The rest of the inventory does not hang on locations or on devices that wait. */
static enum task_verdict minor_list_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (nin_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->incomplete(sink->arg, list_of(t)->kind, e->what);
    list_of(t)->doubtful = true;
    list_of(t)->ended = true;
    return TASK_DONE;
}

static const struct map_doc organizations_doc = {.rows = "[]", .row = &nin_organization_map};
static const struct map_doc locations_doc = {.rows = "[]", .row = &nin_location_map};
static const struct map_doc devices_doc = {.rows = "[]", .row = &nin_device_listed_map};
static const struct map_doc alerts_doc = {.rows = "[]", .row = &nin_alert_map};

static const struct task_kind organizations_kind = {.what = "organizations",
                                                    .list = true,
                                                    .doc = &organizations_doc,
                                                    .ask = ask_organizations,
                                                    .row = organization_row,
                                                    .page = list_page,
                                                    .again = list_again};
static const struct task_kind locations_kind = {.what = "locations",
                                                .list = true,
                                                .doc = &locations_doc,
                                                .ask = ask_locations,
                                                .row = location_row,
                                                .page = list_page,
                                                .failed = minor_list_failed,
                                                .again = list_again};
static const struct task_kind devices_kind = {.what = "devices",
                                              .list = true,
                                              .doc = &devices_doc,
                                              .ask = ask_devices,
                                              .row = device_row,
                                              .page = devices_page,
                                              .again = list_again};
static const struct task_kind pending_kind = {.what = "pending-devices",
                                              .list = true,
                                              .doc = &devices_doc,
                                              .ask = ask_pending,
                                              .row = device_row,
                                              .page = devices_page,
                                              .failed = minor_list_failed,
                                              .again = list_again};

/* --- alerts: one whole list --- */

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/alerts");
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_alert *a = row;
    const struct sink *sink = t->machine->sink;

    if (fault || !a->uid.n) {
        sync_of(t->machine)->alerts_nameless += !a->uid.n;
        sink->reject(sink->arg, RECORD_ALERT, known(a->uid), fault ? fault : "uid is empty");
    } else {
        nin_emit_alert(a, sink);
    }
}

static void alerts_again(struct task *t)
{
    sync_of(t->machine)->alerts_nameless = 0;
}

static enum task_verdict alerts_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (sync_of(t->machine)->alerts_nameless)
        sink->incomplete(sink->arg, RECORD_ALERT,
                         "NinjaOne, alerts: a row without a uid, so no alert is taken as resolved");
    else
        sink->complete(sink->arg, RECORD_ALERT, t->page_rows);
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

static const struct task_kind alerts_kind = {.what = "alerts",
                                             .list = true,
                                             .doc = &alerts_doc,
                                             .ask = ask_alerts,
                                             .row = alert_row,
                                             .page = alerts_page,
                                             .failed = alerts_failed,
                                             .again = alerts_again};

/* --- the whole --- */

static void switch_full(struct nin_sync *x)
{
    struct machine *m = &x->m;
    enum task_state devices = wants(m, RECORD_DEVICE) ? TASK_READY : TASK_OFF;

    x->full = true;
    task_switch(&x->organizations.task, wants(m, RECORD_ORGANIZATION) ? TASK_READY : TASK_OFF);
    task_switch(&x->locations.task, wants(m, RECORD_LOCATION) ? TASK_READY : TASK_OFF);
    task_switch(&x->devices.task, devices);
    task_switch(&x->pending.task, devices);
    for (size_t i = 0; i < NIN_NREPORTS; i++)
        task_switch(&x->reports[i].task, devices);
}

static void switch_incremental(struct nin_sync *x)
{
    task_switch(&x->organizations.task, TASK_OFF);
    task_switch(&x->locations.task, TASK_OFF);
    task_switch(&x->devices.task, TASK_OFF);
    task_switch(&x->pending.task, TASK_OFF);
    for (size_t i = 0; i < NIN_NREPORTS; i++)
        task_switch(&x->reports[i].task, TASK_OFF);
}

static enum task_verdict feed_ended(struct nin_sync *x, enum task_verdict v)
{
    if (v != TASK_DONE)
        return v;
    x->feed.ended = true;
    if (x->feed.behind) {
        switch_full(x);
    } else if (x->feed.structure) {
        task_switch(&x->organizations.task, wants(&x->m, RECORD_ORGANIZATION) ? TASK_READY : TASK_OFF);
        task_switch(&x->locations.task, wants(&x->m, RECORD_LOCATION) ? TASK_READY : TASK_OFF);
    }
    return v;
}

static enum task_verdict feed_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = sync_of(t->machine);
    enum task_verdict v = feed_ended(x, nin_feed_page(&x->feed));

    nin_sync_checkpoint(t->machine);
    return v;
}

static enum task_verdict feed_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = sync_of(t->machine);

    return nin_is_fatal(t, r, e) ? TASK_FATAL : feed_ended(x, nin_feed_lost(&x->feed));
}

static const struct task_kind feed_kind = {.what = "activities",
                                           .list = true,
                                           .doc = &nin_feed_doc,
                                           .ask = nin_feed_ask,
                                           .row = nin_feed_row,
                                           .page = feed_page,
                                           .failed = feed_failed,
                                           .again = nin_feed_again};

static void tell_complete(struct nin_sync *x, enum record_kind kind, const struct nin_list *a, const struct nin_list *b)
{
    const struct sink *sink = x->m.sink;

    if (a->proven && (!b || b->proven))
        sink->complete(sink->arg, kind, a->rows + (b ? b->rows : 0));
}

/* The next incremental run may start here only if this one has read all that the activities before it changed. */
static void tell_cursor(struct nin_sync *x)
{
    const unsigned all = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |
                         SYNC_KIND(RECORD_ALERT);
    const struct sink *sink = x->m.sink;
    _cleanup_(str_release) struct str json = {0};

    if (!x->feed.top || (x->m.in->kinds & all) != all)
        return;
    str_addf(&json, "{\"activity_id\":%lld}", (long long)x->feed.top);
    sink->cursor(sink->arg, str_slice(&json));
}

static void finish(struct machine *m)
{
    struct nin_sync *x = sync_of(m);

    tell_complete(x, RECORD_ORGANIZATION, &x->organizations, NULL);
    tell_complete(x, RECORD_LOCATION, &x->locations, NULL);
    tell_complete(x, RECORD_DEVICE, &x->devices, &x->pending);
    tell_cursor(x);
}

static void release(struct machine *m)
{
    nin_reports_release(sync_of(m)->reports);
}

/* --- checkpoints --- */

static void write_list(struct jw *w, const struct nin_list *l)
{
    jw_key(w, l->name);
    jw_object(w);
    jw_key_i64(w, "after", l->after);
    jw_key_i64(w, "rows", l->rows);
    jw_key_bool(w, "ended", l->ended);
    jw_key_bool(w, "proven", l->proven);
    jw_key_bool(w, "doubtful", l->doubtful);
    jw_end(w);
}

void nin_sync_checkpoint(struct machine *m)
{
    struct nin_sync *x = sync_of(m);
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    jw_key_bool(&w, "full", x->full);
    jw_key_i64(&w, "top", x->feed.top);
    jw_key_i64(&w, "older", x->feed.older);
    jw_key_bool(&w, "structure", x->feed.structure);
    jw_key_bool(&w, "feed_ended", x->feed.ended);
    write_list(&w, &x->organizations);
    write_list(&w, &x->locations);
    write_list(&w, &x->devices);
    write_list(&w, &x->pending);
    jw_end(&w);
    jw_done(&w);
    m->sink->checkpoint(m->sink->arg, str_slice(&json));
}

static void read_list(const struct json *root, struct nin_list *l)
{
    const struct json *o = json_get(root, l->name);

    if (!o || !json_get_i64(o, "after", &l->after) || !json_get_i64(o, "rows", &l->rows))
        return;
    l->last = l->after;
    l->ended = json_get_bool(o, "ended", false);
    l->proven = json_get_bool(o, "proven", false);
    l->doubtful = json_get_bool(o, "doubtful", false);
    if (l->ended && l->task.state == TASK_READY)
        task_switch(&l->task, TASK_ENDED);
}

static void resume(struct nin_sync *x, const struct json *root)
{
    struct nin_feed *f = &x->feed;

    (void)(json_get_i64(root, "top", &f->top) && json_get_i64(root, "older", &f->older));
    f->structure = json_get_bool(root, "structure", false);
    f->ended = json_get_bool(root, "feed_ended", false);
    if (json_get_bool(root, "full", x->full))
        switch_full(x);
    if (f->ended && f->task.state == TASK_READY) {
        task_switch(&f->task, TASK_ENDED);
        feed_ended(x, TASK_DONE);
    }
    read_list(root, &x->organizations);
    read_list(root, &x->locations);
    read_list(root, &x->devices);
    read_list(root, &x->pending);
}

/* Our own JSON: NULL when there is none, or none that can be read. */
static const struct json *parse_own(struct arena *a, struct slice text)
{
    struct json *root = NULL;

    if (!text.n || !json_parse(a, text, &root, NULL))
        return NULL;
    return root;
}

static void add_list(struct machine *m, struct nin_list *l, const struct task_kind *kind, enum nin_stage stage,
                     enum record_kind record, const char *name)
{
    l->kind = record;
    l->name = name;
    machine_add(m, &l->task, kind, stage);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const struct json *cursor, *checkpoint = parse_own(a, in->checkpoint);
    struct nin_sync *x;

    if (in->mode == SYNC_SINGLE)
        return nin_single_start(in, sink, e);
    x = NEW(struct nin_sync);
    machine_init(&x->m, in, sink, nin_explain);
    x->m.finish = finish;
    x->m.release = release;
    machine_add(&x->m, &x->feed.task, &feed_kind, STAGE_FEED);
    add_list(&x->m, &x->organizations, &organizations_kind, STAGE_LISTS, RECORD_ORGANIZATION, "organizations");
    add_list(&x->m, &x->locations, &locations_kind, STAGE_LISTS, RECORD_LOCATION, "locations");
    add_list(&x->m, &x->devices, &devices_kind, STAGE_LISTS, RECORD_DEVICE, "devices");
    add_list(&x->m, &x->pending, &pending_kind, STAGE_PENDING, RECORD_DEVICE, "pending");
    nin_reports_add(&x->m, x->reports);
    machine_add(&x->m, &x->alerts, &alerts_kind, STAGE_PENDING);
    if (!wants(&x->m, RECORD_ALERT))
        task_switch(&x->alerts, TASK_OFF);

    cursor = in->mode == SYNC_INCREMENTAL ? parse_own(a, in->cursor) : NULL;
    if (json_get_i64(cursor, "activity_id", &x->feed.floor) && x->feed.floor > 0) {
        x->feed.walk = true;
        switch_incremental(x);
    } else {
        switch_full(x);
    }
    if (checkpoint)
        resume(x, checkpoint);
    return &x->m;
}

const struct machine_ops nin_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
