/* Batches of records against a real PostgreSQL, as a role for which row-level security is in force. */
#include "store/inventory.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "pgtest.h"
#include "store/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T(lit) SLICE(lit)

static struct pgtest *pg;

struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct pg_pool *pool;
    int64_t tenant, integration;
    usec_t now;
    int64_t run; /* 0: none */
    /* of the last segment */
    bool done;
    struct err err;
    char sqlstate[6];
    unsigned first;
    struct inventory_counts counts;
    unsigned merge; /* its statement */
    int64_t merged;
};

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
    pgtest_sql(pg,
               "delete from tenants; truncate assets, asset_source_facets, asset_source_dirty, sync_run_seen cascade");
    w->tenant = pgtest_count(pg, "insert into tenants (slug, name) values ('one', 'One') returning tenant_id");
    w->integration = pgtest_count(pg,
                                  "insert into integration_configurations (tenant_id, provider, hook) "
                                  "values (%lld, 'ninjaone', 'hook') returning integration_id",
                                  (long long)w->tenant);
    w->metrics = metrics_new();
    w->loop = loop_new(NULL, w->metrics);
    w->pool = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(pg), .connections = 1}, w->metrics);
    w->now = clock_wall();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->pool);
    loop_free(w->loop);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

/* --- playing a batch --- */
static void on_reply(void *arg, const struct pg_reply *r)
{
    struct world *w = arg;
    w->done = true;
    w->err = pg_reply_err(r) ? *pg_reply_err(r) : (struct err){0};
    snprintf(w->sqlstate, sizeof(w->sqlstate), "%s", pg_reply_sqlstate(r));
    w->counts = (struct inventory_counts){0};
    if (!pg_reply_err(r) && w->first)
        inventory_result(r, w->first, &w->counts);
    else if (!pg_reply_err(r))
        w->merged = inventory_merged(r, w->merge);
}

static bool is_done(void *arg)
{
    return ((struct world *)arg)->done;
}

static void submit(struct world *w, struct pg_seg *s)
{
    w->done = false;
    pg_submit(s, on_reply, w);
    assert_true(loop_run_until(w->loop, is_done, w, SECONDS(30)));
}

static void play_unchecked(struct world *w, const struct inventory_batch *b)
{
    struct pg_seg *s = pg_seg_new(w->pool, w->tenant);
    pg_add(s, &(const struct pg_query){"test.one", "select 1", 0}); /* so that a remembered 0 is no batch */
    inventory_add(s, b, &(struct inventory_options){.run_id = w->run, .observed = w->now}, &w->first);
    submit(w, s);
}

static void play(struct world *w, struct inventory_batch *b)
{
    play_unchecked(w, b);
    if (w->err.code)
        print_error("%s\n", w->err.what);
    assert_int_equal(w->err.code, ERR_NONE);
    inventory_batch_free(b);
}

static void merge(struct world *w, int64_t limit)
{
    struct pg_seg *s = pg_seg_new(w->pool, w->tenant);
    w->merge = inventory_add_merge(s, w->tenant, w->integration, limit);
    w->first = 0;
    submit(w, s);
    assert_int_equal(w->err.code, ERR_NONE);
}

static struct inventory_batch *batch(struct world *w)
{
    return inventory_batch_new(w->tenant, w->integration);
}

static void add(struct inventory_batch *b, struct record r)
{
    struct err e = {0};
    if (!inventory_batch_add(b, &r, &e))
        fail_msg("%s", e.what);
}

static struct record device(const char *id, const char *name)
{
    return (struct record){.kind = RECORD_DEVICE,
                           .device = {.id = slice_cstr(id),
                                      .name = slice_cstr(name),
                                      .organization_id = T("13"),
                                      .type = ASSET_SERVER,
                                      .status = AGENT_ONLINE,
                                      .created = USEC_NONE,
                                      .last_seen = SECONDS(1760000000)}};
}

static struct record processor(const char *id, const char *name)
{
    return (struct record){
        .kind = RECORD_FACET,
        .facet = {
            .device_id = slice_cstr(id),
            .facet = FACET_PROCESSORS,
            .processor = {.name = slice_cstr(name), .cores = 8, .logical_cores = I64_NONE, .clock_hz = I64_NONE}}};
}

static struct record os(const char *id, const char *name)
{
    return (struct record){.kind = RECORD_FACET,
                           .facet = {.device_id = slice_cstr(id),
                                     .facet = FACET_OS,
                                     .os = {.name = slice_cstr(name), .last_boot = USEC_NONE}}};
}

