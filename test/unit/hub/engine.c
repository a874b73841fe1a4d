/* engine.c - the engine against a product that misbehaves in every way the sheets know of. */
#include "hub/engine_kit.h"

#include "base/mem.h"
#include "base/test.h"
#include "hub/call.h"

#define BODY "[{\"id\":1}]"

struct fixture {
    struct metrics *metrics;
    struct loop *loop;
    struct hub *hub;
    struct product *product;
    struct provider provider;
    struct integration *it;
    /* for handlers */
    struct visit *held[64];
    unsigned nheld, hold_until;
    struct visit *stream;
    size_t sent, total;
    unsigned stuck;
    struct timer pump;
    char order[64];
    void (*handler)(struct fixture *f, struct visit *v);
};

static void on_visit(struct visit *v, void *arg)
{
    struct fixture *f = arg;

    f->handler(f, v);
}

static int setup_with(void **state, struct provider provider)
{
    struct fixture *f = NEW(struct fixture);

    f->metrics = metrics_new();
    f->loop = loop_new(NULL, f->metrics);
    f->product = product_new(f->loop, on_visit, f);
    f->hub = kit_hub_new(f->loop, f->metrics, NULL, false);
    f->provider = provider;
    f->it = kit_integration(&f->provider, product_url(f->product), 1, 7, 1);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, kit_provider());
}

static int setup_oauth(void **state)
{
    return setup_with(state, kit_provider_oauth());
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    timer_cancel(&f->pump);
    kit_hub_free(f->hub);
    integration_unref(f->it);
    product_free(f->product);
    loop_free(f->loop);
    metrics_free(f->metrics);
    free(f);
    return 0;
}

#define SCRIPT(name, ...)                                                                                              \
    struct script_call name##_calls[] = {__VA_ARGS__};                                                                 \
    _cleanup_(script_release) struct script name = {.calls = name##_calls, .n = ARRAY_LEN(name##_calls)}
#define GET(p)                                                                                                         \
    {                                                                                                                  \
        .call = {.path = (p) }                                                                                         \
    }
#define POST(p)                                                                                                        \
    {                                                                                                                  \
        .call = {.path = (p), .method = "POST", .body = {"x", 1}, .content_type = "text/plain" }                       \
    }

/* --- handlers --- */

static void answer_ok(struct fixture *f, struct visit *v)
{
    visit_answer(v, 200, "Content-Type: application/json\r\n", BODY);
}

static void release_held(struct fixture *f)
{
    unsigned n = f->nheld;

    f->nheld = 0;
    for (unsigned i = 0; i < n; i++)
        answer_ok(f, f->held[i]);
}

static void release_later(void *arg)
{
    release_held(arg);
}

/* Answers when that many are open, and only after a while: one too many would be seen. */
static void hold(struct fixture *f, struct visit *v)
{
    f->held[f->nheld++] = v;
    if (f->nheld == f->hold_until)
        timer_set(&f->pump, f->loop, MILLIS(20), release_later, f);
}

/* --- concurrency --- */

static void budget_is_shared_and_never_exceeded(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a, GET("/1"), GET("/2"), GET("/3"), GET("/4"), GET("/5"), GET("/6"), GET("/7"), GET("/8"));
    SCRIPT(b, GET("/1"), GET("/2"), GET("/3"), GET("/4"), GET("/5"), GET("/6"), GET("/7"), GET("/8"));

    f->handler = hold;
    f->hold_until = 4; /* would never be answered if less were open; more would be seen */
    kit_start(f->hub, f->it, &a);
    kit_start(f->hub, f->it, &b);
    kit_finish(f->hub, &a);
    kit_finish(f->hub, &b);
    assert_int_equal(a.err.code, ERR_NONE);
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(product_most_open(f->product), 4);
    assert_int_equal(product_visits(f->product, NULL), 16);
    assert_int_equal(a.most_open, 4);
    assert_int_equal(a.counts.calls, 8);
    assert_int_equal(a.counts.bytes, 8 * strlen(BODY));
    for (unsigned i = 0; i < a.n; i++) {
        assert_string_equal(a.calls[i].body.p, BODY);
        assert_int_equal(a.calls[i].ended, 1);
    }
    assert_true(
        kit_metric(f->metrics, "msphub_provider_calls_total{provider=\"kit\",call=\"things\",status_class=\"2xx\"}") >
        15.5);
}

