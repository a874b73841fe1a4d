/* alert.c - alerts are merged: every order, every grouping into batches and every repetition of the same messages ends in
 * the same row, and that row is the one that a person would expect. */
#include "store/alert.h"

#include "base/mem.h"
#include "pgtest.h"
#include "queries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define T(s) SECONDS(1760000000 + (s))

static struct pgtest *cluster;

struct world {
    struct metrics *metrics;
    struct log *log;
    struct loop *loop;
    struct pg_pool *db;
    int64_t tenant, integration;
};

static int group_setup(void **state)
{
    cluster = pgtest_start();
    pgtest_migrate(cluster);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(cluster);
    return 0;
}

static int64_t add_integration(const char *slug)
{
    return pgtest_count(
        cluster,
        "with t as (insert into tenants (slug, name) values ('%s', 'x') returning tenant_id) insert into "
        "integration_configurations (tenant_id, provider, hook) select tenant_id, 'fake', '%s' from t "
        "returning integration_id",
        slug, slug);
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    w->loop = loop_new(w->log, w->metrics);
    w->db = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(cluster)}, w->metrics);
    pgtest_sql(cluster, "truncate tenants cascade");
    w->integration = add_integration("one");
    w->tenant = pgtest_count(cluster, "select tenant_id from tenants");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->db);
    loop_free(w->loop);
    log_free(w->log);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

/* --- running --- */

struct run {
    bool done;
    enum err_code code;
    unsigned first;
    struct alert_counts counts;
};

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct run *run = arg;
    run->done = true;
    run->code = pg_reply_err(r) ? pg_reply_err(r)->code : ERR_NONE;
    if (pg_reply_err(r))
        print_error("%s\n", pg_reply_err(r)->what);
    else
        alert_result(r, run->first, &run->counts);
}

static bool is_done(void *arg)
{
    return ((struct run *)arg)->done;
}

static struct alert_counts finish(struct world *w, struct run *run, struct pg_seg *s)
{
    pg_submit(s, on_reply, run);
    assert_true(loop_run_until(w->loop, is_done, run, SECONDS(20)));
    assert_int_equal(run->code, ERR_NONE);
    return run->counts;
}

static struct alert_counts apply(struct world *w, struct alert_batch *b)
{
    struct run run = {0};
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    alert_add(s, b, &run.first);
    alert_batch_free(b);
    return finish(w, &run, s);
}

static void add(struct alert_batch *b, const char *series, struct record_alert m, usec_t observed)
{
    struct err e = {0};
    m.series = slice_cstr(series);
    assert_true(alert_batch_add(b, &m, observed, &e));
}

static void check_value(const char *want, const char *sql)
{
    char *got = pgtest_value(cluster, "%s", sql);
    assert_string_equal(got, want);
    free(got);
}

/* --- any order, any grouping --- */

#define S(text)                                                                                                        \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    } /* a slice, in an initialiser */
#define N 5

/* When the state was reached, its change id, and whatever else the message says. */
#define MESSAGE(state_, at, ...)                                                                                       \
    {                                                                                                                  \
        .state = (state_), .changed_at = T(at), .triggered_at = USEC_NONE, .change_id = __VA_ARGS__                    \
    }
#define TRIGGERED(at, ...)    MESSAGE(ALERT_TRIGGERED, at, __VA_ARGS__)
#define ACKNOWLEDGED(at, ...) MESSAGE(ALERT_ACKNOWLEDGED, at, __VA_ARGS__)
#define RESET(at, ...)        MESSAGE(ALERT_RESOLVED, at, __VA_ARGS__)
#define SEVERE(s)             .severity_known = true, .severity = SEVERITY_##s

