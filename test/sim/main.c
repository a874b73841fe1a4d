/* main.c - msphub-sim: flags, listeners, signals. See doc/simulator.md. */
#include "simulator.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct flags {
    const char *listen[SIM_MAX_PRODUCTS]; /* by product; NULL: not served */
    const char *control;
    const char *tls_cert, *tls_key;
    int64_t latency_ms, token_life;
    bool plain;
    struct sim_options options;
};

enum {
    F_LISTEN = 1000,
    F_CONTROL = 1100,
    F_SEED,
    F_EPOCH,
    F_NINJA_DEVICES,
    F_NINJA_ORGS,
    F_TACTICAL_AGENTS,
    F_TACTICAL_CLIENTS,
    F_TACTICAL_NO_BETA,
    F_MSP360_COMPUTERS,
    F_MSP360_COMPANIES,
    F_SYNCRO_ASSETS,
    F_SYNCRO_CUSTOMERS,
    F_SYNCRO_TICKETS,
    F_JAMF_COMPUTERS,
    F_JAMF_MOBILE,
    F_JAMF_APPS,
    F_LATENCY,
    F_TOKEN_LIFE,
    F_TLS_CERT,
    F_TLS_KEY,
    F_NO_GZIP,
    F_HELP
};

static const struct option fixed_options[] = {
    {"control-listen", required_argument, NULL, F_CONTROL},
    {"seed", required_argument, NULL, F_SEED},
    {"epoch", required_argument, NULL, F_EPOCH},
    {"ninja-devices", required_argument, NULL, F_NINJA_DEVICES},
    {"ninja-orgs", required_argument, NULL, F_NINJA_ORGS},
    {"tactical-agents", required_argument, NULL, F_TACTICAL_AGENTS},
    {"tactical-clients", required_argument, NULL, F_TACTICAL_CLIENTS},
    {"tactical-no-beta", no_argument, NULL, F_TACTICAL_NO_BETA},
    {"msp360-computers", required_argument, NULL, F_MSP360_COMPUTERS},
    {"msp360-companies", required_argument, NULL, F_MSP360_COMPANIES},
    {"syncro-assets", required_argument, NULL, F_SYNCRO_ASSETS},
    {"syncro-customers", required_argument, NULL, F_SYNCRO_CUSTOMERS},
    {"syncro-tickets", required_argument, NULL, F_SYNCRO_TICKETS},
    {"jamf-computers", required_argument, NULL, F_JAMF_COMPUTERS},
    {"jamf-mobile-devices", required_argument, NULL, F_JAMF_MOBILE},
    {"jamf-apps", required_argument, NULL, F_JAMF_APPS},
    {"latency", required_argument, NULL, F_LATENCY},
    {"token-life", required_argument, NULL, F_TOKEN_LIFE},
    {"tls-cert", required_argument, NULL, F_TLS_CERT},
    {"tls-key", required_argument, NULL, F_TLS_KEY},
    {"no-gzip", no_argument, NULL, F_NO_GZIP},
    {"help", no_argument, NULL, F_HELP},
};

static void help(void)
{
    puts("msphub-sim: plays the products that msphub talks to\n\n"
         "  --listen ADDRESS           NinjaOne, for example 127.0.0.1:0\n"
         "  --tactical-listen ADDRESS  Tactical RMM\n"
         "  --msp360-listen ADDRESS    MSP360\n"
         "  --syncro-listen ADDRESS    Syncro\n"
         "  --jamf-listen ADDRESS      Jamf Pro\n"
         "  --control-listen ADDRESS   the control API\n"
         "  --seed N                   the fleets follow from it (1)\n"
         "  --epoch SECONDS            the 'now' of the generated past (the start)\n"
         "  --ninja-devices N (1000)   --ninja-orgs N (20)\n"
         "  --tactical-agents N (120)  --tactical-clients N (6)  --tactical-no-beta\n"
         "  --msp360-computers N (60)  --msp360-companies N (5)\n"
         "  --syncro-assets N (80)     --syncro-customers N (8)  --syncro-tickets N (30)\n"
         "  --jamf-computers N (80)  --jamf-mobile-devices N (12)  --jamf-apps N (8)\n"
         "  --latency MS               before each answer (0)\n"
         "  --token-life SECONDS       of access tokens (3600)\n"
         "  --no-gzip                  never compress, whatever a client accepts\n"
         "  --tls-cert FILE --tls-key FILE  serve the products over TLS\n\n"
         "An address with port 0 takes a free port; one line per listener says which: `listening ninjaone "
         "http://127.0.0.1:PORT`.");
}

