/* token_refresh.c - one refresh of a credential, from the look into the database to the commit of what came.
 * The order is the point: lease, ask, store, and only then hand out. */
#include "hub/token_internal.h"

#include "base/mem.h"
#include "hub/health_status.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LEASE      SECONDS(20) /* who dies while refreshing is waited for this long; renewed at a third of it */
#define POLL_FIRST MILLIS(50)  /* another refreshes: look again, doubling */
#define POLL_MAX   SECONDS(1)
#define HOLD_MAX   SECONDS(60) /* after failures: nothing is tried for at most this long */

static void source_load(struct token_source *s);
static void source_store(struct token_source *s);

static bool source_stored(const struct token_source *s)
{
    return s->it->id != 0 && s->set->hub->db;
}

static void source_count(struct token_source *s, const char *outcome)
{
    metric_with(s->set->refreshes, METRIC_L(s->it->provider->key, outcome))->value++;
}

static void source_adopt(struct token_source *s, struct token *t)
{
    token_unref(s->now);
    s->now = t;
}

static void wipe(struct str *s)
{
    if (s->p)
        crypto_wipe(s->p, s->cap);
    str_release(s);
}

void source_clear_attempt(struct token_source *s)
{
    timer_cancel(&s->poll);
    timer_cancel(&s->renew);
    token_unref(TAKE(s->fresh));
    secret_free(TAKE(s->fresh_refresh));
    wipe(&s->used_refresh);
    wipe(&s->sealed_access);
    wipe(&s->sealed_refresh);
    s->poll_step = 0;
    s->stores = 0;
    s->store_failed = s->waited = false;
}

static void source_unlease(struct token_source *s)
{
    if (!s->leased)
        return;
    s->leased = false;
    token_store_release(s->set->hub, s->it, s->owner);
}

/* --- how an attempt ends --- */

static void source_done(struct token_source *s, const char *outcome)
{
    source_count(s, outcome);
    log_info(s->set->hub->log, "token.refreshed", F_STR("integration", s->it->key), F_STR("outcome", outcome));
    source_clear_attempt(s);
    s->failed = false;
    s->failures = 0;
    source_enter(s, SRC_IDLE);
    source_wake(s);
}

/* A new one has come. Who waited gets it, even if it is the refused one again or has expired on its way: asking once
 * more would not bring a better one. */
static void source_fetched(struct token_source *s)
{
    struct token_wait *w;

    s->owed = 0;
    TAILQ_FOREACH (w, &s->waits, link)
        s->owed++;
    source_adopt(s, TAKE(s->fresh));
    source_done(s, "ok");
}

static void source_fail(struct token_source *s, const struct err *e, const char *outcome)
{
    usec_t hold = s->set->hub->options->call_backoff;

    for (unsigned i = 0; i < s->failures && hold < HOLD_MAX; i++)
        hold *= 2;
    hold = MIN(hold, HOLD_MAX);
    source_count(s, outcome);
    if (e->code != ERR_CANCELED)
        log_warn(s->set->hub->log, "token.refresh.failed", F_STR("integration", s->it->key), F_STR("outcome", outcome),
                 F_USEC("hold", hold), F_ERR(e));
    s->err = *e;
    s->failed = true;
    s->failures++;
    s->hold_until = source_now(s) + hold;
    source_unlease(s);
    source_clear_attempt(s);
    source_enter(s, SRC_IDLE);
    source_wake(s);
}

/* --- the database's answers --- */

static void on_query(void *arg, const struct pg_reply *r)
{
    struct query *q = arg;
    struct token_source *s = q->source;
    void (*cb)(struct token_source *, const struct pg_reply *) = q->cb;

    free(q);
    if (!s)
        return;
    s->query = NULL;
    cb(s, r);
}

static struct query *source_query(struct token_source *s, void (*cb)(struct token_source *s, const struct pg_reply *r))
{
    assert(!s->query);
    s->query = NEW(struct query);
    s->query->source = s;
    s->query->cb = cb;
    return s->query;
}

static void source_fail_db(struct token_source *s, const struct pg_reply *r)
{
    struct err e = *pg_reply_err(r);

    err_wrap(&e, "the stored credential of %s cannot be reached", s->it->key);
    source_fail(s, &e, "failed");
}