static struct record gone(const char *id)
{
    return (struct record){.kind = RECORD_DEVICE_GONE, .ref = {slice_cstr(id), USEC_NONE}};
}

static void play_one(struct world *w, struct record r)
{
    struct inventory_batch *b = batch(w);
    add(b, r);
    play(w, b);
}

/* A value from the one row that `where` leaves. */
#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

/* Where rows lie and who wrote or locked them: equal before and after means that nothing was written, not even locked. */
static char *fingerprint(void)
{
    return pgtest_value(pg, "select md5(string_agg(x, ',' order by x)) from ("
                            "select 'a' || ctid || xmin || xmax x from assets union all "
                            "select 's' || ctid || xmin || xmax from asset_sources union all "
                            "select 'f' || ctid || xmin || xmax from asset_source_facets union all "
                            "select 'o' || ctid || xmin || xmax from organization_mappings union all "
                            "select 'd' || ctid from asset_source_dirty) t");
}

/* --- tests --- */
static struct inventory_batch *fleet(struct world *w, int n)
{
    struct inventory_batch *b = batch(w);
    add(b, (struct record){.kind = RECORD_ORGANIZATION, .organization = {T("13"), T("Alder Dental"), SLICE_NONE}});
    add(b, (struct record){.kind = RECORD_LOCATION, .location = {T("33"), T("13"), T("Main Office"), SLICE_NONE}});
    for (int i = 0; i < n; i++) {
        char id[16], name[16];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(name, sizeof(name), "PC-%d", i);
        add(b, device(id, name));
        add(b, os(id, "Windows 11"));
        add(b, processor(id, "Xeon"));
        add(b, processor(id, "Xeon"));
    }
    return b;
}

/* Not said is not the same as none. */
static void a_device_may_leave_its_organization(void **state)
{
    struct world *w = *state;
    struct record r = device("1", "PC");
    play(w, fleet(w, 2));
    r.device.organization_id = SLICE_NONE;
    play_one(w, r);
    assert_value("2", "select count(*) from assets where organization_id is not null");
    r.device.organization_id = SLICE("");
    play_one(w, r);
    assert_value("0", "select asset_id - (select asset_id from asset_sources where external_id = '1') from assets "
                      "where organization_id is null");
    assert_value("1", "select count(*) from organization_mappings");
    r.device.organization_id = SLICE("13");
    play_one(w, r);
    assert_value("2", "select count(*) from assets where organization_id is not null");
}

static void stores_and_merges(void **state)
{
    struct world *w = *state;
    play(w, fleet(w, 100));
    assert_int_equal(w->counts.processed, 100);
    assert_int_equal(w->counts.created, 100);
    assert_value("100", "select count(*) from assets a join organization_mappings o using (organization_id) "
                        "where o.name = 'Alder Dental' and a.os_name = 'Windows 11' and a.processor = 'Xeon' and "
                        "a.asset_type = 'server' and a.agent_status = 'online'");
    assert_value("2", "select jsonb_array_length(body) from asset_source_facets where facet = 2 and external_id = '5'");
}

static void second_time_writes_nothing(void **state)
{
    struct world *w = *state;
    play(w, fleet(w, 100));
    char *before = fingerprint();
    w->now += SECONDS(60);
    play(w, fleet(w, 100));
    char *after = fingerprint();
    assert_string_equal(before, after);
    assert_int_equal(w->counts.unchanged, 100);
    assert_int_equal(w->counts.created + w->counts.updated, 0);
    free(before);
    free(after);
}

static void presence_leaves_the_content_alone(void **state)
{
    struct world *w = *state;
    play_one(w, device("1", "A"));
    pgtest_sql(pg, "update assets set updated_at = 'epoch'");
    w->now += 1;
    struct record r = device("1", "A");
    r.device.last_seen += SECONDS(60);
    r.device.status = AGENT_OFFLINE;
    play_one(w, r);
    assert_int_equal(w->counts.unchanged, 1);
    assert_value(
        "offline 2025-10-09 08:54:20+00 0",
        "set timezone = 'UTC'; select agent_status || ' ' || last_seen || ' ' || extract(epoch from updated_at)::int "
        "from assets");
}

