/* hub/bearer.c - see bearer.h.
 * Steps:  READ (take it apart) -> PROVIDERS (up to date?) -> ISSUER (its keys) -> JUDGE -> (an unknown key: ISSUER once more, for newer
 *         ones) -> role -> callback.
 * Owns:   the entries; an op a check, with a copy of the token. */
#include "hub/bearer.h"

#include "base/jwt.h"
#include "base/utf8.h"
#include "hub/identity_provider.h"
#include "hub/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define MAX_ENTRIES 4096
#define LIFETIME    SECONDS(60)
#define LEEWAY      SECONDS(60)

enum outcome { CACHED, ACCEPTED, REFUSED, NO_ROLE, FAILED, NOUTCOMES_ };
static const char *const outcome_names[NOUTCOMES_] = {"cached", "accepted", "refused", "no_role", "failed"};

struct entry {
    uint8_t hash[SHA256_LEN];
    struct access_identity who;
    usec_t expires_at; /* wall */
    usec_t loaded;     /* loop_now */
    UT_hash_handle hh; /* in the order of loading */
};

struct bearers {
    struct hub *h;
    struct entry *entries;
    uint64_t providers_epoch, issuers_epoch; /* that the entries are of */
    struct metric *outcomes[NOUTCOMES_];
};

struct check {
    struct bearers *b;
    uint8_t hash[SHA256_LEN];
    struct arena *arena;
    struct jwt *token;
    struct identity_provider *provider; /* a reference */
    uint64_t providers_epoch;           /* when it was chosen */
    bool again;                         /* newer keys were asked for */
    struct err err;                     /* of READ */
    access_cb *cb;
    void *arg;
};

/* --- the cache --- */

static void forget_all(struct bearers *b)
{
    struct entry *en, *next;
    HASH_ITER(hh, b->entries, en, next)
    {
        HASH_DEL(b->entries, en);
        free(en);
    }
}

/* What was decided by providers or keys that have changed is decided anew. */
static void keep_up(struct bearers *b)
{
    uint64_t providers = identity_providers_epoch(b->h->identity_providers), issuers = issuers_epoch(b->h->issuers);
    if (b->providers_epoch != providers || b->issuers_epoch != issuers)
        forget_all(b);
    b->providers_epoch = providers;
    b->issuers_epoch = issuers;
}

bool bearer_shaped(struct slice token)
{
    return jwt_shaped(token);
}

bool bearer_cached(struct hub *h, struct slice token, struct access_identity *ret)
{
    struct bearers *b = h->bearers;
    uint8_t hash[SHA256_LEN];
    struct entry *en;
    keep_up(b);
    if (!identity_providers_heard(h->identity_providers))
        return false;
    crypto_sha256(token, hash);
    HASH_FIND(hh, b->entries, hash, SHA256_LEN, en);
    if (!en)
        return false;
    if (loop_now(h->loop) - en->loaded >= LIFETIME || loop_wall(h->loop) >= en->expires_at) {
        HASH_DEL(b->entries, en);
        free(en);
        return false;
    }
    b->outcomes[CACHED]->value++;
    *ret = en->who;
    return true;
}

static void remember(const struct check *c, const struct access_identity *who, usec_t expires_at)
{
    struct bearers *b = c->b;
    struct entry *en;
    keep_up(b);
    if (c->providers_epoch != b->providers_epoch)
        return; /* something changed since the provider was chosen */
    HASH_FIND(hh, b->entries, c->hash, SHA256_LEN, en);
    if (!en) {
        if (HASH_COUNT(b->entries) >= MAX_ENTRIES) {
            struct entry *oldest = b->entries;
            HASH_DEL(b->entries, oldest);
            free(oldest);
        }
        en = NEW(struct entry);
        memcpy(en->hash, c->hash, SHA256_LEN);
        HASH_ADD(hh, b->entries, hash, SHA256_LEN, en);
    }
    en->who = *who;
    en->expires_at = expires_at;
    en->loaded = loop_now(b->h->loop);
}

/* --- a check --- */

static void check_end(struct check *c, enum outcome outcome, const struct access_identity *who, const struct err *e)
{
    struct check copy = *c;
    c->b->outcomes[outcome]->value++;
    if (outcome == REFUSED || outcome == NO_ROLE)
        log_info(c->b->h->log, "bearer.refused", F_SLICE("provider", c->provider ? c->provider->name : SLICE("")),
                 F_ERR(e));
    free(c);
    identity_provider_unref(copy.provider);
    arena_free(copy.arena);
    copy.cb(copy.arg, who, e);
}

static void check_fail(struct check *c, const struct err *e)
{
    struct err away = {0};
    err_set(&away, e->code == ERR_CANCELED ? ERR_CANCELED : ERR_UNAVAILABLE, "the token cannot be checked now: %s",
            e->what);
    check_end(c, FAILED, NULL, &away);
}

