/* hub/account.c - see account.h.
 * Steps:  READ (the account as it is) -> check what was given (the old password on the worker) -> WRITE (guarded by what was read; the
 *         session's renewal is in the same transaction, and does nothing when the guard did not hold) -> callback.
 * Owns:   one op a call. */
#include "hub/account.h"

#include "base/mem.h"
#include "base/totp.h"
#include "hub/hashing.h"
#include "store/user.h"

#include <stdlib.h>

#define ISSUER SLICE("msphub")

struct op;
typedef void step_fn(struct op *op, const struct user_account *account);

struct op {
    struct hub *h;
    struct session session;
    char *actor_name, *address, *request_id;
    struct audit_actor by;
    step_fn *next;                 /* after READ */
    void (*proved)(struct op *op); /* once the password that was given is found right */
    struct secret *given, *fresh;
    char *old_hash, *email;
    struct str secret, uri;
    char codes[ACCOUNT_RECOVERY_CODES][SIGN_IN_RECOVERY_LEN + 1];
    size_t ncodes;
    unsigned renewal; /* statement */
    bool by_recovery; /* whether that code is right, only the write finds out */
    account_cb *cb;
    void *arg;
};

static void wipe_str(struct str *s)
{
    crypto_wipe(s->p, s->n);
    str_release(s);
}

static void op_end(struct op *op, const struct err *e)
{
    account_cb *cb = op->cb;
    void *arg = op->arg;
    const struct account_result r = {
        .session = &op->session,
        .secret = str_slice(&op->secret),
        .uri = str_slice(&op->uri),
        .codes = (const char(*)[SIGN_IN_RECOVERY_LEN + 1]) op->codes,
        .ncodes = op->ncodes,
    };
    cb(arg, e ? NULL : &r, e); /* it may look at the op's own, so the op goes after it; nobody else knows it */
    free(op->actor_name);
    free(op->address);
    free(op->request_id);
    free(op->old_hash);
    free(op->email);
    secret_free(op->given);
    secret_free(op->fresh);
    wipe_str(&op->secret);
    wipe_str(&op->uri);
    crypto_wipe(op, sizeof(*op));
    free(op);
}

static void op_fail(struct op *op, enum err_code code, const char *why)
{
    struct err e = {0};
    err_set(&e, code, "%s", why);
    op_end(op, &e);
}

/* --- reading, and writing --- */

static void on_account(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    if (pg_reply_err(r)) {
        op_end(op, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 0) == 0) {
        op_fail(op, ERR_AUTH, "this user is gone or disabled");
        return;
    }
    struct user_account account;
    user_account_read(r, 0, &account);
    op->next(op, &account);
}

static char *copy(struct slice s)
{
    return s.p ? mem_strndup(s.p, s.n) : NULL;
}

static void start(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice given,
                  struct slice fresh, step_fn *next, account_cb *cb, void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){
        .h = h,
        .session = *s,
        .actor_name = copy(by->name),
        .address = copy(by->address),
        .request_id = copy(by->request_id),
        .by = *by,
        .given = secret_new(given),
        .fresh = secret_new(fresh),
        .next = next,
        .cb = cb,
        .arg = arg,
    };
    op->by.name = slice_cstr(op->actor_name);
    op->by.address = slice_cstr(op->address);
    op->by.request_id = slice_cstr(op->request_id);
    struct pg_seg *seg = pg_seg_new(h->db, s->who.home_id);
    user_add_account(seg, s->who.home_id, s->who.user_id);
    pg_submit(seg, on_account, op);
}

static bool try_once(struct op *op)
{
    return sign_in_try(op->h, op->session.who.home_id, op->session.who.user_id);
}

static void try_back(struct op *op)
{
    sign_in_try_back(op->h, op->session.who.home_id, op->session.who.user_id);
}

static void too_many(struct op *op)
{
    op_fail(op, ERR_THROTTLED, "too many wrong passwords or codes; wait some minutes");
}

