/* testhub.c - see testhub.h. */
#include "testhub.h"

#include "base/json_read.h"
#include "hub/syncer.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>

#define KEY "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct pgtest *cluster;

/* --- the provider --- */

static const char *const regions[] = {"eu", "us", NULL};
static const struct provider_field fields[] = {
    {.key = "base_url", .label = "Address", .kind = FIELD_INPUT_URL, .required = true},
    {.key = "client_id", .label = "Client ID", .kind = FIELD_INPUT_TEXT, .required = true},
    {.key = "client_secret", .label = "Client secret", .kind = FIELD_INPUT_SECRET, .required = true},
    {.key = "region", .label = "Region", .kind = FIELD_INPUT_SELECT, .fallback = "eu", .options = regions},
    {.key = "days", .label = "Days", .kind = FIELD_INPUT_NUMBER, .min = 1, .max = 31},
    {.key = "verbose", .label = "Verbose", .kind = FIELD_INPUT_BOOL},
};

static bool fake_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    str_add(ret, settings_text(s, "base_url"));
    return true;
}

static bool fake_intake(struct slice body, struct intake_keys *ret, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *j;
    if (!json_parse(a, body, &j, e))
        return false;
    str_add(&ret->dedupe, json_get_text(j, "id"));
    str_add(&ret->type, json_get_text(j, "type"));
    return true;
}

static void emit_alert(const struct json *j, usec_t received, const struct sink *sink, usec_t changed_at)
{
    struct record r = {.kind = RECORD_ALERT};
    r.alert = (struct record_alert){
        .series = json_get_text(j, "series"),
        .type = json_get_text(j, "type"),
        .device_id = json_get_text(j, "device"),
        .state = slice_is(json_get_text(j, "state"), "resolved") ? ALERT_RESOLVED : ALERT_TRIGGERED,
        .changed_at = changed_at,
        .triggered_at = USEC_NONE,
    };
    sink->record(sink->arg, &r);
}

static enum decode_result fake_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *j;
    if (!json_parse(a, body, &j, e))
        return DECODE_FAILED;
    struct slice type = json_get_text(j, "type");
    struct record r = {0};
    int64_t at;
    if (slice_is(type, "alert") || slice_is(type, "poison")) { /* a test has the table refuse poison */
        emit_alert(j, received, sink, json_get_i64(j, "at", &at) ? SECONDS(at) : received);
    } else if (slice_is(type, "half")) {
        emit_alert(j, received, sink, received);
        err_set(e, ERR_INPUT, "the second half is missing");
        return DECODE_FAILED;
    } else if (slice_is(type, "fail")) {
        err_set(e, ERR_INPUT, "field x: expected a number");
        return DECODE_FAILED;
    } else if (slice_is(type, "device")) {
        r.kind = RECORD_DEVICE;
        r.device = (struct record_device){.id = json_get_text(j, "device"),
                                          .name = json_get_text(j, "name"),
                                          .created = USEC_NONE,
                                          .last_seen = USEC_NONE};
        sink->record(sink->arg, &r);
    } else if (slice_is(type, "refresh")) {
        r.kind = RECORD_REFRESH;
        r.ref = (struct record_ref){.device_id = json_get_text(j, "device"), .at = USEC_NONE};
        sink->record(sink->arg, &r);
    } else {
        return slice_is(type, "ignored") ? DECODE_IGNORED : DECODE_UNKNOWN;
    }
    return DECODE_APPLIED;
}

static const struct provider fake = {
    .key = "fake",
    .name = "Fake",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_WEBHOOK,
    .webhook_secret_header = "X-Fake-Secret",
    .base_url = fake_base_url,
    .intake = fake_intake,
    .decode = fake_decode,
};
static const struct provider other = {.key = "other",
                                      .name = "Other",
                                      .base_url = fake_base_url,
                                      .intake = fake_intake,
                                      .webhook_secret_header = "X-Fake-Secret"};

/* In place of the real registry. */
const struct provider *const provider_registry[] = {&fake, &other, NULL};

const struct provider *provider_find(struct slice key)
{
    for (const struct provider *const *p = provider_registry; *p; p++)
        if (slice_is(key, (*p)->key))
            return *p;
    return NULL;
}

/* In place of the syncer: the hub's "syncer" is the test. */
void syncer_refresh_device(struct syncer *s, int64_t tenant_id, int64_t integration_id, struct slice device_id)
{
    struct testhub *t = (struct testhub *)(void *)s;
    snprintf(t->refreshed, sizeof t->refreshed, "%.*s", SLICE_FMT(device_id));
}

/* --- life --- */

int testhub_group_setup(void **state)
{
    cluster = pgtest_start();
    pgtest_migrate(cluster);
    return 0;
}

int testhub_group_teardown(void **state)
{
    pgtest_stop(cluster);
    return 0;
}

