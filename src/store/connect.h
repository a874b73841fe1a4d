/* store/connect.h - which integrations a person has connected, and which webhooks the hub has registered by itself. */
#ifndef MSPHUB_STORE_CONNECT_H
#define MSPHUB_STORE_CONNECT_H

#include "base/clock.h"
#include "reactor/pg.h"

struct connect_row {     /* borrows from the reply */
    usec_t connected_at; /* USEC_NONE: is not */
    struct slice connected_by;
    bool has_grant, dead; /* dead: the product refuses the grant */
    struct slice status, error_message;
    usec_t registered_at; /* of the webhook; USEC_NONE: not by the hub */
    struct slice registered_by, registered_url, registration_error;
    usec_t last_delivery_at;
};
unsigned connect_add_get(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);
bool connect_read(const struct pg_reply *r, unsigned stmt, struct connect_row *ret); /* false: it is gone */

/* Each notifies msphub_integration. One row when it took place. */
struct connect_grant {
    int64_t tenant_id, integration_id;
    int64_t version;                    /* of the settings that it was asked for with */
    struct slice access_token, refresh; /* sealed; refresh SLICE_NONE: none */
    usec_t expires_at;
    struct slice by;
};
unsigned connect_add_connect(struct pg_seg *s, const struct connect_grant *g);
unsigned connect_add_disconnect(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);

/* The webhook. */
unsigned connect_add_registered(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t version,
                                struct slice by, struct slice url);
void connect_add_removed(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);
void connect_add_not_registered(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const char *why);

#endif
