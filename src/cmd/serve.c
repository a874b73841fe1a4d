/* cmd/serve.c - `msphub serve`: puts a hub together, runs it, takes it apart again.
 * States: START -> CHECK (does row-level security hold for our role? is the schema current?) -> LOAD (integrations) -> SERVE ->
 *         DRAIN -> END. It listens from the start: until SERVE, /readyz says what is missing and webhooks are answered 503, so
 *         that nobody takes silence for acceptance. DRAIN goes the way of the work: clients, deliveries in hand, runs (checkpoint,
 *         lease), renewed credentials, the database; what is left drain_timeout and two seconds later is cut off.
 * Always: a schema that is older than the build, or a role that sees all tenants, ends the process; a database that is away
 *         does not, it is waited for. */
#include "api/api.h"
#include "cmd/command.h"
#include "cmd/keys.h"
#include "cmd/listen.h"
#include "cmd/notify.h"
#include "hub/action.h"
#include "hub/applier.h"
#include "hub/asset_upkeep.h"
#include "hub/bearer.h"
#include "hub/connect.h"
#include "hub/engine.h"
#include "hub/health_watch.h"
#include "hub/identity_provider.h"
#include "hub/intake.h"
#include "hub/integration.h"
#include "hub/issuer.h"
#include "hub/oidc.h"
#include "hub/session.h"
#include "hub/sign_in.h"
#include "hub/syncer.h"
#include "hub/tenants.h"
#include "hub/ticket.h"
#include "store/migrate.h"
#include "store/tenant.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_START MILLIS(500)

struct serve {
    struct invocation *inv;
    struct hub hub;
    struct keys keys;      /* hub.keyring is of it */
    struct egress *egress; /* hub.egress */
    struct http_server *server;
    struct cidr_list proxies;
    struct api *api;
    struct loop_signal *signals[3];
    struct timer retry, watchdog, drain_limit;
    bool tls;
    int status;
};

/* --- starting --- */

static void log_configure(struct log *log, const struct options *o)
{
    enum log_level level;
    enum log_format format;
    if (log_level_parse(slice_cstr(o->log_level), &level))
        log_set_level(log, level);
    if (log_format_parse(slice_cstr(o->log_format), &format))
        log_set_format(log, format);
}

static void serve_give_up(struct serve *s, const struct err *e)
{
    log_error(s->hub.log, "serve.failed", F_ERR(e));
    s->status = EXIT_FAILED;
    loop_stop(s->hub.loop);
}

static void on_loaded(void *arg, const struct err *e)
{
    struct serve *s = arg;
    if (e) {
        serve_give_up(s, e);
        return;
    }
    applier_start(s->hub.applier);
    syncer_start(s->hub.syncer);
    ticket_desk_start(s->hub.tickets);
    tenants_start(s->hub.tenants);
    asset_upkeep_start(s->hub.assets);
    health_watch_start(s->hub.health);
    notify_state("READY=1\nSTATUS=serving");
    log_info(s->hub.log, "serve.ready", F_STR("version", MSPHUB_VERSION));
}

static void serve_check(void *arg);

static void on_schema(void *arg, const struct migrate_report *report, const struct err *e)
{
    struct serve *s = arg;
    if (s->hub.draining)
        return;
    if (e && e->code == ERR_CONFLICT) {
        serve_give_up(s, e);
        return;
    }
    if (e) {
        log_warn(s->hub.log, "serve.database_away", F_ERR(e));
        timer_set(&s->retry, s->hub.loop, RETRY_START, serve_check, s);
        return;
    }
    if (report->pending) {
        struct err old = {0};
        err_set(&old, ERR_CONFIG, "the database's schema is at version %d, this build needs %d: run `msphub migrate`",
                report->from, migrate_wanted());
        serve_give_up(s, &old);
        return;
    }
    s->hub.schema_current = true;
    integrations_start(s->hub.integrations, on_loaded, s);
}

/* A role for which row-level security does not hold is refused: tenants would be kept apart once, not twice. */
static void on_role(void *arg, int64_t none, const struct err *e)
{
    struct serve *s = arg;
    if (s->hub.draining)
        return;
    if (e && e->code == ERR_CONFIG) {
        serve_give_up(s, e);
    } else if (e) {
        log_warn(s->hub.log, "serve.database_away", F_ERR(e));
        timer_set(&s->retry, s->hub.loop, RETRY_START, serve_check, s);
    } else {
        migrate_run(s->hub.db, true, NULL, on_schema, s);
    }
}

