/* fuzz_http_head.c - the gate: any bytes as a head and a body.
 * Held:  what is let in has one meaning (its slices lie in it, its end is where http_head_end says, a target decodes to storable
 *        text); a body read in two pieces is the body read in one; the head's end is found whatever was looked at before. */
#include "base/utf8.h"
#include "reactor/http_gate_body.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_LIMIT 4096
#define HOLD(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

static bool lies_in(struct slice part, struct slice whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_head(const struct http_head *h, struct slice text)
{
    HOLD(h->method && lies_in(h->path, text) && lies_in(h->query, text) && lies_in(h->target, text));
    HOLD(h->path.n && (h->path.p[0] == '/' || (slice_is(h->path, "*") && h->method == HTTP_OPTIONS)));
    for (size_t i = 0; i < h->nfields; i++) {
        HOLD(lies_in(h->fields[i].name, text) && lies_in(h->fields[i].value, text));
        HOLD(h->fields[i].name.n && !memchr(h->fields[i].name.p, ':', h->fields[i].name.n));
        HOLD(!h->fields[i].value.n || (!memchr(h->fields[i].value.p, '\r', h->fields[i].value.n) &&
                                       !memchr(h->fields[i].value.p, '\n', h->fields[i].value.n) &&
                                       !memchr(h->fields[i].value.p, 0, h->fields[i].value.n)));
    }
    if (h->path.p[0] == '/') {
        char *out = malloc(h->path.n);
        HOLD(out);
        HOLD(utf8_storable(slice_of(out, http_unescape(h->path, false, out))));
        free(out);
    }
    HOLD(h->framing == FRAMING_LENGTH || h->length == 0);
    http_accepts_gzip(http_head_get(h, "Accept-Encoding"));
}

struct outcome {
    bool ok;
    enum body_state state;
    size_t used;
    struct str body;
};

static struct outcome read_body(const struct http_head *h, struct slice in, size_t cut)
{
    struct outcome o = {0};
    struct body_reader b;
    struct http_refusal why;
    size_t used = 0;
    o.ok = body_start(&b, h, BODY_LIMIT, &why) && body_feed(&b, slice_of(in.p, cut), &o.body, &used, &why);
    o.used = used;
    if (o.ok && used == cut) {
        used = 0;
        o.ok = body_feed(&b, slice_of(in.p + cut, in.n - cut), &o.body, &used, &why);
        o.used += used;
    }
    o.state = b.state;
    HOLD(o.body.n <= BODY_LIMIT && o.used <= in.n);
    return o;
}

static void check_body(const struct http_head *h, struct slice in)
{
    struct outcome whole = read_body(h, in, in.n);
    size_t step = in.n / 64 + 1;
    for (size_t cut = 0; cut < in.n; cut += step) {
        struct outcome parts = read_body(h, in, cut);
        HOLD(parts.ok == whole.ok);
        HOLD(!whole.ok || (parts.state == whole.state && parts.used == whole.used &&
                           slice_eq(str_slice(&parts.body), str_slice(&whole.body))));
        str_release(&parts.body);
    }
    str_release(&whole.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    struct http_head h = {0};
    struct http_refusal why = {0};
    bool bad = false, again = false;
    size_t n = size ? http_head_end(in, 0, &bad) : 0;
    if (n == 0) { /* never an end and a verdict, and never sound without an end */
        HOLD(!size || !http_head_parse(in, 100, &h, &why));
        http_head_release(&h);
        return 0;
    }
    HOLD(n <= size && !bad);
    for (size_t from = 0; from < n; from += n / 16 + 1)
        HOLD(http_head_end(in, from, &again) == n && !again);
    struct slice head = slice_of(in.p, n);
    if (http_head_parse(head, 100, &h, &why)) {
        check_head(&h, head);
        check_body(&h, slice_of(in.p + n, size - n));
    } else {
        HOLD(why.status >= 400 && why.status < 600 && why.reason && why.detail);
    }
    http_head_release(&h);
    return 0;
}
