/* http_client_internal.h - what the client's files share; nobody else includes it.
 * Parts:  http_client.c  calls: started, canceled, ended; http_pool.c  origins: who gets which connection;
 *         http_client_conn.c one connection: resolve, connect, TLS, write, read; http_client_body.c  from the wire's
 *         body to on_body.
 * Always: user callbacks run from a connection's events (on_head, on_body) or at the end of the turn (on_end), never
 *         from inside a call of the user. A connection that is dropped is closed at once and freed at the end of the
 *         turn; a call that has ended is freed after its on_end. So after any callback it is enough to look at c->run. */
#ifndef MSPHUB_REACTOR_HTTP_CLIENT_INTERNAL_H
#define MSPHUB_REACTOR_HTTP_CLIENT_INTERNAL_H

#include "base/str.h"
#include "reactor/address.h"
#include "reactor/http_client.h"
#include "reactor/http_reader.h"
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
    struct str request; /* head and body as they go out */
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
    HC_CONNECTING, /* one address after the other */
    HC_HANDSHAKE,
    HC_BUSY,
    HC_IDLE,
    HC_DEAD, /* client->dead, until the end of the turn */
    HC_NSTATES_
};

struct http_conn {
    TAILQ_ENTRY(http_conn) link;
    enum http_conn_state state;
    struct http_client *client;
    struct http_origin *origin;
    struct http_run *run; /* RESOLVING to BUSY */
    struct address_query *query;
    struct address addrs[ADDRESS_MAX];
    size_t naddrs, at; /* at: the one that is tried */
    struct err why;    /* of the last address that failed */
    int fd;            /* CONNECTING */
    struct event *ev;  /* CONNECTING */
    struct bufferevent *bev;
    struct timer timer; /* connect_timeout, idle_timeout */
    struct deferred again;
    struct http_reader reader;
    unsigned served; /* replies before this one */
    short closed;    /* what the event said when the peer had closed; 0: it has not */
    bool odd;        /* not to be used again */
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
bool http_conn_usable(struct http_conn *c); /* an IDLE one: has the peer left it alone? */
void http_conn_use(struct http_conn *c, struct http_run *r);
void http_conn_drop(struct http_conn *c); /* c->run must be NULL */
void http_conn_free(struct http_conn *c);
void http_conn_pause(struct http_conn *c);
void http_conn_resume(struct http_conn *c);
const char *http_conn_stage(const struct http_conn *c); /* for an error: what it was doing */

/* --- http_client_body.c --- */
#define BODY_BURST (256 * 1024) /* plain bytes of one connection in one turn */
bool body_begin(struct http_run *r, const struct http_reader *reader, struct err *e);
/* Hands (part of) a piece to the user; *ret_taken tells how much of it is done with. False: *e says why it is refused. */
bool body_piece(struct http_run *r, struct slice piece, size_t *ret_taken, struct err *e);
bool body_rest(struct http_run *r, struct err *e); /* what zlib still holds of the pieces before */
bool body_end(struct http_run *r, struct err *e);
void body_release(struct http_run *r);

#endif
