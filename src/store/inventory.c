/* store/inventory.c - the statements of a batch, in the order of schema/queries/inventory.sql.
 * Why:    rows of one kind travel as one array a column; sorted by key, since neighbours in an index are cheap.
 * Always: the order of statements is the order of dependence (organizations before the devices in them); a kind with no
 *         rows has no statement; nothing is added for an empty batch but the lock. */
#include "store/inventory_internal.h"

#include "base/crypto.h"
#include "queries.h"

#include <stdlib.h>

#define REPORT_CHANGES 200 /* of a dry run */

/* Which statements follow the first one; beside its index in what inventory_add remembers. */
enum { WITH_ORGANIZATIONS = 1, WITH_NAMED = 2, WITH_LOCATIONS = 4, WITH_DEVICES = 8, WITH_FACETS = 16, WITH_GONE = 32 };
#define WITH_BITS 6

struct rows {
    const struct entry **v;
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int order = memcmp(x->id.p, y->id.p, MIN(x->id.n, y->id.n));
    if (order)
        return order;
    if (x->id.n != y->id.n)
        return x->id.n < y->id.n ? -1 : 1;
    return (int)x->facet - (int)y->facet;
}

static struct rows rows_of(const struct inventory_batch *b, enum record_kind kind)
{
    struct rows rows = {mem_realloc_array(NULL, b->n[kind] + 1, sizeof(*rows.v)), 0};
    for (const struct entry *e = b->by_key; e; e = e->hh.next)
        if (e->kind == kind)
            rows.v[rows.n++] = e;
    qsort(rows.v, rows.n, sizeof(*rows.v), by_id);
    return rows;
}

static void rows_release(struct rows *r)
{
    free(r->v);
}

/* A column: one value a row. */
typedef void column_fn(struct pg_array *a, const struct entry *e, const struct inventory_options *o);

static void add_column(struct pg_seg *s, const struct rows *rows, enum pg_type type, column_fn *value,
                       const struct inventory_options *o)
{
    struct pg_array a;
    pg_array_init(&a, type);
    for (size_t i = 0; i < rows->n; i++)
        value(&a, rows->v[i], o);
    pg_p_array(s, &a);
    pg_array_release(&a);
}

static void col_id(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->id);
}

static void col_observed(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_time(a, e->observed != USEC_NONE ? e->observed : o->observed);
}

static void col_keys(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->keys.n ? e->keys : SLICE_NONE);
}

static unsigned add_statement(struct pg_seg *s, const struct pg_query *q, const struct inventory_batch *b)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, b->tenant_id);
    pg_p_i64(s, b->integration_id);
    return stmt;
}

/* --- organizations and locations --- */
static void col_name(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->place.name);
}

static void col_detail(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->place.detail);
}

static void col_organization(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->place.organization);
}

static void add_organizations(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_ORGANIZATION);
    add_statement(s, &Q_INVENTORY_ORGANIZATIONS, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_TEXT, col_name, o);
    add_column(s, &rows, PG_TEXT, col_detail, o);
}

static void add_locations(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_LOCATION);
    add_statement(s, &Q_INVENTORY_LOCATIONS, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_TEXT, col_organization, o);
    add_column(s, &rows, PG_TEXT, col_name, o);
    add_column(s, &rows, PG_TEXT, col_detail, o);
}

static int by_text(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int order = memcmp(x->p, y->p, MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The organizations that devices name, each once. */
static void add_named(struct pg_seg *s, const struct inventory_batch *b, const struct rows *devices)
{
    struct slice *v = mem_realloc_array(NULL, devices->n + 1, sizeof(*v));
    size_t n = 0;
    for (size_t i = 0; i < devices->n; i++)
        if (devices->v[i]->device.record.organization_id.n)
            v[n++] = devices->v[i]->device.record.organization_id;
    qsort(v, n, sizeof(*v), by_text);
    struct pg_array ids;
    pg_array_init(&ids, PG_TEXT);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !slice_eq(v[i], v[i - 1]))
            pg_array_text(&ids, v[i]);
    add_statement(s, &Q_INVENTORY_ORGANIZATIONS_NAMED, b);
    pg_p_array(s, &ids);
    pg_array_release(&ids);
    free(v);
}

/* --- devices --- */
static void col_alternate(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    struct slice id = e->device.record.alternate_id;
    pg_array_text(a, id.n ? id : SLICE_NONE);
}

static void col_attributes(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, e->device.json);
}

static void col_device_hash(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_i64(a, (int64_t)e->device.hash);
}

