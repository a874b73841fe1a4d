/* hub/health.h - can this process take work? Each check looks at memory only. */
#ifndef MSPHUB_HUB_HEALTH_H
#define MSPHUB_HUB_HEALTH_H

#include "hub/hub.h"

#define HEALTH_MAX_CHECKS 8
struct health_check {
    const char *name;
    bool good;
    char detail[96];
};
/* Fills up to HEALTH_MAX_CHECKS, returns how many. */
size_t health_checks(const struct hub *h, struct health_check *ret);

#endif
