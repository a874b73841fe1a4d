/* http_client_exchange.c - one request and its reply, carried by an evhttp connection.
 * Owns:    the evhttp connection with its bufferevent, the evhttp request, the body that nobody has taken yet.
 * Always:  evhttp's callbacks only take notes; whatever follows from them happens at the end of the turn (react),
 *          outside of evhttp, so that a user may cancel, pause or start calls from any callback. One request is in
 *          flight at a time and is owned here, as evhttp frees it before it says what went wrong. Reading stops at
 *          64 KiB that nobody has taken.
 * Cures:   what evhttp leaves to its user. "No reply" comes as a NULL request or as status 0, its reason by the error
 *          callback, and that the connection stands, is seen by the request entering the output buffer. Interim replies but
 *          100 would be final ones: they are turned into a 100. Framing that can be read in two ways is refused from
 *          the header callback. `Connection: keep-alive` without a length would be an empty body. evhttp knows no end of
 *          time: the call has a deadline. A closed idle connection would connect again by itself: it is dropped.
 * Limits:  what evhttp cannot do. A chunk arrives as one piece, however large (max_body bounds it, and the memory that it
 *          takes); chunk extensions are refused; a malformed chunk cannot be told from one that is too large: both are
 *          ERR_LIMIT; a head with folded lines is accepted. */
#include "reactor/http_client_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <strings.h>

#define READ_HIGH   65536
#define MAX_INTERIM 16

static void react(void *arg);

static void react_later(struct http_conn *c)
{
    loop_defer(c->client->loop, &c->again, react, c);
}

/* --- the reply's head --- */

static bool is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 19 && text[n] == '\0';
}

static bool has_token(const char *list, const char *token)
{
    struct slice rest = slice_cstr(list);
    while (rest.n > 0)
        if (slice_ieq(slice_trim(slice_cut(&rest, ',')), slice_cstr(token)))
            return true;
    return false;
}

struct framing {
    size_t lengths, codings;
    bool close, keep_alive;
};

/* Reads what the head says about its end. NULL, or what is wrong with it. */
static const char *read_framing(const struct evkeyvalq *headers, struct framing *f)
{
    const struct evkeyval *h;
    TAILQ_FOREACH (h, headers, next) {
        if (!http_is_token(slice_cstr(h->key)) || !http_is_field_value(slice_cstr(h->value)))
            return "the reply has a malformed header line";
        if (strcasecmp(h->key, "Connection") == 0) {
            f->close |= has_token(h->value, "close");
            f->keep_alive |= has_token(h->value, "keep-alive");
        } else if (strcasecmp(h->key, "Content-Length") == 0) {
            if (f->lengths++ > 0 || !is_number(h->value))
                return "the reply's Content-Length is not one number";
        } else if (strcasecmp(h->key, "Transfer-Encoding") == 0) {
            if (f->codings++ > 0 || strcasecmp(h->value, "chunked") != 0)
                return "the reply's Transfer-Encoding is not known";
        }
    }
    return f->lengths && f->codings ? "the reply has a Content-Length and a Transfer-Encoding" : NULL;
}

static int refuse(struct http_conn *c, const char *what)
{
    err_set(&c->x.refusal, ERR_PROTOCOL, "%s", what);
    return -1;
}

/* 103 and the like: evhttp would take it for the reply, and what follows for the next one. It starts over after a 100. */
static int pass_over(struct http_conn *c, struct evhttp_request *req)
{
    if (++c->x.interim > MAX_INTERIM)
        return refuse(c, "the server sends interim replies without end");
    if (req->response_code != 100)
        c->x.odd = true;
    req->response_code = 100;
    evhttp_clear_headers(req->input_headers);
    c->x.nudge = bufferevent_openssl_get_ssl(c->bev) != NULL;
    react_later(c);
    return 0;
}

static int on_header(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;
    struct framing f = {0};
    int status = req->response_code;
    if (req->major != 1 || req->minor < 0 || req->minor > 1 || status < 100 || status > 999)
        return refuse(c, "the reply does not start with an HTTP/1 status line");
    if (status == 101)
        return refuse(c, "the server switched protocols without being asked");
    if (status < 200)
        return pass_over(c, req);
    const char *wrong = read_framing(req->input_headers, &f);
    if (wrong)
        return refuse(c, wrong);
    if (f.codings > 0 && req->minor == 0)
        return refuse(c, "the reply's Transfer-Encoding is not known");
    c->x.has_body = c->run->call.method != HTTP_HEAD && status != 204 && status != 304;
    if (c->x.has_body && f.lengths == 0 && f.codings == 0) { /* it ends with the connection, whatever it says of it */
        f.close = true;
        while (evhttp_remove_header(req->input_headers, "Connection") == 0)
            ;
        evhttp_add_header(req->input_headers, "Connection", "close");
    }
    c->x.odd |= f.close || (req->minor == 0 && !f.keep_alive);
    if (f.codings > 0) /* evhttp needs a whole chunk in its input */
        bufferevent_setwatermark(c->bev, EV_READ, 0, c->run->call.max_body + READ_HIGH);
    c->x.head_seen = true;
    react_later(c);
    return 0;
}