static struct access_identity identity(const struct check *c, const struct jwt_claims *claims, enum access_role role)
{
    const struct identity_provider *p = c->provider;
    struct slice email = json_get_text(claims->all, "email");
    struct access_identity who = {
        .kind = ACCESS_BY_TOKEN,
        .home_id = p->tenant_id,
        .tenant_id = p->tenant_id,
        .role = role,
        .scopes = ACCESS_ALL_SCOPES,
    };
    /* The subject first: an address may be what somebody typed in at the issuer. */
    _cleanup_(str_release) struct str label = {0};
    str_addf(&label, "%.*s/%.*s", SLICE_FMT(p->name), SLICE_FMT(claims->subject));
    if (email.n)
        str_addf(&label, " (%.*s)", SLICE_FMT(email));
    struct slice cut = utf8_cut(str_slice(&label), sizeof who.label - 1);
    memcpy(who.label, cut.p, cut.n);
    return who;
}

static void judge(struct check *c, struct issuer *is);

static void on_newer(void *arg, struct issuer *is, const struct err *e)
{
    if (e)
        check_fail(arg, e);
    else
        judge(arg, is);
}

static void accept(struct check *c, const struct jwt_claims *claims)
{
    struct err e = {0};
    enum access_role role = identity_provider_role(c->provider, claims->all);
    if (role == ACCESS_PUBLIC) {
        err_set(&e, ERR_FORBIDDEN, "the token is good, but its claim \"%.*s\" gives no role here",
                SLICE_FMT(c->provider->role_claim));
        check_end(c, NO_ROLE, NULL, &e);
        return;
    }
    struct access_identity who = identity(c, claims, role);
    remember(c, &who, claims->expires_at);
    check_end(c, ACCEPTED, &who, NULL);
}

static void judge(struct check *c, struct issuer *is)
{
    const struct identity_provider *p = c->provider;
    struct jwt_claims claims;
    struct err e = {0};
    const struct jwt_rules rules = {
        .issuer = p->issuer,
        .audiences = p->audiences,
        .naudiences = p->naudiences,
        .now = loop_wall(c->b->h->loop),
        .leeway = LEEWAY,
    };
    if (jwt_accept(c->token, is->keys, &rules, &claims, &e)) {
        accept(c, &claims);
    } else if (e.code == ERR_NOT_FOUND && !c->again) {
        c->again = true;
        issuers_get_newer(c->b->h->issuers, is, on_newer, c);
    } else {
        e.code = ERR_AUTH;
        check_end(c, REFUSED, NULL, &e);
    }
}

/* The one provider of all the token's audiences; NULL: none, or several. */
static struct identity_provider *choose(const struct check *c)
{
    const struct identity_providers *all = c->b->h->identity_providers;
    struct slice issuer = jwt_said_issuer(c->token), audience;
    struct identity_provider *chosen = NULL;
    for (size_t i = 0; i < JWT_AUDIENCES && (audience = jwt_said_audience(c->token, i)).p; i++) {
        struct identity_provider *p = identity_provider_by_audience(all, issuer, audience);
        if (p && chosen && p != chosen)
            return NULL;
        chosen = p ? p : chosen;
    }
    return chosen;
}

static void on_providers(void *arg, const struct err *e)
{
    struct check *c = arg;
    struct err refused = c->err;
    if (e) {
        check_fail(c, e);
        return;
    }
    if (refused.code != ERR_NONE) {
        check_end(c, REFUSED, NULL, &refused);
        return;
    }
    struct identity_provider *p = choose(c);
    if (!p) {
        err_set(&refused, ERR_AUTH, "no identity provider takes tokens of this issuer and audience");
        check_end(c, REFUSED, NULL, &refused);
        return;
    }
    c->provider = identity_provider_ref(p);
    c->providers_epoch = identity_providers_epoch(c->b->h->identity_providers);
    char *url = mem_strndup(p->issuer.p, p->issuer.n);
    issuers_get(c->b->h->issuers, url, on_newer, c);
    free(url);
}

void bearer_check(struct hub *h, struct slice token, access_cb *cb, void *arg)
{
    struct check *c = NEW(struct check);
    *c = (struct check){.b = h->bearers, .arena = arena_new(), .cb = cb, .arg = arg};
    crypto_sha256(token, c->hash);
    if (!jwt_read(c->arena, slice_of(arena_strndup(c->arena, token.p, token.n), token.n), &c->token, &c->err))
        c->err.code = ERR_AUTH;
    identity_providers_ready(h->identity_providers, on_providers, c);
}

/* --- life --- */

struct bearers *bearers_new(struct hub *h)
{
    struct bearers *b = NEW(struct bearers);
    b->h = h;
    struct metric_family *f = metric_family(h->metrics, METRIC_COUNTER, "msphub_bearer_tokens_total",
                                            "Bearer tokens by what became of them.", "outcome", NULL, 0);
    for (int i = 0; i < NOUTCOMES_; i++)
        b->outcomes[i] = metric_with(f, METRIC_L(outcome_names[i]));
    return b;
}

void bearers_free(struct bearers *b)
{
    if (!b)
        return;
    forget_all(b);
    free(b);
}
