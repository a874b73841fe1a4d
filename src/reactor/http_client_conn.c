/* http_client_conn.c - one connection of the client.
 * Owns:    the socket, its TLS, the reader of the reply.
 * States:  RESOLVING -> CONNECTING -> [HANDSHAKE ->] BUSY <-> IDLE;  any -> DEAD
 * Always:  it connects to an address that was looked at after the lookup (no second lookup could be answered
 *          differently); what the peer sent is read to its end before its close is judged; reading stops at 64 KiB
 *          that nobody has taken. Any doubt about the reply's end (bytes behind it, an answer before the request had
 *          left, 1xx) and it is not used again. */
#include "reactor/http_client_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_HIGH 65536

static void conn_enter(struct http_conn *c, enum http_conn_state to)
{
    static const struct {
        const char *name;
        unsigned to;
    } states[HC_NSTATES_] = {
        [HC_RESOLVING] = {"resolving", BIT(HC_CONNECTING) | BIT(HC_DEAD)},
        [HC_CONNECTING] = {"connecting", BIT(HC_HANDSHAKE) | BIT(HC_BUSY) | BIT(HC_DEAD)},
        [HC_HANDSHAKE] = {"handshake", BIT(HC_BUSY) | BIT(HC_DEAD)},
        [HC_BUSY] = {"busy", BIT(HC_IDLE) | BIT(HC_DEAD)},
        [HC_IDLE] = {"idle", BIT(HC_BUSY) | BIT(HC_DEAD)},
        [HC_DEAD] = {"dead", 0},
    };
    assert(states[c->state].to & BIT(to));
    log_debug(loop_log(c->client->loop), "client.connection", F_STR("origin", c->origin->key),
              F_STR("from", states[c->state].name), F_STR("to", states[to].name));
    c->state = to;
}

const char *http_conn_stage(const struct http_conn *c)
{
    switch (c->state) {
    case HC_RESOLVING:
        return "while the name was looked up";
    case HC_CONNECTING:
        return "while connecting";
    case HC_HANDSHAKE:
        return "in the TLS handshake";
    default:
        return c->reader.state == HR_HEAD ? "while waiting for the reply" : "within the reply's body";
    }
}

/* --- the end --- */

static void close_socket(struct http_conn *c)
{
    timer_cancel(&c->timer);
    loop_undefer(c->client->loop, &c->again);
    address_cancel(TAKE(c->query));
    if (c->ev)
        event_free(TAKE(c->ev));
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    if (c->bev)
        bufferevent_free(TAKE(c->bev));
}

void http_conn_drop(struct http_conn *c)
{
    struct http_origin *o = c->origin;
    assert(!c->run);
    if (c->state == HC_DEAD)
        return;
    close_socket(c);
    conn_enter(c, HC_DEAD);
    TAILQ_REMOVE(&o->conns, c, link);
    o->nconns--;
    c->client->m_connections->value--;
    TAILQ_INSERT_TAIL(&c->client->dead, c, link);
    client_kick(c->client);
    if (!c->client->closing)
        origin_kick(o);
}

void http_conn_free(struct http_conn *c)
{
    http_reader_release(&c->reader);
    free(c);
}

/* Parts the connection from its call. */
static struct http_run *release_run(struct http_conn *c)
{
    struct http_run *r = TAKE(c->run);
    r->conn = NULL;
    return r;
}

static void conn_fail(struct http_conn *c, const struct err *e)
{
    struct http_run *r = release_run(c);
    http_conn_drop(c);
    run_end(r, e);
}

/* --- the reply --- */

/* Was nothing of a reply seen, and may the call go out a second time? A peer may close a kept connection at the very moment
 * it is used again; if it has not got the request, or the request does no harm twice, that is no failure. */
static bool is_stale(const struct http_conn *c)
{
    const struct http_run *r = c->run;
    struct evbuffer *in = bufferevent_get_input(c->bev), *out = bufferevent_get_output(c->bev);
    if (c->served == 0 || r->retried || c->reader.head_used > 0 || evbuffer_get_length(in) > 0)
        return false;
    return r->call.idempotent || evbuffer_get_length(out) == r->request.n;
}

