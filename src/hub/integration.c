/* hub/integration.c - the cache of snapshots: see integration.h.
 * How:    all rows are loaded at the start, a thousand at a time. Each edit notifies msphub_integration ("tenant/id"),
 * and the row is read again; a lost LISTEN connection or a change of a whole tenant ("tenant/") loads all again. Reads
 * of single rows go one after the other, so that an older answer never comes behind a newer one. States: COLD ->
 * LOADING -> READY; READY -> LOADING when all is loaded again (the cache stays in use) Owns:   the entries with one
 * reference on each snapshot, the reads under way, whoever waits for them. */
#include "hub/integration.h"

#include "base/mem.h"
#include "store/integration.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#define RETRY       MILLIS(500)
#define MAX_PENDING 64 /* rows to read again; past it all are loaded again */

struct id {
    int64_t tenant_id, id;
};

struct entry {
    struct id id;
    struct integration *it;
    char *tenant_key; /* "7/ninjaone:name" */
    uint64_t load;    /* the full load that saw it last */
    UT_hash_handle by_id, by_hook, by_key;
};

struct get_op {
    struct integrations *i;
    struct integration *it; /* a reference, when it came from the cache */
    uint64_t epoch;
    struct id reload; /* of integrations_reload: the cache takes what was found */
    integration_cb *cb;
    void *arg;
    struct deferred later;
    TAILQ_ENTRY(get_op) link;
};
TAILQ_HEAD(get_ops, get_op);

struct integrations {
    struct hub *h;
    enum { COLD, LOADING, READY } state;
    bool loaded, closing;
    bool again; /* something changed during a full load: its pages may be older than the change */
    uint64_t load, epoch;
    struct id after;
    struct entry *by_id, *by_hook, *by_key;
    struct id pending[MAX_PENDING];
    size_t npending;
    bool reading; /* pending[0] is being read */
    struct timer retry;
    struct get_ops deferred;
    void (*done)(void *arg, const struct err *e);
    void *done_arg;
    void (*on_change)(void *arg);
    void *on_change_arg;
};

static void load_start(struct integrations *i);
static void pending_next(struct integrations *i);

/* --- entries --- */

static void entry_unlink_names(struct integrations *i, struct entry *en)
{
    HASH_DELETE(by_hook, i->by_hook, en);
    HASH_DELETE(by_key, i->by_key, en);
    free(en->tenant_key);
    integration_unref(en->it);
}

static void entry_drop(struct integrations *i, struct entry *en)
{
    entry_unlink_names(i, en);
    HASH_DELETE(by_id, i->by_id, en);
    free(en);
}

static struct entry *entry_find(struct integrations *i, int64_t tenant_id, int64_t id)
{
    struct id key = {tenant_id, id};
    struct entry *en;
    HASH_FIND(by_id, i->by_id, &key, sizeof key, en);
    return en;
}

/* Takes the reference. An older version than the known one is not taken over. */
static void entry_put(struct integrations *i, struct integration *it)
{
    struct entry *en = entry_find(i, it->tenant_id, it->id);
    if (en && en->it->version > it->version) {
        en->load = i->load;
        integration_unref(it);
        return;
    }
    if (it->unusable && !(en && en->it->unusable && strcmp(en->it->unusable, it->unusable) == 0))
        log_warn(i->h->log, "integration.unusable", F_I64("tenant", it->tenant_id), F_STR("integration", it->key),
                 F_STR("error", it->unusable));
    if (en) {
        entry_unlink_names(i, en);
    } else {
        en = NEW(struct entry);
        en->id = (struct id){it->tenant_id, it->id};
        HASH_ADD(by_id, i->by_id, id, sizeof en->id, en);
    }
    en->it = it;
    en->load = i->load;
    en->tenant_key = mem_printf("%" PRId64 "/%s", it->tenant_id, it->key);
    HASH_ADD_KEYPTR(by_hook, i->by_hook, it->hook, strlen(it->hook), en);
    HASH_ADD_KEYPTR(by_key, i->by_key, en->tenant_key, strlen(en->tenant_key), en);
}

static void put_rows(struct integrations *i, const struct pg_reply *r, unsigned stmt)
{
    for (size_t n = 0; n < pg_nrows(r, stmt); n++) {
        struct integration_row row;
        integration_row_read(r, stmt, n, &row);
        entry_put(i, integration_from_row(i->h, &row));
        i->after = (struct id){row.tenant_id, row.integration_id};
    }
}

static void changed(struct integrations *i)
{
    if (i->on_change)
        i->on_change(i->on_change_arg);
}

/* --- all of them --- */

static void on_retry(void *arg)
{
    load_start(arg);
}

