/* cron.c - what a cron expression says, and what is wrong with one that says nothing. When it comes is tested where it is reckoned:
 * test/unit/store/schedule.c. */
#include "base/cron.h"

#include "base/test.h"

#define ALL(n) ((UINT64_C(1) << (n)) - 1)
#define N(n)   (UINT64_C(1) << (n))

static void expressions_are_sets_of_numbers(void **state)
{
    const uint64_t days = ALL(32) & ~N(0), months = ALL(13) & ~N(0);
    const struct {
        const char *text;
        struct cron want;
    } cases[] = {
        {"* * * * *", {{ALL(60), ALL(24), days, months, ALL(7)}, .any_hour = true}},
        {"0 2 * * *", {{N(0), N(2), days, months, ALL(7)}}},
        {"  5\t4  *  * * ", {{N(5), N(4), days, months, ALL(7)}}},
        {"*/20 */6 * * *",
         {{N(0) | N(20) | N(40), N(0) | N(6) | N(12) | N(18), days, months, ALL(7)}, .any_hour = true}},
        {"50/5 9-17/4 * * *", {{N(50) | N(55), N(9) | N(13) | N(17), days, months, ALL(7)}}},
        {"0,30,45 0 1,15 * *", {{N(0) | N(30) | N(45), N(0), N(1) | N(15), months, ALL(7)}}},
        {"0 0 13 * FRI", {{N(0), N(0), N(13), months, N(5)}, .either_day = true}},
        {"0 0 */2 * mon", {{N(0), N(0), UINT64_C(0xaaaaaaaa), months, N(1)}}},
        {"0 0 13 * */3", {{N(0), N(0), N(13), months, N(0) | N(3) | N(6)}}},
        {"0 0 * jan-mar,Dec mon-fri", {{N(0), N(0), days, N(1) | N(2) | N(3) | N(12), ALL(6) & ~N(0)}}},
        {"0 0 * * 7", {{N(0), N(0), days, months, N(0)}}},
        {"0 0 * * 5-7", {{N(0), N(0), days, months, N(5) | N(6) | N(0)}}},
        {"0 0 * * fri-sun", {{N(0), N(0), days, months, N(5) | N(6) | N(0)}}},
        {"0 0 * * sun-mon", {{N(0), N(0), days, months, N(0) | N(1)}}},
        {"0 0 * * 5/1", {{N(0), N(0), days, months, N(5) | N(6)}}},
        {"0 0 29 2 *", {{N(0), N(0), N(29), N(2), ALL(7)}}},
        {"0 0 31 4 mon", {{N(0), N(0), N(31), N(4), N(1)}, .either_day = true}}, /* Mondays in April */
        {"0 0 30,28 2 *", {{N(0), N(0), N(30) | N(28), N(2), ALL(7)}}},
        {"@hourly", {{N(0), ALL(24), days, months, ALL(7)}, .any_hour = true}},
        {"@Daily", {{N(0), N(0), days, months, ALL(7)}}},
        {"@weekly", {{N(0), N(0), days, months, N(0)}}},
        {"@monthly", {{N(0), N(0), N(1), months, ALL(7)}}},
        {"@yearly", {{N(0), N(0), N(1), N(1), ALL(7)}}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron got;
        struct err e;
        if (!cron_parse(slice_cstr(cases[i].text), &got, &e))
            fail_msg("%s: %s", cases[i].text, e.what);
        for (unsigned part = 0; part < CRON_NPARTS_; part++)
            if (got.in[part] != cases[i].want.in[part])
                fail_msg("%s: part %u is %#llx", cases[i].text, part, (unsigned long long)got.in[part]);
        if (got.either_day != cases[i].want.either_day || got.any_hour != cases[i].want.any_hour)
            fail_msg("%s: either_day %d, any_hour %d", cases[i].text, got.either_day, got.any_hour);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *fault; /* a part of the sentence */
    } cases[] = {
        {"", "the minute is missing"},
        {"0 2 * *", "the day of week is missing"},
        {"0 2 * * * *", "there is a sixth"},
        {"60 2 * * *", "the minute 60 is not from 0 to 59"},
        {"0 24 * * *", "the hour 24 is not from 0 to 23"},
        {"0 0 0 * *", "the day of month 0 is not from 1 to 31"},
        {"0 0 * 13 *", "the month 13 is not from 1 to 12"},
        {"0 0 * * 8", "the day of week 8 is not from 0 to 7"},
        {"0 0 L * *", "the day of month \"L\" is no number"},
        {"0 0 ? * *", "the day of month \"?\" is no number"},
        {"0 0 * * montag", "the day of week \"montag\" is no number and no name"},
        {"0 0 * mon *", "the month \"mon\" is no number"},
        {"-5 0 * * *", "the minute \"\" is no number"},
        {"+5 0 * * *", "the minute \"+5\" is no number"},
        {"1- 0 * * *", "the minute \"\" is no number"},
        {"1-2-3 0 * * *", "the minute \"2-3\" is no number"},
        {"0 22-2 * * *", "the range 22-2 of the hour runs backwards"},
        {"0 0 * * tue-mon", "runs backwards"},
        {"*/0 * * * *", "the step \"/0\" of the minute must be a number from 1 to 59"},
        {"*/ * * * *", "the step \"/\" of the minute"},
        {"*/2/2 * * * *", "the step \"/2/2\" of the minute"},
        {"*/60 * * * *", "must be a number from 1 to 59"},
        {"*5 * * * *", "the minute \"*5\" is no number"},
        {"1,,2 * * * *", "an empty item"},
        {"1, * * * *", "an empty item"},
        {", * * * *", "an empty item"},
        {"99999999999999999999 * * * *", "is no number"},
        {"0 0 30 2 *", "none of its months has such a day"},
        {"0 0 31 4,jun,9,11 *", "none of its months has such a day"},
        {"@reboot", "\"@reboot\" is not known"},
        {"@daily 5", "is not known"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron c;
        struct err e = {0};
        if (cron_parse(slice_cstr(cases[i].text), &c, &e))
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.what, cases[i].fault))
            fail_msg("%s: %s", cases[i].text, e.what);
    }
    char long_one[CRON_TEXT_MAX + 20];
    memset(long_one, '1', sizeof(long_one));
    assert_false(cron_parse(slice_of(long_one, sizeof(long_one)), &(struct cron){0}, NULL));
    assert_false(cron_parse(SLICE_NONE, &(struct cron){0}, NULL));
    assert_false(cron_parse(slice_of("0 0\0* * *", 9), &(struct cron){0}, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_sets_of_numbers),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
