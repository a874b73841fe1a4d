/* hub/configure.h - integrations are made, edited, tried, removed; their webhook's secret is rotated.
 * Why:    a setting that cannot work is refused with the field's name, before a sync at night finds out.
 * Always: secrets are stored sealed, bound to tenant, integration and field, or not at all; an answer shows them masked;
 *         every edit names the version that it edits, and notifies all processes in its transaction. */
#ifndef MSPHUB_HUB_CONFIGURE_H
#define MSPHUB_HUB_CONFIGURE_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "hub/integration.h"
#include "store/audit.h"

/* What is wrong with which field. Pointers are relative to the settings object: "/client_secret"; "" is the object. */
struct configure_fault {
    char *pointer, *detail;
};
struct configure_faults {
    struct configure_fault *v;
    size_t n;
};

enum configure_mode {
    CONFIGURE_CREATE, /* ERR_CONFLICT when there is one of this name */
    CONFIGURE_UPDATE, /* ERR_NOT_FOUND when there is none */
    CONFIGURE_EITHER,
    CONFIGURE_TRY /* nothing is stored; the snapshot has id 0 and is what engine jobs take to test a connection */
};

struct configure_input { /* copied */
    int64_t tenant_id;
    const struct provider *provider;
    struct slice name; /* "" is the first instance; else 1..63 of a-z, 0-9, '-' */
    enum configure_mode mode;
    int64_t version; /* that is edited; 0: whichever; another one is ERR_CONFLICT */
    /* An object. A secret that is absent or masked as in configure_write_settings keeps the stored one; any other field
     * that is absent gets its default. NULL: all settings stay. */
    const struct json *settings;
    enum tri enabled; /* UNKNOWN: stays, a new one is enabled */
    bool sets_interval;
    usec_t sync_interval; /* when sets_interval; USEC_NONE: the option's */
    /* When the credential ends, as the product's console says, so that it can be warned of. A new secret without it: not known. */
    bool sets_expiry;
    usec_t credential_expires_at; /* when sets_expiry; USEC_NONE: not known */
    bool sets_schedules;
    struct slice schedules, schedule_plans; /* when sets_schedules, by schedules_write; SLICE_NONE: by the interval */
    const struct audit_actor *by;           /* its texts live until the callback; NULL: the hub itself */
};

/* Once, in a later turn. it: the snapshot after the edit, borrowed; NULL with an error. faults: of ERR_INPUT only, may be
 * empty. created: it was made by this call (its webhook secret is shown now: it->hook_secret). */
typedef void configure_cb(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                          const struct err *e);
void configure(struct hub *h, const struct configure_input *in, configure_cb *cb, void *arg);
/* A new webhook secret; the present one stays valid for options.webhook_secret_overlap, as do the last
 * INTEGRATION_FORMER_SECRETS - 1 before it until their time. `by` as of configure_input. */
void configure_rotate(struct hub *h, int64_t tenant_id, int64_t integration_id, const struct audit_actor *by,
                      configure_cb *cb, void *arg);
/* `it` is NULL. version 0: whichever. */
void configure_delete(struct hub *h, int64_t tenant_id, int64_t integration_id, int64_t version,
                      const struct audit_actor *by, configure_cb *cb, void *arg);

/* Writes the settings as one object: secrets as "****cdef". */
void configure_write_settings(const struct integration *it, struct jw *w);

#endif
