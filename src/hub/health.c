/* hub/health.c - see health.h. */
#include "hub/health.h"

#include "hub/applier.h"
#include "hub/intake.h"
#include "hub/integration.h"

#include <stdio.h>

static struct health_check check(const char *name, bool good, const char *when_good, const char *when_bad)
{
    struct health_check c = {.name = name, .good = good};
    snprintf(c.detail, sizeof(c.detail), "%s", good ? when_good : when_bad);
    return c;
}

static struct health_check queue(const struct hub *h)
{
    usec_t age = applier_oldest_age(h->applier);
    struct health_check c = {.name = "queue", .good = age <= h->options->ready_queue_age};
    if (age == 0)
        snprintf(c.detail, sizeof(c.detail), "no delivery waits");
    else
        snprintf(c.detail, sizeof(c.detail), "the oldest delivery has waited %lld s%s", (long long)(age / USEC_PER_S),
                 c.good ? "" : ", longer than ready_queue_age");
    return c;
}

size_t health_checks(const struct hub *h, struct health_check *ret)
{
    size_t n = 0;
    ret[n++] = check("database", pg_pool_up(h->db), "connected", "not connected; see the option database and the log");
    ret[n++] =
        check("schema", h->schema_current, "current", "not checked yet, or older than this build: msphub migrate");
    ret[n++] = check("integrations", integrations_loaded(h->integrations), "loaded", "not loaded yet");
    ret[n++] = check("intake", !intake_full(h->intake), "takes webhooks",
                     "full: too many deliveries wait for their commit (intake_max_waiting, intake_max_bytes)");
    ret[n++] = queue(h);
    ret[n++] = check("draining", !h->draining, "no", "shutting down");
    return n;
}
