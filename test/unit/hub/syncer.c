/* Runs against a real PostgreSQL, with a scripted product: this program stands in for the engine and for the cache of
 * integrations (the linker takes these instead of the library's). A node is one process; two share a loop. */
#include "hub/syncer.h"

#include "base/mem.h"
#include "hub/engine.h"
#include "hub/integration.h"
#include "pgtest.h"
#include "store/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DEVICES  40
#define PER_PAGE 10

static struct pgtest *pg;

/* --- the product --- */
struct product {
    bool absent[DEVICES];
    const char *rename_one; /* of device 3 */
    bool no_proof, unnamed_reject, fails, one_processor;
    int reject_device; /* -1: none */
    int stop_at;       /* hangs before this page; -1: never */
    bool pages_alerts;
    int plans;            /* backup plans "p0" … */
    int plan_out_of_time; /* this one with a start that PostgreSQL has no room for */
    int starts;
    char cursor[64]; /* that the last one began with */
};
static struct product product;

struct engine { /* stands in hub.engine: one a node */
    struct hub *hub;
    struct play *all[64];
    unsigned n;
};

struct play {
    struct engine *engine;
    struct engine_job job;
    struct ref ref;
    int page;
    bool paused, canceled, over;
    struct timer next;
};

static void emit_device(struct play *p, int i)
{
    char id[16], name[32];
    if (product.absent[i])
        return;
    snprintf(id, sizeof(id), "%03d", i);
    snprintf(name, sizeof(name), "PC-%03d", i);
    if (i == product.reject_device) {
        p->job.sink.reject(p->job.sink.arg, RECORD_DEVICE, slice_cstr(id), "offline: expected a boolean, found text");
        return;
    }
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = slice_cstr(id),
                                  .name = slice_cstr(i == 3 && product.rename_one ? product.rename_one : name),
                                  .organization_id = SLICE("13"),
                                  .type = ASSET_WORKSTATION,
                                  .status = AGENT_ONLINE,
                                  .created = USEC_NONE,
                                  .last_seen = SECONDS(1760000000)}};
    p->job.sink.record(p->job.sink.arg, &r);
}

/* Rows 15 to 24, say: pages end between the two processors of a device. */
static void emit_processor(struct play *p, int row)
{
    char id[16], name[32];
    int i = row / 2;
    snprintf(id, sizeof(id), "%03d", i);
    snprintf(name, sizeof(name), "CPU %d", row % 2);
    struct record r = {
        .kind = RECORD_FACET,
        .facet = {
            .device_id = slice_cstr(id),
            .facet = FACET_PROCESSORS,
            .processor = {.name = slice_cstr(name), .cores = 8, .logical_cores = I64_NONE, .clock_hz = I64_NONE}}};
    if (!product.absent[i] && !(product.one_processor && row % 2))
        p->job.sink.record(p->job.sink.arg, &r);
}

static void emit_page(struct play *p, int page)
{
    const int pages = DEVICES / PER_PAGE, rows = 2 * DEVICES / (pages + 1) + 1; /* 17: odd */
    if (page < pages)
        for (int i = page * PER_PAGE; i < (page + 1) * PER_PAGE; i++)
            emit_device(p, i);
    else
        for (int row = (page - pages) * rows; row < MIN(2 * DEVICES, (page - pages + 1) * rows); row++)
            emit_processor(p, row);
    if (page == pages - 1 && !product.no_proof)
        p->job.sink.complete(p->job.sink.arg, RECORD_DEVICE, DEVICES);
    else if (page == pages - 1)
        p->job.sink.incomplete(p->job.sink.arg, RECORD_DEVICE, "the product announced 41 rows and gave 39");
    if (page == 0 && product.unnamed_reject)
        p->job.sink.reject(p->job.sink.arg, RECORD_DEVICE, SLICE_NONE, "id: missing");
}

static void emit_alerts(struct play *p)
{
    struct record a = {.kind = RECORD_ALERT,
                       .alert = {.series = SLICE("s1"),
                                 .device_id = SLICE("003"),
                                 .state = ALERT_TRIGGERED,
                                 .severity = SEVERITY_MAJOR,
                                 .severity_known = true,
                                 .triggered_at = SECONDS(1760000000),
                                 .changed_at = SECONDS(1760000000)}};
    if (product.pages_alerts)
        p->job.sink.record(p->job.sink.arg, &a);
    p->job.sink.complete(p->job.sink.arg, RECORD_ALERT, product.pages_alerts);
}

static void emit_plans(struct play *p)
{
    for (int i = 0; i < product.plans; i++) {
        char id[16];
        snprintf(id, sizeof(id), "p%d", i);
        struct record r = {.kind = RECORD_BACKUP_JOB,
                           .backup_job = {.id = slice_cstr(id),
                                          .device_id = SLICE("003"),
                                          .status = BACKUP_SUCCESS,
                                          .last_start = i == product.plan_out_of_time ? INT64_C(-220000000000000000)
                                                                                      : SECONDS(1760000000),
                                          .next_start = USEC_NONE,
                                          .total_bytes = 7}};
        p->job.sink.record(p->job.sink.arg, &r);
    }
    if (product.plans)
        p->job.sink.complete(p->job.sink.arg, RECORD_BACKUP_JOB, product.plans);
}