/* One at a time, noted by its last letter. */
static void note_order(struct fixture *f, struct visit *v)
{
    size_t n = strlen(f->order);
    f->order[n] = v->path[strlen(v->path) - 1];
    f->order[n + 1] = '\0';
    answer_ok(f, v);
}

static void what_a_person_waits_for_goes_first(void **state)
{
    struct fixture *f = *state;
    SCRIPT(sync, GET("/a"), GET("/b"), GET("/c"), GET("/d"));
    SCRIPT(live, GET("/1"), GET("/2"));

    f->provider.limits.concurrency = 1;
    f->handler = note_order;
    live.urgent = true;
    kit_start(f->hub, f->it, &sync);
    kit_start(f->hub, f->it, &live);
    kit_finish(f->hub, &live);
    kit_finish(f->hub, &sync);
    /* A job asks for its next call when one is over: in between the other may have a turn. */
    assert_true(strcmp(strchr(f->order, '2'), "2") != 0);
    assert_true(strchr(f->order, '1') <= f->order + 1);
    assert_true(kit_metric(f->metrics, "msphub_provider_budget_wait_seconds_count{for=\"person\"}") > 1.5);
    assert_true(kit_metric(f->metrics, "msphub_provider_budget_wait_seconds_count{for=\"background\"}") > 3.5);
}

/* --- tracing --- */

static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static void wants_the_trace(struct fixture *f, struct visit *v)
{
    visit_answer(v, strcmp(v->traceparent, traceparent) == 0 ? 200 : 404, "Content-Type: application/json\r\n", BODY);
}

static void wants_no_trace(struct fixture *f, struct visit *v)
{
    visit_answer(v, *v->traceparent ? 404 : 200, "Content-Type: application/json\r\n", BODY);
}

static void calls_carry_the_trace_of_their_request(void **state)
{
    struct fixture *f = *state;
    struct trace trace;
    SCRIPT(traced, GET("/1"), POST("/2"));
    SCRIPT(plain, GET("/1"));

    assert_true(trace_parse(slice_cstr(traceparent), &trace));
    f->handler = wants_the_trace;
    traced.trace = &trace;
    kit_start(f->hub, f->it, &traced);
    trace = (struct trace){.sampled = false}; /* it was copied */
    kit_finish(f->hub, &traced);
    assert_int_equal(traced.err.code, ERR_NONE);
    for (unsigned i = 0; i < traced.n; i++)
        assert_int_equal(traced.calls[i].status, 200);
    f->handler = wants_no_trace;
    kit_run(f->hub, f->it, &plain);
    assert_int_equal(plain.calls[0].status, 200);
}

/* --- throttling --- */

static void first_is_throttled_for_a_second(struct fixture *f, struct visit *v)
{
    if (v->nth == 1)
        visit_answer(v, 429, "Retry-After: 1\r\n", "{\"detail\":\"slow\"}");
    else
        answer_ok(f, v);
}

static void retry_after_pauses_all_that_share_the_budget(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a, GET("/a"));
    SCRIPT(b, GET("/b"));

    f->handler = first_is_throttled_for_a_second;
    kit_run(f->hub, f->it, &a);
    assert_int_equal(a.err.code, ERR_NONE);
    assert_int_equal(a.counts.throttled, 1);
    assert_int_equal(a.counts.retries, 1);
    assert_true(product_visited_at(f->product, 2) - product_visited_at(f->product, 1) >= MILLIS(990));

    f->handler = first_is_throttled_for_a_second;
    kit_run(f->hub, f->it, &b);
    assert_int_equal(b.err.code, ERR_NONE);
}

static void first_says_one_is_left(struct fixture *f, struct visit *v)
{
    visit_answer(v, 200,
                 v->nth == 1 ? "Content-Type: application/json\r\nX-RateLimit-Limit: 9\r\nX-RateLimit-Remaining: 1\r\n"
                               "X-RateLimit-Reset: 1\r\n"
                             : "Content-Type: application/json\r\n",
                 BODY);
}

static void what_is_left_of_a_window_is_kept_to(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a, GET("/a"));
    SCRIPT(b, GET("/b"));

    f->handler = first_says_one_is_left;
    kit_run(f->hub, f->it, &a);
    kit_run(f->hub, f->it, &b); /* another job: the last one is kept for people */
    assert_int_equal(b.err.code, ERR_NONE);
    assert_int_equal(b.counts.throttled, 0);
    assert_true(product_visited_at(f->product, 2) - product_visited_at(f->product, 1) >= MILLIS(990));
}

