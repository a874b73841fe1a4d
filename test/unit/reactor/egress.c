/* Where outgoing calls may go: addresses, networks, and the spellings by which an address could slip through. */
#include "reactor/egress.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&sa, &in, sizeof in);
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&sa, &in6, sizeof in6);
    else
        fail_msg("%s is no address", text);
    return sa;
}

static bool allowed(const struct egress *g, const char *text, bool tls, struct err *e)
{
    struct sockaddr_storage sa = address(text);
    return egress_address_allowed(g, (const struct sockaddr *)&sa, tls, "host.test", e);
}

static struct egress *networks(const char *text)
{
    struct egress *g = egress_new();
    struct err e = {0};
    if (!egress_configure(g, false, slice_cstr(text), &e))
        fail_msg("%s", e.what);
    return g;
}

static void private_addresses(void **state)
{
    static const struct {
        const char *text;
        bool is_private;
    } rows[] = {
        {"0.0.0.0", true},
        {"0.255.255.255", true},
        {"1.0.0.0", false},
        {"1.1.1.1", false},
        {"8.8.8.8", false},
        {"9.255.255.255", false},
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"100.63.255.255", false},
        {"100.64.0.0", true},
        {"100.127.255.255", true},
        {"100.128.0.0", false},
        {"126.255.255.255", false},
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"128.0.0.0", false},
        {"169.253.255.255", false},
        {"169.254.169.254", true},
        {"169.255.0.0", false},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.0.0.8", true},
        {"192.0.2.1", true},
        {"192.0.3.0", false},
        {"192.88.99.1", true},
        {"192.167.255.255", false},
        {"192.168.0.1", true},
        {"192.169.0.0", false},
        {"198.17.255.255", false},
        {"198.18.0.1", true},
        {"198.19.255.255", true},
        {"198.20.0.0", false},
        {"198.51.100.1", true},
        {"203.0.113.1", true},
        {"223.255.255.255", false},
        {"224.0.0.1", true},
        {"240.0.0.1", true},
        {"255.255.255.255", true},
        {"::", true},
        {"::1", true},
        {"::7f00:1", true},         /* compatible: ::127.0.0.1 */
        {"::ffff:127.0.0.1", true}, /* mapped */
        {"::ffff:10.0.0.1", true},
        {"::ffff:8.8.8.8", false},
        {"::ffff:0:10.0.0.1", true}, /* translated */
        {"::ffff:0:8.8.8.8", false},
        {"64:ff9b::a9fe:a9fe", true}, /* NAT64 of 169.254.169.254 */
        {"64:ff9b::808:808", false},
        {"64:ff9b:1::808:808", true}, /* NAT64 of one's own network */
        {"100::1", true},
        {"2001:0:0:0:0:0:80ff:fffe", true},  /* Teredo of 127.0.0.1 */
        {"2001:0:0:0:0:0:f7f7:f7f7", false}, /* Teredo of 8.8.8.8 */
        {"2001:2::1", true},
        {"2001:db8::1", true},
        {"2001:4860:4860::8888", false},
        {"2002:7f00:1::1", true}, /* 6to4 of 127.0.0.1 */
        {"2002:c0a8:101::", true},
        {"2002:808:808::1", false},
        {"2606:4700::1111", false},
        {"2a00:1450::1", false},
        {"3fff::1", true},
        {"5f00::1", true},
        {"fbff::1", false},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", true},
        {"ff02::1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sockaddr_storage sa = address(rows[i].text);
        struct err e = {0};
        if (address_is_private((const struct sockaddr *)&sa) != rows[i].is_private)
            fail_msg("%s", rows[i].text);
        /* No rule: https:// to public ones, and nothing else. */
        assert_int_equal(allowed(NULL, rows[i].text, true, &e), !rows[i].is_private);
        assert_int_equal(e.code, rows[i].is_private ? ERR_FORBIDDEN : ERR_NONE);
        assert_false(allowed(NULL, rows[i].text, false, &e));
        assert_true(allowed(&egress_everything, rows[i].text, true, &e));
        assert_int_equal(allowed(&egress_everything, rows[i].text, false, &e), rows[i].is_private);
    }
    assert_true(address_is_private(&(struct sockaddr){.sa_family = AF_UNIX}));
}

