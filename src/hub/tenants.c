/* hub/tenants.c - the cache of tenants: see tenants.h.
 * Always: what was read before a notification does not enter the cache after it (epoch); at most MAX_ENTRIES, the oldest goes. */
#include "hub/tenants.h"

#include "base/mem.h"
#include "hub/tenant_upkeep.h"

#include <stdlib.h>
#include <uthash.h>

#define MAX_ENTRIES 10000
#define LIFETIME    SECONDS(60)
#define CHANNEL     "msphub_tenant"

struct entry {
    struct tenant_row row;
    usec_t loaded;
    UT_hash_handle by_id, by_slug;
};

struct tenants {
    struct hub *h;
    struct entry *by_id, *by_slug; /* by_id is in the order of loading */
    uint64_t epoch;
    struct tenant_upkeep *upkeep;
};

static void entry_drop(struct tenants *t, struct entry *en)
{
    HASH_DELETE(by_id, t->by_id, en);
    HASH_DELETE(by_slug, t->by_slug, en);
    free(en);
}

static void forget_all(struct tenants *t)
{
    struct entry *en, *next;
    HASH_ITER(by_id, t->by_id, en, next)
    entry_drop(t, en);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct tenants *t = arg;
    struct entry *en = NULL;
    int64_t id;
    t->epoch++;
    if (payload && slice_i64(slice_cstr(payload), &id)) {
        HASH_FIND(by_id, t->by_id, &id, sizeof(id), en);
        if (en)
            entry_drop(t, en);
    } else {
        forget_all(t);
    }
    tenant_upkeep_wake(t->upkeep);
}

bool tenants_cached(struct tenants *t, int64_t tenant_id, struct slice slug, struct tenant_row *ret)
{
    struct entry *en;
    if (!pg_listening(t->h->db, CHANNEL))
        return false; /* what cannot be heard of is asked */
    if (tenant_id)
        HASH_FIND(by_id, t->by_id, &tenant_id, sizeof(tenant_id), en);
    else
        HASH_FIND(by_slug, t->by_slug, slug.p, slug.n, en);
    if (en && loop_now(t->h->loop) - en->loaded >= LIFETIME) {
        entry_drop(t, en);
        en = NULL;
    }
    if (en)
        *ret = en->row;
    return en != NULL;
}

static void remember(struct tenants *t, const struct tenant_row *row)
{
    struct entry *en;
    HASH_FIND(by_id, t->by_id, &row->tenant_id, sizeof(row->tenant_id), en);
    if (en)
        entry_drop(t, en);
    HASH_FIND(by_slug, t->by_slug, row->slug, strlen(row->slug), en);
    if (en)
        entry_drop(t, en);
    if (HASH_CNT(by_id, t->by_id) >= MAX_ENTRIES)
        entry_drop(t, t->by_id);
    en = NEW(struct entry);
    en->row = *row;
    en->loaded = loop_now(t->h->loop);
    HASH_ADD(by_id, t->by_id, row.tenant_id, sizeof(en->row.tenant_id), en);
    HASH_ADD_KEYPTR(by_slug, t->by_slug, en->row.slug, strlen(en->row.slug), en);
}

/* --- look-ups --- */

struct find_op {
    struct tenants *t;
    uint64_t epoch;
    tenants_cb *cb;
    void *arg;
};

static void on_found(void *arg, const struct pg_reply *r)
{
    struct find_op op = *(struct find_op *)arg;
    free(arg);
    struct tenant_row row;
    struct err e = {0};
    if (pg_reply_err(r)) {
        op.cb(op.arg, NULL, pg_reply_err(r));
    } else if (pg_nrows(r, 0) == 0) {
        err_set(&e, ERR_NOT_FOUND, "there is no such tenant");
        op.cb(op.arg, NULL, &e);
    } else {
        tenant_read(r, 0, &row);
        if (op.epoch == op.t->epoch) /* else it may have changed since it was read */
            remember(op.t, &row);
        op.cb(op.arg, &row, NULL);
    }
}

void tenants_find(struct tenants *t, int64_t tenant_id, struct slice slug, tenants_cb *cb, void *arg)
{
    struct find_op *op = NEW(struct find_op);
    *op = (struct find_op){.t = t, .epoch = t->epoch, .cb = cb, .arg = arg};
    struct pg_seg *s = pg_seg_new(t->h->db, PG_ALL_TENANTS);
    tenant_add_find(s, tenant_id, slug);
    pg_submit(s, on_found, op);
}

/* --- life --- */

struct tenants *tenants_new(struct hub *h)
{
    struct tenants *t = NEW(struct tenants);
    t->h = h;
    t->upkeep = tenant_upkeep_new(h);
    pg_listen(h->db, CHANNEL, on_notify, t);
    return t;
}

void tenants_start(struct tenants *t)
{
    tenant_upkeep_start(t->upkeep);
}

void tenants_free(struct tenants *t)
{
    if (!t)
        return;
    tenant_upkeep_free(t->upkeep);
    forget_all(t);
    free(t);
}