/* --- evhttp's other callbacks --- */

static void on_piece(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;
    evbuffer_add_buffer(c->body, req->input_buffer);
    if (c->run->paused || evbuffer_get_length(c->body) >= READ_HIGH)
        bufferevent_disable(c->bev, EV_READ);
    react_later(c);
}

/* Comes before on_done(NULL). */
static void on_error(enum evhttp_request_error error, void *arg)
{
    struct http_conn *c = arg;
    c->x.error = error;
    c->x.errnum = EVUTIL_SOCKET_ERROR();
}

static void on_done(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;
    c->x.in_flight = false;
    if (req && req->response_code != 0) {
        c->x.whole = true;
        c->x.odd |= evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
    } else
        c->x.failed = true;
    if (req && req->response_code == 0)
        c->x.errnum = ECONNREFUSED; /* the only way to get here, as no timeout of evhttp's is in use */
    react_later(c);
}

/* evhttp has closed the socket, maybe because the peer had. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct http_conn *c = arg;
    c->closed = true;
    react_later(c);
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;
    int fd = bufferevent_getfd(c->bev), one = 1;
    if (info->n_added > 0 && c->state == HC_CONNECTING) { /* evhttp writes as soon as the connection stands */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        http_conn_connected(c);
    }
    if (info->n_deleted > 0 && fd >= 0) { /* without a socket evhttp is cleaning up */
        c->x.sent = true;
        if (evbuffer_get_length(out) == 0)
            evhttp_connection_set_flags(c->evcon, 0); /* kept, the flag would hide an end within the reply */
    }
}

static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;
    c->x.got += info->n_added;
}

/* --- why it failed --- */

/* Was nothing of a reply seen, and may the call go out a second time? A peer may close a kept connection at the very moment
 * it is used again; if it has not got the request, or the request does no harm twice, that is no failure. */
static bool is_stale(const struct http_conn *c)
{
    const struct http_run *r = c->run;
    return c->served > 0 && !r->retried && c->x.got == 0 && (r->call.idempotent || !c->x.sent);
}

static void explain_head(const struct http_conn *c, struct err *e)
{
    struct framing f = {0};
    const char *wrong = read_framing(c->req->input_headers, &f);
    if (c->x.got > c->client->o.max_reply_head)
        err_set(e, ERR_LIMIT, "the reply's head is larger than the limit");
    else if (c->req->response_code == 0)
        err_set(e, ERR_PROTOCOL, "the reply does not start with an HTTP/1 status line");
    else
        err_set(e, ERR_PROTOCOL, "%s", wrong ? wrong : "the reply has a malformed header line");
}

static void explain_closed(const struct http_conn *c, struct err *e)
{
    bool nothing = c->x.got == 0, cut = c->run->url.tls && bufferevent_get_openssl_error(c->bev);
    err_set(e, nothing ? ERR_UNAVAILABLE : ERR_PROTOCOL, "the connection was %s %s", cut ? "cut" : "closed",
            nothing ? "before any reply" : "before the reply was whole");
}

static void exchange_failed(struct http_conn *c)
{
    struct err e = {0};
    if (c->x.refusal.code != ERR_NONE)
        e = c->x.refusal;
    else if (c->x.error == EVREQ_HTTP_DATA_TOO_LONG && c->req->chunked)
        err_set(&e, ERR_LIMIT, "the reply's body is larger than %zu bytes, or its chunks are malformed",
                c->run->call.max_body);
    else if (c->x.error == EVREQ_HTTP_DATA_TOO_LONG)
        err_set(&e, ERR_LIMIT, "the reply's body is larger than %zu bytes", c->run->call.max_body);
    else if (c->x.error == EVREQ_HTTP_INVALID_HEADER)
        explain_head(c, &e);
    else if (is_stale(c)) {
        http_conn_retry(c);
        return;
    } else
        explain_closed(c, &e);
    http_conn_fail(c, &e);
}

