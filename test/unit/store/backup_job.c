/* backup_job.c - backup plans: a row says what the product said last, and is written only when that is something new. */
#include "store/backup_job.h"

#include "base/mem.h"
#include "pgtest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T(s) SECONDS(1760000000 + (s))

static struct pgtest *pg;

struct world {
    struct metrics *metrics;
    struct loop *loop;
    struct pg_pool *db;
    int64_t tenant, integration;
    /* what came back */
    bool done;
    struct err err;
    unsigned stmt;
    struct flat_counts counts;
    struct str text;
    bool more;
    int64_t last_id;
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

static int64_t add_integration(const char *slug)
{
    return pgtest_count(
        pg,
        "with t as (insert into tenants (slug, name) values ('%s', 'x') returning tenant_id) insert into "
        "integration_configurations (tenant_id, provider, hook) select tenant_id, 'msp360', '%s' from t "
        "returning integration_id",
        slug, slug);
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->loop = loop_new(NULL, w->metrics);
    w->db = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(pg), .connections = 1}, w->metrics);
    pgtest_sql(pg, "truncate tenants cascade");
    w->integration = add_integration("one");
    w->tenant = pgtest_count(pg, "select tenant_id from tenants");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->db);
    loop_free(w->loop);
    metrics_free(w->metrics);
    str_release(&w->text);
    free(w);
    return 0;
}

static bool is_done(void *arg)
{
    return ((struct world *)arg)->done;
}

static void wait_done(struct world *w)
{
    assert_true(loop_run_until(w->loop, is_done, w, SECONDS(20)));
}

static void on_merged(void *arg, const struct pg_reply *r)
{
    struct world *w = arg;
    w->done = true;
    if (pg_reply_err(r))
        fail_msg("%s", pg_reply_err(r)->what);
    w->counts = (struct flat_counts){0};
    flat_result(r, w->stmt, &w->counts);
}

static void merge(struct world *w, struct record_batch *b)
{
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    flat_put(s, b, &(struct record_put){.observed = USEC_NONE});
    w->stmt = b->end - 1;
    flat_free(b);
    w->done = false;
    pg_submit(s, on_merged, w);
    wait_done(w);
}

static struct record_backup_job job(const char *id)
{
    return (struct record_backup_job){.id = slice_cstr(id),
                                      .device_id = SLICE("hid"),
                                      .organization_id = SLICE("acme"),
                                      .computer = SLICE("SRV"),
                                      .plan = SLICE("Nightly"),
                                      .status = BACKUP_SUCCESS,
                                      .last_start = T(0),
                                      .next_start = T(86400),
                                      .total_bytes = INT64_C(5) << 40,
                                      .selected_bytes = I64_NONE,
                                      .copied_bytes = 7,
                                      .files_scanned = I64_NONE,
                                      .files_selected = I64_NONE,
                                      .files_copied = I64_NONE,
                                      .files_failed = 0,
                                      .stale_days = 3};
}

static bool try_add(struct record_batch *b, struct record_backup_job j, struct err *e)
{
    const struct record r = {.kind = RECORD_BACKUP_JOB, .backup_job = j};
    return flat_add(b, &r, USEC_NONE, e);
}

static void add(struct record_batch *b, struct record_backup_job j)
{
    struct err e = {0};
    if (!try_add(b, j, &e))
        fail_msg("%s", e.what);
}

static void merge_one(struct world *w, struct record_backup_job j)
{
    struct record_batch *b = flat_open(&backup_job_kind.store, w->tenant, w->integration);
    add(b, j);
    merge(w, b);
}

#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

static char *fingerprint(void)
{
    return pgtest_value(
        pg, "select string_agg(ctid || '/' || xmin || '/' || xmax, ' ' order by external_id) from backup_jobs");
}

/* --- writing --- */

