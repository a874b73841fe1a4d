/* software.c - installed software: what is unchanged is not written, and what is removed was proven to be. */
#include "store/software.h"

#include "base/mem.h"
#include "listkit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SOFTWARE SYNC_KIND(RECORD_SOFTWARE)

static struct pgtest *pg;

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
    *state = listkit_new(pg);
    return 0;
}

static int teardown(void **state)
{
    listkit_free(*state);
    return 0;
}

static struct record program(const char *device, struct slice name)
{
    return (struct record){.kind = RECORD_SOFTWARE,
                           .software = {.device_id = slice_cstr(device),
                                        .name = name,
                                        .publisher = SLICE("Zebra"),
                                        .version = SLICE("1.0"),
                                        .installed = USEC_NONE,
                                        .size_bytes = 7}};
}

/* Each letter is a program of the device. */
static void programs(struct listkit *k, const char *device, const char *letters)
{
    for (const char *p = letters; *p; p++) {
        struct record r = program(device, slice_of(p, 1));
        listkit_add(k, &r);
    }
}

static void sync_device(struct listkit *k, const char *device, const char *letters)
{
    listkit_run(k);
    programs(k, device, letters);
    listkit_end(k, SOFTWARE, SOFTWARE);
}

#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

#define INSTALLED                                                                                                      \
    "select string_agg(l.external_id || ':' || c.name, ' ' order by l.external_id, c.name) from asset_software "       \
    "join source_lists l using (tenant_id, list_id) join software_catalog c using (tenant_id, software_id) where "     \
    "removed_at is null"

/* Tells of every row of the inventory whether it was written. */
static char *fingerprint(void)
{
    return pgtest_value(pg, "select md5(string_agg(x, ',' order by x)) from ("
                            "select 's' || ctid || xmin || xmax as x from asset_software "
                            "union all select 'c' || ctid || xmin || xmax from software_catalog "
                            "union all select 'l' || ctid || xmin || xmax from source_lists) t");
}

#define assert_unwritten(before)                                                                                       \
    do {                                                                                                               \
        char *after_ = fingerprint();                                                                                  \
        assert_string_equal(before, after_);                                                                           \
        free(after_);                                                                                                  \
    } while (0)

static void what_is_unchanged_is_not_written(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    programs(k, "d1", "abc");
    programs(k, "d2", "bcd");
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("d1:a d1:b d1:c d2:b d2:c d2:d", INSTALLED);
    assert_value("4", "select count(*) from software_catalog where publisher = 'Zebra'");
    assert_value("2", "select count(hash) from source_lists");
    assert_value("{\"created\": 6, \"removed\": 0, \"updated\": 0, \"processed\": 6}",
                 "select record_counts->>'software' from integration_sync_history");
    char *before = fingerprint();
    listkit_run(k);
    programs(k, "d2", "cdb"); /* in another order, and some of it twice */
    programs(k, "d1", "bbca");
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_unwritten(before);
    free(before);
}

static void what_a_whole_list_lacks_is_removed_and_may_come_back(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abc");
    pgtest_sql(pg, "update asset_software set first_seen = '2020-01-01'");
    sync_device(k, "d1", "acd");
    assert_value("d1:a d1:c d1:d", INSTALLED);
    assert_value("1", "select count(*) from asset_software where removed_at is not null and last_seen < removed_at and "
                      "first_seen = '2020-01-01'");
    assert_value("{\"created\": 1, \"removed\": 1, \"updated\": 0, \"processed\": 3}",
                 "select record_counts->>'software' from integration_sync_history order by run_id desc limit 1");
    char *before = fingerprint();
    sync_device(k, "d1", "acd");
    assert_unwritten(before);
    free(before);
    sync_device(k, "d1", "abcd");
    assert_value("d1:a d1:b d1:c d1:d", INSTALLED);
    assert_value("3", "select count(*) from asset_software where first_seen = '2020-01-01' and last_seen is null");
    listkit_run(k);
    struct record none = program("d1", SLICE_NONE);
    none.software.none = true;
    listkit_add(k, &none);
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("", INSTALLED);
}

static void a_new_version_ends_the_old_one(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "a");
    listkit_run(k);
    struct record r = program("d1", SLICE("a"));
    r.software.version = SLICE("2.0");
    listkit_add(k, &r);
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("1.0 removed, 2.0 there",
                 "select string_agg(version || case when removed_at is null then ' there' else ' removed' end, ', ' "
                 "order by version) from asset_software");
    assert_value("1", "select count(*) from software_catalog");
    r.software.size_bytes = 8; /* the same program, told otherwise */
    listkit_run(k);
    listkit_add(k, &r);
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("2.0 8", "select version || ' ' || size_bytes from asset_software where removed_at is null");
    assert_value("2", "select count(*) from asset_software");
}

