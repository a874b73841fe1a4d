/* cidr.c - addresses and networks: what is one, what lies in which, and how they are written. */
#include "base/cidr.h"

#include "base/test.h"

static void addresses_have_one_text(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: no address */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::", "::"},
        {"::1", "::1"},
        {"0.0.0.0", "0.0.0.0"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {"[::1]", NULL},
        {"::1%lo", NULL},
        {"192.0.2.1:80", NULL},
        {"1::2::3", NULL},
        {"2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip ip;
        char buf[IP_TEXT_MAX];
        bool good = ip_parse(slice_cstr(cases[i].text), &ip);
        if (good != (cases[i].canonical != NULL))
            fail_msg("%s", cases[i].text);
        if (good)
            assert_string_equal(ip_text(&ip, buf), cases[i].canonical);
    }
    struct ip ip;
    assert_false(ip_parse(slice_of("::1\0", 4), &ip));
}

static void networks_have_one_text(void **state)
{
    static const struct {
        const char *text, *canonical, *fault; /* a part of the sentence */
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.0/24", NULL},
        {"192.0.2.7", "192.0.2.7/32", NULL},
        {"0.0.0.0/0", "0.0.0.0/0", NULL},
        {"::/0", "::/0", NULL},
        {"2001:DB8::/32", "2001:db8::/32", NULL},
        {"2001:db8::1", "2001:db8::1/128", NULL},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24", NULL},
        {"192.0.2.128/25", "192.0.2.128/25", NULL},
        {"192.0.2.7/24", NULL, "did you mean 192.0.2.0/24?"},
        {"2001:db8::1/33", NULL, "did you mean 2001:db8::/33?"},
        {"192.0.2.0/33", NULL, "must be 0 to 32"},
        {"192.0.2.0/-1", NULL, "must be 0 to 32"},
        {"192.0.2.0/", NULL, "must be 0 to 32"},
        {"192.0.2.0/24/8", NULL, "must be 0 to 32"},
        {"::/129", NULL, "must be 0 to 128"},
        {"example.org", NULL, "is no address or network"},
        {"", NULL, "is no address or network"},
        {"/24", NULL, "is no address or network"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr net;
        struct err e = {0};
        char buf[CIDR_TEXT_MAX];
        bool good = cidr_parse(slice_cstr(cases[i].text), &net, &e);
        if (good != (cases[i].canonical != NULL))
            fail_msg("%s: %s", cases[i].text, e.what);
        if (good)
            assert_string_equal(cidr_text(&net, buf), cases[i].canonical);
        else if (!strstr(e.what, cases[i].fault))
            fail_msg("%s: %s", cases[i].text, e.what);
    }
}

static void a_network_has_its_addresses(void **state)
{
    static const struct {
        const char *net, *ip;
        bool has;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false}, /* of IPv4 that is */
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1", "0.0.0.1", false},
        {"::/0", "192.0.2.1", false},
        {"::/64", "192.0.2.1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr net;
        struct ip ip;
        assert_true(cidr_parse(slice_cstr(cases[i].net), &net, NULL));
        assert_true(ip_parse(slice_cstr(cases[i].ip), &ip));
        if (cidr_has(&net, &ip) != cases[i].has)
            fail_msg("%s has %s", cases[i].net, cases[i].ip);
    }
}

static void lists_are_read_whole_or_not(void **state)
{
    struct cidr_list l;
    struct ip ip;
    struct err e = {0};
    assert_true(cidr_list_parse(SLICE(""), 2, &l, &e));
    assert_int_equal(l.n, 0);
    assert_true(cidr_list_parse(SLICE(" 10.0.0.0/8 ,::1"), 2, &l, &e));
    assert_int_equal(l.n, 2);
    assert_true(ip_parse(SLICE("10.255.0.1"), &ip) && cidr_list_has(&l, &ip));
    assert_true(ip_parse(SLICE("::1"), &ip) && cidr_list_has(&l, &ip));
    assert_true(ip_parse(SLICE("::2"), &ip) && !cidr_list_has(&l, &ip));
    cidr_list_release(&l);
    assert_false(cidr_list_parse(SLICE("10.0.0.0/8,::1"), 1, &l, &e));
    assert_non_null(strstr(e.what, "at most 1"));
    assert_false(cidr_list_parse(SLICE("10.0.0.0/8,"), 9, &l, &e));
    assert_false(cidr_list_parse(SLICE("10.0.0.0/8,x"), 9, &l, &e));
}

static void a_list_covers_what_lies_within_its_networks(void **state)
{
    static const struct {
        const char *outer, *inner;
        bool covers;
    } cases[] = {
        {"10.0.0.0/8,2001:db8::/32", "10.1.0.0/16,2001:db8:7::/48", true},
        {"10.0.0.0/8", "10.0.0.0/8", true},
        {"10.0.0.0/8", "10.0.0.0/7", false},
        {"10.0.0.0/8", "10.1.2.3,11.0.0.0", false},
        {"0.0.0.0/0", "::/0", false},
        {"::/0", "0.0.0.0/0", false},
        {"0.0.0.0/0", "::ffff:0:0/96", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr_list outer, inner;
        assert_true(cidr_list_parse(slice_cstr(cases[i].outer), 4, &outer, NULL));
        assert_true(cidr_list_parse(slice_cstr(cases[i].inner), 4, &inner, NULL));
        if (cidr_list_covers(&outer, &inner) != cases[i].covers)
            fail_msg("%s covers %s", cases[i].outer, cases[i].inner);
        cidr_list_release(&outer);
        cidr_list_release(&inner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_text),
        cmocka_unit_test(networks_have_one_text),
        cmocka_unit_test(a_network_has_its_addresses),
        cmocka_unit_test(lists_are_read_whole_or_not),
        cmocka_unit_test(a_list_covers_what_lies_within_its_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
