/* http_server_life.c - deadlines, peers that leave or stall, ceilings, streams, drain. */
#include "httptest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static bool nothing_left(void *arg)
{
    return http_server_connections(((struct world *)arg)->server) == 0;
}

static bool is_held(void *arg)
{
    return ((struct world *)arg)->held;
}

static bool is_gone(void *arg)
{
    return ((struct world *)arg)->gone;
}

static void settle(struct world *w)
{
    for (int i = 0; i < 3; i++)
        loop_advance(w->loop, 0);
}

static struct client *client_holding(struct world *w)
{
    struct client *c = client_new(w);
    client_sends(c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    world_wait(w, is_held, w);
    return c;
}

/* --- deadlines --- */

/* One byte a second never makes it, however steadily it drips. */
static void drip(const char *start, const char *drop, unsigned seconds)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_sends(c, start);
    settle(w);
    for (unsigned s = 0; s < seconds - 1; s++) {
        client_sends(c, drop);
        settle(w);
        loop_advance(w->loop, SECONDS(1));
        assert_int_equal(c->in.n, 0);
        assert_false(c->eof);
    }
    loop_advance(w->loop, SECONDS(1));
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 408);
    assert_null(w->seen.p);
    reply_release(&r);
    client_free(c);
    world_wait(w, nothing_left, w);
    world_free(w);
}

static void test_slow_head(void **state)
{
    drip("GET / HTTP/1.1\r\nX: ", "a", 10);
}

static void test_slow_body(void **state)
{
    drip("POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", "a", 30);
}

