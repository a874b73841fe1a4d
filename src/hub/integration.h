/* hub/integration.h - configured integrations as immutable snapshots, and the cache that intake reads.
 * Why:    a webhook's hook must be known without a query; a run must keep the settings it began with.
 * Owns:   one snapshot per integration of this database, by id and by hook; secrets unsealed in memory.
 * Always: a snapshot never changes; an edit makes a new one (LISTEN msphub_integration drops the old in every process).
 */
#ifndef MSPHUB_HUB_INTEGRATION_H
#define MSPHUB_HUB_INTEGRATION_H

#include "hub/hub.h"
#include "msphub/provider.h"
#include "store/integration.h"

struct integration {
    int64_t tenant_id, id, version;
    const struct provider *provider;
    char *name; /* "" for the first instance */
    char *key;  /* "ninjaone" or "ninjaone:name", as in REST */
    char *hook;
    char *base_url; /* from provider->base_url; NULL when the settings are not usable, then `unusable` says why */
    char *unusable;
    struct settings *settings;  /* NULL only when unusable */
    struct secret *hook_secret; /* NULL when none, or when no key opens it */
    struct {
        struct secret *secret;
        usec_t until;                     /* wall */
    } former[INTEGRATION_FORMER_SECRETS]; /* the newest first */
    bool enabled, tenant_suspended;
    usec_t sync_interval; /* USEC_NONE: the option's */
    struct texts paused;  /* organizations whose auto-sync is off, by their external ids */
    struct arena *texts;  /* NULL: there are none */
    unsigned refs;
};

struct integrations *integrations_new(struct hub *h);
void integrations_free(struct integrations *i); /* after the database pool, whose callbacks it serves */
/* Loads all; `done` once, when the cache is filled. A database that is away is asked again; any other error ends it. */
void integrations_start(struct integrations *i, void (*done)(void *arg, const struct err *e), void *arg);
bool integrations_loaded(const struct integrations *i); /* until then "not known here" means nothing */

/* From the cache; a reference is taken, give it back with integration_unref. NULL: not known here (yet). */
struct integration *integrations_by_hook(struct integrations *i, struct slice hook);
/* From the cache, else from the database. Callback in a later turn; `it` is borrowed (ref it to keep); err
 * ERR_NOT_FOUND. */
typedef void integration_cb(void *arg, struct integration *it, const struct err *e);
void integrations_get(struct integrations *i, int64_t tenant_id, int64_t id, integration_cb *cb, void *arg);
void integrations_get_by_key(struct integrations *i, int64_t tenant_id, struct slice key, integration_cb *cb,
                             void *arg);
void integrations_get_by_hook(struct integrations *i, struct slice hook, integration_cb *cb, void *arg);

/* After an edit in this process: the next read here sees it. Callback as of integrations_get; ERR_NOT_FOUND when it is
 * gone. */
void integrations_reload(struct integrations *i, int64_t tenant_id, int64_t id, integration_cb *cb, void *arg);
/* Other keys: what could not be opened may open now, and what could may not. */
void integrations_refresh(struct integrations *i);
/* Called for each change that this process hears of. One listener (the applier). */
void integrations_on_change(struct integrations *i, void (*cb)(void *arg), void *arg);

struct integration *integration_ref(struct integration *it);
void integration_unref(struct integration *it);

/* --- making snapshots (hub/integration_snapshot.c) --- */
struct integration *integration_from_row(const struct hub *h, const struct integration_row *row);
/* What a sealed value of an integration is bound to: "tenant/integration/field". */
#define INTEGRATION_CONTEXT_MAX 128
struct slice integration_context(char buf[INTEGRATION_CONTEXT_MAX], int64_t tenant_id, int64_t id, const char *field);
/* No provider's field has an '@'. store/sealed.def names them as well. */
#define INTEGRATION_FIELD_HOOK          "@hook_secret"
#define INTEGRATION_FIELD_ACCESS_TOKEN  "@access_token"
#define INTEGRATION_FIELD_REFRESH_TOKEN "@refresh_token"

#endif
