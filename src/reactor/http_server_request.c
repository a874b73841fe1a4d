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

static uint64_t number(struct http_request *r)
{
    struct http_server *s = r->server;
    uint64_t n = s->id_count++;
    return crypto_hash64(s->id_seed, slice_of((const char *)&n, sizeof(n)));
}

static void make_id(struct http_request *r)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t id = number(r);
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

static void take_trace(struct http_request *r)
{
    if (!trace_parse(http_head_get(&r->head, "traceparent"), &r->trace)) {
        r->trace.sampled = false;
        trace_set_id(&r->trace, number(r), number(r));
    }
    trace_set_span(&r->trace, number(r));
}

/* A hop as proxies write it: an address, perhaps with a port. */
static bool hop_parse(struct slice hop, struct ip *ret)
{
    hop = slice_trim(hop);
    if (ip_parse(hop, ret))
        return true;
    bool brackets = hop.n && *hop.p == '[';
    struct slice rest = brackets ? slice_of(hop.p + 1, hop.n - 1) : hop;
    return ip_parse(slice_cut(&rest, brackets ? ']' : ':'), ret);
}

/* Takes hops off the end of one X-Forwarded-For while they are trusted. False: the client is known, or as far as it can be. */
static bool take_hops(struct http_request *r, struct slice hops)
{
    while (hops.n) {
        const char *comma = memrchr(hops.p, ',', hops.n);
        size_t at = comma ? (size_t)(comma - hops.p) + 1 : 0;
        struct ip ip;
        if (!hop_parse(slice_of(hops.p + at, hops.n - at), &ip))
            return false; /* what stands before it cannot be believed either */
        ip_text(&ip, r->client);
        if (!cidr_list_has(r->server->o.trusted_proxies, &ip))
            return false;
        hops.n = comma ? at - 1 : 0;
    }
    return true;
}

static void take_client(struct http_request *r)
{
    const struct cidr_list *trusted = r->server->o.trusted_proxies;
    struct ip ip;
    if (!trusted || !trusted->n || !ip_parse(slice_cstr(r->conn->peer), &ip) || !cidr_list_has(trusted, &ip))
        return;
    for (size_t i = r->head.nfields; i-- > 0;) /* each proxy adds to the end */
        if (slice_ieq(r->head.fields[i].name, SLICE("X-Forwarded-For")) && !take_hops(r, r->head.fields[i].value))
            return;
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
    take_trace(r);
    take_client(r);
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

void http_request_wipe_body(struct http_request *r)
{
    crypto_wipe(r->body.p, r->body.n);
}

const char *http_request_peer(const struct http_request *r)
{
    return *r->client ? r->client : r->conn->peer;
}

bool http_request_is_tls(const struct http_request *r)
{
    return r->conn->tls;
}

const char *http_request_id(const struct http_request *r)
{
    return r->id;
}

const struct trace *http_request_trace(const struct http_request *r)
{
    return &r->trace;
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
