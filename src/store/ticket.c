/* store/ticket.c - see ticket.h. */
#include "store/ticket.h"

#include "queries.h"
#include "store/plan.h"

#define MAX_TICKETS  200  /* of one asset */
#define MAX_COMMENTS 1000 /* of one ticket */

const struct flat_kind ticket_kind = {
    .store = {FLAT_STORE, .name = "tickets", .kinds = SYNC_KIND(RECORD_TICKET)},
    .kind = RECORD_TICKET,
    .what = "a ticket",
    .merge = &Q_TICKET_MERGE,
    .ids = {offsetof(struct record_ticket, id), offsetof(struct record_ticket, organization_id),
            offsetof(struct record_ticket, contact_id)},
    .nids = 3,
    .nkey = 1,
    .newest = offsetof(struct record_ticket, changed),
};

const struct flat_kind ticket_comment_kind = {
    .store = {FLAT_STORE, .name = "ticket comments", .kinds = SYNC_KIND(RECORD_COMMENT)},
    .kind = RECORD_COMMENT,
    .what = "a comment",
    .merge = &Q_TICKET_MERGE_COMMENTS,
    .ids = {offsetof(struct record_comment, id), offsetof(struct record_comment, ticket_id)},
    .nids = 2,
    .nkey = 1,
    .newest = offsetof(struct record_comment, changed),
    .message = offsetof(struct record_comment, body),
};

static void p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

/* --- reads --- */

void ticket_list(struct pg_pool *db, const struct ticket_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_TICKET_LIST);
    pg_p_i64(s, q->tenant_id);
    p_id(s, f->client_id);
    pg_p_text(s, f->status);
    p_id(s, f->integration_id);
    pg_p_time(s, f->since);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

static struct pg_seg *seg_of(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                             const struct pg_query *q, int64_t id, unsigned *ret_stmt)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    *ret_stmt = pg_add(s, q);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, id);
    return s;
}

void ticket_get(struct pg_pool *db, int64_t tenant_id, int64_t ticket_id, item_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, NULL, tenant_id, &Q_TICKET_GET, ticket_id, &stmt);
    pg_p_i64(s, MAX_COMMENTS);
    item_submit(s, stmt, "ticket", cb, arg);
}

void ticket_of_asset(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, NULL, tenant_id, &Q_TICKET_OF_ASSET, asset_id, &stmt);
    pg_p_i64(s, MAX_TICKETS);
    item_submit(s, stmt, "asset", cb, arg);
}

/* --- wishes --- */

void ticket_wish_create(struct pg_pool *db, const struct ticket_wish *w, row_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, w->by, w->tenant_id, &Q_TICKET_CREATE, w->integration_id, &stmt);
    p_id(s, w->asset_id);
    p_id(s, w->client_id);
    p_id(s, w->organization_id);
    pg_p_text(s, w->subject);
    pg_p_text(s, w->body);
    pg_p_text(s, w->type);
    pg_p_text(s, w->priority);
    pg_p_bool(s, w->hidden);
    pg_p_bool(s, w->notify_customer);
    pg_p_text(s, w->author);
    row_submit(s, stmt, "asset, client or organization of this integration", cb, arg);
}

void ticket_wish_comment(struct pg_pool *db, int64_t ticket_id, const struct ticket_wish *w, row_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, w->by, w->tenant_id, &Q_TICKET_COMMENT, ticket_id, &stmt);
    pg_p_text(s, w->body);
    pg_p_bool(s, w->hidden);
    pg_p_bool(s, w->notify_customer);
    pg_p_text(s, w->author);
    row_submit(s, stmt, "ticket", cb, arg);
}

void ticket_wish_status(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t ticket_id,
                        struct slice status, row_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, by, tenant_id, &Q_TICKET_SET_STATUS, ticket_id, &stmt);
    pg_p_text(s, status);
    row_submit(s, stmt, "ticket", cb, arg);
}

void ticket_retry(struct pg_pool *db, int64_t tenant_id, int64_t ticket_id, row_cb *cb, void *arg)
{
    unsigned stmt;
    struct pg_seg *s = seg_of(db, NULL, tenant_id, &Q_TICKET_RETRY, ticket_id, &stmt);
    row_submit(s, stmt, "ticket", cb, arg);
}

/* --- pushes --- */

unsigned ticket_add_claim(struct pg_seg *s, int64_t limit, usec_t lease)
{
    unsigned stmt = pg_add(s, &Q_TICKET_CLAIM);
    pg_p_i64(s, limit);
    pg_p_i64(s, lease);
    return stmt;
}

void ticket_read_push(const struct pg_reply *r, unsigned stmt, size_t row, struct ticket_push *ret)
{
    *ret = (struct ticket_push){
        .tenant_id = pg_i64(r, stmt, row, 0),
        .push_id = pg_i64(r, stmt, row, 1),
        .ticket_id = pg_i64(r, stmt, row, 2),
        .integration_id = pg_i64(r, stmt, row, 3),
        .kind = pg_text(r, stmt, row, 4),
        .external_id = pg_text(r, stmt, row, 5),
        .args = pg_text(r, stmt, row, 6),
        .attempts = pg_i64(r, stmt, row, 7),
    };
}

void ticket_add_done(struct pg_seg *s, int64_t tenant_id, int64_t push_id, struct slice external_id)
{
    pg_add(s, &Q_TICKET_DONE);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, push_id);
    pg_p_text(s, external_id);
}

void ticket_add_failed(struct pg_seg *s, int64_t tenant_id, int64_t push_id, const char *why, bool again)
{
    pg_add(s, &Q_TICKET_FAILED);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, push_id);
    pg_p_text(s, slice_cstr(why));
    pg_p_bool(s, again);
}
