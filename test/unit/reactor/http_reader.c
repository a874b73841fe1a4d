/* The reader of replies: every reply cut at every byte gives what it gives in one piece; malformed ones are refused
 * wherever they are cut. */
#include "reactor/http_reader.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    int heads;
    enum http_reader_event last;
    struct err err;
    struct str body;
    bool keep_alive, odd;
};

static void pump(struct http_reader *r, struct evbuffer *in, struct outcome *o, size_t bite)
{
    struct slice piece;
    do {
        o->last = http_reader_next(r, in, &piece, &o->err);
        if (o->last == HRE_HEAD)
            o->heads++;
        if (o->last == HRE_BODY) {
            size_t n = MIN(piece.n, bite);
            str_add(&o->body, slice_of(piece.p, n));
            http_reader_taken(r, in, n);
        }
    } while (o->last == HRE_HEAD || o->last == HRE_BODY);
}

static struct outcome read_cut(const char *text, size_t n, size_t cut, bool head_only, size_t max_head, size_t bite)
{
    struct outcome o = {0};
    struct http_reader r;
    struct evbuffer *in = evbuffer_new();
    http_reader_init(&r, head_only, max_head);
    evbuffer_add(in, text, cut);
    pump(&r, in, &o, bite);
    evbuffer_add(in, text + cut, n - cut);
    if (o.last == HRE_MORE)
        pump(&r, in, &o, bite);
    if (o.last == HRE_MORE)
        o.last = http_reader_eof(&r, &o.err);
    o.keep_alive = r.keep_alive;
    o.odd = r.odd;
    http_reader_release(&r);
    evbuffer_free(in);
    return o;
}

static void test_good_ones(void **state)
{
    static const struct {
        const char *text, *body;
        bool keep_alive, odd;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", true, false},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", true, false}, /* bare line feeds */
        {"HTTP/1.1 200 OK\r\ntransfer-ENCODING: Chunked\r\n\r\n3\r\nabc\r\n0A ; x\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
         "abc0123456789", true, false},
        {"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", true, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false, false},
        {"HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\nContent-Length: 2\r\n\r\nok", "ok", true, false},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok", "ok", true, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok", true, true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "", true, false},
        {"HTTP/1.1 102 x\r\nA: b\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", true,
         true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", "", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].text);
        for (size_t cut = 0; cut <= n; cut++)
            for (size_t bite = 1; bite < 20; bite += 9) {
                struct outcome o = read_cut(rows[i].text, n, cut, false, 1000, bite);
                if (o.last != HRE_END)
                    fail_msg("row %zu cut at %zu: %s", i, cut, o.err.what);
                assert_int_equal(o.heads, 1);
                assert_string_equal(o.body.p ? o.body.p : "", rows[i].body);
                assert_int_equal(o.keep_alive, rows[i].keep_alive);
                assert_int_equal(o.odd, rows[i].odd);
                str_release(&o.body);
            }
    }
}

static void test_bad_ones(void **state)
{
    static const char *const rows[] = {
        "HTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Up\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: v\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : v\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 2\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i]);
        for (size_t cut = 0; cut <= n; cut++) {
            struct outcome o = read_cut(rows[i], n, cut, false, 1000, 1000);
            if (o.last != HRE_ERROR || o.err.code != ERR_PROTOCOL)
                fail_msg("row %zu cut at %zu was accepted", i, cut);
            str_release(&o.body);
        }
    }
    static const char nul[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n";
    struct outcome o = read_cut(nul, sizeof(nul) - 1, 10, false, 1000, 1000);
    assert_int_equal(o.last, HRE_ERROR);
}

static void test_head_request(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    struct outcome o = read_cut(text, sizeof(text) - 1, 3, true, 1000, 1);
    assert_int_equal(o.last, HRE_END);
}

static void test_ceilings(void **state)
{
    char text[4096];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nA: %0900d\r\nContent-Length: 0\r\n\r\n", 0);
    struct outcome o = read_cut(text, (size_t)n, 0, false, (size_t)n, 1);
    assert_int_equal(o.last, HRE_END);
    for (size_t cut = 0; cut <= (size_t)n; cut += 7) {
        o = read_cut(text, (size_t)n, cut, false, 900, 1);
        assert_int_equal(o.last, HRE_ERROR);
        assert_int_equal(o.err.code, ERR_LIMIT);
    }
    struct str endless = {0};
    for (int i = 0; i < 500; i++) /* interim replies count, too */
        str_adds(&endless, "HTTP/1.1 100 Continue\r\n\r\n");
    o = read_cut(endless.p, endless.n, 0, false, 1000, 1);
    assert_int_equal(o.err.code, ERR_LIMIT);
    str_clear(&endless);
    str_adds(&endless, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 500; i++)
        str_adds(&endless, "T: trailer\r\n");
    o = read_cut(endless.p, endless.n, 0, false, 1000, 1);
    assert_int_equal(o.last, HRE_ERROR);
    str_release(&endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_head_request),
        cmocka_unit_test(test_ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
