/* api/actions.c - what a person has a product do with a machine, an alert or itself, and what they ask it for.
 * Steps: the asset's (or the alert's) sources → the one that can → its snapshot → the action (hub/action.h) → the answer. */
#include "api/actions.h"
#include "base/crypto.h"
#include "hub/action.h"
#include "store/action.h"

/* --- one action, from the request to the answer --- */

struct use {
    struct api_call *call;
    struct slice key; /* the action's */
    int64_t asset_id, integration_id;
    struct slice asset, external_id, target; /* in the call's arena */
    unsigned stmt;
    bool live, only_remote; /* only_remote: none but those that open remote access */
    const struct provider_action *action;
    struct err why; /* live: why the product could not be asked */
};

static struct use *use_of(struct api_call *c)
{
    struct use *u = arena_alloc(c->arena, sizeof *u);
    u->call = c;
    c->args = u;
    return u;
}

static struct slice keep(struct api_call *c, struct slice s)
{
    return s.p ? slice_of(arena_strndup(c->arena, s.p, s.n), s.n) : SLICE_NONE;
}

static const char *origin_of(const struct action_answer *a)
{
    return a->cached ? "cache" : "product";
}

static void write_answer(struct use *u, const char *origin, usec_t at, const char *why, struct slice json,
                         struct str *out)
{
    usec_t now = loop_wall(u->call->hub->loop);
    const struct integration *it = u->call->integration;
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_slice(&w, "action", u->key);
    jw_key_str(&w, "integration", it ? it->key : NULL);
    jw_key_slice(&w, "external_id", u->external_id);
    jw_key_str(&w, "origin", origin);
    jw_key_time(&w, "at", at);
    jw_key(&w, "age_seconds");
    if (at == USEC_NONE)
        jw_null(&w);
    else
        jw_i64(&w, MAX(0, now - at) / USEC_PER_S);
    jw_key_bool(&w, "stale", why != NULL);
    jw_key_str(&w, "reason", why);
    jw_key_raw(&w, "result", json);
    jw_end(&w);
    jw_done(&w);
}

static void reply_answer(struct use *u, const struct action_answer *a)
{
    struct str out = {0};
    str_reserve(&out, a->json.n + 1024);
    write_answer(u, origin_of(a), a->at, a->why ? a->why->what : NULL, a->json, &out);
    api_reply_secret(u->call, 200, str_slice(&out)); /* what products say of machines is for no cache on the way */
    crypto_wipe(out.p, out.cap);
    str_release(&out);
}

/* What the product refused is no fault of the caller's request, and what is not known is told as such. */
void api_problem_action(struct api_call *c, bool unknown, const struct err *e)
{
    c->may_be_done = unknown;
    if (unknown)
        api_problem(c, e->code == ERR_TIMEOUT ? 504 : 502, "outcome_unknown",
                    "It was sent to the product, and may have been carried out; look there before you try again. %s",
                    e->what);
    else if (e->code == ERR_LIMIT || e->code == ERR_UNAVAILABLE || e->code == ERR_THROTTLED ||
             e->code == ERR_CANCELED || e->code == ERR_TIMEOUT || e->code == ERR_INTERNAL)
        api_problem_err(c, e);
    else if (e->code == ERR_CONFIG || e->code == ERR_CONFLICT)
        api_problem(c, 409, "integration_unusable", "%s", e->what);
    else
        api_problem(c, 502, "product_refused", "%s", e->what);
}

static void reply_last_sync(struct use *u);

static void on_action(void *arg, const struct action_answer *answer, bool unknown, const struct err *e)
{
    struct use *u = arg;
    if (!e) {
        reply_answer(u, answer);
    } else if (u->live && e->code != ERR_CANCELED) {
        u->why = *e;
        reply_last_sync(u);
    } else {
        api_problem_action(u->call, unknown, e);
    }
}

static void tell_fault(void *arg, const char *pointer, const char *detail)
{
    _cleanup_(str_release) struct str at = {0};
    str_addf(&at, "/args%s", pointer);
    api_fault(arg, at.p, "%s", detail);
}

