/* kinds.c - patches, groups and their members, people, licences, rooms: what becomes of their records. */
#include "base/mem.h"
#include "listkit.h"
#include "store/asset_group.h"
#include "store/license.h"
#include "store/location.h"
#include "store/patch.h"
#include "store/person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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
    pgtest_sql(pg, "truncate asset_patches, asset_group_members");
    return 0;
}

static int teardown(void **state)
{
    listkit_free(*state);
    return 0;
}

#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

/* --- patches --- */
#define PATCHES SYNC_KIND(RECORD_PATCH)

static void patch(struct listkit *k, const char *device, enum patch_status status, const char *id)
{
    const struct record r = {.kind = RECORD_PATCH,
                             .patch = {.device_id = slice_cstr(device),
                                       .family = PATCH_OS,
                                       .id = slice_cstr(id),
                                       .title = slice_cstr(id),
                                       .status = status,
                                       .installed_at = status == PATCH_INSTALLED ? SECONDS(1760000000) : USEC_NONE,
                                       .detected_at = USEC_NONE}};
    listkit_add(k, &r);
}

#define PATCH_ROWS                                                                                                     \
    "select string_agg(device_external_id || ' ' || external_id || ' ' || status || case when closed_at is null then " \
    "'' else ' closed' end, ', ' order by device_external_id, external_id) from asset_patches"

static char *patch_fingerprint(void)
{
    return pgtest_value(pg, "select md5(string_agg(x, ',' order by x)) from (select 'p' || ctid || xmin || xmax as x "
                            "from asset_patches union all select 'l' || ctid || xmin || xmax from source_lists) t");
}

static void three_lists(struct listkit *k)
{
    patch(k, "d1", PATCH_PENDING, "a");
    patch(k, "d1", PATCH_APPROVED, "b");
    patch(k, "d1", PATCH_PENDING, "c");
    patch(k, "d2", PATCH_PENDING, "a");
    listkit_store(k, false, true);
    patch(k, "d1", PATCH_INSTALLED, "i");
}

static void patches_that_are_unchanged_are_not_written(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending, d1 b approved, d1 c pending, d1 i installed, d2 a pending", PATCH_ROWS);
    char *before = patch_fingerprint();
    listkit_run(k);
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    char *after = patch_fingerprint();
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_patch_is_installed_fails_or_is_superseded(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    pgtest_sql(pg, "update asset_patches set first_seen = '2020-01-01'");
    listkit_run(k); /* a is installed, b has failed, c is offered no more; the installed one is no longer told of */
    patch(k, "d1", PATCH_FAILED, "b");
    listkit_store(k, false, true);
    patch(k, "d1", PATCH_INSTALLED, "a");
    patch(k, "d2", PATCH_PENDING, "a");
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a installed, d1 b failed, d1 c pending closed, d1 i installed, d2 a pending", PATCH_ROWS);
    assert_value("5", "select count(*) from asset_patches where first_seen = '2020-01-01'");
    assert_value("1", "select count(*) from asset_patches where external_id = 'a' and installed_at is not null");
    listkit_run(k); /* c is offered again, b as it was */
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending, d1 b approved, d1 c pending, d1 i installed, d2 a pending", PATCH_ROWS);
}

static void a_device_without_patches_has_none_that_wait(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    listkit_run(k);
    patch(k, "d2", PATCH_PENDING, "a");
    listkit_end(k, PATCHES, 0); /* not the complete list: d1 may have what it had */
    assert_value("d1 a pending, d1 b approved, d1 c pending, d1 i installed, d2 a pending", PATCH_ROWS);
    listkit_run(k);
    patch(k, "d2", PATCH_PENDING, "a");
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending closed, d1 b approved closed, d1 c pending closed, d1 i installed, d2 a pending",
                 PATCH_ROWS);
}

/* What a single run says of a device is all there is of it. */
static void one_device_is_read_by_itself(void **state)
{
    struct listkit *k = *state;
    for (int by_hook = 0; by_hook < 2; by_hook++) {
        listkit_run(k);
        three_lists(k);
        listkit_end(k, PATCHES, PATCHES);
        if (by_hook)
            listkit_hook(k);
        else
            listkit_run(k);
        patch(k, "d1", PATCH_PENDING, "c");
        listkit_end(k, PATCHES, 0);
        assert_value("d1 a pending closed, d1 b approved closed, d1 c pending, d1 i installed, d2 a pending",
                     PATCH_ROWS);
    }
}

