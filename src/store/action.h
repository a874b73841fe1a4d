/* store/action.h - what actions need of the database: the sources of an asset, what an alert is to its product, what the last sync has
 * stored, and the log of remote access. */
#ifndef MSPHUB_STORE_ACTION_H
#define MSPHUB_STORE_ACTION_H

#include "base/clock.h"
#include "store/audit.h"
#include "store/page.h"

/* The sources of an asset, the one to be preferred first. Row 0 exists for each asset; without a source its integration is 0. */
struct action_source { /* borrows from the reply */
    struct slice asset;
    int64_t integration_id;
    struct slice provider, name, external_id;
    bool enabled, retired;
};
unsigned action_add_sources(struct pg_seg *s, int64_t tenant_id, int64_t asset_id);
void action_read_source(const struct pg_reply *r, unsigned stmt, size_t row, struct action_source *ret);

struct action_alert { /* borrows from the reply */
    int64_t integration_id, asset_id;
    struct slice series, state, device_id;
};
unsigned action_add_alert(struct pg_seg *s, int64_t tenant_id, int64_t alert_id);
bool action_read_alert(const struct pg_reply *r, unsigned stmt, struct action_alert *ret); /* false: there is none */

/* What is stored of a source: {"attributes", "facets"}, and since when it is so. */
unsigned action_add_last_sync(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, struct slice external_id);
bool action_read_last_sync(const struct pg_reply *r, unsigned stmt, struct slice *ret_json, usec_t *ret_at);

/* --- the log of remote access --- */
struct action_opening {
    int64_t tenant_id, asset_id, integration_id;
    struct slice asset, integration, external_id, action;
};
unsigned action_add_opened(struct pg_seg *s, const struct action_opening *o); /* one row: its id */
/* `outcome`: "granted", "failed" or "unknown"; error SLICE_NONE: none. */
void action_add_closed(struct pg_seg *s, int64_t tenant_id, int64_t access_id, const char *outcome, struct slice error);
struct remote_filter { /* zero: any */
    int64_t asset_id;
    struct slice actor;
};
void remote_access_list(struct pg_pool *db, const struct remote_filter *f, const struct page_request *q, page_cb *cb,
                        void *arg);
/* For segments of PG_ALL_TENANTS: deletes what is older than `before`, at most `limit` rows; pg_affected tells how many. */
unsigned action_add_retire(struct pg_seg *s, usec_t before, int64_t limit);

#endif
