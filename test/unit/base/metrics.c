/* metrics.c - the exposition, held against texts written by the formats' rules. */
#include "base/metrics.h"

#include "base/test.h"
#include <math.h>

static void check(struct metrics *m, enum metrics_text form, const char *want)
{
    _cleanup_(str_release) struct str out = {0};
    str_add(&out, SLICE_NONE);
    metrics_write(m, form, &out);
    assert_string_equal(out.p, want);
}

static void both_forms(void **state)
{
    struct metrics *m = metrics_new();
    static const double bounds[] = {0.005, 1, 2.5};
    metric_counter(m, "msphub_things_total", "Things \"seen\"\nso\\far.")->value = 1027;
    struct metric_family *f = metric_family(m, METRIC_GAUGE, "msphub_queue", "Waiting.", "provider,kind", NULL, 0);
    metric_with(f, METRIC_L("ninjaone", "a\\b\"c\nd é"))->value = 0.25;
    metric_with(f, METRIC_L("tactical", ""))->value = -3;
    struct histogram *h = metric_histogram(m, "msphub_seconds", "Latency.", bounds, 3);
    histogram_observe(h, 0.005); /* a bound belongs to its bucket */
    histogram_observe(h, 0.0051);
    histogram_observe(h, 2);
    histogram_observe(h, 100);
    metric_family(m, METRIC_GAUGE, "msphub_unused", "Has no series.", "x", NULL, 0);
    check(m, METRICS_TEXT_004,
          "# HELP msphub_things_total Things \"seen\"\\nso\\\\far.\n"
          "# TYPE msphub_things_total counter\n"
          "msphub_things_total 1027\n"
          "# HELP msphub_queue Waiting.\n"
          "# TYPE msphub_queue gauge\n"
          "msphub_queue{provider=\"ninjaone\",kind=\"a\\\\b\\\"c\\nd é\"} 0.25\n"
          "msphub_queue{provider=\"tactical\",kind=\"\"} -3\n"
          "# HELP msphub_seconds Latency.\n"
          "# TYPE msphub_seconds histogram\n"
          "msphub_seconds_bucket{le=\"0.005\"} 1\n"
          "msphub_seconds_bucket{le=\"1\"} 2\n"
          "msphub_seconds_bucket{le=\"2.5\"} 3\n"
          "msphub_seconds_bucket{le=\"+Inf\"} 4\n"
          "msphub_seconds_sum 102.0101\n"
          "msphub_seconds_count 4\n");
    check(m, METRICS_OPENMETRICS,
          "# HELP msphub_things Things \\\"seen\\\"\\nso\\\\far.\n"
          "# TYPE msphub_things counter\n"
          "msphub_things_total 1027\n"
          "# HELP msphub_queue Waiting.\n"
          "# TYPE msphub_queue gauge\n"
          "msphub_queue{provider=\"ninjaone\",kind=\"a\\\\b\\\"c\\nd é\"} 0.25\n"
          "msphub_queue{provider=\"tactical\",kind=\"\"} -3\n"
          "# HELP msphub_seconds Latency.\n"
          "# TYPE msphub_seconds histogram\n"
          "msphub_seconds_bucket{le=\"0.005\"} 1\n"
          "msphub_seconds_bucket{le=\"1.0\"} 2\n"
          "msphub_seconds_bucket{le=\"2.5\"} 3\n"
          "msphub_seconds_bucket{le=\"+Inf\"} 4\n"
          "msphub_seconds_sum 102.0101\n"
          "msphub_seconds_count 4\n"
          "# EOF\n");
    metrics_free(m);
}

static void labelled_histogram_and_odd_values(void **state)
{
    struct metrics *m = metrics_new();
    static const double bounds[] = {1};
    struct metric_family *f = metric_family(m, METRIC_HISTOGRAM, "h", "H.", "route", bounds, 1);
    histogram_observe(histogram_with(f, METRIC_L("/a")), NAN);
    struct metric_family *g = metric_family(m, METRIC_GAUGE, "g", "G.", "x", NULL, 0);
    metric_with(g, METRIC_L("nan"))->value = NAN;
    metric_with(g, METRIC_L("up"))->value = HUGE_VAL;
    metric_with(g, METRIC_L("down"))->value = -HUGE_VAL;
    metric_with(g, METRIC_L("big"))->value = 1e15;
    check(m, METRICS_TEXT_004,
          "# HELP h H.\n# TYPE h histogram\nh_bucket{route=\"/a\",le=\"1\"} 0\nh_bucket{route=\"/a\",le=\"+Inf\"} 1\n"
          "h_sum{route=\"/a\"} NaN\nh_count{route=\"/a\"} 1\n"
          "# HELP g G.\n# TYPE g gauge\ng{x=\"nan\"} NaN\ng{x=\"up\"} +Inf\ng{x=\"down\"} -Inf\ng{x=\"big\"} 1e+15\n");
    metrics_free(m);
}

static void same_name_same_series(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_family *f = metric_family(m, METRIC_COUNTER, "a_total", "A.", "x,y", NULL, 0);
    assert_ptr_equal(f, metric_family(m, METRIC_COUNTER, "a_total", "A.", "x,y", NULL, 0));
    assert_ptr_equal(metric_with(f, METRIC_L("1", "2")), metric_with(f, METRIC_L("1", "2")));
    assert_ptr_not_equal(metric_with(f, METRIC_L("1", "2")), metric_with(f, METRIC_L("12", "")));
    assert_ptr_not_equal(metric_with(f, METRIC_L("", "12")), metric_with(f, METRIC_L("12", "")));
    assert_ptr_equal(metric_counter(m, "b_total", "B."), metric_counter(m, "b_total", "B."));
    metrics_free(m);
    metrics_free(NULL);
}

/* A label filled from outside cannot grow a family past its ceiling; the handles given out before stay good. */
static void ceiling_of_series(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_family *f = metric_family(m, METRIC_COUNTER, "a_total", "A.", "x", NULL, 0);
    struct metric *first = metric_with(f, METRIC_L("0"));
    char value[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(value, sizeof(value), "%u", i);
        metric_with(f, METRIC_L(value))->value++;
    }
    assert_true(first->value == 1);
    assert_true(metric_with(f, METRIC_L("other"))->value == 2000);
    assert_ptr_equal(metric_with(f, METRIC_L("999999")), metric_with(f, METRIC_L("other")));
    _cleanup_(str_release) struct str out = {0};
    metrics_write(m, METRICS_TEXT_004, &out);
    unsigned lines = 0;
    for (const char *p = out.p; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 2 + 1000 + 1);
    assert_non_null(strstr(out.p, "a_total{x=\"other\"} 2000\n"));
    metrics_free(m);
}

static void bring_up_to_date(void *arg)
{
    ((struct metric *)arg)->value++;
}

static void collectors_run_before_each_text(void **state)
{
    struct metrics *m = metrics_new();
    struct metric *g = metric_gauge(m, "g", "G.");
    metrics_on_collect(m, bring_up_to_date, g);
    metrics_on_collect(m, bring_up_to_date, g);
    check(m, METRICS_TEXT_004, "# HELP g G.\n# TYPE g gauge\ng 2\n");
    check(m, METRICS_OPENMETRICS, "# HELP g G.\n# TYPE g gauge\ng 4\n# EOF\n");
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test(labelled_histogram_and_odd_values),
        cmocka_unit_test(same_name_same_series),
        cmocka_unit_test(ceiling_of_series),
        cmocka_unit_test(collectors_run_before_each_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
