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

const struct record_shape record_facet_shapes[FACET_N_] = {
    [FACET_OS] = SHAPE("os", os_fields, false),
    [FACET_SYSTEM] = SHAPE("system", system_fields, false),
    [FACET_PROCESSORS] = SHAPE("processors", processor_fields, true),
    [FACET_VOLUMES] = SHAPE("volumes", volume_fields, true),
    [FACET_INTERFACES] = SHAPE("interfaces", interface_fields, true),
    [FACET_ANTIVIRUS] = SHAPE("antivirus", antivirus_fields, true),
    [FACET_LAST_USER] = SHAPE("last_user", last_user_fields, false),
};

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
