/* single.c - one device read again, as the lists have it: by a filter on its id, so that "there is none" is an answer (an empty list),
 * and not a 404 that a path may give as well. Then its building and department, which rows name by their ids only.
 * Always: the newest version of the inventory is tried first; on a 404 the one before. */
#include "provider/jamf/pages.h"

struct jamf_single {
    struct machine m;
    struct task device, building, department;
    struct jamf_links links;
    struct str base_url;
    struct slice number; /* the product's, of the input's device id */
    bool found;
    unsigned inventory;
    /* the assignment waits for the names */
    struct arena *arena;
    struct facet_assignment assignment;
    struct slice building_id, department_id;
};

static struct jamf_single *single_of(struct machine *m)
{
    return container_of(m, struct jamf_single, m);
}

static struct slice device_id(const struct task *t)
{
    return t->machine->in->device_id;
}

static void ask_computer(struct task *t, struct str *path, struct str *body)
{
    struct jamf_single *x = single_of(t->machine);

    str_addf(path, "/api/v%u/computers-inventory?", x->inventory);
    jamf_add_sections(t->machine->in->settings, SYNC_KIND(RECORD_DEVICE), false, path);
    str_addf(path, "&page=0&page-size=1&filter=id%%3D%%3D%%22%.*s%%22", SLICE_FMT(x->number));
}

static void ask_mobile(struct task *t, struct str *path, struct str *body)
{
    str_addf(path,
             "/api/v2/mobile-devices/detail?" JAMF_MOBILE_SECTIONS
             "&exception-handling=LENIENT&page=0&page-size=1&filter=mobileDeviceId%%3D%%3D%%22%.*s%%22",
             SLICE_FMT(single_of(t->machine)->number));
}

static struct slice keep(struct jamf_single *x, struct slice s)
{
    return s.n ? slice_of(arena_strndup(x->arena, s.p, s.n), s.n) : SLICE_NONE;
}

static void wait_for_places(struct jamf_single *x, struct slice building, struct slice department)
{
    x->building_id = keep(x, jamf_place(building));
    x->department_id = keep(x, jamf_place(department));
    if (!x->links.assignment)
        return;
    if (x->building_id.n)
        task_switch(&x->building, TASK_READY);
    if (x->department_id.n)
        task_switch(&x->department, TASK_READY);
}

static bool is_it(struct task *t, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    if (!fault && slice_eq(id, single_of(t->machine)->number))
        return single_of(t->machine)->found = true;
    sink->reject(sink->arg, RECORD_DEVICE, device_id(t), fault ? fault : "the answer is about another device");
    single_of(t->machine)->found = true; /* of the one that was asked for it proves nothing */
    return false;
}

static void computer_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_single *x = single_of(t->machine);
    const struct jamf_computer *c = row;
    struct jamf_links links = x->links;

    if (!is_it(t, c->id, fault))
        return;
    links.assignment = false;
    links.now = t->date != USEC_NONE ? t->date : t->machine->in->now;
    jamf_emit_computer(c, &links, t->machine->sink);
    x->assignment = (struct facet_assignment){.username = keep(x, c->username),
                                              .name = keep(x, c->realname),
                                              .email = keep(x, c->email),
                                              .phone = keep(x, c->phone),
                                              .title = keep(x, c->position),
                                              .room = keep(x, c->room)};
    wait_for_places(x, c->building, c->department);
}

static void mobile_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_single *x = single_of(t->machine);
    const struct jamf_mobile *m = row;
    struct jamf_links links = x->links;

    if (!is_it(t, m->id, fault))
        return;
    links.assignment = false;
    jamf_emit_mobile(m, &links, t->machine->sink);
    x->assignment = (struct facet_assignment){.username = keep(x, m->username),
                                              .name = keep(x, m->realname),
                                              .email = keep(x, m->email),
                                              .phone = keep(x, m->phone),
                                              .title = keep(x, m->position),
                                              .room = keep(x, m->room)};
    wait_for_places(x, m->building, m->department);
}

static enum task_verdict device_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_single *x = single_of(t->machine);
    const struct sink *sink = t->machine->sink;
    const struct jamf_pages_head *h = head;
    struct record gone = {
        .kind = RECORD_DEVICE_GONE,
        .ref = {.device_id = device_id(t), .at = t->date != USEC_NONE ? t->date : t->machine->in->now}};

    if (x->found)
        return TASK_DONE;
    x->links.assignment = false;
    if (h->total == 0)
        sink->record(sink->arg, &gone);
    else
        sink->reject(sink->arg, RECORD_DEVICE, device_id(t), "Jamf Pro says that it is there, and does not give it");
    return TASK_DONE;
}

