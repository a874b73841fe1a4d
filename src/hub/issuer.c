/* hub/issuer.c - the cache of issuers: see issuer.h.
 * How:    an entry an issuer. Whoever asks is answered from it in a later turn, or joins those who wait for its fetch. Entries are made
 *         for issuers that somebody configured, and past a ceiling the one that rested longest goes.
 * States: of an entry, by what it has: nothing, fresh, old (is), being fetched (fetching), and when it may be fetched again. */
#include "hub/issuer.h"

#include "base/mem.h"

#include <stdlib.h>
#include <uthash.h>

#define MAX_ENTRIES 1000

struct waiter {
    struct issuers *s;
    struct issuer *is; /* a reference; the answer of one that waits for its turn only */
    struct err err;
    issuer_cb *cb;
    void *arg;
    struct deferred later;
    TAILQ_ENTRY(waiter) link;
};
TAILQ_HEAD(waiters, waiter);

struct entry {
    struct issuers *s;
    char *url;
    struct issuer *is; /* NULL: never fetched */
    struct err err;    /* of the last fetch; ERR_NONE: it was good */
    bool fetching;
    usec_t next_fetch; /* not before, however much is missing; loop_now */
    usec_t used;
    struct waiters waiting;
    UT_hash_handle hh;
};

struct issuers {
    struct hub *h;
    struct entry *entries;
    struct waiters deferred;
    uint64_t epoch;
    struct metric *good, *failed;
};

/* --- answering --- */

static void waiter_end(struct waiter *w)
{
    struct waiter copy = *w;
    free(w);
    copy.cb(copy.arg, copy.is, copy.is ? NULL : &copy.err);
    issuer_unref(copy.is);
}

static void on_later(void *arg)
{
    struct waiter *w = arg;
    TAILQ_REMOVE(&w->s->deferred, w, link);
    waiter_end(w);
}

static struct waiter *waiter_new(struct issuers *s, issuer_cb *cb, void *arg)
{
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){.s = s, .cb = cb, .arg = arg};
    return w;
}

static void answer_later(struct waiter *w, struct issuer *is, const struct err *e)
{
    if (is)
        w->is = issuer_ref(is);
    else
        w->err = *e;
    TAILQ_INSERT_TAIL(&w->s->deferred, w, link);
    loop_defer(w->s->h->loop, &w->later, on_later, w);
}

/* --- entries --- */

static bool is_fresh(const struct entry *en)
{
    return en->is && loop_now(en->s->h->loop) - en->is->fetched_at < en->is->fresh;
}

/* Old keys of an issuer that is away. */
static bool is_usable(const struct entry *en)
{
    return en->is && loop_now(en->s->h->loop) - en->is->fetched_at < en->is->fresh + en->s->h->options->issuer_stale;
}

static void entry_free(struct entry *en)
{
    issuer_unref(en->is);
    free(en->url);
    free(en);
}

static void drop_oldest(struct issuers *s)
{
    struct entry *oldest = NULL;
    for (struct entry *en = s->entries; en; en = en->hh.next)
        if (!en->fetching && (!oldest || en->used < oldest->used))
            oldest = en;
    if (oldest) {
        HASH_DEL(s->entries, oldest);
        entry_free(oldest);
    }
}

static struct entry *entry_get(struct issuers *s, const char *url)
{
    struct entry *en;
    HASH_FIND_STR(s->entries, url, en);
    if (!en) {
        if (HASH_COUNT(s->entries) >= MAX_ENTRIES)
            drop_oldest(s);
        en = NEW(struct entry);
        en->s = s;
        en->url = mem_strdup(url);
        en->next_fetch = USEC_NONE;
        TAILQ_INIT(&en->waiting);
        HASH_ADD_KEYPTR(hh, s->entries, en->url, strlen(en->url), en);
    }
    en->used = loop_now(s->h->loop);
    return en;
}

static void entry_take(struct entry *en, struct issuer *is)
{
    if (en->is && memcmp(en->is->keys_hash, is->keys_hash, SHA256_LEN) != 0) {
        en->s->epoch++;
        log_info(en->s->h->log, "issuer.keys_changed", F_STR("issuer", en->url), F_I64("keys", jwks_count(is->keys)));
    }
    issuer_unref(en->is);
    en->is = is;
    en->err = (struct err){0};
}

