/* http_router.c - the tree behind http_router.h.
 * Owns:   its nodes. Patterns and routes are the caller's.
 * Shape:  a node a segment: literal children in a list (the widest level has some dozens), at most one parameter
 *         child, at most one rest child; routes hang on the node where their pattern ends, one a method. */
#include "reactor/http_router.h"

#include "reactor/http_gate.h"

#include <assert.h>
#include <stdlib.h>

#define NMETHODS 7

struct node {
    struct slice text; /* literal; or empty for parameter and rest */
    struct node *literals, *parameter, *rest, *next;
    struct {
        const struct http_route *route;
        void *tag;
    } by_method[NMETHODS];
    unsigned allowed;
};

struct http_router {
    struct node *root;
};

static unsigned method_index(enum http_method m)
{
    return (unsigned)__builtin_ctz((unsigned)m);
}

struct http_router *http_router_new(void)
{
    struct http_router *r = NEW(struct http_router);
    r->root = NEW(struct node);
    return r;
}

static void node_free(struct node *n)
{
    if (!n)
        return;
    node_free(n->parameter);
    node_free(n->rest);
    for (struct node *c = n->literals, *next; c; c = next) {
        next = c->next;
        node_free(c);
    }
    free(n);
}

void http_router_free(struct http_router *r)
{
    if (!r)
        return;
    node_free(r->root);
    free(r);
}

static struct node *child_literal(struct node *n, struct slice text)
{
    struct node **at = &n->literals;
    for (; *at; at = &(*at)->next)
        if (slice_eq((*at)->text, text))
            return *at;
    *at = NEW(struct node);
    (*at)->text = text;
    return *at;
}

static struct node *child_only(struct node **at)
{
    if (!*at)
        *at = NEW(struct node);
    return *at;
}

static bool is_parameter(struct slice segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

static bool is_rest(struct slice segment)
{
    return is_parameter(segment) && slice_ends(segment, SLICE("...}"));
}

static struct slice parameter_name(struct slice segment)
{
    return slice_of(segment.p + 1, segment.n - (is_rest(segment) ? 5 : 2));
}

void http_router_add(struct http_router *r, const struct http_route *route, void *tag)
{
    struct node *n = r->root;
    struct slice left = slice_cstr(route->pattern);
    unsigned nparams = 0, nsegments = 0;
    assert(left.n && left.p[0] == '/');
    do {
        left = slice_of(left.p + 1, left.n - 1); /* the slash */
        const char *slash = memchr(left.p, '/', left.n);
        struct slice segment = slice_of(left.p, slash ? (size_t)(slash - left.p) : left.n);
        left = slice_of(left.p + segment.n, left.n - segment.n);
        assert(!is_rest(segment) || !left.n);
        if (is_rest(segment))
            n = child_only(&n->rest);
        else if (is_parameter(segment))
            n = child_only(&n->parameter);
        else
            n = child_literal(n, segment);
        nparams += is_parameter(segment);
        nsegments++;
    } while (left.n);
    assert(nparams <= ROUTE_MAX_PARAMS && nsegments <= ROUTE_MAX_SEGMENTS);
    unsigned m = method_index(route->method);
    assert(m < NMETHODS && !n->by_method[m].route);
    n->by_method[m].route = route;
    n->by_method[m].tag = tag;
    n->allowed |= route->method | (route->method == HTTP_GET ? HTTP_HEAD : 0);
}

struct path {
    struct slice text; /* behind the first slash */
    unsigned nsegments;
    struct slice raw[ROUTE_MAX_SEGMENTS], decoded[ROUTE_MAX_SEGMENTS];
};

static struct slice decode(struct slice raw, struct arena **arena)
{
    if (!raw.n || !memchr(raw.p, '%', raw.n))
        return raw;
    if (!*arena)
        *arena = arena_new();
    char *out = arena_alloc(*arena, raw.n);
    return slice_of(out, http_unescape(raw, false, out));
}

static void path_split(struct path *p, struct slice text, struct arena **arena)
{
    p->text = slice_of(text.p + 1, text.n - 1);
    p->nsegments = 0;
    const char *at = p->text.p, *end = at + p->text.n;
    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        if (p->nsegments == ROUTE_MAX_SEGMENTS) {
            p->nsegments++; /* one too many: only rest can match */
            return;
        }
        struct slice raw = slice_of(at, (size_t)((slash ? slash : end) - at));
        p->raw[p->nsegments] = raw;
        p->decoded[p->nsegments++] = decode(raw, arena);
        if (!slash)
            return;
        at = slash + 1;
    }
}

static const struct node *find(const struct node *n, const struct path *p, unsigned i)
{
    if (i == p->nsegments && n->allowed)
        return n;
    const struct node *found = NULL;
    if (i < p->nsegments && i < ROUTE_MAX_SEGMENTS) {
        for (const struct node *c = n->literals; c && !found; c = c->next)
            if (slice_eq(c->text, p->decoded[i]))
                found = find(c, p, i + 1);
        if (!found && n->parameter && p->decoded[i].n)
            found = find(n->parameter, p, i + 1);
    }
    if (!found && i < p->nsegments)
        found = n->rest;
    return found;
}

/* The pattern of the route that matched says which segment has which name. */
static void take_params(struct route_match *m, const struct path *p, struct arena **arena)
{
    struct slice pattern = slice_cstr(m->route->pattern + 1);
    for (unsigned i = 0;; i++) {
        const char *slash = memchr(pattern.p, '/', pattern.n);
        struct slice segment = slice_of(pattern.p, slash ? (size_t)(slash - pattern.p) : pattern.n);
        if (is_parameter(segment)) {
            struct slice value = p->decoded[i];
            if (is_rest(segment))
                value = decode(slice_of(p->raw[i].p, (size_t)(p->text.p + p->text.n - p->raw[i].p)), arena);
            m->params[m->nparams].name = parameter_name(segment);
            m->params[m->nparams++].value = value;
        }
        if (!slash)
            return;
        pattern = slice_of(slash + 1, pattern.n - segment.n - 1);
    }
}

void http_router_find(const struct http_router *r, enum http_method method, struct slice path, struct arena **arena,
                      struct route_match *ret)
{
    ret->route = NULL;
    ret->tag = NULL;
    ret->allowed = ret->nparams = 0;
    if (!path.n || path.p[0] != '/')
        return;
    struct path p;
    path_split(&p, path, arena);
    const struct node *n = find(r->root, &p, 0);
    if (!n)
        return;
    ret->allowed = n->allowed;
    unsigned m = method_index(method);
    if (method == HTTP_HEAD && !n->by_method[m].route)
        m = method_index(HTTP_GET);
    ret->route = n->by_method[m].route;
    ret->tag = n->by_method[m].tag;
    if (ret->route)
        take_params(ret, &p, arena);
}
