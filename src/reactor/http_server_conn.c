/* http_server_conn.c - a connection, from accept to close.
 * Why:    libevhtp's parser corrupts, accepts or drops much of what the gate is there to judge (see http_server.h). So
 * no byte of a peer ever reaches it: this file reads and checks the head, reads the body and, when the request is
 * complete, hands the library one constant line in its place. The library keeps what it does well: it accepts, sets TLS
 * up, calls the request callback and recycles its request when the reply is out. Nothing is ambiguous to a parser that
 * reads only our own constant, and all limits, deadlines and orders are ours. The library's pause and resume are not
 * needed either: its callbacks on the bufferevent are replaced by ours, so it neither sees a pipelined request too
 * early nor a disconnect during a handler's work. Owns:   struct conn (freed by the library's connection_fini hook),
 * its request until the reply. States: HEAD → (BODY →) BUSY → (STREAM →) FLUSH → HEAD | LINGER;  HEAD, BODY → FLUSH
 * (refused early);  any → DEAD   [conn_enter] Always: one request at a time; the next head is not looked at before the
 * reply is out of our hands, so N pipelined requests are answered in order and output is bounded; replies are written
 * straight to the socket when nothing is queued; a request in a handler's hands outlives its socket; a connection is
 * freed only from deferred work, never under a caller's feet. */
#include "reactor/http_server_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <evhtp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define LINGER_TIME     SECONDS(1)
#define READ_AHEAD_MAX  65536 /* pipelined bytes held while a request is in work; past it reading pauses */
#define REQUESTS_A_TURN 64    /* of one connection; then the others have their turn */
#define BODY_RESERVE    65536 /* room made at once for an announced body; more only as it arrives */

/* All that the library's parser ever reads. */
static const char library_line[] = "GET / HTTP/1.1\r\n\r\n";

static const struct {
    const char *name;
    unsigned to;
} states[CONN_NSTATES_] = {
    [CONN_HEAD] = {"head", BIT(CONN_BODY) | BIT(CONN_BUSY) | BIT(CONN_FLUSH) | BIT(CONN_DEAD)},
    [CONN_BODY] = {"body", BIT(CONN_BUSY) | BIT(CONN_FLUSH) | BIT(CONN_DEAD)},
    [CONN_BUSY] = {"busy", BIT(CONN_STREAM) | BIT(CONN_FLUSH) | BIT(CONN_DEAD)},
    [CONN_STREAM] = {"stream", BIT(CONN_FLUSH) | BIT(CONN_DEAD)},
    [CONN_FLUSH] = {"flush", BIT(CONN_HEAD) | BIT(CONN_LINGER) | BIT(CONN_DEAD)},
    [CONN_LINGER] = {"linger", BIT(CONN_DEAD)},
    [CONN_DEAD] = {"dead", 0},
};

void conn_enter(struct conn *c, enum conn_state to)
{
    assert(states[c->state].to & BIT(to));
    log_debug(loop_log(c->server->loop), "http.conn.state", F_I64("fd", c->fd), F_STR("from", states[c->state].name),
              F_STR("to", states[to].name));
    c->state = to;
}

static struct evbuffer *input(const struct conn *c)
{
    return bufferevent_get_input(c->bev);
}

size_t conn_queued(const struct conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* --- deadlines: the timer is moved only when it would be late, and looks again when it was early --- */

static void timer_cb(void *arg);

static void set_deadline(struct conn *c, usec_t after)
{
    c->deadline = loop_now(c->server->loop) + after;
    if (!timer_armed(&c->timer) || c->timer.due > c->deadline)
        timer_set(&c->timer, c->server->loop, after, timer_cb, c);
}

static void no_deadline(struct conn *c)
{
    c->deadline = INT64_MAX;
}

/* --- the end --- */

static void work_cb(void *arg);

static void kill_conn(struct conn *c)
{
    if (c->state == CONN_DEAD)
        return;
    assert(c->state != CONN_BUSY && c->state != CONN_STREAM);
    if (c->req) { /* a body that never became whole */
        c->req->gone = true;
        request_finish(c->req, 0);
    }
    conn_enter(c, CONN_DEAD);
    timer_cancel(&c->timer);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    loop_defer(c->server->loop, &c->work, work_cb, c);
}

static void close_after_reply(struct conn *c)
{
    bool linger = c->doubt || c->server->draining || evbuffer_get_length(input(c));
    if (c->eof || c->broken || !linger) {
        kill_conn(c);
        return;
    }
    conn_enter(c, CONN_LINGER);
    if (!c->tls)
        shutdown(c->fd, SHUT_WR);
    evbuffer_drain(input(c), evbuffer_get_length(input(c)));
    bufferevent_enable(c->bev, EV_READ);
    set_deadline(c, LINGER_TIME);
}

void conn_break(struct conn *c)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    c->eof = c->broken = true;
}

