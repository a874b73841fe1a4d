/* http_gate_body.h - where a request's body ends, and its bytes without framing.
 * States: LENGTH: DATA.  CHUNKED: SIZE → DATA → DATA_END → SIZE … → TRAILER → done.
 * Always: never takes a byte past the body's end; never hands on more than `limit` bytes; each line of the framing
 *         ends in CR LF and is bounded; sizes are plain hexadecimal of at most 16 digits; extensions and trailers are
 *         read and dropped. */
#ifndef MSPHUB_REACTOR_HTTP_GATE_BODY_H
#define MSPHUB_REACTOR_HTTP_GATE_BODY_H

#include "reactor/http_gate.h"

#define CHUNK_LINE_MAX    256  /* a size with its extensions */
#define CHUNK_TRAILER_MAX 8192 /* all trailer lines together */

enum body_state { BODY_SIZE, BODY_DATA, BODY_DATA_END, BODY_TRAILER, BODY_DONE };

struct body_reader {
    enum http_framing framing;
    enum body_state state;
    uint64_t left;  /* of the length, or of the chunk */
    uint64_t limit; /* bytes that may still come */
    size_t line_len, trailer_len;
    char line[CHUNK_LINE_MAX];
};

/* A length past `limit` is refused at once (413), before a byte is read. */
bool body_start(struct body_reader *b, const struct http_head *h, uint64_t limit, struct http_refusal *why) WARN_UNUSED;
/* Takes what it can from `in`: *ret_used says how much; data goes to `out`. Done when state is BODY_DONE. */
bool body_feed(struct body_reader *b, struct slice in, struct str *out, size_t *ret_used,
               struct http_refusal *why) WARN_UNUSED;

#endif
