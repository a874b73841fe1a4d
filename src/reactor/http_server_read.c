/* http_server_read.c - reading requests: head, admission, body, and the way to the handler.
 * Why:    see http_server_conn.c: what the library does wrong is all in what is done here instead.
 * Always: bytes are taken from the input in order and each exactly once; a refusal is answered and ends the connection
 *         unless the refused request is known to be here in full; the library reads its constant line only when a
 *         request is complete. */
#include "reactor/http_server_internal.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <evhtp.h>
#include <sys/uio.h>

#define REQUESTS_A_TURN 64    /* of one connection; then the others have their turn */
#define BODY_RESERVE    65536 /* room made at once for an announced body; more only as it arrives */

/* All that the library's parser ever reads. */
static const char library_line[] = "GET / HTTP/1.1\r\n\r\n";

static void refuse(struct conn *c, const struct http_refusal *why)
{
    if (!c->req)
        c->req = request_new(c);
    c->last = c->doubt = true;
    reply_refuse(c->req, why);
}

void conn_refuse(struct conn *c, int status, const char *reason, const char *detail)
{
    refuse(c, &(struct http_refusal){.status = status, .reason = reason, .detail = detail});
}

void conn_on_request(struct evhtp_request *lib, void *arg)
{
    struct http_server *s = arg;
    struct conn *c = s->in_lib;
    assert(c && c->lib == lib->conn);
    c->req->entry->route->handler(c->req, c->req->entry->arg);
}

/* The request is complete: through the library to the handler. */
static void dispatch(struct conn *c)
{
    struct http_server *s = c->server;
    struct evbuffer *in = conn_input(c);
    bool pipelined = evbuffer_get_length(in) > 0;
    assert(!s->in_lib && !c->dispatched);
    conn_enter(c, CONN_BUSY);
    conn_no_deadline(c);
    if (pipelined)
        evbuffer_add_buffer(s->stash, in);
    evbuffer_prepend(in, library_line, sizeof(library_line) - 1);
    s->in_lib = c;
    c->dispatched = true;
    s->lib_read(c->bev, c->lib);
    s->in_lib = NULL;
    if (pipelined)
        evbuffer_prepend_buffer(in, s->stash);
    conn_flushed(c);
}

