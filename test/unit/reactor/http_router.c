/* http_router.c - which route answers a path, and with which parameters. */
#include "reactor/http_router.h"
#include "httptest.h"

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/"},
    {.method = HTTP_GET, .pattern = "/api/v1/assets"},
    {.method = HTTP_POST, .pattern = "/api/v1/assets"},
    {.method = HTTP_GET, .pattern = "/api/v1/assets/{id}"},
    {.method = HTTP_DELETE, .pattern = "/api/v1/assets/{id}"},
    {.method = HTTP_GET, .pattern = "/api/v1/assets/export"},
    {.method = HTTP_GET, .pattern = "/api/v1/{kind}/{id}/history"},
    {.method = HTTP_GET, .pattern = "/api/v1/assets/export/last"},
    {.method = HTTP_GET, .pattern = "/files/{dir}/{rest...}"},
    {.method = HTTP_GET, .pattern = "/{page}"},
};

static const struct {
    enum http_method method;
    const char *path, *pattern, *params; /* pattern NULL: none */
    unsigned allowed;
} rows[] = {
    {HTTP_GET, "/", "/", "", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/api/v1/assets", "/api/v1/assets", "", HTTP_GET | HTTP_HEAD | HTTP_POST},
    {HTTP_HEAD, "/api/v1/assets", "/api/v1/assets", "", HTTP_GET | HTTP_HEAD | HTTP_POST},
    {HTTP_PUT, "/api/v1/assets", NULL, "", HTTP_GET | HTTP_HEAD | HTTP_POST},
    {HTTP_GET, "/api/v1/assets/", NULL, "", 0}, /* a parameter is never empty */
    {HTTP_GET, "/api/v1/assetsX", NULL, "", 0}, /* no prefixes */
    {HTTP_GET, "/api/v1/asset", NULL, "", 0},
    {HTTP_GET, "/api/v1/assets/7", "/api/v1/assets/{id}", "id=7,", HTTP_GET | HTTP_HEAD | HTTP_DELETE},
    {HTTP_GET, "/api/v1/assets/export", "/api/v1/assets/export", "", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/api/v1/assets/e%78port", "/api/v1/assets/export", "", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/api/v1/assets/export/history", "/api/v1/{kind}/{id}/history", "kind=assets,id=export,",
     HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/api/v1/assets/a%2Fb%20c", "/api/v1/assets/{id}", "id=a/b c,", HTTP_GET | HTTP_HEAD | HTTP_DELETE},
    {HTTP_GET, "/files/a/", "/files/{dir}/{rest...}", "dir=a,rest=,", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/files/a", NULL, "", 0},
    {HTTP_GET, "/files/a/b/c%20d//e", "/files/{dir}/{rest...}", "dir=a,rest=b/c d//e,", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/files/a/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0",
     "/files/{dir}/{rest...}",
     "dir=a,rest=1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0,",
     HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/about", "/{page}", "page=about,", HTTP_GET | HTTP_HEAD},
    {HTTP_GET, "/about/x", NULL, "", 0},
    {HTTP_GET, "//", NULL, "", 0},
    {HTTP_OPTIONS, "*", NULL, "", 0},
};

static void test_rows(void **state)
{
    struct http_router *r = http_router_new();
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        http_router_add(r, &routes[i], NULL);
    struct arena *arena = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_match m;
        http_router_find(r, rows[i].method, slice_cstr(rows[i].path), &arena, &m);
        _cleanup_(str_release) struct str params = {0};
        for (unsigned p = 0; p < m.nparams; p++)
            str_addf(&params, "%.*s=%.*s,", SLICE_FMT(m.params[p].name), SLICE_FMT(m.params[p].value));
        const char *pattern = m.route ? m.route->pattern : "none";
        if (strcmp(pattern, rows[i].pattern ? rows[i].pattern : "none") != 0 || m.allowed != rows[i].allowed ||
            !slice_is(str_slice(&params), rows[i].params))
            fail_msg("%s: %s, allowed %u, %s", rows[i].path, pattern, m.allowed, params.p ? params.p : "");
    }
    arena_free(arena);
    http_router_free(r);
}

static void test_method_of_head_route(void **state)
{
    static const struct http_route own[] = {{.method = HTTP_GET, .pattern = "/x"},
                                            {.method = HTTP_HEAD, .pattern = "/x"}};
    struct http_router *r = http_router_new();
    http_router_add(r, &own[0], NULL);
    http_router_add(r, &own[1], NULL);
    struct arena *arena = NULL;
    struct route_match m;
    http_router_find(r, HTTP_HEAD, SLICE("/x"), &arena, &m);
    assert_ptr_equal(m.route, &own[1]);
    http_router_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_method_of_head_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
