/* api/share.c - equal reads of a page at the same time cost one query.
 * Why:    consoles and scripts that poll ask for the same page again and again; making it costs PostgreSQL a hundred times what
 *         sending it costs the hub.
 * How:    requests for the same page wait while one read of it runs, and then share the next. None takes part in a read that
 *         began before it came, so each sees what was committed before it asked: no answer is older than one from a query
 *         of its own.
 * Owns:   a flight per page being read: those it will answer (riding), those who came since (waiting).
 * States: a flight READS; at its end the waiting ones ride the next one, or it is gone. */
#include "api/api.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

struct rider {
    struct api_call *call;
    STAILQ_ENTRY(rider) link;
};
STAILQ_HEAD(riders, rider);

struct flight {
    struct api_shares *shares;
    api_read_fn *read;
    struct riders riding, waiting;
    size_t nkey;
    UT_hash_handle hh;
    char key[];
};

struct api_shares {
    struct flight *flights;
    bool closed; /* nobody is there to be answered; the last flight frees this */
};

static void flight_start(struct flight *f);

static void flight_free(struct flight *f)
{
    struct api_shares *s = f->shares;
    HASH_DELETE(hh, s->flights, f);
    free(f);
    if (s->closed && !s->flights)
        free(s);
}

static void on_page(void *arg, const struct page *page, const struct err *e)
{
    struct flight *f = arg;
    struct riders landed = STAILQ_HEAD_INITIALIZER(landed);
    STAILQ_CONCAT(&landed, &f->riding);
    STAILQ_CONCAT(&f->riding, &f->waiting);
    if (f->shares->closed || STAILQ_EMPTY(&f->riding))
        flight_free(f);
    else
        flight_start(f);
    for (struct rider *r = STAILQ_FIRST(&landed), *next; r; r = next) {
        next = STAILQ_NEXT(r, link);
        api_reply_page(r->call, page, e); /* r was the call's */
    }
}

static void flight_start(struct flight *f)
{
    f->read(STAILQ_FIRST(&f->riding)->call, on_page, f);
}

void api_share_page(struct api_call *c, api_read_fn *read)
{
    struct api_shares *s = api_shares_of(c->api);
    _cleanup_(str_release) struct str key = {0};
    str_addf(&key, "%lld ", (long long)c->who.tenant_id);
    str_add(&key, http_request_path(c->req));
    str_addc(&key, '?');
    str_add(&key, http_request_query(c->req));
    struct rider *r = arena_alloc(c->arena, sizeof(*r));
    r->call = c;
    struct flight *f;
    HASH_FIND(hh, s->flights, key.p, key.n, f);
    if (f) {
        STAILQ_INSERT_TAIL(&f->waiting, r, link);
        return;
    }
    f = mem_realloc(NULL, sizeof(*f) + key.n);
    *f = (struct flight){.shares = s, .read = read, .nkey = key.n};
    memcpy(f->key, key.p, key.n);
    STAILQ_INIT(&f->riding);
    STAILQ_INIT(&f->waiting);
    STAILQ_INSERT_TAIL(&f->riding, r, link);
    HASH_ADD(hh, s->flights, key, f->nkey, f);
    flight_start(f);
}

struct api_shares *api_shares_new(void)
{
    return NEW(struct api_shares);
}

void api_shares_free(struct api_shares *s)
{
    if (!s)
        return;
    s->closed = true;
    for (struct flight *f = s->flights; f; f = f->hh.next) {
        STAILQ_INIT(&f->riding); /* their requests are gone */
        STAILQ_INIT(&f->waiting);
    }
    if (!s->flights)
        free(s);
}
