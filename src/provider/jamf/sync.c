/* sync.c - Jamf Pro's full and incremental sync.
 * Full:        the server's version · side by side sites, departments, buildings, groups, users · computers in pages of one list, with
 *              the sections that the kinds and settings need, and mobile devices · users by the older API, where the newer has none.
 *              Members of static groups come with the computers: their memberships are inverted, which costs no call.
 * Incremental: computers and mobile devices whose inventory is newer than the last run's beginning. It proves nothing about what is
 *              missing, and sees no edit that came without an inventory: full runs do.
 * Versions:    the inventory's newest that the server has; on a 404 the one before.
 * Resuming:    a checkpoint holds the position in the list of computers; the others are read again. */
#include "provider/jamf/sync.h"
#include "base/crypto.h"
#include "base/json_read.h"
#include "base/json_write.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERLAP SECONDS(600) /* the nodes of a cluster follow each other, and clocks differ */

/* --- the version --- */

struct version_row {
    struct slice version;
};
static const struct map_field version_fields[] = {{"version", MAP_LOOSE_TEXT, offsetof(struct version_row, version)}};
static const struct map version_map = {sizeof(struct version_row), version_fields, ARRAY_LEN(version_fields)};

static void ask_version(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/jamf-pro-version");
}

static void version_row(struct task *t, const void *row, const char *fault)
{
    jamf_sync_of(t->machine)->inventory = jamf_inventory_version(((const struct version_row *)row)->version);
}

static void begin(struct jamf_sync *x, usec_t date)
{
    x->links.now = date != USEC_NONE ? date : x->m.in->now;
    if (x->began == USEC_NONE) /* else a run that is resumed */
        x->began = x->links.now;
}

static enum task_verdict version_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    begin(jamf_sync_of(t->machine), t->date);
    return TASK_DONE;
}

/* One is tried after the other. */
static enum task_verdict version_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    begin(jamf_sync_of(t->machine), r->date);
    return TASK_DONE;
}

void jamf_sync_again(struct task *t)
{
    jamf_pages_again(jamf_pages_of(t));
}

/* --- computers --- */

static void add_since(struct jamf_sync *x, const char *field, struct str *path)
{
    if (!*x->since)
        return;
    str_addf(path, "&filter=%s%%3E%%3D%%22", field);
    str_add_url(path, slice_cstr(x->since));
    str_adds(path, "%22");
}

static void ask_computers(struct task *t, struct str *path, struct str *body)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    struct jamf_pages *p = &x->computers;

    str_addf(path, "/api/v%u/computers-inventory?", x->inventory);
    if (p->basic)
        str_adds(path, "section=GENERAL");
    else
        jamf_add_sections(t->machine->in->settings, x->device_kinds, x->collects, path);
    str_addc(path, '&');
    jamf_pages_ask(p, "id:asc", path);
    add_since(x, "general.reportDate", path);
}

static void emit_members(struct jamf_sync *x, const struct jamf_computer *c)
{
    const struct jamf_group *g = c->groups.v;
    struct record r = {.kind = RECORD_MEMBER, .member = {.member_id = c->id}};

    for (size_t i = 0; i < c->groups.n; i++) {
        r.member.group_id = g[i].id;
        if (g[i].smart != TRI_YES && jamf_names_find(&x->static_groups, g[i].id).p)
            x->m.sink->record(x->m.sink->arg, &r);
    }
}

static void emit_room(struct jamf_sync *x, struct slice building, struct slice room)
{
    room = slice_trim(room);
    building = jamf_place(building);
    if (!x->locations || !room.n || room.n > 200 || !jamf_names_find(&x->building_names, building).p)
        return;
    str_clear(&x->key);
    str_addf(&x->key, "%.*s/%.*s", SLICE_FMT(building), SLICE_FMT(room));
    uint64_t hash = crypto_hash64(1, str_slice(&x->key));
    if (x->rooms.n < JAMF_NAMES_MAX && seen_add(&x->rooms, hash ? hash : 1))
        jamf_emit_room(building, room, x->m.sink);
}

