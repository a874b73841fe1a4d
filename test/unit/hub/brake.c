/* brake.c - so many in a while, then as time pays; names are bounded; what one address is. */
#include "hub/brake.h"

#include "base/test.h"

#define WINDOW SECONDS(600)

static unsigned take_all(struct brake *b, const char *name, usec_t now)
{
    unsigned n = 0;
    usec_t wait;
    while (n < 1000 && brake_take(b, name, now, WINDOW, 30, &wait))
        n++;
    return n;
}

static void so_many_in_a_while(void **state)
{
    struct brake *b = brake_new(10);
    usec_t wait = 0, now = SECONDS(5);
    assert_int_equal(take_all(b, "a", now), 30);
    assert_int_equal(take_all(b, "b", now), 30); /* each by itself */
    assert_false(brake_take(b, "a", now, WINDOW, 30, &wait));
    assert_int_equal(wait, WINDOW / 30);
    assert_false(brake_take(b, "a", now + wait - 1, WINDOW, 30, &wait));
    assert_int_equal(wait, 1);
    assert_int_equal(take_all(b, "a", now + WINDOW / 30), 1);
    assert_int_equal(take_all(b, "a", now + WINDOW / 30 + WINDOW / 2), 15);
    assert_int_equal(take_all(b, "a", now + 9 * WINDOW), 30); /* rest is not saved up */
    brake_give_back(b, "a", WINDOW, 30);
    assert_int_equal(take_all(b, "a", now + 9 * WINDOW), 1);
    brake_give_back(b, "never seen", WINDOW, 30);
    brake_free(b);
}

static void names_are_bounded(void **state)
{
    struct brake *b = brake_new(100);
    usec_t wait;
    char name[32];
    take_all(b, "attacker", 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(brake_take(b, name, SECONDS(1), WINDOW, 30, &wait));
        assert_true(brake_names(b) <= 100);
    }
    assert_false(brake_take(b, "attacker", SECONDS(1), WINDOW, 30, &wait)); /* those that owe little made room */
    brake_free(b);
}

static void one_address(void **state)
{
    static const struct {
        const char *address, *name;
    } cases[] = {{"192.0.2.7", "192.0.2.7"},
                 {"::ffff:192.0.2.7", "::ffff:192.0.2.7"},
                 {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                 {"2001:db8:1:2::1", "2001:db8:1:2::"},
                 {"::1", "::"},
                 {"", ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[BRAKE_NAME_MAX];
        brake_address(cases[i].address, name);
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_in_a_while),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(one_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
