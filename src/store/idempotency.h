/* store/idempotency.h - what requests with an Idempotency-Key were answered.
 * Always: of all requests with one key, in all processes, one works at a time. */
#ifndef MSPHUB_STORE_IDEMPOTENCY_H
#define MSPHUB_STORE_IDEMPOTENCY_H

#include "base/crypto.h"
#include "reactor/pg.h"

#define IDEMPOTENCY_FIELD      "@idempotent_answer" /* what a sealed answer is bound to, with tenant and id */
#define IDEMPOTENCY_HOLDER_LEN 22

struct idempotency_name { /* borrowed */
    int64_t tenant_id;
    struct slice owner, key;
    struct slice holder; /* the request that asks */
};

struct idempotency_row { /* borrows from the reply */
    int64_t id;
    bool mine;     /* the request has the key, and may work */
    bool same;     /* it is the request that the key was sent with first */
    bool answered; /* else another one is working on it, until `lease_until` at least */
    usec_t lease_until;
    int status;
    struct slice etag, location, answer, sealed; /* SLICE_NONE: none */
    bool withheld;
};
/* Adds two statements; returns the one to read. */
unsigned idempotency_add_take(struct pg_seg *s, const struct idempotency_name *n, const uint8_t request[SHA256_LEN],
                              usec_t lease, usec_t lifetime);
void idempotency_read(const struct pg_reply *r, unsigned stmt, struct idempotency_row *ret);

struct idempotency_answer {
    int status;
    struct slice etag, location, answer, sealed;
    bool withheld;
};
/* No row is affected when the lease was lost. */
unsigned idempotency_add_answer(struct pg_seg *s, const struct idempotency_name *n, const struct idempotency_answer *a);
unsigned idempotency_add_drop(struct pg_seg *s, const struct idempotency_name *n);
/* In segments that see all tenants: what is over, and what a tenant has more than `max` of. */
void idempotency_add_purge(struct pg_seg *s, int64_t rows, int64_t max);

#endif