void conn_cut(struct conn *c)
{
    conn_break(c);
    if (c->state != CONN_BUSY && c->state != CONN_STREAM) {
        kill_conn(c);
        return;
    }
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    shutdown(c->fd, SHUT_RDWR);
    request_gone(c->req);
}

void conn_close_idle(struct conn *c)
{
    if (c->state == CONN_HEAD && evbuffer_get_length(input(c)) == 0)
        kill_conn(c);
}

/* The library frees its own side; its hook (on_fini) frees ours. */
void conn_free(struct conn *c)
{
    evhtp_connection_free(c->lib);
}

static evhtp_res on_fini(evhtp_connection_t *lib, void *arg)
{
    struct conn *c = arg;
    struct http_server *s = c->server;
    assert(s->in_lib != c); /* only a library out of memory would free it under us */
    timer_cancel(&c->timer);
    loop_undefer(s->loop, &c->work);
    TAILQ_REMOVE(&s->conns, c, link);
    free(c);
    server_conn_gone(s);
    return EVHTP_RES_OK;
}

/* --- output --- */

static void skip_sent(struct iovec **v, int *n, size_t sent)
{
    while (*n && sent >= (*v)->iov_len) {
        sent -= (*v)->iov_len;
        (*v)++;
        (*n)--;
    }
    if (*n && sent) {
        (*v)->iov_base = (char *)(*v)->iov_base + sent;
        (*v)->iov_len -= sent;
    }
}

void conn_send(struct conn *c, struct iovec *v, int n)
{
    if (c->broken)
        return;
    if (!c->tls && conn_queued(c) == 0) {
        struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
        ssize_t sent = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            c->broken = true;
            return;
        }
        skip_sent(&v, &n, sent > 0 ? (size_t)sent : 0);
    }
    for (int i = 0; i < n; i++)
        bufferevent_write(c->bev, v[i].iov_base, v[i].iov_len);
}

/* Lets the library recycle its request and its parser. Output is empty, so it neither waits nor reads. */
static void library_finish(struct conn *c)
{
    if (!c->dispatched)
        return;
    c->dispatched = false;
    evhtp_send_reply_end(c->lib->request);
    c->server->lib_write(c->bev, c->lib);
}

static void next_request(struct conn *c)
{
    library_finish(c);
    conn_enter(c, CONN_HEAD);
    c->scanned = 0;
    c->head_timed = c->skipped_crlf = false;
    set_deadline(c, c->server->o.idle_timeout);
    if (c->read_off && !c->eof)
        bufferevent_enable(c->bev, EV_READ);
    c->read_off = false;
    if (!c->running && (c->eof || evbuffer_get_length(input(c))))
        loop_defer(c->server->loop, &c->work, work_cb, c);
}

/* In FLUSH: is everything out? */
static void flushed(struct conn *c)
{
    if (c->state != CONN_FLUSH)
        return;
    if (c->broken)
        kill_conn(c);
    else if (conn_queued(c))
        no_deadline(c); /* the bufferevent's write timeout watches over it */
    else if (c->last)
        close_after_reply(c);
    else
        next_request(c);
}

void conn_replied(struct conn *c)
{
    conn_enter(c, CONN_FLUSH);
    if (c->server->in_lib != c) /* else dispatch() sees to it when the library has returned */
        flushed(c);
}

/* --- input --- */

static void refuse(struct conn *c, const struct http_refusal *why)
{
    if (!c->req)
        c->req = request_new(c);
    c->last = c->doubt = true;
    reply_refuse(c->req, why);
}

