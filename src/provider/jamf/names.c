/* names.c - what the ids of buildings and departments are called: rows of the inventory carry only the ids.
 * Always: sorted once, before the first look-up; past JAMF_NAMES_MAX names are not known. */
#include "provider/jamf/jamf.h"

#include <stdlib.h>

void jamf_names_add(struct jamf_names *s, struct slice id, struct slice name)
{
    if (s->n == JAMF_NAMES_MAX || !id.n)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->v = mem_realloc_array(s->v, s->cap, sizeof(*s->v));
    }
    s->v[s->n++] = (struct jamf_name){mem_strndup(id.p, id.n), mem_strndup(name.p ? name.p : "", name.n)};
    s->sorted = false;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct jamf_name *)a)->id, ((const struct jamf_name *)b)->id);
}

struct slice jamf_names_find(struct jamf_names *s, struct slice id)
{
    char key[JAMF_ID_MAX];

    if (!s->n || !id.n || id.n >= sizeof(key))
        return SLICE_NONE;
    if (!s->sorted)
        qsort(s->v, s->n, sizeof(*s->v), by_id);
    s->sorted = true;
    memcpy(key, id.p, id.n);
    key[id.n] = '\0';
    const struct jamf_name *found = bsearch(&(struct jamf_name){key, NULL}, s->v, s->n, sizeof(*s->v), by_id);
    return found ? slice_cstr(found->name) : SLICE_NONE;
}

void jamf_names_clear(struct jamf_names *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].id);
        free(s->v[i].name);
    }
    free(s->v);
    *s = (struct jamf_names){.v = NULL};
}