static void only_what_is_new_is_written(void **state)
{
    struct world *w = *state;
    struct record_batch *b = flat_open(&backup_job_kind.store, w->tenant, w->integration);
    add(b, job("b"));
    add(b, job("a"));
    merge(w, b);
    assert_int_equal(w->counts.created, 2);
    assert_int_equal(w->counts.updated, 0);
    assert_value(
        "Nightly|SRV|hid|acme|success|success|5497558138880|7|0",
        "select concat_ws('|', plan, computer, device_external_id, organization_external_id, status, last_result, "
        "total_bytes, copied_bytes, files_failed) from backup_jobs where external_id = 'a' and selected_bytes is "
        "null and message is null");

    char *before = fingerprint();
    b = flat_open(&backup_job_kind.store, w->tenant, w->integration);
    add(b, job("a"));
    add(b, job("b"));
    merge(w, b);
    assert_int_equal(w->counts.created + w->counts.updated, 0);
    char *after = fingerprint();
    assert_string_equal(before, after);
    free(before);
    free(after);

    struct record_backup_job failed = job("a");
    failed.status = BACKUP_FAILED;
    failed.message = SLICE("Bucket quota exceeded");
    merge_one(w, failed);
    assert_int_equal(w->counts.updated, 1);
    assert_value("failed|Bucket quota exceeded",
                 "select status || '|' || message from backup_jobs where external_id = 'a'");
    merge_one(w, job("a")); /* what is not said any more is gone */
    assert_value("", "select message from backup_jobs where external_id = 'a'");
}

static void each_column_is_compared(void **state)
{
    struct world *w = *state;
    for (size_t i = 1; i < record_backup_job_shape.n; i++) {
        const struct record_field *f = &record_backup_job_shape.fields[i];
        struct record_backup_job j = job("a");
        void *at = (char *)&j + f->offset;
        merge_one(w, job("a"));
        if (f->kind == FIELD_TEXT)
            *(struct slice *)at = SLICE("other");
        else if (f->kind == FIELD_ENUM)
            *(int *)at = BACKUP_WARNING;
        else
            *(int64_t *)at = f->kind == FIELD_TIME ? T(77) : 77;
        merge_one(w, j);
        if (w->counts.updated != 1)
            fail_msg("%s is not compared", f->name);
        merge_one(w, j);
        if (w->counts.updated != 0)
            fail_msg("%s is not stored", f->name);
    }
}

static void links_stay_until_something_else_is_said(void **state)
{
    struct world *w = *state;
    struct record_backup_job j = job("a");
    merge_one(w, j);
    j.device_id = j.organization_id = SLICE_NONE;
    merge_one(w, j);
    assert_int_equal(w->counts.updated, 0);
    assert_value("hid|acme", "select device_external_id || '|' || organization_external_id from backup_jobs");
    j.organization_id = SLICE("");
    merge_one(w, j);
    assert_int_equal(w->counts.updated, 1);
    assert_value("t", "select organization_external_id is null from backup_jobs");
    merge_one(w, j);
    assert_int_equal(w->counts.updated, 0);
}

static void the_last_verdict_stays_while_it_runs(void **state)
{
    static const struct {
        enum backup_status status;
        const char *want;
    } steps[] = {{BACKUP_RUNNING, "running|"},
                 {BACKUP_FAILED, "failed|failed"},
                 {BACKUP_RUNNING, "running|failed"},
                 {BACKUP_UNKNOWN, "unknown|failed"},
                 {BACKUP_OVERDUE, "overdue|overdue"},
                 {BACKUP_SUCCESS, "success|success"},
                 {BACKUP_INTERRUPTED, "interrupted|interrupted"}};
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct record_backup_job j = job("a");
        j.status = steps[i].status;
        merge_one(w, j);
        assert_value(steps[i].want, "select status || '|' || coalesce(last_result, '') from backup_jobs");
    }
}

static void of_two_about_one_plan_the_later_start_counts(void **state)
{
    struct world *w = *state;
    struct record_batch *b = flat_open(&backup_job_kind.store, w->tenant, w->integration);
    struct record_backup_job j = job("a");
    j.last_start = T(9);
    j.message = SLICE("later start");
    add(b, j);
    j.last_start = USEC_NONE;
    j.message = SLICE("no start");
    add(b, j);
    add(b, job("a"));
    assert_int_equal(flat_count(b), 3);
    merge(w, b);
    assert_int_equal(w->counts.created, 1);
    assert_value("later start", "select message from backup_jobs");
}

static void bad_ids_are_refused_and_bad_text_is_mended(void **state)
{
    struct world *w = *state;
    struct record_batch *b = flat_open(&backup_job_kind.store, w->tenant, w->integration);
    struct err e = {0};
    char *text = mem_alloc(100000);
    memset(text, 'x', 100000);
    struct record_backup_job j = job("");
    assert_false(try_add(b, j, &e));
    j.id = slice_of(text, 513);
    assert_false(try_add(b, j, &e));
    j = job("a\xff");
    assert_false(try_add(b, j, &e));
    assert_int_equal(e.code, ERR_DATA);
    j = job("a");
    j.plan = SLICE("p\xff\0q");
    j.computer = slice_of(text, 2000);
    j.message = slice_of(text, 100000);
    add(b, j);
    merge(w, b);
    assert_value("p\xef\xbf\xbdq|1024|65536",
                 "select plan || '|' || length(computer) || '|' || length(message) from backup_jobs");
    free(text);
}

