/* jamf/control.c - the control API for Jamf Pro: computers that come, go and change, users, groups, mobile devices, settings. */
#include "../control.h"
#include "jamf.h"
#include <stdlib.h>

static bool path_computer(struct jamf *j, struct ask *a, struct answer *r, struct j_computer *ret)
{
    int64_t id;
    if (slice_i64(a->params[0], &id) && j_computer(j, id, ret))
        return true;
    control_refuse(r, 404, "no computer %.*s", SLICE_FMT(a->params[0]));
    return false;
}

static void computer_get(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    if (!path_computer(j, a, r, c))
        return;
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "id", c->id);
    for (size_t f = 0; f < JF_N; f++)
        jw_key_str(&w, j_field_names[f], c->v[f]);
    jw_key_bool(&w, "bare", c->bare);
    jw_key_bool(&w, "managed", c->managed);
    jw_key_bool(&w, "userApprovedMdm", c->approved);
    jw_key_time(&w, "reportDate", c->reported);
    jw_key_time(&w, "lastContact", c->contact);
    jw_key_i64(&w, "applications", c->napps);
    jw_key(&w, "groups");
    jw_array(&w);
    for (size_t k = 0; k < j->ngroups; k++)
        if (j_member(c, j, k))
            jw_i64(&w, j->groups[k].id);
    jw_end(&w);
    jw_end(&w);
}

/* --- changing a computer --- */

static bool take_time(const struct json *o, const char *key, bool *has, usec_t *ret)
{
    const struct json *v = json_get(o, key);
    if (!v)
        return true;
    *has = true;
    *ret = USEC_NONE;
    return v->type == JSON_NULL || (v->type == JSON_STRING && clock_parse_iso(v->text, ret));
}

static void take_fields(struct j_change *x, const struct json *o)
{
    for (size_t f = 0; f < JF_N; f++) {
        const struct json *v = json_get(o, j_field_names[f]);
        if (!v || (v->type != JSON_STRING && v->type != JSON_NULL))
            continue;
        free(x->v[f]);
        x->v[f] = v->type == JSON_STRING ? mem_strndup(v->text.p, v->text.n) : NULL;
        x->has[f] = true;
    }
}

static bool take_group(struct jamf *j, struct j_change *x, const struct json *o, const char *key, bool in)
{
    int64_t id;
    const struct j_group *g;
    if (!json_get(o, key))
        return true;
    if (!json_get_i64(o, key, &id) || !(g = j_group(j, id)))
        return false;
    uint64_t bit = 1ull << (g - j->groups);
    x->in = in ? x->in | bit : x->in & ~bit;
    x->out = in ? x->out & ~bit : x->out | bit;
    return true;
}

static void take_app(struct j_change *x, const struct json *o)
{
    struct slice name = json_get_text(o, "name"), version = json_get_text(o, "version"),
                 bundle = json_get_text(o, "bundleId");
    if (!name.n)
        return;
    x->apps = mem_realloc_array(x->apps, x->napps + 1, sizeof(*x->apps));
    x->apps[x->napps++] =
        (struct j_app){mem_strndup(name.p, name.n), mem_strndup(version.p ? version.p : "", version.n),
                       mem_strndup(bundle.p ? bundle.p : "", bundle.n)};
}

static void tell_group(struct jamf *j, const struct json *o, const char *key, const struct j_computer *c, bool added)
{
    int64_t id;
    const struct j_group *g = json_get_i64(o, key, &id) ? j_group(j, id) : NULL;
    if (g && g->smart)
        j_tell(j, J_GROUP_CHANGE, c, id, added);
}

/* An inventory was taken now, unless reportDate says otherwise: the event is sent. */
static void computer_patch(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    const char *known[JF_N + 12];
    static const char *const more[] = {"managed",  "damaged",  "spoiled",     "reportDate", "lastContact", "addApp",
                                       "dropApps", "addGroup", "removeGroup", "quiet",      NULL};
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    int64_t drop;
    memcpy(known, j_field_names, sizeof(j_field_names));
    memcpy(known + JF_N, more, sizeof(more));
    const struct json *o = path_computer(j, a, r, c) ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct j_change *x = j_change(j, c->id);
    if (!json_get_bool(o, "quiet", false)) {
        x->has_reported = true;
        x->reported = sim_wall(j->sim);
    }
    if (!take_time(o, "reportDate", &x->has_reported, &x->reported) ||
        !take_time(o, "lastContact", &x->has_contact, &x->contact) || !take_group(j, x, o, "addGroup", true) ||
        !take_group(j, x, o, "removeGroup", false)) {
        control_refuse(r, 400, "reportDate and lastContact are ISO times or null; groups are ids");
        return;
    }
    take_fields(x, o);
    if (json_get(o, "addApp"))
        take_app(x, json_get(o, "addApp"));
    if (json_get_i64(o, "dropApps", &drop) && drop >= 0)
        x->dropped_apps = (unsigned)drop;
    if (json_get(o, "managed"))
        x->managed = json_get_bool(o, "managed", false);
    x->damaged = json_get_bool(o, "damaged", x->damaged);
    x->spoiled = json_get_bool(o, "spoiled", x->spoiled);
    j_computer(j, c->id, c);
    if (!json_get_bool(o, "quiet", false))
        j_tell(j, J_COMPUTER_INVENTORY, c, 0, false);
    tell_group(j, o, "addGroup", c, true);
    tell_group(j, o, "removeGroup", c, false);
    control_done(r);
}

