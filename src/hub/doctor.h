/* hub/doctor.h - what is wrong with an integration, and how to mend it.
 * How:    the product is asked by the provider's doctor (else by its probe), and what the hub itself knows is laid beside it: its webhook,
 *         its credential, its runs, its organizations, its clock.
 * Always: each finding has a stable code, and a mend unless all is well; errors come first. Nothing is stored. */
#ifndef MSPHUB_HUB_DOCTOR_H
#define MSPHUB_HUB_DOCTOR_H

#include "base/trace.h"
#include "hub/integration.h"

#define DOCTOR_MAX_FINDINGS 100

extern const char *const finding_level_names[]; /* "ok", "warning", "error" */

/* Findings worst first; they live in the callback. `err`: the database is away, or the hub shuts down. Ends by
 * options.health_timeout. Once, in a later turn. `trace` NULL: none. */
typedef void doctor_cb(void *arg, const struct finding *v, size_t n, const struct err *err);
void doctor_run(struct hub *h, struct integration *it, const struct trace *trace, doctor_cb *cb, void *arg);

/* The address under which products and people reach this hub; `tell` is called at most once. */
void doctor_public_url(const struct hub *h, void (*tell)(void *arg, const struct finding *f), void *arg);

#endif
