/* fuzz_http_reply.c - replies to outgoing calls: a byte that seeds the cuts, one that says the ceiling of the head and whether the call was
 * a HEAD, then what the server sent before it closed.
 * Held:  cut in pieces it is the reply at once, and ends at the same byte; a head is told once and before the body; names and values are
 *        what they may be; a reply that ends with the connection never leaves it for another call. */
#include "fuzz.h"

#include "reactor/http_reader.h"

#include <event2/buffer.h>

struct outcome {
    struct str head, body;
    enum http_reader_event last;
    enum err_code code;
    size_t left; /* behind the reply's end */
    bool odd;
};

static void take_head(struct outcome *o, const struct http_reply_head *h)
{
    HOLD(!o->head.n && !o->body.n && h->status >= 200 && h->status <= 999);
    str_addf(&o->head, "%d\n", h->status);
    for (size_t i = 0; i < h->nheaders; i++) {
        HOLD(http_is_token(slice_cstr(h->headers[i].name)) && http_is_field_value(slice_cstr(h->headers[i].value)));
        HOLD(http_reply_head_get(h, h->headers[i].name));
        str_addf(&o->head, "%s: %s\n", h->headers[i].name, h->headers[i].value);
    }
}

/* Reads what can be read; the seed also says how much of a piece of the body is taken at once. */
static void drain(struct http_reader *r, struct evbuffer *in, unsigned seed, struct outcome *o)
{
    struct slice piece;
    struct err e = {0};
    while ((o->last = http_reader_next(r, in, &piece, &e)) == HRE_HEAD || o->last == HRE_BODY) {
        if (o->last == HRE_HEAD) {
            take_head(o, &r->head);
        } else {
            HOLD(o->head.n && piece.n);
            size_t n = seed ? 1 + seed % piece.n : piece.n;
            str_add(&o->body, slice_of(piece.p, n));
            http_reader_taken(r, in, n);
        }
    }
    HOLD(o->last != HRE_ERROR || (e.code != ERR_NONE && e.what[0]));
    o->code = e.code;
}

static struct outcome read_reply(struct slice text, bool head_only, size_t max_head, unsigned seed)
{
    struct fuzz_cuts cuts = fuzz_cuts(text, seed);
    struct evbuffer *in = evbuffer_new();
    struct outcome o = {.last = HRE_MORE};
    struct http_reader r;
    struct slice piece;
    struct err e = {0};

    HOLD(in);
    http_reader_init(&r, head_only, max_head);
    while (o.last == HRE_MORE && fuzz_cuts_next(&cuts, &piece)) {
        evbuffer_add(in, piece.p, piece.n);
        drain(&r, in, seed, &o);
    }
    o.left = cuts.rest.n + evbuffer_get_length(in);
    fuzz_cuts_end(&cuts);
    if (o.last == HRE_MORE) {
        o.last = http_reader_eof(&r, &e);
        HOLD(o.last == HRE_END || (o.last == HRE_ERROR && e.code == ERR_PROTOCOL));
        HOLD(o.last != HRE_END || r.odd);
        o.left = 0;
    }
    o.odd = r.odd;
    HOLD(o.last != HRE_END || o.head.n);
    HOLD(o.head.n <= max_head + 2 * 200 + 16); /* as shown here: a blank and a line's end each */
    http_reader_release(&r);
    evbuffer_free(in);
    return o;
}

static void outcome_release(struct outcome *o)
{
    str_release(&o->head);
    str_release(&o->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    unsigned seed = fuzz_byte(&text), how = fuzz_byte(&text);
    size_t max_head = (how & 0x7f) * 8;
    struct outcome whole = read_reply(text, how & 0x80, max_head, 0);
    struct outcome cut = read_reply(text, how & 0x80, max_head, seed + 1);

    HOLD(whole.last == cut.last && whole.code == cut.code);
    HOLD(slice_eq(str_slice(&whole.head), str_slice(&cut.head)));
    HOLD(slice_eq(str_slice(&whole.body), str_slice(&cut.body)));
    HOLD(whole.last != HRE_END || (whole.left == cut.left && whole.odd == cut.odd));
    outcome_release(&whole);
    outcome_release(&cut);
    return 0;
}
