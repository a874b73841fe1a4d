/* hub/paused.c - see paused.h. */
#include "hub/paused.h"

#include "base/mem.h"

#include <stdlib.h>
#include <uthash.h>

struct id {
    UT_hash_handle hh;
    char text[];
};

struct paused {
    struct id *organizations, *devices;
};

static bool has(struct id *set, struct slice id)
{
    struct id *found = NULL;
    if (id.n)
        HASH_FIND(hh, set, id.p, id.n, found);
    return found != NULL;
}

static void put(struct id **set, struct slice id)
{
    if (!id.n || has(*set, id))
        return;
    struct id *e = mem_zalloc(sizeof(*e) + id.n + 1);
    memcpy(e->text, id.p, id.n);
    HASH_ADD(hh, *set, text[0], id.n, e);
}

static void take(struct id **set, struct slice id)
{
    struct id *found;
    HASH_FIND(hh, *set, id.p, id.n, found);
    if (!found)
        return;
    HASH_DELETE(hh, *set, found);
    free(found);
}

static void drop(struct id **set)
{
    struct id *e, *next;
    HASH_ITER(hh, *set, e, next)
    {
        HASH_DELETE(hh, *set, e);
        free(e);
    }
}

struct paused *paused_new(const struct integration *it)
{
    if (!it->paused.n)
        return NULL;
    struct paused *p = NEW(struct paused);
    for (size_t i = 0; i < it->paused.n; i++)
        put(&p->organizations, it->paused.v[i]);
    return p;
}

void paused_free(struct paused *p)
{
    if (!p)
        return;
    drop(&p->organizations);
    drop(&p->devices);
    free(p);
}

void paused_read_devices(struct paused *p, const struct pg_reply *r, unsigned stmt)
{
    for (size_t i = 0; i < pg_nrows(r, stmt); i++)
        put(&p->devices, pg_text(r, stmt, i, 0));
}

void paused_each_device(const struct paused *p, void (*cb)(void *arg, struct slice id), void *arg)
{
    for (struct id *e = p->devices; e; e = e->hh.next)
        cb(arg, slice_of(e->text, e->hh.keylen));
}

static bool skips_device(struct paused *p, const struct record_device *d)
{
    if (!d->organization_id.p)
        return has(p->devices, d->id);
    if (!has(p->organizations, d->organization_id)) {
        take(&p->devices, d->id);
        return false;
    }
    put(&p->devices, d->id);
    return true;
}

bool paused_skips(struct paused *p, const struct record *r)
{
    if (!p)
        return false;
    switch (r->kind) {
    case RECORD_DEVICE:
        return skips_device(p, &r->device);
    case RECORD_FACET:
    case RECORD_SOFTWARE:
        return has(p->devices, record_id(r));
    case RECORD_PATCH:
        return has(p->devices, r->patch.device_id);
    case RECORD_DEVICE_GONE:
        return has(p->devices, r->ref.device_id);
    default:
        return false;
    }
}
