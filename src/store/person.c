/* store/person.c - see person.h. */
#include "store/person.h"

#include "queries.h"
#include "store/plan.h"

const struct flat_kind person_kind = {
    .store = {FLAT_STORE, .name = "people", .kinds = SYNC_KIND(RECORD_PERSON), .absence = SYNC_KIND(RECORD_PERSON)},
    .kind = RECORD_PERSON,
    .what = "a person",
    .merge = &Q_PERSON_MERGE,
    .absent = &Q_PERSON_ABSENT,
    .ids = {offsetof(struct record_person, id), offsetof(struct record_person, organization_id)},
    .nids = 2,
    .nkey = 1,
};

void person_list(struct pg_pool *db, const struct person_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, &Q_PERSON_LIST);
    pg_p_i64(s, q->tenant_id);
    page_p_id(s, f->client_id);
    page_p_id(s, f->integration_id);
    page_p_contains(s, f->text);
    page_p_tri(s, f->missing);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void person_get(struct pg_pool *db, int64_t tenant_id, int64_t person_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_PERSON_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, person_id);
    item_submit(s, stmt, "person", cb, arg);
}
