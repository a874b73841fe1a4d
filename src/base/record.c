/* record.c - tables over the records that providers emit.
 * Why:    one table a struct serves writing JSON, hashing (through the JSON) and the documents; a field added to a
 * struct is a line here. */
#include "msphub/record.h"

#include "base/json_write.h"

const char *const asset_type_names[] = {
    [ASSET_UNKNOWN] = "unknown",
    [ASSET_WORKSTATION] = "workstation",
    [ASSET_SERVER] = "server",
    [ASSET_NETWORK_DEVICE] = "network_device",
    [ASSET_MOBILE_DEVICE] = "mobile_device",
    [ASSET_PRINTER] = "printer",
    NULL,
};
const char *const agent_status_names[] = {
    [AGENT_UNKNOWN] = "unknown",
    [AGENT_ONLINE] = "online",
    [AGENT_OFFLINE] = "offline",
    [AGENT_OVERDUE] = "overdue",
    NULL,
};
const char *const severity_names[] = {
    [SEVERITY_NONE] = "none",   [SEVERITY_MINOR] = "minor",       [SEVERITY_MODERATE] = "moderate",
    [SEVERITY_MAJOR] = "major", [SEVERITY_CRITICAL] = "critical", NULL,
};
const char *const alert_state_names[] = {
    [ALERT_TRIGGERED] = "triggered",
    [ALERT_ACKNOWLEDGED] = "acknowledged",
    [ALERT_RESOLVED] = "resolved",
    NULL,
};

const char *const backup_status_names[] = {
    [BACKUP_UNKNOWN] = "unknown",         [BACKUP_SUCCESS] = "success",
    [BACKUP_WARNING] = "warning",         [BACKUP_FAILED] = "failed",
    [BACKUP_INTERRUPTED] = "interrupted", [BACKUP_OVERDUE] = "overdue",
    [BACKUP_RUNNING] = "running",         NULL,
};

const char *const patch_family_names[] = {
    [PATCH_FAMILY_UNKNOWN] = "unknown", [PATCH_OS] = "os", [PATCH_SOFTWARE] = "software", NULL};
const char *const patch_status_names[] = {
    [PATCH_UNKNOWN] = "unknown",
    [PATCH_PENDING] = "pending",
    [PATCH_APPROVED] = "approved",
    [PATCH_REJECTED] = "rejected",
    [PATCH_FAILED] = "failed",
    [PATCH_INSTALLED] = "installed",
    NULL,
};
const char *const group_of_names[] = {
    [GROUP_OF_UNKNOWN] = "unknown", [GROUP_OF_DEVICES] = "devices", [GROUP_OF_PEOPLE] = "people", NULL};
const char *const ticket_status_names[] = {
    [TICKET_UNKNOWN] = "unknown",
    [TICKET_OPEN] = "open",
    [TICKET_IN_PROGRESS] = "in_progress",
    [TICKET_WAITING] = "waiting",
    [TICKET_RESOLVED] = "resolved",
    [TICKET_CLOSED] = "closed",
    NULL,
};

/* The offset, if the member has the type that its kind says; else it does not compile. */
#define MEMBER(s, m, t) _Generic(((struct s *)NULL)->m, t : offsetof(struct s, m))
#define TEXT(s, m)                                                                                                     \
    {                                                                                                                  \
#m, FIELD_TEXT, MEMBER(s, m, struct slice), NULL                                                               \
    }
#define TEXTS(s, m)                                                                                                    \
    {                                                                                                                  \
#m, FIELD_TEXTS, MEMBER(s, m, struct texts), NULL                                                              \
    }
#define I64(s, m)                                                                                                      \
    {                                                                                                                  \
#m, FIELD_I64, MEMBER(s, m, int64_t), NULL                                                                     \
    }
#define TIME(s, m)                                                                                                     \
    {                                                                                                                  \
#m, FIELD_TIME, MEMBER(s, m, usec_t), NULL                                                                     \
    }
#define TRI(s, m)                                                                                                      \
    {                                                                                                                  \
#m, FIELD_TRI, MEMBER(s, m, enum tri), NULL                                                                    \
    }
#define ENUM(s, m, e)                                                                                                  \
    {                                                                                                                  \
#m, FIELD_ENUM, MEMBER(s, m, enum e), e##_names                                                                \
    }
