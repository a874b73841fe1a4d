/* http_gate.c - the parser of request heads.
 * Why:    see http_gate.h. Bit sets say which bytes may stand where; a table names the headers that the gate itself
 *         must understand.
 * Order:  the request line first, then line by line, then what only the whole head can tell (Host, framing). The
 *         first fault found is the answer. */
#include "reactor/http_gate.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>

static bool refuse(struct http_refusal *why, int status, const char *reason, const char *detail)
{
    *why = (struct http_refusal){.status = status, .reason = reason, .detail = detail};
    return false;
}

static bool bad(struct http_refusal *why, const char *detail)
{
    return refuse(why, 400, "bad_request", detail);
}

/* --- which bytes may stand where: bit n of lo is byte n, bit n of hi byte 64 + n --- */

struct byte_set {
    uint64_t lo, hi;
};
/* letters, digits and !#$%&'*+-.^_`|~ */
static const struct byte_set token_bytes = {0x3ff6cfa00000000, 0x57ffffffc7fffffe};
/* what RFC 3986 allows, and ^`{|}, which browsers send as they are */
static const struct byte_set target_bytes = {0xaffffff200000000, 0x7fffffffefffffff};
/* reg-name, IPv6 literals, port */
static const struct byte_set host_bytes = {0x2fff7ff200000000, 0x47fffffeaffffffe};

static inline bool set_has(struct byte_set s, char ch)
{
    unsigned char c = (unsigned char)ch;
    return c < 64 ? s.lo >> c & 1 : c < 128 && (s.hi >> (c - 64) & 1);
}

static bool all_in(struct slice text, struct byte_set s)
{
    for (size_t i = 0; i < text.n; i++)
        if (!set_has(s, text.p[i]))
            return false;
    return true;
}

static bool is_value(struct slice text) /* no control character but TAB */
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* --- the end of a head --- */

size_t http_head_end(struct slice in, size_t from, bool *is_bad)
{
    *is_bad = false;
    const char *end = in.p + in.n, *p = in.p + from;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        size_t i = (size_t)(p - in.p);
        if (i == 0 || in.p[i - 1] != '\r') {
            *is_bad = true;
            return 0;
        }
        if (i >= 3 && in.p[i - 2] == '\n')
            return i + 1;
        p++;
    }
    *is_bad = from < in.n && memchr(in.p + from, 0, in.n - from);
    return 0;
}

/* --- request line --- */

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {{"GET", HTTP_GET},     {"POST", HTTP_POST},     {"HEAD", HTTP_HEAD},      {"PUT", HTTP_PUT},
               {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}};

const char *http_method_name(enum http_method m)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (methods[i].method == m)
            return methods[i].name;
    return "other";
}

