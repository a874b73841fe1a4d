/* bucket.h - who may do how much in a while: token buckets in a bounded table.
 * How:    a bucket is one time, until which its tokens are spent; it refills evenly and holds a window's worth. One that is full is
 *         the same as none, so the table keeps only those in use.
 * Always: at most `max` buckets; past it the one used longest ago is forgotten, which gives its owner a full one. */
#ifndef MSPHUB_BASE_BUCKET_H
#define MSPHUB_BASE_BUCKET_H

#include "base/clock.h"

#include <stdbool.h>

struct buckets;
struct buckets *buckets_new(size_t max, usec_t window);
void buckets_free(struct buckets *b);
size_t buckets_count(const struct buckets *b);

struct bucket_answer {
    bool ok;      /* a token was there, and was taken */
    int64_t left; /* tokens that are there now */
    usec_t next;  /* not ok: until there is one again */
    usec_t full;  /* until all are there */
};
/* `key`: a keyed hash (crypto_hash64 with a random seed) of whose bucket it is; `now` is monotonic; `per_window` ≥ 1. */
struct bucket_answer buckets_take(struct buckets *b, uint64_t key, int64_t per_window, usec_t now);
/* A token that was taken and not needed. */
void buckets_give_back(struct buckets *b, uint64_t key, int64_t per_window);

#endif
