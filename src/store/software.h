/* store/software.h - installed software of devices → asset_software, its names → software_catalog.
 * Always: a device whose list says the same as before costs a look-up of its hash and a mark of the run; a program that a whole list lacks
 *         is removed, with the time it was last seen; one that comes back goes on with its first_seen. */
#ifndef MSPHUB_STORE_SOFTWARE_H
#define MSPHUB_STORE_SOFTWARE_H

#include "store/list_batch.h"
#include "store/page.h"

extern const struct list_kind software_kind;

struct software_filter {
    struct slice text; /* part of name or publisher, without case; SLICE_NONE: any */
    enum tri removed;
};
/* Of all sources of an asset, in order of name. */
void software_of_asset(struct pg_pool *db, int64_t asset_id, const struct software_filter *f,
                       const struct page_request *q, page_cb *cb, void *arg);
/* The catalog, in order of name. */
void software_list(struct pg_pool *db, struct slice text, const struct page_request *q, page_cb *cb, void *arg);
void software_get(struct pg_pool *db, int64_t tenant_id, int64_t software_id, item_cb *cb, void *arg);
/* Where it is installed. False: the page's key is none of this list. */
bool software_assets(struct pg_pool *db, int64_t software_id, const struct page_request *q, page_cb *cb, void *arg);

#endif