static void col_status(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_text(a, slice_cstr(agent_status_names[e->device.record.status]));
}

static void col_last_seen(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_time(a, e->device.record.last_seen);
}

static void add_devices(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_DEVICE);
    add_named(s, b, &rows);
    add_statement(s, &Q_INVENTORY_DEVICES, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_TEXT, col_alternate, o);
    add_column(s, &rows, PG_TEXT, col_attributes, o);
    add_column(s, &rows, PG_INT8, col_device_hash, o);
    add_column(s, &rows, PG_TEXT, col_status, o);
    add_column(s, &rows, PG_TIMESTAMPTZ, col_last_seen, o);
    add_column(s, &rows, PG_TIMESTAMPTZ, col_observed, o);
    add_column(s, &rows, PG_TEXT, col_keys, o);
}

static void add_preview(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_DEVICE);
    add_statement(s, &Q_INVENTORY_PREVIEW, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_TEXT, col_attributes, o);
    add_column(s, &rows, PG_INT8, col_device_hash, o);
    pg_p_i64(s, REPORT_CHANGES);
}

/* --- facets --- */
static void write_part(const struct entry *e, struct str *out)
{
    if (!e->part.list) {
        str_add(out, e->part.json);
        return;
    }
    str_addc(out, '[');
    for (size_t i = 0; i < e->part.n; i++) {
        if (i)
            str_addc(out, ',');
        str_add(out, e->part.v[i].json);
    }
    str_addc(out, ']');
}

static void col_facet(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_i64(a, e->facet);
}

static void col_open(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_bool(a, e->part.open && o->run_id > 0);
}

static void add_facets(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_FACET);
    _cleanup_(str_release) struct str body = {0};
    struct pg_array bodies, hashes;
    pg_array_init(&bodies, PG_TEXT);
    pg_array_init(&hashes, PG_INT8);
    for (size_t i = 0; i < rows.n; i++) {
        str_clear(&body);
        write_part(rows.v[i], &body);
        pg_array_text(&bodies, str_slice(&body));
        pg_array_i64(&hashes, (int64_t)crypto_hash64(INVENTORY_HASH_SEED, str_slice(&body)));
    }
    add_statement(s, &Q_INVENTORY_FACETS, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_INT4, col_facet, o);
    pg_p_array(s, &bodies);
    pg_p_array(s, &hashes);
    add_column(s, &rows, PG_BOOL, col_open, o);
    add_column(s, &rows, PG_TIMESTAMPTZ, col_observed, o);
    add_column(s, &rows, PG_TEXT, col_keys, o);
    pg_array_release(&bodies);
    pg_array_release(&hashes);
}

/* --- gone --- */
static void col_at(struct pg_array *a, const struct entry *e, const struct inventory_options *o)
{
    pg_array_time(a, e->gone.at);
}

static void add_gone(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    _cleanup_(rows_release) struct rows rows = rows_of(b, RECORD_DEVICE_GONE);
    add_statement(s, &Q_INVENTORY_GONE, b);
    pg_p_i64(s, o->run_id);
    add_column(s, &rows, PG_TEXT, col_id, o);
    add_column(s, &rows, PG_TIMESTAMPTZ, col_at, o);
    add_column(s, &rows, PG_TIMESTAMPTZ, col_observed, o);
}

/* --- all of it --- */
/* In a run the parts of a device come from many reports: their devices are merged once, at its end. */
static bool is_merged_at_once(const struct entry *e, const struct inventory_options *o)
{
    return e->kind == RECORD_DEVICE || e->kind == RECORD_DEVICE_GONE || (e->kind == RECORD_FACET && o->run_id == 0);
}

static bool writes_assets(const struct inventory_batch *b, const struct inventory_options *o)
{
    return b->n[RECORD_DEVICE] || b->n[RECORD_DEVICE_GONE] || (b->n[RECORD_FACET] && o->run_id == 0);
}

/* The assets of these sources (NULL: of any that are marked, up to `limit`); gives the merge. */
static unsigned add_identify_and_merge(struct pg_seg *s, const struct inventory_batch *of, const struct pg_array *ids,
                                       int64_t limit)
{
    static const struct pg_query *const both[] = {&Q_INVENTORY_IDENTIFY, &Q_INVENTORY_MERGE};
    unsigned stmt = 0;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        stmt = add_statement(s, both[i], of);
        if (ids)
            pg_p_array(s, ids);
        else
            pg_p_null(s);
        pg_p_i64(s, limit);
    }
    return stmt;
}