static void only_the_networks_that_are_listed(void **state)
{
    static const struct {
        const char *list, *in, *out;
    } rows[] = {
        {"10.1.2.0/24", "10.1.2.255", "10.1.3.0"},
        {"10.1.2.0/24", "::ffff:10.1.2.3", "::ffff:10.1.1.255"},
        {"10.1.2.0/24", "64:ff9b::a01:203", "64:ff9b::a01:303"},
        {" 10.1.2.0/24 , 192.168.7.9", "192.168.7.9", "192.168.7.8"},
        {"10.0.0.0/8,192.168.0.0/16", "192.168.200.1", "172.16.0.1"},
        {"172.16.0.0/12", "172.31.255.255", "127.0.0.1"},
        {"127.0.0.2", "127.0.0.2", "127.0.0.1"},
        {"10.9.9.9/32", "10.9.9.9", "10.9.9.8"},
        {"0.0.0.0/0", "169.254.169.254", "::1"},
        {"fd00:7::/32", "fd00:7:ffff::1", "fd00:8::1"},
        {"fd00:7::/33", "fd00:7:7fff::1", "fd00:7:8000::1"},
        {"::1", "::1", "127.0.0.1"},
        {"fe80::/10", "fe80::9", "fd00::1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct egress *g = networks(rows[i].list);
        struct err e = {0};
        if (!allowed(g, rows[i].in, true, &e) || !allowed(g, rows[i].in, false, &e))
            fail_msg("%s: %s: %s", rows[i].list, rows[i].in, e.what);
        if (allowed(g, rows[i].out, true, &e))
            fail_msg("%s: %s", rows[i].list, rows[i].out);
        assert_int_equal(e.code, ERR_FORBIDDEN);
        assert_true(allowed(g, "8.8.8.8", true, &e));
        assert_false(allowed(g, "8.8.8.8", false, &e)); /* in the open, through the internet */
        assert_non_null(strstr(e.what, "https://"));
        egress_free(g);
    }
}

static void the_mend_is_told(void **state)
{
    struct egress *g = egress_new();
    struct err e = {0};
    assert_false(allowed(g, "10.1.2.3", true, &e));
    assert_string_equal(e.what, "host.test is 10.1.2.3, an address of a private network; if the hub may call it, set "
                                "private_networks = 10.1.2.3/32");
    assert_true(egress_configure(g, false, SLICE("10.9.0.0/16"), &e));
    assert_false(allowed(g, "fd00::1", true, &e));
    assert_string_equal(e.what, "host.test is fd00::1, an address of a private network; if the hub may call it, add "
                                "fd00::1/128 to private_networks");
    assert_false(egress_url_allowed(NULL, "https://10.1.2.3", &e));
    assert_string_equal(e.what, "10.1.2.3 is an address of a private network; if the hub may call it, set "
                                "private_networks = 10.1.2.3/32");
    egress_free(g);
}

static void bad_lists(void **state)
{
    static const char *const bad[] = {"10.1.2.0/33",
                                      "10.1.2/24",
                                      "10.1.2.0/",
                                      "10.1.2.0/-1",
                                      "10.1.2.0/x",
                                      "10.1.2.3/24",
                                      "10.1.2.0/24,,10.2.0.0/16",
                                      "host.test",
                                      "fd00::/129",
                                      "fd00::1/64",
                                      "fe80::1%eth0",
                                      "[::1]",
                                      "10.1.2.0 10.2.2.0",
                                      "0x0a.0.0.1",
                                      "010.1.2.3/32",
                                      ",",
                                      "10.1.2.0/24/8",
                                      "10.0.0.0/+8"};
    struct egress *g = networks("10.7.0.0/16");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        if (egress_configure(g, true, slice_cstr(bad[i]), &e))
            fail_msg("%s was accepted", bad[i]);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_non_null(strstr(e.what, "private_networks: "));
        assert_true(allowed(g, "10.7.1.1", true, &e)); /* all stays as it was */
        assert_false(allowed(g, "10.8.1.1", true, &e));
    }
    egress_free(g);
}

