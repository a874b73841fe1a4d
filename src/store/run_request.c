/* store/run_request.c - runs as people and programs ask for them, see run.h.
 * Owns:   one small context a call, freed with its callback. */
#include "base/mem.h"
#include "queries.h"
#include "store/inventory.h"
#include "store/run.h"

#include <stdlib.h>

struct ask {
    struct pg_pool *db;
    struct run_key key;
    struct audit_actor by; /* kind NULL: nobody */
    unsigned stmt, other_stmt;
    run_request_cb *on_request;
    run_done_cb *on_done;
    run_restore_cb *on_restore;
    void *arg;
};

static struct ask *ask_new(struct pg_pool *db, int64_t tenant_id, int64_t run_id, void *arg)
{
    struct ask *a = NEW(struct ask);
    a->db = db;
    a->key = (struct run_key){.tenant_id = tenant_id, .run_id = run_id};
    a->arg = arg;
    return a;
}

static void on_requested(void *arg, const struct pg_reply *r)
{
    struct ask a = *(struct ask *)arg;
    free(arg);
    struct err e;
    if (pg_reply_err(r)) {
        a.on_request(a.arg, 0, pg_reply_err(r));
    } else if (pg_nrows(r, a.stmt) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no such integration");
        a.on_request(a.arg, 0, &e);
    } else if (!pg_is_null(r, a.stmt, 0, 0)) {
        a.on_request(a.arg, pg_i64(r, a.stmt, 0, 0), NULL);
    } else if (!pg_bool(r, a.stmt, 0, 1)) {
        err_set(&e, ERR_INPUT, "the integration is switched off; enable it before it is synchronised");
        a.on_request(a.arg, 0, &e);
    } else {
        int64_t other = pg_nrows(r, a.other_stmt) ? pg_i64(r, a.other_stmt, 0, 0) : 0;
        if (other)
            err_set(&e, ERR_CONFLICT, "run %lld of this integration is queued or running; wait for it or cancel it",
                    (long long)other);
        else
            err_set(&e, ERR_CONFLICT, "a run of this integration has ended this moment; ask again");
        a.on_request(a.arg, other, &e);
    }
}

void run_request(struct pg_pool *db, const struct run_request *q, run_request_cb *cb, void *arg)
{
    struct ask *a = ask_new(db, q->tenant_id, 0, arg);
    a->on_request = cb;
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    audit_by(s, q->by);
    a->stmt = pg_add(s, &Q_RUN_REQUEST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, q->integration_id);
    pg_p_str(s, sync_mode_names[q->mode]);
    pg_p_i64(s, q->kinds);
    pg_p_text(s, q->device_id);
    pg_p_bool(s, q->dry_run);
    pg_p_str(s, q->trigger);
    pg_p_i64(s, q->interval / USEC_PER_S);
    a->other_stmt = pg_add(s, &Q_RUN_IN_THE_WAY);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, q->integration_id);
    pg_submit(s, on_requested, a);
}

/* --- one record again --- */

/* What is of a device, and errors name the device for it. */
static const enum record_kind device_kinds[] = {RECORD_DEVICE, RECORD_FACET, RECORD_DEVICE_GONE, RECORD_REFRESH,
                                                RECORD_SOFTWARE};

static bool is_of_device(int64_t kind)
{
    for (size_t i = 0; i < ARRAY_LEN(device_kinds); i++)
        if (device_kinds[i] == (enum record_kind)kind)
            return true;
    return false;
}

/* Why there is no new run. */
static bool explain_no_retry(const struct pg_reply *r, unsigned stmt, struct err *e)
{
    int64_t kind = pg_i64(r, stmt, 0, 0);
    if (!pg_is_null(r, stmt, 0, 2))
        return err_set(e, ERR_CONFLICT, "it is resolved: a later reading of the record succeeded");
    if (!pg_is_null(r, stmt, 0, 4))
        return err_set(e, ERR_CONFLICT, "run %lld is reading it again", (long long)pg_i64(r, stmt, 0, 4));
    if (!pg_bool(r, stmt, 0, 3))
        return err_set(e, ERR_INPUT, "the integration is switched off; enable it before it is synchronised");
    if (!is_of_device(kind))
        return err_set(e, ERR_INPUT, "%s cannot be read one by one; ask for a sync with \"kinds\": [\"%s\"]",
                       kind < RECORD_NKINDS_ ? record_kind_words[kind] : "such records",
                       kind < RECORD_NKINDS_ ? record_kind_words[kind] : "devices");
    return err_set(e, ERR_INPUT, "the product gave no id of the record, so it cannot be asked for by itself");
}

