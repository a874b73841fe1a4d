/* names.c - links by name: companies inside computers and plans, computers inside plans of older servers.
 * Why:    the product carries a company's id nowhere but in the list of companies. A name links only while exactly one has
 *         it; a guess could show one customer's backups to another.
 * Always: sorted once, before the first look-up. */
#include "provider/msp360/msp360.h"

#include <stdlib.h>

static void add_folded(struct str *out, struct slice s)
{
    s = slice_trim(s);
    for (size_t i = 0; i < s.n; i++)
        str_addc(out, (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]));
}

static char *key_of(struct slice scope, struct slice name)
{
    struct str key = {0};

    add_folded(&key, scope);
    if (scope.n)
        str_addc(&key, '\n');
    add_folded(&key, name);
    return str_take(&key);
}

void msp_names_add(struct msp_names *p, struct slice scope, struct slice name, struct slice id)
{
    if (!slice_trim(name).n)
        return;
    if (p->n == MSP_NAMES_MAX) {
        p->overfull = true; /* one more could have any of the names */
        return;
    }
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->v = mem_realloc_array(p->v, p->cap, sizeof(*p->v));
    }
    p->v[p->n++] = (struct msp_name){key_of(scope, name), mem_strndup(id.p, id.n)};
    p->sorted = false;
}

static int by_name_and_id(const void *a, const void *b)
{
    const struct msp_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->id, y->id);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct msp_name *)a)->name, ((const struct msp_name *)b)->name);
}

static void sort(struct msp_names *p)
{
    if (!p->sorted && p->n)
        qsort(p->v, p->n, sizeof(*p->v), by_name_and_id);
    p->sorted = true;
}

/* Is the name at `i` also that of another id? Those of one name stand together, ordered by id. */
static bool is_shared(const struct msp_names *p, size_t i)
{
    for (size_t j = i; j-- > 0 && by_name(&p->v[j], &p->v[i]) == 0;)
        if (strcmp(p->v[j].id, p->v[i].id) != 0)
            return true;
    for (size_t j = i + 1; j < p->n && by_name(&p->v[j], &p->v[i]) == 0; j++)
        if (strcmp(p->v[j].id, p->v[i].id) != 0)
            return true;
    return false;
}

enum msp_found msp_names_find(struct msp_names *p, struct slice scope, struct slice name, struct slice *ret_id)
{
    if (!slice_trim(name).n)
        return MSP_NONE;
    if (p->overfull)
        return MSP_UNSURE;
    sort(p);
    struct msp_name key = {key_of(scope, name), NULL};
    const struct msp_name *found = p->n ? bsearch(&key, p->v, p->n, sizeof(*p->v), by_name) : NULL;
    free(key.name);
    if (!found)
        return MSP_NONE;
    if (is_shared(p, (size_t)(found - p->v)))
        return MSP_SEVERAL;
    *ret_id = slice_cstr(found->id);
    return MSP_ONE;
}

void msp_names_doubled(struct msp_names *p, void (*cb)(void *arg, const struct msp_name *n), void *arg)
{
    sort(p);
    for (size_t i = 0; i < p->n; i++)
        if (is_shared(p, i))
            cb(arg, &p->v[i]);
}

void msp_names_clear(struct msp_names *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].name);
        free(p->v[i].id);
    }
    free(p->v);
    *p = (struct msp_names){.v = NULL};
}
