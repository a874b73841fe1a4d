/* http_server_internal.h - what the files of the HTTP server share: server, connection, request.
 *
 *   http_server.c          the server: options, routes, metrics, drain
 *   http_server_listen.c   listening sockets, accepting (and pausing it)
 *   http_server_conn.c     a connection's states, its output, deadlines and end
 *   http_server_read.c     reading requests: head → admission → body → handler
 *   http_server_request.c  the request: life, what handlers may ask it
 *   http_server_reply.c    replies: head, gzip, problem details
 *   http_server_stream.c   streaming replies
 *   http_gate.c            is this head sound?
 *   http_gate_body.c       where does the body end?
 *   http_router.c          who answers it?
 */
#ifndef MSPHUB_REACTOR_HTTP_SERVER_INTERNAL_H
#define MSPHUB_REACTOR_HTTP_SERVER_INTERNAL_H

#include "reactor/http_gate_body.h"
#include "reactor/http_router.h"

#include <netinet/in.h>

struct bufferevent;
struct evbuffer;
struct evhtp;
struct evhtp_connection;
struct evhtp_request;
struct iovec;
struct z_stream_s;

#define REQUEST_ARGS_MAX 100 /* query arguments */
#define REQUEST_ID_MAX   64

/* --- server --- */

struct route_count {
    enum http_method method;
    int status;
    struct metric *metric;
};

struct route_entry { /* a route's arg and its series; the last one of the server is for requests without a route */
    const struct http_route *route; /* `copy`; NULL: without a route */
    struct http_route copy;
    void *arg;
    const char *name;
    struct histogram *seconds;
    struct route_count *counts;
    size_t ncounts;
    struct route_entry *next;
};

struct listener {
    struct http_server *server;
    struct evhtp *htp;
    bool tls;
    TAILQ_ENTRY(listener) link;
};

enum accept_pause { ACCEPT_CAP = 1, ACCEPT_DESCRIPTORS = 2 }; /* why accepting pauses */

struct http_server {
    struct loop *loop;
    struct http_server_options o;
    struct http_router *router;
    struct route_entry *entries, no_route;

    TAILQ_HEAD(, listener) listeners;
    unsigned accept_paused; /* enum accept_pause bits */
    struct timer accept_again;
    TAILQ_HEAD(, conn) conns;
    unsigned nconns;
    /* The library's own callbacks, which ours call when they have something for it. */
    void (*lib_read)(struct bufferevent *bev, void *ctx);
    void (*lib_write)(struct bufferevent *bev, void *ctx);
    struct evbuffer *stash; /* pipelined bytes, while the library reads its line */
    struct conn *in_lib;    /* the connection on whose behalf the library runs */

    bool draining;
    struct timer drain_limit;
    struct deferred drained;
    void (*drain_done)(void *arg);
    void *drain_arg;

    TAILQ_HEAD(, http_request) spare; /* requests kept for reuse */
    unsigned nspare;
    size_t buffered;   /* bytes of bodies held now */
    struct str out;    /* a reply's head while it is composed */
    struct str zipped; /* a reply's body, compressed */
    struct z_stream_s *zip;
    uint64_t id_seed, id_count;
    char date[32]; /* the Date header's text for date_at */
    int64_t date_at;

    void (*finished)(const struct http_request *r, int status, usec_t took, void *arg);
    void *finished_arg;

    struct metrics *metrics;
    struct metric_family *requests_total, *seconds, *rejected_total; /* NULL without metrics */
    struct metric *connections, *body_bytes;
};

void server_count_rejected(struct http_server *s, const char *reason);
void server_count_finished(struct http_request *r, int status, usec_t took);
void server_conn_gone(struct http_server *s); /* one connection less */

void listeners_resume(struct http_server *s, enum accept_pause why);
void listeners_close(struct http_server *s);
void listeners_free(struct http_server *s);

/* --- connection --- */

enum conn_state {
    CONN_HEAD,   /* waiting for a head, or reading it */
    CONN_BODY,   /* reading a body */
    CONN_BUSY,   /* the handler has the request */
    CONN_STREAM, /* the handler streams its reply */
    CONN_FLUSH,  /* replied; output is on its way */
    CONN_LINGER, /* closing: what still comes in is dropped, so that the reply is not destroyed by a reset */
    CONN_DEAD,   /* freed at the end of the turn */
    CONN_NSTATES_
};

