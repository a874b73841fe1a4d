/* budget.c - rate budgets and circuit breakers, on virtual time. */
#include "hub/budget.h"

#include "base/mem.h"
#include "base/test.h"
#include "hub/call_circuit.h"

struct asker {
    struct budget_wait wait;
    struct circuit_wait circuit_wait;
    unsigned granted, refused;
    enum circuit_verdict verdict;
    struct err err;
};

struct fixture {
    struct metrics *metrics;
    struct loop *loop;
    struct options options;
    struct budgets *budgets;
    struct circuits *circuits;
    struct asker asker[20];
};

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);

    f->metrics = metrics_new();
    f->loop = loop_new_virtual(NULL, f->metrics, SECONDS(1800000000));
    f->options.call_max_wait = SECONDS(300);
    f->options.call_backoff = MILLIS(500);
    f->options.call_processes = 1;
    f->options.call_rate_least = 10;
    f->budgets = budgets_new(f->loop, &f->options, f->metrics);
    f->circuits = circuits_new(f->loop, &f->options, f->metrics);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    budgets_free(f->budgets);
    circuits_free(f->circuits);
    loop_free(f->loop);
    metrics_free(f->metrics);
    free(f);
    return 0;
}

static void on_grant(void *arg, const struct err *e)
{
    struct asker *a = arg;

    if (!e) {
        a->granted++;
        return;
    }
    a->refused++;
    a->err = *e;
}

static void ask(struct fixture *f, struct budget *b, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++)
        budget_ask(b, &f->asker[i].wait, &(struct budget_asker){.tenant_id = 1}, on_grant, &f->asker[i]);
}

static unsigned granted(const struct fixture *f)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(f->asker); i++)
        n += f->asker[i].granted;
    return n;
}

static void slots_are_given_in_order(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 3});

    ask(f, b, 0, 6);
    assert_int_equal(granted(f), 0); /* never in the turn of the question */
    loop_advance(f->loop, 0);
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(granted(f), 3);
    assert_int_equal(budget_open(b), 3);
    assert_int_equal(f->asker[2].granted, 1);
    budget_leave(&f->asker[3].wait);
    budget_return(b);
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[3].granted, 0);
    assert_int_equal(f->asker[4].granted, 1);
    assert_int_equal(budget_open(b), 3);
    budget_leave(&f->asker[5].wait);
    for (int i = 0; i < 3; i++)
        budget_return(b);
    budget_put(b);
}

/* Who waits is served before background work, and in the order of asking. */
static void urgent_ones_go_first(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 1});

    ask(f, b, 0, 3);
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[0].granted, 1);
    for (unsigned i = 3; i < 5; i++)
        budget_ask(b, &f->asker[i].wait, &(struct budget_asker){.tenant_id = 1, .person = true}, on_grant,
                   &f->asker[i]);
    for (unsigned i = 0; i < 4; i++) {
        static const unsigned order[] = {3, 4, 1, 2};
        budget_return(b);
        loop_advance(f->loop, MILLIS(1));
        assert_int_equal(f->asker[order[i]].granted, 1);
        assert_int_equal(granted(f), i + 2);
    }
    budget_return(b);
    budget_put(b);
}

static void throttling_halves_once_and_grows_back(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 8});
    usec_t opened = loop_now(f->loop);

    loop_advance(f->loop, MILLIS(10));
    for (int i = 0; i < 8; i++)
        budget_throttled(b, opened); /* eight in flight, one lesson */
    assert_int_equal(budget_limit(b), 4);
    loop_advance(f->loop, MILLIS(10));
    budget_throttled(b, loop_now(f->loop));
    assert_int_equal(budget_limit(b), 2);
    for (int i = 0; i < 2; i++)
        budget_succeeded(b);
    assert_int_equal(budget_limit(b), 3);
    for (int i = 0; i < 3 + 4 + 5 + 6 + 7 + 100; i++)
        budget_succeeded(b);
    assert_int_equal(budget_limit(b), 8);
    for (int i = 0; i < 10; i++) {
        loop_advance(f->loop, MILLIS(10));
        budget_throttled(b, loop_now(f->loop));
    }
    assert_int_equal(budget_limit(b), 1);
    budget_put(b);
}

