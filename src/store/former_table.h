/* store/former_table.h - reads a whole small table whose columns are not known beforehand.
 * How:    each row comes as one JSON object, so that no column's name goes into SQL; the table's does, as the server itself has
 *         looked it up and quoted it.
 * Always: only reads. */
#ifndef MSPHUB_STORE_FORMER_TABLE_H
#define MSPHUB_STORE_FORMER_TABLE_H

#include "base/json_read.h"
#include "base/mem.h"
#include "reactor/pg.h"

#define FORMER_MAX_ROWS 10000

struct former_column {
    struct slice name, type; /* as SQL names the type: "character varying(40)" */
};
struct former_table { /* borrows from the arena that was given */
    struct former_column *columns;
    size_t ncolumns;
    struct json **rows; /* objects with a member for each column; bytea as the text "\x…" */
    size_t nrows;
};

/* Once, in a later turn. ERR_NOT_FOUND: there is no such table; ERR_LIMIT: more than FORMER_MAX_ROWS rows. The pool is one
 * without prepared statements (pg_options.unnamed_only). The arena keeps what was read, which may be secret. */
typedef void former_cb(void *arg, const struct former_table *table, const struct err *e);
void former_read(struct pg_pool *db, struct slice table, struct arena *a, former_cb *cb, void *arg);

#endif
