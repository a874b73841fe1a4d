/* hub/asset_upkeep.c - see asset_upkeep.h.
 * States: RESTS -> LOOKS (is there a tenant whose assets wait?) -> MERGES (some of them) -> RESTS; beside it the retention's timer.
 * Owns:   two timers; of each chore at most one transaction under way. */
#include "hub/asset_upkeep.h"

#include "base/mem.h"
#include "store/asset_edit.h"
#include "store/inventory.h"

#include <stdlib.h>

#define CHANNEL     "msphub_assets"
#define LOOK        SECONDS(30)
#define TIDY        SECONDS(60)
#define TIDY_ROWS   2000
#define MERGED_ONCE 1000
#define RETRY       SECONDS(5)
#define DAY         SECONDS(86400)

struct asset_upkeep {
    struct hub *h;
    struct timer look, tidy;
    usec_t began;
    unsigned stmt;
    bool started, busy, again;
};

static bool is_over(const struct asset_upkeep *u, const struct err *e)
{
    return u->h->draining || (e && e->code == ERR_CANCELED);
}

/* --- merging --- */

static void look(void *arg);

static void rest(struct asset_upkeep *u, usec_t wait)
{
    u->busy = false;
    timer_set(&u->look, u->h->loop, u->again ? 0 : wait, look, u);
    u->again = false;
}

static void on_merged(void *arg, const struct pg_reply *r)
{
    struct asset_upkeep *u = arg;
    const struct err *e = pg_reply_err(r);
    if (is_over(u, e))
        return;
    if (e)
        log_warn(u->h->log, "assets.merge_failed", F_ERR(e));
    rest(u, e ? RETRY : loop_now(u->h->loop) - u->began);
}

static void on_looked(void *arg, const struct pg_reply *r)
{
    struct asset_upkeep *u = arg;
    const struct err *e = pg_reply_err(r);
    if (is_over(u, e))
        return;
    int64_t tenant = e ? 0 : asset_read_waiting(r, u->stmt);
    if (e)
        log_warn(u->h->log, "assets.look_failed", F_ERR(e));
    if (!tenant) {
        rest(u, LOOK);
        return;
    }
    struct pg_seg *s = pg_seg_new(u->h->db, tenant);
    u->began = loop_now(u->h->loop);
    inventory_add_merge(s, tenant, 0, MERGED_ONCE);
    pg_submit(s, on_merged, u);
}

static void look(void *arg)
{
    struct asset_upkeep *u = arg;
    timer_cancel(&u->look);
    u->busy = true;
    struct pg_seg *s = pg_seg_new(u->h->db, PG_ALL_TENANTS);
    u->stmt = asset_add_waiting(s);
    pg_submit(s, on_looked, u);
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct asset_upkeep *u = arg;
    if (u->busy)
        u->again = true;
    else if (u->started && !u->h->draining)
        look(u);
}

/* --- tidying --- */

static void tidy(void *arg);

static void on_tidied(void *arg, const struct pg_reply *r)
{
    struct asset_upkeep *u = arg;
    const struct err *e = pg_reply_err(r);
    if (is_over(u, e))
        return;
    if (e)
        log_warn(u->h->log, "assets.tidy_failed", F_ERR(e));
    timer_set(&u->tidy, u->h->loop, e ? RETRY : TIDY, tidy, u);
}

static void tidy(void *arg)
{
    struct asset_upkeep *u = arg;
    struct pg_seg *s = pg_seg_new(u->h->db, PG_ALL_TENANTS);
    asset_add_upkeep(s, loop_wall(u->h->loop) - u->h->options->asset_history_days * DAY, TIDY_ROWS);
    pg_submit(s, on_tidied, u);
}

/* --- life --- */

struct asset_upkeep *asset_upkeep_new(struct hub *h)
{
    struct asset_upkeep *u = NEW(struct asset_upkeep);
    u->h = h;
    pg_listen(h->db, CHANNEL, on_notify, u);
    return u;
}

void asset_upkeep_start(struct asset_upkeep *u)
{
    u->started = true;
    look(u);
    tidy(u);
}

void asset_upkeep_free(struct asset_upkeep *u)
{
    if (!u)
        return;
    timer_cancel(&u->look);
    timer_cancel(&u->tidy);
    free(u);
}
