/* tactical/tactical.c - Tactical RMM: the table of routes, Django's ways of answering, and the product's row. */
#include "tactical.h"
#include <stdarg.h>
#include <stdlib.h>

struct jw t_json(struct answer *r, int status)
{
    struct jw w;
    jw_init(&w, answer_begin(r, status, "application/json"));
    return w;
}

void t_detail(struct answer *r, int status, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = t_json(r, status);
    jw_object(&w);
    jw_key_slice(&w, "detail", str_slice(&text));
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p);
}

void t_string(struct answer *r, int status, const char *text)
{
    struct jw w = t_json(r, status);
    jw_str(&w, text);
    if (status >= 400)
        answer_because(r, "%.90s", text);
}

void t_html(struct answer *r, int status)
{
    const char *title = status == 404 ? "Not Found" : status == 400 ? "Bad Request (400)" : "Server Error (500)";
    struct str *out = answer_begin(r, status, "text/html; charset=utf-8");
    str_addf(out,
             "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>%s</title>\n</head>\n<body>\n  "
             "<h1>%s</h1><p>%s</p>\n</body>\n</html>\n",
             title, title, status == 404 ? "The requested resource was not found on this server." : "");
    answer_because(r, "%s", title);
}

static const struct json *object_from_form(struct ask *a)
{
    struct ask_pair pairs[ASK_MAX_ARGS];
    size_t n;
    struct json *o = arena_alloc(a->arena, sizeof(*o)), **link = &o->child;
    o->type = JSON_OBJECT;
    ask_parse_form(a->arena, a->body, pairs, ASK_MAX_ARGS, &n);
    for (size_t k = 0; k < n; k++) {
        struct json *m = arena_alloc(a->arena, sizeof(*m));
        *m = (struct json){.type = JSON_STRING, .key = pairs[k].name, .text = pairs[k].value};
        *link = m;
        link = &m->next;
    }
    return o;
}

const struct json *t_body(struct ask *a, struct answer *r)
{
    struct json *body;
    struct err e;
    if (!a->body.n) {
        body = arena_alloc(a->arena, sizeof(*body));
        body->type = JSON_OBJECT;
        return body;
    }
    struct slice type = ask_header(a, "Content-Type"), rest = type;
    struct slice media = slice_trim(slice_cut(&rest, ';'));
    if (slice_is(media, "application/x-www-form-urlencoded"))
        return object_from_form(a);
    if (!slice_is(media, "application/json")) {
        t_detail(r, 415, "Unsupported media type \"%.*s\" in request.", SLICE_FMT(type));
        return NULL;
    }
    if (!json_parse(a->arena, a->body, &body, &e)) {
        t_detail(r, 400,
                 "JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)");
        return NULL;
    }
    if (body->type != JSON_OBJECT) { /* request.data.keys() on a list or a string */
        t_html(r, 500);
        return NULL;
    }
    return body;
}

bool t_path_agent(struct tactical *t, struct ask *a, struct answer *r, struct t_agent *ret)
{
    if (a->params[0].n < 21) { /* the pattern of the path: shorter ones are no route */
        t_html(r, 404);
        return false;
    }
    if (t_agent_named(t, a->params[0], ret))
        return true;
    t_detail(r, 404, "No Agent matches the given query.");
    r->gone = t_agent_was(t, a->params[0]);
    return false;
}

static void root(void *self, struct ask *a, struct answer *r)
{
    answer_text(r, 200, "application/json", "{\"status\":\"ok\"}");
}

static void version(void *self, struct ask *a, struct answer *r)
{
    t_string(r, 200, "0.0.203");
}

static void dashinfo(void *self, struct ask *a, struct answer *r)
{
    answer_text(r, 200, "application/json",
                "{\"trmm_version\":\"1.5.1\",\"latest_trmm_ver\":\"error\",\"dark_mode\":true,\"hosted\":false,\"date_"
                "format\":null,"
                "\"default_date_format\":\"MMM-DD-YYYY - HH:mm\",\"token_is_expired\":false,\"sso_enabled\":false}");
}

static void beta_root(void *self, struct ask *a, struct answer *r)
{
    struct slice host = ask_header(a, "Host");
    struct str *out = answer_begin(r, 200, "application/json");
    str_addf(out,
             "{\"agent\":\"http://%.*s/beta/v1/agent/\",\"client\":\"http://%.*s/beta/v1/client/\",\"site\":\"http://"
             "%.*s/beta/v1/site/\"}",
             SLICE_FMT(host), SLICE_FMT(host), SLICE_FMT(host));
}

