/* store/list_batch.c - see list_batch.h.
 * Owns: copies of the rows, in an arena; a table of the lists. A half borrows its rows from the whole. */
#include "store/list_batch.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "queries.h"
#include "store/column.h"

#include <stdlib.h>

#include <uthash.h>

#define MAX_ID    512u /* an index row must fit a third of a page */
#define MAX_TEXT  1024u
#define HASH_SEED 0x6d7370686c697374ULL /* stored with the rows: never changes */

struct list_row {
    int64_t item;
    size_t at; /* of two of one item the later counts */
    const void *body;
};

struct list {
    UT_hash_handle hh;
    struct slice owner;
    int part;
    usec_t observed;
    bool broken, carried; /* carried: nothing of it has come since the batch before */
    struct list_row *v;
    size_t n, cap;
};

struct list_batch {
    struct record_batch base;
    const struct list_kind *kind;
    struct arena *arena;
    struct list *lists; /* by key */
    struct slice last;  /* the owner whose rows come now */
    bool broken;        /* rows were refused, and nobody knows whose: nothing of what came here is gone */
    size_t nrows;
    uint64_t seed;
};

static struct list_batch *batch_of(struct record_batch *b)
{
    return container_of(b, struct list_batch, base);
}

static const struct list_batch *batch_seen(const struct record_batch *b)
{
    return container_of_const(b, struct list_batch, base);
}

static const struct list_kind *kind_of(const struct record_store *store)
{
    return container_of_const(store, struct list_kind, store);
}

struct record_batch *list_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id)
{
    struct list_batch *b = NEW(struct list_batch);
    record_batch_init(&b->base, store, tenant_id, integration_id);
    b->kind = kind_of(store);
    b->arena = arena_new();
    crypto_random(&b->seed, sizeof(b->seed));
    return &b->base;
}

void list_free(struct record_batch *base)
{
    struct list_batch *b = batch_of(base);
    HASH_CLEAR(hh, b->lists);
    arena_free(b->arena);
    free(b);
}

/* Lists of which something has come, and their rows: 0 when there is nothing to put. */
size_t list_count(const struct record_batch *base)
{
    const struct list_batch *b = batch_seen(base);
    size_t n = 0;
    for (const struct list *l = b->lists; l; l = l->hh.next)
        n += l->carried ? 0 : 1 + l->n;
    return n;
}

size_t list_bytes(const struct record_batch *b)
{
    return arena_used(batch_seen(b)->arena);
}

/* --- collecting --- */

/* A list's key: a byte for the part, and the owner. */
struct key {
    char p[MAX_ID + 1];
    size_t n;
    unsigned hash;
};

static struct key key_of(const struct list_batch *b, struct slice owner, int part)
{
    struct key k = {.n = owner.n + 1};
    k.p[0] = (char)part;
    memcpy(k.p + 1, owner.p, owner.n);
    k.hash = (unsigned)crypto_hash64(b->seed, slice_of(k.p, k.n));
    return k;
}

static struct list *list_find(const struct list_batch *b, struct slice owner, int part)
{
    struct key k = key_of(b, owner, part);
    struct list *l;
    HASH_FIND_BYHASHVALUE(hh, b->lists, k.p, k.n, k.hash, l);
    return l;
}

/* The owner's list, made when there is none. */
static struct list *list_of(struct list_batch *b, struct slice owner, int part)
{
    struct list *l = list_find(b, owner, part);
    if (l)
        return l;
    struct key k = key_of(b, owner, part);
    const char *kept = arena_strndup(b->arena, k.p, k.n);
    l = arena_alloc(b->arena, sizeof(*l));
    l->owner = slice_of(kept + 1, owner.n);
    l->part = part;
    l->observed = USEC_NONE;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->lists, kept, k.n, k.hash, l);
    return l;
}