static void play_over(struct play *p, const struct err *e)
{
    struct engine_counts counts = {.calls = (uint64_t)p->page};
    p->over = true;
    timer_cancel(&p->next);
    p->job.on_done(p->job.arg, &counts, e);
}

static void play_single(struct play *p)
{
    int i = atoi(p->job.device_id.p);
    emit_device(p, i);
    play_over(p, NULL);
}

static void play_next(void *arg)
{
    struct play *p = arg;
    struct err e = {0};
    char json[32];
    if (p->canceled) {
        err_set(&e, ERR_CANCELED, "canceled");
        play_over(p, &e);
    } else if (p->paused || p->page == product.stop_at) {
        timer_set(&p->next, p->engine->hub->loop, MILLIS(1), play_next, p);
    } else if (p->job.mode == SYNC_SINGLE) {
        play_single(p);
    } else if (product.fails && p->page == 2) {
        err_set(&e, ERR_UNAVAILABLE, "GET /v2/devices-detailed answered 503 five times\xC3");
        play_over(p, &e);
    } else if (p->page < DEVICES / PER_PAGE + 5) {
        emit_page(p, p->page++);
        snprintf(json, sizeof(json), "{\"page\":%d}", p->page);
        p->job.sink.checkpoint(p->job.sink.arg, slice_cstr(json));
        timer_set(&p->next, p->engine->hub->loop, 0, play_next, p);
    } else {
        emit_alerts(p);
        emit_plans(p);
        p->job.sink.cursor(p->job.sink.arg, SLICE("{\"after\":7}"));
        play_over(p, NULL);
    }
}

/* --- in place of the engine --- */
struct ref engine_start(struct engine *e, const struct engine_job *job)
{
    struct play *p = NEW(struct play);
    p->engine = e;
    p->job = *job;
    if (job->device_id.p)
        p->job.device_id = slice_cstr(mem_strndup(job->device_id.p, job->device_id.n));
    if (job->checkpoint.p)
        p->page = atoi(strchr(job->checkpoint.p, ':') + 1);
    p->ref = (struct ref){e->n, 1};
    e->all[e->n++] = p;
    product.starts++;
    snprintf(product.cursor, sizeof(product.cursor), "%.*s", SLICE_FMT(job->cursor));
    timer_set(&p->next, e->hub->loop, 0, play_next, p);
    return p->ref;
}

uint64_t engine_calls(struct engine *e, struct ref r)
{
    return e->all[r.slot]->over ? 0 : (uint64_t)e->all[r.slot]->page;
}

void engine_cancel(struct engine *e, struct ref r)
{
    e->all[r.slot]->canceled = true;
    timer_set(&e->all[r.slot]->next, e->hub->loop, 0, play_next, e->all[r.slot]);
}

void engine_pause(struct engine *e, struct ref r)
{
    assert_false(e->all[r.slot]->over);
    e->all[r.slot]->paused = true;
}

void engine_resume(struct engine *e, struct ref r)
{
    e->all[r.slot]->paused = false;
}

/* --- in place of the integrations --- */
static struct provider provider = {
    .key = "scripted", .flags = PROVIDER_ALERT_ABSENCE_RESOLVES, .kinds = SYNC_KINDS_ALL};
static struct integration integration = {
    .version = 1, .provider = &provider, .key = (char[]){"scripted"}, .enabled = true, .sync_interval = USEC_NONE};

struct integrations {
    struct hub *hub;
    struct {
        struct deferred d;
        integration_cb *cb;
        void *arg;
    } asked[64];
    unsigned n;
};

static void give_integration(void *arg)
{
    struct integrations *i = arg;
    for (unsigned k = 0; k < i->n; k++)
        if (i->asked[k].cb) {
            integration_cb *cb = TAKE(i->asked[k].cb);
            cb(i->asked[k].arg, &integration, NULL);
        }
}

void integrations_get(struct integrations *i, int64_t tenant_id, int64_t id, integration_cb *cb, void *arg)
{
    i->asked[i->n].cb = cb;
    i->asked[i->n].arg = arg;
    loop_defer(i->hub->loop, &i->asked[i->n++].d, give_integration, i);
}

struct integration *integration_ref(struct integration *it)
{
    it->refs++;
    return it;
}

void integration_unref(struct integration *it)
{
    if (it)
        it->refs--;
}

/* --- nodes --- */
struct node {
    struct hub hub;
    struct engine engine;
    struct integrations integrations;
    struct options options;
    bool alive, drained;
};

struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct log *log;
    long long tenant, integration;
    struct node nodes[2];
    int64_t run;
    struct err err;
    bool answered;
};