static const struct sequence {
    const char *name,
        *want; /* state, severity, type, subject, message, triggered, changed, change id, resolved, occurrences */
    struct record_alert m[N];
} sequences[] = {
    {"fires, is acknowledged, ends; later messages say less",
     "resolved|major|CPU|high|back to normal|10|40|14|40|1",
     {TRIGGERED(10, S("10"), SEVERE(MAJOR), .type = S("CPU"), .subject = S("high"), .message = S("95 %")),
      ACKNOWLEDGED(20, S("11")), ACKNOWLEDGED(20, S("12"), SEVERE(NONE)),
      RESET(40, S("14"), .message = S("back to normal")), RESET(30, S("13"), .message = S("nearly"))}},
    {"flaps: the last trigger counts, each one is an occurrence",
     "triggered|minor|||third|50|50|5||3",
     {TRIGGERED(10, S("1"), SEVERE(MINOR)), RESET(20, S("2")), TRIGGERED(30, S("3"), .message = S("second")),
      RESET(40, S("4")), TRIGGERED(50, S("5"), .message = S("third"))}},
    {"one moment: change ids compare as numbers, a text behind them, none before them",
     "acknowledged|none||x|9|10|10|100||1",
     {TRIGGERED(10, S("9"), .message = S("9")),
      RESET(10, S("99")),
      ACKNOWLEDGED(10, S("100"), .subject = S("x")),
      RESET(10, S("0010")),
      {.state = ALERT_RESOLVED, .changed_at = T(10), .triggered_at = USEC_NONE}}},
    {"the same moment and id, and they disagree: there is one winner, and the further state wins",
     NULL,
     {TRIGGERED(10, S("1"), .subject = S("a"), .message = S("p"), SEVERE(MINOR)),
      TRIGGERED(10, S("1"), .subject = S("b"), .message = S("q")), ACKNOWLEDGED(10, S("1"), .subject = S("c")),
      RESET(10, S("1"), .message = S("r"), SEVERE(MAJOR)), RESET(10, S("1"), .message = S("s"), SEVERE(CRITICAL))}},
};

static void next_permutation(unsigned k, unsigned order[N])
{
    unsigned rest[N];
    for (unsigned i = 0; i < N; i++)
        rest[i] = i;
    for (unsigned i = 0, n = N; n; i++, n--) {
        unsigned at = k % n;
        k /= n;
        order[i] = rest[at];
        rest[at] = rest[n - 1];
    }
}

/* Each series gets its messages in an order of its own, cut into batches at the bits of `cuts`. */
static void any_order_ends_in_the_same_row(void **state)
{
    struct world *w = *state;
    for (size_t q = 0; q < ARRAY_LEN(sequences); q++) {
        struct alert_batch *parts[N], *again = alert_batch_new(w->tenant, w->integration);
        for (unsigned i = 0; i < N; i++)
            parts[i] = alert_batch_new(w->tenant, w->integration);
        unsigned order[N], nseries = 0;
        for (unsigned k = 0; k < 120; k++)
            for (unsigned cuts = 0; cuts < 1u << (N - 1); cuts++, nseries++) {
                char *series = mem_printf("%zu/%u/%u", q, k, cuts);
                next_permutation(k, order);
                for (unsigned i = 0, part = 0; i < N; i++) {
                    part += i && (cuts >> (i - 1) & 1);
                    add(parts[part], series, sequences[q].m[order[i]], T(100 + order[i]));
                    add(again, series, sequences[q].m[order[N - 1 - i]], T(100 + order[i]) + 1);
                }
                free(series);
            }
        struct alert_counts total = {0};
        for (unsigned i = 0; i < N; i++) {
            struct alert_counts c = apply(w, parts[i]);
            total.created += c.created;
            total.processed += c.processed;
        }
        assert_int_equal(total.created, nseries);
        assert_int_equal(total.processed, nseries * N);
        /* All of it once more: not a row is written. */
        struct alert_counts c = apply(w, again);
        assert_int_equal(c.unchanged, nseries);
        assert_int_equal(c.created + c.updated + c.resolved, 0);

        char *got = pgtest_value(
            cluster,
            "select string_agg(distinct concat_ws('|', state, severity, coalesce(type, ''), coalesce(subject, ''), "
            "coalesce(message, ''), coalesce((extract(epoch from triggered_at) - 1760000000)::int::text, ''), "
            "(extract(epoch from changed_at) - 1760000000)::int, change_id, "
            "coalesce((extract(epoch from resolved_at) - 1760000000)::int::text, ''), occurrences), ' and ') "
            "from rmm_alerts where series like '%zu/%%'",
            q);
        if (sequences[q].want && strcmp(got, sequences[q].want) != 0)
            print_error("%s\n", sequences[q].name);
        if (sequences[q].want)
            assert_string_equal(got, sequences[q].want);
        assert_null(strstr(got, " and "));
        assert_int_equal(
            pgtest_count(cluster,
                         "select count(distinct (stamps, triggers, first_received_at)) from rmm_alerts where "
                         "series like '%zu/%%'",
                         q),
            1);
        free(got);
    }
}

