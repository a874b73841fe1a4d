/* api/api.c - the one entry of every operation: credential → role → body → run.
 * Owns:   an api_call per request, freed when the request is replied to (http_request_set_data).
 * States: ENTER -> [CHECK the key, maybe by the database] -> RUN; a refusal replies and ends. */
#include "api/api.h"

#include <stdlib.h>

struct api {
    struct hub *hub;
};

static const struct api_routes *const all_routes[] = {
    &api_alerts, &api_assets, &api_deliveries, &api_health, &api_integrations, &api_organizations, &api_runs,
};

struct api *api_new(struct hub *h, struct http_server *server)
{
    struct api *a = NEW(struct api);
    a->hub = h;
    for (size_t i = 0; i < ARRAY_LEN(all_routes); i++)
        http_server_add(server, all_routes[i]->routes, all_routes[i]->n, a);
    return a;
}

void api_free(struct api *a)
{
    free(a);
}

static void call_free(void *data)
{
    struct api_call *c = data;
    arena_free(c->arena);
    free(c);
}

static const struct api_op *call_op(const struct api_call *c)
{
    return http_request_route(c->req)->extra;
}

static void api_run(struct api_call *c)
{
    const struct api_op *op = call_op(c);
    /* "ninjaone:" is a name that somebody forgot to fill in, not the first instance. */
    if (slice_ends(http_request_param(c->req, "key"), SLICE(":"))) {
        api_problem(c, 404, "not_found", "The integration's name behind the colon is empty.");
        return;
    }
    if (op->takes_body) {
        struct slice text = http_request_body(c->req);
        struct json *body = NULL;
        struct err e = {0};
        if (!json_parse(c->arena, text.n ? text : SLICE("{}"), &body, &e)) {
            api_problem(c, 400, "not_json", "The body is not JSON: %s", e.what);
            return;
        }
        if (body->type != JSON_OBJECT) {
            api_problem(c, 400, "not_an_object", "The body must be a JSON object.");
            return;
        }
        c->body = body;
    }
    op->run(c);
}

static void api_identified(struct api_call *c)
{
    const struct api_op *op = call_op(c);
    if (c->who.role < op->role) {
        api_problem(c, 403, "forbidden", "This needs the role %s; the key msp_%s… has %s.", access_role_names[op->role],
                    c->who.prefix, access_role_names[c->who.role]);
        return;
    }
    api_run(c);
}

static void on_checked(void *arg, const struct access_identity *who, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code != ERR_AUTH) {
        api_problem_err(c, e);
        return;
    }
    if (e) {
        http_reply_header(c->req, "WWW-Authenticate", "Bearer realm=\"msphub\"");
        api_problem(c, 401, "bad_credential",
                    "The API key is unknown, expired or revoked. `msphub api-key create` makes one.");
        return;
    }
    c->who = *who;
    api_identified(c);
}

/* "Authorization: Bearer KEY", or X-API-Key. */
static struct slice credential_of(const struct http_request *r)
{
    struct slice bearer = http_request_header(r, "Authorization");
    if (bearer.n > 7 && slice_ieq(slice_of(bearer.p, 7), SLICE("Bearer ")))
        return slice_trim(slice_of(bearer.p + 7, bearer.n - 7));
    return http_request_header(r, "X-API-Key");
}

void api_enter(struct http_request *r, void *arg)
{
    struct api *a = arg;
    struct api_call *c = NEW(struct api_call);
    *c = (struct api_call){.hub = a->hub, .req = r, .arena = arena_new()};
    http_request_set_data(r, c, call_free);
    if (call_op(c)->role == ACCESS_PUBLIC) {
        api_run(c);
        return;
    }
    struct slice key = credential_of(r);
    if (key.n == 0) {
        http_reply_header(r, "WWW-Authenticate", "Bearer realm=\"msphub\"");
        api_problem(c, 401, "no_credential",
                    "Send an API key as `Authorization: Bearer KEY`. `msphub api-key create` makes one.");
        return;
    }
    if (access_cached(a->hub->access, key, &c->who))
        api_identified(c);
    else
        access_check(a->hub->access, key, on_checked, c);
}
