/* store/user.c - see user.h: sign-in and a user's own account. What admins do: user_admin.c. */
#include "store/user.h"

#include "base/utf8.h"
#include "queries.h"

#include <inttypes.h>
#include <stdio.h>

bool user_email_fold(struct slice given, char ret[USER_EMAIL_MAX + 1], struct err *e)
{
    struct slice host = given;
    struct slice local = slice_cut(&host, '@');
    bool good = given.n <= USER_EMAIL_MAX && utf8_storable(given) && local.n && host.n && !memchr(host.p, '@', host.n);
    for (size_t i = 0; good && i < given.n; i++)
        good = (unsigned char)given.p[i] > ' ' && given.p[i] != 0x7F;
    if (!good)
        return err_set(e, ERR_INPUT, "this is no e-mail address: name@host, at most %d bytes, no blanks",
                       USER_EMAIL_MAX);
    for (size_t i = 0; i < given.n; i++)
        ret[i] = given.p[i] >= 'A' && given.p[i] <= 'Z' ? (char)(given.p[i] + 32) : given.p[i];
    ret[given.n] = '\0';
    return true;
}

struct slice user_totp_context(char buf[USER_TOTP_CONTEXT_MAX], int64_t tenant_id, int64_t user_id)
{
    int n = snprintf(buf, USER_TOTP_CONTEXT_MAX, "%" PRId64 "/%" PRId64 "/@totp_secret", tenant_id, user_id);
    return slice_of(buf, (size_t)n);
}

static void p_hash(struct pg_seg *s, const uint8_t *hash)
{
    pg_p_bytea(s, hash ? slice_of((const char *)hash, SHA256_LEN) : SLICE_NONE);
}

static void p_step(struct pg_seg *s, int64_t step)
{
    if (step < 0)
        pg_p_null(s);
    else
        pg_p_i64(s, step);
}

static unsigned add(struct pg_seg *s, const struct pg_query *q, int64_t tenant_id, int64_t user_id)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, user_id);
    return stmt;
}

/* --- sign-in --- */

unsigned user_add_attempt(struct pg_seg *s, const struct user_attempt *a)
{
    unsigned stmt = pg_add(s, &Q_USER_ATTEMPT);
    pg_p_text(s, a->tenant);
    pg_p_text(s, a->email);
    p_hash(s, a->device_hash);
    pg_p_i64(s, a->allowed);
    pg_p_i64(s, a->first_wait);
    pg_p_i64(s, a->longest_wait);
    return stmt;
}

void user_attempt_read(const struct pg_reply *r, unsigned stmt, struct user_attempt_row *ret)
{
    *ret = (struct user_attempt_row){
        .tenant_id = pg_i64(r, stmt, 0, 0),
        .user_id = pg_i64(r, stmt, 0, 1),
        .email = pg_text(r, stmt, 0, 2),
        .password_hash = pg_text(r, stmt, 0, 3),
        .totp_secret = pg_text(r, stmt, 0, 4),
        .totp_last_step = pg_i64(r, stmt, 0, 5),
        .device_known = pg_bool(r, stmt, 0, 6),
        .admitted = pg_bool(r, stmt, 0, 7),
        .locked_until = pg_time(r, stmt, 0, 8),
        .enabled = pg_bool(r, stmt, 0, 9),
    };
}

unsigned user_add_take_back(struct pg_seg *s, int64_t tenant_id, int64_t user_id, const uint8_t *device_hash)
{
    unsigned stmt = add(s, &Q_USER_TAKE_BACK, tenant_id, user_id);
    p_hash(s, device_hash);
    return stmt;
}

unsigned user_add_rehash(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice old, struct slice fresh)
{
    unsigned stmt = add(s, &Q_USER_REHASH, tenant_id, user_id);
    pg_p_text(s, old);
    pg_p_text(s, fresh);
    return stmt;
}

/* --- a user's own account --- */

unsigned user_add_account(struct pg_seg *s, int64_t tenant_id, int64_t user_id)
{
    return add(s, &Q_USER_ACCOUNT, tenant_id, user_id);
}

void user_account_read(const struct pg_reply *r, unsigned stmt, struct user_account *ret)
{
    *ret = (struct user_account){
        .email = pg_text(r, stmt, 0, 0),
        .password_hash = pg_text(r, stmt, 0, 1),
        .totp_secret = pg_text(r, stmt, 0, 2),
        .totp_confirmed = pg_bool(r, stmt, 0, 3),
        .totp_last_step = pg_i64(r, stmt, 0, 4),
    };
}

unsigned user_add_set_password(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice old,
                               struct slice fresh)
{
    unsigned stmt = add(s, &Q_USER_SET_PASSWORD, tenant_id, user_id);
    pg_p_text(s, old);
    pg_p_text(s, fresh);
    return stmt;
}

unsigned user_add_totp_begin(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed)
{
    unsigned stmt = add(s, &Q_USER_TOTP_BEGIN, tenant_id, user_id);
    pg_p_text(s, sealed);
    return stmt;
}

unsigned user_add_totp_confirm(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed, int64_t step,
                               const struct pg_array *code_hashes)
{
    unsigned stmt = add(s, &Q_USER_TOTP_CONFIRM, tenant_id, user_id);
    pg_p_text(s, sealed);
    pg_p_i64(s, step);
    pg_p_array(s, code_hashes);
    return stmt;
}

unsigned user_add_totp_remove(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed, int64_t step,
                              const uint8_t *recovery_hash)
{
    unsigned stmt = add(s, &Q_USER_TOTP_REMOVE, tenant_id, user_id);
    pg_p_text(s, sealed);
    p_step(s, step);
    p_hash(s, recovery_hash);
    return stmt;
}
