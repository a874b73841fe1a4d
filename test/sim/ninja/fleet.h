/* ninja/fleet.h - the simulated NinjaOne tenant: organizations, locations, devices, alerts, activities.
 * Why:    100,000 devices must cost neither memory nor start-up time. Device `id` is a function of the seed and its id; only what
 *         was changed since is kept, in a hash of overrides.
 * Always: device ids run from NINJA_FIRST_ID upwards without reuse; activity ids ascend with time; the feed and the list of
 *         alerts have ceilings, past which the oldest go. */
#ifndef SIM_NINJA_FLEET_H
#define SIM_NINJA_FLEET_H

#include "../rng.h"
#include "base/clock.h"
#include "base/slice.h"
#include "base/str.h"
#include <sys/queue.h>
#include <uthash.h>

#define NINJA_FIRST_ID       1001
#define NINJA_MAX_ACTIVITIES 200000
#define NINJA_MAX_ALERTS     100000
#define NINJA_CUSTOM_FIELDS  9

/* The JSON shape of a device, and which reports it has rows in. */
enum ninja_kind { NK_AGENT, NK_VM_HOST, NK_VM_GUEST, NK_NMS_TARGET, NK_NMS_SERVER, NK_MDM, NK_CLOUD, NK_UNMANAGED };
enum ninja_os { NO_NONE, NO_WINDOWS, NO_WINDOWS_SERVER, NO_LINUX, NO_MAC };

struct ninja_class {
    const char *name;
    enum ninja_kind kind;
    enum ninja_os os;
    unsigned weight;    /* in the fleet past its first 33 devices */
    const char *prefix; /* of system names */
};
extern const struct ninja_class ninja_classes[];
extern const size_t ninja_nclasses;

struct ninja_org {
    int64_t id;
    char *name, *description;
    const char *mode; /* nodeApprovalMode */
    size_t first_location, nlocations;
};

struct ninja_location {
    int64_t id, org;
    char *name, *address;
};

/* What lists and filters look at. */
struct ninja_core {
    int64_t id, org, location;
    const struct ninja_class *class;
    const char *approval; /* "APPROVED" … */
    bool offline;
    int64_t role, policy;
    usec_t created;
    struct ninja_change *change; /* NULL: as generated */
};

#define NINJA_TEXT 160
struct ninja_device {
    struct ninja_core core;
    char uid[UUID_MAX];
    char system_name[NINJA_TEXT], display_name[NINJA_TEXT], dns_name[NINJA_TEXT]; /* display_name "": none */
    char serial[40], domain[32], user[NINJA_TEXT];
    char mac[2][18], ip[2][16], public_ip[16];
    unsigned nmacs;
    unsigned model, os, cpu; /* rows of the tables in facets.c */
    int64_t memory;
    unsigned nprocessors;
    bool virtual_machine, needs_reboot, bitlocker;
    usec_t last_contact, last_update, boot;
};

enum ninja_extra_kind { NX_VOLUME, NX_SOFTWARE, NX_PATCH };
struct ninja_extra {
    LIST_ENTRY(ninja_extra) link;
    enum ninja_extra_kind kind;
    char *name, *version;
    int64_t size;
    usec_t at;
};

struct ninja_change {
    int64_t id;
    bool deleted;
    char *system_name, *display_name, *serial, *user, *ip; /* NULL: as generated */
    int offline;                                           /* -1: as generated */
    int64_t org, location;                                 /* 0: as generated */
    const char *approval;                                  /* NULL */
    int64_t memory;                                        /* 0 */
    const struct ninja_class *class;                       /* NULL */
    usec_t created, touched;                               /* USEC_NONE */
    struct ninja_maintenance {
        bool set;
        usec_t start, end;
    } maintenance;
    char *custom[NINJA_CUSTOM_FIELDS]; /* JSON; NULL: as generated; "": none */
    LIST_HEAD(, ninja_extra) extras;
    UT_hash_handle hh;
};

struct ninja_alert {
    char uid[UUID_MAX];
    char config_uid[UUID_MAX];
    int64_t device;
    unsigned source; /* row of ninja_conditions */
    bool open, acknowledged;
    bool explicit_severity; /* the list prints severity and priority itself */
    const char *severity, *priority;
    char *message; /* NULL: the condition's own */
    char subject[64];
    usec_t created, updated;
    UT_hash_handle hh;
};

