/* fuzz_map.c - mapping tables: a byte that seeds the cuts, then a document, read by a table with every kind of field.
 * Held:  the same rows, faults and head whatever the cuts and on a reader that was used before; texts are storable and not longer than
 *        asked; numbers and times are known values or absent; what is no JSON is never taken for whole. */
#include "fuzz.h"

#include "base/json_read.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "msphub/mapping.h"

struct part {
    struct slice name;
    int64_t bytes;
    struct texts tags;
};
struct row {
    struct slice id, name, loose, deep, word_text;
    int64_t number, scaled, size;
    enum tri flag;
    usec_t epoch, iso, time;
    int word;
    struct texts texts;
    struct map_list parts;
};
struct head {
    struct slice cursor;
    int64_t total;
};

static const struct map_name words[] = {{"one", 1}, {"TWO", 2}, {"7", 7}, {NULL, 0}};

#define F(PATH, KIND, S, M)                                                                                            \
    {                                                                                                                  \
        .path = PATH, .kind = KIND, .offset = offsetof(struct S, M)                                                    \
    }
static const struct map_field part_fields[] = {
    F("name", MAP_TEXT, part, name),
    {.path = "bytes", .kind = MAP_I64, .offset = offsetof(struct part, bytes), .required = true},
    F("tags", MAP_TEXTS, part, tags),
};
static const struct map part_map = {sizeof(struct part), part_fields, ARRAY_LEN(part_fields)};
static const struct map_field row_fields[] = {
    {.path = "id", .kind = MAP_ID, .offset = offsetof(struct row, id), .required = true},
    F("name", MAP_TEXT, row, name),
    F("loose", MAP_LOOSE_TEXT, row, loose),
    F("w.b[][].S", MAP_TEXT, row, deep),
    F("word", MAP_LOOSE_TEXT, row, word_text),
    {.path = "word", .kind = MAP_ENUM, .offset = offsetof(struct row, word), .names = words},
    F("n", MAP_I64, row, number),
    {.path = "hz", .kind = MAP_I64, .offset = offsetof(struct row, scaled), .scale = 1000000000},
    F("size", MAP_SIZE, row, size),
    F("flag", MAP_TRI, row, flag),
    F("epoch", MAP_EPOCH, row, epoch),
    F("iso", MAP_ISO, row, iso),
    F("time", MAP_TIME, row, time),
    F("texts", MAP_TEXTS, row, texts),
    {.path = "parts", .kind = MAP_LIST, .offset = offsetof(struct row, parts), .item = &part_map},
};
static const struct map row_map = {sizeof(struct row), row_fields, ARRAY_LEN(row_fields)};
static const struct map_field head_fields[] = {
    F("cursor.name", MAP_LOOSE_TEXT, head, cursor),
    F("total", MAP_I64, head, total),
};
static const struct map head_map = {sizeof(struct head), head_fields, ARRAY_LEN(head_fields)};

#define MAX_TEXT 24
static const struct map_doc docs[] = {
    {"results[]", &row_map, &head_map},
    {"[]", &row_map, NULL},
    {"", &row_map, NULL},
};

/* --- rows as text --- */

static void show_text(struct str *out, const char *name, struct slice s)
{
    HOLD(s.p || !s.n);
    HOLD(s.n <= MAX_TEXT && utf8_storable(s));
    if (s.p)
        str_addf(out, " %s=%zu:%.*s", name, s.n, SLICE_FMT(s));
}

static void show_number(struct str *out, const char *name, int64_t v)
{
    if (v != I64_NONE)
        str_addf(out, " %s=%lld", name, (long long)v);
}

/* Years 1 to 9999: what every reader of ours and PostgreSQL understand. */
static void show_time(struct str *out, const char *name, usec_t t)
{
    HOLD(t == USEC_NONE || (t >= SECONDS(-62135596800) && t < SECONDS(253402300800)));
    show_number(out, name, t);
}

