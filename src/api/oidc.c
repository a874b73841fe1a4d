/* api/oidc.c - /auth/oidc: a browser goes to its tenant's identity provider and comes back signed in.
 * Always: everything here is a top-level GET of a browser; what it was given for the way is taken away when it is back, whatever the
 *         end; where it is sent afterwards is a place of our own. */
#include "hub/oidc.h"
#include "api/browser.h"
#include "base/crypto.h"

#include <stdio.h>

#define COOKIE "__Host-msphub_oidc"

/* `value` "": takes it away. */
static void give_flow(struct http_request *r, const char *value)
{
    _cleanup_(str_release) struct str cookie = {0};
    str_addf(&cookie, COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d", value,
             *value ? (int)(OIDC_LIFETIME / USEC_PER_S) : 0);
    http_reply_header(r, "Set-Cookie", cookie.p);
}

static void redirect(struct http_request *r, const char *location)
{
    http_reply_header(r, "Location", location);
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply_header(r, "Referrer-Policy", "no-referrer");
    http_reply(r, 302, NULL, SLICE_NONE);
}

/* What can be done about it, and by whom, decides the status. */
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

static void refuse(struct api_call *c, const char *reason, const struct err *e)
{
    char code[64];
    int status = status_of(e->code);
    snprintf(code, sizeof code, "sign_in_%s", reason);
    if (status == 503)
        http_reply_header(c->req, "Retry-After", "2");
    http_reply_header(c->req, "Cache-Control", "no-store");
    api_problem(c, status, code, "%s",
                status == 500 ? "Something failed inside; the log tells more under this request id." : e->what);
}

/* --- there --- */

static void on_begun(void *arg, const char *location, const char *cookie, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        /* The issuer's certificate, or a private address: nothing that the person could do about. */
        struct err told = *e;
        if (e->code == ERR_AUTH || e->code == ERR_FORBIDDEN || e->code == ERR_INPUT)
            told.code = ERR_UNAVAILABLE;
        log_info(c->hub->log, "oidc.not_begun", F_STR("request_id", http_request_id(c->req)), F_ERR(e));
        refuse(c, e->code == ERR_NOT_FOUND ? "unknown" : "issuer", &told);
        return;
    }
    give_flow(c->req, cookie);
    redirect(c->req, location);
}

/* public_url, else the address that the browser used; and each provider has its own, so that where an answer arrives tells
 * from which one it is. */
static void callback_address(const struct api_call *c, struct str *out)
{
    struct slice base = slice_cstr(c->hub->options->public_url);
    while (slice_ends(base, SLICE("/")))
        base.n--;
    if (base.n)
        str_add(out, base);
    else
        str_addf(out, "%s://%.*s", http_request_is_tls(c->req) ? "https" : "http",
                 SLICE_FMT(http_request_header(c->req, "Host")));
    str_addf(out, "/auth/oidc/%.*s/%.*s/callback", SLICE_FMT(http_request_param(c->req, "tenant")),
             SLICE_FMT(http_request_param(c->req, "provider")));
}

void op_oidc_begin(struct api_call *c)
{
    struct slice return_to = api_arg(c, "return_to");
    _cleanup_(str_release) struct str address = {0};
    if (!return_to.p)
        return_to = SLICE("/");
    if (!oidc_return_to_good(return_to)) {
        api_problem(c, 400, "sign_in_return_to",
                    "return_to must be a path of this hub: it begins with one '/', and has visible ASCII only.");
        return;
    }
    callback_address(c, &address);
    oidc_begin(c->hub,
               &(struct oidc_beginning){
                   .tenant = http_request_param(c->req, "tenant"),
                   .provider = http_request_param(c->req, "provider"),
                   .return_to = return_to,
                   .redirect_uri = str_slice(&address),
               },
               on_begun, c);
}

/* --- and back --- */

static void on_returned(void *arg, const struct oidc_outcome *o, const struct err *e)
{
    struct api_call *c = arg;
    give_flow(c->req, "");
    if (e) {
        refuse(c, o->reason, e);
        return;
    }
    browser_give_session(c->req, o->session->fresh);
    redirect(c->req, o->return_to);
}

void op_oidc_callback(struct api_call *c)
{
    oidc_return(c->hub,
                &(struct oidc_answer){
                    .tenant = http_request_param(c->req, "tenant"),
                    .provider = http_request_param(c->req, "provider"),
                    .cookie = browser_cookie(c->req, COOKIE),
                    .state = api_arg(c, "state"),
                    .code = api_arg(c, "code"),
                    .issuer = api_arg(c, "iss"),
                    .error = api_arg(c, "error"),
                    .error_description = api_arg(c, "error_description"),
                    .address = slice_cstr(http_request_peer(c->req)),
                    .user_agent = http_request_header(c->req, "User-Agent"),
                    .request_id = slice_cstr(http_request_id(c->req)),
                },
                on_returned, c);
}
