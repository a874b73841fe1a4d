/* hub/webhook.c - see webhook.h.
 * Steps: CALL (the provider's machine, with a deadline) -> STORE (guarded by the version of what was told) -> callback; another version by
 *        now: RELOAD -> CALL. */
#include "hub/webhook.h"

#include "base/mem.h"
#include "hub/engine.h"
#include "hub/intake.h"
#include "store/connect.h"

#include <stdlib.h>

#define MOST_TRIES 5 /* of a secret that is exchanged again and again meanwhile */

struct op {
    struct hub *h;
    struct integration *it; /* a reference */
    bool removes, expired;
    struct audit_actor by;
    struct str url;  /* as it is shown */
    struct str full; /* as the product is told; may hold the secret */
    struct machine_webhook in;
    struct ref job;
    struct timer deadline;
    struct err err;
    unsigned tries, stmt;
    webhook_cb *cb;
    void *arg;
};

struct slice webhook_public_url(const struct hub *h)
{
    struct slice base = slice_cstr(h->options->public_url);
    while (slice_ends(base, SLICE("/")))
        base.n--;
    return base.n ? base : SLICE_NONE;
}

void webhook_address(const struct integration *it, struct slice base, struct str *ret)
{
    str_add(ret, base);
    str_addf(ret, "/webhooks/%s/%s", it->provider->key, it->hook);
}

void webhook_add_secret(const struct integration *it, struct str *address)
{
    if (it->provider->webhook_secret_header || !it->hook_secret)
        return;
    str_adds(address, "?" INTAKE_SECRET_ARG "=");
    str_add_url(address, secret_text(it->hook_secret));
}

static void call(struct op *op);

static void op_end(struct op *op)
{
    webhook_cb *cb = op->cb;
    void *arg = op->arg;
    struct err e = op->err;
    timer_cancel(&op->deadline);
    integration_unref(op->it);
    str_release(&op->url);
    if (op->full.p)
        crypto_wipe(op->full.p, op->full.cap);
    str_release(&op->full);
    free(op);
    cb(arg, e.code ? &e : NULL);
}

static void on_reloaded(void *arg, struct integration *it, const struct err *e)
{
    struct op *op = arg;
    if (e) {
        op->err = *e;
        op_end(op);
        return;
    }
    integration_unref(op->it);
    op->it = integration_ref(it);
    call(op);
}

static void on_stored(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    if (pg_reply_err(r)) {
        if (!op->err.code)
            op->err = *pg_reply_err(r);
        op_end(op);
    } else if (op->err.code || op->removes || pg_nrows(r, op->stmt)) {
        op_end(op);
    } else if (++op->tries < MOST_TRIES) {
        integrations_reload(op->h->integrations, op->it->tenant_id, op->it->id, on_reloaded, op);
    } else {
        err_set(&op->err, ERR_CONFLICT, "the integration is edited again and again; register the webhook once more");
        op_end(op);
    }
}

static void store(struct op *op)
{
    const struct integration *it = op->it;
    struct pg_seg *s = pg_seg_new(op->h->db, it->tenant_id);
    audit_by(s, op->by.kind ? &op->by : NULL);
    if (op->err.code) {
        connect_add_not_registered(s, it->tenant_id, it->id, op->err.what);
    } else {
        if (op->removes)
            connect_add_removed(s, it->tenant_id, it->id);
        else
            op->stmt = connect_add_registered(s, it->tenant_id, it->id, it->version, op->by.name, str_slice(&op->url));
        audit_add(s, &(struct audit_entry){
                         .tenant_id = it->tenant_id,
                         .action = op->removes ? "integration.webhook_removed" : "integration.webhook_registered",
                         .target_type = "integration",
                         .target = slice_cstr(it->key),
                         .target_id = it->id,
                         .integration_id = it->id,
                     });
    }
    pg_submit(s, on_stored, op);
}

