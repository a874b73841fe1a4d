/* http_gate.c - heads and bodies without a socket: what is let in, what is refused and how. */
#include "httptest.h"
#include "reactor/http_gate_body.h"

#include <stdlib.h>

static const struct {
    const char *head;
    int status; /* 0: let in */
} heads[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET /a/b?c=d&e=%41 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\nX:\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\nHost:a\r\nX-Tab: a\tb\xe4\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n", 0},
    /* request line */
    {"GET /\r\n\r\n", 400},
    {"\r\n\r\n", 400},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
    {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.11\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
    {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /?%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /?a=%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a/.%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a/x%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    /* fields */
    {"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\xe4: b\r\n\r\n", 400},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    /* framing */
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 200-ok\r\n\r\n", 417},
    /* not whole, or more than one */
    {"GET / HTTP/1.1\r\nHost: a\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", 400},
};

static void test_heads(void **state)
{
    struct http_head h = {0};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_refusal why = {0};
        bool ok = http_head_parse(slice_cstr(heads[i].head), 100, &h, &why);
        if (ok != (heads[i].status == 0) || (!ok && why.status != heads[i].status))
            fail_msg("%s: %d %s, wanted %d", heads[i].head, why.status, why.detail ? why.detail : "", heads[i].status);
    }
    struct http_refusal why;
    assert_false(http_head_parse(SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: \0y\r\n\r\n"), 100, &h, &why));
    assert_int_equal(why.status, 400);
    assert_false(http_head_parse(SLICE("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"), 1, &h, &why));
    assert_int_equal(why.status, 431);
    http_head_release(&h);
}

static void test_connection(void **state)
{
    static const struct {
        const char *version, *connection;
        bool keep;
    } rows[] = {
        {"1.1", "x", true},  {"1.1", "close", false},     {"1.1", "keep-alive, close", false}, {"1.1", "Close", false},
        {"1.0", "x", false}, {"1.0", "Keep-Alive", true}, {"1.0", "keep-alive, close", false}, {"1.1", "closed", true},
    };
    struct http_head h = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(str_release) struct str text = {0};
        str_addf(&text, "GET / HTTP/%s\r\nHost: a\r\nConnection: %s\r\n\r\n", rows[i].version, rows[i].connection);
        struct http_refusal why;
        assert_true(http_head_parse(str_slice(&text), 100, &h, &why));
        assert_int_equal(h.keep_alive, rows[i].keep);
    }
    http_head_release(&h);
}

static void test_end_of_head(void **state)
{
    struct slice head = SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest");
    bool bad;
    for (size_t cut = 0; cut <= head.n; cut++)
        for (size_t from = 0; from <= cut; from++) {
            /* looked at `from` bytes before and found no end there */
            if (from > 26)
                continue;
            assert_int_equal(http_head_end(slice_of(head.p, cut), from, &bad), cut >= 27 ? 27 : 0);
            assert_false(bad);
        }
    assert_int_equal(http_head_end(SLICE("GET / HTTP/1.1\nHost: a"), 0, &bad), 0);
    assert_true(bad);
    assert_int_equal(http_head_end(SLICE("GET /\0 HT"), 0, &bad), 0);
    assert_true(bad);
}

static const struct {
    const char *wire, *body; /* body NULL: refused */
    int status;
} chunked[] = {
    {"0\r\n\r\n", "", 0},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world", 0},
    {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0},
    {"5;name=value;x=\"y\"\r\nhello\r\n0;last\r\n\r\n", "hello", 0},
    {"5 ;x\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "hello", 0},
    {"0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"00000000000000005\r\nhello\r\n0\r\n\r\n", NULL, 400}, /* 17 digits */
    {"10000000000000005\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", NULL, 413},
    {"\x85\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"5\x80\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"-5\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"0x5\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {" 5\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"5\nhello\r\n0\r\n\r\n", NULL, 400},
    {"5\rhello\r\n0\r\n\r\n", NULL, 400},
    {"5;a\rb\r\nhello\r\n0\r\n\r\n", NULL, 400},
    {"5\r\nhello0\r\n\r\n", NULL, 400},
    {"5\r\nhelloX\r\n0\r\n\r\n", NULL, 400},
    {"5\r\nhello\n0\r\n\r\n", NULL, 400},
    {"5\r\nhello\r\n0\r\nno colon\r\n\r\n", NULL, 400},
    {"5\r\nhello\r\n0\r\n folded: x\r\n\r\n", NULL, 400},
    {"5\r\nhello\r\n0\r\nX: y\n\r\n", NULL, 400},
    {"29\r\n01234567890123456789012345678901234567890\r\n0\r\n\r\n", NULL, 413},
    {"14\r\n01234567890123456789\r\n15\r\n012345678901234567890\r\n0\r\n\r\n", NULL, 413},
};

/* Feeds up to `cut`, then the rest; what is behind the end must be left. */
static bool feed_cut(const char *wire, size_t cut, struct str *out, struct http_refusal *why, bool *done)
{
    const struct http_head h = {.framing = FRAMING_CHUNKED};
    struct body_reader b;
    assert_true(body_start(&b, &h, 40, why));
    size_t used = 0, more = 0, n = strlen(wire);
    if (!body_feed(&b, slice_of(wire, cut), out, &used, why))
        return false;
    if (used < cut) {
        *done = b.state == BODY_DONE;
        return true;
    }
    if (!body_feed(&b, slice_of(wire + cut, n - cut), out, &more, why))
        return false;
    *done = b.state == BODY_DONE && cut + more == n;
    return true;
}

static void test_chunked_at_every_cut(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(chunked); i++)
        for (size_t cut = 0; cut <= strlen(chunked[i].wire); cut++) {
            _cleanup_(str_release) struct str out = {0};
            struct http_refusal why = {0};
            bool done = false, ok = feed_cut(chunked[i].wire, cut, &out, &why, &done);
            if (ok != !!chunked[i].body || (ok && !done) || (!ok && why.status != chunked[i].status))
                fail_msg("row %zu cut %zu: ok %d done %d status %d %s", i, cut, ok, done, why.status, why.detail);
            if (ok)
                assert_true(slice_is(str_slice(&out), chunked[i].body));
        }
}

static void test_body_never_takes_what_follows(void **state)
{
    const struct http_head sized = {.framing = FRAMING_LENGTH, .length = 5}, chunks = {.framing = FRAMING_CHUNKED};
    _cleanup_(str_release) struct str out = {0};
    struct body_reader b;
    struct http_refusal why;
    size_t used;
    assert_true(body_start(&b, &sized, 5, &why));
    assert_true(body_feed(&b, SLICE("helloGET /"), &out, &used, &why));
    assert_int_equal(used, 5);
    assert_int_equal(b.state, BODY_DONE);
    assert_true(body_start(&b, &chunks, 5, &why));
    assert_true(body_feed(&b, SLICE("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nGET /"), &out, &used, &why));
    assert_int_equal(used, 23);
    assert_false(body_start(&b, &sized, 4, &why));
    assert_int_equal(why.status, 413);
}

static void test_framing_lines_are_bounded(void **state)
{
    const struct http_head chunks = {.framing = FRAMING_CHUNKED};
    _cleanup_(str_release) struct str out = {0};
    struct body_reader b;
    struct http_refusal why;
    size_t used, fed = 0;
    assert_true(body_start(&b, &chunks, 5, &why));
    assert_true(body_feed(&b, SLICE("1;"), &out, &used, &why));
    while (body_feed(&b, SLICE("extension"), &out, &used, &why))
        assert_true((fed += used) < 1000);
    assert_int_equal(why.status, 400);
    assert_true(body_start(&b, &chunks, 5, &why));
    assert_true(body_feed(&b, SLICE("0\r\n"), &out, &used, &why));
    fed = 0;
    while (body_feed(&b, SLICE("Trailer: again\r\n"), &out, &used, &why))
        assert_true((fed += used) < 10000);
    assert_int_equal(why.status, 400);
}

static void test_accepts_gzip(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"gzip", true},           {"deflate, gzip;q=0.5", true},
        {"gzip;q=0", false},      {"gzip; q=0.000", false},
        {"identity", false},      {"*", true},
        {"*;q=0", false},         {"gzip;q=0, *", false},
        {"br, GZIP;q=1.0", true}, {"", false},
        {"x-gzip", true},         {"gzipped", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(http_accepts_gzip(slice_cstr(rows[i].text)), rows[i].want);
    assert_false(http_accepts_gzip(SLICE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_end_of_head),
        cmocka_unit_test(test_chunked_at_every_cut),
        cmocka_unit_test(test_body_never_takes_what_follows),
        cmocka_unit_test(test_framing_lines_are_bounded),
        cmocka_unit_test(test_accepts_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
