/* http_server.h - the HTTP server: libevhtp behind a strict gate. No other file includes evhtp's headers.
 * Why:    the library corrupts URIs that a read splits, accepts ambiguous framing, has no total limits and never says 400, 413 or 431;
 *         so heads and bodies are read by our own gate, and its parser never sees a peer's byte (http_server_conn.c).
 * Owns:   listeners, connections, requests until they are replied to.
 * Always: a handler gets a request whose body is complete (≤ its route's limit); it replies exactly once, now or in any
 *         later turn, also when the client has gone (the reply is then dropped); the request is invalid after the reply.
 *         A head must be complete in head_timeout, a body in body_timeout, both absolute. Each error before the handler is
 *         answered as RFC 9457 problem details, and the connection is closed after any doubt about framing. */
#ifndef MSPHUB_REACTOR_HTTP_SERVER_H
#define MSPHUB_REACTOR_HTTP_SERVER_H

#include "base/cidr.h"
#include "base/err.h"
#include "base/trace.h"
#include "reactor/loop.h"
#include "reactor/tls.h"

struct http_server;
struct http_request;

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_PATCH = 16,
    HTTP_DELETE = 32,
    HTTP_OPTIONS = 64
};

struct http_server_options {  /* 0 takes the default in brackets */
    size_t max_head;          /* request line and headers, bytes [16384] */
    size_t max_headers;       /* [100] */
    size_t max_body;          /* for routes that name none, bytes [1048576] */
    unsigned max_connections; /* accepting pauses above it [10000] */
    usec_t head_timeout;      /* absolute, from the first byte (or from accept) [10 s] */
    usec_t body_timeout;      /* absolute, from the end of the head [30 s] */
    usec_t idle_timeout;      /* keep-alive, between requests [75 s] */
    usec_t write_timeout;     /* a peer that reads nothing while output waits [60 s] */
    size_t max_buffered; /* bodies being received or worked on, all connections together; past it 503 [268435456] */
    size_t stream_high;  /* streaming replies: http_stream_write says false at it, bytes [262144] */
    bool reuse_port;
    const struct cidr_list *trusted_proxies; /* whose X-Forwarded-For is believed; borrowed [nobody's] */
};

/* What a handler is given for one route. Patterns: "/api/v1/assets/{id}"; a segment in braces takes one percent-decoded,
 * non-empty segment; "{rest...}" as the last takes all that follows (may be empty). A literal segment wins over a parameter. */
struct http_route {
    enum http_method method;
    const char *pattern;
    void (*handler)(struct http_request *r, void *arg);
    /* Runs when the head is complete, before the body is read: false refuses with the problem it has replied. May be NULL.
     * It must not reply later: it either replies now (http_reply*) and returns false, or returns true. */
    bool (*on_head)(struct http_request *r, void *arg);
    size_t max_body;   /* 0: the server's */
    const char *name;  /* for metrics and logs; NULL: the pattern */
    const void *extra; /* the caller's own row (role, scope …): http_request_route(r)->extra */
};

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o, struct metrics *m);
/* Before listening. Routes are copied, their texts borrowed; `arg` is passed to their callbacks. Asserts on a double. */
void http_server_add(struct http_server *s, const struct http_route *routes, size_t n, void *arg);
/* `address`: "127.0.0.1:8080", "[::1]:0", "*:8080". tls may be NULL; a reference is taken. *ret_port gets the port bound to
 * (for port 0); may be NULL. */
bool http_server_listen(struct http_server *s, const char *address, SSL_CTX *tls, uint16_t *ret_port, struct err *e);
/* Listens on a descriptor that was passed to us (systemd). */
bool http_server_listen_fd(struct http_server *s, int fd, SSL_CTX *tls, struct err *e);
void http_server_set_tls(struct http_server *s,
                         SSL_CTX *tls); /* new connections of all TLS listeners use it from now on */
/* Stops accepting, closes idle connections, answers what is in flight with Connection: close. `done` is called once, in a
 * later turn, when no connection is left or `within` has passed (what is left is then cut). */
void http_server_drain(struct http_server *s, usec_t within, void (*done)(void *arg), void *arg);
void http_server_free(struct http_server *s); /* cuts what is left; requests not replied to are replied to never */
unsigned http_server_connections(const struct http_server *s);