static void test_slow_chunked_body(void **state)
{
    drip("POST /echo/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 30);
}

static void test_silent_connections_close(void **state)
{
    struct world *w = world_new(NULL);
    struct client *mute = client_new(w), *idle = client_new(w);
    client_expect(idle, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    loop_advance(w->loop, SECONDS(11));
    client_wait_eof(mute);
    assert_int_equal(mute->in.n, 0);
    loop_advance(w->loop, SECONDS(63));
    assert_false(idle->eof);
    assert_int_equal(http_server_connections(w->server), 1);
    loop_advance(w->loop, SECONDS(2));
    client_wait_eof(idle);
    client_free(mute);
    client_free(idle);
    world_free(w);
}

static void test_second_head_has_its_own_deadline(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_expect(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    loop_advance(w->loop, SECONDS(60));
    client_sends(c, "GET /ech");
    settle(w);
    loop_advance(w->loop, SECONDS(9)); /* idle_timeout would have ended in 6 */
    client_sends(c, "o/y HTTP/1.1\r\nHost: a\r\n\r\n");
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    client_sends(c, "GET /ech");
    settle(w);
    loop_advance(w->loop, SECONDS(10));
    client_expect(c, "", 408);
    client_free(c);
    world_free(w);
}

static void test_head_deadline_may_come_before_the_idle_one(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_expect(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    loop_advance(w->loop, SECONDS(60)); /* the timer stands at 75 now */
    client_sends(c, "GET /ech");
    settle(w);
    loop_advance(w->loop, SECONDS(10));
    client_expect(c, "", 408);
    client_free(c);
    world_free(w);
}

static void test_handler_may_take_long(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_holding(w);
    loop_advance(w->loop, SECONDS(1000));
    http_reply(TAKE(w->held), 202, NULL, SLICE_NONE);
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 202);
    reply_release(&r);
    client_free(c);
    world_free(w);
}

/* --- peers that leave --- */

static void test_gone_before_the_reply(void **state)
{
    for (int reset = 0; reset < 2; reset++) {
        struct world *w = world_new(NULL);
        struct client *c = client_holding(w);
        (reset ? client_abort : client_free)(c);
        world_wait(w, is_gone, w);
        settle(w);
        assert_int_equal(w->gone, 1);
        assert_true(http_request_gone(w->held));
        assert_string_equal(http_request_path(w->held).p ? "valid" : "", "valid");
        assert_int_equal(w->finished, 0);
        http_reply(TAKE(w->held), 200, "text/plain", SLICE("too late"));
        world_wait(w, nothing_left, w);
        assert_int_equal(w->finished, 1);
        assert_int_equal(w->last_status, 0);
        assert_int_equal(w->gone, 1);
        world_free(w);
    }
}

static void test_gone_in_the_turn_of_the_reply(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_holding(w);
    client_abort(c); /* the server has not seen it yet */
    http_reply(TAKE(w->held), 200, "text/plain", SLICE("lost"));
    world_wait(w, nothing_left, w);
    assert_int_equal(w->gone, 0);
    assert_int_equal(w->finished, 1);
    world_free(w);
}

static void test_gone_in_the_head_and_in_the_body(void **state)
{
    static const char *const starts[] = {"GET /echo",
                                         "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhel"};
    for (size_t i = 0; i < 4; i++) {
        struct world *w = world_new(NULL);
        struct client *c = client_new(w);
        client_sends(c, starts[i / 2]);
        settle(w);
        (i % 2 ? client_abort : client_free)(c);
        world_wait(w, nothing_left, w);
        assert_null(w->seen.p);
        assert_int_equal(w->finished, i / 2); /* a head that is not whole is no request */
        world_free(w);
    }
}

static void test_half_close_gets_its_replies(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_sends(c, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
                    "GET /echo/3 HTTP/1.1\r\nHost: a\r\n\r\n");
    client_half_close(c);
    world_wait(w, is_held, w);
    world_wait(w, is_gone, w);
    http_reply(TAKE(w->held), 200, "text/plain", SLICE("2"));
    for (int i = 0; i < 3; i++) {
        struct reply r = client_reply(c, false);
        assert_int_equal(r.status, 200);
        assert_true(r.whole);
        reply_release(&r);
    }
    client_wait_eof(c);
    client_free(c);
    world_wait(w, nothing_left, w);
    world_free(w);
}

static void test_peer_that_runs_ahead_is_not_read(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_holding(w);
    char *ahead = mem_zalloc(1 << 20);
    ssize_t sent, total = 0;
    do { /* until neither the server nor the kernel takes more */
        sent = send(c->fd, ahead, 1 << 20, MSG_DONTWAIT | MSG_NOSIGNAL);
        total += MAX(sent, 0);
        settle(w);
    } while (sent > 0 && total < 64 << 20);
    assert_true(total < 64 << 20);
    free(ahead);
    http_reply(TAKE(w->held), 200, NULL, SLICE_NONE);
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    client_expect(c, "", 400); /* NULs */
    client_abort(c);
    world_wait(w, nothing_left, w);
    world_free(w);
}

/* --- ceilings --- */

static void test_connection_ceiling(void **state)
{
    const struct http_server_options o = {.max_connections = 2};
    struct world *w = world_new(&o);
    struct client *c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = client_new(w);
        client_sends(c[i], "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 2; i++) {
        struct reply r = client_reply(c[i], false);
        reply_release(&r);
    }
    settle(w);
    assert_int_equal(http_server_connections(w->server), 2);
    assert_int_equal(c[2]->in.n, 0);
    client_free(c[0]);
    struct reply r = client_reply(c[2], false); /* its turn has come */
    assert_int_equal(r.status, 200);
    reply_release(&r);
    client_free(c[1]);
    client_free(c[2]);
    world_free(w);
}

static double accept_failures(struct world *w)
{
    return world_metric(w, "msphub_http_rejected_total{reason=\"accept\"}");
}

static void test_no_descriptors(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    client_sends(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n");
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    int next = dup(0);
    none.rlim_cur = (rlim_t)next;
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 200; i++)
        loop_advance(w->loop, 0);
    double failures = accept_failures(w);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(failures == 1); /* it paused, it did not spin */
    settle(w);
    assert_int_equal(http_server_connections(w->server), 0);
    loop_advance(w->loop, MILLIS(200));
    struct reply r = client_reply(c, false);
    assert_int_equal(r.status, 200);
    reply_release(&r);
    client_free(c);
    world_free(w);
}

static void test_bodies_have_a_ceiling_together(void **state)
{
    const struct http_server_options o = {.max_buffered = 1000};
    struct world *w = world_new(&o);
    struct client *a = client_new(w), *b = client_new(w);
    char *body = mem_zalloc(2000);
    client_sends(a, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2001\r\n\r\n");
    client_send(a, slice_of(body, 2000));
    settle(w);
    client_sends(b, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    char buf[16];
    struct reply r = client_reply(b, false);
    assert_int_equal(r.status, 503);
    assert_string_equal(reply_header(&r, "Retry-After", buf, sizeof(buf)), "1");
    reply_release(&r);
    client_expect(a, "x", 200);
    client_free(b);
    b = client_new(w);
    client_expect(b, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200);
    free(body);
    client_free(a);
    client_free(b);
    world_free(w);
}

/* Real time: the wait for a stalled reader is the bufferevent's own. */
static void test_peer_that_reads_nothing(void **state)
{
    enum { SIZE = 32 << 20 };
    const struct http_server_options o = {.write_timeout = MILLIS(50)};
    struct world *w = world_new(&o);
    struct client *c = client_holding(w);
    client_stop_reading(c);
    char *big = mem_zalloc(SIZE);
    http_reply(TAKE(w->held), 200, "application/octet-stream", slice_of(big, SIZE));
    free(big);
    world_wait(w, nothing_left, w);
    client_free(c);
    world_free(w);
}

/* --- streams --- */

struct feed {
    struct world *w;
    struct http_request *r;
    size_t sent, goal, most; /* bytes */
    unsigned drains;
};

static void pump(struct feed *f)
{
    static const char block[8192] = "block";
    while (f->sent < f->goal) {
        f->sent += sizeof(block);
        if (!http_stream_write(f->r, slice_of(block, sizeof(block))))
            return;
    }
    http_stream_end(TAKE(f->r));
}

static void on_drain(struct http_request *r, void *arg)
{
    struct feed *f = arg;
    f->drains++;
    pump(f);
}

static void test_stream_waits_for_its_reader(void **state)
{
    enum { GOAL = 40 << 20 };
    const struct http_server_options o = {.stream_high = 65536};
    struct world *w = world_new(&o);
    struct client *c = client_holding(w);
    client_stop_reading(c);
    struct feed f = {.w = w, .r = TAKE(w->held), .goal = GOAL};
    http_stream_start(f.r, 200, "application/octet-stream", on_drain, &f);
    pump(&f);
    for (int i = 0; i < 100; i++)
        loop_advance(w->loop, 0);
    assert_true(f.sent < 16 << 20); /* the kernel's buffers and stream_high, no more */
    client_start_reading(c);
    struct reply r = client_reply(c, false);
    assert_true(r.whole);
    assert_int_equal(r.body.n, GOAL);
    assert_true(f.drains > 10);
    assert_null(f.r);
    reply_release(&r);
    client_expect(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_free(c);
    world_free(w);
}

static void test_stream_end_and_abort(void **state)
{
    for (int abort_it = 0; abort_it < 2; abort_it++) {
        struct world *w = world_new(NULL);
        struct client *c = client_holding(w);
        struct http_request *held = TAKE(w->held);
        http_stream_start(held, 200, "text/plain", NULL, NULL);
        assert_true(http_stream_write(held, SLICE("hello ")));
        assert_true(http_stream_write(held, SLICE("")));
        assert_true(http_stream_write(held, SLICE("world")));
        settle(w);
        (abort_it ? http_stream_abort : http_stream_end)(held);
        struct reply r = client_reply(c, false);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.whole, !abort_it);
        if (!abort_it)
            assert_string_equal(r.body.p, "hello world");
        reply_release(&r);
        client_free(c);
        world_wait(w, nothing_left, w);
        assert_int_equal(w->finished, 1);
        world_free(w);
    }
}

static void test_stream_to_http10(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    char buf[32];
    client_sends(c, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    world_wait(w, is_held, w);
    struct http_request *held = TAKE(w->held);
    http_stream_start(held, 200, "text/plain", NULL, NULL);
    http_stream_write(held, SLICE("plain"));
    http_stream_end(held);
    struct reply r = client_reply(c, false);
    assert_string_equal(r.body.p, "plain");
    assert_string_equal(reply_header(&r, "Connection", buf, sizeof(buf)), "close");
    assert_string_equal(reply_header(&r, "Transfer-Encoding", buf, sizeof(buf)), "");
    assert_true(c->eof && !c->reset);
    reply_release(&r);
    client_free(c);
    world_free(w);
}

static void test_reader_leaves_a_stream(void **state)
{
    for (int reset = 0; reset < 2; reset++) {
        struct world *w = world_new(NULL);
        struct client *c = client_holding(w);
        struct http_request *held = TAKE(w->held);
        http_stream_start(held, 200, "text/plain", NULL, NULL);
        http_stream_write(held, SLICE("hello"));
        settle(w);
        (reset ? client_abort : client_free)(c);
        world_wait(w, is_gone, w);
        for (int i = 0; i < 10; i++) {
            http_stream_write(held, SLICE("nobody hears this"));
            settle(w);
        }
        assert_int_equal(w->gone, 1);
        http_stream_end(held);
        world_wait(w, nothing_left, w);
        world_free(w);
    }
}

static void test_stalled_stream_is_cut(void **state)
{
    const struct http_server_options o = {.write_timeout = MILLIS(50), .stream_high = 65536};
    struct world *w = world_new(&o);
    struct client *c = client_holding(w);
    client_stop_reading(c);
    struct feed f = {.w = w, .r = TAKE(w->held), .goal = 64 << 20};
    http_stream_start(f.r, 200, "application/octet-stream", on_drain, &f);
    pump(&f);
    world_wait(w, is_gone, w);
    assert_true(f.sent < f.goal);
    http_stream_abort(f.r);
    world_wait(w, nothing_left, w);
    client_free(c);
    world_free(w);
}

/* --- drain --- */

static void on_drained(void *arg)
{
    ((struct world *)arg)->drains++;
}

static bool is_drained(void *arg)
{
    return ((struct world *)arg)->drains;
}

static void test_drain(void **state)
{
    struct world *w = world_new(NULL);
    char buf[32];
    struct client *idle = client_new(w), *busy, *reading = client_new(w);
    client_expect(idle, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_sends(reading, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    busy = client_holding(w);
    settle(w);
    http_server_drain(w->server, SECONDS(10), on_drained, w);
    client_wait_eof(idle);
    http_reply(TAKE(w->held), 200, NULL, SLICE_NONE);
    client_sends(reading, "lo");
    struct reply a = client_reply(busy, false), b = client_reply(reading, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(reply_header(&a, "Connection", buf, sizeof(buf)), "close");
    assert_int_equal(b.status, 200);
    assert_string_equal(reply_header(&b, "Connection", buf, sizeof(buf)), "close");
    assert_int_equal(w->drains, 0); /* the clients have not closed yet */
    client_free(busy);
    client_free(reading);
    world_wait(w, is_drained, w);
    loop_advance(w->loop, SECONDS(20));
    assert_int_equal(w->drains, 1);
    reply_release(&a);
    reply_release(&b);
    client_free(idle);
    world_free(w);
}

static void test_drain_has_a_limit(void **state)
{
    struct world *w = world_new(NULL);
    struct client *busy = client_holding(w);
    http_server_drain(w->server, SECONDS(10), on_drained, w);
    loop_advance(w->loop, SECONDS(9));
    assert_int_equal(w->drains, 0);
    loop_advance(w->loop, SECONDS(2));
    client_wait_eof(busy);
    assert_int_equal(w->drains, 1);
    assert_int_equal(w->gone, 1);
    http_reply(TAKE(w->held), 200, NULL, SLICE_NONE); /* still allowed */
    world_wait(w, nothing_left, w);
    assert_int_equal(w->drains, 1);
    client_free(busy);
    world_free(w);
}

static void test_drain_of_an_idle_server(void **state)
{
    struct world *w = world_new(NULL);
    http_server_drain(w->server, SECONDS(10), on_drained, w);
    assert_int_equal(w->drains, 0); /* not within the call */
    world_wait(w, is_drained, w);
    world_free(w);
}

static unsigned freed;
static void free_data(void *p)
{
    freed++;
    free(p);
}

static void test_free_with_requests_in_work(void **state)
{
    struct world *w = world_new(NULL);
    struct client *busy = client_holding(w), *reading = client_new(w);
    client_sends(reading, "POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhel");
    settle(w);
    freed = 0;
    http_request_set_data(w->held, malloc(10), free_data);
    http_server_free(TAKE(w->server));
    assert_int_equal(freed, 1);
    client_wait_eof(busy);
    client_free(busy);
    client_free(reading);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_head),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_slow_chunked_body),
        cmocka_unit_test(test_silent_connections_close),
        cmocka_unit_test(test_second_head_has_its_own_deadline),
        cmocka_unit_test(test_head_deadline_may_come_before_the_idle_one),
        cmocka_unit_test(test_handler_may_take_long),
        cmocka_unit_test(test_gone_before_the_reply),
        cmocka_unit_test(test_gone_in_the_turn_of_the_reply),
        cmocka_unit_test(test_gone_in_the_head_and_in_the_body),
        cmocka_unit_test(test_half_close_gets_its_replies),
        cmocka_unit_test(test_peer_that_runs_ahead_is_not_read),
        cmocka_unit_test(test_connection_ceiling),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_bodies_have_a_ceiling_together),
        cmocka_unit_test(test_peer_that_reads_nothing),
        cmocka_unit_test(test_stream_waits_for_its_reader),
        cmocka_unit_test(test_stream_end_and_abort),
        cmocka_unit_test(test_stream_to_http10),
        cmocka_unit_test(test_reader_leaves_a_stream),
        cmocka_unit_test(test_stalled_stream_is_cut),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_has_a_limit),
        cmocka_unit_test(test_drain_of_an_idle_server),
        cmocka_unit_test(test_free_with_requests_in_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