static bool is_loaded(void *arg)
{
    struct testhub *t = arg;
    return integrations_loaded(t->h.integrations) && pg_pool_up(t->h.db) && pg_listening(t->h.db, "msphub_api_key");
}

void testhub_key(struct testhub *t, const char *text)
{
    keyring_free(t->h.keyring);
    t->h.keyring = text ? keyring_parse(slice_cstr(text), NULL) : NULL;
}

void testhub_start(struct testhub *t)
{
    struct hub *h = &t->h;
    struct err e = {0};
    h->options = &t->options;
    h->metrics = metrics_new();
    h->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    h->loop = loop_new(h->log, h->metrics);
    h->db =
        pg_pool_new(h->loop, &(struct pg_options){.conninfo = pgtest_conninfo(t->pg), .connections = 8}, h->metrics);
    crypto_token(h->process, sizeof h->process - 1);
    testhub_key(t, KEY);
    h->worker = worker_new(h->loop, 100);
    h->access = access_new(h);
    h->sessions = sessions_new(h);
    h->sign_ins = sign_ins_new(h);
    h->integrations = integrations_new(h);
    h->syncer = (struct syncer *)(void *)t;
    h->applier = applier_new(h);
    h->intake = intake_new(h);
    t->server = http_server_new(h->loop, &(struct http_server_options){0}, h->metrics);
    intake_add_routes(h->intake, t->server);
    assert_true(http_server_listen(t->server, "127.0.0.1:0", NULL, &t->port, &e));
    integrations_start(h->integrations, NULL, NULL);
    testhub_until(t, is_loaded, t);
}

void testhub_stop(struct testhub *t)
{
    struct hub *h = &t->h;
    sign_ins_stop(h->sign_ins);
    worker_free(h->worker);
    http_server_free(t->server);
    intake_free(h->intake);
    applier_free(h->applier);
    pg_pool_free(h->db);
    integrations_free(h->integrations);
    sign_ins_free(h->sign_ins);
    sessions_free(h->sessions);
    access_free(h->access);
    keyring_free(h->keyring);
    loop_free(h->loop);
    log_free(h->log);
    metrics_free(h->metrics);
    memset(h, 0, sizeof *h);
}

int testhub_setup(void **state)
{
    struct testhub *t = NEW(struct testhub);
    t->pg = cluster;
    /* What the last test's hub left running in the server ends first. */
    pgtest_sql(
        cluster,
        "do $$ begin while exists (select pg_terminate_backend(pid) from pg_stat_activity where usename = 'msphub') "
        "loop perform pg_sleep(0.002); perform pg_stat_clear_snapshot(); end loop; end $$");
    pgtest_sql(cluster, "truncate tenants, webhook_deliveries cascade; insert into tenants (slug, name) values "
                        "('platform', 'Platform'), ('msp', 'MSP')");
    t->tenant = pgtest_count(cluster, "select tenant_id from tenants where slug = 'msp'");
    options_init(&t->options);
    testhub_start(t);
    *state = t;
    return 0;
}

int testhub_teardown(void **state)
{
    struct testhub *t = *state;
    testhub_stop(t);
    options_release(&t->options);
    free(t);
    return 0;
}

/* --- waiting --- */

void testhub_until(struct testhub *t, bool (*done)(void *arg), void *arg)
{
    assert_true(loop_run_until(t->h.loop, done, arg, SECONDS(20)));
}

struct question {
    struct testhub *t;
    char sql[1024];
    usec_t next;
};

static bool is_true(void *arg)
{
    struct question *q = arg;
    if (clock_mono() < q->next) /* asking blocks the loop */
        return false;
    q->next = clock_mono() + MILLIS(5);
    char *v = pgtest_value(q->t->pg, "%s", q->sql);
    bool yes = strcmp(v, "t") == 0;
    free(v);
    return yes;
}

void testhub_until_sql(struct testhub *t, const char *fmt, ...)
{
    struct question q = {.t = t};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(q.sql, sizeof q.sql, fmt, ap);
    va_end(ap);
    if (!loop_run_until(t->h.loop, is_true, &q, SECONDS(20)))
        fail_msg("never: %s", q.sql);
}

struct channel {
    const struct pg_pool *db;
    const char *name;
};

static bool is_heard(void *arg)
{
    const struct channel *c = arg;
    return pg_listening(c->db, c->name);
}

static bool is_deaf(void *arg)
{
    return !is_heard(arg);
}

void testhub_deafen(struct testhub *t, const char *channel)
{
    pgtest_sql(t->pg, "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%%'");
    testhub_until(t, is_deaf, &(struct channel){t->h.db, channel});
}

void testhub_until_heard(struct testhub *t, const char *channel)
{
    testhub_until(t, is_heard, &(struct channel){t->h.db, channel});
}

