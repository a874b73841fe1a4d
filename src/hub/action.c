/* hub/action.c - see action.h.
 * An ask is one who waits; a run is a machine under the engine, of one ask or of several equal reads. */
#include "hub/action.h"

#include "base/json_write.h"
#include "base/utf8.h"
#include "hub/action_cache.h"
#include "hub/engine.h"
#include "hub/syncer.h"
#include "store/action.h"
#include "store/alert.h"
#include "store/record_set.h"

#include <assert.h>
#include <stdlib.h>

#define AUDIT_VALUE_MAX 1000 /* of an argument, so much is kept in the audit log */

enum ask_state { ASK_LOG, ASK_RUN, ASK_CLOSE, ASK_DONE, ASK_NSTATES_ };
static const struct {
    const char *name;
    unsigned to;
} ask_states[ASK_NSTATES_] = {
    [ASK_LOG] = {"log", BIT(ASK_RUN) | BIT(ASK_CLOSE)},
    [ASK_RUN] = {"run", BIT(ASK_CLOSE)},
    [ASK_CLOSE] = {"close", BIT(ASK_DONE)},
    [ASK_DONE] = {"done", 0},
};

struct ask {
    struct actions *set;
    enum ask_state state;
    struct integration *it;
    const struct provider_action *action;
    struct settings *args; /* its run's, once that was begun */
    struct str device, target, asset, actor;
    int64_t asset_id, access_id;
    bool fresh, has_trace;
    struct trace trace;
    uint8_t key[SHA256_LEN];
    unsigned opened_stmt;
    struct deferred go;
    /* what came of it */
    struct err err; /* ERR_NONE: the answer is good; with `stale`: why it is old */
    bool unknown, stale, cached;
    struct str json;
    usec_t at;
    action_cb *cb;
    void *arg;
    TAILQ_ENTRY(ask) link; /* of its run, or of those whose `go` is queued */
};

struct run {
    struct actions *set;
    struct integration *it;
    const struct provider_action *action;
    struct settings *args;
    struct str device, target;
    uint8_t key[SHA256_LEN];
    bool shared, expired;
    struct ref job;
    struct timer deadline;
    usec_t began, at; /* at: of the answer, wall */
    struct str result;
    struct err fault; /* of what the machine gave */
    struct record_set *records;
    struct arena *arena; /* devices to be read again */
    struct slice *refresh;
    size_t nrefresh, refresh_cap;
    struct err err;
    bool unknown;
    TAILQ_HEAD(, ask) asks;
    TAILQ_ENTRY(run) link;
};

struct actions {
    struct hub *h;
    TAILQ_HEAD(, run) runs;
    TAILQ_HEAD(, ask) going;
    int64_t running;
    struct action_cache *cache;
    struct metric *gauge;
    struct metric_family *total, *duration;
};

static bool reads(const struct provider_action *a)
{
    return a->flags & ACTION_READS;
}

static bool remote(const struct provider_action *a)
{
    return a->flags & ACTION_REMOTE;
}

static void ask_enter(struct ask *k, enum ask_state to)
{
    assert(ask_states[k->state].to & BIT(to));
    log_debug(k->set->h->log, "action.state", F_STR("integration", k->it->key), F_STR("action", k->action->key),
              F_STR("from", ask_states[k->state].name), F_STR("to", ask_states[to].name));
    k->state = to;
}

static void wipe(struct str *s)
{
    if (s->p)
        crypto_wipe(s->p, s->cap);
    str_release(s);
}

static void ask_free(struct ask *k)
{
    loop_undefer(k->set->h->loop, &k->go);
    settings_free(k->args);
    str_release(&k->device);
    str_release(&k->target);
    str_release(&k->asset);
    str_release(&k->actor);
    wipe(&k->json);
    integration_unref(k->it);
    free(k);
}

/* --- the end --- */

static const char *outcome_of(const struct ask *k)
{
    if (k->stale)
        return "stale";
    if (k->unknown)
        return "unknown";
    if (k->err.code == ERR_LIMIT)
        return "refused";
    if (k->err.code)
        return "failed";
    return k->cached ? "cached" : "done";
}