#define SHAPE(n, f, l)                                                                                                 \
    {                                                                                                                  \
        n, f, ARRAY_LEN(f), l                                                                                          \
    }

static const struct record_field device_fields[] = {
    TEXT(record_device, id),
    TEXT(record_device, alternate_id),
    TEXT(record_device, organization_id),
    TEXT(record_device, location_id),
    TEXT(record_device, name),
    TEXT(record_device, hostname),
    TEXT(record_device, dns_name),
    TEXT(record_device, uid),
    ENUM(record_device, type, asset_type),
    TEXT(record_device, product_class),
    ENUM(record_device, status, agent_status),
    TEXT(record_device, agent_version),
    TEXT(record_device, public_ip),
    TEXT(record_device, description),
    TEXT(record_device, url),
    TEXTS(record_device, ips),
    TEXTS(record_device, macs),
    TRI(record_device, approved),
    TRI(record_device, maintenance),
    TIME(record_device, created),
    TIME(record_device, last_seen),
};
const struct record_shape record_device_shape = SHAPE("device", device_fields, false);

static const struct record_field backup_job_fields[] = {
    TEXT(record_backup_job, id),
    TEXT(record_backup_job, device_id),
    TEXT(record_backup_job, organization_id),
    TEXT(record_backup_job, computer),
    TEXT(record_backup_job, plan),
    TEXT(record_backup_job, plan_id),
    TEXT(record_backup_job, plan_type),
    TEXT(record_backup_job, account),
    TEXT(record_backup_job, storage),
    TEXT(record_backup_job, agent_version),
    ENUM(record_backup_job, status, backup_status),
    TEXT(record_backup_job, status_word),
    TIME(record_backup_job, last_start),
    TIME(record_backup_job, next_start),
    TEXT(record_backup_job, duration),
    I64(record_backup_job, total_bytes),
    I64(record_backup_job, selected_bytes),
    I64(record_backup_job, copied_bytes),
    I64(record_backup_job, files_scanned),
    I64(record_backup_job, files_selected),
    I64(record_backup_job, files_copied),
    I64(record_backup_job, files_failed),
    TEXT(record_backup_job, message),
    I64(record_backup_job, stale_days),
};
const struct record_shape record_backup_job_shape = SHAPE("backup_job", backup_job_fields, false);

static const struct record_field software_fields[] = {
    TEXT(record_software, device_id), TEXT(record_software, name),         TEXT(record_software, version),
    TEXT(record_software, publisher), TEXT(record_software, product_code), TEXT(record_software, path),
    TIME(record_software, installed), I64(record_software, size_bytes),    TRI(record_software, system_component),
};
const struct record_shape record_software_shape = SHAPE("software", software_fields, false);

static const struct record_field patch_fields[] = {
    TEXT(record_patch, device_id),    ENUM(record_patch, family, patch_family),
    TEXT(record_patch, id),           TEXT(record_patch, title),
    TEXT(record_patch, kb),           ENUM(record_patch, status, patch_status),
    TEXT(record_patch, severity),     TEXT(record_patch, type),
    TIME(record_patch, installed_at), TIME(record_patch, detected_at),
};
const struct record_shape record_patch_shape = SHAPE("patch", patch_fields, false);

static const struct record_field person_fields[] = {
    TEXT(record_person, id),       TEXT(record_person, organization_id), TEXT(record_person, name),
    TEXT(record_person, username), TEXT(record_person, email),           TEXT(record_person, phone),
    TEXT(record_person, mobile),   TEXT(record_person, title),           TEXT(record_person, url),
};
const struct record_shape record_person_shape = SHAPE("person", person_fields, false);

static const struct record_field group_fields[] = {
    TEXT(record_group, id),   TEXT(record_group, name), TEXT(record_group, description),
    TEXT(record_group, url),  TEXT(record_group, site), ENUM(record_group, of, group_of),
    TRI(record_group, smart),
};
const struct record_shape record_group_shape = SHAPE("group", group_fields, false);

static const struct record_field member_fields[] = {
    TEXT(record_member, group_id),
    TEXT(record_member, member_id),
};
const struct record_shape record_member_shape = SHAPE("member", member_fields, false);

static const struct record_field room_fields[] = {
    TEXT(record_room, id),
    TEXT(record_room, location_id),
    TEXT(record_room, name),
};
const struct record_shape record_room_shape = SHAPE("room", room_fields, false);

