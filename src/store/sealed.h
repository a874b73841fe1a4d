/* store/sealed.h - the places that hold sealed values (sealed.def), read and changed in place.
 * Always: a change is made where the sealed text is still the one that was read, and to that value alone: it is no edit (no
 *         new version, no notice), and an edit of the same moment wins. */
#ifndef MSPHUB_STORE_SEALED_H
#define MSPHUB_STORE_SEALED_H

#include "reactor/pg.h"

struct sealed_place {
    const char *table, *column;
    const char *field; /* NULL: the column is a JSON object, its members are the fields */
    struct pg_query list, put;
};
extern const struct sealed_place sealed_places[];
extern const size_t sealed_nplaces;
#define SEALED_MAX_PLACES 32

/* The tenant behind `after`, by id; no row: that was the last. */
unsigned sealed_add_next_tenant(struct pg_seg *s, int64_t after);
int64_t sealed_tenant_read(const struct pg_reply *r, unsigned stmt, struct slice *ret_slug); /* 0: none */

struct sealed_row { /* borrows from the reply */
    int64_t id;
    struct slice value; /* sealed text, or the JSON object */
    struct slice label, provider;
};
unsigned sealed_add_list(struct pg_seg *s, const struct sealed_place *p, int64_t tenant_id, int64_t after,
                         unsigned limit);
void sealed_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct sealed_row *ret);

/* Texts of a column; of members: JSON objects of nothing but the members that change. */
struct sealed_changes {
    struct pg_array ids, old, fresh;
    size_t values; /* of members several may be in one row */
};
void sealed_changes_init(struct sealed_changes *c);
void sealed_changes_add(struct sealed_changes *c, int64_t id, struct slice old, struct slice fresh, size_t values);
void sealed_changes_release(struct sealed_changes *c);
/* pg_affected tells how many rows were still as read. */
unsigned sealed_add_put(struct pg_seg *s, const struct sealed_place *p, int64_t tenant_id,
                        const struct sealed_changes *c);

#endif
