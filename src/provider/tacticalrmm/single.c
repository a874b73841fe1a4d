/* single.c - one Tactical agent read again, and the site that it is in: the agent names its client only by name, and a
 * name is no key. Then what the product lists for one agent alone: updates, and for "live" the checks one by one; and the
 * client's alerts of the last day, since a webhook carries no message.
 * Always: the agent counts as gone only when the product says that no agent matches; a 404 page means a wrong path.
 *         What a role may not read is left out, and told in "live". */
#include "provider/tacticalrmm/single.h"

#define RECENT_DAYS 1

enum stage { STAGE_AGENT, STAGE_SITE, STAGE_REST };

struct tac_single {
    struct machine m;
    struct task agent, site, fields, software, updates, checks, alerts;
    struct tac_live *live; /* owned; NULL: a sync */
    struct arena *arena;
    struct str dashboard;
    struct tac_agent extras; /* what tac_emit_extras wants, in the arena */
    struct tac_names names;
    char site_id[24], client_id[24];
    bool windows;
};

static struct tac_single *single_of(struct task *t)
{
    return container_of(t->machine, struct tac_single, m);
}

static struct slice device_id(const struct task *t)
{
    return t->machine->in->device_id; /* letters and digits: tac_is_agent_id */
}

static bool copy_number(struct slice text, char ret[24])
{
    int64_t n;

    if (!slice_i64(text, &n) || n <= 0 || text.n >= 24)
        return false;
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return true;
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* A part beside the agent itself. */
static enum task_verdict part_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct tac_single *x = single_of(t);
    const struct sink *sink = t->machine->sink;

    if (tac_is_fatal(t, r, e))
        return TASK_FATAL;
    if (x->live)
        tac_live_lacks(x->live, t->kind->what, e->what);
    else if (e->code != ERR_FORBIDDEN)
        sink->reject(sink->arg, RECORD_FACET, device_id(t), e->what);
    return TASK_DONE;
}

/* --- the agent --- */

static void ask_agent(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/agents/%.*s/", SLICE_FMT(device_id(t)));
}

static struct slice keep(struct arena *a, struct slice s)
{
    return s.p ? slice_of(arena_strndup(a, s.p, s.n), s.n) : SLICE_NONE;
}

/* True when one of them has a value, so that the names are wanted. */
static bool keep_values(struct tac_single *x, const struct map_list *from)
{
    const struct tac_field_value *old = from->v;
    struct tac_field_value *v = arena_alloc(x->arena, (from->n + 1) * sizeof(*v));
    bool any = false;

    for (size_t i = 0; i < from->n; i++) {
        v[i] = (struct tac_field_value){.field = keep(x->arena, old[i].field), .value = keep(x->arena, old[i].value)};
        v[i].values.n = old[i].values.n;
        v[i].values.v = arena_alloc(x->arena, (old[i].values.n + 1) * sizeof(struct slice));
        for (size_t k = 0; k < old[i].values.n; k++)
            v[i].values.v[k] = keep(x->arena, old[i].values.v[k]);
        any |= v[i].value.n || v[i].values.n;
    }
    x->extras.field_values = (struct map_list){v, from->n};
    return any;
}

static void take_extras(struct tac_single *x, const struct tac_agent *a)
{
    x->extras = (struct tac_agent){.agent_id = keep(x->arena, a->agent_id), .checks = a->checks};
    if (a->field_values.v && keep_values(x, &a->field_values))
        task_switch(&x->fields, TASK_READY);
    else
        tac_emit_extras(&x->extras, &x->names, x->m.sink);
}

static bool wanted(const struct tac_single *x, enum record_kind kind)
{
    return x->live || (x->m.in->kinds & SYNC_KIND(kind));
}

static void agent_row(struct task *t, const void *row, const char *fault)
{
    struct tac_single *x = single_of(t);
    const struct tac_agent *a = row;
    const struct sink *sink = t->machine->sink;
    const struct tac_context c = {
        .location = a->site,
        .dashboard = x->dashboard.p ? x->dashboard.p : "",
        .now = t->date != USEC_NONE ? t->date : t->machine->in->now,
    };

    if (fault || !slice_eq(a->agent_id, device_id(t))) {
        sink->reject(sink->arg, RECORD_DEVICE, device_id(t), fault ? fault : "the answer is about another agent");
        return;
    }
    x->windows = slice_is(a->plat, "windows");
    tac_emit_agent(a, &c, sink);
    take_extras(x, a);
    if (x->live)
        tac_live_agent(x->live, a, &c);
    if (copy_number(a->site, x->site_id))
        task_switch(&x->site, TASK_READY);
    if (x->live)
        task_switch(&x->checks, TASK_READY);
    if (x->windows && wanted(x, RECORD_PATCH)) /* others have no list */
        task_switch(&x->updates, TASK_READY);
    if (x->windows && !x->live && wanted(x, RECORD_SOFTWARE))
        task_switch(&x->software, TASK_READY);
}

