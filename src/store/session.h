/* store/session.h - sessions of users: rows, tokens by hash.
 * How:    a session has one token that counts, and while it is being exchanged two (schema/migrations, session_tokens).
 * Always: the database holds SHA-256 of tokens, never a token. What ends or changes a session notifies msphub_session in its
 *         transaction: "tenant/user" or "tenant/user/session". */
#ifndef MSPHUB_STORE_SESSION_H
#define MSPHUB_STORE_SESSION_H

#include "base/crypto.h"
#include "store/page.h"

struct session_new {
    int64_t tenant_id, user_id;
    const char *method;  /* "password" or "oidc" */
    const uint8_t *hash; /* of its token, SHA256_LEN */
    struct slice csrf_token;
    struct slice address, user_agent; /* SLICE_NONE: not known */
    usec_t lifetime;
    int64_t max_sessions;         /* of this user; the oldest end */
    int64_t totp_step;            /* of the code that was given; -1: none */
    const uint8_t *recovery_hash; /* of the recovery code that was given; NULL: none */
    const uint8_t *device_hash;   /* of the browser's mark; NULL: failures are not counted for this way in */
    bool device_known;            /* it had this mark before */
};
/* Row: session id, expires at, e-mail, role, must change the password. No row: disabled, suspended, or the code is spent. */
unsigned session_add_open(struct pg_seg *s, const struct session_new *n);

struct session_row { /* borrows from the reply */
    int64_t tenant_id, session_id, user_id;
    struct slice role, email, csrf_token;
    bool must_change_password;
    usec_t expires_at, last_seen_at;
    usec_t made_at, valid_until; /* of the token; valid_until USEC_NONE: as long as the session */
    bool first_use;              /* of the token: session_add_settle */
};
/* In segments that see all tenants. No row: no such token, or it is over. */
unsigned session_add_find(struct pg_seg *s, const uint8_t hash[SHA256_LEN], usec_t idle);
void session_row_read(const struct pg_reply *r, unsigned stmt, struct session_row *ret);
unsigned session_add_settle(struct pg_seg *s, const uint8_t hash[SHA256_LEN], usec_t grace);
/* Row: it was added. */
unsigned session_add_rotate(struct pg_seg *s, int64_t tenant_id, int64_t session_id, const uint8_t hash[SHA256_LEN],
                            usec_t grace);
/* INT8, INT8, TIMESTAMPTZ */
unsigned session_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *session,
                           const struct pg_array *seen_at);
/* A new token for this one, the end for the user's others. Row: there was such a session. */
unsigned session_add_renew(struct pg_seg *s, int64_t tenant_id, int64_t user_id, int64_t session_id,
                           const uint8_t hash[SHA256_LEN], struct slice csrf_token);
unsigned session_add_close(struct pg_seg *s, int64_t tenant_id, int64_t user_id,
                           int64_t session_id);                                                    /* row: was there */
unsigned session_add_close_all(struct pg_seg *s, int64_t tenant_id, int64_t user_id, int64_t but); /* row: how many */
/* Row: JSON of the tenant worked on, JSON of the user (null: none). In a segment that sees all tenants. */
unsigned session_add_who(struct pg_seg *s, int64_t tenant_id, int64_t home_id, int64_t user_id);
unsigned session_add_purge(struct pg_seg *s, usec_t idle, int64_t most);

void session_list(struct pg_pool *db, const struct page_request *q, int64_t user_id, int64_t current, usec_t idle,
                  page_cb *cb, void *arg);

#endif
