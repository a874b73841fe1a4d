/* trace.c - what of a traceparent is believed. */
#include "base/trace.h"

#include "base/test.h"

#define ID   "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void good_ones_are_taken(void **state)
{
    static const struct {
        const char *text;
        bool sampled;
    } cases[] = {
        {"00-" ID "-" SPAN "-01", true},  {"00-" ID "-" SPAN "-00", false},
        {"00-" ID "-" SPAN "-ff", true},  {"00-" ID "-" SPAN "-02", false},
        {"01-" ID "-" SPAN "-01", true},  {"cc-" ID "-" SPAN "-01-what-comes-later", true}, /* of a later version */
        {"cc-" ID "-" SPAN "-01-", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trace t;
        char buf[TRACE_PARENT_LEN + 1];
        if (!trace_parse(slice_cstr(cases[i].text), &t))
            fail_msg("%s", cases[i].text);
        assert_string_equal(t.id, ID);
        assert_string_equal(t.span, SPAN);
        assert_int_equal(t.sampled, cases[i].sampled);
        assert_string_equal(trace_text(&t, buf), cases[i].sampled ? "00-" ID "-" SPAN "-01" : "00-" ID "-" SPAN "-00");
    }
}

static void malformed_ones_are_not(void **state)
{
    static const char *const cases[] = {
        "",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-01-x", /* this version has nothing more */
        "cc-" ID "-" SPAN "-01x",
        "ff-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-01 ",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" ID "-B7AD6B7169203331-01",
        "00-" ID "-" SPAN "-0G",
        "zz-" ID "-" SPAN "-01",
        "00_" ID "-" SPAN "-01",
        "00-" ID "_" SPAN "-01",
        "00-" ID "-" SPAN "_01",
        "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01x",
        " 00-" ID "-" SPAN "-01",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trace t = {.id = "untouched"};
        if (trace_parse(slice_cstr(cases[i]), &t))
            fail_msg("%s", cases[i]);
        assert_string_equal(t.id, "untouched");
    }
}

static void made_ones_read_back(void **state)
{
    static const uint64_t numbers[][3] = {{0, 0, 0}, {1, 2, 3}, {UINT64_MAX, 0, UINT64_MAX}, {0, UINT64_MAX, 1}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct trace t = {.sampled = false}, again;
        char buf[TRACE_PARENT_LEN + 1];
        trace_set_id(&t, numbers[i][0], numbers[i][1]);
        trace_set_span(&t, numbers[i][2]);
        assert_true(trace_parse(slice_cstr(trace_text(&t, buf)), &again));
        assert_string_equal(again.id, t.id);
        assert_string_equal(again.span, t.span);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken),
        cmocka_unit_test(malformed_ones_are_not),
        cmocka_unit_test(made_ones_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
