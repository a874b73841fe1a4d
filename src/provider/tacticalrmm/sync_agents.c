/* sync_agents.c - the agents of a sync, in the two ways of sync.c.
 * Why:    the beta list has the hardware and ignores the limits of a role; /agents/ keeps to them and has no hardware. So
 *         an agent counts only where its site is one that /clients/ shows.
 * Always: the list is told whole only when two lists agree: in way 1 the pages held together and as many agents came of
 *         them as /agents/ has rows, in way 2 both lists named the same agents. Each fact of an agent comes from one of the
 *         lists alone, so that a device that has not changed is not written. */
#include "provider/tacticalrmm/sync.h"

#include "base/json_read.h"
#include "base/json_write.h"

#include <stdio.h>

#define AGENT_PAGE 250 /* rows of 4 to 100 kB */

static void emit(struct task *t, const struct tac_agent *a, const struct tac_place *place)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct tac_context c = {
        .organization = place ? slice_cstr(place->client) : SLICE_NONE,
        .location = place ? slice_cstr(place->site) : SLICE_NONE,
        .dashboard = x->dashboard.p ? x->dashboard.p : "",
        .now = tac_server_now(t),
    };

    tac_emit_agent(a, &c, x->m.sink);
}

static void emit_extras(struct task *t, const struct tac_agent *a)
{
    struct tac_sync *x = tac_sync_of(t);

    tac_emit_extras(a, x->names_known ? &x->names : NULL, x->m.sink);
}

/* --- way 1: pages --- */

void tac_agents_checkpoint(struct tac_sync *x)
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
    jw_key_i64(&w, "emitted", x->emitted);
    jw_key_bool(&w, "doubtful", x->agents.doubtful);
    jw_end(&w);
    jw_done(&w);
    sink->checkpoint(sink->arg, str_slice(&json));
}

void tac_agents_resume(struct tac_sync *x, struct slice text)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct tac_pages *p = &x->agents;
    struct json *root = NULL;
    int64_t page, rows, count, last, emitted;

    if (!text.n || !json_parse(a, text, &root, NULL) || !json_get_i64(root, "page", &page) ||
        !json_get_i64(root, "rows", &rows) || !json_get_i64(root, "count", &count) ||
        !json_get_i64(root, "last", &last) || !json_get_i64(root, "emitted", &emitted) || page < 1)
        return;
    p->page = page;
    p->rows = rows;
    p->count = count;
    p->last = p->page_start = last;
    p->doubtful = json_get_bool(root, "doubtful", false);
    x->emitted = x->emitted_before = emitted;
}

static void ask_agents(struct task *t, struct str *path, struct str *body)
{
    tac_pages_ask(&tac_sync_of(t)->agents, path, "agent", AGENT_PAGE);
}

static void agent_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct tac_agent *a = row;
    const struct tac_place *place = tac_places_by_site(&x->places, a->site);
    bool outside = a->site.n && !place && !fault; /* of the role */

    if (!tac_pages_take(&x->agents, a->id, a->agent_id, fault)) {
        x->emitted += fault && a->agent_id.n; /* it is there all the same */
        return;
    }
    if (outside)
        return;
    x->emitted++;
    (void)!tac_ids_add(&x->known, a->agent_id, a->id);
    emit(t, a, place);
}

static void agents_page_taken(struct tac_sync *x)
{
    x->emitted_before = x->emitted;
    x->known_before = x->known.n;
}

static enum task_verdict agents_end(struct tac_sync *x)
{
    bool lacks = (int64_t)x->known.n < x->emitted; /* those before a checkpoint, rows that cannot be read */

    x->known_whole = x->agents.whole && !lacks;
    if (tac_wants(&x->m, RECORD_SOFTWARE) && !x->known_whole)
        task_switch(&x->ids, TASK_READY);
    return TASK_DONE;
}

static enum task_verdict agents_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);

    if (tac_pages_page(&x->agents, head) == TASK_DONE)
        return agents_end(x);
    agents_page_taken(x);
    tac_agents_checkpoint(x);
    return TASK_AGAIN;
}

static void agents_again(struct task *t)
{
    struct tac_sync *x = tac_sync_of(t);

    tac_pages_again(&x->agents);
    x->emitted = x->emitted_before;
    x->known.n = x->known_before;
}

static enum task_verdict agents_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);

    if (x->agents.page > 1 && tac_is_invalid_page(r)) {
        (void)tac_pages_past_end(&x->agents);
        return agents_end(x);
    }
    if (!tac_is_beta_off(r) || x->agents.page > 1)
        return TASK_FATAL;
    x->beta = false;
    task_switch(&x->ids, TASK_READY);
    return TASK_DONE;
}

