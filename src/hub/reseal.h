/* hub/reseal.h - every sealed value anew under the keyring's current key, while hubs run.
 * Why:    a key that may be known to somebody must be put out of use without taking the service away.
 * How:    tenant by tenant, a batch of values in one transaction with its audit row; passes over everything until one finds
 *         nothing left to do, since hubs seal and renew meanwhile. The report is what that last pass has seen.
 * Always: a value is changed only where it still is the one that was read (store/sealed.h). It can be ended at any instant:
 *         what was committed stays, and the next time begins with what is left. */
#ifndef MSPHUB_HUB_RESEAL_H
#define MSPHUB_HUB_RESEAL_H

#include "base/crypto.h"
#include "reactor/loop.h"
#include "reactor/pg.h"
#include "store/audit.h"

#define RESEAL_MAX_SHOWN 1000

struct reseal_key { /* how many values name it */
    char *id;
    uint64_t n;
};
struct reseal_unopened {
    char *tenant, *what, *field, *why;
};
struct reseal_report {
    uint64_t resealed;       /* of all passes */
    struct reseal_key *keys; /* of the values that opened */
    size_t nkeys;
    uint64_t old;                     /* of these: not of the current key */
    struct reseal_unopened *unopened; /* the first RESEAL_MAX_SHOWN */
    uint64_t nunopened;
    bool interrupted; /* by reseal_stop: the counts are of a part */
};

struct reseal;
struct reseal_input {
    struct loop *loop;
    struct pg_pool *db;
    const struct keyring *keyring;
    const struct audit_actor *who;
    bool dry_run;                                                      /* one pass that changes nothing */
    void (*on_tenant)(void *arg, const char *slug, uint64_t resealed); /* after each tenant that had any */
    void (*done)(void *arg, const struct reseal_report *report,
                 const struct err *e); /* once; the report also with an error */
    void *arg;
};
struct reseal *reseal_start(const struct reseal_input *in);
void reseal_stop(struct reseal *r); /* ends it after the transaction under way */
void reseal_free(struct reseal *r); /* after done */

#endif
