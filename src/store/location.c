/* store/location.c - see location.h. */
#include "store/location.h"

#include "queries.h"

const struct flat_kind room_kind = {
    .store = {FLAT_STORE, .name = "rooms", .kinds = SYNC_KIND(RECORD_ROOM), .absence = SYNC_KIND(RECORD_ROOM)},
    .kind = RECORD_ROOM,
    .what = "a room",
    .merge = &Q_LOCATION_MERGE,
    .absent = &Q_LOCATION_ABSENT,
    .ids = {offsetof(struct record_room, id), offsetof(struct record_room, location_id)},
    .nids = 2,
    .nkey = 1,
};

void location_list(struct pg_pool *db, int64_t integration_id, struct slice text, const struct page_request *q,
                   page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_LOCATION_LIST);
    pg_p_i64(s, q->tenant_id);
    page_p_id(s, integration_id);
    page_p_contains(s, text);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}