static void refuse_with(struct conn *c, int status, const char *reason, const char *detail)
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
    struct evbuffer *in = input(c);
    bool pipelined = evbuffer_get_length(in) > 0;
    assert(!s->in_lib && !c->dispatched);
    conn_enter(c, CONN_BUSY);
    no_deadline(c);
    if (pipelined)
        evbuffer_add_buffer(s->stash, in);
    evbuffer_prepend(in, library_line, sizeof(library_line) - 1);
    s->in_lib = c;
    c->dispatched = true;
    s->lib_read(c->bev, c->lib);
    s->in_lib = NULL;
    if (pipelined)
        evbuffer_prepend_buffer(in, s->stash);
    flushed(c);
}

static bool reject_route(struct conn *c)
{
    struct http_request *r = c->req;
    if (slice_is(r->head.path, "*")) {
        http_reply_header(r, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        http_reply(r, 204, NULL, SLICE_NONE);
    } else if (!r->match.allowed) {
        server_count_rejected(c->server, "not_found");
        http_reply_problem(r, 404, NULL, "There is nothing at this path.");
    } else {
        _cleanup_(str_release)
        struct str allow = {0};
        for (unsigned m = HTTP_GET; m <= HTTP_OPTIONS; m <<= 1)
            if ((r->match.allowed | HTTP_OPTIONS) & m)
                str_addf(&allow, "%s%s", allow.n ? ", " : "", http_method_name((enum http_method)m));
        http_reply_header(r, "Allow", allow.p);
        if (r->head.method == HTTP_OPTIONS) {
            http_reply(r, 204, NULL, SLICE_NONE);
        } else {
            server_count_rejected(c->server, "method");
            http_reply_problem(r, 405, NULL, "This path does not know this method; see the Allow header.");
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
    bool here = r->head.framing != FRAMING_CHUNKED && length <= evbuffer_get_length(input(c));
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
        evbuffer_drain(input(c), (size_t)length);
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
        refuse_with(c, 503, "overload", "Too many request bodies are being received; try again.");
        return false;
    }
    conn_enter(c, CONN_BODY);
    set_deadline(c, s->o.body_timeout);
    str_reserve(&r->body, (size_t)MIN(r->head.length, BODY_RESERVE));
    if (r->head.expect_continue && evbuffer_get_length(input(c)) == 0) {
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
    evbuffer_remove(input(c), r->raw.p, n);
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
    if (!c->skipped_crlf && evbuffer_copyout(input(c), two, 2) == 2 && two[0] == '\r' && two[1] == '\n') {
        evbuffer_drain(input(c), 2);
        c->skipped_crlf = true;
        c->scanned = 0;
    }
}

static void head_too_large(struct conn *c, struct slice text)
{
    if (memchr(text.p, '\n', text.n))
        refuse_with(c, 431, "head_too_large", "The request's head is larger than http_max_head.");
    else
        refuse_with(c, 414, "head_too_large", "The request line is larger than http_max_head.");
}

static bool take_head(struct conn *c)
{
    skip_empty_line(c);
    size_t max = c->server->o.max_head, have = MIN(evbuffer_get_length(input(c)), max);
    if (have == 0)
        return false;
    struct slice text = slice_of((const char *)evbuffer_pullup(input(c), (ev_ssize_t)have), have);
    bool bad;
    size_t n = http_head_end(text, c->scanned, &bad);
    if (n)
        return on_head(c, n);
    c->scanned = have;
    if (bad) {
        refuse_with(c, 400, "bad_request", "A line of the head does not end in CR LF, or the head holds a NUL.");
    } else if (have == max) {
        head_too_large(c, text);
    } else if (!c->head_timed) {
        c->head_timed = true;
        set_deadline(c, c->server->o.head_timeout);
    }
    return false;
}

static bool take_body(struct conn *c)
{
    struct http_request *r = c->req;
    struct evbuffer_iovec v;
    struct http_refusal why;
    while (c->body.state != BODY_DONE && evbuffer_peek(input(c), -1, NULL, &v, 1) > 0 && v.iov_len) {
        size_t used = 0, before = r->body.n;
        bool ok = body_feed(&c->body, slice_of(v.iov_base, v.iov_len), &r->body, &used, &why);
        c->server->buffered += r->body.n - before;
        if (!ok) {
            refuse(c, &why);
            return false;
        }
        evbuffer_drain(input(c), used);
    }
    if (c->body.state != BODY_DONE)
        return false;
    dispatch(c);
    return c->state == CONN_HEAD;
}

/* Takes as many requests from the input as are there. */
static void run(struct conn *c)
{
    bool more = true;
    c->running = true;
    for (unsigned n = 0; more && n < REQUESTS_A_TURN; n++)
        more = c->state == CONN_HEAD ? take_head(c) : c->state == CONN_BODY && take_body(c);
    c->running = false;
    if (more)
        loop_defer(c->server->loop, &c->work, work_cb, c);
    else if (c->eof && (c->state == CONN_HEAD || c->state == CONN_BODY))
        kill_conn(c);
}

static void work_cb(void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_DEAD)
        conn_free(c);
    else
        run(c);
}

static void timer_cb(void *arg)
{
    struct conn *c = arg;
    if (c->deadline == INT64_MAX)
        return;
    usec_t left = c->deadline - loop_now(c->server->loop);
    if (left > 0) {
        timer_set(&c->timer, c->server->loop, left, timer_cb, c);
    } else if (c->state == CONN_BODY) {
        refuse_with(c, 408, "timeout_body", "The body did not arrive in time.");
    } else if (c->state == CONN_HEAD && evbuffer_get_length(input(c))) {
        refuse_with(c, 408, "timeout_head", "The request's head did not arrive in time.");
    } else if (c->state == CONN_HEAD || c->state == CONN_LINGER) {
        kill_conn(c);
    }
}

/* --- the bufferevent's callbacks --- */

static void read_cb(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        if (!c->work.queued)
            run(c);
    } else if (c->state == CONN_LINGER || c->state == CONN_DEAD) {
        evbuffer_drain(input(c), evbuffer_get_length(input(c)));
    } else if (evbuffer_get_length(input(c)) >= READ_AHEAD_MAX) {
        c->read_off = true;
        bufferevent_disable(bev, EV_READ);
    }
}

static void write_cb(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_STREAM)
        stream_drained(c->req);
    else
        flushed(c);
}

