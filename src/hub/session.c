/* hub/session.c - see session.h: the cache, the check of a token, its exchange, and upkeep. Opening and closing: session_open.c.
 * How:    as access.c does for keys. A check that finds its token due for exchange asks the database to add another one; when a
 *         request beside it was faster, the token simply stays, and is not tried again within the grace.
 * Owns:   the entries, the checks under way, two timers. */
#include "hub/session_internal.h"

#include "base/mem.h"
#include "store/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define CHANNEL     "msphub_session"
#define MAX_ENTRIES 10000
#define LIFETIME    SECONDS(60)
#define TOUCH_MAX   SECONDS(15)
#define PURGE_EVERY SECONDS(300)
#define PURGE_MOST  1000

struct entry {
    uint8_t hash[SHA256_LEN];
    struct session session;
    usec_t made_at, valid_until; /* of the token; wall */
    usec_t loaded, used, noted;  /* loop_now */
    usec_t no_exchange_before;   /* loop_now */
    bool unsaid;                 /* used since the last note */
    UT_hash_handle hh;           /* in the order of loading */
};

struct check {
    struct sessions *s;
    uint8_t hash[SHA256_LEN];
    uint64_t epoch;
    struct session session;
    bool known;
    session_cb *cb;
    void *arg;
    struct deferred later;
    TAILQ_ENTRY(check) link;
};
TAILQ_HEAD(checks, check);

struct sessions {
    struct hub *h;
    struct entry *entries;
    uint64_t epoch; /* of what was forgotten */
    struct checks deferred;
    struct timer touch, purge;
};

/* --- the cache --- */

static void entry_drop(struct sessions *s, struct entry *en)
{
    HASH_DELETE(hh, s->entries, en);
    crypto_wipe(&en->session, sizeof(en->session));
    free(en);
}

/* 0 stands for any. */
static void forget(struct sessions *s, int64_t tenant_id, int64_t user_id, int64_t session_id)
{
    struct entry *en, *next;
    s->epoch++;
    HASH_ITER(hh, s->entries, en, next)
    {
        const struct session *is = &en->session;
        if ((!tenant_id || is->who.home_id == tenant_id) && (!user_id || is->who.user_id == user_id) &&
            (!session_id || is->session_id == session_id))
            entry_drop(s, en);
    }
}

void session_forget(struct hub *h, int64_t tenant_id, int64_t user_id, int64_t session_id)
{
    forget(h->sessions, tenant_id, user_id, session_id);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    long long tenant = 0, user = 0, session = 0;
    if (payload)
        sscanf(payload, "%lld/%lld/%lld", &tenant, &user, &session);
    forget(arg, tenant, user, session);
}

static usec_t idle_time(const struct sessions *s)
{
    return s->h->options->session_idle;
}

static bool over(const struct sessions *s, const struct entry *en)
{
    usec_t now = loop_now(s->h->loop), wall = loop_wall(s->h->loop);
    return now - en->loaded >= LIFETIME || now - en->used >= idle_time(s) || wall >= en->session.expires_at ||
           (en->valid_until != USEC_NONE && wall >= en->valid_until);
}

/* One that was replaced already is not exchanged again. */
static bool due(const struct sessions *s, const struct entry *en)
{
    return en->valid_until == USEC_NONE && loop_now(s->h->loop) >= en->no_exchange_before &&
           loop_wall(s->h->loop) - en->made_at >= s->h->options->session_rotate;
}

/* What is heard of no more may have been closed. */
static struct entry *find(struct sessions *s, const uint8_t hash[SHA256_LEN])
{
    struct entry *en;
    HASH_FIND(hh, s->entries, hash, SHA256_LEN, en);
    if (en && over(s, en)) {
        entry_drop(s, en);
        en = NULL;
    }
    return pg_listening(s->h->db, CHANNEL) ? en : NULL;
}

static void entry_use(struct sessions *s, struct entry *en)
{
    en->used = loop_now(s->h->loop);
    en->unsaid = true;
}

static struct entry *remember(struct sessions *s, const uint8_t hash[SHA256_LEN], const struct session *session,
                              const struct session_row *row)
{
    struct entry *en;
    HASH_FIND(hh, s->entries, hash, SHA256_LEN, en);
    if (en)
        entry_drop(s, en);
    if (HASH_COUNT(s->entries) >= MAX_ENTRIES)
        entry_drop(s, s->entries); /* the oldest */
    en = NEW(struct entry);
    memcpy(en->hash, hash, SHA256_LEN);
    en->session = *session;
    en->made_at = row->made_at;
    en->valid_until = row->valid_until;
    en->loaded = loop_now(s->h->loop);
    entry_use(s, en);
    HASH_ADD(hh, s->entries, hash, SHA256_LEN, en);
    return en;
}