static double left(struct fixture *f, const char *provider)
{
    _cleanup_(str_release) struct str out = {0};
    metrics_write(f->metrics, METRICS_TEXT_004, &out);
    char *line = mem_printf("msphub_provider_budget_left_ratio{provider=\"%s\"} ", provider);
    const char *at = strstr(out.p, line);
    assert_non_null(at);
    at += strlen(line);
    free(line);
    return atof(at);
}

static void the_gauge_tells_what_is_left_where_it_is_least(void **state)
{
    struct fixture *f = *state;
    const struct provider_limits limits = {.concurrency = 4, .per_minute = 60};
    struct budget *a = budget_get(f->budgets, SLICE("ninjaone integration 1/1"), &limits);
    struct budget *b = budget_get(f->budgets, SLICE("ninjaone integration 1/2"), &limits);
    assert_true(left(f, "ninjaone") == 1);
    ask(f, b, 0, 3);
    loop_advance(f->loop, MILLIS(1));
    assert_true(left(f, "ninjaone") <= 0.25);
    assert_true(left(f, "tacticalrmm") == 1);
    budget_pause(a, SECONDS(10));
    assert_true(left(f, "ninjaone") == 0);
    for (int i = 0; i < 3; i++)
        budget_return(b);
    loop_advance(f->loop, SECONDS(120));
    assert_true(left(f, "ninjaone") == 1);
    budget_put(a);
    budget_put(b);
}

/* No window of a minute may see more than the limit, whatever the phase. */
static void rate_holds_in_every_window(void **state)
{
    struct fixture *f = *state;
    struct budget *b =
        budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 20, .per_minute = 30});
    usec_t at[400];
    unsigned n = 0;

    for (unsigned ms = 0; ms < 300000; ms += 250) {
        if (!f->asker[0].wait.budget)
            ask(f, b, 0, 1);
        loop_advance(f->loop, MILLIS(250));
        if (f->asker[0].granted) {
            f->asker[0].granted = 0;
            at[n++] = loop_now(f->loop);
            budget_return(b);
        }
    }
    assert_in_range(n, 140, 155); /* and the rate is used, not only kept */
    for (unsigned i = 0; i + 30 < n; i++)
        assert_true(at[i + 30] - at[i] >= SECONDS(60) - MILLIS(250));
    budget_leave(&f->asker[0].wait);
    budget_put(b);
}

static void pause_holds_everybody_and_a_long_one_refuses(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 4});
    struct budget *again;

    budget_pause(b, SECONDS(10));
    ask(f, b, 0, 2);
    loop_advance(f->loop, SECONDS(9));
    assert_int_equal(granted(f), 0);
    budget_put(b); /* a run ends, another begins: the pause is the product's, not the run's */
    again = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 4});
    assert_ptr_equal(again, b);
    loop_advance(f->loop, SECONDS(1) + MILLIS(1));
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(granted(f), 2);
    budget_return(b);
    budget_return(b);

    budget_pause(b, SECONDS(301));
    ask(f, b, 2, 2);
    loop_advance(f->loop, MILLIS(1));
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[2].refused + f->asker[3].refused, 2);
    assert_int_equal(f->asker[3].err.code, ERR_THROTTLED);
    assert_non_null(strstr(f->asker[3].err.what, "call_max_wait"));
    budget_pause(b, SECONDS(400000)); /* nonsense is cut to an hour */
    loop_advance(f->loop, BUDGET_PAUSE_MAX + SECONDS(1));
    ask(f, b, 4, 1);
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[4].granted, 1);
    budget_return(b);
    budget_put(b);
}

/* --- who goes first --- */

