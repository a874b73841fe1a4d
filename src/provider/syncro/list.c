/* list.c - see list.h. */
#include "provider/syncro/list.h"

#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>

#define WALKS_MAX 3
#define PAGES_MAX 100000

/* --- numbers that were seen --- */

static size_t place_of(const struct syn_ids *s, int64_t id)
{
    size_t i = (size_t)crypto_hash64(0, slice_of((const char *)&id, sizeof(id))) & s->mask;

    while (s->v[i] && s->v[i] != id)
        i = (i + 1) & s->mask;
    return i;
}

static void ids_grow(struct syn_ids *s)
{
    struct syn_ids bigger = {.n = s->n, .mask = s->v ? 2 * s->mask + 1 : 255};

    bigger.v = mem_zalloc((bigger.mask + 1) * sizeof(*bigger.v));
    for (size_t i = 0; s->v && i <= s->mask; i++)
        if (s->v[i])
            bigger.v[place_of(&bigger, s->v[i])] = s->v[i];
    free(s->v);
    *s = bigger;
}

bool syn_ids_has(const struct syn_ids *s, int64_t id)
{
    return s->v && s->v[place_of(s, id)] == id;
}

bool syn_ids_add(struct syn_ids *s, int64_t id)
{
    if (syn_ids_has(s, id) || s->n == SYN_IDS_MAX)
        return false;
    if (!s->v || 2 * s->n > s->mask)
        ids_grow(s);
    s->v[place_of(s, id)] = id;
    s->n++;
    return true;
}

void syn_ids_clear(struct syn_ids *s)
{
    free(s->v);
    *s = (struct syn_ids){.v = NULL};
}

/* Takes one out that has no others behind it but those of the same page: the table is made anew. */
static void ids_drop(struct syn_ids *s, const int64_t *ids, size_t n)
{
    struct syn_ids kept = {.v = NULL}, gone = {.v = NULL};

    for (size_t i = 0; i < n; i++)
        syn_ids_add(&gone, ids[i]);
    for (size_t i = 0; s->v && i <= s->mask; i++)
        if (s->v[i] && !syn_ids_has(&gone, s->v[i]))
            syn_ids_add(&kept, s->v[i]);
    syn_ids_clear(s);
    syn_ids_clear(&gone);
    *s = kept;
}

/* --- the list --- */

struct list_head {
    int64_t pages, total, page;
};
static const struct map_field head_fields[] = {
    {"meta.total_pages", MAP_I64, offsetof(struct list_head, pages)},
    {"meta.total_entries", MAP_I64, offsetof(struct list_head, total)},
    {"meta.page", MAP_I64, offsetof(struct list_head, page)},
};
const struct map syn_list_head = {sizeof(struct list_head), head_fields, ARRAY_LEN(head_fields)};

void syn_list_init(struct syn_list *l, enum record_kind kind, bool proves)
{
    l->kind = kind;
    l->proves = proves;
    l->page = 1;
    l->pages = l->total = -1;
    l->walk = 1;
}

void syn_list_release(struct syn_list *l)
{
    syn_ids_clear(&l->seen);
    syn_ids_clear(&l->before);
    free(TAKE(l->page_ids));
}

void syn_list_ask(struct syn_list *l, struct str *path, const char *resource, const char *more)
{
    l->undo = 0;
    str_addf(path, SYNCRO_API "/%s?page=%lld%s", resource, (long long)l->page, more);
}

static void doubt(struct syn_list *l, const char *why)
{
    if (!l->doubt[0])
        snprintf(l->doubt, sizeof(l->doubt), "%s", why);
}

static void remember(struct syn_list *l, int64_t id)
{
    if ((size_t)l->undo == l->page_cap) {
        l->page_cap = l->page_cap ? 2 * l->page_cap : 64;
        l->page_ids = mem_realloc_array(l->page_ids, l->page_cap, sizeof(*l->page_ids));
    }
    l->page_ids[l->undo++] = id;
}

