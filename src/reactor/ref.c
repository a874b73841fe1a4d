/* ref.c - the reference table: slots that count how often they were given away.
 * Always: a slot's generation starts at 1 and skips 0 when it wraps, so REF_NONE never matches;
 *         free slots form a list through `next`. */
#include "reactor/loop.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct slot {
    void *object; /* NULL: free */
    uint32_t gen;
    uint32_t next; /* while free: the next free slot */
};

#define NO_SLOT UINT32_MAX

struct ref_table {
    struct slot *v;
    uint32_t n, cap, free_slot;
    size_t live;
};

struct ref_table *ref_table_new(void)
{
    struct ref_table *t = NEW(struct ref_table);
    t->free_slot = NO_SLOT;
    return t;
}

void ref_table_free(struct ref_table *t)
{
    if (!t)
        return;
    free(t->v);
    free(t);
}

static uint32_t slot_take(struct ref_table *t)
{
    if (t->free_slot != NO_SLOT) {
        uint32_t i = t->free_slot;
        t->free_slot = t->v[i].next;
        return i;
    }
    assert(t->n < NO_SLOT);
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->v = mem_realloc_array(t->v, t->cap, sizeof(t->v[0]));
    }
    t->v[t->n] = (struct slot){.gen = 1};
    return t->n++;
}

struct ref ref_add(struct ref_table *t, void *object)
{
    assert(object);
    uint32_t i = slot_take(t);
    t->v[i].object = object;
    t->live++;
    return (struct ref){.slot = i, .gen = t->v[i].gen};
}

void *ref_get(struct ref_table *t, struct ref r)
{
    return r.slot < t->n && t->v[r.slot].gen == r.gen ? t->v[r.slot].object : NULL;
}

void ref_drop(struct ref_table *t, struct ref r)
{
    if (!ref_get(t, r))
        return;
    struct slot *s = &t->v[r.slot];
    s->object = NULL;
    if (++s->gen == 0)
        s->gen = 1;
    s->next = t->free_slot;
    t->free_slot = r.slot;
    t->live--;
}

size_t ref_count(const struct ref_table *t)
{
    return t->live;
}
