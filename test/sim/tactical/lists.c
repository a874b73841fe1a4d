/* tactical/lists.c - the interface without /beta: clients with their sites, agents, software, updates, remote links. */
#include "tactical.h"
#include <stdlib.h>

static bool limited_out(const struct ask *a, int64_t client)
{
    return (t_rights(a) & RIGHT_LIMITED) && client != 2;
}

/* --- clients --- */

struct tally {
    int64_t agents;
    bool maintenance;
};

static struct tally *tally_sites(const struct tactical *t)
{
    struct tally *v = mem_zalloc(t->nsites * sizeof(*v));
    struct t_agent x;
    for (int64_t id = 1; id < t->next_agent; id++) {
        if (!t_agent(t, id, &x))
            continue;
        v[x.site - 1].agents++;
        v[x.site - 1].maintenance |= x.maintenance;
    }
    return v;
}

static void no_policies(struct jw *w)
{
    jw_key_str(w, "server_policy", NULL);
    jw_key_str(w, "workstation_policy", NULL);
    jw_key_str(w, "alert_template", NULL);
}

static void failing(struct jw *w)
{
    jw_key(w, "failing_checks");
    jw_object(w);
    jw_key_bool(w, "error", false);
    jw_key_bool(w, "warning", false);
    jw_end(w);
}

static void no_fields(struct jw *w)
{
    jw_key(w, "custom_fields");
    jw_array(w);
    jw_end(w);
}

static void write_site(struct jw *w, const struct tactical *t, const struct t_site *s, const struct tally *n)
{
    jw_object(w);
    jw_key_i64(w, "id", s->id);
    jw_key_str(w, "name", s->name);
    no_policies(w);
    jw_key_str(w, "client_name", t_client(t, s->client)->name);
    jw_key_i64(w, "client", s->client);
    no_fields(w);
    if (n)
        jw_key_i64(w, "agent_count", n->agents);
    jw_key_bool(w, "block_policy_inheritance", false);
    if (n)
        jw_key_bool(w, "maintenance_mode", n->maintenance);
    failing(w);
    jw_end(w);
}

static void write_client(struct jw *w, const struct tactical *t, const struct t_client *c, const struct tally *sites,
                         bool counted)
{
    struct tally sum = {0};
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    jw_key_str(w, "name", c->name);
    no_policies(w);
    jw_key_bool(w, "block_policy_inheritance", false);
    jw_key(w, "sites");
    jw_array(w);
    for (size_t k = t->nsites; k > 0; k--) {
        const struct t_site *s = &t->sites[k - 1];
        if (s->client != c->id)
            continue;
        write_site(w, t, s, &sites[k - 1]);
        sum.agents += sites[k - 1].agents;
        sum.maintenance |= sites[k - 1].maintenance;
    }
    jw_end(w);
    no_fields(w);
    if (counted) {
        jw_key_i64(w, "agent_count", sum.agents);
        jw_key_bool(w, "maintenance_mode", sum.maintenance);
    }
    failing(w);
    jw_end(w);
}

void t_clients(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct tally *sites = tally_sites(t);
    const struct t_client **v = t_clients_by_name(t);
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < t->nclients; k++) {
        if (!limited_out(a, v[k]->id))
            write_client(&w, t, v[k], sites, true);
    }
    jw_end(&w);
    free(v);
    free(sites);
}

void t_client_one(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    int64_t id = 0;
    if (!slice_i64(a->params[0], &id)) {
        t_html(r, 404);
        return;
    }
    const struct t_client *c = t_client(t, id);
    if (!c) {
        t_detail(r, 404, "No Client matches the given query.");
        return;
    }
    if (limited_out(a, id)) {
        t_detail(r, 403, "You do not have permission to perform this action.");
        return;
    }
    struct tally *sites = tally_sites(t);
    struct jw w = t_json(r, 200);
    write_client(&w, t, c, sites, false);
    free(sites);
}

void t_sites(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < t->nsites; k++) {
        if (!limited_out(a, t->sites[k].client))
            write_site(&w, t, &t->sites[k], NULL);
    }
    jw_end(&w);
}

void t_site_one(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    int64_t id = 0;
    if (!slice_i64(a->params[0], &id)) {
        t_html(r, 404);
        return;
    }
    const struct t_site *s = t_site(t, id);
    if (!s) {
        t_detail(r, 404, "No Site matches the given query.");
        return;
    }
    if (limited_out(a, s->client)) {
        t_detail(r, 403, "You do not have permission to perform this action.");
        return;
    }
    struct jw w = t_json(r, 200);
    write_site(&w, t, s, NULL);
}

