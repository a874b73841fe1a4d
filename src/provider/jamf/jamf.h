/* jamf.h - inside the Jamf Pro provider: rows as its two APIs send them, and what becomes of them.
 * Ids:    a computer's id is the product's number ("214"). Mobile devices have numbers of their own, so theirs are "mobile-17". */
#ifndef MSPHUB_PROVIDER_JAMF_JAMF_H
#define MSPHUB_PROVIDER_JAMF_JAMF_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define JAMF        "Jamf Pro"
#define JAMF_MOBILE "mobile-"

/* --- rows --- */
struct jamf_named { /* of sites, departments */
    struct slice id, name;
};

struct jamf_building {
    struct slice id, name, street1, street2, zip, city, state, country;
};

struct jamf_group { /* of the list, and a computer's membership */
    struct slice id, name, description;
    enum tri smart;
};

struct jamf_user {
    struct slice id, username, realname, email, phone, position;
};

struct jamf_app {
    struct slice name, path, version, short_version, bundle;
    int64_t megabytes;
};

struct jamf_partition {
    struct slice name, type, vault;
    int64_t megabytes, available;
};

struct jamf_profile {
    struct slice id, name, identifier;
    usec_t installed;
};

struct jamf_computer {
    struct slice id, udid;
    /* GENERAL; what v4 of the inventory calls otherwise stands beside what it was called before */
    struct slice name, public_ip, ip4, ip4_former, ip6, binary, platform, asset_tag, barcode1, barcode2, site_id,
        site_name, method, management_id, user_binary, user_mdm, user_self_service;
    enum tri managed, supervised, capable, approved, automated, declarative;
    usec_t reported, contact, contact_former, check_in, enrolled, expires, entered, user_binary_at, user_mdm_at,
        user_self_service_at;
    /* HARDWARE */
    struct slice make, model, model_identifier, serial, processor, architecture, adapter, mac, alt_adapter, alt_mac;
    int64_t megahertz, cores, ram_megabytes;
    /* OPERATING_SYSTEM */
    struct slice os, os_version, os_build, os_extra, vault;
    /* USER_AND_LOCATION */
    struct slice username, realname, email, phone, position, department, building, room;
    /* SECURITY, DISK_ENCRYPTION */
    struct slice gatekeeper, sip, xprotect, secure_boot, boot_state, recovery_key;
    enum tri firewall, activation_lock;
    int64_t boot_percent;
    /* v is NULL: the section was not asked for */
    struct map_list apps, partitions, profiles, groups;
};

struct jamf_mobile {
    struct slice id, type, udid, name, asset_tag, site_id, os_version, os_build, ip, management_id, ownership;
    enum tri managed, supervised, declarative, activation_lock, passcode, passcode_compliant, jailbroken, lost,
        encrypted;
    usec_t reported, contact, enrolled, expires;
    struct slice serial, wifi_mac, bluetooth_mac, model, model_identifier;
    int64_t capacity_megabytes, available_megabytes;
    struct slice username, realname, email, phone, position, department, building, room;
};

extern const struct map jamf_named_map, jamf_building_map, jamf_group_map, jamf_user_map, jamf_computer_map,
    jamf_mobile_map, jamf_classic_user_map;

/* --- names.c: what ids of places are called --- */
#define JAMF_NAMES_MAX 100000
struct jamf_names {
    struct jamf_name {
        char *id, *name;
    } * v;
    size_t n, cap;
    bool sorted;
};
void jamf_names_add(struct jamf_names *s, struct slice id, struct slice name);
struct slice jamf_names_find(struct jamf_names *s, struct slice id); /* SLICE_NONE: not known */
void jamf_names_clear(struct jamf_names *s);

/* --- records.c, mobile.c --- */
#define JAMF_MEGABYTE INT64_C(1000000) /* of disks and applications */
#define JAMF_MEBIBYTE INT64_C(1048576) /* of memory */
/* I64_NONE for what is negative (which I64_NONE is) or too large. */
static inline int64_t jamf_times(int64_t n, int64_t unit)
{
    return n < 0 || n > INT64_MAX / unit ? I64_NONE : n * unit;
}
#define JAMF_NO_SITE "-1"                 /* the id of the organization of what is in no site */
struct slice jamf_site(struct slice id);  /* null, "" and "-1" are JAMF_NO_SITE */
struct slice jamf_place(struct slice id); /* null, "" and "-1" are SLICE_NONE */

struct jamf_links { /* what a computer's row does not say by itself */
    const char *base_url;
    struct slice department, building_name;
    bool locations; /* buildings are our locations, rooms our rooms */
    bool assignment;
    usec_t now;
};
/* The device with all facets that its sections tell. */
void jamf_emit_computer(const struct jamf_computer *c, const struct jamf_links *l, const struct sink *sink);
void jamf_emit_assignment(struct slice device, const struct facet_assignment *a, const struct sink *sink);
void jamf_emit_software(const struct jamf_computer *c, const struct sink *sink);
void jamf_emit_room(struct slice building, struct slice room, const struct sink *sink);
void jamf_emit_group(const struct jamf_group *g, const char *base_url, const struct sink *sink);
void jamf_emit_user(const struct jamf_user *u, struct slice organization, const char *base_url,
                    const struct sink *sink);
void jamf_emit_mobile(const struct jamf_mobile *m, const struct jamf_links *l, const struct sink *sink);
/* The device's id: `buf` is used for a mobile device's. */
#define JAMF_ID_MAX 64
struct slice jamf_mobile_id(struct slice id, char buf[JAMF_ID_MAX]); /* SLICE_NONE: none, or too long */
/* NO: the boot volume is not, or not yet, encrypted. */
enum tri jamf_encrypted(struct slice vault, struct slice boot_state);
/* "on", "off", or SLICE_NONE. */
struct slice jamf_gatekeeper(struct slice status);
struct slice jamf_sip(struct slice status);
/* What people call the last check-in: v4 has it, before it is the last contact. */
usec_t jamf_check_in(const struct jamf_computer *c);

/* --- versions of the inventory --- */
/* The newest that a server of this version has; "" and what cannot be read: the newest. */
unsigned jamf_inventory_version(struct slice server);
unsigned jamf_inventory_before(unsigned version); /* 0: there is none */

/* --- machines and calls --- */
bool jamf_base_url(const struct settings *s, struct str *ret, struct err *e);
bool jamf_is_client(const struct settings *s); /* an API client, else a user */
void jamf_explain(const struct task *t, const struct machine_reply *r, struct err *e);
/* Failures that end the run, as opposed to one list that cannot be had. */
bool jamf_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e);
/* `?section=` of the computers that these kinds need, by the settings; "" when none does. */
void jamf_add_sections(const struct settings *s, uint64_t kinds, bool people, struct str *path);
#define JAMF_MOBILE_SECTIONS "section=GENERAL&section=HARDWARE&section=USER_AND_LOCATION&section=SECURITY"
/* The product's words for a refusal; in the arena. */
struct slice jamf_error_read(const struct machine_reply *r, struct arena *a);

extern const struct machine_ops jamf_authenticate_ops, jamf_probe_ops, jamf_sync_ops, jamf_doctor_ops, jamf_live_ops;
/* "214" or "mobile-17"; false: neither. */
bool jamf_device_number(struct slice id, bool *ret_mobile, struct slice *ret);
struct machine *jamf_single_start(const struct machine_input *in, const struct sink *sink, struct err *e);

bool jamf_intake(struct slice body, struct intake_keys *ret, struct err *e);
enum decode_result jamf_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e);

#endif
