/* store/tenant.h - tenants. */
#ifndef MSPHUB_STORE_TENANT_H
#define MSPHUB_STORE_TENANT_H

#include "store/page.h"

typedef void tenant_cb(void *arg, int64_t tenant_id, const struct err *e);
/* slug: lower-case letters, digits and '-', 1..63 (ERR_INPUT); taken: ERR_CONFLICT. */
void tenant_create(struct pg_pool *db, struct slice slug, struct slice name, tenant_cb *cb, void *arg);
void tenant_by_slug(struct pg_pool *db, struct slice slug, tenant_cb *cb, void *arg); /* ERR_NOT_FOUND */
/* q->tenant_id is not looked at: for the platform only. */
void tenant_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg);
void tenant_get(struct pg_pool *db, int64_t tenant_id, item_cb *cb, void *arg);
/* Suspended: its keys are refused, its webhooks are kept and not applied. */
void tenant_set_suspended(struct pg_pool *db, int64_t tenant_id, bool suspended, tenant_cb *cb, void *arg);

#endif
