/* store/ticket.h - tickets and their comments → tickets, ticket_comments, asset_ticket_associations; ticket_pushes: what is to be done
 * in products.
 * Always: what is made here has its row before the product hears of it, and the product's own word of it, known by the marker in the
 *         subject, becomes the same row; an older message changes nothing; one push of a ticket at a time, in the order in
 *         which they were wished for. */
#ifndef MSPHUB_STORE_TICKET_H
#define MSPHUB_STORE_TICKET_H

#include "store/audit.h"
#include "store/flat_batch.h"
#include "store/page.h"

extern const struct flat_kind ticket_kind, ticket_comment_kind;

struct ticket_filter {   /* zero: any */
    struct slice status; /* a status' name */
    int64_t client_id, integration_id;
    usec_t since; /* updated; USEC_NONE: any */
};
void ticket_list(struct pg_pool *db, const struct ticket_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg);
void ticket_get(struct pg_pool *db, int64_t tenant_id, int64_t ticket_id, item_cb *cb,
                void *arg); /* with its comments */
void ticket_of_asset(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg);

/* --- wishes; each row_cb gives the ticket's id, ERR_NOT_FOUND: there is no such ticket (or asset, client, organization) --- */
struct ticket_wish { /* texts borrowed during the call; SLICE_NONE and 0: none */
    int64_t tenant_id, integration_id;
    int64_t asset_id, client_id, organization_id;
    struct slice subject, body, type, priority, author;
    bool hidden, notify_customer;
    const struct audit_actor *by; /* NULL: the hub itself */
};
void ticket_wish_create(struct pg_pool *db, const struct ticket_wish *w, row_cb *cb, void *arg);
/* Of w: tenant, body, hidden, notify_customer, author, by. */
void ticket_wish_comment(struct pg_pool *db, int64_t ticket_id, const struct ticket_wish *w, row_cb *cb, void *arg);
void ticket_wish_status(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t ticket_id,
                        struct slice status, row_cb *cb, void *arg);
void ticket_retry(struct pg_pool *db, int64_t tenant_id, int64_t ticket_id, row_cb *cb, void *arg);

/* --- pushes --- */
struct ticket_push { /* texts live as long as the reply */
    int64_t tenant_id, push_id, ticket_id, integration_id, attempts;
    struct slice kind;        /* "create", "comment", "status" */
    struct slice external_id; /* of the ticket; SLICE_NONE: not made yet */
    struct slice args;        /* JSON */
};
unsigned ticket_add_claim(struct pg_seg *s, int64_t limit, usec_t lease); /* PG_ALL_TENANTS */
void ticket_read_push(const struct pg_reply *r, unsigned stmt, size_t row, struct ticket_push *ret);
void ticket_add_done(struct pg_seg *s, int64_t tenant_id, int64_t push_id, struct slice external_id);
void ticket_add_failed(struct pg_seg *s, int64_t tenant_id, int64_t push_id, const char *why, bool again);

#endif