/* --- checks --- */

static void check_end(struct check *c, const struct err *e)
{
    struct check copy = *c;
    crypto_wipe(c, sizeof(*c));
    free(c);
    copy.cb(copy.arg, e ? NULL : &copy.session, e);
    crypto_wipe(&copy, sizeof(copy));
}

static void check_refuse(struct check *c)
{
    struct err e = {0};
    err_set(&e, ERR_AUTH, "this session is over; sign in again");
    check_end(c, &e);
}

static void check_unavailable(struct check *c, const struct err *e)
{
    struct err away = {0};
    err_set(&away, e->code == ERR_CANCELED ? ERR_CANCELED : ERR_UNAVAILABLE, "the session cannot be checked: %s",
            e->what);
    check_end(c, &away);
}

static void on_rotated(void *arg, const struct pg_reply *r)
{
    struct check *c = arg;
    /* Whatever came of it, the token that was sent is good; without a row the browser gets no other. */
    if (pg_reply_err(r) || pg_nrows(r, 0) == 0)
        crypto_wipe(c->session.fresh, sizeof(c->session.fresh));
    check_end(c, NULL);
}

static void rotate(struct check *c)
{
    struct hub *h = c->s->h;
    uint8_t hash[SHA256_LEN];
    crypto_token(c->session.fresh, SESSION_TOKEN_LEN);
    crypto_sha256(slice_of(c->session.fresh, SESSION_TOKEN_LEN), hash);
    struct pg_seg *seg = pg_seg_new(h->db, c->session.who.home_id);
    session_add_rotate(seg, c->session.who.home_id, c->session.session_id, hash, h->options->session_grace);
    pg_submit(seg, on_rotated, c);
}

/* Sessions and when they were used last, as the database takes them. */
struct uses {
    struct pg_array tenant, session, at;
};

static void uses_init(struct uses *u)
{
    pg_array_init(&u->tenant, PG_INT8);
    pg_array_init(&u->session, PG_INT8);
    pg_array_init(&u->at, PG_TIMESTAMPTZ);
}

static void uses_add(struct uses *u, int64_t tenant_id, int64_t session_id, usec_t at)
{
    pg_array_i64(&u->tenant, tenant_id);
    pg_array_i64(&u->session, session_id);
    pg_array_time(&u->at, at);
}

static void uses_release(struct uses *u)
{
    pg_array_release(&u->tenant);
    pg_array_release(&u->session);
    pg_array_release(&u->at);
}

static void on_noted(void *arg, const struct pg_reply *r)
{
    struct sessions *s = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code != ERR_CANCELED)
        log_warn(s->h->log, "session.note_failed", F_ERR(e));
}

/* What the database must know of this use before the timer comes round: the entry may be dropped before. */
static void note_use(struct check *c, const struct session_row *row)
{
    struct sessions *s = c->s;
    usec_t wall = loop_wall(s->h->loop);
    bool stale = wall - row->last_seen_at >= idle_time(s) / 20;
    if (!row->first_use && !stale)
        return;
    struct pg_seg *seg = pg_seg_new(s->h->db, row->tenant_id);
    if (row->first_use)
        session_add_settle(seg, c->hash, s->h->options->session_grace);
    if (stale) {
        struct uses one;
        uses_init(&one);
        uses_add(&one, row->tenant_id, row->session_id, wall);
        session_add_touch(seg, &one.tenant, &one.session, &one.at);
        uses_release(&one);
    }
    pg_submit(seg, on_noted, s);
}

struct access_identity session_identity(int64_t tenant_id, int64_t user_id, struct slice email, struct slice role)
{
    struct access_identity who = {
        .kind = ACCESS_BY_SESSION,
        .home_id = tenant_id,
        .tenant_id = tenant_id,
        .user_id = user_id,
        .role = access_role_read(role),
        .scopes = ACCESS_ALL_SCOPES,
    };
    snprintf(who.label, sizeof(who.label), "%.*s", SLICE_FMT(email));
    return who;
}

static void on_found(void *arg, const struct pg_reply *r)
{
    struct check *c = arg;
    struct sessions *s = c->s;
    if (pg_reply_err(r)) {
        check_unavailable(c, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 1) == 0) {
        check_refuse(c);
        return;
    }
    struct session_row row;
    session_row_read(r, 1, &row);
    c->session = (struct session){
        .who = session_identity(row.tenant_id, row.user_id, row.email, row.role),
        .session_id = row.session_id,
        .must_change_password = row.must_change_password,
        .expires_at = row.expires_at,
    };
    snprintf(c->session.csrf, sizeof(c->session.csrf), "%.*s", SLICE_FMT(row.csrf_token));
    note_use(c, &row);
    if (c->epoch != s->epoch) { /* it may have been closed since it was read */
        check_end(c, NULL);
        return;
    }
    struct entry *en = remember(s, c->hash, &c->session, &row);
    if (due(s, en)) {
        en->no_exchange_before = loop_now(s->h->loop) + s->h->options->session_grace;
        rotate(c);
    } else {
        check_end(c, NULL);
    }
}