static void computer_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_computer *c = row;

    if (!jamf_pages_take(&x->computers, c->id, fault))
        return;
    x->links.department = jamf_names_find(&x->department_names, jamf_place(c->department));
    x->links.building_name = jamf_names_find(&x->building_names, jamf_place(c->building));
    if (jamf_wants(t->machine, RECORD_DEVICE))
        jamf_emit_computer(c, &x->links, x->m.sink);
    if (x->device_kinds & SYNC_KIND(RECORD_SOFTWARE))
        jamf_emit_software(c, x->m.sink);
    emit_members(x, c);
    emit_room(x, c->building, c->room);
    jamf_sync_contact(x, c);
}

static void checkpoint(struct jamf_sync *x);

static enum task_verdict computers_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    enum task_verdict v = jamf_pages_page(jamf_pages_of(t), head);

    checkpoint(jamf_sync_of(t->machine));
    return v;
}

static enum task_verdict computers_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);

    if (r->status == 404 && !r->err && jamf_inventory_before(x->inventory)) {
        x->inventory = jamf_inventory_before(x->inventory);
        return TASK_AGAIN;
    }
    return jamf_pages_failed(jamf_pages_of(t), r, e);
}

/* --- mobile devices --- */

static void ask_mobiles(struct task *t, struct str *path, struct str *body)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);

    str_adds(path, "/api/v2/mobile-devices/detail?" JAMF_MOBILE_SECTIONS "&exception-handling=LENIENT&");
    jamf_pages_ask(&x->mobiles, "mobileDeviceId:asc", path);
    add_since(x, "lastInventoryUpdateDate", path);
}

static void mobile_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_mobile *m = row;
    char buf[JAMF_ID_MAX];

    if (!jamf_pages_take(&x->mobiles, jamf_mobile_id(m->id, buf), fault))
        return;
    x->links.department = jamf_names_find(&x->department_names, jamf_place(m->department));
    x->links.building_name = jamf_names_find(&x->building_names, jamf_place(m->building));
    jamf_emit_mobile(m, &x->links, x->m.sink);
    emit_room(x, m->building, m->room);
}

static enum task_verdict mobiles_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return jamf_pages_page(jamf_pages_of(t), head);
}

static enum task_verdict mobiles_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    jamf_incomplete(t, RECORD_DEVICE, e->what);
    return TASK_DONE;
}

/* --- tables --- */

static const struct map_doc version_doc = {.rows = "", .row = &version_map};
static const struct map_doc computers_doc = {
    .rows = "results[]", .row = &jamf_computer_map, .head = &jamf_pages_head_map};
static const struct map_doc mobiles_doc = {.rows = "results[]", .row = &jamf_mobile_map, .head = &jamf_pages_head_map};

static const struct task_kind version_kind = {.what = "version",
                                              .doc = &version_doc,
                                              .ask = ask_version,
                                              .row = version_row,
                                              .page = version_page,
                                              .failed = version_failed};
static const struct task_kind computers_kind = {.what = "computers",
                                                .list = true,
                                                .doc = &computers_doc,
                                                .ask = ask_computers,
                                                .row = computer_row,
                                                .page = computers_page,
                                                .failed = computers_failed,
                                                .again = jamf_sync_again};
static const struct task_kind computers_part_kind = {.what = "computers",
                                                     .acting = true,
                                                     .list = true,
                                                     .doc = &computers_doc,
                                                     .ask = ask_computers,
                                                     .row = computer_row,
                                                     .page = computers_page,
                                                     .failed = computers_failed,
                                                     .again = jamf_sync_again};
static const struct task_kind mobiles_kind = {.what = "mobile-devices",
                                              .list = true,
                                              .doc = &mobiles_doc,
                                              .ask = ask_mobiles,
                                              .row = mobile_row,
                                              .page = mobiles_page,
                                              .failed = mobiles_failed,
                                              .again = jamf_sync_again};

/* --- the end --- */

