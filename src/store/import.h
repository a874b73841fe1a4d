/* store/import.h - mappings from a former system, set-based: a file is one transaction, or nothing.
 * How:    the lines travel as arrays; a first statement names those that cannot be followed (an unknown integration, an ambiguous
 *         name, two lines that contradict each other), and only a file without any is applied. */
#ifndef MSPHUB_STORE_IMPORT_H
#define MSPHUB_STORE_IMPORT_H

#include "store/audit.h"

enum import_kind { IMPORT_ORGANIZATIONS, IMPORT_DEVICES };

/* Columns of the lines, by kind; a field that is left out is SLICE_NONE. */
enum {
    IMPORT_ORGANIZATION_INTEGRATION,
    IMPORT_ORGANIZATION_ID,
    IMPORT_ORGANIZATION_NAME,
    IMPORT_CLIENT,
    IMPORT_REFERENCE
};
enum { IMPORT_MACHINE, IMPORT_DEVICE_INTEGRATION, IMPORT_DEVICE_ID, IMPORT_DEVICE_NAME };
#define IMPORT_MAX_COLUMNS 5

struct import_lines;
struct import_lines *import_lines_new(enum import_kind kind);
void import_lines_free(struct import_lines *l);
/* `fields` as many as the kind has columns; copied. */
void import_lines_add(struct import_lines *l, int64_t line, const struct slice *fields);

struct import_problem {
    int64_t line;
    struct slice what;
};
struct import_result {
    int64_t lines;
    int64_t clients_made, clients_changed, mapped;     /* organizations */
    int64_t assets_made, bound, moved, assets_retired; /* devices */
};
/* Once, in a later turn. ERR_INPUT: problems tells the first thousand, and nothing was done. dry_run: nothing is done in any
 * case; lines alone is counted. */
typedef void import_cb(void *arg, const struct import_result *result, const struct import_problem *problems,
                       size_t nproblems, const struct err *e);
void import_run(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, const struct import_lines *l,
                struct slice file, bool dry_run, import_cb *cb, void *arg);

#endif
