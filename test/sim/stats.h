/* stats.h - what a product was asked, for tests to assert: calls by route and status, concurrency, bytes, refusals with reasons. */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include "base/clock.h"
#include "base/slice.h"
#include <uthash.h>

#define STATS_MAX_REFUSALS 200 /* kept one by one; counted without end */

struct stats_route {
    char *key; /* "GET /v2/devices" */
    uint64_t calls, bytes, by_class[6];
    UT_hash_handle hh;
};

struct stats_refusal {
    char *call, *reason;
    int status;
    usec_t at;
};

struct stats {
    uint64_t calls, bytes, faults, gone, refused;
    unsigned open, max_open;
    struct stats_route *routes;
    struct stats_refusal refusals[STATS_MAX_REFUSALS];
};

void stats_begin(struct stats *s);
/* `played`: a fault made this answer, so that it is no refusal. `reason` NULL: what was asked for was there once and is gone; that
 * is no refusal either, for a client cannot know. */
void stats_end(struct stats *s, const char *method, const char *route, struct slice path, int status, size_t bytes,
               bool played, const char *reason, usec_t at);
void stats_clear(struct stats *s); /* what is open stays */
struct jw;
void stats_write(const struct stats *s, struct jw *w); /* into the open object */

#endif
