/* cmd/check_config.c - `msphub check-config [--dump|--example]`: reads the configuration as serve would, and what it
 * names. */
#include "base/crypto.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/file.h"
#include "cmd/keys.h"
#include "cmd/listen.h"
#include "reactor/egress.h"
#include "reactor/tls.h"

#include <stdio.h>

enum { FLAG_DUMP, FLAG_EXAMPLE };
static const struct command_flag flags[] = {
    [FLAG_DUMP] = {"dump", "print every option's value, passwords masked", true},
    [FLAG_EXAMPLE] = {"example", "print a commented example file", true},
    {NULL},
};

static bool check_tls(const struct options *o, struct err *e)
{
    if (!*o->tls_cert && !*o->tls_key)
        return true;
    SSL_CTX *ctx = tls_server_ctx(o->tls_cert, o->tls_key, e);
    SSL_CTX_free(ctx);
    return ctx != NULL;
}

static bool check_egress(const struct options *o, struct err *e)
{
    struct egress *g = egress_new();
    bool good = egress_configure(g, o->allow_private_networks, slice_cstr(o->private_networks), e);
    egress_free(g);
    return good;
}

static bool check_log(const struct options *o, struct err *e)
{
    enum log_level level;
    enum log_format format;
    if (!log_level_parse(slice_cstr(o->log_level), &level))
        return err_set(e, ERR_CONFIG, "log_level = %s: one of debug, info, warn, error", o->log_level);
    if (!log_format_parse(slice_cstr(o->log_format), &format))
        return err_set(e, ERR_CONFIG, "log_format = %s: one of logfmt, json", o->log_format);
    return true;
}

static bool check_proxies(const struct options *o, struct err *e)
{
    struct cidr_list proxies = {0};
    bool good = proxies_parse(o->trusted_proxies, &proxies, e);
    cidr_list_release(&proxies);
    return good;
}

static void print_keys(const struct keys *k)
{
    if (k->warning)
        fprintf(stderr, "msphub: warning: %s\n", k->warning);
    if (k->ring)
        printf("Sealing keys: %zu, in %s; the current one is %s.\n", keyring_size(k->ring), k->source,
               keyring_current_id(k->ring));
    else
        printf("Sealing keys: none; no secret can be stored.\n");
}

static int run(struct invocation *inv)
{
    _cleanup_(str_release) struct str out = {0};
    if (inv->flags[FLAG_EXAMPLE]) {
        options_example(&out);
        fputs(out.p, stdout);
        return EXIT_DONE;
    }
    struct err e = {0};
    struct keys keys;
    if (!check_log(&inv->options, &e) || !check_tls(&inv->options, &e) || !check_proxies(&inv->options, &e) ||
        !check_egress(&inv->options, &e) || !keys_load(inv, &inv->options, &keys, &e)) {
        fprintf(stderr, "msphub: %s\n", e.what);
        return EXIT_BAD_CONFIG;
    }
    if (inv->flags[FLAG_DUMP]) {
        options_dump(&inv->options, &out);
        fputs(out.p, stdout);
    } else {
        printf("%s: the configuration is good.\n", inv->config_file ? inv->config_file : "no file");
        print_keys(&keys);
    }
    keys_release(&keys);
    return EXIT_DONE;
}

const struct command command_check_config = {"check-config", "[--dump | --example]",
                                             "read the configuration and say what is wrong", flags, run};
