/* hub.h - one hub: what every part of the domain is given. No globals: two hubs can run in one process. */
#ifndef MSPHUB_HUB_HUB_H
#define MSPHUB_HUB_HUB_H

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/options.h"
#include "reactor/http_client.h"
#include "reactor/loop.h"
#include "reactor/pg.h"
#include "reactor/worker.h"

struct access;             /* hub/access.h: API keys → tenant and role */
struct sign_ins;           /* hub/sign_in.h: passwords and codes on their way */
struct sessions;           /* hub/session.h: people who are signed in */
struct identity_providers; /* hub/identity_provider.h: whom tenants trust to say who somebody is */
struct issuers;            /* hub/issuer.h: what those publish */
struct bearers;            /* hub/bearer.h: their tokens → tenant and role */
struct oidcs;              /* hub/oidc.h: sign-in through those */
struct integrations;       /* hub/integration.h: configured integrations, cached */
struct intake;             /* hub/intake.h: webhooks in */
struct asset_upkeep;       /* hub/asset_upkeep.h: assets that wait to be merged; their history */
struct applier;            /* hub/applier.h: deliveries → inventory and alerts */
struct engine;             /* hub/engine.h: drives machines */
struct syncer;             /* hub/syncer.h: runs */
struct health_watch;       /* hub/health_watch.h: checks of integrations, the hub's own alerts */
struct actions;            /* hub/action.h: what products are made to do, and asked for */
struct connects;           /* hub/connect.h: accounts of products, connected in the browser */
struct ticket_desk;        /* hub/ticket.h: tickets that products are told of */
struct tenants;            /* hub/tenants.h: tenants, cached; their removal */

struct hub {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct options *options;
    struct pg_pool *db;
    struct http_client *client;
    const struct egress *egress;   /* which addresses may be called; for what is typed in */
    struct worker *worker;         /* for what burns CPU: password hashes */
    struct keyring *keyring;       /* NULL: no key configured, secrets cannot be stored */
    char process[33];              /* who we are in leases: random, per process */
    bool schema_current, draining; /* how far serve has come; health.c tells */

    struct access *access;
    struct sessions *sessions;
    struct identity_providers *identity_providers;
    struct issuers *issuers;
    struct bearers *bearers;
    struct sign_ins *sign_ins;
    struct oidcs *oidcs;
    struct integrations *integrations;
    struct intake *intake;
    struct applier *applier;
    struct asset_upkeep *assets;
    struct engine *engine;
    struct syncer *syncer;
    struct actions *actions;
    struct connects *connects;
    struct ticket_desk *tickets;
    struct tenants *tenants;
    struct health_watch *health;
};

#endif
