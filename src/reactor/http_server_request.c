/* http_server_request.c - a request: its life, and what a handler may ask of it.
 * Owns:   copies of the head and the body, decoded texts, the caller's data.
 * Always: request_finish runs once for each request, whatever became of it. Finished requests are kept for reuse,
 *         with their buffers unless these have grown large, so that a busy server does not allocate for each. */
#include "reactor/http_server_internal.h"

#include "base/crypto.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>

#define SPARE_MAX   256   /* requests kept for reuse */
#define KEEP_BUFFER 16384 /* larger buffers are not kept */

static void make_id(struct http_request *r)
{
    static const char digits[] = "0123456789abcdef";
    struct http_server *s = r->server;
    uint64_t n = s->id_count++;
    uint64_t id = crypto_hash64(s->id_seed, slice_of((const char *)&n, sizeof(n)));
    for (int i = 0; i < 16; i++, id >>= 4)
        r->id[i] = digits[id & 15];
    r->id[16] = 0;
}

struct http_request *request_new(struct conn *c)
{
    struct http_server *s = c->server;
    struct http_request *r = TAILQ_FIRST(&s->spare);
    if (r) {
        TAILQ_REMOVE(&s->spare, r, link);
        s->nspare--;
    } else {
        r = NEW(struct http_request);
    }
    r->server = s;
    r->conn = c;
    r->entry = &s->no_route;
    r->started = loop_now(s->loop);
    r->gone = c->eof;
    make_id(r);
    return r;
}

void request_free(struct http_request *r)
{
    str_release(&r->raw);
    str_release(&r->body);
    str_release(&r->headers);
    http_head_release(&r->head);
    arena_free(r->arena);
    free(r->args);
    free(r);
}

static void recycle_buffer(struct str *b)
{
    if (b->cap > KEEP_BUFFER)
        str_release(b);
    else
        str_clear(b);
}

static void recycle(struct http_request *r)
{
    struct http_server *s = r->server;
    if (s->nspare >= SPARE_MAX) {
        request_free(r);
        return;
    }
    recycle_buffer(&r->raw);
    recycle_buffer(&r->body);
    recycle_buffer(&r->headers);
    if (r->arena)
        arena_reset(r->arena);
    free(r->args);
    struct http_request kept = {.raw = r->raw, .body = r->body, .headers = r->headers, .arena = r->arena};
    kept.head.fields = r->head.fields;
    kept.head.cap = r->head.cap;
    *r = kept;
    TAILQ_INSERT_HEAD(&s->spare, r, link);
    s->nspare++;
}

void request_gone(struct http_request *r)
{
    if (r->gone)
        return;
    r->gone = true;
    if (r->on_gone)
        r->on_gone(r, r->gone_arg);
}

void request_finish(struct http_request *r, int status)
{
    struct http_server *s = r->server;
    int told = r->gone ? 0 : status;
    usec_t took = loop_now(s->loop) - r->started;
    server_count_finished(r, told, took);
    if (s->finished)
        s->finished(r, told, took, s->finished_arg);
    if (r->free_data)
        r->free_data(r->data);
    s->buffered -= r->body.n;
    r->conn->req = NULL;
    recycle(r);
}

/* --- preparing --- */

static bool is_request_id(struct slice id)
{
    if (id.n == 0 || id.n > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
                  c == '-';
        if (!ok)
            return false;
    }
    return true;
}

static struct slice unescape(struct http_request *r, struct slice text)
{
    if (!text.n || (!memchr(text.p, '%', text.n) && !memchr(text.p, '+', text.n)))
        return text;
    char *out = arena_alloc(r->arena, text.n);
    return slice_of(out, http_unescape(text, true, out));
}

static bool split_args(struct http_request *r, struct http_refusal *why)
{
    struct slice rest = r->head.query;
    if (!rest.n)
        return true;
    if (!r->arena)
        r->arena = arena_new();
    size_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '&';
    if (n > REQUEST_ARGS_MAX) {
        *why = (struct http_refusal){
            .status = 400, .reason = "bad_request", .detail = "There are too many query arguments."};
        return false;
    }
    r->args = mem_realloc_array(NULL, n, sizeof(r->args[0]));
    while (rest.n) {
        struct slice value = slice_cut(&rest, '&');
        struct slice name = slice_cut(&value, '=');
        if (name.n || value.n)
            r->args[r->nargs++] = (struct request_arg){.name = unescape(r, name), .value = unescape(r, value)};
    }
    return true;
}

bool request_prepare(struct http_request *r, struct http_refusal *why)
{
    struct slice id = http_head_get(&r->head, "X-Request-Id");
    if (is_request_id(id)) {
        memcpy(r->id, id.p, id.n);
        r->id[id.n] = 0;
    }
    return split_args(r, why);
}

/* --- asking --- */

enum http_method http_request_method(const struct http_request *r)
{
    return r->head.method;
}

const struct http_route *http_request_route(const struct http_request *r)
{
    return r->entry->route;
}

struct slice http_request_path(const struct http_request *r)
{
    return r->head.path;
}

struct slice http_request_query(const struct http_request *r)
{
    return r->head.query;
}

struct slice http_request_param(const struct http_request *r, const char *name)
{
    for (unsigned i = 0; i < r->match.nparams; i++)
        if (slice_is(r->match.params[i].name, name))
            return r->match.params[i].value;
    return SLICE_NONE;
}

size_t http_request_nargs(const struct http_request *r)
{
    return r->nargs;
}

bool http_request_arg_at(const struct http_request *r, size_t i, struct slice *ret_name, struct slice *ret_value)
{
    if (i >= r->nargs)
        return false;
    *ret_name = r->args[i].name;
    *ret_value = r->args[i].value;
    return true;
}

bool http_request_arg(const struct http_request *r, const char *name, struct slice *ret)
{
    for (size_t i = 0; i < r->nargs; i++)
        if (slice_is(r->args[i].name, name)) {
            *ret = r->args[i].value;
            return true;
        }
    return false;
}

struct slice http_request_header(const struct http_request *r, const char *name)
{
    return http_head_get(&r->head, name);
}

struct slice http_request_body(const struct http_request *r)
{
    return str_slice(&r->body);
}

const char *http_request_peer(const struct http_request *r)
{
    return r->conn->peer;
}

bool http_request_is_tls(const struct http_request *r)
{
    return r->conn->tls;
}

const char *http_request_id(const struct http_request *r)
{
    return r->id;
}

usec_t http_request_started(const struct http_request *r)
{
    return r->started;
}

void http_request_set_data(struct http_request *r, void *data, void (*free_fn)(void *))
{
    if (r->free_data)
        r->free_data(r->data);
    r->data = data;
    r->free_data = data ? free_fn : NULL;
}

void *http_request_data(const struct http_request *r)
{
    return r->data;
}

void http_request_on_gone(struct http_request *r, void (*cb)(struct http_request *r, void *arg), void *arg)
{
    r->on_gone = cb;
    r->gone_arg = arg;
}

bool http_request_gone(const struct http_request *r)
{
    return r->gone;
}

struct http_server *http_request_server(const struct http_request *r)
{
    return r->server;
}
