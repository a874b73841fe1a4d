/* store/delivery.h - the inbox of webhooks: webhook_deliveries.
 * States (column status): pending -> done | ignored | dead; held <-> pending (integration disabled, enabled again);
 * replay makes any of them pending again. A claim is a lease: claimed_by, claimed_until. Always: two equal deliveries
 * of one day are one row; a delivery is marked in the transaction that applies it. */
#ifndef MSPHUB_STORE_DELIVERY_H
#define MSPHUB_STORE_DELIVERY_H

#include "base/clock.h"
#include "store/audit.h"
#include "store/page.h"

/* --- intake --- */
struct delivery_in {
    int64_t tenant_id, integration_id;
    struct slice provider, dedupe_key, type, body; /* dedupe_key and type: storable, not empty */
    usec_t received_at;
    bool held;
};
struct delivery_rows { /* a batch in the form in which it travels */
    struct pg_array tenant, integration, provider, dedupe_key, type, body, received_at, held;
    size_t n;
};
void delivery_rows_init(struct delivery_rows *r);
void delivery_rows_add(struct delivery_rows *r, const struct delivery_in *d); /* copies */
void delivery_rows_clear(struct delivery_rows *r);
void delivery_rows_release(struct delivery_rows *r);
/* Result rows (delivery_added): only what was new. */
unsigned delivery_add_insert(struct pg_seg *s, const struct delivery_rows *r);
/* Place in the batch from 0, and its id. */
void delivery_added(const struct pg_reply *r, unsigned stmt, size_t row, size_t *ret_place, int64_t *ret_id);

/* --- workers --- */
struct delivery { /* borrows from the reply */
    int64_t tenant_id, integration_id, id, attempts;
    usec_t received_at;
    struct slice provider, type, body;
};
/* Result rows by tenant, integration, and time of reception. */
unsigned delivery_add_claim(struct pg_seg *s, const char *process, usec_t lease, int64_t limit);
void delivery_read(const struct pg_reply *r, unsigned stmt, size_t row, struct delivery *ret);

struct delivery_outcome {
    int64_t id;
    usec_t received_at;
    const char *status;     /* "done", "ignored", "dead", "held", or "pending" for another attempt */
    const char *error;      /* NULL: none */
    usec_t next_attempt_at; /* pending only, else USEC_NONE */
};
/* pg_affected tells how many were still ours. n > 0. */
unsigned delivery_add_finish(struct pg_seg *s, int64_t tenant_id, const char *process, const struct delivery_outcome *v,
                             size_t n);
/* Up to `limit` held ones whose integration is active become pending; pg_affected tells how many. */
unsigned delivery_add_release(struct pg_seg *s, int64_t limit);

struct delivery_backlog {
    int64_t pending;  /* counted up to 100,000 */
    usec_t oldest_at; /* USEC_NONE: none */
};
unsigned delivery_add_backlog(struct pg_seg *s);
void delivery_read_backlog(const struct pg_reply *r, unsigned stmt, struct delivery_backlog *ret);

/* --- partitions: each in a segment of its own (they lock the table for a moment) --- */
unsigned delivery_add_prepare(struct pg_seg *s, usec_t today, int64_t days_ahead); /* one row: partitions made */
unsigned delivery_add_retire(struct pg_seg *s, usec_t before);                     /* one row: partitions dropped */

/* --- REST --- */
struct delivery_filter { /* zero: any */
    struct slice status, type;
    int64_t integration_id;
};
void delivery_list(struct pg_pool *db, const struct delivery_filter *f, const struct page_request *q, page_cb *cb,
                   void *arg);
void delivery_get(struct pg_pool *db, int64_t tenant_id, int64_t id, item_cb *cb, void *arg); /* with its body */
typedef void delivery_replay_cb(void *arg, int64_t replayed, const struct err *e);
/* One, whatever became of it; ERR_NOT_FOUND. The applier finds it by its poll; applier_wake is quicker. */
void delivery_replay(struct pg_pool *db, int64_t tenant_id, int64_t id, const struct audit_actor *by,
                     delivery_replay_cb *cb, void *arg);
/* Dead ones, of one integration or of all (0); at most 10,000 a call. */
void delivery_replay_dead(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, const struct audit_actor *by,
                          delivery_replay_cb *cb, void *arg);

#endif