static void load_failed(struct integrations *i, const struct err *e)
{
    bool transient = e->code == ERR_UNAVAILABLE || e->code == ERR_TIMEOUT || e->code == ERR_LIMIT;
    log_warn(i->h->log, "integrations.load_failed", F_ERR(e));
    if (transient || i->loaded) {
        timer_set(&i->retry, i->h->loop, RETRY, on_retry, i);
        return;
    }
    i->state = COLD;
    if (i->done) {
        void (*done)(void *, const struct err *) = TAKE(i->done);
        done(i->done_arg, e);
    }
}

static void load_finished(struct integrations *i)
{
    struct entry *en, *next;
    HASH_ITER(by_id, i->by_id, en, next)
    if (en->load != i->load)
        entry_drop(i, en);
    i->state = READY;
    if (i->again) {
        load_start(i);
        return;
    }
    i->loaded = true;
    log_info(i->h->log, "integrations.loaded", F_I64("count", HASH_CNT(by_id, i->by_id)));
    pending_next(i);
    changed(i);
    if (i->done) {
        void (*done)(void *, const struct err *) = TAKE(i->done);
        done(i->done_arg, NULL);
    }
}

static void load_page(struct integrations *i);

static void on_page(void *arg, const struct pg_reply *r)
{
    struct integrations *i = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code == ERR_CANCELED) {
        i->closing = true;
        return;
    }
    if (e) {
        load_failed(i, e);
        return;
    }
    put_rows(i, r, 0);
    if (pg_nrows(r, 0) == INTEGRATION_LOAD_ROWS)
        load_page(i);
    else
        load_finished(i);
}

static void load_page(struct integrations *i)
{
    struct pg_seg *s = pg_seg_new(i->h->db, PG_ALL_TENANTS);
    integration_add_load(s, i->after.tenant_id, i->after.id);
    pg_submit(s, on_page, i);
}

static void load_start(struct integrations *i)
{
    timer_cancel(&i->retry);
    i->state = LOADING;
    i->again = false;
    i->npending = i->reading ? 1 : 0;
    i->load++;
    i->after = (struct id){0, 0};
    load_page(i);
}

static void load_again(struct integrations *i)
{
    i->epoch++;
    if (i->state == READY)
        load_start(i);
    else
        i->again = true;
}

/* --- one of them --- */

static void on_row(void *arg, const struct pg_reply *r)
{
    struct integrations *i = arg;
    const struct err *e = pg_reply_err(r);
    struct id id = i->pending[0];
    i->reading = false;
    i->npending--;
    memmove(&i->pending[0], &i->pending[1], i->npending * sizeof i->pending[0]);
    if (e && e->code == ERR_CANCELED) {
        i->closing = true;
        return;
    }
    if (e) {
        load_again(i);
        return;
    }
    struct entry *en = entry_find(i, id.tenant_id, id.id);
    if (pg_nrows(r, 0))
        put_rows(i, r, 0);
    else if (en)
        entry_drop(i, en);
    changed(i);
    pending_next(i);
}

static void pending_next(struct integrations *i)
{
    if (i->reading || i->npending == 0 || i->state != READY || i->closing)
        return;
    i->reading = true;
    struct pg_seg *s = pg_seg_new(i->h->db, i->pending[0].tenant_id);
    integration_add_by_id(s, i->pending[0].tenant_id, i->pending[0].id);
    pg_submit(s, on_row, i);
}

static void pending_add(struct integrations *i, struct id id)
{
    i->epoch++;
    if (i->state != READY) {
        i->again = true;
        return;
    }
    /* The one that is being read may have been read before this change. */
    for (size_t n = i->reading ? 1 : 0; n < i->npending; n++)
        if (i->pending[n].tenant_id == id.tenant_id && i->pending[n].id == id.id)
            return;
    if (i->npending == MAX_PENDING) {
        load_again(i);
        return;
    }
    i->pending[i->npending++] = id;
    pending_next(i);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct integrations *i = arg;
    struct slice rest = slice_cstr(payload), tenant = slice_cut(&rest, '/');
    struct id id;
    if (payload && slice_i64(tenant, &id.tenant_id) && slice_i64(rest, &id.id))
        pending_add(i, id);
    else
        load_again(i);
}

/* --- life --- */

struct integrations *integrations_new(struct hub *h)
{
    struct integrations *i = NEW(struct integrations);
    i->h = h;
    TAILQ_INIT(&i->deferred);
    return i;
}

void integrations_start(struct integrations *i, void (*done)(void *arg, const struct err *e), void *arg)
{
    assert(i->state == COLD && !i->done);
    i->done = done;
    i->done_arg = arg;
    pg_listen(i->h->db, "msphub_integration", on_notify, i);
    load_start(i);
}

void integrations_refresh(struct integrations *i)
{
    if (i->state != COLD)
        load_again(i);
}

bool integrations_loaded(const struct integrations *i)
{
    return i->loaded;
}

void integrations_on_change(struct integrations *i, void (*cb)(void *arg), void *arg)
{
    i->on_change = cb;
    i->on_change_arg = arg;
}

