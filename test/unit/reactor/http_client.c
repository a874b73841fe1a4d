/* The HTTP client: what it accepts and refuses, connections kept and dropped, ceilings, pausing, cancelling. TLS,
 * names and addresses: http_client_net.c. */
#include "http_world.h"

#include <string.h>

/* --- replies --- */

static void test_whole_replies(void **state)
{
    struct world *w = *state;
    struct reply *r = fetch(w, "/ok");
    assert_whole(r, 200, "ok");
    assert_string_equal(r->type, "text/x");
    assert_whole(fetch(w, "/empty"), 200, "");
    assert_whole(fetch(w, "/204"), 204, "");
    assert_whole(fetch(w, "/chunked"), 200, "hello you");
    assert_whole(fetch(w, "/301"), 301, ""); /* not followed */
    assert_whole(fetch(w, "/500"), 500, "sorry");
    assert_int_equal(w->plain.accepted, 1); /* all on one connection */
    assert_int_equal(w->plain.requests, 6);
    assert_whole(fetch(w, "/until-close"), 200, "all of it");
    assert_whole(fetch(w, "/until-close-says-keep"), 200, "all of it");
    assert_whole(fetch(w, "/http10"), 200, "ok");
}

static void test_the_request_as_sent(void **state)
{
    struct world *w = *state;
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "LOCALHOST", "?q=%20x");
    const struct http_header headers[] = {{"Authorization", "Bearer t\xc3\xa4"}, {"X-Empty", ""}};
    struct reply *r = start(
        w,
        (struct http_call){.method = HTTP_PATCH, .url = url, .headers = headers, .nheaders = 2, .body = SLICE("{}")});
    wait_for(w, r);
    _cleanup_(mem_freep) char *expected =
        mem_printf("PATCH /?q=%%20x HTTP/1.1\r\nHost: localhost:%u\r\nUser-Agent: msphub\r\nAccept-Encoding: gzip\r\n"
                   "Authorization: Bearer t\xc3\xa4\r\nX-Empty: \r\nContent-Length: 2\r\n\r\n",
                   w->plain.port);
    assert_string_equal(w->plain.last_request, expected);
    _cleanup_(mem_freep) char *head = url_of(&w->plain, "127.0.0.1", "/ok");
    r = start(w, (struct http_call){.method = HTTP_HEAD, .url = head, .no_gzip = true});
    wait_for(w, r);
    assert_null(strstr(w->plain.last_request, "gzip"));
    assert_null(strstr(w->plain.last_request, "Content-Length"));
}