/* --- agents --- */

struct list_query {
    int64_t site, client; /* 0: any */
    struct slice type;
    bool brief;
};

/* A filter that is no number ends the server's request with a 500. */
static bool list_query(struct ask *a, struct answer *r, struct list_query *q)
{
    struct slice text;
    *q = (struct list_query){.brief = ask_arg(a, "detail", &text) && !slice_is(text, "true")};
    if (ask_arg(a, "monitoring_type", &q->type) && !slice_is(q->type, "server") && !slice_is(q->type, "workstation")) {
        t_string(r, 400, "monitoring type does not exist");
        return false;
    }
    if ((ask_arg(a, "site", &text) && !slice_i64(text, &q->site)) ||
        (!q->site && ask_arg(a, "client", &text) && !slice_i64(text, &q->client))) {
        t_html(r, 500);
        return false;
    }
    return true;
}

void t_agents(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct list_query q;
    struct t_agent x;
    size_t n;
    if (!list_query(a, r, &q))
        return;
    int64_t *ids = t_order(t, &n);
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < n; k++) {
        if (!t_agent(t, ids[k], &x) || limited_out(a, x.client) || (a->fault == FAULT_OMIT_ROWS && k % 10 == 3))
            continue;
        if ((q.site && q.site != x.site) || (q.client && q.client != x.client) ||
            (q.type.n && slice_is(q.type, "server") != x.server))
            continue;
        if (q.brief)
            tw_agent_short(&w, t, &x);
        else
            tw_agent_row(&w, t, &x, a->wall);
    }
    jw_end(&w);
    free(ids);
}

bool t_my_agent(struct tactical *t, struct ask *a, struct answer *r, struct t_agent *ret)
{
    if (!t_path_agent(t, a, r, ret))
        return false;
    if (!limited_out(a, ret->client))
        return true;
    t_detail(r, 403, "You do not have permission to perform this action.");
    return false;
}

void t_agent_one(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    struct jw w = t_json(r, 200);
    tw_agent_full(&w, t, &x, a->wall);
}

void t_agent_edit(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    int64_t site;
    if (!t_my_agent(t, a, r, &x))
        return;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    struct t_change *c = t_change(t, x.id);
    c->maintenance = json_get_bool(o, "maintenance_mode", x.maintenance);
    struct slice description = json_get_text(o, "description");
    if (description.p) {
        free(c->description);
        c->description = mem_strndup(description.p, description.n);
    }
    if (json_get_i64(o, "site", &site) && t_site(t, site))
        c->site = site;
    t_string(r, 200, "The agent was updated successfully");
}

void t_agent_mesh(void *self, struct ask *a, struct answer *r)
{
    static const struct {
        const char *key;
        int mode;
    } links[] = {{"control", 11}, {"terminal", 12}, {"file", 13}};
    struct tactical *t = self;
    struct t_agent x;
    char url[400], login[65];
    if (!t_my_agent(t, a, r, &x))
        return;
    rng_text(t->seed, ++t->token_serial, 5000, "ABCDEFGHIJKLMNOPQRSTUVWXYZ@$", 28, login, 64);
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "hostname", x.hostname);
    for (size_t k = 0; k < ARRAY_LEN(links); k++) {
        snprintf(url, sizeof(url), "https://mesh.example.com/?login=%s=&gotonode=%s&viewmode=%d&hide=31", login,
                 x.status == T_NEVER ? "None" : x.mesh, links[k].mode);
        jw_key_str(&w, links[k].key, url);
    }
    jw_key_str(&w, "status", t_status_text(&x, a->wall));
    jw_key_str(&w, "client", t_client(t, x.client)->name);
    jw_key_str(&w, "site", t_site(t, x.site)->name);
    jw_end(&w);
}

void t_agent_ping(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "name", x.hostname);
    jw_key_str(&w, "status", strcmp(t_status_text(&x, a->wall), "online") == 0 ? "online" : "offline");
    jw_end(&w);
}

/* --- software, updates --- */

void t_software_all(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (int64_t id = 1; id < t->next_agent; id++) {
        if (t_agent(t, id, &x) && tw_has_software(&x) && !limited_out(a, x.client))
            tw_software(&w, t, &x);
    }
    jw_end(&w);
}

void t_software_one(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    struct jw w = t_json(r, 200);
    if (tw_has_software(&x)) {
        tw_software(&w, t, &x);
    } else { /* an array where others have an object */
        jw_array(&w);
        jw_end(&w);
    }
}

void t_updates(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    struct jw w = t_json(r, 200);
    tw_updates(&w, t, &x);
}
