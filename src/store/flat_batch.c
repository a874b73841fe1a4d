/* store/flat_batch.c - see flat_batch.h. Owns: copies of the records, in an arena; a half borrows them from the whole. */
#include "store/flat_batch.h"

#include "base/mem.h"
#include "store/column.h"
#include "store/plan.h"

#include <stdlib.h>

#define MAX_ID      512u /* an index row must fit a third of a page */
#define MAX_SHORT   1024u
#define MAX_MESSAGE 65536u
#define MAX_TEXTS   1000u /* of one list */

struct flat_batch {
    struct record_batch base;
    const struct flat_kind *kind;
    struct arena *arena;
    struct record **v;
    size_t n, cap;
};

static struct flat_batch *flat_of(struct record_batch *b)
{
    return container_of(b, struct flat_batch, base);
}

static const struct flat_batch *flat_seen(const struct record_batch *b)
{
    return container_of_const(b, struct flat_batch, base);
}

static const struct flat_kind *kind_of(const struct record_store *store)
{
    return container_of_const(store, struct flat_kind, store);
}

static const struct record_shape *shape_of(const struct flat_kind *kind)
{
    return record_kind_shapes[kind->kind];
}

static const void *member(const struct record *r, size_t offset)
{
    return (const char *)record_body(r) + offset;
}

static struct slice text_of(const struct record *r, size_t offset)
{
    return *(const struct slice *)member(r, offset);
}

struct record_batch *flat_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id)
{
    struct flat_batch *b = NEW(struct flat_batch);
    record_batch_init(&b->base, store, tenant_id, integration_id);
    b->kind = kind_of(store);
    b->arena = arena_new();
    return &b->base;
}

void flat_free(struct record_batch *base)
{
    struct flat_batch *b = flat_of(base);
    arena_free(b->arena);
    free(b->v);
    free(b);
}

size_t flat_count(const struct record_batch *b)
{
    return flat_seen(b)->n;
}

size_t flat_bytes(const struct record_batch *b)
{
    return arena_used(flat_seen(b)->arena);
}

static void push(struct flat_batch *b, struct record *r)
{
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 16;
        b->v = mem_realloc_array(b->v, b->cap, sizeof(*b->v));
    }
    b->v[b->n++] = r;
}

/* --- collecting --- */

static struct texts keep_texts(struct arena *a, const struct texts *t)
{
    if (!t->v)
        return (struct texts){0};
    struct texts kept = {arena_alloc(a, (t->n + 1) * sizeof(*t->v)), MIN(t->n, MAX_TEXTS)};
    for (size_t i = 0; i < kept.n; i++)
        kept.v[i] = column_text(a, t->v[i], MAX_SHORT);
    return kept;
}

static const char *field_name(const struct flat_kind *kind, size_t offset)
{
    const struct record_shape *shape = shape_of(kind);
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].offset == offset)
            return shape->fields[i].name;
    return "id";
}

static bool check_ids(const struct flat_kind *kind, const struct record *r, struct err *e)
{
    for (unsigned i = 0; i < kind->nids; i++) {
        struct slice id = text_of(r, kind->ids[i]);
        const char *name = field_name(kind, kind->ids[i]);
        if (i < kind->nkey && !id.n)
            return err_set(e, ERR_DATA, "%s without %s cannot be stored", kind->what, name);
        if (id.n > MAX_ID)
            return err_set(e, ERR_DATA, "%s: its %s has %zu bytes, at most %u are stored", kind->what, name, id.n,
                           MAX_ID);
        if (!utf8_storable(id))
            return err_set(e, ERR_DATA, "%s: its %s is not UTF-8 text", kind->what, name);
    }
    return true;
}

