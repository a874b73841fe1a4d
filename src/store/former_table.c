/* store/former_table.c - see former_table.h.
 * Steps:  COLUMNS -> ROWS -> callback. */
#include "store/former_table.h"

#include "queries.h"

#include <stdlib.h>

struct read_op {
    struct pg_pool *db;
    char *name; /* as it was given */
    struct arena *arena;
    struct former_table table;
    former_cb *cb;
    void *arg;
};

static void op_end(struct read_op *op, const struct err *e)
{
    struct former_table table = op->table;
    former_cb *cb = op->cb;
    void *arg = op->arg;
    free(op->name);
    free(op);
    cb(arg, e ? NULL : &table, e);
}

static void op_fail(struct read_op *op, const struct err *e)
{
    struct err why = *e;
    err_wrap(&why, "the table %s", op->name);
    op_end(op, &why);
}

static struct slice keep(struct arena *a, struct slice s)
{
    return slice_of(arena_strndup(a, s.p ? s.p : "", s.n), s.n);
}

static void on_rows(void *arg, const struct pg_reply *r)
{
    struct read_op *op = arg;
    struct err e = {0};
    if (pg_reply_err(r)) {
        op_fail(op, pg_reply_err(r));
        return;
    }
    size_t n = pg_nrows(r, 0);
    bool good = n <= FORMER_MAX_ROWS || err_set(&e, ERR_LIMIT, "has more than %d rows", FORMER_MAX_ROWS);
    op->table.rows = arena_alloc(op->arena, (n + 1) * sizeof *op->table.rows);
    for (size_t i = 0; good && i < n; i++) {
        struct json *row = NULL;
        good = json_parse(op->arena, pg_text(r, 0, i, 0), &row, &e);
        op->table.rows[op->table.nrows++] = row;
    }
    if (good)
        op_end(op, NULL);
    else
        op_fail(op, &e);
}

static void on_columns(void *arg, const struct pg_reply *r)
{
    struct read_op *op = arg;
    struct err e = {0};
    if (pg_reply_err(r)) {
        op_fail(op, pg_reply_err(r));
        return;
    }
    size_t n = op->table.ncolumns = pg_nrows(r, 0);
    if (n == 0) {
        err_set(&e, ERR_NOT_FOUND, "is not there; name it with --table, its database with --from");
        op_fail(op, &e);
        return;
    }
    op->table.columns = arena_alloc(op->arena, n * sizeof *op->table.columns);
    for (size_t i = 0; i < n; i++)
        op->table.columns[i] =
            (struct former_column){keep(op->arena, pg_text(r, 0, i, 1)), keep(op->arena, pg_text(r, 0, i, 2))};
    struct pg_query *q = arena_alloc(op->arena, sizeof *q); /* outlives the segment */
    q->name = "former_table.rows";
    q->sql = arena_printf(op->arena, "select to_jsonb(t)::text from %.*s t limit %d", SLICE_FMT(pg_text(r, 0, 0, 0)),
                          FORMER_MAX_ROWS + 1);
    struct pg_seg *s = pg_seg_new(op->db, PG_NO_TENANT);
    pg_add(s, q);
    pg_submit(s, on_rows, op);
}

void former_read(struct pg_pool *db, struct slice table, struct arena *a, former_cb *cb, void *arg)
{
    struct read_op *op = NEW(struct read_op);
    *op = (struct read_op){.db = db, .name = mem_strndup(table.p, table.n), .arena = a, .cb = cb, .arg = arg};
    struct pg_seg *s = pg_seg_new(db, PG_NO_TENANT);
    pg_add(s, &Q_FORMER_TABLE_COLUMNS);
    pg_p_text(s, table);
    pg_submit(s, on_columns, op);
}
