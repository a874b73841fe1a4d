/* The HTTP client's way to a server: names, addresses, which of them are allowed, TLS. */
#include "http_world.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct reply *fetch_from(struct world *w, const struct server *s, const char *host, const char *path)
{
    _cleanup_(mem_freep) char *url = url_of(s, host, path);
    struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = url});
    wait_for(w, r);
    return r;
}

static struct reply *get_within(struct world *w, const char *url, usec_t timeout)
{
    struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = url, .timeout = timeout});
    wait_for(w, r);
    return r;
}

/* --- names --- */

static void test_a_name(void **state)
{
    struct world *w = *state;
    assert_whole(fetch_from(w, &w->plain, "host.test", "/ok"), 200, "ok");
    assert_non_null(strstr(w->plain.last_request, "\r\nHost: host.test:"));
    assert_whole(fetch_from(w, &w->plain, "localhost", "/ok"), 200, "ok"); /* /etc/hosts */
    assert_whole(fetch_from(w, &w->plain, "other.test", "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 3); /* one address, but three origins */
}

static void test_a_name_that_does_not_exist(void **state)
{
    struct world *w = *state;
    assert_failed(fetch_from(w, &w->plain, "nobody.invalid", "/ok"), ERR_UNAVAILABLE,
                  "nobody.invalid cannot be resolved");
}

static void test_a_name_server_that_is_silent(void **state)
{
    struct world *w = *state;
    assert_failed(get_within(w, "http://silent.test/", MILLIS(80)), ERR_TIMEOUT, "while the name was looked up");
    struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = "http://silent.test/"});
    turns(w, 10);
    http_call_cancel(w->client, r->ref);
    wait_for(w, r);
    assert_int_equal(r->code, ERR_CANCELED);
}

/* --- addresses --- */

static void test_refused(void **state)
{
    struct world *w = *state;
    struct server nobody = {.port = w->plain.port};
    evconnlistener_free(TAKE(w->plain.listener));
    turns(w, 2);
    assert_failed(fetch_from(w, &nobody, "127.0.0.1", "/"), ERR_UNAVAILABLE,
                  "connecting to 127.0.0.1: Connection refused");
}

static void test_the_next_address_is_tried(void **state)
{
    struct world *w = *state; /* both.test: ::1, where nobody listens, then 127.0.0.1 */
    assert_whole(fetch_from(w, &w->plain, "both.test", "/ok"), 200, "ok");
    assert_whole(fetch_from(w, &w->tls, "host.test", "/ok"), 200, "ok");
}

/* A listener whose connections nobody takes; when its backlog is full, not even the kernel answers. */
static int deaf_listener(uint16_t *ret_port, int backlog, int held[], size_t n)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    for (size_t i = 0; i < n; i++) {
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(held[i], (struct sockaddr *)&sin, len);
    }
    *ret_port = ntohs(sin.sin_port);
    return fd;
}

static void test_no_answer_to_the_connect(void **state)
{
    struct world *w = *state;
    int held[4];
    struct server full = {0};
    int fd = deaf_listener(&full.port, 0, held, ARRAY_LEN(held));
    world_client(w, (struct http_client_options){.egress = &egress_everything, .connect_timeout = MILLIS(50)});
    assert_failed(fetch_from(w, &full, "127.0.0.1", "/"), ERR_UNAVAILABLE,
                  "connecting to 127.0.0.1: no answer in time");
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        close(held[i]);
    close(fd);
}

static void test_private_addresses_are_refused(void **state)
{
    struct world *w = *state;
    world_client(w, (struct http_client_options){0});
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::1]",
        "[2002:c0a8:101::]",
        "[ff02::1]",
        "[2001:0:0:0:0:0:80ff:fffe]",
        "localhost",
        "host.test",
        "metadata.test",
    };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct reply *r = fetch_from(w, &w->plain, hosts[i], "/ok");
        if (r->code != ERR_FORBIDDEN)
            print_error("%s: %s\n", hosts[i], r->what);
        assert_failed(r, ERR_FORBIDDEN, "set private_networks = ");
    }
    assert_int_equal(w->plain.accepted, 0);
}

/* What was checked is what is connected to, each time a connection is made. */
static void test_a_name_that_leads_elsewhere_the_next_time(void **state)
{
    struct world *w = *state;
    struct egress *g = egress_new();
    assert_true(egress_configure(g, false, SLICE("127.0.0.1"), NULL));
    world_client(w, (struct http_client_options){.egress = g});
    assert_whole(fetch_from(w, &w->plain, "rebind.test", "/ok"), 200, "ok");
    assert_int_equal(w->rebind_asked, 1);
    assert_whole(fetch_from(w, &w->plain, "rebind.test", "/ok"), 200, "ok"); /* the same connection */
    assert_int_equal(w->rebind_asked, 1);
    server_drop_idle(&w->plain);
    turns(w, 5);
    assert_failed(fetch_from(w, &w->plain, "rebind.test", "/ok"), ERR_FORBIDDEN,
                  "rebind.test is 169.254.169.254, an address of a private network; if the hub may call it, add "
                  "169.254.169.254/32 to private_networks");
    assert_int_equal(w->rebind_asked, 2);
    assert_int_equal(w->plain.accepted, 1);
    world_client(w, (struct http_client_options){0});
    egress_free(g);
}