static bool throttled_once(void *arg)
{
    return kit_metric(((struct fixture *)arg)->metrics, "msphub_provider_throttled_total{provider=\"kit\"}") > 0.5;
}

static void another_run_waits_as_well(void **state)
{
    struct fixture *f = *state;
    SCRIPT(a, GET("/a"));
    SCRIPT(b, GET("/b"), GET("/c"));

    f->handler = first_is_throttled_for_a_second;
    kit_start(f->hub, f->it, &a);
    kit_until(f->loop, throttled_once, f);
    kit_start(f->hub, f->it, &b);
    kit_finish(f->hub, &b);
    kit_finish(f->hub, &a);
    for (unsigned i = 2; i <= 4; i++)
        assert_true(product_visited_at(f->product, i) - product_visited_at(f->product, 1) >= MILLIS(990));
}

static void throttled_twice(struct fixture *f, struct visit *v)
{
    if (v->nth <= 2)
        visit_answer(v, 429, "", "<html>too many requests</html>");
    else
        answer_ok(f, v);
}

static void throttled_without_retry_after_backs_off(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = throttled_twice;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(s.counts.throttled, 2);
    assert_string_equal(s.calls[0].body.p, BODY); /* nothing of the page was fed */
    assert_true(product_visited_at(f->product, 3) - product_visited_at(f->product, 2) >= MILLIS(10)); /* half of 20 */
}

static void throttled_for_long(struct fixture *f, struct visit *v)
{
    visit_answer(v, 429, "Retry-After: 60\r\n", "");
}

static void a_wait_that_is_too_long_fails_and_says_so(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));
    SCRIPT(next, GET("/b"));

    f->handler = throttled_for_long;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_THROTTLED);
    assert_non_null(strstr(s.err.what, "60 s"));
    assert_non_null(strstr(s.err.what, "call_max_wait"));
    assert_int_equal(s.calls[0].status, 429);
    assert_int_equal(s.calls[0].retry_after, SECONDS(60));
    kit_run(f->hub, f->it, &next); /* and it is not asked again before its time */
    assert_int_equal(next.err.code, ERR_THROTTLED);
    assert_int_equal(product_visits(f->product, NULL), 1);
}

/* --- whose clock is off --- */

static void of_another_time(struct fixture *f, struct visit *v)
{
    visit_answer(v, 200, v->nth == 1 ? "" : "Date: Sat, 31 Jan 2026 10:00:00 GMT\r\n", BODY);
}

static void the_products_clock_is_compared_with_ours(void **state)
{
    struct fixture *f = *state;
    SCRIPT(silent, GET("/a"));
    SCRIPT(s, GET("/a"));

    f->handler = of_another_time;
    kit_run(f->hub, f->it, &silent);
    assert_true(silent.counts.skew == USEC_NONE);
    kit_run(f->hub, f->it, &s);
    usec_t want = SECONDS(1769853600) - loop_wall(f->loop); /* that very time */
    assert_true(s.counts.skew - want < SECONDS(30) && want - s.counts.skew < SECONDS(30));
}

/* --- odd answers --- */

static void unavailable_once(struct fixture *f, struct visit *v)
{
    if (v->nth == 1)
        visit_answer(v, 503, "", "<html>down</html>");
    else
        answer_ok(f, v);
}

static void server_errors_are_tried_again(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = unavailable_once;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(s.counts.retries, 1);
    assert_true(kit_metric(f->metrics, "msphub_provider_retries_total{provider=\"kit\",reason=\"unavailable\"}") > 0.5);
}

static void always_broken(struct fixture *f, struct visit *v)
{
    static char body[100001];

    memset(body, 'x', sizeof(body) - 1);
    visit_answer(v, 500, "", body);
}

static void attempts_end_and_the_body_is_kept_in_part(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = always_broken;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, NULL), 4);
    assert_int_equal(s.calls[0].status, 500);
    assert_int_equal(s.calls[0].err.code, ERR_NONE); /* the status tells it */
    assert_int_equal(s.calls[0].error_body.n, CALL_ERROR_BODY);
    assert_int_equal(s.calls[0].body.n, 0);
}