static void explain_closed(struct http_conn *c, struct err *e)
{
    bool nothing = c->reader.head_used == 0 && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
    enum err_code code = nothing ? ERR_UNAVAILABLE : ERR_PROTOCOL;
    const char *when = nothing ? "before any reply" : "before the reply was whole";
    if (!(c->closed & BEV_EVENT_ERROR))
        err_set(e, code, "the connection was closed %s", when);
    else if (bufferevent_get_openssl_error(c->bev) || !EVUTIL_SOCKET_ERROR())
        err_set(e, code, "the connection was cut %s", when);
    else
        err_set(e, code, "the connection failed %s: %s", when, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static void conn_done(struct http_conn *c);

/* The peer has closed and all that it sent has been read. */
static void peer_closed(struct http_conn *c)
{
    struct err e = {0};
    if (is_stale(c)) {
        struct http_run *r = release_run(c);
        r->retried = true;
        http_conn_drop(c);
        origin_requeue(c->origin, r);
        return;
    }
    bool clean = !(c->closed & BEV_EVENT_ERROR) && c->reader.state != HR_HEAD;
    if (clean && http_reader_eof(&c->reader, &e) == HRE_END)
        conn_done(c);
    else {
        if (e.code == ERR_NONE)
            explain_closed(c, &e);
        conn_fail(c, &e);
    }
}

static void on_idle_timeout(void *arg)
{
    http_conn_drop(arg);
}

static void conn_done(struct http_conn *c)
{
    struct err e = {0};
    if (!body_end(c->run, &e)) {
        conn_fail(c, &e);
        return;
    }
    bool again = c->reader.keep_alive && !c->reader.odd && !c->odd && !c->closed &&
                 evbuffer_get_length(bufferevent_get_input(c->bev)) == 0 &&
                 evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
    struct http_run *r = release_run(c);
    if (again) {
        c->served++;
        conn_enter(c, HC_IDLE);
        loop_undefer(c->client->loop, &c->again);
        http_reader_release(&c->reader);
        TAILQ_REMOVE(&c->origin->conns, c, link);
        TAILQ_INSERT_HEAD(&c->origin->conns, c, link);
        bufferevent_enable(c->bev, EV_READ); /* to see it close */
        timer_set(&c->timer, c->client->loop, c->client->o.idle_timeout, on_idle_timeout, c);
        origin_kick(c->origin);
    } else
        http_conn_drop(c);
    run_end(r, NULL);
}

/* One step of the reply. False: no more for now, or the connection has another fate. */
static bool process_one(struct http_conn *c, struct http_run *r)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct slice piece;
    struct err e = {0};
    size_t taken;
    switch (http_reader_next(&c->reader, in, &piece, &e)) {
    case HRE_MORE:
        if (c->closed)
            peer_closed(c);
        return false;
    case HRE_HEAD:
        if (!body_begin(r, &c->reader, &e)) {
            conn_fail(c, &e);
            return false;
        }
        if (r->call.on_head)
            r->call.on_head(r->call.arg, &c->reader.head);
        return true;
    case HRE_BODY:
        if (!body_piece(r, piece, &taken, &e)) {
            conn_fail(c, &e);
            return false;
        }
        if (c->run == r)
            http_reader_taken(&c->reader, in, taken);
        return true;
    case HRE_END:
        conn_done(c);
        return false;
    case HRE_ERROR:
        conn_fail(c, &e);
        return false;
    }
    return false;
}

static void process(void *arg)
{
    struct http_conn *c = arg;
    struct http_run *r = c->run;
    if (c->state != HC_BUSY)
        return;
    struct err e = {0};
    uint64_t until = r->plain + BODY_BURST;
    do {
        if (!body_rest(r, &e)) {
            conn_fail(c, &e);
            return;
        }
        if (c->run != r || r->paused)
            return;
        if (r->plain >= until) { /* others have a turn, too */
            loop_defer(c->client->loop, &c->again, process, c);
            return;
        }
    } while (process_one(c, r) && c->run == r && !r->paused);
}

void http_conn_pause(struct http_conn *c)
{
    if (c->bev && c->state == HC_BUSY)
        bufferevent_disable(c->bev, EV_READ);
}

void http_conn_resume(struct http_conn *c)
{
    if (!c->bev || c->state != HC_BUSY)
        return;
    bufferevent_enable(c->bev, EV_READ);
    loop_defer(c->client->loop, &c->again, process, c);
}

/* --- events of the socket --- */

static void on_read(struct bufferevent *bev, void *arg)
{
    struct http_conn *c = arg;
    if (c->state == HC_IDLE)
        http_conn_drop(c); /* nobody asked for anything */
    else if (c->state == HC_BUSY && !c->run->paused && !c->again.queued)
        process(c);
}

static void send_request(struct http_conn *c)
{
    struct http_run *r = c->run;
    conn_enter(c, HC_BUSY);
    timer_cancel(&c->timer);
    http_reader_init(&c->reader, r->call.method == HTTP_HEAD, c->client->o.max_reply_head);
    bufferevent_write(c->bev, r->request.p, r->request.n);
    if (r->paused)
        http_conn_pause(c);
}

static void handshake_failed(struct http_conn *c)
{
    struct err e = {0};
    tls_explain(bufferevent_openssl_get_ssl(c->bev), bufferevent_get_openssl_error(c->bev), c->run->url.host, &e);
    conn_fail(c, &e);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct http_conn *c = arg;
    if (what & BEV_EVENT_CONNECTED) {
        send_request(c);
        return;
    }
    switch (c->state) {
    case HC_HANDSHAKE:
        handshake_failed(c);
        return;
    case HC_IDLE:
        http_conn_drop(c);
        return;
    case HC_BUSY:
        break;
    default:
        return;
    }
    if ((what & BEV_EVENT_WRITING) && !c->run->url.tls) {
        /* The server may have refused an upload and closed: what it said is still to be read. */
        c->odd = true;
        return;
    }
    c->closed = what;
    if (!c->run->paused && !c->again.queued)
        process(c);
}

static void connected(struct http_conn *c)
{
    struct event_base *base = loop_base(c->client->loop);
    int one = 1, fd = c->fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct err e = {0};
    if (c->run->url.tls) {
        SSL *ssl = tls_client_ssl(c->client->tls, c->run->url.host, &e);
        if (!ssl) {
            conn_fail(c, &e);
            return;
        }
        c->bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
        if (!c->bev)
            SSL_free(ssl);
    } else
        c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!c->bev) {
        err_set(&e, ERR_INTERNAL, "a connection cannot be set up");
        conn_fail(c, &e);
        return;
    }
    c->fd = -1; /* the bufferevent's now */
    bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    if (c->run->url.tls)
        conn_enter(c, HC_HANDSHAKE); /* within the same timer */
    else
        send_request(c);
}

