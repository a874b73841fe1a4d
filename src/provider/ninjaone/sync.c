/* sync.c - NinjaOne's full and incremental sync.
 * Full:        newest activity id; then side by side organizations with their locations, devices with what their own
 *              records say, and the reports; then the devices that wait for approval, and the alerts.
 * Incremental: the activity feed down to the stored id. It carries the alerts' changes and names the devices, and what
 *              of each has changed: that alone is read again, by a filter on their ids. Organizations when the feed
 *              says that they changed, the alerts whole. Without a stored id, or when the feed cannot close the gap, it
 *              becomes a full sync.
 * Always:      a list is told complete in finish(), so that a resumed run (checkpoint.c) tells it as well. */
#include "provider/ninjaone/sync.h"

#define LIST_PAGE 1000

struct nin_sync *nin_sync_of(struct machine *m)
{
    return container_of(m, struct nin_sync, m);
}

void nin_context_init(struct nin_context *c, const struct machine_input *in)
{
    c->kinds = in->kinds & NIN_KINDS;
    (void)!nin_base_url(in->settings, &c->console, NULL);
}

void nin_context_release(struct nin_context *c)
{
    str_release(&c->console);
    nin_custom_types_release(&c->types);
}

/* Whoever wants devices wants what they are made of. */
bool nin_wants(const struct nin_context *c, enum record_kind kind)
{
    if (kind == RECORD_FACET && (c->kinds & SYNC_KIND(RECORD_DEVICE)))
        return true;
    return (c->kinds & SYNC_KIND(kind)) != 0;
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
    ask_list(t, path, "organizations-detailed", "");
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

static void emit_locations(struct nin_sync *x, const struct nin_organization *o)
{
    const struct record_location *l = o->locations.v;
    const struct sink *sink = x->m.sink;

    for (size_t i = 0; i < o->locations.n; i++) {
        struct record r = {.kind = RECORD_LOCATION, .location = l[i]};
        x->locations++;
        r.location.organization_id = o->organization.id;
        if (l[i].id.n)
            sink->record(sink->arg, &r);
        else
            sink->reject(sink->arg, RECORD_LOCATION, SLICE_NONE, "id is missing");
    }
}

static void organization_row(struct task *t, const void *row, const char *fault)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    const struct nin_organization *o = row;

    if (!nin_list_take(list_of(t), o->organization.id, fault)) {
        if (fault && nin_wants(&x->context, RECORD_LOCATION)) /* its locations cannot be told */
            t->machine->sink->reject(t->machine->sink->arg, RECORD_LOCATION, SLICE_NONE, fault);
        return;
    }
    if (nin_wants(&x->context, RECORD_ORGANIZATION))
        nin_emit_organization(&o->organization, t->machine->sink);
    if (nin_wants(&x->context, RECORD_LOCATION))
        emit_locations(x, o);
}

static void device_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_device_full *d = row;

    if (nin_list_take(list_of(t), d->device.id, fault))
        nin_emit_full(d, str_slice(&nin_sync_of(t->machine)->context.console), t->machine->sink);
}

/* They are read side by side with the devices, so they make no checkpoint: what follows one was asked for after it. */
static enum task_verdict organizations_page(struct task *t, const void *head, const struct machine_reply *r,
                                            struct err *e)
{
    return nin_list_page(list_of(t));
}

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

/* The rest of the inventory does not hang on devices that wait. */
static enum task_verdict pending_failed(struct task *t, const struct machine_reply *r, struct err *e)
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
static const struct map_doc devices_doc = {.rows = "[]", .row = &nin_device_full_map};

static const struct task_kind organizations_kind = {.what = "organizations",
                                                    .list = true,
                                                    .doc = &organizations_doc,
                                                    .ask = ask_organizations,
                                                    .row = organization_row,
                                                    .page = organizations_page,
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
                                              .failed = pending_failed,
                                              .again = list_again};

/* --- devices that the feed names --- */

static void ask_changed(struct task *t, struct str *path, struct str *body)
{
    const struct nin_sync *x = nin_sync_of(t->machine);

    str_adds(path, "/v2/devices-detailed?");
    nin_changes_df(&x->feed.changes, PART_DEVICE, x->changed_chunk, path);
    str_addf(path, "&pageSize=%d", LIST_PAGE);
    if (x->changed_after)
        str_addf(path, "&after=%lld", (long long)x->changed_after);
}