/* --- AUTH --- */

static void on_renew(void *arg)
{
    struct token_source *s = arg;

    token_store_renew(s->set->hub, s->it, s->owner, LEASE);
    timer_set(&s->renew, s->set->hub->loop, LEASE / 3, on_renew, s);
}

static void on_credential(void *arg, struct slice access, usec_t expires_in, struct slice refresh)
{
    struct token_source *s = arg;

    if (expires_in <= 0) /* "0" is said by products that mean "I do not tell" */
        expires_in = USEC_NONE;
    token_unref(s->fresh);
    s->fresh = token_new(access, expires_in == USEC_NONE ? USEC_NONE : source_wall(s) + expires_in, expires_in);
    if (refresh.p) {
        secret_free(s->fresh_refresh);
        s->fresh_refresh = secret_new(refresh);
    }
}

/* The rest of the sink: an authenticate machine has no business there. */
static void no_record(void *arg, const struct record *r)
{
}
static void no_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
}
static void no_json(void *arg, struct slice json)
{
}
static void no_complete(void *arg, enum record_kind kind, int64_t rows)
{
}
static void no_incomplete(void *arg, enum record_kind kind, const char *why)
{
}
static void no_remark(void *arg, const char *text)
{
}

/* Of a grant that is dead, or works again. */
static void source_tell_status(struct token_source *s, const struct pg_reply *r, const char *message)
{
    if (!pg_reply_err(r) && pg_nrows(r, 0))
        health_tell_moved(s->set->hub, s->it, pg_text(r, 0, 0, 0), pg_text(r, 0, 0, 1), message);
}

static void on_dead(struct token_source *s, const struct pg_reply *r)
{
    struct err e = s->err;
    bool overtaken = !pg_reply_err(r) && pg_affected(r, 0) == 0;

    if (overtaken) /* connected anew or edited meanwhile */
        err_set(&e, ERR_CONFLICT, "the settings of %s were changed meanwhile: start again with the new ones",
                s->it->key);
    s->leased = s->leased && (pg_reply_err(r) || overtaken);
    source_tell_status(s, r, e.what);
    source_fail(s, &e, overtaken ? "failed" : "dead");
}

static void source_grant_refused(struct token_source *s, const struct err *why)
{
    struct query *q;

    s->err = *why;
    if (!strstr(why->what, "reconnect required"))
        err_wrap(&s->err, "reconnect required");
    log_error(s->set->hub->log, "token.grant.dead", F_STR("integration", s->it->key), F_ERR(why));
    source_enter(s, SRC_DEAD);
    if (!source_stored(s)) {
        struct err e = s->err;

        s->dead = true;
        source_fail(s, &e, "dead");
        return;
    }
    q = source_query(s, on_dead);
    token_store_dead(s->set->hub, s->it, s->owner, str_slice(&s->used_refresh), s->err.what, on_query, q);
}

static bool source_seal(struct token_source *s, struct err *e)
{
    _cleanup_(str_release) struct str context = {0};

    if (!token_seal(s->set->hub, s->it, s->fresh, &s->sealed_access, e))
        return false;
    if (!s->fresh_refresh)
        return true;
    token_context(s->it, INTEGRATION_FIELD_REFRESH_TOKEN, &context);
    return seal(s->set->hub->keyring, secret_text(s->fresh_refresh), str_slice(&context), &s->sealed_refresh, e);
}

/* Nothing to store it in: unsaved settings, or no keys. */
static void source_keep(struct token_source *s)
{
    struct err e;

    if (s->fresh_refresh && source_stored(s)) {
        err_set(&e, ERR_CONFIG,
                "the product gave a refresh token, which cannot be stored without a key: set key_file, then connect %s "
                "again",
                s->it->key);
        source_fail(s, &e, "failed");
        return;
    }
    if (s->fresh_refresh) {
        secret_free(s->kept_refresh);
        s->kept_refresh = TAKE(s->fresh_refresh);
    }
    source_fetched(s);
}

