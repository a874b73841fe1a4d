/* ask.c - requests taken apart, answers put together, routes found. See sim.h. */
#include "sim.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct slice ask_decode(struct arena *a, struct slice text, bool plus_is_blank)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 && hex_value(text.p[i + 2]) >= 0) {
            out[n++] = (char)(hex_value(text.p[i + 1]) * 16 + hex_value(text.p[i + 2]));
            i += 2;
        } else {
            out[n++] = c == '+' && plus_is_blank ? ' ' : c;
        }
    }
    out[n] = '\0';
    return slice_of(out, n);
}

void ask_parse_form(struct arena *a, struct slice text, struct ask_pair *ret, size_t max, size_t *ret_n)
{
    size_t n = 0;
    while (text.n && n < max) {
        struct slice value = slice_cut(&text, '&');
        if (!value.n)
            continue;
        struct slice name = slice_cut(&value, '=');
        ret[n].name = ask_decode(a, name, true);
        ret[n++].value = ask_decode(a, value, true);
    }
    *ret_n = n;
}

void ask_parse_query(struct ask *a)
{
    ask_parse_form(a->arena, a->query, a->args, ASK_MAX_ARGS, &a->nargs);
}

bool ask_arg(const struct ask *a, const char *name, struct slice *ret)
{
    for (size_t i = 0; i < a->nargs; i++) {
        if (slice_is(a->args[i].name, name)) {
            *ret = a->args[i].value;
            return true;
        }
    }
    return false;
}

struct slice ask_header(const struct ask *a, const char *name)
{
    return a->header ? a->header(a->source, name) : SLICE_NONE;
}

/* --- answers --- */

void answer_release(struct answer *r)
{
    str_release(&r->body);
    for (size_t i = 0; i < r->nheaders; i++)
        free(r->headers[i].value);
    r->nheaders = 0;
}

void answer_header(struct answer *r, const char *name, const char *fmt, ...)
{
    struct str value = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&value, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < r->nheaders; i++) {
        if (strcmp(r->headers[i].name, name) == 0) {
            free(r->headers[i].value);
            r->headers[i].value = str_take(&value);
            return;
        }
    }
    if (r->nheaders == ANSWER_MAX_HEADERS) {
        str_release(&value);
        return;
    }
    r->headers[r->nheaders++] = (struct answer_header){.name = name, .value = str_take(&value)};
}

const char *answer_get(const struct answer *r, const char *name)
{
    for (size_t i = 0; i < r->nheaders; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    }
    return NULL;
}

struct str *answer_begin(struct answer *r, int status, const char *type)
{
    r->status = status;
    r->type = type;
    str_clear(&r->body);
    return &r->body;
}

void answer_text(struct answer *r, int status, const char *type, const char *text)
{
    str_adds(answer_begin(r, status, type), text);
}

void answer_because(struct answer *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
    va_end(ap);
}

/* --- routes --- */

static bool route_matches(const char *pattern, struct slice path, struct slice *params)
{
    unsigned n = 0;
    while (*pattern) {
        if (pattern[0] == '{' && pattern[1] == '}') {
            size_t take = 0;
            while (take < path.n && path.p[take] != '/')
                take++;
            if (!take || n == ASK_MAX_PARAMS)
                return false;
            params[n++] = slice_of(path.p, take);
            path = slice_of(path.p + take, path.n - take);
            pattern += 2;
            continue;
        }
        if (!path.n || *path.p != *pattern)
            return false;
        path = slice_of(path.p + 1, path.n - 1);
        pattern++;
    }
    return path.n == 0;
}

const struct route *route_find(const struct route *routes, size_t n, struct ask *a)
{
    const struct route *found = NULL;
    a->allowed = 0;
    for (size_t i = 0; i < n; i++) {
        struct slice params[ASK_MAX_PARAMS] = {SLICE_NONE};
        if (!route_matches(routes[i].pattern, a->path, params))
            continue;
        a->allowed |= routes[i].methods;
        if (found || !(routes[i].methods & a->method))
            continue;
        found = &routes[i];
        for (unsigned k = 0; k < ASK_MAX_PARAMS; k++)
            a->params[k] = params[k].p ? ask_decode(a->arena, params[k], false) : SLICE_NONE;
    }
    a->route = found;
    return found;
}

void product_answer(const struct product *p, void *self, struct ask *a, struct answer *r)
{
    ask_parse_query(a);
    const struct route *route = route_find(p->routes, p->nroutes, a);
    if (!p->gate(self, a, r))
        return;
    if (route)
        route->run(self, a, r);
    else
        p->no_route(self, a, r);
}
