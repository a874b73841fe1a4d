/* hub/asset_upkeep.h - what is done to assets in the background: those that wait are merged again (a tenant has changed whose word
 * counts, an integration was removed), old history leaves, and so do conflicts that are none any more.
 * Always: a step is one transaction of one tenant under its lock, and rests as long as it took, so that a large tenant's change holds
 *         up nobody; any process does the next one, also after a kill. */
#ifndef MSPHUB_HUB_ASSET_UPKEEP_H
#define MSPHUB_HUB_ASSET_UPKEEP_H

#include "hub/hub.h"

struct asset_upkeep *asset_upkeep_new(struct hub *h);
void asset_upkeep_start(struct asset_upkeep *u);
void asset_upkeep_free(struct asset_upkeep *u); /* after the database pool, whose callbacks it serves */

#endif