enum { /* beside the right that a route needs */
       ANYONE = 1 << 24,
       BETA = 1 << 25, /* only with the switch */
       LOGIN_ONLY = 1 << 26
};
#define AGENT_ALLOW "GET, PUT, DELETE, HEAD, OPTIONS"
#define ALERT_ALLOW "GET, PUT, DELETE, HEAD, OPTIONS"
#define LIST_ALLOW  "GET, POST, HEAD, OPTIONS"

static const struct route routes[] = {
    {HTTP_GET, "/", root, .allow = "GET, OPTIONS", .flags = ANYONE},
    {HTTP_GET, "/core/version/", version, .allow = "GET, OPTIONS", .flags = LOGIN_ONLY},
    {HTTP_GET, "/core/dashinfo/", dashinfo, .allow = "GET, OPTIONS", .flags = LOGIN_ONLY},
    {HTTP_GET, "/core/customfields/", t_custom_fields, .allow = "GET, POST, PATCH, HEAD, OPTIONS",
     .flags = RIGHT_FIELDS},
    {HTTP_POST, "/v2/checkcreds/", t_checkcreds, .allow = "POST, OPTIONS", .flags = ANYONE},
    {HTTP_POST, "/v2/login/", t_login, .allow = "POST, OPTIONS", .flags = ANYONE},
    {HTTP_POST, "/logout/", t_logout, .allow = "POST, OPTIONS", .flags = LOGIN_ONLY},
    {HTTP_POST, "/logoutall/", t_logout, .allow = "POST, OPTIONS", .flags = LOGIN_ONLY},
    {HTTP_GET, "/beta/v1/", beta_root, .allow = "GET, HEAD, OPTIONS", .flags = BETA | LOGIN_ONLY},
    {HTTP_GET, "/beta/v1/client/", t_beta_clients, .allow = "GET", .flags = BETA | RIGHT_CLIENTS},
    {HTTP_GET | HTTP_PUT, "/beta/v1/client/{}/", t_beta_client, .allow = "GET, PUT", .flags = BETA | RIGHT_CLIENTS},
    {HTTP_GET, "/beta/v1/site/", t_beta_sites, .allow = "GET", .flags = BETA | RIGHT_SITES},
    {HTTP_GET | HTTP_PUT, "/beta/v1/site/{}/", t_beta_site, .allow = "GET, PUT", .flags = BETA | RIGHT_SITES},
    {HTTP_GET, "/beta/v1/agent/", t_beta_agents, .allow = "GET", .flags = BETA | RIGHT_AGENTS},
    {HTTP_GET | HTTP_PUT | HTTP_PATCH, "/beta/v1/agent/{}/", t_beta_agent, .allow = "GET, PUT",
     .flags = BETA | RIGHT_AGENTS},
    {HTTP_GET, "/clients/", t_clients, .allow = LIST_ALLOW, .flags = RIGHT_CLIENTS},
    {HTTP_GET, "/clients/sites/", t_sites, .allow = LIST_ALLOW, .flags = RIGHT_SITES},
    {HTTP_GET, "/clients/sites/{}/", t_site_one, .allow = AGENT_ALLOW, .flags = RIGHT_SITES},
    {HTTP_GET, "/clients/{}/", t_client_one, .allow = AGENT_ALLOW, .flags = RIGHT_CLIENTS},
    {HTTP_GET, "/agents/", t_agents, .allow = "GET, HEAD, OPTIONS", .flags = RIGHT_AGENTS},
    {HTTP_GET, "/agents/{}/", t_agent_one, .allow = AGENT_ALLOW, .flags = RIGHT_AGENTS},
    {HTTP_PUT, "/agents/{}/", t_agent_edit, .allow = AGENT_ALLOW, .flags = RIGHT_EDIT_AGENT},
    {HTTP_GET, "/agents/{}/meshcentral/", t_agent_mesh, .allow = LIST_ALLOW, .flags = RIGHT_MESH},
    {HTTP_GET, "/agents/{}/ping/", t_agent_ping, .allow = "GET, OPTIONS", .flags = RIGHT_AGENTS},
    {HTTP_GET, "/agents/{}/checks/", t_agent_checks, .allow = LIST_ALLOW, .flags = RIGHT_CHECKS},
    {HTTP_POST, "/agents/{}/reboot/", t_reboot, .allow = "POST, PATCH, OPTIONS", .flags = RIGHT_REBOOT},
    {HTTP_POST, "/agents/{}/runscript/", t_run_script, .allow = "POST, OPTIONS", .flags = RIGHT_RUN_SCRIPTS},
    {HTTP_GET, "/scripts/", t_scripts, .allow = LIST_ALLOW, .flags = RIGHT_SCRIPTS},
    {HTTP_PATCH, "/alerts/", t_alerts_patch, .allow = "POST, PATCH, OPTIONS", .flags = RIGHT_ALERTS},
    {HTTP_POST, "/alerts/", t_alerts_post, .allow = "POST, PATCH, OPTIONS", .flags = RIGHT_MANAGE_ALERTS},
    {HTTP_POST, "/alerts/bulk/", t_alerts_bulk, .allow = "POST, OPTIONS", .flags = RIGHT_MANAGE_ALERTS},
    {HTTP_GET, "/alerts/{}/", t_alert_get, .allow = ALERT_ALLOW, .flags = RIGHT_ALERTS},
    {HTTP_PUT, "/alerts/{}/", t_alert_put, .allow = ALERT_ALLOW, .flags = RIGHT_MANAGE_ALERTS},
    {HTTP_DELETE, "/alerts/{}/", t_alert_delete, .allow = ALERT_ALLOW, .flags = RIGHT_MANAGE_ALERTS},
    {HTTP_GET, "/software/", t_software_all, .allow = "GET, POST, PUT, HEAD, OPTIONS", .flags = RIGHT_SOFTWARE},
    {HTTP_GET, "/software/{}/", t_software_one, .allow = "GET, POST, PUT, HEAD, OPTIONS", .flags = RIGHT_SOFTWARE},
    {HTTP_GET, "/winupdate/{}/", t_updates, .allow = "GET, HEAD, OPTIONS", .flags = RIGHT_UPDATES},
};

