/* cmd/import.c - `msphub import WHAT …`: what a former installation knew. doc/import.md is the how-to. */
#include "cmd/import.h"

#include <stdio.h>
#include <string.h>

static const struct command_flag flags[] = {
    [IMPORT_FLAG_TENANT] = {"tenant", "whose data it becomes: the tenant's slug", false},
    [IMPORT_FLAG_DRY_RUN] = {"dry-run", "only check, and say what would be done", true},
    [IMPORT_FLAG_TENANT_MAP] = {"tenant-map", "a CSV file with the columns partner, tenant (mspbackups)", false},
    [IMPORT_FLAG_FROM] = {"from", "the former database, as libpq has it (mspbackups) [the hub's]", false},
    [IMPORT_FLAG_TABLE] = {"table", "the former table (mspbackups) [mspbackups_config]", false},
    [IMPORT_FLAG_COLUMN] = {"column", "which column is which: api_login=usr,… (mspbackups)", false},
    [IMPORT_FLAG_DECRYPT_KEY] = {"decrypt-key", "a file with the key of encrypted values (mspbackups)", false},
    [IMPORT_FLAG_REPLACE] = {"replace", "overwrite integrations that have other values (mspbackups)", true},
    {NULL},
};

static const struct import_verb *const verbs[] = {&import_organizations, &import_devices, &import_mspbackups, NULL};

static bool takes(const struct import_verb *v, const struct invocation *inv)
{
    if (inv->nargs != 1 + v->nargs || strcmp(inv->args[0], v->name) != 0)
        return false;
    for (size_t i = 0; i < IMPORT_NFLAGS; i++)
        if (inv->flags[i] && !(v->flags & BIT(i)))
            return false;
    return true;
}

static int run(struct invocation *inv)
{
    for (const struct import_verb *const *v = verbs; *v; v++)
        if (takes(*v, inv))
            return (*v)->run(inv);
    for (const struct import_verb *const *v = verbs; *v; v++)
        fprintf(stderr, "usage: msphub import %s %s\n", (*v)->name, (*v)->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_import = {"import",
                                       "organizations|devices --tenant SLUG FILE.csv | mspbackups … [--dry-run]",
                                       "what a former installation knew", flags, run};
