/* ninja/write.h - NinjaOne's JSON: devices, alerts, activities and the rows of reports.
 * Always: absent is left out, never null; times are epoch seconds, with nine decimals in REST and as short as possible in webhooks. */
#ifndef SIM_NINJA_WRITE_H
#define SIM_NINJA_WRITE_H

#include "base/json_write.h"
#include "fleet.h"

enum ninja_write_flag {
    NW_HOOK = 1 << 0,     /* the webhook's spelling of times */
    NW_DETAILED = 1 << 1, /* a device with its facets */
    NW_REF_ORG = 1 << 2,  /* references.organization */
    NW_REF_LOCATION = 1 << 3,
    NW_DEVICE = 1 << 4,   /* an activity carries its device */
    NW_REPORT = 1 << 5,   /* a row of a report: with deviceId and timestamp */
    NW_BITLOCKER = 1 << 6 /* volumes: include=bl */
};

void nw_time(struct jw *w, const char *key, usec_t t, unsigned flags);
void nw_org(struct jw *w, const struct ninja_org *o, bool detailed, const struct ninja_fleet *f);
void nw_location(struct jw *w, const struct ninja_location *l, bool with_org);
void nw_device(struct jw *w, const struct ninja_fleet *f, const struct ninja_core *core, unsigned flags);
void nw_alert(struct jw *w, const struct ninja_fleet *f, const struct ninja_alert *a);
void nw_activity(struct jw *w, const struct ninja_fleet *f, const struct ninja_activity *a, unsigned flags);

struct ninja_report {
    const char *name; /* of /v2/queries/<name> and, where there is one, of /v2/device/{id}/<name> */
    unsigned (*rows)(const struct ninja_fleet *f, const struct ninja_core *core); /* of one device; cheap */
    void (*write)(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row,
                  unsigned flags);
    /* When what the row tells of was installed; NULL: the report knows no such filter. */
    usec_t (*installed)(const struct ninja_device *d, unsigned row);
    int64_t min_page;      /* what pageSize may be at least */
    bool pages_of_devices; /* pageSize counts devices, not rows */
    bool cursor_optional;  /* no cursor when everything fits on one page */
};
extern const struct ninja_report ninja_reports[];
extern const size_t ninja_nreports;
const struct ninja_report *ninja_report(struct slice name); /* NULL */
/* Custom fields (custom.c): all of a device that have a value, as a list or as an object's members. */
void nw_custom_list(struct jw *w, const struct ninja_fleet *f, const struct ninja_core *core);
void nw_custom_members(struct jw *w, const struct ninja_core *core);
/* The facets that a detailed device shows as well. */
void nw_os(struct jw *w, const struct ninja_device *d, unsigned flags);
void nw_system(struct jw *w, const struct ninja_device *d);
void nw_processor(struct jw *w, const struct ninja_device *d);
void nw_volume(struct jw *w, const struct ninja_fleet *f, const struct ninja_device *d, unsigned row, unsigned flags);
unsigned ninja_nvolumes(const struct ninja_fleet *f, const struct ninja_core *core);

#endif
