/* store/asset_group.h - groups of devices or people → asset_groups, and their members → asset_group_members.
 * Always: a group whose members the product tells has exactly them; of one by a rule, or whose members it does not tell, nothing is kept. */
#ifndef MSPHUB_STORE_ASSET_GROUP_H
#define MSPHUB_STORE_ASSET_GROUP_H

#include "store/flat_batch.h"
#include "store/list_batch.h"
#include "store/page.h"

extern const struct flat_kind asset_group_kind;
extern const struct list_kind group_member_kind;

struct asset_group_filter { /* zero: any */
    int64_t integration_id;
    struct slice of; /* "devices", "people" */
    enum tri smart, missing;
    struct slice text; /* part of the name, without case */
};
/* In order of name. */
void asset_group_list(struct pg_pool *db, const struct asset_group_filter *f, const struct page_request *q, page_cb *cb,
                      void *arg);
void asset_group_get(struct pg_pool *db, int64_t tenant_id, int64_t group_id, item_cb *cb, void *arg);
void asset_group_members(struct pg_pool *db, int64_t group_id, const struct page_request *q, page_cb *cb, void *arg);
void asset_group_of_asset(struct pg_pool *db, int64_t asset_id, const struct page_request *q, page_cb *cb, void *arg);

#endif