static bool reject_route(struct conn *c)
{
    struct http_request *r = c->req;
    if (slice_is(r->head.path, "*")) {
        http_reply_header(r, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        http_reply(r, 204, NULL, SLICE_NONE);
    } else if (!r->match.allowed) {
        server_count_rejected(c->server, "not_found");
        http_reply_problem(r, 404, "There is nothing at this path.");
    } else {
        _cleanup_(str_release) struct str allow = {0};
        for (unsigned m = HTTP_GET; m <= HTTP_OPTIONS; m <<= 1)
            if ((r->match.allowed | HTTP_OPTIONS) & m)
                str_addf(&allow, "%s%s", allow.n ? ", " : "", http_method_name((enum http_method)m));
        http_reply_header(r, "Allow", allow.p);
        if (r->head.method == HTTP_OPTIONS) {
            http_reply(r, 204, NULL, SLICE_NONE);
        } else {
            server_count_rejected(c->server, "method");
            http_reply_problem(r, 405, "This path does not know this method; see the Allow header.");
        }
    }
    return false;
}

/* Route and on_head; false when the request is replied to already. Its body may be here in full: then it is dropped and
 * the connection lives on; else it must close after the reply. */
static bool admit(struct conn *c)
{
    struct http_request *r = c->req;
    uint64_t length = r->head.framing == FRAMING_LENGTH ? r->head.length : 0;
    bool here = r->head.framing != FRAMING_CHUNKED && length <= evbuffer_get_length(conn_input(c));
    bool was_last = c->last;
    if (!here)
        c->last = c->doubt = true;
    http_router_find(c->server->router, r->head.method, r->head.path, &r->arena, &r->match);
    bool ok;
    if (r->match.route) {
        r->entry = r->match.tag;
        ok = !r->entry->route->on_head || r->entry->route->on_head(r, r->entry->arg);
    } else {
        ok = reject_route(c);
    }
    assert(ok == (c->req == r && !r->replied));
    if (ok) {
        c->last = was_last;
        c->doubt = false;
    } else if (here && c->state != CONN_DEAD) {
        evbuffer_drain(conn_input(c), (size_t)length);
    }
    return ok;
}

static bool start_body(struct conn *c)
{
    struct http_request *r = c->req;
    struct http_server *s = c->server;
    struct http_refusal why;
    size_t limit = r->entry->route->max_body ? r->entry->route->max_body : s->o.max_body;
    if (!body_start(&c->body, &r->head, limit, &why)) {
        refuse(c, &why);
        return false;
    }
    if (c->body.state == BODY_DONE) {
        dispatch(c);
        return c->state == CONN_HEAD;
    }
    if (s->buffered > s->o.max_buffered) {
        http_reply_header(r, "Retry-After", "1");
        conn_refuse(c, 503, "overload", "Too many request bodies are being received; try again.");
        return false;
    }
    conn_enter(c, CONN_BODY);
    conn_deadline(c, s->o.body_timeout);
    str_reserve(&r->body, (size_t)MIN(r->head.length, BODY_RESERVE));
    if (r->head.expect_continue && evbuffer_get_length(conn_input(c)) == 0) {
        static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        conn_send(c, &(struct iovec){.iov_base = go_on, .iov_len = sizeof(go_on) - 1}, 1);
    }
    return true;
}

/* The head is whole and its bytes are `n`. True: go on with what follows. */
static bool on_head(struct conn *c, size_t n)
{
    struct http_request *r = c->req = request_new(c);
    struct http_refusal why;
    str_reserve(&r->raw, n);
    evbuffer_remove(conn_input(c), r->raw.p, n);
    r->raw.p[r->raw.n = n] = 0;
    c->scanned = 0;
    if (!http_head_parse(str_slice(&r->raw), c->server->o.max_headers, &r->head, &why) || !request_prepare(r, &why)) {
        refuse(c, &why);
        return false;
    }
    c->last = !r->head.keep_alive || c->server->draining;
    if (!admit(c))
        return c->state == CONN_HEAD;
    return start_body(c);
}

static void skip_empty_line(struct conn *c)
{
    /* Some clients end a body with a CR LF that they do not count (RFC 9112 §2.2). One is forgiven. */
    char two[2];
    if (!c->skipped_crlf && evbuffer_copyout(conn_input(c), two, 2) == 2 && two[0] == '\r' && two[1] == '\n') {
        evbuffer_drain(conn_input(c), 2);
        c->skipped_crlf = true;
        c->scanned = 0;
    }
}

static void head_too_large(struct conn *c, struct slice text)
{
    if (memchr(text.p, '\n', text.n))
        conn_refuse(c, 431, "head_too_large", "The request's head is larger than http_max_head.");
    else
        conn_refuse(c, 414, "head_too_large", "The request line is larger than http_max_head.");
}

static bool take_head(struct conn *c)
{
    skip_empty_line(c);
    size_t max = c->server->o.max_head, have = MIN(evbuffer_get_length(conn_input(c)), max);
    if (have == 0)
        return false;
    struct slice text = slice_of((const char *)evbuffer_pullup(conn_input(c), (ev_ssize_t)have), have);
    bool bad;
    size_t n = http_head_end(text, c->scanned, &bad);
    if (n)
        return on_head(c, n);
    c->scanned = have;
    if (bad) {
        conn_refuse(c, 400, "bad_request", "A line of the head does not end in CR LF, or the head holds a NUL.");
    } else if (have == max) {
        head_too_large(c, text);
    } else if (!c->head_timed) {
        c->head_timed = true;
        conn_deadline(c, c->server->o.head_timeout);
    }
    return false;
}

static bool take_body(struct conn *c)
{
    struct http_request *r = c->req;
    struct evbuffer_iovec v;
    struct http_refusal why;
    while (c->body.state != BODY_DONE && evbuffer_peek(conn_input(c), -1, NULL, &v, 1) > 0 && v.iov_len) {
        size_t used = 0, before = r->body.n;
        bool ok = body_feed(&c->body, slice_of(v.iov_base, v.iov_len), &r->body, &used, &why);
        c->server->buffered += r->body.n - before;
        if (!ok) {
            refuse(c, &why);
            return false;
        }
        evbuffer_drain(conn_input(c), used);
    }
    if (c->body.state != BODY_DONE)
        return false;
    dispatch(c);
    return c->state == CONN_HEAD;
}

/* Takes as many requests from the input as are there. */
void conn_read(struct conn *c)
{
    bool more = true;
    c->running = true;
    for (unsigned n = 0; more && n < REQUESTS_A_TURN; n++)
        more = c->state == CONN_HEAD ? take_head(c) : c->state == CONN_BODY && take_body(c);
    c->running = false;
    if (more)
        conn_later(c);
    else if (c->eof && (c->state == CONN_HEAD || c->state == CONN_BODY))
        conn_kill(c);
}
