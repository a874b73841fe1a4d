/* api/browser.c - see browser.h. */
#include "api/browser.h"

#include "api/limits.h"
#include "base/crypto.h"

#include <stdio.h>

/* --- cookies --- */

struct slice browser_cookie(const struct http_request *r, const char *name)
{
    struct slice rest = http_request_header(r, "Cookie");
    while (rest.n) {
        struct slice value = slice_trim(slice_cut(&rest, ';'));
        if (slice_is(slice_cut(&value, '='), name))
            return value.n ? value : SLICE_NONE;
    }
    return SLICE_NONE;
}

void browser_give_session(struct http_request *r, const char *token)
{
    char cookie[256];
    snprintf(cookie, sizeof(cookie), BROWSER_SESSION "=%s; Path=/; Secure; HttpOnly; SameSite=Lax%s", token,
             *token ? "" : "; Max-Age=0");
    http_reply_header(r, "Set-Cookie", cookie);
    crypto_wipe(cookie, sizeof(cookie));
}

void browser_give_device(struct http_request *r, const char *token)
{
    char cookie[256];
    snprintf(cookie, sizeof(cookie), BROWSER_DEVICE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=31536000",
             token);
    http_reply_header(r, "Set-Cookie", cookie);
    crypto_wipe(cookie, sizeof(cookie));
}

/* --- whose page --- */

/* "https://hub.example.org:8443" → "hub.example.org:8443"; a path behind it is cut. */
static struct slice authority_of(struct slice origin)
{
    struct slice rest = origin;
    for (size_t i = 0; i + 3 <= origin.n; i++)
        if (memcmp(origin.p + i, "://", 3) == 0) {
            rest = slice_of(origin.p + i + 3, origin.n - i - 3);
            return slice_cut(&rest, '/');
        }
    return SLICE_NONE; /* "null", and whatever else is no origin */
}

bool browser_same_origin(const struct http_request *r, const char *public_url)
{
    struct slice site = http_request_header(r, "Sec-Fetch-Site");
    if (site.n && !slice_is(site, "same-origin") && !slice_is(site, "none"))
        return false;
    struct slice origin = http_request_header(r, "Origin");
    if (!origin.n)
        return true; /* no browser leaves it out of what another site sends */
    struct slice authority = authority_of(origin), ours = authority_of(slice_cstr(public_url));
    return authority.n &&
           (slice_ieq(authority, http_request_header(r, "Host")) || (ours.n && slice_ieq(authority, ours)));
}

static bool changes(const struct api_call *c)
{
    enum http_method method = http_request_method(c->req);
    return method != HTTP_GET && method != HTTP_HEAD;
}

static bool csrf_right(struct api_call *c)
{
    return crypto_equal(http_request_header(c->req, "X-CSRF-Token"), slice_cstr(c->session->csrf));
}

/* --- the stage --- */

static void pass(struct api_call *c, const struct session *s)
{
    c->who = s->who;
    c->session = arena_alloc(c->arena, sizeof(*s));
    *c->session = *s;
    if (*s->fresh)
        browser_give_session(c->req, s->fresh);
    crypto_wipe(c->session->fresh, sizeof(c->session->fresh));
    if (changes(c) && !browser_same_origin(c->req, c->hub->options->public_url))
        api_problem(c, 403, "cross_site",
                    "This came from a page of another origin; with a session's cookie only our own pages may change "
                    "anything.");
    else if (changes(c) && !csrf_right(c))
        api_problem(c, 403, "csrf", "Send the session's csrf_token (GET /api/v1/session) in the header X-CSRF-Token.");
    else if (s->must_change_password && c->op->scope != SCOPE_SELF)
        api_problem(c, 403, "password_change_required",
                    "This password was made by an admin; set your own with POST /api/v1/session/password.");
    else
        api_next(c);
}

static void on_checked(void *arg, const struct session *session, const struct err *e)
{
    struct api_call *c = arg;
    if (!e) {
        pass(c, session);
        return;
    }
    if (e->code != ERR_AUTH) {
        api_problem_err(c, e);
        return;
    }
    browser_give_session(c->req, "");
    api_refuse_credential(c, "Bearer realm=\"msphub\"", "session_over",
                          "This session has ended. Sign in again: POST /api/v1/session.");
}

void browser_authenticate(struct api_call *c, struct slice token)
{
    struct session s;
    if (session_cached(c->hub, token, &s))
        pass(c, &s);
    else
        session_check(c->hub, token, on_checked, c);
}
