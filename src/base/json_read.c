/* json_read.c - a streaming JSON reader over yajl.
 * Why:    see json_read.h. yajl's own UTF-8 check is partial and fails the whole document, so it is switched off and
 * every string is checked, and if need be repaired, on its way out. Owns:   a yajl handle a document (yajl cannot be
 * reset), a buffer for repaired strings. Always: a failure is kept, and every later call repeats it. */
#include "base/json_read.h"

#include "base/mem.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

struct json_reader {
    const struct json_handler *h;
    void *arg;
    yajl_handle yajl;
    unsigned depth, max_depth;
    uint64_t fed; /* bytes before the current piece */
    size_t quiet; /* bytes fed since a callback: what yajl keeps of an unfinished string */
    struct str repaired;
    struct err err; /* code is ERR_NONE while all is well */
};

bool json_reader_fail(struct json_reader *r, enum err_code code, const char *fmt, ...)
{
    char what[sizeof(r->err.what)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return err_set(&r->err, code, "%s", what);
}

/* --- yajl's callbacks --- */

static struct slice checked_text(struct json_reader *r, struct slice s)
{
    if (utf8_storable(s))
        return s;
    str_clear(&r->repaired);
    str_reserve(&r->repaired, s.n * 3);
    r->repaired.n = utf8_repair(s, r->repaired.p);
    return str_slice(&r->repaired);
}

static int on_null(void *ctx)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return !r->h->null || r->h->null(r->arg);
}

static int on_boolean(void *ctx, int v)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return !r->h->boolean || r->h->boolean(r->arg, v);
}

static int on_number(void *ctx, const char *p, size_t n)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return !r->h->number || r->h->number(r->arg, slice_of(p, n));
}

static int on_string(void *ctx, const unsigned char *p, size_t n)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return !r->h->string || r->h->string(r->arg, checked_text(r, slice_of(n ? (const char *)p : "", n)));
}

static int on_key(void *ctx, const unsigned char *p, size_t n)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return !r->h->object_key || r->h->object_key(r->arg, checked_text(r, slice_of(n ? (const char *)p : "", n)));
}

static bool enter(struct json_reader *r)
{
    if (r->depth == r->max_depth)
        return json_reader_fail(r, ERR_INPUT, "JSON is nested deeper than %u levels", r->max_depth);
    r->depth++;
    return true;
}

static int on_object_start(void *ctx)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return enter(r) && (!r->h->object_start || r->h->object_start(r->arg));
}

static int on_object_end(void *ctx)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    r->depth--;
    return !r->h->object_end || r->h->object_end(r->arg);
}

static int on_array_start(void *ctx)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    return enter(r) && (!r->h->array_start || r->h->array_start(r->arg));
}

static int on_array_end(void *ctx)
{
    struct json_reader *r = ctx;
    r->quiet = 0;
    r->depth--;
    return !r->h->array_end || r->h->array_end(r->arg);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* with it yajl leaves numbers as text */
    .yajl_string = on_string,
    .yajl_start_map = on_object_start,
    .yajl_map_key = on_key,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array_start,
    .yajl_end_array = on_array_end,
};

/* --- its memory, never NULL --- */

static void *json_malloc(void *ctx, size_t n)
{
    return mem_alloc(n);
}

static void *json_realloc(void *ctx, void *p, size_t n)
{
    return mem_realloc(p, n);
}

static void json_free(void *ctx, void *p)
{
    free(p);
}

static yajl_handle open_yajl(struct json_reader *r)
{
    yajl_alloc_funcs memory = {json_malloc, json_realloc, json_free, NULL}; /* yajl copies it */
    yajl_handle y = yajl_alloc(&callbacks, &memory, r);
    yajl_config(y, yajl_dont_validate_strings, 1);
    return y;
}

struct json_reader *json_reader_new(const struct json_handler *h, void *arg, unsigned max_depth)
{
    struct json_reader *r = NEW(struct json_reader);
    r->h = h;
    r->arg = arg;
    r->max_depth = max_depth;
    r->yajl = open_yajl(r);
    return r;
}