static void tell_groups(struct jamf_sync *x)
{
    const struct jamf_pages *c = &x->computers;
    const struct sink *sink = x->m.sink;

    if (!x->groups_whole)
        return;
    if (c->proven && !c->lost)
        sink->complete(sink->arg, RECORD_GROUP, x->ngroups);
    else
        sink->incomplete(sink->arg, RECORD_GROUP,
                         "Jamf Pro: not all computers could be read, and with them come the members, so none is taken "
                         "as having left");
}

static void tell_devices(struct jamf_sync *x)
{
    const struct sink *sink = x->m.sink;
    bool mobiles = x->mobiles.task.state == TASK_ENDED;

    if (!jamf_wants(&x->m, RECORD_DEVICE) || !x->computers.proven || (mobiles && !x->mobiles.proven))
        return;
    sink->complete(sink->arg, RECORD_DEVICE, x->computers.rows + x->mobiles.rows);
}

static void finish(struct machine *m)
{
    struct jamf_sync *x = jamf_sync_of(m);
    _cleanup_(str_release) struct str json = {0};
    char iso[CLOCK_ISO_MAX];

    if (x->full) {
        tell_devices(x);
        if (x->locations && x->buildings.proven && x->computers.proven && !x->computers.lost)
            m->sink->complete(m->sink->arg, RECORD_LOCATION, x->buildings.rows);
        if (jamf_wants(m, RECORD_GROUP))
            tell_groups(x);
        if ((x->device_kinds & SYNC_KIND(RECORD_SOFTWARE)) && x->computers.proven)
            m->sink->complete(m->sink->arg, RECORD_SOFTWARE, x->computers.rows);
    }
    if (!jamf_wants(m, RECORD_DEVICE) || x->began == USEC_NONE)
        return;
    str_addf(&json, "{\"report_date\":\"%s\"}", clock_iso(x->began - OVERLAP, iso));
    m->sink->cursor(m->sink->arg, str_slice(&json));
}

static void release(struct machine *m)
{
    struct jamf_sync *x = jamf_sync_of(m);

    jamf_names_clear(&x->building_names);
    jamf_names_clear(&x->department_names);
    jamf_names_clear(&x->static_groups);
    jamf_names_clear(&x->contacts);
    jamf_pages_release(&x->buildings);
    jamf_pages_release(&x->users);
    jamf_pages_release(&x->computers);
    jamf_pages_release(&x->mobiles);
    seen_release(&x->rooms);
    str_release(&x->base_url);
    str_release(&x->key);
}

/* --- checkpoints --- */

/* What the lists before the computers told is needed again by those who resume, so they are read again. The contacts of the older
 * API's users are lost with the process: then the computers are read from their beginning. */
static void checkpoint(struct jamf_sync *x)
{
    _cleanup_(str_release) struct str json = {0};
    char iso[CLOCK_ISO_MAX];
    struct jw w;

    if (x->collects)
        return;
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "inventory", x->inventory);
    jw_key_str(&w, "began", x->began != USEC_NONE ? clock_iso(x->began, iso) : NULL);
    jamf_pages_write(&x->computers, &w);
    jw_end(&w);
    jw_done(&w);
    x->m.sink->checkpoint(x->m.sink->arg, str_slice(&json));
}

static void resume(struct jamf_sync *x, const struct json *root)
{
    struct slice began = json_get_text(root, "began");
    int64_t version;

    if (!clock_parse_iso(began, &x->began))
        x->began = USEC_NONE;
    if (json_get_i64(root, "inventory", &version) && version >= 1 && version <= 4)
        x->inventory = (unsigned)version;
    jamf_pages_read(&x->computers, root);
}

static const struct json *parse_own(struct arena *a, struct slice text)
{
    struct json *root = NULL;

    return text.n && json_parse(a, text, &root, NULL) ? root : NULL;
}

/* --- the beginning --- */

void jamf_sync_need_computers(struct jamf_sync *x)
{
    if (x->computers.task.state == TASK_OFF)
        task_switch(&x->computers.task, TASK_READY);
}

static void switch_off(struct task *t, bool wanted)
{
    if (!wanted && t->state == TASK_READY)
        task_switch(t, TASK_OFF);
}