/* --- numbers --- */

static void ids_begin(struct task *t)
{
    tac_ids_clear(&tac_sync_of(t)->known);
}

static void ask_ids(struct task *t, struct str *path, struct str *body)
{
    ids_begin(t);
    str_adds(path, "/agents/?detail=false");
}

static void id_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct tac_agent *a = row;

    if (fault || !tac_ids_add(&x->known, a->agent_id, a->id))
        x->known.rejected++; /* the same agent is told by its row in /agents/ */
}

static enum task_verdict ids_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tac_sync_of(t)->known_whole = true;
    return TASK_DONE;
}

/* --- /agents/: all of it in way 2, what the pages lack in way 1 --- */

static void plain_again(struct task *t)
{
    struct tac_sync *x = tac_sync_of(t);

    tac_list_begin(t);
    x->known.seen = 0;
    for (size_t i = 0; i < x->known.n; i++)
        x->known.v[i].seen = false;
}

static void ask_plain(struct task *t, struct str *path, struct str *body)
{
    plain_again(t);
    str_adds(path, "/agents/");
}

static void emit_plain(struct task *t, const struct tac_agent *row)
{
    struct tac_sync *x = tac_sync_of(t);
    struct tac_id *id = tac_ids_find(&x->known, row->agent_id);
    struct tac_agent a = *row;
    char number[24];

    if (id) {
        x->known.seen += !id->seen;
        id->seen = true;
        snprintf(number, sizeof(number), "%lld", (long long)id->id);
        a.id = slice_cstr(number);
    }
    emit(t, &a, tac_places_by_name(&x->places, a.client_name, a.site_name));
}

static void plain_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_agent *a = row;
    bool beta = tac_sync_of(t)->beta;

    if (fault) {
        tac_list_reject(t, beta ? RECORD_FACET : RECORD_DEVICE, a->agent_id, fault);
        return;
    }
    if (!beta)
        emit_plain(t, a);
    emit_extras(t, a);
}

static void tell_agents(struct task *t, const char *why)
{
    const struct sink *sink = t->machine->sink;

    if (why)
        sink->incomplete(sink->arg, RECORD_DEVICE, why);
    else
        sink->complete(sink->arg, RECORD_DEVICE, t->page_rows);
}

static enum task_verdict plain_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct tac_ids *known = &x->known;
    char why[200];

    if (x->beta) {
        snprintf(
            why, sizeof(why),
            "Tactical RMM, agents: %lld of them came by pages, against %lld in the plain list, so nothing is taken as "
            "missing",
            (long long)x->emitted, (long long)t->page_rows);
        if (x->agents.whole) /* else it was told why */
            tell_agents(t, x->emitted == t->page_rows ? NULL : why);
        return TASK_DONE;
    }
    snprintf(
        why, sizeof(why),
        "Tactical RMM, agents: %lld rows, of which %zu have no id, against %zu in the list of ids, so nothing is taken "
        "as missing",
        (long long)t->page_rows, x->nameless, known->n + known->rejected);
    tell_agents(t, !x->nameless && !known->rejected && known->seen == known->n && (int64_t)known->n == t->page_rows
                       ? NULL
                       : why);
    return TASK_DONE;
}

static enum task_verdict plain_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return tac_sync_of(t)->beta ? tac_list_failed(t, RECORD_DEVICE, r, e) : TASK_FATAL;
}

/* --- tables --- */

static const struct map_doc agents_doc = {.rows = "results[]", .row = &tac_agent_map, .head = &tac_pages_head};
static const struct map_doc ids_doc = {.rows = "[]", .row = &tac_agent_id_map};
static const struct map_doc plain_doc = {.rows = "[]", .row = &tac_agent_map};

const struct task_kind tac_agents_kind = {.what = "agent-pages",
                                          .list = true,
                                          .doc = &agents_doc,
                                          .ask = ask_agents,
                                          .row = agent_row,
                                          .page = agents_page,
                                          .failed = agents_failed,
                                          .again = agents_again};
const struct task_kind tac_ids_kind = {.what = "agent-ids",
                                       .list = true,
                                       .doc = &ids_doc,
                                       .ask = ask_ids,
                                       .row = id_row,
                                       .page = ids_page,
                                       .again = ids_begin};
const struct task_kind tac_plain_kind = {.what = "agents",
                                         .list = true,
                                         .doc = &plain_doc,
                                         .ask = ask_plain,
                                         .row = plain_row,
                                         .page = plain_page,
                                         .failed = plain_failed,
                                         .again = plain_again};