static void page_for_data(struct fixture *f, struct visit *v)
{
    visit_answer(v, 200, "Content-Type: text/html\r\n", "\r\n\t <html>too many requests</html>");
}

static void a_page_where_data_was_due_is_not_fed(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = page_for_data;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, NULL), 1);
    assert_int_equal(s.err.code, ERR_PROTOCOL);
    assert_non_null(strstr(s.err.what, "text/html"));
    assert_int_equal(s.calls[0].pieces, 0);
    assert_int_equal(s.calls[0].heads, 0);
    assert_non_null(strstr(s.calls[0].error_body.p, "too many"));
}

static enum reply_class page_is_throttling(const struct machine_call *call, const struct machine_reply *r, char first)
{
    return first == '<' ? REPLY_THROTTLED : r->status == 200 ? REPLY_OK : REPLY_FAILED;
}

static void page_once(struct fixture *f, struct visit *v)
{
    if (v->nth == 1)
        page_for_data(f, v);
    else
        answer_ok(f, v);
}

static void a_provider_may_say_what_a_page_means(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));
    SCRIPT(t, GET("/b"));
    SCRIPT(post, POST("/c"));

    f->provider.classify = page_is_throttling;
    f->handler = page_once;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(s.counts.throttled, 1);
    f->handler = page_for_data;
    kit_run(f->hub, f->it, &t);
    assert_int_equal(t.err.code, ERR_THROTTLED);
    assert_int_equal(product_visits(f->product, "/b"), 4);
    kit_run(f->hub, f->it, &post); /* 200 with a page: nobody knows whether it was carried out */
    assert_int_equal(product_visits(f->product, "/c"), 1);
    assert_non_null(strstr(post.err.what, "not known whether"));
}

static void moved(struct fixture *f, struct visit *v)
{
    visit_answer(v, 301, "Location: https://elsewhere.test/x\r\n", "");
}

static void redirects_are_explained_not_followed(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = moved;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, NULL), 1);
    assert_int_equal(s.calls[0].status, 301);
    assert_non_null(strstr(s.err.what, "https://elsewhere.test/x"));
}

static void answer_404(struct fixture *f, struct visit *v)
{
    visit_answer(v, 404, "", "{\"resultCode\":\"NOT_FOUND\"}");
}

static void final_answers_are_the_machines(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = answer_404;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, NULL), 1);
    assert_int_equal(s.calls[0].status, 404);
    assert_int_equal(s.calls[0].err.code, ERR_NONE);
    assert_string_equal(s.calls[0].error_body.p, "{\"resultCode\":\"NOT_FOUND\"}");
}

static void refused_by_the_machine_ends_at_once(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    s.refuse_body = true;
    f->handler = answer_ok;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, NULL), 1);
    assert_int_equal(s.calls[0].pieces, 1);
    assert_int_equal(s.calls[0].ended, 1);
    assert_int_equal(s.err.code, ERR_PROTOCOL);
}

/* --- lost answers --- */

static void cut_once(struct fixture *f, struct visit *v)
{
    if (v->nth == 1)
        visit_raw(v, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"id\":", true);
    else
        answer_ok(f, v);
}

static void a_cut_body_is_void_and_comes_again(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = cut_once;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(s.calls[0].again, 1);
    assert_int_equal(s.calls[0].heads, 2);
    assert_string_equal(s.calls[0].body.p, BODY);
    assert_true(kit_metric(f->metrics, "msphub_provider_retries_total{provider=\"kit\",reason=\"cut\"}") > 0.5);
}

static void silent(struct fixture *f, struct visit *v)
{
}

static void silence_ends_by_the_deadline(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));
    usec_t began = loop_now(f->loop);

    f->hub->options->call_timeout = MILLIS(100);
    f->hub->options->call_attempts = 2;
    f->handler = silent;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(s.err.what, "2 attempts"));
    assert_int_equal(product_visits(f->product, NULL), 2);
    assert_true(loop_now(f->loop) - began < SECONDS(3));
}

static void hang_up(struct fixture *f, struct visit *v)
{
    visit_raw(v, "", true);
}

static void what_may_have_happened_is_not_sent_twice(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, POST("/act"));

    f->handler = hang_up;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(product_visits(f->product, "/act"), 1);
    assert_non_null(strstr(s.err.what, "not known whether it was carried out"));
}

