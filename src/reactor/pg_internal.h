/* pg_internal.h - what the pg_*.c files share; nobody else includes it.
 * Parts:  pg_value.c parameters, arrays, results; pg_seg.c a segment's life; pg_pipe.c a segment on the wire; pg_conn.c
 *         one connection; pg_addr.c names to addresses; pg_pool.c who gets which connection; pg_lease.c a connection
 *         lent out; pg_listen.c LISTEN.
 * Always: no callback of a user runs inside a call of a user: what has ended waits in pool->ended until the end of the
 *         turn (pool_turn). So no function here needs to fear that its objects are gone when a call returns, except a
 *         connection's PGconn, which pgc_lost() takes away: look at c->pg again after anything that talks to the
 *         server. */
#ifndef MSPHUB_REACTOR_PG_INTERNAL_H
#define MSPHUB_REACTOR_PG_INTERNAL_H

#include "base/metrics.h"
#include "reactor/pg.h"

#include <libpq-fe.h>

#define UTHASH_POINTERS_ONLY
#include <uthash.h>

enum pg_kind {
    PG_PIPELINE, /* statements up to one Sync */
    PG_SIMPLE,   /* text of any number of statements, simple protocol; leased connections only */
    PG_COPY,     /* COPY … FROM STDIN; leased connections only */
    PG_LEASE,    /* nothing to send: waits for a connection of its own */
};

enum pg_seg_state {
    SEG_BUILDING, /* the user's */
    SEG_QUEUED,   /* pool->queue, pool->lease_queue or lease->queue */
    SEG_SENT,     /* conn->inflight */
    SEG_ENDED,    /* pool->ended, until its callback */
    SEG_NSTATES_
};

struct pg_param {
    Oid type;
    int format; /* 0 text, 1 binary */
    size_t at;  /* in seg->data */
    int len;    /* -1: null */
};

struct pg_stmt {
    const struct pg_query *q; /* NULL: of a PG_SIMPLE or PG_COPY segment */
    unsigned first;           /* its first parameter */
    PGresult *res;
};

struct pg_prepared;
struct pg_cmd {               /* one command on the wire, in the order of the results */
    unsigned stmt;            /* index in seg->stmts */
    struct pg_prepared *prep; /* PARSE: what it makes; EXEC: what it uses, NULL for the unnamed statement */
    bool parse;
};

struct pg_seg {
    TAILQ_ENTRY(pg_seg) link;
    struct pg_pool *pool;
    enum pg_kind kind;
    enum pg_seg_state state;
    struct ref ref;
    int64_t tenant;

    struct str data; /* parameters' bytes, or the SQL text of PG_SIMPLE and PG_COPY */
    struct pg_param *params;
    struct pg_stmt *stmts; /* [0] is the prelude (tenant), q == NULL without one; the user's follow */
    unsigned nparams, cap_params, nstmts, cap_stmts;

    struct pg_cmd *cmds;
    unsigned ncmds, at; /* at: whose results are next */
    bool got;           /* a result of cmds[at] was seen */
    bool copying;       /* the server waits for COPY data */
    bool again;         /* failed only because a prepared statement was out of date */
    bool flushed;       /* the last byte, and with it the Sync, has left: from now on it may be committed */
    bool want_cancel;   /* as soon as it is the one that runs */
    unsigned resent;

    struct pg_conn *conn;   /* SENT */
    struct pg_lease *lease; /* of whose connection it is, or the one it is given (PG_LEASE) */
    struct slice (*source)(void *arg);

    struct timer timer;
    usec_t timeout, started;

    bool internal; /* not counted, no limit on the queue */
    pg_cb *cb;
    pg_lease_cb *lease_cb;
    void *arg;

    struct err err; /* code ERR_NONE: committed */
    char sqlstate[6];
    unsigned failed;
    bool unknown;
};
TAILQ_HEAD(pg_segs, pg_seg);

struct pg_reply {
    const struct pg_seg *seg;
};

enum pg_conn_state {
    PGC_CLOSED,     /* waits for its backoff to pass, or is new */
    PGC_RESOLVING,  /* names are being looked up */
    PGC_CONNECTING, /* PQconnectPoll's dance */
    PGC_READY,      /* takes segments */
    PGC_RESERVED,   /* takes no more; to be lent out when it is idle */
    PGC_LEASED,     /* does what its lease says */
    PGC_DEAD,       /* the pool is being freed */
    PGC_NSTATES_
};

struct pg_resolve;

struct pg_conn {
    TAILQ_ENTRY(pg_conn) link;
    struct pg_pool *pool;
    enum pg_conn_state state;
    bool listener; /* holds the LISTENs; not in pool->conns */
    PGconn *pg;
    struct event *rd, *wr;
    bool flushing;      /* libpq holds bytes that the socket did not take */
    struct timer timer; /* CLOSED: backoff; RESOLVING, CONNECTING: connect_timeout; else: grace of a cancel */
    usec_t backoff;
    struct pg_resolve *resolve;
    struct pg_segs inflight;
    unsigned ninflight;
    bool canceling;     /* a cancel of the head is under way */
    usec_t canceled_at; /* when one last was, for telling innocent victims */
    struct pg_prepared *prepared;
    unsigned nprepared; /* names given so far */
    struct pg_lease *lease;
};
TAILQ_HEAD(pg_conns, pg_conn);

struct pg_lease {
    TAILQ_ENTRY(pg_lease) link;
    struct pg_pool *pool; /* NULL once the pool is gone */
    struct pg_conn *conn; /* NULL once the connection is lost */
    struct pg_segs queue; /* one runs at a time */
    bool released;        /* the user has let go, the connection is being reset */
};

