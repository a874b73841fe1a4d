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
