/* httptest.h - a server on a virtual clock and raw clients on the same loop.
 * Always: nothing sleeps: waiting runs turns of the loop until a condition holds (5 s at most); deadlines are reached by
 *         loop_advance alone. */
#ifndef MSPHUB_TEST_HTTPTEST_H
#define MSPHUB_TEST_HTTPTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "reactor/http_server.h"

struct event;

struct world {
    struct metrics *metrics;
    struct loop *loop;
    struct http_server *server;
    uint16_t port;
    struct http_request *held; /* what the route /hold keeps */
    unsigned gone, finished, drains;
    int last_status;
    struct str seen; /* "METHOD path?query body-length\n" for each request that reached a handler */
};

struct world *world_new(const struct http_server_options *o);
void world_free(struct world *w);
bool world_wait(struct world *w, bool (*done)(void *arg), void *arg); /* asserts that it came to pass */
double world_metric(struct world *w, const char *line_start); /* the value of the first line that starts so; -1: none */

struct client {
    struct world *w;
    int fd;
    struct event *ev;
    struct str in;
    bool eof, reset;
};

struct client *client_new(struct world *w);
void client_free(struct client *c);  /* closes: FIN when everything was read */
void client_abort(struct client *c); /* closes by RST and frees */
void client_send(struct client *c,
                 struct slice bytes); /* runs the loop when the socket is full; a reset stops it and is noted */
void client_sends(struct client *c, const char *text);
void client_half_close(struct client *c);
void client_stop_reading(struct client *c);
void client_start_reading(struct client *c);

struct reply {
    int status;
    char *head;      /* status line and headers */
    struct str body; /* dechunked */
    bool whole;      /* the body's end was seen (not merely the connection's) */
};
/* Waits for one whole reply (or EOF). `head_only`: it has no body whatever its headers say. */
struct reply client_reply(struct client *c, bool head_only);
void reply_release(struct reply *r);
/* A header's value from r->head into buf; "" when absent. */
const char *reply_header(const struct reply *r, const char *name, char *buf, size_t n);
void client_wait_eof(struct client *c);
/* Sends, takes one reply, checks its status, releases. */
void client_expect(struct client *c, const char *request, int status);

#endif