static void on_authenticated(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct token_source *s = arg;
    struct err e;

    if (err && err->code == ERR_AUTH) {
        source_grant_refused(s, err);
    } else if (err) {
        source_fail(s, err, "failed");
    } else if (!s->fresh) {
        err_set(&e, ERR_PROTOCOL, "the product's answer held no access token");
        source_fail(s, &e, "failed");
    } else if (!s->leased) {
        source_keep(s);
    } else if (!source_seal(s, &e)) {
        source_fail(s, &e, "failed");
    } else {
        source_enter(s, SRC_STORE);
        source_store(s);
    }
}

static void source_authenticate(struct token_source *s, const struct secret *refresh)
{
    source_enter(s, SRC_AUTH);
    if (s->leased)
        timer_set(&s->renew, s->set->hub->loop, LEASE / 3, on_renew, s);
    engine_start(s->set->engine, &(struct engine_job){
                                     .ops = s->it->provider->authenticate,
                                     .integration = s->it,
                                     .urgent = true, /* all other calls wait for it */
                                     .refresh_token = secret_text(refresh),
                                     .sink = {.arg = s,
                                              .record = no_record,
                                              .reject = no_reject,
                                              .checkpoint = no_json,
                                              .complete = no_complete,
                                              .incomplete = no_incomplete,
                                              .cursor = no_json,
                                              .credential = on_credential,
                                              .remark = no_remark},
                                     .on_done = on_authenticated,
                                     .arg = s,
                                 });
}

/* --- STORE --- */

static void on_store_again(void *arg)
{
    source_store(arg);
}

static void source_store_failed(struct token_source *s, const struct err *why)
{
    usec_t step = s->set->hub->options->call_backoff;

    if (!s->sealed_refresh.p) { /* nothing is lost that another refresh would not bring */
        source_fetched(s);
        return;
    }
    /* The old refresh token is used up and the new one is only here: who asks hears why, and we go on trying. */
    s->err = *why;
    err_wrap(&s->err, "the renewed credential of %s cannot be stored yet", s->it->key);
    s->failed = s->store_failed = true;
    log_warn(s->set->hub->log, "token.store.failed", F_STR("integration", s->it->key), F_ERR(why));
    for (unsigned i = 0; i < s->stores && step < HOLD_MAX; i++)
        step *= 2;
    s->stores++;
    timer_set(&s->poll, s->set->hub->loop, MIN(step, HOLD_MAX), on_store_again, s);
    source_wake(s);
}

static void on_stored(struct token_source *s, const struct pg_reply *r)
{
    if (pg_reply_err(r)) {
        source_store_failed(s, pg_reply_err(r));
        return;
    }
    if (pg_affected(r, 0) == 0 && s->sealed_refresh.p) { /* connected anew meanwhile: theirs counts */
        s->leased = false;
        source_clear_attempt(s);
        source_load(s);
        return;
    }
    source_tell_status(s, r, "the credential works again");
    s->leased = s->leased && pg_affected(r, 0) == 0;
    source_unlease(s);
    source_fetched(s);
}

static void source_store(struct token_source *s)
{
    struct query *q = source_query(s, on_stored);
    struct token_update u = {
        .access = str_slice(&s->sealed_access),
        .new_refresh = str_slice(&s->sealed_refresh),
        .used_refresh = str_slice(&s->used_refresh),
        .expires_at = s->fresh->expires_at,
    };

    token_store_put(s->set->hub, s->it, s->owner, &u, on_query, q);
}

/* --- LOAD, CLAIM, WAIT --- */

/* What is stored may be all we need, or say that nothing helps. True: the attempt is over. */
static bool source_take_row(struct token_source *s, const struct token_row *row)
{
    struct token *t;
    struct err e;

    if (row->dead_version && row->dead_version == row->version && row->version == s->it->version) {
        err_set(&e, ERR_AUTH, "%.*s", SLICE_FMT(row->message));
        source_fail(s, &e, "dead");
        return true;
    }
    if (row->version != s->it->version && row->refresh.p) {
        err_set(&e, ERR_CONFLICT, "the settings of %s were changed meanwhile: start again with the new ones",
                s->it->key);
        source_fail(s, &e, "failed");
        return true;
    }
    t = token_unseal(s->set->hub, s->it, row->access, row->expires_at);
    if (!token_usable(s, t)) {
        token_unref(t);
        return false;
    }
    source_adopt(s, t);
    source_wake(s);
    if (token_due(s, t))
        return false;
    source_unlease(s);
    source_done(s, "adopted");
    return true;
}

