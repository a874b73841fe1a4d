/* json_write.c - builds one JSON document into a str. */
#include "base/json_write.h"

#include "base/mem.h"
#include "base/utf8.h"
#include <assert.h>
#include <math.h>

void jw_init(struct jw *w, struct str *out)
{
    *w = (struct jw){.out = out};
    w->first[0] = true;
}

void jw_done(const struct jw *w)
{
    assert(w->depth == 0 && !w->after_key && !w->first[0]);
    (void)w;
}

/* Before each value: the comma, and whether one may stand here. */
static void begin_value(struct jw *w)
{
    if (w->depth && w->is_object[w->depth]) {
        assert(w->after_key);
        w->after_key = false;
        return;
    }
    assert(w->depth || w->first[0]); /* one value at the top */
    if (!w->first[w->depth])
        str_addc(w->out, ',');
    w->first[w->depth] = false;
}

static void open_level(struct jw *w, bool object)
{
    begin_value(w);
    assert(w->depth + 1 < JW_MAX_DEPTH);
    w->depth++;
    w->is_object[w->depth] = object;
    w->first[w->depth] = true;
    str_addc(w->out, object ? '{' : '[');
}

void jw_object(struct jw *w)
{
    open_level(w, true);
}

void jw_array(struct jw *w)
{
    open_level(w, false);
}

void jw_end(struct jw *w)
{
    assert(w->depth && !w->after_key);
    str_addc(w->out, w->is_object[w->depth] ? '}' : ']');
    w->depth--;
}

/* What RFC 8259 demands: quotation mark, backslash, U+0000 … U+001F. */
static void add_escaped(struct str *out, char c)
{
    static const char short_form[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        str_addf(out, "\\%c", c);
    else if (short_form[(uint8_t)c])
        str_addf(out, "\\%c", short_form[(uint8_t)c]);
    else
        str_addf(out, "\\u%04x", (unsigned)(uint8_t)c);
}

/* Nothing to escape, repair or check: ASCII but controls, quotation mark and backslash. Nearly all is. */
static bool is_plain(struct slice s)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w, quote, slash;
        memcpy(&w, s.p + i, sizeof(w));
        quote = w ^ ones * '"';
        slash = w ^ ones * '\\';
        if ((w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high)
            return false;
    }
    for (; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20 || (uint8_t)s.p[i] >= 0x80 || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

static void add_storable(struct str *out, struct slice s)
{
    size_t done = 0;
    str_reserve(out, s.n + 2);
    str_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((uint8_t)c >= 0x20 && c != '"' && c != '\\')
            continue;
        str_add(out, slice_of(s.p + done, i - done));
        add_escaped(out, c);
        done = i + 1;
    }
    str_add(out, slice_of(s.p ? s.p + done : NULL, s.n - done));
    str_addc(out, '"');
}

static void add_string(struct str *out, struct slice s)
{
    if (is_plain(s)) {
        str_reserve(out, s.n + 2);
        out->p[out->n] = '"';
        memcpy(out->p + out->n + 1, s.p ? s.p : "", s.n);
        out->p[out->n + 1 + s.n] = '"';
        out->n += s.n + 2;
        out->p[out->n] = '\0';
        return;
    }
    if (utf8_storable(s)) {
        add_storable(out, s);
        return;
    }
    _cleanup_(mem_freep) char *repaired = mem_realloc_array(NULL, s.n, 3);
    add_storable(out, slice_of(repaired, utf8_repair(s, repaired)));
}

void jw_key(struct jw *w, const char *key)
{
    jw_key_text(w, slice_cstr(key));
}

void jw_key_text(struct jw *w, struct slice key)
{
    assert(w->depth && w->is_object[w->depth] && !w->after_key);
    if (!w->first[w->depth])
        str_addc(w->out, ',');
    w->first[w->depth] = false;
    add_string(w->out, key);
    str_addc(w->out, ':');
    w->after_key = true;
}

void jw_slice(struct jw *w, struct slice s)
{
    if (!s.p) {
        jw_null(w);
        return;
    }
    begin_value(w);
    add_string(w->out, s);
}

void jw_str(struct jw *w, const char *s)
{
    jw_slice(w, slice_cstr(s));
}

void jw_i64(struct jw *w, int64_t v)
{
    begin_value(w);
    str_add_i64(w->out, v);
}

void jw_double(struct jw *w, double v)
{
    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    begin_value(w);
    str_add_double(w->out, v);
}

void jw_bool(struct jw *w, bool v)
{
    begin_value(w);
    str_adds(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
    begin_value(w);
    str_adds(w->out, "null");
}

void jw_time(struct jw *w, usec_t t)
{
    char buf[CLOCK_ISO_MAX];
    jw_str(w, t == USEC_NONE ? NULL : clock_iso(t, buf));
}

void jw_raw(struct jw *w, struct slice json)
{
    if (json.n == 0) {
        jw_null(w);
        return;
    }
    begin_value(w);
    str_add(w->out, json);
}

void jw_key_slice(struct jw *w, const char *key, struct slice s)
{
    jw_key(w, key);
    jw_slice(w, s);
}

void jw_key_str(struct jw *w, const char *key, const char *s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void jw_key_i64(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_i64(w, v);
}

void jw_key_bool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_key_time(struct jw *w, const char *key, usec_t t)
{
    jw_key(w, key);
    jw_time(w, t);
}

void jw_key_raw(struct jw *w, const char *key, struct slice json)
{
    jw_key(w, key);
    jw_raw(w, json);
}
