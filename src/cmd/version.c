/* cmd/version.c - `msphub version`. */
#include "version.h"
#include "cmd/command.h"

#include <stdio.h>

static int run(struct invocation *inv)
{
    printf("msphub %s\n", MSPHUB_VERSION);
    return EXIT_DONE;
}

const struct command command_version = {"version", "", "print the version", NULL, run};