static void push(struct list_batch *b, struct list *l, int64_t item, const void *body)
{
    if (l->n == l->cap) { /* doubles within the arena: what is left behind goes with the batch */
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct list_row *v = arena_alloc(b->arena, cap * sizeof(*v));
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(*v));
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n] = (struct list_row){item, l->n, body};
    l->n++;
    b->nrows++;
}

/* An item stands in one of the lists that part a set of rows: what came before about it has been said otherwise now. */
static void drop_elsewhere(struct list_batch *b, struct slice owner, int part, int64_t item)
{
    int first = part - part % (int)b->kind->siblings;
    for (int p = first; p < first + (int)b->kind->siblings; p++) {
        struct list *l = p == part ? NULL : list_find(b, owner, p);
        size_t kept = 0;
        for (size_t i = 0; l && i < l->n; i++)
            if (l->v[i].item != item)
                l->v[kept++] = l->v[i];
        if (l)
            l->n = kept;
    }
}

/* A copy of the record's struct, its texts storable and cut. */
static void *keep_body(struct arena *a, const struct list_kind *kind, const void *body)
{
    const struct record_shape *shape = record_kind_shapes[kind->kind];
    char *kept = arena_alloc(a, kind->size);
    memcpy(kept, body, kind->size);
    for (size_t i = 0; i < shape->n; i++) {
        struct slice *text = (struct slice *)(void *)(kept + shape->fields[i].offset);
        if (shape->fields[i].kind == FIELD_TEXT)
            *text = column_text(a, *text, MAX_TEXT);
    }
    return kept;
}

/* Over fields of any kind; a text that is not said and an empty one are the same. */
static int64_t hash_of(struct str *room, const struct list_kind *kind, const void *body, const size_t *offsets,
                       unsigned n)
{
    const struct record_shape *shape = record_kind_shapes[kind->kind];
    str_clear(room);
    for (unsigned i = 0; i < n; i++)
        for (size_t f = 0; f < shape->n; f++)
            if (shape->fields[f].offset == offsets[i])
                column_hash_text(room, &shape->fields[f], (const char *)body + offsets[i]);
    return (int64_t)crypto_hash64(HASH_SEED, str_slice(room));
}

static bool check_owner(const struct list_kind *kind, struct slice owner, struct err *e)
{
    if (!owner.n)
        return err_set(e, ERR_DATA, "%s of nobody: the id is missing", kind->what);
    if (owner.n > MAX_ID)
        return err_set(e, ERR_DATA, "%s: the id has %zu bytes, at most %u are stored", kind->what, owner.n, MAX_ID);
    return utf8_storable(owner) || err_set(e, ERR_DATA, "%s: the id is not UTF-8 text", kind->what);
}

bool list_add(struct record_batch *base, const struct record *r, usec_t observed, struct err *e)
{
    struct list_batch *b = batch_of(base);
    const struct list_kind *kind = b->kind;
    const char *body = record_body(r);
    struct slice owner = *(const struct slice *)(const void *)(body + kind->owner);
    if (!check_owner(kind, owner, e))
        return false;
    struct list *l = list_of(b, owner, kind->part ? kind->part(r) : 0);
    l->carried = false;
    l->observed = observed;
    b->last = l->owner;
    if (kind->none(r))
        return true; /* of a list in parts: that it has come is all that is said */
    if (l->n == LIST_MAX_ROWS)
        return err_set(e, ERR_DATA, "%s of %.*s: more than %u rows", kind->what, SLICE_FMT(owner), LIST_MAX_ROWS);
    _cleanup_(str_release) struct str room = {0};
    const void *kept = keep_body(b->arena, kind, body);
    int64_t item = hash_of(&room, kind, kept, kind->identity, kind->nidentity);
    if (kind->siblings)
        drop_elsewhere(b, owner, l->part, item);
    push(b, l, item, kept);
    return true;
}

void list_broken(struct record_batch *base, struct slice owner)
{
    struct list_batch *b = batch_of(base);
    if (!b->kind->part && owner.n && owner.n <= MAX_ID && utf8_storable(owner)) {
        struct list *l = list_of(b, owner, 0);
        l->carried = false;
        l->broken = true;
    } else {
        b->broken = true;
    }
}

