/* api/stream.c - see stream.h.
 * States: ASKED (`more` is at work) -> READY (out of the way) | FULL (until the client has read) -> ASKED …; -> gone. */
#include "api/stream.h"

struct api_stream {
    struct api_call *call;
    const char *type;
    api_stream_more *more;
    void *arg;
    bool started, asked;
};

static void ask(struct api_stream *s)
{
    s->asked = true;
    s->more(s, s->arg);
}

static void on_drain(struct http_request *r, void *arg)
{
    struct api_stream *s = arg;
    if (!s->asked)
        ask(s);
}

/* While a piece is asked for, its answer finds out. */
static void on_gone(struct http_request *r, void *arg)
{
    struct api_stream *s = arg;
    if (!s->asked)
        http_stream_abort(r);
}

void api_stream_start(struct api_call *c, const char *type, api_stream_more *more, void *arg)
{
    struct api_stream *s = arena_alloc(c->arena, sizeof(*s));
    *s = (struct api_stream){.call = c, .type = type, .more = more, .arg = arg};
    http_request_on_gone(c->req, on_gone, s);
    ask(s);
}

/* True: the client reads on, and more may be written. */
static bool put(struct api_stream *s, struct slice piece)
{
    struct http_request *r = s->call->req;
    if (!s->started)
        http_stream_start(r, 200, s->type, on_drain, s);
    s->started = true;
    return http_stream_write(r, piece);
}

void api_stream_put(struct api_stream *s, struct slice piece)
{
    struct http_request *r = s->call->req;
    s->asked = false;
    if (http_request_gone(r)) {
        http_stream_abort(r);
        return;
    }
    bool room = put(s, piece);
    if (http_request_method(r) == HTTP_HEAD)
        http_stream_end(r);
    else if (room)
        ask(s);
}

void api_stream_end(struct api_stream *s, struct slice piece)
{
    put(s, piece);
    http_stream_end(s->call->req);
}

void api_stream_fail(struct api_stream *s, const struct err *e)
{
    struct api_call *c = s->call;
    if (!s->started) {
        api_problem_err(c, e);
        return;
    }
    log_warn(c->hub->log, "api.stream_cut", F_STR("request_id", http_request_id(c->req)), F_ERR(e));
    http_stream_abort(c->req);
}
