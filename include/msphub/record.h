/* msphub/record.h - what providers emit: provider-neutral records.
 * Text is borrowed and lives during the sink's call; SLICE_NONE means "the product did not say". Numbers that are not
 * known are I64_NONE, times USEC_NONE. Sizes are bytes, frequencies Hz, times microseconds since 1970 (UTC). */
#ifndef MSPHUB_RECORD_H
#define MSPHUB_RECORD_H

#include "base/clock.h"
#include "base/slice.h"

#define I64_NONE INT64_MIN

enum tri { TRI_UNKNOWN, TRI_NO, TRI_YES };

/* The names that the REST API shows stand beside the values in record_names (src/base/record.c). */
enum asset_type {
    ASSET_UNKNOWN,
    ASSET_WORKSTATION,
    ASSET_SERVER,
    ASSET_NETWORK_DEVICE,
    ASSET_MOBILE_DEVICE,
    ASSET_PRINTER
};
enum agent_status { AGENT_UNKNOWN, AGENT_ONLINE, AGENT_OFFLINE, AGENT_OVERDUE };
enum severity { SEVERITY_NONE, SEVERITY_MINOR, SEVERITY_MODERATE, SEVERITY_MAJOR, SEVERITY_CRITICAL };
enum alert_state { ALERT_TRIGGERED, ALERT_ACKNOWLEDGED, ALERT_RESOLVED };
enum backup_status {
    BACKUP_UNKNOWN,
    BACKUP_SUCCESS,
    BACKUP_WARNING,
    BACKUP_FAILED,
    BACKUP_INTERRUPTED,
    BACKUP_OVERDUE,
    BACKUP_RUNNING
};

enum record_kind {
    RECORD_ORGANIZATION,
    RECORD_LOCATION,
    RECORD_DEVICE,
    RECORD_FACET,       /* a part of a device that came by itself (a report's row) */
    RECORD_DEVICE_GONE, /* the product says so in words; never concluded from a list */
    RECORD_ALERT,
    RECORD_REFRESH,    /* read this device again (single sync); from webhooks that carry too little */
    RECORD_BACKUP_JOB, /* a backup plan on a machine, and how its latest run went */
    RECORD_NKINDS_
};

struct texts { /* a list of short texts */
    struct slice *v;
    size_t n;
};

struct record_organization {
    struct slice id, name, description;
};

struct record_location {
    struct slice id, organization_id, name, address;
};

struct record_device {
    struct slice id;              /* stable in this integration: never a name */
    struct slice alternate_id;    /* a second id under which webhooks or alerts may name it (Tactical's numeric id) */
    struct slice organization_id; /* SLICE_NONE: leave as it is; text of no length: it belongs to none */
    struct slice location_id;
    struct slice name;     /* what people call it: display name, else host name */
    struct slice hostname; /* as the operating system has it */
    struct slice dns_name;
    struct slice uid; /* the product's UUID of the machine, if any */
    enum asset_type type;
    struct slice product_class; /* the product's own word: WINDOWS_SERVER, NMS_SWITCH, … */
    enum agent_status status;
    struct slice agent_version;
    struct slice public_ip;
    struct slice description;
    struct texts ips, macs;
    enum tri approved, maintenance;
    usec_t created, last_seen;
};

enum facet {
    FACET_OS,
    FACET_SYSTEM,
    FACET_PROCESSORS, /* one record a processor; all of a device's together replace what is stored */
    FACET_VOLUMES,
    FACET_INTERFACES,
    FACET_ANTIVIRUS,
    FACET_LAST_USER,
    FACET_N_
};

struct facet_os {
    struct slice manufacturer, name, version, build, release, architecture, language;
    usec_t last_boot;
    enum tri needs_reboot;
};
struct facet_system {
    struct slice manufacturer, model, serial, bios_serial, uuid, domain, chassis;
    int64_t memory_bytes;
    enum tri virtual_machine;
};
struct facet_processor {
    struct slice name, architecture;
    int64_t cores, logical_cores, clock_hz;
};
struct facet_volume {
    struct slice name, label, device_type, file_system, serial;
    int64_t capacity_bytes, free_bytes;
    enum tri encrypted;
};
struct facet_interface {
    struct slice name, description, type, gateway, dns, speed, status;
    struct texts macs, ips;
};
struct facet_antivirus {
    struct slice product, state, definitions, version;
};
struct facet_last_user {
    struct slice name;
    usec_t logon;
};