struct conn {
    struct http_server *server;
    struct evhtp_connection *lib;
    struct bufferevent *bev;
    int fd;
    enum conn_state state;
    bool tls;
    bool eof;        /* the peer will send no more */
    bool broken;     /* nothing can be sent any more */
    bool last;       /* close after the reply */
    bool doubt;      /* bytes may be on their way that were not read: linger */
    bool running;    /* conn_read is on the stack */
    bool dispatched; /* the library has a request open */
    bool head_timed; /* the deadline of the current head is set */
    bool skipped_crlf;
    bool read_off;  /* the peer is ahead of us; not reading */
    size_t scanned; /* bytes of an incomplete head that were looked at */
    struct http_request *req;
    struct body_reader body;
    usec_t deadline; /* INT64_MAX: none */
    struct timer timer;
    struct deferred work;   /* go on in the next turn, or be freed */
    char peer[IP_TEXT_MAX]; /* of the socket */
    TAILQ_ENTRY(conn) link;
};

void conn_open(struct http_server *s, struct evhtp_connection *lib, bool tls);
void conn_send(struct conn *c, struct iovec *v, int n); /* what the socket does not take now is queued */
size_t conn_queued(const struct conn *c);
void conn_enter(struct conn *c, enum conn_state to);
struct evbuffer *conn_input(const struct conn *c);
void conn_deadline(struct conn *c, usec_t after);
void conn_no_deadline(struct conn *c);
void conn_later(struct conn *c);      /* go on, or be freed, at the end of the turn */
void conn_kill(struct conn *c);       /* not while a handler has its request */
void conn_flushed(struct conn *c);    /* in FLUSH: if everything is out, close or go on */
void conn_replied(struct conn *c);    /* the reply is sent or queued, the request is gone */
void conn_cut(struct conn *c);        /* the peer sees a reset; a request in work stays valid */
void conn_break(struct conn *c);      /* it will be closed by a reset when its request is finished */
void conn_close_idle(struct conn *c); /* if it waits for a request */
void conn_free(struct conn *c);
/* http_server_read.c: takes as many requests from the input as are there. */
void conn_read(struct conn *c);
void conn_refuse(struct conn *c, int status, const char *reason, const char *detail);
void conn_on_request(struct evhtp_request *lib, void *arg); /* the library's request callback */

/* --- request --- */

struct request_arg {
    struct slice name, value;
};

struct http_request {
    struct http_server *server;
    struct conn *conn;
    struct str raw; /* the head's bytes; slices of `head` point into it */
    struct http_head head;
    struct str body;
    struct arena *arena; /* decoded texts; made on first use */
    struct route_match match;
    struct route_entry *entry;
    struct request_arg *args;
    size_t nargs;
    char id[REQUEST_ID_MAX + 1];
    struct trace trace;
    char client[IP_TEXT_MAX]; /* told by a trusted proxy; "": the socket's */
    usec_t started;
    void *data;
    void (*free_data)(void *);
    void (*on_gone)(struct http_request *r, void *arg);
    void *gone_arg;
    bool gone;

    struct str headers; /* of the reply: whole lines */
    bool encoded;       /* the handler set Content-Encoding */
    bool replied;
    bool chunked, full; /* streaming */
    int status;
    void (*on_drain)(struct http_request *r, void *arg);
    void *drain_arg;
    TAILQ_ENTRY(http_request) link;
};

struct http_request *request_new(struct conn *c);
/* After the head was parsed: id, arguments. False: refused. */
bool request_prepare(struct http_request *r, struct http_refusal *why);
void request_gone(struct http_request *r);
/* The end of every request: counts, tells, recycles. conn->req is NULL afterwards. */
void request_finish(struct http_request *r, int status);
void request_free(struct http_request *r);

/* Whether the connection closes after this reply; composes the head into server->out. */
void reply_compose(struct http_request *r, int status, const char *type, bool has_body, uint64_t length);
void reply_refuse(struct http_request *r, const struct http_refusal *why);
void stream_drained(struct http_request *r);

#endif
