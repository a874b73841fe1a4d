/* hub/applier_internal.h - shared by applier.c (claims), applier_group.c (one integration's deliveries of a claim) and
 * applier_upkeep.c (the inbox's housekeeping). */
#ifndef MSPHUB_HUB_APPLIER_INTERNAL_H
#define MSPHUB_HUB_APPLIER_INTERNAL_H

#include "base/mem.h"
#include "hub/applier.h"
#include "hub/intake_metrics.h"
#include "hub/integration.h"
#include "hub/paused.h"
#include "store/delivery.h"

struct group;
struct record_set;
TAILQ_HEAD(groups, group);

struct item { /* a claimed delivery; texts in the claim's arena */
    int64_t id, attempts;
    usec_t received_at;
    struct slice body;
    const char *status; /* NULL: to be decoded */
    const char *error;
    enum delivery_event event;
};

struct claim {
    struct applier *a; /* NULL: the applier is gone, what is still called back only frees */
    unsigned stmt;     /* of the claim, in its segment */
    struct arena *arena;
    struct item *items;
    struct groups waiting, running;
    usec_t began;
    bool full, asking; /* asking: the claim itself is under way */
    TAILQ_ENTRY(claim) link;
};
TAILQ_HEAD(claims, claim);

struct upkeep;

struct applier {
    struct hub *h;
    enum { APPLIER_NEW, APPLIER_RUNNING, APPLIER_DRAINING } state;
    struct claims claims;
    unsigned nclaims;
    bool again; /* woken while every worker was busy */
    bool late;  /* the last claim found deliveries older than PATIENCE */
    struct timer poll, rest;
    usec_t rest_until;
    struct deferred drained;
    void (*done)(void *arg);
    void *done_arg;
    struct upkeep *upkeep;
    struct delivery_metrics *counts;
    struct metric_family *alerts;
    struct histogram *latency;
};

#define MAX_RANGES 16 /* 2^14 deliveries can be halved down to one */
struct range {
    size_t from, to;
};

/* The deliveries of one integration in a claim, applied range by range. */
struct group {
    struct claim *claim;
    int64_t tenant_id, integration_id;
    struct integration *it;
    struct paused *skips; /* NULL: nothing */
    struct item *items;
    size_t n;
    enum { GROUP_NEW, GROUP_LOOKUP, GROUP_DECODE, GROUP_APPLY, GROUP_MARK } state;
    struct deferred step;
    struct range ranges[MAX_RANGES]; /* what waits, the next one last */
    size_t nranges;
    struct range now; /* the range in work */
    size_t next;      /* to be decoded */
    struct record_set *records;
    double alert_states[3];
    struct slice *refresh; /* devices to read again after the commit */
    size_t nrefresh, refresh_cap;
    struct item *current; /* being decoded */
    size_t emitted;       /* records taken from it */
    TAILQ_ENTRY(group) link;
};

/* A group ends by claim_group_ended, after which it is gone. */
struct group *group_new(struct claim *c, int64_t tenant_id, int64_t integration_id, struct item *items, size_t n);
void group_start(struct group *g);
void group_free(struct group *g);      /* not started, or ended */
bool group_is_called(struct group *g); /* a callback will come; false: it was waiting for a turn and may be freed */
void claim_group_ended(struct claim *c, struct group *g);

struct upkeep *upkeep_new(struct hub *h);
void upkeep_free(struct upkeep *u);
usec_t upkeep_oldest_age(const struct upkeep *u);
void upkeep_start(struct upkeep *u, void (*released)(void *arg),
                  void *arg); /* released: held deliveries became pending */

#endif
