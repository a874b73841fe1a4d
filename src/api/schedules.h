/* api/schedules.h - kinds and schedules as callers write them. */
#ifndef MSPHUB_API_SCHEDULES_H
#define MSPHUB_API_SCHEDULES_H

#include "api/api.h"
#include "store/schedule.h"

/* A list of kinds that this provider has; absent or null: *ret stays. */
void api_kinds_read(const struct json *j, const struct provider *p, const char *pointer, uint64_t *ret,
                    struct api_faults *f);

struct api_schedules {
    bool given; /* the member is there */
    size_t n;   /* 0: by the interval */
    struct schedule v[SCHEDULES_MAX];
    struct slice shown, plans; /* JSON, in the call's arena; SLICE_NONE when n is 0 */
};
/* The member `schedules`. */
void api_schedules_read(struct api_call *c, const struct provider *p, struct api_schedules *ret, struct api_faults *f);
/* What only the database knows: are the time zones some? Then `then`; else it has replied 422. `s` lives as long as the call. */
void api_schedules_check(struct api_call *c, const struct api_schedules *s, void (*then)(struct api_call *c));

#endif
