/* ninjaone.h - inside the NinjaOne provider: rows as the API sends them, and what becomes of them.
 * Numbers of sections refer to doc/provider-ninjaone.md. */
#ifndef MSPHUB_PROVIDER_NINJAONE_NINJAONE_H
#define MSPHUB_PROVIDER_NINJAONE_NINJAONE_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define NINJAONE          "NinjaOne"
#define NIN_PATCH_HISTORY 90 /* days */

/* --- rows --- */
struct nin_reference { /* an organization or location named inside a device */
    struct slice id, name;
};

struct nin_device { /* basic shape: lists, webhooks */
    struct slice id, uid, organization_id, location_id, node_class, approval, display_name, system_name, dns_name,
        public_ip, maintenance;
    enum tri offline;
    usec_t created, last_contact;
    struct slice maintenance_start, maintenance_end; /* as they were written */
    struct texts ips, macs;
    struct nin_reference organization, location;
};

struct nin_os {
    struct slice device_id, manufacturer, name, architecture, build, release, language, locale;
    usec_t last_boot;
    enum tri needs_reboot;
};

struct nin_system {
    struct slice device_id, manufacturer, model, bios_serial, serial, asset_serial, domain, chassis;
    int64_t memory;
    enum tri virtual_machine;
};

struct nin_processor {
    struct slice device_id, name, architecture;
    int64_t cores, logical_cores, clock, max_clock;
};

struct nin_volume {
    struct slice device_id, name, drive_letter, label, device_type, file_system, serial;
    int64_t capacity, free;
    struct slice bitlocker;
};

struct nin_interface {
    struct slice device_id, adapter, name, type, gateway, dns, speed, status;
    struct texts ips, macs;
};

struct nin_antivirus {
    struct slice device_id, product, state, definitions, version;
};

struct nin_user {
    struct slice device_id, name;
    usec_t logon;
};

struct nin_software {
    struct slice device_id, name, version, publisher, code, location, installed; /* installed: a day, in any spelling */
    int64_t size;
    enum tri system_component;
};

struct nin_patch {                                                                /* of the system or of a program */
    struct slice device_id, id, name, title, kb, product, severity, impact, type; /* system: name, kb, severity */
    int status;                                                                   /* 0: a word we do not know */
    usec_t installed_at, timestamp;
};

struct nin_health {
    struct slice device_id, status, pending_reboot;
    int64_t alerts, jobs, threats_active, threats_quarantined, threats_blocked;
    int64_t os_pending, os_failed, software_pending, software_failed;
    int64_t critical, high, medium, low; /* vulnerabilities */
    enum tri offline;
};

struct nin_custom_value { /* a value is a text, a number, a boolean; or a list of texts; or an object with a text */
    struct slice name, value, inner;
    struct texts values;
};
struct nin_custom_fields {
    struct slice device_id;
    struct map_list fields; /* of struct nin_custom_value */
};
struct nin_custom_definition {
    struct slice name, type;
};

struct nin_organization { /* with its locations */
    struct record_organization organization;
    struct map_list locations; /* of struct record_location */
};

struct nin_host { /* what a virtualization host says of itself in place of os and system */
    struct slice vendor, model, service_tag, release, version, build;
    int64_t memory;
    usec_t last_boot;
};

/* One device with what its own record says; its volumes are read elsewhere, with their encryption. */
struct nin_device_full {
    struct nin_device device;
    struct slice kind; /* deviceType */
    struct nin_os os;
    struct nin_system system;
    struct map_list processors;
    struct nin_host host;
};

struct nin_alert {
    struct slice device_id, uid, organization_id, message, source_type, source_name, subject, condition_name;
    usec_t created, updated;
    int severity, priority; /* 0: not said, else enum severity + 1 */
};

struct nin_activity {
    struct slice id, device_id, series, type, status, source_name, subject, message;
    usec_t at;
    int severity, priority;
    struct nin_device device; /* device.id is SLICE_NONE when the activity carries none */
};

extern const struct map nin_organization_map; /* of struct nin_organization */
extern const struct map nin_device_map, nin_device_full_map;
extern const struct map nin_os_map, nin_system_map, nin_processor_map, nin_volume_map, nin_interface_map,
    nin_antivirus_map, nin_user_map, nin_health_map, nin_custom_fields_map, nin_custom_definition_map, nin_software_map,
    nin_patch_map, nin_alert_map, nin_activity_map;

/* The types of custom fields, by their names; without them every value is told as it comes. */
#define NIN_CUSTOM_TYPES_MAX 2000
struct nin_custom_types {
    struct nin_custom_type {
        uint64_t name; /* hash */
        char type[40]; /* "DATE_TIME" */
    } * v;
    size_t n, cap;
};
void nin_custom_types_add(struct nin_custom_types *t, const struct nin_custom_definition *d);
bool nin_custom_is_secret(struct slice type);
void nin_custom_types_release(struct nin_custom_types *t);