static const struct record_field license_fields[] = {
    TEXT(record_license, id),
    TEXT(record_license, number),
    TEXT(record_license, type),
    TEXT(record_license, computer),
    TEXT(record_license, device_id),
    TEXT(record_license, account),
    TEXT(record_license, organization_id),
    TRI(record_license, taken),
    TRI(record_license, trial),
    TIME(record_license, expires),
};
const struct record_shape record_license_shape = SHAPE("license", license_fields, false);

static const struct record_field ticket_fields[] = {
    TEXT(record_ticket, id),
    TEXT(record_ticket, number),
    TEXT(record_ticket, organization_id),
    TEXT(record_ticket, contact_id),
    TEXT(record_ticket, subject),
    TEXT(record_ticket, type),
    TEXT(record_ticket, priority),
    TEXT(record_ticket, status_word),
    TEXT(record_ticket, assignee),
    TEXT(record_ticket, url),
    ENUM(record_ticket, status, ticket_status),
    TEXTS(record_ticket, device_ids),
    TIME(record_ticket, created),
    TIME(record_ticket, changed),
    TIME(record_ticket, resolved),
    TIME(record_ticket, due),
};
const struct record_shape record_ticket_shape = SHAPE("ticket", ticket_fields, false);

static const struct record_field comment_fields[] = {
    TEXT(record_comment, id),           TEXT(record_comment, ticket_id), TEXT(record_comment, author),
    TEXT(record_comment, subject),      TEXT(record_comment, body),      TRI(record_comment, hidden),
    TRI(record_comment, from_customer), TIME(record_comment, created),   TIME(record_comment, changed),
};
const struct record_shape record_comment_shape = SHAPE("comment", comment_fields, false);

static const struct record_field os_fields[] = {
    TEXT(facet_os, manufacturer), TEXT(facet_os, name),      TEXT(facet_os, version),
    TEXT(facet_os, build),        TEXT(facet_os, release),   TEXT(facet_os, architecture),
    TEXT(facet_os, language),     TIME(facet_os, last_boot), TRI(facet_os, needs_reboot),
};
static const struct record_field system_fields[] = {
    TEXT(facet_system, manufacturer), TEXT(facet_system, model),       TEXT(facet_system, serial),
    TEXT(facet_system, bios_serial),  TEXT(facet_system, uuid),        TEXT(facet_system, domain),
    TEXT(facet_system, chassis),      I64(facet_system, memory_bytes), TRI(facet_system, virtual_machine),
};
static const struct record_field processor_fields[] = {
    TEXT(facet_processor, name),         TEXT(facet_processor, architecture), I64(facet_processor, cores),
    I64(facet_processor, logical_cores), I64(facet_processor, clock_hz),
};
static const struct record_field volume_fields[] = {
    TEXT(facet_volume, name),        TEXT(facet_volume, label),    TEXT(facet_volume, device_type),
    TEXT(facet_volume, file_system), TEXT(facet_volume, serial),   I64(facet_volume, capacity_bytes),
    I64(facet_volume, free_bytes),   TRI(facet_volume, encrypted),
};
static const struct record_field interface_fields[] = {
    TEXT(facet_interface, name),    TEXT(facet_interface, description), TEXT(facet_interface, type),
    TEXT(facet_interface, gateway), TEXT(facet_interface, dns),         TEXT(facet_interface, speed),
    TEXT(facet_interface, status),  TEXTS(facet_interface, macs),       TEXTS(facet_interface, ips),
};
static const struct record_field antivirus_fields[] = {
    TEXT(facet_antivirus, product),
    TEXT(facet_antivirus, state),
    TEXT(facet_antivirus, definitions),
    TEXT(facet_antivirus, version),
};
static const struct record_field last_user_fields[] = {
    TEXT(facet_last_user, name),
    TIME(facet_last_user, logon),
};
static const struct record_field health_fields[] = {
    TEXT(facet_health, status),
    TEXT(facet_health, pending_reboot),
    I64(facet_health, alerts),
    I64(facet_health, jobs),
    I64(facet_health, threats_active),
    I64(facet_health, threats_quarantined),
    I64(facet_health, threats_blocked),
    I64(facet_health, os_patches_pending),
    I64(facet_health, os_patches_failed),
    I64(facet_health, software_patches_pending),
    I64(facet_health, software_patches_failed),
    I64(facet_health, vulnerabilities_critical),
    I64(facet_health, vulnerabilities_high),
    I64(facet_health, vulnerabilities_medium),
    I64(facet_health, vulnerabilities_low),
};
static const struct record_field checks_fields[] = {
    I64(facet_checks, total),   I64(facet_checks, passing), I64(facet_checks, failing),
    I64(facet_checks, warning), I64(facet_checks, info),
};
static const struct record_field custom_field_fields[] = {
    TEXT(facet_custom_field, name),
    TEXT(facet_custom_field, type),
    TEXT(facet_custom_field, value),
};
static const struct record_field management_fields[] = {
    TEXT(facet_management, asset_tag),
    TEXT(facet_management, barcode1),
    TEXT(facet_management, barcode2),
    TEXT(facet_management, site),
    TEXT(facet_management, management_id),
    TEXT(facet_management, enrollment_method),
    TRI(facet_management, managed),
    TRI(facet_management, supervised),
    TRI(facet_management, mdm_capable),
    TRI(facet_management, user_approved_mdm),
    TRI(facet_management, automated_enrollment),
    TRI(facet_management, declarative_management),
    TIME(facet_management, enrolled),
    TIME(facet_management, last_inventory),
    TIME(facet_management, mdm_profile_expires),
};
static const struct record_field security_fields[] = {
    TEXT(facet_security, encryption),
    TEXT(facet_security, boot_volume_state),
    TEXT(facet_security, recovery_key),
    TEXT(facet_security, gatekeeper),
    TEXT(facet_security, sip),
    TEXT(facet_security, xprotect),
    TEXT(facet_security, firewall),
    TEXT(facet_security, secure_boot),
    I64(facet_security, boot_volume_percent),
    TRI(facet_security, encrypted),
    TRI(facet_security, activation_lock),
};
static const struct record_field assignment_fields[] = {
    TEXT(facet_assignment, username), TEXT(facet_assignment, name),  TEXT(facet_assignment, email),
    TEXT(facet_assignment, phone),    TEXT(facet_assignment, title), TEXT(facet_assignment, department),
    TEXT(facet_assignment, building), TEXT(facet_assignment, room),
};

