/* call_reply.c - Date and Retry-After as servers spell them, and the common classification. */
#include "hub/call_reply.h"

#include "base/test.h"

static void dates(void **state)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    static const char *const bad[] = {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT x",
                                      "784111777"};
    usec_t t;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        t = 0;
        assert_true(reply_parse_date(good[i], &t));
        assert_int_equal(t, SECONDS(784111777));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(reply_parse_date(bad[i], &t));
    assert_false(reply_parse_date(NULL, &t));
}

static void retry_after(void **state)
{
    const usec_t now = SECONDS(784111777);

    assert_int_equal(reply_parse_retry_after("59", USEC_NONE, now), SECONDS(59));
    assert_int_equal(reply_parse_retry_after(" 0 ", USEC_NONE, now), 0);
    assert_int_equal(reply_parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", USEC_NONE, now), SECONDS(60));
    /* The server's clock is an hour ahead of ours: it still means one minute. */
    assert_int_equal(reply_parse_retry_after("Sun, 06 Nov 1994 09:50:37 GMT", now + SECONDS(3600), now), SECONDS(60));
    assert_int_equal(reply_parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", USEC_NONE, now), 0);
    assert_true(reply_parse_retry_after("99999999999999999999999999", USEC_NONE, now) > SECONDS(86400));
    assert_int_equal(reply_parse_retry_after(NULL, USEC_NONE, now), USEC_NONE);
    assert_int_equal(reply_parse_retry_after("", USEC_NONE, now), USEC_NONE);
    assert_int_equal(reply_parse_retry_after("-5", USEC_NONE, now), USEC_NONE);
    assert_int_equal(reply_parse_retry_after("soon", USEC_NONE, now), USEC_NONE);
}

static void rates(void **state)
{
    const usec_t now = SECONDS(1770000000);
    static const struct {
        struct rate_headers h;
        bool good;
        struct rate_hint want;
    } rows[] = {
        {{NULL, "180", "17", "42"}, true, {180, 17, SECONDS(42)}},
        {{NULL, "100, 100;w=60", " 0 ", "1"}, true, {100, 0, SECONDS(1)}},
        {{NULL, NULL, "17", "1770000030"}, true, {0, 17, SECONDS(30)}},
        {{NULL, NULL, "17", "1770000030500"}, true, {0, 17, MILLIS(30500)}},
        {{NULL, NULL, "17", "1769999999"}, true, {0, 17, 0}},
        {{"limit=100, remaining=50, reset=30", NULL, NULL, NULL}, true, {100, 50, SECONDS(30)}},
        {{"\"default\";r=50;t=30", NULL, NULL, NULL}, true, {0, 50, SECONDS(30)}},
        {{"\"burst\";r=50;t=1, \"day\"; r=9; t=3600", NULL, NULL, NULL}, true, {0, 9, SECONDS(3600)}},
        {{"\"default\";r=50", "5", "4", "3"}, true, {5, 4, SECONDS(3)}},
        {{NULL, "180", NULL, "42"}, false, {0}},
        {{NULL, "180", "17", NULL}, false, {0}},
        {{NULL, "180", "-1", "42"}, false, {0}},
        {{NULL, "180", "many", "42"}, false, {0}},
        {{NULL, "180", "17", "soon"}, false, {0}},
        {{NULL, "180", "9999999999999999999", "1"}, false, {0}},
        {{"", NULL, NULL, NULL}, false, {0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rate_hint got = {0};
        if (reply_parse_rate(&rows[i].h, USEC_NONE, now, &got) != rows[i].good || got.limit != rows[i].want.limit ||
            got.remaining != rows[i].want.remaining || got.reset != rows[i].want.reset)
            fail_msg("row %zu: %lld %lld %lld", i, (long long)got.limit, (long long)got.remaining,
                     (long long)got.reset);
    }
    struct rate_hint by_theirs = {0}; /* their clock is an hour ahead */
    assert_true(
        reply_parse_rate(&(struct rate_headers){NULL, NULL, "1", "1770003630"}, now + SECONDS(3600), now, &by_theirs));
    assert_int_equal(by_theirs.reset, SECONDS(30));
}

static void classes(void **state)
{
    static const struct {
        int status;
        enum err_code err;
        char first;
        enum reply_class want;
    } rows[] = {
        {200, ERR_NONE, '[', REPLY_OK},
        {204, ERR_NONE, 0, REPLY_OK},
        {200, ERR_NONE, '<', REPLY_FAILED},
        {301, ERR_NONE, 0, REPLY_FAILED},
        {400, ERR_NONE, '{', REPLY_FAILED},
        {401, ERR_NONE, '{', REPLY_AUTH},
        {403, ERR_NONE, '{', REPLY_FAILED},
        {404, ERR_NONE, '<', REPLY_FAILED},
        {408, ERR_NONE, 0, REPLY_UNAVAILABLE},
        {429, ERR_NONE, '<', REPLY_THROTTLED},
        {500, ERR_NONE, '<', REPLY_UNAVAILABLE},
        {503, ERR_NONE, 0, REPLY_UNAVAILABLE},
        {0, ERR_TIMEOUT, 0, REPLY_UNAVAILABLE},
        {0, ERR_UNAVAILABLE, 0, REPLY_UNAVAILABLE},
        {200, ERR_PROTOCOL, '[', REPLY_UNAVAILABLE},
        {200, ERR_LIMIT, '[', REPLY_FAILED},
        {0, ERR_AUTH, 0, REPLY_FAILED},
        {0, ERR_FORBIDDEN, 0, REPLY_FAILED},
        {0, ERR_CANCELED, 0, REPLY_FAILED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {rows[i].err, "why"};
        struct machine_reply r = {.status = rows[i].status, .err = e.code ? &e : NULL, .content_type = ""};
        enum reply_class got = reply_classify(&(struct machine_call){.what = "x"}, &r, rows[i].first);

        if (got != rows[i].want)
            fail_msg("row %zu: got %d, want %d", i, (int)got, (int)rows[i].want);
    }
    assert_string_equal(reply_status_class(0), "none");
    assert_string_equal(reply_status_class(204), "2xx");
    assert_string_equal(reply_status_class(429), "429");
    assert_string_equal(reply_status_class(599), "5xx");
    assert_string_equal(reply_status_class(999), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(rates),
        cmocka_unit_test(classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
