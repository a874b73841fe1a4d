/* cmd/import.h - the verbs of `msphub import`. */
#ifndef MSPHUB_CMD_IMPORT_H
#define MSPHUB_CMD_IMPORT_H

#include "base/util.h"
#include "cmd/command.h"

enum {
    IMPORT_FLAG_TENANT,
    IMPORT_FLAG_DRY_RUN,
    IMPORT_FLAG_TENANT_MAP,
    IMPORT_FLAG_FROM,
    IMPORT_FLAG_TABLE,
    IMPORT_FLAG_COLUMN,
    IMPORT_FLAG_DECRYPT_KEY,
    IMPORT_FLAG_REPLACE,
    IMPORT_NFLAGS
};
#define IMPORT_FLAGS_ALL (BIT(IMPORT_NFLAGS) - 1)
#define IMPORT_FLAGS_CSV (BIT(IMPORT_FLAG_TENANT) | BIT(IMPORT_FLAG_DRY_RUN))

struct import_verb {
    const char *name;
    const char *usage; /* behind the name */
    size_t nargs;      /* behind the name */
    unsigned flags;    /* that it takes: bits of the numbers above */
    int (*run)(struct invocation *inv);
};
extern const struct import_verb import_organizations, import_devices, import_mspbackups;

#endif