bool flat_add(struct record_batch *base, const struct record *r, usec_t observed, struct err *e)
{
    struct flat_batch *b = flat_of(base);
    const struct record_shape *shape = shape_of(b->kind);
    if (!check_ids(b->kind, r, e))
        return false;
    struct record *kept = arena_alloc(b->arena, sizeof(*kept));
    *kept = *r;
    for (size_t i = 0; i < shape->n; i++) {
        const struct record_field *f = &shape->fields[i];
        void *at = (char *)&kept->organization + f->offset; /* a union's members share their address */
        size_t max = b->kind->message && f->offset == b->kind->message ? MAX_MESSAGE : MAX_SHORT;
        if (f->kind == FIELD_TEXT)
            *(struct slice *)at = column_text(b->arena, *(struct slice *)at, max);
        else if (f->kind == FIELD_TEXTS)
            *(struct texts *)at = keep_texts(b->arena, at);
    }
    push(b, kept);
    return true;
}

bool flat_split(const struct record_batch *base, struct record_batch **left, struct record_batch **right,
                enum record_kind *kind, struct slice *id)
{
    const struct flat_batch *b = flat_seen(base);
    if (b->n < 2) {
        *kind = b->kind->kind;
        *id = b->n ? record_id(b->v[0]) : SLICE_NONE;
        return false;
    }
    *left = flat_open(base->store, base->tenant_id, base->integration_id);
    *right = flat_open(base->store, base->tenant_id, base->integration_id);
    for (size_t i = 0; i < b->n; i++)
        push(flat_of(i < b->n / 2 ? *left : *right), b->v[i]);
    return true;
}

/* --- rows → columns --- */

struct place { /* of a record among those that came */
    const struct record *r;
    const struct flat_kind *kind;
    size_t at;
};

static int by_key(const struct place *x, const struct place *y)
{
    int order = 0;
    for (unsigned i = 0; i < x->kind->nkey && !order; i++)
        order = slice_order(text_of(x->r, x->kind->ids[i]), text_of(y->r, x->kind->ids[i]));
    return order;
}

static int by_key_and_time(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = by_key(x, y);
    if (!order && x->kind->newest) {
        usec_t s = *(const usec_t *)member(x->r, x->kind->newest); /* USEC_NONE is before all */
        usec_t t = *(const usec_t *)member(y->r, x->kind->newest);
        order = (s > t) - (s < t);
    }
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* One record a key, sorted; the last of equals. */
static struct place *places_of(const struct flat_batch *b, size_t *ret_n)
{
    struct place *v = mem_realloc_array(NULL, b->n + 1, sizeof(*v));
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        v[i] = (struct place){b->v[i], b->kind, i};
    qsort(v, b->n, sizeof(*v), by_key_and_time);
    for (size_t i = 0; i < b->n; i++)
        if (i + 1 == b->n || by_key(&v[i], &v[i + 1]) != 0)
            v[n++] = v[i];
    *ret_n = n;
    return v;
}

void flat_put(struct pg_seg *s, struct record_batch *base, const struct record_put *o)
{
    const struct flat_batch *b = flat_of(base);
    const struct record_shape *shape = shape_of(b->kind);
    size_t n;
    struct place *rows = places_of(b, &n);
    base->first = pg_seg_length(s);
    plan_by_key(s);
    pg_add(s, b->kind->merge);
    pg_p_i64(s, base->tenant_id);
    pg_p_i64(s, base->integration_id);
    pg_p_i64(s, o->run_id);
    pg_p_bool(s, o->dry_run);
    for (size_t c = 0; c < shape->n; c++) {
        struct pg_array column;
        pg_array_init(&column, column_type(shape->fields[c].kind));
        for (size_t i = 0; i < n; i++)
            column_value(&column, &shape->fields[c], member(rows[i].r, shape->fields[c].offset));
        pg_p_array(s, &column);
        pg_array_release(&column);
    }
    base->end = pg_seg_length(s);
    free(rows);
}

void flat_finish(const struct record_store *store, struct pg_seg *s, const struct run_key *k,
                 const struct record_proof *proof)
{
    if (!(proof->absent & store->absence))
        return;
    plan_by_key(s);
    pg_add(s, kind_of(store)->absent);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->integration_id);
    pg_p_i64(s, k->run_id);
}

void flat_result(const struct pg_reply *r, unsigned stmt, struct flat_counts *add_to)
{
    add_to->created += pg_i64(r, stmt, 0, 0);
    add_to->updated += pg_i64(r, stmt, 0, 1);
}
