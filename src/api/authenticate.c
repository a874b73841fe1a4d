/* api/authenticate.c - the stage that finds out who asks.
 * How:    each way in (API key …) says whether the request's credential is its own; the first that does checks it, from its cache
 *         in the same turn or by the database in a later one. No way in tells why a credential is refused. */
#include "api/browser.h"
#include "api/limits.h"
#include "hub/bearer.h"

/* `address`: the client's. */
struct way {
    /* The credential in it, SLICE_NONE when there is none of this kind. */
    struct slice (*credential)(const struct http_request *r);
    bool (*cached)(struct hub *h, struct slice credential, struct slice address, struct access_identity *ret);
    void (*check)(struct hub *h, struct slice credential, struct slice address, access_cb *cb, void *arg);
    access_cb *checked;
};

static struct slice bearer_credential(const struct http_request *r)
{
    struct slice bearer = http_request_header(r, "Authorization");
    if (bearer.n > 7 && slice_ieq(slice_of(bearer.p, 7), SLICE("Bearer ")))
        return slice_trim(slice_of(bearer.p + 7, bearer.n - 7));
    return SLICE_NONE;
}

/* "Authorization: Bearer JWT": a token of an identity provider. */
static struct slice token_credential(const struct http_request *r)
{
    struct slice bearer = bearer_credential(r);
    return bearer_shaped(bearer) ? bearer : SLICE_NONE;
}

/* "Authorization: Bearer KEY", or X-API-Key. */
static struct slice key_credential(const struct http_request *r)
{
    struct slice bearer = bearer_credential(r);
    return bearer.n ? bearer : http_request_header(r, "X-API-Key");
}

static bool token_cached(struct hub *h, struct slice credential, struct slice address, struct access_identity *ret)
{
    return bearer_cached(h, credential, ret);
}

static void token_check(struct hub *h, struct slice credential, struct slice address, access_cb *cb, void *arg)
{
    bearer_check(h, credential, cb, arg);
}

static bool key_cached(struct hub *h, struct slice credential, struct slice address, struct access_identity *ret)
{
    return access_cached(h->access, credential, address, ret);
}

static void key_check(struct hub *h, struct slice credential, struct slice address, access_cb *cb, void *arg)
{
    access_check(h->access, credential, address, cb, arg);
}

static void on_checked(void *arg, const struct access_identity *who, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code != ERR_AUTH) {
        api_problem_err(c, e);
        return;
    }
    if (e) {
        api_refuse_credential(
            c, "Bearer realm=\"msphub\", error=\"invalid_token\"", "bad_credential",
            "The credential is unknown, expired or revoked. `msphub api-key create` makes an API key.");
        return;
    }
    c->who = *who;
    api_next(c);
}

static void on_key_checked(void *arg, const struct access_identity *who, const struct err *e)
{
    if (e && e->code == ERR_FORBIDDEN)
        api_problem(arg, 403, "address_not_allowed", "%s.", e->what);
    else
        on_checked(arg, who, e);
}

static const struct way ways[] = {
    {token_credential, token_cached, token_check, on_checked},
    {key_credential, key_cached, key_check, on_key_checked},
};

void api_authenticate(struct api_call *c)
{
    if (c->op->role == ACCESS_PUBLIC) {
        api_next(c);
        return;
    }
    struct slice address = slice_cstr(http_request_peer(c->req));
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct slice credential = ways[i].credential(c->req);
        if (credential.n == 0)
            continue;
        if (ways[i].cached(c->hub, credential, address, &c->who))
            api_next(c);
        else
            ways[i].check(c->hub, credential, address, ways[i].checked, c);
        return;
    }
    /* Last: the browser adds it by itself, while the others were meant. */
    struct slice session = browser_cookie(c->req, BROWSER_SESSION);
    if (session.n) {
        browser_authenticate(c, session);
        return;
    }
    http_reply_header(c->req, "WWW-Authenticate", "Bearer realm=\"msphub\"");
    api_problem(c, 401, "no_credential",
                "Send an API key as `Authorization: Bearer KEY` (`msphub api-key create` makes one), or sign in.");
}