static void on_later(void *arg)
{
    struct check *c = arg;
    TAILQ_REMOVE(&c->s->deferred, c, link);
    if (c->known)
        check_end(c, NULL);
    else
        check_refuse(c);
}

static bool token_well_formed(struct slice token)
{
    if (token.n != SESSION_TOKEN_LEN)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

bool session_cached(struct hub *h, struct slice token, struct session *ret)
{
    struct sessions *s = h->sessions;
    uint8_t hash[SHA256_LEN];
    if (!token_well_formed(token))
        return false;
    crypto_sha256(token, hash);
    struct entry *en = find(s, hash);
    if (!en || due(s, en))
        return false;
    entry_use(s, en);
    *ret = en->session;
    return true;
}

void session_check(struct hub *h, struct slice token, session_cb *cb, void *arg)
{
    struct sessions *s = h->sessions;
    struct check *c = NEW(struct check);
    c->s = s;
    c->cb = cb;
    c->arg = arg;
    c->epoch = s->epoch;
    c->known = session_cached(h, token, &c->session);
    if (c->known || !token_well_formed(token)) {
        TAILQ_INSERT_TAIL(&s->deferred, c, link);
        loop_defer(h->loop, &c->later, on_later, c);
        return;
    }
    crypto_sha256(token, c->hash);
    struct pg_seg *seg = pg_seg_new(h->db, PG_ALL_TENANTS);
    plan_by_key(seg);
    session_add_find(seg, c->hash, idle_time(s));
    pg_submit(seg, on_found, c);
}

/* --- upkeep: when a session was used last, and the end of those that are over --- */

static void on_touch(void *arg);

static void touch_later(struct sessions *s)
{
    timer_set(&s->touch, s->h->loop, MIN(idle_time(s) / 20, TOUCH_MAX), on_touch, s);
}

static void on_touched(void *arg, const struct pg_reply *r)
{
    struct sessions *s = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code == ERR_CANCELED)
        return;
    if (e)
        log_warn(s->h->log, "session.touch_failed", F_ERR(e));
    touch_later(s);
}

static void on_touch(void *arg)
{
    struct sessions *s = arg;
    usec_t now = loop_now(s->h->loop), wall = loop_wall(s->h->loop), gap = MIN(idle_time(s) / 20, LIFETIME);
    struct uses u;
    uses_init(&u);
    for (struct entry *en = s->entries; en; en = en->hh.next) {
        if (!en->unsaid || now - en->noted < gap)
            continue;
        uses_add(&u, en->session.who.home_id, en->session.session_id, wall - (now - en->used));
        en->noted = now;
        en->unsaid = false;
    }
    if (u.tenant.n) {
        struct pg_seg *seg = pg_seg_new(s->h->db, PG_ALL_TENANTS);
        session_add_touch(seg, &u.tenant, &u.session, &u.at);
        pg_submit(seg, on_touched, s);
    } else {
        touch_later(s);
    }
    uses_release(&u);
}

static void on_purge(void *arg);

static void on_purged(void *arg, const struct pg_reply *r)
{
    struct sessions *s = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code == ERR_CANCELED)
        return;
    if (e)
        log_warn(s->h->log, "session.purge_failed", F_ERR(e));
    bool more = !e && pg_affected(r, 0) == PURGE_MOST;
    timer_set(&s->purge, s->h->loop, more ? SECONDS(1) : PURGE_EVERY, on_purge, s);
}

static void on_purge(void *arg)
{
    struct sessions *s = arg;
    struct pg_seg *seg = pg_seg_new(s->h->db, PG_ALL_TENANTS);
    session_add_purge(seg, idle_time(s), PURGE_MOST);
    pg_submit(seg, on_purged, s);
}

/* --- life --- */

struct sessions *sessions_new(struct hub *h)
{
    struct sessions *s = NEW(struct sessions);
    s->h = h;
    TAILQ_INIT(&s->deferred);
    pg_listen(h->db, CHANNEL, on_notify, s);
    touch_later(s);
    timer_set(&s->purge, h->loop, PURGE_EVERY, on_purge, s);
    return s;
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the hub is shutting down");
    struct check *c;
    while ((c = TAILQ_FIRST(&s->deferred))) {
        TAILQ_REMOVE(&s->deferred, c, link);
        loop_undefer(s->h->loop, &c->later);
        check_end(c, &e);
    }
    timer_cancel(&s->touch);
    timer_cancel(&s->purge);
    forget(s, 0, 0, 0);
    free(s);
}