static void computer_delete(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    if (!path_computer(j, a, r, c))
        return;
    j_change(j, c->id)->deleted = true;
    control_done(r);
}

static void computer_check_in(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    if (!path_computer(j, a, r, c))
        return;
    struct j_change *x = j_change(j, c->id);
    x->has_contact = true;
    x->contact = sim_wall(j->sim);
    j_computer(j, c->id, c);
    j_tell(j, J_COMPUTER_CHECK_IN, c, 0, false);
    control_done(r);
}

static void write_ids(struct answer *r, int64_t from, int64_t n)
{
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key(&w, "ids");
    jw_array(&w);
    while (n-- > 0)
        jw_i64(&w, from++);
    jw_end(&w);
    jw_end(&w);
}

static bool take_count(struct ask *a, struct answer *r, int64_t *ret)
{
    static const char *const known[] = {"count", NULL};
    const struct json *o = control_body(a, r, known);
    *ret = 1;
    if (!o)
        return false;
    json_get_i64(o, "count", ret);
    if (*ret >= 1 && *ret <= 100000)
        return true;
    control_refuse(r, 400, "count is 1 to 100000");
    return false;
}

static void computers_post(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    int64_t n;
    if (!take_count(a, r, &n))
        return;
    int64_t from = j->ncomputers + 1;
    for (int64_t k = 0; k < n; k++) {
        struct j_change *x = j_change(j, ++j->ncomputers);
        x->has_reported = true;
        x->reported = sim_wall(j->sim);
        if (j_computer(j, j->ncomputers, c))
            j_tell(j, J_COMPUTER_ADDED, c, 0, false);
    }
    write_ids(r, from, n);
}

/* --- mobile devices --- */

static void mobile_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", NULL};
    struct jamf *j = self;
    struct j_mobile m;
    int64_t id;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (!slice_i64(a->params[0], &id) || !j_mobile(j, id, &m)) {
        control_refuse(r, 404, "no mobile device %.*s", SLICE_FMT(a->params[0]));
        return;
    }
    struct j_mobile_change *x = j_mobile_change(j, id);
    control_take_text(o, "name", &x->name);
    x->reported = sim_wall(j->sim);
    control_done(r);
}

static void mobile_delete(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_mobile m;
    int64_t id;
    if (!slice_i64(a->params[0], &id) || !j_mobile(j, id, &m)) {
        control_refuse(r, 404, "no mobile device %.*s", SLICE_FMT(a->params[0]));
        return;
    }
    j_mobile_change(j, id)->deleted = true;
    control_done(r);
}

/* --- users, groups --- */

static void users_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"username", NULL};
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (!json_get_text(o, "username").n) {
        control_refuse(r, 400, "a username");
        return;
    }
    write_ids(r, j_add_user(self, json_get_text(o, "username"))->id, 1);
}

static struct j_user *path_user(struct jamf *j, struct ask *a, struct answer *r)
{
    int64_t id;
    struct j_user *u = slice_i64(a->params[0], &id) ? j_user(j, id) : NULL;
    if (!u)
        control_refuse(r, 404, "no user %.*s", SLICE_FMT(a->params[0]));
    return u;
}

static void user_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"username", "realname", "email", "phone", "position", NULL};
    struct j_user *u = path_user(self, a, r);
    const struct json *o = u ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    control_take_text(o, "username", &u->username);
    control_take_text(o, "realname", &u->realname);
    control_take_text(o, "email", &u->email);
    control_take_text(o, "phone", &u->phone);
    control_take_text(o, "position", &u->position);
    control_done(r);
}

static void user_delete(void *self, struct ask *a, struct answer *r)
{
    struct j_user *u = path_user(self, a, r);
    if (!u)
        return;
    u->deleted = true;
    control_done(r);
}

static void groups_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "smart", NULL};
    struct jamf *j = self;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice name = json_get_text(o, "name");
    if (!name.n || j->ngroups == J_MAX_GROUPS) {
        control_refuse(r, 400, "a name, and no more than %d groups", J_MAX_GROUPS);
        return;
    }
    struct j_group *g = &j->groups[j->ngroups];
    *g = (struct j_group){.id = j->groups[j->ngroups - 1].id + 1,
                          .name = mem_strndup(name.p, name.n),
                          .description = mem_strdup(""),
                          .smart = json_get_bool(o, "smart", false)};
    j->ngroups++;
    write_ids(r, g->id, 1);
}

