/* store/organization.c - see organization.h. */
#include "store/organization.h"

#include "queries.h"

void organization_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
                       page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_text(s, status);
    if (q->key.p)
        pg_p_i64(s, q->id);
    else
        pg_p_null(s);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void organization_get(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, int64_t organization_id,
                      row_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, organization_id);
    row_submit(s, stmt, "organization", cb, arg);
}

/* 0 is none. */
static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

void organization_change(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t integration_id,
                         int64_t organization_id, int64_t version, const struct organization_change *change, row_cb *cb,
                         void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_CHANGE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, organization_id);
    pg_p_i64(s, version);
    pg_p_str(s, !change->decides ? NULL : change->client_id ? "mapped" : change->ignored ? "ignored" : "unmapped");
    p_id(s, change->client_id);
    if (change->auto_sync == TRI_UNKNOWN)
        pg_p_null(s);
    else
        pg_p_bool(s, change->auto_sync == TRI_YES);
    pg_p_bool(s, change->sets_contact);
    p_id(s, change->contact_id);
    row_submit(s, stmt, "organization", cb, arg);
}

unsigned organization_add_devices(struct pg_seg *s, int64_t tenant_id, int64_t integration_id,
                                  const struct texts *external_ids)
{
    struct pg_array ids;
    pg_array_init(&ids, PG_TEXT);
    for (size_t i = 0; i < external_ids->n; i++)
        pg_array_text(&ids, external_ids->v[i]);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_DEVICES);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_array(s, &ids);
    pg_array_release(&ids);
    return stmt;
}

void organization_suggest(struct pg_pool *db, int64_t integration_id, const struct page_request *q, page_cb *cb,
                          void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_SUGGEST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, integration_id);
    if (q->key.p)
        pg_p_i64(s, q->id);
    else
        pg_p_null(s);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void organization_auto_map(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t integration_id,
                           const struct organization_auto_map *m, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    unsigned stmt = pg_add(s, &Q_ORGANIZATION_AUTO_MAP);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_i64(s, m->threshold);
    pg_p_i64(s, m->limit);
    pg_p_bool(s, m->create_clients);
    pg_p_bool(s, m->dry_run);
    item_submit(s, stmt, "organizations", cb, arg);
}

void organization_become_client(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                                int64_t integration_id, int64_t organization_id, struct slice name, row_cb *cb,
                                void *arg)
{
    static const struct pg_query *const queries[] = {&Q_ORGANIZATION_MAKE_CLIENT, &Q_ORGANIZATION_MAP_TO_NAMED};
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = 0;
    audit_by(s, by);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        stmt = pg_add(s, queries[i]);
        pg_p_i64(s, tenant_id);
        pg_p_i64(s, integration_id);
        pg_p_i64(s, organization_id);
        pg_p_text(s, name);
    }
    row_submit(s, stmt, "organization", cb, arg);
}
