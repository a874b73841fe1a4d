/* hub/identity_provider.c - the cache of identity providers: see identity_provider.h.
 * How:    nothing is read until somebody asks. A notice, or a minute, makes the snapshot stale; the next who asks begins the read of
 *         all of it, and everybody who asks meanwhile waits for its end.
 * States: STALE -> LOADING -> FRESH -> STALE; a change heard of while LOADING begins it again.
 * Owns:   the providers of the snapshot (one reference each), the indexes, whoever waits. */
#include "hub/identity_provider.h"

#include "base/mem.h"
#include "store/identity_provider.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#define CHANNEL   "msphub_identity_provider"
#define LIFETIME  SECONDS(60)
#define PAGE_ROWS 1000

struct entry {
    char *key;
    struct identity_provider *p;
    UT_hash_handle hh;
};

struct snapshot {
    struct identity_provider **v;
    size_t n, cap;
    struct entry *by; /* "n/tenant slug/name", "i/tenant/id", "a/issuer\naudience" */
};

struct waiter {
    struct identity_providers *s;
    identity_providers_cb *cb;
    void *arg;
    struct deferred later;
    TAILQ_ENTRY(waiter) link;
};
TAILQ_HEAD(waiters, waiter);

struct identity_providers {
    struct hub *h;
    enum { STALE, LOADING, FRESH } state;
    bool again;
    usec_t loaded_at;
    uint64_t epoch;
    struct snapshot now, next; /* next: while LOADING */
    int64_t after_tenant, after_id;
    struct waiters waiting, deferred; /* for the load; for their turn */
};

static void load_page(struct identity_providers *s);

/* --- a snapshot --- */

static void index_add(struct snapshot *x, char *key, struct identity_provider *p)
{
    struct entry *en = NEW(struct entry);
    en->key = key;
    en->p = p;
    HASH_ADD_KEYPTR(hh, x->by, key, strlen(key), en);
}

static char *audience_key(struct slice issuer, struct slice audience)
{
    return mem_printf("a/%.*s\n%.*s", SLICE_FMT(issuer), SLICE_FMT(audience));
}

/* Takes the reference. */
static void snapshot_add(struct snapshot *x, struct identity_provider *p)
{
    if (x->n == x->cap)
        x->v = mem_realloc_array(x->v, x->cap = MAX(2 * x->cap, 16), sizeof *x->v);
    x->v[x->n++] = p;
    index_add(x, mem_printf("n/%.*s/%.*s", SLICE_FMT(p->tenant_slug), SLICE_FMT(p->name)), p);
    index_add(x, mem_printf("i/%" PRId64 "/%" PRId64, p->tenant_id, p->id), p);
    for (size_t i = 0; p->bearer && i < p->naudiences; i++)
        index_add(x, audience_key(p->issuer, p->audiences[i]), p);
}

static void snapshot_release(struct snapshot *x)
{
    struct entry *en, *next;
    HASH_ITER(hh, x->by, en, next)
    {
        HASH_DELETE(hh, x->by, en);
        free(en->key);
        free(en);
    }
    for (size_t i = 0; i < x->n; i++)
        identity_provider_unref(x->v[i]);
    free(x->v);
    *x = (struct snapshot){0};
}

/* Takes the key. */
static struct identity_provider *snapshot_find(const struct snapshot *x, char *key)
{
    struct entry *en;
    HASH_FIND(hh, x->by, key, strlen(key), en);
    free(key);
    return en ? en->p : NULL;
}

/* --- waiting --- */

static void waiter_end(struct waiter *w, const struct err *e)
{
    struct waiter copy = *w;
    free(w);
    copy.cb(copy.arg, e);
}

static void all_end(struct identity_providers *s, const struct err *e)
{
    struct waiters ended = TAILQ_HEAD_INITIALIZER(ended);
    TAILQ_CONCAT(&ended, &s->waiting, link);
    struct waiter *w;
    while ((w = TAILQ_FIRST(&ended))) {
        TAILQ_REMOVE(&ended, w, link);
        waiter_end(w, e);
    }
}

static void on_later(void *arg)
{
    struct waiter *w = arg;
    struct identity_providers *s = w->s;
    TAILQ_REMOVE(&s->deferred, w, link);
    if (s->state == FRESH) {
        waiter_end(w, NULL);
        return;
    }
    TAILQ_INSERT_TAIL(&s->waiting, w, link); /* a change was heard of meanwhile */
    if (s->state == STALE)
        load_page(s);
}

/* --- loading --- */

