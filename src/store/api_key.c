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

void api_key_make(struct slice prefix, char text[API_KEY_LEN + 1])
{
    memcpy(text, "msp_", 4);
    if (prefix.n == API_KEY_PREFIX_LEN)
        memcpy(text + 4, prefix.p, API_KEY_PREFIX_LEN);
    else
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

/* --- making and changing --- */

struct make_op {
    api_key_made_cb *cb;
    void *arg;
    const char *none;           /* what no row means */
    char text[API_KEY_LEN + 1]; /* "": no secret is made */
};

static struct make_op *make_op_new(const char *none, api_key_made_cb *cb, void *arg)
{
    struct make_op *op = NEW(struct make_op);
    op->cb = cb;
    op->arg = arg;
    op->none = none;
    return op;
}

static void on_made(void *arg, const struct pg_reply *r)
{
    struct make_op op = *(struct make_op *)arg;
    crypto_wipe(arg, sizeof op);
    free(arg);
    const struct err *e = pg_reply_err(r);
    struct err why = {0};
    if (e && strcmp(pg_reply_sqlstate(r), "23514") == 0) {
        err_set(&why, ERR_INPUT,
                "a key's role is viewer, operator or admin, and in the platform's own tenant platform");
        e = &why;
    } else if (e && strcmp(pg_reply_sqlstate(r), "23503") == 0) {
        err_set(&why, ERR_NOT_FOUND, "there is no such tenant");
        e = &why;
    } else if (!e && pg_nrows(r, 0) == 0) {
        err_set(&why, ERR_CONFLICT, "%s", op.none);
        e = &why;
    }
    struct api_key_made made = {0};
    if (!e)
        made = (struct api_key_made){.id = pg_i64(r, 0, 0, 0),
                                     .version = pg_i64(r, 0, 0, 1),
                                     .json = pg_text(r, 0, 0, 2),
                                     .text = *op.text ? slice_of(op.text, API_KEY_LEN) : SLICE_NONE};
    op.cb(op.arg, e ? NULL : &made, e);
    crypto_wipe(&op, sizeof op);
}

static void hash_param(struct pg_seg *s, const char *text)
{
    uint8_t hash[SHA256_LEN];
    crypto_sha256(slice_of(text, API_KEY_LEN), hash);
    pg_p_bytea(s, slice_of((const char *)hash, sizeof hash));
}

void api_key_create(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                    const struct api_key_settings *settings, api_key_made_cb *cb, void *arg)
{
    struct make_op *op = make_op_new("", cb, arg);
    api_key_make(SLICE_NONE, op->text);
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    pg_add(s, &Q_API_KEY_CREATE);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, settings->name);
    pg_p_text(s, slice_of(op->text + 4, API_KEY_PREFIX_LEN));
    hash_param(s, op->text);
    pg_p_text(s, settings->role);
    pg_p_time(s, settings->expires_at);
    pg_p_text(s, settings->scopes);
    pg_p_text(s, settings->addresses);
    pg_submit(s, on_made, op);
}

void api_key_update(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    int64_t version, const struct api_key_settings *settings, api_key_made_cb *cb, void *arg)
{
    struct make_op *op = make_op_new("the API key was changed or revoked meanwhile; read it again", cb, arg);
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    pg_add(s, &Q_API_KEY_UPDATE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, api_key_id);
    pg_p_i64(s, version);
    pg_p_text(s, settings->name);
    pg_p_time(s, settings->expires_at);
    pg_p_text(s, settings->scopes);
    pg_p_text(s, settings->addresses);
    pg_submit(s, on_made, op);
}

void api_key_rotate(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    int64_t version, struct slice prefix, usec_t overlap, api_key_made_cb *cb, void *arg)
{
    struct make_op *op =
        make_op_new("the API key was changed or revoked meanwhile, or has expired; read it again", cb, arg);
    api_key_make(prefix, op->text);
    struct audit_actor who;
    if (by) {
        who = *by;
        who.action = "api_key.rotated";
    }
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by ? &who : NULL);
    pg_add(s, &Q_API_KEY_ROTATE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, api_key_id);
    pg_p_i64(s, version);
    hash_param(s, op->text);
    pg_p_i64(s, overlap / USEC_PER_S);
    pg_submit(s, on_made, op);
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

void api_key_revoke(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    api_key_cb *cb, void *arg)
{
    struct revoke_op *op = NEW(struct revoke_op);
    *op = (struct revoke_op){cb, arg};
    struct audit_actor who;
    if (by) {
        who = *by;
        who.action = "api_key.revoked";
    }
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by ? &who : NULL);
    pg_add(s, &Q_API_KEY_REVOKE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, api_key_id);
    pg_submit(s, on_revoked, op);
}

/* --- reading --- */

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

struct get_op {
    api_key_get_cb *cb;
    void *arg;
};

static void on_got(void *arg, const struct pg_reply *r)
{
    struct get_op op = *(struct get_op *)arg;
    free(arg);
    struct err none = {0};
    if (pg_reply_err(r) || pg_nrows(r, 0) == 0) {
        err_set(&none, ERR_NOT_FOUND, "there is no such API key");
        op.cb(op.arg, NULL, pg_reply_err(r) ? pg_reply_err(r) : &none);
        return;
    }
    const struct api_key key = {
        .settings = {.name = pg_text(r, 0, 0, 1),
                     .role = pg_text(r, 0, 0, 3),
                     .expires_at = pg_time(r, 0, 0, 4),
                     .scopes = pg_text(r, 0, 0, 5),
                     .addresses = pg_text(r, 0, 0, 6)},
        .version = pg_i64(r, 0, 0, 0),
        .prefix = pg_text(r, 0, 0, 2),
        .revoked = pg_bool(r, 0, 0, 7),
        .expired = pg_bool(r, 0, 0, 8),
        .json = pg_text(r, 0, 0, 9),
    };
    op.cb(op.arg, &key, NULL);
}

void api_key_get(struct pg_pool *db, int64_t tenant_id, int64_t api_key_id, api_key_get_cb *cb, void *arg)
{
    struct get_op *op = NEW(struct get_op);
    *op = (struct get_op){cb, arg};
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_API_KEY_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, api_key_id);
    pg_submit(s, on_got, op);
}

/* --- for hub/access.c --- */

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
        .scopes = pg_text(r, stmt, 0, 5),
        .addresses = pg_text(r, stmt, 0, 6),
    };
}

unsigned api_key_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *key,
                           const struct pg_array *used_at, const struct pg_array *address)
{
    unsigned stmt = pg_add(s, &Q_API_KEY_TOUCH);
    pg_p_array(s, tenant);
    pg_p_array(s, key);
    pg_p_array(s, used_at);
    pg_p_array(s, address);
    return stmt;
}
