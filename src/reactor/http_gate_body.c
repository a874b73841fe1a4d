/* http_gate_body.c - Content-Length and chunked bodies. */
#include "reactor/http_gate_body.h"

static bool bad(struct http_refusal *why, const char *detail)
{
    *why = (struct http_refusal){.status = 400, .reason = "bad_request", .detail = detail};
    return false;
}

static bool too_large(struct http_refusal *why)
{
    *why = (struct http_refusal){
        .status = 413, .reason = "body_too_large", .detail = "The body is larger than this resource takes."};
    return false;
}

bool body_start(struct body_reader *b, const struct http_head *h, uint64_t limit, struct http_refusal *why)
{
    b->framing = h->framing;
    b->limit = limit;
    b->left = 0;
    b->line_len = b->trailer_len = 0;
    b->state = BODY_DONE;
    if (h->framing == FRAMING_CHUNKED) {
        b->state = BODY_SIZE;
    } else if (h->framing == FRAMING_LENGTH && h->length > 0) {
        if (h->length > limit)
            return too_large(why);
        b->left = h->length;
        b->state = BODY_DATA;
    }
    return true;
}

static bool take_data(struct body_reader *b, struct slice in, struct str *out, size_t *used)
{
    *used = in.n < b->left ? in.n : (size_t)b->left;
    str_add(out, slice_of(in.p, *used));
    b->left -= *used;
    if (b->left == 0) {
        b->state = b->framing == FRAMING_CHUNKED ? BODY_DATA_END : BODY_DONE;
        b->line_len = 0;
    }
    return true;
}

/* Moves bytes into b->line up to and with LF; *whole when it is there. */
static bool take_line(struct body_reader *b, struct slice in, size_t *used, bool *whole, struct http_refusal *why)
{
    const char *lf = memchr(in.p, '\n', in.n);
    size_t n = lf ? (size_t)(lf - in.p) + 1 : in.n;
    if (n > CHUNK_LINE_MAX - b->line_len)
        return bad(why, "A line of the chunked body is too long.");
    memcpy(b->line + b->line_len, in.p, n);
    b->line_len += n;
    *used = n;
    *whole = lf;
    if (lf && (b->line_len < 2 || b->line[b->line_len - 2] != '\r'))
        return bad(why, "A line of the chunked body does not end in CR LF.");
    for (size_t i = 0; i + 2 < b->line_len; i++)
        if ((unsigned char)b->line[i] < 0x20 && b->line[i] != '\t')
            return bad(why, "A line of the chunked body holds a control character.");
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool on_size(struct body_reader *b, struct http_refusal *why)
{
    uint64_t size = 0;
    size_t i = 0, end = b->line_len - 2;
    for (int d; i < end && (d = hex_digit(b->line[i])) >= 0; i++) {
        if (i == 16)
            return bad(why, "A chunk's size has more than 16 digits.");
        size = size << 4 | (uint64_t)d;
    }
    if (i == 0)
        return bad(why, "A chunk does not start with its size in hexadecimal.");
    while (i < end && (b->line[i] == ' ' || b->line[i] == '\t'))
        i++;
    if (i < end && b->line[i] != ';')
        return bad(why, "A chunk's size is followed by something else than an extension.");
    if (size > b->limit)
        return too_large(why);
    b->limit -= size;
    b->left = size;
    b->state = size ? BODY_DATA : BODY_TRAILER;
    return true;
}

static bool on_data_end(struct body_reader *b, struct http_refusal *why)
{
    if (b->line_len != 2)
        return bad(why, "A chunk's data is longer than its size says.");
    b->state = BODY_SIZE;
    return true;
}

static bool on_trailer(struct body_reader *b, struct http_refusal *why)
{
    b->trailer_len += b->line_len;
    if (b->line_len == 2)
        b->state = BODY_DONE;
    else if (b->trailer_len > CHUNK_TRAILER_MAX)
        return bad(why, "The trailer of the chunked body is too long.");
    else if (!memchr(b->line, ':', b->line_len) || b->line[0] == ':' || b->line[0] == ' ' || b->line[0] == '\t')
        return bad(why, "A trailer line is not a header.");
    return true;
}

static bool take_framing(struct body_reader *b, struct slice in, size_t *used, struct http_refusal *why)
{
    bool whole;
    if (!take_line(b, in, used, &whole, why))
        return false;
    if (!whole) /* CR alone may wait for its LF; anything else behind a chunk's data is wrong already */
        return b->state != BODY_DATA_END || (b->line_len == 1 && b->line[0] == '\r') ||
               bad(why, "A chunk's data is longer than its size says.");
    bool ok = b->state == BODY_SIZE       ? on_size(b, why)
              : b->state == BODY_DATA_END ? on_data_end(b, why)
                                          : on_trailer(b, why);
    b->line_len = 0;
    return ok;
}

bool body_feed(struct body_reader *b, struct slice in, struct str *out, size_t *ret_used, struct http_refusal *why)
{
    size_t total = 0;
    while (b->state != BODY_DONE && total < in.n) {
        struct slice rest = slice_of(in.p + total, in.n - total);
        size_t used = 0;
        bool ok = b->state == BODY_DATA ? take_data(b, rest, out, &used) : take_framing(b, rest, &used, why);
        total += used;
        if (!ok)
            return false;
    }
    *ret_used = total;
    return true;
}
