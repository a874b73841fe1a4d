/* sync.c - Tactical RMM's sync.
 * Way 1:    the beta API: clients · sites · agents in pages with all raw columns (hardware, disks, interfaces). The
 *           list has no status: it is computed as the product does, with the server's own clock.
 * Way 2:    the beta API is off (its paths answer 404 with a page): /clients/ with sites inside,
 *           /agents/?detail=false for the numeric ids, /agents/ for the rest; less hardware, status as given.
 * Then:     the open alerts, and those of the last days for what was resolved meanwhile.
 * Both modes full and incremental are this: the product has no feed and no "changed since". */
#include "provider/tacticalrmm/sync.h"

#include "base/json_read.h"
#include "base/json_write.h"

#include <stdio.h>

#define AGENT_PAGE  200 /* rows of 4 to 100 kB */
#define SITE_PAGE   1000
#define RECENT_DAYS 7

enum stage { STAGE_CLIENTS, STAGE_SITES, STAGE_AGENTS, STAGE_AGENTS_PLAIN, STAGE_ALERTS, STAGE_RECENT };

struct tac_sync {
    struct machine m;
    struct task clients, clients_plain, ids, agents_plain, alerts, recent;
    struct tac_pages sites, agents;
    struct tac_places places;
    struct tac_ids known;
    size_t nameless; /* rows without an id, of the list that is read now and has no total */
    bool alerts_whole;
    int64_t nalerts;
};

static struct tac_sync *sync_of(struct machine *m)
{
    return container_of(m, struct tac_sync, m);
}

static bool wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

static usec_t server_now(const struct task *t)
{
    return t->date != USEC_NONE ? t->date : t->machine->in->now;
}

static void reject(struct task *t, enum record_kind kind, struct slice id, const char *fault)
{
    const struct sink *sink = t->machine->sink;

    sync_of(t->machine)->nameless += !id.n;
    sink->reject(sink->arg, kind, known(id), fault);
}

/* A list that came whole in one answer. */
static void tell_whole(struct task *t, enum record_kind kind, int64_t rows)
{
    const struct sink *sink = t->machine->sink;
    struct tac_sync *x = sync_of(t->machine);
    char why[160];

    if (!wants(&x->m, kind))
        return;
    snprintf(why, sizeof(why), "Tactical RMM, %s: a row without an id, so nothing is taken as missing", t->kind->what);
    if (x->nameless)
        sink->incomplete(sink->arg, kind, why);
    else
        sink->complete(sink->arg, kind, rows);
}

static void list_again(struct task *t)
{
    sync_of(t->machine)->nameless = 0;
}

/* --- clients and sites --- */

static void ask_clients(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    str_adds(path, "/beta/v1/client/");
}

static void ask_clients_plain(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    tac_places_clear(&sync_of(t->machine)->places);
    str_adds(path, "/clients/");
}

static void clients_plain_again(struct task *t)
{
    list_again(t);
    tac_places_clear(&sync_of(t->machine)->places);
}

static void ask_sites(struct task *t, struct str *path, struct str *body)
{
    tac_pages_ask(&sync_of(t->machine)->sites, path, "site", SITE_PAGE);
}

static void take_site(struct tac_sync *x, const struct tac_site *s, struct slice client_name)
{
    tac_places_add(&x->places, s->id, s->client, s->name, client_name);
    if (wants(&x->m, RECORD_LOCATION))
        tac_emit_site(s, x->m.sink);
}

static void client_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_client *c = row;
    const struct tac_site *sites = c->sites.v;

    if (fault) {
        reject(t, RECORD_ORGANIZATION, c->id, fault);
        return;
    }
    if (wants(t->machine, RECORD_ORGANIZATION))
        tac_emit_client(c->id, c->name, t->machine->sink);
    for (size_t i = 0; i < c->sites.n; i++)
        take_site(sync_of(t->machine), &sites[i], c->name);
}

static void site_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct tac_site *s = row;

    if (tac_pages_take(&x->sites, s->id, s->id, fault))
        take_site(x, s, SLICE_NONE);
}

static enum task_verdict clients_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tell_whole(t, RECORD_ORGANIZATION, t->page_rows);
    return TASK_DONE;
}

