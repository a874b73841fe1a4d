/* hub/issuer_fetch.c - an issuer's metadata, then its keys: two GETs.
 * Why:    the issuer names itself and its addresses, so everything it says is checked: its own name to the letter (RFC 8414: another's
 *         document would make its tokens ours), each address as if it had been typed in.
 * Owns:   one op, which ends with its callback; bodies up to a ceiling. The client refuses private addresses where they resolve. */
#include "hub/issuer.h"

#include "base/json_read.h"
#include "base/mem.h"
#include "reactor/egress.h"
#include "reactor/http_url.h"

#include <stdlib.h>

#define MAX_METADATA ((size_t)256 << 10)
#define FRESH_MIN    SECONDS(300)
#define FRESH_MAX    SECONDS(86400)
#define FRESH_UNTOLD SECONDS(3600)
#define URL_MAX      1024

struct issuer *issuer_ref(struct issuer *is)
{
    is->refs++;
    return is;
}

void issuer_unref(struct issuer *is)
{
    if (!is || --is->refs)
        return;
    free(is->url);
    free(is->authorization_endpoint);
    free(is->token_endpoint);
    free(is->jwks_uri);
    jwks_unref(is->keys);
    free(is);
}

/* --- what it says --- */

static bool url_allowed(struct slice url, const struct egress *g, struct err *e)
{
    struct http_url parsed = {0};
    if (url.n == 0 || url.n > URL_MAX)
        return err_set(e, ERR_INPUT, "an address has 1 to %d bytes", URL_MAX);
    char *text = mem_strndup(url.p, url.n);
    bool good = http_url_parse(text, &parsed, e) && egress_url_allowed(g, text, e);
    http_url_release(&parsed);
    free(text);
    return good;
}

bool issuer_url_allowed(struct slice url, const struct egress *g, struct err *e)
{
    if (!url_allowed(url, g, e))
        return false;
    return !memchr(url.p, '?', url.n) || err_set(e, ERR_INPUT, "an issuer's address has no query");
}

/* Optional unless `required`. */
static bool read_url(const struct json *j, const char *name, bool required, const struct egress *g, char **ret,
                     struct err *e)
{
    struct slice url = json_get_text(j, name);
    if (!url.n)
        return !required || err_set(e, ERR_PROTOCOL, "its metadata has no %s", name);
    if (!url_allowed(url, g, e))
        return err_wrap(e, "its %s", name);
    *ret = mem_strndup(url.p, url.n);
    return true;
}

static bool lists(const struct json *list, const char *text)
{
    for (const struct json *j = list && list->type == JSON_ARRAY ? list->child : NULL; j; j = j->next)
        if (j->type == JSON_STRING && slice_is(j->text, text))
            return true;
    return false;
}

static bool lists_our_algorithm(const struct json *algs)
{
    if (!algs)
        return true;
    for (size_t i = 0; jws_alg_names[i]; i++)
        if (lists(algs, jws_alg_names[i]))
            return true;
    return false;
}

static bool read_members(struct issuer *is, const struct json *j, const struct egress *g, struct err *e)
{
    struct slice name = json_get_text(j, "issuer");
    const struct json *methods = json_get(j, "token_endpoint_auth_methods_supported");
    if (!slice_is(name, is->url))
        return err_set(e, ERR_PROTOCOL,
                       "it calls itself \"%.*s\"; give that as the issuer, to the letter, if it is meant",
                       (int)MIN(name.n, 200), name.p ? name.p : "");
    if (!read_url(j, "jwks_uri", true, g, &is->jwks_uri, e) ||
        !read_url(j, "authorization_endpoint", false, g, &is->authorization_endpoint, e) ||
        !read_url(j, "token_endpoint", false, g, &is->token_endpoint, e))
        return false;
    is->client_secret_post = methods && !lists(methods, "client_secret_basic") && lists(methods, "client_secret_post");
    is->names_itself = json_get_bool(j, "authorization_response_iss_parameter_supported", false);
    is->signs_as_we_check = lists_our_algorithm(json_get(j, "id_token_signing_alg_values_supported"));
    return true;
}

bool issuer_read_metadata(struct issuer *is, struct slice json, const struct egress *g, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *j = NULL;
    struct err bad = {0};
    if (!json_parse(a, json, &j, &bad) || j->type != JSON_OBJECT)
        return err_set(e, ERR_PROTOCOL, "its metadata is not a JSON object%s%s", bad.what[0] ? ": " : "", bad.what);
    return read_members(is, j, g, e);
}