/* The route of a path with any method, for its Allow header and flags. */
static const struct route *path_route(const struct ask *a)
{
    for (size_t k = 0; k < ARRAY_LEN(routes); k++) {
        struct ask probe = {.method = a->method, .path = a->path, .arena = a->arena};
        route_find(&routes[k], 1, &probe);
        if (probe.allowed)
            return &routes[k];
    }
    return NULL;
}

static bool gate(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    answer_header(r, "Vary", "origin");
    const struct route *route = a->route ? a->route : path_route(a);
    if (!route || ((route->flags & BETA) && !t->beta)) { /* URLs are resolved before anything else */
        a->allowed = 0;
        a->route = NULL;
        if (!route)
            return true;
        t_html(r, 404);
        return false;
    }
    answer_header(r, "Allow", "%s", route->allow);
    if (route->flags & ANYONE)
        return true;
    if (!t_gate(self, a, r))
        return false;
    if (route->flags & LOGIN_ONLY || !a->route)
        return true;
    if (t_rights(a) & ~t->missing & (unsigned)route->flags & RIGHT_ALL)
        return true;
    t_detail(r, 403, "You do not have permission to perform this action.");
    return false;
}

static void no_route(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    if (a->allowed) {
        t_detail(r, 405, "Method \"%s\" not allowed.", http_method_name(a->method));
        return;
    }
    struct ask with_slash = {.method = a->method, .arena = a->arena};
    const char *path = arena_printf(a->arena, "%.*s/", SLICE_FMT(a->path));
    with_slash.path = slice_cstr(path);
    const struct route *route = slice_ends(a->path, SLICE("/")) ? NULL : path_route(&with_slash);
    if (!route || ((route->flags & BETA) && !t->beta)) {
        t_html(r, 404);
        return;
    }
    answer_begin(r, 301, "text/html; charset=utf-8");
    answer_header(r, "Location", "%s%s%.*s", path, a->query.n ? "?" : "", SLICE_FMT(a->query));
}

static void canned(void *self, int status, struct ask *a, struct answer *r)
{
    switch (status) {
    case 401:
        t_detail(r, 401, "Invalid token.");
        answer_header(r, "WWW-Authenticate", "Token");
        return;
    case 403:
        t_detail(r, 403, "You do not have permission to perform this action.");
        return;
    case 429:
        t_detail(r, 429, "Request was throttled. Expected available in 1 second.");
        return;
    default: /* nginx and Django answer these in HTML */
        t_html(r, status);
    }
}

static void *create(struct sim *sim, const struct sim_options *o)
{
    struct tactical *t = NEW(struct tactical);
    t->sim = sim;
    t->beta = o->tactical_beta;
    t_fleet_init(t, o);
    return t;
}

static void destroy(void *self)
{
    struct tactical *t = self;
    if (!t)
        return;
    t_unsubscribe(t);
    t_fleet_release(t);
    free(t);
}

const struct product tactical_product = {
    .key = "tacticalrmm",
    .alias = "tactical",
    .listen_flag = "tactical-listen",
    .create = create,
    .destroy = destroy,
    .routes = routes,
    .nroutes = ARRAY_LEN(routes),
    .gate = gate,
    .no_route = no_route,
    .canned = canned,
    .expire_tokens = t_expire_tokens,
    .controls = &tactical_controls,
    .burst = t_burst,
    .subscribe = t_subscribe,
    .unsubscribe = t_unsubscribe,
};
