/* store/record_set.h - records of any kind that are stored together: a batch a store.
 * Always: the order in which the batches are put is that of record_stores, so that what refers to a device comes behind it. */
#ifndef MSPHUB_STORE_RECORD_SET_H
#define MSPHUB_STORE_RECORD_SET_H

#include "store/record_store.h"

struct record_set;
struct record_set *record_set_new(int64_t tenant_id, int64_t integration_id);
void record_set_free(struct record_set *set);
/* When the product said what is added from now on (wall clock). Before the first record. */
void record_set_observed(struct record_set *set, usec_t observed);
/* Copies. False: it cannot be stored; *e says why. */
bool record_set_add(struct record_set *set, const struct record *r, struct err *e);
/* A record of this kind and id was there, and is not stored. */
void record_set_broken(struct record_set *set, enum record_kind kind, struct slice id);
size_t record_set_count(const struct record_set *set);
size_t record_set_bytes(const struct record_set *set);
void record_set_checkpoint(struct record_set *set);
void record_set_follow(struct record_set *set, const struct record_set *previous);

/* Adds all statements, alerts that waited for a device among them. */
void record_set_put(struct pg_seg *s, struct record_set *set, const struct record_put *o);
void record_set_result(const struct pg_reply *r, const struct record_set *set, struct inventory_counts *devices);
void record_set_finish(struct pg_seg *s, const struct run_key *k, const struct record_proof *proof);

/* The batch that added this statement; NULL: none of them. */
struct record_batch *record_set_blame(const struct record_set *set, unsigned statement);
/* Takes a batch out: it is put no more, but lives as long as the set. */
void record_set_leave_out(struct record_set *set, struct record_batch *b);
/* A set of nothing but this batch, which it owns from now on. */
struct record_set *record_set_of(struct record_batch *b);

#endif