static void serve_check(void *arg)
{
    struct serve *s = arg;
    tenant_check_role(s->hub.db, on_role, s);
}

/* --- signals --- */

static void on_drained(void *arg)
{
    struct serve *s = arg;
    loop_stop(s->hub.loop);
}

static void on_db_idle(void *arg)
{
    on_drained(arg);
}

static void on_credentials_stored(void *arg)
{
    struct serve *s = arg;
    pg_pool_drain(s->hub.db, on_db_idle, s);
}

static void on_runs_given_back(void *arg)
{
    struct serve *s = arg;
    engine_drain(s->hub.engine, on_credentials_stored, s);
}

static void on_applier_idle(void *arg)
{
    struct serve *s = arg;
    ticket_desk_stop(s->hub.tickets);
    syncer_drain(s->hub.syncer, on_runs_given_back, s);
}

static void on_clients_gone(void *arg)
{
    struct serve *s = arg;
    applier_drain(s->hub.applier, on_applier_idle, s);
}

static void on_terminate(int signo, void *arg)
{
    struct serve *s = arg;
    if (s->hub.draining)
        _exit(EXIT_FAILED); /* asked twice: at once */
    s->hub.draining = true;
    notify_state("STOPPING=1");
    usec_t limit = s->hub.options->drain_timeout;
    log_info(s->hub.log, "serve.draining", F_I64("connections", http_server_connections(s->server)),
             F_USEC("limit", limit));
    timer_cancel(&s->retry);
    health_watch_stop(s->hub.health);
    /* Clients get most of the time; runs and batches only have to finish a transaction. */
    timer_set(&s->drain_limit, s->hub.loop, limit + SECONDS(2), on_drained, s);
    http_server_drain(s->server, limit, on_clients_gone, s);
}

static SSL_CTX *serve_tls(const struct options *o, struct err *e)
{
    return tls_server_ctx(o->tls_cert, o->tls_key, e);
}

/* Takes the keys over; what is sealed with one that is new is opened again. */
static void take_keys(struct serve *s, struct keys *fresh)
{
    struct hub *h = &s->hub;
    bool same = keyring_same(s->keys.ring, fresh->ring);
    keys_release(&s->keys);
    s->keys = *fresh;
    h->keyring = s->keys.ring;
    if (s->keys.warning)
        log_warn(h->log, "keys.readable", F_STR("mend", s->keys.warning));
    if (!h->keyring)
        log_warn(
            h->log, "keys.none",
            F_STR("mend", "set key_file: without it no secret can be stored, so no integration can be configured"));
    else if (!same)
        log_info(h->log, "keys.loaded", F_STR("source", s->keys.source), F_I64("count", keyring_size(h->keyring)),
                 F_STR("current", keyring_current_id(h->keyring)));
    if (!same && h->integrations) {
        integrations_refresh(h->integrations);
        identity_providers_changed(h->identity_providers);
    }
}

static bool serve_keys(struct serve *s, struct err *e)
{
    struct keys keys;
    if (!keys_load(s->inv, s->hub.options, &keys, e))
        return false;
    take_keys(s, &keys);
    return true;
}

static bool serve_egress(struct serve *s, const struct options *o, struct err *e)
{
    return egress_configure(s->egress, o->allow_private_networks, slice_cstr(o->private_networks), e);
}

/* All of it or nothing: what may fail comes first. */
static bool reload(struct serve *s, const struct options *fresh, struct err *e)
{
    struct keys keys;
    SSL_CTX *tls = NULL;
    if (!keys_load(s->inv, fresh, &keys, e))
        return false;
    if ((s->tls && !(tls = serve_tls(fresh, e))) || !serve_egress(s, fresh, e)) {
        keys_release(&keys);
        SSL_CTX_free(tls);
        return false;
    }
    if (tls)
        http_server_set_tls(s->server, tls);
    SSL_CTX_free(tls);
    take_keys(s, &keys);
    return true;
}

