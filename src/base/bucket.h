/* bucket.h - who may do how much a minute: token buckets in a bounded table.
 * How:    a bucket is one time, until which its tokens are spent; it refills evenly and holds a minute's worth. One that is full is
 *         the same as none, so the table keeps only those in use.
 * Always: at most `max` buckets; past it the one used longest ago is forgotten, which gives its owner a full one. */
#ifndef MSPHUB_BASE_BUCKET_H
#define MSPHUB_BASE_BUCKET_H

#include "base/clock.h"

#include <stdbool.h>

#define BUCKET_WINDOW_S 60

struct buckets;
struct buckets *buckets_new(size_t max);
void buckets_free(struct buckets *b);
size_t buckets_count(const struct buckets *b);

struct bucket_answer {
    bool ok;      /* a token was there, and was taken */
    int64_t left; /* tokens that are there now */
    usec_t next;  /* not ok: until there is one again */
    usec_t full;  /* until all are there */
};
/* `key`: a keyed hash (crypto_hash64 with a random seed) of whose bucket it is; `now` is monotonic; `per_minute` ≥ 1. */
struct bucket_answer buckets_take(struct buckets *b, uint64_t key, int64_t per_minute, usec_t now);

#endif
