/* store/api_key.c - see api_key.h. */
#include "store/api_key.h"

#include "base/mem.h"
#include "queries.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define BODY_LEN (API_KEY_LEN - 7) /* all but "_" and the checksum */

static void checksum(const char *body, char out[7])
{
    unsigned long crc = crc32(0, (const unsigned char *)body, BODY_LEN);
    snprintf(out, 7, "%06lx", crc & 0xffffff);
}

void api_key_make(char text[API_KEY_LEN + 1])
{
    memcpy(text, "msp_", 4);
    crypto_token(text + 4, API_KEY_PREFIX_LEN);
    text[4 + API_KEY_PREFIX_LEN] = '_';
    crypto_token(text + 5 + API_KEY_PREFIX_LEN, 32);
    text[BODY_LEN] = '_';
    checksum(text, text + BODY_LEN + 1);
}

bool api_key_well_formed(struct slice text)
{
    char sum[7];
    if (text.n != API_KEY_LEN || !slice_starts(text, SLICE("msp_")) || text.p[BODY_LEN] != '_')
        return false;
    checksum(text.p, sum);
    return memcmp(sum, text.p + BODY_LEN + 1, 6) == 0;
}

struct create_op {
    api_key_created_cb *cb;
    void *arg;
    char text[API_KEY_LEN + 1];
};

static void on_created(void *arg, const struct pg_reply *r)
{
    struct create_op op = *(struct create_op *)arg;
    crypto_wipe(arg, sizeof op);
    free(arg);
    const struct err *e = pg_reply_err(r);
    struct err why = {0};
    if (e && strcmp(pg_reply_sqlstate(r), "23514") == 0) {
        err_set(&why, ERR_INPUT, "a key's role is viewer, operator, admin or platform");
        e = &why;
    } else if (e && strcmp(pg_reply_sqlstate(r), "23503") == 0) {
        err_set(&why, ERR_NOT_FOUND, "there is no such tenant");
        e = &why;
    }
    op.cb(op.arg, e ? 0 : pg_i64(r, 0, 0, 0), e ? SLICE_NONE : slice_of(op.text, API_KEY_LEN), e);
    crypto_wipe(&op, sizeof op);
}

void api_key_create(struct pg_pool *db, int64_t tenant_id, struct slice name, struct slice role, usec_t expires_at,
                    api_key_created_cb *cb, void *arg)
{
    struct create_op *op = NEW(struct create_op);
    op->cb = cb;
    op->arg = arg;
    api_key_make(op->text);
    struct slice text = slice_of(op->text, API_KEY_LEN);
    uint8_t hash[SHA256_LEN];
    crypto_sha256(text, hash);

    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_API_KEY_CREATE);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, name);
    pg_p_text(s, slice_of(text.p + 4, API_KEY_PREFIX_LEN));
    pg_p_bytea(s, slice_of((const char *)hash, sizeof hash));
    pg_p_text(s, role);
    pg_p_time(s, expires_at);
    pg_submit(s, on_created, op);
}

void api_key_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_API_KEY_LIST);
    pg_p_i64(s, q->tenant_id);
    if (q->key.p)
        pg_p_i64(s, q->id);
    else
        pg_p_null(s);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

struct revoke_op {
    api_key_cb *cb;
    void *arg;
};

static void on_revoked(void *arg, const struct pg_reply *r)
{
    struct revoke_op op = *(struct revoke_op *)arg;
    free(arg);
    struct err none = {0};
    err_set(&none, ERR_NOT_FOUND, "there is no such API key");
    if (pg_reply_err(r))
        op.cb(op.arg, pg_reply_err(r));
    else
        op.cb(op.arg, pg_nrows(r, 0) ? NULL : &none);
}

void api_key_revoke(struct pg_pool *db, int64_t tenant_id, int64_t api_key_id, api_key_cb *cb, void *arg)
{
    struct revoke_op *op = NEW(struct revoke_op);
    *op = (struct revoke_op){cb, arg};
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_API_KEY_REVOKE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, api_key_id);
    pg_submit(s, on_revoked, op);
}

unsigned api_key_add_find(struct pg_seg *s, const uint8_t hash[SHA256_LEN])
{
    unsigned stmt = pg_add(s, &Q_API_KEY_FIND);
    pg_p_bytea(s, slice_of((const char *)hash, SHA256_LEN));
    return stmt;
}

void api_key_read(const struct pg_reply *r, unsigned stmt, struct api_key_row *ret)
{
    *ret = (struct api_key_row){
        .tenant_id = pg_i64(r, stmt, 0, 0),
        .api_key_id = pg_i64(r, stmt, 0, 1),
        .role = pg_text(r, stmt, 0, 2),
        .prefix = pg_text(r, stmt, 0, 3),
        .expires_at = pg_time(r, stmt, 0, 4),
    };
}

unsigned api_key_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *key,
                           const struct pg_array *used_at)
{
    unsigned stmt = pg_add(s, &Q_API_KEY_TOUCH);
    pg_p_array(s, tenant);
    pg_p_array(s, key);
    pg_p_array(s, used_at);
    return stmt;
}