static void test_of_several_addresses_the_allowed_ones_are_used(void **state)
{
    struct world *w = *state;
    struct egress *g = egress_new();
    world_client(w,
                 (struct http_client_options){.egress = g}); /* mixed.test: 127.0.0.1 and 127.0.0.2, where nobody is */
    assert_true(egress_configure(g, false, SLICE("127.0.0.2"), NULL));
    assert_failed(fetch_from(w, &w->plain, "mixed.test", "/ok"), ERR_UNAVAILABLE,
                  "connecting to 127.0.0.2: Connection refused");
    assert_int_equal(w->plain.accepted, 0);
    assert_true(egress_configure(g, false, SLICE("127.0.0.1"), NULL));
    assert_whole(fetch_from(w, &w->plain, "mixed.test", "/ok"), 200, "ok");
    assert_int_equal(w->plain.accepted, 1);
    /* The rule has changed: the connection that is there is not used any more. */
    assert_true(egress_configure(g, false, SLICE(""), NULL));
    assert_failed(fetch_from(w, &w->plain, "mixed.test", "/ok"), ERR_FORBIDDEN, "private_networks");
    assert_int_equal(w->plain.requests, 1);
    world_client(w, (struct http_client_options){0});
    egress_free(g);
}

/* --- TLS --- */

static void test_tls(void **state)
{
    struct world *w = *state;
    assert_whole(fetch_from(w, &w->tls, "host.test", "/ok"), 200, "ok");
    assert_whole(fetch_from(w, &w->tls, "host.test", "/gzip/300000"), 200, NULL);
    assert_whole(fetch_from(w, &w->tls, "host.test", "/stream/3000000"), 200, NULL);
    assert_whole(fetch_from(w, &w->tls, "host.test", "/100"), 200, "real");
    assert_whole(fetch_from(w, &w->tls, "host.test", "/dies-second"), 200,
                 "ok"); /* it dies: once more on a fresh one */
    assert_int_equal(w->tls.accepted, 2);
    server_drop_idle(&w->tls);
    assert_whole(fetch_from(w, &w->tls, "host.test", "/ok"), 200, "ok");
}

static void test_certificates_that_are_refused(void **state)
{
    struct world *w = *state;
    assert_failed(fetch_from(w, &w->tls, "other.test", "/ok"), ERR_AUTH, "other.test");
    assert_failed(fetch_from(w, &w->tls, "127.0.0.1", "/ok"), ERR_AUTH, "127.0.0.1");
    server_certificate(&w->tls, "host.test", 10, true);
    assert_failed(fetch_from(w, &w->tls, "host.test", "/ok"), ERR_AUTH, "authority");
    server_certificate(&w->tls, "host.test", -2, false);
    assert_failed(fetch_from(w, &w->tls, "host.test", "/ok"), ERR_AUTH, "expired");
    server_certificate(&w->tls, "*.host.test", 10, false);
    assert_whole(fetch_from(w, &w->tls, "sub.host.test", "/ok"), 200, "ok");
    assert_failed(fetch_from(w, &w->tls, "host.test", "/ok"), ERR_AUTH, "host.test");
    server_certificate(&w->tls, "s*.host.test", 10, false);
    server_drop_idle(&w->tls);
    turns(w, 5);
    assert_failed(fetch_from(w, &w->tls, "sub.host.test", "/ok"), ERR_AUTH, "sub.host.test");
}

static void test_no_tls_there(void **state)
{
    struct world *w = *state;
    _cleanup_(mem_freep) char *url = mem_printf("https://127.0.0.1:%u/", w->plain.port);
    struct reply *r = get_within(w, url, MILLIS(300)); /* the server waits for a head that never comes */
    assert_failed(r, ERR_TIMEOUT, "in the TLS handshake");
    struct server as_plain = {.port = w->tls.port};
    r = fetch_from(w, &as_plain, "host.test", "/ok");
    assert_true(r->code == ERR_PROTOCOL || r->code == ERR_UNAVAILABLE);
}

/* Without its close_notify a body that ends with the connection may have been cut by anybody. */
static void test_a_body_to_the_end_of_a_tls_connection(void **state)
{
    struct world *w = *state;
    assert_whole(fetch_from(w, &w->tls, "host.test", "/until-close"), 200, "all of it");
    assert_failed(fetch_from(w, &w->tls, "host.test", "/until-close-cut"), ERR_PROTOCOL,
                  "cut before the reply was whole");
}

static void test_cancel_in_the_handshake(void **state)
{
    struct world *w = *state;
    struct server mute = {.tls = w->tls.tls};
    int fd = deaf_listener(&mute.port, 16, NULL, 0); /* the kernel accepts, nobody reads */
    _cleanup_(mem_freep) char *url = url_of(&mute, "host.test", "/");
    struct reply *r = start(w, (struct http_call){.method = HTTP_GET, .url = url});
    turns(w, 30);
    http_call_cancel(w->client, r->ref);
    wait_for(w, r);
    assert_int_equal(r->code, ERR_CANCELED);
    world_client(w, (struct http_client_options){.egress = &egress_everything, .connect_timeout = MILLIS(40)});
    r = get_within(w, url, SECONDS(5));
    assert_failed(r, ERR_TIMEOUT, "TLS handshake took too long");
    close(fd);
}

static void test_bad_ca_file(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct http_client_options o = {.ca_file = "/nonexistent.pem"};
    assert_null(http_client_new(w->loop, &o, NULL, &e));
    assert_int_equal(e.code, ERR_CONFIG);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_name),
        T(test_a_name_that_does_not_exist),
        T(test_a_name_server_that_is_silent),
        T(test_refused),
        T(test_the_next_address_is_tried),
        T(test_no_answer_to_the_connect),
        T(test_private_addresses_are_refused),
        T(test_a_name_that_leads_elsewhere_the_next_time),
        T(test_of_several_addresses_the_allowed_ones_are_used),
        T(test_tls),
        T(test_certificates_that_are_refused),
        T(test_no_tls_there),
        T(test_a_body_to_the_end_of_a_tls_connection),
        T(test_cancel_in_the_handshake),
        T(test_bad_ca_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
