/* msp360.h - inside the MSP360 provider: rows as the API sends them, and what becomes of them.
 * The API has GETs, the login, and calls that destroy backups; the latter are not here, and no call of this folder writes. */
#ifndef MSPHUB_PROVIDER_MSP360_MSP360_H
#define MSPHUB_PROVIDER_MSP360_MSP360_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define MSP360 "MSP360"

/* --- rows --- */
struct msp_company {
    struct slice id, name;
};

struct msp_app { /* of a computer: "backup", "ra" */
    struct slice id, version;
    enum tri online;
};

struct msp_computer {
    struct slice hid, name, display_name, os, company, user, user_id, profile;
    struct slice error_code, message; /* in place of all others: the answer for one that is not there */
    int64_t version[4];
    usec_t last_activity;
    struct map_list apps;
};

struct msp_plan { /* a row of /api/Monitoring: the latest run of a plan */
    struct slice plan, plan_id, company, user, user_id, computer, hid, version, storage, status, type, message,
        duration;
    usec_t last_start, next_start;
    int64_t total_bytes, selected_bytes, copied_bytes, files_scanned, files_selected, files_copied, files_failed;
};

struct msp_user {
    struct slice id, login, first_name, last_name, company;
};

struct msp_license {
    struct slice id, number, type, computer, user, user_id;
    enum tri taken, trial;
    usec_t expires;
};

extern const struct map msp_company_map, msp_computer_map, msp_plan_map, msp_user_map, msp_license_map;

/* --- names.c: what is linked by name only --- */
#define MSP_NAMES_MAX 200000
struct msp_name {
    char *name, *id;
};
struct msp_names {
    struct msp_name *v;
    size_t n, cap;
    bool sorted, overfull;
};
enum msp_found {
    MSP_NONE,
    MSP_ONE,
    MSP_SEVERAL, /* different ids have this name: it says nothing */
    MSP_UNSURE   /* the list could not be read to its end */
};
/* Names compare trimmed and, for ASCII letters, without case. `scope` (may be SLICE_NONE) is compared as well. */
void msp_names_add(struct msp_names *p, struct slice scope, struct slice name, struct slice id);
enum msp_found msp_names_find(struct msp_names *p, struct slice scope, struct slice name, struct slice *ret_id);
/* Calls back with each id whose name another id has as well. */
void msp_names_doubled(struct msp_names *p, void (*cb)(void *arg, const struct msp_name *n), void *arg);
void msp_names_clear(struct msp_names *p);

/* --- rows → records --- */
#define MSP_ID_MAX 80
/* A GUID without braces in small letters; what has another form as it is. Too long for the buffer: SLICE_NONE. */
struct slice msp_id(struct slice s, char buf[MSP_ID_MAX]);
void msp_emit_company(const struct msp_company *c, const struct sink *sink);
/* `hid` is the computer's id; organization as in record_device. */
void msp_emit_computer(const struct msp_computer *c, struct slice hid, struct slice organization,
                       const struct sink *sink);
/* What identifies a plan: user, computer, plan, each by id where the server sends one, else by name. False: nothing does. */
bool msp_plan_key(const struct msp_plan *p, struct str *ret);
struct msp_links { /* of a plan's row */
    struct slice key, device, organization;
};
void msp_emit_job(const struct msp_plan *p, const struct msp_links *l, int64_t stale_days, const struct sink *sink);
struct msp_alerting {
    bool warnings;      /* overdue plans and warnings open alerts */
    int64_t stale_days; /* so long without a run does */
    usec_t now;         /* when this was read */
};
/* Opens, closes, or says nothing: for the plan's latest run, and for a plan that has not run for days although nothing else is
 * said of it. */
void msp_emit_alerts(const struct msp_plan *p, const struct msp_links *l, const struct msp_alerting *a,
                     const struct sink *sink);
void msp_emit_user(const struct msp_user *u, struct slice organization, const struct sink *sink);
void msp_emit_license(const struct msp_license *l, struct slice device, const struct sink *sink);

/* --- machines and calls --- */
bool msp_base_url(const struct settings *s, struct str *ret, struct err *e);
void msp_explain(const struct task *t, const struct machine_reply *r, struct err *e);
/* Failures that end the run, as opposed to one list that cannot be had. */
bool msp_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e);
struct msp_error { /* the product's own words, in the arena */
    struct slice code, message;
};
void msp_error_read(const struct machine_reply *r, struct arena *a, struct msp_error *ret);
/* {"ErrorCode":-6,…}: one computer was asked for by its id, and the product says that there is none. */
bool msp_is_missing(struct slice error_code);

extern const struct machine_ops msp_authenticate_ops, msp_probe_ops, msp_sync_ops;

#endif
