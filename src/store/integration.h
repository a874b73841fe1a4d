/* store/integration.h - rows of integration_configurations. Secrets travel sealed; hub/integration.c and
 * hub/configure.c know how to open and seal them. The result columns of every read here are those of struct
 * integration_row. */
#ifndef MSPHUB_STORE_INTEGRATION_H
#define MSPHUB_STORE_INTEGRATION_H

#include "base/clock.h"
#include "reactor/pg.h"

#define INTEGRATION_FORMER_SECRETS 4

struct integration_row { /* borrows from the reply */
    int64_t tenant_id, integration_id, version;
    struct slice provider, name, settings, hook, hook_secret;
    struct {
        struct slice secret;
        usec_t until;
    } former[INTEGRATION_FORMER_SECRETS]; /* of the webhook, the newest first */
    bool enabled, tenant_suspended;
    usec_t sync_interval; /* USEC_NONE: the option's */
    struct slice paused;  /* JSON: external ids of organizations whose auto-sync is off; SLICE_NONE: of none */
};
void integration_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct integration_row *ret);

#define INTEGRATION_LOAD_ROWS 1000
/* Of all tenants, the next INTEGRATION_LOAD_ROWS behind (tenant, id). */
unsigned integration_add_load(struct pg_seg *s, int64_t after_tenant, int64_t after_id);
unsigned integration_add_by_id(struct pg_seg *s, int64_t tenant_id, int64_t id);
unsigned integration_add_by_key(struct pg_seg *s, int64_t tenant_id, struct slice provider, struct slice name);
unsigned integration_add_by_hook(struct pg_seg *s, struct slice hook);

/* A tenant's, in order of their keys, with what only lists show. */
struct integration_status {
    struct slice status, error_message; /* "configured", "active", "error" */
    usec_t last_health_check, last_success_at, next_sync_at, created_at, updated_at, since, last_delivery_at,
        credential_expires_at;
    struct slice schedules; /* JSON, each with its next_at; SLICE_NONE: by the interval */
};
unsigned integration_add_by_tenant(struct pg_seg *s, int64_t tenant_id);
void integration_status_read(const struct pg_reply *r, unsigned stmt, size_t row, struct integration_status *ret);

/* --- edits: each notifies msphub_integration ("tenant/id") in its transaction. Result: one row when it took place ---
 */
struct integration_edit {
    int64_t tenant_id, integration_id;
    int64_t version;       /* of the row that was edited */
    struct slice settings; /* JSON, secrets sealed */
    bool enabled;
    usec_t sync_interval;    /* USEC_NONE: the option's */
    bool credential_changed; /* tokens that were got with the old one are forgotten */
    bool secret_changed;     /* and when it ends is no longer known, unless it is said */
    bool sets_expiry;
    usec_t credential_expires_at; /* when sets_expiry; USEC_NONE: not known */
    bool sets_schedules;
    struct slice schedules, schedule_plans; /* when sets_schedules, by schedules_write; SLICE_NONE: by the interval */
};
unsigned integration_add_next_id(struct pg_seg *s);
/* No row: that key exists. */
unsigned integration_add_create(struct pg_seg *s, const struct integration_edit *e, struct slice provider,
                                struct slice name, struct slice hook, struct slice sealed_secret);
unsigned integration_add_update(struct pg_seg *s,
                                const struct integration_edit *e); /* no row: another version by now */
unsigned integration_add_rotate(struct pg_seg *s, int64_t tenant_id, int64_t id, struct slice sealed_secret,
                                usec_t previous_until);
unsigned integration_add_delete(struct pg_seg *s, int64_t tenant_id, int64_t id, int64_t version); /* version 0: any */

#endif