static struct pg_seg *begin(struct op *op)
{
    struct pg_seg *seg = pg_seg_new(op->h->db, op->session.who.home_id);
    audit_by(seg, &op->by);
    return seg;
}

static void on_changed(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    const struct access_identity *who = &op->session.who;
    const struct err *e = pg_reply_err(r);
    if (e) {
        op_end(op, e);
        return;
    }
    if (pg_nrows(r, op->renewal) == 0 && op->by_recovery) {
        op_fail(op, ERR_FORBIDDEN, "this recovery code is wrong, or was used before");
        return;
    }
    if (pg_nrows(r, op->renewal) == 0) {
        op_fail(op, ERR_CONFLICT, "this was changed meanwhile; try again");
        return;
    }
    if (op->by_recovery)
        try_back(op);
    session_forget(op->h, who->home_id, who->user_id, 0);
    op->session.must_change_password = false;
    op_end(op, NULL);
}

/* The change is in the segment; the session's renewal follows it. */
static void change(struct op *op, struct pg_seg *seg)
{
    op->renewal = session_add_renewal(seg, &op->session);
    pg_submit(seg, on_changed, op);
}

/* --- the password, to prove who asks --- */

static void on_verified(void *arg, const struct hashing_result *r, const struct err *e)
{
    struct op *op = arg;
    if (e || r->right)
        try_back(op);
    if (e)
        op_end(op, e);
    else if (!r->right)
        op_fail(op, ERR_FORBIDDEN, "the password is wrong");
    else
        op->proved(op);
}

static void prove(struct op *op, const struct user_account *account, void (*proved)(struct op *op))
{
    if (!try_once(op)) {
        too_many(op);
        return;
    }
    op->proved = proved;
    op->old_hash = copy(account->password_hash);
    op->email = copy(account->email);
    hashing_verify(op->h, secret_text(op->given), account->password_hash, on_verified, op);
}

/* --- another password --- */

static void on_made(void *arg, const struct hashing_result *r, const struct err *e)
{
    struct op *op = arg;
    if (e) {
        op_end(op, e);
        return;
    }
    struct pg_seg *seg = begin(op);
    user_add_set_password(seg, op->session.who.home_id, op->session.who.user_id, slice_cstr(op->old_hash), r->fresh);
    change(op, seg);
}

static void make_password(struct op *op)
{
    hashing_make(op->h, secret_text(op->fresh), on_made, op);
}

static void verify_old(struct op *op, const struct user_account *account)
{
    if (account->password_hash.p)
        prove(op, account, make_password);
    else
        op_fail(op, ERR_CONFLICT, "this user has no password; it signs in through an identity provider");
}

void account_change_password(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice old,
                             struct slice fresh, account_cb *cb, void *arg)
{
    start(h, s, by, old, fresh, verify_old, cb, arg);
}

/* --- a second factor --- */

static void on_begun(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    if (pg_reply_err(r))
        op_end(op, pg_reply_err(r));
    else if (pg_affected(r, 0) == 0)
        op_fail(op, ERR_CONFLICT, "a second factor is in use; remove it first, with a code of it");
    else
        op_end(op, NULL);
}

static void make_secret(struct op *op)
{
    const struct access_identity *who = &op->session.who;
    char context[USER_TOTP_CONTEXT_MAX];
    uint8_t key[TOTP_KEY_LEN] = {0};
    struct slice bytes = slice_of((const char *)key, sizeof(key));
    _cleanup_(str_release) struct str sealed = {0};
    struct err e = {0};
    crypto_random(key, sizeof(key));
    bool good = seal(op->h->keyring, bytes, user_totp_context(context, who->home_id, who->user_id), &sealed, &e);
    if (good) {
        str_add_base32(&op->secret, bytes);
        totp_add_uri(&op->uri, ISSUER, slice_cstr(op->email), bytes);
    }
    crypto_wipe(key, sizeof(key));
    if (!good) {
        op_end(op, &e);
        return;
    }
    struct pg_seg *seg = begin(op);
    user_add_totp_begin(seg, who->home_id, who->user_id, str_slice(&sealed));
    pg_submit(seg, on_begun, op);
}

