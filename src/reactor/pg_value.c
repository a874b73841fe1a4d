/* pg_value.c - values on the wire: parameters, arrays and results, all in PostgreSQL's binary formats.
 * Why:    binary needs no quoting and no parsing. Text parameters alone travel in text format without a type, so that
 *         the statement decides what they are (text, uuid, inet, an enum …).
 * Always: a result is asked for in binary; a column is read by the function that fits its type or an assert fails, for
 *         the query and its reader are both ours: cast in SQL (`count(*)` is bigint, `sum(bigint)` is numeric:
 *         `::bigint`). */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#define PG_EPOCH SECONDS(946684800) /* 2000-01-01 */

/* Types of results that have no parameter function. */
enum {
    PG_CHAR = 18,
    PG_NAME = 19,
    PG_INT2 = 21,
    PG_OID = 26,
    PG_JSON = 114,
    PG_XML = 142,
    PG_FLOAT4 = 700,
    PG_UNKNOWN = 705
};
enum { PG_BPCHAR = 1042, PG_VARCHAR = 1043, PG_TIMESTAMP = 1114, PG_FIRST_USER_OID = 16384 };

static void add_be32(struct str *s, uint32_t v)
{
    v = htobe32(v);
    str_add(s, slice_of((const char *)&v, sizeof(v)));
}

static void add_be64(struct str *s, uint64_t v)
{
    v = htobe64(v);
    str_add(s, slice_of((const char *)&v, sizeof(v)));
}

