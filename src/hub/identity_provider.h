/* hub/identity_provider.h - whom the tenants trust to say who somebody is, in memory.
 * Why:    a bearer token tells nothing but its issuer and its audience; whose it is must be known without a query.
 * Owns:   a snapshot of every enabled provider of the active tenants, by tenant and name, by tenant and id, by issuer and audience.
 * Always: what is asked for after a change was heard of (NOTIFY msphub_identity_provider) waits for the new snapshot, so a
 *         provider that was switched off is used no more; a snapshot older than a minute is read again, and so is
 *         any while notices cannot be heard. A provider that someone holds never changes. */
#ifndef MSPHUB_HUB_IDENTITY_PROVIDER_H
#define MSPHUB_HUB_IDENTITY_PROVIDER_H

#include "base/json_read.h"
#include "hub/access.h"

struct identity_provider {
    int64_t tenant_id, id;
    struct slice tenant_slug, name, display_name, issuer;
    struct slice client_id;       /* SLICE_NONE: none */
    struct secret *client_secret; /* NULL: a public client, or not to be opened */
    bool secret_unusable;         /* there is one that no key opens */
    const struct slice *scopes, *audiences, *email_domains;
    size_t nscopes, naudiences, nemail_domains;
    struct slice role_claim;
    const struct json *role_map;   /* an object */
    enum access_role default_role; /* ACCESS_PUBLIC: none */
    bool sign_in, bearer;
    struct arena *arena; /* of all the above */
    unsigned refs;
};
struct identity_provider *identity_provider_ref(struct identity_provider *p);
void identity_provider_unref(struct identity_provider *p); /* NULL is allowed */

struct identity_providers *identity_providers_new(struct hub *h);
void identity_providers_free(struct identity_providers *s); /* after the database pool, whose callbacks it serves */

/* Once, in a later turn: what the look-ups below find is up to date in the callback. ERR_UNAVAILABLE, ERR_CANCELED. */
typedef void identity_providers_cb(void *arg, const struct err *e);
void identity_providers_ready(struct identity_providers *s, identity_providers_cb *cb, void *arg);
/* Borrowed for this turn; NULL: none. */
struct identity_provider *identity_provider_by_name(const struct identity_providers *s, struct slice tenant_slug,
                                                    struct slice name);
struct identity_provider *identity_provider_by_id(const struct identity_providers *s, int64_t tenant_id, int64_t id);
struct identity_provider *identity_provider_by_audience(const struct identity_providers *s, struct slice issuer,
                                                        struct slice audience); /* takes bearer tokens */
/* After an edit in this process: what is asked for from now on waits for it, not for its notice. */
void identity_providers_changed(struct identity_providers *s);
/* Grows with each notice of a change: what was derived from another one is out of date. */
uint64_t identity_providers_epoch(const struct identity_providers *s);
/* Are changes heard of now? Else what was decided by a provider may be over: each who asks waits for a read. */
bool identity_providers_heard(const struct identity_providers *s);

/* The highest role that the claims map to, else the default; ACCESS_PUBLIC: none. Never above ACCESS_ADMIN. */
enum access_role identity_provider_role(const struct identity_provider *p, const struct json *claims);
/* May an address of this domain sign in? */
bool identity_provider_takes_email(const struct identity_provider *p, struct slice email);

/* --- making snapshots (hub/identity_provider_snapshot.c) --- */
struct identity_provider_row;
struct identity_provider *identity_provider_from_row(const struct hub *h, const struct identity_provider_row *row);
/* A claim by its name, or by a JSON pointer (RFC 6901) when it begins with '/'. NULL: there is none. */
const struct json *identity_claim(const struct json *claims, struct slice name);

#endif
