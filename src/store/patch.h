/* store/patch.h - patches of devices → asset_patches.
 * Always: what a device has of one family with one status is a list; a patch stands in one of them, and goes from waiting to installed by
 *         moving. One that is in none of the complete lists any more, and was not installed, is closed: superseded, or withdrawn. */
#ifndef MSPHUB_STORE_PATCH_H
#define MSPHUB_STORE_PATCH_H

#include "store/list_batch.h"
#include "store/page.h"

extern const struct list_kind patch_kind;

struct patch_filter { /* zero: any */
    struct slice status, family, severity;
    int64_t client_id, integration_id;
    enum tri closed; /* of an asset's */
};
/* f->status is given; what is closed is not among them. */
void patch_list(struct pg_pool *db, const struct patch_filter *f, const struct page_request *q, page_cb *cb, void *arg);
void patch_of_asset(struct pg_pool *db, int64_t asset_id, const struct patch_filter *f, const struct page_request *q,
                    page_cb *cb, void *arg);
/* How many have which status, by family. */
void patch_summary(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, item_cb *cb, void *arg);

#endif
