/* tactical/control.c - the control API for Tactical RMM: agents that come, go, fall silent and return; alerts. */
#include "../control.h"
#include "tactical.h"
#include <stdlib.h>

#define MAX_DESCRIPTION 20000000

static const char *const statuses[] = {"online", "offline", "overdue", "never"};

static bool path_agent(struct tactical *t, struct ask *a, struct answer *r, struct t_agent *ret)
{
    int64_t id;
    if (slice_i64(a->params[0], &id) ? t_agent(t, id, ret) : t_agent_named(t, a->params[0], ret))
        return true;
    control_refuse(r, 404, "no agent %.*s", SLICE_FMT(a->params[0]));
    return false;
}

static void write_agent_ids(struct jw *w, const struct t_agent *a)
{
    jw_object(w);
    jw_key_i64(w, "id", a->id);
    jw_key_str(w, "agent_id", a->agent_id);
    jw_key_str(w, "hostname", a->hostname);
    jw_end(w);
}

/* As the server's own watch does: overdue raises an availability alert, a return resolves it, both with their hooks. */
static void status_changed(struct tactical *t, int64_t agent, enum t_status from, enum t_status to)
{
    usec_t now = sim_wall(t->sim);
    if (to == T_OVERDUE && from != T_OVERDUE) {
        struct t_alert *x = t_raise(t, agent, "availability", "error", now);
        if (x)
            t_send_alert(t, x, false);
        return;
    }
    for (size_t k = 0; to == T_ONLINE && k < t->nalerts; k++) {
        struct t_alert *x = &t->alerts[k];
        if (x->agent != agent || x->resolved || x->deleted || strcmp(x->type, "availability") != 0)
            continue;
        x->resolved = true;
        x->resolved_on = now;
        t_send_alert(t, x, true);
    }
}

static bool apply(struct tactical *t, struct answer *r, const struct json *o, int64_t id)
{
    struct t_agent before;
    int64_t site;
    t_agent(t, id, &before);
    struct t_change *c = t_change(t, id);
    control_take_text(o, "hostname", &c->hostname);
    control_take_text(o, "description", &c->description);
    int64_t bytes;
    if (json_get_i64(o, "description_bytes", &bytes) && bytes >= 0 && bytes <= MAX_DESCRIPTION) {
        free(c->description);
        c->description = mem_alloc((size_t)bytes + 1);
        memset(c->description, 'x', (size_t)bytes);
        c->description[bytes] = '\0';
    }
    control_take_text(o, "logged_in_username", &c->user);
    control_take_text(o, "public_ip", &c->public_ip);
    if (json_get(o, "maintenance_mode"))
        c->maintenance = json_get_bool(o, "maintenance_mode", false);
    if (json_get(o, "needs_reboot"))
        c->needs_reboot = json_get_bool(o, "needs_reboot", false);
    if (json_get_i64(o, "site", &site)) {
        if (!t_site(t, site)) {
            control_refuse(r, 400, "no site %lld", (long long)site);
            return false;
        }
        c->site = site;
    }
    struct slice status = json_get_text(o, "status");
    for (int k = 0; status.p && k < (int)ARRAY_LEN(statuses); k++) {
        if (!slice_is(status, statuses[k]))
            continue;
        c->status = k;
        status_changed(t, id, before.status, (enum t_status)k);
        return true;
    }
    if (status.p)
        control_refuse(r, 400, "status is online, offline, overdue or never");
    return !status.p;
}

#define AGENT_KEYS                                                                                                     \
    "hostname", "description", "logged_in_username", "public_ip", "maintenance_mode", "needs_reboot", "site",          \
        "status", "description_bytes"

static void agents_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"count", AGENT_KEYS, NULL};
    struct tactical *t = self;
    struct t_agent x;
    int64_t count = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "count", &count);
    if (count < 1 || count > 100000) {
        control_refuse(r, 400, "count is 1 to 100000");
        return;
    }
    int64_t first = t->next_agent;
    for (int64_t i = 0; i < count; i++) {
        if (!apply(t, r, o, t->next_agent++))
            return;
    }
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key(&w, "agents");
    jw_array(&w);
    for (int64_t id = first; id < t->next_agent; id++) {
        if (t_agent(t, id, &x))
            write_agent_ids(&w, &x);
    }
    jw_end(&w);
    jw_end(&w);
}

static void agent_get(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!path_agent(t, a, r, &x))
        return;
    struct jw w = control_json(r, 200);
    tw_agent_beta(&w, t, &x);
}

static void add_software(struct tactical *t, const struct json *o, int64_t id)
{
    struct slice name = json_get_text(o, "name"), version = json_get_text(o, "version");
    if (!name.n)
        return;
    struct t_software *s = NEW(struct t_software);
    s->name = mem_strndup(name.p, name.n);
    s->version = version.p ? mem_strndup(version.p, version.n) : mem_strdup("");
    LIST_INSERT_HEAD(&t_change(t, id)->software, s, link);
}

static void agent_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {AGENT_KEYS, "addSoftware", NULL};
    struct tactical *t = self;
    struct t_agent x;
    if (!path_agent(t, a, r, &x))
        return;
    const struct json *o = control_body(a, r, known);
    if (!o || !apply(t, r, o, x.id))
        return;
    add_software(t, json_get(o, "addSoftware"), x.id);
    control_done(r);
}

