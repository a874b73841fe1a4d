/* bucket.c - rates: a minute's worth at once, then evenly; and a table that does not grow. */
#include "base/bucket.h"

#include "base/test.h"

static void a_minutes_worth_at_once_then_evenly(void **state)
{
    struct buckets *b = buckets_new(10, SECONDS(60));
    usec_t now = SECONDS(1000);
    struct bucket_answer a;
    for (int i = 59; i >= 0; i--) {
        a = buckets_take(b, 1, 60, now);
        assert_true(a.ok);
        assert_int_equal(a.left, i);
        assert_int_equal(a.full, SECONDS(60 - i));
    }
    a = buckets_take(b, 1, 60, now);
    assert_false(a.ok);
    assert_int_equal(a.left, 0);
    assert_int_equal(a.next, SECONDS(1));
    assert_true(buckets_take(b, 2, 60, now).ok);                   /* another one's */
    assert_false(buckets_take(b, 1, 60, now + SECONDS(1) - 1).ok); /* what was refused cost nothing */
    assert_true(buckets_take(b, 1, 60, now + SECONDS(1)).ok);
    assert_false(buckets_take(b, 1, 60, now + SECONDS(1)).ok);
    assert_int_equal(buckets_take(b, 1, 60, now + SECONDS(3600)).left, 59); /* never more than a minute's */
    buckets_free(b);
}

static void over_a_long_time_the_rate_holds(void **state)
{
    static const int64_t rates[] = {1, 7, 600, 6007, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct buckets *b = buckets_new(10, SECONDS(60));
        int64_t taken = 0;
        usec_t step = SECONDS(60) / rates[i] / 3;
        for (int n = 0; n < 300000; n++)
            taken += buckets_take(b, 1, rates[i], n * step).ok;
        double fair = MIN((double)rates[i] * (1 + 300000.0 * (double)step / SECONDS(60)), 300000);
        if ((double)taken > fair * 1.02 + 1 || (double)taken < fair * 0.98 - 1)
            fail_msg("%lld a minute: %lld taken, %g are fair", (long long)rates[i], (long long)taken, fair);
        buckets_free(b);
    }
}

static void another_rate_counts_from_then_on(void **state)
{
    struct buckets *b = buckets_new(10, SECONDS(60));
    for (int i = 0; i < 60; i++)
        assert_true(buckets_take(b, 1, 60, 0).ok);
    assert_false(buckets_take(b, 1, 600, 0).ok);
    assert_true(buckets_take(b, 1, 600, MILLIS(100)).ok);
    buckets_free(b);
}

static void the_table_is_bounded(void **state)
{
    struct buckets *b = buckets_new(100, SECONDS(60));
    for (uint64_t key = 0; key < 100; key++)
        for (int i = 0; i < 10; i++)
            buckets_take(b, key, 10, 0);
    assert_int_equal(buckets_count(b), 100);
    assert_false(buckets_take(b, 0, 10, 0).ok); /* used: no longer the oldest */
    assert_true(buckets_take(b, 1000, 10, 0).ok);
    assert_int_equal(buckets_count(b), 100);
    assert_false(buckets_take(b, 0, 10, 0).ok);
    assert_true(buckets_take(b, 1, 10, 0).ok); /* was forgotten in favour of 1000 */
    for (uint64_t key = 2000; key < 2100; key++)
        buckets_take(b, key, 10, SECONDS(61)); /* full ones make room */
    assert_true(buckets_count(b) <= 100);
    buckets_free(b);
}

static void what_was_not_needed_is_given_back(void **state)
{
    struct buckets *b = buckets_new(10, SECONDS(600)); /* another window than a minute */
    for (int i = 0; i < 30; i++)
        assert_true(buckets_take(b, 1, 30, 0).ok);
    struct bucket_answer a = buckets_take(b, 1, 30, 0);
    assert_false(a.ok);
    assert_int_equal(a.next, SECONDS(20));
    buckets_give_back(b, 1, 30);
    buckets_give_back(b, 2, 30); /* never seen */
    assert_true(buckets_take(b, 1, 30, 0).ok);
    assert_false(buckets_take(b, 1, 30, 0).ok);
    assert_false(buckets_take(b, 1, 30, SECONDS(20) - 1).ok);
    assert_true(buckets_take(b, 1, 30, SECONDS(20)).ok);
    buckets_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minutes_worth_at_once_then_evenly), cmocka_unit_test(over_a_long_time_the_rate_holds),
        cmocka_unit_test(another_rate_counts_from_then_on),    cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(what_was_not_needed_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