static void node_start(struct world *w, int n)
{
    struct node *d = &w->nodes[n];
    *d = (struct node){.alive = true};
    options_init(&d->options);
    d->options.sync_lease = SECONDS(3);
    d->options.sync_batch = 7;
    d->hub = (struct hub){.loop = w->loop, .log = w->log, .metrics = w->metrics, .options = &d->options};
    snprintf(d->hub.process, sizeof(d->hub.process), "node%d", n);
    d->hub.db =
        pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(pg), .connections = 2}, w->metrics);
    d->engine.hub = d->integrations.hub = &d->hub;
    d->hub.engine = &d->engine;
    d->hub.integrations = &d->integrations;
    d->hub.syncer = syncer_new(&d->hub);
    syncer_start(d->hub.syncer);
}

/* As a killed process: nothing is given back, what is in flight may or may not arrive. */
static void node_kill(struct world *w, int n)
{
    struct node *d = &w->nodes[n];
    if (!d->alive)
        return;
    for (unsigned i = 0; i < d->engine.n; i++)
        timer_cancel(&d->engine.all[i]->next);
    for (unsigned i = 0; i < d->integrations.n; i++)
        loop_undefer(w->loop, &d->integrations.asked[i].d);
    pg_pool_free(d->hub.db);
    syncer_free(d->hub.syncer);
    for (unsigned i = 0; i < d->engine.n; i++) {
        if (d->engine.all[i]->job.device_id.p)
            free((char *)(uintptr_t)d->engine.all[i]->job.device_id.p);
        free(d->engine.all[i]);
    }
    options_release(&d->options);
    d->alive = false;
}

static int group_setup(void **state)
{
    pg = pgtest_start();
    pgtest_migrate(pg);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(pg);
    return 0;
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    product = (struct product){.reject_device = -1, .stop_at = -1, .plan_out_of_time = -1};
    provider.flags = PROVIDER_ALERT_ABSENCE_RESOLVES;
    pgtest_sql(pg, "delete from tenants; truncate assets, asset_source_facets, asset_source_dirty, sync_run_seen, "
                   "rmm_alerts cascade");
    w->tenant = pgtest_count(pg, "insert into tenants (slug, name) values ('one', 'One') returning tenant_id");
    w->integration = pgtest_count(pg,
                                  "insert into integration_configurations (tenant_id, provider, hook) "
                                  "values (%lld, 'scripted', 'hook') returning integration_id",
                                  w->tenant);
    integration.tenant_id = w->tenant;
    integration.id = w->integration;
    w->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    w->metrics = metrics_new();
    w->loop = loop_new(w->log, w->metrics);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    node_kill(w, 0);
    node_kill(w, 1);
    assert_int_equal(integration.refs, 0);
    loop_free(w->loop);
    metrics_free(w->metrics);
    log_free(w->log);
    free(w);
    return 0;
}

/* --- waiting and looking --- */
struct condition {
    struct world *w;
    const char *sql;
};

static bool holds(void *arg)
{
    struct condition *c = arg;
    return pgtest_count(pg, "select (%s)::int", c->sql) == 1;
}