/* Called for each finished request, for the access log: status as sent, 0 when the client left before the reply (or closed its
 * sending side; the reply is still sent then, in case it only half-closed). Method 0 and no path: the head was refused. */
void http_server_on_finished(struct http_server *s,
                             void (*cb)(const struct http_request *r, int status, usec_t took, void *arg), void *arg);

/* --- the request; slices live until the reply --- */
enum http_method http_request_method(const struct http_request *r);
const char *http_method_name(enum http_method m);
const struct http_route *http_request_route(const struct http_request *r);       /* NULL for 404/405 */
struct slice http_request_path(const struct http_request *r);                    /* as sent, without query */
struct slice http_request_query(const struct http_request *r);                   /* as sent, without '?' */
struct slice http_request_param(const struct http_request *r, const char *name); /* path parameter, decoded */
/* Query argument, percent- and plus-decoded; false when absent. The first one of its name. */
bool http_request_arg(const struct http_request *r, const char *name, struct slice *ret);
size_t http_request_nargs(const struct http_request *r);
bool http_request_arg_at(const struct http_request *r, size_t i, struct slice *ret_name, struct slice *ret_value);
struct slice http_request_header(const struct http_request *r,
                                 const char *name); /* SLICE_NONE when absent; case-insensitive */
struct slice http_request_body(const struct http_request *r);
void http_request_wipe_body(struct http_request *r); /* it held secrets: overwritten */
/* Who sent it: a numeric address, no port, IPv4 as IPv4. Behind trusted proxies it is the right-most hop of X-Forwarded-For that is
 * none of them. Audit, log, limits and key checks all go by this one. */
const char *http_request_peer(const struct http_request *r);
bool http_request_is_tls(const struct http_request *r);
/* The client's X-Request-Id if it is 1..64 of [0-9A-Za-z._-], else one made here. Sent back with every reply. */
const char *http_request_id(const struct http_request *r);
/* The trace of the client's traceparent, or a new one; the span is this request's own. For the log and for calls made on its behalf. */
const struct trace *http_request_trace(const struct http_request *r);
/* Room for the caller's own per-request value (credential, tenant). `free_fn` may be NULL; runs after the reply. */
void http_request_set_data(struct http_request *r, void *data, void (*free_fn)(void *));
void *http_request_data(const struct http_request *r);
/* `cb` runs at most once, when the client leaves before the reply; the request stays valid and must still be replied to. */
void http_request_on_gone(struct http_request *r, void (*cb)(struct http_request *r, void *arg), void *arg);
bool http_request_gone(const struct http_request *r);

/* --- the reply; names and values with CR, LF or NUL are an assert --- */
void http_reply_header(struct http_request *r, const char *name, const char *value); /* before the reply; copies */
/* As set so far; SLICE_NONE: not set. */
struct slice http_reply_header_get(const struct http_request *r, const char *name);
/* Ends the request. Content-Length, Date, X-Request-Id are set here; HEAD, 204 and 304 are sent without a body. Bodies over
 * 1 KiB are gzipped when the client accepts it and the type is text or JSON. `type` may be NULL for no body. */
void http_reply(struct http_request *r, int status, const char *type, struct slice body);
/* RFC 9457 application/problem+json: {"type","title","status","detail","instance","request_id"}; the type is made of the status'
 * text ("/problems/not_found"), the instance is left out when no path was understood. */
void http_reply_problem(struct http_request *r, int status, const char *detail);
const char *http_status_text(int status);

/* Streaming: start, any number of writes, end (or abort: the connection is cut so that the client sees it is not whole;
 * without a start it sees no reply at all).
 * `on_drain` runs when the output has fallen below half of stream_high after a write said false; `on_gone` as above. Chunked for HTTP/1.1, to
 * the end of the connection for 1.0. */
void http_stream_start(struct http_request *r, int status, const char *type,
                       void (*on_drain)(struct http_request *r, void *arg), void *arg);
/* The piece is taken in any case; false: write no more until on_drain. */
bool http_stream_write(struct http_request *r, struct slice piece);
void http_stream_end(struct http_request *r);
void http_stream_abort(struct http_request *r);

#endif
