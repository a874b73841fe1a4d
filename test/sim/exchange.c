/* exchange.c - one request on its way through the simulator: from the server, through fault and product, after the latency back.
 * Owns:   the exchange until the reply (or until the client has gone); the answer's body while it is being sent.
 * States: asked -> (latency) -> sending -> gone.
 * Always: statistics are counted when the reply is begun; what a fault leaves unanswered is counted with status 0. */
#include "simulator.h"
#include <stdlib.h>

#define SLOW_PIECES 10
#define PIECE_MAX   65536
#define CUT_AFTER   MILLIS(50) /* for the bytes before the cut to leave */

struct exchange {
    TAILQ_ENTRY(exchange) link;
    struct instance *instance;
    struct http_request *request;
    struct arena *arena;
    struct ask ask;
    struct answer answer;
    struct fault fault;
    struct timer timer;
    size_t sent;
    bool streaming;
};

static struct slice header_of(const void *source, const char *name)
{
    return http_request_header(source, name);
}

static void exchange_free(struct exchange *x)
{
    TAILQ_REMOVE(&x->instance->sim->exchanges, x, link);
    timer_cancel(&x->timer);
    answer_release(&x->answer);
    arena_free(x->arena);
    free(x);
}

void exchange_end_all(struct sim *s)
{
    struct exchange *x;
    while ((x = TAILQ_FIRST(&s->exchanges)))
        exchange_free(x);
}

static void account(struct exchange *x, int status)
{
    const struct route *route = x->ask.route;
    const char *name = route ? (route->name ? route->name : route->pattern) : "(no route)";
    stats_end(&x->instance->stats, http_method_name(x->ask.method), name, x->ask.path, status, x->answer.body.n,
              x->fault.kind != FAULT_NONE, x->answer.gone ? NULL : x->answer.reason, x->ask.wall);
}

static void put_headers(struct exchange *x)
{
    for (size_t k = 0; k < x->answer.nheaders; k++)
        http_reply_header(x->request, x->answer.headers[k].name, x->answer.headers[k].value);
}

/* --- sending in pieces --- */

static void stream_next(struct exchange *x);

static void on_slow(void *arg)
{
    stream_next(arg);
}

static void on_cut(void *arg)
{
    struct exchange *x = arg;
    http_stream_abort(x->request);
    exchange_free(x);
}

static void on_drain(struct http_request *r, void *arg)
{
    stream_next(arg);
}

static void stream_end(struct exchange *x)
{
    if (x->fault.kind == FAULT_TRUNCATE) {
        timer_set(&x->timer, x->instance->sim->loop, CUT_AFTER, on_cut, x);
        return;
    }
    http_stream_end(x->request);
    exchange_free(x);
}

static void stream_next(struct exchange *x)
{
    struct slice body = str_slice(&x->answer.body);
    size_t end = x->fault.kind == FAULT_TRUNCATE ? body.n / 2 : body.n;
    bool slow = x->fault.kind == FAULT_SLOW_BODY, more = true;
    size_t piece = slow ? body.n / SLOW_PIECES + 1 : PIECE_MAX;
    while (more && x->sent < end) {
        struct slice next = slice_of(body.p + x->sent, MIN(piece, end - x->sent));
        x->sent += next.n;
        more = http_stream_write(x->request, next) && !slow;
    }
    if (x->sent >= end)
        stream_end(x);
    else if (slow)
        timer_set(&x->timer, x->instance->sim->loop, MILLIS(x->fault.ms), on_slow, x);
}

static void on_gone(struct http_request *r, void *arg)
{
    struct exchange *x = arg;
    if (x->streaming)
        http_stream_abort(r);
    else
        http_reply(r, 499, NULL, SLICE_NONE); /* goes nowhere; it ends the request */
    if (!x->streaming)
        account(x, 0);
    exchange_free(x);
}

static void stream_start(struct exchange *x)
{
    x->streaming = true;
    http_stream_start(x->request, x->answer.status, x->answer.type, on_drain, x);
    stream_next(x);
}

/* --- one reply --- */

