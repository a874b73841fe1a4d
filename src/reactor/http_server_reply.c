/* http_server_reply.c - replies: composing the head, gzip, problem details.
 * Always: a reply's framing is decided here alone: Content-Length for a whole body, chunked or the connection's end
 *         for a stream, nothing for 204 and 304; HEAD gets the head that GET would get, without the body. Texts of a
 *         handler cannot break out of their header line (asserted in http_reply_header). */
#include "reactor/http_server_internal.h"

#include "base/json_write.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_MIN   1024        /* smaller bodies gain nothing */
#define GZIP_MAX   (512 << 10) /* larger ones would hold the loop for longer than a turn may take */
#define GZIP_LEVEL 1           /* four times as fast as the default for a tenth more bytes */

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
    assert(!strpbrk(name, "\r\n: ") && !strpbrk(value, "\r\n"));
    str_adds(&r->headers, name);
    str_add(&r->headers, SLICE(": "));
    str_adds(&r->headers, value);
    str_add(&r->headers, SLICE("\r\n"));
    r->encoded |= slice_ieq(slice_cstr(name), SLICE("Content-Encoding"));
}

struct slice http_reply_header_get(const struct http_request *r, const char *name)
{
    struct slice rest = str_slice(&r->headers);
    while (rest.n) {
        struct slice value = slice_cut(&rest, '\n');
        struct slice line = slice_cut(&value, ':');
        if (slice_ieq(line, slice_cstr(name)))
            return slice_trim(value);
    }
    return SLICE_NONE;
}

/* --- the head --- */

static void add_number(struct str *out, uint64_t v)
{
    char buf[20];
    size_t i = sizeof(buf);
    do
        buf[--i] = (char)('0' + v % 10);
    while (v /= 10);
    str_add(out, slice_of(buf + i, sizeof(buf) - i));
}

static const char *date_text(struct http_server *s)
{
    int64_t now = loop_wall(s->loop) / USEC_PER_S;
    if (now != s->date_at || !s->date[0]) {
        time_t t = (time_t)now;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT",
                 &tm); /* the C locale's names: setlocale is never called */
        s->date_at = now;
    }
    return s->date;
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

void reply_compose(struct http_request *r, int status, const char *type, bool has_length, uint64_t length)
{
    struct conn *c = r->conn;
    struct str *out = &r->server->out;
    c->last = c->last || r->server->draining;
    str_clear(out);
    str_add(out, SLICE("HTTP/1.1 "));
    add_number(out, (uint64_t)status);
    str_addc(out, ' ');
    str_adds(out, http_status_text(status));
    str_add(out, SLICE("\r\nDate: "));
    str_adds(out, date_text(r->server));
    str_add(out, SLICE("\r\nX-Request-Id: "));
    str_adds(out, r->id);
    if (type) {
        str_add(out, SLICE("\r\nContent-Type: "));
        str_adds(out, type);
    }
    if (has_length && status_has_body(status)) {
        str_add(out, SLICE("\r\nContent-Length: "));
        add_number(out, length);
    } else if (r->chunked) {
        str_add(out, SLICE("\r\nTransfer-Encoding: chunked"));
    }
    if (c->last)
        str_add(out, SLICE("\r\nConnection: close"));
    else if (r->head.http10)
        str_add(out, SLICE("\r\nConnection: keep-alive"));
    str_add(out, SLICE("\r\n"));
    str_add(out, str_slice(&r->headers));
    str_add(out, SLICE("\r\n"));
}

/* --- gzip --- */

static bool is_text(const char *type)
{
    struct slice t = slice_cstr(type);
    struct slice essence = slice_trim(slice_cut(&t, ';'));
    return slice_starts(essence, SLICE("text/")) || slice_ends(essence, SLICE("json")) ||
           slice_ends(essence, SLICE("javascript")) || slice_ends(essence, SLICE("xml")) ||
           slice_ends(essence, SLICE("yaml")) || slice_is(essence, "application/openmetrics-text");
}

static struct z_stream_s *zip_stream(struct http_server *s)
{
    if (s->zip) {
        deflateReset(s->zip);
        return s->zip;
    }
    s->zip = NEW(struct z_stream_s);
    if (deflateInit2(s->zip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    return s->zip;
}

/* False when it would not be smaller. */
static bool compress_body(struct http_server *s, struct slice body)
{
    struct z_stream_s *z = zip_stream(s);
    str_clear(&s->zipped);
    str_reserve(&s->zipped, body.n);
    z->next_in = (const Bytef *)body.p;
    z->avail_in = (uInt)body.n;
    z->next_out = (Bytef *)s->zipped.p;
    z->avail_out = (uInt)body.n;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return false;
    s->zipped.n = body.n - z->avail_out;
    return true;
}

static struct slice encode(struct http_request *r, const char *type, struct slice body)
{
    if (body.n <= GZIP_MIN || body.n > GZIP_MAX || r->encoded || !type || !is_text(type))
        return body;
    http_reply_header(r, "Vary", "Accept-Encoding");
    if (!http_accepts_gzip(http_head_get(&r->head, "Accept-Encoding")) || !compress_body(r->server, body))
        return body;
    http_reply_header(r, "Content-Encoding", "gzip");
    return str_slice(&r->server->zipped);
}

/* --- replies --- */

void http_reply(struct http_request *r, int status, const char *type, struct slice body)
{
    struct conn *c = r->conn;
    assert(c->req == r && !r->replied && status >= 200 && status <= 599);
    r->replied = true;
    if (!c->broken) {
        if (!status_has_body(status))
            body = SLICE_NONE;
        body = encode(r, type, body);
        reply_compose(r, status, type, true, body.n);
        struct iovec v[2] = {{.iov_base = r->server->out.p, .iov_len = r->server->out.n}};
        int n = 1;
        if (body.n && r->head.method != HTTP_HEAD) {
            memcpy(&v[1].iov_base, &body.p, sizeof(body.p)); /* iovec knows no const */
            v[1].iov_len = body.n;
            n = 2;
        }
        conn_send(c, v, n);
    }
    request_finish(r, status);
    conn_replied(c);
}

/* "Content Too Large": /problems/content_too_large. */
static void problem_type(int status, struct str *out)
{
    str_adds(out, "/problems/");
    for (const char *p = http_status_text(status); *p; p++)
        str_addc(out, *p == ' ' || *p == '-' ? '_' : (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
}

void http_reply_problem(struct http_request *r, int status, const char *detail)
{
    _cleanup_(str_release) struct str body = {0}, type = {0};
    problem_type(status, &type);
    struct jw w;
    jw_init(&w, &body);
    jw_object(&w);
    jw_key_slice(&w, "type", str_slice(&type));
    jw_key_str(&w, "title", http_status_text(status));
    jw_key_i64(&w, "status", status);
    if (detail)
        jw_key_str(&w, "detail", detail);
    if (r->head.path.n)
        jw_key_slice(&w, "instance", r->head.path);
    jw_key_str(&w, "request_id", r->id);
    jw_end(&w);
    jw_done(&w);
    http_reply(r, status, "application/problem+json", str_slice(&body));
}

void reply_refuse(struct http_request *r, const struct http_refusal *why)
{
    server_count_rejected(r->server, why->reason);
    http_reply_problem(r, why->status, why->detail);
}