static PRINTF_LIKE(2, 3) void wait_for(struct world *w, const char *fmt, ...)
{
    char sql[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    struct condition c = {w, sql};
    if (!loop_run_until(w->loop, holds, &c, SECONDS(20))) {
        char *runs = pgtest_value(pg, "select string_agg(to_jsonb(h)::text, chr(10)) from integration_sync_history h");
        fail_msg("never true: %s\n%s", sql, runs);
    }
}

static bool is_answered(void *arg)
{
    return ((struct world *)arg)->answered;
}

static void on_request(void *arg, int64_t run, const struct err *e)
{
    struct world *w = arg;
    w->run = run;
    w->err = e ? *e : (struct err){0};
    w->answered = true;
}

static void request(struct world *w, struct sync_request q)
{
    q.tenant_id = w->tenant;
    q.integration_id = w->integration;
    q.kinds = SYNC_KINDS_ALL;
    q.trigger = "test";
    w->answered = false;
    syncer_request(w->nodes[w->nodes[0].alive ? 0 : 1].hub.syncer, &q, on_request, w);
    assert_true(loop_run_until(w->loop, is_answered, w, SECONDS(10)));
}

static void wait_over(struct world *w, const char *status)
{
    wait_for(w, "(select finished_at is not null from integration_sync_history where run_id = %lld)",
             (long long)w->run);
    char *is = pgtest_value(pg, "select status from integration_sync_history where run_id = %lld", (long long)w->run);
    if (strcmp(is, status) != 0)
        print_error("%s\n",
                    pgtest_value(pg, "select to_jsonb(h)::text from integration_sync_history h where run_id = %lld",
                                 (long long)w->run));
    assert_string_equal(is, status);
    free(is);
    /* whatever came of it, nothing of the run is left lying about */
    assert_int_equal(0, pgtest_count(pg, "select count(*) from sync_run_seen"));
    assert_int_equal(0, pgtest_count(pg, "select count(*) from asset_source_dirty"));
}

static void run_once(struct world *w, const char *status)
{
    request(w, (struct sync_request){.mode = SYNC_FULL});
    assert_int_equal(w->err.code, ERR_NONE);
    wait_over(w, status);
}

#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

#define COUNTERS                                                                                                       \
    "select processed || ' ' || created || ' ' || updated || ' ' || unchanged || ' ' || retired || ' ' || restored "   \
    "|| ' ' "                                                                                                          \
    "|| failed from integration_sync_history where run_id = %lld"

/* The inventory without ids and times. */
static char *dump(void)
{
    return pgtest_value(
        pg, "select string_agg(x, chr(10) order by x) from ("
            "select s.external_id || a.name || a.agent_status || coalesce(a.processor, '-') || s.missing_count "
            "|| (a.retired_at is null) || o.name || s.attributes::text x from asset_sources s "
            "join assets a using (tenant_id, asset_id) join organization_mappings o using (organization_id) "
            "union all select external_id || facet || body::text from asset_source_facets) t");
}

/* --- tests --- */
static void plans_are_stored_and_missed(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.plans = 10; /* more than a batch */
    run_once(w, "success");
    assert_value("10", "select count(*) from backup_jobs where device_external_id = '003' and total_bytes = 7");
    char *before = pgtest_value(pg, "select md5(string_agg(ctid || '/' || xmin || '/' || xmax, ',')) from backup_jobs");
    run_once(w, "success");
    assert_value(before, "select md5(string_agg(ctid || '/' || xmin || '/' || xmax, ',')) from backup_jobs");
    free(before);
    product.plans = 9;
    request(w, (struct sync_request){.mode = SYNC_FULL, .dry_run = true});
    wait_over(w, "success");
    assert_value("0", "select count(*) from backup_jobs where missing_since is not null");
    run_once(w, "success");
    assert_value("p9", "select string_agg(external_id, ' ') from backup_jobs where missing_since is not null");
}

/* A value that PostgreSQL refuses costs its plan alone, which is there all the same. */
static void plans_that_are_refused_are_told(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.plans = 10;
    run_once(w, "success");
    product.plans = 9;
    product.plan_out_of_time = 1;
    run_once(w, "partial");
    assert_value("p9", "select string_agg(external_id, ' ') from backup_jobs where missing_since is not null");
    assert_value("40 0 0 40 0 0 1", COUNTERS, (long long)w->run);
    assert_value("p1", "select string_agg(external_id, ' ') from sync_run_errors where run_id = %lld and kind = 7",
                 (long long)w->run);
    assert_value("{\"created\": 0, \"removed\": 1, \"updated\": 0, \"processed\": 8}",
                 "select record_counts->>'backups' from integration_sync_history where run_id = %lld",
                 (long long)w->run);
}

static void full_run_stores_all(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    assert_value("40 40 0 0 0 0 0", COUNTERS, (long long)w->run);
    assert_value("40", "select count(*) from assets where processor = 'CPU 0'");
    assert_value("40", "select count(*) from asset_source_facets where body->0->>'name' = 'CPU 0' and "
                       "body->1->>'name' = 'CPU 1' and jsonb_array_length(body) = 2");
    assert_value("active {\"after\": 7} t",
                 "select status || ' ' || sync_cursor::text || ' ' || (last_success_at is not null)::text::char(1) "
                 "from integration_configurations");
}

static void second_run_writes_no_asset(void **state)
{
    struct world *w = *state;
    static const char marks[] = "select md5(string_agg(x, ',' order by x)) from (select 'a' || ctid || xmin || xmax x "
                                "from assets union all select 's' || ctid || xmin || xmax from asset_sources) t";
    node_start(w, 0);
    run_once(w, "success");
    char *before = pgtest_value(pg, marks);
    run_once(w, "success");
    assert_value(before, marks);
    assert_value("40 0 0 40 0 0 0", COUNTERS, (long long)w->run);
    assert_value("40", "select count(*) from asset_source_facets where jsonb_array_length(body) = 2");
    free(before);
}

/* A batch may end between the processor that was there before and the one that is new. */
static void new_part_is_not_lost_between_batches(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.one_processor = true;
    run_once(w, "success");
    product.one_processor = false;
    run_once(w, "success");
    assert_value("40", "select count(*) from asset_source_facets where jsonb_array_length(body) = 2");
    product.one_processor = true;
    run_once(w, "success");
    assert_value("40", "select count(*) from asset_source_facets where jsonb_array_length(body) = 1");
}

static void twice_missing_retires_and_return_restores(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    char *asset = pgtest_value(pg, "select asset_id from assets where name = 'PC-007'");
    product.absent[7] = true;
    run_once(w, "success");
    assert_value("1 t", "select missing_count || ' ' || (retired_at is null)::text::char(1) from asset_sources where "
                        "external_id = '007'");
    product.absent[7] = false; /* came back in time: the count starts again */
    run_once(w, "success");
    assert_value("0", "select missing_count from asset_sources where external_id = '007'");
    product.absent[7] = true;
    run_once(w, "success");
    run_once(w, "success");
    assert_value("39 0 0 39 1 0 0", COUNTERS, (long long)w->run);
    assert_value("missing from 2 complete lists", "select retire_reason from assets where name = 'PC-007'");
    run_once(w, "success");
    assert_value("39 0 0 39 0 0 0", COUNTERS, (long long)w->run);
    product.absent[7] = false;
    run_once(w, "success");
    assert_value("40 0 0 40 0 1 0", COUNTERS, (long long)w->run);
    assert_value(asset, "select asset_id from assets where name = 'PC-007' and retired_at is null");
    free(asset);
}

static void on_restored(void *arg, int64_t n, const struct err *e)
{
    on_request(arg, n, e);
}

static void incremental_run_follows_the_cursor_and_retires_nothing(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    assert_string_equal(product.cursor, "");
    product.absent[7] = true;
    for (int i = 0; i < 3; i++) {
        request(w, (struct sync_request){.mode = SYNC_INCREMENTAL});
        wait_over(w, "success");
        assert_string_equal(product.cursor, "{\"after\": 7}");
    }
    assert_value("0", "select sum(missing_count) from asset_sources");
    pgtest_sql(pg, "update integration_configurations set sync_cursor = '{\"after\": 1}'");
    product.fails = true; /* a cursor moves with success only */
    request(w, (struct sync_request){.mode = SYNC_INCREMENTAL});
    wait_over(w, "failed");
    assert_value("{\"after\": 1}", "select sync_cursor from integration_configurations");
}

static void retirement_is_undone(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    product.absent[7] = product.absent[8] = true;
    run_once(w, "success");
    run_once(w, "success");
    assert_value("2", "select count(*) from assets where retired_at is not null");
    w->answered = false;
    run_restore(w->nodes[0].hub.db, w->tenant, w->run, NULL, on_restored, w);
    assert_true(loop_run_until(w->loop, is_answered, w, SECONDS(10)));
    assert_int_equal(w->run, 2);
    assert_value("0", "select count(*) from assets where retired_at is not null");
    w->answered = false;
    run_restore(w->nodes[0].hub.db, w->tenant + 1, 1, NULL, on_restored, w);
    assert_true(loop_run_until(w->loop, is_answered, w, SECONDS(10)));
    assert_int_equal(w->err.code, ERR_NOT_FOUND);
}

static void brake_stops_a_mass_retirement(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    for (int i = 0; i < 12; i++)
        product.absent[i] = true;
    for (int i = 0; i < 3; i++)
        run_once(w, "partial");
    assert_value(
        "0 0", "select count(*) filter (where retired_at is not null) || ' ' || sum(missing_count) from asset_sources");
    assert_value("t", "select (error_message like '12 of 40 devices are missing%%retire_brake%%')::text::char(1) "
                      "from integration_configurations");
    for (int i = 0; i < DEVICES; i++) /* nothing at all is the same */
        product.absent[i] = true;
    w->nodes[0].options.retire_brake = 100;
    run_once(w, "partial");
    run_once(w, "partial");
    assert_value("0", "select count(*) from assets where retired_at is not null");
    for (int i = 12; i < DEVICES; i++) /* a person says that it is right */
        product.absent[i] = false;
    run_once(w, "success");
    run_once(w, "success");
    assert_value("12", "select count(*) from assets where retired_at is not null");
}

static void few_of_few_are_no_mass(void **state)
{
    struct world *w = *state;
    for (int i = 8; i < DEVICES; i++)
        product.absent[i] = true;
    node_start(w, 0);
    run_once(w, "success");
    product.absent[0] = product.absent[1] = true; /* a quarter, but two */
    run_once(w, "success");
    run_once(w, "success");
    assert_value("2", "select count(*) from assets where retired_at is not null");
}

static void unproven_list_retires_nothing(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    product.absent[7] = true;
    product.no_proof = true;
    run_once(w, "partial");
    run_once(w, "partial");
    product.no_proof = false;
    product.unnamed_reject = true; /* could be number 7 */
    run_once(w, "partial");
    run_once(w, "partial");
    product.unnamed_reject = false;
    product.fails = true;
    run_once(w, "failed");
    run_once(w, "failed");
    assert_value("0", "select sum(missing_count) from asset_sources");
    assert_value("active 2", "select status || ' ' || connection_failures from integration_configurations");
    run_once(w, "failed"); /* what may pass is an error at the third time */
    assert_value("error 3", "select status || ' ' || connection_failures from integration_configurations");
    assert_value("active error system",
                 "select (before->>'status') || ' ' || (after->>'status') || ' ' || actor_kind from "
                 "audit_logs where action = 'integration.status_changed' order by audit_id desc");
    assert_value("triggered", "select state from rmm_alerts where series = 'msphub:health'");
    assert_value(
        "t",
        "select (error like '%%503 five times%%')::text::char(1) from integration_sync_history where run_id = %lld",
        (long long)w->run);
}

static void rejected_device_is_not_missing(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    product.reject_device = 9;
    run_once(w, "partial");
    run_once(w, "partial");
    assert_value("0", "select missing_count from asset_sources where external_id = '009'");
    assert_value("2 009 offline: expected a boolean, found text",
                 "select kind || ' ' || external_id || ' ' || reason from sync_run_errors where run_id = %lld",
                 (long long)w->run);
}

static void kept_devices_are_only_marked(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    provider.flags |= PROVIDER_KEEPS_DEVICES;
    run_once(w, "success");
    for (int i = 0; i < 12; i++)
        product.absent[i] = true;
    for (int i = 0; i < 3; i++)
        run_once(w, "success");
    assert_value("12 0",
                 "select count(*) filter (where missing_count = 3) || ' ' || count(retired_at) from asset_sources");
}

static void bad_row_is_found_and_the_rest_stored(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    w->nodes[0].options.sync_batch = 1000;
    pgtest_sql(pg, "alter table assets add constraint poison check (name <> 'PC-021')");
    run_once(w, "partial");
    assert_value("39", "select count(*) from assets");
    assert_value("2 021", "select kind || ' ' || external_id from sync_run_errors");
    assert_value("39 39 0 0 0 0 1", COUNTERS, (long long)w->run);
    pgtest_sql(pg, "alter table assets drop constraint poison");
    run_once(w, "success");
    assert_value("40 1 0 39 0 0 0", COUNTERS, (long long)w->run);
}

/* A process is killed with its reading before each page in turn; another one ends the run in the same state. */
static void take_over_at_each_checkpoint(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    product.rename_one = "renamed";
    run_once(w, "success");
    char *expected = dump();
    for (int page = 0; page < DEVICES / PER_PAGE + 5; page++) {
        node_kill(w, 0);
        node_kill(w, 1);
        pgtest_sql(pg, "delete from integration_sync_history; truncate asset_sources, assets, asset_source_facets, "
                       "organization_mappings, asset_source_dirty, sync_run_seen cascade");
        product.rename_one = NULL;
        product.stop_at = -1;
        node_start(w, 0);
        run_once(w, "success");
        product.rename_one = "renamed";
        product.stop_at = page;
        request(w, (struct sync_request){.mode = SYNC_FULL});
        if (page)
            wait_for(w, "(select (checkpoint->>'page')::int >= %d from integration_sync_history where run_id = %lld)",
                     page % 2 ? page : page - 1, (long long)w->run);
        node_kill(w, 0);
        product.stop_at = -1;
        pgtest_sql(
            pg,
            "update integration_sync_history set lease_until = now() - interval '1 second' where status = 'running'");
        node_start(w, 1);
        wait_over(w, "success");
        char *got = dump();
        assert_string_equal(got, expected);
        free(got);
        assert_value("1", "select updated from integration_sync_history where run_id = %lld", (long long)w->run);
    }
    free(expected);
}

static void lost_lease_writes_nothing(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.stop_at = 2;
    request(w, (struct sync_request){.mode = SYNC_FULL});
    wait_for(w, "(select batch > 0 from integration_sync_history where run_id = %lld)", (long long)w->run);
    pgtest_sql(pg,
               "update integration_sync_history set lease_owner = 'other', lease_until = now() + interval '1 hour'");
    char *before = pgtest_value(pg, "select count(*) || ' ' || max(xmin::text::bigint) from asset_sources");
    product.stop_at = -1; /* it goes on, and must find out by itself */
    struct metric *running = metric_gauge(w->metrics, "msphub_sync_running", "");
    while (running->value > 0)
        loop_run_until(w->loop, is_answered, &(struct world){0}, MILLIS(20));
    assert_value(before, "select count(*) || ' ' || max(xmin::text::bigint) from asset_sources");
    assert_value("running other", "select status || ' ' || lease_owner from integration_sync_history");
    free(before);
}

static void on_drained(void *arg)
{
    ((struct node *)arg)->drained = true;
}

static bool is_drained(void *arg)
{
    return ((struct node *)arg)->drained;
}

static void drain_gives_the_lease_back(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.stop_at = 3;
    request(w, (struct sync_request){.mode = SYNC_FULL});
    wait_for(w, "(select batch > 0 from integration_sync_history where run_id = %lld)", (long long)w->run);
    syncer_drain(w->nodes[0].hub.syncer, on_drained, &w->nodes[0]);
    assert_true(loop_run_until(w->loop, is_drained, &w->nodes[0], SECONDS(10)));
    assert_value("queued 3 0",
                 "select status || ' ' || (checkpoint->>'page') || ' ' || attempts from integration_sync_history");
    node_kill(w, 0);
    product.stop_at = -1;
    node_start(w, 1);
    wait_over(w, "success");
    assert_value("40 40 0 0 0 0 0", COUNTERS, (long long)w->run);
}

static void on_canceled(void *arg, const struct err *e)
{
    assert_null(e);
}

static void cancel_ends_a_run(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.stop_at = 2;
    request(w, (struct sync_request){.mode = SYNC_FULL});
    int64_t run = w->run;
    wait_for(w, "(select batch > 0 from integration_sync_history where run_id = %lld)", (long long)w->run);
    request(w, (struct sync_request){.mode = SYNC_FULL}); /* one at a time */
    assert_int_equal(w->err.code, ERR_CONFLICT);
    assert_int_equal(w->run, run);
    syncer_cancel(w->nodes[0].hub.syncer, w->tenant, run, NULL, on_canceled, w);
    wait_over(w, "canceled");
    product.stop_at = -1;
    run_once(w, "success");
}

static void dry_run_writes_only_its_report(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    request(w, (struct sync_request){.mode = SYNC_FULL, .dry_run = true});
    wait_over(w, "success");
    assert_value("40 40 0 0 0 0 0", COUNTERS, (long long)w->run);
    assert_value("0", "select count(*) from assets");
    run_once(w, "success");
    product.rename_one = "renamed";
    product.absent[7] = true;
    pgtest_sql(pg, "update asset_sources set missing_count = 1 where external_id = '007'");
    char *before = dump();
    request(w, (struct sync_request){.mode = SYNC_FULL, .dry_run = true});
    wait_over(w, "success");
    char *after = dump();
    assert_string_equal(before, after);
    assert_value("39 0 1 38 1 0 0", COUNTERS, (long long)w->run);
    assert_value("[{\"id\": \"003\", \"name\": \"renamed\", \"change\": \"updated\", \"fields\": [\"name\"]}]",
                 "select report from integration_sync_history where run_id = %lld", (long long)w->run);
    free(before);
    free(after);
}

static void schedule_runs_once_over_two_processes(void **state)
{
    struct world *w = *state;
    pgtest_sql(pg, "update integration_configurations set next_sync_at = now() - interval '1 minute'");
    node_start(w, 0);
    node_start(w, 1);
    wait_for(w, "(select count(*) = 1 and bool_and(status = 'success' and trigger = 'schedule') from "
                "integration_sync_history)");
    assert_int_equal(product.starts, 1);
    assert_value(
        "t",
        "select (next_sync_at between now() + interval '29 minutes' and now() + interval '91 minutes')::text::char(1) "
        "from integration_configurations"); /* its place in the hour, but not at once */
}

#define IS_DUE "select (next_sync_at <= now())::text::char(1) from integration_configurations"

static void what_is_due_during_a_run_comes_after_it(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.stop_at = 2;
    request(w, (struct sync_request){.mode = SYNC_INCREMENTAL});
    wait_for(w, "(select batch > 0 from integration_sync_history)");
    pgtest_sql(pg, "update integration_configurations set next_sync_at = now(); notify msphub_run");
    request(w, (struct sync_request){.mode = SYNC_FULL});
    assert_int_equal(w->err.code, ERR_CONFLICT);
    assert_value("1", "select count(*) from integration_sync_history");
    assert_value("t", IS_DUE);
    product.stop_at = -1;
    wait_for(w, "(select count(*) = 1 and bool_and(status = 'success' and mode = 'full') from "
                "integration_sync_history where trigger = 'schedule')");
    assert_value("f", IS_DUE);
}

static void a_run_that_was_asked_for_does_for_what_is_due(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    syncer_drain(w->nodes[0].hub.syncer, on_drained, &w->nodes[0]); /* nobody takes what is due */
    pgtest_sql(pg, "update integration_configurations set next_sync_at = now()");
    request(w, (struct sync_request){.mode = SYNC_SINGLE, .device_id = SLICE("001")});
    assert_value("t", IS_DUE);
    request(w, (struct sync_request){.mode = SYNC_FULL});
    assert_int_equal(w->err.code, ERR_NONE);
    assert_value("f", IS_DUE);
}

static void schedules_read_their_kinds_from_their_own_cursors(void **state)
{
    struct world *w = *state;
    pgtest_sql(
        pg,
        "update integration_configurations set next_sync_at = now(), sync_cursor = '{\"after\": 1}', schedules = '[]', "
        "schedule_plans = '[{\"name\": \"alerts\", \"mode\": \"incremental\", \"kinds\": 32, \"every\": 300}, "
        "{\"name\": \"all\", \"mode\": \"full\", \"kinds\": 4294967295, \"every\": 86400}]', "
        "schedule_next = array[now() - interval '1 s', now() + interval '1 day']");
    node_start(w, 0);
    wait_for(w, "(select count(*) = 1 and bool_and(status = 'success') from integration_sync_history)");
    assert_value("alerts incremental 32",
                 "select schedule || ' ' || mode || ' ' || kinds from integration_sync_history");
    assert_string_equal(product.cursor, "{\"after\": 1}");
    assert_value("{\"after\": 1} {\"32\": {\"after\": 7}}",
                 "select sync_cursor::text || ' ' || sync_cursors::text from integration_configurations");
    pgtest_sql(pg,
               "update integration_configurations set schedule_next[2] = now() - interval '1 s', next_sync_at = now(), "
               "sync_cursors = '{\"32\": {\"after\": 2}}'; notify msphub_run");
    wait_for(w, "(select count(*) = 2 and bool_and(status = 'success') from integration_sync_history)");
    assert_value("{\"after\": 7} {\"32\": {\"after\": 7}}",
                 "select sync_cursor::text || ' ' || sync_cursors::text from integration_configurations");
}

static void database_restart_in_mid_run(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.stop_at = 2;
    request(w, (struct sync_request){.mode = SYNC_FULL});
    wait_for(w, "(select batch > 0 from integration_sync_history where run_id = %lld)", (long long)w->run);
    pgtest_server_stop(pg);
    product.stop_at = -1;
    loop_run_until(w->loop, is_answered, &(struct world){0}, MILLIS(50)); /* it reads on while there is no database */
    pgtest_server_start(pg);
    wait_over(w, "success");
    assert_value("40", "select count(*) from assets where processor = 'CPU 0'");
}

static void slow_database_pauses_the_reading(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    pgtest_sql(pg, "begin; lock table asset_sources in exclusive mode");
    request(w, (struct sync_request){.mode = SYNC_FULL});
    struct node *d = &w->nodes[0];
    for (int i = 0; i < 500 && !(d->engine.n && d->engine.all[0]->paused); i++)
        loop_run_until(w->loop, is_answered, &(struct world){0}, MILLIS(10));
    assert_true(d->engine.all[0]->paused);
    assert_true(d->engine.all[0]->page < 5); /* four batches of seven, a page of ten at a time */
    pgtest_sql(pg, "commit");
    wait_over(w, "success");
}

static void absent_alert_is_resolved(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    product.pages_alerts = true;
    run_once(w, "success");
    assert_value("triggered", "select state from rmm_alerts where series = 's1'");
    product.pages_alerts = false;
    run_once(w, "success");
    assert_value("resolved", "select state from rmm_alerts where series = 's1'");
}

static void device_is_read_again_once(void **state)
{
    struct world *w = *state;
    node_start(w, 0);
    run_once(w, "success");
    int before = product.starts;
    product.rename_one = "fresh";
    for (int i = 0; i < 50; i++)
        syncer_refresh_device(w->nodes[0].hub.syncer, w->tenant, w->integration, SLICE("003"));
    wait_for(w, "(select name = 'fresh' from assets where asset_id = (select asset_id from asset_sources where "
                "external_id = '003'))");
    assert_int_equal(product.starts, before + 1);
}

static void old_runs_go_with_their_errors(void **state)
{
    struct world *w = *state;
    for (int days = 89; days <= 91; days += 2)
        pgtest_sql(
            pg,
            "with run as (insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, "
            "status, "
            "finished_at) values (%lld, %lld, 'full', 1, '%d', 'success', now() - interval '%d days') returning *) "
            "insert into sync_run_errors (tenant_id, run_id, kind, reason) select tenant_id, run_id, 2, trigger from "
            "run",
            w->tenant, w->integration, days, days);
    node_start(w, 0); /* ninety days by default */
    wait_for(w, "(select count(*) = 1 from integration_sync_history)");
    assert_value("89", "select reason from sync_run_errors");
}

static void dying_run_is_given_up(void **state)
{
    struct world *w = *state;
    pgtest_sql(
        pg,
        "insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, status, lease_owner, "
        "lease_until, attempts) values (%lld, %lld, 'full', -1, 'test', 'running', 'dead', now() - interval '1 s', 5)",
        w->tenant, w->integration);
    node_start(w, 0);
    wait_for(w, "(select status = 'failed' and error like 'given up%%' from integration_sync_history)");
    assert_int_equal(product.starts, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(full_run_stores_all),
        TEST(second_run_writes_no_asset),
        TEST(new_part_is_not_lost_between_batches),
        TEST(twice_missing_retires_and_return_restores),
        TEST(incremental_run_follows_the_cursor_and_retires_nothing),
        TEST(retirement_is_undone),
        TEST(brake_stops_a_mass_retirement),
        TEST(few_of_few_are_no_mass),
        TEST(unproven_list_retires_nothing),
        TEST(rejected_device_is_not_missing),
        TEST(kept_devices_are_only_marked),
        TEST(bad_row_is_found_and_the_rest_stored),
        TEST(take_over_at_each_checkpoint),
        TEST(lost_lease_writes_nothing),
        TEST(drain_gives_the_lease_back),
        TEST(cancel_ends_a_run),
        TEST(dry_run_writes_only_its_report),
        TEST(schedule_runs_once_over_two_processes),
        TEST(what_is_due_during_a_run_comes_after_it),
        TEST(a_run_that_was_asked_for_does_for_what_is_due),
        TEST(schedules_read_their_kinds_from_their_own_cursors),
        TEST(database_restart_in_mid_run),
        TEST(slow_database_pauses_the_reading),
        TEST(absent_alert_is_resolved),
        TEST(plans_are_stored_and_missed),
        TEST(plans_that_are_refused_are_told),
        TEST(device_is_read_again_once),
        TEST(old_runs_go_with_their_errors),
        TEST(dying_run_is_given_up),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
