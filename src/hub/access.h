/* hub/access.h - who is asking: API keys → tenant and role, with a cache that costs no query in the common case.
 * Owns:   a bounded cache by SHA-256 of the key; entries are dropped by NOTIFY msphub_api_key (payload: the prefix) in every
 *         process, and expire after a minute.
 * Always: keys are compared by hash only; a key that is unknown, expired or revoked is the same ERR_AUTH. */
#ifndef MSPHUB_HUB_ACCESS_H
#define MSPHUB_HUB_ACCESS_H

#include "hub/hub.h"

enum access_role { ACCESS_PUBLIC, ACCESS_VIEWER, ACCESS_OPERATOR, ACCESS_ADMIN, ACCESS_PLATFORM };
extern const char *const access_role_names[]; /* "public", "viewer", …, NULL */

struct access_identity {
    int64_t tenant_id, api_key_id;
    enum access_role role;
    char prefix[16]; /* of the key: names it in logs */
};

struct access *access_new(struct hub *h);
void access_free(struct access *a);
/* `key`: as sent, from "Authorization: Bearer …" or X-API-Key. Callback once, in a later turn; ERR_AUTH, ERR_UNAVAILABLE. */
typedef void access_cb(void *arg, const struct access_identity *who, const struct err *e);
void access_check(struct access *a, struct slice key, access_cb *cb, void *arg);
/* The common case without a turn: true when the cache knows the key (then *ret is filled). */
bool access_cached(struct access *a, struct slice key, struct access_identity *ret);

#endif
