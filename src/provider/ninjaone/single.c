/* single.c - one NinjaOne device read again: its record with all parts, then interfaces, antivirus and last user side
 * by side.
 * Always: the device counts as gone only when the product says that the entity is missing; a 404 for the route proves
 *         nothing. */
#include "provider/ninjaone/ninjaone.h"

struct nin_single {
    struct machine m;
    struct task device, interfaces, antivirus, user;
    int64_t id;
};

static struct nin_single *single_of(struct task *t)
{
    return container_of(t->machine, struct nin_single, m);
}

static struct slice device_id(struct task *t)
{
    return t->machine->in->device_id;
}

static void ask_device(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld", (long long)single_of(t)->id);
}

static void ask_interfaces(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld/network-interfaces", (long long)single_of(t)->id);
}

static void ask_user(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld/last-logged-on-user", (long long)single_of(t)->id);
}

static void ask_antivirus(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/queries/antivirus-status?df=id%%20%%3D%%20%lld&pageSize=1000", (long long)single_of(t)->id);
}

static void emit_parts(const struct nin_device_full *d, const struct sink *sink)
{
    const struct nin_processor *p = d->processors.v;
    const struct nin_volume *v = d->volumes.v;
    struct slice id = d->device.id;

    if (d->os.name.n)
        nin_emit_os(id, &d->os, sink);
    if (d->system.manufacturer.n || d->system.model.n || d->system.serial.n || d->system.bios_serial.n)
        nin_emit_system(id, &d->system, sink);
    for (size_t i = 0; i < d->processors.n; i++)
        nin_emit_processor(id, &p[i], sink);
    for (size_t i = 0; i < d->volumes.n; i++)
        nin_emit_volume(id, &v[i], sink);
}

static void device_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_device_full *d = row;
    const struct sink *sink = t->machine->sink;

    if (fault || !slice_eq(d->device.id, device_id(t))) {
        sink->reject(sink->arg, RECORD_DEVICE, device_id(t), fault ? fault : "the answer is about another device");
        return;
    }
    nin_emit_listed(d, sink);
    emit_parts(d, sink);
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict device_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct nin_single *x = single_of(t);
    const struct sink *sink = t->machine->sink;
    struct record gone = {
        .kind = RECORD_DEVICE_GONE,
        .ref = {.device_id = device_id(t), .at = r->date != USEC_NONE ? r->date : t->machine->in->now}};

    if (!nin_is_entity_missing(r))
        return TASK_FATAL;
    task_switch(&x->interfaces, TASK_OFF);
    task_switch(&x->antivirus, TASK_OFF);
    task_switch(&x->user, TASK_OFF);
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

/* A part that this instance or this device does not have leaves what is stored. */
static enum task_verdict part_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (nin_is_fatal(t, r, e))
        return TASK_FATAL;
    if (r->status != 404)
        sink->reject(sink->arg, RECORD_FACET, device_id(t), e->what);
    return TASK_DONE;
}

static void facet_row(struct task *t, struct slice named, const void *row, const char *fault, nin_facet_cb *emit)
{
    const struct sink *sink = t->machine->sink;

    if (fault)
        sink->reject(sink->arg, RECORD_FACET, device_id(t), fault);
    else if (!named.n || slice_eq(named, device_id(t))) /* the filter is a request, not a promise */
        emit(device_id(t), row, sink);
}

static void interface_row(struct task *t, const void *row, const char *fault)
{
    facet_row(t, ((const struct nin_interface *)row)->device_id, row, fault, nin_emit_interface);
}

static void antivirus_row(struct task *t, const void *row, const char *fault)
{
    facet_row(t, ((const struct nin_antivirus *)row)->device_id, row, fault, nin_emit_antivirus);
}

static void user_row(struct task *t, const void *row, const char *fault)
{
    if (((const struct nin_user *)row)->name.n || fault)
        facet_row(t, SLICE_NONE, row, fault, nin_emit_user);
}

static enum task_verdict interfaces_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    if (t->page_rows == 0 && r->status != 204)
        nin_emit_no_facet(device_id(t), FACET_INTERFACES, t->machine->sink);
    return TASK_DONE;
}

static enum task_verdict antivirus_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    if (t->page_rows == 0 && r->status != 204)
        nin_emit_no_facet(device_id(t), FACET_ANTIVIRUS, t->machine->sink);
    return TASK_DONE;
}

static const struct map_doc device_doc = {.rows = "", .row = &nin_device_full_map};
static const struct map_doc interfaces_doc = {.rows = "[]", .row = &nin_interface_map};
static const struct map_doc antivirus_doc = {.rows = "results[]", .row = &nin_antivirus_map};
static const struct map_doc user_doc = {.rows = "", .row = &nin_user_map};

static const struct task_kind device_kind = {
    .what = "device", .doc = &device_doc, .ask = ask_device, .row = device_row, .page = done, .failed = device_failed};
static const struct task_kind interfaces_kind = {.what = "device-network-interfaces",
                                                 .doc = &interfaces_doc,
                                                 .ask = ask_interfaces,
                                                 .row = interface_row,
                                                 .page = interfaces_page,
                                                 .failed = part_failed};
static const struct task_kind antivirus_kind = {.what = "device-antivirus-status",
                                                .doc = &antivirus_doc,
                                                .ask = ask_antivirus,
                                                .row = antivirus_row,
                                                .page = antivirus_page,
                                                .failed = part_failed};
static const struct task_kind user_kind = {.what = "device-last-logged-on-user",
                                           .doc = &user_doc,
                                           .ask = ask_user,
                                           .row = user_row,
                                           .page = done,
                                           .failed = part_failed};

struct machine *nin_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct nin_single *x;
    int64_t id;

    if (!slice_i64(in->device_id, &id) || id <= 0)
        return err_set(e, ERR_INPUT, "\"%.*s\" is no NinjaOne device id: they are positive numbers",
                       (int)MIN(in->device_id.n, 40), in->device_id.p ? in->device_id.p : ""),
               NULL;
    x = NEW(struct nin_single);
    x->id = id;
    machine_init(&x->m, in, sink, nin_explain);
    machine_add(&x->m, &x->device, &device_kind, 0);
    machine_add(&x->m, &x->interfaces, &interfaces_kind, 1);
    machine_add(&x->m, &x->antivirus, &antivirus_kind, 1);
    machine_add(&x->m, &x->user, &user_kind, 1);
    return &x->m;
}