static void get_end(struct get_op *op, struct integration *it, const struct err *e)
{
    struct get_op copy = *op;
    free(op);
    copy.cb(copy.arg, it, e);
    integration_unref(copy.it);
}

void integrations_free(struct integrations *i)
{
    if (!i)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the hub is shutting down");
    struct get_op *op;
    while ((op = TAILQ_FIRST(&i->deferred))) {
        TAILQ_REMOVE(&i->deferred, op, link);
        loop_undefer(i->h->loop, &op->later);
        get_end(op, NULL, &e);
    }
    timer_cancel(&i->retry);
    struct entry *en, *next;
    HASH_ITER(by_id, i->by_id, en, next)
    entry_drop(i, en);
    free(i);
}

/* --- reads --- */

struct integration *integrations_by_hook(struct integrations *i, struct slice hook)
{
    struct entry *en;
    HASH_FIND(by_hook, i->by_hook, hook.p, hook.n, en);
    return en ? integration_ref(en->it) : NULL;
}

static void get_deferred(void *arg)
{
    struct get_op *op = arg;
    TAILQ_REMOVE(&op->i->deferred, op, link);
    get_end(op, op->it, NULL);
}

static void get_submitted(void *arg, const struct pg_reply *r)
{
    struct get_op *op = arg;
    if (pg_reply_err(r)) {
        get_end(op, NULL, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 0) == 0) {
        struct err e = {0};
        err_set(&e, ERR_NOT_FOUND, "there is no such integration");
        struct entry *gone = entry_find(op->i, op->reload.tenant_id, op->reload.id);
        if (gone)
            entry_drop(op->i, gone);
        get_end(op, NULL, &e);
        return;
    }
    struct integration_row row;
    integration_row_read(r, 0, 0, &row);
    op->it = integration_from_row(op->i->h, &row);
    /* What changed meanwhile is being read again, and this row may be one that was deleted. */
    if (op->reload.id || (op->epoch == op->i->epoch && op->i->state == READY))
        entry_put(op->i, integration_ref(op->it));
    get_end(op, op->it, NULL);
}

static struct get_op *get_new(struct integrations *i, integration_cb *cb, void *arg)
{
    struct get_op *op = NEW(struct get_op);
    *op = (struct get_op){.i = i, .epoch = i->epoch, .cb = cb, .arg = arg};
    return op;
}

static void get_cached(struct integrations *i, struct entry *en, integration_cb *cb, void *arg)
{
    struct get_op *op = get_new(i, cb, arg);
    op->it = integration_ref(en->it);
    TAILQ_INSERT_TAIL(&i->deferred, op, link);
    loop_defer(i->h->loop, &op->later, get_deferred, op);
}

void integrations_get(struct integrations *i, int64_t tenant_id, int64_t id, integration_cb *cb, void *arg)
{
    struct entry *en = entry_find(i, tenant_id, id);
    if (en) {
        get_cached(i, en, cb, arg);
        return;
    }
    struct pg_seg *s = pg_seg_new(i->h->db, tenant_id);
    integration_add_by_id(s, tenant_id, id);
    pg_submit(s, get_submitted, get_new(i, cb, arg));
}

void integrations_reload(struct integrations *i, int64_t tenant_id, int64_t id, integration_cb *cb, void *arg)
{
    struct get_op *op = get_new(i, cb, arg);
    op->reload = (struct id){tenant_id, id};
    struct pg_seg *s = pg_seg_new(i->h->db, tenant_id);
    integration_add_by_id(s, tenant_id, id);
    pg_submit(s, get_submitted, op);
}

void integrations_get_by_key(struct integrations *i, int64_t tenant_id, struct slice key, integration_cb *cb, void *arg)
{
    _cleanup_(str_release) struct str tenant_key = {0};
    str_addf(&tenant_key, "%" PRId64 "/%.*s", tenant_id, SLICE_FMT(key));
    struct entry *en;
    HASH_FIND(by_key, i->by_key, tenant_key.p, tenant_key.n, en);
    if (en) {
        get_cached(i, en, cb, arg);
        return;
    }
    struct slice name = key, provider = slice_cut(&name, ':');
    struct pg_seg *s = pg_seg_new(i->h->db, tenant_id);
    integration_add_by_key(s, tenant_id, provider, name.p ? name : SLICE(""));
    pg_submit(s, get_submitted, get_new(i, cb, arg));
}

void integrations_get_by_hook(struct integrations *i, struct slice hook, integration_cb *cb, void *arg)
{
    struct entry *en;
    HASH_FIND(by_hook, i->by_hook, hook.p, hook.n, en);
    if (en) {
        get_cached(i, en, cb, arg);
        return;
    }
    struct pg_seg *s = pg_seg_new(i->h->db, PG_ALL_TENANTS);
    integration_add_by_hook(s, hook);
    pg_submit(s, get_submitted, get_new(i, cb, arg));
}
