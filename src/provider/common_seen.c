/* common_seen.c - see common_seen.h. */
#include "provider/common_seen.h"

#include "base/mem.h"

#include <stdlib.h>

static void seen_put(struct seen *s, uint64_t hash)
{
    size_t mask = 2 * s->cap - 1, i = hash & mask;

    while (s->slots[i])
        i = (i + 1) & mask;
    s->slots[i] = hash;
}

static void seen_fill(struct seen *s)
{
    memset(s->slots, 0, 2 * s->cap * sizeof(*s->slots));
    for (size_t i = 0; i < s->n; i++)
        seen_put(s, s->order[i]);
}

bool seen_add(struct seen *s, uint64_t hash)
{
    size_t mask = 2 * s->cap - 1;

    for (size_t i = hash & mask; s->cap && s->slots[i]; i = (i + 1) & mask)
        if (s->slots[i] == hash)
            return false;
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->order = mem_realloc_array(s->order, s->cap, sizeof(*s->order));
        s->slots = mem_realloc_array(s->slots, 2 * s->cap, sizeof(*s->slots));
        seen_fill(s);
    }
    s->order[s->n++] = hash;
    seen_put(s, hash);
    return true;
}

void seen_cut(struct seen *s, size_t n)
{
    if (s->n == n)
        return;
    s->n = n;
    seen_fill(s);
}

void seen_release(struct seen *s)
{
    free(s->slots);
    free(s->order);
    *s = (struct seen){.n = 0};
}
