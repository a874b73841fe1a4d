/* store/asset_group.c - see asset_group.h. */
#include "store/asset_group.h"

#include "queries.h"
#include "store/plan.h"

/* A group whose members are told has a list of them, be it empty. */
static bool group_has_members(const struct record *r, struct record *ret)
{
    if (!r->group.members_known)
        return false;
    *ret = (struct record){.kind = RECORD_MEMBER, .member = {.group_id = r->group.id}};
    return true;
}

static bool member_none(const struct record *r)
{
    return r->member.member_id.n == 0;
}

const struct flat_kind asset_group_kind = {
    .store = {FLAT_STORE, .name = "groups", .kinds = SYNC_KIND(RECORD_GROUP), .absence = SYNC_KIND(RECORD_GROUP),
              .implies = group_has_members},
    .kind = RECORD_GROUP,
    .what = "a group",
    .merge = &Q_ASSET_GROUP_MERGE,
    .absent = &Q_ASSET_GROUP_ABSENT,
    .ids = {offsetof(struct record_group, id)},
    .nids = 1,
    .nkey = 1,
};

const struct list_kind group_member_kind = {
    .store = {LIST_STORE, .name = "group members", .kinds = SYNC_KIND(RECORD_MEMBER)},
    .kind = RECORD_MEMBER,
    .what = "members",
    .size = sizeof(struct record_member),
    .owner = offsetof(struct record_member, group_id),
    .identity = {offsetof(struct record_member, member_id)},
    .nidentity = 1,
    .none = member_none,
    .merge = &Q_SOURCE_LIST_MEMBER_MERGE,
    .settle = &Q_SOURCE_LIST_MEMBER_SETTLE,
};

/* --- reads --- */
void asset_group_list(struct pg_pool *db, const struct asset_group_filter *f, const struct page_request *q, page_cb *cb,
                      void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_in_order(s);
    unsigned stmt = pg_add(s, &Q_ASSET_GROUP_LIST);
    pg_p_i64(s, q->tenant_id);
    page_p_id(s, f->integration_id);
    pg_p_text(s, f->of);
    page_p_tri(s, f->smart);
    page_p_tri(s, f->missing);
    page_p_contains(s, f->text);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void asset_group_get(struct pg_pool *db, int64_t tenant_id, int64_t group_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_ASSET_GROUP_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, group_id);
    item_submit(s, stmt, "group", cb, arg);
}

void asset_group_members(struct pg_pool *db, int64_t group_id, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s);
    unsigned owner = pg_add(s, &Q_ASSET_GROUP_EXISTS);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, group_id);
    unsigned stmt = pg_add(s, &Q_ASSET_GROUP_MEMBER_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, group_id);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->limit + 1);
    page_submit_of(s, owner, "group", stmt, q->limit, cb, arg);
}

void asset_group_of_asset(struct pg_pool *db, int64_t asset_id, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s);
    unsigned owner = pg_add(s, &Q_ASSET_EXISTS);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    unsigned stmt = pg_add(s, &Q_ASSET_GROUP_OF_ASSET);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, asset_id);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit_of(s, owner, "asset", stmt, q->limit, cb, arg);
}