static enum task_verdict clients_plain_page(struct task *t, const void *head, const struct machine_reply *r,
                                            struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);

    tell_whole(t, RECORD_ORGANIZATION, t->page_rows);
    tell_whole(t, RECORD_LOCATION, (int64_t)x->places.n);
    return TASK_DONE;
}

static enum task_verdict sites_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return tac_pages_page(&sync_of(t->machine)->sites, head);
}

static void sites_again(struct task *t)
{
    tac_pages_again(&sync_of(t->machine)->sites);
}

static void switch_agents(struct tac_sync *x, bool beta)
{
    bool devices = wants(&x->m, RECORD_DEVICE);

    task_switch(&x->clients_plain, beta ? TASK_OFF : TASK_READY);
    task_switch(&x->sites.task, beta ? TASK_READY : TASK_OFF);
    task_switch(&x->agents.task, beta && devices ? TASK_READY : TASK_OFF);
    task_switch(&x->ids, !beta && devices ? TASK_READY : TASK_OFF);
    task_switch(&x->agents_plain, !beta && devices ? TASK_READY : TASK_OFF);
}

static enum task_verdict clients_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (!tac_is_beta_off(r))
        return TASK_FATAL;
    switch_agents(sync_of(t->machine), false);
    return TASK_DONE;
}

static enum task_verdict sites_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);

    if (x->sites.page > 1 && tac_is_invalid_page(r))
        return tac_pages_past_end(&x->sites);
    return TASK_FATAL;
}

/* --- agents, way 1 --- */

static void checkpoint(struct tac_sync *x)
{
    const struct sink *sink = x->m.sink;
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "page", x->agents.page);
    jw_key_i64(&w, "rows", x->agents.rows);
    jw_key_i64(&w, "count", x->agents.count);
    jw_key_i64(&w, "last", x->agents.last);
    jw_key_bool(&w, "doubtful", x->agents.doubtful);
    jw_end(&w);
    jw_done(&w);
    sink->checkpoint(sink->arg, str_slice(&json));
}

static void ask_agents(struct task *t, struct str *path, struct str *body)
{
    tac_pages_ask(&sync_of(t->machine)->agents, path, "agent", AGENT_PAGE);
}

static void agent_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct tac_agent *a = row;
    const struct tac_place *place;

    if (!tac_pages_take(&x->agents, a->id, a->agent_id, fault))
        return;
    place = tac_places_by_site(&x->places, a->site);
    tac_emit_agent(a, place ? slice_cstr(place->client) : SLICE_NONE, a->site, server_now(t), x->m.sink);
}

static enum task_verdict agents_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);
    enum task_verdict v = tac_pages_page(&x->agents, head);

    if (v == TASK_AGAIN)
        checkpoint(x);
    return v;
}

static void agents_again(struct task *t)
{
    tac_pages_again(&sync_of(t->machine)->agents);
}

static enum task_verdict agents_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);

    if (x->agents.page > 1 && tac_is_invalid_page(r))
        return tac_pages_past_end(&x->agents);
    return TASK_FATAL;
}

/* --- agents, way 2 --- */

static void ask_ids(struct task *t, struct str *path, struct str *body)
{
    tac_ids_clear(&sync_of(t->machine)->known);
    str_adds(path, "/agents/?detail=false");
}

static void id_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct tac_agent *a = row;

    if (fault || !tac_ids_add(&x->known, a->agent_id, a->id))
        x->known.rejected++; /* the same agent is told by its row in /agents/ */
}

static void ids_again(struct task *t)
{
    tac_ids_clear(&sync_of(t->machine)->known);
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static void ask_agents_plain(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    str_adds(path, "/agents/");
}

static void agent_plain_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = sync_of(t->machine);
    struct tac_agent a = *(const struct tac_agent *)row;
    const struct tac_place *place;
    struct tac_id *id;
    char number[24];

    if (fault) {
        reject(t, RECORD_DEVICE, a.agent_id, fault);
        return;
    }
    id = tac_ids_find(&x->known, a.agent_id);
    if (id) {
        x->known.seen += !id->seen;
        id->seen = true;
        snprintf(number, sizeof(number), "%lld", (long long)id->id);
        a.id = slice_cstr(number);
    }
    place = tac_places_by_name(&x->places, a.client_name, a.site_name);
    tac_emit_agent(&a, place ? slice_cstr(place->client) : SLICE_NONE, place ? slice_cstr(place->site) : SLICE_NONE,
                   server_now(t), x->m.sink);
}

