/* syncro/syncro.c - Syncro: the table of routes with the permission that each asks for, the limit by source address, the ways to
 * send a token, and the product's row. A valid token without a permission and a bad token both get a 401. */
#include "syncro.h"
#include "../hooks.h"
#include <stdarg.h>
#include <stdlib.h>

#define JSON_TYPE "application/json; charset=utf-8"

struct jw s_json(struct answer *r, int status)
{
    struct jw w;
    jw_init(&w, answer_begin(r, status, JSON_TYPE));
    return w;
}

void s_error(struct answer *r, int status, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = s_json(r, status);
    jw_object(&w);
    jw_key_slice(&w, "error", str_slice(&text));
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p);
}

void s_refuse(struct answer *r, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = s_json(r, 422);
    jw_object(&w);
    jw_key_bool(&w, "success", false);
    jw_key(&w, "message");
    jw_array(&w);
    jw_slice(&w, str_slice(&text));
    jw_end(&w);
    jw_key(&w, "params");
    jw_object(&w);
    jw_end(&w);
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p);
}

void s_not_found(struct answer *r, const char *what, bool was_there)
{
    if (strcmp(what, "Asset") == 0) {
        s_error(r, 404, "Asset not found");
    } else {
        answer_text(r, 404, JSON_TYPE, "{\"message\":\"Not found\"}");
        answer_because(r, "no such %s", what);
    }
    r->gone = was_there;
}

void s_key_time(struct jw *w, const char *key, usec_t t)
{
    char iso[CLOCK_ISO_MAX];
    usec_t ms = t / USEC_PER_MS;
    _cleanup_(str_release) struct str text = {0};
    if (t == USEC_NONE) {
        jw_key_str(w, key, NULL);
        return;
    }
    clock_iso(t - t % USEC_PER_S, iso); /* without a fraction; it always has three digits here */
    str_addf(&text, "%.19s.%03dZ", iso, (int)(ms % 1000));
    jw_key_slice(w, key, str_slice(&text));
}

/* Rails reads a JSON body by its type; of another type it sees no parameters. */
const struct json *s_body(struct ask *a, struct answer *r)
{
    struct slice type = ask_header(a, "Content-Type"), media = slice_cut(&type, ';');
    bool is_json = slice_is(slice_trim(media), "application/json");
    struct json *body;
    struct err e;
    if (!json_parse(a->arena, is_json && a->body.n ? a->body : SLICE("{}"), &body, &e) || body->type != JSON_OBJECT) {
        answer_text(r, 400, "text/html; charset=utf-8", "<!doctype html><title>400 Bad Request</title>");
        answer_because(r, "the body is no JSON object");
        return NULL;
    }
    return body;
}

/* --- the limit, the token, the permission --- */

static bool too_many(struct syncro *s, usec_t now)
{
    size_t max = (size_t)s->per_minute;
    while (s->calls.n && (s->calls.n > max || s->calls.times[s->calls.at] <= now - s->window)) {
        s->calls.at = (s->calls.at + 1) % S_MAX_RATE;
        s->calls.n--;
    }
    if (s->calls.n == max)
        return true;
    s->calls.times[(s->calls.at + s->calls.n++) % S_MAX_RATE] = now;
    return false;
}

static void throttle(const struct syncro *s, struct answer *r)
{
    answer_text(r, 429, "text/plain", "Retry later\n"); /* undocumented; not JSON at any rate */
    if (s->retry_after)
        answer_header(r, "Retry-After", "%lld", (long long)MAX(s->window / USEC_PER_S, 1));
    answer_because(r, "more than %lld calls in %lld ms", (long long)s->per_minute,
                   (long long)(s->window / USEC_PER_MS));
}

static const struct s_token tokens[] = {
    {SYNCRO_TOKEN, SYNCRO_SUBDOMAIN, P_ALL, false, false},
    {SYNCRO_TOKEN_EXPIRED, SYNCRO_SUBDOMAIN, P_ALL, true, false},
    {SYNCRO_TOKEN_READ, SYNCRO_SUBDOMAIN, P_CUSTOMERS | P_ASSETS | P_TICKETS | P_ALERTS, false, false},
    {SYNCRO_TOKEN_NO_ALERTS, SYNCRO_SUBDOMAIN, P_ALL & ~(unsigned)P_ALERTS, false, false},
    {SYNCRO_TOKEN_ONE_CUSTOMER, SYNCRO_SUBDOMAIN, P_ALL, false, true},
    {SYNCRO_TOKEN_ELSEWHERE, "southmsp", P_ALL, false, false},
};

