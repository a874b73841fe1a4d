/* pg.h - PostgreSQL: a pool of libpq connections in pipeline mode.
 * Words:  a segment is a list of statements that runs as one transaction (one pipeline up to one Sync): all of it is
 *         committed, or none of it. Statements are named queries (schema/queries/NAME.sql, embedded), prepared on
 *         first use per connection.
 * Owns:   connections, queued segments.
 * Always: exactly one callback per segment, never from inside pg_submit or pg_cancel but at the end of a turn, also on
 *         cancel, timeout and shutdown; a segment whose connection was lost has an unknown outcome (ERR_UNAVAILABLE,
 *         pg_reply_unknown), so writes must be idempotent; one that certainly was not committed (its last byte had not
 *         left, its prepared statement was out of date, it was hit by another one's cancel) is sent again by itself; a
 *         connection that dies is made again with backoff; no call here blocks. Segments run in parallel: no order
 *         holds between two of them. */
#ifndef MSPHUB_REACTOR_PG_H
#define MSPHUB_REACTOR_PG_H

#include "base/err.h"
#include "base/json_write.h"
#include "base/str.h"
#include "reactor/loop.h"

struct pg_pool;
struct pg_seg;

struct pg_options {         /* 0 takes the default in brackets */
    const char *conninfo;   /* libpq keywords or URI */
    unsigned connections;   /* [4] */
    unsigned max_inflight;  /* segments sent ahead on one connection [8] */
    unsigned max_queue;     /* segments waiting; past it pg_submit ends them with ERR_LIMIT [10000] */
    usec_t timeout;         /* per segment, waiting included, unless it names one [30 s]; also sets statement_timeout */
    usec_t connect_timeout; /* [5 s] */
    bool unnamed_only;      /* for transaction poolers that cannot keep prepared statements */
    const char *application_name; /* [msphub] */
};

/* A named query, made at build time from schema/queries: extern const struct pg_query Q_<FILE>_<NAME>. */
struct pg_query {
    const char *name; /* "asset.list": file and name, also the prepared statement's name */
    const char *sql;
    uint16_t nparams;
};

struct pg_pool *pg_pool_new(struct loop *l, const struct pg_options *o, struct metrics *m);
/* Ends what is left with ERR_CANCELED, callbacks run inside (and what they submit ends likewise). Not from a callback. */
void pg_pool_free(struct pg_pool *p);
bool pg_pool_up(const struct pg_pool *p);                                  /* at least one connection is ready */
void pg_pool_drain(struct pg_pool *p, void (*done)(void *arg), void *arg); /* done when nothing is queued or running */

/* --- building a segment --- */
/* `tenant` > 0: the segment starts with set_config('msphub.tenant', …, true), which row-level security reads; PG_ALL_TENANTS
 * opens all rows (workers that serve every tenant); PG_NO_TENANT sets nothing. */
#define PG_ALL_TENANTS (-1)
#define PG_NO_TENANT   0
struct pg_seg *pg_seg_new(struct pg_pool *p, int64_t tenant);
/* Who makes the changes of this transaction: a JSON object, the setting msphub.actor, which audit triggers read. Before the
 * first pg_add, for segments with a tenant. Copied. */
void pg_seg_actor(struct pg_seg *s, struct slice json);
void pg_seg_free(struct pg_seg *s); /* only when it was not submitted */
void pg_seg_timeout(struct pg_seg *s, usec_t timeout);
/* Adds a statement; its parameters follow by pg_p_* in order $1, $2, … exactly nparams of them. Returns its index. */
unsigned pg_add(struct pg_seg *s, const struct pg_query *q);
unsigned pg_seg_length(const struct pg_seg *s); /* the index that the next statement will have */
void pg_p_null(struct pg_seg *s);
/* Text goes without a type: the statement decides what it is (text, uuid, inet, an enum …; `$1::text` where nothing tells).
 * .p == NULL: null. Not checked: must be storable UTF-8. */
void pg_p_text(struct pg_seg *s, struct slice v);
void pg_p_str(struct pg_seg *s, const char *v);
void pg_p_i64(struct pg_seg *s, int64_t v); /* binary int8 */
void pg_p_i32(struct pg_seg *s, int32_t v); /* binary int4 */
void pg_p_bool(struct pg_seg *s, bool v);
void pg_p_time(struct pg_seg *s, usec_t v); /* binary timestamptz; USEC_NONE: null */
void pg_p_bytea(struct pg_seg *s, struct slice v);
void pg_p_jsonb(struct pg_seg *s, struct slice v);

