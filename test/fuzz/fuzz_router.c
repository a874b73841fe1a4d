/* fuzz_router.c - routes and a path: bytes that make patterns, a zero byte, then the target of a request.
 * Held:  the route found is the one that a plain comparison of the path with each pattern finds best; parameters are the decoded
 *        segments; the methods allowed are those of that path; nothing that the gate refuses gets here. */
#include "fuzz.h"

#include "base/utf8.h"
#include "reactor/http_gate.h"
#include "reactor/http_router.h"

#define MAX_ROUTES 12

static const char *const segments[] = {"a", "b", "runs", "", "{x}", "{y}", "a%62", "{rest...}"};
static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_DELETE, HTTP_HEAD};

struct routes {
    struct http_route list[MAX_ROUTES];
    char pattern[MAX_ROUTES][256];
    size_t n;
};

/* --- the plain comparison --- */

struct split {
    size_t n;
    struct slice v[300];
};

static struct split split(struct slice path)
{
    struct split s = {0};
    struct slice rest = slice_of(path.p + 1, path.n - 1);
    for (bool more = true; more && s.n < ARRAY_LEN(s.v);) {
        more = rest.n && memchr(rest.p, '/', rest.n);
        s.v[s.n++] = slice_cut(&rest, '/');
    }
    return s;
}

static bool is_rest(struct slice pattern)
{
    return slice_is(pattern, "{rest...}");
}

static bool is_param(struct slice pattern)
{
    return slice_starts(pattern, SLICE("{")) && !is_rest(pattern);
}

static bool segment_equal(struct slice literal, struct slice raw)
{
    char *out = malloc(raw.n + 1);
    HOLD(out);
    bool equal = slice_eq(literal, slice_of(out, http_unescape(raw, false, out)));
    free(out);
    return equal;
}

/* How it matches, a letter a segment, better ones first in the alphabet; false: not at all. */
static bool rank(const struct split *pattern, const struct split *path, char *ret)
{
    for (size_t i = 0; i < pattern->n; i++) {
        if (is_rest(pattern->v[i]) && path->n > i) {
            ret[i] = 'c';
            ret[i + 1] = '\0';
            return true;
        }
        if (i >= path->n)
            return false;
        if (is_param(pattern->v[i]) ? path->v[i].n == 0 : !segment_equal(pattern->v[i], path->v[i]))
            return false;
        ret[i] = is_param(pattern->v[i]) ? 'b' : 'a';
    }
    ret[pattern->n] = '\0';
    return pattern->n == path->n;
}

/* Of all routes with the best rank: the methods. */
static unsigned best_methods(const struct routes *r, struct slice path, char best[301])
{
    unsigned allowed = 0;
    struct split p = split(path);
    best[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        struct split pattern = split(slice_cstr(r->list[i].pattern));
        char how[301];
        if (!rank(&pattern, &p, how))
            continue;
        int order = best[0] ? strcmp(how, best) : -1;
        if (order < 0) {
            memcpy(best, how, sizeof(how));
            allowed = 0;
        }
        if (order <= 0)
            allowed |= r->list[i].method | (r->list[i].method == HTTP_GET ? HTTP_HEAD : 0);
    }
    return allowed;
}

/* --- the routes --- */

static bool is_new(const struct routes *r, const struct http_route *route)
{
    struct split a = split(slice_cstr(route->pattern));
    for (size_t i = 0; i < r->n; i++) {
        struct split b = split(slice_cstr(r->list[i].pattern));
        bool equal = a.n == b.n && route->method == r->list[i].method;
        for (size_t k = 0; equal && k < a.n; k++)
            equal = is_param(a.v[k]) ? is_param(b.v[k]) : slice_eq(a.v[k], b.v[k]);
        if (equal)
            return false;
    }
    return true;
}

static void make_route(struct routes *r, struct slice *in)
{
    struct http_route *route = &r->list[r->n];
    unsigned head = fuzz_byte(in), n = 1 + (head >> 2) % 5;
    bool rest = false;
    char *pattern = r->pattern[r->n];

    pattern[0] = '\0';
    for (unsigned i = 0; i < n && !rest && (i == 0 || in->n); i++) {
        const char *s = segments[fuzz_byte(in) % ARRAY_LEN(segments)];
        rest = is_rest(slice_cstr(s));
        strcat(pattern, "/");
        strcat(pattern, s);
    }
    *route = (struct http_route){.method = methods[head & 3], .pattern = pattern};
    if (is_new(r, route))
        r->n++;
}

static void check_params(const struct route_match *m, struct slice path)
{
    struct split pattern = split(slice_cstr(m->route->pattern)), p = split(path);
    unsigned n = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        if (!is_param(pattern.v[i]) && !is_rest(pattern.v[i]))
            continue;
        HOLD(n < m->nparams);
        struct slice v = m->params[n++].value;
        HOLD(utf8_storable(v));
        if (is_param(pattern.v[i]))
            HOLD(v.n && segment_equal(v, p.v[i]));
        else
            HOLD(segment_equal(v, slice_of(p.v[i].p, (size_t)(path.p + path.n - p.v[i].p))));
    }
    HOLD(n == m->nparams);
}

static void check_path(const struct routes *r, const struct http_router *router, struct slice path)
{
    char best[301];
    unsigned allowed = best_methods(r, path, best);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct arena *a = NULL;
        struct route_match m;
        http_router_find(router, methods[i], path, &a, &m);
        HOLD(m.allowed == allowed);
        HOLD(!m.route == !(allowed & methods[i]));
        if (m.route) {
            char how[301];
            struct split pattern = split(slice_cstr(m.route->pattern)), p = split(path);
            HOLD(rank(&pattern, &p, how) && strcmp(how, best) == 0 && m.tag == m.route->pattern);
            HOLD(m.route->method == methods[i] || (methods[i] == HTTP_HEAD && m.route->method == HTTP_GET));
            check_params(&m, path);
        }
        arena_free(a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size), target = in, bytes = slice_cut(&target, '\0');
    _cleanup_(str_release) struct str text = {0};
    struct routes r = {0};
    struct http_head h = {0};
    struct http_refusal why;
    bool bad = false;

    while (bytes.n && r.n < MAX_ROUTES)
        make_route(&r, &bytes);
    struct http_router *router = http_router_new();
    for (size_t i = 0; i < r.n; i++)
        http_router_add(router, &r.list[i], (void *)(uintptr_t)r.list[i].pattern);
    str_adds(&text, "GET ");
    str_add(&text, target);
    str_adds(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    if (http_head_end(str_slice(&text), 0, &bad) == text.n && !bad &&
        http_head_parse(str_slice(&text), 100, &h, &why) && h.path.n < 256) {
        char *exact = fuzz_copy(h.path);
        check_path(&r, router, slice_of(exact, h.path.n));
        free(exact);
    }
    http_head_release(&h);
    http_router_free(router);
    return 0;
}