static void ask_done(struct ask *k)
{
    const struct action_answer answer = {
        .json = str_slice(&k->json), .at = k->at, .cached = k->cached, .why = k->stale ? &k->err : NULL};
    bool good = k->stale || !k->err.code;
    ask_enter(k, ASK_DONE);
    metric_with(k->set->total, METRIC_L(k->it->provider->key, k->action->key, outcome_of(k)))->value++;
    k->cb(k->arg, good ? &answer : NULL, k->unknown, good ? NULL : &k->err);
    ask_free(k);
}

static struct pg_seg *seg_of(const struct ask *k)
{
    struct pg_seg *s = pg_seg_new(k->set->h->db, k->it->tenant_id);
    if (k->actor.n)
        pg_seg_actor(s, str_slice(&k->actor));
    return s;
}

static const char *target_type(const struct provider_action *a)
{
    static const char *const types[] = {[ACTION_ON_DEVICE] = "asset",
                                        [ACTION_ON_ALERT] = "alert",
                                        [ACTION_ON_TICKET] = "ticket",
                                        [ACTION_ON_INTEGRATION] = "integration"};
    return types[a->target];
}

static void add_audit(struct pg_seg *s, const struct ask *k, const char *action, const struct str *after)
{
    audit_add(s, &(struct audit_entry){
                     .tenant_id = k->it->tenant_id,
                     .action = action,
                     .target_type = target_type(k->action),
                     .target = k->asset.n    ? str_slice(&k->asset)
                               : k->target.n ? str_slice(&k->target)
                               : k->device.n ? str_slice(&k->device)
                                             : slice_cstr(k->it->key),
                     .target_id = k->asset_id,
                     .integration_id = k->it->id,
                     .after = str_slice(after),
                 });
}

static void on_closed(void *arg, const struct pg_reply *r)
{
    struct ask *k = arg;
    if (pg_reply_err(r))
        log_error(k->set->h->log, "action.not_logged", F_STR("integration", k->it->key),
                  F_STR("action", k->action->key), F_STR("outcome", outcome_of(k)), F_ERR(pg_reply_err(r)));
    ask_done(k);
}

static void write_ended(const struct ask *k, struct str *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_str(&w, "action", k->action->key);
    jw_key_str(&w, "outcome", outcome_of(k));
    jw_key_str(&w, "error", k->err.code ? k->err.what : NULL);
    jw_end(&w);
    jw_done(&w);
}

/* What was written down at the start is told how it ended. */
static void ask_close(struct ask *k)
{
    ask_enter(k, ASK_CLOSE);
    if (reads(k->action) && !k->access_id) {
        ask_done(k);
        return;
    }
    struct pg_seg *s = seg_of(k);
    if (!reads(k->action)) {
        _cleanup_(str_release) struct str after = {0};
        write_ended(k, &after);
        add_audit(s, k, "action.ended", &after);
    }
    if (k->access_id) {
        const char *outcome = k->unknown ? "unknown" : k->err.code && !k->stale ? "failed" : "granted";
        action_add_closed(s, k->it->tenant_id, k->access_id, outcome,
                          k->err.code ? slice_cstr(k->err.what) : SLICE_NONE);
    }
    pg_submit(s, on_closed, k);
}

static void ask_fail(struct ask *k, const struct err *e, bool unknown)
{
    k->err = *e;
    k->unknown = unknown;
    ask_close(k);
}

static void ask_answer(struct ask *k, struct slice json, usec_t at, bool cached)
{
    str_reserve(&k->json, json.n); /* at once: a link may be a secret */
    str_add(&k->json, json);
    k->at = at;
    k->cached = cached;
    ask_close(k);
}

