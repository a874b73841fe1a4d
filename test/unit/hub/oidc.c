/* oidc.c - the parts of a sign-in that do no I/O: the flow in its cookie, where it leads, what ID tokens must say; what claims are worth;
 * what issuers say of themselves. */
#include "hub/oidc_internal.h"

#include "base/base64url.h"
#include "jose.h"
#include "store/identity_provider.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW SECONDS(1800000000)

struct world {
    struct hub h;
    struct metrics *metrics;
};

static int world_setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->h.loop = loop_new_virtual(NULL, w->metrics, NOW);
    w->h.keyring = keyring_parse(SLICE("k:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), NULL);
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    loop_free(w->h.loop);
    keyring_free(w->h.keyring);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

static struct identity_provider *provider(const struct hub *h, const char *role_claim, const char *role_map,
                                          const char *default_role)
{
    const struct identity_provider_row row = {
        .tenant_id = 7,
        .id = 3,
        .tenant_slug = SLICE("acme"),
        .name = SLICE("corp"),
        .issuer = SLICE("https://issuer.example"),
        .client_id = SLICE("a client&x"),
        .scopes = SLICE("[\"openid\",\"email\"]"),
        .audiences = SLICE("[]"),
        .email_domains = SLICE("[\"example.org\",\"example.net\"]"),
        .role_claim = slice_cstr(role_claim),
        .role_map = slice_cstr(role_map),
        .default_role = slice_cstr(default_role),
        .sign_in = true,
    };
    return identity_provider_from_row(h, &row);
}

/* --- the flow --- */

static struct oidc_flow a_flow(void)
{
    struct oidc_flow f = {.tenant_id = 7, .provider_id = 3, .return_to = "/x?y=z", .redirect_uri = "https://hub/cb"};
    oidc_flow_begin(&f, NOW);
    return f;
}

static void a_flow_opens_in_its_browser_only(void **state)
{
    struct world *w = *state;
    struct oidc_flow f = a_flow(), other = a_flow(), back;
    struct err e = {0};
    _cleanup_(str_release) struct str cookie = {0};
    assert_string_not_equal(f.state, other.state);
    assert_string_not_equal(f.state, f.nonce);
    assert_int_equal(strlen(f.verifier), 43);
    assert_true(oidc_flow_seal(&w->h, &f, &cookie, &e));
    assert_null(strstr(cookie.p, f.verifier));
    assert_true(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(f.state), &back, &e));
    assert_memory_equal(&back, &f, sizeof f);

    assert_false(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(other.state), &back, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_false(oidc_flow_open(&w->h, str_slice(&cookie), SLICE(""), &back, &e));
    assert_false(oidc_flow_open(&w->h, SLICE_NONE, slice_cstr(f.state), &back, &e));
    for (size_t i = 0; i < cookie.n; i++) { /* every byte counts */
        cookie.p[i] ^= 1;
        assert_false(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(f.state), &back, &e));
        cookie.p[i] ^= 1;
    }
    loop_advance(w->h.loop, OIDC_LIFETIME - 1);
    assert_true(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(f.state), &back, &e));
    loop_advance(w->h.loop, 1);
    assert_false(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(f.state), &back, &e));
}

/* What is sealed elsewhere with the same key is no flow, nor is a flow anything else. */
static void a_flow_is_nothing_else(void **state)
{
    struct world *w = *state;
    struct oidc_flow f = a_flow(), back;
    struct secret *s = NULL;
    _cleanup_(str_release) struct str stored = {0}, cookie = {0};
    assert_true(seal(w->h.keyring, SLICE("{\"state\":\"x\"}"), SLICE("7/3/@identity_provider_secret"), &stored, NULL));
    assert_false(oidc_flow_open(&w->h, str_slice(&stored), SLICE("x"), &back, NULL));
    assert_true(oidc_flow_seal(&w->h, &f, &cookie, NULL));
    assert_false(unseal(w->h.keyring, str_slice(&cookie), SLICE("7/3/@identity_provider_secret"), &s, NULL));
    keyring_free(w->h.keyring);
    w->h.keyring = NULL;
    struct err e = {0};
    assert_false(oidc_flow_seal(&w->h, &f, &stored, &e));
    assert_int_equal(e.code, ERR_CONFIG);
    assert_false(oidc_flow_open(&w->h, str_slice(&cookie), slice_cstr(f.state), &back, &e));
}

