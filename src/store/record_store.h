/* store/record_store.h - what runs, webhooks and actions need to know of a kind's store: one row of a table.
 * Why:    records of all kinds come in one stream. Who stores them goes by the rows of record_stores (record_set.c), so that a further
 *         kind is a row, and nobody names kinds one by one.
 * How:    a store collects records in a batch of its own, whose first member is a struct record_batch, and adds its statements to the
 *         transaction. A kind with a flat record needs none of this by hand: store/flat_batch.h. */
#ifndef MSPHUB_STORE_RECORD_STORE_H
#define MSPHUB_STORE_RECORD_STORE_H

#include "msphub/provider.h"
#include "store/inventory.h"
#include "store/run.h"

struct record_batch {
    const struct record_store *store;
    int64_t tenant_id, integration_id;
    unsigned first, end; /* its statements where it was put last: first … end - 1 */
};

struct record_put {
    int64_t run_id; /* 0: no run; the lists of a device are whole */
    bool dry_run;   /* counts for the run, writes nothing else */
    usec_t observed;
};

/* What the end of a run proves, as SYNC_KIND bits. */
struct record_proof {
    uint64_t absent; /* the complete list was read: what it lacks is missing */
    uint64_t whole;  /* no list of a device that came has lost a row */
};

struct record_store {
    const char *name; /* in notes */
    uint64_t kinds;   /* SYNC_KIND bits of the records it takes */
    uint64_t absence; /* those of them whose absence from a complete list means something */
    bool marks;       /* put marks what was seen for the run by itself; else the run marks each record's id */
    bool diffs;       /* a dry run puts too; else it leaves the records out */

    struct record_batch *(*open)(const struct record_store *store, int64_t tenant_id, int64_t integration_id);
    void (*free)(struct record_batch *b);
    /* Copies. `observed`: wall clock when the product said it. False: it cannot be stored, *e says why. */
    bool (*add)(struct record_batch *b, const struct record *r, usec_t observed, struct err *e);
    size_t (*count)(const struct record_batch *b);
    size_t (*bytes)(const struct record_batch *b);
    void (*put)(struct pg_seg *s, struct record_batch *b, const struct record_put *o);

    /* The others may be NULL. */
    /* A record that this one says as well: true, and *ret is added behind it. */
    bool (*implies)(const struct record *r, struct record *ret);
    /* A record with this id (record_id; SLICE_NONE: not known) was refused: what is there of its list is not the whole. */
    void (*broken)(struct record_batch *b, struct slice id);
    /* A run may be resumed from here; `b` goes on where `previous` ended (store/inventory.h). */
    void (*checkpoint)(struct record_batch *b);
    void (*follow)(struct record_batch *b, const struct record_batch *previous);
    /* Two halves, to find the record that PostgreSQL refuses; `b` outlives them. False: it is one, and which. NULL: the batch is left
     * out as a whole, with a note. */
    bool (*split)(const struct record_batch *b, struct record_batch **left, struct record_batch **right,
                  enum record_kind *kind, struct slice *id);
    void (*result)(const struct pg_reply *r, const struct record_batch *b, struct inventory_counts *devices);
    /* In the last transaction of a run that is no dry one, however it ends. */
    void (*finish)(const struct record_store *store, struct pg_seg *s, const struct run_key *k,
                   const struct record_proof *proof);
};

/* In the order in which they are put; ends with NULL. */
extern const struct record_store *const record_stores[];
const struct record_store *record_store_of(enum record_kind kind); /* NULL: records of this kind are not stored */

/* For `open`. */
void record_batch_init(struct record_batch *b, const struct record_store *store, int64_t tenant_id,
                       int64_t integration_id);

#endif