static void reply(struct exchange *x)
{
    account(x, x->answer.status);
    put_headers(x);
    if (x->answer.type && (x->fault.kind == FAULT_TRUNCATE || x->fault.kind == FAULT_SLOW_BODY)) {
        stream_start(x);
        return;
    }
    if (x->answer.type && x->instance->sim->plain)
        http_reply_header(x->request, "Content-Encoding", "identity");
    http_reply(x->request, x->answer.status, x->answer.type, x->answer.type ? str_slice(&x->answer.body) : SLICE_NONE);
    exchange_free(x);
}

static void send_answer(struct exchange *x)
{
    switch (x->fault.kind) {
    case FAULT_SILENCE: /* ends when the client leaves */
        return;
    case FAULT_DROP:
        account(x, 0);
        http_stream_abort(x->request);
        exchange_free(x);
        return;
    case FAULT_MALFORMED: { /* the text stops in the middle, and is announced so */
        struct str *body = &x->answer.body;
        body->n = body->n * 3 / 4;
        str_adds(body, "\",,]");
        break;
    }
    default:
        break;
    }
    reply(x);
}

static void on_latency(void *arg)
{
    send_answer(arg);
}

/* --- faults of the answer --- */

static void canned(struct exchange *x, int status)
{
    const struct instance *i = x->instance;
    i->product->canned(i->self, status, &x->ask, &x->answer);
}

static void answer_with(struct exchange *x)
{
    struct instance *i = x->instance;
    struct answer *r = &x->answer;
    switch (x->fault.kind) {
    case FAULT_429:
        canned(x, 429);
        answer_header(r, "Retry-After", "%lld", (long long)MAX(x->fault.ms / 1000, 1));
        return;
    case FAULT_429_BARE:
        canned(x, 429);
        return;
    case FAULT_500:
        canned(x, 500);
        return;
    case FAULT_503:
        canned(x, 503);
        return;
    case FAULT_401:
        canned(x, 401);
        return;
    case FAULT_403:
        canned(x, 403);
        return;
    case FAULT_404:
        canned(x, 404);
        return;
    case FAULT_HTML200:
        answer_text(
            r, 200, "text/html; charset=utf-8",
            "<!doctype html>\n<html><head><title>Slow down</title></head><body>too many requests</body></html>\n");
        return;
    case FAULT_EXPIRE_TOKEN:
        i->product->expire_tokens(i->self);
        break;
    default:
        break;
    }
    product_answer(i->product, i->self, &x->ask, r);
}

static void handle(struct http_request *req, void *arg)
{
    struct instance *i = arg;
    struct sim *s = i->sim;
    struct exchange *x = NEW(struct exchange);
    x->instance = i;
    x->request = req;
    x->arena = arena_new();
    x->ask = (struct ask){.method = http_request_method(req),
                          .path = http_request_path(req),
                          .query = http_request_query(req),
                          .body = http_request_body(req),
                          .header = header_of,
                          .source = req,
                          .wall = loop_wall(s->loop),
                          .arena = x->arena};
    TAILQ_INSERT_TAIL(&s->exchanges, x, link);
    http_request_on_gone(req, on_gone, x);
    stats_begin(&i->stats);
    if (!i->product) {
        control_answer(s, &x->ask, &x->answer);
        reply(x);
        return;
    }
    requests_add(&i->requests, &x->ask);
    x->fault = faults_take(&s->faults, i->product->key, x->ask.path);
    if (fault_is_data(x->fault.kind))
        x->ask.fault = x->fault.kind;
    x->ask.damaged = fault_damages(x->fault.kind);
    answer_with(x);
    if (s->latency)
        timer_set(&x->timer, s->loop, s->latency, on_latency, x);
    else
        send_answer(x);
}

static const struct http_route everything[] = {
    {HTTP_GET, "/{rest...}", handle},     {HTTP_HEAD, "/{rest...}", handle},  {HTTP_POST, "/{rest...}", handle},
    {HTTP_PUT, "/{rest...}", handle},     {HTTP_PATCH, "/{rest...}", handle}, {HTTP_DELETE, "/{rest...}", handle},
    {HTTP_OPTIONS, "/{rest...}", handle},
};

bool exchange_listen(struct instance *i, const char *address, SSL_CTX *tls, struct err *e)
{
    static const struct http_server_options options = {.max_body = 8388608};
    if (!i->server) {
        i->server = http_server_new(i->sim->loop, &options, i->sim->metrics);
        http_server_add(i->server, everything, ARRAY_LEN(everything), i);
    }
    return http_server_listen(i->server, address, tls, &i->port, e);
}
