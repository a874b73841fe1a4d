/* store/flat_batch.h - the store of a kind whose record is one flat struct with a shape (record_kind_shapes): a row of a table a record.
 * How:    the columns of a batch are the fields of the shape, in its order; the kind's merge query takes them as its parameters.
 *           merge: $1 tenant, $2 integration, $3 run (0: none), $4 dry run: write nothing; $5 … the fields. Arrays sorted by id, each
 *                  id once. text: text; text lists: text, their JSON; numbers: bigint; times: timestamptz; tri: boolean; words: text.
 *                  Gives: created, updated. It tells the run by msphub_run_count.
 *           absent: $1 tenant, $2 integration, $3 run. After a complete list.
 *         A further kind is its shape, a struct flat_kind, a row in record_stores, and the queries.
 * Always: a batch is merged by one statement; of two messages about one thing in a batch the one that tells of the later time
 *         counts, else the later message. */
#ifndef MSPHUB_STORE_FLAT_BATCH_H
#define MSPHUB_STORE_FLAT_BATCH_H

#include "store/record_store.h"

#define FLAT_MAX_IDS 4

struct flat_kind {
    struct record_store store; /* .name, .kinds, .absence, and FLAT_STORE */
    enum record_kind kind;
    const char *what; /* "a backup plan" */
    const struct pg_query *merge, *absent;
    size_t ids[FLAT_MAX_IDS]; /* offsets of texts that name things: never cut, but refused when they are too long */
    unsigned nids, nkey;      /* the first nkey of them are the record's key, and cannot be empty */
    size_t newest;            /* offset of a time, > 0: the later one counts */
    size_t message;           /* offset of a text, > 0, of up to 64 KiB; the others are cut at 1 KiB */
};

/* The functions of a flat_kind's store. */
#define FLAT_STORE                                                                                                     \
    .diffs = true, .open = flat_open, .free = flat_free, .add = flat_add, .count = flat_count, .bytes = flat_bytes,    \
    .split = flat_split, .put = flat_put, .finish = flat_finish
struct record_batch *flat_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id);
void flat_free(struct record_batch *b);
bool flat_add(struct record_batch *b, const struct record *r, usec_t observed, struct err *e);
size_t flat_count(const struct record_batch *b);
size_t flat_bytes(const struct record_batch *b);
bool flat_split(const struct record_batch *b, struct record_batch **left, struct record_batch **right,
                enum record_kind *kind, struct slice *id);
void flat_put(struct pg_seg *s, struct record_batch *b, const struct record_put *o);
void flat_finish(const struct record_store *store, struct pg_seg *s, const struct run_key *k,
                 const struct record_proof *proof);

struct flat_counts {
    int64_t created, updated;
};
/* Of the statement that flat_put added: record_batch.end - 1. */
void flat_result(const struct pg_reply *r, unsigned stmt, struct flat_counts *add_to);

#endif
