/* store/import.c - see import.h.
 * Steps:  CHECK -> APPLY (one transaction) -> callback. `lines` outlives the import: it is the caller's. */
#include "store/import.h"

#include "base/mem.h"
#include "queries.h"
#include "store/inventory.h"

#include <stdlib.h>

#define TIMEOUT SECONDS(600)

static const struct {
    size_t ncolumns;
    const struct pg_query *check;
} kinds[] = {
    [IMPORT_ORGANIZATIONS] = {5, &Q_IMPORT_CHECK_ORGANIZATIONS},
    [IMPORT_DEVICES] = {4, &Q_IMPORT_CHECK_DEVICES},
};

struct import_lines {
    enum import_kind kind;
    size_t n;
    struct pg_array line, columns[IMPORT_MAX_COLUMNS];
};

struct import_lines *import_lines_new(enum import_kind kind)
{
    struct import_lines *l = NEW(struct import_lines);
    l->kind = kind;
    pg_array_init(&l->line, PG_INT8);
    for (size_t i = 0; i < kinds[kind].ncolumns; i++)
        pg_array_init(&l->columns[i], PG_TEXT);
    return l;
}

void import_lines_free(struct import_lines *l)
{
    if (!l)
        return;
    pg_array_release(&l->line);
    for (size_t i = 0; i < kinds[l->kind].ncolumns; i++)
        pg_array_release(&l->columns[i]);
    free(l);
}

void import_lines_add(struct import_lines *l, int64_t line, const struct slice *fields)
{
    l->n++;
    pg_array_i64(&l->line, line);
    for (size_t i = 0; i < kinds[l->kind].ncolumns; i++)
        pg_array_text(&l->columns[i], fields[i]);
}

struct import_op {
    struct pg_pool *db;
    struct audit_actor by;
    int64_t tenant_id;
    const struct import_lines *lines;
    char *file;
    bool dry_run;
    unsigned bound; /* the statement that binds devices */
    import_cb *cb;
    void *arg;
};

static void op_end(struct import_op *op, const struct import_result *result, const struct import_problem *problems,
                   size_t n, const struct err *e)
{
    import_cb *cb = op->cb;
    void *arg = op->arg;
    free(op->file);
    free(op);
    cb(arg, result, problems, n, e);
}

static unsigned add(struct pg_seg *s, const struct import_op *op, const struct pg_query *q)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, op->tenant_id);
    pg_p_array(s, &op->lines->line);
    for (size_t i = 0; i < kinds[op->lines->kind].ncolumns; i++)
        pg_p_array(s, &op->lines->columns[i]);
    return stmt;
}

/* --- applying --- */

static void on_applied(void *arg, const struct pg_reply *r)
{
    struct import_op *op = arg;
    if (pg_reply_err(r)) {
        op_end(op, NULL, NULL, 0, pg_reply_err(r));
        return;
    }
    struct import_result result = {0};
    if (op->lines->kind == IMPORT_ORGANIZATIONS)
        result = (struct import_result){
            .clients_made = pg_i64(r, 0, 0, 0),
            .clients_changed = pg_i64(r, 0, 0, 1),
            .lines = pg_i64(r, 1, 0, 0),
            .mapped = pg_i64(r, 1, 0, 1),
        };
    else
        result = (struct import_result){
            .lines = pg_i64(r, op->bound, 0, 0),
            .assets_made = pg_i64(r, op->bound, 0, 1),
            .bound = pg_i64(r, op->bound, 0, 2),
            .moved = pg_i64(r, op->bound, 0, 3),
            .assets_retired = pg_i64(r, op->bound, 0, 4),
        };
    op_end(op, &result, NULL, 0, NULL);
}

static void apply(struct import_op *op)
{
    struct pg_seg *s = pg_seg_new(op->db, op->tenant_id);
    pg_seg_timeout(s, TIMEOUT);
    audit_by(s, &op->by);
    if (op->lines->kind == IMPORT_ORGANIZATIONS) {
        add(s, op, &Q_IMPORT_ADD_CLIENTS);
        add(s, op, &Q_IMPORT_MAP_ORGANIZATIONS);
    } else {
        inventory_add_asset_lock(s, op->tenant_id, 0);
        op->bound = add(s, op, &Q_IMPORT_BIND_DEVICES);
        pg_p_str(s, op->file);
        add(s, op, &Q_IMPORT_PIN_DEVICES);
    }
    pg_submit(s, on_applied, op);
}

/* --- checking --- */

static void on_checked(void *arg, const struct pg_reply *r)
{
    struct import_op *op = arg;
    if (pg_reply_err(r)) {
        op_end(op, NULL, NULL, 0, pg_reply_err(r));
        return;
    }
    size_t n = pg_nrows(r, 0);
    if (n) {
        _cleanup_(mem_freep) struct import_problem *problems = mem_realloc_array(NULL, n, sizeof(*problems));
        for (size_t i = 0; i < n; i++)
            problems[i] = (struct import_problem){pg_i64(r, 0, i, 0), pg_text(r, 0, i, 1)};
        struct err e = {0};
        err_set(&e, ERR_INPUT, "the file was not applied: %zu of its lines cannot be followed", n);
        op_end(op, NULL, problems, n, &e);
    } else if (op->dry_run) {
        op_end(op, &(struct import_result){.lines = (int64_t)op->lines->n}, NULL, 0, NULL);
    } else {
        apply(op);
    }
}

void import_run(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, const struct import_lines *l,
                struct slice file, bool dry_run, import_cb *cb, void *arg)
{
    struct import_op *op = NEW(struct import_op);
    *op = (struct import_op){
        .db = db,
        .by = *by,
        .tenant_id = tenant_id,
        .lines = l,
        .file = mem_strndup(file.p, file.n),
        .dry_run = dry_run,
        .cb = cb,
        .arg = arg,
    };
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_seg_timeout(s, TIMEOUT);
    add(s, op, kinds[l->kind].check);
    pg_submit(s, on_checked, op);
}