/* Offered and installed at once: the later word counts, and the next sync says the same. */
static void a_patch_in_two_lists_is_one(void **state)
{
    struct listkit *k = *state;
    for (int round = 0; round < 3; round++) {
        listkit_run(k);
        patch(k, "d1", PATCH_PENDING, "a");
        if (round == 1)
            listkit_store(k, false, true);
        patch(k, "d1", PATCH_INSTALLED, "a");
        patch(k, "d2", PATCH_PENDING, "z");
        listkit_end(k, PATCHES, PATCHES);
        assert_value("d1 a installed, d2 z pending", PATCH_ROWS);
    }
    listkit_run(k);
    patch(k, "d1", PATCH_PENDING, "a");
    patch(k, "d2", PATCH_PENDING, "z");
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending, d2 z pending", PATCH_ROWS);
}

static void a_patch_that_was_refused_is_not_closed(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    three_lists(k);
    listkit_end(k, PATCHES, PATCHES);
    listkit_run(k);
    patch(k, "d2", PATCH_PENDING, "a");
    pgtest_sql(pg, "insert into sync_run_seen values (%lld, %lld, %d, 'b')", (long long)k->tenant, (long long)k->run,
               RECORD_PATCH);
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending closed, d1 b approved, d1 c pending closed, d1 i installed, d2 a pending", PATCH_ROWS);
    listkit_run(k); /* nobody knows which of this device */
    patch(k, "d2", PATCH_PENDING, "a");
    pgtest_sql(pg, "insert into sync_run_seen values (%lld, %lld, %d, 'd1')", (long long)k->tenant, (long long)k->run,
               RECORD_PATCH);
    listkit_end(k, PATCHES, PATCHES);
    assert_value("d1 a pending closed, d1 b approved, d1 c pending closed, d1 i installed, d2 a pending", PATCH_ROWS);
}

/* --- groups --- */
#define GROUPS (SYNC_KIND(RECORD_GROUP) | SYNC_KIND(RECORD_MEMBER))

static void group(struct listkit *k, const char *id, bool known, const char *members)
{
    const struct record r = {.kind = RECORD_GROUP,
                             .group = {.id = slice_cstr(id),
                                       .name = slice_cstr(id),
                                       .of = GROUP_OF_DEVICES,
                                       .smart = known ? TRI_NO : TRI_YES,
                                       .members_known = known}};
    listkit_add(k, &r);
    for (const char *p = members; *p; p++) {
        const struct record m = {.kind = RECORD_MEMBER,
                                 .member = {.group_id = slice_cstr(id), .member_id = slice_of(p, 1)}};
        listkit_add(k, &m);
    }
}

#define MEMBERS                                                                                                        \
    "select string_agg(external_id || ':' || member_external_id, ' ' order by external_id, member_external_id) from "  \
    "asset_group_members join source_lists using (tenant_id, list_id)"

static void members_are_exactly_those_that_are_told(void **state)
{
    struct listkit *k = *state;
    listkit_run(k);
    group(k, "g1", true, "abc");
    group(k, "g2", true, "a");
    group(k, "smart", false, "");
    listkit_end(k, GROUPS, GROUPS);
    assert_value("g1:a g1:b g1:c g2:a", MEMBERS);
    assert_value("3 1", "select count(*) || ' ' || count(*) filter (where smart) from asset_groups");
    listkit_run(k);
    group(k, "g1", true, "ad");
    group(k, "g2", true, ""); /* known to have none */
    listkit_end(k, 0, 0);     /* not proven */
    assert_value("g1:a g1:b g1:c g1:d g2:a", MEMBERS);
    listkit_run(k);
    group(k, "g1", true, "ad");
    group(k, "g2", true, "");
    listkit_end(k, GROUPS, GROUPS);
    assert_value("g1:a g1:d", MEMBERS);
    char *before = pgtest_value(pg, "select string_agg(ctid::text || xmin || xmax, ',') from asset_group_members");
    listkit_run(k);
    group(k, "g1", true, "da");
    group(k, "g2", false, ""); /* not told this time */
    listkit_end(k, GROUPS, GROUPS);
    assert_value("g1:a g1:d", MEMBERS);
    assert_value(before, "select string_agg(ctid::text || xmin || xmax, ',') from asset_group_members");
    free(before);
}

/* --- flat kinds --- */

