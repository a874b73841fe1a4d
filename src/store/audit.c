/* store/audit.c - see audit.h. */
#include "store/audit.h"

#include "base/json_write.h"
#include "queries.h"

void audit_write_actor(const struct audit_actor *who, struct str *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_str(&w, "kind", who->kind);
    if (who->id)
        jw_key_i64(&w, "id", who->id);
    jw_key_slice(&w, "name", who->name.p ? who->name : SLICE(""));
    jw_key_slice(&w, "address", who->address);
    jw_key_slice(&w, "request_id", who->request_id);
    if (who->action)
        jw_key_str(&w, "action", who->action);
    jw_end(&w);
    jw_done(&w);
}

void audit_by(struct pg_seg *s, const struct audit_actor *who)
{
    if (!who)
        return;
    _cleanup_(str_release) struct str json = {0};
    audit_write_actor(who, &json);
    pg_seg_actor(s, str_slice(&json));
}

static void id_or_null(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

static void json_or_null(struct pg_seg *s, struct slice json)
{
    if (json.p)
        pg_p_jsonb(s, json);
    else
        pg_p_null(s);
}

unsigned audit_add(struct pg_seg *s, const struct audit_entry *e)
{
    unsigned stmt = pg_add(s, &Q_AUDIT_ADD);
    pg_p_i64(s, e->tenant_id);
    pg_p_str(s, e->action);
    pg_p_str(s, e->target_type);
    pg_p_text(s, e->target.p ? e->target : SLICE(""));
    id_or_null(s, e->target_id);
    id_or_null(s, e->integration_id);
    json_or_null(s, e->before);
    json_or_null(s, e->after);
    return stmt;
}

void audit_off(struct pg_seg *s)
{
    pg_add(s, &Q_AUDIT_OFF);
}

/* --- reading --- */

static void p_filter(struct pg_seg *s, const struct audit_filter *f, const struct page_request *q, int64_t limit)
{
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->actor);
    pg_p_text(s, f->action);
    pg_p_text(s, f->target_type);
    pg_p_text(s, f->target);
    id_or_null(s, f->integration_id);
    page_p_contains(s, f->text);
    pg_p_time(s, f->since);
    pg_p_time(s, f->until);
    pg_p_text(s, q->key);
    id_or_null(s, q->key.p ? q->id : 0);
    pg_p_i64(s, limit);
}

void audit_list(struct pg_pool *db, const struct audit_filter *f, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_AUDIT_LIST);
    p_filter(s, f, q, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void audit_get(struct pg_pool *db, int64_t tenant_id, int64_t audit_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_AUDIT_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, audit_id);
    item_submit(s, stmt, "row of the audit log", cb, arg);
}

unsigned audit_add_lines(struct pg_seg *s, const struct audit_filter *f, const struct page_request *q, bool csv)
{
    unsigned stmt = pg_add(s, &Q_AUDIT_LINES);
    p_filter(s, f, q, q->limit);
    pg_p_bool(s, csv);
    return stmt;
}

/* --- housekeeping --- */

unsigned audit_add_retire(struct pg_seg *s, usec_t before, int64_t limit)
{
    audit_off(s);
    unsigned stmt = pg_add(s, &Q_AUDIT_RETIRE);
    pg_p_time(s, before);
    pg_p_i64(s, limit);
    return stmt;
}
