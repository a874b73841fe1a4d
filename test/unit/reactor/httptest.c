/* httptest.c - see httptest.h. The server's routes:
 *   /echo/{text}        200: "text|query|body"             /hold           keeps the request in world->held
 *   /static/{rest...}   200: rest                          /secret         on_head refuses unless X-Secret: open
 *   /small              POST, bodies up to 10 bytes        /status/{n}     that status with a body
 *   /json               4 KiB of JSON                      /items/{id}, /items/new */
#include "httptest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE SECONDS(5)

/* --- routes --- */

static void note(struct http_request *r, struct world *w)
{
    struct slice path = http_request_path(r), query = http_request_query(r);
    str_addf(&w->seen, "%s %.*s?%.*s %zu\n", http_method_name(http_request_method(r)), SLICE_FMT(path),
             SLICE_FMT(query), http_request_body(r).n);
}

static void on_echo(struct http_request *r, void *arg)
{
    note(r, arg);
    _cleanup_(str_release) struct str out = {0};
    str_add(&out, http_request_param(r, "text"));
    str_addc(&out, '|');
    str_add(&out, http_request_query(r));
    str_addc(&out, '|');
    str_add(&out, http_request_body(r));
    http_reply(r, 200, "application/octet-stream", str_slice(&out));
}

static void on_rest(struct http_request *r, void *arg)
{
    note(r, arg);
    http_reply(r, 200, "text/plain", http_request_param(r, "rest"));
}

static void on_item(struct http_request *r, void *arg)
{
    note(r, arg);
    http_reply(r, 200, "text/plain", http_request_param(r, "id"));
}

static void on_new_item(struct http_request *r, void *arg)
{
    note(r, arg);
    http_reply(r, 200, "text/plain", SLICE("the new one"));
}

static void on_gone(struct http_request *r, void *arg)
{
    struct world *w = arg;
    w->gone++;
}

static void on_hold(struct http_request *r, void *arg)
{
    struct world *w = arg;
    note(r, w);
    assert_null(w->held);
    w->held = r;
    http_request_on_gone(r, on_gone, w);
}

static bool on_secret_head(struct http_request *r, void *arg)
{
    if (slice_is(http_request_header(r, "x-secret"), "open"))
        return true;
    http_reply_problem(r, 401, "The secret is wrong.");
    return false;
}

static void on_status(struct http_request *r, void *arg)
{
    int64_t n = 0;
    assert_true(slice_i64(http_request_param(r, "n"), &n));
    http_reply(r, (int)n, "text/plain", SLICE("body"));
}

static void on_json(struct http_request *r, void *arg)
{
    _cleanup_(str_release) struct str out = {0};
    str_addc(&out, '"');
    while (out.n < 4096)
        str_adds(&out, "compress me ");
    str_addc(&out, '"');
    http_reply(r, 200, "application/json", str_slice(&out));
}

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/echo/{text}", .handler = on_echo},
    {.method = HTTP_POST, .pattern = "/echo/{text}", .handler = on_echo, .name = "echo"},
    {.method = HTTP_POST, .pattern = "/small", .handler = on_echo, .max_body = 10},
    {.method = HTTP_POST, .pattern = "/secret", .handler = on_echo, .on_head = on_secret_head},
    {.method = HTTP_GET, .pattern = "/static/{rest...}", .handler = on_rest},
    {.method = HTTP_GET, .pattern = "/items/{id}", .handler = on_item},
    {.method = HTTP_GET, .pattern = "/items/new", .handler = on_new_item},
    {.method = HTTP_GET, .pattern = "/hold", .handler = on_hold},
    {.method = HTTP_POST, .pattern = "/hold", .handler = on_hold},
    {.method = HTTP_GET, .pattern = "/status/{n}", .handler = on_status},
    {.method = HTTP_GET, .pattern = "/json", .handler = on_json},
};

static void on_finished(const struct http_request *r, int status, usec_t took, void *arg)
{
    struct world *w = arg;
    w->finished++;
    w->last_status = status;
}

/* --- world --- */

struct world *world_new(const struct http_server_options *o)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->loop = loop_new_virtual(NULL, w->metrics, SECONDS(1760000000));
    w->server = http_server_new(w->loop, o, w->metrics);
    http_server_add(w->server, routes, ARRAY_LEN(routes), w);
    http_server_on_finished(w->server, on_finished, w);
    struct err e;
    assert_true(http_server_listen(w->server, "127.0.0.1:0", NULL, &w->port, &e));
    return w;
}

void world_free(struct world *w)
{
    http_server_free(w->server);
    loop_free(w->loop);
    metrics_free(w->metrics);
    str_release(&w->seen);
    free(w);
}

bool world_wait(struct world *w, bool (*done)(void *arg), void *arg)
{
    bool ok = loop_run_until(w->loop, done, arg, PATIENCE);
    assert_true(ok);
    return ok;
}

double world_metric(struct world *w, const char *line_start)
{
    _cleanup_(str_release) struct str text = {0};
    metrics_write(w->metrics, METRICS_TEXT_004, &text);
    struct slice rest = str_slice(&text);
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n');
        if (slice_starts(line, slice_cstr(line_start))) {
            const char *blank = memrchr(line.p, ' ', line.n);
            return blank ? atof(blank + 1) : -1;
        }
    }
    return -1;
}

/* --- clients --- */

static void client_cb(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    char buf[65536];
    ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n > 0) {
        str_add(&c->in, slice_of(buf, (size_t)n));
    } else if (n == 0 || errno != EAGAIN) {
        c->eof = true;
        c->reset = n < 0;
        event_del(c->ev);
    }
}

