/* hub/intake_metrics.c - see intake_metrics.h. Owns: one table of handles, a row a provider of the registry and one for none. */
#include "hub/intake_metrics.h"

#include "base/mem.h"

#include <stdlib.h>

static const char *const names[DELIVERY_NEVENTS_] = {"accepted", "duplicate", "unauthorized", "invalid",
                                                     "refused",  "done",      "ignored",      "unknown",
                                                     "retried",  "dead",      "held"};

struct row {
    const struct provider *provider; /* NULL in the last one */
    struct metric *v[DELIVERY_NEVENTS_];
};

struct delivery_metrics {
    size_t n;
    struct row rows[];
};

struct delivery_metrics *delivery_metrics_new(struct metrics *m)
{
    size_t n = 0;
    while (provider_registry[n])
        n++;
    struct delivery_metrics *d = mem_zalloc(sizeof *d + (n + 1) * sizeof d->rows[0]);
    d->n = n + 1;
    struct metric_family *f = metric_family(m, METRIC_COUNTER, "msphub_deliveries_total",
                                            "Webhooks by what became of them.", "provider,outcome", NULL, 0);
    for (size_t i = 0; i < d->n; i++) {
        d->rows[i].provider = provider_registry[i];
        const char *key = i < n ? provider_registry[i]->key : "unknown";
        for (size_t ev = 0; ev < DELIVERY_NEVENTS_; ev++)
            d->rows[i].v[ev] = metric_with(f, METRIC_L(key, names[ev]));
    }
    return d;
}

void delivery_metrics_free(struct delivery_metrics *d)
{
    free(d);
}

void delivery_metrics_add(struct delivery_metrics *d, const struct provider *p, enum delivery_event ev, double n)
{
    size_t i = 0;
    while (i < d->n - 1 && d->rows[i].provider != p)
        i++;
    d->rows[i].v[ev]->value += n;
}
