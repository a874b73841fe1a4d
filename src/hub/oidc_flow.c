/* hub/oidc_flow.c - a sign-in under way: sealed into the browser's cookie and opened again; the request that it begins with, and what
 * the ID token that ends it must say. No I/O. */
#include "hub/oidc_internal.h"

#include "base/base64url.h"
#include "base/json_write.h"

#include <stdio.h>

#define CONTEXT SLICE("oidc/sign-in") /* no stored value's context: those begin with a tenant's number */

bool oidc_return_to_good(struct slice path)
{
    if (path.n == 0 || path.n > OIDC_RETURN_TO_MAX || path.p[0] != '/' || (path.n > 1 && path.p[1] == '/'))
        return false;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] < 0x21 || path.p[i] > 0x7E || path.p[i] == '\\') /* browsers take '\' for '/' */
            return false;
    return true;
}

void oidc_flow_begin(struct oidc_flow *f, usec_t now)
{
    crypto_token(f->state, OIDC_RANDOM_LEN);
    crypto_token(f->nonce, OIDC_RANDOM_LEN);
    crypto_token(f->verifier, OIDC_RANDOM_LEN);
    f->expires_at = now + OIDC_LIFETIME;
}

bool oidc_flow_seal(const struct hub *h, const struct oidc_flow *f, struct str *ret, struct err *e)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    str_reserve(&json, sizeof(*f) * 2);
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "tenant", f->tenant_id);
    jw_key_i64(&w, "provider", f->provider_id);
    jw_key_str(&w, "state", f->state);
    jw_key_str(&w, "nonce", f->nonce);
    jw_key_str(&w, "verifier", f->verifier);
    jw_key_str(&w, "return_to", f->return_to);
    jw_key_str(&w, "redirect_uri", f->redirect_uri);
    jw_key_i64(&w, "expires_at", f->expires_at);
    jw_end(&w);
    jw_done(&w);
    bool good = seal(h->keyring, str_slice(&json), CONTEXT, ret, e);
    crypto_wipe(json.p, json.cap);
    return good;
}

static bool take_text(const struct json *j, const char *name, char *ret, size_t size)
{
    struct slice text = json_get_text(j, name);
    if (!text.n || text.n >= size)
        return false;
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return true;
}

static bool read_flow(const struct json *j, struct oidc_flow *ret)
{
    return json_get_i64(j, "tenant", &ret->tenant_id) && json_get_i64(j, "provider", &ret->provider_id) &&
           json_get_i64(j, "expires_at", &ret->expires_at) && take_text(j, "state", ret->state, sizeof ret->state) &&
           take_text(j, "nonce", ret->nonce, sizeof ret->nonce) &&
           take_text(j, "verifier", ret->verifier, sizeof ret->verifier) &&
           take_text(j, "return_to", ret->return_to, sizeof ret->return_to) &&
           take_text(j, "redirect_uri", ret->redirect_uri, sizeof ret->redirect_uri);
}

bool oidc_flow_open(const struct hub *h, struct slice cookie, struct slice state, struct oidc_flow *ret, struct err *e)
{
    struct secret *plain = NULL;
    struct json *j = NULL;
    *ret = (struct oidc_flow){0};
    if (!cookie.n || !unseal(h->keyring, cookie, CONTEXT, &plain, NULL))
        return err_set(e, ERR_INPUT, "this browser has not begun a sign-in here, or it has begun another one since");
    struct arena *a = arena_new();
    bool good = json_parse(a, secret_text(plain), &j, NULL) && read_flow(j, ret);
    arena_wipe(a);
    arena_free(a);
    secret_free(plain);
    if (!good || !crypto_equal(state, slice_cstr(ret->state)))
        return err_set(e, ERR_INPUT, "this browser has begun another sign-in since");
    if (loop_wall(h->loop) >= ret->expires_at)
        return err_set(e, ERR_INPUT, "this sign-in has taken too long");
    return true;
}

/* --- the request --- */

static void add_argument(struct str *out, const char *name, struct slice value)
{
    str_addc(out, strchr(out->p, '?') ? '&' : '?');
    str_addf(out, "%s=", name);
    str_add_url(out, value);
}

void oidc_flow_location(const struct oidc_flow *f, const struct identity_provider *p, const struct issuer *is,
                        struct str *ret)
{
    _cleanup_(str_release) struct str scope = {0}, challenge = {0};
    uint8_t hash[SHA256_LEN];
    for (size_t i = 0; i < p->nscopes; i++)
        str_addf(&scope, "%s%.*s", i ? " " : "", SLICE_FMT(p->scopes[i]));
    crypto_sha256(slice_cstr(f->verifier), hash);
    str_add_base64url(&challenge, slice_of((const char *)hash, sizeof hash));
    str_adds(ret, is->authorization_endpoint);
    add_argument(ret, "response_type", SLICE("code"));
    add_argument(ret, "client_id", p->client_id);
    add_argument(ret, "redirect_uri", slice_cstr(f->redirect_uri));
    add_argument(ret, "scope", str_slice(&scope));
    add_argument(ret, "state", slice_cstr(f->state));
    add_argument(ret, "nonce", slice_cstr(f->nonce));
    add_argument(ret, "code_challenge", str_slice(&challenge));
    add_argument(ret, "code_challenge_method", SLICE("S256"));
}

/* --- the ID token --- */

bool oidc_claims_good(const struct oidc_flow *f, const struct identity_provider *p, const struct jwt *token,
                      const struct jwt_claims *claims, struct slice access_token, struct err *e)
{
    const struct json *azp = json_get(claims->all, "azp"), *at_hash = json_get(claims->all, "at_hash");
    if (!crypto_equal(json_get_text(claims->all, "nonce"), slice_cstr(f->nonce)))
        return err_set(e, ERR_AUTH, "the ID token was made for another sign-in (nonce)");
    if (azp ? azp->type != JSON_STRING || !slice_eq(azp->text, p->client_id) : claims->naudiences > 1)
        return err_set(e, ERR_AUTH, "the ID token was given to another client (azp)");
    if (at_hash && !(at_hash->type == JSON_STRING && jwt_half_hash_is(token, access_token, at_hash->text)))
        return err_set(e, ERR_AUTH, "the ID token belongs to another access token (at_hash)");
    return true;
}