void list_follow(struct record_batch *base, const struct record_batch *previous)
{
    struct list_batch *b = batch_of(base);
    const struct list_batch *from = batch_seen(previous);
    for (const struct list *l = from->lists; l; l = l->hh.next) {
        if (!slice_eq(l->owner, from->last))
            continue;
        struct list *to = list_of(b, l->owner, l->part);
        to->carried = true;
        to->broken = l->broken;
        to->observed = l->observed;
        for (size_t i = 0; i < l->n; i++)
            push(b, to, l->v[i].item, keep_body(b->arena, b->kind, l->v[i].body));
        b->last = to->owner;
    }
}

bool list_split(const struct record_batch *base, struct record_batch **left, struct record_batch **right,
                enum record_kind *kind, struct slice *id)
{
    const struct list_batch *b = batch_seen(base);
    size_t n = HASH_COUNT(b->lists), place = 0;
    if (n < 2) {
        *kind = b->kind->kind;
        *id = b->lists ? b->lists->owner : SLICE_NONE;
        return false;
    }
    *left = list_open(base->store, base->tenant_id, base->integration_id);
    *right = list_open(base->store, base->tenant_id, base->integration_id);
    for (const struct list *l = b->lists; l; l = l->hh.next) {
        struct list_batch *to = batch_of(place++ < n / 2 ? *left : *right);
        struct list *half = list_of(to, l->owner, l->part);
        half->observed = l->observed;
        half->broken = l->broken;
        half->carried = l->carried;
        for (size_t i = 0; i < l->n; i++)
            push(to, half, l->v[i].item, l->v[i].body);
        to->last = b->last; /* who goes on in the next batch is unfinished in its half as well */
    }
    return true;
}

/* --- rows → columns --- */

static int by_owner(const void *a, const void *b)
{
    const struct list *x = *(const struct list *const *)a, *y = *(const struct list *const *)b;
    int order = slice_order(x->owner, y->owner);
    return order ? order : x->part - y->part;
}

static int by_item(const void *a, const void *b)
{
    const struct list_row *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Sorted, each item once. */
static size_t tidy(struct list_row *v, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(v, n, sizeof(*v), by_item);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || v[i].item != v[i + 1].item)
            v[kept++] = v[i];
    return kept;
}

struct columns {
    struct list **lists;
    size_t n;
    struct pg_array owners, parts, hashes, opens, brokens, some, observed, places, items, keys;
};

/* The hash of a list: of the fields of its rows, which are in the order of their items. */
static int64_t list_hash(const struct list_kind *kind, const struct list *l, struct str *room)
{
    const struct record_shape *shape = record_kind_shapes[kind->kind];
    str_clear(room);
    for (size_t i = 0; i < l->n; i++)
        for (size_t f = 0; f < shape->n; f++)
            column_hash_text(room, &shape->fields[f], (const char *)l->v[i].body + shape->fields[f].offset);
    return (int64_t)crypto_hash64(HASH_SEED, str_slice(room));
}

