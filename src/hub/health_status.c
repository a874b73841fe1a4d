/* hub/health_status.c - see health_status.h. */
#include "hub/health_status.h"

#include "store/health.h"

enum health_weight health_weigh(const struct err *e)
{
    switch (e ? e->code : ERR_NONE) {
    case ERR_NONE:
        return HEALTH_GOOD;
    case ERR_CANCELED:
    case ERR_CONFLICT: /* "the settings were changed meanwhile" */
        return HEALTH_NEUTRAL;
    case ERR_AUTH:
    case ERR_FORBIDDEN:
    case ERR_CONFIG:
    case ERR_INPUT:
    case ERR_NOT_FOUND:
        return HEALTH_LASTING;
    default:
        return HEALTH_PASSING;
    }
}

/* Would a probe have met it as well? */
static bool concerns_connection(const struct err *e)
{
    return e->code == ERR_AUTH || e->code == ERR_TIMEOUT || e->code == ERR_UNAVAILABLE || e->code == ERR_THROTTLED;
}

unsigned health_add_finding(struct pg_seg *s, const struct hub *h, const struct health_finding *f)
{
    enum health_weight weight = health_weigh(f->err);
    if (weight == HEALTH_NEUTRAL)
        return HEALTH_NOTHING_FOUND;
    return health_add_found(s, &(struct health_found){
                                   .tenant_id = f->it->tenant_id,
                                   .integration_id = f->it->id,
                                   .version = f->it->version,
                                   .good = weight == HEALTH_GOOD,
                                   .run = f->run && (!f->err || !concerns_connection(f->err)),
                                   .lasting = weight == HEALTH_LASTING,
                                   .patience = h->options->health_failures,
                                   .message = f->err       ? slice_cstr(f->err->what)
                                              : f->message ? slice_cstr(f->message)
                                                           : SLICE_NONE,
                               });
}

void health_tell_moved(const struct hub *h, const struct integration *it, struct slice before, struct slice now,
                       const char *message)
{
    if (slice_eq(before, now))
        return;
    char status[32] = "";
    memcpy(status, now.p, MIN(now.n, sizeof(status) - 1));
    struct metric_family *moves =
        metric_family(h->metrics, METRIC_COUNTER, "msphub_integration_status_changes_total",
                      "Integrations that this process found in another status.", "provider,status", NULL, 0);
    metric_with(moves, METRIC_L(it->provider ? it->provider->key : "unknown", status))->value++;
    LOG_(h->log, slice_is(now, "error") ? LOG_WARN : LOG_INFO, "integration.status", F_I64("tenant", it->tenant_id),
         F_STR("integration", it->key), F_SLICE("from", before), F_SLICE("to", now), F_STR("message", message));
}

void health_tell(const struct hub *h, const struct integration *it, const struct pg_reply *r, unsigned stmt,
                 const char *message)
{
    struct slice before, now;
    if (stmt != HEALTH_NOTHING_FOUND && health_read_found(r, stmt, &before, &now))
        health_tell_moved(h, it, before, now, message);
}
