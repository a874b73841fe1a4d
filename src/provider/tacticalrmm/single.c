/* single.c - one Tactical agent read again, and the site that it is in: the agent names its client only by name, and
 * a name is no key.
 * Always: the agent counts as gone only when the product says that no agent matches; a 404 page means a wrong path. */
#include "provider/tacticalrmm/tacticalrmm.h"

struct tac_single {
    struct machine m;
    struct task agent, site;
    char site_id[24];
};

static struct tac_single *single_of(struct task *t)
{
    return container_of(t->machine, struct tac_single, m);
}

static void ask_agent(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/agents/%.*s/", SLICE_FMT(t->machine->in->device_id)); /* letters and digits: tac_is_agent_id */
}

static void ask_site(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/clients/sites/%s/", single_of(t)->site_id);
}

static void agent_row(struct task *t, const void *row, const char *fault)
{
    struct tac_single *x = single_of(t);
    const struct tac_agent *a = row;
    const struct sink *sink = t->machine->sink;
    int64_t site;

    if (fault || !slice_eq(a->agent_id, t->machine->in->device_id)) {
        sink->reject(sink->arg, RECORD_DEVICE, t->machine->in->device_id,
                     fault ? fault : "the answer is about another agent");
        return;
    }
    if (slice_i64(a->site, &site) && a->site.n < sizeof(x->site_id)) {
        memcpy(x->site_id, a->site.p, a->site.n);
        x->site_id[a->site.n] = '\0';
        task_switch(&x->site, TASK_READY);
    }
    tac_emit_agent(a, SLICE_NONE, a->site, t->date != USEC_NONE ? t->date : t->machine->in->now, sink);
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict agent_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    struct record gone = {
        .kind = RECORD_DEVICE_GONE,
        .ref = {.device_id = t->machine->in->device_id, .at = r->date != USEC_NONE ? r->date : t->machine->in->now}};

    if (!tac_is_entity_missing(r))
        return TASK_FATAL;
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

/* What is not said stays as it is: the device's second record only adds its organization. */
static void site_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_site *s = row;
    const struct sink *sink = t->machine->sink;
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = t->machine->in->device_id,
                                  .organization_id = s->client,
                                  .location_id = s->id,
                                  .created = USEC_NONE,
                                  .last_seen = USEC_NONE}};

    if (fault) {
        sink->reject(sink->arg, RECORD_LOCATION, known(s->id), fault);
        return;
    }
    if (!s->client.n)
        return;
    tac_emit_site(s, sink);
    sink->record(sink->arg, &r);
}

static enum task_verdict site_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (tac_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->reject(sink->arg, RECORD_LOCATION, slice_cstr(single_of(t)->site_id), e->what);
    return TASK_DONE;
}

static const struct map_doc agent_doc = {.rows = "", .row = &tac_agent_map};
static const struct map_doc site_doc = {.rows = "", .row = &tac_site_map};
static const struct task_kind agent_kind = {
    .what = "agent", .doc = &agent_doc, .ask = ask_agent, .row = agent_row, .page = done, .failed = agent_failed};
static const struct task_kind site_kind = {
    .what = "site", .doc = &site_doc, .ask = ask_site, .row = site_row, .page = done, .failed = site_failed};

struct machine *tac_single_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct tac_single *x;

    if (!tac_is_agent_id(in->device_id))
        return err_set(e, ERR_INPUT,
                       "\"%.*s\" is no Tactical agent id: they are 40 letters; the number of an agent is not one",
                       (int)MIN(in->device_id.n, 48), in->device_id.p ? in->device_id.p : ""),
               NULL;
    x = NEW(struct tac_single);
    machine_init(&x->m, in, sink, tac_explain);
    machine_add(&x->m, &x->agent, &agent_kind, 0);
    machine_add(&x->m, &x->site, &site_kind, 1);
    task_switch(&x->site, TASK_OFF);
    return &x->m;
}
