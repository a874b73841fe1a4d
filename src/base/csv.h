/* csv.h - comma-separated values as RFC 4180 has them, read strictly.
 * Why:    a mapping that is read wrongly binds a customer's machines to another one; so what is not exactly a table is refused
 *         with its line, and nothing is guessed.
 * Always: a byte order mark and CRLF or LF are taken; every record has as many fields as the first, the header; quotation marks
 *         stand around whole fields only. Fields are text that may be stored (UTF-8, no U+0000). */
#ifndef MSPHUB_BASE_CSV_H
#define MSPHUB_BASE_CSV_H

#include "base/err.h"
#include "base/slice.h"

#define CSV_MAX_COLUMNS 64

struct csv {
    char *text; /* quoted fields are unquoted in place; owned */
    size_t n, at;
    unsigned line; /* of the record read last, from 1 */
    unsigned next_line;
    size_t ncolumns;
    struct slice columns[CSV_MAX_COLUMNS]; /* the header: trimmed */
    struct slice fields[CSV_MAX_COLUMNS];  /* of the record read last */
};

/* Copies the text and reads the header. ERR_INPUT says which line is wrong and how to mend it. */
bool csv_init(struct csv *c, struct slice text, struct err *e);
/* The next record into c->fields. False at the end (then e->code is 0) and at a mistake. Empty lines are passed over. */
bool csv_next(struct csv *c, struct err *e);
/* The column of this name, without regard to case; -1: there is none. */
int csv_column(const struct csv *c, const char *name);
void csv_release(struct csv *c);

#endif
