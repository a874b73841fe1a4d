/* http_server.c - what our HTTP server costs over a bare libevhtp handler. For wrk; prints nothing but the port.
 *   bench-http-server naive|sync|async     ("async": replies are given in deferred work, as the webhook intake does) */
#include "reactor/http_server.h"
#include "base/err.h"

#include <evhtp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

static void naive_cb(evhtp_request_t *req, void *arg)
{
    evbuffer_add(req->buffer_out, "ok", 2);
    evhtp_send_reply(req, EVHTP_RES_OK);
}

static int naive(void)
{
    struct event_base *base = event_base_new();
    evhtp_t *htp = evhtp_new(base, NULL);
    evhtp_set_gencb(htp, naive_cb, NULL);
    evhtp_enable_flag(htp, EVHTP_FLAG_ENABLE_NODELAY);
    if (evhtp_bind_socket(htp, "127.0.0.1", 0, 1024) != 0)
        return 1;
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    getsockname(evconnlistener_get_fd(htp->server), (struct sockaddr *)&sin, &len);
    printf("%d\n", ntohs(sin.sin_port));
    fflush(stdout);
    return event_base_dispatch(base);
}

struct pending {
    struct http_request *r;
    struct deferred later;
};

static void on_sync(struct http_request *r, void *arg)
{
    http_reply(r, 200, "text/plain", SLICE("ok"));
}

static void on_later(void *arg)
{
    struct pending *p = arg;
    http_reply(p->r, 200, "text/plain", SLICE("ok"));
    free(p);
}

static void on_async(struct http_request *r, void *arg)
{
    struct pending *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->r = r;
    loop_defer(arg, &p->later, on_later, p);
}

int main(int argc, char **argv)
{
    if (argc < 2 || slice_is(slice_cstr(argv[1]), "naive"))
        return naive();
    bool async = slice_is(slice_cstr(argv[1]), "async");
    const struct http_route routes[] = {
        {.method = HTTP_GET, .pattern = "/{rest...}", .handler = async ? on_async : on_sync},
        {.method = HTTP_POST, .pattern = "/{rest...}", .handler = async ? on_async : on_sync},
    };
    struct metrics *metrics = metrics_new();
    struct loop *loop = loop_new(NULL, metrics);
    struct http_server *s = http_server_new(loop, NULL, metrics);
    http_server_add(s, routes, ARRAY_LEN(routes), loop);
    uint16_t port;
    struct err e;
    if (!http_server_listen(s, "127.0.0.1:0", NULL, &port, &e)) {
        fprintf(stderr, "%s\n", e.what);
        return 1;
    }
    printf("%d\n", port);
    fflush(stdout);
    loop_run(loop);
    return 0;
}