static void changed_row(struct task *t, const void *row, const char *fault)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    const struct nin_device_full *d = row;
    const struct sink *sink = t->machine->sink;
    int64_t id = 0;

    if (fault || !slice_i64(d->device.id, &id) || id <= 0)
        sink->reject(sink->arg, RECORD_DEVICE, known(d->device.id), fault ? fault : "id: expected a positive number");
    else
        nin_emit_full(d, str_slice(&x->context.console), sink);
    x->changed_last = MAX(x->changed_last, id);
}

/* A page holds more rows than a filter has ids. Fewer rows: a device has gone again, or the page is smaller than asked
 * for; what follows tells. */
static enum task_verdict changed_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    size_t left = nin_changes_count(&x->feed.changes, PART_DEVICE) - x->changed_chunk * NIN_DF_IDS;
    bool moves = x->changed_last > x->changed_after;

    x->changed_rows += t->page_rows;
    if (t->page_rows && moves && x->changed_rows < (int64_t)MIN(left, (size_t)NIN_DF_IDS)) {
        x->changed_after = x->changed_last;
        return TASK_AGAIN;
    }
    x->changed_rows = x->changed_after = x->changed_last = 0;
    if (left <= NIN_DF_IDS)
        return TASK_DONE;
    x->changed_chunk++;
    return TASK_AGAIN;
}

static const struct task_kind changed_kind = {.what = "changed-devices",
                                              .list = true,
                                              .doc = &devices_doc,
                                              .ask = ask_changed,
                                              .row = changed_row,
                                              .page = changed_page};

/* --- the types of custom fields --- */

static void ask_types(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/device-custom-fields");
}

static void type_row(struct task *t, const void *row, const char *fault)
{
    if (!fault)
        nin_custom_types_add(&nin_sync_of(t->machine)->context.types, row);
}

static enum task_verdict types_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* An instance without them, or an application without the right: values are told as they come. */
static enum task_verdict types_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return nin_is_fatal(t, r, e) ? TASK_FATAL : TASK_DONE;
}

static const struct map_doc types_doc = {.rows = "[]", .row = &nin_custom_definition_map};
static const struct task_kind types_kind = {.what = "device-custom-fields",
                                            .list = true,
                                            .doc = &types_doc,
                                            .ask = ask_types,
                                            .row = type_row,
                                            .page = types_page,
                                            .failed = types_failed};

/* --- the whole --- */

static void switch_organizations(struct nin_sync *x, bool on)
{
    bool wanted = nin_wants(&x->context, RECORD_ORGANIZATION) || nin_wants(&x->context, RECORD_LOCATION);

    task_switch(&x->organizations.task, on && wanted ? TASK_READY : TASK_OFF);
}

void nin_sync_switch_full(struct nin_sync *x)
{
    enum task_state devices = nin_wants(&x->context, RECORD_DEVICE) ? TASK_READY : TASK_OFF;

    x->full = true;
    switch_organizations(x, true);
    task_switch(&x->devices.task, devices);
    task_switch(&x->pending.task, devices);
    task_switch(&x->changed, TASK_OFF);
    task_switch(&x->types, nin_wants(&x->context, RECORD_FACET) ? TASK_READY : TASK_OFF);
    nin_reports_switch(x->reports, NULL);
}

static void switch_incremental(struct nin_sync *x)
{
    const struct nin_changes *changes = &x->feed.changes;
    bool devices = nin_wants(&x->context, RECORD_DEVICE);
    bool fields = nin_wants(&x->context, RECORD_FACET) && nin_changes_count(changes, PART_FIELDS);

    switch_organizations(x, x->feed.structure);
    task_switch(&x->types, fields ? TASK_READY : TASK_OFF);
    task_switch(&x->devices.task, TASK_OFF);
    task_switch(&x->pending.task, devices && x->feed.approvals ? TASK_READY : TASK_OFF);
    task_switch(&x->changed, devices && nin_changes_count(changes, PART_DEVICE) ? TASK_READY : TASK_OFF);
    nin_reports_switch(x->reports, changes);
}

void nin_sync_feed_ended(struct nin_sync *x)
{
    x->feed.ended = true;
    if (!x->feed.walk)
        return;
    if (x->feed.behind)
        nin_sync_switch_full(x);
    else
        switch_incremental(x);
}