static void nothing_is_removed_without_proof(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abc");
    listkit_run(k);
    programs(k, "d1", "ad");
    listkit_end(k, 0, 0); /* a page failed */
    assert_value("d1:a d1:b d1:c d1:d", INSTALLED);
    sync_device(k, "d1", "abc"); /* as it was before: what came meanwhile is gone again */
    assert_value("d1:a d1:b d1:c", INSTALLED);
}

static void a_device_that_the_list_does_not_name_keeps_its_software(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abc");
    sync_device(k, "d2", "a");
    assert_value("d1:a d1:b d1:c d2:a", INSTALLED);
    assert_value("d1", "select string_agg(external_id, ' ') from source_lists where missing_since is not null");
    assert_value("t", "select msphub_list_seen(a) < msphub_list_seen(b) from source_lists a, source_lists b where "
                      "a.external_id = 'd1' and b.external_id = 'd2'");
    sync_device(k, "d1", "abc");
    assert_value("d2", "select string_agg(external_id, ' ') from source_lists where missing_since is not null");
}

static void a_list_that_batches_divide_is_one_list(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abcdef");
    char *before = fingerprint();
    for (int round = 0; round < 2; round++) { /* the second time with a change */
        listkit_run(k);
        programs(k, "d1", "ab");
        listkit_store(k, false, true);
        listkit_store(k, false, true); /* nothing of it in between */
        programs(k, "d1", "cd");
        listkit_store(k, false, true);
        programs(k, "d1", round ? "e" : "ef");
        listkit_end(k, SOFTWARE, SOFTWARE);
        if (!round)
            assert_unwritten(before);
    }
    free(before);
    assert_value("d1:a d1:b d1:c d1:d d1:e", INSTALLED);
    assert_value("1", "select count(hash) from source_lists");
}

/* The page that held the end of d1 and all of d2 was cut and is read again, batches later. */
static void a_page_that_is_read_again_removes_nothing(void **state)
{
    struct listkit *k = *state;
    for (int round = 0; round < 2; round++) {
        listkit_run(k);
        programs(k, "d1", "abcd");
        programs(k, "d2", "ab");
        listkit_store(k, false, true);
        programs(k, "d1", "cd");
        programs(k, "d2", "ab");
        programs(k, "d3", "a");
        listkit_end(k, SOFTWARE, SOFTWARE);
        assert_value("d1:a d1:b d1:c d1:d d2:a d2:b d3:a", INSTALLED);
    }
    assert_value("3", "select count(hash) from source_lists");
}

/* The process dies behind a checkpoint within d1; the next one begins there and knows nothing of the rows before. */
static void a_run_that_is_taken_over_removes_nothing_too_much(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abcdx");
    listkit_run(k);
    programs(k, "d1", "ab");
    listkit_store(k, false, false);
    programs(k, "d1", "cd");
    programs(k, "d2", "a");
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("d1:a d1:b d1:c d1:d d2:a", INSTALLED);
}

static void a_row_that_was_refused_keeps_its_device_whole(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    programs(k, "d1", "abc");
    programs(k, "d2", "abc");
    listkit_end(k, SOFTWARE, SOFTWARE);
    listkit_run(k);
    programs(k, "d1", "a");
    record_set_broken(k->set, RECORD_SOFTWARE, SLICE("d1"));
    listkit_store(k, false, true);
    programs(k, "d1", "b");
    programs(k, "d2", "a");
    record_set_broken(k->set, RECORD_SOFTWARE, SLICE("d3"));
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("d1:a d1:b d1:c d2:a", INSTALLED);
    listkit_run(k);
    programs(k, "d1", "a");
    programs(k, "d2", "a");
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("d1:a d2:a", INSTALLED);
}