static void choose_tasks(struct jamf_sync *x)
{
    struct machine *m = &x->m;
    const struct settings *s = m->in->settings;
    bool devices = jamf_wants(m, RECORD_DEVICE);

    x->locations = x->full && settings_bool(s, "locations") && jamf_wants(m, RECORD_LOCATION);
    x->device_kinds = m->in->kinds & (SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_SOFTWARE) | SYNC_KIND(RECORD_GROUP));
    if (!settings_bool(s, "applications"))
        x->device_kinds &= ~SYNC_KIND(RECORD_SOFTWARE);
    if (!x->full)
        x->device_kinds &= ~SYNC_KIND(RECORD_GROUP);
    if (x->locations)
        x->device_kinds |= SYNC_KIND(RECORD_LOCATION);
    switch_off(&x->sites, x->full && (jamf_wants(m, RECORD_ORGANIZATION) || jamf_wants(m, RECORD_PERSON)));
    switch_off(&x->departments, devices);
    switch_off(&x->buildings.task, devices || x->locations);
    switch_off(&x->groups, x->full && jamf_wants(m, RECORD_GROUP));
    switch_off(&x->users.task, x->full && jamf_wants(m, RECORD_PERSON));
    switch_off(&x->classic, false);
    switch_off(&x->computers.task, x->device_kinds != 0);
    switch_off(&x->mobiles.task, devices && settings_bool(s, "mobile_devices"));
    x->links = (struct jamf_links){.base_url = x->base_url.p,
                                   .locations = settings_bool(s, "locations"),
                                   .assignment = settings_bool(s, "user_and_location"),
                                   .now = m->in->now};
}

static void add_tasks(struct jamf_sync *x)
{
    struct machine *m = &x->m;
    unsigned full = settings_bool(m->in->settings, "applications") ? JAMF_PAGE_FULL : JAMF_PAGE;

    machine_add(m, &x->version, &version_kind, STAGE_VERSION);
    machine_add(m, &x->sites, &jamf_sites_kind, STAGE_LISTS);
    machine_add(m, &x->departments, &jamf_departments_kind, STAGE_LISTS);
    jamf_pages_add(m, &x->buildings, &jamf_buildings_kind, NULL, STAGE_LISTS, RECORD_LOCATION, 2000);
    machine_add(m, &x->groups, &jamf_groups_kind, STAGE_LISTS);
    jamf_pages_add(m, &x->users, &jamf_users_kind, NULL, STAGE_LISTS, RECORD_PERSON, 1000);
    jamf_pages_add(m, &x->computers, &computers_kind, &computers_part_kind, STAGE_DEVICES, RECORD_DEVICE, full);
    jamf_pages_add(m, &x->mobiles, &mobiles_kind, NULL, STAGE_DEVICES, RECORD_DEVICE, JAMF_PAGE);
    machine_add(m, &x->classic, &jamf_classic_kind, STAGE_PEOPLE);
    x->computers.name = "computers";
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const struct json *cursor, *saved = parse_own(a, in->checkpoint);
    struct slice since = SLICE_NONE;
    usec_t t;

    if (in->mode == SYNC_SINGLE)
        return jamf_single_start(in, sink, e);
    struct jamf_sync *x = NEW(struct jamf_sync);
    machine_init(&x->m, in, sink, jamf_explain);
    x->m.finish = finish;
    x->m.release = release;
    if (!jamf_base_url(in->settings, &x->base_url, e)) {
        machine_tasks_free(&x->m);
        return NULL;
    }
    x->inventory = jamf_inventory_version(SLICE(""));
    x->began = USEC_NONE;
    cursor = in->mode == SYNC_INCREMENTAL ? parse_own(a, in->cursor) : NULL;
    since = json_get_text(cursor, "report_date");
    if (since.n && clock_parse_iso(since, &t))
        clock_iso(t - t % USEC_PER_S, x->since);
    x->full = !*x->since;
    add_tasks(x);
    choose_tasks(x);
    if (saved)
        resume(x, saved);
    return &x->m;
}

const struct machine_ops jamf_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
