/* pg.h - PostgreSQL: a pool of libpq connections in pipeline mode.
 * Words:  a segment is a list of statements that runs as one transaction (one pipeline up to one Sync): all of it is committed,
 *         or none of it. Statements are named queries (schema/queries/NAME.sql, embedded), prepared on first use per connection.
 * Owns:   connections, queued segments.
 * Always: exactly one callback per segment, in a later turn than pg_submit, also on cancel, timeout and shutdown; a segment whose
 *         connection was lost has an unknown outcome (ERR_UNAVAILABLE, r->unknown = true), so writes must be idempotent;
 *         a connection that dies is made again with backoff; no call here blocks. */
#ifndef MSPHUB_REACTOR_PG_H
#define MSPHUB_REACTOR_PG_H

#include "base/err.h"
#include "base/str.h"
#include "reactor/loop.h"

struct pg_pool;
struct pg_seg;

struct pg_options {          /* 0 takes the default in brackets */
    const char *conninfo;    /* libpq keywords or URI */
    unsigned connections;    /* [4] */
    unsigned max_inflight;   /* segments sent ahead on one connection [8] */
    unsigned max_queue;      /* segments waiting; past it pg_submit ends them with ERR_LIMIT [10000] */
    usec_t timeout;          /* per segment, waiting included, unless it names one [30 s]; also sets statement_timeout */
    usec_t connect_timeout;  /* [5 s] */
    bool unnamed_only;       /* for transaction poolers that cannot keep prepared statements */
    const char *application_name; /* [msphub] */
};

/* A named query, made at build time from schema/queries: extern const struct pg_query Q_<FILE>_<NAME>. */
struct pg_query {
    const char *name; /* "asset.list": file and name, also the prepared statement's name */
    const char *sql;
    uint16_t nparams;
};

struct pg_pool *pg_pool_new(struct loop *l, const struct pg_options *o, struct metrics *m);
void pg_pool_free(struct pg_pool *p); /* ends what is left with ERR_CANCELED, callbacks run inside */
bool pg_pool_up(const struct pg_pool *p); /* at least one connection is ready */
void pg_pool_drain(struct pg_pool *p, void (*done)(void *arg), void *arg); /* done when nothing is queued or running */

/* --- building a segment --- */
/* `tenant` > 0: the segment starts with set_config('msphub.tenant', …, true), which row-level security reads; PG_ALL_TENANTS
 * opens all rows (workers that serve every tenant); PG_NO_TENANT sets nothing. */
#define PG_ALL_TENANTS (-1)
#define PG_NO_TENANT   0
struct pg_seg *pg_seg_new(struct pg_pool *p, int64_t tenant);
void pg_seg_free(struct pg_seg *s);                       /* only when it was not submitted */
void pg_seg_timeout(struct pg_seg *s, usec_t timeout);
/* Adds a statement; its parameters follow by pg_p_* in order $1, $2, … exactly nparams of them. Returns its index. */
unsigned pg_add(struct pg_seg *s, const struct pg_query *q);
void pg_p_null(struct pg_seg *s);
void pg_p_text(struct pg_seg *s, struct slice v); /* .p == NULL: null. Not checked: must be storable UTF-8 */
void pg_p_str(struct pg_seg *s, const char *v);
void pg_p_i64(struct pg_seg *s, int64_t v);       /* binary int8 */
void pg_p_i32(struct pg_seg *s, int32_t v);       /* binary int4 */
void pg_p_bool(struct pg_seg *s, bool v);
void pg_p_time(struct pg_seg *s, usec_t v);       /* binary timestamptz; USEC_NONE: null */
void pg_p_bytea(struct pg_seg *s, struct slice v);
void pg_p_jsonb(struct pg_seg *s, struct slice v);

