/* http_server_wire.c - what travels: requests cut anywhere, bodies, refusals, methods, replies. */
#include "httptest.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static bool nothing_left(void *arg)
{
    return http_server_connections(((struct world *)arg)->server) == 0;
}

/* Lets the server see what was sent so far before more is sent. */
static void settle(struct world *w)
{
    for (int i = 0; i < 3; i++)
        loop_advance(w->loop, 0);
}

static void test_cut_at_every_byte(void **state)
{
    static const char first[] =
        "POST /echo/alpha?x=1&y=%20z HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello";
    static const char second[] = "GET /echo/beta?q=second HTTP/1.1\r\nHost: a.example\r\nX-Other: value\r\n\r\n";
    _cleanup_(str_release) struct str both = {0};
    str_adds(&both, first);
    str_adds(&both, second);
    struct world *w = world_new(NULL);
    for (size_t cut = 1; cut < both.n; cut++) {
        struct client *c = client_new(w);
        client_send(c, slice_of(both.p, cut));
        settle(w);
        client_send(c, slice_of(both.p + cut, both.n - cut));
        struct reply a = client_reply(c, false), b = client_reply(c, false);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.p, "alpha|x=1&y=%20z|hello");
        assert_int_equal(b.status, 200);
        assert_string_equal(b.body.p, "beta|q=second|");
        reply_release(&a);
        reply_release(&b);
        client_free(c);
    }
    world_wait(w, nothing_left, w);
    world_free(w);
}

static void test_byte_by_byte(void **state)
{
    static const char request[] = "\r\nPOST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3;ext\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\nMore: u\r\n\r\n"
                                  "GET /echo/y HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    for (const char *p = request; *p; p++) {
        client_send(c, slice_of(p, 1));
        settle(w);
    }
    struct reply a = client_reply(c, false), b = client_reply(c, false);
    assert_string_equal(a.body.p, "x||abc0123456789");
    assert_string_equal(b.body.p, "y||");
    reply_release(&a);
    reply_release(&b);
    client_free(c);
    world_free(w);
}

static void test_long_path_across_reads(void **state)
{
    struct world *w = world_new(NULL);
    _cleanup_(str_release) struct str path = {0}, request = {0}, want = {0};
    for (int i = 0; path.n < 9000; i++)
        str_addf(&path, "seg%d-", i);
    str_addf(&request, "GET /static/%s?%s HTTP/1.1\r\nHost: a\r\n\r\n", path.p, "q=1");
    struct client *c = client_new(w);
    client_send(c, str_slice(&request));
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.p, path.p);
    str_addf(&want, "GET /static/%s?q=1 0\n", path.p);
    assert_string_equal(w->seen.p, want.p);
    reply_release(&r);
    client_free(c);
    world_free(w);
}

static void test_big_form_body(void **state)
{
    enum { SIZE = 6 << 20 };
    const struct http_server_options o = {.max_body = 8 << 20};
    struct world *w = world_new(&o);
    struct client *c = client_new(w);
    char *body = mem_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = "a=b&%41+"[i % 8];
    _cleanup_(str_release) struct str head = {0};
    str_addf(&head,
             "POST /echo/f HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
             "%d\r\n\r\n",
             SIZE);
    client_send(c, str_slice(&head));
    client_send(c, slice_of(body, SIZE));
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.n, SIZE + 3);
    assert_memory_equal(r.body.p + 3, body, SIZE);
    reply_release(&r);
    free(body);
    client_free(c);
    world_free(w);
}