static void what_a_record_says_is_stored_and_read(void **state)
{
    struct listkit *k = *state;
    const struct record person = {.kind = RECORD_PERSON,
                                  .person = {.id = SLICE("1"),
                                             .organization_id = SLICE("acme"),
                                             .name = SLICE("Ada O'Zebra \xc3\xa4"),
                                             .email = SLICE("Ada@zebra.example")}};
    struct record other = person;
    other.person.id = SLICE("2");
    other.person.name = SLICE("zz");
    other.person.email = SLICE(" ada@ZEBRA.example ");
    const struct record license = {
        .kind = RECORD_LICENSE,
        .license = {.id = SLICE("l1"), .type = SLICE("Server"), .taken = TRI_YES, .expires = SECONDS(1800000000)}};
    const struct record room = {.kind = RECORD_ROOM, .room = {SLICE("r1"), SLICE("loc"), SLICE("Server room")}};
    const struct record location = {.kind = RECORD_LOCATION,
                                    .location = {.id = SLICE("loc"), .name = SLICE("Head office")}};
    const struct record *all[] = {&room, &person, &other, &license, &location};
    const struct page_request q = {.tenant_id = k->tenant, .limit = 10};
    for (int round = 0; round < 2; round++) {
        listkit_run(k);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
            listkit_add(k, all[i]);
        listkit_end(k, 0, 0);
        assert_value(
            round ? "0 0 2" : "2 0 2",
            "select concat_ws(' ', r->'people'->>'created', r->'people'->>'updated', r->'people'->>'processed') "
            "from (select record_counts r from integration_sync_history order by run_id desc limit 1) x");
    }
    assert_value(
        "true true true",
        "select (name = E'Ada O''Zebra \xc3\xa4') || ' ' || (title is null) || ' ' || (organization_external_id "
        "= 'acme') from people where external_id = '1'");

    person_list(k->db, &(struct person_filter){0}, &q, listkit_page, k);
    listkit_wait(k);
    assert_non_null(strstr(k->page.p, "\"external_id\":\"2\"")); /* no client: nobody says that they are one */
    pgtest_sql(pg,
               "with c as (insert into clients (tenant_id, name) select tenant_id, 'Zebra' from tenants returning *) "
               "insert into organization_mappings (tenant_id, integration_id, external_id, name, client_id, decision) "
               "select tenant_id, %lld, 'acme', 'Acme', client_id, 'mapped' from c",
               (long long)k->integration);
    person_list(k->db, &(struct person_filter){0}, &q, listkit_page, k);
    listkit_wait(k);
    assert_null(strstr(k->page.p, "\"external_id\":\"2\""));
    assert_non_null(strstr(k->page.p, "\"client\":\"Zebra\""));
    person_get(k->db, k->tenant, pgtest_count(pg, "select min(person_id) from people"), listkit_item, k);
    listkit_wait(k);
    assert_non_null(strstr(k->page.p, "\"external_id\" : \"2\""));

    location_list(k->db, 0, SLICE_NONE, &q, listkit_page, k);
    listkit_wait(k);
    assert_non_null(strstr(k->page.p, "Server room"));

    license_list(k->db, &(struct license_filter){.expires_before = SECONDS(1800000001), .taken = TRI_YES}, &q,
                 listkit_page, k);
    listkit_wait(k);
    assert_non_null(strstr(k->page.p, "\"external_id\":\"l1\""));
    license_list(k->db, &(struct license_filter){.expires_before = SECONDS(1800000000)}, &q, listkit_page, k);
    listkit_wait(k);
    assert_string_equal(k->page.p, "[]");
}

static void what_a_complete_list_lacks_is_missing(void **state)
{
    struct listkit *k = *state;
    for (int round = 0; round < 2; round++) {
        listkit_run(k);
        for (int i = 0; i < 2 - round; i++) {
            struct record r = {.kind = RECORD_PERSON, .person = {.id = slice_cstr(i ? "2" : "1"), .name = SLICE("x")}};
            listkit_add(k, &r);
            pgtest_sql(pg, "insert into sync_run_seen values (%lld, %lld, %d, '%d')", (long long)k->tenant,
                       (long long)k->run, RECORD_PERSON, i + 1);
        }
        listkit_end(k, 0, SYNC_KIND(RECORD_PERSON));
    }
    assert_value("2", "select string_agg(external_id, ' ') from people where missing_since is not null");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(patches_that_are_unchanged_are_not_written),
        TEST(a_patch_is_installed_fails_or_is_superseded),
        TEST(a_device_without_patches_has_none_that_wait),
        TEST(one_device_is_read_by_itself),
        TEST(a_patch_in_two_lists_is_one),
        TEST(a_patch_that_was_refused_is_not_closed),
        TEST(members_are_exactly_those_that_are_told),
        TEST(what_a_record_says_is_stored_and_read),
        TEST(what_a_complete_list_lacks_is_missing),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
