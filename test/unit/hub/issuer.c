/* issuer.c - the cache of issuers on a virtual clock, against an issuer on loopback: how often it is asked, and what is believed when. */
#include "hub/issuer.h"

#include "base/mem.h"
#include "jose.h"
#include "reactor/http_server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct hub h;
    struct options options;
    struct http_server *server;
    char *url;
    struct jose_key *key;
    const char *kid;
    int status;              /* of the issuer's answers */
    unsigned metadata, keys; /* calls */
};

static void on_metadata(struct http_request *r, void *arg)
{
    struct world *w = arg;
    char *json = mem_printf("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/jwks\"}", w->url, w->url);
    w->metadata++;
    http_reply(r, w->status, "application/json", slice_cstr(json));
    free(json);
}

static void on_jwks(struct http_request *r, void *arg)
{
    struct world *w = arg;
    _cleanup_(str_release) struct str jwk = {0};
    w->keys++;
    jose_jwk(w->key, w->kid, "", &jwk);
    char *set = jose_set(jwk.p);
    http_reply_header(r, "Cache-Control", "max-age=600");
    http_reply(r, w->status, "application/json", slice_cstr(set));
    free(set);
}

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/.well-known/openid-configuration", .handler = on_metadata},
    {.method = HTTP_GET, .pattern = "/jwks", .handler = on_jwks},
};

static int world_setup(void **state)
{
    struct world *w = NEW(struct world);
    struct hub *h = &w->h;
    struct err e = {0};
    uint16_t port;
    options_init(&w->options);
    h->options = &w->options;
    h->metrics = metrics_new();
    h->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    h->loop = loop_new_virtual(h->log, h->metrics, SECONDS(1800000000));
    h->egress = &egress_everything;
    h->client = http_client_new(h->loop, &(struct http_client_options){.egress = h->egress}, h->metrics, &e);
    assert_non_null(h->client);
    w->server = http_server_new(h->loop, &(struct http_server_options){0}, h->metrics);
    http_server_add(w->server, routes, ARRAY_LEN(routes), w);
    assert_true(http_server_listen(w->server, "127.0.0.1:0", NULL, &port, &e));
    w->url = mem_printf("http://127.0.0.1:%u", port);
    w->key = jose_key_new(JWS_ES256);
    w->kid = "a";
    w->status = 200;
    h->issuers = issuers_new(h);
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    http_client_free(w->h.client);
    issuers_free(w->h.issuers);
    http_server_free(w->server);
    loop_free(w->h.loop);
    metrics_free(w->h.metrics);
    log_free(w->h.log);
    options_release(&w->options);
    jose_key_free(w->key);
    free(w->url);
    free(w);
    return 0;
}

struct answer {
    unsigned n;
    enum err_code code;
    struct issuer *is; /* a reference */
};

static void on_answer(void *arg, struct issuer *is, const struct err *e)
{
    struct answer *a = arg;
    a->n++;
    a->code = e ? e->code : ERR_NONE;
    issuer_unref(a->is);
    a->is = is ? issuer_ref(is) : NULL;
}

static bool is_answered(void *arg)
{
    return ((struct answer *)arg)->n > 0;
}

static bool knows(const struct answer *a, const char *kid)
{
    return a->is && jwks_find(a->is->keys, slice_cstr(kid), JWS_ES256);
}

static void wait_for(struct world *w, struct answer *a)
{
    assert_int_equal(a->n, 0); /* in a later turn */
    assert_true(loop_run_until(w->h.loop, is_answered, a, SECONDS(10)));
}

static enum err_code get(struct world *w, struct answer *a)
{
    a->n = 0;
    issuers_get(w->h.issuers, w->url, on_answer, a);
    wait_for(w, a);
    return a->code;
}

static enum err_code get_newer(struct world *w, struct answer *a)
{
    struct issuer *seen = issuer_ref(a->is);
    a->n = 0;
    issuers_get_newer(w->h.issuers, seen, on_answer, a);
    wait_for(w, a);
    issuer_unref(seen);
    return a->code;
}

static void answer_release(struct answer *a)
{
    issuer_unref(a->is);
}

