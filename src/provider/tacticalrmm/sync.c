/* sync.c - Tactical RMM's sync.
 * Places:   /clients/ has the sites inside, works with and without the beta API, and keeps to the limits of a role.
 * Way 1:    the beta API: agents in pages with all raw columns (hardware, disks, interfaces); then /agents/ for how the
 *           checks stand and the custom fields.
 * Way 2:    the beta API is off (its paths answer 404 with a page): /agents/?detail=false for the numbers, /agents/ for
 *           the rest; less hardware.                                                             [sync_agents.c]
 * Then:     the software of all agents in one call; the open alerts, and those of the last days for what was resolved
 *           meanwhile.                                                                            [sync_lists.c]
 * Calls:    with up to 250 agents seven, each further 250 one more: ten for a thousand. What the product lists for one
 *           agent alone (updates, the checks one by one) is read for one agent alone.               [single.c]
 * Both modes full and incremental are this: the product has no feed and no "changed since". */
#include "provider/tacticalrmm/sync.h"

#include <stdio.h>

/* --- lists that come whole in one answer --- */

void tac_list_begin(struct task *t)
{
    tac_sync_of(t)->nameless = 0;
}

void tac_list_reject(struct task *t, enum record_kind kind, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    tac_sync_of(t)->nameless += !id.n;
    sink->reject(sink->arg, kind, known(id), fault);
}

void tac_list_whole(struct task *t, enum record_kind kind, int64_t rows)
{
    const struct sink *sink = t->machine->sink;
    struct tac_sync *x = tac_sync_of(t);
    char why[160];

    if (!tac_wants(&x->m, kind))
        return;
    snprintf(why, sizeof(why), "Tactical RMM, %s: a row without an id, so nothing is taken as missing", t->kind->what);
    if (x->nameless)
        sink->incomplete(sink->arg, kind, why);
    else
        sink->complete(sink->arg, kind, rows);
}

enum task_verdict tac_list_failed(struct task *t, enum record_kind kind, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (tac_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->incomplete(sink->arg, kind, e->what);
    return TASK_DONE;
}

/* --- clients and sites --- */

static void clients_begin(struct task *t)
{
    tac_list_begin(t);
    tac_places_clear(&tac_sync_of(t)->places);
}

static void ask_clients(struct task *t, struct str *path, struct str *body)
{
    clients_begin(t);
    str_adds(path, "/clients/");
}

static void take_site(struct tac_sync *x, const struct tac_site *s, struct slice client_name)
{
    tac_places_add(&x->places, s->id, s->client, s->name, client_name);
    if (tac_wants(&x->m, RECORD_LOCATION))
        tac_emit_site(s, x->m.sink);
}

static void client_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_client *c = row;
    const struct tac_site *sites = c->sites.v;

    if (fault) {
        tac_list_reject(t, RECORD_ORGANIZATION, c->id, fault);
        return;
    }
    if (tac_wants(t->machine, RECORD_ORGANIZATION))
        tac_emit_client(c->id, c->name, t->machine->sink);
    for (size_t i = 0; i < c->sites.n; i++)
        take_site(tac_sync_of(t), &sites[i], c->name);
}

static enum task_verdict clients_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);

    tac_list_whole(t, RECORD_ORGANIZATION, t->page_rows);
    tac_list_whole(t, RECORD_LOCATION, (int64_t)x->places.n);
    return TASK_DONE;
}

/* --- names of custom fields --- */

static void names_begin(struct task *t)
{
    tac_names_clear(&tac_sync_of(t)->names);
}

static void ask_fields(struct task *t, struct str *path, struct str *body)
{
    names_begin(t);
    str_adds(path, "/core/customfields/");
}

static void field_row(struct task *t, const void *row, const char *fault)
{
    if (!fault)
        tac_names_add(&tac_sync_of(t)->names, row);
}

static enum task_verdict fields_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tac_sync_of(t)->names_known = true;
    return TASK_DONE;
}

/* A right that few roles have: without it no custom fields are told, and the doctor says why. */
static enum task_verdict fields_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return tac_is_fatal(t, r, e) ? TASK_FATAL : TASK_DONE;
}

static const struct map_doc clients_doc = {.rows = "[]", .row = &tac_client_map};
static const struct map_doc fields_doc = {.rows = "[]", .row = &tac_custom_field_map};
static const struct task_kind clients_kind = {.what = "clients",
                                              .list = true,
                                              .doc = &clients_doc,
                                              .ask = ask_clients,
                                              .row = client_row,
                                              .page = clients_page,
                                              .again = clients_begin};
static const struct task_kind fields_kind = {.what = "custom-fields",
                                             .list = true,
                                             .doc = &fields_doc,
                                             .ask = ask_fields,
                                             .row = field_row,
                                             .page = fields_page,
                                             .failed = fields_failed,
                                             .again = names_begin};

/* --- life --- */

static void release(struct machine *m)
{
    struct tac_sync *x = container_of(m, struct tac_sync, m);

    tac_places_clear(&x->places);
    tac_names_clear(&x->names);
    tac_ids_clear(&x->known);
    str_release(&x->dashboard);
}

static void switch_off(struct tac_sync *x)
{
    const uint64_t places = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE);
    const struct machine *m = &x->m;

    task_switch(&x->ids, TASK_OFF); /* until the numbers turn out to be wanted */
    if (!(m->in->kinds & places))
        task_switch(&x->clients, TASK_OFF);
    if (!tac_wants(m, RECORD_DEVICE)) {
        task_switch(&x->fields, TASK_OFF);
        task_switch(&x->agents.task, TASK_OFF);
        task_switch(&x->plain, TASK_OFF);
        task_switch(&x->ids, tac_wants(m, RECORD_SOFTWARE) ? TASK_READY : TASK_OFF);
    }
    if (!tac_wants(m, RECORD_SOFTWARE))
        task_switch(&x->software, TASK_OFF);
    if (!tac_wants(m, RECORD_ALERT)) {
        task_switch(&x->alerts, TASK_OFF);
        task_switch(&x->recent, TASK_OFF);
    }
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct tac_sync *x;
    struct machine *m;

    if (in->mode == SYNC_SINGLE)
        return tac_single_start(in, sink, e);
    if (in->kinds == SYNC_KIND(RECORD_PATCH))
        return err_set(e, ERR_INPUT,
                       "Tactical RMM lists updates for one agent at a time, not for all: refresh a device to read its "
                       "updates"),
               NULL;
    x = NEW(struct tac_sync);
    m = &x->m;
    machine_init(m, in, sink, tac_explain);
    m->release = release;
    machine_add(m, &x->clients, &clients_kind, TAC_STAGE_PLACES);
    machine_add(m, &x->fields, &fields_kind, TAC_STAGE_PLACES);
    machine_add(m, &x->agents.task, &tac_agents_kind, TAC_STAGE_AGENTS);
    machine_add(m, &x->ids, &tac_ids_kind, TAC_STAGE_IDS);
    machine_add(m, &x->plain, &tac_plain_kind, TAC_STAGE_PLAIN);
    machine_add(m, &x->software, &tac_software_kind, TAC_STAGE_SOFTWARE);
    machine_add(m, &x->alerts, &tac_alerts_kind, TAC_STAGE_ALERTS);
    machine_add(m, &x->recent, &tac_recent_kind, TAC_STAGE_RECENT);
    tac_pages_init(&x->agents, RECORD_DEVICE);
    x->beta = true;
    tac_dashboard(in->settings, &x->dashboard);
    switch_off(x);
    tac_agents_resume(x, in->checkpoint);
    return m;
}

const struct machine_ops tac_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
