/* jamf/jamf.c - Jamf Pro: the table of routes, the gate (token, version, privilege), its two ways of refusing, and the product's row. */
#include "jamf.h"
#include "../hooks.h"
#include <stdarg.h>
#include <stdlib.h>

struct jw j_json(struct answer *r, int status)
{
    struct jw w;
    jw_init(&w, answer_begin(r, status, "application/json"));
    return w;
}

void j_error(struct answer *r, int status, const char *code, const char *field, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = j_json(r, status);
    jw_object(&w);
    jw_key_i64(&w, "httpStatus", status);
    jw_key(&w, "errors");
    jw_array(&w);
    if (code) {
        jw_object(&w);
        jw_key_str(&w, "code", code);
        jw_key_slice(&w, "description", str_slice(&text));
        jw_key_str(&w, "id", "0");
        jw_key_str(&w, "field", field);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p);
}

void j_not_found(struct jamf *j, struct answer *r, const char *what)
{
    j_error(r, 404, j->said_why ? "INVALID_ID" : NULL, "id", "%s", what);
}

void j_classic_error(struct answer *r, int status)
{
    const char *text = http_status_text(status);
    struct str *out = answer_begin(r, status, "text/html;charset=UTF-8");
    str_addf(out,
             "<html>\n<head>\n   <title>Status page</title>\n</head>\n<body style=\"font-family: sans-serif;\">\n"
             "<p style=\"font-size: 1.2em;font-weight: bold;margin: 1em 0px;\">%s</p>\n<p>%s</p>\n<p>You can get "
             "technical details <a href=\"http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html\">here</a>.<br>\n"
             "Please continue your visit at our <a href=\"/\">home page</a>.\n</p>\n</body>\n</html>\n",
             text, status == 401 ? "The request requires user authentication" : "The server refused the request");
    answer_because(r, "%s", text);
}

const char *const *j_privilege_names(void)
{
    static const char *const names[] = {
#define X(id, name) name,
        J_PRIVILEGES(X)
#undef X
    };
    return names;
}

/* --- small answers --- */

static void version(void *self, struct ask *a, struct answer *r)
{
    const struct jamf *j = self;
    struct str *out = answer_begin(r, 200, "application/json");
    str_addf(out, "{\n  \"version\" : \"%u.%u.1-t1784555528405\"\n}", j->major, j->minor);
}

static void health_check(void *self, struct ask *a, struct answer *r)
{
    answer_begin(r, 204, NULL);
}

static void server_url(void *self, struct ask *a, struct answer *r)
{
    struct slice host = ask_header(a, "Host");
    struct str *out = answer_begin(r, 200, "application/json");
    str_addf(out, "{\n  \"url\" : \"http://%.*s/\",\n  \"unsecuredEnrollmentUrl\" : null\n}", SLICE_FMT(host));
}

/* --- routes --- */

struct since { /* the server's version that has this; before it there is no such path */
    unsigned minor;
};
static const struct since v2 = {23}, v3 = {23}, v4 = {30}, groups_v3 = {28}, users_v1 = {26};

#define INVENTORY(v, since, old)                                                                                       \
    {HTTP_GET, "/api/" v "/computers-inventory", j_computers, .flags = J_NEED_COMPUTERS | (old), .extra = since},      \
        {HTTP_GET, "/api/" v "/computers-inventory/{}", j_computer_one, .flags = J_NEED_COMPUTERS | (old),             \
         .extra = since},                                                                                              \
    {                                                                                                                  \
        HTTP_GET, "/api/" v "/computers-inventory-detail/{}", j_computer_detail, .flags = J_NEED_COMPUTERS | (old),    \
                                                                                 .extra = since                        \
    }
#define GROUPS(v, since, old)                                                                                          \
    {HTTP_GET, "/api/" v "/computer-groups/static-groups", j_static_groups, .flags = J_NEED_STATIC_GROUPS | (old),     \
     .extra = since},                                                                                                  \
        {HTTP_GET, "/api/" v "/computer-groups/static-groups/{}", j_static_group,                                      \
         .flags = J_NEED_STATIC_GROUPS | (old), .extra = since},                                                       \
        {HTTP_GET, "/api/" v "/computer-groups/smart-groups", j_smart_groups, .flags = J_NEED_SMART_GROUPS | (old),    \
         .extra = since},                                                                                              \
    {                                                                                                                  \
        HTTP_GET, "/api/" v "/computer-groups/smart-group-membership/{}", j_smart_membership,                          \
            .flags = J_NEED_SMART_GROUPS | (old), .extra = since                                                       \
    }