const struct record_shape record_facet_shapes[FACET_N_] = {
    [FACET_OS] = SHAPE("os", os_fields, false),
    [FACET_SYSTEM] = SHAPE("system", system_fields, false),
    [FACET_PROCESSORS] = SHAPE("processors", processor_fields, true),
    [FACET_VOLUMES] = SHAPE("volumes", volume_fields, true),
    [FACET_INTERFACES] = SHAPE("interfaces", interface_fields, true),
    [FACET_ANTIVIRUS] = SHAPE("antivirus", antivirus_fields, true),
    [FACET_LAST_USER] = SHAPE("last_user", last_user_fields, false),
    [FACET_HEALTH] = SHAPE("health", health_fields, false),
    [FACET_CHECKS] = SHAPE("checks", checks_fields, false),
    [FACET_CUSTOM_FIELDS] = SHAPE("custom_fields", custom_field_fields, true),
    [FACET_MANAGEMENT] = SHAPE("management", management_fields, false),
    [FACET_SECURITY] = SHAPE("security", security_fields, false),
    [FACET_ASSIGNMENT] = SHAPE("assignment", assignment_fields, false),
};

const struct record_shape *const record_kind_shapes[RECORD_NKINDS_] = {
    [RECORD_BACKUP_JOB] = &record_backup_job_shape, [RECORD_SOFTWARE] = &record_software_shape,
    [RECORD_PATCH] = &record_patch_shape,           [RECORD_PERSON] = &record_person_shape,
    [RECORD_GROUP] = &record_group_shape,           [RECORD_MEMBER] = &record_member_shape,
    [RECORD_LICENSE] = &record_license_shape,       [RECORD_TICKET] = &record_ticket_shape,
    [RECORD_COMMENT] = &record_comment_shape,       [RECORD_ROOM] = &record_room_shape,
};

