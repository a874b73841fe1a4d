/* json_read.h - a streaming JSON reader: yajl's callbacks with the checks that yajl lacks.
 * Why:    yajl has no depth limit, lets some bad UTF-8 through, fails whole documents on big integers and reports a cut
 *         document only when asked at the end.
 * Always: feed pieces of any size; strings handed out are valid UTF-8 (bad bytes replaced, U+0000 dropped) and live
 * only in the call; numbers come as text; nesting deeper than `max_depth` is an error; after an error every call fails
 * with the same error. */
#ifndef MSPHUB_BASE_JSON_READ_H
#define MSPHUB_BASE_JSON_READ_H

#include "base/err.h"
#include "base/slice.h"
#include "base/str.h"

struct json_handler { /* each returns false to stop with an error it has stored itself (json_reader_fail); NULL: not
                         wanted */
    bool (*object_start)(void *arg);
    bool (*object_key)(void *arg, struct slice key);
    bool (*object_end)(void *arg);
    bool (*array_start)(void *arg);
    bool (*array_end)(void *arg);
    bool (*string)(void *arg, struct slice text);
    bool (*number)(void *arg, struct slice text);
    bool (*boolean)(void *arg, bool v);
    bool (*null)(void *arg);
};

struct json_reader;
#define JSON_MAX_DEPTH 64
#define JSON_MAX_TOKEN                                                                                                 \
    ((size_t)16 << 20) /* of a value that is longer than the pieces it comes in: all that is ever buffered */
struct json_reader *json_reader_new(const struct json_handler *h, void *arg, unsigned max_depth);
void json_reader_free(struct json_reader *r);
void json_reader_reset(struct json_reader *r); /* ready for another document */
bool json_reader_feed(struct json_reader *r, struct slice piece, struct err *e) WARN_UNUSED;
bool json_reader_finish(struct json_reader *r, struct err *e) WARN_UNUSED; /* the document must be whole */
/* Errors of the document itself are ERR_INPUT and name the byte. From inside a handler: why it returns false. */
bool json_reader_fail(struct json_reader *r, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A small tree for small documents of ours (request bodies, settings, cursors); never for a provider's page.
 * Lives in the arena. Doubled keys are an error. */
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
struct json {
    enum json_type type;
    struct slice text; /* STRING: its text; NUMBER: as written; OBJECT members: see key */
    bool boolean;
    struct slice key;          /* when it is a member of an object */
    struct json *child, *next; /* ARRAY, OBJECT: first element; next sibling */
};
struct arena;
bool json_parse(struct arena *a, struct slice text, struct json **ret, struct err *e) WARN_UNUSED;
const struct json *json_get(const struct json *object, const char *key); /* NULL when absent or not an object */
struct slice json_get_text(const struct json *object, const char *key);  /* SLICE_NONE when absent or not a string */
bool json_get_i64(const struct json *object, const char *key, int64_t *ret);
bool json_get_bool(const struct json *object, const char *key, bool fallback);
void json_write(const struct json *j, struct str *out); /* back to compact text, member order kept */
/* Is it one whole JSON value? */
bool json_valid(struct slice text, struct err *e);

#endif
