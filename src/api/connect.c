/* api/connect.c - connecting an account of a product in the browser, there and back.
 * Always: who connects is signed in, in the browser that goes there and comes back; a page shows no secret, runs no script, and leads
 *         to a place of our own. */
#include "hub/connect.h"
#include "api/browser.h"
#include "base/crypto.h"
#include "hub/oidc.h"
#include "store/connect.h"

#include <stdio.h>

#define COOKIE "__Host-msphub_connect"

/* `value` "": takes it away. */
static void give_flow(struct http_request *r, const char *value)
{
    _cleanup_(str_release) struct str cookie = {0};
    str_addf(&cookie, COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d", value,
             *value ? (int)(CONNECT_LIFETIME / USEC_PER_S) : 0);
    http_reply_header(r, "Set-Cookie", cookie.p);
}

/* --- how it stands --- */

struct look {
    struct api_call *call;
    unsigned stmt;
};

static void write_state(const struct api_call *c, const struct connect_row *row, struct str *out)
{
    const struct integration *it = c->integration;
    _cleanup_(str_release) struct str redirect = {0};
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_bool(&w, "supported", it->provider->connect != NULL);
    jw_key_bool(&w, "wanted", connect_wanted(it));
    jw_key_bool(&w, "connected", row->connected_at != USEC_NONE && row->has_grant && !row->dead);
    jw_key_bool(&w, "reconnect_required", row->dead);
    jw_key_str(&w, "reason", row->dead ? row->error_message.p : NULL);
    jw_key_time(&w, "connected_at", row->connected_at);
    jw_key_slice(&w, "connected_by", row->connected_by);
    jw_key_slice(&w, "redirect_uri",
                 it->provider->connect && connect_redirect_uri(c->hub, it->provider, &redirect, NULL)
                     ? str_slice(&redirect)
                     : SLICE_NONE);
    jw_end(&w);
    jw_done(&w);
}

static void on_state(void *arg, const struct pg_reply *r)
{
    struct look *l = arg;
    _cleanup_(str_release) struct str out = {0};
    struct connect_row row;
    if (pg_reply_err(r)) {
        api_problem_err(l->call, pg_reply_err(r));
    } else if (!connect_read(r, l->stmt, &row)) {
        api_problem(l->call, 404, "not_found", "This integration is gone.");
    } else {
        write_state(l->call, &row, &out);
        api_reply_tagged(l->call, 200, 0, str_slice(&out));
    }
}

void op_connect_get(struct api_call *c)
{
    struct look *l = arena_alloc(c->arena, sizeof *l);
    l->call = c;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    l->stmt = connect_add_get(s, c->who.tenant_id, c->integration->id);
    pg_submit(s, on_state, l);
}

/* --- there --- */

static bool read_return_to(struct api_call *c, struct slice *ret)
{
    struct api_faults faults = {0};
    const struct json *j = json_get(c->body, "return_to");
    api_known_members(c, (const char *const[]){"return_to", NULL}, &faults);
    *ret = j ? j->text : SLICE("/");
    if (j && (j->type != JSON_STRING || !oidc_return_to_good(j->text)))
        api_fault(&faults, "/return_to",
                  "must be a path of this hub: it begins with one '/', and has visible ASCII only");
    return api_faults_none(c, &faults);
}

void op_connect_begin(struct api_call *c)
{
    struct str location = {0}, cookie = {0}, out = {0};
    struct err e = {0};
    struct slice return_to;
    usec_t expires;
    if (!read_return_to(c, &return_to))
        return;
    if (!c->session) {
        api_problem(c, 403, "needs_session",
                    "The product sends a browser back here, and only the one that asked is believed: sign in, and "
                    "connect from there.");
        return;
    }
    const struct connect_beginning b = {.integration = c->integration,
                                        .user_id = c->who.user_id,
                                        .session_id = c->session->session_id,
                                        .return_to = return_to};
    if (!connect_begin(c->hub, &b, &location, &cookie, &expires, &e)) {
        api_problem(c, 409, e.code == ERR_CONFLICT ? "not_wanted" : "not_connectable", "%s", e.what);
    } else {
        struct jw w;
        jw_init(&w, &out);
        jw_object(&w);
        jw_key_slice(&w, "authorize_url", str_slice(&location));
        jw_key_time(&w, "expires_at", expires);
        jw_end(&w);
        jw_done(&w);
        give_flow(c->req, cookie.p);
        api_reply_secret(c, 200, str_slice(&out));
    }
    str_release(&location);
    str_release(&cookie);
    str_release(&out);
}

/* --- and back --- */

static void add_html(struct str *out, struct slice text)
{
    static const struct {
        char c;
        const char *as;
    } special[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; i < text.n; i++) {
        const char *as = NULL;
        for (size_t k = 0; k < ARRAY_LEN(special); k++)
            if (text.p[i] == special[k].c)
                as = special[k].as;
        if (as)
            str_adds(out, as);
        else
            str_addc(out, text.p[i]);
    }
}

