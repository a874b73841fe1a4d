/* http_client.c - calls: checked and copied at the start, ended once, called back at the end of the turn.
 * Why:    evhttp carries the calls, but promises less than http_client.h does; http_client_exchange.c lists what is cured
 *         around it.
 * Owns:   running calls, origins with their connections.
 * States: QUEUED -> BOUND (to a connection) -> ENDED;  BOUND -> QUEUED once, when a kept connection turned out to be
 *         stale */
#include "reactor/http_client_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- headers --- */

bool http_is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0;
}

bool http_is_field_value(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

const char *http_reply_head_get(const struct http_reply_head *h, const char *name)
{
    for (size_t i = 0; i < h->nheaders; i++)
        if (strcasecmp(h->headers[i].name, name) == 0)
            return h->headers[i].value;
    return NULL;
}

/* --- the request --- */

/* Framing and connection are decided here; a caller's own opinion could only contradict it. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "Host",    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
        "Trailer", "Expect",         "Accept-Encoding"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static void put_header(struct str *out, const char *name, const char *value)
{
    str_add(out, slice_of(name, strlen(name) + 1));
    str_add(out, slice_of(value, strlen(value) + 1));
}

static bool add_header(struct str *out, const struct http_header *h, struct err *e)
{
    struct slice value = slice_cstr(h->value);
    if (!http_is_token(slice_cstr(h->name)) || is_reserved(h->name))
        return err_set(e, ERR_INPUT, "the header \"%.60s\" is not for a caller to set", h->name);
    if (!http_is_field_value(value))
        return err_set(e, ERR_INPUT, "the value of header %.60s has a line break or another control character",
                       h->name);
    put_header(out, h->name, h->value);
    return true;
}

static bool has_user_agent(const struct http_call *call)
{
    for (size_t i = 0; i < call->nheaders; i++)
        if (strcasecmp(call->headers[i].name, "User-Agent") == 0)
            return true;
    return false;
}

static bool build_request(struct http_run *r, const struct http_call *call, struct err *e)
{
    struct str *out = &r->headers;
    if (!http_url_parse(call->url ? call->url : "", &r->url, e))
        return false;
    put_header(out, "Host", r->url.authority);
    if (!has_user_agent(call))
        put_header(out, "User-Agent", "msphub");
    if (!call->no_gzip)
        put_header(out, "Accept-Encoding", "gzip");
    for (size_t i = 0; i < call->nheaders; i++)
        if (!add_header(out, &call->headers[i], e))
            return false;
    if (call->body.n > 0 || (call->method & (HTTP_POST | HTTP_PUT | HTTP_PATCH))) {
        char length[24];
        snprintf(length, sizeof(length), "%zu", call->body.n);
        put_header(out, "Content-Length", length);
    }
    str_add(&r->body, call->body);
    return true;
}

/* --- a call's life --- */

void run_end(struct http_run *r, const struct err *e)
{
    struct http_client *c = r->client;
    assert(r->state != RUN_ENDED && !r->conn);
    if (r->state == RUN_QUEUED && r->origin) {
        TAILQ_REMOVE(&r->origin->queue, r, link);
        r->origin->nqueue--;
        if (!c->closing)
            origin_kick(r->origin);
    }
    if (e) {
        r->err = *e;
        if (r->url.authority)
            err_wrap(&r->err, "%s", r->url.authority);
    }
    timer_cancel(&r->deadline);
    ref_drop(c->refs, r->ref);
    r->state = RUN_ENDED;
    TAILQ_INSERT_TAIL(&c->ended, r, link);
    client_kick(c);
}

/* Ends a call wherever it stands; its connection, in the middle of something, is of no more use. */
static void run_stop(struct http_run *r, const struct err *e)
{
    struct http_conn *conn = TAKE(r->conn);
    if (conn) {
        conn->run = NULL;
        http_conn_drop(conn);
    }
    run_end(r, e);
}

static void on_deadline(void *arg)
{
    struct http_run *r = arg;
    struct err e = {0};
    err_set(&e, ERR_TIMEOUT, "not done within %.3f s, given up %s", (double)r->call.timeout / USEC_PER_S,
            r->conn ? http_conn_stage(r->conn) : "while waiting for a free connection");
    run_stop(r, &e);
}

static void run_free(struct http_run *r)
{
    body_release(r);
    http_url_release(&r->url);
    str_release(&r->headers);
    str_release(&r->body);
    free(r);
}

static void deliver(struct http_client *c, struct http_run *r)
{
    const struct err *e = r->err.code == ERR_NONE ? NULL : &r->err;
    c->m_calls[r->err.code]->value++;
    if (r->call.on_end)
        r->call.on_end(r->call.arg, e);
    run_free(r);
}

static void free_dead(struct http_client *c)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&c->dead))) {
        TAILQ_REMOVE(&c->dead, conn, link);
        http_conn_free(conn);
    }
}

static void on_turn(void *arg)
{
    struct http_client *c = arg;
    struct http_runs now = TAILQ_HEAD_INITIALIZER(now);
    struct http_run *r;
    free_dead(c);
    TAILQ_CONCAT(&now, &c->ended, link); /* what ends meanwhile is for the next turn */
    c->delivering = true;
    while ((r = TAILQ_FIRST(&now))) {
        TAILQ_REMOVE(&now, r, link);
        deliver(c, r);
    }
    c->delivering = false;
}

