/* api/api.c - the way of a request through the stages to its operation.
 * Owns:   an api_call per request, freed when the request is replied to (http_request_set_data).
 * States: the stages below, in order. Each ends with api_next(), now or in a later turn, or with a reply, which ends the call. */
#include "api/api.h"
#include "api/idempotency.h"
#include "api/limits.h"
#include "base/utf8.h"

#include <stdlib.h>

struct api {
    struct hub *hub;
    struct api_shares *shares;
    struct api_turns *turns;
    struct api_limits *limits;
    struct api_idempotency *idempotency;
    unsigned held; /* calls in api_hold */
    struct metric *in_progress;
};

struct api_shares *api_shares_of(struct api *a)
{
    return a->shares;
}

struct api_turns *api_turns_of(struct api *a)
{
    return a->turns;
}

struct api_limits *api_limits_of(struct api *a)
{
    return a->limits;
}

struct api *api_new(struct hub *h, struct http_server *server)
{
    struct api *a = NEW(struct api);
    a->hub = h;
    a->shares = api_shares_new();
    a->turns = api_turns_new(h);
    a->limits = api_limits_new(h);
    a->idempotency = api_idempotency_new(h);
    a->in_progress =
        metric_gauge(h->metrics, "msphub_api_requests_in_progress", "Requests that wait for their answer.");
    http_server_add(server, api_routes, api_nroutes, a);
    return a;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    api_shares_free(a->shares);
    api_turns_free(a->turns);
    api_limits_free(a->limits);
    api_idempotency_free(a->idempotency);
    free(a);
}

static void hold_end(struct api_call *c)
{
    timer_cancel(&c->hold);
    c->held = NULL;
    c->api->held--;
}

static void on_held(void *arg)
{
    struct api_call *c = arg;
    void (*then)(void *call) = c->held;
    hold_end(c);
    then(c);
}

bool api_hold(struct api_call *c, usec_t wait, unsigned most, void (*then)(void *call))
{
    if (c->api->held >= most)
        return false;
    c->api->held++;
    c->held = then;
    timer_set(&c->hold, c->hub->loop, wait, on_held, c);
    return true;
}

static void call_free(void *data)
{
    struct api_call *c = data;
    if (c->held)
        hold_end(c);
    c->api->in_progress->value--;
    if (c->on_end)
        c->on_end(c->end_arg);
    api_once_free(c->once);
    integration_unref(c->integration);
    if (c->op->flags & API_SECRETS) {
        http_request_wipe_body(c->req);
        arena_wipe(c->arena);
    }
    arena_free(c->arena);
    free(c);
}

struct audit_actor api_actor(const struct api_call *c)
{
    static const char *const kinds[] = {
        [ACCESS_BY_KEY] = "api_key", [ACCESS_BY_SESSION] = "session", [ACCESS_BY_TOKEN] = "token"};
    return (struct audit_actor){
        .kind = kinds[c->who.kind],
        .id = c->who.kind == ACCESS_BY_KEY ? c->who.key_id : c->who.user_id,
        .name = slice_cstr(c->who.label),
        .address = slice_cstr(http_request_peer(c->req)),
        .request_id = slice_cstr(http_request_id(c->req)),
    };
}

/* --- stages --- */

static void authorize(struct api_call *c)
{
    const struct api_op *op = c->op;
    if (op->role == ACCESS_PUBLIC || access_may(&c->who, op->role, op->scope))
        api_next(c);
    else if (c->who.role < op->role)
        api_problem(c, 403, "forbidden", "This needs the role %s; %s has %s.", access_role_names[op->role],
                    c->who.label, access_role_names[c->who.role]);
    else
        api_problem(c, 403, "insufficient_scope", "This needs the scope %s, which %s was not given.",
                    access_scope_names[op->scope], c->who.label);
}

/* Of the escape \u0000, which no text that is stored can hold; JSON that was parsed has backslashes in strings only. */
static bool holds_nul(struct slice json)
{
    const char *p = json.p, *end = json.p + json.n;
    while (p && p < end && (p = memchr(p, '\\', (size_t)(end - p)))) {
        if (slice_starts(slice_of(p, (size_t)(end - p)), SLICE("\\u0000")))
            return true;
        p += 2;
    }
    return false;
}

static void read_body(struct api_call *c)
{
    if (!(c->op->flags & API_BODY)) {
        api_next(c);
        return;
    }
    struct slice text = http_request_body(c->req);
    struct json *body = NULL;
    struct err e = {0};
    if (!utf8_valid(text)) {
        api_problem(c, 400, "not_json", "The body is not UTF-8, which JSON is written in.");
        return;
    }
    if (!json_parse(c->arena, text.n ? text : SLICE("{}"), &body, &e)) {
        api_problem(c, 400, "not_json", "The body is not JSON: %s", e.what);
        return;
    }
    if (body->type != JSON_OBJECT) {
        api_problem(c, 400, "not_an_object", "The body must be a JSON object.");
        return;
    }
    if (holds_nul(text)) {
        api_problem(c, 400, "nul_character", "A string in the body holds \\u0000, which no text here can hold.");
        return;
    }
    c->body = body;
    api_next(c);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code == ERR_NOT_FOUND) {
        api_problem(c, 404, "not_found", "There is no integration \"%.*s\" here; POST …/configure makes one.",
                    SLICE_FMT(http_request_param(c->req, "key")));
    } else if (e) {
        api_problem_err(c, e);
    } else if (!it->provider && (c->op->flags & API_KNOWN)) {
        api_problem(c, 409, "conflict", "This build has no provider \"%s\".", it->key);
    } else {
        c->integration = integration_ref(it);
        c->then(c);
    }
}

void api_find_integration(struct api_call *c, void (*then)(struct api_call *c))
{
    c->then = then;
    integrations_get_by_key(c->hub->integrations, c->who.tenant_id, http_request_param(c->req, "key"), on_integration,
                            c);
}

static void find_integration(struct api_call *c)
{
    struct slice key = http_request_param(c->req, "key");
    /* "ninjaone:" is a name that somebody forgot to fill in, not the first instance. */
    if (slice_ends(key, SLICE(":")))
        api_problem(c, 404, "not_found", "The integration's name behind the colon is empty.");
    else if (c->op->flags & API_INTEGRATION)
        api_find_integration(c, api_next);
    else
        api_next(c);
}

static void guard(struct api_call *c)
{
    if (!(c->op->flags & API_GUARDED) || api_if_match(c, &c->if_match))
        api_next(c);
}

static void run(struct api_call *c)
{
    c->op->run(c);
}

static void (*const stages[])(struct api_call *c) = {
    api_authenticate, api_limit, api_tenant_scope, authorize, read_body, find_integration, guard, api_once, run};

void api_next(struct api_call *c)
{
    stages[c->stage++](c);
}

void api_enter(struct http_request *r, void *arg)
{
    struct api *a = arg;
    struct api_call *c = NEW(struct api_call);
    *c = (struct api_call){
        .api = a,
        .hub = a->hub,
        .op = http_request_route(r)->extra,
        .req = r,
        .arena = arena_new(),
    };
    a->in_progress->value++;
    http_request_set_data(r, c, call_free);
    api_next(c);
}
