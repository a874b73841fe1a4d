/* hub/action_cache.h - answers of reads, for a while.
 * Owns:   copies, wiped when they go: a remote link is a secret. Bounded by bytes; the least recently used goes first.
 * Always: the key holds the version of the settings, so that an edit ends what was kept. */
#ifndef MSPHUB_HUB_ACTION_CACHE_H
#define MSPHUB_HUB_ACTION_CACHE_H

#include "base/clock.h"
#include "base/crypto.h"
#include "base/metrics.h"

struct action_cache;
struct action_cache *action_cache_new(struct metric *bytes); /* a gauge that is kept up to date */
void action_cache_free(struct action_cache *c);
/* An answer larger than `most` is not kept, and others go until it fits. `device`: of this one, for action_cache_drop. */
void action_cache_put(struct action_cache *c, const uint8_t key[SHA256_LEN], int64_t integration_id,
                      struct slice device, struct slice json, usec_t at, size_t most);
/* False: none. The text lives until the cache is changed. */
bool action_cache_get(struct action_cache *c, const uint8_t key[SHA256_LEN], struct slice *ret_json, usec_t *ret_at);
/* Something was done to this device: what was said of it before is old. */
void action_cache_drop(struct action_cache *c, int64_t integration_id, struct slice device);

#endif
