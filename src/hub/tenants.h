/* hub/tenants.h - tenants as every request needs them: status and slug, from a bounded cache; and their removal.
 * Why:    whether a credential's tenant is suspended, and whose data the platform's operator works on, is asked with each request
 *         and must not cost a query.
 * Owns:   the cache (entries are dropped by NOTIFY msphub_tenant in every process, and expire after a minute), the look-ups under way,
 *         the steps of removals, the retention of the audit log. */
#ifndef MSPHUB_HUB_TENANTS_H
#define MSPHUB_HUB_TENANTS_H

#include "hub/hub.h"
#include "store/tenant.h"

struct tenants;
struct tenants *tenants_new(struct hub *h);
void tenants_start(struct tenants *t); /* removals and retention go on from now */
void tenants_free(struct tenants *t);  /* after the database pool, whose callbacks it serves */

/* By id, or by slug when id is 0. The cached one, in the same turn. */
bool tenants_cached(struct tenants *t, int64_t tenant_id, struct slice slug, struct tenant_row *ret);
/* Callback once, in a later turn; ERR_NOT_FOUND, ERR_UNAVAILABLE. */
typedef void tenants_cb(void *arg, const struct tenant_row *row, const struct err *e);
void tenants_find(struct tenants *t, int64_t tenant_id, struct slice slug, tenants_cb *cb, void *arg);

#endif
