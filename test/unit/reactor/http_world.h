/* http_world.h - what the HTTP client's tests share: a loop, a client, servers that misbehave on request, a name
 * server.
 * Always: everything runs on the one loop under test, so that no test needs a thread or a sleep. What a server does is
 *         chosen by the request's path (http_world.c has the table). Each call ends exactly once, or the test fails. */
#ifndef MSPHUB_TEST_HTTP_WORLD_H
#define MSPHUB_TEST_HTTP_WORLD_H

#include "base/mem.h"
#include "base/metrics.h"
#include "reactor/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct server {
    struct world *w;
    struct evconnlistener *listener;
    SSL_CTX *tls;
    uint16_t port;
    unsigned accepted, requests, open;
    size_t sent;             /* of /stream */
    char last_request[4096]; /* head */
    TAILQ_HEAD(, peer) peers;
};

struct reply {
    struct world *w;
    struct ref ref;
    int heads, ends, status;
    enum err_code code;
    char what[384], type[64];
    struct str body;
    size_t pieces;
    void (*on_body)(struct reply *r);
    void (*on_head)(struct reply *r);
    void (*then)(struct reply *r); /* at the end */
};

struct world {
    struct log *log;
    struct loop *loop;
    struct metrics *metrics;
    struct http_client *client;
    struct server plain, tls;
    struct evdns_server_port *dns;
    unsigned rebind_asked; /* how often rebind.test was */
    char dir[32], *ca_file;
    struct reply *replies[256];
    size_t nreplies;
};

int world_setup(void **state); /* a client that may use private addresses and trusts the test's authority */
int world_teardown(void **state);
void world_client(struct world *w, struct http_client_options o); /* another client instead */

/* Certificates, signed by the test's authority unless `other_ca`; `days` may be negative: expired. */
void server_certificate(struct server *s, const char *name, int days, bool other_ca);
void server_drop_idle(struct server *s); /* closes the connections that wait for a request */

char *url_of(const struct server *s, const char *host, const char *path); /* freed by the caller */
struct reply *start(struct world *w, struct http_call call);
struct reply *get(struct world *w, const char *path); /* from the plain server, not awaited */
struct reply *post(struct world *w, const char *path, size_t n);
void wait_for(struct world *w, struct reply *r);
struct reply *fetch(struct world *w, const char *path); /* get and wait */
bool wait_until(struct world *w, bool (*done)(void *arg), void *arg);
void turns(struct world *w, int ms); /* lets the loop run */

static inline void assert_whole(const struct reply *r, int status, const char *body)
{
    if (r->code != ERR_NONE)
        print_error("%s\n", r->what);
    assert_int_equal(r->code, ERR_NONE);
    assert_int_equal(r->status, status);
    assert_int_equal(r->heads, 1);
    if (body)
        assert_string_equal(r->body.p ? r->body.p : "", body);
}

static inline void assert_failed(const struct reply *r, enum err_code code, const char *text)
{
    assert_int_equal(r->code, code);
    if (!strstr(r->what, text))
        print_error("\"%s\" does not say \"%s\"\n", r->what, text);
    assert_non_null(strstr(r->what, text));
}

#endif
