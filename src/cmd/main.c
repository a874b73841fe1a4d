/* main.c - the program: a table of subcommands over the library. */
#include "base/mem.h"
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

static const struct command command_help_ = {"help", "", "this list", NULL, command_help};

const struct command *const commands[] = {
    &command_serve,  &command_migrate,    &command_check_config, &command_doctor, &command_tenant, &command_user, &command_api_key,
    &command_import, &command_rotate_key, &command_version,      &command_help_,  NULL,
};

int main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        argv[1] = (char[]){"help"};
    struct invocation inv;
    struct err e = {0};
    int status = EXIT_BAD_USAGE;
    if (invocation_read(&inv, argc, argv, &e)) {
        status = inv.command->run(&inv);
    } else {
        fprintf(stderr, "msphub: %s\n", e.what);
        if (e.code == ERR_CONFIG)
            status = EXIT_BAD_CONFIG;
    }
    invocation_release(&inv);
    return status;
}