static void throttled_at_act(struct fixture *f, struct visit *v)
{
    if (product_visits(f->product, v->path) == 1)
        visit_answer(v, 429, "", "");
    else
        answer_ok(f, v);
}

static void unavailable_always(struct fixture *f, struct visit *v)
{
    visit_answer(v, 503, "", "");
}

static void an_acting_call_goes_again_only_when_refused(void **state)
{
    struct fixture *f = *state;
    SCRIPT(throttled, POST("/429"));
    SCRIPT(unavailable, POST("/503"));

    f->handler = throttled_at_act;
    kit_run(f->hub, f->it, &throttled);
    assert_int_equal(throttled.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/429"), 2);
    f->handler = unavailable_always;
    kit_run(f->hub, f->it, &unavailable);
    assert_int_equal(product_visits(f->product, "/503"), 1);
    assert_non_null(strstr(unavailable.err.what, "status 503"));
    assert_non_null(strstr(unavailable.err.what, "not known whether"));
}

/* --- circuit --- */

static void circuit_opens_and_closes(void **state)
{
    struct fixture *f = *state;
    const char *gauge = "msphub_circuit_open{provider=\"kit\"}";
    unsigned before;

    f->hub->options->call_attempts = 1;
    f->handler = hang_up;
    for (int i = 0; i < CIRCUIT_FAILURES; i++) {
        SCRIPT(s, GET("/a"));
        kit_run(f->hub, f->it, &s);
        assert_int_not_equal(s.err.code, ERR_NONE);
        assert_null(strstr(s.err.what, "held back"));
    }
    assert_true(kit_metric(f->metrics, gauge) > 0.5);
    before = product_visits(f->product, NULL);
    f->handler = answer_ok;
    for (bool good = false; !good;) { /* refused without a visit, until the time is over and a probe finds it well */
        SCRIPT(s, GET("/a"));
        kit_run(f->hub, f->it, &s);
        good = s.err.code == ERR_NONE;
        if (!good) {
            assert_non_null(strstr(s.err.what, "held back"));
            assert_int_equal(product_visits(f->product, NULL), before);
        }
    }
    assert_int_equal(product_visits(f->product, NULL), before + 1);
    assert_true(kit_metric(f->metrics, gauge) < 0.5);
}

/* --- credentials --- */

static void tokens_expire_at_once(struct fixture *f, struct visit *v)
{
    if (strcmp(v->path, "/token") == 0) {
        char answer[64];

        snprintf(answer, sizeof(answer), "[A%u,3600,]", product_visits(f->product, "/token"));
        visit_answer(v, 200, "", answer);
    } else if (strcmp(v->authorization, "Bearer A2") == 0) {
        answer_ok(f, v);
    } else {
        f->held[f->nheld++] = v; /* all four at once, with the token that is no longer good */
        if (f->nheld < 4)
            return;
        f->nheld = 0;
        for (int i = 0; i < 4; i++)
            visit_answer(f->held[i], 401, "", "{\"error\":\"not_authenticated\"}");
    }
}

static void parallel_refusals_renew_once(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"), GET("/b"), GET("/c"), POST("/d"));

    f->handler = tokens_expire_at_once;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 2);
    assert_int_equal(product_visits(f->product, NULL), 2 + 8);
    assert_true(kit_metric(f->metrics, "msphub_token_refreshes_total{provider=\"kit\",outcome=\"ok\"}") > 1.5);
}

static void never_good_enough(struct fixture *f, struct visit *v)
{
    if (strcmp(v->path, "/token") == 0)
        visit_answer(v, 200, "", "[SAME,3600,]");
    else
        visit_answer(v, 401, "", "{\"error\":\"not_authenticated\"}");
}

static void a_renewed_credential_that_is_refused_is_final(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = never_good_enough;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.calls[0].status, 401);
    assert_int_equal(product_visits(f->product, "/a"), 2);
    assert_int_equal(product_visits(f->product, "/token"), 2);
}

static void a_static_key_is_not_renewed(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->handler = never_good_enough;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.calls[0].status, 401);
    assert_int_equal(product_visits(f->product, NULL), 1);
}

static void open_http_is_refused_unless_allowed(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));

    f->hub->egress = NULL;
    kit_run(f->hub, f->it, &s);
    assert_int_equal(s.err.code, ERR_CONFIG);
    assert_non_null(strstr(s.err.what, "private_networks"));
    assert_int_equal(product_visits(f->product, NULL), 0);
}

