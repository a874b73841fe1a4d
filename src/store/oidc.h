/* store/oidc.h - what a sign-in by OpenID Connect leaves in the database. */
#ifndef MSPHUB_STORE_OIDC_H
#define MSPHUB_STORE_OIDC_H

#include "base/crypto.h"
#include "reactor/pg.h"

struct oidc_arrival {
    int64_t tenant_id, identity_provider_id;
    const uint8_t *state_hash; /* SHA256_LEN */
    usec_t state_expires_at;
    struct slice subject, email, display_name, role;
};
struct oidc_user {       /* borrows from the reply */
    bool state_was_used; /* then nothing was done */
    int64_t user_id;     /* 0: the e-mail address is another user's */
    struct slice email;
};
/* Spends a state, in whatever was begun with it. A row: it was not used before. */
unsigned oidc_add_spend_state(struct pg_seg *s, int64_t tenant_id, const uint8_t *hash, usec_t expires_at);
/* Spends the state and finds or makes the user: for a segment that does nothing else. */
void oidc_add_arrival(struct pg_seg *s, const struct oidc_arrival *a);
void oidc_arrival_read(const struct pg_reply *r, struct oidc_user *ret);

#endif
