/* api/action_lists.c - which actions there are, who opened remote access, and reading an asset again from all its sources. */
#include "api/integration_json.h"
#include "hub/syncer.h"
#include "store/action.h"

struct list {
    struct api_call *call;
    unsigned stmt;
};

/* --- what can be done with an asset --- */

static void json_source_actions(const struct action_source *s, struct jw *w)
{
    const struct provider *p = provider_find(s->provider);
    for (size_t i = 0; p && i < p->nactions; i++) {
        const struct provider_action *a = &p->actions[i];
        if (a->target != ACTION_ON_DEVICE)
            continue;
        _cleanup_(str_release) struct str key = {0};
        str_addf(&key, "%.*s%s%.*s", SLICE_FMT(s->provider), s->name.n ? ":" : "", SLICE_FMT(s->name));
        jw_object(w);
        jw_key_str(w, "action", a->key);
        jw_key_slice(w, "integration", str_slice(&key));
        jw_key_slice(w, "external_id", s->external_id);
        jw_key_bool(w, "available", s->enabled && !s->retired);
        json_action(a, w);
        jw_end(w);
    }
}

static void on_actions(void *arg, const struct pg_reply *r)
{
    struct list *l = arg;
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    if (pg_reply_err(r)) {
        api_problem_err(l->call, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, l->stmt) == 0) {
        api_problem(l->call, 404, "not_found", "There is no such asset.");
        return;
    }
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (size_t i = 0; i < pg_nrows(r, l->stmt); i++) {
        struct action_source s;
        action_read_source(r, l->stmt, i, &s);
        if (s.integration_id)
            json_source_actions(&s, &w);
    }
    jw_end(&w);
    jw_key_str(&w, "next", NULL);
    jw_end(&w);
    jw_done(&w);
    api_reply_tagged(l->call, 200, 0, str_slice(&out));
}

void op_asset_actions_list(struct api_call *c)
{
    struct list *l = arena_alloc(c->arena, sizeof *l);
    int64_t asset_id;
    l->call = c;
    if (!api_id(c, "id", &asset_id))
        return;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    l->stmt = action_add_sources(s, c->who.tenant_id, asset_id);
    pg_submit(s, on_actions, l);
}

/* --- reading an asset again, from all its sources --- */

struct refresh {
    struct api_call *call;
    unsigned stmt;
    size_t n, next;
    struct {
        int64_t integration_id, run_id;
        struct slice key, external_id;
        char *error;
    } * sources; /* in the arena */
};

static void refresh_next(struct refresh *f);

static void refresh_reply(struct refresh *f)
{
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    bool any = false;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (size_t i = 0; i < f->n; i++) {
        jw_object(&w);
        jw_key_slice(&w, "integration", f->sources[i].key);
        jw_key_slice(&w, "external_id", f->sources[i].external_id);
        jw_key(&w, "run_id");
        if (f->sources[i].run_id)
            jw_i64(&w, f->sources[i].run_id);
        else
            jw_null(&w);
        jw_key_str(&w, "error", f->sources[i].error);
        jw_end(&w);
        any |= f->sources[i].run_id > 0;
    }
    jw_end(&w);
    jw_key_str(&w, "next", NULL);
    jw_end(&w);
    jw_done(&w);
    if (f->n == 0)
        api_problem(f->call, 409, "no_source", "No integration that is in use knows this asset.");
    else if (!any)
        api_problem(f->call, 409, "not_refreshed", "None of its sources can be read now: %s", f->sources[0].error);
    else
        api_reply(f->call, 202, &out);
}

static void on_requested(void *arg, int64_t run_id, const struct err *e)
{
    struct refresh *f = arg;
    if (e)
        f->sources[f->next].error = arena_strndup(f->call->arena, e->what, strlen(e->what));
    else
        f->sources[f->next].run_id = run_id;
    f->next++;
    refresh_next(f);
}

static void refresh_next(struct refresh *f)
{
    struct api_call *c = f->call;
    struct audit_actor by = api_actor(c);
    if (f->next == f->n) {
        refresh_reply(f);
        return;
    }
    syncer_request(c->hub->syncer,
                   &(struct sync_request){.tenant_id = c->who.tenant_id,
                                          .integration_id = f->sources[f->next].integration_id,
                                          .mode = SYNC_SINGLE,
                                          .kinds = SYNC_KINDS_ALL,
                                          .device_id = f->sources[f->next].external_id,
                                          .trigger = "api",
                                          .by = &by},
                   on_requested, f);
}

static void on_refresh_sources(void *arg, const struct pg_reply *r)
{
    struct refresh *f = arg;
    struct api_call *c = f->call;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    size_t rows = pg_nrows(r, f->stmt);
    if (rows == 0) {
        api_problem(c, 404, "not_found", "There is no such asset.");
        return;
    }
    f->sources = arena_alloc(c->arena, rows * sizeof *f->sources);
    for (size_t i = 0; i < rows; i++) {
        struct action_source s;
        action_read_source(r, f->stmt, i, &s);
        if (!s.integration_id || !s.enabled)
            continue;
        f->sources[f->n].integration_id = s.integration_id;
        f->sources[f->n].external_id =
            slice_of(arena_strndup(c->arena, s.external_id.p, s.external_id.n), s.external_id.n);
        f->sources[f->n++].key = slice_cstr(
            arena_printf(c->arena, "%.*s%s%.*s", SLICE_FMT(s.provider), s.name.n ? ":" : "", SLICE_FMT(s.name)));
    }
    refresh_next(f);
}

void op_asset_refresh(struct api_call *c)
{
    struct refresh *f = arena_alloc(c->arena, sizeof *f);
    f->call = c;
    int64_t asset_id;
    if (!api_id(c, "id", &asset_id))
        return;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    f->stmt = action_add_sources(s, c->who.tenant_id, asset_id);
    pg_submit(s, on_refresh_sources, f);
}

/* --- what can be done with an integration --- */

void op_integration_actions_list(struct api_call *c)
{
    const struct provider *p = c->integration->provider;
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (size_t i = 0; i < p->nactions; i++) {
        jw_object(&w);
        jw_key_str(&w, "action", p->actions[i].key);
        json_action(&p->actions[i], &w);
        jw_end(&w);
    }
    jw_end(&w);
    jw_key_str(&w, "next", NULL);
    jw_end(&w);
    jw_done(&w);
    api_reply_tagged(c, 200, 0, str_slice(&out));
}

/* --- who opened what --- */

void op_remote_access_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct remote_filter filter = {0};
    api_known_args(c, (const char *const[]){"asset_id", "actor", NULL}, &faults);
    api_page_read(c, &page, &faults);
    api_arg_id(c, "asset_id", &filter.asset_id, &faults);
    filter.actor = api_arg(c, "actor");
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    remote_access_list(c->hub->db, &filter, &request, api_reply_page, c);
}
