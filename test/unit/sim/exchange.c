/* sim/exchange.c - the simulator on the wire: transport faults, latency, statistics, and webhooks that arrive. */
#include "reactor/http_client.h"
#include "sim/world.h"

#define WITHIN SECONDS(20)

struct call {
    bool done;
    int status;
    enum err_code code;
    char retry_after[16];
    struct str body;
    usec_t took;
    struct loop *loop;
};

struct wire {
    struct log *log;
    struct metrics *metrics;
    struct loop *loop;
    struct sim *sim;
    struct http_client *client;
    struct http_server *receiver;
    unsigned received;
    char secret[32];
    char hook_url[80];
};

/* --- a receiver of webhooks --- */

static void on_hook(struct http_request *r, void *arg)
{
    struct wire *x = arg;
    struct slice secret = http_request_header(r, "X-Secret");
    snprintf(x->secret, sizeof(x->secret), "%.*s", SLICE_FMT(secret));
    x->received++;
    http_reply(r, 202, NULL, SLICE_NONE);
}

static const struct http_route hook_routes[] = {{HTTP_POST, "/hook", on_hook}};

static int setup(void **state)
{
    static const struct sim_options options = {.seed = 3,
                                               .epoch = WORLD_EPOCH,
                                               .token_life = SECONDS(3600),
                                               .ninja_devices = 60,
                                               .ninja_orgs = 3,
                                               .tactical_agents = 10,
                                               .tactical_clients = 3,
                                               .tactical_beta = true};
    static const struct http_client_options client = {.egress = &egress_everything};
    static const struct http_server_options server = {.max_body = 65536};
    struct wire *x = NEW(struct wire);
    struct err e;
    uint16_t port;
    x->metrics = metrics_new();
    x->loop = loop_new(NULL, x->metrics);
    x->sim = sim_new(x->loop, x->metrics, &options);
    assert_true(sim_start_hooks(x->sim, &e));
    for (size_t k = 0; k < sim_nproducts; k++)
        assert_true(sim_listen(x->sim, sim_products[k], "127.0.0.1:0", NULL, &e));
    assert_true(sim_listen(x->sim, NULL, "127.0.0.1:0", NULL, &e));
    x->client = http_client_new(x->loop, &client, x->metrics, &e);
    assert_non_null(x->client);
    x->receiver = http_server_new(x->loop, &server, x->metrics);
    http_server_add(x->receiver, hook_routes, ARRAY_LEN(hook_routes), x);
    assert_true(http_server_listen(x->receiver, "127.0.0.1:0", NULL, &port, &e));
    snprintf(x->hook_url, sizeof(x->hook_url), "http://127.0.0.1:%u/hook", port);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct wire *x = *state;
    http_client_free(x->client);
    http_server_free(x->receiver);
    sim_free(x->sim);
    loop_free(x->loop);
    metrics_free(x->metrics);
    free(x);
    return 0;
}

/* --- calls --- */

static void on_head(void *arg, const struct http_reply_head *h)
{
    struct call *c = arg;
    const char *wait = http_reply_head_get(h, "Retry-After");
    c->status = h->status;
    snprintf(c->retry_after, sizeof(c->retry_after), "%s", wait ? wait : "");
}

static void on_body(void *arg, struct slice piece)
{
    struct call *c = arg;
    str_add(&c->body, piece);
}

static void on_end(void *arg, const struct err *err)
{
    struct call *c = arg;
    c->code = err ? err->code : ERR_NONE;
    c->took = loop_now(c->loop) - c->took;
    c->done = true;
}

static bool is_done(void *arg)
{
    return ((struct call *)arg)->done;
}

/* The caller releases ret->body. */
static void run(struct wire *x, const struct product *p, enum http_method method, const char *path, const char *body,
                usec_t timeout, struct call *ret)
{
    char url[160];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sim_instance(x->sim, p)->port, path);
    const struct http_header headers[] = {{"X-API-KEY", "SIMTACTICALKEYFULLACCESS00000001"},
                                          {"Content-Type", "application/json"}};
    *ret = (struct call){.loop = x->loop, .took = loop_now(x->loop)};
    struct http_call call = {.method = method,
                             .url = url,
                             .headers = headers,
                             .nheaders = 2,
                             .body = slice_cstr(body ? body : ""),
                             .timeout = timeout,
                             .on_head = on_head,
                             .on_body = on_body,
                             .on_end = on_end,
                             .arg = ret};
    http_call_start(x->client, &call);
    assert_true(loop_run_until(x->loop, is_done, ret, WITHIN));
}

