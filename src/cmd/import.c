/* cmd/import.c - `msphub import WHAT …`: what a former installation knew. doc/import.md is the how-to. */
#include "cmd/import.h"

#include <stdio.h>
#include <string.h>

static const struct command_flag flags[] = {
    [IMPORT_FLAG_TENANT] = {"tenant", "whose data it becomes: the tenant's slug", false},
    [IMPORT_FLAG_DRY_RUN] = {"dry-run", "only check, and say what would be done", true},
    {NULL},
};

static const struct import_verb *const verbs[] = {&import_organizations, &import_devices, NULL};

static int run(struct invocation *inv)
{
    for (const struct import_verb *const *v = verbs; *v; v++)
        if (inv->nargs == 1 + (*v)->nargs && strcmp(inv->args[0], (*v)->name) == 0)
            return (*v)->run(inv);
    for (const struct import_verb *const *v = verbs; *v; v++)
        fprintf(stderr, "usage: msphub import %s %s\n", (*v)->name, (*v)->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_import = {"import", "organizations|devices --tenant SLUG FILE.csv [--dry-run]",
                                       "mappings of a former installation", flags, run};
