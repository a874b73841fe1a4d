/* store/session.c - see session.h. */
#include "store/session.h"

#include "queries.h"

static void p_hash(struct pg_seg *s, const uint8_t *hash)
{
    pg_p_bytea(s, hash ? slice_of((const char *)hash, SHA256_LEN) : SLICE_NONE);
}

unsigned session_add_open(struct pg_seg *s, const struct session_new *n)
{
    unsigned stmt = pg_add(s, &Q_SESSION_OPEN);
    pg_p_i64(s, n->tenant_id);
    pg_p_i64(s, n->user_id);
    pg_p_str(s, n->method);
    p_hash(s, n->hash);
    pg_p_text(s, n->csrf_token);
    pg_p_text(s, n->address);
    pg_p_text(s, n->user_agent);
    pg_p_i64(s, n->lifetime);
    if (n->totp_step < 0)
        pg_p_null(s);
    else
        pg_p_i64(s, n->totp_step);
    p_hash(s, n->recovery_hash);
    pg_p_i64(s, n->max_sessions);
    p_hash(s, n->device_hash);
    pg_p_bool(s, n->device_known);
    return stmt;
}

unsigned session_add_find(struct pg_seg *s, const uint8_t hash[SHA256_LEN], usec_t idle)
{
    unsigned stmt = pg_add(s, &Q_SESSION_FIND);
    p_hash(s, hash);
    pg_p_i64(s, idle);
    return stmt;
}

void session_row_read(const struct pg_reply *r, unsigned stmt, struct session_row *ret)
{
    *ret = (struct session_row){
        .tenant_id = pg_i64(r, stmt, 0, 0),
        .session_id = pg_i64(r, stmt, 0, 1),
        .user_id = pg_i64(r, stmt, 0, 2),
        .role = pg_text(r, stmt, 0, 3),
        .email = pg_text(r, stmt, 0, 4),
        .must_change_password = pg_bool(r, stmt, 0, 5),
        .csrf_token = pg_text(r, stmt, 0, 6),
        .expires_at = pg_time(r, stmt, 0, 7),
        .last_seen_at = pg_time(r, stmt, 0, 8),
        .made_at = pg_time(r, stmt, 0, 9),
        .valid_until = pg_time(r, stmt, 0, 10),
        .first_use = pg_bool(r, stmt, 0, 11),
    };
}

unsigned session_add_settle(struct pg_seg *s, const uint8_t hash[SHA256_LEN], usec_t grace)
{
    unsigned stmt = pg_add(s, &Q_SESSION_SETTLE);
    p_hash(s, hash);
    pg_p_i64(s, grace);
    return stmt;
}

unsigned session_add_rotate(struct pg_seg *s, int64_t tenant_id, int64_t session_id, const uint8_t hash[SHA256_LEN],
                            usec_t grace)
{
    unsigned stmt = pg_add(s, &Q_SESSION_ROTATE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, session_id);
    p_hash(s, hash);
    pg_p_i64(s, grace);
    return stmt;
}

unsigned session_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *session,
                           const struct pg_array *seen_at)
{
    unsigned stmt = pg_add(s, &Q_SESSION_TOUCH);
    pg_p_array(s, tenant);
    pg_p_array(s, session);
    pg_p_array(s, seen_at);
    return stmt;
}

unsigned session_add_renew(struct pg_seg *s, int64_t tenant_id, int64_t user_id, int64_t session_id,
                           const uint8_t hash[SHA256_LEN], struct slice csrf_token)
{
    unsigned stmt = pg_add(s, &Q_SESSION_RENEW);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, user_id);
    pg_p_i64(s, session_id);
    p_hash(s, hash);
    pg_p_text(s, csrf_token);
    return stmt;
}

unsigned session_add_close(struct pg_seg *s, int64_t tenant_id, int64_t user_id, int64_t session_id)
{
    unsigned stmt = pg_add(s, &Q_SESSION_CLOSE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, user_id);
    pg_p_i64(s, session_id);
    return stmt;
}

unsigned session_add_close_all(struct pg_seg *s, int64_t tenant_id, int64_t user_id, int64_t but)
{
    unsigned stmt = pg_add(s, &Q_SESSION_CLOSE_ALL);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, user_id);
    pg_p_i64(s, but);
    return stmt;
}

unsigned session_add_who(struct pg_seg *s, int64_t tenant_id, int64_t home_id, int64_t user_id)
{
    unsigned stmt = pg_add(s, &Q_SESSION_WHO);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, home_id);
    pg_p_i64(s, user_id);
    return stmt;
}

unsigned session_add_purge(struct pg_seg *s, usec_t idle, int64_t most)
{
    unsigned stmt = pg_add(s, &Q_SESSION_PURGE);
    pg_p_i64(s, idle);
    pg_p_i64(s, most);
    return stmt;
}

void session_list(struct pg_pool *db, const struct page_request *q, int64_t user_id, int64_t current, usec_t idle,
                  page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_SESSION_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, user_id);
    pg_p_i64(s, current);
    pg_p_i64(s, idle);
    if (q->key.p)
        pg_p_i64(s, q->id);
    else
        pg_p_null(s);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}