static void agents_plain_again(struct task *t)
{
    struct tac_sync *x = sync_of(t->machine);

    x->nameless = 0;
    x->known.seen = 0;
    for (size_t i = 0; i < x->known.n; i++)
        x->known.v[i].seen = false;
}

/* The two lists, each whole in one answer, must name the same agents. */
static enum task_verdict agents_plain_page(struct task *t, const void *head, const struct machine_reply *r,
                                           struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct sink *sink = x->m.sink;
    char why[200];

    if (!x->nameless && !x->known.rejected && x->known.seen == x->known.n && (int64_t)x->known.n == t->page_rows) {
        sink->complete(sink->arg, RECORD_DEVICE, t->page_rows);
        return TASK_DONE;
    }
    snprintf(why, sizeof(why),
             "Tactical RMM, agents: %lld rows, of which %zu have no id, against %zu in the list of ids, so "
             "nothing is taken as "
             "missing",
             (long long)t->page_rows, x->nameless, x->known.n + x->known.rejected);
    sink->incomplete(sink->arg, RECORD_DEVICE, why);
    return TASK_DONE;
}

/* --- alerts --- */

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    sync_of(t->machine)->alerts_whole = false;
    str_adds(path, "/alerts/");
    str_adds(
        body,
        "{\"resolvedFilter\":false,\"snoozedFilter\":true}"); /* true is "no filter": the snoozed ones are open too */
}

/* After the open ones: what was resolved in between is told by this list, later. */
static void ask_recent(struct task *t, struct str *path, struct str *body)
{
    sync_of(t->machine)->nameless = 0;
    str_adds(path, "/alerts/");
    str_addf(body, "{\"timeFilter\":%d}", RECENT_DAYS);
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_alert *a = row;

    if (fault)
        reject(t, RECORD_ALERT, a->id, fault);
    else
        tac_emit_alert(a, server_now(t), t->machine->sink);
}

static enum task_verdict alerts_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct sink *sink = x->m.sink;

    x->alerts_whole = x->nameless == 0;
    x->nalerts = t->page_rows;
    if (!x->alerts_whole)
        sink->incomplete(sink->arg, RECORD_ALERT,
                         "Tactical RMM, alerts: a row without an id, so no alert is taken as resolved");
    return TASK_DONE;
}

static enum task_verdict recent_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = sync_of(t->machine);
    const struct sink *sink = x->m.sink;

    if (x->alerts_whole)
        sink->complete(sink->arg, RECORD_ALERT, x->nalerts);
    return TASK_DONE;
}

static enum task_verdict alerts_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;

    if (tac_is_fatal(t, r, e))
        return TASK_FATAL;
    sink->incomplete(sink->arg, RECORD_ALERT, e->what);
    return TASK_DONE;
}

/* --- tables --- */

static const struct map_doc clients_doc = {.rows = "[]", .row = &tac_client_map};
static const struct map_doc sites_doc = {.rows = "results[]", .row = &tac_site_map, .head = &tac_pages_head};
static const struct map_doc agents_doc = {.rows = "results[]", .row = &tac_agent_map, .head = &tac_pages_head};
static const struct map_doc ids_doc = {.rows = "[]", .row = &tac_agent_id_map};
static const struct map_doc agents_plain_doc = {.rows = "[]", .row = &tac_agent_map};
static const struct map_doc alerts_doc = {.rows = "[]", .row = &tac_alert_map};

static const struct task_kind clients_kind = {.what = "clients",
                                              .list = true,
                                              .doc = &clients_doc,
                                              .ask = ask_clients,
                                              .row = client_row,
                                              .page = clients_page,
                                              .failed = clients_failed,
                                              .again = list_again};
static const struct task_kind clients_plain_kind = {.what = "clients",
                                                    .list = true,
                                                    .doc = &clients_doc,
                                                    .ask = ask_clients_plain,
                                                    .row = client_row,
                                                    .page = clients_plain_page,
                                                    .again = clients_plain_again};