struct pg_listen {
    TAILQ_ENTRY(pg_listen) link;
    struct pg_pool *pool;
    char *channel;
    struct pg_query q; /* listen "channel" */
    bool in_force;     /* on the connection that the listener has now */
    void (*cb)(void *arg, const char *channel, const char *payload);
    void *arg;
};

enum pg_outcome { PGO_COMMITTED, PGO_FAILED, PGO_TIMEOUT, PGO_CANCELED, PGO_LOST, PGO_REFUSED, PGO_N_ };

struct pg_pool {
    struct loop *loop;
    struct log *log;
    struct pg_options o; /* texts below */
    char *application_name;
    PQconninfoOption *conninfo; /* parsed; NULL when it does not parse: conninfo_error then says why */
    struct err conninfo_error;

    struct pg_conns conns;
    struct pg_conn *listener;
    TAILQ_HEAD(, pg_listen) listens;
    TAILQ_HEAD(, pg_lease) leases;
    unsigned nleased; /* RESERVED or LEASED */

    struct ref_table *refs;
    struct pg_segs queue, lease_queue, ended;
    unsigned nqueue, nrunning;
    struct deferred turn;
    bool closing, delivering;
    void (*drained)(void *arg);
    void *drained_arg;
    struct err last_error; /* why a connection could not be had; for those that time out waiting */

    struct metrics *own_metrics; /* when none were given */
    struct metric *m_segments[PGO_N_], *m_conns[PGC_NSTATES_], *m_queue, *m_statements;
    struct histogram *m_duration;
};

/* --- pg_seg.c --- */
struct pg_seg *seg_new(struct pg_pool *p, enum pg_kind kind, int64_t tenant);
void seg_free(struct pg_seg *s);
void seg_enter(struct pg_seg *s, enum pg_seg_state to);
struct ref seg_start(struct pg_seg *s); /* timer and ref; the caller queues it */
void seg_touch(struct pg_seg *s);       /* COPY moves on: its deadline starts again */
void seg_requeue(struct pg_seg *s);     /* SENT, known not to be committed: to the head of its queue */
void seg_clear_results(struct pg_seg *s);
/* Ends it: off its list (the caller has seen to SENT ones), outcome stored unless *e is NULL, callback at the end of the turn. */
void seg_end(struct pg_seg *s, const struct err *e);
void seg_cancel(struct pg_seg *s);
void seg_deliver(struct pg_seg *s);
void seg_fail_result(struct pg_seg *s, unsigned stmt, const PGresult *r); /* stores the first error */

/* --- pg_value.c --- */
void seg_param(struct pg_seg *s, Oid type, int format, struct slice v);

/* --- pg_pipe.c --- */
bool pipe_send(struct pg_conn *c, struct pg_seg *s); /* false: the connection is of no use any more */
void pipe_results(struct pg_conn *c);                /* takes what has arrived */
bool pipe_mode(struct pg_conn *c, bool on);
void pipe_copy_pump(struct pg_conn *c, struct pg_seg *s);
void pipe_copy_end(struct pg_conn *c, struct pg_seg *s, const char *abort_reason);
void prepared_clear(struct pg_conn *c);
void prepared_moved(struct pg_seg *ghost); /* it has taken over the commands of another segment */

/* --- pg_conn.c --- */
struct pg_conn *pgc_new(struct pg_pool *p, bool listener);
void pgc_free(struct pg_conn *c);
void pgc_enter(struct pg_conn *c, enum pg_conn_state to);
const char *pgc_state_name(enum pg_conn_state s);
void pgc_start(struct pg_conn *c);
void pgc_lost(struct pg_conn *c, const char *why);
/* Puts s at the end of what is in flight. False when the connection was lost by it (s is then taken care of). */
bool pgc_send(struct pg_conn *c, struct pg_seg *s);
void pgc_flush(struct pg_conn *c);
void pgc_ended(struct pg_conn *c, struct pg_seg *s); /* its last result is here; ends or re-queues it */
void pgc_ask_cancel(struct pg_conn *c);              /* of the head, if that wants to be */
bool pgc_setup(struct pg_conn *c);                   /* session settings; from then on READY */

/* --- pg_addr.c --- */
/* Looks up the names in libpq's comma lists `hosts` and `ports`. Calls back once, in a later turn: with lists of one length for
 * host, hostaddr and port, or with *e. Folders of Unix sockets and numeric addresses need no name server. */
struct pg_resolve;
typedef void pg_resolve_cb(void *arg, const char *hosts, const char *addrs, const char *ports, const struct err *e);
struct pg_resolve *pg_resolve_start(struct loop *l, const char *hosts, const char *ports, pg_resolve_cb *cb, void *arg);
void pg_resolve_free(struct pg_resolve *r); /* before or after the callback, never in it; no callback follows */

/* --- pg_pool.c --- */
void pool_kick(struct pg_pool *p);
struct pg_conn *pool_canceler(struct pg_pool *p, const struct pg_conn *except); /* the least busy other one, or NULL */

/* --- pg_lease.c --- */
void lease_dispatch(struct pg_pool *p);
void lease_idle(struct pg_conn *c);                         /* a RESERVED or LEASED connection has nothing in flight */
void lease_broken(struct pg_lease *l, const struct err *e); /* its connection is lost */
void lease_close_all(struct pg_pool *p);
void lease_orphan_all(struct pg_pool *p);

/* --- pg_listen.c --- */
void listen_up(struct pg_conn *c);      /* the listener is connected */
void listen_notices(struct pg_conn *c); /* hands out what has arrived */
void listen_close_all(struct pg_pool *p);

#endif