/* Each is answered with a problem and a closed connection, and nothing behind it is taken for a request. */
static const struct {
    const char *text;
    int status;
} refusals[] = {
    {"GET /\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: a\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello", 400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
     400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\x85\r\nhello\r\n0\r\n\r\n", 400},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
    {"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: magic\r\n\r\nhello", 417},
    {"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world", 413},
    {"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n6\r\nworld!\r\n0\r\n\r\n",
     413},
};

static void test_refusals(void **state)
{
    struct world *w = world_new(NULL);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct client *c = client_new(w);
        char buf[64];
        client_sends(c, refusals[i].text);
        client_sends(c, "GET /echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        struct reply r = client_reply(c, false);
        if (r.status != refusals[i].status || !r.whole)
            fail_msg("%s: %d", refusals[i].text, r.status);
        assert_string_equal(reply_header(&r, "Content-Type", buf, sizeof(buf)), "application/problem+json");
        assert_string_equal(reply_header(&r, "Connection", buf, sizeof(buf)), "close");
        assert_non_null(strstr(r.body.p, "\"request_id\":\""));
        reply_release(&r);
        client_wait_eof(c); /* the server closes its side at once, and listens on for a while */
        assert_int_equal(c->in.n, 0);
        assert_false(c->reset);
        client_free(c);
    }
    assert_null(w->seen.p);
    assert_int_equal(w->finished, ARRAY_LEN(refusals));
    assert_true(world_metric(w, "msphub_http_rejected_total{reason=\"bad_request\"}") >= 10);
    world_wait(w, nothing_left, w);
    world_free(w);
}

static void test_head_limits(void **state)
{
    const struct http_server_options o = {.max_head = 2048, .max_headers = 10};
    struct world *w = world_new(&o);
    _cleanup_(str_release) struct str big = {0}, line = {0}, many = {0};
    str_adds(&big, "GET / HTTP/1.1\r\nHost: a\r\n");
    while (big.n < 1 << 20) /* never ends: the answer must not wait for the end */
        str_adds(&big, "X-Flood: 0123456789\r\n");
    struct client *c = client_new(w);
    client_expect(c, big.p, 431);
    client_free(c);
    str_adds(&line, "GET /");
    while (line.n < 4000)
        str_adds(&line, "aaaaaaaaaa");
    c = client_new(w);
    client_expect(c, line.p, 414);
    client_free(c);
    str_adds(&many, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 10; i++)
        str_addf(&many, "X-%d: y\r\n", i);
    str_adds(&many, "\r\n");
    c = client_new(w);
    client_expect(c, many.p, 431);
    client_free(c);
    world_free(w);
}

static void test_methods(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    char buf[128];
    client_expect(c, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404);
    client_expect(c, "GET /echo/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_sends(c, "DELETE /echo/x HTTP/1.1\r\nHost: a\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 405);
    assert_string_equal(reply_header(&r, "Allow", buf, sizeof(buf)), "GET, HEAD, POST, OPTIONS");
    reply_release(&r);
    client_sends(c, "OPTIONS /echo/x HTTP/1.1\r\nHost: a\r\n\r\n");
    r = client_reply(c, false);
    assert_int_equal(r.status, 204);
    assert_string_equal(reply_header(&r, "Allow", buf, sizeof(buf)), "GET, HEAD, POST, OPTIONS");
    reply_release(&r);
    client_expect(c, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204);
    client_sends(c, "HEAD /echo/abc HTTP/1.1\r\nHost: a\r\n\r\n");
    r = client_reply(c, true);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Length", buf, sizeof(buf)), "5");
    reply_release(&r);
    assert_int_equal(c->in.n, 0); /* no body came along */
    client_expect(c, "GET /echo/still HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_free(c);
    world_free(w);
}

static void test_statuses(void **state)
{
    static const struct {
        const char *path, *line;
        bool body;
    } rows[] = {
        {"204", "HTTP/1.1 204 No Content\r\n", false},
        {"304", "HTTP/1.1 304 Not Modified\r\n", false},
        {"422", "HTTP/1.1 422 Unprocessable Content\r\n", true},
        {"429", "HTTP/1.1 429 Too Many Requests\r\n", true},
        {"431", "HTTP/1.1 431 Request Header Fields Too Large\r\n", true},
        {"599", "HTTP/1.1 599 Unknown\r\n", true},
    };
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char buf[64], request[128];
        snprintf(request, sizeof(request), "GET /status/%s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].path);
        client_sends(c, request);
        struct reply r = client_reply(c, false);
        assert_true(slice_starts(slice_cstr(r.head), slice_cstr(rows[i].line)));
        assert_string_equal(reply_header(&r, "Content-Length", buf, sizeof(buf)), rows[i].body ? "4" : "");
        assert_int_equal(r.body.n, rows[i].body ? 4 : 0);
        reply_release(&r);
    }
    assert_int_equal(c->in.n, 0);
    client_free(c);
    world_free(w);
}

static void test_expect_continue(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_sends(c, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 100);
    reply_release(&r);
    client_expect(c, "hello", 200);
    /* with the body there already, nobody waits for a 100 */
    client_expect(c, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 200);
    client_expect(c, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", 200);
    /* refused before the body: no 100 */
    client_expect(c, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n", 413);
    client_free(c);
    world_free(w);
}

static void test_http10(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    char buf[64];
    client_sends(c, "GET /echo/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_string_equal(reply_header(&r, "Connection", buf, sizeof(buf)), "keep-alive");
    reply_release(&r);
    client_sends(c, "GET /echo/x HTTP/1.0\r\n\r\n");
    r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Connection", buf, sizeof(buf)), "close");
    reply_release(&r);
    client_wait_eof(c);
    client_free(c);
    c = client_new(w);
    client_expect(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", 200);
    client_wait_eof(c);
    client_free(c);
    world_free(w);
}

static void test_pipelining(void **state)
{
    enum { N = 500 }; /* more than one turn takes of a connection */
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    _cleanup_(str_release) struct str all = {0};
    for (int i = 0; i < N; i++)
        if (i % 2)
            str_addf(&all, "GET /echo/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        else
            str_addf(&all, "POST /echo/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", i);
    client_send(c, str_slice(&all));
    for (int i = 0; i < N; i++) {
        char want[32];
        snprintf(want, sizeof(want), "%d||%s", i, i % 2 ? "" : "abc");
        struct reply r = client_reply(c, false);
        assert_string_equal(r.body.p, want);
        reply_release(&r);
    }
    client_free(c);
    world_free(w);
}

static bool is_held(void *arg)
{
    return ((struct world *)arg)->held;
}

static void test_pipelining_behind_asynchronous_work(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    for (int i = 0; i < 3; i++)
        client_sends(c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /echo/after HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        world_wait(w, is_held, w);
        settle(w);
        assert_int_equal(c->in.n, 0); /* nothing overtakes */
        struct http_request *r = TAKE(w->held);
        http_reply(r, 200, "text/plain", SLICE("held"));
        struct reply a = client_reply(c, false), b = client_reply(c, false);
        assert_string_equal(a.body.p, "held");
        assert_string_equal(b.body.p, "after||");
        reply_release(&a);
        reply_release(&b);
    }
    client_free(c);
    world_free(w);
}

/* More than is read ahead of a request in work. */
static void test_long_pipeline_behind_asynchronous_work(void **state)
{
    enum { N = 4000 };
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    _cleanup_(str_release) struct str all = {0};
    str_adds(&all, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < N; i++)
        str_addf(&all, "GET /echo/%d HTTP/1.1\r\nHost: a.example\r\n\r\n", i);
    assert_true(all.n > 2 * 65536);
    client_send(c, str_slice(&all));
    world_wait(w, is_held, w);
    for (int i = 0; i < 20; i++)
        settle(w);
    http_reply(TAKE(w->held), 200, "text/plain", SLICE("held"));
    for (int i = -1; i < N; i++) {
        struct reply r = client_reply(c, false);
        assert_int_equal(r.status, 200);
        assert_int_equal(i < 0 ? -1 : atoi(r.body.p), i);
        reply_release(&r);
    }
    client_free(c);
    world_free(w);
}

static void test_secret_before_body(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    /* a body that is here is skipped, and the connection lives on */
    client_expect(c, "POST /secret HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 401);
    client_expect(c, "POST /secret HTTP/1.1\r\nHost: a\r\nX-Secret: open\r\nContent-Length: 5\r\n\r\nhello", 200);
    assert_string_equal(w->seen.p, "POST /secret? 5\n");
    /* one that is not is not waited for */
    client_expect(c, "POST /secret HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhel", 401);
    client_half_close(c);
    client_wait_eof(c);
    client_free(c);
    world_free(w);
}

static void test_early_reply_survives_the_body(void **state)
{
    enum { SIZE = 32 << 20 }; /* more than the kernel buffers */
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_stop_reading(c);
    client_sends(c, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n");
    settle(w);
    char *body = mem_zalloc(SIZE);
    client_send(c, slice_of(body, SIZE)); /* while the answer is there already */
    free(body);
    assert_false(c->reset); /* all of it was taken */
    client_start_reading(c);
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 413);
    assert_true(r.whole);
    reply_release(&r);
    /* the server does not listen for ever */
    loop_advance(w->loop, SECONDS(2));
    world_wait(w, nothing_left, w);
    client_free(c);
    world_free(w);
}

static void test_gzip(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    char buf[64];
    client_sends(c, "GET /json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_string_equal(reply_header(&r, "Content-Encoding", buf, sizeof(buf)), "gzip");
    assert_string_equal(reply_header(&r, "Vary", buf, sizeof(buf)), "Accept-Encoding");
    assert_true(r.body.n < 1000);
    char plain[8192];
    z_stream z = {
        .next_in = (Bytef *)r.body.p, .avail_in = (uInt)r.body.n, .next_out = (Bytef *)plain, .avail_out = 8192};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_true(z.total_out >= 4096 && plain[0] == '"' && plain[1] == 'c');
    inflateEnd(&z);
    reply_release(&r);
    client_sends(c, "GET /json HTTP/1.1\r\nHost: a\r\n\r\n");
    r = client_reply(c, false);
    assert_string_equal(reply_header(&r, "Content-Encoding", buf, sizeof(buf)), "");
    assert_string_equal(reply_header(&r, "Vary", buf, sizeof(buf)), "Accept-Encoding");
    assert_true(r.body.n >= 4096);
    reply_release(&r);
    client_free(c);
    world_free(w);
}

static void test_request_id_and_metrics(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    char a[80], b[80];
    client_sends(c, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-Request-Id: my.id_7-x\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_string_equal(reply_header(&r, "X-Request-Id", a, sizeof(a)), "my.id_7-x");
    assert_string_equal(reply_header(&r, "Date", a, sizeof(a)), "Thu, 09 Oct 2025 08:53:20 GMT");
    reply_release(&r);
    for (int i = 0; i < 2; i++) {
        client_sends(c, "GET /nothing HTTP/1.1\r\nHost: a\r\nX-Request-Id: b\"ad\r\n\r\n");
        r = client_reply(c, false);
        reply_header(&r, "X-Request-Id", i ? b : a, sizeof(a));
        assert_int_equal(strlen(i ? b : a), 16);
        reply_release(&r);
    }
    assert_string_not_equal(a, b);
    assert_true(world_metric(w, "msphub_http_requests_total{route=\"echo\",method=\"POST\",status=\"200\"}") == 1);
    assert_true(world_metric(w, "msphub_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"}") == 2);
    assert_true(world_metric(w, "msphub_http_request_duration_seconds_count{route=\"echo\"}") == 1);
    assert_true(world_metric(w, "msphub_http_connections") == 1);
    assert_int_equal(w->finished, 3);
    client_free(c);
    world_wait(w, nothing_left, w);
    assert_true(world_metric(w, "msphub_http_connections") == 0);
    world_free(w);
}

static void test_two_servers(void **state)
{
    struct world *a = world_new(NULL), *b = world_new(NULL);
    struct client *ca = client_new(a), *cb = client_new(b);
    client_expect(ca, "GET /echo/a HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_expect(cb, "GET /echo/b HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_free(ca);
    client_free(cb);
    world_free(a);
    assert_string_equal(b->seen.p, "GET /echo/b? 0\n");
    world_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_long_path_across_reads),
        cmocka_unit_test(test_big_form_body),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_http10),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_pipelining_behind_asynchronous_work),
        cmocka_unit_test(test_long_pipeline_behind_asynchronous_work),
        cmocka_unit_test(test_secret_before_body),
        cmocka_unit_test(test_early_reply_survives_the_body),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_request_id_and_metrics),
        cmocka_unit_test(test_two_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