/* Refused before anything is resolved. */
static void addresses_that_are_typed_in(void **state)
{
    static const char *const never[] = {
        "",
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user@api.example.com",
        "https://user:pass@127.0.0.1",
        "https://api.example.com@127.0.0.1/",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.0x0.0x0.0x1",
        "https://0x7f.1",
        "https://0X7F.1",
        "https://0177.0.0.1",
        "https://127.1",
        "https://127.0.1",
        "https://127.0.0.01",
        "https://127.0.0.256",
        "https://127.0.0.1.1",
        "https://1.2.3.0x4",
        "https://017700000001",
        "https://host.0x",
        "https://127.0.0.1.",
        "https://localhost.",
        "https://api.example.com.",
        "https://api..example.com",
        "https://.example.com",
        "https://api.example.com:0",
        "https://api.example.com:65536",
        "https://api.example.com:-1",
        "https://api.example.com:+443",
        "https://api.example.com:443x",
        "https://[fe80::1%eth0]",
        "https://[fe80::1%25eth0]",
        "https://[::1",
        "https://[127.0.0.1]",
        "https://[::ffff:0x7f.1]",
        "https://::1",
        "https://api.example.com\\@127.0.0.1",
        "https://127.0.0.1#.example.com",
        "https://127%2e0.0.1",
        "https://%6cocalhost",
        "https://api\343\200\202example.com",                        /* an ideographic full stop */
        "https://\xe2\x93\x9b\xe2\x93\x9e\xe2\x93\x92\xe2\x93\x90l", /* circled letters */
        "https://api.example.com\r\nHost: x",
        "https://api example.com",
    };
    static const char *const private_ones[] = {
        "http://api.example.com",
        "https://127.0.0.1",
        "https://127.0.0.1:8443/x",
        "HTTPS://127.8.8.8",
        "https://0.0.0.0",
        "https://10.1.2.3",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]",
        "https://[::]:443",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[64:ff9b::7f00:1]",
        "https://[2002:7f00:1::]",
        "https://[fd12::1]",
        "https://localhost",
        "https://LOCALHOST:8443",
        "https://db.localhost",
        "https://intranet",
        "https://printer.local",
        "https://metadata.google.internal",
        "https://nas.lan",
        "https://nas.home.arpa",
    };
    static const char *const good[] = {"https://api.example.com",       "https://api.example.com:8443/x?y=z",
                                       "https://xn--bcher-kva.example", "https://8.8.8.8",
                                       "https://[2606:4700::1111]:443", "https://my_host.example.com",
                                       "https://1.example.com",         "https://0x7f.example.com",
                                       "https://internal.example.com",  "https://localhost.example.com"};
    struct egress *some = networks("10.0.0.0/8");
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        if (egress_url_allowed(NULL, never[i], &e) || egress_url_allowed(some, never[i], &e) ||
            egress_url_allowed(&egress_everything, never[i], &e))
            fail_msg("%s was accepted", never[i]);
        assert_int_equal(e.code, ERR_INPUT);
    }
    for (size_t i = 0; i < ARRAY_LEN(private_ones); i++) {
        if (egress_url_allowed(NULL, private_ones[i], &e))
            fail_msg("%s was accepted", private_ones[i]);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.what, "private_networks"))
            fail_msg("%s: %s", private_ones[i], e.what);
        if (!egress_url_allowed(&egress_everything, private_ones[i], &e))
            fail_msg("%s: %s", private_ones[i], e.what);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!egress_url_allowed(NULL, good[i], &e))
            fail_msg("%s: %s", good[i], e.what);
    assert_true(egress_url_allowed(some, "http://10.1.2.3:8080/x", &e));
    assert_true(egress_url_allowed(some, "https://intranet", &e)); /* where it leads is judged when it is called */
    assert_false(egress_url_allowed(some, "https://192.168.1.1", &e));
    assert_false(egress_url_allowed(some, "http://8.8.8.8", &e));
    egress_free(some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_addresses),
        cmocka_unit_test(only_the_networks_that_are_listed),
        cmocka_unit_test(the_mend_is_told),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(addresses_that_are_typed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
