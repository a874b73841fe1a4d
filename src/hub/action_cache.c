/* hub/action_cache.c - see action_cache.h. */
#include "hub/action_cache.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    uint8_t key[SHA256_LEN];
    int64_t integration_id;
    char *device, *json;
    size_t ndevice, njson;
    usec_t at;
    TAILQ_ENTRY(entry) link;
};

struct action_cache {
    struct entry *by_key;
    TAILQ_HEAD(, entry) used; /* the latest last */
    size_t bytes;
    struct metric *gauge;
};

struct action_cache *action_cache_new(struct metric *bytes)
{
    struct action_cache *c = NEW(struct action_cache);
    c->gauge = bytes;
    TAILQ_INIT(&c->used);
    return c;
}

static size_t size_of(const struct entry *e)
{
    return sizeof *e + e->ndevice + e->njson + 2;
}

static void drop(struct action_cache *c, struct entry *e)
{
    c->bytes -= size_of(e);
    c->gauge->value = (double)c->bytes;
    HASH_DEL(c->by_key, e);
    TAILQ_REMOVE(&c->used, e, link);
    crypto_wipe(e->json, e->njson);
    free(e->json);
    free(e->device);
    free(e);
}

void action_cache_free(struct action_cache *c)
{
    if (!c)
        return;
    while (!TAILQ_EMPTY(&c->used))
        drop(c, TAILQ_FIRST(&c->used));
    free(c);
}

static struct entry *find(struct action_cache *c, const uint8_t key[SHA256_LEN])
{
    struct entry *e;
    HASH_FIND(hh, c->by_key, key, SHA256_LEN, e);
    return e;
}

void action_cache_put(struct action_cache *c, const uint8_t key[SHA256_LEN], int64_t integration_id,
                      struct slice device, struct slice json, usec_t at, size_t most)
{
    struct entry *e = find(c, key);
    if (e)
        drop(c, e);
    e = NEW(struct entry);
    memcpy(e->key, key, SHA256_LEN);
    e->integration_id = integration_id;
    e->device = mem_strndup(device.p ? device.p : "", device.n);
    e->ndevice = device.n;
    e->json = mem_strndup(json.p, json.n);
    e->njson = json.n;
    e->at = at;
    HASH_ADD(hh, c->by_key, key, SHA256_LEN, e);
    TAILQ_INSERT_TAIL(&c->used, e, link);
    c->bytes += size_of(e);
    while (c->bytes > most)
        drop(c, TAILQ_FIRST(&c->used));
    c->gauge->value = (double)c->bytes;
}

bool action_cache_get(struct action_cache *c, const uint8_t key[SHA256_LEN], struct slice *ret_json, usec_t *ret_at)
{
    struct entry *e = find(c, key);
    if (!e)
        return false;
    TAILQ_REMOVE(&c->used, e, link);
    TAILQ_INSERT_TAIL(&c->used, e, link);
    *ret_json = slice_of(e->json, e->njson);
    *ret_at = e->at;
    return true;
}

void action_cache_drop(struct action_cache *c, int64_t integration_id, struct slice device)
{
    struct entry *e = TAILQ_FIRST(&c->used), *next;
    for (; e; e = next) {
        next = TAILQ_NEXT(e, link);
        if (e->integration_id == integration_id && slice_eq(slice_of(e->device, e->ndevice), device))
            drop(c, e);
    }
}
