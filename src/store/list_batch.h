/* store/list_batch.h - the store of a kind whose records are rows of lists: a device's software, its patches, a group's members.
 * Why:    a device has hundreds of rows, and between two readings hardly one changes. A list is known by a hash, and the rows of one that
 *         says the same are not even looked up.
 * How:    rows of one owner (device, group) follow each other as a rule. A list may still come in pieces: a batch ends within it, a page
 *         is read again, a run is taken over. So what a run has seen of a list is kept until its end (sync_run_lists): rows that
 *         were there before and did not come so far. They are gone only when the run has proven that it lost no row.
 *         The last owner of a batch goes on in the next, which begins with a copy of its rows.
 *         The queries are in schema/queries/source_list.sql; a merge takes, behind the lists, the items of the rows, [their keys in the
 *         catalog] and the fields of the shape but the owner and the catalog's (store/column.h).
 */
#ifndef MSPHUB_STORE_LIST_BATCH_H
#define MSPHUB_STORE_LIST_BATCH_H

#include "store/record_store.h"

#define LIST_MAX_FIELDS 6
#define LIST_MAX_ROWS   8192u /* of one list */

struct list_kind {
    struct record_store store; /* .name, .kinds, and LIST_STORE */
    enum record_kind kind;
    const char *what; /* "software" */
    size_t size;      /* of the record's struct */
    size_t owner;     /* offset of the text that names whose list it is */
    /* Offsets, sorted as in the struct; the first `nidentity` make a row what it is: another value of one of them is another row. */
    size_t identity[LIST_MAX_FIELDS];
    unsigned nidentity;
    /* Offsets of texts that are kept once a tenant, under a key; the query takes keys, then these. */
    size_t catalog[LIST_MAX_FIELDS];
    unsigned ncatalog;
    const struct pg_query *catalog_query;
    bool (*none)(const struct record *r); /* it says that the list is empty */
    /* Which of the owner's lists it belongs to; NULL: there is one, and a row that is refused is told of by its owner's id. */
    int (*part)(const struct record *r);
    unsigned nparts, siblings; /* 0 … nparts - 1; a row stands in one of `siblings` parts that follow each other */
    const struct pg_query *merge, *settle, *vanished; /* vanished: of lists that did not come; NULL: they stay */
};

/* The functions of a list_kind's store. */
#define LIST_STORE                                                                                                     \
    .marks = true, .diffs = true, .open = list_open, .free = list_free, .add = list_add, .count = list_count,          \
    .bytes = list_bytes, .broken = list_broken, .follow = list_follow, .split = list_split, .put = list_put,           \
    .finish = list_finish
struct record_batch *list_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id);
void list_free(struct record_batch *b);
bool list_add(struct record_batch *b, const struct record *r, usec_t observed, struct err *e);
size_t list_count(const struct record_batch *b);
size_t list_bytes(const struct record_batch *b);
void list_broken(struct record_batch *b, struct slice owner);
void list_follow(struct record_batch *b, const struct record_batch *previous);
bool list_split(const struct record_batch *b, struct record_batch **left, struct record_batch **right,
                enum record_kind *kind, struct slice *id);
void list_put(struct pg_seg *s, struct record_batch *b, const struct record_put *o);
void list_finish(const struct record_store *store, struct pg_seg *s, const struct run_key *k,
                 const struct record_proof *proof);

struct list_counts {
    int64_t created, updated, removed;
};
/* Of the statement that list_put added last: record_batch.end - 1. */
void list_result(const struct pg_reply *r, unsigned stmt, struct list_counts *add_to);

#endif