static bool parse_version(struct slice v, struct http_head *h, struct http_refusal *why)
{
    if (slice_is(v, "HTTP/1.1"))
        return true;
    h->http10 = slice_is(v, "HTTP/1.0");
    if (h->http10)
        return true;
    bool shaped = v.n == 8 && slice_starts(v, SLICE("HTTP/")) && v.p[5] >= '0' && v.p[5] <= '9' && v.p[6] == '.' &&
                  v.p[7] >= '0' && v.p[7] <= '9';
    if (shaped)
        return refuse(why, 505, "version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    return bad(why, "The request line does not end in a protocol version.");
}

size_t http_unescape(struct slice text, bool form, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n) {
            c = (char)(hex_digit(text.p[i + 1]) << 4 | hex_digit(text.p[i + 2]));
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

static bool has_dot_segment(struct slice path)
{
    while (path.n) {
        struct slice segment = slice_cut(&path, '/');
        if (slice_is(segment, ".") || slice_is(segment, ".."))
            return true;
    }
    return false;
}

/* Path or query: whole escapes, and what they decode to is UTF-8 without U+0000 that cannot climb. */
static bool check_decoded(struct slice text, bool is_path, struct http_refusal *why)
{
    if (!memchr(text.p, '%', text.n))
        return !is_path || !has_dot_segment(text) || bad(why, "The path holds a dot segment.");
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%' && (i + 2 >= text.n || hex_digit(text.p[i + 1]) < 0 || hex_digit(text.p[i + 2]) < 0))
            return bad(why, "A '%' in the request target is not followed by two hexadecimal digits.");
    _cleanup_(mem_freep) char *decoded = mem_alloc(text.n + 1);
    struct slice plain = slice_of(decoded, http_unescape(text, false, decoded));
    if (!utf8_storable(plain))
        return bad(why, "The request target does not decode to UTF-8 text.");
    if (is_path && has_dot_segment(plain))
        return bad(why, "The path holds a dot segment.");
    return true;
}

/* "http://host/path" is turned into its path; whom it names does not matter here, as with Host. */
static bool cut_origin(struct slice *target, struct http_refusal *why)
{
    struct slice t = *target;
    size_t scheme = slice_starts(t, SLICE("http://")) ? 7 : slice_starts(t, SLICE("https://")) ? 8 : 0;
    if (!scheme)
        return bad(why, "The request target is neither a path nor an http URL.");
    const char *slash = memchr(t.p + scheme, '/', t.n - scheme);
    const char *question = memchr(t.p + scheme, '?', t.n - scheme);
    if (!slash || (question && question < slash))
        return bad(why, "The URL in the request line has no path.");
    if (slash == t.p + scheme)
        return bad(why, "The URL in the request line names no host.");
    *target = slice_of(slash, t.n - (size_t)(slash - t.p));
    return true;
}

static bool parse_target(struct slice target, struct http_head *h, struct http_refusal *why)
{
    h->target = target;
    if (slice_is(target, "*") && h->method == HTTP_OPTIONS) {
        h->path = target;
        return true;
    }
    if (!all_in(target, target_bytes))
        return bad(why, "The request target holds a byte that must be percent-encoded.");
    if (target.p[0] != '/' && !cut_origin(&target, why))
        return false;
    struct slice query = target;
    struct slice path = slice_cut(&query, '?');
    if (!check_decoded(path, true, why) || (query.n && !check_decoded(query, false, why)))
        return false;
    h->path = path;
    h->query = query;
    return true;
}

static bool parse_request_line(struct slice line, struct http_head *h, struct http_refusal *why)
{
    struct slice rest = line;
    struct slice method = slice_cut(&rest, ' '), target = slice_cut(&rest, ' ');
    if (!method.n || !all_in(method, token_bytes))
        return bad(why, "The request line does not start with a method.");
    if (!target.n)
        return bad(why, "The request line has no target.");
    h->method_text = method;
    if (!parse_version(rest, h, why))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(methods) && !h->method; i++)
        if (slice_is(method, methods[i].name))
            h->method = methods[i].method;
    if (!h->method)
        return refuse(why, 501, "method", "This method is not known here.");
    return parse_target(target, h, why);
}

/* --- header fields --- */

struct seen { /* what only the whole head can judge */
    unsigned hosts, lengths, codings;
    bool close, keep_alive;
};

/* Does a comma-separated list hold this word (case-insensitive, parameters after ';' not looked at)? */
static bool list_has(struct slice list, const char *word)
{
    while (list.n) {
        struct slice item = slice_cut(&list, ',');
        if (slice_ieq(slice_trim(slice_cut(&item, ';')), slice_cstr(word)))
            return true;
    }
    return false;
}

static bool on_host(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why)
{
    if (++seen->hosts > 1)
        return bad(why, "There is more than one Host header.");
    if (!value.n || !all_in(value, host_bytes))
        return bad(why, "The Host header is not a host name.");
    return true;
}

static bool on_content_length(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why)
{
    if (++seen->lengths > 1)
        return bad(why, "There is more than one Content-Length header.");
    if (!value.n)
        return bad(why, "Content-Length is empty.");
    uint64_t length = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad(why, "Content-Length is not a decimal number.");
        if (length > UINT64_MAX / 10 - 1)
            return refuse(why, 413, "body_too_large", "The body is larger than any that is taken here.");
        length = length * 10 + (uint64_t)(value.p[i] - '0');
    }
    h->framing = FRAMING_LENGTH;
    h->length = length;
    return true;
}

static bool on_transfer_encoding(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why)
{
    if (++seen->codings > 1)
        return bad(why, "There is more than one Transfer-Encoding header.");
    if (h->http10)
        return bad(why, "HTTP/1.0 knows no Transfer-Encoding.");
    if (!slice_ieq(value, SLICE("chunked")))
        return refuse(why, 501, "coding", "The only transfer coding understood is chunked.");
    return true;
}

static bool on_connection(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why)
{
    seen->close |= list_has(value, "close");
    seen->keep_alive |= list_has(value, "keep-alive");
    return true;
}

static bool on_expect(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why)
{
    if (!slice_ieq(value, SLICE("100-continue")))
        return refuse(why, 417, "expectation", "The only expectation understood is 100-continue.");
    h->expect_continue = !h->http10;
    return true;
}

static const struct {
    struct slice name;
    bool (*on)(struct http_head *h, struct seen *seen, struct slice value, struct http_refusal *why);
} known_fields[] = {
    {{"Host", 4}, on_host},
    {{"Content-Length", 14}, on_content_length},
    {{"Transfer-Encoding", 17}, on_transfer_encoding},
    {{"Connection", 10}, on_connection},
    {{"Expect", 6}, on_expect},
};