/* --- configuring --- */

void on_configured(void *arg, struct integration *it, bool created, const struct configure_faults *f,
                   const struct err *e)
{
    struct outcome *o = arg;
    assert_false(o->done);
    o->done = true;
    o->created = created;
    o->code = e ? e->code : ERR_NONE;
    snprintf(o->what, sizeof o->what, "%s", e ? e->what : "");
    size_t n = 0;
    for (size_t i = 0; f && i < f->n; i++)
        n += (size_t)snprintf(o->faults + n, sizeof o->faults - n, "%s %s\n", f->v[i].pointer, f->v[i].detail);
    o->it = it ? integration_ref(it) : NULL;
}

static bool outcome_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

void outcome_wait(struct testhub *t, struct outcome *o)
{
    testhub_until(t, outcome_done, o);
}

struct outcome testhub_configure(struct testhub *t, const char *name, enum configure_mode mode, int64_t version,
                                 const char *settings)
{
    struct outcome o = {0};
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *j = NULL;
    if (settings)
        assert_true(json_parse(a, slice_cstr(settings), &j, NULL));
    struct configure_input in = {
        .tenant_id = t->tenant,
        .provider = &fake,
        .name = slice_cstr(name),
        .mode = mode,
        .version = version,
        .settings = j,
    };
    configure(&t->h, &in, on_configured, &o);
    assert_false(o.done); /* in a later turn */
    outcome_wait(t, &o);
    return o;
}

struct integration *testhub_integration(struct testhub *t, const char *name)
{
    struct outcome o = testhub_configure(t, name, CONFIGURE_CREATE, 0, GOOD_SETTINGS);
    if (!o.it)
        fail_msg("%s\n%s", o.what, o.faults);
    return o.it;
}

/* --- requests --- */

static void on_read(struct bufferevent *bev, void *arg)
{
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct reply *r = arg;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    struct evbuffer *in = bufferevent_get_input(bev);
    ssize_t n = evbuffer_copyout(in, r->text, sizeof r->text - 1);
    r->text[MAX(n, 0)] = '\0';
    sscanf(r->text, "HTTP/1.1 %d", &r->status);
    bufferevent_free(bev);
    r->bev = NULL;
    r->done = true;
}

void testhub_send(struct testhub *t, struct reply *r, const char *path, const char *secret, const char *body)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(t->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(r, 0, sizeof *r);
    r->bev = bufferevent_socket_new(loop_base(t->h.loop), -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(r->bev, on_read, NULL, on_event, r);
    bufferevent_enable(r->bev, EV_READ | EV_WRITE);
    assert_int_equal(bufferevent_socket_connect(r->bev, (struct sockaddr *)&to, sizeof to), 0);
    struct evbuffer *out = bufferevent_get_output(r->bev);
    evbuffer_add_printf(out, "POST %s HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: %zu\r\n", path,
                        strlen(body));
    if (secret)
        evbuffer_add_printf(out, "X-Fake-Secret: %s\r\n", secret);
    evbuffer_add_printf(out, "\r\n");
    evbuffer_add(out, body, strlen(body));
}

struct replies {
    struct reply *v;
    size_t n;
};

static bool all_done(void *arg)
{
    struct replies *all = arg;
    for (size_t i = 0; i < all->n; i++)
        if (!all->v[i].done)
            return false;
    return true;
}

void reply_wait(struct testhub *t, struct reply *r, size_t n)
{
    testhub_until(t, all_done, &(struct replies){r, n});
}

char *testhub_path(const struct integration *it)
{
    return mem_printf("/webhooks/%s/%s", it->provider->key, it->hook);
}

int testhub_post(struct testhub *t, struct integration *it, const char *fmt, ...)
{
    char body[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(body, sizeof body, fmt, ap);
    va_end(ap);
    struct reply r;
    char *path = testhub_path(it);
    testhub_send(t, &r, path, secret_text(it->hook_secret).p, body);
    reply_wait(t, &r, 1);
    free(path);
    return r.status;
}

struct expected {
    struct testhub *t;
    const char *line;
    double value;
};

static bool is_expected(void *arg)
{
    struct expected *x = arg;
    return testhub_metric(x->t, x->line) == x->value;
}

void testhub_until_metric(struct testhub *t, const char *line, double value)
{
    struct expected x = {t, line, value};
    if (!loop_run_until(t->h.loop, is_expected, &x, SECONDS(20)))
        fail_msg("%s is %g, not %g", line, testhub_metric(t, line), value);
}

double testhub_metric(struct testhub *t, const char *line)
{
    _cleanup_(str_release) struct str out = {0};
    metrics_write(t->h.metrics, METRICS_TEXT_004, &out);
    const char *at = strstr(out.p, line);
    return at ? atof(at + strlen(line)) : -1;
}
