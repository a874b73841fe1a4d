/* hub/paused.h - devices of organizations whose auto-sync is off: what comes about them is not taken over.
 * Why:    a customer that leaves, or one whose devices another integration is to tell of: they stay as they are, neither
 *         updated nor retired.
 * Owns:   the ids of the organizations and of the devices that are known to be in them.
 * Always: what is asked about a device is decided by the latest record of the device itself, else by what was stored of it. */
#ifndef MSPHUB_HUB_PAUSED_H
#define MSPHUB_HUB_PAUSED_H

#include "hub/integration.h"

struct paused;
struct paused *paused_new(const struct integration *it); /* NULL: no organization is paused */
void paused_free(struct paused *p);
/* The result of organization_add_devices for the integration's paused organizations. */
void paused_read_devices(struct paused *p, const struct pg_reply *r, unsigned stmt);
/* Those that are known so far. */
void paused_each_device(const struct paused *p, void (*cb)(void *arg, struct slice id), void *arg);
/* `p` may be NULL. */
bool paused_skips(struct paused *p, const struct record *r);

#endif