static void one_fetch_serves_all_and_lasts(void **state)
{
    struct world *w = *state;
    struct answer many[20] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        issuers_get(w->h.issuers, w->url, on_answer, &many[i]);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        if (!many[i].n)
            wait_for(w, &many[i]);
        assert_int_equal(many[i].code, ERR_NONE);
        assert_true(knows(&many[i], "a"));
    }
    assert_int_equal(w->metadata, 1);
    assert_int_equal(w->keys, 1);
    loop_advance(w->h.loop, SECONDS(599));
    assert_int_equal(get(w, &many[0]), ERR_NONE);
    assert_int_equal(w->keys, 1);
    loop_advance(w->h.loop, SECONDS(2)); /* max-age is over */
    assert_int_equal(get(w, &many[0]), ERR_NONE);
    assert_int_equal(w->keys, 2);
    assert_int_equal(issuers_epoch(w->h.issuers), 0); /* the same keys */
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        answer_release(&many[i]);
}

static void a_missing_key_brings_one_fetch_an_interval(void **state)
{
    struct world *w = *state;
    _cleanup_(answer_release) struct answer a = {0};
    get(w, &a);
    for (int i = 0; i < 50; i++)
        assert_int_equal(get_newer(w, &a), ERR_NONE); /* the first fetch was just now */
    assert_int_equal(w->keys, 1);
    w->kid = "b";
    loop_advance(w->h.loop, w->options.issuer_refetch);
    for (int i = 0; i < 50; i++)
        get_newer(w, &a);
    assert_int_equal(w->keys, 2);
    assert_true(knows(&a, "b"));
    assert_false(knows(&a, "a")); /* gone there, gone here */
    assert_int_equal(issuers_epoch(w->h.issuers), 1);
    get(w, &a);
    assert_true(knows(&a, "b"));
}

static void who_has_an_older_one_gets_the_newer_without_a_fetch(void **state)
{
    struct world *w = *state;
    _cleanup_(answer_release) struct answer first = {0}, second = {0};
    get(w, &first);
    w->kid = "b";
    loop_advance(w->h.loop, SECONDS(601));
    get(w, &second);
    assert_int_equal(get_newer(w, &first), ERR_NONE);
    assert_true(knows(&first, "b"));
    assert_int_equal(w->keys, 2);
}

static void an_issuer_that_is_away_is_believed_for_a_while(void **state)
{
    struct world *w = *state;
    _cleanup_(answer_release) struct answer a = {0};
    get(w, &a);
    w->status = 500;
    loop_advance(w->h.loop, SECONDS(601));
    for (int i = 0; i < 20; i++)
        assert_int_equal(get(w, &a), ERR_NONE);
    assert_int_equal(w->metadata, 2); /* asked once, believed twenty times */
    loop_advance(w->h.loop, w->options.issuer_stale - SECONDS(2));
    assert_int_equal(get(w, &a), ERR_NONE);
    assert_true(knows(&a, "a"));
    loop_advance(w->h.loop, SECONDS(2));
    assert_int_equal(get(w, &a), ERR_UNAVAILABLE);
    w->status = 200;
    assert_int_equal(get(w, &a), ERR_UNAVAILABLE); /* not asked again at once */
    loop_advance(w->h.loop, w->options.issuer_refetch);
    assert_int_equal(get(w, &a), ERR_NONE);
}

static void a_failure_is_no_flood(void **state)
{
    struct world *w = *state;
    _cleanup_(answer_release) struct answer a = {0};
    w->status = 404;
    for (int i = 0; i < 50; i++)
        assert_int_equal(get(w, &a), ERR_PROTOCOL);
    assert_int_equal(w->metadata, 1);
    w->status = 200;
    a.n = 0;
    issuers_try(w->h.issuers, w->url, on_answer, &a); /* an admin tries it out */
    wait_for(w, &a);
    assert_int_equal(a.code, ERR_NONE);
    assert_int_equal(get(w, &a), ERR_NONE);
    assert_int_equal(w->metadata, 2);
}

static void whoever_waits_is_told_of_the_end(void **state)
{
    struct world *w = *state;
    struct answer waits = {0}, later = {0};
    issuers_get(w->h.issuers, w->url, on_answer, &waits);
    http_client_free(w->h.client);
    assert_int_equal(waits.n, 1);
    assert_int_equal(waits.code, ERR_CANCELED);
    issuers_get(w->h.issuers, w->url, on_answer, &later); /* the failure is remembered: no call */
    issuers_free(w->h.issuers);
    assert_int_equal(later.n, 1);
    assert_int_equal(later.code, ERR_CANCELED);
    w->h.issuers = NULL;
    w->h.client = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_fetch_serves_all_and_lasts),
        TEST(a_missing_key_brings_one_fetch_an_interval),
        TEST(who_has_an_older_one_gets_the_newer_without_a_fetch),
        TEST(an_issuer_that_is_away_is_believed_for_a_while),
        TEST(a_failure_is_no_flood),
        TEST(whoever_waits_is_told_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
