/* store/location.h - rooms, and locations with them. Locations are written with the inventory (store/inventory.h). */
#ifndef MSPHUB_STORE_LOCATION_H
#define MSPHUB_STORE_LOCATION_H

#include "store/flat_batch.h"
#include "store/page.h"

extern const struct flat_kind room_kind;

/* integration_id 0: any; text: part of the name, without case. */
void location_list(struct pg_pool *db, int64_t integration_id, struct slice text, const struct page_request *q,
                   page_cb *cb, void *arg);

#endif