static bool number(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
    if (slice_i64(slice_cstr(text), ret) && *ret >= min && *ret <= max)
        return true;
    return err_set(e, ERR_INPUT, "--%s takes a number from %lld to %lld, not '%s'", name, (long long)min,
                   (long long)max, text);
}

static bool set_flag(struct flags *f, int id, const char *name, struct err *e)
{
    struct sim_options *o = &f->options;
    int64_t v = 0;
    switch (id) {
    case F_CONTROL:
        f->control = optarg;
        return true;
    case F_SEED:
        if (!number(name, optarg, 0, INT64_MAX, &v, e))
            return false;
        o->seed = (uint64_t)v;
        return true;
    case F_EPOCH:
        if (!number(name, optarg, 1, 4102444800, &v, e))
            return false;
        o->epoch = SECONDS(v);
        return true;
    case F_NINJA_DEVICES:
        return number(name, optarg, 0, 10000000, &o->ninja_devices, e);
    case F_NINJA_ORGS:
        return number(name, optarg, 1, 100000, &o->ninja_orgs, e);
    case F_TACTICAL_AGENTS:
        return number(name, optarg, 0, 1000000, &o->tactical_agents, e);
    case F_TACTICAL_CLIENTS:
        return number(name, optarg, 1, 10000, &o->tactical_clients, e);
    case F_TACTICAL_NO_BETA:
        o->tactical_beta = false;
        return true;
    case F_MSP360_COMPUTERS:
        return number(name, optarg, 0, 1000000, &o->msp_computers, e);
    case F_MSP360_COMPANIES:
        return number(name, optarg, 1, 10000, &o->msp_companies, e);
    case F_SYNCRO_ASSETS:
        return number(name, optarg, 0, 1000000, &o->syncro_assets, e);
    case F_SYNCRO_CUSTOMERS:
        return number(name, optarg, 1, 10000, &o->syncro_customers, e);
    case F_SYNCRO_TICKETS:
        return number(name, optarg, 0, 100000, &o->syncro_tickets, e);
    case F_JAMF_COMPUTERS:
        return number(name, optarg, 0, 1000000, &o->jamf_computers, e);
    case F_JAMF_MOBILE:
        return number(name, optarg, 0, 1000000, &o->jamf_mobile, e);
    case F_JAMF_APPS:
        return number(name, optarg, 0, 1000, &o->jamf_apps, e);
    case F_LATENCY:
        return number(name, optarg, 0, 600000, &f->latency_ms, e);
    case F_TOKEN_LIFE:
        return number(name, optarg, 1, 86400, &f->token_life, e);
    case F_TLS_CERT:
        f->tls_cert = optarg;
        return true;
    case F_TLS_KEY:
        f->tls_key = optarg;
        return true;
    case F_NO_GZIP:
        f->plain = true;
        return true;
    default:
        return err_set(e, ERR_INPUT, "unknown flag; --help lists them");
    }
}