static void event_cb(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    if (what & BEV_EVENT_CONNECTED || c->state == CONN_DEAD)
        return;
    c->eof = true;
    /* After FIN the peer may still read (half-closed); libevent's TLS side cannot write after it. */
    c->broken |= c->tls || !(what & BEV_EVENT_EOF);
    if (c->state == CONN_BUSY || c->state == CONN_STREAM)
        request_gone(c->req);
    else if (c->broken || c->state == CONN_LINGER || (c->state != CONN_FLUSH && !c->work.queued))
        kill_conn(c);
}

void conn_open(struct http_server *s, struct evhtp_connection *lib, bool tls)
{
    struct conn *c = NEW(struct conn);
    c->server = s;
    c->lib = lib;
    c->bev = lib->bev;
    c->fd = lib->sock;
    c->tls = tls;
    c->head_timed = true; /* for the first head the time runs from here, TLS handshake included */
    fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    const void *address = lib->saddr->sa_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)(const void *)lib->saddr)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)(const void *)lib->saddr)->sin_addr;
    if (lib->saddr->sa_family == AF_INET || lib->saddr->sa_family == AF_INET6)
        inet_ntop(lib->saddr->sa_family, address, c->peer, sizeof(c->peer));
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    bufferevent_event_cb lib_event;
    void *lib_arg;
    bufferevent_getcb(c->bev, &s->lib_read, &s->lib_write, &lib_event, &lib_arg);
    bufferevent_setcb(c->bev, read_cb, write_cb, event_cb, c);
    const struct timeval write_timeout = {.tv_sec = s->o.write_timeout / USEC_PER_S,
                                          .tv_usec = s->o.write_timeout % USEC_PER_S};
    bufferevent_set_timeouts(c->bev, NULL, &write_timeout);
    evhtp_connection_set_hook(lib, evhtp_hook_on_connection_fini, (evhtp_hook)on_fini, c);
    set_deadline(c, s->o.head_timeout);
}