/* --- connecting --- */

static void connect_next(struct http_conn *c);

static void attempt_failed(struct http_conn *c, const char *why)
{
    char text[ADDRESS_TEXT_MAX];
    err_set(&c->why, ERR_UNAVAILABLE, "connecting to %s: %s", address_text(&c->addrs[c->at], text), why);
    close_socket(c);
    c->at++;
    connect_next(c);
}

static void on_connect_timeout(void *arg)
{
    struct http_conn *c = arg;
    struct err e = {0};
    if (c->state == HC_CONNECTING) {
        attempt_failed(c, "no answer in time");
        return;
    }
    err_set(&e, ERR_TIMEOUT, "the TLS handshake took too long");
    conn_fail(c, &e);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *c = arg;
    int error = 0;
    socklen_t len = sizeof(error);
    event_free(TAKE(c->ev));
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error)
        attempt_failed(c, strerror(error));
    else
        connected(c);
}

/* False with errno set. */
static bool connect_start(struct http_conn *c, const struct address *a)
{
    c->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    if (connect(c->fd, (const struct sockaddr *)&a->sa, a->len) != 0 && errno != EINPROGRESS)
        return false;
    c->ev = event_new(loop_base(c->client->loop), c->fd, EV_WRITE, on_connected, c);
    return c->ev && event_add(c->ev, NULL) == 0;
}

static void connect_next(struct http_conn *c)
{
    if (c->at == c->naddrs) {
        conn_fail(c, &c->why);
        return;
    }
    if (connect_start(c, &c->addrs[c->at]))
        timer_set(&c->timer, c->client->loop, c->client->o.connect_timeout, on_connect_timeout, c);
    else
        attempt_failed(c, strerror(errno));
}

static void on_addresses(void *arg, const struct address *list, size_t n, const struct err *e)
{
    struct http_conn *c = arg;
    c->query = NULL;
    if (e) {
        conn_fail(c, e);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (c->client->o.allow_private || !address_is_private((const struct sockaddr *)&list[i].sa))
            c->addrs[c->naddrs++] = list[i];
    if (c->naddrs == 0) {
        char text[ADDRESS_TEXT_MAX];
        struct err forbidden = {0};
        err_set(&forbidden, ERR_FORBIDDEN, "%s is %s, an address of a private network (allow_private_networks)",
                c->run->url.host, address_text(&list[0], text));
        conn_fail(c, &forbidden);
        return;
    }
    conn_enter(c, HC_CONNECTING);
    connect_next(c);
}

/* --- for the pool --- */

void http_conn_start(struct http_origin *o, struct http_run *r)
{
    struct http_conn *c = NEW(struct http_conn);
    c->client = o->client;
    c->origin = o;
    c->fd = -1;
    c->state = HC_RESOLVING;
    c->run = r;
    r->conn = c;
    TAILQ_INSERT_TAIL(&o->conns, c, link);
    o->nconns++;
    c->client->m_connections->value++;
    c->query = address_resolve(c->client->loop, r->url.host, r->url.port, on_addresses, c);
}

bool http_conn_usable(struct http_conn *c)
{
    char byte;
    ssize_t n = recv(bufferevent_getfd(c->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
}

void http_conn_use(struct http_conn *c, struct http_run *r)
{
    c->run = r;
    r->conn = c;
    TAILQ_REMOVE(&c->origin->conns, c, link);
    TAILQ_INSERT_TAIL(&c->origin->conns, c, link);
    send_request(c);
}
