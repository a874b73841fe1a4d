/* store/inventory.h - batches of records → tables, set by set.
 * Why:    a page of a thousand devices is a handful of statements; a row that did not change is not written.
 * How:    each source row (asset_sources) and each facet (asset_source_facets) carries a hash of its JSON; a batch is upserted where
 *         the hash differs; the assets of changed sources are then merged again by one set-based statement.
 * Always: adding a batch to a segment is idempotent: run twice, the second time writes nothing. */
#ifndef MSPHUB_STORE_INVENTORY_H
#define MSPHUB_STORE_INVENTORY_H

#include "msphub/record.h"
#include "reactor/pg.h"

/* Collects records (copied) of one integration. Doubles of one key: the later wins. */
struct inventory_batch;
struct inventory_batch *inventory_batch_new(int64_t tenant_id, int64_t integration_id);
void inventory_batch_free(struct inventory_batch *b);
/* ORGANIZATION, LOCATION, DEVICE, FACET, DEVICE_GONE; false and *e when the record cannot be stored (no id, too long). Facet rows of one
 * device and facet that follow each other are one value; see inventory.c for the rule when they come apart. */
bool inventory_batch_add(struct inventory_batch *b, const struct record *r, struct err *e);
size_t inventory_batch_count(const struct inventory_batch *b);
size_t inventory_batch_bytes(const struct inventory_batch *b);

struct inventory_options {
    int64_t run_id;   /* > 0: what was seen is noted for this run */
    bool dry_run;     /* counts only, writes nothing to the inventory */
    usec_t observed;  /* wall clock when the product said it: an older message does not overwrite a newer one */
};
struct inventory_counts {
    int64_t processed, created, updated, unchanged, retired, restored, failed;
};
/* Adds the statements to a segment; *ret_first remembers where for inventory_result. */
void inventory_add(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o, unsigned *ret_first);
void inventory_result(const struct pg_reply *r, unsigned first, struct inventory_counts *add_to);

#endif
