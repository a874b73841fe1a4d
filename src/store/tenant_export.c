/* store/tenant_export.c - see tenant_export.h.
 * States: HEAD (the first line) -> ROWS (pages, until one is empty) -> END (the digest is stored with the tenant) -> OVER. */
#include "store/tenant_export.h"

#include "base/crypto.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "queries.h"
#include "store/migrate.h"

#include <inttypes.h>
#include <stdlib.h>

struct tenant_export {
    struct pg_pool *db;
    int64_t tenant_id;
    struct str by; /* the actor, as audit_by would write it */
    bool asked, orphan;
    enum { HEAD, ROWS, END, OVER } state;
    struct str table, key; /* of the last row; key empty: none yet */
    struct str piece;
    struct str tables; /* {"name": n, … of the tables that are done */
    int64_t rows, table_rows;
    struct digest *digest;
    tenant_export_cb *cb;
    void *arg;
};

struct tenant_export *tenant_export_new(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by)
{
    struct tenant_export *x = NEW(struct tenant_export);
    *x = (struct tenant_export){.db = db, .tenant_id = tenant_id, .digest = crypto_digest_new()};
    audit_write_actor(by, &x->by);
    str_addc(&x->tables, '{');
    return x;
}

void tenant_export_free(struct tenant_export *x)
{
    if (!x)
        return;
    x->orphan = x->asked;
    if (x->orphan)
        return;
    str_release(&x->by);
    str_release(&x->table);
    str_release(&x->key);
    str_release(&x->piece);
    str_release(&x->tables);
    crypto_digest_free(x->digest);
    free(x);
}

int64_t tenant_export_rows(const struct tenant_export *x)
{
    return x->rows;
}

/* True: nobody waits for this reply any more. */
static bool answered(struct tenant_export *x)
{
    bool orphan = x->orphan;
    x->asked = false;
    if (orphan)
        tenant_export_free(x);
    return orphan;
}

static void give(struct tenant_export *x, bool last)
{
    x->cb(x->arg, str_slice(&x->piece), last, NULL);
}

static void fail(struct tenant_export *x, const struct err *e)
{
    x->state = OVER;
    x->cb(x->arg, SLICE_NONE, false, e);
}

static void add_line(struct tenant_export *x, struct slice line)
{
    str_add(&x->piece, line);
    str_addc(&x->piece, '\n');
}

/* --- the first line --- */

static void on_head(void *arg, const struct pg_reply *r)
{
    struct tenant_export *x = arg;
    struct err e = {0};
    if (answered(x))
        return;
    if (pg_reply_err(r)) {
        fail(x, pg_reply_err(r));
    } else if (pg_nrows(r, 0) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no such tenant");
        fail(x, &e);
    } else {
        add_line(x, pg_text(r, 0, 0, 0));
        crypto_digest_add(x->digest, str_slice(&x->piece));
        x->state = ROWS;
        give(x, false);
    }
}

static void ask_head(struct tenant_export *x)
{
    struct pg_seg *s = pg_seg_new(x->db, x->tenant_id);
    pg_add(s, &Q_TENANT_EXPORT_HEAD);
    pg_p_i64(s, x->tenant_id);
    pg_p_i64(s, migrate_wanted());
    pg_submit(s, on_head, x);
}

/* --- the last one --- */

static void end_table(struct tenant_export *x)
{
    if (x->table_rows)
        str_addf(&x->tables, "%s\"%s\":%" PRId64, x->tables.n > 1 ? "," : "", x->table.p, x->table_rows);
    x->table_rows = 0;
}

static void on_recorded(void *arg, const struct pg_reply *r)
{
    struct tenant_export *x = arg;
    if (answered(x))
        return;
    if (pg_reply_err(r)) {
        fail(x, pg_reply_err(r));
        return;
    }
    x->state = OVER;
    give(x, true);
}

static void end(struct tenant_export *x)
{
    uint8_t sum[SHA256_LEN];
    _cleanup_(str_release) struct str hex = {0};
    x->state = END;
    end_table(x);
    str_addc(&x->tables, '}');
    crypto_digest_end(x->digest, sum);
    str_add_hex(&hex, slice_of((const char *)sum, sizeof(sum)));
    struct jw w;
    jw_init(&w, &x->piece);
    jw_object(&w);
    jw_key_bool(&w, "end", true);
    jw_key_i64(&w, "rows", x->rows);
    jw_key_raw(&w, "tables", str_slice(&x->tables));
    jw_key_slice(&w, "sha256", str_slice(&hex));
    jw_end(&w);
    jw_done(&w);
    str_addc(&x->piece, '\n');

    x->asked = true;
    struct pg_seg *s = pg_seg_new(x->db, x->tenant_id);
    pg_seg_actor(s, str_slice(&x->by));
    pg_add(s, &Q_TENANT_EXPORTED);
    pg_p_i64(s, x->tenant_id);
    pg_p_text(s, str_slice(&hex));
    pg_p_i64(s, x->rows);
    pg_submit(s, on_recorded, x);
}

/* --- rows --- */

static void take_row(struct tenant_export *x, struct slice table, struct slice key, struct slice line)
{
    if (!slice_eq(table, str_slice(&x->table))) {
        end_table(x);
        str_clear(&x->table);
        str_add(&x->table, table);
    }
    str_clear(&x->key);
    str_add(&x->key, key);
    add_line(x, line);
    x->rows++;
    x->table_rows++;
}

static void on_rows(void *arg, const struct pg_reply *r)
{
    struct tenant_export *x = arg;
    if (answered(x))
        return;
    if (pg_reply_err(r)) {
        fail(x, pg_reply_err(r));
        return;
    }
    size_t n = pg_nrows(r, 0);
    for (size_t i = 0; i < n; i++)
        take_row(x, pg_text(r, 0, i, 0), pg_text(r, 0, i, 1), pg_text(r, 0, i, 2));
    if (n == 0) {
        end(x);
        return;
    }
    crypto_digest_add(x->digest, str_slice(&x->piece));
    give(x, false);
}

static void ask_rows(struct tenant_export *x)
{
    struct pg_seg *s = pg_seg_new(x->db, x->tenant_id);
    pg_add(s, &Q_TENANT_EXPORT);
    pg_p_i64(s, x->tenant_id);
    pg_p_text(s, x->table.n ? str_slice(&x->table) : SLICE(""));
    pg_p_jsonb(s, x->key.n ? str_slice(&x->key) : SLICE_NONE);
    pg_p_i64(s, TENANT_EXPORT_PIECE);
    pg_submit(s, on_rows, x);
}

void tenant_export_next(struct tenant_export *x, tenant_export_cb *cb, void *arg)
{
    x->cb = cb;
    x->arg = arg;
    x->asked = true;
    str_clear(&x->piece);
    if (x->state == HEAD)
        ask_head(x);
    else
        ask_rows(x);
}