/* --- cancel, in each state --- */

static bool one_open(void *arg)
{
    return product_open(((struct fixture *)arg)->product) == 1;
}

static void half_an_answer(struct fixture *f, struct visit *v)
{
    visit_raw(v, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"id\":", false);
}

static void cancel_now(struct script *s, struct script_call *c)
{
    struct fixture *f = s->arg;

    engine_cancel(f->hub->engine, s->job);
}

static bool retried(void *arg)
{
    struct fixture *f = arg;

    return kit_metric(f->metrics, "msphub_provider_retries_total{provider=\"kit\",reason=\"unavailable\"}") > 0.5;
}

static void assert_canceled(struct fixture *f, struct script *s)
{
    unsigned ended = s->calls[0].ended;

    assert_int_equal(s->done, 0);
    engine_cancel(f->hub->engine, s->job);
    engine_cancel(f->hub->engine, s->job); /* twice is once */
    assert_int_equal(s->done, 0);          /* never inside */
    kit_finish(f->hub, s);
    assert_int_equal(s->err.code, ERR_CANCELED);
    assert_int_equal(s->calls[0].ended, ended); /* the machine is freed, not told */
    engine_cancel(f->hub->engine, s->job);      /* late */
}

static void cancel_in_each_state(void **state)
{
    struct fixture *f = *state;
    SCRIPT(start, GET("/a"));
    SCRIPT(open, GET("/a"), GET("/b"));
    SCRIPT(body, GET("/a"));
    SCRIPT(backoff, GET("/a"));
    SCRIPT(budget, GET("/a"));

    f->handler = silent;
    kit_start(f->hub, f->it, &start);
    assert_canceled(f, &start);
    assert_int_equal(product_visits(f->product, NULL), 0);

    f->provider.limits.concurrency = 1;
    kit_start(f->hub, f->it, &open);
    kit_until(f->loop, one_open, f);
    assert_canceled(f, &open);
    assert_true(open.freed);

    f->handler = half_an_answer;
    body.on_piece = cancel_now;
    body.arg = f;
    kit_start(f->hub, f->it, &body);
    kit_finish(f->hub, &body);
    assert_int_equal(body.err.code, ERR_CANCELED);
    assert_int_equal(body.calls[0].pieces, 1);

    f->hub->options->call_backoff = SECONDS(2);
    f->handler = unavailable_always;
    kit_start(f->hub, f->it, &backoff);
    kit_until(f->loop, retried, f);
    assert_canceled(f, &backoff);

    f->hub->options->call_backoff = MILLIS(10);
    f->handler = first_is_throttled_for_a_second;
    kit_start(f->hub, f->it, &budget);
    assert_canceled(f, &budget);
}

static void cancel_while_the_token_is_fetched(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"));
    SCRIPT(next, GET("/a"));

    f->handler = hold;
    f->hold_until = 100;
    kit_start(f->hub, f->it, &s);
    kit_until(f->loop, one_open, f);
    assert_canceled(f, &s);
    /* What was begun is not thrown away: the next run uses the token that comes. */
    kit_start(f->hub, f->it, &next);
    visit_answer(f->held[0], 200, "", "[A,3600,]");
    f->handler = answer_ok;
    kit_finish(f->hub, &next);
    assert_int_equal(next.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/token"), 1);
}

static void shutdown_ends_what_runs(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"), GET("/b"));
    struct hub *other = kit_hub_new(f->loop, f->metrics, NULL, false);

    f->handler = silent;
    kit_start(other, f->it, &s);
    kit_until(f->loop, one_open, f);
    kit_hub_free(other);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.err.code, ERR_CANCELED);
    assert_true(s.freed);
}

/* --- backpressure --- */

#define TOTAL ((size_t)24 << 20)

static void pump(void *arg)
{
    struct fixture *f = arg;
    static const char spaces[16384] = "[";

    while (f->sent < f->total && visit_more(f->stream, spaces, sizeof(spaces))) {
        f->sent += sizeof(spaces);
        f->stuck = 0;
    }
    f->stuck++;
    timer_set(&f->pump, f->loop, MILLIS(1), pump, f);
}