static void columns_init(struct columns *c, struct list_batch *b, const struct record_put *o)
{
    _cleanup_(str_release) struct str room = {0};
    *c = (struct columns){.lists = mem_realloc_array(NULL, HASH_COUNT(b->lists) + 1, sizeof(struct list *))};
    pg_array_init(&c->owners, PG_TEXT);
    pg_array_init(&c->parts, PG_INT4);
    pg_array_init(&c->hashes, PG_INT8);
    pg_array_init(&c->opens, PG_BOOL);
    pg_array_init(&c->brokens, PG_BOOL);
    pg_array_init(&c->some, PG_BOOL);
    pg_array_init(&c->observed, PG_TIMESTAMPTZ);
    pg_array_init(&c->places, PG_INT4);
    pg_array_init(&c->items, PG_INT8);
    pg_array_init(&c->keys, PG_INT8);
    for (struct list *l = b->lists; l; l = l->hh.next)
        if (!l->carried)
            c->lists[c->n++] = l;
    qsort(c->lists, c->n, sizeof(*c->lists), by_owner);
    for (size_t i = 0; i < c->n; i++) {
        struct list *l = c->lists[i];
        l->n = tidy(l->v, l->n);
        pg_array_text(&c->owners, l->owner);
        pg_array_i64(&c->parts, l->part);
        pg_array_i64(&c->hashes, list_hash(b->kind, l, &room));
        pg_array_bool(&c->opens, o->run_id > 0 && slice_eq(l->owner, b->last));
        pg_array_bool(&c->brokens, l->broken || (b->broken && o->run_id == 0));
        pg_array_bool(&c->some, l->n > 0 || l->broken);
        pg_array_time(&c->observed, l->observed != USEC_NONE ? l->observed : o->observed);
        for (size_t j = 0; j < l->n; j++) {
            pg_array_i64(&c->places, (int64_t)i + 1);
            pg_array_i64(&c->items, l->v[j].item);
            if (b->kind->ncatalog)
                pg_array_i64(&c->keys, hash_of(&room, b->kind, l->v[j].body, b->kind->catalog, b->kind->ncatalog));
        }
    }
}

static void columns_release(struct columns *c)
{
    struct pg_array *all[] = {&c->owners, &c->parts,    &c->hashes, &c->opens, &c->brokens,
                              &c->some,   &c->observed, &c->places, &c->items, &c->keys};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        pg_array_release(all[i]);
    free(c->lists);
}

static bool is_among(const size_t *offsets, unsigned n, size_t offset)
{
    for (unsigned i = 0; i < n; i++)
        if (offsets[i] == offset)
            return true;
    return false;
}

static void add_field(struct pg_seg *s, const struct columns *c, const struct record_field *f)
{
    struct pg_array column;
    pg_array_init(&column, column_type(f->kind));
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->lists[i]->n; j++)
            column_value(&column, f, (const char *)c->lists[i]->v[j].body + f->offset);
    pg_p_array(s, &column);
    pg_array_release(&column);
}

struct named { /* by the catalog */
    int64_t key;
    const void *body;
};

static int by_catalog_key(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Each name of the rows once, sorted: whoever adds names at the same time does so in the same order. */
static void add_catalog(struct pg_seg *s, const struct list_batch *b, const struct columns *c)
{
    const struct list_kind *kind = b->kind;
    const struct record_shape *shape = record_kind_shapes[kind->kind];
    _cleanup_(str_release) struct str room = {0};
    struct named *v = mem_realloc_array(NULL, c->items.n + 1, sizeof(*v));
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->lists[i]->n; j++) {
            const void *body = c->lists[i]->v[j].body;
            v[n++] = (struct named){hash_of(&room, kind, body, kind->catalog, kind->ncatalog), body};
        }
    qsort(v, n, sizeof(*v), by_catalog_key);
    struct pg_array column;
    pg_array_init(&column, PG_INT8);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || v[i].key != v[i - 1].key)
            pg_array_i64(&column, v[i].key);
    pg_add(s, kind->catalog_query);
    pg_p_i64(s, b->base.tenant_id);
    pg_p_array(s, &column);
    pg_array_release(&column);
    for (size_t f = 0; f < shape->n; f++) {
        if (!is_among(kind->catalog, kind->ncatalog, shape->fields[f].offset))
            continue;
        pg_array_init(&column, column_type(shape->fields[f].kind));
        for (size_t i = 0; i < n; i++)
            if (i == 0 || v[i].key != v[i - 1].key)
                column_value(&column, &shape->fields[f], (const char *)v[i].body + shape->fields[f].offset);
        pg_p_array(s, &column);
        pg_array_release(&column);
    }
    free(v);
}