static void counts_tell_created_updated_unchanged_and_resolved(void **state)
{
    struct world *w = *state;
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, "a", (struct record_alert)TRIGGERED(1, S("1")), T(1));
    add(b, "b", (struct record_alert)TRIGGERED(1, S("1")), T(1));
    add(b, "c", (struct record_alert)TRIGGERED(1, S("1")), T(1));
    apply(w, b);
    b = alert_batch_new(w->tenant, w->integration);
    add(b, "a", (struct record_alert)RESET(2, S("2")), T(2));
    add(b, "b", (struct record_alert)ACKNOWLEDGED(2, S("2")), T(2));
    add(b, "c", (struct record_alert)TRIGGERED(1, S("1")), T(2));
    add(b, "d", (struct record_alert)RESET(2, S("2")), T(2));
    struct alert_counts c = apply(w, b);
    assert_int_equal(c.processed, 4);
    assert_int_equal(c.created, 1);
    assert_int_equal(c.updated, 2);
    assert_int_equal(c.unchanged, 1);
    assert_int_equal(c.resolved, 2);
}

static void occurrences_are_bounded(void **state)
{
    struct world *w = *state;
    for (int round = 0; round < 3; round++) {
        struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
        for (int i = 0; i < 200; i++)
            add(b, "flapping", (struct record_alert)TRIGGERED(round * 200 + i, S("1")), T(0));
        apply(w, b);
    }
    check_value("256|1760000599", "select occurrences || '|' || triggers[1] from rmm_alerts");
}

/* --- devices --- */

static void add_device(struct world *w, const char *id, const char *alternate)
{
    pgtest_sql(
        cluster,
        "with a as (insert into assets (tenant_id, name) values (%lld, '%s') returning asset_id) "
        "insert into asset_sources (tenant_id, integration_id, external_id, alternate_id, asset_id, hash, attributes, "
        "observed_at) select %lld, %lld, '%s', nullif('%s', ''), asset_id, 0, '{}', now() from a",
        (long long)w->tenant, id, (long long)w->tenant, (long long)w->integration, id, alternate);
}

static void an_alert_finds_its_device_before_or_after_it(void **state)
{
    struct world *w = *state;
    add_device(w, "dev-1", "");
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, "known", (struct record_alert)TRIGGERED(1, S("1"), .device_id = S("dev-1")), T(1));
    add(b, "early", (struct record_alert)TRIGGERED(1, S("1"), .device_id = S("42")), T(1));
    apply(w, b);
    check_value("dev-1",
                "select a.name from rmm_alerts join assets a using (tenant_id, asset_id) where series = 'known'");
    check_value("", "select asset_id from rmm_alerts where series = 'early'");

    add_device(w, "dev-2", "42"); /* by its alternate id */
    struct run run = {0};
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    alert_add(s, b = alert_batch_new(w->tenant, w->integration), &run.first);
    alert_batch_free(b);
    alert_add_link(s, w->tenant, w->integration);
    finish(w, &run, s);
    check_value("dev-2",
                "select a.name from rmm_alerts join assets a using (tenant_id, asset_id) where series = 'early'");
}

