/* api/session.c - signing in and out, the caller's own sessions, password and second factor. */
#include "store/session.h"
#include "api/browser.h"
#include "base/crypto.h"
#include "base/password.h"
#include "hub/account.h"
#include "hub/sign_in.h"

#include <stdio.h>

/* --- who asks --- */

static void write_scopes(const struct access_identity *who, struct jw *w)
{
    jw_key(w, "scopes");
    jw_array(w);
    for (int i = SCOPE_SELF; i < SCOPE_NSCOPES_; i++)
        if (access_may(who, ACCESS_PUBLIC, (enum access_scope)i))
            jw_str(w, access_scope_names[i]);
    jw_end(w);
}

static void on_who(void *arg, const struct pg_reply *r)
{
    static const char *const kinds[] = {
        [ACCESS_BY_KEY] = "api_key", [ACCESS_BY_SESSION] = "session", [ACCESS_BY_TOKEN] = "token"};
    struct api_call *c = arg;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_str(&w, "kind", kinds[c->who.kind]);
    jw_key_str(&w, "name", c->who.label);
    jw_key_str(&w, "role", access_role_names[c->who.role]);
    write_scopes(&c->who, &w);
    jw_key_raw(&w, "tenant", pg_nrows(r, 0) ? pg_text(r, 0, 0, 0) : SLICE_NONE);
    jw_key_raw(&w, "user", pg_nrows(r, 0) ? pg_text(r, 0, 0, 1) : SLICE_NONE);
    if (c->session) {
        jw_key_i64(&w, "session_id", c->session->session_id);
        jw_key_str(&w, "csrf_token", c->session->csrf);
        jw_key_time(&w, "expires_at", c->session->expires_at);
        jw_key_i64(&w, "idle_seconds", c->hub->options->session_idle / USEC_PER_S);
        jw_key_bool(&w, "must_change_password", c->session->must_change_password);
    }
    jw_end(&w);
    jw_done(&w);
    api_reply_secret(c, 200, str_slice(&out));
}

static void reply_who(struct api_call *c)
{
    struct pg_seg *s = pg_seg_new(c->hub->db, PG_ALL_TENANTS); /* the platform works in others than its own */
    session_add_who(s, c->who.tenant_id, c->who.home_id, c->who.user_id);
    pg_submit(s, on_who, c);
}

void op_session_get(struct api_call *c)
{
    reply_who(c);
}

/* Gives the browser its new token, and the caller the CSRF token that goes with it. */
static void renewed(struct api_call *c, const struct session *s)
{
    browser_give_session(c->req, s->fresh);
    c->who = s->who;
    c->session = arena_alloc(c->arena, sizeof(*s));
    *c->session = *s;
    crypto_wipe(c->session->fresh, sizeof(c->session->fresh));
}

/* --- signing in --- */

static void on_signed_in(void *arg, const struct sign_in_result *r, const struct err *e)
{
    struct api_call *c = arg;
    char wait[24];
    if (e) {
        api_problem_err(c, e);
        return;
    }
    switch (r->outcome) {
    case SIGN_IN_OPENED:
        if (*r->device)
            browser_give_device(c->req, r->device);
        renewed(c, r->session);
        reply_who(c);
        break;
    case SIGN_IN_CODE_NEEDED:
        http_reply_header(c->req, "WWW-Authenticate", "Bearer realm=\"msphub\"");
        api_problem(c, 401, "totp_required",
                    "Send `code` as well: of the authenticator app, or one of the recovery codes.");
        break;
    case SIGN_IN_LATER:
        snprintf(wait, sizeof(wait), "%lld", (long long)(r->wait + USEC_PER_S - 1) / USEC_PER_S);
        http_reply_header(c->req, "Retry-After", wait);
        api_problem(c, 429, "too_many_attempts", "Too many sign-ins from this address have failed; wait a while.");
        break;
    case SIGN_IN_REFUSED:
        http_reply_header(c->req, "WWW-Authenticate", "Bearer realm=\"msphub\"");
        api_problem(
            c, 401, "sign_in_failed",
            "Tenant, e-mail address, password or code is wrong, or this user may not sign in now. After several "
            "failures there is a wait before the next one counts.");
        break;
    }
}

/* Of a body; absent or null is empty. */
static struct slice text_member(struct api_call *c, const char *name, bool required, struct api_faults *f)
{
    const struct json *j = json_get(c->body, name);
    bool absent = !j || j->type == JSON_NULL;
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (absent && required)
        api_fault(f, pointer, "is needed");
    else if (!absent && j->type != JSON_STRING)
        api_fault(f, pointer, "must be a string");
    return !absent && j->type == JSON_STRING ? j->text : SLICE_NONE;
}

void op_session_open(struct api_call *c)
{
    static const char *const known[] = {"tenant", "email", "password", "code", NULL};
    struct api_faults faults = {0};
    /* Else a page of somebody's could sign its visitors in as that somebody, and see what they enter. */
    if (!browser_same_origin(c->req, c->hub->options->public_url)) {
        api_problem(c, 403, "cross_site", "This came from a page of another origin; nobody signs in from there.");
        return;
    }
    api_known_members(c, known, &faults);
    const struct sign_in_input in = {
        .tenant = text_member(c, "tenant", false, &faults),
        .email = text_member(c, "email", true, &faults),
        .password = text_member(c, "password", true, &faults),
        .code = text_member(c, "code", false, &faults),
        .device = browser_cookie(c->req, BROWSER_DEVICE),
        .address = slice_cstr(http_request_peer(c->req)),
        .user_agent = http_request_header(c->req, "User-Agent"),
        .request_id = slice_cstr(http_request_id(c->req)),
    };
    if (api_faults_none(c, &faults))
        sign_in(c->hub, &in, on_signed_in, c);
}

