/* http_server_conn.c - a connection, from accept to close.
 * Why:    libevhtp's parser corrupts, accepts or drops much of what the gate is there to judge (see http_server.h).
 *         So no byte of a peer ever reaches it: http_server_read.c checks the head, reads the body and, when the request
 *         is complete, hands the library one constant line in its place. The library keeps what it does well:
 *         it accepts, sets TLS up, calls the request callback and recycles its request when the reply is out. Nothing
 *         is ambiguous to a parser that reads only our own constant, and all limits, deadlines and orders are ours.
 *         The library's pause and resume are not needed either: its callbacks on the bufferevent are replaced by
 *         ours, so it neither sees a pipelined request too early nor a disconnect during a handler's work.
 * Owns:   struct conn (freed by the library's connection_fini hook), its request until the reply.
 * States: HEAD → (BODY →) BUSY → (STREAM →) FLUSH → HEAD | LINGER;  HEAD, BODY → FLUSH (refused early);  any → DEAD
 *         [conn_enter]
 * Always: one request at a time; the next head is not looked at before the reply is out of our hands, so N pipelined
 *         requests are answered in order and output is bounded; replies are written straight to the socket when
 *         nothing is queued; a request in a handler's hands outlives its socket; a connection is freed only from
 *         deferred work, never under a caller's feet. */
#include "reactor/http_server_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <evhtp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define LINGER_TIME    SECONDS(1)
#define READ_AHEAD_MAX 65536 /* pipelined bytes held while a request is in work; past it reading pauses */

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

struct evbuffer *conn_input(const struct conn *c)
{
    return bufferevent_get_input(c->bev);
}

size_t conn_queued(const struct conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* --- deadlines: the timer is moved only when it would be late, and looks again when it was early --- */

static void timer_cb(void *arg);

void conn_deadline(struct conn *c, usec_t after)
{
    c->deadline = loop_now(c->server->loop) + after;
    if (!timer_armed(&c->timer) || c->timer.due > c->deadline)
        timer_set(&c->timer, c->server->loop, after, timer_cb, c);
}

void conn_no_deadline(struct conn *c)
{
    c->deadline = INT64_MAX;
}

/* --- the end --- */

static void work_cb(void *arg);

void conn_later(struct conn *c)
{
    loop_defer(c->server->loop, &c->work, work_cb, c);
}

void conn_kill(struct conn *c)
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
    conn_later(c);
}

static void close_after_reply(struct conn *c)
{
    bool linger = c->doubt || c->server->draining || evbuffer_get_length(conn_input(c));
    if (c->eof || c->broken || !linger) {
        conn_kill(c);
        return;
    }
    conn_enter(c, CONN_LINGER);
    if (!c->tls)
        shutdown(c->fd, SHUT_WR);
    evbuffer_drain(conn_input(c), evbuffer_get_length(conn_input(c)));
    bufferevent_enable(c->bev, EV_READ);
    conn_deadline(c, LINGER_TIME);
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
        conn_kill(c);
        return;
    }
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    shutdown(c->fd, SHUT_RDWR);
    request_gone(c->req);
}

void conn_close_idle(struct conn *c)
{
    if (c->state == CONN_HEAD && evbuffer_get_length(conn_input(c)) == 0)
        conn_kill(c);
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
    conn_deadline(c, c->server->o.idle_timeout);
    if (c->read_off && !c->eof)
        bufferevent_enable(c->bev, EV_READ);
    c->read_off = false;
    if (!c->running && (c->eof || evbuffer_get_length(conn_input(c))))
        conn_later(c);
}

/* In FLUSH: is everything out? */
void conn_flushed(struct conn *c)
{
    if (c->state != CONN_FLUSH)
        return;
    if (c->broken)
        conn_kill(c);
    else if (conn_queued(c))
        conn_no_deadline(c); /* the bufferevent's write timeout watches over it */
    else if (c->last)
        close_after_reply(c);
    else
        next_request(c);
}

void conn_replied(struct conn *c)
{
    conn_enter(c, CONN_FLUSH);
    if (c->server->in_lib != c) /* else dispatch() sees to it when the library has returned */
        conn_flushed(c);
}

static void work_cb(void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_DEAD)
        conn_free(c);
    else
        conn_read(c);
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
        conn_refuse(c, 408, "timeout_body", "The body did not arrive in time.");
    } else if (c->state == CONN_HEAD && evbuffer_get_length(conn_input(c))) {
        conn_refuse(c, 408, "timeout_head", "The request's head did not arrive in time.");
    } else if (c->state == CONN_HEAD || c->state == CONN_LINGER) {
        conn_kill(c);
    }
}

/* --- the bufferevent's callbacks --- */

static void read_cb(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        if (!c->work.queued)
            conn_read(c);
    } else if (c->state == CONN_LINGER || c->state == CONN_DEAD) {
        evbuffer_drain(conn_input(c), evbuffer_get_length(conn_input(c)));
    } else if (evbuffer_get_length(conn_input(c)) >= READ_AHEAD_MAX) {
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
        conn_flushed(c);
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
        conn_kill(c);
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
    struct ip ip;
    if (ip_parse(slice_cstr(c->peer), &ip))
        ip_text(&ip, c->peer); /* IPv4 by a socket of both kinds is IPv4 */
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    bufferevent_event_cb lib_event;
    void *lib_arg;
    bufferevent_getcb(c->bev, &s->lib_read, &s->lib_write, &lib_event, &lib_arg);
    bufferevent_setcb(c->bev, read_cb, write_cb, event_cb, c);
    const struct timeval write_timeout = {.tv_sec = s->o.write_timeout / USEC_PER_S,
                                          .tv_usec = s->o.write_timeout % USEC_PER_S};
    bufferevent_set_timeouts(c->bev, NULL, &write_timeout);
    evhtp_connection_set_hook(lib, evhtp_hook_on_connection_fini, (evhtp_hook)on_fini, c);
    conn_deadline(c, s->o.head_timeout);
}