static void use_start(struct use *u)
{
    struct api_call *c = u->call;
    const struct provider_action *a = u->action;
    struct api_faults faults = {0};
    struct audit_actor by = api_actor(c);
    struct settings *args = action_args(a, c->body ? json_get(c->body, "args") : NULL, tell_fault, &faults);
    if ((a->flags & ACTION_DISRUPTIVE) && !json_get_bool(c->body, "confirm", false))
        api_fault(&faults, "/confirm", "must be true: this disturbs whoever works on the machine");
    if (!api_faults_none(c, &faults)) {
        settings_free(args);
        return;
    }
    action_start(c->hub,
                 &(struct action_ask){
                     .integration = c->integration,
                     .action = a,
                     .args = args,
                     .device_id = u->external_id,
                     .target_id = u->target,
                     .asset_id = u->asset_id,
                     .asset = u->asset,
                     .by = &by,
                     .trace = http_request_trace(c->req),
                 },
                 on_action, u);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct use *u = arg;
    if (e) {
        api_problem_err(u->call, e);
        return;
    }
    u->call->integration = integration_ref(it);
    if (u->action)
        use_start(u);
    else
        reply_last_sync(u);
}

static void use_integration(struct use *u)
{
    integrations_get(u->call->hub->integrations, u->call->who.tenant_id, u->integration_id, on_integration, u);
}

/* --- what the last sync stored --- */

static void on_last_sync(void *arg, const struct pg_reply *r)
{
    struct use *u = arg;
    _cleanup_(str_release) struct str out = {0};
    struct slice json = SLICE("null");
    usec_t at = USEC_NONE;
    if (pg_reply_err(r)) {
        api_problem_err(u->call, pg_reply_err(r));
        return;
    }
    (void)action_read_last_sync(r, u->stmt, &json, &at);
    write_answer(u, "last_sync", at, u->why.what, json, &out);
    api_reply_secret(u->call, 200, str_slice(&out));
}

static void reply_last_sync(struct use *u)
{
    struct pg_seg *s = pg_seg_new(u->call->hub->db, u->call->who.tenant_id);
    u->stmt = action_add_last_sync(s, u->call->who.tenant_id, u->integration_id, u->external_id);
    pg_submit(s, on_last_sync, u);
}

/* --- choosing the source --- */

static bool is_key(const struct action_source *s, struct slice key)
{
    struct slice name = key, provider = slice_cut(&name, ':');
    return slice_eq(s->provider, provider) && slice_eq(s->name, name);
}

static const struct provider_action *device_action(const struct action_source *s, struct slice key)
{
    const struct provider *p = provider_find(s->provider);
    const struct provider_action *a = p ? action_find(p, key) : NULL;
    return a && a->target == ACTION_ON_DEVICE ? a : NULL;
}

/* Of the sources that are wanted, the first one that can; *ret_first is the first one at all. */
static bool choose(const struct use *u, const struct pg_reply *r, struct slice wanted, struct action_source *ret,
                   struct action_source *ret_first)
{
    bool any = false;
    for (size_t i = 0; i < pg_nrows(r, u->stmt); i++) {
        struct action_source s;
        action_read_source(r, u->stmt, i, &s);
        if (!s.integration_id || (wanted.n && !is_key(&s, wanted)))
            continue;
        if (!any)
            *ret_first = s;
        any = true;
        const struct provider_action *a = device_action(&s, u->key);
        if (a && s.enabled && !s.retired) {
            *ret = s;
            return true;
        }
    }
    ret_first->integration_id = any ? ret_first->integration_id : 0;
    return false;
}

static void take_source(struct use *u, const struct action_source *s)
{
    u->integration_id = s->integration_id;
    u->external_id = keep(u->call, s->external_id);
    u->action = device_action(s, u->key);
}

