/* hub/applier.h - deliveries → inventory and alerts.
 * Why:    intake only keeps; what a webhook means is worked out here, in batches, again and again until it is applied or
 *         given up with a reason.
 * States of a claim: CLAIM -> groups of one integration each: LOOKUP -> DECODE -> APPLY -> … ; see applier_group.c.
 * Always: a delivery is marked in the transaction that applies it; one whose worker died is taken over when its lease ends;
 *         one bad delivery never keeps its neighbours from being applied. */
#ifndef MSPHUB_HUB_APPLIER_H
#define MSPHUB_HUB_APPLIER_H

#include "hub/hub.h"

struct applier *applier_new(struct hub *h);
void applier_free(struct applier *a); /* before the database pool */
void applier_start(
    struct applier *a); /* begins to claim; also keeps the inbox in order (partitions, retention, gauges) */
void applier_wake(struct applier *a); /* there is something to claim; cheap, any number of times */
/* Age of the oldest delivery that waited to be applied when it was last looked for, a few seconds ago; 0: none. */
usec_t applier_oldest_age(const struct applier *a);
/* Claims no more; done once, in a later turn, when what was claimed is finished. */
void applier_drain(struct applier *a, void (*done)(void *arg), void *arg);

#endif