/* Of a read that failed: what was said before may still do. That the device is gone there is an answer itself. */
static bool answer_stale(struct ask *k, const struct err *e)
{
    struct slice json;
    usec_t at;
    if (!reads(k->action) || e->code == ERR_NOT_FOUND || e->code == ERR_CANCELED ||
        !action_cache_get(k->set->cache, k->key, &json, &at) ||
        loop_wall(k->set->h->loop) - at > MAX(k->action->cache, k->action->stale_cache))
        return false;
    k->err = *e;
    k->stale = true;
    ask_answer(k, json, at, true);
    return true;
}

/* --- a run --- */

static void run_free(struct run *r)
{
    timer_cancel(&r->deadline);
    record_set_free(r->records);
    arena_free(r->arena);
    settings_free(r->args);
    str_release(&r->device);
    str_release(&r->target);
    wipe(&r->result);
    free(r->refresh);
    integration_unref(r->it);
    free(r);
}

/* Nobody joins it any more; each ask goes its way. */
static void run_end(struct run *r)
{
    struct ask *k;
    while ((k = TAILQ_FIRST(&r->asks))) {
        TAILQ_REMOVE(&r->asks, k, link);
        if (!r->err.code)
            ask_answer(k, str_slice(&r->result), r->at, false);
        else if (!answer_stale(k, &r->err))
            ask_fail(k, &r->err, r->unknown);
    }
    run_free(r);
}

static void run_refresh(struct run *r)
{
    struct hub *h = r->set->h;
    for (size_t i = 0; h->syncer && i < r->nrefresh; i++)
        syncer_refresh_device(h->syncer, r->it->tenant_id, r->it->id, r->refresh[i]);
}

static void on_stored(void *arg, const struct pg_reply *reply)
{
    struct run *r = arg;
    const struct err *e = pg_reply_err(reply);
    if (e) /* it was carried out all the same; the next sync brings what this would have */
        log_warn(r->set->h->log, "action.not_stored", F_STR("integration", r->it->key), F_STR("action", r->action->key),
                 F_ERR(e));
    run_refresh(r);
    run_end(r);
}

/* Is anything to be stored of it? */
static bool run_store(struct run *r)
{
    usec_t now = loop_wall(r->set->h->loop);
    bool resets = strcmp(r->action->key, "reset_alert") == 0 && r->target.n;
    if (r->err.code || !(record_set_count(r->records) || resets))
        return false;
    struct pg_seg *s = pg_seg_new(r->set->h->db, r->it->tenant_id);
    record_set_put(s, r->records, &(struct record_put){.observed = now});
    if (resets)
        alert_add_reset(s, r->it->tenant_id, r->it->id, str_slice(&r->target), now);
    pg_submit(s, on_stored, r);
    return true;
}

static void run_remember(struct run *r)
{
    struct hub *h = r->set->h;
    if (!reads(r->action) && r->device.n && (!r->err.code || r->unknown))
        action_cache_drop(r->set->cache, r->it->id, str_slice(&r->device));
    if (reads(r->action) && !r->err.code && (r->action->cache || r->action->stale_cache))
        action_cache_put(r->set->cache, r->key, r->it->id, str_slice(&r->device), str_slice(&r->result), r->at,
                         (size_t)h->options->action_cache);
}

static void on_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct run *r = arg;
    struct actions *set = r->set;
    usec_t took = loop_now(set->h->loop) - r->began;
    TAILQ_REMOVE(&set->runs, r, link);
    set->gauge->value = (double)--set->running;
    timer_cancel(&r->deadline);
    r->at = loop_wall(set->h->loop);
    if (r->fault.code)
        r->err = r->fault;
    else if (r->expired)
        err_set(&r->err, ERR_TIMEOUT, "the product has not answered within %lld s (option action_timeout)",
                (long long)(set->h->options->action_timeout / USEC_PER_S));
    else if (err)
        r->err = *err;
    r->unknown = r->err.code && !reads(r->action) && counts->unknown + counts->acted > 0;
    if (!r->result.n)
        str_adds(&r->result, "{}");
    histogram_observe(histogram_with(set->duration, METRIC_L(r->it->provider->key)), (double)took / (double)USEC_PER_S);
    LOG_(set->h->log, r->err.code ? LOG_WARN : LOG_INFO, "action.ran", F_I64("tenant", r->it->tenant_id),
         F_STR("integration", r->it->key), F_STR("action", r->action->key), F_SLICE("device", str_slice(&r->device)),
         F_BOOL("unknown", r->unknown), F_USEC("took", took), F_STR("error", r->err.code ? r->err.what : ""));
    run_remember(r);
    if (run_store(r))
        return;
    run_refresh(r);
    run_end(r);
}

