/* store/organization.h - reads of organizations. */
#ifndef MSPHUB_STORE_ORGANIZATION_H
#define MSPHUB_STORE_ORGANIZATION_H

#include "store/page.h"

/* status: "unmapped", "mapped", "ignored", "renamed", "missing"; SLICE_NONE: any. */
void organization_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
                       page_cb *cb, void *arg);

#endif
