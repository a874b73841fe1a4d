/* hub/intake_metrics.h - msphub_deliveries_total{provider,outcome}, with the handles at hand. */
#ifndef MSPHUB_HUB_INTAKE_METRICS_H
#define MSPHUB_HUB_INTAKE_METRICS_H

#include "base/metrics.h"
#include "msphub/provider.h"

enum delivery_event {
    DELIVERY_ACCEPTED,     /* committed, and new */
    DELIVERY_DUPLICATE,    /* was there already */
    DELIVERY_UNAUTHORIZED, /* wrong secret */
    DELIVERY_INVALID,      /* not JSON */
    DELIVERY_REFUSED,      /* 503: overload, database away */
    DELIVERY_DONE,
    DELIVERY_IGNORED, /* understood, nothing to do */
    DELIVERY_UNKNOWN, /* a type that the provider does not know */
    DELIVERY_RETRIED,
    DELIVERY_DEAD,
    DELIVERY_HELD, /* its integration was disabled meanwhile */
    DELIVERY_NEVENTS_
};

struct delivery_metrics;
struct delivery_metrics *delivery_metrics_new(struct metrics *m);
void delivery_metrics_free(struct delivery_metrics *d);
void delivery_metrics_add(struct delivery_metrics *d, const struct provider *p, enum delivery_event ev,
                          double n); /* p may be NULL */

#endif
