/* hub/access.c - see access.h.
 * How:    a key that is not well formed (its checksum) is refused without a query; one that the cache knows costs a hash. Unknown
 *         ones ask the database, and are not remembered: a flood of invented keys cannot fill the cache. last_used_at is
 *         written by a timer, for all keys used since, at most once a minute a key.
 * Owns:   the entries, the checks under way, the timer. */
#include "hub/access.h"

#include "base/cidr.h"
#include "base/mem.h"
#include "store/api_key.h"
#include "store/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define CHANNEL      "msphub_api_key"
#define MAX_ENTRIES  10000
#define LIFETIME     SECONDS(60)
#define TOUCH_EVERY  SECONDS(15)
#define TOUCH_GAP    SECONDS(60)
#define REFUSED_GAP  SECONDS(600) /* between two audit rows about one key's refused addresses */
#define LABEL_PREFIX 4            /* "msp_" stands before a key's prefix in its label */

const char *const access_role_names[] = {"public", "viewer", "operator", "admin", "platform", NULL};
const char *const access_scope_names[] = {
#define SCOPE(name, text) text,
#include "hub/scopes.def"
#undef SCOPE
    NULL,
};
_Static_assert(SCOPE_NSCOPES_ <= 64, "scopes are bits of 64");

bool access_may(const struct access_identity *who, enum access_role role, enum access_scope scope)
{
    return who->role >= role && (scope == SCOPE_SELF || who->scopes >> scope & 1);
}

enum access_role access_role_read(struct slice name)
{
    for (int role = ACCESS_VIEWER; access_role_names[role]; role++)
        if (slice_is(name, access_role_names[role]))
            return (enum access_role)role;
    return ACCESS_PUBLIC;
}

uint64_t access_scope_bit(struct slice name)
{
    for (int i = 0; access_scope_names[i]; i++)
        if (slice_is(name, access_scope_names[i]))
            return UINT64_C(1) << i;
    return 0;
}

uint64_t access_scopes_read(struct slice names)
{
    uint64_t bits = 0;
    if (!names.p)
        return ACCESS_ALL_SCOPES;
    while (names.n)
        bits |= access_scope_bit(slice_cut(&names, ','));
    return bits;
}

/* One that is older than LIFETIME is asked for again, and keeps its marks when it is still good. */
struct entry {
    uint8_t hash[SHA256_LEN];
    struct access_identity who;
    struct cidr_list from;      /* empty: from anywhere */
    usec_t expires_at;          /* of the key; wall */
    usec_t loaded, used, noted; /* loop_now; used 0: not since the last note */
    usec_t refused;             /* when the audit log was told of a wrong address; 0: not yet */
    char address[IP_TEXT_MAX];  /* used from last */
    UT_hash_handle hh;          /* in the order of loading */
};

struct check {
    struct access *a;
    uint8_t hash[SHA256_LEN];
    uint64_t epoch;
    struct access_identity who;
    char address[IP_TEXT_MAX];
    bool known, elsewhere; /* in the cache; but not to be used from there */
    access_cb *cb;
    void *arg;
    struct deferred later;
    TAILQ_ENTRY(check) link;
};
TAILQ_HEAD(checks, check);

struct access {
    struct hub *h;
    struct entry *entries;
    uint64_t epoch; /* of revocations heard of */
    struct checks deferred;
    struct timer touch;
    bool touching;
};

/* --- the cache --- */

static void entry_drop(struct access *a, struct entry *en)
{
    HASH_DELETE(hh, a->entries, en);
    cidr_list_release(&en->from);
    free(en);
}

/* An empty prefix stands for all. */
void access_forget(struct access *a, struct slice prefix)
{
    struct entry *en, *next;
    a->epoch++;
    HASH_ITER(hh, a->entries, en, next)
    if (!prefix.n || slice_is(prefix, en->who.label + LABEL_PREFIX))
        entry_drop(a, en);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    access_forget(arg, slice_cstr(payload));
}

/* What is heard of no more may have been revoked. */
static struct entry *find(struct access *a, const uint8_t hash[SHA256_LEN])
{
    struct entry *en;
    HASH_FIND(hh, a->entries, hash, SHA256_LEN, en);
    if (!en || loop_now(a->h->loop) - en->loaded >= LIFETIME || !pg_listening(a->h->db, CHANNEL))
        return NULL;
    if (en->expires_at != USEC_NONE && loop_wall(a->h->loop) >= en->expires_at) {
        entry_drop(a, en);
        return NULL;
    }
    return en;
}

static bool may_come_from(const struct cidr_list *from, struct slice address)
{
    struct ip ip;
    return from->n == 0 || (ip_parse(address, &ip) && cidr_list_has(from, &ip));
}