/* --- rows → records --- */
static inline struct slice nin_first_known(struct slice a, struct slice b)
{
    return a.n ? a : known(b);
}
void nin_emit_organization(const struct record_organization *o, const struct sink *sink);
void nin_add_console_url(struct str *url, struct slice console, struct slice device_id);
/* `console`: the address under which the product's console shows devices; SLICE_NONE: not known here. */
void nin_emit_device(const struct nin_device *d, struct slice console, const struct sink *sink);
void nin_emit_references(const struct nin_device *d, const struct sink *sink);
/* The device with its system, machine and processors; a virtualization host says them in words of its own. */
void nin_emit_full(const struct nin_device_full *d, struct slice console, const struct sink *sink);
/* enum severity + 1, or 0: of an alert's own words, else by its priority. */
int nin_severity(int severity, int priority);
void nin_emit_alert(const struct nin_alert *a, int severity, const struct sink *sink);

/* What a machine knows while it reads. */
struct nin_context {
    uint64_t kinds;     /* that are wanted */
    struct str console; /* where the product's console is */
    struct nin_custom_types types;
};
void nin_context_init(struct nin_context *c, const struct machine_input *in);
void nin_context_release(struct nin_context *c);
bool nin_wants(const struct nin_context *c, enum record_kind kind);

/* A report's row → its records; the row is of the report's map. */
typedef void nin_row_cb(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink);
nin_row_cb nin_emit_volume, nin_emit_interface, nin_emit_antivirus, nin_emit_user, nin_emit_health,
    nin_emit_custom_fields, nin_emit_software, nin_emit_os_patch, nin_emit_software_patch;
/* What a health row says of patches: a device that is online and has none waiting. */
void nin_emit_no_patches(struct slice device_id, const struct nin_health *h, const struct sink *sink);
void nin_emit_no_software(struct slice device_id, const struct sink *sink);
/* "The product answered: none." */
void nin_emit_no_facet(struct slice device_id, enum facet facet, const struct sink *sink);

/* --- activities --- */
enum nin_action { /* what an activity asks of us */
                  NIN_UNKNOWN,
                  NIN_IGNORE,
                  NIN_STRUCTURE, /* organizations or locations changed: list them again */
                  NIN_UPSERT,
                  NIN_GONE,
                  NIN_REFRESH,
                  NIN_TRIGGERED,
                  NIN_RESET,
                  NIN_ACKNOWLEDGED
};
/* What of a device an activity may have changed. */
enum nin_part {
    PART_DEVICE = 1 << 0, /* its record: name, place, system, machine, processors */
    PART_VOLUMES = 1 << 1,
    PART_INTERFACES = 1 << 2,
    PART_ANTIVIRUS = 1 << 3,
    PART_USER = 1 << 4,
    PART_HEALTH = 1 << 5,
    PART_FIELDS = 1 << 6,
    PART_SOFTWARE = 1 << 7,
    PART_OS_PATCHES = 1 << 8,
    PART_SOFTWARE_PATCHES = 1 << 9,
    PART_HARDWARE = PART_DEVICE | PART_VOLUMES | PART_INTERFACES,
    PART_ALL = (1 << 10) - 1
};
enum nin_action nin_activity_action(struct slice type, struct slice status, unsigned *ret_parts);
/* Emits the records; with a device's own payload where there is one. */
enum decode_result nin_activity_emit(const struct nin_activity *a, const struct sink *sink, struct err *e);

/* --- machines and calls --- */
bool nin_base_url(const struct settings *s, struct str *ret, struct err *e);
void nin_explain(const struct task *t, const struct machine_reply *r, struct err *e);
/* Failures that end the run (the next goes on from the checkpoint), as opposed to one list that cannot be had. */
bool nin_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e);
bool nin_is_entity_missing(const struct machine_reply *r);
/* The product's own word for the error, as "error", "resultCode", "errorMessage" …, in the arena. */
struct nin_error {
    struct slice code, message, incident;
};
void nin_error_read(const struct machine_reply *r, struct arena *a, struct nin_error *ret);

/* "installedAfter=…" of a list of installed and failed patches: as far back as the settings say. */
void nin_add_installed_after(struct str *path, const struct machine_input *in);
/* What a sync can deliver. */
#define NIN_KINDS                                                                                                      \
    (SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |                          \
     SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_ALERT) | SYNC_KIND(RECORD_SOFTWARE) | SYNC_KIND(RECORD_PATCH))
extern const struct machine_ops nin_authenticate_ops, nin_probe_ops, nin_sync_ops, nin_doctor_ops;
void nin_token_ask(struct task *t, struct str *path, struct str *body); /* by the settings' grant */
bool nin_device_number(struct slice text, int64_t *ret, struct err *e);
struct machine *nin_single_start(const struct machine_input *in, const struct sink *sink, struct err *e);

bool nin_intake(struct slice body, struct intake_keys *ret, struct err *e);
enum decode_result nin_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e);

#endif
