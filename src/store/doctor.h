/* store/doctor.h - what the doctor wants to know of integrations. */
#ifndef MSPHUB_STORE_DOCTOR_H
#define MSPHUB_STORE_DOCTOR_H

#include "base/clock.h"
#include "reactor/pg.h"

struct doctor_row { /* borrows from the reply */
    struct slice status, error_message;
    bool grant_dead, stale;
    usec_t credential_expires_at, last_delivery_at, registered_at;
    struct slice registered_url, registration_error;
    struct slice run_status, run_error; /* of the last run that has ended; SLICE_NONE: none has */
    int64_t unmapped, dead_deliveries;
};
unsigned doctor_add_known(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, usec_t sync_interval);
bool doctor_read(const struct pg_reply *r, unsigned stmt, struct doctor_row *ret); /* false: it is gone */

/* For a segment of PG_ALL_TENANTS; NULL: any. Rows: tenant, its slug, integration, its key. */
unsigned doctor_add_list(struct pg_seg *s, const char *tenant, const char *key);

#endif