static void add_merge(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o)
{
    struct pg_array ids;
    pg_array_init(&ids, PG_TEXT);
    for (const struct entry *e = b->by_key; e; e = e->hh.next)
        if (is_merged_at_once(e, o))
            pg_array_text(&ids, e->id);
    add_identify_and_merge(s, b, &ids, 0);
    pg_array_release(&ids);
}

static unsigned add_begin_assets(struct pg_seg *s, int64_t tenant_id)
{
    unsigned stmt = pg_add(s, &Q_INVENTORY_BEGIN_ASSETS);
    pg_p_i64(s, tenant_id);
    return stmt;
}

/* The last statement. */
static unsigned add_begin(struct pg_seg *s, const struct inventory_batch *of, bool assets)
{
    unsigned stmt = add_statement(s, &Q_INVENTORY_BEGIN, of);
    return assets ? add_begin_assets(s, of->tenant_id) : stmt;
}

void inventory_add(struct pg_seg *s, const struct inventory_batch *b, const struct inventory_options *o,
                   unsigned *ret_first)
{
    bool merges = !o->dry_run && writes_assets(b, o);
    unsigned first = add_begin(s, b, merges), with = 0;
    if (o->dry_run) {
        if (b->n[RECORD_DEVICE]) {
            add_preview(s, b, o);
            with |= WITH_DEVICES;
        }
        *ret_first = first << WITH_BITS | with;
        return;
    }
    if (b->n[RECORD_ORGANIZATION]) {
        add_organizations(s, b, o);
        with |= WITH_ORGANIZATIONS;
    }
    if (b->n[RECORD_LOCATION]) {
        add_locations(s, b, o);
        with |= WITH_LOCATIONS;
    }
    if (b->n[RECORD_DEVICE]) {
        add_devices(s, b, o);
        with |= WITH_NAMED | WITH_DEVICES;
    }
    if (b->n[RECORD_FACET]) {
        add_facets(s, b, o);
        with |= WITH_FACETS;
    }
    if (b->n[RECORD_DEVICE_GONE]) {
        add_gone(s, b, o);
        with |= WITH_GONE;
    }
    if (merges)
        add_merge(s, b, o);
    *ret_first = first << WITH_BITS | with;
}

void inventory_result(const struct pg_reply *r, unsigned first, struct inventory_counts *add_to)
{
    unsigned with = first & (BIT(WITH_BITS) - 1), stmt = (first >> WITH_BITS) + 1;
    stmt += !!(with & WITH_ORGANIZATIONS) + !!(with & WITH_LOCATIONS) + !!(with & WITH_NAMED);
    if (with & WITH_DEVICES) {
        add_to->processed += pg_i64(r, stmt, 0, 0);
        add_to->created += pg_i64(r, stmt, 0, 1);
        add_to->updated += pg_i64(r, stmt, 0, 2);
        add_to->unchanged += pg_i64(r, stmt, 0, 3);
        add_to->restored += pg_i64(r, stmt, 0, 4);
        stmt++;
    }
    stmt += !!(with & WITH_FACETS);
    if (with & WITH_GONE)
        add_to->retired += pg_i64(r, stmt, 0, 0);
}

void inventory_add_lock(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    const struct inventory_batch of = {.tenant_id = tenant_id, .integration_id = integration_id};
    add_begin(s, &of, false);
}

void inventory_add_asset_lock(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    const struct inventory_batch of = {.tenant_id = tenant_id, .integration_id = integration_id};
    if (integration_id)
        add_begin(s, &of, true);
    else
        add_begin_assets(s, tenant_id);
}

unsigned inventory_add_merge(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, int64_t limit)
{
    const struct inventory_batch of = {.tenant_id = tenant_id, .integration_id = integration_id};
    add_begin(s, &of, true);
    return add_identify_and_merge(s, &of, NULL, limit);
}

int64_t inventory_merged(const struct pg_reply *r, unsigned stmt)
{
    return MAX(pg_i64(r, stmt, 0, 0), pg_i64(r, stmt, 0, 2));
}

unsigned inventory_add_waiting(struct pg_seg *s, int64_t tenant_id)
{
    const struct inventory_batch of = {.tenant_id = tenant_id};
    struct pg_array none;
    unsigned stmt = add_statement(s, &Q_INVENTORY_MERGE, &of);
    pg_array_init(&none, PG_TEXT);
    pg_p_array(s, &none);
    pg_p_i64(s, 0);
    pg_array_release(&none);
    return stmt;
}