/* A bad file keeps the old configuration and says why. */
static void on_reload(int signo, void *arg)
{
    struct serve *s = arg;
    struct options fresh;
    struct err e = {0};
    notify_state("RELOADING=1");
    if (!invocation_reread(s->inv, &fresh, &e)) {
        log_error(s->hub.log, "config.refused", F_ERR(&e));
    } else if (!reload(s, &fresh, &e)) {
        log_error(s->hub.log, "config.refused", F_ERR(&e));
        options_release(&fresh);
    } else {
        _cleanup_(str_release) struct str restart = {0};
        options_reload(s->hub.options, &fresh, &restart);
        options_release(&fresh);
        log_configure(s->hub.log, s->hub.options);
        loop_dns_reload(s->hub.loop);
        log_info(s->hub.log, "config.reloaded", F_STR("needs_restart", restart.n ? restart.p : ""));
    }
    notify_state("READY=1");
}

static void on_watchdog(void *arg)
{
    struct serve *s = arg;
    notify_state("WATCHDOG=1");
    timer_set(&s->watchdog, s->hub.loop, notify_watchdog_interval(), on_watchdog, s);
}

static void serve_signals(struct serve *s)
{
    s->signals[0] = loop_on_signal(s->hub.loop, SIGTERM, on_terminate, s);
    s->signals[1] = loop_on_signal(s->hub.loop, SIGINT, on_terminate, s);
    s->signals[2] = loop_on_signal(s->hub.loop, SIGHUP, on_reload, s);
    if (notify_watchdog_interval() != USEC_NONE)
        on_watchdog(s);
}

/* --- one line a finished request --- */

static void on_finished(const struct http_request *r, int status, usec_t took, void *arg)
{
    struct serve *s = arg;
    const struct http_route *route = http_request_route(r);
    struct slice path = http_request_path(r);
    bool quiet = slice_is(path, "/livez") || slice_is(path, "/readyz") || slice_is(path, "/metrics");
    /* A webhook's path holds its unguessable part: the route stands for it. */
    bool hook = slice_starts(path, SLICE("/webhooks/"));
    LOG_(s->hub.log, quiet ? LOG_DEBUG : LOG_INFO, "http.request", F_STR("request_id", http_request_id(r)),
         F_STR("method", http_method_name(http_request_method(r))),
         F_SLICE("path", hook && route ? slice_cstr(route->pattern) : path), F_I64("status", status),
         F_USEC("took", took), F_STR("peer", http_request_peer(r)), F_STR("trace_id", http_request_trace(r)->id),
         LOG_END_);
}

/* --- putting together and taking apart --- */

static bool serve_client(struct serve *s, struct err *e)
{
    const struct options *o = s->hub.options;
    const struct http_client_options client = {
        .per_origin = (unsigned)o->call_connections,
        .max_body = (size_t)o->call_max_body,
        .egress = s->egress,
        .ca_file = *o->ca_file ? o->ca_file : NULL,
    };
    s->hub.client = http_client_new(s->hub.loop, &client, s->hub.metrics, e);
    return s->hub.client != NULL;
}

static void serve_database(struct serve *s)
{
    const struct options *o = s->hub.options;
    const struct pg_options db = {
        .conninfo = o->database,
        .connections = (unsigned)o->database_connections,
        .max_queue = (unsigned)o->database_max_queue,
        .timeout = o->database_timeout,
        .unnamed_only = o->database_unnamed_only,
    };
    s->hub.db = pg_pool_new(s->hub.loop, &db, s->hub.metrics);
}

static void serve_server(struct serve *s)
{
    const struct options *o = s->hub.options;
    const struct http_server_options server = {
        .max_head = (size_t)o->http_max_head,
        .max_body = (size_t)o->http_max_body,
        .max_buffered = (size_t)o->http_max_buffered,
        .max_connections = (unsigned)o->http_max_connections,
        .head_timeout = o->http_head_timeout,
        .body_timeout = o->http_body_timeout,
        .idle_timeout = o->http_idle_timeout,
        .reuse_port = o->reuse_port,
        .trusted_proxies = &s->proxies,
    };
    s->server = http_server_new(s->hub.loop, &server, s->hub.metrics);
    http_server_on_finished(s->server, on_finished, s);
}

