/* hub/connect_internal.h - what the files of a connection share. */
#ifndef MSPHUB_HUB_CONNECT_INTERNAL_H
#define MSPHUB_HUB_CONNECT_INTERNAL_H

#include "hub/connect.h"

/* --- a connection under way, as the browser carries it (connect_flow.c) --- */
#define CONNECT_RANDOM_LEN   43 /* of 62 letters: 256 bits; a code verifier has at least so many */
#define CONNECT_REDIRECT_MAX 512
struct connect_flow {
    int64_t tenant_id, integration_id, version, user_id, session_id;
    char state[CONNECT_RANDOM_LEN + 1], verifier[CONNECT_RANDOM_LEN + 1];
    char return_to[CONNECT_RETURN_TO_MAX + 1], redirect_uri[CONNECT_REDIRECT_MAX + 1];
    usec_t expires_at; /* wall */
};
bool connect_flow_seal(const struct hub *h, const struct connect_flow *f, struct str *ret, struct err *e);
/* ERR_INPUT: not sealed here, expired, of another state, or of another session. */
bool connect_flow_open(const struct hub *h, struct slice cookie, struct slice state, const struct session *session,
                       struct connect_flow *ret, struct err *e);

#endif
