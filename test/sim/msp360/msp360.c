/* msp360/msp360.c - MSP360: the table of routes, the login, ASP.NET's ways of answering, and the product's row. Calls that
 * write are known to the product and refused here: a client of ours must not have them. */
#include "msp360.h"
#include "../hooks.h"
#include <stdarg.h>
#include <stdlib.h>

struct jw m_json(struct answer *r, int status)
{
    struct jw w;
    jw_init(&w, answer_begin(r, status, "application/json; charset=utf-8"));
    return w;
}

void m_message(struct answer *r, int status, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = m_json(r, status);
    jw_object(&w);
    jw_key_slice(&w, "Message", str_slice(&text));
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p);
}

static void page(struct answer *r, int status)
{
    const char *title = status == 503 ? "Service Unavailable" : "Server Error";
    struct str *out = answer_begin(r, status, "text/html; charset=us-ascii");
    str_addf(out,
             "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">\r\n<HTML><HEAD><TITLE>%s</TITLE></HEAD>\r\n"
             "<BODY><h2>%s</h2><hr><p>HTTP Error %d.</p></BODY></HTML>\r\n",
             title, title, status);
    answer_because(r, "%s", title);
}

/* --- the login --- */

struct login {
    struct slice user, password;
};

static bool read_json(struct ask *a, struct login *l)
{
    struct json *body;
    if (!json_parse(a->arena, a->body, &body, NULL) || body->type != JSON_OBJECT)
        return false;
    l->user = json_get_text(body, "UserName");
    l->password = json_get_text(body, "Password");
    return true;
}

static void read_form(struct ask *a, struct login *l)
{
    struct ask_pair pairs[ASK_MAX_ARGS];
    size_t n;
    ask_parse_form(a->arena, a->body, pairs, ASK_MAX_ARGS, &n);
    for (size_t k = 0; k < n; k++) {
        if (slice_ieq(pairs[k].name, SLICE("UserName")))
            l->user = pairs[k].value;
        if (slice_ieq(pairs[k].name, SLICE("Password")))
            l->password = pairs[k].value;
    }
}

static void refuse_login(const struct msp *m, struct answer *r)
{
    if (m->login_status == 400)
        answer_text(r, 400, "application/json; charset=utf-8",
                    "{\"error\":\"invalid_grant\",\"error_description\":\"The user name or password is incorrect.\"}");
    else if (m->login_status == 401)
        m_message(r, 401, "Authorization has been denied for this request.");
    else
        answer_begin(r, 403, NULL);
    answer_because(r, "login refused");
}

static void login(void *self, struct ask *a, struct answer *r)
{
    struct msp *m = self;
    struct login l = {SLICE_NONE, SLICE_NONE};
    struct slice type = ask_header(a, "Content-Type"), media = slice_cut(&type, ';');
    bool ok = true;
    if (slice_is(slice_trim(media), "application/json"))
        ok = read_json(a, &l);
    else if (slice_is(slice_trim(media), "application/x-www-form-urlencoded"))
        read_form(a, &l);
    else
        ok = false;
    if (!ok || l.password.n < 3 || l.password.n > 100) {
        m_message(r, 400, "The request is invalid.");
        return;
    }
    if (!slice_is(l.user, MSP_LOGIN) || !slice_is(l.password, MSP_PASSWORD)) {
        refuse_login(m, r);
        return;
    }
    struct m_token *t = &m->tokens[m->next_token++ % MSP_MAX_TOKENS];
    t->expires = a->wall + m->token_life;
    rng_text(m->seed, ++m->token_serial, 9300, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 64,
             t->value, 60);
    struct jw w = m_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, m->token_key ? "Token" : "access_token", t->value);
    jw_key_str(&w, "token_type", "bearer");
    if (m->token_key) {
        char digits[24];
        snprintf(digits, sizeof(digits), "%lld", (long long)(m->token_life / USEC_PER_S));
        jw_key_str(&w, "expires_in", digits);
    } else {
        jw_key_i64(&w, "expires_in", m->token_life / USEC_PER_S - 1);
    }
    jw_key_str(&w, "userName", MSP_LOGIN);
    jw_key_str(&w, ".issued", "Sun, 03 May 2026 10:00:00 GMT");
    jw_end(&w);
}

static void expire_tokens(void *self)
{
    struct msp *m = self;
    for (size_t k = 0; k < MSP_MAX_TOKENS; k++)
        m->tokens[k].value[0] = '\0';
}

