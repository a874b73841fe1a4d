/* store/idempotency.c - see idempotency.h. */
#include "store/idempotency.h"

#include "queries.h"

static void name_params(struct pg_seg *s, const struct idempotency_name *n)
{
    pg_p_i64(s, n->tenant_id);
    pg_p_text(s, n->owner);
    pg_p_text(s, n->key);
}

unsigned idempotency_add_take(struct pg_seg *s, const struct idempotency_name *n, const uint8_t request[SHA256_LEN],
                              usec_t lease, usec_t lifetime)
{
    struct slice hash = slice_of((const char *)request, SHA256_LEN);
    pg_add(s, &Q_IDEMPOTENCY_TAKE);
    name_params(s, n);
    pg_p_bytea(s, hash);
    pg_p_text(s, n->holder);
    pg_p_i64(s, lease);
    pg_p_i64(s, lifetime);
    unsigned stmt = pg_add(s, &Q_IDEMPOTENCY_LOOK);
    name_params(s, n);
    pg_p_bytea(s, hash);
    pg_p_text(s, n->holder);
    return stmt;
}

void idempotency_read(const struct pg_reply *r, unsigned stmt, struct idempotency_row *ret)
{
    usec_t lease_until = pg_time(r, stmt, 0, 3);
    *ret = (struct idempotency_row){
        .id = pg_i64(r, stmt, 0, 0),
        .mine = pg_bool(r, stmt, 0, 1),
        .same = pg_bool(r, stmt, 0, 2),
        .answered = lease_until == USEC_NONE,
        .lease_until = lease_until,
        .status = (int)pg_i64(r, stmt, 0, 4),
        .etag = pg_text(r, stmt, 0, 5),
        .location = pg_text(r, stmt, 0, 6),
        .answer = pg_text(r, stmt, 0, 7),
        .sealed = pg_text(r, stmt, 0, 8),
        .withheld = pg_bool(r, stmt, 0, 9),
    };
}

unsigned idempotency_add_answer(struct pg_seg *s, const struct idempotency_name *n, const struct idempotency_answer *a)
{
    unsigned stmt = pg_add(s, &Q_IDEMPOTENCY_ANSWER);
    name_params(s, n);
    pg_p_text(s, n->holder);
    pg_p_i64(s, a->status);
    pg_p_text(s, a->etag);
    pg_p_text(s, a->location);
    pg_p_text(s, a->answer);
    pg_p_text(s, a->sealed);
    pg_p_bool(s, a->withheld);
    return stmt;
}

unsigned idempotency_add_drop(struct pg_seg *s, const struct idempotency_name *n)
{
    unsigned stmt = pg_add(s, &Q_IDEMPOTENCY_DROP);
    name_params(s, n);
    pg_p_text(s, n->holder);
    return stmt;
}

void idempotency_add_purge(struct pg_seg *s, int64_t rows, int64_t max)
{
    pg_add(s, &Q_IDEMPOTENCY_PURGE);
    pg_p_i64(s, rows);
    pg_add(s, &Q_IDEMPOTENCY_TRIM);
    pg_p_i64(s, max);
}