struct record_facet {
    struct slice device_id;
    enum facet facet;
    bool none; /* the product answered, and the device has none: an empty list is stored */
    union {
        struct facet_os os;
        struct facet_system system;
        struct facet_processor processor;
        struct facet_volume volume;
        struct facet_interface interface;
        struct facet_antivirus antivirus;
        struct facet_last_user last_user;
    };
};

struct record_alert {
    struct slice series;    /* identity: the same through trigger, acknowledge, reset, poll and outbound reset */
    struct slice device_id; /* the device's id or alternate_id; SLICE_NONE: belongs to no device */
    struct slice organization_id;
    enum alert_state state;
    enum severity severity; /* SEVERITY_NONE in a later message never lowers a known one */
    bool severity_known;
    struct slice type;    /* the product's word: CONDITION_AGENT_CPU, availability … */
    struct slice subject; /* short */
    struct slice message;
    struct slice source;    /* the policy's condition, the check */
    usec_t triggered_at;    /* USEC_NONE when this message does not say */
    usec_t changed_at;      /* when this state was reached: orders messages about one series */
    struct slice change_id; /* breaks ties of changed_at: the product's activity id, digits compare as numbers */
    /* RESOLVED only: closes what is open and makes nothing. For products of which each poll tells the state of everything,
     * good or bad: what was never bad is no alert. */
    bool closes_only;
};

/* The latest run of a plan. The whole is said each time, but for the links: device and organization of SLICE_NONE stay. */
struct record_backup_job {
    struct slice id; /* stable in this integration, the alerts of the plan have it as their series */
    struct slice device_id;
    struct slice organization_id; /* as a device's */
    struct slice computer, plan, plan_id, plan_type;
    struct slice account, storage, agent_version;
    enum backup_status status;
    struct slice status_word; /* the product's own */
    usec_t last_start, next_start;
    struct slice duration;                             /* as the product words it */
    int64_t total_bytes, selected_bytes, copied_bytes; /* at the source, due in this run, sent */
    int64_t files_scanned, files_selected, files_copied, files_failed;
    struct slice message;
    int64_t stale_days; /* counts as stale when it is missing, or its next start is past, for longer than this */
};

struct record_ref { /* DEVICE_GONE, REFRESH */
    struct slice device_id;
    usec_t at; /* when it happened; USEC_NONE unknown */
};

struct record {
    enum record_kind kind;
    union {
        struct record_organization organization;
        struct record_location location;
        struct record_device device;
        struct record_facet facet;
        struct record_alert alert;
        struct record_ref ref;
        struct record_backup_job backup_job;
    };
};

/* Tables over the structs above: used to write JSON, to hash and to document. Order is the JSON's order. */
enum field_kind { FIELD_TEXT, FIELD_TEXTS, FIELD_I64, FIELD_TIME, FIELD_TRI, FIELD_ENUM };
struct record_field {
    const char *name; /* the name in JSON */
    enum field_kind kind;
    size_t offset;
    const char *const *names; /* ENUM */
};
struct record_shape {
    const char *name; /* "os", "processors", … */
    const struct record_field *fields;
    size_t n;
    bool list; /* a device has any number of them */
};
extern const struct record_shape record_device_shape;
extern const struct record_shape record_facet_shapes[FACET_N_];
extern const struct record_shape record_backup_job_shape;
extern const char *const asset_type_names[];
extern const char *const agent_status_names[];
extern const char *const severity_names[];
extern const char *const alert_state_names[];
extern const char *const backup_status_names[];

/* A facet's own struct inside the union. */
const void *record_facet_body(const struct record_facet *f);
/* Writes one object; what is not known is left out. */
struct jw;
void record_write(const struct record_shape *shape, const void *body, struct jw *w);

#endif
