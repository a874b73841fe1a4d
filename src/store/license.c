/* store/license.c - see license.h. */
#include "store/license.h"

#include "queries.h"
#include "store/plan.h"

const struct flat_kind license_kind = {
    .store = {FLAT_STORE, .name = "licenses", .kinds = SYNC_KIND(RECORD_LICENSE), .absence = SYNC_KIND(RECORD_LICENSE)},
    .kind = RECORD_LICENSE,
    .what = "a licence",
    .merge = &Q_LICENSE_MERGE,
    .absent = &Q_LICENSE_ABSENT,
    .ids = {offsetof(struct record_license, id), offsetof(struct record_license, device_id),
            offsetof(struct record_license, organization_id)},
    .nids = 3,
    .nkey = 1,
};

void license_list(struct pg_pool *db, const struct license_filter *f, const struct page_request *q, page_cb *cb,
                  void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, &Q_LICENSE_LIST);
    pg_p_i64(s, q->tenant_id);
    page_p_id(s, f->integration_id);
    page_p_tri(s, f->taken);
    pg_p_time(s, f->expires_before);
    page_p_tri(s, f->missing);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}