static void partial_message_erases_nothing(void **state)
{
    struct world *w = *state;
    struct record full = device("1", "A");
    full.device.ips = (struct texts){(struct slice[]){T("10.0.0.1")}, 1};
    full.device.description = T("till");
    play_one(w, full);
    w->now += 1;
    struct record less = {.kind = RECORD_DEVICE,
                          .device = {.id = T("1"), .name = T("B"), .created = USEC_NONE, .last_seen = USEC_NONE}};
    play_one(w, less);
    assert_int_equal(w->counts.updated, 1);
    assert_value(
        "B till [\"10.0.0.1\"] server online true",
        "select name || ' ' || description || ' ' || ips::text || ' ' || asset_type || ' ' || agent_status || ' ' || "
        "(last_seen is not null) from assets");
    /* both in one batch: the same */
    w->now += 1;
    struct inventory_batch *b = batch(w);
    full.device.description = T("desk");
    add(b, full);
    less.device.name = T("C");
    add(b, less);
    assert_int_equal(inventory_batch_count(b), 1);
    play(w, b);
    assert_value("C desk", "select name || ' ' || description from assets");
}

static void older_message_changes_nothing(void **state)
{
    struct world *w = *state;
    play_one(w, device("1", "new"));
    w->now -= SECONDS(10);
    play_one(w, device("1", "old"));
    play_one(w, gone("1"));
    assert_value("new true", "select name || ' ' || (retired_at is null) from assets");
    struct inventory_batch *b = batch(w); /* each message with its own time */
    inventory_batch_observed(b, w->now + SECONDS(60));
    add(b, device("1", "newest"));
    play(w, b);
    assert_value("newest", "select name from assets");
}

static void device_goes_and_comes_back(void **state)
{
    struct world *w = *state;
    play_one(w, device("1", "A"));
    char *asset = pgtest_value(pg, "select asset_id from assets");
    w->now += 1;
    play_one(w, gone("1"));
    assert_int_equal(w->counts.retired, 1);
    assert_value("deleted upstream", "select retire_reason from assets where retired_at is not null");
    w->now += 1;
    play_one(w, gone("1"));
    assert_int_equal(w->counts.retired, 0);
    w->now += 1;
    play_one(w, device("1", "A"));
    assert_int_equal(w->counts.restored, 1);
    assert_value(asset, "select asset_id from assets where retired_at is null");
    w->now += 1;
    struct inventory_batch *b = batch(w); /* in one batch the later word counts */
    add(b, gone("1"));
    add(b, device("1", "A2"));
    play(w, b);
    assert_value("A2", "select name from assets where retired_at is null");
    w->now += 1;
    b = batch(w);
    add(b, device("1", "A3"));
    add(b, gone("1"));
    play(w, b);
    assert_value("A3", "select name from assets where retired_at is not null");
    free(asset);
}

static void move_keeps_the_asset(void **state)
{
    struct world *w = *state;
    play_one(w, device("1", "A"));
    char *asset = pgtest_value(pg, "select asset_id from assets");
    w->now += 1;
    struct record r = device("1", "A");
    r.device.organization_id = T("14"); /* which no list has told us of */
    play_one(w, r);
    char expected[64];
    snprintf(expected, sizeof(expected), "%s 14", asset);
    assert_value(expected,
                 "select asset_id || ' ' || o.name from assets join organization_mappings o using (organization_id)");
    w->now += 1;
    play_one(w, (struct record){.kind = RECORD_ORGANIZATION, .organization = {T("14"), T("Birch"), SLICE_NONE}});
    pgtest_sql(
        pg,
        "with c as (insert into clients (tenant_id, name) select tenant_id, 'Birch' from tenants returning client_id) "
        "update organization_mappings set decision = 'mapped', client_id = (select client_id from c) "
        "where external_id = '14'");
    play_one(w, (struct record){.kind = RECORD_ORGANIZATION, .organization = {T("14"), T("Birch Ltd"), SLICE_NONE}});
    assert_value(
        "Birch Ltd renamed Birch",
        "select name || ' ' || status || ' ' || renamed_from from organization_mappings where external_id = '14'");
    free(asset);
}

/* --- lists that come in pieces --- */
#define PROCESSORS                                                                                                     \
    "select string_agg(e->>'name', ',') from asset_source_facets, jsonb_array_elements(body) e "                       \
    "where facet = 2 and external_id = '1'"

static void start_run(struct world *w)
{
    w->run =
        pgtest_count(pg,
                     "update integration_sync_history set status = 'success'; "
                     "insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, status, "
                     "lease_owner, started_at) values (%lld, %lld, 'full', -1, 'test', 'running', 'me', now()) "
                     "returning run_id",
                     (long long)w->tenant, (long long)w->integration);
    w->now += SECONDS(60);
}