static void show_texts(struct str *out, const char *name, const struct texts *t)
{
    HOLD(t->v || !t->n);
    for (size_t i = 0; i < t->n; i++)
        show_text(out, name, t->v[i]);
    if (t->v)
        str_addf(out, " %s/%zu", name, t->n);
}

static bool show_row(void *arg, const void *p, const char *fault, struct err *e)
{
    struct str *out = arg;
    const struct row *r = p;
    const struct part *part = r->parts.v;

    HOLD(fault || r->id.n);
    HOLD(!fault || *fault);
    HOLD(r->flag == TRI_UNKNOWN || r->flag == TRI_NO || r->flag == TRI_YES);
    HOLD(r->word == 0 || r->word == 1 || r->word == 2 || r->word == 7);
    HOLD(r->size == I64_NONE || r->size >= 0 || fault == NULL);
    show_text(out, "id", r->id);
    show_text(out, "name", r->name);
    show_text(out, "loose", r->loose);
    show_text(out, "deep", r->deep);
    show_text(out, "word", r->word_text);
    show_number(out, "word", r->word);
    show_number(out, "n", r->number);
    show_number(out, "hz", r->scaled);
    show_number(out, "size", r->size);
    show_number(out, "flag", (int64_t)r->flag);
    show_time(out, "epoch", r->epoch);
    show_time(out, "iso", r->iso);
    show_time(out, "time", r->time);
    show_texts(out, "texts", &r->texts);
    for (size_t i = 0; i < r->parts.n; i++) {
        str_addc(out, '{');
        show_text(out, "name", part[i].name);
        show_number(out, "bytes", part[i].bytes);
        show_texts(out, "tags", &part[i].tags);
        HOLD(fault || part[i].bytes != I64_NONE);
    }
    str_addf(out, " !%s\n", fault ? fault : "");
    return true;
}

static bool read_rows(struct map_reader *r, const struct map_doc *doc, struct slice text, unsigned seed,
                      struct str *out)
{
    struct fuzz_cuts cuts = fuzz_cuts(text, seed);
    struct slice piece;
    struct err e = {0};
    bool ok = true;
    while (ok && fuzz_cuts_next(&cuts, &piece))
        ok = map_reader_feed(r, piece, &e);
    fuzz_cuts_end(&cuts);
    ok = ok && map_reader_finish(r, &e);
    HOLD(ok || (e.code != ERR_NONE && e.what[0]));
    HOLD(!ok || json_valid(text, NULL));
    if (ok && doc->head) {
        const struct head *h = map_reader_head(r);
        show_text(out, "cursor", h->cursor);
        show_number(out, "total", h->total);
    }
    str_addf(out, "%s, %zu rows\n", ok ? "whole" : "not whole", map_reader_rows(r));
    return ok;
}

static void check_doc(const struct map_doc *doc, struct slice text, unsigned seed)
{
    _cleanup_(str_release) struct str whole = {0}, cut = {0}, rows = {0};
    struct map_reader *r = map_reader_new(doc, show_row, &rows, MAX_TEXT);

    bool ok = read_rows(r, doc, text, 0, &rows);
    whole = rows;
    rows = (struct str){0};
    map_reader_reset(r);
    HOLD(read_rows(r, doc, text, seed + 1, &rows) == ok);
    cut = rows;
    rows = (struct str){0};
    /* Of a document that breaks off, how many rows were seen before is all the same: they are void. */
    HOLD(!ok || slice_eq(str_slice(&whole), str_slice(&cut)));
    map_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    unsigned seed = fuzz_byte(&text);
    for (size_t i = 0; i < ARRAY_LEN(docs); i++)
        check_doc(&docs[i], text, seed);

    struct arena *a = arena_new();
    struct row row;
    struct err e = {0};
    HOLD(map_read(&row_map, text, a, &row, &e) || (e.code != ERR_NONE && e.what[0]));
    arena_free(a);
    return 0;
}
