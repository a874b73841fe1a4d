/* hub/health_watch.h - checks every integration now and then, and raises the hub's own alerts.
 * Why:    a product that is away, a credential that was revoked and a webhook that fell silent must be known before somebody misses
 *         their devices.
 * How:    each integration has its own place in options.health_interval (schema: msphub_check_slot); whoever finds it due claims
 *         it by moving its next check behind the check's deadline, so that one process checks it, and another takes it over from one
 *         that died. Alerts that time alone brings (silence, a stale inventory, a credential that ends) are looked
 *         for by one process at a time.
 * Always: checks at once ≤ options.health_concurrency. */
#ifndef MSPHUB_HUB_HEALTH_WATCH_H
#define MSPHUB_HUB_HEALTH_WATCH_H

#include "hub/hub.h"

struct health_watch *health_watch_new(struct hub *h);
void health_watch_free(
    struct health_watch *w); /* after the engine, the pool and the integrations, whose callbacks it serves */
void health_watch_start(struct health_watch *w);
void health_watch_stop(struct health_watch *w); /* claims no more; what runs ends by itself or with the engine */

#endif
