/* http_server_stream.c - streaming replies with backpressure.
 * Why:    an event feed or a large export must not be held in memory for a reader that stalls.
 * Always: what is queued passes stream_high by at most one piece as long as the handler heeds `false`; on_drain runs
 *         once for each `false`, when half of it is out; a reader that takes nothing for write_timeout is gone. */
#include "reactor/http_server_internal.h"

#include <assert.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/uio.h>

static struct iovec piece_of(struct slice s)
{
    struct iovec v = {.iov_len = s.n};
    memcpy(&v.iov_base, &s.p, sizeof(s.p)); /* iovec knows no const */
    return v;
}

void http_stream_start(struct http_request *r, int status, const char *type,
                       void (*on_drain)(struct http_request *r, void *arg), void *arg)
{
    struct conn *c = r->conn;
    assert(c->req == r && !r->replied && c->state == CONN_BUSY);
    r->replied = true;
    r->status = status;
    r->on_drain = on_drain;
    r->drain_arg = arg;
    r->chunked = !r->head.http10;
    c->last = c->last || r->head.http10;
    conn_enter(c, CONN_STREAM);
    bufferevent_setwatermark(c->bev, EV_WRITE, r->server->o.stream_high / 2, 0);
    reply_compose(r, status, type, false, 0);
    struct iovec v = piece_of(str_slice(&r->server->out));
    conn_send(c, &v, 1);
}

bool http_stream_write(struct http_request *r, struct slice piece)
{
    struct conn *c = r->conn;
    assert(c->req == r && c->state == CONN_STREAM);
    if (c->broken || !piece.n || r->head.method == HTTP_HEAD)
        return true;
    char size[24];
    int n = snprintf(size, sizeof(size), "%zx\r\n", piece.n);
    struct iovec v[3] = {{.iov_base = size, .iov_len = (size_t)n}, piece_of(piece), piece_of(SLICE("\r\n"))};
    conn_send(c, r->chunked ? v : v + 1, r->chunked ? 3 : 1);
    r->full = r->full || conn_queued(c) >= r->server->o.stream_high;
    return !r->full;
}

void stream_drained(struct http_request *r)
{
    if (!r->full || conn_queued(r->conn) > r->server->o.stream_high / 2)
        return;
    r->full = false;
    if (r->on_drain)
        r->on_drain(r, r->drain_arg);
}

static void finish(struct http_request *r)
{
    struct conn *c = r->conn;
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    request_finish(r, r->status);
    conn_replied(c);
}

void http_stream_end(struct http_request *r)
{
    struct conn *c = r->conn;
    assert(c->req == r && c->state == CONN_STREAM);
    if (r->chunked && r->head.method != HTTP_HEAD) {
        struct iovec v = piece_of(SLICE("0\r\n\r\n"));
        conn_send(c, &v, 1);
    }
    finish(r);
}

void http_stream_abort(struct http_request *r)
{
    struct conn *c = r->conn;
    assert(c->req == r && (c->state == CONN_STREAM || (c->state == CONN_BUSY && !r->replied)));
    r->replied = true; /* with nothing, when the stream was not started */
    conn_break(c);
    finish(r);
}