static void places_to_return_to(void **state)
{
    static const char *const good[] = {"/", "/a", "/a/b?c=d&e=//f#g", "/%2F%2Fx", "/a:b"};
    static const char *const bad[] = {"",     "a",     "//",    "//x",   "/\\x",  "\\/x",      "https://x",   "/a\\b",
                                      "/a b", "/a\nb", "/a\rb", "/\t/x", "/\x7F", "/\xC3\xA4", "javascript:x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!oidc_return_to_good(slice_cstr(good[i])))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (oidc_return_to_good(slice_cstr(bad[i])))
            fail_msg("%s is taken", bad[i]);
    char path[OIDC_RETURN_TO_MAX + 1];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    assert_true(oidc_return_to_good(slice_of(path, OIDC_RETURN_TO_MAX)));
    assert_false(oidc_return_to_good(slice_of(path, OIDC_RETURN_TO_MAX + 1)));
    assert_false(oidc_return_to_good(SLICE("/a\0b")));
    assert_false(oidc_return_to_good(SLICE_NONE));
}

static void where_it_leads(void **state)
{
    struct world *w = *state;
    struct identity_provider *p = provider(&w->h, "roles", "{}", "viewer");
    struct oidc_flow f = a_flow();
    /* RFC 7636, appendix B: a verifier and its challenge. */
    memcpy(f.verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 44);
    char with_query[] = "https://issuer.example/a?b=c", without[] = "https://issuer.example/a";
    struct issuer is = {.authorization_endpoint = with_query};
    _cleanup_(str_release) struct str out = {0};
    oidc_flow_location(&f, p, &is, &out);
    char *want = mem_printf(
        "https://issuer.example/a?b=c&response_type=code&client_id=a%%20client%%26x&redirect_uri=https%%3A%%2F%%2Fhub"
        "%%2Fcb&scope=openid%%20email&state=%s&nonce=%s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        "&code_challenge_method=S256",
        f.state, f.nonce);
    assert_string_equal(out.p, want);
    str_clear(&out);
    is.authorization_endpoint = without;
    oidc_flow_location(&f, p, &is, &out);
    assert_non_null(strstr(out.p, "/a?response_type=code&"));
    free(want);
    identity_provider_unref(p);
}

/* --- the ID token --- */

static bool claims_good(const struct oidc_flow *f, const struct identity_provider *p, const struct jose_key *key,
                        const char *header, const char *claims, const char *access_token)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    char *token = jose_token(key, header, claims);
    struct jwt *t = NULL;
    struct json *all = NULL;
    assert_true(jwt_read(a, slice_cstr(token), &t, NULL) && json_parse(a, slice_cstr(claims), &all, NULL));
    struct jwt_claims c = {.all = all};
    while (jwt_said_audience(t, c.naudiences).p)
        c.naudiences++;
    struct err e = {0};
    bool good = oidc_claims_good(f, p, t, &c, slice_cstr(access_token), &e);
    assert_true(good || e.code == ERR_AUTH);
    free(token);
    return good;
}