struct ninja_condition {
    const char *source_type, *name, *code, *message, *severity, *priority;
};
extern const struct ninja_condition ninja_conditions[];
extern const size_t ninja_nconditions;

struct ninja_activity {
    int64_t id, device, org; /* device 0: of the account; org 0: none */
    usec_t at;
    const char *type, *type_label; /* static */
    const char *code, *label;
    const char *result;                                 /* NULL */
    char series[UUID_MAX], config[UUID_MAX];            /* "": none */
    const char *severity, *priority;                    /* NULL: left out */
    const char *message, *subject, *source_name, *data; /* NULL: left out; data is JSON */
    int64_t user;                                       /* 0: none */
};

struct ninja_fleet {
    uint64_t seed;
    usec_t epoch;
    unsigned weights; /* sum over ninja_classes */
    struct ninja_org *orgs;
    size_t norgs, base_orgs;
    struct ninja_location *locations;
    size_t nlocations;
    int64_t next_device; /* ids below it exist or have existed */
    int64_t ndeleted;
    struct ninja_change *changes;
    struct ninja_alert *alerts;  /* by uid, in order of creation */
    struct ninja_activity *feed; /* ring of NINJA_MAX_ACTIVITIES, ascending ids */
    size_t feed_first, feed_n, feed_cap;
    int64_t next_activity;
    uint64_t alert_serial;
    unsigned software_items; /* of every agent; 0: some, as generated */
};

struct ninja_fleet *ninja_fleet_new(uint64_t seed, usec_t epoch, int64_t devices, int64_t orgs);
void ninja_fleet_free(struct ninja_fleet *f);

/* False: no such device (never was, or deleted). */
bool ninja_core(const struct ninja_fleet *f, int64_t id, struct ninja_core *ret);
void ninja_device(const struct ninja_fleet *f, const struct ninja_core *core, struct ninja_device *ret);
int64_t ninja_count(const struct ninja_fleet *f);
/* How many of a thing a device has, without making up the device. */
unsigned ninja_adapters(const struct ninja_fleet *f, const struct ninja_core *core);
unsigned ninja_sockets(const struct ninja_core *core);
unsigned ninja_base_volumes(const struct ninja_fleet *f, const struct ninja_core *core);
struct ninja_change *ninja_change(struct ninja_fleet *f, int64_t id); /* made when absent */
int64_t ninja_add_device(struct ninja_fleet *f);
unsigned ninja_extras(const struct ninja_core *core, enum ninja_extra_kind kind);
const struct ninja_extra *ninja_extra_at(const struct ninja_core *core, enum ninja_extra_kind kind, unsigned k);
void ninja_add_extra(struct ninja_fleet *f, int64_t id, enum ninja_extra_kind kind, struct slice name,
                     struct slice version, int64_t size, usec_t at);

bool ninja_drop_extra(struct ninja_fleet *f, int64_t id, enum ninja_extra_kind kind, struct slice name);

const struct ninja_org *ninja_org(const struct ninja_fleet *f, int64_t id);           /* NULL */
const struct ninja_location *ninja_location(const struct ninja_fleet *f, int64_t id); /* NULL */
int64_t ninja_add_org(struct ninja_fleet *f, struct slice name, const char *description, unsigned nlocations);
const struct ninja_class *ninja_class_named(struct slice name); /* NULL */

struct ninja_alert *ninja_alert(struct ninja_fleet *f, struct slice uid); /* open ones only; NULL */
struct ninja_alert *ninja_raise(struct ninja_fleet *f, int64_t device, unsigned source, usec_t at);
/* Leaves the list of the active ones. */
void ninja_close(struct ninja_fleet *f, struct ninja_alert *a);

/* A copy goes into the feed; texts are copied. The id is given here. Returns the one in the feed, valid until the next. */
const struct ninja_activity *ninja_feed_add(struct ninja_fleet *f, const struct ninja_activity *a);
const struct ninja_activity *ninja_feed_at(const struct ninja_fleet *f, size_t i); /* 0: the oldest kept */

/* records.c, for fleet.c alone. */
void ninja_seed_orgs(struct ninja_fleet *f, int64_t orgs);
void ninja_records_release(struct ninja_fleet *f);

#endif
