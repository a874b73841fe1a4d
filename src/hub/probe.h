/* hub/probe.h - testing a connection: runs a provider's probe machine with saved or unsaved settings. */
#ifndef MSPHUB_HUB_PROBE_H
#define MSPHUB_HUB_PROBE_H

#include "base/trace.h"
#include "hub/hub.h"
#include "hub/integration.h"

/* err == NULL: it works, and `remark` says what was found; else why not and how to mend it. With a saved integration (id > 0) what
 * was found is stored before the callback. Ends by options.health_timeout. Once, in a later turn; `it` may be let go at
 * once. `trace`: of the request that asks for it; copied. */
typedef void probe_cb(void *arg, const char *remark, const struct err *err);
void probe_run(struct hub *h, struct integration *it, const struct trace *trace, probe_cb *cb, void *arg);
/* The same as a scheduled check of a saved one: its next is planned with what was found. */
void probe_check(struct hub *h, struct integration *it, probe_cb *cb, void *arg);

#endif
