/* hub/health.c - see health.h. */
#include "hub/health.h"

#include "hub/integration.h"

#include <stdio.h>

static struct health_check check(const char *name, bool good, const char *when_good, const char *when_bad)
{
    struct health_check c = {.name = name, .good = good};
    snprintf(c.detail, sizeof(c.detail), "%s", good ? when_good : when_bad);
    return c;
}

size_t health_checks(const struct hub *h, struct health_check *ret)
{
    size_t n = 0;
    ret[n++] = check("database", pg_pool_up(h->db), "connected", "not connected; see the option database and the log");
    ret[n++] =
        check("schema", h->schema_current, "current", "not checked yet, or older than this build: msphub migrate");
    ret[n++] = check("integrations", integrations_loaded(h->integrations), "loaded", "not loaded yet");
    ret[n++] = check("draining", !h->draining, "no", "shutting down");
    return n;
}
