/* store/oidc.c - see oidc.h. */
#include "store/oidc.h"

#include "queries.h"

enum { SPEND, USER, USER_AGAIN };

unsigned oidc_add_spend_state(struct pg_seg *s, int64_t tenant_id, const uint8_t *hash, usec_t expires_at)
{
    unsigned stmt = pg_add(s, &Q_OIDC_SPEND_STATE);
    pg_p_i64(s, tenant_id);
    pg_p_bytea(s, slice_of((const char *)hash, SHA256_LEN));
    pg_p_time(s, expires_at);
    return stmt;
}

void oidc_add_arrival(struct pg_seg *s, const struct oidc_arrival *a)
{
    struct slice hash = slice_of((const char *)a->state_hash, SHA256_LEN);
    oidc_add_spend_state(s, a->tenant_id, a->state_hash, a->state_expires_at);
    /* Twice: the second sees the user that a sign-in beside this one has made. */
    for (int i = USER; i <= USER_AGAIN; i++) {
        pg_add(s, &Q_OIDC_USER);
        pg_p_i64(s, a->tenant_id);
        pg_p_i64(s, a->identity_provider_id);
        pg_p_text(s, a->subject);
        pg_p_text(s, a->email);
        pg_p_text(s, a->display_name);
        pg_p_text(s, a->role);
        pg_p_bytea(s, hash);
    }
}

void oidc_arrival_read(const struct pg_reply *r, struct oidc_user *ret)
{
    unsigned stmt = pg_nrows(r, USER) ? USER : USER_AGAIN;
    *ret = (struct oidc_user){.state_was_used = pg_nrows(r, SPEND) == 0};
    if (pg_nrows(r, stmt)) {
        ret->user_id = pg_i64(r, stmt, 0, 0);
        ret->email = pg_text(r, stmt, 0, 1);
    }
}