static void entry_use(struct access *a, struct entry *en, struct slice address)
{
    en->used = MAX(loop_now(a->h->loop), 1);
    size_t n = MIN(address.n, sizeof(en->address) - 1);
    if (n)
        memcpy(en->address, address.p, n);
    en->address[n] = 0;
}

static void remember(struct access *a, const struct check *c, struct cidr_list *from, usec_t expires_at)
{
    struct entry *en;
    HASH_FIND(hh, a->entries, c->hash, SHA256_LEN, en);
    struct entry old = en ? *en : (struct entry){.used = 0};
    if (en)
        entry_drop(a, en);
    if (HASH_COUNT(a->entries) >= MAX_ENTRIES)
        entry_drop(a, a->entries); /* the oldest */
    en = NEW(struct entry);
    memcpy(en->hash, c->hash, SHA256_LEN);
    en->who = c->who;
    en->from = *from;
    *from = (struct cidr_list){0};
    en->expires_at = expires_at;
    en->loaded = loop_now(a->h->loop);
    en->used = old.used;
    en->noted = old.noted;
    en->refused = old.refused;
    memcpy(en->address, old.address, sizeof(en->address));
    HASH_ADD(hh, a->entries, hash, SHA256_LEN, en);
    if (!c->elsewhere)
        entry_use(a, en, slice_cstr(c->address));
}

/* --- the audit log hears of keys that are used from where they may not --- */

static void on_told(void *arg, const struct pg_reply *r)
{
}

static void tell_refused(struct access *a, const struct check *c)
{
    struct entry *en;
    usec_t now = MAX(loop_now(a->h->loop), 1);
    HASH_FIND(hh, a->entries, c->hash, SHA256_LEN, en);
    if (!en || (en->refused && now - en->refused < REFUSED_GAP))
        return; /* one that could not be remembered is met again */
    en->refused = now;
    const struct audit_actor by = {
        .kind = "api_key", .id = c->who.key_id, .name = slice_cstr(c->who.label), .address = slice_cstr(c->address)};
    struct pg_seg *s = pg_seg_new(a->h->db, c->who.home_id);
    audit_by(s, &by);
    audit_add(s, &(struct audit_entry){.tenant_id = c->who.home_id,
                                       .action = "api_key.address_refused",
                                       .target_type = "api_key",
                                       .target = slice_cstr(c->who.label + LABEL_PREFIX),
                                       .target_id = c->who.key_id});
    pg_submit(s, on_told, NULL);
}

/* --- checks --- */

static void check_end(struct check *c, const struct err *e)
{
    struct check copy = *c;
    free(c);
    copy.cb(copy.arg, e ? NULL : &copy.who, e);
}

static void check_refuse(struct check *c)
{
    struct err e = {0};
    err_set(&e, ERR_AUTH, "this API key is not known, has expired, or was revoked");
    check_end(c, &e);
}

static void check_forbid(struct check *c)
{
    struct err e = {0};
    err_set(&e, ERR_FORBIDDEN, "%s may not be used from %s", c->who.label, *c->address ? c->address : "this address");
    tell_refused(c->a, c);
    check_end(c, &e);
}

static void on_found(void *arg, const struct pg_reply *r)
{
    struct check *c = arg;
    const struct err *e = pg_reply_err(r);
    if (e) {
        struct err away = {0};
        err_set(&away, e->code == ERR_CANCELED ? ERR_CANCELED : ERR_UNAVAILABLE, "the API key cannot be checked: %s",
                e->what);
        check_end(c, &away);
        return;
    }
    if (pg_nrows(r, 0) == 0) {
        check_refuse(c);
        return;
    }
    struct api_key_row row;
    api_key_read(r, 0, &row);
    c->who = (struct access_identity){
        .kind = ACCESS_BY_KEY,
        .home_id = row.tenant_id,
        .tenant_id = row.tenant_id,
        .key_id = row.api_key_id,
        .role = access_role_read(row.role),
        .scopes = access_scopes_read(row.scopes),
    };
    snprintf(c->who.label, sizeof(c->who.label), "msp_%.*s", SLICE_FMT(row.prefix));
    struct cidr_list from = {0};
    struct err bad = {0};
    if (!cidr_list_parse(row.addresses, API_KEY_NETWORKS_MAX, &from,
                         &bad)) { /* the table's type allows no such thing */
        check_end(c, &bad);
        return;
    }
    c->elsewhere = !may_come_from(&from, slice_cstr(c->address));
    if (c->epoch == c->a->epoch) /* else it may have been revoked since it was read */
        remember(c->a, c, &from, row.expires_at);
    cidr_list_release(&from);
    if (c->elsewhere)
        check_forbid(c);
    else
        check_end(c, NULL);
}

