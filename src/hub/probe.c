/* hub/probe.c - see probe.h. Owns, while it runs, the remark and the outcome; holds a reference to the integration. */
#include "hub/probe.h"

#include "base/mem.h"
#include "hub/engine.h"
#include "hub/health_status.h"
#include "store/health.h"

#include <stdlib.h>

struct probe {
    struct hub *hub;
    struct integration *it;
    struct str remark;
    struct err err;
    struct ref job;
    struct timer deadline;
    bool expired, scheduled;
    unsigned found_stmt;
    probe_cb *cb;
    void *arg;
};

static void probe_end(struct probe *p)
{
    p->cb(p->arg, p->remark.n ? p->remark.p : "", p->err.code ? &p->err : NULL);
    integration_unref(p->it);
    str_release(&p->remark);
    free(p);
}

static void on_remark(void *arg, const char *text)
{
    struct probe *p = arg;
    str_clear(&p->remark);
    str_adds(&p->remark, text);
}

/* That the outcome could not be stored is no reason to hide it. */
static void on_stored(void *arg, const struct pg_reply *r)
{
    struct probe *p = arg;
    if (pg_reply_err(r))
        log_warn(p->hub->log, "probe.not_stored", F_STR("integration", p->it->key), F_ERR(pg_reply_err(r)));
    else
        health_tell(p->hub, p->it, r, p->found_stmt, p->err.what);
    probe_end(p);
}

static void store(struct probe *p)
{
    const struct health_finding found = {.it = p->it, .err = p->err.code ? &p->err : NULL};
    struct pg_seg *s = pg_seg_new(p->hub->db, p->it->tenant_id);
    p->found_stmt = health_add_finding(s, p->hub, &found);
    if (p->scheduled)
        health_add_checked(s, p->it->tenant_id, p->it->id, p->it->version, p->hub->options->health_interval);
    pg_submit(s, on_stored, p);
}

static void on_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct probe *p = arg;
    timer_cancel(&p->deadline);
    if (p->expired)
        err_set(&p->err, ERR_TIMEOUT, "the product has not answered within %lld s (option health_timeout)",
                (long long)(p->hub->options->health_timeout / USEC_PER_S));
    else if (err)
        p->err = *err;
    if (p->it->id == 0 || p->err.code == ERR_CANCELED) /* unsaved; or the hub shuts down, and another one will check */
        probe_end(p);
    else
        store(p);
}

static void on_deadline(void *arg)
{
    struct probe *p = arg;
    p->expired = true;
    engine_cancel(p->hub->engine, p->job);
}

static void start(struct hub *h, struct integration *it, bool scheduled, const struct trace *trace, probe_cb *cb,
                  void *arg)
{
    struct probe *p = NEW(struct probe);
    *p = (struct probe){.hub = h, .it = integration_ref(it), .scheduled = scheduled, .cb = cb, .arg = arg};
    if (it->unusable) {
        err_set(&p->err, ERR_CONFIG, "the settings cannot be used: %s", it->unusable);
        store(p);
        return;
    }
    const struct engine_job job = {
        .ops = it->provider->probe,
        .integration = it,
        .urgent = !scheduled,
        .kinds = scheduled ? 0 : SYNC_KINDS_ALL, /* a person wants to know what can be read as well */
        .trace = trace,
        .sink = {.arg = p, .remark = on_remark},
        .on_done = on_done,
        .arg = p,
    };
    timer_set(&p->deadline, h->loop, h->options->health_timeout, on_deadline, p);
    p->job = engine_start(h->engine, &job);
}

void probe_run(struct hub *h, struct integration *it, const struct trace *trace, probe_cb *cb, void *arg)
{
    start(h, it, false, trace, cb, arg);
}

void probe_check(struct hub *h, struct integration *it, probe_cb *cb, void *arg)
{
    start(h, it, true, NULL, cb, arg);
}
