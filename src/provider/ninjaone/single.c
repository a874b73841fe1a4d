/* single.c - one NinjaOne device read again: its record, then its parts, programs and patches side by side. The action
 * "live" is the same without programs and patches, but with the device's alerts.
 * How:    the lists of one device where there are any, else its rows of the report, by a filter on its id.
 * Always: the device counts as gone only when the product says that the entity is missing; a 404 for the route proves
 *         nothing; a part that cannot be read leaves what is stored. */
#include "provider/ninjaone/actions.h"
#include "provider/ninjaone/live.h"

enum single_stage { STAGE_DEVICE, STAGE_PARTS, STAGE_FIELDS };

struct single_part {
    struct task task;
    const struct single_kind *kind;
    bool spoiled; /* a row could not be read */
};

#define NPARTS 12
struct nin_single {
    struct machine m;
    struct nin_context context;
    struct task device, types;
    struct single_part parts[NPARTS];
    struct nin_live *live; /* NULL: this is a sync */
    int64_t id;
};

struct single_kind {
    struct task_kind task;
    const char *path; /* behind /v2/device/{id}/, or behind /v2/queries/ when `report` */
    bool report, history;
    enum record_kind kind;
    bool live; /* only when a person looks: a sync has it from elsewhere */
    bool late; /* needs the types of custom fields */
    nin_row_cb *emit;
    enum facet none; /* FACET_N_: an empty list says nothing, or says it otherwise */
};

static struct nin_single *single_of(struct task *t)
{
    return container_of(t->machine, struct nin_single, m);
}

static struct single_part *part_of(struct task *t)
{
    return container_of(t, struct single_part, task);
}

static struct slice device_id(struct task *t)
{
    return t->machine->in->device_id;
}

/* --- the device --- */

static void ask_device(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld", (long long)single_of(t)->id);
}

static void device_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_device_full *d = row;
    const struct sink *sink = t->machine->sink;

    if (fault || !slice_eq(d->device.id, device_id(t)))
        sink->reject(sink->arg, RECORD_DEVICE, device_id(t), fault ? fault : "the answer is about another device");
    else
        nin_emit_full(d, str_slice(&single_of(t)->context.console), sink);
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict device_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct nin_single *x = single_of(t);
    const struct sink *sink = t->machine->sink;
    struct record gone = {.kind = RECORD_DEVICE_GONE, .ref = {.device_id = device_id(t), .at = USEC_NONE}};

    if (!nin_is_entity_missing(r))
        return TASK_FATAL;
    task_switch(&x->types, TASK_OFF);
    for (size_t i = 0; i < NPARTS; i++)
        task_switch(&x->parts[i].task, TASK_OFF);
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

/* --- parts --- */

static void ask_part(struct task *t, struct str *path, struct str *body)
{
    const struct single_kind *k = part_of(t)->kind;
    long long id = single_of(t)->id;

    if (k->report)
        str_addf(path, "/v2/queries/%s?pageSize=1000&df=id%%20%%3D%%20%lld", k->path, id);
    else
        str_addf(path, "/v2/device/%lld/%s", id, k->path);
    if (k->history) {
        str_addc(path, '?');
        nin_add_installed_after(path, t->machine->in);
    }
}

static void part_row(struct task *t, const void *row, const char *fault)
{
    const struct single_kind *k = part_of(t)->kind;
    const struct sink *sink = t->machine->sink;
    struct slice named = *(const struct slice *)row; /* the first member of every row */

    if (fault) {
        part_of(t)->spoiled = true;
        sink->reject(sink->arg, k->kind, device_id(t), fault);
    } else if (!named.n || slice_eq(named, device_id(t))) { /* the filter is a request, not a promise */
        k->emit(&single_of(t)->context, device_id(t), row, sink);
    }
}

static enum task_verdict part_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    const struct single_part *p = part_of(t);

    if (t->page_rows || p->spoiled || r->status == 204)
        return TASK_DONE;
    if (p->kind->kind == RECORD_SOFTWARE)
        nin_emit_no_software(device_id(t), t->machine->sink);
    else if (p->kind->none != FACET_N_)
        nin_emit_no_facet(device_id(t), p->kind->none, t->machine->sink);
    return TASK_DONE;
}

/* A part that this instance or this device does not have leaves what is stored. */
static enum task_verdict part_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (nin_is_fatal(t, r, e))
        return TASK_FATAL;
    if (single_of(t)->live)
        nin_live_unavailable(single_of(t)->live, t->kind->what, e->what);
    else if (r->status != 404)
        sink->reject(sink->arg, part_of(t)->kind->kind, device_id(t), e->what);
    return TASK_DONE;
}

/* The types of custom fields; without them values are told as they come. */
static void ask_types(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/device-custom-fields");
}

static void type_row(struct task *t, const void *row, const char *fault)
{
    if (!fault)
        nin_custom_types_add(&single_of(t)->context.types, row);
}

static enum task_verdict types_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return nin_is_fatal(t, r, e) ? TASK_FATAL : TASK_DONE;
}

static const struct map_doc device_doc = {.rows = "", .row = &nin_device_full_map};
static const struct task_kind device_kind = {
    .what = "device", .doc = &device_doc, .ask = ask_device, .row = device_row, .page = done, .failed = device_failed};

