/* hub/probe.c - see probe.h. Owns, while it runs, the remark and the outcome; holds a reference to the integration. */
#include "hub/probe.h"

#include "base/mem.h"
#include "hub/engine.h"
#include "store/integration.h"

#include <stdlib.h>

struct probe {
    struct hub *hub;
    struct integration *it;
    struct str remark;
    struct err err;
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
    probe_end(p);
}

static void on_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct probe *p = arg;
    if (err)
        p->err = *err;
    if (p->it->id == 0) {
        probe_end(p);
        return;
    }
    struct pg_seg *s = pg_seg_new(p->hub->db, p->it->tenant_id);
    integration_add_health(s, p->it->tenant_id, p->it->id, err ? "error" : "active",
                           err ? slice_cstr(p->err.what) : SLICE_NONE);
    pg_submit(s, on_stored, p);
}

void probe_run(struct hub *h, struct integration *it, probe_cb *cb, void *arg)
{
    struct probe *p = NEW(struct probe);
    *p = (struct probe){.hub = h, .it = integration_ref(it), .cb = cb, .arg = arg};
    const struct engine_job job = {
        .ops = it->provider->probe,
        .integration = it,
        .sink = {.arg = p, .remark = on_remark},
        .on_done = on_done,
        .arg = p,
    };
    engine_start(h->engine, &job);
}