/* A header with or without the word, an argument, a member of the body: clients do all of it. */
static struct slice sent_token(struct ask *a)
{
    struct slice text = slice_trim(ask_header(a, "Authorization"));
    struct json *body;
    if (text.n > 7 && slice_ieq(slice_of(text.p, 7), SLICE("Bearer ")))
        return slice_trim(slice_of(text.p + 7, text.n - 7));
    if (text.n || ask_arg(a, "api_key", &text))
        return text;
    if (a->body.n && json_parse(a->arena, a->body, &body, NULL))
        return json_get_text(body, "api_key");
    return SLICE_NONE;
}

static bool authenticate(struct ask *a)
{
    struct slice sent = sent_token(a);
    for (size_t k = 0; k < ARRAY_LEN(tokens); k++)
        if (!tokens[k].expired && slice_is(sent, tokens[k].value)) {
            a->who = &tokens[k];
            return true;
        }
    return false;
}

bool s_sees(const struct ask *a, int64_t customer_id)
{
    const struct s_token *t = a->who;
    return !t->one_customer || customer_id == S_CUSTOMER_BASE + 1;
}

static bool wants_json(const struct ask *a)
{
    struct slice accept = ask_header(a, "Accept");
    return !accept.n || memmem(accept.p, accept.n, "json", 4) || memmem(accept.p, accept.n, "*/*", 3);
}

static bool gate(void *self, struct ask *a, struct answer *r)
{
    if (too_many(self, a->wall)) {
        throttle(self, r);
        return false;
    }
    if (!a->route)
        return true;
    if (!wants_json(a)) {
        answer_text(r, 200, "text/html; charset=utf-8", "<!doctype html><title>Sign in</title>");
        answer_because(r, "a page: the request does not accept application/json");
        return false;
    }
    if (!authenticate(a)) {
        answer_text(r, 401, "text/plain; charset=utf-8", "HTTP Token: Access denied.\n");
        answer_because(r, "bad token");
        return false;
    }
    const struct s_token *t = a->who;
    if (a->route->flags & P_NONE || t->permissions & a->route->flags)
        return true;
    s_error(r, 401, "Not authorized. Please ask account admin to update your group permissions.");
    return false;
}

/* --- who am I --- */

static void key_rights(struct jw *w, const char *key, bool write)
{
    jw_key(w, key);
    jw_object(w);
    jw_key_bool(w, "read", true);
    jw_key_bool(w, "write", write);
    jw_key_bool(w, "delete", false);
    jw_end(w);
}

static void me(void *self, struct ask *a, struct answer *r)
{
    const struct s_token *t = a->who;
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "user_token", SYNCRO_USER_TOKEN);
    jw_key_str(&w, "user_email", "api@msp.example");
    jw_key_str(&w, "user_name", "API Bot");
    jw_key_i64(&w, "user_id", 4411);
    jw_key_bool(&w, "admin", false);
    jw_key_bool(&w, "can_use_app", true);
    jw_key_bool(&w, "two_factor_required", false);
    jw_key_str(&w, "subdomain", t->subdomain);
    jw_key_str(&w, "default_location", NULL);
    jw_key_bool(&w, "enable_multi_locations", false);
    jw_key(&w, "locations_allowed");
    jw_array(&w);
    jw_end(&w);
    jw_key(&w, "permissions");
    jw_object(&w);
    key_rights(&w, "asset", false);
    key_rights(&w, "customer", false);
    key_rights(&w, "ticket", true);
    jw_end(&w);
    jw_end(&w);
}

static void users(void *self, struct ask *a, struct answer *r)
{
    answer_text(r, 200, JSON_TYPE, "{\"users\":[[4411,\"Jo Tech\"],[4412,\"Sam Desk\"]]}"); /* pairs */
}

/* --- the product --- */