/* False with e->code ERR_NONE: help was asked for. */
static bool parse_flags(struct flags *f, int argc, char **argv, struct err *e)
{
    struct option all[ARRAY_LEN(fixed_options) + SIM_MAX_PRODUCTS + 1] = {0};
    memcpy(all, fixed_options, sizeof(fixed_options));
    for (size_t k = 0; k < sim_nproducts; k++)
        all[ARRAY_LEN(fixed_options) + k] =
            (struct option){sim_products[k]->listen_flag, required_argument, NULL, F_LISTEN + (int)k};
    *f = (struct flags){.token_life = 3600};
    f->options = (struct sim_options){.seed = 1,
                                      .epoch = clock_wall(),
                                      .ninja_devices = 1000,
                                      .ninja_orgs = 20,
                                      .tactical_agents = 120,
                                      .tactical_clients = 6,
                                      .tactical_beta = true,
                                      .msp_computers = 60,
                                      .msp_companies = 5,
                                      .syncro_assets = 80,
                                      .syncro_customers = 8,
                                      .syncro_tickets = 30,
                                      .jamf_computers = 80,
                                      .jamf_mobile = 12,
                                      .jamf_apps = 8};
    int id, index = 0;
    while ((id = getopt_long(argc, argv, "", all, &index)) != -1) {
        e->code = ERR_NONE;
        if (id == F_HELP)
            return false;
        if (id >= F_LISTEN && id < F_CONTROL)
            f->listen[id - F_LISTEN] = optarg;
        else if (!set_flag(f, id, all[index].name, e))
            return false;
    }
    if (optind < argc)
        return err_set(e, ERR_INPUT, "unexpected argument '%s'", argv[optind]);
    f->options.token_life = SECONDS(f->token_life);
    bool any = f->control != NULL;
    for (size_t k = 0; k < sim_nproducts; k++)
        any |= f->listen[k] != NULL;
    return any || err_set(e, ERR_INPUT, "nothing to serve; --help lists the flags");
}

static bool listen_one(struct sim *s, const struct product *p, const char *address, SSL_CTX *tls, struct err *e)
{
    if (!address)
        return true;
    if (!sim_listen(s, p, address, tls, e))
        return false;
    const char *colon = strrchr(address, ':');
    printf("listening %s %s://%.*s:%u\n", p ? p->key : "control", tls ? "https" : "http",
           (int)(colon ? colon - address : 0), address, sim_instance(s, p)->port);
    fflush(stdout);
    return true;
}

static bool listen_all(struct sim *s, const struct flags *f, struct err *e)
{
    SSL_CTX *tls = NULL;
    if (f->tls_cert && !(tls = tls_server_ctx(f->tls_cert, f->tls_key, e)))
        return false;
    bool ok = true;
    for (size_t k = 0; ok && k < sim_nproducts; k++)
        ok = listen_one(s, sim_products[k], f->listen[k], tls, e);
    ok = ok && listen_one(s, NULL, f->control, NULL, e);
    SSL_CTX_free(tls);
    return ok;
}

static void on_signal(int signo, void *arg)
{
    loop_stop(arg);
}

static bool run(const struct flags *f, struct err *e)
{
    struct log *log = log_new(2, LOG_WARN, LOG_LOGFMT);
    struct metrics *metrics = metrics_new();
    struct loop *loop = loop_new(log, metrics);
    struct loop_signal *term = loop_on_signal(loop, SIGTERM, on_signal, loop);
    struct loop_signal *interrupt = loop_on_signal(loop, SIGINT, on_signal, loop);
    struct sim *s = sim_new(loop, metrics, &f->options);
    s->latency = MILLIS(f->latency_ms);
    s->plain = f->plain;
    bool ok = sim_start_hooks(s, e) && listen_all(s, f, e);
    if (ok)
        loop_run(loop);
    sim_free(s);
    loop_signal_free(term);
    loop_signal_free(interrupt);
    loop_free(loop);
    metrics_free(metrics);
    log_free(log);
    return ok;
}

int main(int argc, char **argv)
{
    struct flags f;
    struct err e = {.code = ERR_NONE};
    if (!parse_flags(&f, argc, argv, &e) && e.code == ERR_NONE) {
        help();
        return 0;
    }
    if (e.code == ERR_NONE && run(&f, &e))
        return 0;
    fprintf(stderr, "msphub-sim: %s\n", e.what);
    return 1;
}
