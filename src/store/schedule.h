/* store/schedule.h - schedules of an integration as they are stored: what people gave, and the plan that is made of it.
 * When a plan comes next is the database's to say (its migration says why); so what is stored of a cron expression are its numbers. */
#ifndef MSPHUB_STORE_SCHEDULE_H
#define MSPHUB_STORE_SCHEDULE_H

#include "base/cron.h"
#include "base/json_write.h"
#include "msphub/provider.h"
#include "reactor/pg.h"

#define SCHEDULES_MAX 16 /* of an integration */

struct schedule { /* texts are borrowed */
    struct slice name;
    enum sync_mode mode; /* FULL or INCREMENTAL */
    uint64_t kinds;
    usec_t interval; /* 0: by cron */
    struct slice cron, time_zone;
    struct cron when;
    usec_t splay; /* so much later at most, by the integration; cron only */
};
/* Two JSON arrays: as it is shown, and for the database's functions. */
void schedules_write(const struct schedule *v, size_t n, struct str *shown, struct str *plans);

/* --- kinds by name --- */
/* The kinds that a run can be asked for, in the order in which they are shown; ends with RECORD_NKINDS_. */
extern const enum record_kind sync_kinds[];
uint64_t sync_kind_named(struct slice name);           /* its SYNC_KIND bit; 0: none of that name */
void sync_kinds_write(uint64_t kinds, struct jw *w);   /* an array of names; null for SYNC_KINDS_ALL */
void sync_kinds_list(uint64_t kinds, struct str *ret); /* "devices, alerts" */

/* Result: (place from 1, what may be meant) of those that are no names of the IANA database. */
unsigned schedule_add_unknown_zones(struct pg_seg *s, const struct pg_array *names);

#endif