/* Askers of an integration each; gives in which order they are granted one slot after the other, as their letters. */
static const char *order_of_grants(struct fixture *f, struct budget *b, const char *integrations, const char *people)
{
    static char order[ARRAY_LEN(f->asker) + 1];
    size_t n = strlen(integrations);
    for (size_t i = 0; i < n; i++) {
        const struct budget_asker who = {.tenant_id = 1, .integration_id = integrations[i], .person = people[i] == 'p'};
        budget_ask(b, &f->asker[i].wait, &who, on_grant, &f->asker[i]);
    }
    for (size_t k = 0; k < n; k++) {
        loop_advance(f->loop, MILLIS(1));
        loop_advance(f->loop, MILLIS(1));
        for (size_t i = 0; i < n; i++)
            if (f->asker[i].granted) {
                f->asker[i].granted = 0;
                order[k] = integrations[i];
            }
        order[k + 1] = '\0';
        budget_return(b);
    }
    return order;
}

static void integrations_take_turns_and_people_go_first(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 1});
    assert_string_equal(order_of_grants(f, b, "aaaaabbc", "........"), "abcabaaa");
    assert_string_equal(order_of_grants(f, b, "aaaabbcc", "......p."), "cabcabaa");
    assert_string_equal(order_of_grants(f, b, "aabb", "ppp."), "abab");
    budget_put(b);
}

static void one_that_leaves_leaves_no_line(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 1});
    budget_pause(b, SECONDS(5));
    ask(f, b, 0, 3);
    for (unsigned i = 0; i < 3; i++) {
        budget_leave(&f->asker[i].wait);
        budget_leave(&f->asker[i].wait);
    }
    loop_advance(f->loop, SECONDS(6));
    assert_int_equal(granted(f), 0);
    budget_put(b); /* budgets_free asserts that nobody is left */
}

/* --- what is learned --- */

/* Calls one after the other for so long; how many went, and (product != 0) those past `product` a minute are throttled. */
static unsigned call_for(struct fixture *f, struct budget *b, usec_t duration, unsigned product)
{
    usec_t at[4096];
    unsigned n = 0, good = 0;
    for (usec_t until = loop_now(f->loop) + duration; loop_now(f->loop) < until;) {
        if (!f->asker[0].wait.budget)
            ask(f, b, 0, 1);
        loop_advance(f->loop, MILLIS(50));
        if (!f->asker[0].granted)
            continue;
        f->asker[0].granted = 0;
        at[n++ % ARRAY_LEN(at)] = loop_now(f->loop);
        if (product && n > product && at[(n - 1 - product) % ARRAY_LEN(at)] > loop_now(f->loop) - SECONDS(60)) {
            budget_throttled(b, loop_now(f->loop));
        } else {
            good++;
            budget_succeeded(b);
        }
        budget_return(b);
    }
    budget_leave(&f->asker[0].wait);
    loop_advance(f->loop, MILLIS(1));
    if (f->asker[0].granted) {
        f->asker[0].granted = 0;
        budget_return(b);
    }
    return good;
}

static void a_declared_rate_is_halved_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct budget *b =
        budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 20, .per_minute = 180});
    assert_int_equal(budget_per_minute(b), 180);
    loop_advance(f->loop, MILLIS(1));
    budget_throttled(b, loop_now(f->loop));
    assert_int_equal(budget_per_minute(b), 90);
    assert_in_range(call_for(f, b, SECONDS(60), 0), 80, 135);
    call_for(f, b, SECONDS(240), 0);
    assert_int_equal(budget_per_minute(b), 180); /* and not above */
    for (int i = 0; i < 20; i++) {
        loop_advance(f->loop, SECONDS(1));
        budget_throttled(b, loop_now(f->loop));
    }
    assert_int_equal(budget_per_minute(b), 90); /* one minute, one lesson */
    for (int i = 0; i < 20; i++) {
        loop_advance(f->loop, SECONDS(60));
        budget_throttled(b, loop_now(f->loop));
    }
    assert_int_equal(budget_per_minute(b), 1);
    budget_put(b);
}