bool syn_list_take(struct syn_list *l, struct slice id, const char *fault)
{
    const struct sink *sink = l->task.machine->sink;
    int64_t n = 0;

    if (!slice_i64(id, &n) || n <= 0) {
        sink->reject(sink->arg, l->kind, SLICE_NONE, fault ? fault : "id: expected a positive number");
        doubt(l, "a row cannot be named");
        return false;
    }
    if (syn_ids_add(&l->seen, n))
        remember(l, n);
    else if (l->seen.n == SYN_IDS_MAX)
        doubt(l, "more rows than are read of one list");
    l->moved |= l->walk > 1 && !syn_ids_has(&l->before, n);
    if (fault && l->walk == 1)
        sink->reject(sink->arg, l->kind, id, fault);
    return !fault;
}

void syn_list_again(struct syn_list *l)
{
    if (l->undo)
        ids_drop(&l->seen, l->page_ids, (size_t)l->undo);
    l->undo = 0;
}

static enum task_verdict told(struct syn_list *l)
{
    const struct sink *sink = l->task.machine->sink;
    char why[320];

    if (!l->proves)
        return TASK_DONE;
    if (!l->doubt[0]) {
        sink->complete(sink->arg, l->kind, (int64_t)l->seen.n);
        return TASK_DONE;
    }
    snprintf(why, sizeof(why), "Syncro, %s, page %lld: %s, so nothing is taken as missing", l->task.kind->what,
             (long long)l->page, l->doubt);
    sink->incomplete(sink->arg, l->kind, why);
    return TASK_DONE;
}

static enum task_verdict walk_again(struct syn_list *l)
{
    syn_ids_clear(&l->before);
    l->before = l->seen;
    l->seen = (struct syn_ids){.v = NULL};
    l->moved = false;
    l->walk++;
    l->page = 1;
    l->pages = -1;
    return TASK_AGAIN;
}

/* The last page is read. */
static enum task_verdict ended(struct syn_list *l)
{
    char why[128];

    if (l->total >= 0 && l->total != (int64_t)l->seen.n) {
        snprintf(why, sizeof(why), "%lld rows were announced and %zu were given", (long long)l->total, l->seen.n);
        doubt(l, why);
    }
    if (!l->proves || l->doubt[0] || l->total >= 0 || (l->page == 1 && l->walk == 1))
        return told(l);
    if (l->walk > 1 && !l->moved && l->seen.n == l->before.n)
        return told(l);
    if (l->walk == WALKS_MAX) {
        doubt(l, "the list changed each time while it was read");
        return told(l);
    }
    return walk_again(l);
}

/* Without meta nothing tells that this was the last page, but an empty one behind it. */
static enum task_verdict without_meta(struct syn_list *l)
{
    if (l->task.page_rows == 0)
        return ended(l);
    if (!l->undo) {
        doubt(l, "a page repeats what came before, and the list does not move on");
        return told(l);
    }
    l->page++;
    return TASK_AGAIN;
}

enum task_verdict syn_list_page(struct syn_list *l, const void *head)
{
    const struct list_head *h = head;
    const struct sink *sink = l->task.machine->sink;

    if (sink->progress && l->walk == 1)
        sink->progress(sink->arg, l->kind, (int64_t)l->seen.n, h && h->total > 0 ? h->total : I64_NONE);
    if (!h || h->pages == I64_NONE)
        return without_meta(l);
    if (h->page != I64_NONE && h->page != l->page) {
        doubt(l, "another page came than was asked for");
        return told(l);
    }
    if (l->total >= 0 && h->total != l->total)
        doubt(l, "the total changed between two pages");
    l->total = h->total >= 0 ? h->total : -1;
    l->pages = h->pages;
    if (l->page >= h->pages)
        return ended(l);
    if (l->task.page_rows == 0 || l->page == PAGES_MAX) {
        doubt(l, "an empty page before the last one");
        return told(l);
    }
    l->page++;
    return TASK_AGAIN;
}

void syn_list_failed(struct syn_list *l, const char *why)
{
    const struct sink *sink = l->task.machine->sink;

    sink->incomplete(sink->arg, l->kind, why);
}
