/* api/stream.c - see stream.h.
 * States: WAITING (for its turn) -> ASKED (`more` is at work) -> FULL (until the client has read) | -> WAITING …; -> gone.
 * Owns:   the turns: so many streams of a process ask the database at once, the others in the order in which they came. */
#include "api/stream.h"

#include "base/mem.h"

#include <stdlib.h>

struct api_stream {
    struct api_call *call;
    const char *type;
    api_stream_more *more;
    void *arg;
    bool started;
    enum { STREAM_FULL, STREAM_WAITING, STREAM_ASKED } state;
    TAILQ_ENTRY(api_stream) link; /* WAITING */
};

struct api_turns {
    struct hub *hub;
    unsigned asked;
    TAILQ_HEAD(, api_stream) waiting;
};

struct api_turns *api_turns_new(struct hub *h)
{
    struct api_turns *t = NEW(struct api_turns);
    t->hub = h;
    TAILQ_INIT(&t->waiting);
    return t;
}

void api_turns_free(struct api_turns *t)
{
    free(t);
}

static struct api_turns *turns_of(const struct api_stream *s)
{
    return api_turns_of(s->call->api);
}

static void next_turn(struct api_turns *t)
{
    struct api_stream *s = TAILQ_FIRST(&t->waiting);
    if (!s || t->asked >= (unsigned)t->hub->options->exports)
        return;
    TAILQ_REMOVE(&t->waiting, s, link);
    t->asked++;
    s->state = STREAM_ASKED;
    s->more(s, s->arg);
}

static void ask(struct api_stream *s)
{
    struct api_turns *t = turns_of(s);
    s->state = STREAM_WAITING;
    TAILQ_INSERT_TAIL(&t->waiting, s, link);
    next_turn(t);
}

/* `more` has answered. What becomes of the stream comes first: it may be gone when another has its turn. */
static struct api_turns *answered(struct api_stream *s)
{
    struct api_turns *t = turns_of(s);
    t->asked--;
    s->state = STREAM_FULL;
    return t;
}

static void on_drain(struct http_request *r, void *arg)
{
    struct api_stream *s = arg;
    if (s->state == STREAM_FULL)
        ask(s);
}

/* While a piece is asked for, its answer finds out. */
static void on_gone(struct http_request *r, void *arg)
{
    struct api_stream *s = arg;
    if (s->state == STREAM_ASKED)
        return;
    if (s->state == STREAM_WAITING)
        TAILQ_REMOVE(&turns_of(s)->waiting, s, link);
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
    struct api_turns *t = answered(s);
    if (http_request_gone(r)) {
        http_stream_abort(r);
    } else {
        bool room = put(s, piece);
        if (http_request_method(r) == HTTP_HEAD)
            http_stream_end(r);
        else if (room)
            ask(s);
    }
    next_turn(t);
}

void api_stream_end(struct api_stream *s, struct slice piece)
{
    struct api_turns *t = answered(s);
    put(s, piece);
    http_stream_end(s->call->req);
    next_turn(t);
}

void api_stream_fail(struct api_stream *s, const struct err *e)
{
    struct api_call *c = s->call;
    struct api_turns *t = answered(s);
    if (s->started) {
        log_warn(c->hub->log, "api.stream_cut", F_STR("request_id", http_request_id(c->req)), F_ERR(e));
        http_stream_abort(c->req);
    } else {
        api_problem_err(c, e);
    }
    next_turn(t);
}
