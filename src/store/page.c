/* store/page.c - see page.h. Owns, while a read runs, one small context with the caller's callback. */
#include "store/page.h"

#include "base/mem.h"

#include <stdlib.h>

struct read_op {
    unsigned stmt, owner; /* owner: of a page that belongs to `what` */
    int64_t limit;
    const char *what;
    page_cb *on_page;
    item_cb *on_item;
    row_cb *on_row;
    void *arg;
};

/* One column is the JSON; more are its members. */
static void row_write(const struct pg_reply *r, unsigned stmt, size_t row, unsigned ncols, struct str *out)
{
    if (ncols == 1) {
        str_add(out, pg_text(r, stmt, row, 0));
        return;
    }
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    pg_row_json(r, stmt, row, 0, ncols - 1, &w);
    jw_end(&w);
    jw_done(&w);
}

void page_read(const struct pg_reply *r, unsigned stmt, int64_t limit, struct page *ret)
{
    *ret = (struct page){0};
    size_t rows = pg_nrows(r, stmt);
    ret->more = rows > (size_t)limit;
    size_t n = ret->more ? (size_t)limit : rows;
    str_addc(&ret->items, '[');
    unsigned members = pg_ncols(r, stmt) - 2; /* behind them key and id */
    for (size_t i = 0; i < n; i++) {
        if (i)
            str_addc(&ret->items, ',');
        row_write(r, stmt, i, members, &ret->items);
    }
    str_addc(&ret->items, ']');
    if (n) {
        str_add(&ret->last_key, pg_text(r, stmt, n - 1, members));
        ret->last_id = pg_i64(r, stmt, n - 1, members + 1);
    }
}

void page_release(struct page *p)
{
    str_release(&p->items);
    str_release(&p->last_key);
}

static void on_page(void *arg, const struct pg_reply *r)
{
    struct read_op op = *(struct read_op *)arg;
    free(arg);
    if (pg_reply_err(r)) {
        op.on_page(op.arg, NULL, pg_reply_err(r));
        return;
    }
    if (op.what && pg_nrows(r, op.owner) == 0) {
        struct err e = {0};
        err_set(&e, ERR_NOT_FOUND, "there is no such %s", op.what);
        op.on_page(op.arg, NULL, &e);
        return;
    }
    _cleanup_(page_release) struct page page;
    page_read(r, op.stmt, op.limit, &page);
    op.on_page(op.arg, &page, NULL);
}

void page_submit(struct pg_seg *s, unsigned stmt, int64_t limit, page_cb *cb, void *arg)
{
    struct read_op *op = NEW(struct read_op);
    *op = (struct read_op){.stmt = stmt, .limit = limit, .on_page = cb, .arg = arg};
    pg_submit(s, on_page, op);
}

void page_submit_of(struct pg_seg *s, unsigned owner, const char *what, unsigned stmt, int64_t limit, page_cb *cb,
                    void *arg)
{
    struct read_op *op = NEW(struct read_op);
    *op = (struct read_op){.stmt = stmt, .owner = owner, .what = what, .limit = limit, .on_page = cb, .arg = arg};
    pg_submit(s, on_page, op);
}

static void on_item(void *arg, const struct pg_reply *r)
{
    struct read_op op = *(struct read_op *)arg;
    free(arg);
    if (pg_reply_err(r)) {
        op.on_item(op.arg, SLICE_NONE, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, op.stmt) == 0) {
        struct err e = {0};
        err_set(&e, ERR_NOT_FOUND, "there is no such %s", op.what);
        op.on_item(op.arg, SLICE_NONE, &e);
        return;
    }
    _cleanup_(str_release) struct str json = {0};
    row_write(r, op.stmt, 0, pg_ncols(r, op.stmt), &json);
    op.on_item(op.arg, str_slice(&json), NULL);
}

void item_submit(struct pg_seg *s, unsigned stmt, const char *what, item_cb *cb, void *arg)
{
    struct read_op *op = NEW(struct read_op);
    *op = (struct read_op){.stmt = stmt, .what = what, .on_item = cb, .arg = arg};
    pg_submit(s, on_item, op);
}

bool row_read(const struct pg_reply *r, unsigned stmt, struct str *json, struct row *ret)
{
    unsigned version = pg_ncols(r, stmt) - 1;
    if (pg_nrows(r, stmt) == 0)
        return false;
    if (version > 2) {
        row_write(r, stmt, 0, version, json);
        *ret = (struct row){pg_i64(r, stmt, 0, 0), pg_i64(r, stmt, 0, version), str_slice(json)};
    } else {
        *ret = (struct row){pg_i64(r, stmt, 0, 0), pg_i64(r, stmt, 0, 1), pg_text(r, stmt, 0, 2)};
    }
    return true;
}

static void on_row(void *arg, const struct pg_reply *r)
{
    struct read_op op = *(struct read_op *)arg;
    free(arg);
    const struct err *e = pg_reply_err(r);
    struct err why = {0};
    struct row row;
    _cleanup_(str_release) struct str json = {0};
    if (e && strcmp(pg_reply_sqlstate(r), "23505") == 0)
        err_set(&why, ERR_CONFLICT, "there is another %s of this name or reference", op.what);
    else if (!e && !row_read(r, op.stmt, &json, &row))
        err_set(&why, ERR_NOT_FOUND, "there is no such %s", op.what);
    if (why.code)
        e = &why;
    op.on_row(op.arg, e ? NULL : &row, e);
}

void row_submit(struct pg_seg *s, unsigned stmt, const char *what, row_cb *cb, void *arg)
{
    struct read_op *op = NEW(struct read_op);
    *op = (struct read_op){.stmt = stmt, .what = what, .on_row = cb, .arg = arg};
    pg_submit(s, on_row, op);
}

void page_p_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

void page_p_tri(struct pg_seg *s, enum tri v)
{
    if (v == TRI_UNKNOWN)
        pg_p_null(s);
    else
        pg_p_bool(s, v == TRI_YES);
}

void page_p_contains(struct pg_seg *s, struct slice text)
{
    if (!text.p) {
        pg_p_null(s);
        return;
    }
    _cleanup_(str_release) struct str pattern = {0};
    str_addc(&pattern, '%');
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("%_\\", text.p[i]))
            str_addc(&pattern, '\\');
        str_addc(&pattern, text.p[i]);
    }
    str_addc(&pattern, '%');
    pg_p_text(s, str_slice(&pattern));
}
