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
        cmocka_unit_test(classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
