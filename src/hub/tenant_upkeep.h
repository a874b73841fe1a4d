/* hub/tenant_upkeep.h - what is done to tenants in the background: those that are being deleted go step by step, and old rows of the
 * audit log leave.
 * Always: a step is one transaction of at most STEP_ROWS rows, and rests as long as it took, so that a large tenant's removal holds up
 *         nobody; any process does the next one, also after a kill. */
#ifndef MSPHUB_HUB_TENANT_UPKEEP_H
#define MSPHUB_HUB_TENANT_UPKEEP_H

#include "hub/hub.h"

struct tenant_upkeep;
struct tenant_upkeep *tenant_upkeep_new(struct hub *h);
void tenant_upkeep_start(struct tenant_upkeep *u);
void tenant_upkeep_wake(struct tenant_upkeep *u); /* a tenant has changed */
void tenant_upkeep_free(struct tenant_upkeep *u); /* after the database pool, whose callbacks it serves */

#endif