struct client *client_new(struct world *w)
{
    struct client *c = NEW(struct client);
    c->w = w;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)), 0); /* the backlog takes it at once */
    c->ev = event_new(loop_base(w->loop), c->fd, EV_READ | EV_PERSIST, client_cb, c);
    event_add(c->ev, NULL);
    return c;
}

void client_free(struct client *c)
{
    event_free(c->ev);
    close(c->fd);
    str_release(&c->in);
    free(c);
}

void client_abort(struct client *c)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client_free(c);
}

static bool set_flag(void *arg)
{
    return *(bool *)arg;
}

static void writable_cb(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

void client_send(struct client *c, struct slice bytes)
{
    while (bytes.n) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            c->reset = true;
            return;
        }
        bytes = slice_of(bytes.p + MAX(n, 0), bytes.n - (size_t)MAX(n, 0));
        if (bytes.n) {
            bool writable = false;
            event_base_once(loop_base(c->w->loop), c->fd, EV_WRITE, writable_cb, &writable, NULL);
            world_wait(c->w, set_flag, &writable);
        }
    }
}

void client_sends(struct client *c, const char *text)
{
    client_send(c, slice_cstr(text));
}

void client_half_close(struct client *c)
{
    shutdown(c->fd, SHUT_WR);
}

void client_stop_reading(struct client *c)
{
    event_del(c->ev);
}

void client_start_reading(struct client *c)
{
    event_add(c->ev, NULL);
}

/* --- replies --- */

static bool find_header(struct slice head, const char *name, struct slice *ret)
{
    while (head.n) {
        struct slice line = slice_cut(&head, '\n');
        struct slice value = line;
        if (slice_ieq(slice_cut(&value, ':'), slice_cstr(name))) {
            *ret = slice_trim(value);
            return true;
        }
    }
    return false;
}

static bool dechunk(struct slice in, struct str *body, size_t *used)
{
    size_t at = 0;
    if (in.n > 1 << 20 && !slice_ends(in, SLICE("0\r\n\r\n"))) /* a large one is looked at once */
        return false;
    for (;;) {
        const char *nl = memchr(in.p + at, '\n', in.n - at);
        if (!nl)
            return false;
        size_t size = strtoul(in.p + at, NULL, 16), start = (size_t)(nl - in.p) + 1;
        if (in.n < start + size + 2)
            return false;
        str_add(body, slice_of(in.p + start, size));
        at = start + size + 2;
        if (size == 0) {
            *used = at;
            return true;
        }
    }
}

struct wanted {
    struct client *c;
    struct reply r;
    bool head_only;
    size_t used;
};

static bool try_reply(void *arg)
{
    struct wanted *w = arg;
    struct slice in = str_slice(&w->c->in), length, coding;
    const char *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    if (!end)
        return w->c->eof;
    struct slice head = slice_of(in.p, (size_t)(end - in.p) + 2);
    size_t start = head.n + 2;
    str_clear(&w->r.body);
    if (w->head_only || slice_starts(head, SLICE("HTTP/1.1 1"))) {
        w->used = start;
        w->r.whole = true;
    } else if (find_header(head, "Content-Length", &length)) {
        size_t n = strtoul(length.p, NULL, 10);
        w->r.whole = in.n >= start + n;
        w->used = w->r.whole ? start + n : in.n;
        if (w->r.whole || w->c->eof)
            str_add(&w->r.body, slice_of(in.p + start, w->used - start));
    } else if (find_header(head, "Transfer-Encoding", &coding)) {
        w->used = in.n - start;
        w->r.whole = dechunk(slice_of(in.p + start, in.n - start), &w->r.body, &w->used);
        w->used += start;
    } else if (slice_starts(head, SLICE("HTTP/1.1 204")) || slice_starts(head, SLICE("HTTP/1.1 304"))) {
        w->used = start;
        w->r.whole = true;
    } else if (w->c->eof) {
        str_add(&w->r.body, slice_of(in.p + start, in.n - start));
        w->used = in.n;
    }
    if (!w->r.whole && !w->c->eof)
        return false;
    w->r.status = atoi(head.p + 9);
    w->r.head = mem_strndup(head.p, head.n);
    return true;
}

struct reply client_reply(struct client *c, bool head_only)
{
    struct wanted w = {.c = c, .head_only = head_only};
    world_wait(c->w, try_reply, &w);
    memmove(c->in.p, c->in.p + w.used, c->in.n - w.used);
    c->in.n -= w.used;
    return w.r;
}

void reply_release(struct reply *r)
{
    free(r->head);
    str_release(&r->body);
}

const char *reply_header(const struct reply *r, const char *name, char *buf, size_t n)
{
    struct slice v = SLICE_NONE;
    find_header(slice_cstr(r->head), name, &v);
    snprintf(buf, n, "%.*s", SLICE_FMT(v));
    return buf;
}

static bool at_eof(void *arg)
{
    return ((struct client *)arg)->eof;
}

void client_wait_eof(struct client *c)
{
    world_wait(c->w, at_eof, c);
}

void client_expect(struct client *c, const char *request, int status)
{
    client_sends(c, request);
    struct reply r = client_reply(c, false);
    if (r.status != status)
        print_error("request: %s\nreply: %s%.*s\n", request, r.head ? r.head : "(none)", SLICE_FMT(str_slice(&r.body)));
    assert_int_equal(r.status, status);
    reply_release(&r);
}
