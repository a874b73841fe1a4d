/* hub/syncer_internal.h - what syncer.c and its queue of single devices share. */
#ifndef MSPHUB_HUB_SYNCER_INTERNAL_H
#define MSPHUB_HUB_SYNCER_INTERNAL_H

#include "hub/run.h"
#include "hub/syncer.h"

/* Single devices to read again. At most so many machines at once, each device once in the queue. */
struct refresher;
struct refresher *refresher_new(struct hub *h);
void refresher_free(struct refresher *f);
void refresher_add(struct refresher *f, int64_t tenant_id, int64_t integration_id, struct slice device_id);
void refresher_stop(struct refresher *f); /* forgets what waits, cancels what runs */

#endif