static void arm(struct wire *x, const char *fault)
{
    struct call c;
    run(x, NULL, HTTP_POST, "/control/faults", fault, SECONDS(10), &c);
    assert_int_equal(c.status, 201);
    str_release(&c.body);
}

static const struct stats *tactical_stats(struct wire *x)
{
    return &sim_instance(x->sim, product_find(SLICE("tactical")))->stats;
}

static void get(struct wire *x, const char *path, usec_t timeout, struct call *ret)
{
    run(x, product_find(SLICE("tactical")), HTTP_GET, path, NULL, timeout, ret);
}

static void faults_of_the_transport(void **state)
{
    static const struct {
        const char *kind;
        enum err_code code;
        int status; /* 0: no head may come; -1: any */
    } rows[] = {{"429", ERR_NONE, 429},          {"503", ERR_NONE, 503},       {"html200", ERR_NONE, 200},
                {"truncate", ERR_PROTOCOL, 200}, {"drop", ERR_UNAVAILABLE, 0}, {"silence", ERR_TIMEOUT, 0},
                {"malformed", ERR_NONE, 200},    {"401", ERR_NONE, 401}};
    struct wire *x = *state;
    char fault[120];
    struct call c;
    struct err e;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        /* Twice, for a connection that was kept is tried again by the client. */
        snprintf(fault, sizeof(fault), "{\"kind\":\"%s\",\"product\":\"tactical\",\"path\":\"/agents/\",\"count\":2}",
                 rows[k].kind);
        arm(x, fault);
        get(x, "/agents/", strcmp(rows[k].kind, "silence") ? SECONDS(10) : MILLIS(200), &c);
        if (c.status != rows[k].status || c.code != rows[k].code)
            fail_msg("%s: status %d, %s", rows[k].kind, c.status, err_code_name(c.code));
        if (c.status == 429)
            assert_string_equal(c.retry_after, "1");
        if (strcmp(rows[k].kind, "malformed") == 0)
            assert_false(json_valid(str_slice(&c.body), &e));
        str_release(&c.body);
        faults_clear(&x->sim->faults);
    }
    get(x, "/agents/", SECONDS(10), &c);
    assert_int_equal(c.status, 200);
    assert_true(json_valid(str_slice(&c.body), &e));
    str_release(&c.body);
    assert_int_equal(tactical_stats(x)->refused, 0); /* faults are no refusals */
    assert_true(tactical_stats(x)->faults >= ARRAY_LEN(rows));
    assert_int_equal(tactical_stats(x)->open, 0);
    assert_true(TAILQ_EMPTY(&x->sim->exchanges));
}

static void after_and_count_choose_the_calls(void **state)
{
    static const int want[] = {200, 200, 500, 500, 200};
    struct wire *x = *state;
    struct call c;
    arm(x, "{\"kind\":\"500\",\"path\":\"/core/\",\"after\":2,\"count\":2}");
    arm(x, "{\"kind\":\"500\",\"product\":\"ninja\"}"); /* another's */
    for (size_t k = 0; k < ARRAY_LEN(want); k++) {
        get(x, "/core/version/", SECONDS(10), &c);
        assert_int_equal(c.status, want[k]);
        str_release(&c.body);
        get(x, "/agents/", SECONDS(10), &c);
        assert_int_equal(c.status, 200);
        str_release(&c.body);
    }
}

static void answers_wait_for_the_latency_and_slow_bodies(void **state)
{
    struct wire *x = *state;
    struct call c;
    x->sim->latency = MILLIS(60);
    get(x, "/core/version/", SECONDS(10), &c);
    assert_true(c.took >= MILLIS(60));
    assert_true(slice_is(str_slice(&c.body), "\"0.0.203\""));
    str_release(&c.body);
    x->sim->latency = 0;
    arm(x, "{\"kind\":\"slow_body\",\"product\":\"tactical\",\"ms\":10}");
    get(x, "/agents/", SECONDS(10), &c);
    assert_true(c.took >= MILLIS(80));
    assert_int_equal(c.code, ERR_NONE);
    str_release(&c.body);
}