static enum task_verdict agent_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    struct record gone = {
        .kind = RECORD_DEVICE_GONE,
        .ref = {.device_id = device_id(t), .at = r->date != USEC_NONE ? r->date : t->machine->in->now}};

    if (!tac_is_entity_missing(r))
        return TASK_FATAL;
    sink->record(sink->arg, &gone);
    return single_of(t)->live ? TASK_FATAL : TASK_DONE;
}

/* --- its site --- */

static void ask_site(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/clients/sites/%s/", single_of(t)->site_id);
}

/* What is not said stays as it is: the device's second record only adds its organization. */
static void site_row(struct task *t, const void *row, const char *fault)
{
    struct tac_single *x = single_of(t);
    const struct tac_site *s = row;
    const struct sink *sink = t->machine->sink;
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = device_id(t),
                                  .organization_id = s->client,
                                  .location_id = s->id,
                                  .created = USEC_NONE,
                                  .last_seen = USEC_NONE}};

    if (fault) {
        sink->reject(sink->arg, RECORD_LOCATION, known(s->id), fault);
        return;
    }
    if (!copy_number(s->client, x->client_id))
        return;
    tac_emit_site(s, sink);
    sink->record(sink->arg, &r);
    if (!x->live && wanted(x, RECORD_ALERT))
        task_switch(&x->alerts, TASK_READY);
}

static enum task_verdict site_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (tac_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->reject(sink->arg, RECORD_LOCATION, slice_cstr(single_of(t)->site_id), e->what);
    return TASK_DONE;
}

/* --- names of custom fields --- */

static void names_begin(struct task *t)
{
    tac_names_clear(&single_of(t)->names);
}

static void ask_fields(struct task *t, struct str *path, struct str *body)
{
    names_begin(t);
    str_adds(path, "/core/customfields/");
}

static void field_row(struct task *t, const void *row, const char *fault)
{
    if (!fault)
        tac_names_add(&single_of(t)->names, row);
}

static enum task_verdict fields_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tac_emit_extras(&single_of(t)->extras, &single_of(t)->names, t->machine->sink);
    return TASK_DONE;
}

static enum task_verdict fields_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    tac_emit_extras(&single_of(t)->extras, NULL, t->machine->sink);
    return part_failed(t, r, e);
}

/* --- software, updates, checks --- */

static void ask_software(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/software/%.*s/", SLICE_FMT(device_id(t)));
}

/* An object, or an empty list when the agent has never reported any. */
static void software_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_software *s = row;
    const struct sink *sink = t->machine->sink;
    bool none = fault && !s->agent.n && slice_ends(slice_cstr(fault), SLICE("found a list"));

    if (fault && !none)
        sink->reject(sink->arg, RECORD_SOFTWARE, device_id(t), fault);
    else
        tac_emit_software(device_id(t), s, sink);
}

static void ask_updates(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/winupdate/%.*s/", SLICE_FMT(device_id(t)));
}

static void update_row(struct task *t, const void *row, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    if (fault) {
        sink->reject(sink->arg, RECORD_PATCH, device_id(t), fault);
        return;
    }
    tac_emit_update(device_id(t), row, sink);
    if (single_of(t)->live)
        tac_live_update(single_of(t)->live, row);
}

static enum task_verdict updates_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    struct record none = {
        .kind = RECORD_PATCH,
        .patch = {.device_id = device_id(t), .none = true, .installed_at = USEC_NONE, .detected_at = USEC_NONE}};

    if (t->page_rows == 0)
        sink->record(sink->arg, &none);
    return TASK_DONE;
}

static void updates_again(struct task *t)
{
    if (single_of(t)->live)
        str_clear(&single_of(t)->live->updates);
}

static void ask_checks(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/agents/%.*s/checks/", SLICE_FMT(device_id(t)));
}

static void check_row(struct task *t, const void *row, const char *fault)
{
    if (!fault)
        tac_live_check(single_of(t)->live, row);
}

static void checks_again(struct task *t)
{
    str_clear(&single_of(t)->live->checks);
}