static enum task_verdict computer_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_single *x = single_of(t->machine);

    if (r->status != 404 || r->err || !jamf_inventory_before(x->inventory))
        return TASK_FATAL;
    x->inventory = jamf_inventory_before(x->inventory);
    return TASK_AGAIN;
}

/* --- the names of its places --- */

static void ask_building(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/buildings/");
    str_add_url(path, single_of(t->machine)->building_id);
}

static void ask_department(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/departments/");
    str_add_url(path, single_of(t->machine)->department_id);
}

static void building_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_single *x = single_of(t->machine);

    x->assignment.building = keep(x, slice_trim(((const struct jamf_named *)row)->name));
}

static void department_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_single *x = single_of(t->machine);

    x->assignment.department = keep(x, slice_trim(((const struct jamf_named *)row)->name));
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* Without the name the whole assignment stays as it is. */
static enum task_verdict place_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    if (r->status != 404)
        sink->reject(sink->arg, RECORD_FACET, device_id(t), e->what);
    single_of(t->machine)->links.assignment = r->status == 404 && single_of(t->machine)->links.assignment;
    return TASK_DONE;
}

static void finish(struct machine *m)
{
    struct jamf_single *x = single_of(m);

    if (x->links.assignment)
        jamf_emit_assignment(m->in->device_id, &x->assignment, m->sink);
}

/* --- tables --- */

static const struct map_doc computer_doc = {
    .rows = "results[]", .row = &jamf_computer_map, .head = &jamf_pages_head_map};
static const struct map_doc mobile_doc = {.rows = "results[]", .row = &jamf_mobile_map, .head = &jamf_pages_head_map};
static const struct map_doc place_doc = {.rows = "", .row = &jamf_named_map};
static const struct task_kind computer_kind = {.what = "computer",
                                               .list = true,
                                               .doc = &computer_doc,
                                               .ask = ask_computer,
                                               .row = computer_row,
                                               .page = device_page,
                                               .failed = computer_failed};
static const struct task_kind mobile_kind = {.what = "mobile-device",
                                             .list = true,
                                             .doc = &mobile_doc,
                                             .ask = ask_mobile,
                                             .row = mobile_row,
                                             .page = device_page};
static const struct task_kind building_kind = {.what = "building",
                                               .doc = &place_doc,
                                               .ask = ask_building,
                                               .row = building_row,
                                               .page = done,
                                               .failed = place_failed};
static const struct task_kind department_kind = {.what = "department",
                                                 .doc = &place_doc,
                                                 .ask = ask_department,
                                                 .row = department_row,
                                                 .page = done,
                                                 .failed = place_failed};

static void release(struct machine *m)
{
    arena_free(single_of(m)->arena);
    str_release(&single_of(m)->base_url);
}

bool jamf_device_number(struct slice id, bool *ret_mobile, struct slice *ret)
{
    int64_t n;

    *ret_mobile = slice_starts(id, SLICE(JAMF_MOBILE));
    *ret = *ret_mobile ? slice_of(id.p + sizeof(JAMF_MOBILE) - 1, id.n - (sizeof(JAMF_MOBILE) - 1)) : id;
    return slice_i64(*ret, &n) && n > 0;
}

struct machine *jamf_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct slice number;
    bool mobile;

    if (!jamf_device_number(in->device_id, &mobile, &number))
        return err_set(e, ERR_INPUT, "\"%.*s\" is no device id of Jamf Pro: they are numbers, or " JAMF_MOBILE "number",
                       (int)MIN(in->device_id.n, 48), in->device_id.p ? in->device_id.p : ""),
               NULL;
    struct jamf_single *x = NEW(struct jamf_single);
    machine_init(&x->m, in, sink, jamf_explain);
    x->m.release = release;
    x->m.finish = finish;
    x->arena = arena_new();
    x->number = number;
    x->inventory = jamf_inventory_version(SLICE(""));
    if (!jamf_base_url(in->settings, &x->base_url, e)) {
        machine_tasks_free(&x->m);
        return NULL;
    }
    x->links = (struct jamf_links){.base_url = x->base_url.p,
                                   .locations = settings_bool(in->settings, "locations"),
                                   .assignment = settings_bool(in->settings, "user_and_location"),
                                   .now = in->now};
    machine_add(&x->m, &x->device, mobile ? &mobile_kind : &computer_kind, 0);
    machine_add(&x->m, &x->building, &building_kind, 1);
    machine_add(&x->m, &x->department, &department_kind, 1);
    task_switch(&x->building, TASK_OFF);
    task_switch(&x->department, TASK_OFF);
    return &x->m;
}
