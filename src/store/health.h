/* store/health.h - the health of integrations: findings, whose check is due, the hub's own alerts.
 * Always: the status moves by statements alone, and triggers (schema/migrations, health) write with each move its audit row and the
 *         alert "msphub:health"; so both are there exactly once, whichever process found it. */
#ifndef MSPHUB_STORE_HEALTH_H
#define MSPHUB_STORE_HEALTH_H

#include "reactor/pg.h"
#include "store/page.h"

struct health_found {
    int64_t tenant_id, integration_id;
    int64_t version; /* that was tried: of another one by now it says nothing */
    bool good;
    bool run;             /* good: all is; else: what the product gave is not, and a probe would not see it */
    bool lasting;         /* it will not pass by itself: an error at once */
    int64_t patience;     /* failures in a row that are an error */
    struct slice message; /* SLICE_NONE: none */
};
unsigned health_add_found(struct pg_seg *s, const struct health_found *f);
/* False: it is gone, or was edited meanwhile. Texts live as long as the reply. */
bool health_read_found(const struct pg_reply *r, unsigned stmt, struct slice *ret_before, struct slice *ret_now);

/* --- checks; health_add_claim is for segments of PG_ALL_TENANTS --- */
unsigned health_add_claim(struct pg_seg *s, usec_t lease, int64_t limit); /* rows: tenant, integration */
unsigned health_add_checked(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t version,
                            usec_t interval);

/* A webhook came, received then. */
unsigned health_add_heard(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, usec_t received_at);

/* --- for segments of PG_ALL_TENANTS --- */
struct health_limits {
    usec_t silence;       /* of webhooks, where some have come before */
    usec_t sync_interval; /* of integrations that name none; three without a success are too many */
    usec_t warning;       /* before a credential ends */
};
unsigned health_add_watch(struct pg_seg *s, const struct health_limits *l); /* one row: alerts changed */
unsigned health_add_counts(struct pg_seg *s);                               /* rows: provider, status, integrations */

void health_summary(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, item_cb *cb, void *arg);

#endif
