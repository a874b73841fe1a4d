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
    RECORD_SOFTWARE,   /* one installed program of a device */
    RECORD_PATCH,      /* one update of a device: waiting, refused, failed or installed */
    RECORD_PERSON,     /* a contact or an end user */
    RECORD_GROUP,      /* of devices or of people */
    RECORD_MEMBER,     /* of a group; goes with GROUP */
    RECORD_LICENSE,
    RECORD_TICKET,
    RECORD_COMMENT, /* of a ticket; goes with TICKET */
    RECORD_ROOM,    /* in a location; goes with LOCATION */
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
    struct slice url; /* where the product's console shows it */
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
    FACET_HEALTH,        /* the product's own verdict and counts */
    FACET_CHECKS,        /* how its monitoring checks stand */
    FACET_CUSTOM_FIELDS, /* one record a field that has a value */
    FACET_MANAGEMENT,    /* enrolment, MDM, tags */
    FACET_SECURITY,
    FACET_ASSIGNMENT, /* whom it belongs to and where it stands, as the product has it */
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

struct facet_health {
    struct slice status, pending_reboot; /* the product's words; pending_reboot: why, SLICE_NONE when none waits */
    int64_t alerts, jobs, threats_active, threats_quarantined, threats_blocked;
    int64_t os_patches_pending, os_patches_failed, software_patches_pending, software_patches_failed;
    int64_t vulnerabilities_critical, vulnerabilities_high, vulnerabilities_medium, vulnerabilities_low;
};
struct facet_checks {
    int64_t total, passing, failing, warning, info;
};
struct facet_custom_field {
    struct slice name, type, value; /* value: text as it is, all else as its JSON; never a secret */
};
struct facet_management {
    struct slice asset_tag, barcode1, barcode2, site, management_id, enrollment_method;
    enum tri managed, supervised, mdm_capable, user_approved_mdm, automated_enrollment, declarative_management;
    usec_t enrolled, last_inventory, mdm_profile_expires;
};
struct facet_security {
    struct slice encryption, boot_volume_state, recovery_key, gatekeeper, sip, xprotect, firewall, secure_boot;
    int64_t boot_volume_percent;
    enum tri encrypted; /* the boot volume */
    enum tri activation_lock;
};
struct facet_assignment {
    struct slice username, name, email, phone, title, department, building, room;
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
        struct facet_health health;
        struct facet_checks checks;
        struct facet_custom_field custom_field;
        struct facet_management management;
        struct facet_security security;
        struct facet_assignment assignment;
    };
};

/* --- lists of a device --- */
/* Rows of one device follow each other; the list is the device's whole software as the product knows it at that time. What the
 * list lacks has been removed, once the device's rows are known to be whole: at the next device's first row in a list that the
 * product sorts by device, else when the kind is complete. */
struct record_software {
    struct slice device_id;
    bool none; /* the product answered, and the device has none */
    struct slice name, version, publisher, product_code, path;
    usec_t installed; /* a day at midnight UTC when the product says no time */
    int64_t size_bytes;
    enum tri system_component;
};

enum patch_family { PATCH_FAMILY_UNKNOWN, PATCH_OS, PATCH_SOFTWARE };
enum patch_status { PATCH_UNKNOWN, PATCH_PENDING, PATCH_APPROVED, PATCH_REJECTED, PATCH_FAILED, PATCH_INSTALLED };
/* A patch is (device, family, id). Products tell waiting and done ones in different lists: one that is in the list of its status
 * has that status; a later status of the same patch replaces the former. */
struct record_patch {
    struct slice device_id;
    bool none; /* the device was scanned, and no patch waits */
    enum patch_family family;
    struct slice id; /* the product's; else the KB number, else the title */
    struct slice title, kb;
    enum patch_status status;
    struct slice severity, type;      /* the product's words */
    usec_t installed_at, detected_at; /* detected: when the scan found it */
};

/* --- people and groups --- */
struct record_person {
    struct slice id; /* stable in this integration */
    struct slice organization_id;
    struct slice name, username, email, phone, mobile, title;
    struct slice url;
};

enum group_of { GROUP_OF_UNKNOWN, GROUP_OF_DEVICES, GROUP_OF_PEOPLE };
struct record_group {
    struct slice id;
    struct slice name; /* as it is shown: with the product's prefix where one is wanted */
    struct slice description, url, site;
    enum group_of of;
    enum tri smart;     /* by a rule of the product */
    bool members_known; /* MEMBER rows follow, and are all; else members are not looked at */
};
struct record_member {
    struct slice group_id;
    struct slice member_id; /* a device's or a person's id, by the group's `of` */
};

struct record_room {
    struct slice id, location_id, name;
};

/* --- licences --- */
struct record_license {
    struct slice id, number, type, computer, device_id, account, organization_id;
    enum tri taken, trial;
    usec_t expires;
};

/* --- tickets --- */
enum ticket_status { TICKET_UNKNOWN, TICKET_OPEN, TICKET_IN_PROGRESS, TICKET_WAITING, TICKET_RESOLVED, TICKET_CLOSED };
struct record_ticket {
    struct slice id, number; /* number: what people call it */
    struct slice organization_id, contact_id;
    struct slice subject, type, priority, status_word, assignee, url;
    enum ticket_status status;
    struct texts device_ids; /* v NULL: not said */
    usec_t created, changed, resolved, due;
};
struct record_comment {
    struct slice id, ticket_id;
    struct slice author, subject, body;
    enum tri hidden;        /* not shown to the customer */
    enum tri from_customer; /* written by the customer */
    usec_t created, changed;
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
        struct record_software software;
        struct record_patch patch;
        struct record_person person;
        struct record_group group;
        struct record_member member;
        struct record_room room;
        struct record_license license;
        struct record_ticket ticket;
        struct record_comment comment;
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
extern const struct record_shape record_software_shape, record_patch_shape, record_person_shape, record_group_shape;
extern const struct record_shape record_member_shape, record_room_shape, record_license_shape;
extern const struct record_shape record_ticket_shape, record_comment_shape;
extern const char *const asset_type_names[];
extern const char *const agent_status_names[];
extern const char *const severity_names[];
extern const char *const alert_state_names[];
extern const char *const backup_status_names[];
extern const char *const patch_family_names[];
extern const char *const patch_status_names[];
extern const char *const group_of_names[];
extern const char *const ticket_status_names[];

/* Of the kinds whose record is one flat struct (all from BACKUP_JOB on); NULL for the others. */
extern const struct record_shape *const record_kind_shapes[RECORD_NKINDS_];
/* What the kind is called in lists, messages and the API: "devices", "software". */
extern const char *const record_kind_words[RECORD_NKINDS_];
/* The id under which the record is told of: its own; the device's for parts of a device. */
struct slice record_id(const struct record *r);
/* The kind's struct inside the union. */
const void *record_body(const struct record *r);

/* A facet's own struct inside the union. */
const void *record_facet_body(const struct record_facet *f);
/* Writes one object; what is not known is left out. */
struct jw;
void record_write(const struct record_shape *shape, const void *body, struct jw *w);

#endif