static uint64_t get_be(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

/* --- parameters --- */

static void param(struct pg_seg *s, Oid type, int format, size_t at, int len)
{
    assert(s->state == SEG_BUILDING && s->nstmts > 0);
    const struct pg_stmt *st = &s->stmts[s->nstmts - 1];
    assert(st->q && s->nparams - st->first < st->q->nparams); /* a parameter too many */
    if (s->nparams == s->cap_params) {
        s->cap_params = MAX(16, 2 * s->cap_params);
        s->params = mem_realloc_array(s->params, s->cap_params, sizeof(*s->params));
    }
    s->params[s->nparams++] = (struct pg_param){.type = type, .format = format, .at = at, .len = len};
}

void seg_param(struct pg_seg *s, Oid type, int format, struct slice v)
{
    size_t at = s->data.n;
    if (!v.p) {
        param(s, type, format, at, -1);
        return;
    }
    assert(v.n <= INT32_MAX);
    str_add(&s->data, v);
    if (format == 0)
        str_addc(&s->data, '\0'); /* libpq measures text by its end */
    param(s, type, format, at, (int)v.n);
}

void pg_p_null(struct pg_seg *s)
{
    seg_param(s, 0, 0, SLICE_NONE);
}

void pg_p_text(struct pg_seg *s, struct slice v)
{
    seg_param(s, 0, 0, v);
}

void pg_p_str(struct pg_seg *s, const char *v)
{
    seg_param(s, 0, 0, slice_cstr(v));
}

void pg_p_i64(struct pg_seg *s, int64_t v)
{
    uint64_t be = htobe64((uint64_t)v);
    seg_param(s, PG_INT8, 1, slice_of((const char *)&be, sizeof(be)));
}

void pg_p_i32(struct pg_seg *s, int32_t v)
{
    uint32_t be = htobe32((uint32_t)v);
    seg_param(s, PG_INT4, 1, slice_of((const char *)&be, sizeof(be)));
}

void pg_p_bool(struct pg_seg *s, bool v)
{
    seg_param(s, PG_BOOL, 1, slice_of(v ? "\1" : "\0", 1));
}

void pg_p_time(struct pg_seg *s, usec_t v)
{
    uint64_t be = htobe64((uint64_t)(v == USEC_NONE ? 0 : v - PG_EPOCH));
    seg_param(s, PG_TIMESTAMPTZ, 1, v == USEC_NONE ? SLICE_NONE : slice_of((const char *)&be, sizeof(be)));
}

void pg_p_bytea(struct pg_seg *s, struct slice v)
{
    seg_param(s, PG_BYTEA, 1, v);
}

void pg_p_jsonb(struct pg_seg *s, struct slice v)
{
    if (!v.p) {
        seg_param(s, PG_JSONB, 1, v);
        return;
    }
    assert(v.n < INT32_MAX);
    size_t at = s->data.n;
    str_addc(&s->data, 1); /* jsonb's version */
    str_add(&s->data, v);
    param(s, PG_JSONB, 1, at, (int)v.n + 1);
}

/* --- arrays --- */

static Oid array_oid(enum pg_type item)
{
    switch (item) {
    case PG_BOOL:
        return 1000;
    case PG_BYTEA:
        return 1001;
    case PG_INT4:
        return 1007;
    case PG_TEXT:
        return 1009;
    case PG_INT8:
        return 1016;
    case PG_FLOAT8:
        return 1022;
    case PG_TIMESTAMPTZ:
        return 1185;
    case PG_JSONB:
        return 3807;
    }
    abort();
}

void pg_array_init(struct pg_array *a, enum pg_type type)
{
    *a = (struct pg_array){.type = type};
}

void pg_array_null(struct pg_array *a)
{
    add_be32(&a->buf, UINT32_MAX);
    a->has_null = true;
    a->n++;
}

void pg_array_text(struct pg_array *a, struct slice v)
{
    assert(a->type == PG_TEXT || a->type == PG_JSONB || a->type == PG_BYTEA);
    if (!v.p) {
        pg_array_null(a);
        return;
    }
    assert(v.n < INT32_MAX);
    bool json = a->type == PG_JSONB;
    add_be32(&a->buf, (uint32_t)v.n + json);
    if (json)
        str_addc(&a->buf, 1);
    str_add(&a->buf, v);
    a->n++;
}

void pg_array_i64(struct pg_array *a, int64_t v)
{
    assert(a->type == PG_INT8 || (a->type == PG_INT4 && v >= INT32_MIN && v <= INT32_MAX));
    if (a->type == PG_INT4) {
        add_be32(&a->buf, 4);
        add_be32(&a->buf, (uint32_t)(int32_t)v);
    } else {
        add_be32(&a->buf, 8);
        add_be64(&a->buf, (uint64_t)v);
    }
    a->n++;
}

void pg_array_bool(struct pg_array *a, bool v)
{
    assert(a->type == PG_BOOL);
    add_be32(&a->buf, 1);
    str_addc(&a->buf, v);
    a->n++;
}

void pg_array_time(struct pg_array *a, usec_t v)
{
    assert(a->type == PG_TIMESTAMPTZ);
    if (v == USEC_NONE) {
        pg_array_null(a);
        return;
    }
    add_be32(&a->buf, 8);
    add_be64(&a->buf, (uint64_t)(v - PG_EPOCH));
    a->n++;
}

void pg_array_f64(struct pg_array *a, double v)
{
    assert(a->type == PG_FLOAT8);
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    add_be32(&a->buf, 8);
    add_be64(&a->buf, bits);
    a->n++;
}

void pg_array_clear(struct pg_array *a)
{
    str_clear(&a->buf);
    a->n = 0;
    a->has_null = false;
}

void pg_array_release(struct pg_array *a)
{
    str_release(&a->buf);
    a->n = 0;
    a->has_null = false;
}

void pg_p_array(struct pg_seg *s, const struct pg_array *a)
{
    size_t at = s->data.n;
    add_be32(&s->data, a->n > 0); /* dimensions; an empty array has none */
    add_be32(&s->data, a->has_null);
    add_be32(&s->data, a->type);
    if (a->n > 0) {
        add_be32(&s->data, a->n);
        add_be32(&s->data, 1); /* lower bound */
        str_add(&s->data, str_slice(&a->buf));
    }
    assert(s->data.n - at <= INT32_MAX);
    param(s, array_oid(a->type), 1, at, (int)(s->data.n - at));
}

/* --- results --- */

/* User statements stand behind the prelude. */
static const PGresult *result(const struct pg_reply *r, unsigned stmt)
{
    assert(stmt + 1 < r->seg->nstmts);
    return r->seg->stmts[stmt + 1].res;
}

const struct err *pg_reply_err(const struct pg_reply *r)
{
    return r->seg->err.code == ERR_NONE ? NULL : &r->seg->err;
}

bool pg_reply_unknown(const struct pg_reply *r)
{
    return r->seg->unknown;
}

const char *pg_reply_sqlstate(const struct pg_reply *r)
{
    return r->seg->sqlstate;
}

unsigned pg_reply_failed(const struct pg_reply *r)
{
    return r->seg->failed;
}

size_t pg_nrows(const struct pg_reply *r, unsigned stmt)
{
    return (size_t)PQntuples(result(r, stmt)); /* 0 for NULL */
}

int64_t pg_affected(const struct pg_reply *r, unsigned stmt)
{
    const PGresult *res = result(r, stmt);
    /* PQcmdTuples reads only, its parameter lacks the const. */
    return res ? atoll(PQcmdTuples((PGresult *)(uintptr_t)res)) : 0;
}

struct cell {
    Oid type;
    const char *p; /* NULL: null */
    size_t n;
};

static struct cell cell(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    const PGresult *res = result(r, stmt);
    assert(res && row < (size_t)PQntuples(res) && col < (unsigned)PQnfields(res));
    assert(PQfformat(res, (int)col) == 1 || PQgetisnull(res, (int)row, (int)col));
    struct cell c = {.type = PQftype(res, (int)col)};
    if (!PQgetisnull(res, (int)row, (int)col)) {
        c.p = PQgetvalue(res, (int)row, (int)col);
        c.n = (size_t)PQgetlength(res, (int)row, (int)col);
    }
    return c;
}

bool pg_is_null(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    const PGresult *res = result(r, stmt);
    assert(res && row < (size_t)PQntuples(res) && col < (unsigned)PQnfields(res));
    return PQgetisnull(res, (int)row, (int)col);
}

static bool is_text(Oid type)
{
    switch (type) {
    case PG_TEXT:
    case PG_VARCHAR:
    case PG_BPCHAR:
    case PG_NAME:
    case PG_CHAR:
    case PG_JSON:
    case PG_XML:
    case PG_BYTEA:
    case PG_UNKNOWN:
        return true;
    default:
        return type >= PG_FIRST_USER_OID; /* enums and citext are sent as their text */
    }
}

struct slice pg_text(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    struct cell c = cell(r, stmt, row, col);
    if (!c.p)
        return SLICE_NONE;
    if (c.type == PG_JSONB) {
        assert(c.n >= 1 && c.p[0] == 1);
        return slice_of(c.p + 1, c.n - 1);
    }
    assert(is_text(c.type));
    return slice_of(c.p, c.n);
}

int64_t pg_i64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    struct cell c = cell(r, stmt, row, col);
    assert(c.type == PG_INT8 || c.type == PG_INT4 || c.type == PG_INT2 || c.type == PG_OID);
    if (!c.p)
        return 0;
    switch (c.type) {
    case PG_INT2:
        return (int16_t)get_be(c.p, 2);
    case PG_INT4:
        return (int32_t)get_be(c.p, 4);
    case PG_OID:
        return (uint32_t)get_be(c.p, 4);
    default:
        return (int64_t)get_be(c.p, 8);
    }
}

