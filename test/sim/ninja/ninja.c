/* ninja/ninja.c - NinjaOne: the table of routes, refusals, and the product's row. Contract: doc/simulator.md. */
#include "ninja.h"
#include "base/json_read.h"
#include <stdarg.h>
#include <stdlib.h>

/* Grizzly's own page for a route or entity that is not there differs from an application error. */
void ninja_refuse(struct ninja *n, struct answer *r, int status, const char *result_code, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    char incident[UUID_MAX];
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w;
    jw_init(&w, answer_begin(r, status, "application/json"));
    jw_object(&w);
    jw_key_str(&w, "resultCode", result_code);
    jw_key_slice(&w, "errorMessage", str_slice(&text));
    rng_uuid(n->fleet->seed, ++n->incidents, 9000, incident);
    jw_key(&w, "incidentId");
    _cleanup_(str_release) struct str id = {0};
    str_addf(&id, "WEB_MGMT_SERVICE-%s", incident);
    jw_slice(&w, str_slice(&id));
    jw_end(&w);
    answer_header(r, "x-nj-request-id", "%s", incident);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p ? text.p : "");
}

struct jw ninja_json(struct answer *r)
{
    struct jw w;
    jw_init(&w, answer_begin(r, 200, "application/json"));
    return w;
}

void ninja_no_content(struct answer *r)
{
    answer_begin(r, 204, NULL);
}

bool ninja_path_device(struct ninja *n, struct ask *a, struct answer *r, struct ninja_core *ret)
{
    int64_t id;
    if (!slice_i64(a->params[0], &id)) {
        ninja_refuse(n, r, 404, "FAILURE", "HTTP 404 Not Found");
        return false;
    }
    if (ninja_core(n->fleet, id, ret))
        return true;
    ninja_refuse(n, r, 404, "NOT_FOUND", "Device %.*s not found", SLICE_FMT(a->params[0]));
    r->gone = id >= NINJA_FIRST_ID && id < n->fleet->next_device;
    return false;
}

bool ninja_arg_i64(struct ninja *n, struct ask *a, struct answer *r, const char *name, int64_t min, int64_t max,
                   int64_t *io)
{
    struct slice text;
    if (!ask_arg(a, name, &text))
        return true;
    if (!slice_i64(text, io)) { /* a parameter that does not convert is a route that does not match */
        ninja_refuse(n, r, 404, "FAILURE", "HTTP 404 Not Found");
        answer_because(r, "%s is not a number", name);
        return false;
    }
    if (*io >= min && *io <= max)
        return true;
    ninja_refuse(n, r, 400, "FAILURE", "%s must be between %lld and %lld", name, (long long)min, (long long)max);
    return false;
}

const struct json *ninja_body(struct ninja *n, struct ask *a, struct answer *r, const char *const *known)
{
    struct json *body;
    struct err e;
    if (!slice_starts(ask_header(a, "Content-Type"), SLICE("application/json"))) {
        ninja_refuse(n, r, 415, "FAILURE", "HTTP 415 Unsupported Media Type");
        return NULL;
    }
    if (!json_parse(a->arena, a->body, &body, &e) || body->type != JSON_OBJECT) {
        ninja_refuse(n, r, 400, "FAILURE", "Cannot parse the request body");
        return NULL;
    }
    for (const struct json *m = body->child; m && known; m = m->next) {
        size_t k = 0;
        while (known[k] && !slice_is(m->key, known[k]))
            k++;
        if (!known[k]) {
            ninja_refuse(n, r, 400, "FAILURE", "Unrecognized field '%.*s'", SLICE_FMT(m->key));
            return NULL;
        }
    }
    return body;
}

static void no_route(void *self, struct ask *a, struct answer *r)
{
    if (a->allowed)
        ninja_refuse(self, r, 405, "FAILURE", "HTTP 405 Method Not Allowed");
    else
        ninja_refuse(self, r, 404, "FAILURE", "HTTP 404 Not Found");
}

static void canned(void *self, int status, struct ask *a, struct answer *r)
{
    if (status == 401) {
        answer_text(
            r, 401, "application/json",
            "{\"error\":\"not_authenticated\",\"error_description\":\"Invalid credentials\",\"error_code\":10}");
        return;
    }
    ninja_refuse(self, r, status,
                 status == 429   ? "too_many_requests"
                 : status == 403 ? "permission_denied"
                                 : "FAILURE",
                 "HTTP %d %s", status, http_status_text(status));
}

enum {
    NEED_NOTHING = 0,
    NEED_MONITORING = SCOPE_MONITORING,
    NEED_MANAGEMENT = SCOPE_MANAGEMENT,
    NEED_EITHER = SCOPE_MONITORING | SCOPE_MANAGEMENT
};