static void add_make(struct pg_seg *s, const struct list_batch *b, const struct columns *c)
{
    pg_add(s, &Q_SOURCE_LIST_MAKE);
    pg_p_i64(s, b->base.tenant_id);
    pg_p_i64(s, b->base.integration_id);
    pg_p_i32(s, b->kind->kind);
    pg_p_array(s, &c->owners);
    pg_p_array(s, &c->parts);
    pg_p_array(s, &c->some);
    pg_p_array(s, &c->observed);
}

static void add_merge(struct pg_seg *s, const struct list_batch *b, const struct columns *c, const struct record_put *o)
{
    const struct list_kind *kind = b->kind;
    const struct record_shape *shape = record_kind_shapes[kind->kind];
    pg_add(s, kind->merge);
    pg_p_i64(s, b->base.tenant_id);
    pg_p_i64(s, b->base.integration_id);
    pg_p_i64(s, o->run_id);
    pg_p_bool(s, o->dry_run);
    pg_p_i32(s, kind->kind);
    pg_p_array(s, &c->owners);
    pg_p_array(s, &c->parts);
    pg_p_array(s, &c->hashes);
    pg_p_array(s, &c->opens);
    pg_p_array(s, &c->brokens);
    pg_p_array(s, &c->observed);
    pg_p_array(s, &c->places);
    pg_p_array(s, &c->items);
    if (kind->ncatalog)
        pg_p_array(s, &c->keys);
    for (size_t f = 0; f < shape->n; f++)
        if (shape->fields[f].offset != kind->owner && !is_among(kind->catalog, kind->ncatalog, shape->fields[f].offset))
            add_field(s, c, &shape->fields[f]);
}

/* Outside a run what came of an owner is all there is: the other parts of its list are empty. */
static void add_empty_parts(struct list_batch *b)
{
    for (struct list *l = b->lists; l; l = l->hh.next)
        for (int part = 0; part < (int)b->kind->nparts; part++)
            list_of(b, l->owner, part)->observed = l->observed;
}

void list_put(struct pg_seg *s, struct record_batch *base, const struct record_put *o)
{
    struct list_batch *b = batch_of(base);
    struct columns c;
    if (o->run_id == 0)
        add_empty_parts(b);
    columns_init(&c, b, o);
    base->first = pg_seg_length(s);
    inventory_add_lock(s, base->tenant_id, base->integration_id);
    if (!o->dry_run) {
        add_make(s, b, &c);
        if (b->kind->ncatalog)
            add_catalog(s, b, &c);
    }
    add_merge(s, b, &c, o);
    base->end = pg_seg_length(s);
    columns_release(&c);
}

void list_result(const struct pg_reply *r, unsigned stmt, struct list_counts *add_to)
{
    add_to->created += pg_i64(r, stmt, 0, 0);
    add_to->updated += pg_i64(r, stmt, 0, 1);
    add_to->removed += pg_i64(r, stmt, 0, 2);
}

/* --- the end of a run --- */

static void add_for_run(struct pg_seg *s, const struct pg_query *q, const struct list_kind *kind,
                        const struct run_key *k)
{
    pg_add(s, q);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->integration_id);
    pg_p_i64(s, k->run_id);
    pg_p_i32(s, kind->kind);
}

void list_finish(const struct record_store *store, struct pg_seg *s, const struct run_key *k,
                 const struct record_proof *proof)
{
    const struct list_kind *kind = kind_of(store);
    bool whole = proof->whole & store->kinds, absent = proof->absent & store->kinds;
    if (whole || absent)
        inventory_add_lock(s, k->tenant_id, k->integration_id);
    if (whole)
        add_for_run(s, kind->settle, kind, k);
    if (whole && kind->vanished) {
        add_for_run(s, kind->vanished, kind, k);
        pg_p_bool(s, absent);
    }
    if (absent)
        add_for_run(s, &Q_SOURCE_LIST_MISSING, kind, k);
    pg_add(s, &Q_SOURCE_LIST_FORGET);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->run_id);
    pg_p_i32(s, kind->kind);
}
