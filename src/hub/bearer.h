/* hub/bearer.h - bearer tokens of configured issuers → identity, with a cache that costs a hash in the common case.
 * Why:    programs and people who have a token of the tenant's identity provider need no key of ours.
 * Owns:   a bounded cache by SHA-256 of the token. An entry lives until the token expires and a minute at most, and all go when an
 *         identity provider or an issuer's keys change; none is used while such changes cannot be heard of.
 * Always: issuer and audience decide whose the token is (no two tenants share both); a token whose audiences belong to several
 *         providers is refused; nothing of the token is believed before its signature held. */
#ifndef MSPHUB_HUB_BEARER_H
#define MSPHUB_HUB_BEARER_H

#include "hub/access.h"

struct bearers *bearers_new(struct hub *h);
void bearers_free(struct bearers *b); /* after the identity providers and the issuers, whose callbacks it serves */

bool bearer_shaped(struct slice token); /* looks like a JWT: an API key never does */
bool bearer_cached(struct hub *h, struct slice token, struct access_identity *ret);
/* Callback once, in a later turn. ERR_AUTH: not to be believed; ERR_FORBIDDEN: believed, but it maps to no role; ERR_UNAVAILABLE:
 * the issuer or the database cannot be asked. */
void bearer_check(struct hub *h, struct slice token, access_cb *cb, void *arg);

#endif