static struct j_group *path_group(struct jamf *j, struct ask *a, struct answer *r)
{
    int64_t id;
    struct j_group *g = slice_i64(a->params[0], &id) ? j_group(j, id) : NULL;
    if (!g)
        control_refuse(r, 404, "no group %.*s", SLICE_FMT(a->params[0]));
    return g;
}

static void group_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "description", NULL};
    struct j_group *g = path_group(self, a, r);
    const struct json *o = g ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    control_take_text(o, "name", &g->name);
    control_take_text(o, "description", &g->description);
    control_done(r);
}

static void group_delete(void *self, struct ask *a, struct answer *r)
{
    struct j_group *g = path_group(self, a, r);
    if (!g)
        return;
    g->deleted = true;
    control_done(r);
}

/* --- settings, summary --- */

static bool take_privileges(struct jamf *j, const struct json *list)
{
    unsigned bits = 0;
    if (!list)
        return true;
    for (const struct json *v = list->child; v; v = v->next) {
        size_t k = 0;
        while (k < J_NPRIVILEGES && !slice_is(v->text, j_privilege_names()[k]))
            k++;
        if (k == J_NPRIVILEGES)
            return false;
        bits |= 1u << k;
    }
    j->privileges = bits;
    return true;
}

static bool take_version(struct jamf *j, struct slice text)
{
    int64_t major, minor;
    if (!text.p)
        return true;
    if (!slice_i64(slice_cut(&text, '.'), &major) || !slice_i64(text, &minor) || major != 11 || minor < 0)
        return false;
    j->major = (unsigned)major;
    j->minor = (unsigned)minor;
    return true;
}

static void settings_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"version", "token_life", "client_token_life", "privileges", "said_why", NULL};
    struct jamf *j = self;
    int64_t life = j->token_life / USEC_PER_S, client = j->client_token_life / USEC_PER_S;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "token_life", &life);
    json_get_i64(o, "client_token_life", &client);
    j->said_why = json_get_bool(o, "said_why", j->said_why);
    if (!take_version(j, json_get_text(o, "version")) || !take_privileges(j, json_get(o, "privileges")) || life < 1 ||
        client < 2) {
        control_refuse(r, 400, "version is 11.N, privileges are names, lives are seconds");
        return;
    }
    j->token_life = SECONDS(life);
    j->client_token_life = SECONDS(client);
    control_done(r);
}

static void summary_get(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    struct j_mobile m;
    int64_t computers = 0, bare = 0, managed = 0, apps = 0, memberships = 0, users = 0, groups = 0, mobile = 0;
    for (int64_t id = 1; id <= j->ncomputers; id++) {
        if (!j_computer(j, id, c))
            continue;
        computers++;
        bare += c->bare;
        managed += c->managed;
        apps += c->napps;
        for (size_t k = 0; k < j->ngroups; k++)
            memberships += !j->groups[k].smart && j_member(c, j, k);
    }
    for (size_t k = 0; k < j->nusers; k++)
        users += !j->users[k].deleted;
    for (size_t k = 0; k < j->ngroups; k++)
        groups += !j->groups[k].deleted;
    for (int64_t id = 1; id <= j->nmobile; id++)
        mobile += j_mobile(j, id, &m);
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "computers", computers);
    jw_key_i64(&w, "bare", bare);
    jw_key_i64(&w, "managed", managed);
    jw_key_i64(&w, "applications", apps);
    jw_key_i64(&w, "static_memberships", memberships);
    jw_key_i64(&w, "users", users);
    jw_key_i64(&w, "groups", groups);
    jw_key_i64(&w, "mobile_devices", mobile);
    jw_key_i64(&w, "buildings", (int64_t)j_nbuildings);
    jw_key_i64(&w, "sites", (int64_t)j_nsites);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/control/jamf/summary", summary_get},
    {HTTP_POST, "/control/jamf/computers", computers_post},
    {HTTP_GET, "/control/jamf/computers/{}", computer_get},
    {HTTP_PATCH, "/control/jamf/computers/{}", computer_patch},
    {HTTP_DELETE, "/control/jamf/computers/{}", computer_delete},
    {HTTP_POST, "/control/jamf/computers/{}/check-in", computer_check_in},
    {HTTP_PATCH, "/control/jamf/mobile-devices/{}", mobile_patch},
    {HTTP_DELETE, "/control/jamf/mobile-devices/{}", mobile_delete},
    {HTTP_POST, "/control/jamf/users", users_post},
    {HTTP_PATCH, "/control/jamf/users/{}", user_patch},
    {HTTP_DELETE, "/control/jamf/users/{}", user_delete},
    {HTTP_POST, "/control/jamf/groups", groups_post},
    {HTTP_PATCH, "/control/jamf/groups/{}", group_patch},
    {HTTP_DELETE, "/control/jamf/groups/{}", group_delete},
    {HTTP_PATCH, "/control/jamf/settings", settings_patch},
};
const struct routes jamf_controls = {routes, ARRAY_LEN(routes)};
