/* http_reader.c - see http_reader.h. */
#include "reactor/http_reader.h"

#include "base/mem.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <strings.h>

#define MAX_HEADERS 200
#define MAX_LINE    4096 /* of a chunk's size, with its extensions */

void http_reader_init(struct http_reader *r, bool head_only, size_t max_head)
{
    *r = (struct http_reader){.head_only = head_only, .max_head = max_head};
}

void http_reader_release(struct http_reader *r)
{
    str_release(&r->text);
    free(r->rows);
    *r = (struct http_reader){.state = HR_FAILED};
}

static enum http_reader_event fail(struct http_reader *r, struct err *e, enum err_code code, const char *what)
{
    r->state = HR_FAILED;
    err_set(e, code, "%s", what);
    return HRE_ERROR;
}

static enum http_reader_event bad(struct http_reader *r, struct err *e, const char *what)
{
    return fail(r, e, ERR_PROTOCOL, what);
}

/* --- lines --- */

enum line { LINE_NONE, LINE_TAKEN, LINE_TOO_LONG };

/* Takes one line off `in`, without its end; the text lives until the next line is taken. */
static enum line take_line(struct evbuffer *in, size_t max, struct str *line)
{
    size_t end_len;
    struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, &end_len, EVBUFFER_EOL_CRLF);
    if (end.pos < 0) /* the last byte may be the CR of the line's end */
        return evbuffer_get_length(in) > max + 1 ? LINE_TOO_LONG : LINE_NONE;
    if ((size_t)end.pos > max)
        return LINE_TOO_LONG;
    str_clear(line);
    str_reserve(line, (size_t)end.pos + 1);
    line->n = (size_t)evbuffer_copyout(in, line->p, (size_t)end.pos);
    line->p[line->n] = '\0';
    evbuffer_drain(in, (size_t)end.pos + end_len);
    return LINE_TAKEN;
}

/* A line of the head or the trailers, against the ceiling that holds for all of them together. */
static enum line take_head_line(struct http_reader *r, struct evbuffer *in, struct str *line)
{
    enum line l = take_line(in, r->max_head - r->head_used, line);
    if (l == LINE_TAKEN)
        r->head_used = MIN(r->head_used + line->n + 2, r->max_head);
    return l;
}

/* --- the head --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static bool parse_status(struct http_reader *r, const struct str *line)
{
    const char *p = line->p;
    if (line->n < 12 || strncmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') || p[8] != ' ')
        return false;
    if (!is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || p[9] == '0' || (line->n > 12 && p[12] != ' '))
        return false;
    r->head.status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    r->keep_alive = p[7] == '1';
    r->status_seen = true;
    return true;
}

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

static bool parse_header(struct http_reader *r, const struct str *line)
{
    struct slice value = str_slice(line);
    if (!memchr(value.p, ':', value.n) || r->head.nheaders == MAX_HEADERS)
        return false;
    struct slice name = slice_cut(&value, ':');
    value = slice_trim(value);
    if (!http_is_token(name) || !http_is_field_value(value))
        return false;
    str_add(&r->text, name);
    str_addc(&r->text, '\0');
    str_add(&r->text, value);
    str_addc(&r->text, '\0');
    r->head.nheaders++;
    return true;
}

/* Now that the text no longer moves. */
static void point_rows(struct http_reader *r)
{
    r->rows = mem_alloc(MAX(r->head.nheaders, 1) * sizeof(*r->rows));
    char *p = r->text.p;
    for (size_t i = 0; i < r->head.nheaders; i++) {
        r->rows[i].name = p;
        p += strlen(p) + 1;
        r->rows[i].value = p;
        p += strlen(p) + 1;
    }
    r->head.headers = r->rows;
}

static bool is_header(const struct http_header *h, const char *name)
{
    return strcasecmp(h->name, name) == 0;
}

static bool has_token(const char *list, const char *token)
{
    struct slice rest = slice_cstr(list);
    while (rest.n > 0)
        if (slice_ieq(slice_trim(slice_cut(&rest, ',')), slice_cstr(token)))
            return true;
    return false;
}

static bool parse_length(const char *text, uint64_t *ret)
{
    int64_t v;
    if (!is_digit(text[0]) || !slice_i64(slice_cstr(text), &v))
        return false;
    *ret = (uint64_t)v;
    return true;
}

/* Which framing the head announces; NULL, or what is wrong with it. */
static const char *read_framing(struct http_reader *r, bool *chunked)
{
    bool http11 = r->keep_alive, length_twice = false;
    for (size_t i = 0; i < r->head.nheaders; i++) {
        const struct http_header *h = &r->rows[i];
        uint64_t length;
        if (is_header(h, "Connection")) {
            if (has_token(h->value, "close"))
                r->odd = true;
            else if (has_token(h->value, "keep-alive"))
                r->keep_alive = true;
        } else if (is_header(h, "Content-Length")) {
            if (!parse_length(h->value, &length) || (r->has_length && length != r->length))
                return "the reply's Content-Length is not one number";
            length_twice = r->has_length;
            r->has_length = true;
            r->length = length;
        } else if (is_header(h, "Transfer-Encoding")) {
            if (*chunked || !http11 || strcasecmp(h->value, "chunked") != 0)
                return "the reply's Transfer-Encoding is not known";
            *chunked = true;
        }
    }
    if (length_twice || (*chunked && r->has_length))
        r->odd = true; /* legal to read, but somebody on the way is confused */
    if (*chunked)
        r->has_length = false; /* RFC 9112 6.3: the encoding wins */
    return NULL;
}