static void lists_by_webhook_are_whole(void **state)
{
    struct listkit *k = *state;
    listkit_hook(k);
    programs(k, "d1", "abc");
    listkit_end(k, 0, 0);
    listkit_hook(k);
    programs(k, "d1", "bd");
    listkit_end(k, 0, 0);
    assert_value("d1:b d1:d", INSTALLED);
    char *before = fingerprint();
    sync_device(k, "d1", "bd");
    assert_unwritten(before);
    free(before);
    /* a webhook that comes while a run has read an older list: the run does not take back what is newer */
    listkit_run(k);
    programs(k, "d1", "b");
    listkit_store(k, false, false);
    int64_t run = k->run;
    record_set_free(TAKE(k->set));
    listkit_hook(k);
    programs(k, "d1", "bde");
    listkit_end(k, 0, 0);
    k->run = run;
    k->set = record_set_new(k->tenant, k->integration);
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("d1:b d1:d d1:e", INSTALLED);
}

static void a_dry_run_counts_and_writes_nothing(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "ab");
    char *before = fingerprint();
    listkit_run(k);
    programs(k, "d1", "abc");
    programs(k, "d2", "ax");
    listkit_store(k, true, false);
    record_set_free(TAKE(k->set));
    assert_unwritten(before);
    assert_value("0", "select count(*) from sync_run_lists");
    assert_value("{\"created\": 3, \"removed\": 0, \"updated\": 0, \"processed\": 5}",
                 "select record_counts->>'software' from integration_sync_history order by run_id desc limit 1");
    free(before);
}

static void bad_rows_are_refused_and_bad_text_is_mended(void **state)
{
    struct listkit *k = *state;
    struct err e = {0};
    listkit_run(k);
    char *text = mem_alloc(3000);
    memset(text, 'x', 3000);
    struct record r = program("", SLICE("a"));
    assert_false(record_set_add(k->set, &r, &e));
    r = program("d\xff", SLICE("a"));
    assert_false(record_set_add(k->set, &r, &e));
    r = program("d1", slice_of(text, 3000));
    r.software.device_id.n = 0;
    r.software.device_id = slice_of(text, 513);
    assert_false(record_set_add(k->set, &r, &e));
    assert_int_equal(e.code, ERR_DATA);
    r = program("d1", slice_of(text, 3000));
    r.software.publisher = SLICE("p\xff\0q");
    r.software.version = SLICE_NONE;
    listkit_add(k, &r);
    r.software.name = SLICE_NONE; /* a program without a name is one all the same */
    listkit_add(k, &r);
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("0 1024",
                 "select string_agg(length(name)::text, ' ' order by length(name)) from software_catalog where "
                 "publisher = E'p\xef\xbf\xbdq'");
    free(text);
    listkit_run(k);
    for (unsigned i = 0; i < LIST_MAX_ROWS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        r = program("d2", slice_cstr(name));
        listkit_add(k, &r);
    }
    assert_false(record_set_add(k->set, &r, &e));
    listkit_end(k, SOFTWARE, SOFTWARE);
    assert_value("8192",
                 "select count(*) from asset_software join source_lists using (list_id) where external_id = 'd2'");
}

/* As a refused transaction is halved: one list is never cut. */
static void halves_are_whole_lists(void **state)
{
    struct listkit *k = *state;
    struct record_batch *b = list_open(&software_kind.store, k->tenant, k->integration), *left, *right, *x, *y;
    struct err e = {0};
    enum record_kind kind;
    struct slice id;
    for (const char *p = "abcd"; *p; p++) {
        struct record r = program(*p < 'c' ? "d1" : "d2", slice_of(p, 1));
        assert_true(list_add(b, &r, USEC_NONE, &e));
    }
    assert_true(list_split(b, &left, &right, &kind, &id));
    assert_int_equal(list_count(left), 3);
    assert_int_equal(list_count(right), 3);
    assert_false(list_split(left, &x, &y, &kind, &id));
    assert_int_equal(kind, RECORD_SOFTWARE);
    assert_true(slice_is(id, "d1"));
    list_free(left);
    list_free(right);
    list_free(b);
}

static void what_is_removed_takes_its_software_along(void **state)
{
    struct listkit *k = *state;
    sync_device(k, "d1", "abc");
    pgtest_sql(pg, "delete from integration_configurations");
    assert_value("0 0", "select (select count(*) from asset_software) || ' ' || (select count(*) from source_lists)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_unchanged_is_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_whole_list_lacks_is_removed_and_may_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_version_ends_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_removed_without_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_the_list_does_not_name_keeps_its_software, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_that_batches_divide_is_one_list, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_that_is_read_again_removes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_is_taken_over_removes_nothing_too_much, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_was_refused_keeps_its_device_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_by_webhook_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dry_run_counts_and_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_rows_are_refused_and_bad_text_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_are_whole_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_removed_takes_its_software_along, setup, teardown),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