/* Processors of device 1 in two batches, the second following the first or, after a take-over, not. */
static void in_two(struct world *w, const char *a, const char *b, const char *c, bool taken_over)
{
    struct inventory_batch *first = batch(w), *second = batch(w);
    add(first, processor("0", "other"));
    add(first, processor("1", a));
    if (taken_over)
        inventory_batch_checkpoint(first);
    else
        inventory_batch_follow(second, first);
    play(w, first);
    add(second, processor("1", b));
    if (c)
        add(second, processor("1", c));
    add(second, processor("2", "other"));
    play(w, second);
}

static void list_across_batches(void **state)
{
    struct world *w = *state;
    for (int taken_over = 0; taken_over < 2; taken_over++) {
        pgtest_sql(pg, "truncate asset_source_facets");
        start_run(w);
        in_two(w, "p1", "p2", NULL, taken_over);
        assert_value("p1,p2", PROCESSORS);
        start_run(w); /* the same again */
        in_two(w, "p1", "p2", NULL, taken_over);
        assert_value("p1,p2", PROCESSORS);
        start_run(w); /* one came: its first batch says what is stored already */
        pgtest_sql(pg, "update asset_source_facets set run_id = 0 where false");
        in_two(w, "p1", "p2", "p3", taken_over);
        assert_value("p1,p2,p3", PROCESSORS);
        start_run(w); /* and went */
        struct inventory_batch *b = batch(w);
        add(b, processor("1", "p1"));
        play(w, b);
        assert_value("p1", PROCESSORS);
        start_run(w);
        in_two(w, "p1", "p2", NULL, taken_over);
        assert_value("p1,p2", PROCESSORS);
    }
    start_run(w); /* two equal ones are two */
    in_two(w, "p", "p", NULL, false);
    assert_value("p,p", PROCESSORS);
}

static void list_read_twice(void **state)
{
    struct world *w = *state;
    start_run(w);
    struct inventory_batch *b = batch(w);
    for (int i = 0; i < 2; i++) { /* a page that was cut within device 2, and came again */
        add(b, processor("1", "p"));
        add(b, processor("1", "p"));
        add(b, processor("1", "q"));
        add(b, processor("2", "p"));
    }
    play(w, b);
    assert_value("p,p,q", PROCESSORS);
    b = batch(w); /* and a third time, in another batch of the run */
    add(b, processor("1", "p"));
    add(b, processor("1", "p"));
    add(b, processor("1", "q"));
    play(w, b);
    assert_value("p,p,q", PROCESSORS);
    start_run(w); /* the product says: none */
    struct record none = processor("1", "");
    none.facet.none = true;
    play_one(w, none);
    assert_value("[]", "select body from asset_source_facets where facet = 2 and external_id = '1'");
}

static void parts_of_a_run_merge_at_its_end(void **state)
{
    struct world *w = *state;
    start_run(w);
    struct inventory_batch *b = batch(w); /* the report comes before the device */
    add(b, os("1", "Debian 12"));
    add(b, os("9", "of nobody"));
    play(w, b);
    play_one(w, device("1", "A"));
    play_one(w, device("2", "B"));
    play_one(w, os("2", "Debian 13"));
    assert_value("1", "select count(*) from asset_source_dirty where external_id = '2'");
    merge(w, 100);
    assert_value("Debian 12,Debian 13", "select string_agg(os_name, ',' order by name) from assets");
    assert_value("0", "select count(*) from asset_source_dirty");
    assert_value("2 2", "select processed || ' ' || created from integration_sync_history where run_id = %lld",
                 (long long)w->run);
}

/* --- hostile and bad --- */
static void hostile_text(void **state)
{
    struct world *w = *state;
    struct record r = device("o'id\"\\", "naïve \xF0\x9F\x98\x80 '\"\\ {\"a\":1} $1 %s");
    r.device.description = slice_of("a\0b\xC0\xAF", 5); /* U+0000 and an overlong slash */
    play_one(w, r);
    assert_value("naïve \xF0\x9F\x98\x80 '\"\\ {\"a\":1} $1 %s", "select name from assets");
    assert_value("ab\xEF\xBF\xBD\xEF\xBF\xBD", "select description from assets");

    struct err e = {0};
    struct inventory_batch *b = batch(w);
    size_t n = 10u << 20;
    char *big = mem_alloc(n);
    memset(big, 'x', n);
    r.device.description = slice_of(big, n);
    assert_false(inventory_batch_add(b, &r, &e));
    assert_int_equal(e.code, ERR_DATA);
    r.device.description = SLICE_NONE;
    r.device.id = slice_of(big, 513);
    assert_false(inventory_batch_add(b, &r, &e));
    r.device.id = SLICE_NONE;
    assert_false(inventory_batch_add(b, &r, &e));
    assert_int_equal(inventory_batch_count(b), 0);
    assert_true(inventory_batch_bytes(b) < 64 * 1024); /* what was refused was not kept */
    inventory_batch_free(b);
    free(big);
}

