/* store/backup_job.c - see backup_job.h. The columns of the batch are those of record_backup_job_shape, in its order; the
 * query's parameters as well. Owns: copies of the records, in an arena. */
#include "store/backup_job.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "queries.h"
#include "store/plan.h"

#include <stdlib.h>

#define MAX_ID      512u /* an index row must fit a third of a page */
#define MAX_SHORT   1024u
#define MAX_MESSAGE 65536u
#define MAX_PLANS   500 /* of one asset */

struct backup_batch {
    int64_t tenant_id, integration_id;
    struct arena *arena;
    struct record_backup_job **v;
    size_t n, cap;
};

struct backup_batch *backup_batch_new(int64_t tenant_id, int64_t integration_id)
{
    struct backup_batch *b = NEW(struct backup_batch);
    b->tenant_id = tenant_id;
    b->integration_id = integration_id;
    b->arena = arena_new();
    return b;
}

void backup_batch_free(struct backup_batch *b)
{
    if (!b)
        return;
    arena_free(b->arena);
    free(b->v);
    free(b);
}

size_t backup_batch_count(const struct backup_batch *b)
{
    return b->n;
}

size_t backup_batch_bytes(const struct backup_batch *b)
{
    return arena_used(b->arena);
}

/* A storable copy, cut at `max` bytes. */
static struct slice keep(struct arena *a, struct slice text, size_t max)
{
    if (!text.p)
        return SLICE_NONE;
    if (!utf8_storable(text)) {
        char *repaired = arena_alloc(a, 3 * text.n + 1);
        text = slice_of(repaired, utf8_repair(text, repaired));
    }
    text = utf8_cut(text, max);
    return slice_of(arena_strndup(a, text.p, text.n), text.n);
}

static bool check_id(struct slice id, const char *what, struct err *e)
{
    if (id.n > MAX_ID)
        return err_set(e, ERR_DATA, "%s has %zu bytes, at most %u are stored", what, id.n, MAX_ID);
    return utf8_storable(id) || err_set(e, ERR_DATA, "%s is not UTF-8 text", what);
}

bool backup_batch_add(struct backup_batch *b, const struct record_backup_job *j, struct err *e)
{
    if (!j->id.n)
        return err_set(e, ERR_DATA, "a backup plan without an id cannot be stored");
    if (!check_id(j->id, "a backup plan's id", e) || !check_id(j->device_id, "a backup plan's device id", e) ||
        !check_id(j->organization_id, "a backup plan's organization id", e))
        return false;
    struct record_backup_job *kept = arena_alloc(b->arena, sizeof(*kept));
    *kept = *j;
    for (size_t i = 0; i < record_backup_job_shape.n; i++) {
        const struct record_field *f = &record_backup_job_shape.fields[i];
        struct slice *text = (struct slice *)(void *)((char *)kept + f->offset);
        if (f->kind == FIELD_TEXT)
            *text = keep(b->arena, *text, text == &kept->message ? MAX_MESSAGE : MAX_SHORT);
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 16;
        b->v = mem_realloc_array(b->v, b->cap, sizeof(*b->v));
    }
    b->v[b->n++] = kept;
    return true;
}

/* --- rows → columns --- */

struct place { /* of a record among those that came */
    const struct record_backup_job *job;
    size_t at;
};

static int by_id_and_start(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    struct slice p = x->job->id, q = y->job->id;
    int order = memcmp(p.p, q.p, MIN(p.n, q.n));
    if (order || p.n != q.n)
        return order ? order : (p.n > q.n) - (p.n < q.n);
    usec_t s = x->job->last_start, t = y->job->last_start; /* USEC_NONE is before all */
    return s != t ? (s > t) - (s < t) : (x->at > y->at) - (x->at < y->at);
}

/* One record a plan, sorted by id; the last of equals. */
static struct place *places_of(const struct backup_batch *b, size_t *ret_n)
{
    struct place *v = mem_realloc_array(NULL, b->n + 1, sizeof(*v));
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        v[i] = (struct place){b->v[i], i};
    qsort(v, b->n, sizeof(*v), by_id_and_start);
    for (size_t i = 0; i < b->n; i++)
        if (i + 1 == b->n || !slice_eq(v[i].job->id, v[i + 1].job->id))
            v[n++] = v[i];
    *ret_n = n;
    return v;
}

static enum pg_type column_type(enum field_kind kind)
{
    switch (kind) {
    case FIELD_I64:
        return PG_INT8;
    case FIELD_TIME:
        return PG_TIMESTAMPTZ;
    case FIELD_TEXT:
    case FIELD_ENUM:
    case FIELD_TEXTS:
    case FIELD_TRI:
        break;
    }
    return PG_TEXT;
}

static void add_value(struct pg_array *a, const struct record_field *f, const void *at)
{
    switch (f->kind) {
    case FIELD_TEXT:
        pg_array_text(a, *(const struct slice *)at);
        break;
    case FIELD_I64:
        if (*(const int64_t *)at == I64_NONE)
            pg_array_null(a);
        else
            pg_array_i64(a, *(const int64_t *)at);
        break;
    case FIELD_TIME:
        pg_array_time(a, *(const usec_t *)at);
        break;
    case FIELD_ENUM:
        pg_array_text(a, slice_cstr(f->names[*(const int *)at]));
        break;
    case FIELD_TEXTS: /* the shape has none */
    case FIELD_TRI:
        pg_array_null(a);
        break;
    }
}

unsigned backup_add(struct pg_seg *s, const struct backup_batch *b)
{
    size_t n;
    struct place *rows = places_of(b, &n);
    plan_by_key(s);
    unsigned stmt = pg_add(s, &Q_BACKUP_JOB_MERGE);
    pg_p_i64(s, b->tenant_id);
    pg_p_i64(s, b->integration_id);
    for (size_t c = 0; c < record_backup_job_shape.n; c++) {
        const struct record_field *f = &record_backup_job_shape.fields[c];
        struct pg_array column;
        pg_array_init(&column, column_type(f->kind));
        for (size_t i = 0; i < n; i++)
            add_value(&column, f, (const char *)rows[i].job + f->offset);
        pg_p_array(s, &column);
        pg_array_release(&column);
    }
    free(rows);
    return stmt;
}

void backup_result(const struct pg_reply *r, unsigned stmt, struct backup_counts *add_to)
{
    add_to->created += pg_i64(r, stmt, 0, 0);
    add_to->updated += pg_i64(r, stmt, 0, 1);
}

void backup_add_absent(struct pg_seg *s, const struct run_key *k)
{
    pg_add(s, &Q_BACKUP_JOB_ABSENT);
    pg_p_i64(s, k->tenant_id);
    pg_p_i64(s, k->integration_id);
    pg_p_i64(s, k->run_id);
}

/* --- reads --- */

void backup_list(struct pg_pool *db, const struct backup_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    plan_by_key(s); /* in the index's order: never all plans of the tenant, sorted */
    unsigned stmt = pg_add(s, &Q_BACKUP_JOB_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->status);
    if (f->integration_id)
        pg_p_i64(s, f->integration_id);
    else
        pg_p_null(s);
    if (f->stale == TRI_UNKNOWN)
        pg_p_null(s);
    else
        pg_p_bool(s, f->stale == TRI_YES);
    pg_p_i64(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void backup_of_asset(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_BACKUP_JOB_OF_ASSET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, asset_id);
    pg_p_i64(s, MAX_PLANS);
    item_submit(s, stmt, "asset", cb, arg);
}