static void stream(struct fixture *f, struct visit *v)
{
    char head[128];

    f->total = TOTAL;
    f->stream = v;
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", f->total);
    visit_raw(v, head, false);
    pump(f);
}

static void pause_at_once(struct script *s, struct script_call *c)
{
    struct fixture *f = s->arg;

    engine_pause(f->hub->engine, s->job);
}

static bool stuck(void *arg)
{
    return ((struct fixture *)arg)->stuck > 100;
}

static void pause_stops_reading_and_asking(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"), GET("/b"), GET("/c"), GET("/d"), GET("/e"));
    size_t fed;

    f->provider.limits.concurrency = 1;
    f->handler = stream;
    s.on_piece = pause_at_once;
    s.arg = f;
    kit_start(f->hub, f->it, &s);
    kit_until(f->loop, stuck, f);
    fed = s.calls[0].body.n;
    assert_true(fed > 0);
    assert_true(fed <= 1 << 20);
    assert_true(f->sent < TOTAL); /* the product had to wait: what is buffered between us is bounded */
    assert_int_equal(product_visits(f->product, NULL), 1);
    s.on_piece = NULL;
    f->handler = answer_ok;
    engine_resume(f->hub->engine, s.job);
    kit_finish(f->hub, &s);
    assert_int_equal(s.err.code, ERR_NONE);
    assert_int_equal(s.calls[0].body.n, TOTAL);
    assert_int_equal(product_visits(f->product, NULL), 5);
}

static bool ticked(void *arg)
{
    return ((struct fixture *)arg)->stuck > 20;
}

static void a_paused_job_begins_nothing(void **state)
{
    struct fixture *f = *state;
    SCRIPT(s, GET("/a"), GET("/b"));

    f->handler = answer_ok;
    kit_start(f->hub, f->it, &s);
    engine_pause(f->hub->engine, s.job);
    pump(f); /* its timer makes turns */
    kit_until(f->loop, ticked, f);
    assert_int_equal(product_visits(f->product, NULL), 0);
    engine_resume(f->hub->engine, s.job);
    kit_finish(f->hub, &s);
    assert_int_equal(s.err.code, ERR_NONE);
}

static bool four_held(void *arg)
{
    return ((struct fixture *)arg)->nheld == 4;
}

static bool waits_for_budget(void *arg)
{
    return kit_metric(((struct fixture *)arg)->metrics, "msphub_provider_budget_waiting") > 1.5;
}

/* Its calls were asked for before the pause and get their turn during it: they give it back. */
static void a_turn_that_comes_during_a_pause_is_given_back(void **state)
{
    struct fixture *f = *state;
    SCRIPT(first, GET("/a"), GET("/a"), GET("/a"), GET("/a"));
    SCRIPT(paused, GET("/p"), GET("/p"));
    SCRIPT(third, GET("/c"), GET("/c"), GET("/c"), GET("/c"));

    f->handler = hold;
    f->hold_until = 100;
    kit_start(f->hub, f->it, &first);
    kit_until(f->loop, four_held, f);
    kit_start(f->hub, f->it, &paused);
    kit_until(f->loop, waits_for_budget, f);
    engine_pause(f->hub->engine, paused.job);
    f->handler = answer_ok;
    release_held(f);
    kit_finish(f->hub, &first);
    kit_run(f->hub, f->it, &third); /* nobody else is held up by it */
    assert_int_equal(third.err.code, ERR_NONE);
    assert_int_equal(product_visits(f->product, "/p"), 0);
    engine_resume(f->hub->engine, paused.job);
    kit_finish(f->hub, &paused);
    assert_int_equal(paused.err.code, ERR_NONE);
}

/* --- all of it at once --- */

#define STORM_JOBS  40
#define STORM_CALLS 6

struct storm {
    struct fixture *f;
    uint32_t dice;
    struct script scripts[STORM_JOBS];
    struct script_call calls[STORM_JOBS][STORM_CALLS];
};

static uint32_t roll(uint32_t *dice, uint32_t n)
{
    *dice = *dice * 1664525u + 1013904223u;
    return (*dice >> 16) % n;
}

static void anything(struct fixture *f, struct visit *v)
{
    static uint32_t dice = 7;

    switch (roll(&dice, 9)) {
    case 0:
        visit_answer(v, 429, "", "");
        break;
    case 1:
        visit_answer(v, 503, "Retry-After: 0\r\n", "<html>");
        break;
    case 2:
        visit_raw(v, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"id\":", true);
        break;
    case 3:
        hang_up(f, v);
        break;
    case 4:
        page_for_data(f, v);
        break;
    default:
        answer_ok(f, v);
    }
}