static void on_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct op *op = arg;
    timer_cancel(&op->deadline);
    if (op->expired)
        err_set(&op->err, ERR_TIMEOUT, "the product has not answered within %lld s (option action_timeout)",
                (long long)(op->h->options->action_timeout / USEC_PER_S));
    else if (err)
        op->err = *err;
    LOG_(op->h->log, op->err.code ? LOG_WARN : LOG_INFO, op->removes ? "webhook.removed" : "webhook.registered",
         F_I64("tenant", op->it->tenant_id), F_STR("integration", op->it->key),
         F_STR("error", op->err.code ? op->err.what : ""));
    if (op->err.code == ERR_CANCELED)
        op_end(op);
    else
        store(op);
}

static void on_deadline(void *arg)
{
    struct op *op = arg;
    op->expired = true;
    engine_cancel(op->h->engine, op->job);
}

/* The rest of the sink: such a machine has no business there. */
static void no_record(void *arg, const struct record *r)
{
}

static void no_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
}

static void no_json(void *arg, struct slice json)
{
}

static void call(struct op *op)
{
    const struct provider *p = op->it->provider;
    str_clear(&op->url);
    webhook_address(op->it, webhook_public_url(op->h), &op->url);
    str_clear(&op->full);
    str_reserve(&op->full, op->url.n + 256); /* at once: a move would leave a copy behind */
    str_add(&op->full, str_slice(&op->url));
    webhook_add_secret(op->it, &op->full);
    op->in = (struct machine_webhook){.url = str_slice(&op->full), .secret = secret_text(op->it->hook_secret)};
    timer_set(&op->deadline, op->h->loop, op->h->options->action_timeout, on_deadline, op);
    op->job = engine_start(op->h->engine,
                           &(struct engine_job){
                               .ops = op->removes ? p->webhook_remove : p->webhook_register,
                               .integration = op->it,
                               .webhook = &op->in,
                               .urgent = true,
                               .sink = {.arg = op, .record = no_record, .reject = no_reject, .result = no_json},
                               .on_done = on_done,
                               .arg = op,
                           });
}

static bool possible(const struct op *op, struct err *e)
{
    const struct provider *p = op->it->provider;
    if (!p || !(op->removes ? p->webhook_remove : p->webhook_register))
        return err_set(e, ERR_NOT_FOUND, "%s: its API cannot do that; set the webhook up in its console",
                       p ? p->name : op->it->key);
    if (op->it->unusable)
        return err_set(e, ERR_CONFIG, "the settings of %s cannot be used: %s", op->it->key, op->it->unusable);
    if (!op->removes && !webhook_public_url(op->h).p)
        return err_set(e, ERR_CONFIG,
                       "the option public_url is not set: the product could not be told how to reach this hub");
    if (!op->removes && !op->it->hook_secret)
        return err_set(e, ERR_CONFIG, "the webhook's secret cannot be opened with the keys of key_file; rotate it");
    return true;
}

/* A callback comes in a later turn, and also when there is none: the pool sees to it. */
static void on_refused(void *arg, const struct pg_reply *r)
{
    op_end(arg);
}

static void start(struct hub *h, struct integration *it, bool removes, const struct audit_actor *by, webhook_cb *cb,
                  void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){.h = h, .it = integration_ref(it), .removes = removes, .cb = cb, .arg = arg};
    if (by)
        op->by = *by;
    if (possible(op, &op->err)) {
        call(op);
        return;
    }
    struct pg_seg *s = pg_seg_new(h->db, it->tenant_id);
    connect_add_get(s, it->tenant_id, it->id);
    pg_submit(s, on_refused, op);
}

void webhook_register(struct hub *h, struct integration *it, const struct audit_actor *by, webhook_cb *cb, void *arg)
{
    start(h, it, false, by, cb, arg);
}

void webhook_remove(struct hub *h, struct integration *it, const struct audit_actor *by, webhook_cb *cb, void *arg)
{
    start(h, it, true, by, cb, arg);
}
