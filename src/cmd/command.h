/* cmd/command.h - what every subcommand shares: its row in the table, its flags, its configuration. */
#ifndef MSPHUB_CMD_COMMAND_H
#define MSPHUB_CMD_COMMAND_H

#include "base/crypto.h"
#include "base/err.h"
#include "base/options.h"

#define COMMAND_MAX_FLAGS 8
#define COMMAND_MAX_ARGS  8

/* Exit statuses, as sysexits(3) has them where one fits. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_BAD_USAGE = 64, EXIT_BAD_CONFIG = 78 };

struct command_flag {
    const char *name; /* without dashes */
    const char *help;
    bool boolean; /* takes no value */
};

struct invocation {
    const struct command *command;
    char *config_file;   /* NULL: none was found */
    struct secret *keys; /* of MSPHUB_KEYS, which is gone from the environment; NULL: it was not set */
    struct options options;
    const char *flags[COMMAND_MAX_FLAGS]; /* by index in the command's table; NULL: not given */
    const char *args[COMMAND_MAX_ARGS];
    size_t nargs;
    int argc; /* as started, for reading the configuration again */
    char **argv;
};

struct command {
    const char *name;
    const char *usage; /* behind the name */
    const char *summary;
    const struct command_flag *flags; /* ends with name == NULL; NULL: none */
    int (*run)(struct invocation *inv);
};

extern const struct command *const commands[]; /* ends with NULL */

/* Fills everything from file, environment and arguments. On failure *e says what to mend. */
bool invocation_read(struct invocation *inv, int argc, char **argv, struct err *e);
void invocation_release(struct invocation *inv);
/* The whole configuration again, for SIGHUP: the same order, the file as it is now. */
bool invocation_reread(const struct invocation *inv, struct options *ret, struct err *e);

int command_help(struct invocation *inv);

extern const struct command command_serve, command_migrate, command_check_config, command_doctor, command_tenant, command_api_key,
    command_user, command_import, command_rotate_key, command_version;

#endif