static void what_an_id_token_must_say(void **state)
{
    struct world *w = *state;
    struct identity_provider *p = provider(&w->h, "roles", "{}", "viewer");
    struct oidc_flow f = a_flow();
    memcpy(f.nonce, "n-0S6_WzA2Mj", 13);
#define NONCE "\"nonce\":\"n-0S6_WzA2Mj\""
    static const struct {
        const char *claims;
        bool good;
    } cases[] = {
        {"{" NONCE "}", true},
        {"{\"aud\":[\"a client&x\"]," NONCE "}", true},
        {"{\"aud\":[\"a client&x\",\"b\"]," NONCE "}", false},
        {"{\"aud\":[\"a client&x\",\"b\"],\"azp\":\"a client&x\"," NONCE "}", true},
        {"{\"azp\":\"b\"," NONCE "}", false},
        {"{\"azp\":7," NONCE "}", false},
        {"{\"nonce\":\"n-0S6_WzA2Mk\"}", false},
        {"{\"nonce\":7}", false},
        {"{}", false},
        /* OpenID Connect Core, example of at_hash: the access token jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y */
        {"{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"," NONCE "}", true},
        {"{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RR\"," NONCE "}", false},
        {"{\"at_hash\":\"\"," NONCE "}", false},
        {"{\"at_hash\":null," NONCE "}", false},
    };
    struct jose_key *key = jose_key_new(JWS_ES256), *ed = jose_key_new(JWS_EDDSA);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (claims_good(&f, p, key, "{\"alg\":\"ES256\"}", cases[i].claims,
                        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") != cases[i].good)
            fail_msg("%s", cases[i].claims);
    /* Ed25519: the left half of SHA-512("abc"). */
    assert_true(claims_good(&f, p, ed, "{\"alg\":\"EdDSA\"}",
                            "{\"at_hash\":\"3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05o\"," NONCE "}", "abc"));
    assert_false(claims_good(&f, p, ed, "{\"alg\":\"EdDSA\"}", "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\"," NONCE "}",
                             "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"));
    jose_key_free(key);
    jose_key_free(ed);
    identity_provider_unref(p);
}

/* --- what claims are worth --- */

static void roles(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *claim, *claims;
        enum access_role role;
    } cases[] = {
        {"roles", "{\"roles\":\"r\"}", ACCESS_VIEWER},
        {"roles", "{\"roles\":[\"x\",\"r\",\"t\"]}", ACCESS_OPERATOR},
        {"roles", "{\"roles\":[\"b\",\"r\"]}", ACCESS_ADMIN},
        {"roles", "{\"roles\":[\"p\"]}", ACCESS_PUBLIC}, /* a map that somebody wrote past the checks */
        {"roles", "{\"roles\":[[\"b\"]]}", ACCESS_PUBLIC},
        {"roles", "{\"roles\":{\"b\":1}}", ACCESS_PUBLIC},
        {"roles", "{\"roles\":[true,null,7]}", ACCESS_PUBLIC},
        {"roles", "{\"groups\":\"b\"}", ACCESS_PUBLIC},
        {"roles", "{}", ACCESS_PUBLIC},
        {"https://x/roles", "{\"https://x/roles\":\"t\"}", ACCESS_OPERATOR},
        {"/realm_access/roles", "{\"realm_access\":{\"roles\":[\"b\"]}}", ACCESS_ADMIN},
        {"/realm_access/roles", "{\"realm_access\":[\"roles\"]}", ACCESS_PUBLIC},
        {"/a~1b/c~0d", "{\"a/b\":{\"c~d\":\"r\"}}", ACCESS_VIEWER},
        {"/", "{\"\":\"r\"}", ACCESS_VIEWER},
        {"/a/", "{\"a\":{\"\":\"r\"}}", ACCESS_VIEWER},
        {"/a", "{\"/a\":\"b\"}", ACCESS_PUBLIC},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int fallback = 0; fallback < 2; fallback++) {
            _cleanup_(arena_freep) struct arena *a = arena_new();
            struct json *claims = NULL;
            struct identity_provider *p = provider(
                &w->h, cases[i].claim, "{\"r\":\"viewer\",\"t\":\"operator\",\"b\":\"admin\",\"p\":\"platform\"}",
                fallback ? "viewer" : NULL);
            assert_true(json_parse(a, slice_cstr(cases[i].claims), &claims, NULL));
            enum access_role want = cases[i].role == ACCESS_PUBLIC && fallback ? ACCESS_VIEWER : cases[i].role;
            if (identity_provider_role(p, claims) != want)
                fail_msg("%s in %s", cases[i].claim, cases[i].claims);
            identity_provider_unref(p);
        }
    struct identity_provider *p = provider(&w->h, "roles", "{}", "platform");
    assert_int_equal(p->default_role, ACCESS_PUBLIC);
    identity_provider_unref(p);
}

static void addresses(void **state)
{
    struct world *w = *state;
    struct identity_provider *p = provider(&w->h, "roles", "{}", "viewer");
    assert_true(identity_provider_takes_email(p, SLICE("a@example.org")));
    assert_true(identity_provider_takes_email(p, SLICE("a@EXAMPLE.net")));
    static const char *const bad[] = {"a@example.org.evil",
                                      "a@evil-example.org",
                                      "a@sub.example.org",
                                      "a@example.org@evil.example",
                                      "example.org",
                                      "",
                                      "a@",
                                      "a@example.or"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(identity_provider_takes_email(p, slice_cstr(bad[i])));
    p->nemail_domains = 0;
    assert_true(identity_provider_takes_email(p, SLICE("a@evil.example")));
    assert_false(identity_provider_takes_email(p, SLICE("nobody")));
    identity_provider_unref(p);
}

/* --- what issuers say --- */

static enum err_code metadata(const char *json, struct issuer **ret, const struct egress *g)
{
    struct issuer *is = NEW(struct issuer);
    struct err e = {0};
    is->url = mem_strdup("https://issuer.example/t");
    is->refs = 1;
    bool good = issuer_read_metadata(is, slice_cstr(json), g, &e);
    if (good && ret)
        *ret = is;
    else
        issuer_unref(is);
    return good ? ERR_NONE : e.code;
}

static void what_an_issuer_says_of_itself(void **state)
{
#define NAME "\"issuer\":\"https://issuer.example/t\""
#define JWKS "\"jwks_uri\":\"https://keys.example/k\""
    struct issuer *is = NULL;
    assert_int_equal(metadata("{" NAME "," JWKS "}", &is, NULL), ERR_NONE);
    assert_null(is->token_endpoint);
    assert_false(is->client_secret_post || is->names_itself);
    assert_true(is->signs_as_we_check);
    issuer_unref(is);
    assert_int_equal(
        metadata("{" NAME "," JWKS
                 ",\"token_endpoint\":\"https://x.example/t\",\"authorization_endpoint\":\"https://x.example/a?b\","
                 "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"x\"],"
                 "\"authorization_response_iss_parameter_supported\":true,"
                 "\"id_token_signing_alg_values_supported\":[\"HS256\",\"PS256\"]}",
                 &is, NULL),
        ERR_NONE);
    assert_string_equal(is->token_endpoint, "https://x.example/t");
    assert_true(is->client_secret_post && is->names_itself && !is->signs_as_we_check);
    issuer_unref(is);
    static const struct {
        const char *json;
        enum err_code code;
    } bad[] = {
        {"", ERR_PROTOCOL},
        {"<html>", ERR_PROTOCOL},
        {"[]", ERR_PROTOCOL},
        {"{" NAME "}", ERR_PROTOCOL},
        {"{" JWKS "}", ERR_PROTOCOL},
        {"{\"issuer\":\"https://issuer.example\"," JWKS "}", ERR_PROTOCOL},
        {"{\"issuer\":\"https://issuer.example/t/\"," JWKS "}", ERR_PROTOCOL},
        {"{\"issuer\":7," JWKS "}", ERR_PROTOCOL},
        {"{" NAME "," NAME "," JWKS "}", ERR_PROTOCOL},
        {"{" NAME ",\"jwks_uri\":\"http://keys.example/k\"}", ERR_INPUT},
        {"{" NAME ",\"jwks_uri\":\"https://127.0.0.1/k\"}", ERR_INPUT},
        {"{" NAME ",\"jwks_uri\":\"https://169.254.169.254/k\"}", ERR_INPUT},
        {"{" NAME ",\"jwks_uri\":\"file:///etc/passwd\"}", ERR_INPUT},
        {"{" NAME ",\"jwks_uri\":\"https://a:b@x.example/k\"}", ERR_INPUT},
        {"{" NAME ",\"jwks_uri\":\"https://x.example/k\\r\\nX: y\"}", ERR_INPUT},
        {"{" NAME "," JWKS ",\"token_endpoint\":\"https://[::1]/\"}", ERR_INPUT},
        {"{" NAME "," JWKS ",\"authorization_endpoint\":\"javascript:alert(1)\"}", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (metadata(bad[i].json, NULL, NULL) != bad[i].code)
            fail_msg("%s", bad[i].json);
    assert_int_equal(metadata("{" NAME ",\"jwks_uri\":\"http://127.0.0.1/k\"}", NULL, &egress_everything), ERR_NONE);
}

static void issuers_addresses(void **state)
{
    struct err e = {0};
    assert_true(issuer_url_allowed(SLICE("https://login.example/tenant/v2.0"), NULL, &e));
    static const char *const bad[] = {"",
                                      "login.example",
                                      "http://login.example",
                                      "https://login.example/?a=b",
                                      "https://login.example/#a",
                                      "https://a@login.example",
                                      "https://10.0.0.1",
                                      "https://localhost",
                                      "https://a b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (issuer_url_allowed(slice_cstr(bad[i]), NULL, &e))
            fail_msg("%s is taken", bad[i]);
}

static void freshness(void **state)
{
    static const struct {
        const char *header;
        int64_t seconds;
    } cases[] = {{NULL, 3600},
                 {"", 3600},
                 {"public", 3600},
                 {"max-age=600", 600},
                 {"public, max-age=22222, must-revalidate", 22222},
                 {"Max-Age = 400", 400},
                 {"max-age=1", 300},
                 {"max-age=0", 300},
                 {"max-age=-5", 300},
                 {"max-age=999999999", 86400},
                 {"max-age=99999999999999999999", 3600},
                 {"max-age=x", 3600},
                 {"no-store", 300},
                 {"no-cache, max-age=600", 300},
                 {"s-maxage=7", 3600}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (issuer_freshness(slice_cstr(cases[i].header)) != SECONDS(cases[i].seconds))
            fail_msg("%s", cases[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flow_opens_in_its_browser_only, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_flow_is_nothing_else, world_setup, world_teardown),
        cmocka_unit_test(places_to_return_to),
        cmocka_unit_test_setup_teardown(where_it_leads, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_an_id_token_must_say, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(roles, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(addresses, world_setup, world_teardown),
        cmocka_unit_test(what_an_issuer_says_of_itself),
        cmocka_unit_test(issuers_addresses),
        cmocka_unit_test(freshness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