static const struct route routes[] = {
    {HTTP_POST, "/api/v1/auth/token", j_auth_token, .flags = J_ANONYMOUS},
    {HTTP_POST, "/api/v1/oauth/token", j_oauth_token, .flags = J_ANONYMOUS},
    {HTTP_POST, "/api/oauth/token", j_oauth_token, .flags = J_ANONYMOUS},
    {HTTP_POST, "/api/v1/auth/keep-alive", j_keep_alive},
    {HTTP_POST, "/api/v1/auth/invalidate-token", j_invalidate_token},
    {HTTP_GET, "/api/v1/auth", j_auth},
    {HTTP_GET, "/api/v1/health-check", health_check, .flags = J_ANONYMOUS},
    {HTTP_GET, "/api/v1/jamf-pro-version", version},
    {HTTP_GET, "/api/v1/jamf-pro-server-url", server_url, .flags = J_NEED_URL},
    INVENTORY("v1", NULL, J_DEPRECATED),
    INVENTORY("v2", &v2, J_DEPRECATED),
    INVENTORY("v3", &v3, J_DEPRECATED),
    INVENTORY("v4", &v4, 0),
    {HTTP_GET, "/api/v1/computer-groups", j_computer_groups, .flags = J_NEED_STATIC_GROUPS | J_NEED_SMART_GROUPS},
    GROUPS("v2", NULL, J_DEPRECATED),
    GROUPS("v3", &groups_v3, 0),
    {HTTP_GET, "/api/v1/departments", j_list_departments, .flags = J_NEED_DEPARTMENTS},
    {HTTP_GET, "/api/v1/departments/{}", j_department, .flags = J_NEED_DEPARTMENTS},
    {HTTP_GET, "/api/v1/buildings/{}", j_building, .flags = J_NEED_BUILDINGS},
    {HTTP_GET, "/api/v1/buildings", j_list_buildings, .flags = J_NEED_BUILDINGS},
    {HTTP_GET, "/api/v1/sites", j_list_sites, .flags = J_NEED_SITES},
    {HTTP_GET, "/api/v1/users", j_users, .flags = J_NEED_USER, .extra = &users_v1},
    {HTTP_GET, "/api/v1/users/{}", j_user_one, .flags = J_NEED_USER, .extra = &users_v1},
    {HTTP_GET, "/api/v2/mobile-devices", j_mobiles, .flags = J_NEED_MOBILE},
    {HTTP_GET, "/api/v2/mobile-devices/detail", j_mobiles_detail, .flags = J_NEED_MOBILE},
    {HTTP_GET, "/JSSResource/users", j_classic_users, .flags = J_CLASSIC | J_NEED_USER},
    {HTTP_GET, "/JSSResource/users/id/{}", j_classic_user, .flags = J_CLASSIC | J_NEED_USER},
    {HTTP_GET, "/JSSResource/computergroups", j_classic_groups,
     .flags = J_CLASSIC | J_NEED_STATIC_GROUPS | J_NEED_SMART_GROUPS},
    {HTTP_GET, "/JSSResource/computergroups/id/{}", j_classic_group,
     .flags = J_CLASSIC | J_NEED_STATIC_GROUPS | J_NEED_SMART_GROUPS},
};

static bool is_classic(const struct ask *a)
{
    return slice_starts(a->path, SLICE("/JSSResource"));
}

static bool is_known(const struct jamf *j, const struct ask *a)
{
    const struct since *since = a->route ? a->route->extra : NULL;
    return a->route && (!since || j->minor >= since->minor);
}

static void no_route(void *self, struct ask *a, struct answer *r)
{
    int status = a->allowed && (!a->route || is_known(self, a)) ? 405 : 404;
    if (is_classic(a))
        j_classic_error(r, status);
    else
        j_error(r, status, NULL, NULL, "%s", http_status_text(status));
}

static void refuse_token(struct ask *a, struct answer *r, bool dead)
{
    if (is_classic(a)) /* a token that it does not take is told in JSON, a missing privilege in a page */
        j_error(r, 401, "INVALID_TOKEN", NULL, "Unauthorized");
    else
        j_error(r, 401, dead ? NULL : "INVALID_TOKEN", NULL, "Unauthorized");
}

static bool gate(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    bool dead = false;
    answer_header(r, "Set-Cookie", "APBALANCEID=aws.euc1-std-sim-1.%u; path=/;HttpOnly;Secure", 7u);
    if (a->route && a->route->flags & J_ANONYMOUS)
        return true;
    if (!j_bearer(j, a, &dead)) {
        refuse_token(a, r, dead);
        return false;
    }
    if (!is_known(j, a)) {
        no_route(j, a, r);
        return false;
    }
    unsigned need = a->route->flags & ((1u << J_NPRIVILEGES) - 1);
    if ((j->privileges & need) != need) {
        if (is_classic(a))
            j_classic_error(r, 401);
        else
            j_error(r, 403, j->said_why ? "INVALID_PRIVILEGE" : NULL, NULL, "Forbidden");
        return false;
    }
    if (a->route->flags & J_DEPRECATED)
        answer_header(r, "Deprecation", "@1783987200");
    return true;
}

static void canned(void *self, int status, struct ask *a, struct answer *r)
{
    if (is_classic(a))
        j_classic_error(r, status);
    else
        j_error(r, status, status == 401 ? "INVALID_TOKEN" : NULL, NULL, "%s", http_status_text(status));
}

static void *create(struct sim *sim, const struct sim_options *o)
{
    struct jamf *j = NEW(struct jamf);
    j->sim = sim;
    j_fleet_init(j, o);
    return j;
}

static void destroy(void *self)
{
    if (!self)
        return;
    j_unsubscribe(self);
    j_fleet_release(self);
    free(self);
}

const struct product jamf_product = {
    .key = "jamf",
    .alias = "jamf",
    .listen_flag = "jamf-listen",
    .create = create,
    .destroy = destroy,
    .routes = routes,
    .nroutes = ARRAY_LEN(routes),
    .gate = gate,
    .no_route = no_route,
    .canned = canned,
    .expire_tokens = j_expire_tokens,
    .controls = &jamf_controls,
    .burst = j_burst,
    .subscribe = j_subscribe,
    .unsubscribe = j_unsubscribe,
};
