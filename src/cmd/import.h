/* cmd/import.h - the verbs of `msphub import`. */
#ifndef MSPHUB_CMD_IMPORT_H
#define MSPHUB_CMD_IMPORT_H

#include "cmd/command.h"

enum { IMPORT_FLAG_TENANT, IMPORT_FLAG_DRY_RUN };

struct import_verb {
    const char *name;
    const char *usage; /* behind the name */
    size_t nargs;      /* behind the name */
    int (*run)(struct invocation *inv);
};
extern const struct import_verb import_organizations, import_devices;

#endif