static void page(struct api_call *c, int status, const char *title, struct slice text, struct slice more,
                 const char *return_to)
{
    _cleanup_(str_release) struct str out = {0};
    str_adds(&out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    add_html(&out, slice_cstr(title));
    str_adds(&out, "</title>\n<h1>");
    add_html(&out, slice_cstr(title));
    str_adds(&out, "</h1>\n<p>");
    add_html(&out, text);
    str_adds(&out, "</p>\n");
    if (more.n) {
        str_adds(&out, "<p>");
        add_html(&out, more);
        str_adds(&out, "</p>\n");
    }
    str_adds(&out, "<p><a href=\"");
    add_html(&out, slice_cstr(oidc_return_to_good(slice_cstr(return_to)) ? return_to : "/"));
    str_addf(&out, "\">Back to msphub</a></p>\n<p><small>Request %s</small></p>\n</html>\n", http_request_id(c->req));
    http_reply_header(c->req, "Cache-Control", "no-store");
    http_reply_header(c->req, "Referrer-Policy", "no-referrer");
    http_reply_header(c->req, "X-Content-Type-Options", "nosniff");
    http_reply_header(c->req, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    http_reply(c->req, status, "text/html; charset=utf-8", str_slice(&out));
}

static int status_of(enum err_code code)
{
    switch (code) {
    case ERR_INPUT:
        return 400;
    case ERR_AUTH:
    case ERR_FORBIDDEN:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
    case ERR_CONFIG:
        return 409;
    case ERR_PROTOCOL:
        return 502;
    case ERR_TIMEOUT:
        return 504;
    case ERR_INTERNAL:
        return 500;
    default:
        return 503;
    }
}

static void refuse(struct api_call *c, const char *return_to, const struct err *e)
{
    int status = status_of(e->code);
    if (status == 503)
        http_reply_header(c->req, "Retry-After", "2");
    if (status == 500)
        log_error(c->hub->log, "connect.internal", F_STR("request_id", http_request_id(c->req)), F_ERR(e));
    page(c, status, "Not connected",
         status == 500 ? SLICE("Something failed inside; the log tells more under this request's id.")
                       : slice_cstr(e->what),
         SLICE_NONE, return_to);
}

static void on_returned(void *arg, const struct connect_outcome *o, const struct err *e)
{
    struct api_call *c = arg;
    _cleanup_(str_release) struct str text = {0}, more = {0};
    give_flow(c->req, "");
    if (e) {
        refuse(c, o->return_to, e);
        return;
    }
    str_addf(&text, "%s is connected as %s.", o->integration->provider->name, o->integration->key);
    if (o->registers && o->registration)
        str_addf(&more, "Its webhook could not be registered: %s", o->registration->what);
    else if (o->registers)
        str_adds(&more, "Its webhook is registered.");
    page(c, 200, "Connected", str_slice(&text), more.n ? str_slice(&more) : SLICE_NONE, o->return_to);
}

static void on_session(void *arg, const struct session *session, const struct err *e)
{
    struct api_call *c = arg;
    struct err refused = {0};
    if (e && e->code == ERR_AUTH)
        err_set(&refused, ERR_FORBIDDEN,
                "This browser is not signed in to msphub any more: sign in, and connect from there.");
    else if (e)
        refused = *e;
    else if (session->must_change_password || !access_may(&session->who, ACCESS_ADMIN, SCOPE_INTEGRATIONS_WRITE))
        err_set(&refused, ERR_FORBIDDEN, "This needs the role admin.");
    if (refused.code) {
        refuse(c, "/", &refused);
        return;
    }
    if (*session->fresh)
        browser_give_session(c->req, session->fresh);
    connect_return(c->hub,
                   &(struct connect_answer){
                       .session = session,
                       .provider = http_request_param(c->req, "provider"),
                       .cookie = browser_cookie(c->req, COOKIE),
                       .state = api_arg(c, "state"),
                       .code = api_arg(c, "code"),
                       .error = api_arg(c, "error"),
                       .error_description = api_arg(c, "error_description"),
                       .address = slice_cstr(http_request_peer(c->req)),
                       .request_id = slice_cstr(http_request_id(c->req)),
                   },
                   on_returned, c);
}

void op_connect_callback(struct api_call *c)
{
    struct slice token = browser_cookie(c->req, BROWSER_SESSION);
    const struct provider *p = provider_find(http_request_param(c->req, "provider"));
    struct session s;
    if (!p || !p->connect)
        refuse(c, "/", &(struct err){ERR_NOT_FOUND, "No product that is connected in the browser has this address."});
    else if (token.p && session_cached(c->hub, token, &s))
        on_session(c, &s, NULL);
    else if (token.p)
        session_check(c->hub, token, on_session, c);
    else
        on_session(c, NULL, &(struct err){.code = ERR_AUTH});
}

/* --- disconnecting --- */

static void on_ended(void *arg, bool removed, const struct err *why, const struct err *e)
{
    struct api_call *c = arg;
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_bool(&w, "connected", false);
    jw_key_bool(&w, "webhook_removed", removed);
    jw_key_str(&w, "webhook_error", why ? why->what : NULL);
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

void op_connect_end(struct api_call *c)
{
    struct audit_actor *by = arena_alloc(c->arena, sizeof *by);
    *by = api_actor(c);
    if (!c->integration->provider->connect)
        api_problem(c, 409, "not_connectable", "%s is not connected in the browser.", c->integration->provider->name);
    else
        connect_end(c->hub, c->integration, by, on_ended, c);
}
