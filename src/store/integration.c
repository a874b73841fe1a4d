/* store/integration.c - see integration.h. */
#include "store/integration.h"

#include "queries.h"

void integration_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct integration_row *ret)
{
    *ret = (struct integration_row){
        .tenant_id = pg_i64(r, stmt, row, 0),
        .integration_id = pg_i64(r, stmt, row, 1),
        .version = pg_i64(r, stmt, row, 2),
        .provider = pg_text(r, stmt, row, 3),
        .name = pg_text(r, stmt, row, 4),
        .settings = pg_text(r, stmt, row, 5),
        .hook = pg_text(r, stmt, row, 6),
        .hook_secret = pg_text(r, stmt, row, 7),
        .enabled = pg_bool(r, stmt, row, 8),
        .tenant_suspended = pg_bool(r, stmt, row, 9),
        .sync_interval = pg_is_null(r, stmt, row, 10) ? USEC_NONE : SECONDS(pg_i64(r, stmt, row, 10)),
        .paused = pg_text(r, stmt, row, 11 + 2 * INTEGRATION_FORMER_SECRETS),
    };
    for (unsigned i = 0; i < INTEGRATION_FORMER_SECRETS; i++) {
        ret->former[i].secret = pg_text(r, stmt, row, 11 + 2 * i);
        ret->former[i].until = pg_time(r, stmt, row, 12 + 2 * i);
    }
}

unsigned integration_add_load(struct pg_seg *s, int64_t after_tenant, int64_t after_id)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_LOAD);
    pg_p_i64(s, after_tenant);
    pg_p_i64(s, after_id);
    return stmt;
}

unsigned integration_add_by_id(struct pg_seg *s, int64_t tenant_id, int64_t id)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_BY_ID);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    return stmt;
}

unsigned integration_add_by_key(struct pg_seg *s, int64_t tenant_id, struct slice provider, struct slice name)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_BY_KEY);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, provider);
    pg_p_text(s, name);
    return stmt;
}

unsigned integration_add_by_hook(struct pg_seg *s, struct slice hook)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_BY_HOOK);
    pg_p_text(s, hook);
    return stmt;
}

unsigned integration_add_by_tenant(struct pg_seg *s, int64_t tenant_id)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_BY_TENANT);
    pg_p_i64(s, tenant_id);
    return stmt;
}

void integration_status_read(const struct pg_reply *r, unsigned stmt, size_t row, struct integration_status *ret)
{
    *ret = (struct integration_status){
        .status = pg_text(r, stmt, row, 20),
        .error_message = pg_text(r, stmt, row, 21),
        .last_health_check = pg_time(r, stmt, row, 22),
        .last_success_at = pg_time(r, stmt, row, 23),
        .next_sync_at = pg_time(r, stmt, row, 24),
        .created_at = pg_time(r, stmt, row, 25),
        .updated_at = pg_time(r, stmt, row, 26),
        .since = pg_time(r, stmt, row, 27),
        .last_delivery_at = pg_time(r, stmt, row, 28),
        .credential_expires_at = pg_time(r, stmt, row, 29),
        .schedules = pg_text(r, stmt, row, 30),
    };
}

static void add_interval(struct pg_seg *s, usec_t interval)
{
    if (interval == USEC_NONE)
        pg_p_null(s);
    else
        pg_p_i64(s, interval / USEC_PER_S);
}

static void add_schedules(struct pg_seg *s, const struct integration_edit *e)
{
    const struct slice both[] = {e->schedules, e->schedule_plans};
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (e->sets_schedules && both[i].p)
            pg_p_jsonb(s, both[i]);
        else
            pg_p_null(s);
}

unsigned integration_add_next_id(struct pg_seg *s)
{
    return pg_add(s, &Q_INTEGRATION_NEXT_ID);
}

unsigned integration_add_create(struct pg_seg *s, const struct integration_edit *e, struct slice provider,
                                struct slice name, struct slice hook, struct slice sealed_secret)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_CREATE);
    pg_p_i64(s, e->tenant_id);
    pg_p_i64(s, e->integration_id);
    pg_p_text(s, provider);
    pg_p_text(s, name.p ? name : SLICE(""));
    pg_p_jsonb(s, e->settings);
    pg_p_bool(s, e->enabled);
    pg_p_text(s, hook);
    pg_p_text(s, sealed_secret);
    add_interval(s, e->sync_interval);
    pg_p_time(s, e->sets_expiry ? e->credential_expires_at : USEC_NONE);
    add_schedules(s, e);
    return stmt;
}

unsigned integration_add_update(struct pg_seg *s, const struct integration_edit *e)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_UPDATE);
    pg_p_i64(s, e->tenant_id);
    pg_p_i64(s, e->integration_id);
    pg_p_i64(s, e->version);
    pg_p_jsonb(s, e->settings);
    pg_p_bool(s, e->enabled);
    add_interval(s, e->sync_interval);
    pg_p_bool(s, e->credential_changed);
    pg_p_bool(s, e->sets_expiry || e->secret_changed);
    pg_p_time(s, e->sets_expiry ? e->credential_expires_at : USEC_NONE);
    pg_p_bool(s, e->sets_schedules);
    add_schedules(s, e);
    return stmt;
}

unsigned integration_add_rotate(struct pg_seg *s, int64_t tenant_id, int64_t id, struct slice sealed_secret,
                                usec_t previous_until)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_ROTATE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    pg_p_text(s, sealed_secret);
    pg_p_time(s, previous_until);
    return stmt;
}

unsigned integration_add_delete(struct pg_seg *s, int64_t tenant_id, int64_t id, int64_t version)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_DELETE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    if (version)
        pg_p_i64(s, version);
    else
        pg_p_null(s);
    return stmt;
}
