/* http_client_internal.h - what the client's files share; nobody else includes it.
 * Parts:  http_client.c  calls: started, canceled, ended; http_pool.c  origins: who gets which connection;
 *         http_client_conn.c  one connection: its address, its place in the pool; http_client_exchange.c  one request and
 *         its reply by evhttp; http_client_body.c  from the wire's body to on_body.
 * Always: user callbacks run at the end of the turn, never from inside a call of the user or of evhttp. A connection that is dropped is closed at once and freed at the end of the
 *         turn; a call that has ended is freed after its on_end. So after any callback it is enough to look at c->run. */
#ifndef MSPHUB_REACTOR_HTTP_CLIENT_INTERNAL_H
#define MSPHUB_REACTOR_HTTP_CLIENT_INTERNAL_H

#include "base/str.h"
#include "reactor/address.h"
#include "reactor/http_client.h"
#include "reactor/http_url.h"

#include <uthash.h>
#include <zlib.h>

enum http_run_state {
    RUN_QUEUED, /* origin->queue */
    RUN_BOUND,  /* conn->run */
    RUN_ENDED,  /* client->ended, until on_end */
};

struct http_run { /* a call */
    TAILQ_ENTRY(http_run) link;
    enum http_run_state state;
    struct http_client *client;
    struct http_origin *origin;
    struct http_conn *conn;
    struct ref ref;
    struct http_call call; /* callbacks, limits; its texts are not ours */
    struct http_url url;
    struct str headers; /* of the request: "name\0value\0name\0value\0" */
    struct str body;    /* of the request */
    struct timer deadline;
    bool paused, retried;
    bool gunzip, gz_ended; /* the body is decoded; a whole gzip member has been */
    bool gz_full;          /* zlib holds output for which there was no room */
    bool gz_open;          /* gz is to be released */
    z_stream gz;
    uint64_t raw, plain; /* bytes of the body, as on the wire and as handed out */
    struct err err;
};
TAILQ_HEAD(http_runs, http_run);

enum http_conn_state {
    HC_RESOLVING,
    HC_CONNECTING, /* one address after the other, with the TLS handshake */
    HC_BUSY,
    HC_IDLE,
    HC_DEAD, /* client->dead, until the end of the turn */
    HC_NSTATES_
};

struct http_exchange { /* notes of one request and its reply; zero for the next */
    bool in_flight;    /* evhttp has the request and will call back */
    bool sent;         /* a byte of the request has left */
    bool head_seen, head_told, has_body;
    bool whole, failed; /* how it ended */
    bool odd;           /* the connection is not to be used again */
    bool nudge;
    unsigned interim;
    size_t got;         /* bytes that have arrived */
    int error, errnum;  /* of evhttp's error callback */
    struct err refusal; /* what we found wrong with the head */
};

struct http_conn {
    TAILQ_ENTRY(http_conn) link;
    enum http_conn_state state;
    struct http_client *client;
    struct http_origin *origin;
    struct http_run *run; /* RESOLVING to BUSY */
    struct address_query *query;
    struct address addrs[ADDRESS_MAX];
    size_t naddrs, at;               /* at: the one that is tried */
    struct err why;                  /* of the last address that failed */
    struct evhttp_connection *evcon; /* from CONNECTING on */
    struct bufferevent *bev;         /* evcon's */
    struct evhttp_request *req;      /* ours */
    struct evbuffer *body;           /* of the reply, not yet taken */
    struct http_exchange x;
    struct timer timer; /* connect_timeout, idle_timeout */
    struct deferred again;
    unsigned served; /* replies before this one */
    bool closed;     /* by evhttp, or by the peer while idle */
};
TAILQ_HEAD(http_conns, http_conn);

struct http_origin {
    UT_hash_handle hh;
    char *key; /* "https://host:port" */
    struct http_client *client;
    struct http_conns conns; /* idle ones first, the last used in front */
    struct http_runs queue;
    unsigned nconns, nqueue;
    struct deferred dispatch;
};

struct http_client {
    struct loop *loop;
    struct http_client_options o;
    SSL_CTX *tls;
    struct ref_table *refs;
    struct http_origin *origins;
    struct http_runs ended;
    struct http_conns dead;
    struct deferred turn;
    bool closing, delivering;
    struct metrics *own_metrics;
    struct metric *m_calls[ERR_NCODES_]; /* by outcome */
    struct metric *m_connections;
};

/* --- http_client.c --- */
/* The grammar of header names and values (RFC 9110 5): what is neither does not travel. */
bool http_is_token(struct slice s);
bool http_is_field_value(struct slice s);
void run_end(struct http_run *r, const struct err *e); /* e == NULL: the reply is whole */
void client_kick(struct http_client *c);

/* --- http_pool.c --- */
struct http_origin *origin_get(struct http_client *c, const struct http_url *u);
void origin_free(struct http_origin *o);
bool origin_enqueue(struct http_origin *o, struct http_run *r, struct err *e); /* false: the queue is full */
void origin_requeue(struct http_origin *o, struct http_run *r); /* to the front, for a fresh connection */
void origin_kick(struct http_origin *o);                        /* a connection or a place has become free */

/* --- http_client_conn.c --- */
void http_conn_start(struct http_origin *o, struct http_run *r);
/* An IDLE one: has the peer left it alone, and may it still be called? */
bool http_conn_usable(struct http_conn *c, const struct http_url *u);
void http_conn_use(struct http_conn *c, struct http_run *r);
void http_conn_drop(struct http_conn *c); /* c->run must be NULL */
void http_conn_free(struct http_conn *c);
const char *http_conn_stage(const struct http_conn *c); /* for an error: what it was doing */
/* What an exchange comes to. */
void http_conn_connected(struct http_conn *c);
void http_conn_unreached(struct http_conn *c, const char *why); /* the next address, please */
void http_conn_done(struct http_conn *c, bool again);
void http_conn_fail(struct http_conn *c, const struct err *e);
void http_conn_retry(struct http_conn *c);

/* --- http_client_exchange.c --- */
bool exchange_open(struct http_conn *c, const struct address *a, struct err *e);
void exchange_start(struct http_conn *c); /* with c->run, on a connection that is open */
void exchange_close(struct http_conn *c);
void http_conn_pause(struct http_conn *c);
void http_conn_resume(struct http_conn *c);

/* --- http_client_body.c --- */
#define BODY_BURST (256 * 1024) /* plain bytes of one connection in one turn */
bool body_begin(struct http_run *r, const struct http_reply_head *head, bool has_body, struct err *e);
/* Hands (part of) a piece to the user; *ret_taken tells how much of it is done with. False: *e says why it is refused. */
bool body_piece(struct http_run *r, struct slice piece, size_t *ret_taken, struct err *e);
bool body_rest(struct http_run *r, struct err *e); /* what zlib still holds of the pieces before */
bool body_end(struct http_run *r, struct err *e);
void body_release(struct http_run *r);

#endif
