/* bearer.c - the cache of accepted tokens: what it spares, what it forgets, and its ceiling. What is refused: test/flow/test_bearer.py. */
#include "testhub.h"

#include "hub/bearer.h"
#include "hub/identity_provider.h"
#include "hub/issuer.h"
#include "jose.h"
#include <stdio.h>

#define MANY 4096 /* hub/bearer.c, MAX_ENTRIES */

struct world {
    struct testhub *t;
    struct http_server *server;
    char *url;
    struct jose_key *key;
    const char *kid;
    unsigned fetches;
};

static void on_metadata(struct http_request *r, void *arg)
{
    struct world *w = arg;
    char *json = mem_printf("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/jwks\"}", w->url, w->url);
    http_reply(r, 200, "application/json", slice_cstr(json));
    free(json);
}

static void on_jwks(struct http_request *r, void *arg)
{
    struct world *w = arg;
    _cleanup_(str_release) struct str jwk = {0};
    w->fetches++;
    jose_jwk(w->key, w->kid, "", &jwk);
    char *set = jose_set(jwk.p);
    http_reply(r, 200, "application/json", slice_cstr(set));
    free(set);
}

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/.well-known/openid-configuration", .handler = on_metadata},
    {.method = HTTP_GET, .pattern = "/jwks", .handler = on_jwks},
};

static int world_setup(void **state)
{
    struct world *w = NEW(struct world);
    struct err e = {0};
    uint16_t port;
    testhub_setup((void **)&w->t);
    struct hub *h = &w->t->h;
    h->egress = &egress_everything;
    h->client = http_client_new(h->loop, &(struct http_client_options){.egress = h->egress}, h->metrics, &e);
    h->identity_providers = identity_providers_new(h);
    h->issuers = issuers_new(h);
    h->bearers = bearers_new(h);
    w->server = http_server_new(h->loop, &(struct http_server_options){0}, h->metrics);
    http_server_add(w->server, routes, ARRAY_LEN(routes), w);
    assert_true(http_server_listen(w->server, "127.0.0.1:0", NULL, &port, &e));
    w->url = mem_printf("http://127.0.0.1:%u", port);
    w->key = jose_key_new(JWS_EDDSA);
    w->kid = "a";
    pgtest_sql(w->t->pg,
               "insert into identity_providers (tenant_id, name, display_name, issuer, scopes, audiences, role_claim, "
               "role_map, "
               "default_role, email_domains, sign_in, bearer, enabled) "
               "values (%lld, 'corp', 'Corp', '%s', '{}', '{hub}', 'roles', '{\"b\": \"admin\"}', 'viewer', '{}', "
               "false, true, true)",
               (long long)w->t->tenant, w->url);
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    struct hub *h = &w->t->h;
    http_server_free(w->server);
    http_client_free(h->client);
    issuers_free(h->issuers);
    struct identity_providers *providers = h->identity_providers;
    struct bearers *bearers = h->bearers;
    testhub_teardown((void **)&w->t);
    identity_providers_free(providers);
    bearers_free(bearers);
    jose_key_free(w->key);
    free(w->url);
    free(w);
    return 0;
}

static char *token(const struct world *w, int subject, int64_t life)
{
    char header[64];
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", w->kid);
    char *claims = mem_printf("{\"iss\":\"%s\",\"aud\":\"hub\",\"sub\":\"p%d\",\"roles\":[\"b\"],\"exp\":%lld}", w->url,
                              subject, (long long)(clock_wall() / USEC_PER_S + life));
    char *text = jose_token(w->key, header, claims);
    free(claims);
    return text;
}

struct checked {
    bool done;
    enum err_code code;
    struct access_identity who;
};

static void on_checked(void *arg, const struct access_identity *who, const struct err *e)
{
    struct checked *c = arg;
    assert_false(c->done);
    c->done = true;
    c->code = e ? e->code : ERR_NONE;
    if (who)
        c->who = *who;
}

static bool is_done(void *arg)
{
    return ((struct checked *)arg)->done;
}

static struct checked check(struct world *w, const char *text)
{
    struct checked c = {0};
    bearer_check(&w->t->h, slice_cstr(text), on_checked, &c);
    assert_false(c.done); /* in a later turn */
    testhub_until(w->t, is_done, &c);
    return c;
}

static bool cached(struct world *w, const char *text)
{
    struct access_identity who;
    return bearer_cached(&w->t->h, slice_cstr(text), &who);
}

