/* hub/health_status.h - what a probe or a run found, and what it means for the integration's status.
 * States (column status): configured -> active | error; active <-> error; any -> configured by an edit.
 * Rules:  refused credentials, a missing right, settings that cannot work: an error at once. What may pass by itself (no answer, 5xx,
 *         throttled, a page for data): an error after options.health_failures in a row; until then the status stays and its
 *         message says what happened. Whether the product can be called is one thing, what it gives to a run another: a probe
 *         that succeeds takes back the first alone, so that a status does not swing between a good probe and a failing sync.
 * Always: a finding counts for the version of the settings that was tried. */
#ifndef MSPHUB_HUB_HEALTH_STATUS_H
#define MSPHUB_HUB_HEALTH_STATUS_H

#include "hub/hub.h"
#include "hub/integration.h"

#include <limits.h>

enum health_weight {
    HEALTH_GOOD,
    HEALTH_NEUTRAL, /* it says nothing of the product: we stopped, the settings were edited */
    HEALTH_PASSING,
    HEALTH_LASTING
};
enum health_weight health_weigh(const struct err *e); /* NULL: good */

struct health_finding {
    const struct integration *it;
    bool run;              /* else a probe */
    const struct err *err; /* NULL: it works */
    const char *message;   /* what to say of one that works all the same; NULL: nothing */
};
#define HEALTH_NOTHING_FOUND UINT_MAX
/* The statement; HEALTH_NOTHING_FOUND when nothing was added, since it says nothing. */
unsigned health_add_finding(struct pg_seg *s, const struct hub *h, const struct health_finding *f);
/* After the commit: a transition is logged and counted. */
void health_tell(const struct hub *h, const struct integration *it, const struct pg_reply *r, unsigned stmt,
                 const char *message);
/* The same for one that was found otherwise. */
void health_tell_moved(const struct hub *h, const struct integration *it, struct slice before, struct slice now,
                       const char *message);

#endif