/* Arrays for unnest, built in binary. An array is zero-initialised, filled, given to pg_p_array (which copies) and released. */
enum pg_type {
    PG_BOOL = 16,
    PG_BYTEA = 17,
    PG_INT8 = 20,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_FLOAT8 = 701,
    PG_TIMESTAMPTZ = 1184,
    PG_JSONB = 3802
};
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
/* Not sent yet: ends with ERR_CANCELED. Sent: its outcome is awaited (a commit cannot be taken back) but the server is asked
 * to cancel. Also for the ref of pg_lease_get. */
void pg_cancel(struct pg_pool *p, struct ref r);

/* --- the reply, valid in the callback --- */
/* NULL: committed. Else CONFLICT (unique, foreign key), DATA (bad value, check, not null), FORBIDDEN (privilege, row-level
 * security), UNAVAILABLE (no or lost connection, deadlock, server shutting down: the next attempt may work), TIMEOUT,
 * CANCELED, LIMIT (queue full), INTERNAL (the statement is wrong). The sentence names query and constraint, never the row. */
const struct err *pg_reply_err(const struct pg_reply *r);
/* Sent, and then the connection was lost or the deadline passed: may or may not be committed. False: certainly not (or err is NULL). */
bool pg_reply_unknown(const struct pg_reply *r);
const char *pg_reply_sqlstate(const struct pg_reply *r); /* "" when none */
unsigned pg_reply_failed(const struct pg_reply *r);      /* index of the statement that failed */
size_t pg_nrows(const struct pg_reply *r, unsigned stmt);
int64_t pg_affected(const struct pg_reply *r, unsigned stmt);
/* Columns by position, from 0. Results travel in binary, so each type has its reader, and a column of another type is an assert:
 * cast in SQL (`::text` for uuid, inet, numeric, arrays …; `::bigint` for sum(bigint), which is numeric). */
bool pg_is_null(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
/* text, varchar, char, name, enum, json, jsonb, xml; bytea as its raw bytes. Null: SLICE_NONE. NUL-terminated. */
struct slice pg_text(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
int64_t pg_i64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col); /* int2, int4, int8, oid; null: 0 */
bool pg_bool(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
/* timestamptz, timestamp (as UTC). Null and -infinity: USEC_NONE; infinity: INT64_MAX. */
usec_t pg_time(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col);
double pg_f64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col); /* float4, float8; null: 0 */
unsigned pg_ncols(const struct pg_reply *r, unsigned stmt);
/* A row's columns first … last as members of the open object: named as the columns are, json and jsonb as they are, times as ISO
 * text, null as null. Much faster than json_build_object, which looks up how to print each value of each row. */
void pg_row_json(const struct pg_reply *r, unsigned stmt, size_t row, unsigned first, unsigned last, struct jw *w);

/* --- a leased connection, for work that is more than one segment (advisory locks, COPY, DDL) --- */
/* At most all connections but one are lent out (one, if there is but one): segments go on meanwhile. */
struct pg_lease;
typedef void pg_lease_cb(void *arg, struct pg_lease *lease, const struct err *e); /* lease is NULL on error */
struct ref pg_lease_get(struct pg_pool *p, usec_t timeout, pg_lease_cb *cb, void *arg);
/* Runs SQL text that may hold several statements (simple protocol, outside pipeline mode): migrations. */
void pg_lease_exec(struct pg_lease *l, struct slice sql, usec_t timeout, pg_cb *cb, void *arg);
/* A segment on this very connection. BEGIN and COMMIT are simple execs around them. */
void pg_lease_submit(struct pg_lease *l, struct pg_seg *s, pg_cb *cb, void *arg);
/* COPY … FROM STDIN: `source` is asked for the next piece whenever the socket takes more; it returns an empty slice at the end.
 * The deadline is the pool's, and starts again with each piece. */
void pg_lease_copy(struct pg_lease *l, const char *sql, struct slice (*source)(void *arg), pg_cb *cb, void *arg);
/* The connection is reset (ROLLBACK if in a transaction, then DISCARD ALL) and goes back; work still queued ends with
 * ERR_CANCELED, and if some is running the connection is dropped. Also after an error, and after pg_pool_free. */
void pg_lease_release(struct pg_lease *l);

/* --- LISTEN on a connection of its own --- */
/* `cb` gets each notification. Each time the LISTEN has come into force, first and after every reconnect, it gets payload == NULL
 * once: what was sent before may have been missed, what is sent from now on will be heard, so look at the table now. Not
 * through a pooler in transaction mode: nothing would ever arrive. */
void pg_listen(struct pg_pool *p, const char *channel, void (*cb)(void *arg, const char *channel, const char *payload),
               void *arg);
/* Is the LISTEN on this channel in force now? What was cached on its word is good only while it is. */
bool pg_listening(const struct pg_pool *p, const char *channel);

#endif
