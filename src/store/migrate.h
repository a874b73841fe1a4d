/* store/migrate.h - brings the database's schema to this build's: forward only, each file once, checksummed.
 * Always: one process at a time (advisory lock); each migration is one transaction with its row in schema_migrations; a
 *         released migration whose text changed, or a database newer than this build, is an error and nothing is
 * touched. */
#ifndef MSPHUB_STORE_MIGRATE_H
#define MSPHUB_STORE_MIGRATE_H

#include "reactor/pg.h"

struct migrate_report {
    int from, to;              /* versions before and after */
    unsigned applied, pending; /* pending: with plan, what would be applied */
};
typedef void migrate_cb(void *arg, const struct migrate_report *report, const struct err *e);

/* `plan`: only looks. `note` (may be NULL) is called for each migration as it is applied (or planned). cb once, in a
 * later turn. */
void migrate_run(struct pg_pool *db, bool plan, void (*note)(void *arg, int version, const char *name), migrate_cb *cb,
                 void *arg);

/* The version this build wants. */
int migrate_wanted(void);

#endif