static void refuse_source(struct use *u, struct slice wanted, const struct action_source *first)
{
    struct api_call *c = u->call;
    struct api_faults faults = {0};
    if (!first->integration_id && wanted.n) {
        api_fault(&faults, c->body ? "/integration" : "?integration",
                  "\"%.*s\" does not know this asset; GET …/actions says which do", (int)MIN(wanted.n, 80), wanted.p);
        (void)api_faults_none(c, &faults);
    } else if (!first->integration_id) {
        api_problem(c, 409, "no_source", "No integration knows this asset any more.");
    } else if (device_action(first, u->key)) {
        api_problem(c, 409, "integration_unusable",
                    "The integration that could do it is switched off, or has lost this machine.");
    } else {
        api_problem(c, 404, "no_such_action",
                    "No source of this asset has the action \"%.*s\"; GET …/actions lists them.", SLICE_FMT(u->key));
    }
}

static void live_without_action(struct use *u, const struct action_source *first)
{
    take_source(u, first);
    u->action = NULL;
    err_set(&u->why, ERR_NOT_FOUND, "no source of this asset that is in use can be asked for live details");
    use_integration(u);
}

static struct slice wanted_integration(const struct api_call *c)
{
    return c->body ? json_get_text(c->body, "integration") : SLICE_NONE;
}

static void on_sources(void *arg, const struct pg_reply *r)
{
    struct use *u = arg;
    struct api_call *c = u->call;
    struct slice wanted = c->body ? wanted_integration(c) : api_arg(c, "integration");
    struct action_source s, first = {0};
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, u->stmt) == 0) {
        api_problem(c, 404, "not_found", "There is no such asset.");
        return;
    }
    action_read_source(r, u->stmt, 0, &first);
    u->asset = keep(c, first.asset);
    first = (struct action_source){0};
    if (!choose(u, r, wanted, &s, &first)) {
        if (u->live && first.integration_id)
            live_without_action(u, &first);
        else
            refuse_source(u, wanted, &first);
        return;
    }
    take_source(u, &s);
    bool opens = u->action && (u->action->flags & ACTION_REMOTE);
    if (opens != u->only_remote) {
        api_problem(c, 409, "remote_access",
                    opens ? "This opens remote access: POST …/remote-access does it."
                          : "The action \"%.*s\" opens no remote access: POST …/actions/%.*s does it.",
                    SLICE_FMT(u->key), SLICE_FMT(u->key));
        return;
    }
    use_integration(u);
}

static void ask_sources(struct use *u)
{
    struct pg_seg *s = pg_seg_new(u->call->hub->db, u->call->who.tenant_id);
    u->stmt = action_add_sources(s, u->call->who.tenant_id, u->asset_id);
    pg_submit(s, on_sources, u);
}

static void known_members(struct api_call *c, const char *const *names, struct api_faults *f)
{
    const struct json *integration = json_get(c->body, "integration");
    api_known_members(c, names, f);
    if (integration && integration->type != JSON_STRING)
        api_fault(f, "/integration", "must be an integration's key, such as \"ninjaone\"");
    (void)api_member_bool(c, "confirm", false, f);
}

static const char *const use_members[] = {"integration", "args", "confirm", NULL};

void op_asset_actions_run(struct api_call *c)
{
    struct use *u = use_of(c);
    struct api_faults faults = {0};
    if (!api_id(c, "id", &u->asset_id))
        return;
    known_members(c, use_members, &faults);
    u->key = http_request_param(c->req, "action");
    if (api_faults_none(c, &faults))
        ask_sources(u);
}

void op_remote_access_open(struct api_call *c)
{
    struct use *u = use_of(c);
    struct api_faults faults = {0};
    const struct json *action = json_get(c->body, "action");
    if (!api_id(c, "id", &u->asset_id))
        return;
    known_members(c, (const char *const[]){"integration", "action", "args", NULL}, &faults);
    if (action && (action->type != JSON_STRING || !action->text.n))
        api_fault(&faults, "/action", "must be the key of an action that opens remote access");
    u->key = action ? action->text : SLICE("remote_link");
    u->only_remote = true;
    if (api_faults_none(c, &faults))
        ask_sources(u);
}

