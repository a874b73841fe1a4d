/* store/organization.h - reads of organizations. */
#ifndef MSPHUB_STORE_ORGANIZATION_H
#define MSPHUB_STORE_ORGANIZATION_H

#include "store/audit.h"

/* status: "unmapped", "mapped", "ignored", "renamed", "missing"; SLICE_NONE: any. */
void organization_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
                       page_cb *cb, void *arg);
void organization_get(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, int64_t organization_id,
                      row_cb *cb, void *arg);
/* Which client it is; 0: none, then `ignored` tells whether that is meant so. version 0: whichever; another one, or none:
 * ERR_NOT_FOUND. No such client: ERR_CONFLICT. */
void organization_decide(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t integration_id,
                         int64_t organization_id, int64_t version, int64_t client_id, bool ignored, row_cb *cb,
                         void *arg);

#endif
