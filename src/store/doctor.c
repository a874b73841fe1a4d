/* store/doctor.c - see doctor.h. */
#include "store/doctor.h"

#include "queries.h"
#include "store/plan.h"

unsigned doctor_add_known(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, usec_t sync_interval)
{
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_DOCTOR_KNOWN);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, sync_interval / USEC_PER_S);
    return stmt;
}

bool doctor_read(const struct pg_reply *r, unsigned stmt, struct doctor_row *ret)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret = (struct doctor_row){
        .status = pg_text(r, stmt, 0, 0),
        .error_message = pg_text(r, stmt, 0, 1),
        .grant_dead = pg_bool(r, stmt, 0, 2),
        .credential_expires_at = pg_time(r, stmt, 0, 3),
        .last_delivery_at = pg_time(r, stmt, 0, 4),
        .registered_at = pg_time(r, stmt, 0, 5),
        .registered_url = pg_text(r, stmt, 0, 6),
        .registration_error = pg_text(r, stmt, 0, 7),
        .run_status = pg_text(r, stmt, 0, 8),
        .run_error = pg_text(r, stmt, 0, 9),
        .stale = pg_bool(r, stmt, 0, 10),
        .unmapped = pg_i64(r, stmt, 0, 11),
        .dead_deliveries = pg_i64(r, stmt, 0, 12),
    };
    return true;
}

unsigned doctor_add_list(struct pg_seg *s, const char *tenant, const char *key)
{
    unsigned stmt = pg_add(s, &Q_DOCTOR_LIST);
    pg_p_text(s, slice_cstr(tenant));
    pg_p_text(s, slice_cstr(key));
    return stmt;
}