static void serve_domain(struct serve *s)
{
    struct hub *h = &s->hub;
    h->worker = worker_new(h->loop, (size_t)h->options->password_queue);
    h->access = access_new(h);
    h->tenants = tenants_new(h);
    h->assets = asset_upkeep_new(h);
    h->sessions = sessions_new(h);
    h->sign_ins = sign_ins_new(h);
    h->identity_providers = identity_providers_new(h);
    h->issuers = issuers_new(h);
    h->bearers = bearers_new(h);
    h->oidcs = oidcs_new(h);
    h->integrations = integrations_new(h);
    h->engine = engine_new(h);
    h->syncer = syncer_new(h);
    h->actions = actions_new(h);
    h->connects = connects_new(h);
    h->tickets = ticket_desk_new(h);
    h->health = health_watch_new(h);
    h->applier = applier_new(h);
    h->intake = intake_new(h);
    intake_add_routes(h->intake, s->server);
    s->api = api_new(h, s->server);
}

static bool serve_listen(struct serve *s, struct err *e)
{
    const struct options *o = s->hub.options;
    SSL_CTX *tls = NULL;
    s->tls = *o->tls_cert || *o->tls_key;
    if (s->tls && !(tls = serve_tls(o, e)))
        return false;
    bool good = listen_all(s->server, o->listen, tls, e);
    SSL_CTX_free(tls);
    return good;
}

static bool serve_build(struct serve *s, struct err *e)
{
    struct hub *h = &s->hub;
    h->options = &s->inv->options;
    h->log = log_new(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    log_configure(h->log, h->options);
    h->metrics = metrics_new();
    h->loop = loop_new(h->log, h->metrics);
    crypto_token(h->process, sizeof(h->process) - 1);
    metric_with(
        metric_family(h->metrics, METRIC_GAUGE, "msphub_build_info", "The build, as labels.", "version", NULL, 0),
        METRIC_L(MSPHUB_VERSION))
        ->value = 1;
    if (!serve_keys(s, e))
        return false;
    h->egress = s->egress = egress_new();
    if (!proxies_parse(h->options->trusted_proxies, &s->proxies, e) || !serve_egress(s, h->options, e) ||
        !serve_client(s, e))
        return false;
    serve_database(s);
    serve_server(s);
    serve_domain(s);
    return serve_listen(s, e);
}

static void serve_release(struct serve *s)
{
    struct hub *h = &s->hub;
    timer_cancel(&s->retry);
    timer_cancel(&s->watchdog);
    timer_cancel(&s->drain_limit);
    for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
        loop_signal_free(s->signals[i]);
    /* The loop runs no more. First those who let go of what they wait for, then those who call back (worker, engine, HTTP client,
     * database pool: each tells what it had under way that it is over), then whoever they called back, each after those whose
     * callbacks it serves, and the server, whose requests were answered by all of these, and what its requests used. */
    sign_ins_stop(h->sign_ins);
    worker_free(h->worker); /* what waits for a password's hash is answered */
    intake_free(h->intake);
    applier_free(h->applier);
    engine_free(h->engine);
    http_client_free(h->client);
    egress_free(s->egress);
    pg_pool_free(h->db);
    integrations_free(h->integrations);
    syncer_free(h->syncer); /* runs that the drain could not wait for are told by those three */
    actions_free(h->actions);
    ticket_desk_free(h->tickets);
    connects_free(h->connects);
    health_watch_free(h->health);
    sign_ins_free(h->sign_ins);
    sessions_free(h->sessions);
    issuers_free(h->issuers);
    identity_providers_free(h->identity_providers);
    bearers_free(h->bearers);
    oidcs_free(h->oidcs);
    access_free(h->access);
    tenants_free(h->tenants);
    asset_upkeep_free(h->assets);
    http_server_free(s->server);
    api_free(s->api);
    cidr_list_release(&s->proxies);
    keys_release(&s->keys);
    loop_free(h->loop);
    metrics_free(h->metrics);
    log_free(h->log);
}

static int run(struct invocation *inv)
{
    struct serve s = {.inv = inv};
    struct err e = {0};
    signal(SIGPIPE, SIG_IGN); /* a peer that left is an error of its write, not our end */
    if (serve_build(&s, &e)) {
        serve_signals(&s);
        serve_check(&s);
        loop_run(s.hub.loop);
        log_info(s.hub.log, "serve.ended", F_I64("status", s.status));
    } else {
        fprintf(stderr, "msphub: %s\n", e.what);
        s.status = EXIT_FAILED;
    }
    serve_release(&s);
    return s.status;
}

const struct command command_serve = {"serve", "", "run the hub", NULL, run};
