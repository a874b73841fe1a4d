/* token_store.c - see token_store.h. */
#include "hub/token_store.h"

#include "base/mem.h"
#include "queries.h"
#include <stdlib.h>

struct token *token_new(struct slice access, usec_t expires_at, usec_t life)
{
    struct token *t = NEW(struct token);

    t->access = secret_new(access);
    t->expires_at = expires_at;
    t->life = life;
    t->refs = 1;
    return t;
}

struct token *token_ref(struct token *t)
{
    t->refs++;
    return t;
}

void token_unref(struct token *t)
{
    if (!t || --t->refs)
        return;
    secret_free(t->access);
    free(t);
}

void token_context(const struct integration *it, const char *field, struct str *ret)
{
    str_addf(ret, "%lld/%lld/%s", (long long)it->tenant_id, (long long)it->id, field);
}

static void str_wipe(struct str *s)
{
    if (s->p)
        crypto_wipe(s->p, s->cap);
    str_release(s);
}

bool token_seal(struct hub *h, const struct integration *it, const struct token *t, struct str *ret, struct err *e)
{
    _cleanup_(str_wipe) struct str plain = {0};
    _cleanup_(str_release) struct str context = {0};

    str_reserve(&plain, secret_text(t->access).n + 64); /* once: a move would leave a copy behind */
    str_addf(&plain, "%lld %lld ", (long long)it->version, (long long)t->life);
    str_add(&plain, secret_text(t->access));
    token_context(it, INTEGRATION_FIELD_ACCESS_TOKEN, &context);
    return seal(h->keyring, str_slice(&plain), str_slice(&context), ret, e);
}

struct token *token_unseal(struct hub *h, const struct integration *it, struct slice sealed, usec_t expires_at)
{
    _cleanup_(str_release) struct str context = {0};
    struct secret *plain = NULL;
    struct token *t = NULL;
    struct slice rest;
    int64_t version, life;

    if (!sealed.p || !h->keyring)
        return NULL;
    token_context(it, INTEGRATION_FIELD_ACCESS_TOKEN, &context);
    if (!unseal(h->keyring, sealed, str_slice(&context), &plain, NULL))
        return NULL;
    rest = secret_text(plain);
    if (slice_i64(slice_cut(&rest, ' '), &version) && version == it->version && slice_i64(slice_cut(&rest, ' '), &life))
        t = token_new(rest, expires_at, life);
    secret_free(plain);
    return t;
}

bool token_store_row(const struct pg_reply *r, struct token_row *ret)
{
    if (pg_nrows(r, 0) != 1)
        return false;
    *ret = (struct token_row){
        .version = pg_i64(r, 0, 0, 0),
        .dead_version = pg_i64(r, 0, 0, 1),
        .message = pg_text(r, 0, 0, 2),
        .access = pg_text(r, 0, 0, 3),
        .expires_at = pg_time(r, 0, 0, 4),
        .refresh = pg_text(r, 0, 0, 5),
    };
    return true;
}

static struct pg_seg *begin(struct hub *h, const struct integration *it, const struct pg_query *q)
{
    struct pg_seg *s = pg_seg_new(h->db, it->tenant_id);

    pg_add(s, q);
    pg_p_i64(s, it->tenant_id);
    pg_p_i64(s, it->id);
    return s;
}

struct ref token_store_load(struct hub *h, const struct integration *it, pg_cb *cb, void *arg)
{
    return pg_submit(begin(h, it, &Q_TOKEN_LOAD), cb, arg);
}

struct ref token_store_claim(struct hub *h, const struct integration *it, const char *owner, usec_t lease, pg_cb *cb,
                             void *arg)
{
    struct pg_seg *s = begin(h, it, &Q_TOKEN_CLAIM);

    pg_p_str(s, owner);
    pg_p_i64(s, lease);
    return pg_submit(s, cb, arg);
}

struct ref token_store_put(struct hub *h, const struct integration *it, const char *owner, const struct token_update *u,
                           pg_cb *cb, void *arg)
{
    struct pg_seg *s = begin(h, it, &Q_TOKEN_STORE);

    pg_p_str(s, owner);
    pg_p_i64(s, it->version);
    pg_p_text(s, u->access);
    pg_p_time(s, u->expires_at);
    pg_p_text(s, u->new_refresh);
    pg_p_text(s, u->used_refresh);
    return pg_submit(s, cb, arg);
}

struct ref token_store_dead(struct hub *h, const struct integration *it, const char *owner, struct slice used_refresh,
                            const char *message, pg_cb *cb, void *arg)
{
    struct pg_seg *s = begin(h, it, &Q_TOKEN_DEAD);

    pg_p_str(s, owner);
    pg_p_i64(s, it->version);
    pg_p_text(s, used_refresh);
    pg_p_str(s, message);
    return pg_submit(s, cb, arg);
}

static void on_nothing(void *arg, const struct pg_reply *r)
{
}

void token_store_renew(struct hub *h, const struct integration *it, const char *owner, usec_t lease)
{
    struct pg_seg *s = begin(h, it, &Q_TOKEN_RENEW);

    pg_p_str(s, owner);
    pg_p_i64(s, lease);
    pg_submit(s, on_nothing, NULL);
}

void token_store_release(struct hub *h, const struct integration *it, const char *owner)
{
    struct pg_seg *s = begin(h, it, &Q_TOKEN_RELEASE);

    pg_p_str(s, owner);
    pg_submit(s, on_nothing, NULL);
}