/* --- absence --- */

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct world *w = arg;
    w->done = true;
    w->err = pg_reply_err(r) ? *pg_reply_err(r) : (struct err){0};
}

/* A run that read a complete list with these plans. */
static void end_run(struct world *w, const char *seen)
{
    int64_t run = pgtest_count(pg,
                               "insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, "
                               "status) values (%lld, %lld, 'full', 0, 'test', 'success') returning run_id",
                               (long long)w->tenant, (long long)w->integration);
    pgtest_sql(pg, "insert into sync_run_seen select %lld, %lld, %d, x from unnest('{%s}'::text[]) x",
               (long long)w->tenant, (long long)run, RECORD_BACKUP_JOB, seen);
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    const struct record_proof proof = {.absent = SYNC_KIND(RECORD_BACKUP_JOB)};
    flat_finish(&backup_job_kind.store, s, &(struct run_key){w->tenant, w->integration, run}, &proof);
    w->done = false;
    pg_submit(s, on_reply, w);
    wait_done(w);
    assert_int_equal(w->err.code, ERR_NONE);
}

static void a_plan_that_vanished_stays_and_is_marked(void **state)
{
    struct world *w = *state;
    merge_one(w, job("a"));
    merge_one(w, job("b"));
    end_run(w, ""); /* an empty list marks nothing */
    assert_value("0", "select count(*) from backup_jobs where missing_since is not null");
    end_run(w, "b");
    assert_value("a", "select string_agg(external_id, ' ') from backup_jobs where missing_since is not null");
    assert_value("success", "select status from backup_jobs where external_id = 'a'");
    pgtest_sql(pg, "update backup_jobs set missing_since = '2026-01-01Z' where external_id = 'a'");
    end_run(w, "b");
    assert_value("2026-01-01 00:00:00",
                 "select missing_since at time zone 'utc' from backup_jobs where external_id = 'a'");
    merge_one(w, job("a"));
    assert_int_equal(w->counts.updated, 1);
    assert_value("0", "select count(*) from backup_jobs where missing_since is not null");
}

