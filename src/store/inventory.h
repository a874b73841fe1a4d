/* store/inventory.h - batches of records → tables, set by set.
 * Why:    a page of a thousand devices is a handful of statements; a row that did not change is not written.
 * How:    each source row (asset_sources) and each facet (asset_source_facets) carries a hash of its JSON; a batch is
 *         upserted where the hash differs; the assets of changed sources are then merged again by one statement.
 * Always: adding a batch to a segment is idempotent: run twice, the second time writes nothing. */
#ifndef MSPHUB_STORE_INVENTORY_H
#define MSPHUB_STORE_INVENTORY_H

#include "msphub/record.h"
#include "reactor/pg.h"

/* Collects records (copied) of one integration. Messages about one device lie on top of each other: what the later one
 * says counts, what it does not say stays. */
struct inventory_batch;
struct inventory_batch *inventory_batch_new(int64_t tenant_id, int64_t integration_id);
void inventory_batch_free(struct inventory_batch *b);
/* When the product said what is added from now on (wall clock): an older message does not overwrite a newer one.
 * Until it is called: inventory_options.observed. */
void inventory_batch_observed(struct inventory_batch *b, usec_t observed);
/* ORGANIZATION, LOCATION, DEVICE, FACET, DEVICE_GONE; false and *e when the record cannot be stored (no id, too long).
 * Facet rows of one device that follow each other within their facet are one value; inventory_batch.c has the rule for
 * when they come apart. */
bool inventory_batch_add(struct inventory_batch *b, const struct record *r, struct err *e);
size_t inventory_batch_count(const struct inventory_batch *b);
size_t inventory_batch_bytes(const struct inventory_batch *b);
/* A run's stream of records: it may be resumed from here, in the middle of a device's rows. */
void inventory_batch_checkpoint(struct inventory_batch *b);
/* `b` is new and goes on where `previous` ended: rows of a list that continue there join those before. */
void inventory_batch_follow(struct inventory_batch *b, const struct inventory_batch *previous);
/* Cuts the batch in two new ones of about equal size, to find the record that PostgreSQL refuses; `b` must outlive them.
 * False when it is one record: then *kind and *id tell which (id lives as long as the batch). */
bool inventory_batch_split(const struct inventory_batch *b, struct inventory_batch **left,
                           struct inventory_batch **right, enum record_kind *kind, struct slice *id);

struct inventory_options {
    int64_t run_id; /* > 0: what was seen is noted for this run, its counters grow in the same transaction */
    bool dry_run;   /* counts and reports to the run, writes nothing to the inventory */
    usec_t observed;
};
/* Devices only: their parts and what surrounds them do not count. A device whose presence alone changed (last_seen,
 * agent_status) is unchanged. */
struct inventory_counts {
    int64_t processed, created, updated, unchanged, retired, restored, failed;
};
/* Adds the statements to a segment; *ret_first remembers them for inventory_result. Facets that arrive in a run are
 * merged into their assets by inventory_add_merge, so that a device with parts from many reports is written once; all
 * else is merged at once. */
void inventory_add(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o,
                   unsigned *ret_first);
void inventory_result(const struct pg_reply *r, unsigned first, struct inventory_counts *add_to);
/* The lock under which an integration's inventory is written, and the planner's settings for it. inventory_add has it; who
 * writes by other statements puts it first. */
void inventory_add_lock(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);
/* The same, and behind it the lock of the tenant's assets, for who writes rows of assets or asset_sources: an asset has sources
 * of several integrations. The order is always this one. Integration 0: that lock alone, and the planner as it is. */
void inventory_add_asset_lock(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);
/* Identifies and merges up to `limit` sources whose parts changed, and assets that wait for it. The statement's result: how
 * many of either there were. */
unsigned inventory_add_merge(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t limit);
int64_t inventory_merged(const struct pg_reply *r, unsigned stmt);
/* Assets of asset_dirty alone, for who holds the lock of the tenant's assets. */
unsigned inventory_add_waiting(struct pg_seg *s, int64_t tenant_id);

#endif