#define BOTH(method, path, handler, scope)                                                                             \
    {method, "/v2" path, handler, .flags = scope},                                                                     \
    {                                                                                                                  \
        method, "/api/v2" path, handler, .name = "/v2" path, .flags = scope                                            \
    }

static const struct route routes[] = {
    {HTTP_POST, "/ws/oauth/token", ninja_token},
    {HTTP_POST, "/oauth/token", ninja_token},
    {HTTP_GET, "/ws/oauth/authorize", ninja_authorize},
    {HTTP_GET, "/oauth/authorize", ninja_authorize},
    BOTH(HTTP_GET, "/organizations", ninja_organizations, NEED_MONITORING),
    BOTH(HTTP_GET, "/organizations-detailed", ninja_organizations, NEED_MONITORING),
    BOTH(HTTP_GET, "/organization/{}", ninja_organization, NEED_MONITORING),
    BOTH(HTTP_GET, "/organization/{}/devices", ninja_organization_devices, NEED_MONITORING),
    BOTH(HTTP_GET, "/organization/{}/locations", ninja_organization_locations, NEED_MONITORING),
    BOTH(HTTP_GET, "/locations", ninja_locations, NEED_MONITORING),
    BOTH(HTTP_GET, "/devices", ninja_devices, NEED_MONITORING),
    BOTH(HTTP_GET, "/devices-detailed", ninja_devices, NEED_MONITORING),
    BOTH(HTTP_GET, "/device/{}", ninja_device_one, NEED_MONITORING),
    BOTH(HTTP_PATCH, "/device/{}", ninja_device_edit, NEED_MANAGEMENT),
    BOTH(HTTP_GET, "/device/{}/last-logged-on-user", ninja_device_user, NEED_MONITORING),
    BOTH(HTTP_GET, "/device/{}/alerts", ninja_device_alerts, NEED_MONITORING),
    BOTH(HTTP_GET, "/device/{}/activities", ninja_activities, NEED_MONITORING),
    BOTH(HTTP_GET, "/device/{}/dashboard-url", ninja_device_dashboard, NEED_MONITORING),
    BOTH(HTTP_PUT | HTTP_DELETE, "/device/{}/maintenance", ninja_device_maintenance, NEED_MANAGEMENT),
    BOTH(HTTP_GET | HTTP_PATCH, "/device/{}/custom-fields", ninja_custom_fields, NEED_MONITORING),
    BOTH(HTTP_POST, "/device/{}/reboot/{}", ninja_device_reboot, NEED_MANAGEMENT),
    BOTH(HTTP_POST, "/device/{}/script/run", ninja_device_script, NEED_MANAGEMENT),
    BOTH(HTTP_GET, "/device/{}/{}", ninja_device_facet, NEED_MONITORING),
    BOTH(HTTP_GET, "/device-custom-fields", ninja_custom_definitions, NEED_MONITORING),
    BOTH(HTTP_GET, "/alerts", ninja_alerts, NEED_MONITORING),
    BOTH(HTTP_DELETE, "/alert/{}", ninja_alert_reset, NEED_MANAGEMENT),
    BOTH(HTTP_POST, "/alert/{}/reset", ninja_alert_reset, NEED_MANAGEMENT),
    BOTH(HTTP_GET, "/activities", ninja_activities, NEED_MONITORING),
    BOTH(HTTP_GET, "/queries/{}", ninja_query, NEED_MONITORING),
    BOTH(HTTP_PUT, "/webhook", ninja_webhook_put, NEED_EITHER),
    BOTH(HTTP_DELETE, "/webhook", ninja_webhook_delete, NEED_EITHER),
};

static void *create(struct sim *sim, const struct sim_options *o)
{
    struct ninja *n = NEW(struct ninja);
    n->sim = sim;
    n->token_life = o->token_life;
    n->fleet = ninja_fleet_new(o->seed, o->epoch, o->ninja_devices, o->ninja_orgs);
    ninja_seed_events(n);
    return n;
}

static void destroy(void *self)
{
    struct ninja *n = self;
    if (!n)
        return;
    ninja_unsubscribe(n);
    for (size_t k = 0; k < NINJA_MAX_CURSORS; k++)
        free(n->cursors[k].filter);
    ninja_fleet_free(n->fleet);
    free(n);
}

const struct product ninja_product = {
    .key = "ninjaone",
    .alias = "ninja",
    .listen_flag = "listen",
    .create = create,
    .destroy = destroy,
    .routes = routes,
    .nroutes = ARRAY_LEN(routes),
    .gate = ninja_gate,
    .no_route = no_route,
    .canned = canned,
    .expire_tokens = ninja_expire_tokens,
    .controls = &ninja_controls,
    .burst = ninja_burst,
    .subscribe = ninja_subscribe,
    .unsubscribe = ninja_unsubscribe,
};
