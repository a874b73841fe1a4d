/* store/health.c - see health.h. */
#include "store/health.h"

#include "queries.h"
#include "store/plan.h"

#define PENDING_MAX 10000 /* a summary's look at the backlog is bounded */

unsigned health_add_found(struct pg_seg *s, const struct health_found *f)
{
    unsigned stmt = pg_add(s, &Q_HEALTH_FOUND);
    pg_p_i64(s, f->tenant_id);
    pg_p_i64(s, f->integration_id);
    pg_p_i64(s, f->version);
    pg_p_bool(s, f->good);
    pg_p_bool(s, f->run);
    pg_p_bool(s, f->lasting);
    pg_p_i64(s, f->patience);
    pg_p_text(s, f->message);
    return stmt;
}

bool health_read_found(const struct pg_reply *r, unsigned stmt, struct slice *ret_before, struct slice *ret_now)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret_before = pg_text(r, stmt, 0, 0);
    *ret_now = pg_text(r, stmt, 0, 1);
    return true;
}

unsigned health_add_claim(struct pg_seg *s, usec_t lease, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_HEALTH_CLAIM);
    pg_p_i64(s, lease);
    pg_p_i64(s, limit);
    return stmt;
}

unsigned health_add_checked(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t version,
                            usec_t interval)
{
    unsigned stmt = pg_add(s, &Q_HEALTH_CHECKED);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, version);
    pg_p_i64(s, interval);
    return stmt;
}

unsigned health_add_heard(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, usec_t received_at)
{
    unsigned stmt = pg_add(s, &Q_HEALTH_HEARD);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_time(s, received_at);
    return stmt;
}

unsigned health_add_watch(struct pg_seg *s, const struct health_limits *l)
{
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_HEALTH_WATCH);
    pg_p_i64(s, l->silence / USEC_PER_S);
    pg_p_i64(s, l->sync_interval / USEC_PER_S);
    pg_p_i64(s, l->warning / USEC_PER_S);
    return stmt;
}

unsigned health_add_counts(struct pg_seg *s)
{
    return pg_add(s, &Q_HEALTH_COUNTS);
}

void health_summary(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_HEALTH_SUMMARY);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, PENDING_MAX);
    item_submit(s, stmt, "integration", cb, arg);
}