void op_asset_live(struct api_call *c)
{
    struct use *u = use_of(c);
    struct api_faults faults = {0};
    if (!api_id(c, "id", &u->asset_id))
        return;
    api_known_args(c, (const char *const[]){"integration", NULL}, &faults);
    u->key = SLICE("live");
    u->live = true;
    if (api_faults_none(c, &faults))
        ask_sources(u);
}

/* --- an alert --- */

static void on_alert_integration(void *arg, struct integration *it, const struct err *e)
{
    struct use *u = arg;
    struct api_call *c = u->call;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    c->integration = integration_ref(it);
    u->action = it->provider ? action_find(it->provider, u->key) : NULL;
    if (!u->action || u->action->target != ACTION_ON_ALERT)
        api_problem(c, 409, "no_such_action", "%s has no way to reset an alert; it ends when the product says so.",
                    it->provider ? it->provider->name : "This build");
    else
        use_start(u);
}

static void on_alert(void *arg, const struct pg_reply *r)
{
    struct use *u = arg;
    struct api_call *c = u->call;
    struct action_alert a;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
    } else if (!action_read_alert(r, u->stmt, &a)) {
        api_problem(c, 404, "not_found", "There is no such alert.");
    } else if (slice_starts(a.series, SLICE("msphub:"))) {
        api_problem(c, 409, "own_alert", "This alert is the hub's own: it resolves when its cause is gone.");
    } else if (slice_is(a.state, "resolved")) {
        api_problem(c, 409, "resolved", "This alert is resolved already.");
    } else {
        u->target = keep(c, a.series);
        u->external_id = keep(c, a.device_id);
        integrations_get(c->hub->integrations, c->who.tenant_id, a.integration_id, on_alert_integration, u);
    }
}

void op_alerts_reset(struct api_call *c)
{
    struct use *u = use_of(c);
    struct api_faults faults = {0};
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    known_members(c, (const char *const[]){"args", "confirm", NULL}, &faults);
    u->key = SLICE("reset_alert");
    if (!api_faults_none(c, &faults))
        return;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    u->stmt = action_add_alert(s, c->who.tenant_id, id);
    pg_submit(s, on_alert, u);
}

/* --- an integration, and what it holds beside devices and alerts --- */

/* False: it has replied. */
static bool other_action(struct use *u, const struct provider *p)
{
    u->action = action_find(p, u->key);
    if (u->action && u->action->target != ACTION_ON_DEVICE && u->action->target != ACTION_ON_ALERT)
        return true;
    api_problem(u->call, 404, "no_such_action",
                "%s has no action \"%.*s\" of this kind; those on machines are found at /assets/{id}/actions.", p->name,
                SLICE_FMT(u->key));
    return false;
}

void op_integration_actions_run(struct api_call *c)
{
    struct use *u = use_of(c);
    struct api_faults faults = {0};
    const struct json *target = json_get(c->body, "target_id");
    u->key = http_request_param(c->req, "action");
    u->target = json_get_text(c->body, "target_id");
    known_members(c, (const char *const[]){"args", "confirm", "target_id", NULL}, &faults);
    if (target && !u->target.n)
        api_fault(&faults, "/target_id", "must be the product's id of the ticket, as text");
    if (!api_faults_none(c, &faults) || !other_action(u, c->integration->provider))
        return;
    if ((u->action->target == ACTION_ON_TICKET || strcmp(u->action->key, "create_ticket") == 0) &&
        !access_may(&c->who, ACCESS_OPERATOR, SCOPE_TICKETS_WRITE)) {
        api_problem(c, 403, "forbidden", "Tickets need the scope tickets:write.");
        return;
    }
    if ((u->action->target == ACTION_ON_TICKET) != (target != NULL))
        api_fault(&faults, "/target_id", target ? "goes with actions on tickets only" : "is needed: the ticket's id");
    if (api_faults_none(c, &faults))
        use_start(u);
}