void json_reader_reset(struct json_reader *r)
{
    yajl_free(r->yajl);
    r->yajl = open_yajl(r);
    r->depth = 0;
    r->fed = 0;
    r->quiet = 0;
    r->err = (struct err){0};
}

void json_reader_free(struct json_reader *r)
{
    if (!r)
        return;
    yajl_free(r->yajl);
    str_release(&r->repaired);
    free(r);
}

static bool tell(const struct json_reader *r, struct err *e)
{
    return err_set(e, r->err.code, "%s", r->err.what);
}

/* yajl says "lexical error: invalid char in json text.\n"; the place is ours to add. */
static void keep_yajl_error(struct json_reader *r)
{
    unsigned char *text = yajl_get_error(r->yajl, 0, NULL, 0);
    struct slice why = slice_trim(slice_cstr(text ? (const char *)text : "unknown"));
    if (slice_ends(why, SLICE(".")))
        why.n--;
    json_reader_fail(r, ERR_INPUT, "not JSON near byte %llu: %.*s",
                     (unsigned long long)(r->fed + yajl_get_bytes_consumed(r->yajl)), SLICE_FMT(why));
    if (text)
        yajl_free_error(r->yajl, text);
}

static bool settle(struct json_reader *r, yajl_status status, struct err *e)
{
    if (status == yajl_status_ok)
        return true;
    if (r->err.code == ERR_NONE) {
        if (status == yajl_status_client_canceled)
            json_reader_fail(r, ERR_INTERNAL, "a JSON handler stopped without a reason");
        else
            keep_yajl_error(r);
    }
    return tell(r, e);
}

/* yajl takes these for blanks, RFC 8259 and PostgreSQL do not; inside a string they must be escaped. So they stand nowhere. */
static const char *no_blank(struct slice piece)
{
    const char *f = memchr(piece.p, '\f', piece.n);
    return f ? f : memchr(piece.p, '\v', piece.n);
}

bool json_reader_feed(struct json_reader *r, struct slice piece, struct err *e)
{
    if (r->err.code)
        return tell(r, e);
    if (piece.n == 0)
        return true;
    if (r->fed == 0 && piece.p[0] == '\xEF') {
        json_reader_fail(r, ERR_INPUT, "not JSON at byte 0: a byte order mark is not allowed (RFC 8259 §8.1)");
        return tell(r, e);
    }
    const char *blank = no_blank(piece);
    if (blank) {
        json_reader_fail(r, ERR_INPUT, "not JSON near byte %llu: form feed and vertical tab are no blanks",
                         (unsigned long long)(r->fed + (size_t)(blank - piece.p)));
        return tell(r, e);
    }
    r->quiet += piece.n;
    yajl_status status = yajl_parse(r->yajl, (const unsigned char *)piece.p, piece.n);
    bool ok = settle(r, status, e);
    r->fed += piece.n;
    if (ok && r->quiet > JSON_MAX_TOKEN) {
        json_reader_fail(r, ERR_LIMIT, "a single JSON value is longer than %zu MiB", JSON_MAX_TOKEN >> 20);
        return tell(r, e);
    }
    return ok;
}

bool json_reader_finish(struct json_reader *r, struct err *e)
{
    if (r->err.code)
        return tell(r, e);
    if (r->fed == 0) {
        json_reader_fail(r, ERR_INPUT, "not JSON: empty");
        return tell(r, e);
    }
    /* yajl ends a document with a blank, which goes on with a string that was begun: `[] "x` would pass. A line's end may
     * stand behind every document and in no string. */
    yajl_status status = yajl_parse(r->yajl, (const unsigned char *)"\n", 1);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(r->yajl);
    if (status == yajl_status_error && r->err.code == ERR_NONE) {
        json_reader_fail(r, ERR_INPUT, "not JSON: it ends too early, after %llu bytes", (unsigned long long)r->fed);
        return tell(r, e);
    }
    return settle(r, status, e);
}

bool json_valid(struct slice text, struct err *e)
{
    static const struct json_handler none = {0};
    struct json_reader *r = json_reader_new(&none, NULL, JSON_MAX_DEPTH);
    bool ok = json_reader_feed(r, text, e) && json_reader_finish(r, e);
    json_reader_free(r);
    return ok;
}