static void on_later(void *arg)
{
    struct check *c = arg;
    TAILQ_REMOVE(&c->a->deferred, c, link);
    if (c->elsewhere)
        check_forbid(c);
    else if (c->known)
        check_end(c, NULL);
    else
        check_refuse(c);
}

static bool check_cached(struct access *a, struct check *c)
{
    struct entry *en = find(a, c->hash);
    if (!en)
        return false;
    c->who = en->who;
    c->elsewhere = !may_come_from(&en->from, slice_cstr(c->address));
    if (!c->elsewhere)
        entry_use(a, en, slice_cstr(c->address));
    return true;
}

void access_check(struct access *a, struct slice key, struct slice address, access_cb *cb, void *arg)
{
    struct check *c = NEW(struct check);
    c->a = a;
    c->cb = cb;
    c->arg = arg;
    c->epoch = a->epoch;
    snprintf(c->address, sizeof(c->address), "%.*s", SLICE_FMT(address));
    bool formed = api_key_well_formed(key);
    if (formed) {
        crypto_sha256(key, c->hash);
        c->known = check_cached(a, c);
    }
    if (!formed || c->known) {
        TAILQ_INSERT_TAIL(&a->deferred, c, link);
        loop_defer(a->h->loop, &c->later, on_later, c);
        return;
    }
    struct pg_seg *s = pg_seg_new(a->h->db, PG_ALL_TENANTS);
    api_key_add_find(s, c->hash);
    pg_submit(s, on_found, c);
}

bool access_cached(struct access *a, struct slice key, struct slice address, struct access_identity *ret)
{
    uint8_t hash[SHA256_LEN];
    if (!api_key_well_formed(key))
        return false;
    crypto_sha256(key, hash);
    struct entry *en = find(a, hash);
    if (!en || !may_come_from(&en->from, address))
        return false;
    entry_use(a, en, address);
    *ret = en->who;
    return true;
}

/* --- when a key was used last --- */

static void on_touch(void *arg);

static void on_touched(void *arg, const struct pg_reply *r)
{
    struct access *a = arg;
    const struct err *e = pg_reply_err(r);
    a->touching = false;
    if (e && e->code == ERR_CANCELED)
        return;
    if (e)
        log_warn(a->h->log, "access.touch_failed", F_ERR(e));
    timer_set(&a->touch, a->h->loop, TOUCH_EVERY, on_touch, a);
}

static void on_touch(void *arg)
{
    struct access *a = arg;
    usec_t now = loop_now(a->h->loop), wall = loop_wall(a->h->loop);
    struct pg_array tenant, key, used_at, address;
    pg_array_init(&tenant, PG_INT8);
    pg_array_init(&key, PG_INT8);
    pg_array_init(&used_at, PG_TIMESTAMPTZ);
    pg_array_init(&address, PG_TEXT);
    for (struct entry *en = a->entries; en; en = en->hh.next) {
        if (!en->used || (en->noted && now - en->noted < TOUCH_GAP))
            continue;
        pg_array_i64(&tenant, en->who.home_id);
        pg_array_i64(&key, en->who.key_id);
        pg_array_time(&used_at, wall - (now - en->used));
        pg_array_text(&address, slice_cstr(en->address));
        en->noted = now;
        en->used = 0;
    }
    if (tenant.n) {
        struct pg_seg *s = pg_seg_new(a->h->db, PG_ALL_TENANTS);
        api_key_add_touch(s, &tenant, &key, &used_at, &address);
        a->touching = true;
        pg_submit(s, on_touched, a);
    } else {
        timer_set(&a->touch, a->h->loop, TOUCH_EVERY, on_touch, a);
    }
    pg_array_release(&tenant);
    pg_array_release(&key);
    pg_array_release(&used_at);
    pg_array_release(&address);
}

/* --- life --- */

struct access *access_new(struct hub *h)
{
    struct access *a = NEW(struct access);
    a->h = h;
    TAILQ_INIT(&a->deferred);
    pg_listen(h->db, CHANNEL, on_notify, a);
    timer_set(&a->touch, h->loop, TOUCH_EVERY, on_touch, a);
    return a;
}

void access_free(struct access *a)
{
    if (!a)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the hub is shutting down");
    struct check *c;
    while ((c = TAILQ_FIRST(&a->deferred))) {
        TAILQ_REMOVE(&a->deferred, c, link);
        loop_undefer(a->h->loop, &c->later);
        check_end(c, &e);
    }
    timer_cancel(&a->touch);
    access_forget(a, SLICE_NONE);
    free(a);
}