static bool has_token(const struct msp *m, const struct ask *a)
{
    struct slice header = ask_header(a, "Authorization");
    if (header.n <= 7 || !slice_ieq(slice_of(header.p, 7), SLICE("Bearer ")))
        return false;
    header = slice_of(header.p + 7, header.n - 7);
    for (size_t k = 0; k < MSP_MAX_TOKENS; k++)
        if (m->tokens[k].value[0] && slice_is(header, m->tokens[k].value))
            return m->tokens[k].expires > a->wall;
    return false;
}

/* --- routes --- */

static const struct route routes[] = {
    {HTTP_POST, "/api/Provider/Login", login},
    {HTTP_GET, "/api/Builds/AvailableVersions", m_versions},
    {HTTP_GET, "/api/Companies", m_companies},
    {HTTP_GET, "/api/Companies/{}", m_company_one},
    {HTTP_GET, "/api/Users", m_users},
    {HTTP_GET, "/api/Users/{}", m_user_one},
    {HTTP_GET, "/api/Users/{}/Computers", m_user_computers},
    {HTTP_GET, "/api/Destinations/{}", m_destinations},
    {HTTP_GET, "/api/Computers/{}", m_computer_one},
    {HTTP_GET, "/api/Computers/{}/{}", m_computers},
    {HTTP_GET, "/api/Monitoring", m_monitoring},
    {HTTP_GET, "/api/Monitoring/{}", m_monitoring},
    {HTTP_GET, "/api/Licenses", m_licenses},
    {HTTP_GET, "/api/Licenses/{}", m_null},
    {HTTP_GET, "/api/Accounts/{}", m_null},
    {HTTP_GET, "/api/Administrators/{}", m_null},
};

static bool wants_json(const struct ask *a)
{
    struct slice accept = ask_header(a, "Accept");
    return !accept.n || memmem(accept.p, accept.n, "json", 4) || memmem(accept.p, accept.n, "*/*", 3);
}

static bool gate(void *self, struct ask *a, struct answer *r)
{
    answer_header(r, "Server", "Microsoft-IIS/10.0");
    if (!a->route && !a->allowed)
        return true; /* paths are resolved first */
    if (!wants_json(a)) {
        answer_text(r, 200, "application/xml; charset=utf-8", "<ArrayOfObject/>");
        answer_because(r, "XML: the request does not accept application/json");
        return false;
    }
    if ((a->route && a->route->run == login) || has_token(self, a))
        return true;
    m_message(r, 401, "Authorization has been denied for this request.");
    return false;
}

static void no_route(void *self, struct ask *a, struct answer *r)
{
    if (a->allowed)
        m_message(r, 405, "The requested resource does not support http method '%s'.", http_method_name(a->method));
    else
        m_message(r, 404, "No HTTP resource was found that matches the request URI 'https://%.*s%.*s'.",
                  SLICE_FMT(ask_header(a, "Host")), SLICE_FMT(a->path));
}

static void canned(void *self, int status, struct ask *a, struct answer *r)
{
    switch (status) {
    case 401:
        m_message(r, 401, "Authorization has been denied for this request.");
        return;
    case 404:
        no_route(self, a, r);
        return;
    case 403:
    case 429: /* neither body was ever recorded */
        answer_begin(r, status, NULL);
        answer_because(r, "%d", status);
        return;
    default:
        page(r, status);
    }
}

static void *create(struct sim *sim, const struct sim_options *o)
{
    struct msp *m = NEW(struct msp);
    m->sim = sim;
    m_fleet_init(m, o);
    return m;
}

static void destroy(void *self)
{
    if (!self)
        return;
    m_fleet_release(self);
    free(self);
}

/* There are no webhooks: a hub polls. */
static bool burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why)
{
    *why = "MSP360 sends no webhooks";
    return false;
}

static bool subscribe(void *self, struct slice json, const char **why)
{
    *why = "MSP360 sends no webhooks";
    return false;
}

static void unsubscribe(void *self)
{
}

const struct product msp_product = {
    .key = "msp360",
    .alias = "msp360",
    .listen_flag = "msp360-listen",
    .create = create,
    .destroy = destroy,
    .routes = routes,
    .nroutes = ARRAY_LEN(routes),
    .gate = gate,
    .no_route = no_route,
    .canned = canned,
    .expire_tokens = expire_tokens,
    .controls = &msp_controls,
    .burst = burst,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
};