static bool is_connect_error(int errnum)
{
    return errnum == ECONNREFUSED || errnum == ENETUNREACH || errnum == EHOSTUNREACH || errnum == ETIMEDOUT ||
           errnum == EACCES || errnum == EADDRNOTAVAIL || errnum == EAFNOSUPPORT;
}

/* The connection never stood: the next address is tried, unless this one answers, but not in TLS that we accept. */
static void connect_failed(struct http_conn *c)
{
    struct err e = {0};
    SSL *ssl = c->run->url.tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;
    unsigned long error = ssl ? bufferevent_get_openssl_error(c->bev) : 0;
    bool by_tls = ERR_GET_LIB(error) != 0 || (ssl && SSL_get_verify_result(ssl) != X509_V_OK);
    if (!ssl || (!by_tls && is_connect_error(c->x.errnum))) {
        http_conn_unreached(c, strerror(c->x.errnum));
        return;
    }
    tls_explain(ssl, by_tls ? error : 0, c->run->url.host, &e);
    http_conn_fail(c, &e);
}

/* --- the reply, handed out --- */

static void tell_head(struct http_conn *c)
{
    struct http_run *r = c->run;
    struct http_reply_head head = {.status = c->req->response_code};
    const struct evkeyval *h;
    struct err e = {0};
    size_t n = 0;
    TAILQ_FOREACH (h, c->req->input_headers, next)
        n++;
    _cleanup_(mem_freep) struct http_header *rows = mem_alloc(MAX(n, 1) * sizeof(*rows));
    TAILQ_FOREACH (h, c->req->input_headers, next)
        rows[head.nheaders++] = (struct http_header){h->key, h->value};
    head.headers = rows;
    c->x.head_told = true;
    if (!body_begin(r, &head, c->x.has_body, &e))
        http_conn_fail(c, &e);
    else if (r->call.on_head)
        r->call.on_head(r->call.arg, &head);
}

static void tell_piece(struct http_conn *c, struct http_run *r)
{
    struct evbuffer_iovec v = {0};
    struct err e = {0};
    size_t taken;
    evbuffer_peek(c->body, -1, NULL, &v, 1);
    if (!body_piece(r, slice_of(v.iov_base, v.iov_len), &taken, &e))
        http_conn_fail(c, &e);
    else if (c->run == r)
        evbuffer_drain(c->body, taken);
}

static void tell_end(struct http_conn *c)
{
    struct err e = {0};
    if (body_end(c->run, &e))
        http_conn_done(c, !c->x.odd && !c->closed && bufferevent_getfd(c->bev) >= 0);
    else
        http_conn_fail(c, &e);
}

/* One step of the reply. False: no more for now, or the connection has another fate. */
static bool step(struct http_conn *c, struct http_run *r)
{
    if (c->x.head_seen && !c->x.head_told)
        tell_head(c);
    else if (evbuffer_get_length(c->body) > 0)
        tell_piece(c, r);
    else {
        if (c->x.failed)
            exchange_failed(c);
        else if (c->x.whole)
            tell_end(c);
        else if (c->x.head_seen)
            bufferevent_enable(c->bev, EV_READ); /* all is taken */
        return false;
    }
    return true;
}

static void react_busy(struct http_conn *c)
{
    struct http_run *r = c->run;
    struct err e = {0};
    uint64_t until = r->plain + BODY_BURST;
    do {
        if (r->paused)
            return;
        if (!body_rest(r, &e)) {
            http_conn_fail(c, &e);
            return;
        }
        if (c->run != r || r->paused)
            return;
        if (r->plain >= until) { /* others have a turn, too */
            react_later(c);
            return;
        }
    } while (step(c, r) && c->run == r);
}

static void react(void *arg)
{
    struct http_conn *c = arg;
    if (TAKE(
            c->x.nudge)) /* over TLS no event says that there is nothing to write, and evhttp waits for it after a 100 */
        bufferevent_trigger(c->bev, EV_WRITE, 0);
    if (c->state == HC_CONNECTING && c->x.failed)
        connect_failed(c);
    else if (c->state == HC_BUSY)
        react_busy(c);
    else if (c->state == HC_IDLE && c->closed)
        http_conn_drop(c);
}

void http_conn_pause(struct http_conn *c)
{
    if (c->state == HC_BUSY && c->x.head_seen && c->x.in_flight)
        bufferevent_disable(c->bev, EV_READ);
}

void http_conn_resume(struct http_conn *c)
{
    if (c->state == HC_BUSY)
        react_later(c);
}

