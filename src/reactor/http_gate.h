/* http_gate.h - what is let in: the strict check of a request's head, and nothing else (no I/O, no allocation but the
 * field list).
 * Why:    whatever reads framing loosely can be made to disagree with a proxy about where a request ends. What RFC
 *         9112 lets a server tolerate and no honest client sends (bare LF, folded lines, a list of lengths …) is
 *         refused here.
 * Always: a parsed head has one meaning: a known method and version, a target without surprises when decoded, at most
 *         one framing, at most one Host (exactly one in HTTP/1.1). */
#ifndef MSPHUB_REACTOR_HTTP_GATE_H
#define MSPHUB_REACTOR_HTTP_GATE_H

#include "base/slice.h"
#include "base/str.h"
#include "reactor/http_server.h"

struct http_field {
    struct slice name, value; /* value without blanks around it */
};

enum http_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED };

struct http_head {
    enum http_method method;
    struct slice method_text;
    bool http10;
    struct slice target;       /* as sent */
    struct slice path;         /* starts with '/', or is "*" for OPTIONS * */
    struct slice query;        /* without '?' */
    struct http_field *fields; /* kept between heads: http_head_release frees it */
    size_t nfields, cap;
    enum http_framing framing;
    uint64_t length; /* FRAMING_LENGTH */
    bool keep_alive, expect_continue;
};
void http_head_release(struct http_head *h);

/* Why a request is refused: the status, a word for the metric, a sentence for the person. Texts are constants. */
struct http_refusal {
    int status;
    const char *reason, *detail;
};

/* `text`: the whole head with its empty line, at most max_head bytes by the caller's check. Slices of *h point into it.
 * On refusal *h holds what was understood so far (method_text and path may be SLICE_NONE). */
bool http_head_parse(struct slice text, size_t max_headers, struct http_head *h, struct http_refusal *why) WARN_UNUSED;
/* The first value of that name (case-insensitive), SLICE_NONE when absent. */
struct slice http_head_get(const struct http_head *h, const char *name);

/* Looks for the end of a head in what arrived. `from`: how much of it was looked at before. Returns the head's length
 * with its empty line, or 0 when it is not whole yet; or 0 with *bad set when there is a byte that no head may hold
 * (waiting would be in vain). */
size_t http_head_end(struct slice in, size_t from, bool *bad);

/* Is gzip acceptable by this Accept-Encoding (SLICE_NONE: no)? */
bool http_accepts_gzip(struct slice accept_encoding);

/* Percent-decodes (and turns '+' into a blank when `form`) into out, which holds text.n bytes; returns the length. The
 * text was checked by the gate, so each '%' has its two digits. */
size_t http_unescape(struct slice text, bool form, char *out);

#endif