const char *const record_kind_words[RECORD_NKINDS_] = {
    [RECORD_ORGANIZATION] = "organizations",
    [RECORD_LOCATION] = "locations",
    [RECORD_DEVICE] = "devices",
    [RECORD_FACET] = "device parts",
    [RECORD_DEVICE_GONE] = "devices",
    [RECORD_ALERT] = "alerts",
    [RECORD_REFRESH] = "devices",
    [RECORD_BACKUP_JOB] = "backups",
    [RECORD_SOFTWARE] = "software",
    [RECORD_PATCH] = "patches",
    [RECORD_PERSON] = "people",
    [RECORD_GROUP] = "groups",
    [RECORD_MEMBER] = "group members",
    [RECORD_LICENSE] = "licenses",
    [RECORD_TICKET] = "tickets",
    [RECORD_COMMENT] = "ticket comments",
    [RECORD_ROOM] = "rooms",
};

const void *record_body(const struct record *r)
{
    return &r->organization; /* a union's members share their address */
}

/* Where the id stands in the struct of its kind. */
static const size_t id_offsets[RECORD_NKINDS_] = {
    [RECORD_ORGANIZATION] = offsetof(struct record_organization, id),
    [RECORD_LOCATION] = offsetof(struct record_location, id),
    [RECORD_DEVICE] = offsetof(struct record_device, id),
    [RECORD_FACET] = offsetof(struct record_facet, device_id),
    [RECORD_DEVICE_GONE] = offsetof(struct record_ref, device_id),
    [RECORD_ALERT] = offsetof(struct record_alert, series),
    [RECORD_REFRESH] = offsetof(struct record_ref, device_id),
    [RECORD_BACKUP_JOB] = offsetof(struct record_backup_job, id),
    [RECORD_SOFTWARE] = offsetof(struct record_software, device_id),
    [RECORD_PATCH] = offsetof(struct record_patch, id),
    [RECORD_PERSON] = offsetof(struct record_person, id),
    [RECORD_GROUP] = offsetof(struct record_group, id),
    [RECORD_MEMBER] = offsetof(struct record_member, group_id),
    [RECORD_LICENSE] = offsetof(struct record_license, id),
    [RECORD_TICKET] = offsetof(struct record_ticket, id),
    [RECORD_COMMENT] = offsetof(struct record_comment, id),
    [RECORD_ROOM] = offsetof(struct record_room, id),
};

struct slice record_id(const struct record *r)
{
    struct slice id;
    memcpy(&id, (const char *)record_body(r) + id_offsets[r->kind], sizeof(id));
    return id;
}

const void *record_facet_body(const struct record_facet *f)
{
    return &f->os; /* a union's members share their address */
}

static void write_texts(const struct texts *t, const char *name, struct jw *w)
{
    if (!t->v)
        return;
    jw_key(w, name);
    jw_array(w);
    for (size_t i = 0; i < t->n; i++)
        jw_slice(w, t->v[i]);
    jw_end(w);
}

static void write_enum(const struct record_field *f, int v, struct jw *w)
{
    jw_key_str(w, f->name, f->names[v]);
}

static void write_field(const struct record_field *f, const void *at, struct jw *w)
{
    struct slice text;
    int64_t i64;
    int small;
    switch (f->kind) {
    case FIELD_TEXT:
        memcpy(&text, at, sizeof(text));
        if (text.p)
            jw_key_slice(w, f->name, text);
        break;
    case FIELD_TEXTS:
        write_texts(at, f->name, w);
        break;
    case FIELD_I64:
        memcpy(&i64, at, sizeof(i64));
        if (i64 != I64_NONE)
            jw_key_i64(w, f->name, i64);
        break;
    case FIELD_TIME:
        memcpy(&i64, at, sizeof(i64));
        if (i64 != USEC_NONE)
            jw_key_time(w, f->name, i64);
        break;
    case FIELD_TRI:
        memcpy(&small, at, sizeof(small));
        if (small != TRI_UNKNOWN)
            jw_key_bool(w, f->name, small == TRI_YES);
        break;
    case FIELD_ENUM:
        memcpy(&small, at, sizeof(small));
        if (small != 0)
            write_enum(f, small, w);
        break;
    }
}

void record_write(const struct record_shape *shape, const void *body, struct jw *w)
{
    jw_object(w);
    for (size_t i = 0; i < shape->n; i++)
        write_field(&shape->fields[i], (const char *)body + shape->fields[i].offset, w);
    jw_end(w);
}
