/* hub/oidc_exchange.c - an authorization code for tokens: one call to the issuer's token endpoint.
 * Owns:   one op; the request, which holds the client's secret, is wiped once it was handed over, the reply when it was read. */
#include "hub/oidc_internal.h"

#include <stdlib.h>

#define MAX_REPLY ((size_t)256 << 10)

struct exchange {
    int status;
    struct str body;
    oidc_exchange_cb *cb;
    void *arg;
};

static void add_field(struct str *form, const char *name, struct slice value)
{
    str_addf(form, "%s%s=", form->n ? "&" : "", name);
    str_add_url(form, value);
}

static void write_form(const struct oidc_flow *f, const struct identity_provider *p, const struct issuer *is,
                       struct slice code, struct str *form)
{
    add_field(form, "grant_type", SLICE("authorization_code"));
    add_field(form, "code", code);
    add_field(form, "redirect_uri", slice_cstr(f->redirect_uri));
    add_field(form, "code_verifier", slice_cstr(f->verifier));
    if (p->client_secret && !is->client_secret_post)
        return;
    add_field(form, "client_id", p->client_id);
    if (p->client_secret)
        add_field(form, "client_secret", secret_text(p->client_secret));
}

/* RFC 6749 2.3.1: both are form-encoded first. */
static void write_basic(const struct identity_provider *p, struct str *header)
{
    struct str pair = {0};
    str_reserve(&pair, 3 * (p->client_id.n + secret_text(p->client_secret).n) + 2);
    str_add_url(&pair, p->client_id);
    str_addc(&pair, ':');
    str_add_url(&pair, secret_text(p->client_secret));
    str_reserve(header, pair.n / 3 * 4 + 16);
    str_adds(header, "Basic ");
    str_add_base64(header, str_slice(&pair));
    crypto_wipe(pair.p, pair.cap);
    str_release(&pair);
}

static void on_head(void *arg, const struct http_reply_head *head)
{
    ((struct exchange *)arg)->status = head->status;
}

static void on_body(void *arg, struct slice piece)
{
    str_add(&((struct exchange *)arg)->body, piece);
}

static bool read_reply(const struct exchange *x, struct arena *a, struct oidc_tokens *ret, struct err *e)
{
    struct json *j = NULL;
    bool object = json_parse(a, str_slice(&x->body), &j, NULL) && j->type == JSON_OBJECT;
    struct slice error = object ? json_get_text(j, "error") : SLICE_NONE;
    if (x->status >= 500)
        return err_set(e, ERR_UNAVAILABLE, "the issuer's token endpoint answered %d", x->status);
    if (x->status != 200 && error.n)
        return err_set(e, ERR_AUTH, "the issuer refused the code: %.*s", (int)MIN(error.n, 60), error.p);
    if (x->status != 200 || !object)
        return err_set(e, ERR_PROTOCOL, "the issuer's token endpoint answered %d without a usable JSON object",
                       x->status);
    ret->id_token = json_get_text(j, "id_token");
    ret->access_token = json_get_text(j, "access_token");
    return ret->id_token.n || err_set(e, ERR_PROTOCOL, "the issuer gave no ID token; is openid among the scopes?");
}

static void on_end(void *arg, const struct err *err)
{
    struct exchange *x = arg;
    struct oidc_tokens tokens = {0};
    struct err e = {0};
    struct arena *a = arena_new();
    bool good = !err && read_reply(x, a, &tokens, &e);
    oidc_exchange_cb *cb = x->cb;
    void *cb_arg = x->arg;
    crypto_wipe(x->body.p, x->body.cap);
    str_release(&x->body);
    free(x);
    cb(cb_arg, good ? &tokens : NULL, good ? NULL : err ? err : &e);
    arena_wipe(a);
    arena_free(a);
}

void oidc_exchange(struct hub *h, const struct oidc_flow *f, const struct identity_provider *p, const struct issuer *is,
                   struct slice code, oidc_exchange_cb *cb, void *arg)
{
    struct str form = {0}, basic = {0};
    struct http_header headers[3] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                     {"Accept", "application/json"}};
    size_t n = 2;
    str_reserve(&form, 8192); /* never moves: no copy of a secret stays behind */
    write_form(f, p, is, code, &form);
    if (p->client_secret && !is->client_secret_post) {
        write_basic(p, &basic);
        headers[n++] = (struct http_header){"Authorization", basic.p};
    }
    struct exchange *x = NEW(struct exchange);
    x->cb = cb;
    x->arg = arg;
    http_call_start(h->client, &(struct http_call){
                                   .method = HTTP_POST,
                                   .url = is->token_endpoint,
                                   .headers = headers,
                                   .nheaders = n,
                                   .body = str_slice(&form),
                                   .timeout = h->options->issuer_timeout,
                                   .max_body = MAX_REPLY,
                                   .on_head = on_head,
                                   .on_body = on_body,
                                   .on_end = on_end,
                                   .arg = x,
                               });
    crypto_wipe(form.p, form.cap);
    crypto_wipe(basic.p, basic.cap);
    str_release(&form);
    str_release(&basic);
}