static void a_rate_that_nobody_told_is_found(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 1});
    loop_advance(f->loop, MILLIS(1));
    budget_throttled(b, loop_now(f->loop)); /* one call and a refusal: that says nothing of a rate */
    assert_int_equal(budget_per_minute(b), 0);
    call_for(f, b, SECONDS(10), 100);
    assert_int_equal(budget_per_minute(b), 0); /* once: a burst */
    call_for(f, b, SECONDS(65), 100);
    assert_in_range(budget_per_minute(b), 10, 100);
    unsigned good = call_for(f, b, SECONDS(1200), 100);
    assert_in_range(good, 20 * 55, 20 * 100); /* more than half of what there is, for twenty minutes */
    call_for(f, b, SECONDS(1800), 0);
    assert_int_equal(budget_per_minute(b), 0); /* the product has changed its mind */
    budget_put(b);
}

static void what_the_product_says_is_left_is_not_overdrawn(void **state)
{
    struct fixture *f = *state;
    struct budget *b = budget_get(f->budgets, SLICE("k"), &(struct provider_limits){.concurrency = 20});
    const struct budget_asker person = {.tenant_id = 1, .person = true};

    budget_told(b, &(struct rate_hint){.limit = 40, .remaining = 5, .reset = SECONDS(30)});
    ask(f, b, 0, 8);
    for (int i = 0; i < 20; i++)
        loop_advance(f->loop, MILLIS(1));
    assert_int_equal(granted(f), 3); /* a twentieth, two of forty, are for people */
    budget_ask(b, &f->asker[10].wait, &person, on_grant, &f->asker[10]);
    loop_advance(f->loop, MILLIS(1));
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[10].granted, 1);
    budget_told(b, &(struct rate_hint){.limit = 40, .remaining = 5, .reset = SECONDS(30)}); /* an answer of before */
    for (int i = 0; i < 20; i++)
        loop_advance(f->loop, MILLIS(1));
    assert_int_equal(granted(f), 4);
    loop_advance(f->loop, SECONDS(31));
    for (int i = 0; i < 20; i++)
        loop_advance(f->loop, MILLIS(1));
    assert_int_equal(granted(f), 9); /* the window is over */
    for (int i = 0; i < 9; i++)
        budget_return(b);

    budget_told(b, &(struct rate_hint){.remaining = 0, .reset = SECONDS(4000)});
    f->asker[0].refused = 0;
    ask(f, b, 0, 1);
    loop_advance(f->loop, MILLIS(1));
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(f->asker[0].refused, 1); /* longer than call_max_wait */
    budget_put(b);
}

static void several_processes_share(void **state)
{
    struct fixture *f = *state;
    const struct provider_limits shared = {.concurrency = 8, .per_minute = 180, .scope = BUDGET_SOURCE_ADDRESS},
                                 own = {.concurrency = 8, .per_minute = 180};
    struct budget *b = budget_get(f->budgets, SLICE("s"), &shared), *o = budget_get(f->budgets, SLICE("o"), &own);
    assert_int_equal(budget_per_minute(b), 180);
    f->options.call_processes = 3;
    ask(f, b, 0, 1);
    ask(f, o, 1, 1);
    loop_advance(f->loop, MILLIS(1));
    loop_advance(f->loop, MILLIS(1));
    assert_int_equal(budget_per_minute(b), 60);
    assert_int_equal(budget_limit(b), 2);
    assert_int_equal(budget_per_minute(o), 180); /* one integration's: its run is in one process */
    assert_int_equal(budget_limit(o), 8);
    f->options.call_processes = 100;
    budget_return(b);
    budget_return(o);
    struct budget *t = budget_get(f->budgets, SLICE("t"), &shared);
    assert_int_equal(budget_limit(t), 1);
    budget_put(b);
    budget_put(o);
    budget_put(t);
}

