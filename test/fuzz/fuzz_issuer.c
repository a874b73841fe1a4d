/* fuzz_issuer.c - first byte 'm': an issuer's metadata; 'h': a Cache-Control header; 'c': a claim's name and, behind a line, claims; 'r': a
 * place to return to.
 * Held:  what is taken of metadata names this issuer, and its addresses are https:// (in any case) without blanks or line breaks; freshness is within its
 *        bounds; a claim is found in the claims, and what it is worth is a role that can be mapped; a place to return to leaves no host. */
#include "fuzz.h"

#include "base/mem.h"
#include "hub/identity_provider.h"
#include "hub/issuer.h"
#include "hub/oidc.h"
#include "store/identity_provider.h"

static void check_url(const char *url)
{
    HOLD(!url || (strlen(url) > 8 && slice_ieq(slice_of(url, 8), SLICE("https://"))));
    for (const char *p = url; p && *p; p++)
        HOLD(*p > ' ' && *p < 0x7F);
}

static void check_metadata(struct slice json)
{
    struct issuer *is = NEW(struct issuer);
    struct err e = {0};
    is->refs = 1;
    is->url = mem_strdup("https://issuer.example/t");
    if (issuer_read_metadata(is, json, NULL, &e))
        HOLD(is->jwks_uri);
    else
        HOLD((e.code == ERR_PROTOCOL || e.code == ERR_INPUT) && e.what[0]);
    check_url(is->jwks_uri);
    check_url(is->authorization_endpoint);
    check_url(is->token_endpoint);
    issuer_unref(is);
}

static bool within(const struct json *tree, const struct json *wanted)
{
    if (tree == wanted)
        return true;
    for (const struct json *j = tree->child; j; j = j->next)
        if (within(j, wanted))
            return true;
    return false;
}

static void check_claims(struct slice in)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct slice name = slice_cut(&in, '\n');
    struct json *claims = NULL;
    if (!json_parse(a, in, &claims, NULL) || claims->type != JSON_OBJECT)
        return;
    const struct json *claim = identity_claim(claims, name);
    HOLD(!claim || within(claims, claim));
    const struct identity_provider_row row = {
        .issuer = SLICE("https://issuer.example"),
        .scopes = SLICE("[]"),
        .audiences = SLICE("[]"),
        .email_domains = SLICE("[\"example.org\"]"),
        .role_claim = name,
        .role_map = SLICE("{\"a\":\"viewer\",\"b\":\"admin\",\"c\":\"platform\"}"),
    };
    const struct hub none = {0};
    struct identity_provider *p = identity_provider_from_row(&none, &row);
    enum access_role role = identity_provider_role(p, claims);
    HOLD(role == ACCESS_PUBLIC || role == ACCESS_VIEWER || role == ACCESS_ADMIN);
    HOLD(role == ACCESS_PUBLIC || claim);
    struct slice email = json_get_text(claims, "email");
    HOLD(!identity_provider_takes_email(p, email) || (email.n > 11 && memchr(email.p, '@', email.n)));
    identity_provider_unref(p);
}

static void check_return_to(struct slice path)
{
    if (!oidc_return_to_good(path))
        return;
    HOLD(path.n && path.n <= OIDC_RETURN_TO_MAX && path.p[0] == '/');
    HOLD(path.n == 1 || (path.p[1] != '/' && path.p[1] != '\\'));
    for (size_t i = 0; i < path.n; i++)
        HOLD(path.p[i] > ' ' && path.p[i] < 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    switch (fuzz_byte(&in)) {
    case 'm':
        check_metadata(in);
        break;
    case 'h': {
        usec_t fresh = issuer_freshness(in);
        HOLD(fresh >= SECONDS(300) && fresh <= SECONDS(86400));
        break;
    }
    case 'c':
        check_claims(in);
        break;
    default:
        check_return_to(in);
        break;
    }
    return 0;
}