#define V1 "/api/v1"
static const struct route routes[] = {
    {HTTP_GET, V1 "/me", me, .flags = P_NONE},
    {HTTP_GET, V1 "/users", users, .flags = P_NONE},
    {HTTP_GET, V1 "/settings", s_settings, .flags = P_NONE},
    {HTTP_GET, V1 "/tickets/settings", s_ticket_settings, .flags = P_NONE},
    {HTTP_GET, V1 "/customers", s_customers, .flags = P_CUSTOMERS},
    {HTTP_GET, V1 "/customers/{}", s_customer_one, .flags = P_CUSTOMERS},
    {HTTP_GET, V1 "/contacts", s_contacts, .flags = P_CUSTOMERS},
    {HTTP_GET, V1 "/customer_assets", s_assets, .flags = P_ASSETS},
    {HTTP_GET, V1 "/customer_assets/{}", s_asset_one, .flags = P_ASSETS},
    {HTTP_GET, V1 "/rmm_alerts", s_alerts, .flags = P_ALERTS},
    {HTTP_POST, V1 "/rmm_alerts", s_alert_post, .flags = P_ALERT_CREATE},
    {HTTP_GET, V1 "/rmm_alerts/{}", s_alert_one, .flags = P_ALERTS},
    {HTTP_POST, V1 "/rmm_alerts/{}/mute", s_alert_mute, .flags = P_ALERT_MANAGE},
    {HTTP_DELETE, V1 "/rmm_alerts/{}", s_alert_delete, .flags = P_ALERT_DELETE},
    {HTTP_GET, V1 "/tickets", s_tickets, .flags = P_TICKETS},
    {HTTP_POST, V1 "/tickets", s_ticket_post, .flags = P_TICKET_CREATE},
    {HTTP_GET, V1 "/tickets/{}", s_ticket_one, .flags = P_TICKETS},
    {HTTP_PUT, V1 "/tickets/{}", s_ticket_put, .flags = P_TICKET_EDIT},
    {HTTP_DELETE, V1 "/tickets/{}", s_ticket_delete, .flags = P_TICKET_DELETE},
    {HTTP_GET, V1 "/tickets/{}/comments", s_comments, .flags = P_TICKETS},
    {HTTP_POST, V1 "/tickets/{}/comment", s_comment_post, .flags = P_TICKET_EDIT},
};

static void no_route(void *self, struct ask *a, struct answer *r)
{
    answer_text(r, 404, "text/html; charset=utf-8",
                "<!doctype html><title>The page you were looking for doesn't exist (404)</title>");
    answer_because(r, "no such call");
}

static void canned(void *self, int status, struct ask *a, struct answer *r)
{
    switch (status) {
    case 401:
        s_error(r, 401, "Not authorized. Please ask account admin to update your group permissions.");
        return;
    case 404:
        s_not_found(r, "row", false);
        return;
    case 429:
        answer_text(r, 429, "text/plain", "Retry later\n");
        answer_because(r, "429");
        return;
    default:
        answer_text(r, status, "text/html; charset=utf-8",
                    "<!doctype html><title>We're sorry, but something went wrong (500)</title>");
        answer_because(r, "%d", status);
    }
}

static void expire_tokens(void *self)
{
    /* A token of Syncro lives until somebody revokes it: there is none to renew. */
}

static void *create(struct sim *sim, const struct sim_options *o)
{
    struct syncro *s = NEW(struct syncro);
    s->sim = sim;
    s_fleet_init(s, o);
    return s;
}

static void destroy(void *self)
{
    struct syncro *s = self;
    if (!s)
        return;
    s_fleet_release(s);
    free(s->hook);
    free(s);
}

const struct product syncro_product = {
    .key = "syncro",
    .alias = "syncro",
    .listen_flag = "syncro-listen",
    .create = create,
    .destroy = destroy,
    .routes = routes,
    .nroutes = ARRAY_LEN(routes),
    .gate = gate,
    .no_route = no_route,
    .canned = canned,
    .expire_tokens = expire_tokens,
    .controls = &syncro_controls,
    .burst = s_burst,
    .subscribe = s_subscribe,
    .unsubscribe = s_unsubscribe,
};