static void source_start(struct token_source *s, const struct token_row *row)
{
    _cleanup_(str_release) struct str context = {0};
    struct secret *refresh = NULL;
    struct err e;

    if (row->refresh.p) {
        token_context(s->it, INTEGRATION_FIELD_REFRESH_TOKEN, &context);
        if (!unseal(s->set->hub->keyring, row->refresh, str_slice(&context), &refresh, &e)) {
            err_wrap(&e, "the stored refresh token of %s cannot be opened", s->it->key);
            source_fail(s, &e, "failed");
            return;
        }
        str_add(&s->used_refresh, row->refresh);
    }
    source_authenticate(s, refresh);
    secret_free(refresh);
}

static void on_poll(void *arg)
{
    struct token_source *s = arg;

    source_load(s);
}

static void source_wait(struct token_source *s)
{
    usec_t most = s->set->hub->options->call_max_wait + s->set->hub->options->call_timeout;
    struct err e;

    if (!s->waited) {
        s->waited = true;
        s->wait_since = source_now(s);
    } else if (source_now(s) - s->wait_since > most) {
        err_set(&e, ERR_TIMEOUT, "another process has been renewing the credential of %s for %lld s", s->it->key,
                (long long)((source_now(s) - s->wait_since) / USEC_PER_S));
        source_fail(s, &e, "failed");
        return;
    }
    source_enter(s, SRC_WAIT);
    s->poll_step = s->poll_step ? MIN(s->poll_step * 2, POLL_MAX) : POLL_FIRST;
    timer_set(&s->poll, s->set->hub->loop, s->poll_step, on_poll, s);
}

static void on_claimed(struct token_source *s, const struct pg_reply *r)
{
    struct token_row row;

    if (pg_reply_err(r)) {
        s->leased = true; /* perhaps: giving it back does no harm */
        source_fail_db(s, r);
        return;
    }
    if (!token_store_row(r, &row)) {
        source_wait(s);
        return;
    }
    s->leased = true;
    if (!source_take_row(s, &row))
        source_start(s, &row);
}

static void source_without_keys(struct token_source *s, const struct token_row *row)
{
    struct tokens *ts = s->set;
    struct err e;

    if (row->refresh.p) {
        err_set(&e, ERR_CONFIG,
                "the stored refresh token of %s cannot be opened: set key_file to the file with its key", s->it->key);
        source_fail(s, &e, "failed");
        return;
    }
    if (!ts->warned)
        log_warn(ts->hub->log, "token.not_stored",
                 F_STR("reason", "no key_file: each process fetches its own and keeps it in memory"));
    ts->warned = true;
    source_authenticate(s, NULL);
}

static void on_loaded(struct token_source *s, const struct pg_reply *r)
{
    struct token_row row;
    struct query *q;
    struct err e;

    if (pg_reply_err(r)) {
        source_fail_db(s, r);
        return;
    }
    if (!token_store_row(r, &row)) {
        err_set(&e, ERR_NOT_FOUND, "the integration %s is gone", s->it->key);
        source_fail(s, &e, "failed");
        return;
    }
    if (source_take_row(s, &row))
        return;
    if (!s->set->hub->keyring) {
        source_without_keys(s, &row);
        return;
    }
    source_enter(s, SRC_CLAIM);
    q = source_query(s, on_claimed);
    token_store_claim(s->set->hub, s->it, s->owner, LEASE, on_query, q);
}

static void source_load(struct token_source *s)
{
    struct query *q = source_query(s, on_loaded);

    source_enter(s, SRC_LOAD);
    token_store_load(s->set->hub, s->it, on_query, q);
}

/* Begins an attempt, unless one is under way or the last failure is too fresh. */
void source_refresh(struct token_source *s)
{
    if (s->state != SRC_IDLE)
        return;
    if (s->failed && (s->dead || source_now(s) < s->hold_until)) {
        source_wake(s);
        return;
    }
    s->failed = false;
    snprintf(s->owner, sizeof(s->owner), "%s:%llu", s->set->hub->process, (unsigned long long)++s->set->attempts);
    if (source_stored(s))
        source_load(s);
    else
        source_authenticate(s, s->kept_refresh);
}