usec_t issuer_freshness(struct slice cache_control)
{
    int64_t seconds;
    struct slice rest = cache_control;
    while (rest.n) {
        struct slice one = slice_trim(slice_cut(&rest, ',')), name = slice_trim(slice_cut(&one, '='));
        if (slice_ieq(name, SLICE("no-store")) || slice_ieq(name, SLICE("no-cache")))
            return FRESH_MIN;
        if (slice_ieq(name, SLICE("max-age")) && slice_i64(slice_trim(one), &seconds))
            return seconds < FRESH_MIN / USEC_PER_S   ? FRESH_MIN
                   : seconds > FRESH_MAX / USEC_PER_S ? FRESH_MAX
                                                      : SECONDS(seconds);
    }
    return FRESH_UNTOLD;
}

/* --- asking --- */

struct fetch {
    struct hub *h;
    struct issuer *is;
    bool keys; /* the second call */
    int status;
    struct str body;
    issuer_cb *cb;
    void *arg;
};

static void fetch_end(struct fetch *f, const struct err *e)
{
    struct fetch copy = *f;
    free(f);
    str_release(&copy.body);
    if (e) {
        issuer_unref(copy.is);
        copy.is = NULL;
    }
    copy.cb(copy.arg, copy.is, e);
}

static void on_head(void *arg, const struct http_reply_head *head)
{
    struct fetch *f = arg;
    f->status = head->status;
    if (f->keys)
        f->is->fresh = issuer_freshness(slice_cstr(http_reply_head_get(head, "Cache-Control")));
}

static void on_body(void *arg, struct slice piece)
{
    str_add(&((struct fetch *)arg)->body, piece);
}

static void fetch_call(struct fetch *f, const char *url);

/* "https://issuer.example" and "https://issuer.example/tenant/" → their metadata's address. */
static void fetch_metadata(struct fetch *f)
{
    struct slice base = slice_cstr(f->is->url);
    while (slice_ends(base, SLICE("/")))
        base.n--;
    char *url = mem_printf("%.*s/.well-known/openid-configuration", SLICE_FMT(base));
    fetch_call(f, url);
    free(url);
}

static bool take_metadata(struct fetch *f, struct err *e)
{
    return issuer_read_metadata(f->is, str_slice(&f->body), f->h->egress, e);
}

static bool take_keys(struct fetch *f, struct err *e)
{
    f->is->keys = jwks_parse(str_slice(&f->body), e);
    if (!f->is->keys)
        return false;
    if (jwks_count(f->is->keys) == 0)
        return err_set(e, ERR_PROTOCOL, "it publishes no key that can be used here (RS256, ES256, EdDSA)%s%s",
                       *jwks_reason(f->is->keys) ? ": " : "", jwks_reason(f->is->keys));
    crypto_sha256(str_slice(&f->body), f->is->keys_hash);
    return true;
}

static bool take(struct fetch *f, struct err *e)
{
    if (f->status != 200)
        return err_set(e, f->status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL, "it answered %d for its %s", f->status,
                       f->keys ? "keys" : "metadata");
    return f->keys ? take_keys(f, e) : take_metadata(f, e);
}

static void on_end(void *arg, const struct err *err)
{
    struct fetch *f = arg;
    struct err e = {0};
    if (err)
        e = *err;
    if (err || !take(f, &e)) {
        err_wrap(&e, "the issuer %.100s", f->is->url);
        fetch_end(f, &e);
    } else if (f->keys) {
        f->is->fetched_at = loop_now(f->h->loop);
        fetch_end(f, NULL);
    } else {
        f->keys = true;
        str_clear(&f->body);
        fetch_call(f, f->is->jwks_uri);
    }
}

static void fetch_call(struct fetch *f, const char *url)
{
    const struct http_header accept = {"Accept", "application/json"};
    f->status = 0;
    http_call_start(f->h->client, &(struct http_call){
                                      .method = HTTP_GET,
                                      .url = url,
                                      .headers = &accept,
                                      .nheaders = 1,
                                      .timeout = f->h->options->issuer_timeout,
                                      .max_body = f->keys ? JWKS_MAX_BYTES : MAX_METADATA,
                                      .idempotent = true,
                                      .on_head = on_head,
                                      .on_body = on_body,
                                      .on_end = on_end,
                                      .arg = f,
                                  });
}

void issuer_fetch(struct hub *h, const char *url, issuer_cb *cb, void *arg)
{
    struct fetch *f = NEW(struct fetch);
    *f = (struct fetch){.h = h, .is = NEW(struct issuer), .cb = cb, .arg = arg};
    f->is->url = mem_strdup(url);
    f->is->refs = 1;
    fetch_metadata(f);
}
