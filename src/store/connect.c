/* store/connect.c - see connect.h. */
#include "store/connect.h"

#include "queries.h"

static unsigned add(struct pg_seg *s, const struct pg_query *q, int64_t tenant_id, int64_t integration_id)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    return stmt;
}

unsigned connect_add_get(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    return add(s, &Q_CONNECT_GET, tenant_id, integration_id);
}

bool connect_read(const struct pg_reply *r, unsigned stmt, struct connect_row *ret)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret = (struct connect_row){
        .connected_at = pg_time(r, stmt, 0, 0),
        .connected_by = pg_text(r, stmt, 0, 1),
        .has_grant = pg_bool(r, stmt, 0, 2),
        .dead = pg_bool(r, stmt, 0, 3),
        .status = pg_text(r, stmt, 0, 4),
        .error_message = pg_text(r, stmt, 0, 5),
        .registered_at = pg_time(r, stmt, 0, 6),
        .registered_by = pg_text(r, stmt, 0, 7),
        .registered_url = pg_text(r, stmt, 0, 8),
        .registration_error = pg_text(r, stmt, 0, 9),
        .last_delivery_at = pg_time(r, stmt, 0, 10),
    };
    return true;
}

unsigned connect_add_connect(struct pg_seg *s, const struct connect_grant *g)
{
    unsigned stmt = add(s, &Q_CONNECT_CONNECT, g->tenant_id, g->integration_id);
    pg_p_i64(s, g->version);
    pg_p_text(s, g->access_token);
    pg_p_time(s, g->expires_at);
    pg_p_text(s, g->refresh);
    pg_p_text(s, g->by);
    return stmt;
}

unsigned connect_add_disconnect(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    return add(s, &Q_CONNECT_DISCONNECT, tenant_id, integration_id);
}

unsigned connect_add_registered(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t version,
                                struct slice by, struct slice url)
{
    unsigned stmt = add(s, &Q_CONNECT_REGISTERED, tenant_id, integration_id);
    pg_p_i64(s, version);
    pg_p_text(s, by);
    pg_p_text(s, url);
    return stmt;
}

void connect_add_removed(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    add(s, &Q_CONNECT_REMOVED, tenant_id, integration_id);
}

void connect_add_not_registered(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const char *why)
{
    add(s, &Q_CONNECT_NOT_REGISTERED, tenant_id, integration_id);
    pg_p_str(s, why);
}
