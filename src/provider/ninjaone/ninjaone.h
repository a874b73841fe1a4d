/* ninjaone.h - inside the NinjaOne provider: rows as the API sends them, and what becomes of them.
 * Numbers of sections refer to doc/provider-ninjaone.md. */
#ifndef MSPHUB_PROVIDER_NINJAONE_NINJAONE_H
#define MSPHUB_PROVIDER_NINJAONE_NINJAONE_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define NINJAONE "NinjaOne"

/* --- rows --- */
struct nin_reference { /* an organization or location named inside a device */
    struct slice id, name;
};

struct nin_device { /* basic shape: lists, webhooks */
    struct slice id, uid, organization_id, location_id, node_class, approval, display_name, system_name, dns_name,
        public_ip, maintenance;
    enum tri offline;
    usec_t created, last_contact;
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

struct nin_host { /* what a virtualization host says of itself in place of os and system */
    struct slice vendor, model, service_tag, release, version, build;
    int64_t memory;
    usec_t last_boot;
};

/* One device: everything but interfaces, antivirus and user. Of the rows of a list only device, kind and host are
 * read: there the reports are the source of the rest. */
struct nin_device_full {
    struct nin_device device;
    struct slice kind; /* deviceType */
    struct nin_os os;
    struct nin_system system;
    struct map_list processors, volumes;
    struct nin_host host;
};

struct nin_alert {
    struct slice uid, device_id, organization_id, message, source_type, source_name, subject, condition_name;
    usec_t created, updated;
    int severity; /* 0: not said, else enum severity + 1 */
};

struct nin_activity {
    struct slice id, device_id, series, type, status, source_name, subject, message;
    usec_t at;
    int severity;
    struct nin_device device; /* device.id is SLICE_NONE when the activity carries none */
};

extern const struct map nin_organization_map, nin_location_map;
extern const struct map nin_device_map, nin_device_listed_map, nin_device_full_map;
extern const struct map nin_os_map, nin_system_map, nin_processor_map, nin_volume_map, nin_interface_map,
    nin_antivirus_map, nin_user_map, nin_alert_map, nin_activity_map;

/* --- rows → records --- */
void nin_emit_organization(const struct record_organization *o, const struct sink *sink);
void nin_emit_device(const struct nin_device *d, const struct sink *sink);
void nin_emit_references(const struct nin_device *d, const struct sink *sink);
/* The device and, when it is a virtualization host, what its record says in place of reports. */
void nin_emit_listed(const struct nin_device_full *d, const struct sink *sink);
void nin_emit_alert(const struct nin_alert *a, const struct sink *sink);
/* A report's row → its facet; the row is of the report's map. */
typedef void nin_facet_cb(struct slice device_id, const void *row, const struct sink *sink);
nin_facet_cb nin_emit_os, nin_emit_system, nin_emit_processor, nin_emit_volume, nin_emit_interface, nin_emit_antivirus,
    nin_emit_user;
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
enum nin_action nin_activity_action(struct slice type, struct slice status);
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

extern const struct machine_ops nin_authenticate_ops, nin_probe_ops, nin_sync_ops;
struct machine *nin_single_start(const struct machine_input *in, const struct sink *sink, struct err *e);

bool nin_intake(struct slice body, struct intake_keys *ret, struct err *e);
enum decode_result nin_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e);

#endif
