/* store/license.h - licences → licenses. */
#ifndef MSPHUB_STORE_LICENSE_H
#define MSPHUB_STORE_LICENSE_H

#include "store/flat_batch.h"
#include "store/page.h"

extern const struct flat_kind license_kind;

struct license_filter { /* zero: any, but the time (USEC_NONE) */
    int64_t integration_id;
    enum tri taken, missing;
    usec_t expires_before;
};
void license_list(struct pg_pool *db, const struct license_filter *f, const struct page_request *q, page_cb *cb,
                  void *arg);

#endif