static void on_deadline(void *arg)
{
    struct run *r = arg;
    r->expired = true;
    engine_cancel(r->set->h->engine, r->job);
}

/* --- the sink --- */

static void refresh_add(struct run *r, struct slice device)
{
    if (r->nrefresh == r->refresh_cap) {
        r->refresh_cap = r->refresh_cap ? 2 * r->refresh_cap : 4;
        r->refresh = mem_realloc_array(r->refresh, r->refresh_cap, sizeof *r->refresh);
    }
    r->refresh[r->nrefresh++] = slice_of(arena_strndup(r->arena, device.p, device.n), device.n);
}

static void on_record(void *arg, const struct record *rec)
{
    struct run *r = arg;
    struct err e = {0};
    bool good = true;
    if (rec->kind == RECORD_REFRESH)
        refresh_add(r, rec->ref.device_id);
    else
        good = record_set_add(r->records, rec, &e);
    if (!good)
        log_info(r->set->h->log, "action.reject", F_STR("action", r->action->key), F_ERR(&e));
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct run *r = arg;
    record_set_broken(r->records, kind, id);
    log_info(r->set->h->log, "action.reject", F_STR("action", r->action->key), F_STR("kind", record_kind_words[kind]),
             F_SLICE("id", id), F_STR("error", reason));
}

