/* store/column.c - see column.h. */
#include "store/column.h"

#include "base/json_write.h"

enum pg_type column_type(enum field_kind kind)
{
    switch (kind) {
    case FIELD_I64:
        return PG_INT8;
    case FIELD_TIME:
        return PG_TIMESTAMPTZ;
    case FIELD_TRI:
        return PG_BOOL;
    case FIELD_TEXT:
    case FIELD_TEXTS:
    case FIELD_ENUM:
        break;
    }
    return PG_TEXT;
}

static void write_texts(struct str *out, const struct texts *t)
{
    struct jw w;
    jw_init(&w, out);
    jw_array(&w);
    for (size_t i = 0; i < t->n; i++)
        jw_slice(&w, t->v[i]);
    jw_end(&w);
    jw_done(&w);
}

static void add_texts(struct pg_array *a, const struct texts *t)
{
    _cleanup_(str_release) struct str json = {0};
    if (t->v) {
        write_texts(&json, t);
        pg_array_text(a, str_slice(&json));
    } else {
        pg_array_null(a);
    }
}

void column_value(struct pg_array *a, const struct record_field *f, const void *at)
{
    switch (f->kind) {
    case FIELD_TEXT:
        pg_array_text(a, *(const struct slice *)at);
        break;
    case FIELD_TEXTS:
        add_texts(a, at);
        break;
    case FIELD_I64:
        if (*(const int64_t *)at == I64_NONE)
            pg_array_null(a);
        else
            pg_array_i64(a, *(const int64_t *)at);
        break;
    case FIELD_TIME:
        pg_array_time(a, *(const usec_t *)at);
        break;
    case FIELD_TRI:
        if (*(const enum tri *)at == TRI_UNKNOWN)
            pg_array_null(a);
        else
            pg_array_bool(a, *(const enum tri *)at == TRI_YES);
        break;
    case FIELD_ENUM:
        pg_array_text(a, slice_cstr(f->names[*(const int *)at]));
        break;
    }
}

struct slice column_text(struct arena *a, struct slice text, size_t max)
{
    if (!text.p)
        return SLICE_NONE;
    if (!utf8_storable(text)) {
        char *repaired = arena_alloc(a, 3 * text.n + 1);
        text = slice_of(repaired, utf8_repair(text, repaired));
    }
    text = utf8_cut(text, max);
    return slice_of(arena_strndup(a, text.p, text.n), text.n);
}

static void add_bytes(struct str *out, const void *p, size_t n)
{
    str_add(out, slice_of((const char *)p, n));
}

void column_hash_text(struct str *out, const struct record_field *f, const void *at)
{
    uint32_t n;
    switch (f->kind) {
    case FIELD_TEXT:
        n = (uint32_t)((const struct slice *)at)->n;
        add_bytes(out, &n, sizeof(n)); /* "a", "bc" is not "ab", "c" */
        str_add(out, *(const struct slice *)at);
        break;
    case FIELD_TEXTS:
        write_texts(out, at);
        break;
    case FIELD_I64:
    case FIELD_TIME:
        add_bytes(out, at, sizeof(int64_t));
        break;
    case FIELD_TRI:
    case FIELD_ENUM:
        add_bytes(out, at, sizeof(int));
        break;
    }
}
