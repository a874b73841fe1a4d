/* store/asset.h - reads of the inventory. */
#ifndef MSPHUB_STORE_ASSET_H
#define MSPHUB_STORE_ASSET_H

#include "msphub/record.h"
#include "store/page.h"

enum asset_order { ASSET_BY_NAME, ASSET_BY_ID };

struct asset_filter { /* zero: any, but times (USEC_NONE: any) */
    int64_t organization_id, integration_id;
    struct slice type, agent_status, provider;
    enum tri retired;  /* TRI_UNKNOWN: both */
    struct slice text; /* part of name, host name or serial, without case */
    usec_t last_seen_before, last_seen_after;
    enum asset_order order;
};
void asset_list(struct pg_pool *db, const struct asset_filter *f, const struct page_request *q, page_cb *cb, void *arg);
/* With its sources and their facets. */
void asset_get(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, row_cb *cb, void *arg);
/* What each source says, alone. */
void asset_sources(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg);

#endif