/* --- the client's latest alerts, of which the agent's are told --- */

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/alerts/");
    str_addf(body, "{\"clientFilter\":[%s],\"timeFilter\":%d}", single_of(t)->client_id, RECENT_DAYS);
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_alert *a = row;
    const struct sink *sink = t->machine->sink;

    if (!slice_eq(a->agent_id, device_id(t)))
        return;
    if (fault)
        sink->reject(sink->arg, RECORD_ALERT, known(a->id), fault);
    else
        tac_emit_alert(a, t->date != USEC_NONE ? t->date : t->machine->in->now, sink);
}

/* --- tables --- */

static const struct map_doc agent_doc = {.rows = "", .row = &tac_agent_map};
static const struct map_doc site_doc = {.rows = "", .row = &tac_site_map};
static const struct map_doc fields_doc = {.rows = "[]", .row = &tac_custom_field_map};
static const struct map_doc software_doc = {.rows = "", .row = &tac_software_map};
static const struct map_doc updates_doc = {.rows = "[]", .row = &tac_update_map};
static const struct map_doc checks_doc = {.rows = "[]", .row = &tac_check_map};
static const struct map_doc alerts_doc = {.rows = "[]", .row = &tac_alert_map};

static const struct task_kind agent_kind = {
    .what = "agent", .doc = &agent_doc, .ask = ask_agent, .row = agent_row, .page = done, .failed = agent_failed};
static const struct task_kind site_kind = {
    .what = "site", .doc = &site_doc, .ask = ask_site, .row = site_row, .page = done, .failed = site_failed};
static const struct task_kind fields_kind = {.what = "custom-fields",
                                             .doc = &fields_doc,
                                             .ask = ask_fields,
                                             .row = field_row,
                                             .page = fields_page,
                                             .failed = fields_failed,
                                             .again = names_begin};
static const struct task_kind software_kind = {.what = "software",
                                               .doc = &software_doc,
                                               .ask = ask_software,
                                               .row = software_row,
                                               .page = done,
                                               .failed = part_failed};
static const struct task_kind updates_kind = {.what = "updates",
                                              .list = true,
                                              .doc = &updates_doc,
                                              .ask = ask_updates,
                                              .row = update_row,
                                              .page = updates_page,
                                              .failed = part_failed,
                                              .again = updates_again};
static const struct task_kind checks_kind = {.what = "checks",
                                             .list = true,
                                             .doc = &checks_doc,
                                             .ask = ask_checks,
                                             .row = check_row,
                                             .page = done,
                                             .failed = part_failed,
                                             .again = checks_again};
static const struct task_kind alerts_kind = {.what = "recent-alerts",
                                             .method = "PATCH", /* that lists and changes nothing */
                                             .list = true,
                                             .content_type = "application/json",
                                             .doc = &alerts_doc,
                                             .ask = ask_alerts,
                                             .row = alert_row,
                                             .page = done,
                                             .failed = part_failed};

/* --- life --- */

static void release(struct machine *m)
{
    struct tac_single *x = container_of(m, struct tac_single, m);

    tac_live_free(x->live);
    tac_names_clear(&x->names);
    str_release(&x->dashboard);
    arena_free(x->arena);
}

static void finish(struct machine *m)
{
    const struct tac_single *x = container_of(m, struct tac_single, m);

    if (x->live)
        tac_live_result(x->live, m->sink);
}

struct machine *tac_single_new(const struct machine_input *in, const struct sink *sink, struct tac_live *live,
                               struct err *e)
{
    struct tac_single *x;

    if (!tac_check_agent_id(in->device_id, e)) {
        tac_live_free(live);
        return NULL;
    }
    x = NEW(struct tac_single);
    x->live = live;
    x->arena = arena_new();
    tac_dashboard(in->settings, &x->dashboard);
    machine_init(&x->m, in, sink, tac_explain);
    x->m.release = release;
    x->m.finish = finish;
    machine_add(&x->m, &x->agent, &agent_kind, STAGE_AGENT);
    struct {
        struct task *task;
        const struct task_kind *kind;
        enum stage stage;
    } rest[] = {{&x->site, &site_kind, STAGE_SITE},         {&x->fields, &fields_kind, STAGE_SITE},
                {&x->software, &software_kind, STAGE_REST}, {&x->updates, &updates_kind, STAGE_REST},
                {&x->checks, &checks_kind, STAGE_REST},     {&x->alerts, &alerts_kind, STAGE_REST}};
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        machine_add(&x->m, rest[i].task, rest[i].kind, rest[i].stage);
        task_switch(rest[i].task, TASK_OFF); /* until the agent shows what it has */
    }
    return &x->m;
}

struct machine *tac_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return tac_single_new(in, sink, NULL, e);
}
