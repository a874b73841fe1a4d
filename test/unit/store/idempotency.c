/* idempotency.c - who holds a key, and what is cleared up. */
#include "store/idempotency.h"
#include "hub/testhub.h"

#include <stdio.h>

struct asked {
    bool done;
    unsigned stmt;
    struct idempotency_row row;
};

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct asked *a = arg;
    assert_null(pg_reply_err(r));
    a->done = true;
    if (a->stmt)
        idempotency_read(r, a->stmt, &a->row);
}

static bool is_done(void *arg)
{
    return ((struct asked *)arg)->done;
}

static struct idempotency_row take(struct testhub *t, const char *owner, const char *key, const char *holder,
                                   const char *body)
{
    struct asked a = {0};
    uint8_t hash[SHA256_LEN];
    crypto_sha256(slice_cstr(body), hash);
    const struct idempotency_name n = {t->tenant, slice_cstr(owner), slice_cstr(key), slice_cstr(holder)};
    struct pg_seg *s = pg_seg_new(t->h.db, t->tenant);
    a.stmt = idempotency_add_take(s, &n, hash, SECONDS(60), SECONDS(3600));
    pg_submit(s, on_reply, &a);
    testhub_until(t, is_done, &a);
    return a.row; /* its texts are gone */
}

static void answer(struct testhub *t, const char *owner, const char *key, const char *holder)
{
    struct asked a = {0};
    const struct idempotency_name n = {t->tenant, slice_cstr(owner), slice_cstr(key), slice_cstr(holder)};
    struct pg_seg *s = pg_seg_new(t->h.db, t->tenant);
    idempotency_add_answer(s, &n, &(struct idempotency_answer){.status = 201, .answer = SLICE("{}")});
    pg_submit(s, on_reply, &a);
    testhub_until(t, is_done, &a);
}

static void purge(struct testhub *t, int64_t max)
{
    struct asked a = {0};
    struct pg_seg *s = pg_seg_new(t->h.db, PG_ALL_TENANTS);
    idempotency_add_purge(s, 1000, max);
    pg_submit(s, on_reply, &a);
    testhub_until(t, is_done, &a);
}

static void one_request_holds_a_key(void **state)
{
    struct testhub *t = *state;
    assert_true(take(t, "a", "k", "h1", "x").mine);
    struct idempotency_row second = take(t, "a", "k", "h2", "x");
    assert_false(second.mine || second.answered);
    assert_true(second.same);
    assert_false(take(t, "a", "k", "h2", "y").same);
    assert_true(take(t, "b", "k", "h3", "y").mine); /* another owner's */
    pgtest_sql(t->pg, "update idempotency_keys set lease_until = now()");
    assert_false(take(t, "a", "k", "h4", "y").mine); /* another request, even then */
    assert_true(take(t, "a", "k", "h4", "x").mine);
    answer(t, "a", "k", "h1"); /* whose lease had ended: it has no say any more */
    assert_false(take(t, "a", "k", "h5", "x").answered);
    answer(t, "a", "k", "h4");
    struct idempotency_row done = take(t, "a", "k", "h5", "x");
    assert_true(done.answered && done.same && !done.mine);
    assert_int_equal(done.status, 201);
    pgtest_sql(t->pg, "update idempotency_keys set expires_at = now()");
    assert_true(take(t, "a", "k", "h6", "y").mine);
}

static void what_is_over_goes_and_so_does_what_is_too_much(void **state)
{
    struct testhub *t = *state;
    for (int i = 0; i < 12; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%02d", i);
        take(t, "a", key, "h", "x");
        if (i != 1)
            answer(t, "a", key, "h");
    }
    pgtest_sql(t->pg, "update idempotency_keys set expires_at = now() where key = 'k11'");
    purge(t, 11);
    assert_int_equal(pgtest_count(t->pg, "select count(*) from idempotency_keys"), 11);
    purge(t, 5);
    char *left = pgtest_value(t->pg, "select string_agg(key, ' ' order by key) from idempotency_keys");
    assert_string_equal(left, "k01 k06 k07 k08 k09 k10"); /* the newest, and what is in work */
    free(left);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_request_holds_a_key),
        TEST(what_is_over_goes_and_so_does_what_is_too_much),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
