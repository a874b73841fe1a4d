/* store/audit.c - see audit.h. */
#include "store/audit.h"

#include "base/json_write.h"
#include "queries.h"

void audit_by(struct pg_seg *s, const struct audit_actor *who)
{
    if (!who)
        return;
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    jw_init(&w, &json);
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
