/* json_write.h - builds one JSON document into a str. Over yajl_gen's rules it adds our number printing.
 * Usage:  struct jw w; jw_init(&w, &out); jw_object(&w); jw_key_str(&w, "name", name); jw_end(&w); jw_done(&w);
 * Always: keys and values alternate correctly or an assert fails (our mistake, never a peer's); strings that are not
 *         valid UTF-8 are repaired; nothing is escaped but what RFC 8259 demands. */
#ifndef MSPHUB_BASE_JSON_WRITE_H
#define MSPHUB_BASE_JSON_WRITE_H

#include "base/clock.h"
#include "base/str.h"

#define JW_MAX_DEPTH 66 /* a parsed document (JSON_MAX_DEPTH) fits */
struct jw {
    struct str *out;
    unsigned depth;
    uint8_t is_object[JW_MAX_DEPTH]; /* per level: object or array */
    bool first[JW_MAX_DEPTH];
    bool after_key;
};

void jw_init(struct jw *w, struct str *out);
void jw_done(const struct jw *w); /* asserts that everything was closed */
void jw_object(struct jw *w);
void jw_array(struct jw *w);
void jw_end(struct jw *w); /* closes the innermost object or array */
void jw_key(struct jw *w, const char *key);
void jw_key_text(struct jw *w, struct slice key);
void jw_slice(struct jw *w, struct slice s); /* .p == NULL writes null */
void jw_str(struct jw *w, const char *s);    /* NULL writes null */
void jw_i64(struct jw *w, int64_t v);
void jw_double(struct jw *w, double v); /* shortest text that reads back equal; NaN and infinities write null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_time(struct jw *w, usec_t t);         /* ISO text; USEC_NONE writes null */
void jw_raw(struct jw *w, struct slice json); /* a JSON value that is known to be whole and valid; empty writes null */

/* key + value */
void jw_key_slice(struct jw *w, const char *key, struct slice s);
void jw_key_str(struct jw *w, const char *key, const char *s);
void jw_key_i64(struct jw *w, const char *key, int64_t v);
void jw_key_bool(struct jw *w, const char *key, bool v);
void jw_key_time(struct jw *w, const char *key, usec_t t);
void jw_key_raw(struct jw *w, const char *key, struct slice json);

#endif
