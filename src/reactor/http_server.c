/* http_server.c - the server: options, routes, metrics, drain. See http_server_internal.h for what is where.
 * Owns:   listeners, connections, the router, spare requests and scratch buffers; nothing is static, so a process may
 *         run several. */
#include "reactor/http_server_internal.h"

#include "base/crypto.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static void set_defaults(struct http_server_options *o)
{
#define DEFAULT(field, value) o->field = o->field ? o->field : (value)
    DEFAULT(max_head, 16384);
    DEFAULT(max_headers, 100);
    DEFAULT(max_body, 1 << 20);
    DEFAULT(max_connections, 10000);
    DEFAULT(head_timeout, SECONDS(10));
    DEFAULT(body_timeout, SECONDS(30));
    DEFAULT(idle_timeout, SECONDS(75));
    DEFAULT(write_timeout, SECONDS(60));
    DEFAULT(max_buffered, 256 << 20);
    DEFAULT(stream_high, 256 << 10);
#undef DEFAULT
}

/* --- metrics --- */

static void metrics_init(struct http_server *s, struct metrics *m)
{
    s->metrics = m;
    if (!m)
        return;
    s->requests_total =
        metric_family(m, METRIC_COUNTER, "msphub_http_requests_total",
                      "Finished requests; status 0: the client left before the reply", "route,method,status", NULL, 0);
    s->seconds = metric_family(m, METRIC_HISTOGRAM, "msphub_http_request_duration_seconds",
                               "From the complete head to the end of the reply", "route", METRICS_LATENCY);
    s->rejected_total =
        metric_family(m, METRIC_COUNTER, "msphub_http_rejected_total",
                      "Requests refused before a handler saw them, and failed accepts", "reason", NULL, 0);
    s->connections = metric_gauge(m, "msphub_http_connections", "Client connections");
    s->body_bytes = metric_gauge(m, "msphub_http_body_bytes", "Request bodies held in memory (ceiling: max_buffered)");
}

static void entry_init(struct http_server *s, struct route_entry *e, const struct http_route *route, void *arg)
{
    if (route)
        e->copy = *route;
    e->route = route ? &e->copy : NULL;
    e->arg = arg;
    e->name = !route ? "none" : route->name ? route->name : route->pattern;
    if (s->metrics)
        e->seconds = histogram_with(s->seconds, METRIC_L(e->name));
}

static struct metric *count_of(struct http_server *s, struct route_entry *e, enum http_method method, int status)
{
    for (size_t i = 0; i < e->ncounts; i++)
        if (e->counts[i].status == status && e->counts[i].method == method)
            return e->counts[i].metric;
    char text[12];
    snprintf(text, sizeof(text), "%d", status);
    struct metric *m = metric_with(s->requests_total, METRIC_L(e->name, http_method_name(method), text));
    e->counts = mem_realloc_array(e->counts, e->ncounts + 1, sizeof(e->counts[0]));
    e->counts[e->ncounts++] = (struct route_count){.method = method, .status = status, .metric = m};
    return m;
}

void server_count_finished(struct http_request *r, int status, usec_t took)
{
    struct http_server *s = r->server;
    if (!s->metrics)
        return;
    count_of(s, r->entry, r->head.method, status)->value++;
    histogram_observe(r->entry->seconds, (double)took / USEC_PER_S);
    s->body_bytes->value = (double)s->buffered;
}

void server_count_rejected(struct http_server *s, const char *reason)
{
    if (s->metrics)
        metric_with(s->rejected_total, METRIC_L(reason))->value++;
}

/* --- life --- */

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o, struct metrics *m)
{
    struct http_server *s = NEW(struct http_server);
    s->loop = l;
    if (o)
        s->o = *o;
    set_defaults(&s->o);
    s->router = http_router_new();
    s->stash = evbuffer_new();
    if (!s->stash)
        abort(); /* out of memory */
    TAILQ_INIT(&s->listeners);
    TAILQ_INIT(&s->conns);
    TAILQ_INIT(&s->spare);
    crypto_random(&s->id_seed, sizeof(s->id_seed));
    metrics_init(s, m);
    entry_init(s, &s->no_route, NULL, NULL);
    return s;
}

void http_server_add(struct http_server *s, const struct http_route *routes, size_t n, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        struct route_entry *e = NEW(struct route_entry);
        entry_init(s, e, &routes[i], arg);
        e->next = s->entries;
        s->entries = e;
        http_router_add(s->router, e->route, e);
    }
}

void http_server_on_finished(struct http_server *s,
                             void (*cb)(const struct http_request *r, int status, usec_t took, void *arg), void *arg)
{
    s->finished = cb;
    s->finished_arg = arg;
}

unsigned http_server_connections(const struct http_server *s)
{
    return s->nconns;
}

static void free_conns(struct http_server *s)
{
    struct conn *c;
    while ((c = TAILQ_FIRST(&s->conns))) {
        struct http_request *r = c->req;
        if (r && r->free_data)
            r->free_data(r->data);
        if (r)
            request_free(r);
        conn_free(c);
    }
}

static void free_entries(struct http_server *s)
{
    free(s->no_route.counts);
    for (struct route_entry *e = s->entries, *next; e; e = next) {
        next = e->next;
        free(e->counts);
        free(e);
    }
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    s->drain_done = NULL;
    listeners_close(s);
    free_conns(s);
    listeners_free(s);
    timer_cancel(&s->accept_again);
    timer_cancel(&s->drain_limit);
    loop_undefer(s->loop, &s->drained);
    for (struct http_request *r; (r = TAILQ_FIRST(&s->spare));) {
        TAILQ_REMOVE(&s->spare, r, link);
        request_free(r);
    }
    http_router_free(s->router);
    free_entries(s);
    evbuffer_free(s->stash);
    str_release(&s->out);
    str_release(&s->zipped);
    if (s->zip)
        deflateEnd(s->zip);
    free(s->zip);
    free(s);
}

/* --- drain --- */

static void drained_cb(void *arg)
{
    struct http_server *s = arg;
    void (*done)(void *) = TAKE(s->drain_done);
    timer_cancel(&s->drain_limit);
    if (done)
        done(s->drain_arg);
}

static void drain_limit_cb(void *arg)
{
    struct http_server *s = arg;
    for (struct conn *c = TAILQ_FIRST(&s->conns), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_cut(c);
    }
    loop_defer(s->loop, &s->drained, drained_cb, s);
}

void http_server_drain(struct http_server *s, usec_t within, void (*done)(void *arg), void *arg)
{
    s->draining = true;
    s->drain_done = done;
    s->drain_arg = arg;
    listeners_close(s);
    timer_cancel(&s->accept_again);
    for (struct conn *c = TAILQ_FIRST(&s->conns), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        conn_close_idle(c);
    }
    timer_set(&s->drain_limit, s->loop, within, drain_limit_cb, s);
    if (s->nconns == 0)
        loop_defer(s->loop, &s->drained, drained_cb, s);
}

void server_conn_gone(struct http_server *s)
{
    s->nconns--;
    if (s->metrics)
        s->connections->value = s->nconns;
    if (s->nconns == 0 && s->draining && s->drain_done)
        loop_defer(s->loop, &s->drained, drained_cb, s);
    if (!s->draining && s->nconns < s->o.max_connections)
        listeners_resume(s, ACCEPT_CAP);
}