static void agent_delete(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!path_agent(t, a, r, &x))
        return;
    t_change(t, x.id)->deleted = true; /* its alerts go with it */
    t->ndeleted++;
    for (size_t k = 0; k < t->nalerts; k++)
        t->alerts[k].deleted |= t->alerts[k].agent == x.id;
    control_done(r);
}

static struct t_alert *trigger(struct tactical *t, struct ask *a, const struct json *o, int64_t agent)
{
    static const char *const types[] = {"availability", "check", "task", "custom"}, *const levels[] = {
                                                                                        "error", "warning", "info"};
    struct slice type = json_get_text(o, "alert_type"), severity = json_get_text(o, "severity");
    const char *use_type = types[0], *use_level = levels[0];
    for (size_t k = 0; k < ARRAY_LEN(types); k++)
        use_type = slice_is(type, types[k]) ? types[k] : use_type;
    for (size_t k = 0; k < ARRAY_LEN(levels); k++)
        use_level = slice_is(severity, levels[k]) ? levels[k] : use_level;
    struct t_alert *x = t_raise(t, agent, use_type, use_level, a->wall);
    if (!x)
        return NULL;
    control_take_text(o, "message", &x->message);
    control_take_text(o, "stderr", &x->stderr_text);
    t_send_alert(t, x, false);
    return x;
}

static void alerts_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"action", "agent", "id", "alert_type", "severity", "message", "stderr", NULL};
    struct tactical *t = self;
    struct t_agent agent;
    int64_t id = 0;
    struct t_alert *x = NULL;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (slice_is(json_get_text(o, "action"), "resolve")) {
        x = json_get_i64(o, "id", &id) ? t_alert(t, id) : NULL;
        for (size_t k = t->nalerts; !x && json_get_i64(o, "agent", &id) && k > 0; k--) {
            if (t->alerts[k - 1].agent == id && !t->alerts[k - 1].resolved && !t->alerts[k - 1].deleted)
                x = &t->alerts[k - 1];
        }
        if (x) {
            x->resolved = true;
            x->resolved_on = a->wall;
            t_send_alert(t, x, true);
        }
    } else if (!json_get(o, "agent") || (json_get_i64(o, "agent", &id) && t_agent(t, id, &agent))) {
        x = trigger(t, a, o, id);
    }
    if (!x) {
        control_refuse(r, 404, "no such agent or alert");
        return;
    }
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "id", x->id);
    jw_end(&w);
}

static void clients_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "sites", NULL};
    struct tactical *t = self;
    int64_t sites = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice name = json_get_text(o, "name");
    json_get_i64(o, "sites", &sites);
    if (!name.n || sites < 1 || sites > 100) {
        control_refuse(r, 400, "a name and 1 to 100 sites");
        return;
    }
    int64_t id = t_add_client(t, name, (unsigned)sites);
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key_i64(&w, "id", id);
    jw_end(&w);
}

static bool right_of(struct slice name, unsigned *ret)
{
    static const struct {
        const char *name;
        unsigned right;
    } names[] = {
#define X(id, name) {#name, RIGHT_##id},
        TACTICAL_RIGHTS(X)
#undef X
    };
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        if (slice_is(name, names[k].name)) {
            *ret |= names[k].right;
            return true;
        }
    return false;
}

/* missing: rights that all roles lack from now on. forget_logins: the throttle begins anew. */
static void settings_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"beta", "missing", "forget_logins", NULL};
    struct tactical *t = self;
    const struct json *o = control_body(a, r, known), *missing;
    if (!o)
        return;
    t->beta = json_get_bool(o, "beta", t->beta);
    if (json_get_bool(o, "forget_logins", false))
        memset(t->logins, 0, sizeof(t->logins));
    if ((missing = json_get(o, "missing"))) {
        unsigned rights = 0;
        for (const struct json *m = missing->child; m; m = m->next)
            if (!right_of(m->text, &rights)) {
                control_refuse(r, 400, "no right %.*s", SLICE_FMT(m->text));
                return;
            }
        t->missing = rights;
    }
    control_done(r);
}

static void summary_get(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    int64_t by_status[ARRAY_LEN(statuses)] = {0}, software = 0, open = 0;
    for (int64_t id = 1; id < t->next_agent; id++) {
        if (!t_agent(t, id, &x))
            continue;
        by_status[x.status]++;
        software += tw_has_software(&x);
    }
    for (size_t k = 0; k < t->nalerts; k++)
        open += !t->alerts[k].deleted && !t->alerts[k].resolved;
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "agents", t->next_agent - 1 - t->ndeleted);
    jw_key_i64(&w, "clients", (int64_t)t->nclients);
    jw_key_i64(&w, "sites", (int64_t)t->nsites);
    jw_key_i64(&w, "open_alerts", open);
    jw_key_i64(&w, "agents_with_software", software);
    for (size_t k = 0; k < ARRAY_LEN(statuses); k++)
        jw_key_i64(&w, statuses[k], by_status[k]);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/control/tactical/summary", summary_get},
    {HTTP_POST, "/control/tactical/agents", agents_post},
    {HTTP_GET, "/control/tactical/agents/{}", agent_get},
    {HTTP_PATCH, "/control/tactical/agents/{}", agent_patch},
    {HTTP_DELETE, "/control/tactical/agents/{}", agent_delete},
    {HTTP_POST, "/control/tactical/alerts", alerts_post},
    {HTTP_POST, "/control/tactical/clients", clients_post},
    {HTTP_PATCH, "/control/tactical/settings", settings_patch},
};
const struct routes tactical_controls = {routes, ARRAY_LEN(routes)};