static const struct task_kind sites_kind = {.what = "sites",
                                            .list = true,
                                            .doc = &sites_doc,
                                            .ask = ask_sites,
                                            .row = site_row,
                                            .page = sites_page,
                                            .failed = sites_failed,
                                            .again = sites_again};
static const struct task_kind agents_kind = {.what = "agents",
                                             .list = true,
                                             .doc = &agents_doc,
                                             .ask = ask_agents,
                                             .row = agent_row,
                                             .page = agents_page,
                                             .failed = agents_failed,
                                             .again = agents_again};
static const struct task_kind ids_kind = {.what = "agent-ids",
                                          .list = true,
                                          .doc = &ids_doc,
                                          .ask = ask_ids,
                                          .row = id_row,
                                          .page = done,
                                          .again = ids_again};
static const struct task_kind agents_plain_kind = {.what = "agents",
                                                   .list = true,
                                                   .doc = &agents_plain_doc,
                                                   .ask = ask_agents_plain,
                                                   .row = agent_plain_row,
                                                   .page = agents_plain_page,
                                                   .again = agents_plain_again};

/* A PATCH that lists and changes nothing: it may be sent twice. */
#define ALERTS_KIND                                                                                                    \
    .method = "PATCH", .list = true, .content_type = "application/json", .doc = &alerts_doc, .row = alert_row,         \
    .failed = alerts_failed, .again = list_again
static const struct task_kind alerts_kind = {.what = "alerts", ALERTS_KIND, .ask = ask_alerts, .page = alerts_page};
static const struct task_kind recent_kind = {
    .what = "recent-alerts", ALERTS_KIND, .ask = ask_recent, .page = recent_page};

/* --- life --- */

static void resume(struct tac_sync *x, struct slice text)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct tac_pages *p = &x->agents;
    struct json *root = NULL;
    int64_t page, rows, count, last;

    if (!text.n || !json_parse(a, text, &root, NULL) || !json_get_i64(root, "page", &page) ||
        !json_get_i64(root, "rows", &rows) || !json_get_i64(root, "count", &count) ||
        !json_get_i64(root, "last", &last) || page < 1)
        return;
    p->page = page;
    p->rows = rows;
    p->count = count;
    p->last = p->page_start = last;
    p->doubtful = json_get_bool(root, "doubtful", false);
}

static void release(struct machine *m)
{
    tac_places_clear(&sync_of(m)->places);
    tac_ids_clear(&sync_of(m)->known);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    const unsigned places = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE);
    struct tac_sync *x;
    struct machine *m;

    if (in->mode == SYNC_SINGLE)
        return tac_single_start(in, sink, e);
    x = NEW(struct tac_sync);
    m = &x->m;
    machine_init(m, in, sink, tac_explain);
    m->release = release;
    machine_add(m, &x->clients, &clients_kind, STAGE_CLIENTS);
    machine_add(m, &x->clients_plain, &clients_plain_kind, STAGE_SITES);
    machine_add(m, &x->sites.task, &sites_kind, STAGE_SITES);
    machine_add(m, &x->agents.task, &agents_kind, STAGE_AGENTS);
    machine_add(m, &x->ids, &ids_kind, STAGE_AGENTS);
    machine_add(m, &x->agents_plain, &agents_plain_kind, STAGE_AGENTS_PLAIN);
    machine_add(m, &x->alerts, &alerts_kind, STAGE_ALERTS);
    machine_add(m, &x->recent, &recent_kind, STAGE_RECENT);
    tac_pages_init(&x->sites, RECORD_LOCATION);
    tac_pages_init(&x->agents, RECORD_DEVICE);
    switch_agents(x, true);
    if (!(in->kinds & places)) {
        task_switch(&x->clients, TASK_OFF);
        task_switch(&x->sites.task, TASK_OFF);
    }
    if (!wants(m, RECORD_ALERT)) {
        task_switch(&x->alerts, TASK_OFF);
        task_switch(&x->recent, TASK_OFF);
    }
    resume(x, in->checkpoint);
    return m;
}

const struct machine_ops tac_sync_ops = {
    .name = "sync",
    .start = start,
    MACHINE_TASKS_OPS,
};