static void what_a_complete_list_omits_is_resolved(void **state)
{
    struct world *w = *state;
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, "listed", (struct record_alert)TRIGGERED(10, S("1")), T(10));
    add(b, "gone", (struct record_alert)TRIGGERED(10, S("1")), T(10));
    add(b, "newer", (struct record_alert)TRIGGERED(60, S("1")), T(60));
    apply(w, b);
    struct pg_array series;
    pg_array_init(&series, PG_TEXT);
    pg_array_text(&series, SLICE("listed"));
    for (int round = 0; round < 2; round++) {
        struct run run = {0};
        struct pg_seg *s = pg_seg_new(w->db, w->tenant);
        alert_add_absent(s, w->tenant, w->integration, &series, T(50), &run.first);
        struct alert_counts c = finish(w, &run, s);
        assert_int_equal(c.resolved, round == 0 ? 1 : 0);
    }
    pg_array_release(&series);
    check_value("gone", "select string_agg(series, ',') from rmm_alerts where state = 'resolved'");
    /* A message from before the list changes nothing; a later list that names it again opens it, as old as it is. */
    check_value("t", "select absent_at is not null from rmm_alerts where series = 'gone'");
    b = alert_batch_new(w->tenant, w->integration);
    add(b, "gone", (struct record_alert)TRIGGERED(10, S("1")), T(45));
    apply(w, b);
    check_value("resolved", "select state from rmm_alerts where series = 'gone'");
    b = alert_batch_new(w->tenant, w->integration);
    add(b, "gone", (struct record_alert)TRIGGERED(10, S("1")), T(65));
    apply(w, b);
    check_value("triggered|true", "select state || '|' || (absent_at is null) from rmm_alerts where series = 'gone'");
    /* It fires again, and a trigger from before the list comes late. */
    b = alert_batch_new(w->tenant, w->integration);
    add(b, "gone", (struct record_alert)TRIGGERED(70, S("2")), T(70));
    add(b, "gone", (struct record_alert)TRIGGERED(40, S("3")), T(71));
    apply(w, b);
    check_value("triggered|3", "select state || '|' || occurrences from rmm_alerts where series = 'gone'");
}

/* --- what must not come in --- */

static void bad_alerts_are_refused_and_bad_text_is_mended(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    char long_id[600];
    memset(long_id, 'x', sizeof long_id);
    struct record_alert m = TRIGGERED(1, S("1"));
    assert_false(alert_batch_add(b, &m, T(1), &e));
    assert_int_equal(e.code, ERR_DATA);
    m.series = slice_of(long_id, sizeof long_id);
    assert_false(alert_batch_add(b, &m, T(1), &e));
    assert_int_equal(alert_batch_count(b), 0);
    add(b, "text",
        (struct record_alert)TRIGGERED(1,
                                       S("a\x1f"
                                         "b"),
                                       .subject = slice_of("a\0b\xff", 4)),
        T(1));
    apply(w, b);
    check_value("ab\xef\xbf\xbd", "select subject from rmm_alerts");
}

static void another_tenants_alerts_are_invisible(void **state)
{
    struct world *w = *state;
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, "mine", (struct record_alert)TRIGGERED(1, S("1")), T(1));
    apply(w, b);
    int64_t other = add_integration("other");
    int64_t other_tenant = pgtest_count(cluster, "select tenant_id from tenants where slug = 'other'");
    /* A statement that names the tenant, in a transaction of another one: row-level security stops it. */
    struct run run = {0};
    struct pg_seg *s = pg_seg_new(w->db, other_tenant);
    struct pg_array none;
    pg_array_init(&none, PG_TEXT);
    alert_add_absent(s, w->tenant, w->integration, &none, T(50), &run.first);
    pg_array_release(&none);
    struct alert_counts c = finish(w, &run, s);
    assert_int_equal(c.resolved, 0);
    assert_true(other > 0);
    check_value("triggered", "select state from rmm_alerts");
}