/* --- out --- */

static struct bufferevent *make_bufferevent(struct http_conn *c, struct err *e)
{
    struct event_base *base = loop_base(c->client->loop);
    const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    struct bufferevent *bev;
    if (c->run->url.tls) {
        SSL *ssl = tls_client_ssl(c->client->tls, c->run->url.host, e);
        if (!ssl)
            return NULL;
        bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, options);
        if (!bev)
            SSL_free(ssl);
    } else
        bev = bufferevent_socket_new(base, -1, options);
    if (!bev)
        err_set(e, ERR_INTERNAL, "a connection cannot be set up");
    return bev;
}

bool exchange_open(struct http_conn *c, const struct address *a, struct err *e)
{
    static const struct timeval never = {.tv_sec = 30L * 86400}; /* deadlines are the call's, not evhttp's */
    char text[ADDRESS_TEXT_MAX];
    struct bufferevent *bev = make_bufferevent(c, e);
    if (!bev)
        return false;
    c->evcon = evhttp_connection_base_bufferevent_new(loop_base(c->client->loop), loop_dns(c->client->loop), bev,
                                                      address_text(a, text), c->run->url.port);
    if (!c->evcon)
        return err_set(e, ERR_INTERNAL, "a connection cannot be set up");
    c->bev = bev;
    c->body = evbuffer_new();
    c->closed = false;
    evhttp_connection_set_timeout_tv(c->evcon, &never);
    evhttp_connection_set_max_headers_size(c->evcon, (ev_ssize_t)c->client->o.max_reply_head);
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    evbuffer_add_cb(bufferevent_get_output(bev), on_output, c);
    evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    return true;
}

static void request_free(struct http_conn *c)
{
    if (c->req)
        evhttp_request_free(TAKE(c->req));
    c->x = (struct http_exchange){0};
}

static enum evhttp_cmd_type method_of(enum http_method m)
{
    switch (m) {
    case HTTP_HEAD:
        return EVHTTP_REQ_HEAD;
    case HTTP_POST:
        return EVHTTP_REQ_POST;
    case HTTP_PUT:
        return EVHTTP_REQ_PUT;
    case HTTP_PATCH:
        return EVHTTP_REQ_PATCH;
    case HTTP_DELETE:
        return EVHTTP_REQ_DELETE;
    case HTTP_OPTIONS:
        return EVHTTP_REQ_OPTIONS;
    default:
        return EVHTTP_REQ_GET;
    }
}

static void add_headers(struct evhttp_request *req, const struct str *headers)
{
    const char *p = headers->p, *end = headers->p + headers->n;
    while (p < end) {
        const char *name = p, *value = p + strlen(p) + 1;
        evhttp_add_header(req->output_headers, name, value);
        p = value + strlen(value) + 1;
    }
}

void exchange_start(struct http_conn *c)
{
    const struct http_run *r = c->run;
    request_free(c);
    c->req = evhttp_request_new(on_done, c);
    evhttp_request_own(c->req);
    evhttp_request_set_error_cb(c->req, on_error);
    evhttp_request_set_header_cb(c->req, on_header);
    evhttp_request_set_chunked_cb(c->req, on_piece);
    add_headers(c->req, &r->headers);
    evbuffer_add(c->req->output_buffer, r->body.p, r->body.n);
    evhttp_connection_set_max_body_size(c->evcon, (ev_ssize_t)r->call.max_body);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
    /* A server may refuse an upload and close: what it said is still to be read. */
    evhttp_connection_set_flags(c->evcon, r->url.tls ? 0 : EVHTTP_CON_READ_ON_WRITE_ERROR);
    c->x.in_flight = true;
    if (evhttp_make_request(c->evcon, c->req, method_of(r->call.method), r->url.target) == 0)
        return;
    c->x.in_flight = false;
    c->x.failed = true;
    c->x.errnum = errno;
    react_later(c);
}

void exchange_close(struct http_conn *c)
{
    loop_undefer(c->client->loop, &c->again);
    if (!c->evcon)
        return;
    evbuffer_remove_cb(bufferevent_get_output(c->bev), on_output, c);
    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    evhttp_connection_set_closecb(c->evcon, NULL, NULL);
    if (c->x.in_flight)
        evhttp_cancel_request(c->req);
    request_free(c);
    evhttp_connection_free(TAKE(c->evcon));
    evbuffer_free(TAKE(c->body));
    c->bev = NULL;
    loop_undefer(c->client->loop, &c->again);
}