static enum http_reader_event head_done(struct http_reader *r, struct err *e)
{
    bool chunked = false;
    point_rows(r);
    const char *wrong = read_framing(r, &chunked);
    if (wrong)
        return bad(r, e, wrong);
    if (r->head_only || r->head.status == 204 || r->head.status == 304)
        r->state = HR_DONE;
    else if (chunked)
        r->state = HR_CHUNK_SIZE;
    else if (r->has_length) {
        r->left = r->length;
        r->state = r->left > 0 ? HR_LENGTH : HR_DONE;
    } else {
        r->state = HR_UNTIL_CLOSE;
        r->odd = true;
    }
    return HRE_HEAD;
}

/* 100, 103 …: the final reply is still to come. */
static void skip_interim(struct http_reader *r)
{
    r->odd |= r->head.status != 100;
    r->status_seen = false;
    r->head = (struct http_reply_head){0};
    str_clear(&r->text);
}

static enum http_reader_event read_head(struct http_reader *r, struct evbuffer *in, struct err *e)
{
    _cleanup_(str_release) struct str line = {0};
    for (;;) {
        switch (take_head_line(r, in, &line)) {
        case LINE_NONE:
            return HRE_MORE;
        case LINE_TOO_LONG:
            return fail(r, e, ERR_LIMIT, "the reply's head is larger than the limit");
        case LINE_TAKEN:
            break;
        }
        if (!r->status_seen) {
            if (!parse_status(r, &line))
                return bad(r, e, "the reply does not start with an HTTP/1 status line");
            if (r->head.status == 101)
                return bad(r, e, "the server switched protocols without being asked");
        } else if (line.n > 0) {
            if (!parse_header(r, &line))
                return bad(r, e, "the reply has a malformed header line or too many of them");
        } else if (r->head.status < 200)
            skip_interim(r);
        else
            return head_done(r, e);
    }
}

/* --- the body --- */

static bool parse_chunk_size(const struct str *line, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < line->n; i++) {
        char c = line->p[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            break;
        if (v >> 59)
            return false;
        v = v << 4 | (uint64_t)digit;
    }
    struct slice tail = slice_trim(slice_of(line->p + i, line->n - i));
    *ret = v;
    return i > 0 && (tail.n == 0 || tail.p[0] == ';');
}

static enum http_reader_event read_chunk_line(struct http_reader *r, struct evbuffer *in, struct err *e)
{
    _cleanup_(str_release) struct str line = {0};
    enum line l = r->state == HR_TRAILER ? take_head_line(r, in, &line) : take_line(in, MAX_LINE, &line);
    if (l == LINE_NONE)
        return HRE_MORE;
    if (l == LINE_TOO_LONG)
        return bad(r, e, "the reply's chunks or trailers have a line that is too long");
    switch (r->state) {
    case HR_CHUNK_SIZE:
        if (!parse_chunk_size(&line, &r->left))
            return bad(r, e, "the reply has a malformed chunk size");
        r->state = r->left > 0 ? HR_CHUNK_DATA : HR_TRAILER;
        break;
    case HR_CHUNK_END:
        if (line.n > 0)
            return bad(r, e, "a chunk of the reply is longer than it said");
        r->state = HR_CHUNK_SIZE;
        break;
    default: /* HR_TRAILER */
        if (line.n == 0)
            r->state = HR_DONE;
        break;
    }
    return HRE_HEAD; /* not handed out: "go on" */
}

static enum http_reader_event read_body(struct http_reader *r, struct evbuffer *in, struct slice *piece)
{
    struct evbuffer_iovec v;
    if (evbuffer_peek(in, -1, NULL, &v, 1) < 1 || v.iov_len == 0)
        return HRE_MORE;
    *piece = slice_of(v.iov_base, v.iov_len);
    if (r->state != HR_UNTIL_CLOSE && piece->n > r->left)
        piece->n = (size_t)r->left;
    return HRE_BODY;
}

void http_reader_taken(struct http_reader *r, struct evbuffer *in, size_t n)
{
    evbuffer_drain(in, n);
    if (r->state == HR_UNTIL_CLOSE)
        return;
    r->left -= n;
    if (r->left == 0)
        r->state = r->state == HR_LENGTH ? HR_DONE : HR_CHUNK_END;
}

enum http_reader_event http_reader_next(struct http_reader *r, struct evbuffer *in, struct slice *piece, struct err *e)
{
    for (;;) {
        enum http_reader_event ev;
        switch (r->state) {
        case HR_HEAD:
            return read_head(r, in, e);
        case HR_LENGTH:
        case HR_CHUNK_DATA:
        case HR_UNTIL_CLOSE:
            return read_body(r, in, piece);
        case HR_CHUNK_SIZE:
        case HR_CHUNK_END:
        case HR_TRAILER:
            ev = read_chunk_line(r, in, e);
            if (ev != HRE_HEAD)
                return ev;
            break;
        case HR_DONE:
            return HRE_END;
        case HR_FAILED:
            return bad(r, e, "the reply could not be read");
        }
    }
}

enum http_reader_event http_reader_eof(struct http_reader *r, struct err *e)
{
    if (r->state == HR_UNTIL_CLOSE) {
        r->state = HR_DONE;
        return HRE_END;
    }
    return bad(r, e,
               r->state == HR_HEAD ? "the connection was closed within the reply's head"
                                   : "the connection was closed before the reply was whole");
}

const char *http_reply_head_get(const struct http_reply_head *h, const char *name)
{
    for (size_t i = 0; i < h->nheaders; i++)
        if (is_header(&h->headers[i], name))
            return h->headers[i].value;
    return NULL;
}