static void emit_alert(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_alert *a = row;

    if (a->uid.n)
        nin_emit_alert(a, nin_severity(a->severity, a->priority), sink);
    else
        sink->reject(sink->arg, RECORD_ALERT, device_id, "uid is empty");
}

static const struct map_doc types_doc = {.rows = "[]", .row = &nin_custom_definition_map};
static const struct task_kind types_kind = {.what = "device-custom-fields",
                                            .doc = &types_doc,
                                            .ask = ask_types,
                                            .row = type_row,
                                            .page = done,
                                            .failed = types_failed};

#define PART(WHAT, ROWS, MAP, KIND, EMIT, NONE)                                                                        \
    .task = {.what = "device-" WHAT,                                                                                   \
             .doc = &(const struct map_doc){.rows = ROWS, .row = &(MAP)},                                              \
             .ask = ask_part,                                                                                          \
             .row = part_row,                                                                                          \
             .page = part_page,                                                                                        \
             .failed = part_failed},                                                                                   \
    .kind = RECORD_##KIND, .emit = EMIT, .none = NONE
#define LIST(WHAT, MAP, KIND, EMIT, NONE)   PART(WHAT, "[]", MAP, KIND, EMIT, NONE), .path = WHAT
#define REPORT(WHAT, MAP, KIND, EMIT, NONE) PART(WHAT, "results[]", MAP, KIND, EMIT, NONE), .path = WHAT, .report = true

static const struct single_kind part_kinds[NPARTS] = {
    {PART("volumes", "[]", nin_volume_map, FACET, nin_emit_volume, FACET_VOLUMES), .path = "volumes?include=bl"},
    {LIST("network-interfaces", nin_interface_map, FACET, nin_emit_interface, FACET_INTERFACES)},
    {PART("last-logged-on-user", "", nin_user_map, FACET, nin_emit_user, FACET_N_), .path = "last-logged-on-user"},
    {REPORT("antivirus-status", nin_antivirus_map, FACET, nin_emit_antivirus, FACET_ANTIVIRUS)},
    {REPORT("device-health", nin_health_map, FACET, nin_emit_health, FACET_N_)},
    {LIST("software", nin_software_map, SOFTWARE, nin_emit_software, FACET_N_)},
    {LIST("os-patches", nin_patch_map, PATCH, nin_emit_os_patch, FACET_N_)},
    {LIST("software-patches", nin_patch_map, PATCH, nin_emit_software_patch, FACET_N_)},
    {LIST("os-patch-installs", nin_patch_map, PATCH, nin_emit_os_patch, FACET_N_), .history = true},
    {LIST("software-patch-installs", nin_patch_map, PATCH, nin_emit_software_patch, FACET_N_), .history = true},
    {LIST("alerts", nin_alert_map, ALERT, emit_alert, FACET_N_), .live = true},
    {REPORT("custom-fields-detailed", nin_custom_fields_map, FACET, nin_emit_custom_fields, FACET_CUSTOM_FIELDS),
     .late = true},
};

static void release(struct machine *m)
{
    struct nin_single *x = container_of(m, struct nin_single, m);

    nin_context_release(&x->context);
    nin_live_free(x->live);
}

static void finish(struct machine *m)
{
    struct nin_single *x = container_of(m, struct nin_single, m);

    if (x->live)
        nin_live_finish(x->live);
}

static void add_parts(struct nin_single *x)
{
    machine_add(&x->m, &x->types, &types_kind, STAGE_PARTS);
    if (!nin_wants(&x->context, RECORD_FACET))
        task_switch(&x->types, TASK_OFF);
    for (size_t i = 0; i < NPARTS; i++) {
        struct single_part *p = &x->parts[i];
        p->kind = &part_kinds[i];
        machine_add(&x->m, &p->task, &p->kind->task, p->kind->late ? STAGE_FIELDS : STAGE_PARTS);
        if (!nin_wants(&x->context, p->kind->kind) || (p->kind->live && !x->live))
            task_switch(&p->task, TASK_OFF);
    }
}

bool nin_device_number(struct slice text, int64_t *ret, struct err *e)
{
    if (slice_i64(text, ret) && *ret > 0)
        return true;
    return err_set(e, ERR_INPUT, "\"%.*s\" is no NinjaOne device id: they are positive numbers", (int)MIN(text.n, 40),
                   text.p ? text.p : "");
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, bool live, struct err *e)
{
    struct nin_single *x;
    int64_t id;

    if (!nin_device_number(in->device_id, &id, e))
        return NULL;
    x = NEW(struct nin_single);
    x->id = id;
    if (live)
        x->live = nin_live_new(sink);
    machine_init(&x->m, in, live ? nin_live_sink(x->live) : sink, nin_explain);
    x->m.release = release;
    x->m.finish = finish;
    nin_context_init(&x->context, in);
    if (live)
        x->context.kinds = SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_ALERT);
    machine_add(&x->m, &x->device, &device_kind, STAGE_DEVICE);
    add_parts(x);
    return &x->m;
}

struct machine *nin_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start(in, sink, false, e);
}

static struct machine *start_live(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start(in, sink, true, e);
}

const struct machine_ops nin_live_ops = {.name = "live", .start = start_live, MACHINE_TASKS_OPS};