static void add_field(struct http_head *h, struct slice name, struct slice value)
{
    if (h->nfields == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 16;
        h->fields = mem_realloc_array(h->fields, h->cap, sizeof(h->fields[0]));
    }
    h->fields[h->nfields++] = (struct http_field){.name = name, .value = value};
}

static bool parse_field(struct slice line, struct http_head *h, struct seen *seen, struct http_refusal *why)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(why, "A header line starts with a blank (folded lines are not taken).");
    struct slice value = line;
    struct slice name = slice_cut(&value, ':');
    if (name.n == line.n)
        return bad(why, "A header line has no colon.");
    if (!name.n || !all_in(name, token_bytes))
        return bad(why, "A header name is empty or holds a byte that it may not (also: a blank before the colon).");
    if (!is_value(value))
        return bad(why, "A header value holds a control character.");
    value = slice_trim(value);
    for (size_t i = 0; i < ARRAY_LEN(known_fields); i++)
        if (slice_ieq(name, known_fields[i].name)) {
            if (!known_fields[i].on(h, seen, value, why))
                return false;
            break;
        }
    add_field(h, name, value);
    return true;
}

/* --- the whole --- */

static bool judge(struct http_head *h, const struct seen *seen, struct http_refusal *why)
{
    if (!seen->hosts && !h->http10)
        return bad(why, "The Host header is missing.");
    if (seen->codings && seen->lengths)
        return bad(why, "Transfer-Encoding and Content-Length exclude each other.");
    if (seen->codings)
        h->framing = FRAMING_CHUNKED;
    h->keep_alive = !seen->close && (!h->http10 || seen->keep_alive);
    h->expect_continue = h->expect_continue && (h->framing == FRAMING_CHUNKED || h->length > 0);
    return true;
}

/* The next line without its CRLF. */
static bool cut_line(struct slice *rest, struct slice *ret, struct http_refusal *why)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    if (!lf || lf == rest->p || lf[-1] != '\r')
        return bad(why, "A line does not end in CR LF.");
    *ret = slice_of(rest->p, (size_t)(lf - rest->p) - 1);
    *rest = slice_of(lf + 1, rest->n - (size_t)(lf + 1 - rest->p));
    return true;
}

bool http_head_parse(struct slice text, size_t max_headers, struct http_head *h, struct http_refusal *why)
{
    *h = (struct http_head){.fields = h->fields, .cap = h->cap};
    struct seen seen = {0};
    struct slice rest = text, line;
    if (!rest.n || !cut_line(&rest, &line, why))
        return bad(why, "The request line does not end in CR LF.");
    if (!parse_request_line(line, h, why))
        return false;
    for (;;) {
        if (!rest.n)
            return bad(why, "The head is not whole.");
        if (!cut_line(&rest, &line, why))
            return false;
        if (!line.n)
            break;
        if (h->nfields == max_headers)
            return refuse(why, 431, "head_too_large", "There are too many header lines.");
        if (!parse_field(line, h, &seen, why))
            return false;
    }
    if (rest.n)
        return bad(why, "There are bytes behind the head.");
    return judge(h, &seen, why);
}

void http_head_release(struct http_head *h)
{
    free(h->fields);
    *h = (struct http_head){0};
}

struct slice http_head_get(const struct http_head *h, const char *name)
{
    struct slice want = slice_cstr(name);
    for (size_t i = 0; i < h->nfields; i++)
        if (slice_ieq(h->fields[i].name, want))
            return h->fields[i].value;
    return SLICE_NONE;
}

static bool quality_is_zero(struct slice parameters)
{
    while (parameters.n) {
        struct slice p = slice_trim(slice_cut(&parameters, ';'));
        if (p.n > 2 && (p.p[0] == 'q' || p.p[0] == 'Q') && p.p[1] == '=') {
            for (size_t i = 2; i < p.n; i++)
                if (p.p[i] != '0' && p.p[i] != '.')
                    return false;
            return true;
        }
    }
    return false;
}

bool http_accepts_gzip(struct slice list)
{
    bool any = false;
    while (list.n) {
        struct slice rest = slice_cut(&list, ',');
        struct slice coding = slice_trim(slice_cut(&rest, ';'));
        if (slice_ieq(coding, SLICE("gzip")) || slice_ieq(coding, SLICE("x-gzip")))
            return !quality_is_zero(rest);
        if (slice_is(coding, "*"))
            any = !quality_is_zero(rest);
    }
    return any;
}
