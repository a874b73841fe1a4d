/* map_value.c - one JSON value into one field.
 * Why:    products spell the same thing as 42, "42", 42.0 and 4.2E1; a table's kind says what is meant, and everything
 * that cannot be meant is a fault of the row. Always: an empty text is "not known" for everything that is not text, and
 * no id. */
#include "base/map_plan.h"

#include "base/decimal.h"
#include "base/utf8.h"

const char *map_kind_name(enum map_kind kind)
{
    static const char *const names[] = {
        [MAP_TEXT] = "text",
        [MAP_ID] = "an id",
        [MAP_LOOSE_TEXT] = "text",
        [MAP_I64] = "a whole number",
        [MAP_TRI] = "a boolean",
        [MAP_EPOCH] = "an epoch time",
        [MAP_ISO] = "an ISO 8601 time",
        [MAP_TIME] = "a time",
        [MAP_ENUM] = "a name",
        [MAP_SIZE] = "a size",
        [MAP_TEXTS] = "a list of texts",
        [MAP_LIST] = "a list of objects",
    };
    return names[kind];
}

void *map_grow(struct arena *a, void *v, size_t n, size_t size)
{
    size_t cap = n == 0 ? 4 : n >= 4 && (n & (n - 1)) == 0 ? n * 2 : 0; /* 4, 8, 16 …: full at each power of two */
    if (cap == 0)
        return v;
    void *grown = arena_alloc(a, cap * size);
    if (n)
        memcpy(grown, v, n * size);
    return grown;
}

static struct slice keep(struct arena *a, struct slice text, size_t max_text)
{
    struct slice cut = utf8_cut(text, max_text);
    return slice_of(arena_strndup(a, cut.p, cut.n), cut.n);
}

static bool is_integer(struct slice text)
{
    size_t i = text.n && text.p[0] == '-';
    if (i == text.n)
        return false;
    for (; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return true;
}

static bool whole_number(struct slice text, int64_t scale, int64_t *ret)
{
    struct decimal d;
    bool exact;
    if (scale <= 1 && slice_i64(text, ret))
        return true;
    return decimal_parse(text, &d) && decimal_scale(&d, scale > 1 ? scale : 1, ret, &exact) && exact;
}

static bool parse_tri(struct slice text, enum tri *ret)
{
    bool yes = slice_ieq(text, SLICE("true"));
    if (!yes && !slice_ieq(text, SLICE("false")))
        return false;
    *ret = yes ? TRI_YES : TRI_NO;
    return true;
}

/* "499.4 GB", "12 kB", "17179869184": what does not divide evenly is rounded down to the byte. */
static bool parse_size(struct slice text, int64_t *ret)
{
    static const char units[] = "KMGTPE";
    text = slice_trim(text);
    int64_t factor = 1;
    if (text.n && (text.p[text.n - 1] | 0x20) == 'b') {
        text.n--;
        if (text.n && (text.p[text.n - 1] | 0x20) == 'i') /* KiB */
            text.n--;
        const char *unit = text.n ? memchr(units, text.p[text.n - 1] & ~0x20, sizeof(units) - 1) : NULL;
        if (unit) {
            text.n--;
            factor = (int64_t)1 << (10 * (unit - units + 1));
        }
        text = slice_trim(text);
    }
    struct decimal d;
    return decimal_parse(text, &d) && !d.negative && decimal_scale(&d, factor, ret, NULL);
}

static int find_name(const struct map_name *names, struct slice text)
{
    for (; names->text; names++)
        if (slice_ieq(text, slice_cstr(names->text)))
            return names->value;
    return 0;
}

static void add_text(struct texts *t, struct slice text, struct arena *a, size_t max_text)
{
    t->v = map_grow(a, t->v, t->n, sizeof(*t->v));
    t->v[t->n++] = keep(a, text, max_text);
}

static enum map_outcome put_i64(void *to, bool ok, int64_t v)
{
    if (!ok)
        return MAP_WRONG;
    memcpy(to, &v, sizeof(v));
    return MAP_SET;
}

static enum map_outcome put_text(void *to, struct slice text, struct arena *a, size_t max_text)
{
    struct slice kept = keep(a, text, max_text);
    memcpy(to, &kept, sizeof(kept));
    return MAP_SET;
}

static enum map_outcome put_int(void *to, bool ok, int v)
{
    if (!ok)
        return MAP_WRONG;
    memcpy(to, &v, sizeof(v));
    return MAP_SET;
}

enum map_outcome map_convert(const struct map_target *t, const struct map_value *v, void *base, struct arena *a,
                             size_t max_text)
{
    const struct map_field *f = t->field;
    void *to = (char *)base + f->offset;
    bool string = v->type == JSON_STRING, number = v->type == JSON_NUMBER, ok = false;
    int64_t i64 = 0;
    enum tri tri = TRI_UNKNOWN;
    if (string && v->text.n == 0 && f->kind != MAP_TEXT && f->kind != MAP_LOOSE_TEXT)
        return MAP_ABSENT;
    switch (f->kind) {
    case MAP_TEXT:
        return string ? put_text(to, v->text, a, max_text) : MAP_WRONG;
    case MAP_ID:
        return string || (number && is_integer(v->text)) ? put_text(to, v->text, a, max_text) : MAP_WRONG;
    case MAP_LOOSE_TEXT:
        return put_text(to, v->text, a, max_text);
    case MAP_I64:
        ok = (string || number) && whole_number(v->text, f->scale, &i64);
        return put_i64(to, ok, i64);
    case MAP_TRI:
        ok = !number && parse_tri(v->text, &tri);
        return put_int(to, ok, (int)tri);
    case MAP_EPOCH:
        ok = (string || number) && clock_parse_epoch(v->text, &i64);
        return put_i64(to, ok, i64);
    case MAP_ISO:
        ok = string && clock_parse_iso(v->text, &i64);
        return put_i64(to, ok, i64);
    case MAP_TIME:
        ok = string ? clock_parse_iso(v->text, &i64) : number && clock_parse_epoch(v->text, &i64);
        return put_i64(to, ok, i64);
    case MAP_ENUM:
        return put_int(to, true, find_name(f->names, v->text));
    case MAP_SIZE:
        ok = (string || number) && parse_size(v->text, &i64);
        return put_i64(to, ok, i64);
    case MAP_TEXTS:
        if (!string)
            return t->item ? MAP_ABSENT : MAP_WRONG;
        add_text(to, v->text, a, max_text);
        return MAP_SET;
    case MAP_LIST:
        return MAP_WRONG;
    }
    return MAP_WRONG;
}
