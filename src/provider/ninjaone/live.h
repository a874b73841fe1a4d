/* live.h - the answer of "live": what a single read says of a device, as one JSON object; its records go on to the hub. */
#ifndef MSPHUB_PROVIDER_NINJAONE_LIVE_H
#define MSPHUB_PROVIDER_NINJAONE_LIVE_H

#include "provider/ninjaone/ninjaone.h"

struct nin_live;
struct nin_live *nin_live_new(const struct sink *out);
void nin_live_free(struct nin_live *l);
const struct sink *nin_live_sink(struct nin_live *l);
/* A part that could not be read, and why. */
void nin_live_unavailable(struct nin_live *l, const char *what, const char *why);
void nin_live_finish(struct nin_live *l);

#endif