static void on_retried(void *arg, const struct pg_reply *r)
{
    struct ask a = *(struct ask *)arg;
    free(arg);
    struct err e;
    if (pg_reply_err(r)) {
        a.on_request(a.arg, 0, pg_reply_err(r));
    } else if (pg_nrows(r, a.stmt) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no such error of this run");
        a.on_request(a.arg, 0, &e);
    } else if (!pg_is_null(r, a.stmt, 0, 5)) {
        a.on_request(a.arg, pg_i64(r, a.stmt, 0, 5), NULL);
    } else {
        int64_t busy = pg_is_null(r, a.stmt, 0, 4) ? 0 : pg_i64(r, a.stmt, 0, 4);
        explain_no_retry(r, a.stmt, &e);
        a.on_request(a.arg, busy, &e);
    }
}

void run_retry(struct pg_pool *db, int64_t tenant_id, int64_t run_id, int64_t error_id, const struct audit_actor *by,
               run_request_cb *cb, void *arg)
{
    struct ask *a = ask_new(db, tenant_id, run_id, arg);
    struct pg_array kinds;
    pg_array_init(&kinds, PG_INT4);
    for (size_t i = 0; i < ARRAY_LEN(device_kinds); i++)
        pg_array_i64(&kinds, device_kinds[i]);
    a->on_request = cb;
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    a->stmt = pg_add(s, &Q_RUN_RETRY);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, run_id);
    pg_p_i64(s, error_id);
    pg_p_array(s, &kinds);
    pg_p_i64(s, (int64_t)SYNC_KINDS_ALL);
    pg_array_release(&kinds);
    pg_submit(s, on_retried, a);
}

static void on_cancelled(void *arg, const struct pg_reply *r)
{
    struct ask a = *(struct ask *)arg;
    free(arg);
    const struct err *failed = pg_reply_err(r);
    struct err e;
    if (!failed && pg_nrows(r, a.stmt) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no run %lld", (long long)a.key.run_id);
        failed = &e;
    } else if (!failed) {
        struct slice status = pg_text(r, a.stmt, 0, 0);
        if (!slice_is(status, "queued") && !slice_is(status, "running")) {
            err_set(&e, ERR_CONFLICT, "run %lld is over: %.*s", (long long)a.key.run_id, SLICE_FMT(status));
            failed = &e;
        }
    }
    a.on_done(a.arg, failed);
}

void run_cancel(struct pg_pool *db, int64_t tenant_id, int64_t run_id, const struct audit_actor *by, run_done_cb *cb,
                void *arg)
{
    struct ask *a = ask_new(db, tenant_id, run_id, arg);
    a->on_done = cb;
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, by);
    a->stmt = pg_add(s, &Q_RUN_CANCEL);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, run_id);
    pg_submit(s, on_cancelled, a);
}

/* --- undo --- */
static void on_restored(void *arg, const struct pg_reply *r)
{
    struct ask a = *(struct ask *)arg;
    free(arg);
    const struct err *e = pg_reply_err(r);
    a.on_restore(a.arg, e ? 0 : pg_i64(r, a.stmt, 0, 0), e);
}

static void on_integration(void *arg, const struct pg_reply *r)
{
    struct ask *a = arg;
    if (pg_reply_err(r) || pg_nrows(r, 0) == 0) {
        struct ask copy = *a;
        free(a);
        struct err e;
        err_set(&e, ERR_NOT_FOUND, "there is no run %lld", (long long)copy.key.run_id);
        copy.on_restore(copy.arg, 0, pg_reply_err(r) ? pg_reply_err(r) : &e);
        return;
    }
    a->key.integration_id = pg_i64(r, 0, 0, 0);
    struct pg_seg *s = pg_seg_new(a->db, a->key.tenant_id);
    audit_by(s, a->by.kind ? &a->by : NULL);
    inventory_add_asset_lock(s, a->key.tenant_id, a->key.integration_id);
    a->stmt = pg_add(s, &Q_RUN_RESTORE);
    pg_p_i64(s, a->key.tenant_id);
    pg_p_i64(s, a->key.integration_id);
    pg_p_i64(s, a->key.run_id);
    inventory_add_merge(s, a->key.tenant_id, a->key.integration_id, INT64_MAX);
    pg_submit(s, on_restored, a);
}

void run_restore(struct pg_pool *db, int64_t tenant_id, int64_t run_id, const struct audit_actor *by,
                 run_restore_cb *cb, void *arg)
{
    struct ask *a = ask_new(db, tenant_id, run_id, arg);
    a->on_restore = cb;
    if (by)
        a->by = *by;
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_RUN_INTEGRATION_OF);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, run_id);
    pg_submit(s, on_integration, a);
}

/* --- reading --- */
void run_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
              page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_RUN_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    pg_p_i64(s, integration_id);
    pg_p_text(s, status);
    page_submit(s, stmt, q->limit, cb, arg);
}

void run_get(struct pg_pool *db, int64_t tenant_id, int64_t run_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_RUN_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, run_id);
    item_submit(s, stmt, "run", cb, arg);
}

void run_error_list(struct pg_pool *db, int64_t run_id, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_RUN_ERROR_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_i64(s, run_id);
    pg_p_i64(s, q->id);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}
