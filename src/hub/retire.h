/* hub/retire.h - may absence from a list have a consequence?
 * Why:    law 3, nothing falsely deleted. A list that was read to its end can still be wrong: a filter somebody set in the
 *         product, a revoked permission, a half-migrated tenant. What is missing beyond a share of the fleet is a question
 *         for a person, not an answer. */
#ifndef MSPHUB_HUB_RETIRE_H
#define MSPHUB_HUB_RETIRE_H

#include "store/run.h"

struct retire_rules {
    int64_t after;         /* complete lists without a device before it is retired */
    int64_t brake_percent; /* of the integration's devices */
    bool keeps_devices;    /* absence is marked, never a retirement */
};
struct retire_decision {
    bool count;  /* the absences count */
    bool retire; /* and retire, from the `after`-th on */
    bool braked;
    char why[320]; /* when braked: for the run and the integration */
};
/* Up to so many devices may go at once whatever the share: a fleet of ten loses one in a normal week. */
#define RETIRE_SMALL 5

/* `a` was measured after a list that was proven complete. */
void retire_decide(const struct run_absence *a, const struct retire_rules *rules, struct retire_decision *ret);

#endif