/* Who finds an open session must not be able to lock its owner out with a second factor of their own. */
static void verify_before_secret(struct op *op, const struct user_account *account)
{
    if (account->totp_confirmed)
        op_fail(op, ERR_CONFLICT, "a second factor is in use; remove it first, with a code of it");
    else if (account->password_hash.p)
        prove(op, account, make_secret);
    else
        op_fail(op, ERR_CONFLICT,
                "codes are asked for beside a password, and this user has none; its identity "
                "provider asks for a second factor");
}

void account_totp_begin(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice password,
                        account_cb *cb, void *arg)
{
    start(h, s, by, password, SLICE_NONE, verify_before_secret, cb, arg);
}

static bool code_right(struct op *op, const struct user_account *account, int64_t *ret_step, struct err *e)
{
    const struct access_identity *who = &op->session.who;
    char context[USER_TOTP_CONTEXT_MAX];
    _cleanup_(secret_freep) struct secret *key = NULL;
    if (!unseal(op->h->keyring, account->totp_secret, user_totp_context(context, who->home_id, who->user_id), &key, e))
        return false;
    return totp_check(secret_text(key), slice_trim(secret_text(op->given)), loop_wall(op->h->loop),
                      account->totp_last_step, ret_step) ||
           err_set(e, ERR_FORBIDDEN, "this code is wrong, or was used before; wait for the next one");
}

static void confirm(struct op *op, const struct user_account *account)
{
    int64_t step = -1;
    struct err e = {0};
    if (!account->totp_secret.p || account->totp_confirmed) {
        op_fail(op, ERR_CONFLICT, "no second factor waits to be confirmed; POST /api/v1/session/totp begins one");
        return;
    }
    if (!try_once(op)) {
        too_many(op);
        return;
    }
    if (!code_right(op, account, &step, &e)) {
        op_end(op, &e);
        return;
    }
    try_back(op);
    struct pg_array hashes;
    pg_array_init(&hashes, PG_BYTEA);
    for (; op->ncodes < ACCOUNT_RECOVERY_CODES; op->ncodes++) {
        uint8_t hash[SHA256_LEN];
        sign_in_recovery_make(op->codes[op->ncodes]);
        sign_in_recovery_hash(slice_cstr(op->codes[op->ncodes]), hash);
        pg_array_text(&hashes, slice_of((const char *)hash, sizeof(hash)));
    }
    struct pg_seg *seg = begin(op);
    user_add_totp_confirm(seg, op->session.who.home_id, op->session.who.user_id, account->totp_secret, step, &hashes);
    pg_array_release(&hashes);
    change(op, seg);
}

void account_totp_confirm(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice code,
                          account_cb *cb, void *arg)
{
    start(h, s, by, code, SLICE_NONE, confirm, cb, arg);
}

static void remove_factor(struct op *op, const struct user_account *account)
{
    int64_t step = -1;
    uint8_t hash[SHA256_LEN];
    struct err e = {0};
    op->by_recovery = sign_in_recovery_hash(secret_text(op->given), hash);
    if (!account->totp_confirmed) {
        op_fail(op, ERR_CONFLICT, "no second factor is in use");
        return;
    }
    if (!try_once(op)) {
        too_many(op);
        return;
    }
    if (!op->by_recovery && !code_right(op, account, &step, &e)) {
        op_end(op, &e);
        return;
    }
    if (!op->by_recovery)
        try_back(op);
    struct pg_seg *seg = begin(op);
    user_add_totp_remove(seg, op->session.who.home_id, op->session.who.user_id, account->totp_secret, step,
                         op->by_recovery ? hash : NULL);
    change(op, seg);
}

void account_totp_remove(struct hub *h, const struct session *s, const struct audit_actor *by, struct slice code,
                         account_cb *cb, void *arg)
{
    start(h, s, by, code, SLICE_NONE, remove_factor, cb, arg);
}