bool pg_bool(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    struct cell c = cell(r, stmt, row, col);
    assert(c.type == PG_BOOL);
    return c.p && c.p[0] != 0;
}

usec_t pg_time(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    struct cell c = cell(r, stmt, row, col);
    assert(c.type == PG_TIMESTAMPTZ || c.type == PG_TIMESTAMP);
    if (!c.p)
        return USEC_NONE;
    int64_t v = (int64_t)get_be(c.p, 8);
    if (v == INT64_MIN || v > INT64_MAX - PG_EPOCH) /* -infinity, infinity */
        return v == INT64_MIN ? USEC_NONE : INT64_MAX;
    return v + PG_EPOCH;
}

double pg_f64(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col)
{
    struct cell c = cell(r, stmt, row, col);
    assert(c.type == PG_FLOAT8 || c.type == PG_FLOAT4);
    if (!c.p)
        return 0;
    if (c.type == PG_FLOAT4) {
        uint32_t bits = (uint32_t)get_be(c.p, 4);
        float v;
        memcpy(&v, &bits, sizeof(v));
        return (double)v;
    }
    uint64_t bits = get_be(c.p, 8);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* --- rows as JSON --- */

unsigned pg_ncols(const struct pg_reply *r, unsigned stmt)
{
    const PGresult *res = result(r, stmt);
    return res ? (unsigned)PQnfields(res) : 0;
}

static void value_json(const struct pg_reply *r, unsigned stmt, size_t row, unsigned col, struct jw *w)
{
    switch (PQftype(result(r, stmt), (int)col)) {
    case PG_BOOL:
        jw_bool(w, pg_bool(r, stmt, row, col));
        break;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        jw_i64(w, pg_i64(r, stmt, row, col));
        break;
    case PG_FLOAT4:
    case PG_FLOAT8:
        jw_double(w, pg_f64(r, stmt, row, col));
        break;
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        jw_time(w, pg_time(r, stmt, row, col));
        break;
    case PG_JSON:
    case PG_JSONB:
        jw_raw(w, pg_text(r, stmt, row, col));
        break;
    default:
        jw_slice(w, pg_text(r, stmt, row, col));
    }
}

void pg_row_json(const struct pg_reply *r, unsigned stmt, size_t row, unsigned first, unsigned last, struct jw *w)
{
    const PGresult *res = result(r, stmt);
    for (unsigned col = first; col <= last; col++) {
        jw_key(w, PQfname(res, (int)col));
        if (PQgetisnull(res, (int)row, (int)col))
            jw_null(w);
        else
            value_json(r, stmt, row, col, w);
    }
}