static bool is_listening(void *arg)
{
    return identity_providers_epoch(arg) > 0;
}

/* When the LISTEN comes into force everything is forgotten once. Afterwards one token is known. */
static void settle(struct world *w)
{
    testhub_until(w->t, is_listening, w->t->h.identity_providers);
    char *text = token(w, 0, 300);
    assert_int_equal(check(w, text).code, ERR_NONE);
    assert_true(cached(w, text));
    free(text);
}

static void a_token_is_checked_once(void **state)
{
    struct world *w = *state;
    settle(w);
    char *text = token(w, 1, 300);
    assert_false(cached(w, text));
    struct checked c = check(w, text);
    assert_int_equal(c.code, ERR_NONE);
    assert_int_equal(c.who.kind, ACCESS_BY_TOKEN);
    assert_int_equal(c.who.tenant_id, w->t->tenant);
    assert_int_equal(c.who.role, ACCESS_ADMIN);
    assert_string_equal(c.who.label, "corp/p1");
    assert_true(cached(w, text));
    text[strlen(text) - 3] ^= 1;
    assert_false(cached(w, text));
    assert_int_equal(check(w, text).code, ERR_AUTH);
    assert_false(cached(w, text)); /* refusals are not remembered */
    free(text);
    assert_int_equal(w->fetches, 1);
}

static bool is_forgotten(void *arg)
{
    struct {
        struct world *w;
        const char *text;
    } *x = arg;
    return !cached(x->w, x->text);
}

static void an_edit_makes_it_forget(void **state)
{
    struct world *w = *state;
    settle(w);
    char *text = token(w, 1, 300);
    check(w, text);
    struct {
        struct world *w;
        const char *text;
    } x = {w, text};
    pgtest_sql(w->t->pg, "update identity_providers set role_map = '{}'");
    testhub_until(w->t, is_forgotten, &x);
    assert_int_equal(check(w, text).who.role, ACCESS_VIEWER);
    pgtest_sql(w->t->pg, "update identity_providers set enabled = false");
    testhub_until(w->t, is_forgotten, &x);
    assert_int_equal(check(w, text).code, ERR_AUTH);
    free(text);
}

static void other_keys_make_it_forget(void **state)
{
    struct world *w = *state;
    w->t->options.issuer_refetch = 0;
    settle(w);
    char *old = token(w, 1, 300);
    check(w, old);
    assert_true(cached(w, old));
    struct jose_key *was = w->key;
    w->key = jose_key_new(JWS_EDDSA);
    w->kid = "b";
    char *fresh = token(w, 2, 300);
    assert_int_equal(check(w, fresh).code, ERR_NONE);
    assert_false(cached(w, old));
    assert_int_equal(check(w, old).code, ERR_AUTH);
    jose_key_free(was);
    free(old);
    free(fresh);
}

static void it_is_not_remembered_past_its_end(void **state)
{
    struct world *w = *state;
    settle(w);
    char *text = token(w, 1, -30); /* expired, within the tolerance */
    assert_int_equal(check(w, text).code, ERR_NONE);
    assert_false(cached(w, text));
    free(text);
}

static void the_oldest_goes_at_the_ceiling(void **state)
{
    struct world *w = *state;
    settle(w);
    char *first = token(w, 1, 300), *second = token(w, 2, 300);
    check(w, first);
    check(w, second);
    for (int i = 3; i <= MANY; i++) { /* with the one of settle: full */
        char *text = token(w, i, 300);
        assert_int_equal(check(w, text).code, ERR_NONE);
        free(text);
    }
    char *last = token(w, MANY + 1, 300);
    check(w, last);
    assert_false(cached(w, first));
    assert_true(cached(w, second));
    assert_true(cached(w, last));
    free(first);
    free(second);
    free(last);
}

static void what_cannot_be_heard_of_is_asked(void **state)
{
    struct world *w = *state;
    settle(w);
    char *text = token(w, 1, 300);
    check(w, text);
    assert_true(cached(w, text));
    testhub_deafen(w->t, "msphub_identity_provider");
    assert_false(cached(w, text));
    pgtest_sql(w->t->pg, "update identity_providers set enabled = false");
    assert_int_equal(check(w, text).code, ERR_AUTH);
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_checked_once),        TEST(an_edit_makes_it_forget),
        TEST(other_keys_make_it_forget),      TEST(it_is_not_remembered_past_its_end),
        TEST(the_oldest_goes_at_the_ceiling), TEST(what_cannot_be_heard_of_is_asked),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
