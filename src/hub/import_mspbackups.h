/* hub/import_mspbackups.h - takes the accounts of a former mspbackups_config over as integrations "msp360" of the tenants.
 * Steps:  READ the table -> OPEN what pgcrypto has encrypted -> for each partner: TENANT -> EXISTING -> CONFIGURE (as REST does it) -> for each that is there now: VERIFY -> done.
 * Always: a partner is taken over whole or not at all; what is there and differs stays, unless it is to be replaced; what was stored is
 *         read back, opened and compared with its source. The former table is only read. No message holds a secret. */
#ifndef MSPHUB_HUB_IMPORT_MSPBACKUPS_H
#define MSPHUB_HUB_IMPORT_MSPBACKUPS_H

#include "base/foreign_cipher.h"
#include "hub/hub.h"
#include "store/audit.h"

enum takeover_outcome {
    TAKEOVER_REFUSED, /* `why` */
    TAKEOVER_SKIPPED, /* it has no tenant; `why` */
    TAKEOVER_IMPORTED,
    TAKEOVER_REPLACED,
    TAKEOVER_UNCHANGED, /* it was there */
    TAKEOVER_NOUTCOMES_
};
struct takeover_line {
    struct slice partner; /* "" when the table has no column for it */
    char tenant[64];      /* slug; "": none */
    enum takeover_outcome outcome;
    char *why; /* NULL: nothing to say */
};
struct takeover_report {
    const struct takeover_line *lines; /* a partner each */
    size_t n;
    size_t values, equal; /* read back: how many, and how many are what the source has */
};

struct takeover_pair {
    struct slice partner, tenant; /* its slug */
};
struct takeover_input { /* borrowed until `done` */
    struct hub *h;      /* database, keyring, integrations, egress */
    struct pg_pool *source;
    struct slice table, columns; /* store/former_table.h, hub/former_shape.h */
    struct slice tenant;         /* of the only partner; SLICE_NONE: each partner's own */
    const struct takeover_pair *map;
    size_t nmap;
    bool
        mapped; /* `map` alone tells; else a partner is named as its tenant's slug; numbers of another system would meet ours by chance */
    const struct foreign_keys *keys;
    bool replace, dry_run;
    const struct audit_actor *who;
    /* Once, in a later turn. With an error the report has what was done before it. */
    void (*done)(void *arg, const struct takeover_report *report, const struct err *e);
    void *arg;
};
void takeover_start(const struct takeover_input *in);

#endif