static void test_interim_replies_are_passed_over(void **state)
{
    struct world *w = *state;
    assert_whole(fetch(w, "/100"), 200, "real");
    assert_whole(fetch(w, "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 1);
    assert_whole(fetch(w, "/103"), 200, "real");
    assert_whole(fetch(w, "/ok"), 200, "ok"); /* not an answer left over */
    assert_int_equal(w->plain.accepted, 2);   /* and not on the odd connection */
}

static void test_bytes_behind_a_reply_poison_nobody(void **state)
{
    struct world *w = *state;
    assert_whole(fetch(w, "/extra"), 200, "ok");
    assert_whole(fetch(w, "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 2);
}

static void test_the_connection_is_not_kept(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/says-close", "/ok-close", "/http10"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_whole(fetch(w, paths[i]), 200, "ok");
    fetch(w, "/ok");
    assert_int_equal(w->plain.accepted, 4);
}

static void test_broken_replies(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *path;
        enum err_code code;
        const char *text;
    } rows[] = {
        {"/close", ERR_UNAVAILABLE, "closed before any reply"},
        {"/reset", ERR_UNAVAILABLE, "before any reply"},
        {"/cut-head", ERR_PROTOCOL, "before the reply was whole"},
        {"/cut", ERR_PROTOCOL, "before the reply was whole"},
        {"/cut-reset", ERR_PROTOCOL, "before the reply was whole"},
        {"/cut-chunk", ERR_PROTOCOL, "before the reply was whole"},
        {"/cut-chunks", ERR_PROTOCOL, "before the reply was whole"},
        {"/until-close-reset", ERR_PROTOCOL, "before the reply was whole"},
        {"/not-http", ERR_PROTOCOL, "status line"},
        {"/http2", ERR_PROTOCOL, "status line"},
        {"/two-lengths", ERR_PROTOCOL, "Content-Length"},
        {"/coding", ERR_PROTOCOL, "Transfer-Encoding"},
        {"/length-and-chunks", ERR_PROTOCOL, "a Content-Length and a Transfer-Encoding"},
        {"/lengths-of-keep-alive", ERR_PROTOCOL, "Content-Length"},
        {"/blank-name", ERR_PROTOCOL, "malformed header"},
        {"/switch", ERR_PROTOCOL, "switched protocols"},
        {"/bad-chunk", ERR_LIMIT, "chunks are malformed"},
        {"/wrap-chunk", ERR_LIMIT, "chunks are malformed"},
        {"/chunk-extension", ERR_LIMIT, "chunks are malformed"},
        {"/big-head", ERR_LIMIT, "head is larger"},
        {"/br", ERR_PROTOCOL, "Content-Encoding"},
        {"/gzip-broken", ERR_PROTOCOL, "gzip body is broken"},
        {"/gzip-cut", ERR_PROTOCOL, "gzip body is cut"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_failed(fetch(w, rows[i].path), rows[i].code, rows[i].text);
    assert_whole(fetch(w, "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, ARRAY_LEN(rows) + 1); /* none was used again */
}

/* --- deadlines --- */

static struct reply *get_within(struct world *w, const char *path, usec_t timeout)
{
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", path);
    return start(w, (struct http_call){.method = HTTP_GET, .url = url, .timeout = timeout});
}

static void test_deadlines(void **state)
{
    struct world *w = *state;
    struct reply *silence = get_within(w, "/silence", MILLIS(60)), *drip = get_within(w, "/drip", MILLIS(120));
    wait_for(w, silence);
    assert_failed(silence, ERR_TIMEOUT, "while waiting for the reply");
    wait_for(w, drip);
    assert_failed(drip, ERR_TIMEOUT, "within the reply's body"); /* though something came all the time */
    assert_true(drip->body.n > 2);
}

static void test_the_deadline_covers_the_queue(void **state)
{
    struct world *w = *state;
    world_client(w, (struct http_client_options){.egress = &egress_everything, .per_origin = 1});
    struct reply *first = get_within(w, "/silence", MILLIS(200)), *second = get_within(w, "/ok", MILLIS(40));
    wait_for(w, second);
    assert_failed(second, ERR_TIMEOUT, "while waiting for a free connection");
    wait_for(w, first);
}

/* --- ceilings --- */

static struct reply *get_at_most(struct world *w, const char *path, size_t max)
{
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", path);
    struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = url, .max_body = max});
    wait_for(w, r);
    return r;
}

static void test_ceiling_of_the_body(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/big-length", "/stream-chunk/5000000", "/many-chunks", "/gzip/5000000"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct reply *r = get_at_most(w, paths[i], 100000);
        assert_failed(r, ERR_LIMIT, "larger than 100000 bytes");
        assert_true(r->body.n <= 100000);
    }
    assert_whole(get_at_most(w, "/stream/100000", 100000), 200, NULL); /* the ceiling itself fits */
    assert_whole(get_at_most(w, "/gzip/100000", 100000), 200, NULL);
}

static bool has_piece(void *arg)
{
    return ((const struct reply *)arg)->pieces > 0;
}

/* evhttp collects it first; the ceiling decides before it does. */
static void test_one_huge_chunk(void **state)
{
    struct world *w = *state;
    struct reply *r = get_at_most(w, "/stream-chunk/3000000", 2999999);
    assert_int_equal(r->code, ERR_LIMIT);
    assert_int_equal(r->pieces, 0);
    r = get(w, "/stream-chunk/3000000");
    assert_true(wait_until(w, has_piece, r));
    http_call_cancel(w->client, r->ref);
    wait_for(w, r);
}

static void test_per_origin_and_queue(void **state)
{
    struct world *w = *state;
    world_client(w, (struct http_client_options){.egress = &egress_everything, .per_origin = 2, .max_queue = 3});
    struct reply *r[6];
    for (int i = 0; i < 6; i++)
        r[i] = get(w, "/ok");
    for (int i = 0; i < 6; i++)
        wait_for(w, r[i]);
    for (int i = 0; i < 5; i++)
        assert_whole(r[i], 200, "ok");
    assert_failed(r[5], ERR_LIMIT, "wait for a connection");
    assert_int_equal(w->plain.accepted, 2);
}

/* --- gzip --- */

static void test_gzip(void **state)
{
    struct world *w = *state;
    struct reply *r = fetch(w, "/gzip/1000000");
    assert_whole(r, 200, NULL);
    assert_int_equal(r->body.n, 1000000);
    for (size_t i = 0; i < r->body.n; i++)
        assert_int_equal(r->body.p[i], 'z');
    assert_whole(fetch(w, "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 1);
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", "/gzip/1000");
    r = start(w, (struct http_call){.method = HTTP_GET, .url = url, .no_gzip = true});
    wait_for(w, r);
    assert_whole(r, 200, NULL);
    assert_true(r->body.n < 100 && (uint8_t)r->body.p[0] == 0x1f); /* as it came */
}

/* --- stale connections --- */

static void test_closed_while_idle(void **state)
{
    struct world *w = *state;
    fetch(w, "/ok");
    server_drop_idle(&w->plain);
    struct reply *r = post(w, "/ok", 10); /* the close is there, but no event of it was handled yet */
    wait_for(w, r);
    assert_whole(r, 200, "ok");
    server_drop_idle(&w->plain);
    turns(w, 5);
    assert_whole(fetch(w, "/ok"), 200, "ok"); /* seen while idle */
    assert_int_equal(w->plain.accepted, 3);
}

static void test_closed_when_used_again(void **state)
{
    struct world *w = *state;
    fetch(w, "/dies-second");
    struct reply *r = fetch(w, "/dies-second"); /* GET: once more on a fresh connection */
    assert_whole(r, 200, "ok");
    assert_int_equal(w->plain.accepted, 2);
    assert_int_equal(w->plain.requests, 3);
    r = post(w, "/dies-second", 10); /* POST: it may have been carried out */
    wait_for(w, r);
    assert_failed(r, ERR_UNAVAILABLE, "before any reply");
    assert_int_equal(w->plain.requests, 4);
    fetch(w, "/dies-second");
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", "/dies-second");
    r = start(w, (struct http_call){.method = HTTP_POST, .url = url, .idempotent = true});
    wait_for(w, r);
    assert_whole(r, 200, "ok");
}

static void test_a_fresh_connection_is_not_retried(void **state)
{
    struct world *w = *state;
    assert_failed(fetch(w, "/close"), ERR_UNAVAILABLE, "before any reply");
    assert_int_equal(w->plain.requests, 1);
}

static bool nobody_open(void *arg)
{
    return ((const struct world *)arg)->plain.open == 0;
}

static void test_idle_timeout(void **state)
{
    struct world *w = *state;
    world_client(w, (struct http_client_options){.egress = &egress_everything, .idle_timeout = MILLIS(20)});
    fetch(w, "/ok");
    assert_int_equal(w->plain.open, 1);
    assert_true(wait_until(w, nobody_open, w));
}

static void test_upload_refused_early(void **state)
{
    struct world *w = *state;
    struct reply *r = post(w, "/refuses-upload", 20 << 20);
    wait_for(w, r);
    assert_whole(r, 413, "big");
    assert_whole(fetch(w, "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 2);
}

/* --- pause, cancel, shutdown --- */

static void pause_at_head(struct reply *r)
{
    http_call_pause(r->w->client, r->ref);
}

static void pause_at_second_piece(struct reply *r)
{
    if (r->pieces == 2)
        http_call_pause(r->w->client, r->ref);
}

static bool is_paused(void *arg)
{
    return ((const struct reply *)arg)->pieces >= 2;
}

static bool goes_on(void *arg)
{
    return ((const struct reply *)arg)->pieces >= 4;
}

/* Runs the loop until the server has been unable to send anything for a while. */
static void until_stalled(struct world *w)
{
    size_t sent;
    do {
        sent = w->plain.sent;
        turns(w, 50);
    } while (w->plain.sent != sent);
}

static void test_pause_stops_reading(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/stream/60000000", "/stream-chunks/60000000"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        w->plain.sent = 0;
        struct reply *r = get(w, paths[i]);
        r->on_body = pause_at_second_piece;
        assert_true(wait_until(w, is_paused, r));
        until_stalled(w);
        assert_true(w->plain.sent < 30000000); /* the rest is held up by full socket buffers */
        assert_int_equal(r->pieces, 2);
        http_call_resume(w->client, r->ref);
        assert_true(wait_until(w, goes_on, r));
        http_call_cancel(w->client, r->ref);
        wait_for(w, r);
    }
}

static bool has_head(void *arg)
{
    return ((const struct reply *)arg)->heads > 0;
}

static bool paused_or_ended(void *arg)
{
    return is_paused(arg) || ((const struct reply *)arg)->ends > 0;
}

static void test_paused_at_the_head_with_all_of_it_there(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/ok", "/ok-close", "/until-close", "/gzip/900000"};
    static const size_t length[] = {2, 2, 9, 900000};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct reply *r = get(w, paths[i]);
        r->on_head = pause_at_head;
        assert_true(wait_until(w, has_head, r));
        turns(w, 20);
        assert_int_equal(r->pieces + (size_t)r->ends, 0);
        r->on_body = pause_at_second_piece;
        http_call_resume(w->client, r->ref);
        assert_int_equal(r->pieces, 0); /* not from inside the call */
        assert_true(wait_until(w, paused_or_ended, r));
        http_call_resume(w->client, r->ref);
        wait_for(w, r);
        assert_whole(r, 200, NULL);
        assert_int_equal(r->body.n, length[i]);
    }
}

static void pause_at_each_piece(struct reply *r)
{
    http_call_pause(r->w->client, r->ref);
}

struct step {
    const struct reply *r;
    size_t pieces;
};

static bool has_moved(void *arg)
{
    const struct step *s = arg;
    return s->r->pieces != s->pieces || s->r->ends > 0;
}

/* Wherever the decoder stands when it is stopped, nothing of what it holds is lost or handed out too early. */
static void test_paused_at_each_piece(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/gzip/1000003", "/stream/500000", "/many-chunks"};
    static const size_t length[] = {1000003, 500000, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct reply *r = get(w, paths[i]);
        r->on_body = pause_at_each_piece;
        struct step s = {.r = r};
        while (r->ends == 0) {
            assert_true(wait_until(w, has_moved, &s));
            assert_true(r->pieces <= s.pieces + 1);
            s.pieces = r->pieces;
            http_call_resume(w->client, r->ref);
        }
        assert_whole(r, 200, NULL);
        assert_int_equal(r->body.n, length[i]);
    }
}

static void cancel_now(struct reply *r)
{
    http_call_cancel(r->w->client, r->ref);
}

static void test_cancel(void **state)
{
    struct world *w = *state;
    struct reply *at_once = get(w, "/ok");
    http_call_cancel(w->client, at_once->ref);
    wait_for(w, at_once);
    assert_failed(at_once, ERR_CANCELED, "");
    struct reply *running = get(w, "/half");
    assert_true(wait_until(w, has_head, running));
    http_call_cancel(w->client, running->ref);
    http_call_cancel(w->client, running->ref);
    wait_for(w, running);
    assert_failed(running, ERR_CANCELED, "");
    struct reply *in_head = get(w, "/stream/1000000");
    in_head->on_head = cancel_now;
    struct reply *in_body = get(w, "/stream/1000000");
    in_body->on_body = cancel_now;
    struct reply *in_gzip = get(w, "/gzip/1000000");
    in_gzip->on_body = cancel_now;
    wait_for(w, in_head);
    wait_for(w, in_body);
    wait_for(w, in_gzip);
    assert_int_equal(in_head->code, ERR_CANCELED);
    assert_int_equal(in_head->pieces, 0);
    assert_int_equal(in_body->code, ERR_CANCELED);
    assert_int_equal(in_body->pieces, 1);
    assert_int_equal(in_gzip->pieces, 1);
    assert_true(wait_until(w, nobody_open, w));
}

static struct reply *late;

static void start_another(struct reply *r)
{
    late = get(r->w, "/ok");
}

static void test_calls_from_callbacks(void **state)
{
    struct world *w = *state;
    struct reply *r = get(w, "/ok");
    r->then = start_another;
    wait_for(w, r);
    wait_for(w, late);
    assert_whole(late, 200, "ok");
    assert_int_equal(w->plain.accepted, 1);
}

static void test_freed_with_calls_in_flight(void **state)
{
    struct world *w = *state;
    world_client(w, (struct http_client_options){.egress = &egress_everything, .per_origin = 2});
    struct reply *r[6];
    fetch(w, "/ok"); /* one is idle */
    r[0] = get(w, "/half");
    r[1] = get(w, "/silence");
    assert_true(wait_until(w, has_head, r[0]));
    for (int i = 2; i < 5; i++)
        r[i] = get(w, "/ok"); /* these wait */
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "silent.test", "/");
    r[5] = start(w, (struct http_call){.method = HTTP_GET, .url = url});
    r[4]->then = start_another;
    http_client_free(w->client);
    for (int i = 0; i < 6; i++)
        assert_int_equal(r[i]->code, ERR_CANCELED);
    assert_int_equal(late->code, ERR_CANCELED);
    w->client = NULL;
}

/* --- bad input --- */

static void test_urls_that_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const urls[] = {
        "",
        "ftp://host/",
        "//host/",
        "http://",
        "http:///path",
        "http://us:er@host/",
        "http://host:0/",
        "http://host:70000/",
        "http://host:8x/",
        "http://ho st/",
        "http://host/a b",
        "http://host/\r\nX: y",
        "http://host/\xc3\xa4",
        "http://host/#f",
        "http://[::1/",
        "http://[::g]/",
        "http://-x/",
        "http://a/b\x7f",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = urls[i]});
        wait_for(w, r);
        assert_failed(r, ERR_INPUT, "URL");
    }
}

static void test_headers_that_are_refused(void **state)
{
    struct world *w = *state;
    static const struct http_header bad[] = {
        {"X", "a\r\nEvil: 1"},
        {"X", "a\nb"},
        {"X\r\nEvil", "1"},
        {"X Y", "1"},
        {"", "1"},
        {"Host", "evil"},
        {"content-length", "5"},
        {"Transfer-Encoding", "chunked"},
        {"X", "\x01"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", "/ok");
        struct reply *r =
            start(w, (struct http_call){.method = HTTP_GET, .url = url, .headers = &bad[i], .nheaders = 1});
        wait_for(w, r);
        assert_failed(r, ERR_INPUT, "header");
    }
    assert_int_equal(w->plain.requests, 0);
}

static void test_metrics(void **state)
{
    struct world *w = *state;
    fetch(w, "/ok");
    fetch(w, "/500");
    fetch(w, "/cut");
    fetch(w, "/ok");
    _cleanup_(str_release) struct str text = {0};
    metrics_write(w->metrics, METRICS_TEXT_004, &text);
    assert_non_null(strstr(text.p, "msphub_client_calls_total{outcome=\"ok\"} 3\n"));
    assert_non_null(strstr(text.p, "msphub_client_calls_total{outcome=\"protocol\"} 1\n"));
    assert_non_null(strstr(text.p, "msphub_client_connections 1\n"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_whole_replies),
        T(test_the_request_as_sent),
        T(test_interim_replies_are_passed_over),
        T(test_bytes_behind_a_reply_poison_nobody),
        T(test_the_connection_is_not_kept),
        T(test_broken_replies),
        T(test_deadlines),
        T(test_the_deadline_covers_the_queue),
        T(test_ceiling_of_the_body),
        T(test_one_huge_chunk),
        T(test_per_origin_and_queue),
        T(test_gzip),
        T(test_closed_while_idle),
        T(test_closed_when_used_again),
        T(test_a_fresh_connection_is_not_retried),
        T(test_idle_timeout),
        T(test_upload_refused_early),
        T(test_pause_stops_reading),
        T(test_paused_at_the_head_with_all_of_it_there),
        T(test_paused_at_each_piece),
        T(test_cancel),
        T(test_calls_from_callbacks),
        T(test_freed_with_calls_in_flight),
        T(test_urls_that_are_refused),
        T(test_headers_that_are_refused),
        T(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
