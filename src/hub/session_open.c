/* hub/session_open.c - see session.h: sessions begin, change, end. */
#include "hub/session_internal.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define USER_AGENT_MAX 256

static void token_make(char token[SESSION_TOKEN_LEN + 1], char csrf[SESSION_CSRF_LEN + 1], uint8_t hash[SHA256_LEN])
{
    crypto_token(token, SESSION_TOKEN_LEN);
    crypto_token(csrf, SESSION_CSRF_LEN);
    crypto_sha256(slice_of(token, SESSION_TOKEN_LEN), hash);
}

/* --- opening --- */

struct open_op {
    struct session session;
    session_cb *cb;
    void *arg;
};

static void open_end(struct open_op *op, const struct err *e)
{
    struct open_op copy = *op;
    crypto_wipe(op, sizeof(*op));
    free(op);
    copy.cb(copy.arg, e ? NULL : &copy.session, e);
    crypto_wipe(&copy, sizeof(copy));
}

static void on_opened(void *arg, const struct pg_reply *r)
{
    struct open_op *op = arg;
    struct session *s = &op->session;
    if (pg_reply_err(r)) {
        open_end(op, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 0) == 0) {
        struct err e = {0};
        err_set(&e, ERR_AUTH, "this user may not sign in now");
        open_end(op, &e);
        return;
    }
    s->session_id = pg_i64(r, 0, 0, 0);
    s->expires_at = pg_time(r, 0, 0, 1);
    s->who = session_identity(s->who.home_id, s->who.user_id, pg_text(r, 0, 0, 2), pg_text(r, 0, 0, 3));
    s->must_change_password = pg_bool(r, 0, 0, 4);
    open_end(op, NULL);
}

void session_open(struct hub *h, const struct session_opening *o, session_cb *cb, void *arg)
{
    struct open_op *op = NEW(struct open_op);
    uint8_t hash[SHA256_LEN];
    op->cb = cb;
    op->arg = arg;
    op->session.who.home_id = o->tenant_id;
    op->session.who.user_id = o->user_id;
    token_make(op->session.fresh, op->session.csrf, hash);

    struct slice sent = slice_of(o->user_agent.p, MIN(o->user_agent.n, USER_AGENT_MAX));
    char agent[3 * USER_AGENT_MAX];
    struct slice user_agent = utf8_cut(slice_of(agent, utf8_repair(sent, agent)), USER_AGENT_MAX);
    const struct audit_actor by = {
        .kind = "session",
        .id = o->user_id,
        .name = o->email,
        .address = o->address,
        .request_id = o->request_id,
    };
    struct pg_seg *seg = pg_seg_new(h->db, o->tenant_id);
    audit_by(seg, &by);
    session_add_open(seg, &(struct session_new){
                              .tenant_id = o->tenant_id,
                              .user_id = o->user_id,
                              .method = o->method,
                              .hash = hash,
                              .csrf_token = slice_of(op->session.csrf, SESSION_CSRF_LEN),
                              .address = o->address,
                              .user_agent = o->user_agent.p ? user_agent : SLICE_NONE,
                              .lifetime = h->options->session_lifetime,
                              .max_sessions = h->options->session_max_per_user,
                              .totp_step = o->second_factor ? o->totp_step : -1,
                              .recovery_hash = o->second_factor ? o->recovery_hash : NULL,
                              .device_hash = o->device_hash,
                              .device_known = o->device_known,
                          });
    pg_submit(seg, on_opened, op);
}

/* --- changing --- */

unsigned session_add_renewal(struct pg_seg *seg, struct session *s)
{
    uint8_t hash[SHA256_LEN];
    token_make(s->fresh, s->csrf, hash);
    return session_add_renew(seg, s->who.home_id, s->who.user_id, s->session_id, hash,
                             slice_of(s->csrf, SESSION_CSRF_LEN));
}

/* --- ending --- */

struct close_op {
    struct hub *h;
    int64_t tenant_id, user_id, session_id; /* session_id 0: others */
    session_closed_cb *cb;
    void *arg;
};

static void on_closed(void *arg, const struct pg_reply *r)
{
    struct close_op op = *(struct close_op *)arg;
    free(arg);
    struct err none = {0};
    const struct err *e = pg_reply_err(r);
    if (!e && op.session_id && pg_nrows(r, 0) == 0) {
        err_set(&none, ERR_NOT_FOUND, "there is no such session");
        e = &none;
    }
    /* Whether it was committed may be unknown: forgetting costs a query, remembering would cost more. */
    if (!e || e->code != ERR_CANCELED)
        session_forget(op.h, op.tenant_id, op.user_id, op.session_id);
    op.cb(op.arg, e);
}

static struct close_op *close_op_new(struct hub *h, int64_t tenant_id, int64_t user_id, int64_t session_id,
                                     session_closed_cb *cb, void *arg)
{
    struct close_op *op = NEW(struct close_op);
    *op = (struct close_op){h, tenant_id, user_id, session_id, cb, arg};
    return op;
}

void session_close(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t user_id, int64_t session_id,
                   session_closed_cb *cb, void *arg)
{
    struct pg_seg *seg = pg_seg_new(h->db, tenant_id);
    audit_by(seg, by);
    session_add_close(seg, tenant_id, user_id, session_id);
    pg_submit(seg, on_closed, close_op_new(h, tenant_id, user_id, session_id, cb, arg));
}

void session_close_others(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t user_id, int64_t but,
                          session_closed_cb *cb, void *arg)
{
    struct pg_seg *seg = pg_seg_new(h->db, tenant_id);
    audit_by(seg, by);
    session_add_close_all(seg, tenant_id, user_id, but);
    pg_submit(seg, on_closed, close_op_new(h, tenant_id, user_id, 0, cb, arg));
}
