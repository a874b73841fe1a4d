/* store/former_pgp.c - see former_pgp.h.
 * How:    a statement a value, each a transaction of its own: one that fails takes no other along. */
#include "store/former_pgp.h"

#include "base/foreign_cipher.h"
#include "queries.h"

#include <stdlib.h>

struct pgp_op {
    struct pg_pool *db;
    struct former_table *table;
    struct slice passphrase;
    struct arena *arena;
    size_t row;
    struct json *cell; /* that is being opened; NULL: the row's first is the next */
    former_pgp_cb *cb;
    void *arg;
};

static void submit(struct pgp_op *op);

/* The message's bytes (its text when armored); false: this is none. */
static bool message(const struct json *cell, struct str *ret)
{
    str_clear(ret);
    if (cell->type != JSON_STRING)
        return false;
    if (slice_starts(cell->text, SLICE("\\x")) && crypto_unhex(slice_of(cell->text.p + 2, cell->text.n - 2), ret))
        return foreign_form_of(str_slice(ret)) == FOREIGN_PGP;
    str_add(ret, cell->text);
    return foreign_form_of(cell->text) == FOREIGN_PGP;
}

static bool find_next(struct pgp_op *op)
{
    _cleanup_(str_release) struct str bytes = {0};
    for (; op->row < op->table->nrows; op->row++, op->cell = NULL) {
        op->cell = op->cell ? op->cell->next : op->table->rows[op->row]->child;
        for (; op->cell; op->cell = op->cell->next)
            if (message(op->cell, &bytes))
                return true;
    }
    return false;
}

static bool is_bytea(const struct former_table *t, struct slice column)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        if (slice_eq(t->columns[i].name, column))
            return slice_is(t->columns[i].type, "bytea");
    return false;
}

/* As the column's type has it: bytea as to_jsonb() writes it. */
static void replace(struct pgp_op *op, struct slice plain)
{
    struct str text = {0};
    str_reserve(&text, 2 * plain.n + 3);
    if (is_bytea(op->table, op->cell->key)) {
        str_adds(&text, "\\x");
        str_add_hex(&text, plain);
    } else {
        str_add(&text, plain);
    }
    op->cell->text = slice_of(arena_strndup(op->arena, text.p, text.n), text.n);
    crypto_wipe(text.p, text.cap);
    str_release(&text);
}

static void on_opened(void *arg, const struct pg_reply *r)
{
    struct pgp_op *op = arg;
    const struct err *e = pg_reply_err(r);
    bool stop = e && (e->code == ERR_UNAVAILABLE || e->code == ERR_TIMEOUT || e->code == ERR_CANCELED);
    if (!e && !pg_is_null(r, 0, 0, 0))
        replace(op, pg_text(r, 0, 0, 0));
    if (!stop && find_next(op)) {
        submit(op);
        return;
    }
    former_pgp_cb *cb = op->cb;
    void *cb_arg = op->arg;
    free(op);
    cb(cb_arg, stop ? e : NULL);
}

static void submit(struct pgp_op *op)
{
    _cleanup_(str_release) struct str bytes = {0};
    bool armored = message(op->cell, &bytes) && slice_starts(str_slice(&bytes), SLICE("-----"));
    struct pg_seg *s = pg_seg_new(op->db, PG_NO_TENANT);
    pg_add(s, armored ? &Q_FORMER_TABLE_OPEN_ARMORED : &Q_FORMER_TABLE_OPEN_BYTES);
    if (armored)
        pg_p_text(s, str_slice(&bytes));
    else
        pg_p_bytea(s, str_slice(&bytes));
    pg_p_text(s, op->passphrase);
    pg_submit(s, on_opened, op);
}

bool former_pgp_open(struct pg_pool *db, struct former_table *t, struct slice passphrase, struct arena *a,
                     former_pgp_cb *cb, void *arg)
{
    struct pgp_op *op = NEW(struct pgp_op);
    *op = (struct pgp_op){.db = db, .table = t, .passphrase = passphrase, .arena = a, .cb = cb, .arg = arg};
    if (find_next(op)) {
        submit(op);
        return true;
    }
    free(op);
    return false;
}