static void load_end(struct identity_providers *s, const struct err *e)
{
    struct err away = {0};
    snapshot_release(&s->next);
    s->state = STALE;
    if (e->code != ERR_CANCELED)
        log_warn(s->h->log, "identity_providers.load_failed", F_ERR(e));
    err_set(&away, e->code == ERR_CANCELED ? ERR_CANCELED : ERR_UNAVAILABLE,
            "the identity providers cannot be read: %s", e->what);
    all_end(s, &away);
}

static void load_finished(struct identity_providers *s)
{
    if (s->again) {
        snapshot_release(&s->next);
        s->state = STALE;
        load_page(s);
        return;
    }
    snapshot_release(&s->now);
    s->now = s->next;
    s->next = (struct snapshot){0};
    s->state = FRESH;
    s->loaded_at = loop_now(s->h->loop);
    all_end(s, NULL);
}

static void on_page(void *arg, const struct pg_reply *r)
{
    struct identity_providers *s = arg;
    if (pg_reply_err(r)) {
        load_end(s, pg_reply_err(r));
        return;
    }
    for (size_t i = 0; i < pg_nrows(r, 0); i++) {
        struct identity_provider_row row;
        identity_provider_row_read(r, 0, i, &row);
        snapshot_add(&s->next, identity_provider_from_row(s->h, &row));
        s->after_tenant = row.tenant_id;
        s->after_id = row.id;
    }
    if (pg_nrows(r, 0) == PAGE_ROWS)
        load_page(s);
    else
        load_finished(s);
}

static void load_page(struct identity_providers *s)
{
    if (s->state != LOADING) {
        s->state = LOADING;
        s->again = false;
        s->after_tenant = s->after_id = 0;
    }
    struct pg_seg *seg = pg_seg_new(s->h->db, PG_ALL_TENANTS);
    identity_provider_add_load(seg, s->after_tenant, s->after_id, PAGE_ROWS);
    pg_submit(seg, on_page, s);
}

void identity_providers_changed(struct identity_providers *s)
{
    s->epoch++;
    if (s->state == LOADING)
        s->again = true;
    else
        s->state = STALE;
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    identity_providers_changed(arg);
}

/* --- asking --- */

bool identity_providers_heard(const struct identity_providers *s)
{
    return pg_listening(s->h->db, CHANNEL);
}

void identity_providers_ready(struct identity_providers *s, identity_providers_cb *cb, void *arg)
{
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){.s = s, .cb = cb, .arg = arg};
    if (s->state == FRESH && (!identity_providers_heard(s) || loop_now(s->h->loop) - s->loaded_at >= LIFETIME))
        s->state = STALE;
    if (s->state == FRESH) {
        TAILQ_INSERT_TAIL(&s->deferred, w, link);
        loop_defer(s->h->loop, &w->later, on_later, w);
        return;
    }
    TAILQ_INSERT_TAIL(&s->waiting, w, link);
    if (s->state == STALE)
        load_page(s);
}

struct identity_provider *identity_provider_by_name(const struct identity_providers *s, struct slice tenant_slug,
                                                    struct slice name)
{
    return snapshot_find(&s->now, mem_printf("n/%.*s/%.*s", SLICE_FMT(tenant_slug), SLICE_FMT(name)));
}

struct identity_provider *identity_provider_by_id(const struct identity_providers *s, int64_t tenant_id, int64_t id)
{
    return snapshot_find(&s->now, mem_printf("i/%" PRId64 "/%" PRId64, tenant_id, id));
}

struct identity_provider *identity_provider_by_audience(const struct identity_providers *s, struct slice issuer,
                                                        struct slice audience)
{
    return snapshot_find(&s->now, audience_key(issuer, audience));
}

uint64_t identity_providers_epoch(const struct identity_providers *s)
{
    return s->epoch;
}

/* --- life --- */

struct identity_providers *identity_providers_new(struct hub *h)
{
    struct identity_providers *s = NEW(struct identity_providers);
    s->h = h;
    TAILQ_INIT(&s->waiting);
    TAILQ_INIT(&s->deferred);
    pg_listen(h->db, CHANNEL, on_notify, s);
    return s;
}

void identity_providers_free(struct identity_providers *s)
{
    if (!s)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the hub is shutting down");
    struct waiter *w;
    TAILQ_FOREACH (w, &s->deferred, link)
        loop_undefer(s->h->loop, &w->later);
    TAILQ_CONCAT(&s->waiting, &s->deferred, link);
    all_end(s, &e);
    snapshot_release(&s->now);
    snapshot_release(&s->next);
    free(s);
}