/* --- sessions --- */

/* False: it has replied, and the call is gone. */
static bool has_session(struct api_call *c)
{
    if (c->session)
        return true;
    api_problem(c, 409, "session_needed",
                "This is about the session of a person who signed in; %s is none. POST /api/v1/session opens one.",
                c->who.label);
    return false;
}

static void on_signed_out(void *arg, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code != ERR_NOT_FOUND) { /* it has ended meanwhile: as wanted */
        api_problem_err(c, e);
        return;
    }
    browser_give_session(c->req, "");
    api_reply_none(c);
}

void op_session_close(struct api_call *c)
{
    if (!has_session(c))
        return;
    struct audit_actor by = api_actor(c);
    session_close(c->hub, &by, c->who.home_id, c->who.user_id, c->session->session_id, on_signed_out, c);
}

void op_sessions_list(struct api_call *c)
{
    static const char *const known[] = {NULL};
    struct api_faults faults = {0};
    struct api_page page;
    if (!has_session(c))
        return;
    api_known_args(c, known, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request q = api_page_request(c, &page);
    q.tenant_id = c->who.home_id;
    session_list(c->hub->db, &q, c->who.user_id, c->session->session_id, c->hub->options->session_idle, api_reply_page,
                 c);
}

static void on_closed(void *arg, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_none(c);
}

void op_sessions_close(struct api_call *c)
{
    int64_t id;
    if (!has_session(c) || !api_id(c, "id", &id))
        return;
    struct audit_actor by = api_actor(c);
    bool own = id == c->session->session_id;
    session_close(c->hub, &by, c->who.home_id, c->who.user_id, id, own ? on_signed_out : on_closed, c);
}

void op_sessions_close_others(struct api_call *c)
{
    if (!has_session(c))
        return;
    struct audit_actor by = api_actor(c);
    session_close_others(c->hub, &by, c->who.home_id, c->who.user_id, c->session->session_id, on_closed, c);
}

/* --- password --- */

static void account_refused(struct api_call *c, const struct err *e)
{
    if (e->code == ERR_THROTTLED) {
        http_reply_header(c->req, "Retry-After", "60");
        api_problem(c, 429, "too_many_attempts", "%s", e->what);
    } else if (e->code == ERR_FORBIDDEN) {
        api_problem(c, 403, "wrong_secret", "%s", e->what);
    } else {
        api_problem_err(c, e);
    }
}

static void on_account(void *arg, const struct account_result *r, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        account_refused(c, e);
        return;
    }
    renewed(c, r->session);
    reply_who(c);
}

void op_session_password(struct api_call *c)
{
    static const char *const known[] = {"old_password", "new_password", NULL};
    struct api_faults faults = {0};
    struct err e = {0};
    if (!has_session(c))
        return;
    api_known_members(c, known, &faults);
    struct slice old = text_member(c, "old_password", true, &faults);
    struct slice fresh = text_member(c, "new_password", true, &faults);
    if (!faults.n && !password_acceptable(fresh, slice_cstr(c->who.label), &e))
        api_fault(&faults, "/new_password", "%s", e.what);
    else if (!faults.n && slice_eq(old, fresh))
        api_fault(&faults, "/new_password", "is the old one");
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    account_change_password(c->hub, c->session, &by, old, fresh, on_account, c);
}

/* --- second factor --- */

static void on_totp_begun(void *arg, const struct account_result *r, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        account_refused(c, e);
        return;
    }
    struct str out = {0};
    str_reserve(&out, 2 * (r->secret.n + r->uri.n) + 64); /* in one piece, so that it can be wiped */
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_slice(&w, "secret", r->secret);
    jw_key_slice(&w, "uri", r->uri);
    jw_end(&w);
    jw_done(&w);
    api_reply_secret(c, 201, str_slice(&out));
    crypto_wipe(out.p, out.n);
    str_release(&out);
}

void op_session_totp_begin(struct api_call *c)
{
    struct api_faults faults = {0};
    if (!has_session(c))
        return;
    api_known_members(c, (const char *const[]){"password", NULL}, &faults);
    struct slice password = text_member(c, "password", true, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    account_totp_begin(c->hub, c->session, &by, password, on_totp_begun, c);
}

static void on_totp_confirmed(void *arg, const struct account_result *r, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        account_refused(c, e);
        return;
    }
    renewed(c, r->session);
    struct str out = {0};
    str_reserve(&out, 64 + SESSION_CSRF_LEN + ACCOUNT_RECOVERY_CODES * (SIGN_IN_RECOVERY_LEN + 4));
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_str(&w, "csrf_token", c->session->csrf);
    jw_key(&w, "recovery_codes");
    jw_array(&w);
    for (size_t i = 0; i < r->ncodes; i++)
        jw_str(&w, r->codes[i]);
    jw_end(&w);
    jw_end(&w);
    jw_done(&w);
    api_reply_secret(c, 200, str_slice(&out));
    crypto_wipe(out.p, out.n);
    str_release(&out);
}

static void with_code(struct api_call *c,
                      void (*start)(struct hub *, const struct session *, const struct audit_actor *, struct slice,
                                    account_cb *, void *),
                      account_cb *cb)
{
    static const char *const known[] = {"code", NULL};
    struct api_faults faults = {0};
    if (!has_session(c))
        return;
    api_known_members(c, known, &faults);
    struct slice code = text_member(c, "code", true, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    start(c->hub, c->session, &by, code, cb, c);
}

void op_session_totp_confirm(struct api_call *c)
{
    with_code(c, account_totp_confirm, on_totp_confirmed);
}

void op_session_totp_remove(struct api_call *c)
{
    with_code(c, account_totp_remove, on_account);
}