/* Plays the halves until the refused record is alone. */
static int halve(struct world *w, const struct inventory_batch *b, char *bad, size_t size)
{
    play_unchecked(w, b);
    if (!w->err.code)
        return 0;
    struct inventory_batch *left, *right;
    enum record_kind kind;
    struct slice id;
    if (!inventory_batch_split(b, &left, &right, &kind, &id)) {
        snprintf(bad, size, "%d:%.*s", (int)kind, SLICE_FMT(id));
        return 1;
    }
    int n = halve(w, left, bad, size) + halve(w, right, bad, size);
    inventory_batch_free(left);
    inventory_batch_free(right);
    return n;
}

static void halving_finds_the_bad_row(void **state)
{
    struct world *w = *state;
    pgtest_sql(pg, "alter table assets add constraint poison check (name <> 'PC-37')");
    struct inventory_batch *b = fleet(w, 100);
    char bad[64] = "";
    assert_int_equal(halve(w, b, bad, sizeof(bad)), 1);
    assert_string_equal(bad, "2:37");
    assert_value("99", "select count(*) from assets");
    assert_value("98", "select count(*) from assets where os_name = 'Windows 11' and name <> 'PC-38'");
    inventory_batch_free(b);
    pgtest_sql(pg, "alter table assets drop constraint poison");
}

static void other_tenant_sees_nothing(void **state)
{
    struct world *w = *state;
    play(w, fleet(w, 3));
    static const char *const tables[] = {"assets", "asset_sources", "asset_source_facets", "provider_locations",
                                         "organization_mappings"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        assert_true(pgtest_count(pg, "set role msphub; set msphub.tenant = '%lld'; select count(*) from %s",
                                 (long long)w->tenant, tables[i]) > 0);
        assert_int_equal(0, pgtest_count(pg, "set role msphub; set msphub.tenant = '%lld'; select count(*) from %s",
                                         (long long)w->tenant + 1, tables[i]));
    }
    assert_int_equal(0, pgtest_count(pg, "set role msphub; reset msphub.tenant; select count(*) from assets"));
    pgtest_sql(pg, "reset role");
}

static void removed_integration_leaves_retired_assets(void **state)
{
    struct world *w = *state;
    play(w, fleet(w, 3));
    pgtest_sql(pg, "reset role; delete from integration_configurations where integration_id = %lld",
               (long long)w->integration);
    assert_value("3 0 0", "select (select count(*) from assets where retire_reason = 'integration removed' and "
                          "organization_id is null) || ' ' || (select count(*) from asset_sources) || ' ' || "
                          "(select count(*) from asset_source_facets)");
}

/* The plans made on empty tables must serve full ones: the work per batch stays the same. */
static void plans_stay_good(void **state)
{
    struct world *w = *state;
    usec_t first = 0, last = 0;
    for (int page = 0; page < 12; page++) {
        struct inventory_batch *b = batch(w);
        for (int i = 0; i < 1000; i++) {
            char id[16];
            snprintf(id, sizeof(id), "%d", page * 1000 + i);
            add(b, device(id, id));
            add(b, os(id, "Windows 11"));
        }
        usec_t start = clock_mono();
        play(w, b);
        usec_t took = clock_mono() - start;
        if (page == 1)
            first = took;
        last = took;
    }
    assert_true(last < 4 * first); /* quadratic would be eleven times */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(stores_and_merges),
        TEST(a_device_may_leave_its_organization),
        TEST(second_time_writes_nothing),
        TEST(presence_leaves_the_content_alone),
        TEST(partial_message_erases_nothing),
        TEST(older_message_changes_nothing),
        TEST(device_goes_and_comes_back),
        TEST(move_keeps_the_asset),
        TEST(list_across_batches),
        TEST(list_read_twice),
        TEST(parts_of_a_run_merge_at_its_end),
        TEST(hostile_text),
        TEST(halving_finds_the_bad_row),
        TEST(other_tenant_sees_nothing),
        TEST(removed_integration_leaves_retired_assets),
        TEST(plans_stay_good),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