/* --- messages that close and make nothing --- */

#define GOOD(at, ...)                                                                                                  \
    {                                                                                                                  \
        .state = ALERT_RESOLVED, .closes_only = true, .changed_at = T(at), .triggered_at = USEC_NONE,                  \
        .change_id = __VA_ARGS__                                                                                       \
    }

static struct alert_counts apply_one(struct world *w, const char *series, struct record_alert m, usec_t observed)
{
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, series, m, observed);
    assert_int_equal(alert_batch_count(b), 1);
    return apply(w, b);
}

static void what_was_never_bad_is_no_alert(void **state)
{
    struct world *w = *state;
    struct alert_counts c = apply_one(w, "plan", (struct record_alert)GOOD(10, S("1")), T(11));
    assert_int_equal(c.processed, 1);
    assert_int_equal(c.created + c.updated + c.resolved, 0);
    check_value("0", "select count(*) from rmm_alerts");

    c = apply_one(w, "plan", (struct record_alert)TRIGGERED(20, S("4"), SEVERE(CRITICAL), .message = S("quota")),
                  T(21));
    assert_int_equal(c.created, 1);
    /* of an earlier start, or a better word on the same one: nothing */
    apply_one(w, "plan", (struct record_alert)GOOD(10, S("1")), T(22));
    apply_one(w, "plan", (struct record_alert)GOOD(20, S("1")), T(23));
    check_value("triggered", "select state from rmm_alerts");
    c = apply_one(w, "plan", (struct record_alert)GOOD(30, S("1")), T(31));
    assert_int_equal(c.resolved, 1);
    check_value("resolved|30|critical|quota|1",
                "select concat_ws('|', state, extract(epoch from resolved_at)::bigint - 1760000000, severity, message, "
                "occurrences) from rmm_alerts");

    /* good ever after: it was resolved then, and the row is not written again */
    char *before = pgtest_value(cluster, "select ctid || '/' || xmin || '/' || xmax from rmm_alerts");
    apply_one(w, "plan", (struct record_alert)GOOD(40, S("1")), T(41));
    check_value(before, "select ctid || '/' || xmin || '/' || xmax from rmm_alerts");
    free(before);

    apply_one(w, "plan", (struct record_alert)TRIGGERED(50, S("4")), T(51));
    check_value("triggered|2", "select state || '|' || occurrences from rmm_alerts");
}

static void bad_and_good_in_one_batch_are_ordered_by_their_stamps(void **state)
{
    struct world *w = *state;
    struct alert_batch *b = alert_batch_new(w->tenant, w->integration);
    add(b, "a", (struct record_alert)GOOD(30, S("1")), T(60));
    add(b, "a", (struct record_alert)TRIGGERED(20, S("4")), T(60));
    add(b, "b", (struct record_alert)TRIGGERED(40, S("4")), T(60));
    add(b, "b", (struct record_alert)GOOD(10, S("1")), T(60));
    add(b, "b", (struct record_alert)GOOD(30, S("1")), T(60));
    add(b, "c", (struct record_alert)GOOD(30, S("1")), T(60));
    struct alert_counts c = apply(w, b);
    assert_int_equal(c.processed, 6);
    assert_int_equal(c.created, 2);
    assert_int_equal(c.resolved, 1);
    check_value("a:resolved b:triggered",
                "select string_agg(series || ':' || state, ' ' order by series) from rmm_alerts");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(any_order_ends_in_the_same_row),
        TEST(counts_tell_created_updated_unchanged_and_resolved),
        TEST(occurrences_are_bounded),
        TEST(an_alert_finds_its_device_before_or_after_it),
        TEST(what_a_complete_list_omits_is_resolved),
        TEST(bad_alerts_are_refused_and_bad_text_is_mended),
        TEST(another_tenants_alerts_are_invisible),
        TEST(what_was_never_bad_is_no_alert),
        TEST(bad_and_good_in_one_batch_are_ordered_by_their_stamps),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
