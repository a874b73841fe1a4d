/* bucket.c - see bucket.h. The generic cell rate algorithm: no bucket is ever refilled, the clock does that. */
#include "base/bucket.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#define WINDOW SECONDS(BUCKET_WINDOW_S)

struct bucket {
    uint64_t key;
    usec_t spent; /* until then its tokens are spent */
    TAILQ_ENTRY(bucket) link;
    UT_hash_handle hh;
};

struct buckets {
    size_t max;
    struct bucket *by_key;
    TAILQ_HEAD(, bucket) used; /* longest ago first */
};

struct buckets *buckets_new(size_t max)
{
    struct buckets *b = NEW(struct buckets);
    b->max = max;
    TAILQ_INIT(&b->used);
    return b;
}

static void drop(struct buckets *b, struct bucket *k)
{
    HASH_DELETE(hh, b->by_key, k);
    TAILQ_REMOVE(&b->used, k, link);
    free(k);
}

void buckets_free(struct buckets *b)
{
    struct bucket *k;
    if (!b)
        return;
    while ((k = TAILQ_FIRST(&b->used)))
        drop(b, k);
    free(b);
}

size_t buckets_count(const struct buckets *b)
{
    return HASH_COUNT(b->by_key);
}

static struct bucket *find(struct buckets *b, uint64_t key, usec_t now)
{
    struct bucket *k;
    HASH_FIND(hh, b->by_key, &key, sizeof(key), k);
    if (k) {
        TAILQ_REMOVE(&b->used, k, link);
    } else {
        struct bucket *oldest = TAILQ_FIRST(&b->used);
        if (oldest && (oldest->spent <= now || HASH_COUNT(b->by_key) >= b->max))
            drop(b, oldest);
        k = NEW(struct bucket);
        k->key = key;
        k->spent = now;
        HASH_ADD(hh, b->by_key, key, sizeof(key), k);
    }
    TAILQ_INSERT_TAIL(&b->used, k, link);
    return k;
}

struct bucket_answer buckets_take(struct buckets *b, uint64_t key, int64_t per_minute, usec_t now)
{
    struct bucket *k = find(b, key, now);
    usec_t token = MAX(WINDOW / per_minute, 1);
    usec_t spent = MAX(k->spent, now) + token;
    struct bucket_answer a = {.ok = spent - now <= WINDOW};
    if (a.ok)
        k->spent = spent;
    else
        a.next = spent - now - WINDOW;
    a.full = MAX(k->spent - now, 0);
    a.left = MAX((WINDOW - a.full) / token, 0);
    return a;
}