/* Arrays for unnest, built in binary. An array is zero-initialised, filled, given to pg_p_array (which copies) and released. */
enum pg_type { PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT4 = 23, PG_TEXT = 25, PG_FLOAT8 = 701, PG_TIMESTAMPTZ = 1184, PG_JSONB = 3802 };
struct pg_array {
    enum pg_type type;
    struct str buf;
    unsigned n;
    bool has_null;
};
void pg_array_init(struct pg_array *a, enum pg_type type);
void pg_array_null(struct pg_array *a);
void pg_array_text(struct pg_array *a, struct slice v); /* TEXT, JSONB, BYTEA; .p == NULL: null */
void pg_array_i64(struct pg_array *a, int64_t v);       /* INT8, INT4 */
void pg_array_bool(struct pg_array *a, bool v);
void pg_array_time(struct pg_array *a, usec_t v);
void pg_array_f64(struct pg_array *a, double v);
void pg_array_clear(struct pg_array *a);
void pg_array_release(struct pg_array *a);
void pg_p_array(struct pg_seg *s, const struct pg_array *a);

/* --- running it --- */
struct pg_reply;
typedef void pg_cb(void *arg, const struct pg_reply *r);
struct ref pg_submit(struct pg_seg *s, pg_cb *cb, void *arg); /* takes s */
/* Not sent yet: ends with ERR_CANCELED. Sent: its outcome is awaited (a commit cannot be taken back) but the server is asked to cancel. */
void pg_cancel(struct pg_pool *p, struct ref r);

/* --- the reply, valid in the callback --- */
const struct err *pg_reply_err(const struct pg_reply *r); /* NULL: committed */
bool pg_reply_unknown(const struct pg_reply *r);          /* lost in flight: may or may not be committed */
const char *pg_reply_sqlstate(const struct pg_reply *r);  /* "" when none */
unsigned pg_reply_failed(const struct pg_reply *r);       /* index of the statement that failed */
size_t pg_nrows(const struct pg_reply *r, unsigned stmt);
int64_t pg_affected(const struct pg_reply *r, unsigned stmt);
/* Results are binary for int, bool, timestamptz, bytea; text, jsonb, and others as text. Columns by position, from 0. */
bool pg_is_null(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
struct slice pg_text(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col); /* null: SLICE_NONE. text, varchar, json, jsonb, bytea */
int64_t pg_i64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col); /* null: 0. int2, int4, int8 */
bool pg_bool(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
usec_t pg_time(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col); /* null: USEC_NONE */
double pg_f64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);

/* --- a leased connection, for work that is more than one segment (advisory locks, COPY, DDL) --- */
struct pg_lease;
typedef void pg_lease_cb(void *arg, struct pg_lease *lease, const struct err *e); /* lease is NULL on error */
struct ref pg_lease_get(struct pg_pool *p, usec_t timeout, pg_lease_cb *cb, void *arg);
/* Runs SQL text that may hold several statements (simple protocol, outside pipeline mode): migrations. */
void pg_lease_exec(struct pg_lease *l, struct slice sql, usec_t timeout, pg_cb *cb, void *arg);
/* A segment on this very connection. BEGIN and COMMIT are simple execs around them. */
void pg_lease_submit(struct pg_lease *l, struct pg_seg *s, pg_cb *cb, void *arg);
/* COPY … FROM STDIN: `source` is asked for the next piece whenever the socket takes more; it returns an empty slice at the end. */
void pg_lease_copy(struct pg_lease *l, const char *sql, struct slice (*source)(void *arg), pg_cb *cb, void *arg);
void pg_lease_release(struct pg_lease *l); /* the connection is reset (ROLLBACK if in a transaction, DISCARD otherwise) and goes back */

/* --- LISTEN on a connection of its own --- */
/* `cb` gets each notification; after a reconnect it gets channel with payload == NULL once ("you may have missed some"). */
void pg_listen(struct pg_pool *p, const char *channel, void (*cb)(void *arg, const char *channel, const char *payload), void *arg);

#endif
