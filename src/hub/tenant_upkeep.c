/* hub/tenant_upkeep.c - see tenant_upkeep.h.
 * Owns: two timers; of each chore at most one transaction under way. */
#include "hub/tenant_upkeep.h"

#include "base/mem.h"
#include "store/action.h"
#include "store/audit.h"
#include "store/tenant.h"

#include <stdlib.h>

#define STEP_ROWS      2000
#define STEP_POLL      SECONDS(15) /* when another process was at it, and may have died */
#define STEP_WAIT      MILLIS(250) /* until a transaction from before the mark has ended */
#define RETENTION_POLL SECONDS(3600)
#define RETENTION_ROWS 2000
#define RETRY          SECONDS(5)
#define DAY            SECONDS(86400)

struct tenant_upkeep {
    struct hub *h;
    struct timer step, retention;
    usec_t began;
    bool started, stepping, again;
    unsigned remote_stmt;
};

/* --- removals --- */

static void step(void *arg);

static usec_t after_step(struct tenant_upkeep *u, const struct pg_reply *r)
{
    int64_t tenant = 0, deleted = 0;
    switch (tenant_read_step(r, 0, &tenant, &deleted)) {
    case TENANT_STEP_GONE:
        log_info(u->h->log, "tenant.removed", F_I64("tenant", tenant));
        return 0; /* another one may wait */
    case TENANT_STEP_MORE:
        return loop_now(u->h->loop) - u->began;
    case TENANT_STEP_WAITING:
        return STEP_WAIT;
    case TENANT_STEP_NONE:
        break;
    }
    return u->again ? 0 : STEP_POLL;
}

static void on_step(void *arg, const struct pg_reply *r)
{
    struct tenant_upkeep *u = arg;
    const struct err *e = pg_reply_err(r);
    u->stepping = false;
    if (u->h->draining || (e && e->code == ERR_CANCELED))
        return;
    if (e)
        log_warn(u->h->log, "tenant.removal_failed", F_ERR(e));
    usec_t wait = e ? RETRY : after_step(u, r);
    u->again = false;
    timer_set(&u->step, u->h->loop, wait, step, u);
}

static void step(void *arg)
{
    struct tenant_upkeep *u = arg;
    timer_cancel(&u->step);
    u->stepping = true;
    u->began = loop_now(u->h->loop);
    struct pg_seg *s = pg_seg_new(u->h->db, PG_ALL_TENANTS);
    tenant_add_step(s, 0, STEP_ROWS);
    pg_submit(s, on_step, u);
}

void tenant_upkeep_wake(struct tenant_upkeep *u)
{
    if (u->stepping)
        u->again = true;
    else if (u->started && !u->h->draining)
        step(u);
}

/* --- retention of the audit log, and of that of remote access --- */

static void retire(void *arg);

static void on_retired(void *arg, const struct pg_reply *r)
{
    struct tenant_upkeep *u = arg;
    const struct err *e = pg_reply_err(r);
    if (u->h->draining || (e && e->code == ERR_CANCELED))
        return;
    if (e)
        log_warn(u->h->log, "audit.retention_failed", F_ERR(e));
    bool more = !e && (pg_affected(r, 1) >= RETENTION_ROWS || pg_affected(r, u->remote_stmt) >= RETENTION_ROWS);
    timer_set(&u->retention, u->h->loop, e ? RETRY : more ? MILLIS(100) : RETENTION_POLL, retire, u);
}

static void retire(void *arg)
{
    struct tenant_upkeep *u = arg;
    struct pg_seg *s = pg_seg_new(u->h->db, PG_ALL_TENANTS);
    usec_t before = loop_wall(u->h->loop) - u->h->options->audit_retention_days * DAY;
    audit_add_retire(s, before, RETENTION_ROWS);
    u->remote_stmt = action_add_retire(s, before, RETENTION_ROWS);
    pg_submit(s, on_retired, u);
}

/* --- life --- */

struct tenant_upkeep *tenant_upkeep_new(struct hub *h)
{
    struct tenant_upkeep *u = NEW(struct tenant_upkeep);
    u->h = h;
    return u;
}

void tenant_upkeep_start(struct tenant_upkeep *u)
{
    u->started = true;
    step(u);
    retire(u);
}

void tenant_upkeep_free(struct tenant_upkeep *u)
{
    if (!u)
        return;
    timer_cancel(&u->step);
    timer_cancel(&u->retention);
    free(u);
}