static void on_result(void *arg, struct slice json)
{
    struct run *r = arg;
    int64_t most = r->set->h->options->action_max_result;
    if (json.n > (size_t)most) {
        err_set(&r->fault, ERR_LIMIT, "the product's answer has %zu bytes, more than action_max_result (%lld)", json.n,
                (long long)most);
        return;
    }
    str_clear(&r->result);
    str_reserve(&r->result, json.n);
    str_add(&r->result, json);
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

static void run_begin(struct run *r, const struct ask *k)
{
    const struct engine_job job = {
        .ops = r->action->ops,
        .integration = r->it,
        .mode = SYNC_SINGLE,
        .device_id = r->device.n ? str_slice(&r->device) : SLICE_NONE,
        .target_id = r->target.n ? str_slice(&r->target) : SLICE_NONE,
        .args = r->args,
        .trace = k->has_trace ? &k->trace : NULL,
        .urgent = true,
        .sink = {.arg = r,
                 .record = on_record,
                 .reject = on_reject,
                 .checkpoint = no_json,
                 .complete = no_complete,
                 .incomplete = no_incomplete,
                 .cursor = no_json,
                 .result = on_result},
        .on_done = on_done,
        .arg = r,
    };
    timer_set(&r->deadline, r->set->h->loop, r->set->h->options->action_timeout, on_deadline, r);
    r->job = engine_start(r->set->h->engine, &job);
}

/* --- an ask's way --- */

static bool room(const struct ask *k, struct err *e)
{
    const struct options *o = k->set->h->options;
    const struct run *r;
    int64_t of_this = 0;
    TAILQ_FOREACH (r, &k->set->runs, link)
        of_this += r->it->id == k->it->id && r->it->tenant_id == k->it->tenant_id;
    if (k->set->running >= o->action_max_running)
        return err_set(e, ERR_LIMIT, "%lld actions are carried out already (option action_max_running); try again",
                       (long long)k->set->running);
    if (of_this >= o->action_per_integration)
        return err_set(e, ERR_LIMIT,
                       "%lld actions of this integration are carried out already (option action_per_integration); try "
                       "again",
                       (long long)of_this);
    return true;
}

static struct run *run_to_join(const struct ask *k)
{
    struct run *r;
    TAILQ_FOREACH (r, &k->set->runs, link)
        if (r->shared && memcmp(r->key, k->key, sizeof r->key) == 0)
            return r;
    return NULL;
}

static void ask_run(struct ask *k)
{
    struct actions *set = k->set;
    struct err e = {0};
    struct run *r = reads(k->action) ? run_to_join(k) : NULL;
    if (!r && !room(k, &e)) {
        if (!answer_stale(k, &e))
            ask_fail(k, &e, false);
        return;
    }
    ask_enter(k, ASK_RUN);
    if (r) {
        TAILQ_INSERT_TAIL(&r->asks, k, link);
        return;
    }
    r = NEW(struct run);
    r->set = set;
    r->it = integration_ref(k->it);
    r->action = k->action;
    r->args = TAKE(k->args);
    str_add(&r->device, str_slice(&k->device));
    str_add(&r->target, str_slice(&k->target));
    memcpy(r->key, k->key, sizeof r->key);
    r->shared = reads(k->action);
    r->began = loop_now(set->h->loop);
    r->arena = arena_new();
    r->records = record_set_new(k->it->tenant_id, k->it->id);
    record_set_observed(r->records, loop_wall(set->h->loop)); /* asked for after this */
    TAILQ_INIT(&r->asks);
    TAILQ_INSERT_TAIL(&r->asks, k, link);
    TAILQ_INSERT_TAIL(&set->runs, r, link);
    set->gauge->value = (double)++set->running;
    run_begin(r, k);
}

static bool usable(const struct integration *it, struct err *e)
{
    if (it->unusable)
        return err_set(e, ERR_CONFIG, "the settings of %s cannot be used: %s", it->key, it->unusable);
    if (!it->enabled || it->tenant_suspended)
        return err_set(e, ERR_CONFLICT, "the integration %s is switched off", it->key);
    return true;
}

static void ask_go(struct ask *k)
{
    struct slice json;
    struct err e = {0};
    usec_t at;
    if (!usable(k->it, &e))
        ask_fail(k, &e, false);
    else if (reads(k->action) && !k->fresh && k->action->cache && action_cache_get(k->set->cache, k->key, &json, &at) &&
             loop_wall(k->set->h->loop) - at <= k->action->cache)
        ask_answer(k, json, at, true);
    else
        ask_run(k);
}

static void on_go(void *arg)
{
    struct ask *k = arg;
    TAILQ_REMOVE(&k->set->going, k, link);
    ask_go(k);
}

static void on_logged(void *arg, const struct pg_reply *r)
{
    struct ask *k = arg;
    if (pg_reply_err(r)) { /* nothing was sent: what cannot be written down is not done */
        k->err = *pg_reply_err(r);
        ask_enter(k, ASK_CLOSE);
        ask_done(k);
        return;
    }
    if (remote(k->action))
        k->access_id = pg_i64(r, k->opened_stmt, 0, 0);
    ask_go(k);
}

static void write_args(const struct ask *k, struct jw *w)
{
    jw_key(w, "args");
    jw_object(w);
    for (size_t i = 0; k->args && i < k->action->nfields; i++) {
        const struct provider_field *f = &k->action->fields[i];
        struct slice value = settings_text(k->args, f->key);
        if (value.p)
            jw_key_slice(w, f->key, f->kind == FIELD_INPUT_SECRET ? SLICE("***") : utf8_cut(value, AUDIT_VALUE_MAX));
    }
    jw_end(w);
}

static void write_started(const struct ask *k, struct str *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key_str(&w, "action", k->action->key);
    jw_key_str(&w, "integration", k->it->key);
    jw_key_slice(&w, "external_id", k->device.n ? str_slice(&k->device) : SLICE_NONE);
    jw_key_slice(&w, "target", k->target.n ? str_slice(&k->target) : SLICE_NONE);
    write_args(k, &w);
    jw_end(&w);
    jw_done(&w);
}

static void ask_log(struct ask *k)
{
    struct pg_seg *s = seg_of(k);
    if (!reads(k->action)) {
        _cleanup_(str_release) struct str after = {0};
        write_started(k, &after);
        add_audit(s, k, "action.started", &after);
    }
    if (remote(k->action))
        k->opened_stmt = action_add_opened(s, &(struct action_opening){
                                                  .tenant_id = k->it->tenant_id,
                                                  .asset_id = k->asset_id,
                                                  .integration_id = k->it->id,
                                                  .asset = str_slice(&k->asset),
                                                  .integration = slice_cstr(k->it->key),
                                                  .external_id = str_slice(&k->device),
                                                  .action = slice_cstr(k->action->key),
                                              });
    pg_submit(s, on_logged, k);
}

/* Equal reads of one version of the settings have equal keys. */
static void ask_key(struct ask *k)
{
    _cleanup_(str_release) struct str text = {0};
    str_addf(&text, "%lld/%lld/%lld/%s", (long long)k->it->tenant_id, (long long)k->it->id, (long long)k->it->version,
             k->action->key);
    str_addf(&text, "/%zu:%s/%zu:%s", k->device.n, k->device.n ? k->device.p : "", k->target.n,
             k->target.n ? k->target.p : "");
    for (size_t i = 0; k->args && i < k->action->nfields; i++) {
        struct slice value = settings_text(k->args, k->action->fields[i].key);
        str_addf(&text, "/%zu:", value.n);
        str_add(&text, value);
    }
    crypto_sha256(str_slice(&text), k->key);
    crypto_wipe(text.p, text.cap);
}

void action_start(struct hub *h, const struct action_ask *in, action_cb *cb, void *arg)
{
    struct ask *k = NEW(struct ask);
    *k = (struct ask){.set = h->actions,
                      .it = integration_ref(in->integration),
                      .action = in->action,
                      .args = in->args,
                      .asset_id = in->asset_id,
                      .fresh = in->fresh,
                      .has_trace = in->trace != NULL,
                      .cb = cb,
                      .arg = arg};
    assert(in->asset_id || !remote(in->action));
    if (in->trace)
        k->trace = *in->trace;
    str_add(&k->device, in->device_id);
    str_add(&k->target, in->target_id);
    str_add(&k->asset, in->asset);
    if (in->by)
        audit_write_actor(in->by, &k->actor);
    ask_key(k);
    if (reads(k->action) && !remote(k->action)) {
        TAILQ_INSERT_TAIL(&k->set->going, k, link);
        loop_defer(h->loop, &k->go, on_go, k);
    } else {
        ask_log(k);
    }
}

/* --- life --- */

struct actions *actions_new(struct hub *h)
{
    struct actions *a = NEW(struct actions);
    a->h = h;
    TAILQ_INIT(&a->runs);
    TAILQ_INIT(&a->going);
    a->cache = action_cache_new(
        metric_gauge(h->metrics, "msphub_action_cache_bytes", "Answers of products that are kept for a while."));
    a->gauge = metric_gauge(h->metrics, "msphub_actions_running", "Actions that products are carrying out.");
    a->total = metric_family(h->metrics, METRIC_COUNTER, "msphub_actions_total",
                             "Actions asked for, by what came of them.", "provider,action,outcome", NULL, 0);
    a->duration = metric_family(h->metrics, METRIC_HISTOGRAM, "msphub_action_duration_seconds",
                                "From an action's start to the product's last word.", "provider", METRICS_LATENCY);
    return a;
}

void actions_free(struct actions *a)
{
    if (!a)
        return;
    static const struct err canceled = {ERR_CANCELED, "canceled: the hub is shutting down"};
    struct ask *k;
    while ((k = TAILQ_FIRST(&a->going))) { /* their turn will not come */
        TAILQ_REMOVE(&a->going, k, link);
        ask_fail(k, &canceled, false);
    }
    assert(TAILQ_EMPTY(&a->runs));
    action_cache_free(a->cache);
    free(a);
}
