/* bucket.c - see bucket.h. The generic cell rate algorithm: no bucket is ever refilled, the clock does that. */
#include "base/bucket.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

struct bucket {
    uint64_t key;
    usec_t spent; /* until then its tokens are spent */
    TAILQ_ENTRY(bucket) link;
    UT_hash_handle hh;
};

struct buckets {
    size_t max;
    usec_t window;
    struct bucket *by_key;
    TAILQ_HEAD(, bucket) used; /* longest ago first */
};

struct buckets *buckets_new(size_t max, usec_t window)
{
    struct buckets *b = NEW(struct buckets);
    b->max = max;
    b->window = window;
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

static usec_t token_of(const struct buckets *b, int64_t per_window)
{
    return MAX(b->window / per_window, 1);
}

struct bucket_answer buckets_take(struct buckets *b, uint64_t key, int64_t per_window, usec_t now)
{
    struct bucket *k = find(b, key, now);
    usec_t token = token_of(b, per_window);
    usec_t spent = MAX(k->spent, now) + token;
    struct bucket_answer a = {.ok = spent - now <= b->window};
    if (a.ok)
        k->spent = spent;
    else
        a.next = spent - now - b->window;
    a.full = MAX(k->spent - now, 0);
    a.left = MAX((b->window - a.full) / token, 0);
    return a;
}

void buckets_give_back(struct buckets *b, uint64_t key, int64_t per_window)
{
    struct bucket *k;
    HASH_FIND(hh, b->by_key, &key, sizeof(key), k);
    if (k)
        k->spent -= token_of(b, per_window);
}