static void storm_strike(void *arg)
{
    struct storm *s = arg;
    struct script *victim = &s->scripts[roll(&s->dice, STORM_JOBS)];

    switch (roll(&s->dice, 3)) {
    case 0:
        engine_cancel(s->f->hub->engine, victim->job);
        break;
    case 1:
        engine_pause(s->f->hub->engine, victim->job);
        break;
    default:
        for (unsigned i = 0; i < STORM_JOBS; i++)
            engine_resume(s->f->hub->engine, s->scripts[i].job);
    }
    timer_set(&s->f->pump, s->f->loop, MILLIS(2), storm_strike, s);
}

static bool storm_over(void *arg)
{
    struct storm *s = arg;

    for (unsigned i = 0; i < STORM_JOBS; i++)
        if (!s->scripts[i].done)
            return false;
    return true;
}

static void every_job_ends_once_in_a_storm(void **state)
{
    struct fixture *f = *state;
    struct storm *s = NEW(struct storm);

    s->f = f;
    s->dice = 3;
    f->hub->options->call_backoff = MILLIS(2);
    f->handler = anything;
    for (unsigned i = 0; i < STORM_JOBS; i++) {
        for (unsigned j = 0; j < STORM_CALLS; j++)
            s->calls[i][j] = (struct script_call)GET("/x");
        s->scripts[i] = (struct script){.calls = s->calls[i], .n = STORM_CALLS};
        kit_start(f->hub, f->it, &s->scripts[i]);
    }
    storm_strike(s);
    kit_until(f->loop, storm_over, s);
    timer_cancel(&f->pump);
    assert_true(product_most_open(f->product) <=
                4 + 1); /* a call that was cancelled may still be seen by the product */
    for (unsigned i = 0; i < STORM_JOBS; i++) {
        assert_int_equal(s->scripts[i].done, 1);
        assert_true(s->scripts[i].freed);
        for (unsigned j = 0; j < STORM_CALLS; j++) {
            const struct script_call *c = &s->calls[i][j];

            assert_in_range(c->ended, 0, 1);
            if (c->ended && !c->err.code && c->status == 200) /* whole, and once, whatever was cut before */
                assert_string_equal(c->body.p, BODY);
        }
        script_release(&s->scripts[i]);
    }
    assert_true(kit_metric(f->metrics, "msphub_provider_budget_waiting") < 0.5);
    free(s);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OAUTH(name) cmocka_unit_test_setup_teardown(name, setup_oauth, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(budget_is_shared_and_never_exceeded),
        T(what_a_person_waits_for_goes_first),
        T(what_is_left_of_a_window_is_kept_to),
        T(calls_carry_the_trace_of_their_request),
        T(retry_after_pauses_all_that_share_the_budget),
        T(another_run_waits_as_well),
        T(throttled_without_retry_after_backs_off),
        T(a_wait_that_is_too_long_fails_and_says_so),
        T(the_products_clock_is_compared_with_ours),
        T(server_errors_are_tried_again),
        T(attempts_end_and_the_body_is_kept_in_part),
        T(a_page_where_data_was_due_is_not_fed),
        T(a_provider_may_say_what_a_page_means),
        T(redirects_are_explained_not_followed),
        T(final_answers_are_the_machines),
        T(refused_by_the_machine_ends_at_once),
        T(a_cut_body_is_void_and_comes_again),
        T(silence_ends_by_the_deadline),
        T(what_may_have_happened_is_not_sent_twice),
        T(an_acting_call_goes_again_only_when_refused),
        T(circuit_opens_and_closes),
        OAUTH(parallel_refusals_renew_once),
        OAUTH(a_renewed_credential_that_is_refused_is_final),
        T(a_static_key_is_not_renewed),
        T(open_http_is_refused_unless_allowed),
        T(cancel_in_each_state),
        OAUTH(cancel_while_the_token_is_fetched),
        T(shutdown_ends_what_runs),
        T(pause_stops_reading_and_asking),
        T(a_paused_job_begins_nothing),
        T(a_turn_that_comes_during_a_pause_is_given_back),
        T(every_job_ends_once_in_a_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
