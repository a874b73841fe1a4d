/* cmd/command.c - reads a command line: subcommand, its own flags, and any option of options.def as a flag.
 * Order: defaults, the file (--config, MSPHUB_CONFIG or /etc/msphub/msphub.conf), MSPHUB_* in the environment
 *        (cmd/environment.h), flags.
 */
#include "cmd/command.h"

#include "base/mem.h"
#include "cmd/environment.h"
#include "cmd/file.h"
#include "cmd/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/msphub/msphub.conf"
#define MAX_CONFIG     (1024 * 1024)

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int flag_index(const struct command *c, struct slice name)
{
    for (int i = 0; c->flags && c->flags[i].name; i++)
        if (slice_is(name, c->flags[i].name))
            return i;
    return -1;
}

static bool option_flag(struct options *o, struct slice name, const char *value, struct err *e)
{
    _cleanup_(mem_freep) char *snake = mem_strndup(name.p, name.n);
    for (char *p = snake; *p; p++)
        if (*p == '-')
            *p = '_';
    return options_set(o, snake, value, e) || err_wrap(e, "--%.*s", SLICE_FMT(name));
}

/* One pass over the arguments. `inv` NULL-safe parts: with `only_options` nothing but options is taken. */
static bool args_apply(struct invocation *inv, struct options *o, bool only_options, struct err *e)
{
    for (int i = 2; i < inv->argc; i++) {
        const char *arg = inv->argv[i];
        if (strncmp(arg, "--", 2) != 0) {
            if (!only_options && inv->nargs == COMMAND_MAX_ARGS)
                return err_set(e, ERR_INPUT, "too many arguments at \"%s\"", arg);
            if (!only_options)
                inv->args[inv->nargs++] = arg;
            continue;
        }
        struct slice value = slice_cstr(arg + 2);
        bool has_value = strchr(arg, '=') != NULL;
        struct slice name = slice_cut(&value, '=');
        int flag = flag_index(inv->command, name);
        bool boolean = flag >= 0 && inv->command->flags[flag].boolean;
        if (!has_value && !boolean && ++i == inv->argc)
            return err_set(e, ERR_INPUT, "--%.*s wants a value: --%.*s VALUE", SLICE_FMT(name), SLICE_FMT(name));
        const char *text = has_value ? value.p : boolean ? "yes" : inv->argv[i];
        if (slice_is(name, "config"))
            continue;
        if (flag >= 0) {
            if (!only_options)
                inv->flags[flag] = text;
        } else if (!option_flag(o, name, text, e)) {
            return false;
        }
    }
    return true;
}

/* --config beats MSPHUB_CONFIG beats the usual place; the usual place may be empty. */
static char *config_file(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            return mem_strdup(argv[i] + 9);
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return mem_strdup(argv[i + 1]);
    }
    const char *named = getenv("MSPHUB_CONFIG");
    if (named && *named)
        return mem_strdup(named);
    return access(DEFAULT_CONFIG, F_OK) == 0 ? mem_strdup(DEFAULT_CONFIG) : NULL;
}

static bool options_load(struct invocation *inv, struct options *o, bool only_options, struct err *e)
{
    options_init(o);
    if (inv->config_file) {
        _cleanup_(str_release) struct str text = {0};
        if (!file_read(inv->config_file, MAX_CONFIG, &text, e) ||
            !options_read(o, inv->config_file, str_slice(&text), e))
            return false;
    }
    return environment_apply(o, e) && args_apply(inv, o, only_options, e);
}

bool invocation_read(struct invocation *inv, int argc, char **argv, struct err *e)
{
    *inv = (struct invocation){.argc = argc, .argv = argv};
    options_init(&inv->options);
    if (argc < 2)
        return err_set(e, ERR_INPUT, "which command? `msphub help` lists them");
    inv->command = command_find(argv[1]);
    if (!inv->command)
        return err_set(e, ERR_INPUT, "there is no command \"%s\"; `msphub help` lists them", argv[1]);
    inv->keys = environment_take(KEYS_VARIABLE);
    inv->config_file = config_file(argc, argv);
    options_release(&inv->options);
    return options_load(inv, &inv->options, false, e);
}

bool invocation_reread(const struct invocation *inv, struct options *ret, struct err *e)
{
    struct invocation copy = *inv;
    if (options_load(&copy, ret, true, e))
        return true;
    options_release(ret);
    return false;
}

void invocation_release(struct invocation *inv)
{
    free(inv->config_file);
    secret_free(inv->keys);
    options_release(&inv->options);
}

static void help_commands(struct str *out)
{
    str_adds(out, "Usage: msphub COMMAND [--config FILE] [--OPTION VALUE …]\n\n");
    for (size_t i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        str_addf(out, "  %-12s %-44s %s\n", c->name, c->usage, c->summary);
        for (const struct command_flag *f = c->flags; f && f->name; f++)
            str_addf(out, "  %-12s   --%-12s %s\n", "", f->name, f->help);
    }
    str_adds(out, "\nOptions (in msphub.conf `name = value`, in the environment MSPHUB_NAME, as flags --name):\n\n");
}

int command_help(struct invocation *inv)
{
    _cleanup_(str_release) struct str out = {0};
    help_commands(&out);
    options_help(&out);
    fputs(out.p, stdout);
    return EXIT_DONE;
}
