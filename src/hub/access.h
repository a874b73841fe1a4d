/* hub/access.h - who is asking, and what they may; API keys → identity, with a cache that costs no query in the common case.
 * Owns:   a bounded cache by SHA-256 of the key; entries are dropped by NOTIFY msphub_api_key (payload: the prefix) in every
 *         process, and expire after a minute. While that cannot be heard, every check asks the database.
 * Always: keys are compared by hash only; a key that is unknown, expired or revoked is the same ERR_AUTH; a key that is good but
 *         not from this address is ERR_FORBIDDEN, and the audit log tells of it now and then. */
#ifndef MSPHUB_HUB_ACCESS_H
#define MSPHUB_HUB_ACCESS_H

#include "hub/hub.h"

enum access_role { ACCESS_PUBLIC, ACCESS_VIEWER, ACCESS_OPERATOR, ACCESS_ADMIN, ACCESS_PLATFORM };
extern const char *const access_role_names[]; /* "public", "viewer", …, NULL */

enum access_scope {
#define SCOPE(name, text) SCOPE_##name,
#include "hub/scopes.def"
#undef SCOPE
    SCOPE_NSCOPES_
};
#define ACCESS_ALL_SCOPES UINT64_MAX
extern const char *const access_scope_names[]; /* "self", "integrations:read", …, NULL */

enum access_kind { ACCESS_BY_KEY, ACCESS_BY_SESSION, ACCESS_BY_TOKEN };
#define ACCESS_LABEL_MAX 96
struct access_identity {
    enum access_kind kind;
    int64_t home_id;   /* the tenant whose credential it is */
    int64_t tenant_id; /* whose data it works on: home_id, or another one that the platform role has chosen */
    int64_t key_id;    /* ACCESS_BY_KEY; else 0 */
    int64_t user_id;   /* 0: no user stands behind it */
    enum access_role role;
    uint64_t scopes;              /* bit 1 << enum access_scope */
    char label[ACCESS_LABEL_MAX]; /* names it in logs and audit: "msp_ab12cd34", "ada@example.org" */
};
/* The role of this name that a credential can have; ACCESS_PUBLIC: there is none. */
enum access_role access_role_read(struct slice name);
/* A scope's bit; 0: there is none of this name. "self" needs not to be given. */
uint64_t access_scope_bit(struct slice name);
/* All in a text with commas; names that are not known (any more) open nothing. SLICE_NONE: ACCESS_ALL_SCOPES. */
uint64_t access_scopes_read(struct slice names);
/* Role and scope together. */
bool access_may(const struct access_identity *who, enum access_role role, enum access_scope scope);

struct access *access_new(struct hub *h);
void access_free(struct access *a); /* after the database pool, whose callbacks it serves */
/* `key`: as sent, from "Authorization: Bearer …" or X-API-Key; `address`: the client's. Callback once, in a later turn; ERR_AUTH,
 * ERR_FORBIDDEN (the address), ERR_UNAVAILABLE. */
typedef void access_cb(void *arg, const struct access_identity *who, const struct err *e);
void access_check(struct access *a, struct slice key, struct slice address, access_cb *cb, void *arg);
/* The common case without a turn: true when the cache knows the key and it may be used from there (then *ret is filled). */
bool access_cached(struct access *a, struct slice key, struct slice address, struct access_identity *ret);
/* The key of this prefix was changed here: it is asked for again at once, as in the other processes when they hear of it. */
void access_forget(struct access *a, struct slice prefix);

#endif