static void on_fetched(void *arg, struct issuer *is, const struct err *e)
{
    struct entry *en = arg;
    struct waiters ended = TAILQ_HEAD_INITIALIZER(ended);
    en->fetching = false;
    en->next_fetch = loop_now(en->s->h->loop) + en->s->h->options->issuer_refetch;
    (e ? en->s->failed : en->s->good)->value++;
    if (e) {
        en->err = *e;
        if (e->code != ERR_CANCELED)
            log_warn(en->s->h->log, "issuer.fetch_failed", F_STR("issuer", en->url), F_ERR(e));
    } else {
        entry_take(en, is);
    }
    TAILQ_CONCAT(&ended, &en->waiting, link);
    bool usable = is_usable(en);
    struct waiter *w, *next;
    TAILQ_FOREACH (w, &ended, link) { /* what they get is decided before the first of them can change anything */
        w->is = usable ? issuer_ref(en->is) : NULL;
        w->err = en->err;
    }
    for (w = TAILQ_FIRST(&ended); w; w = next) {
        next = TAILQ_NEXT(w, link);
        waiter_end(w);
    }
}

static void fetch(struct entry *en)
{
    if (en->fetching)
        return;
    en->fetching = true;
    issuer_fetch(en->s->h, en->url, on_fetched, en);
}

static bool may_fetch(const struct entry *en)
{
    return en->fetching || en->next_fetch == USEC_NONE || loop_now(en->s->h->loop) >= en->next_fetch;
}

static void fetch_and_wait(struct entry *en, struct waiter *w)
{
    TAILQ_INSERT_TAIL(&en->waiting, w, link);
    fetch(en);
}

/* --- asking --- */

void issuers_get(struct issuers *s, const char *url, issuer_cb *cb, void *arg)
{
    struct entry *en = entry_get(s, url);
    struct waiter *w = waiter_new(s, cb, arg);
    if (is_fresh(en))
        answer_later(w, en->is, NULL);
    else if (may_fetch(en))
        fetch_and_wait(en, w);
    else
        answer_later(w, is_usable(en) ? en->is : NULL, &en->err);
}

void issuers_get_newer(struct issuers *s, struct issuer *seen, issuer_cb *cb, void *arg)
{
    struct entry *en = entry_get(s, seen->url);
    struct waiter *w = waiter_new(s, cb, arg);
    if (en->is && en->is != seen)
        answer_later(w, en->is, NULL);
    else if (may_fetch(en))
        fetch_and_wait(en, w);
    else
        answer_later(w, seen, NULL);
}

/* Its error is its asker's own: nobody else waits for it, and it changes nothing for them. */
static void on_tried(void *arg, struct issuer *is, const struct err *e)
{
    struct waiter *w = arg;
    if (e) {
        w->err = *e;
    } else {
        w->is = issuer_ref(is);
        entry_take(entry_get(w->s, is->url), is);
    }
    waiter_end(w);
}

void issuers_try(struct issuers *s, const char *url, issuer_cb *cb, void *arg)
{
    issuer_fetch(s->h, url, on_tried, waiter_new(s, cb, arg));
}

uint64_t issuers_epoch(const struct issuers *s)
{
    return s->epoch;
}

/* --- life --- */

struct issuers *issuers_new(struct hub *h)
{
    struct issuers *s = NEW(struct issuers);
    s->h = h;
    TAILQ_INIT(&s->deferred);
    struct metric_family *f = metric_family(h->metrics, METRIC_COUNTER, "msphub_issuer_fetches_total",
                                            "Fetches of identity providers' metadata and keys.", "outcome", NULL, 0);
    s->good = metric_with(f, METRIC_L("good"));
    s->failed = metric_with(f, METRIC_L("failed"));
    return s;
}

void issuers_free(struct issuers *s)
{
    if (!s)
        return;
    struct waiter *w;
    while ((w = TAILQ_FIRST(&s->deferred))) {
        TAILQ_REMOVE(&s->deferred, w, link);
        loop_undefer(s->h->loop, &w->later);
        issuer_unref(TAKE(w->is));
        err_set(&w->err, ERR_CANCELED, "the hub is shutting down");
        waiter_end(w);
    }
    struct entry *en, *next;
    HASH_ITER(hh, s->entries, en, next)
    {
        HASH_DEL(s->entries, en);
        entry_free(en);
    }
    free(s);
}
