/* api/health.c - what supervisors and Prometheus ask: /livez (the loop turns), /readyz (work can be taken), /metrics.
 * Always: none of them touches the database or tells anything secret. */
#include "hub/health.h"
#include "api/api.h"
#include "version.h"

void op_livez(struct api_call *c)
{
    http_reply(c->req, 200, "text/plain; charset=utf-8", SLICE("ok\n"));
}

/* 200 when every check is good, else 503; ?verbose lists them. */
void op_readyz(struct api_call *c)
{
    struct health_check checks[HEALTH_MAX_CHECKS];
    size_t n = health_checks(c->hub, checks);
    _cleanup_(str_release) struct str out = {0};
    bool ready = true;
    for (size_t i = 0; i < n; i++) {
        ready = ready && checks[i].good;
        str_addf(&out, "[%c] %s: %s\n", checks[i].good ? '+' : '-', checks[i].name, checks[i].detail);
    }
    struct slice verbose;
    if (!http_request_arg(c->req, "verbose", &verbose) && ready)
        str_clear(&out);
    str_adds(&out, ready ? "ready\n" : "not ready\n");
    http_reply(c->req, ready ? 200 : 503, "text/plain; charset=utf-8", str_slice(&out));
}

void op_metrics(struct api_call *c)
{
    _cleanup_(str_release) struct str out = {0};
    struct slice accept = http_request_header(c->req, "Accept");
    bool open = accept.n && memmem(accept.p, accept.n, "application/openmetrics-text", 28);
    metrics_write(c->hub->metrics, open ? METRICS_OPENMETRICS : METRICS_TEXT_004, &out);
    http_reply(c->req, 200,
               open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                    : "text/plain; version=0.0.4; charset=utf-8",
               str_slice(&out));
}

void op_version(struct api_call *c)
{
    api_reply_json(c, 200, SLICE("{\"name\":\"msphub\",\"version\":\"" MSPHUB_VERSION "\"}"));
}
