/* msphub/mapping.h - a product's JSON → our structs, as a table, in one streaming pass.
 * A struct map names JSON paths and where their values go; the reader is fed pieces of a document and calls back with
 * each finished row. No tree is built; memory is one row, whatever the size of the page.
 *
 * Paths:  keys joined by dots, relative to the row ("device.references.organization.id"); "[]" steps into each element
 * of an array, and the first value wins ("bios[][].SerialNumber"; TEXTS and LIST gather all). "" is the row itself. The
 * row's own place in the document is map_doc.rows. Two fields may have the same path. Values: absent and null are the
 * same: text SLICE_NONE, numbers I64_NONE, times USEC_NONE, tri unknown, enum 0; and so is empty text, but for TEXT and
 * LOOSE_TEXT. Of TEXTS and LIST, v is NULL when absent and not NULL when empty. Faults: a value of the wrong type makes
 * the row faulty, not the document: on_row gets the row and why. A path that leads through something of another shape
 * (a text where an object was expected) is absent. */
#ifndef MSPHUB_MAPPING_H
#define MSPHUB_MAPPING_H

#include "base/err.h"
#include "msphub/record.h"

struct arena;

enum map_kind {
    MAP_TEXT,       /* struct slice: string; numbers and booleans are a fault */
    MAP_ID,         /* struct slice: string, or an integer as its digits */
    MAP_LOOSE_TEXT, /* struct slice: string, number or boolean as text; objects and arrays are skipped */
    MAP_I64, /* int64_t: number or such a string, times `scale` (0 = 1), whole after that: 42, "42", 4.2E1, "2.4" · 10^9
              */
    MAP_TRI,   /* enum tri: boolean, or "true"/"false" */
    MAP_EPOCH, /* usec_t: seconds with fraction or milliseconds (clock_parse_epoch), number or string */
    MAP_ISO,   /* usec_t: clock_parse_iso */
    MAP_TIME,  /* usec_t: EPOCH for numbers, ISO for strings */
    MAP_ENUM,  /* int: by `names`; a name not listed gives 0, never a fault (enums are open) */
    MAP_SIZE,  /* int64_t bytes: "499.4 GB" (B kB MB … EB, divisor 1024), or a number of bytes; rounded down */
    MAP_TEXTS, /* struct texts: array of strings (others are skipped); a string alone counts as one */
    MAP_LIST   /* struct map_list: array of objects, each by `item` */
};

struct map_name {     /* the last one has text == NULL */
    const char *text; /* compared without case */
    int value;
};

struct map;
struct map_list {
    void *v; /* n structs of item->size */
    size_t n;
};

struct map_field {
    const char *path;
    enum map_kind kind;
    size_t offset;
    bool required; /* absent or null is a fault */
    int64_t scale;
    const struct map_name *names;
    const struct map *item;
};

struct map {
    size_t size; /* of the struct */
    const struct map_field *fields;
    size_t n;
};

struct map_doc {
    const char *rows; /* "[]": the document is an array of rows; "results[]"; "": the document is the row */
    const struct map *row;
    const struct map
        *head;     /* fields outside the rows (cursor, count; no LIST), or NULL; paths from the document's root */
    bool any_case; /* the product spells its keys as it likes: ID, Id; ASCII letters compare without case */
};

struct map_reader;
/* fault: NULL, or what is wrong: "offline: expected a boolean, found text \"maybe\"". The row and its texts live during
 * the call. False stops with the error the callback has stored in *e. */
typedef bool map_row_cb(void *arg, const void *row, const char *fault, struct err *e);

/* Compiles the table; `doc` is borrowed. max_text: a longer string is cut at a character's border [1 MiB when 0]. */
struct map_reader *map_reader_new(const struct map_doc *doc, map_row_cb *on_row, void *arg, size_t max_text);
void map_reader_free(struct map_reader *r);
bool map_reader_feed(struct map_reader *r, struct slice piece, struct err *e) WARN_UNUSED;
/* The document must be whole, hold the array that `rows` names, and its head must be without fault; ERR_PROTOCOL
 * otherwise. */
bool map_reader_finish(struct map_reader *r, struct err *e) WARN_UNUSED;
const void *map_reader_head(const struct map_reader *r); /* valid after finish */
size_t map_reader_rows(const struct map_reader *r);      /* rows called back so far */
void map_reader_reset(struct map_reader *r);             /* ready for a document from its beginning */

/* One document in memory, e.g. a webhook's body: the struct is filled, its texts live in the arena. ERR_INPUT: not
 * JSON; ERR_DATA: a fault of the row. */
bool map_read(const struct map *m, struct slice json, struct arena *a, void *ret, struct err *e) WARN_UNUSED;

#endif