static void stale_is_missing_or_due_for_too_long(void **state)
{
    static const struct {
        const char *set, *want;
    } cases[] = {
        {"missing_since = null, next_start = now() + interval '1 day', last_start = now() - interval '30 days'", "f"},
        {"missing_since = null, next_start = now() - interval '2 days', last_start = now() - interval '9 days'", "f"},
        {"missing_since = null, next_start = now() - interval '4 days', last_start = now() - interval '9 days'", "t"},
        {"missing_since = null, next_start = now() - interval '4 days', last_start = now()", "f"},
        {"missing_since = null, next_start = now() - interval '4 days', last_start = null", "t"},
        {"missing_since = null, next_start = null, last_start = now() - interval '400 days'", "f"}, /* no schedule */
        {"missing_since = now() - interval '2 days', next_start = null, last_start = now()", "f"},
        {"missing_since = now() - interval '4 days', next_start = now() + interval '1 day', last_start = now()", "t"},
        {"missing_since = now() - interval '4 days', next_start = null, last_start = null, stale_days = null", "f"},
    };
    struct world *w = *state;
    merge_one(w, job("a"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pgtest_sql(pg, "update backup_jobs set %s", cases[i].set);
        assert_value(cases[i].want, "select stale from backup_job_items");
    }
}

/* --- reading --- */

static void on_page(void *arg, const struct page *p, const struct err *e)
{
    struct world *w = arg;
    w->done = true;
    assert_null(e);
    str_clear(&w->text);
    str_add(&w->text, str_slice(&p->items));
    w->more = p->more;
    w->last_id = p->last_id;
}

static void on_item(void *arg, struct slice json, const struct err *e)
{
    struct world *w = arg;
    w->done = true;
    w->err = e ? *e : (struct err){0};
    str_clear(&w->text);
    str_adds(&w->text, "");
    str_add(&w->text, json);
}

static size_t list(struct world *w, struct backup_filter f, int64_t after, int64_t limit)
{
    const struct page_request q = {
        .tenant_id = w->tenant, .limit = limit, .key = after ? SLICE("") : SLICE_NONE, .id = after};
    size_t n = 0;
    w->done = false;
    backup_list(w->db, &f, &q, on_page, w);
    wait_done(w);
    for (const char *at = w->text.p; (at = strstr(at, "\"external_id\"")); at++)
        n++;
    return n;
}

static void lists_are_filtered_and_paged(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof(id), "p%d", i);
        struct record_backup_job j = job(id);
        j.status = i == 3 ? BACKUP_FAILED : BACKUP_SUCCESS;
        merge_one(w, j);
    }
    pgtest_sql(pg, "update backup_jobs set next_start = now() + interval '1 day'");
    pgtest_sql(pg, "update backup_jobs set missing_since = now() - interval '9 days' where external_id = 'p4'");
    assert_int_equal(list(w, (struct backup_filter){0}, 0, 3), 3);
    assert_true(w->more);
    assert_int_equal(list(w, (struct backup_filter){0}, w->last_id, 3), 2);
    assert_false(w->more);
    assert_int_equal(list(w, (struct backup_filter){.status = SLICE("failed")}, 0, 10), 1);
    assert_int_equal(list(w, (struct backup_filter){.stale = TRI_YES}, 0, 10), 1);
    assert_non_null(strstr(w->text.p, "\"external_id\" : \"p4\""));
    assert_int_equal(list(w, (struct backup_filter){.stale = TRI_NO}, 0, 10), 4);
    assert_int_equal(list(w, (struct backup_filter){.integration_id = w->integration}, 0, 10), 5);
    assert_int_equal(list(w, (struct backup_filter){.integration_id = w->integration + 1}, 0, 10), 0);

    int64_t mine = w->tenant;
    add_integration("other");
    w->tenant = pgtest_count(pg, "select tenant_id from tenants where slug = 'other'");
    assert_int_equal(list(w, (struct backup_filter){.integration_id = w->integration}, 0, 10), 0);
    w->tenant = mine;
}

static void of_asset(struct world *w, int64_t tenant, int64_t asset)
{
    w->done = false;
    backup_of_asset(w->db, tenant, asset, on_item, w);
    wait_done(w);
}

static void an_asset_has_the_plans_of_its_sources(void **state)
{
    struct world *w = *state;
    struct record_backup_job other = job("b");
    other.device_id = SLICE("elsewhere");
    merge_one(w, job("a")); /* before its device is known */
    merge_one(w, other);
    int64_t asset = pgtest_count(pg, "insert into assets (tenant_id, name) values (%lld, 'SRV') returning asset_id",
                                 (long long)w->tenant);
    of_asset(w, w->tenant, asset);
    assert_string_equal(w->text.p, "{\"items\" : [], \"next\" : null}");
    pgtest_sql(
        pg,
        "insert into asset_sources (tenant_id, integration_id, external_id, asset_id, hash, attributes, observed_at) "
        "values (%lld, %lld, 'hid', %lld, 0, '{}', now())",
        (long long)w->tenant, (long long)w->integration, (long long)asset);
    of_asset(w, w->tenant, asset);
    assert_non_null(strstr(w->text.p, "\"external_id\" : \"a\""));
    assert_null(strstr(w->text.p, "\"external_id\" : \"b\""));
    char *link = mem_printf("\"asset_id\" : %lld,", (long long)asset);
    assert_non_null(strstr(w->text.p, link));
    free(link);

    of_asset(w, w->tenant, asset + 1);
    assert_int_equal(w->err.code, ERR_NOT_FOUND);
    add_integration("other");
    of_asset(w, pgtest_count(pg, "select tenant_id from tenants where slug = 'other'"), asset);
    assert_int_equal(w->err.code, ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_new_is_written),
        TEST(each_column_is_compared),
        TEST(links_stay_until_something_else_is_said),
        TEST(the_last_verdict_stays_while_it_runs),
        TEST(of_two_about_one_plan_the_later_start_counts),
        TEST(bad_ids_are_refused_and_bad_text_is_mended),
        TEST(a_plan_that_vanished_stays_and_is_marked),
        TEST(stale_is_missing_or_due_for_too_long),
        TEST(lists_are_filtered_and_paged),
        TEST(an_asset_has_the_plans_of_its_sources),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