static enum task_verdict feed_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    enum task_verdict v = nin_feed_page(&x->feed, head);

    if (v == TASK_DONE) {
        nin_sync_feed_ended(x);
        nin_sync_checkpoint(t->machine);
    }
    return v;
}

static enum task_verdict feed_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct nin_sync *x = nin_sync_of(t->machine);
    enum task_verdict v = nin_is_fatal(t, r, e) ? TASK_FATAL : nin_feed_lost(&x->feed);

    if (v == TASK_DONE)
        nin_sync_feed_ended(x);
    return v;
}

static const struct task_kind feed_kind = {.what = "activities",
                                           .list = true,
                                           .doc = &nin_feed_doc,
                                           .ask = nin_feed_ask,
                                           .row = nin_feed_row,
                                           .page = feed_page,
                                           .failed = feed_failed,
                                           .again = nin_feed_again};

/* The next incremental run may start here only if this one has read all that the activities before it changed. After a full
 * one it moves in any case, or a report that fails for good would make every run a full one. */
static void tell_cursor(struct nin_sync *x)
{
    const uint64_t all = NIN_KINDS & ~SYNC_KIND(RECORD_FACET); /* which devices bring along */
    const struct sink *sink = x->m.sink;
    _cleanup_(str_release) struct str json = {0};

    if (!x->feed.top || (x->context.kinds & all) != all || (!x->full && nin_reports_lost(x->reports)))
        return;
    str_addf(&json, "{\"activity_id\":%lld}", (long long)x->feed.top);
    sink->cursor(sink->arg, str_slice(&json));
}

static void finish(struct machine *m)
{
    struct nin_sync *x = nin_sync_of(m);
    const struct sink *sink = m->sink;
    int64_t rows;

    if (x->organizations.proven && nin_wants(&x->context, RECORD_ORGANIZATION))
        sink->complete(sink->arg, RECORD_ORGANIZATION, x->organizations.rows);
    if (x->organizations.proven && nin_wants(&x->context, RECORD_LOCATION))
        sink->complete(sink->arg, RECORD_LOCATION, x->locations);
    if (x->devices.proven && x->pending.proven)
        sink->complete(sink->arg, RECORD_DEVICE, x->devices.rows + x->pending.rows);
    if (nin_reports_proven(x->reports, RECORD_SOFTWARE, &rows)) /* of an incremental run: for the devices it names */
        sink->complete(sink->arg, RECORD_SOFTWARE, rows);
    /* Never of a full run: a device that is offline has no rows among the patches that wait, and would seem to have none. */
    if (!x->full && nin_reports_proven(x->reports, RECORD_PATCH, &rows))
        sink->complete(sink->arg, RECORD_PATCH, rows);
    tell_cursor(x);
}

static void release(struct machine *m)
{
    struct nin_sync *x = nin_sync_of(m);

    nin_reports_release(x->reports);
    nin_feed_release(&x->feed);
    nin_context_release(&x->context);
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

static void add_tasks(struct nin_sync *x)
{
    struct machine *m = &x->m;

    machine_add(m, &x->feed.task, &feed_kind, STAGE_FEED);
    machine_add(m, &x->types, &types_kind, STAGE_TYPES);
    add_list(m, &x->organizations, &organizations_kind, STAGE_LISTS, RECORD_ORGANIZATION, "organizations");
    add_list(m, &x->devices, &devices_kind, STAGE_LISTS, RECORD_DEVICE, "devices");
    machine_add(m, &x->changed, &changed_kind, STAGE_LISTS);
    nin_reports_add(m, x->reports, &x->context);
    add_list(m, &x->pending, &pending_kind, STAGE_PENDING, RECORD_DEVICE, "pending");
    nin_alerts_add(x);
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
    nin_context_init(&x->context, in);
    add_tasks(x);

    cursor = in->mode == SYNC_INCREMENTAL ? parse_own(a, in->cursor) : NULL;
    if (json_get_i64(cursor, "activity_id", &x->feed.floor) && x->feed.floor > 0) {
        x->feed.walk = true;
    } else {
        x->feed.triggers = nin_wants(&x->context, RECORD_ALERT);
        nin_sync_switch_full(x);
    }
    if (checkpoint)
        nin_sync_resume(x, checkpoint);
    return &x->m;
}

const struct machine_ops nin_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