static void refusals_are_counted_with_their_reason(void **state)
{
    struct wire *x = *state;
    struct call c;
    get(x, "/alerts/", SECONDS(10), &c);
    assert_int_equal(c.status, 405);
    str_release(&c.body);
    assert_int_equal(tactical_stats(x)->refused, 1);
    assert_string_equal(tactical_stats(x)->refusals[0].call, "GET /alerts/");
    assert_string_equal(tactical_stats(x)->refusals[0].reason, "Method \"GET\" not allowed.");
    run(x, NULL, HTTP_DELETE, "/control/tactical/agents/2", NULL, SECONDS(10), &c);
    str_release(&c.body);
    get(x, "/beta/v1/agent/2/", SECONDS(10), &c); /* was there: an honest 404 */
    assert_int_equal(c.status, 404);
    str_release(&c.body);
    assert_int_equal(tactical_stats(x)->refused, 1);
    assert_int_equal(tactical_stats(x)->gone, 1);
    get(x, "/beta/v1/agent/2000/", SECONDS(10), &c); /* never was */
    str_release(&c.body);
    assert_int_equal(tactical_stats(x)->refused, 2);
}

struct until {
    struct wire *x;
    unsigned received;
};

static bool has_received(void *arg)
{
    const struct until *u = arg;
    return u->x->received >= u->received;
}

static void webhooks_arrive_on_changes_and_in_bursts(void **state)
{
    struct wire *x = *state;
    struct call c;
    char body[300];
    snprintf(body, sizeof(body),
             "{\"url\":\"%s\",\"activities\":{\"CONDITION\":[\"*\"]},\"headers\":[{\"name\":\"X-Secret\",\"value\":"
             "\"s3cret\"}]}",
             x->hook_url);
    run(x, NULL, HTTP_PUT, "/control/webhooks/ninja", body, SECONDS(10), &c);
    assert_int_equal(c.status, 200);
    str_release(&c.body);
    run(x, NULL, HTTP_POST, "/control/ninja/alerts", "{\"deviceId\":1001}", SECONDS(10), &c);
    assert_int_equal(c.status, 200);
    str_release(&c.body);
    struct until u = {.x = x, .received = 1};
    assert_true(loop_run_until(x->loop, has_received, &u, WITHIN));
    assert_string_equal(x->secret, "s3cret");
    snprintf(body, sizeof(body),
             "{\"url\":\"%s\",\"event\":\"alert\",\"count\":30,\"repeat\":2,\"parallel\":8,\"headers\":{\"X-Secret\":"
             "\"other\"}}",
             x->hook_url);
    run(x, NULL, HTTP_POST, "/control/webhooks/ninja", body, SECONDS(10), &c);
    assert_int_equal(c.status, 202);
    str_release(&c.body);
    u.received = 61;
    assert_true(loop_run_until(x->loop, has_received, &u, WITHIN));
    assert_string_equal(x->secret, "other");
    do { /* the last answers are still on their way to the sender */
        str_release(&c.body);
        run(x, NULL, HTTP_GET, "/control/bursts/1", NULL, SECONDS(10), &c);
    } while (!strstr(c.body.p, "\"done\":true"));
    assert_non_null(strstr(c.body.p, "\"sent\":60,\"acked\":60,\"failed\":0"));
    str_release(&c.body);
    run(x, NULL, HTTP_POST, "/control/webhooks/ninja", "{\"url\":\"http://x\",\"event\":\"nonsense\"}", SECONDS(10),
        &c);
    assert_int_equal(c.status, 400);
    str_release(&c.body);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(faults_of_the_transport),
        TEST(after_and_count_choose_the_calls),
        TEST(answers_wait_for_the_latency_and_slow_bodies),
        TEST(refusals_are_counted_with_their_reason),
        TEST(webhooks_arrive_on_changes_and_in_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
