/* lists.c - the lists of Jamf Pro that a full sync reads before the devices: sites (our organizations), departments and buildings (names
 * for ids, and our locations), computer groups. One that cannot be had makes the run partial and leaves what is stored. */
#include "provider/jamf/sync.h"

static void emit_organization(struct jamf_sync *x, struct slice id, struct slice name)
{
    struct record r = {.kind = RECORD_ORGANIZATION, .organization = {.id = id, .name = known(slice_trim(name))}};

    x->m.sink->record(x->m.sink->arg, &r);
}

/* --- sites: the organizations. What is in none belongs to the server itself. --- */

static void ask_sites(struct task *t, struct str *path, struct str *body)
{
    jamf_sync_of(t->machine)->nsites = 0;
    str_adds(path, "/api/v1/sites");
}

static void site_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_named *s = row;

    if (fault || !s->id.n) {
        jamf_reject(t, RECORD_ORGANIZATION, s->id, fault ? fault : "id is empty");
        return;
    }
    x->nsites++;
    if (jamf_wants(t->machine, RECORD_ORGANIZATION))
        emit_organization(x, s->id, s->name);
}

static enum task_verdict sites_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    _cleanup_(str_release) struct str name = {0};

    if (!jamf_wants(t->machine, RECORD_ORGANIZATION))
        return TASK_DONE;
    str_addf(&name, "%.*s%s", SLICE_FMT(url_host(str_slice(&x->base_url))), x->nsites ? " (no site)" : "");
    emit_organization(x, SLICE(JAMF_NO_SITE), str_slice(&name));
    if (x->nsites == t->page_rows)
        t->machine->sink->complete(t->machine->sink->arg, RECORD_ORGANIZATION, x->nsites + 1);
    else
        jamf_incomplete(t, RECORD_ORGANIZATION,
                        "Jamf Pro, sites: a row that cannot be named, so nothing is taken as missing");
    return TASK_DONE;
}

static enum task_verdict sites_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    jamf_sync_of(t->machine)->nsites = 1; /* there may be some */
    jamf_incomplete(t, RECORD_ORGANIZATION, e->what);
    return TASK_DONE;
}

/* --- departments and buildings: names for ids --- */

static void ask_departments(struct task *t, struct str *path, struct str *body)
{
    jamf_names_clear(&jamf_sync_of(t->machine)->department_names);
    str_adds(path, "/api/v1/departments?page=0&page-size=2000&sort=id:asc");
}

static void department_row(struct task *t, const void *row, const char *fault)
{
    const struct jamf_named *d = row;

    if (!fault)
        jamf_names_add(&jamf_sync_of(t->machine)->department_names, d->id, slice_trim(d->name));
}

/* What cannot be named now was named before: it stays as it is, unless nobody will ever tell us. */
static void places_lost(struct task *t, const struct err *e)
{
    if (e->code != ERR_FORBIDDEN)
        jamf_sync_of(t->machine)->links.assignment = false;
}

static enum task_verdict departments_page(struct task *t, const void *head, const struct machine_reply *r,
                                          struct err *e)
{
    const struct jamf_pages_head *h = head;

    if (h->total > t->page_rows)
        jamf_reject(t, RECORD_FACET, SLICE("departments"),
                    "Jamf Pro has more departments than it gives in one page: some names are missing");
    return TASK_DONE;
}

static enum task_verdict departments_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    places_lost(t, e);
    jamf_reject(t, RECORD_FACET, SLICE("departments"), e->what); /* the run is partial: their names are missing */
    return TASK_DONE;
}

static void ask_buildings(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/buildings?");
    jamf_pages_ask(&jamf_sync_of(t->machine)->buildings, "id:asc", path);
}

static void add_part(struct str *address, struct slice part)
{
    if (part.n)
        str_addf(address, "%s%.*s", address->n ? ", " : "", SLICE_FMT(part));
}

static void building_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_building *b = row;
    const struct slice parts[] = {b->street1, b->street2, b->zip, b->city, b->state, b->country};
    _cleanup_(str_release) struct str address = {0};

    if (!jamf_pages_take(&x->buildings, b->id, fault))
        return;
    jamf_names_add(&x->building_names, b->id, slice_trim(b->name));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        add_part(&address, slice_trim(parts[i]));
    struct record r = {
        .kind = RECORD_LOCATION,
        .location = {.id = b->id, .name = known(slice_trim(b->name)), .address = known(str_slice(&address))}};
    if (x->locations)
        x->m.sink->record(x->m.sink->arg, &r);
}

static enum task_verdict buildings_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return jamf_pages_page(jamf_pages_of(t), head);
}

static enum task_verdict buildings_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    places_lost(t, e);
    if (jamf_sync_of(t->machine)->locations)
        jamf_incomplete(t, RECORD_LOCATION, e->what);
    else
        jamf_reject(t, RECORD_FACET, SLICE("buildings"), e->what);
    return TASK_DONE;
}

/* --- groups --- */

static void ask_groups(struct task *t, struct str *path, struct str *body)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);

    jamf_names_clear(&x->static_groups);
    x->ngroups = 0;
    str_adds(path, "/api/v1/computer-groups");
}

static void group_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_group *g = row;

    if (fault || !g->id.n) {
        jamf_reject(t, RECORD_GROUP, g->id, fault ? fault : "id is empty");
        return;
    }
    x->ngroups++;
    if (g->smart == TRI_NO)
        jamf_names_add(&x->static_groups, g->id, SLICE(""));
    jamf_emit_group(g, x->base_url.p, x->m.sink);
}

static enum task_verdict groups_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);

    x->groups_whole = x->ngroups == t->page_rows;
    if (!x->groups_whole)
        jamf_incomplete(t, RECORD_GROUP, "Jamf Pro, groups: a row that cannot be read, so nothing is taken as missing");
    return TASK_DONE;
}

static enum task_verdict groups_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    jamf_incomplete(t, RECORD_GROUP, e->what);
    return TASK_DONE;
}

/* --- tables --- */

static const struct map_doc sites_doc = {.rows = "[]", .row = &jamf_named_map};
const struct task_kind jamf_sites_kind = {.what = "sites",
                                          .list = true,
                                          .doc = &sites_doc,
                                          .ask = ask_sites,
                                          .row = site_row,
                                          .page = sites_page,
                                          .failed = sites_failed};
static const struct map_doc departments_doc = {
    .rows = "results[]", .row = &jamf_named_map, .head = &jamf_pages_head_map};
const struct task_kind jamf_departments_kind = {.what = "departments",
                                                .list = true,
                                                .doc = &departments_doc,
                                                .ask = ask_departments,
                                                .row = department_row,
                                                .page = departments_page,
                                                .failed = departments_failed};
static const struct map_doc buildings_doc = {
    .rows = "results[]", .row = &jamf_building_map, .head = &jamf_pages_head_map};
const struct task_kind jamf_buildings_kind = {.what = "buildings",
                                              .list = true,
                                              .doc = &buildings_doc,
                                              .ask = ask_buildings,
                                              .row = building_row,
                                              .page = buildings_page,
                                              .failed = buildings_failed,
                                              .again = jamf_sync_again};
static const struct map_doc groups_doc = {.rows = "[]", .row = &jamf_group_map};
const struct task_kind jamf_groups_kind = {.what = "groups",
                                           .list = true,
                                           .doc = &groups_doc,
                                           .ask = ask_groups,
                                           .row = group_row,
                                           .page = groups_page,
                                           .failed = groups_failed};
