/* store/action.c - see action.h. */
#include "store/action.h"

#include "queries.h"
#include "store/plan.h"

static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

unsigned action_add_sources(struct pg_seg *s, int64_t tenant_id, int64_t asset_id)
{
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_ACTION_SOURCES);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    return stmt;
}

void action_read_source(const struct pg_reply *r, unsigned stmt, size_t row, struct action_source *ret)
{
    *ret = (struct action_source){
        .asset = pg_text(r, stmt, row, 0),
        .integration_id = pg_i64(r, stmt, row, 1),
        .provider = pg_text(r, stmt, row, 2),
        .name = pg_text(r, stmt, row, 3),
        .external_id = pg_text(r, stmt, row, 4),
        .enabled = pg_bool(r, stmt, row, 5),
        .retired = pg_bool(r, stmt, row, 6),
    };
}

unsigned action_add_alert(struct pg_seg *s, int64_t tenant_id, int64_t alert_id)
{
    unsigned stmt = pg_add(s, &Q_ACTION_ALERT);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, alert_id);
    return stmt;
}

bool action_read_alert(const struct pg_reply *r, unsigned stmt, struct action_alert *ret)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret = (struct action_alert){
        .integration_id = pg_i64(r, stmt, 0, 0),
        .series = pg_text(r, stmt, 0, 1),
        .state = pg_text(r, stmt, 0, 2),
        .device_id = pg_text(r, stmt, 0, 3),
        .asset_id = pg_i64(r, stmt, 0, 4),
    };
    return true;
}

unsigned action_add_last_sync(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, struct slice external_id)
{
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_ACTION_LAST_SYNC);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_text(s, external_id);
    return stmt;
}

bool action_read_last_sync(const struct pg_reply *r, unsigned stmt, struct slice *ret_json, usec_t *ret_at)
{
    if (pg_nrows(r, stmt) == 0)
        return false;
    *ret_json = pg_text(r, stmt, 0, 0);
    *ret_at = pg_time(r, stmt, 0, 1);
    return true;
}

/* --- the log of remote access --- */

unsigned action_add_opened(struct pg_seg *s, const struct action_opening *o)
{
    unsigned stmt = pg_add(s, &Q_ACTION_OPENED);
    pg_p_i64(s, o->tenant_id);
    pg_p_i64(s, o->asset_id);
    pg_p_text(s, o->asset);
    pg_p_i64(s, o->integration_id);
    pg_p_text(s, o->integration);
    pg_p_text(s, o->external_id);
    pg_p_text(s, o->action);
    return stmt;
}

void action_add_closed(struct pg_seg *s, int64_t tenant_id, int64_t access_id, const char *outcome, struct slice error)
{
    pg_add(s, &Q_ACTION_CLOSED);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, access_id);
    pg_p_str(s, outcome);
    pg_p_text(s, error);
}

void remote_access_list(struct pg_pool *db, const struct remote_filter *f, const struct page_request *q, page_cb *cb,
                        void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_ACTION_REMOTE_LIST);
    pg_p_i64(s, q->tenant_id);
    p_id(s, f->asset_id);
    pg_p_text(s, f->actor);
    p_id(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

unsigned action_add_retire(struct pg_seg *s, usec_t before, int64_t limit)
{
    unsigned stmt = pg_add(s, &Q_ACTION_RETIRE);
    pg_p_time(s, before);
    pg_p_i64(s, limit);
    return stmt;
}
