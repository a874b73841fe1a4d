/* hub/webhook.h - the webhook's registration in the product, where its API can do it.
 * Why:    what a person pastes is forgotten at the next rotation; a product that sends with an old secret falls silent in a day.
 * Always: what the product was told last is the secret in force: one that was exchanged meanwhile is told again. The former one stays
 *         valid, so that nothing is lost on the way. */
#ifndef MSPHUB_HUB_WEBHOOK_H
#define MSPHUB_HUB_WEBHOOK_H

#include "hub/integration.h"
#include "store/audit.h"

/* public_url without a trailing slash; SLICE_NONE: not set. */
struct slice webhook_public_url(const struct hub *h);
/* "https://hub.example/webhooks/ninjaone/<hook>" */
void webhook_address(const struct integration *it, struct slice base, struct str *ret);
/* Of a product that can send it in no other way, the secret as an argument of that address: from here on it is a secret. */
void webhook_add_secret(const struct integration *it, struct str *address);

/* Once, in a later turn. err NULL: done, and stored. ERR_CONFIG: no public_url; ERR_NOT_FOUND: this product's API cannot; else
 * the product's refusal, which is stored as well. `by` lives until the callback. */
typedef void webhook_cb(void *arg, const struct err *err);
void webhook_register(struct hub *h, struct integration *it, const struct audit_actor *by, webhook_cb *cb, void *arg);
void webhook_remove(struct hub *h, struct integration *it, const struct audit_actor *by, webhook_cb *cb, void *arg);

#endif
