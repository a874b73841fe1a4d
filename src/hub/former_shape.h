/* hub/former_shape.h - what the rows of a former mspbackups_config say, whichever shape that table has.
 * Shapes: a column for each field; one row for each setting (partner, key, value); a JSON object in one column.
 * Always: a name that could be two columns, a value that is encrypted and not opened, a partner with two rows: each is said, none is
 *         guessed. No message quotes a value. */
#ifndef MSPHUB_HUB_FORMER_SHAPE_H
#define MSPHUB_HUB_FORMER_SHAPE_H

#include "base/foreign_cipher.h"
#include "store/former_table.h"

enum former_field {
    FORMER_LOGIN,
    FORMER_PASSWORD,
    FORMER_BASE_URL,
    FORMER_ENABLED,
    FORMER_NVALUES,
    FORMER_PARTNER = FORMER_NVALUES,
    FORMER_KEY,
    FORMER_VALUE,
    FORMER_SETTINGS,
    FORMER_NFIELDS
};
extern const char *const former_field_names[]; /* "api_login", …: as --column and the settings of msp360 have them */

struct former_shape {
    enum { FORMER_COLUMNS, FORMER_ROWS, FORMER_JSON } kind;
    int column[FORMER_NFIELDS]; /* of the table; -1: none */
};
/* `choice`: "OURS=THEIRS,…", or SLICE_NONE. `one_partner`: the table may be without a column for the partner. ERR_INPUT names the columns that are
 * there, and --column. */
bool former_shape_find(const struct former_table *t, struct slice choice, bool one_partner, struct former_shape *ret,
                       struct err *e);

struct former_partner {
    struct slice partner;                /* "" when there is no column for it */
    struct slice values[FORMER_NVALUES]; /* opened; SLICE_NONE: not given */
    unsigned rows;
    const char *problem; /* NULL: none. By column, and why */
};
/* All partners in the order of their first rows; everything is in the arena, which holds secrets from now on. */
size_t former_partners_read(const struct former_table *t, const struct former_shape *shape,
                            const struct foreign_keys *keys, struct arena *a, struct former_partner **ret);

#endif