void client_kick(struct http_client *c)
{
    if (!c->closing)
        loop_defer(c->loop, &c->turn, on_turn, c);
}

/* --- the interface --- */

static void options_fill(struct http_client *c, const struct http_client_options *o)
{
    static const struct http_client_options none = {0};
    c->o = o ? *o : none;
    c->o.per_origin = c->o.per_origin ? c->o.per_origin : 8;
    c->o.max_queue = c->o.max_queue ? c->o.max_queue : 1000;
    c->o.max_reply_head = c->o.max_reply_head ? c->o.max_reply_head : 65536;
    c->o.max_body = c->o.max_body ? c->o.max_body : 64 << 20;
    c->o.idle_timeout = c->o.idle_timeout ? c->o.idle_timeout : SECONDS(60);
    c->o.connect_timeout = c->o.connect_timeout ? c->o.connect_timeout : SECONDS(10);
    c->o.ca_file = NULL; /* read once, here */
}

static void metrics_init(struct http_client *c, struct metrics *m)
{
    if (!m)
        m = c->own_metrics = metrics_new();
    struct metric_family *f =
        metric_family(m, METRIC_COUNTER, "msphub_client_calls_total",
                      "Outgoing HTTP calls by how they ended; ok: a whole reply of any status", "outcome", NULL, 0);
    for (unsigned i = 0; i < ERR_NCODES_; i++)
        c->m_calls[i] = metric_with(f, METRIC_L(i == ERR_NONE ? "ok" : err_code_name(i)));
    c->m_connections = metric_gauge(m, "msphub_client_connections", "Outgoing HTTP connections, idle ones included");
}

struct http_client *http_client_new(struct loop *l, const struct http_client_options *o, struct metrics *m,
                                    struct err *e)
{
    SSL_CTX *tls = tls_client_ctx(o ? o->ca_file : NULL, e);
    if (!tls)
        return NULL;
    /* A body that ends with the connection must not look whole when somebody cut the connection. */
    SSL_CTX_clear_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    struct http_client *c = NEW(struct http_client);
    c->loop = l;
    c->tls = tls;
    c->refs = ref_table_new();
    TAILQ_INIT(&c->ended);
    TAILQ_INIT(&c->dead);
    options_fill(c, o);
    metrics_init(c, m);
    return c;
}

static void close_origin(struct http_origin *o, const struct err *e)
{
    struct http_conn *conn;
    struct http_run *r;
    while ((r = TAILQ_FIRST(&o->queue)))
        run_end(r, e);
    while ((conn = TAILQ_FIRST(&o->conns))) {
        if (conn->run)
            run_stop(conn->run, e);
        else
            http_conn_drop(conn);
    }
    origin_free(o);
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    assert(!c->delivering);
    c->closing = true;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the HTTP client was closed");
    struct http_origin *o, *tmp;
    HASH_ITER(hh, c->origins, o, tmp)
    close_origin(o, &e);
    struct http_run *r;
    while ((r = TAILQ_FIRST(&c->ended))) { /* what callbacks start now ends at once, and is delivered here, too */
        TAILQ_REMOVE(&c->ended, r, link);
        deliver(c, r);
    }
    free_dead(c);
    loop_undefer(c->loop, &c->turn);
    assert(ref_count(c->refs) == 0);
    ref_table_free(c->refs);
    SSL_CTX_free(c->tls);
    metrics_free(c->own_metrics);
    free(c);
}

static bool run_start(struct http_client *c, struct http_run *r, const struct http_call *call, struct err *e)
{
    if (c->closing)
        return err_set(e, ERR_CANCELED, "the HTTP client is being closed");
    if (!build_request(r, call, e))
        return false;
    timer_set(&r->deadline, c->loop, r->call.timeout, on_deadline, r);
    struct http_origin *o = origin_get(c, &r->url);
    if (origin_enqueue(o, r, e))
        return true;
    return false;
}

struct ref http_call_start(struct http_client *c, const struct http_call *call)
{
    struct http_run *r = NEW(struct http_run);
    r->client = c;
    r->call = *call;
    r->call.url = NULL;
    r->call.headers = NULL;
    r->call.body = SLICE_NONE;
    r->call.timeout = call->timeout ? call->timeout : SECONDS(30);
    r->call.max_body = call->max_body ? call->max_body : c->o.max_body;
    r->call.idempotent |= call->method == HTTP_GET || call->method == HTTP_HEAD;
    struct ref ref = r->ref = ref_add(c->refs, r);
    struct err e = {0};
    if (!run_start(c, r, call, &e))
        run_end(r, &e);
    return ref;
}

void http_call_cancel(struct http_client *c, struct ref ref)
{
    struct http_run *r = ref_get(c->refs, ref);
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the call was canceled");
    if (r)
        run_stop(r, &e);
}

void http_call_pause(struct http_client *c, struct ref ref)
{
    struct http_run *r = ref_get(c->refs, ref);
    if (!r || r->paused)
        return;
    r->paused = true;
    if (r->conn)
        http_conn_pause(r->conn);
}

void http_call_resume(struct http_client *c, struct ref ref)
{
    struct http_run *r = ref_get(c->refs, ref);
    if (!r || !r->paused)
        return;
    r->paused = false;
    if (r->conn)
        http_conn_resume(r->conn);
}