static void keys_follow_the_scope(void **state)
{
    static const struct {
        enum budget_scope scope;
        int64_t id;
        const char *want;
    } rows[] = {
        {BUDGET_INTEGRATION, 7, "p integration 3/7"},
        {BUDGET_INTEGRATION, 0, "p integration 3/0 https://h"},
        {BUDGET_TENANT, 7, "p tenant 3"},
        {BUDGET_HOST, 7, "p host https://h"},
        {BUDGET_SOURCE_ADDRESS, 7, "p"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider p = {.key = "p", .limits = {.scope = rows[i].scope}};
        struct str key = {0};

        budget_key(&p, 3, rows[i].id, "https://h", &key);
        assert_string_equal(key.p, rows[i].want);
        str_release(&key);
    }
}

/* --- circuit --- */

static void on_verdict(void *arg, enum circuit_verdict v, const struct err *e)
{
    struct asker *a = arg;

    a->granted++;
    a->verdict = v;
    a->err = *e;
}

static enum circuit_verdict verdict(struct fixture *f, struct circuit *c)
{
    struct asker *a = &f->asker[0];

    circuit_ask(c, &a->circuit_wait, on_verdict, a);
    loop_advance(f->loop, 0);
    loop_advance(f->loop, MILLIS(1));
    assert_null(a->circuit_wait.circuit);
    return a->verdict;
}

static double open_gauge(struct fixture *f)
{
    return metric_with(metric_family(f->metrics, METRIC_GAUGE, "msphub_circuit_open", "", "provider", NULL, 0),
                       METRIC_L("p"))
        ->value;
}

static const struct err down = {ERR_UNAVAILABLE, "connection refused"};

static void circuit_opens_probes_and_closes(void **state)
{
    struct fixture *f = *state;
    struct circuit *c = circuit_get(f->circuits, "p", "https://h");

    for (int i = 0; i < CIRCUIT_FAILURES - 1; i++)
        circuit_report(c, &down);
    circuit_report(c, NULL); /* in a row, or it does not count */
    for (int i = 0; i < CIRCUIT_FAILURES - 1; i++)
        circuit_report(c, &down);
    assert_int_equal(verdict(f, c), CIRCUIT_PASS);
    circuit_report(c, &down);
    assert_true(open_gauge(f) > 0);
    assert_int_equal(verdict(f, c), CIRCUIT_REFUSED);
    assert_non_null(strstr(f->asker[0].err.what, "connection refused"));
    assert_non_null(strstr(f->asker[0].err.what, "https://h"));

    loop_advance(f->loop, SECONDS(8));
    assert_int_equal(verdict(f, c), CIRCUIT_PROBE);
    circuit_ask(c, &f->asker[1].circuit_wait, on_verdict, &f->asker[1]);
    loop_advance(f->loop, MILLIS(5));
    assert_int_equal(f->asker[1].granted, 0); /* waits for what the probe finds */
    circuit_report(c, &down);
    loop_advance(f->loop, MILLIS(5));
    assert_int_equal(f->asker[1].verdict, CIRCUIT_REFUSED);

    loop_advance(f->loop, SECONDS(8)); /* twice as long now */
    assert_int_equal(verdict(f, c), CIRCUIT_REFUSED);
    loop_advance(f->loop, SECONDS(8));
    assert_int_equal(verdict(f, c), CIRCUIT_PROBE);
    circuit_ask(c, &f->asker[1].circuit_wait, on_verdict, &f->asker[1]);
    circuit_abandon(c); /* the probe was cancelled: the next in line is it */
    loop_advance(f->loop, MILLIS(5));
    assert_int_equal(f->asker[1].verdict, CIRCUIT_PROBE);
    circuit_report(c, NULL);
    assert_true(open_gauge(f) < 1);
    assert_int_equal(verdict(f, c), CIRCUIT_PASS);
    circuit_put(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slots_are_given_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(urgent_ones_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(throttling_halves_once_and_grows_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_gauge_tells_what_is_left_where_it_is_least, setup, teardown),
        cmocka_unit_test_setup_teardown(rate_holds_in_every_window, setup, teardown),
        cmocka_unit_test_setup_teardown(pause_holds_everybody_and_a_long_one_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(integrations_take_turns_and_people_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_leaves_leaves_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_declared_rate_is_halved_and_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rate_that_nobody_told_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_product_says_is_left_is_not_overdrawn, setup, teardown),
        cmocka_unit_test_setup_teardown(several_processes_share, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_follow_the_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(circuit_opens_probes_and_closes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
