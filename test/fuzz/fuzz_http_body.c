/* fuzz_http_body.c - request bodies: a byte that seeds the cuts, one that says the limit, then a chunked body.
 * Held:  cut in pieces it is the body at once, and ends at the same byte; never more than the limit; nothing behind the end is taken; a
 *        body of ours, chunked at the cuts, comes back. */
#include "fuzz.h"

#include "reactor/http_gate_body.h"

struct outcome {
    bool ok;
    enum body_state state;
    size_t used;
    struct str body;
    int status;
};

static struct outcome read_body(const struct http_head *h, uint64_t limit, struct slice in, unsigned seed)
{
    struct fuzz_cuts cuts = fuzz_cuts(in, seed);
    struct outcome o = {0};
    struct http_refusal why = {0};
    struct body_reader b;
    struct slice piece;

    o.ok = body_start(&b, h, limit, &why);
    while (o.ok && b.state != BODY_DONE && fuzz_cuts_next(&cuts, &piece)) {
        size_t used = 0;
        o.ok = body_feed(&b, piece, &o.body, &used, &why);
        HOLD(!o.ok || used == piece.n || (used < piece.n && b.state == BODY_DONE));
        o.used += used;
    }
    fuzz_cuts_end(&cuts);
    HOLD(o.body.n <= limit && o.used <= in.n);
    HOLD(o.ok || ((why.status == 400 || why.status == 413) && why.reason && why.detail));
    o.state = b.state;
    o.status = why.status;
    return o;
}

static void check(const struct http_head *h, uint64_t limit, struct slice in, unsigned seed)
{
    struct outcome whole = read_body(h, limit, in, 0), cut = read_body(h, limit, in, seed + 1);
    HOLD(whole.ok == cut.ok && whole.status == cut.status);
    HOLD(!whole.ok || (whole.state == cut.state && whole.used == cut.used &&
                       slice_eq(str_slice(&whole.body), str_slice(&cut.body))));
    if (whole.ok && whole.state == BODY_DONE) { /* what follows belongs to the next request */
        struct outcome exact = read_body(h, limit, slice_of(in.p, whole.used), 0);
        HOLD(exact.ok && exact.state == BODY_DONE && exact.used == whole.used);
        str_release(&exact.body);
        if (whole.used) {
            struct outcome shorter = read_body(h, limit, slice_of(in.p, whole.used - 1), 0);
            HOLD(shorter.ok && shorter.state != BODY_DONE);
            str_release(&shorter.body);
        }
    }
    str_release(&whole.body);
    str_release(&cut.body);
}

static void check_own(struct slice plain, unsigned seed)
{
    static const struct http_head chunked = {.framing = FRAMING_CHUNKED};
    _cleanup_(str_release) struct str wire = {0};
    struct fuzz_cuts cuts = fuzz_cuts(plain, seed + 1);
    struct slice piece;
    while (fuzz_cuts_next(&cuts, &piece)) {
        str_addf(&wire, "%zX;x=y\r\n", piece.n);
        str_add(&wire, piece);
        str_adds(&wire, "\r\n");
    }
    str_adds(&wire, "0\r\nTrailer: x\r\n\r\n");
    size_t end = wire.n;
    str_adds(&wire, "GET / HTTP/1.1\r\n");
    struct outcome o = read_body(&chunked, plain.n, str_slice(&wire), seed);
    HOLD(o.ok && o.state == BODY_DONE && o.used == end && slice_eq(str_slice(&o.body), plain));
    str_release(&o.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    unsigned seed = fuzz_byte(&in), limit = fuzz_byte(&in) * 16;
    struct http_head chunked = {.framing = FRAMING_CHUNKED}, sized = {.framing = FRAMING_LENGTH, .length = seed * 3};

    check(&chunked, limit, in, seed);
    check(&sized, limit, in, seed);
    check_own(in, seed);
    return 0;
}
