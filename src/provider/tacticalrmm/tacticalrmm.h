/* tacticalrmm.h - inside the Tactical RMM provider: rows as the API sends them, and what becomes of them. */
#ifndef MSPHUB_PROVIDER_TACTICALRMM_TACTICALRMM_H
#define MSPHUB_PROVIDER_TACTICALRMM_TACTICALRMM_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define TACTICAL "Tactical RMM"
/* What a role needs for all that is read. */
#define TAC_RIGHTS                                                                                                     \
    "can_list_clients, can_list_sites, can_list_agents, can_list_alerts, can_list_software, can_list_checks"

struct tac_client { /* of /clients/ with its sites; of /beta/v1/client/ without */
    struct slice id, name;
    struct map_list sites; /* struct tac_site */
};

struct tac_site {
    struct slice id, name, client;
};

struct tac_disk {
    struct slice device, fstype;
    int64_t total, free;
};

struct tac_cpu {
    struct slice name;
    int64_t cores, logical, clock;
};

struct tac_nic {
    struct slice caption, mac;
    struct texts ips, gateways, dns;
};

struct tac_field_value { /* of a custom field of an agent */
    struct slice field;  /* its number; the name is in /core/customfields/ */
    struct slice value;
    struct texts values;
};

struct tac_custom_field {
    struct slice id, model, name, type;
};

struct tac_software_item { /* all text, whatever it means */
    struct slice name, version, publisher, location, install_date, size;
};
struct tac_software { /* of one agent */
    struct slice agent;
    struct map_list items;
};

struct tac_update {
    struct slice id, guid, kb, title, severity, action, result, date_installed;
    struct texts categories;
    enum tri installed, downloaded;
};

struct tac_check {
    struct slice id, type, description, name, status, severity, info;
    usec_t last_run;
};

/* An agent in any of its four shapes: a row of the beta list, of /agents/, of /agents/?detail=false, and
 * /agents/{agent_id}/. */
struct tac_agent {
    struct slice agent_id, id, hostname, os, plat, goarch, monitoring_type, version, public_ip, description, user,
        user_now;
    struct slice site, site_name, client_name, status, local_ips, make_model, serial_number;
    usec_t last_seen, created, boot;
    int64_t offline_minutes, overdue_minutes, ram;
    enum tri needs_reboot, maintenance;
    struct texts cpu_model;
    struct map_list disks;
    struct facet_checks checks;   /* not in the beta list */
    struct map_list field_values; /* nor these */
    /* wmi_detail on Windows */
    struct slice bios_serial, product_serial, vendor, model, uuid, domain;
    int64_t memory;
    struct map_list cpus, nics;
    struct texts macs, ips;
    /* wmi_detail elsewhere */
    struct slice flat_make_model, flat_serial;
    struct texts flat_cpus, flat_ips;
};

struct tac_alert {
    struct slice id, agent_number, agent_id, check, task, type, severity, message;
    usec_t created, resolved_on;
    enum tri resolved;
};

extern const struct map tac_client_map, tac_site_map, tac_agent_map, tac_agent_id_map, tac_alert_map;
extern const struct map tac_custom_field_map, tac_software_map, tac_update_map, tac_check_map;

/* What Tactical writes where a value is not known: "None", "n/a", "unknown make/model", "error getting local ips" … */
struct slice tac_known(struct slice s);
/* The product keeps 255 characters of most texts; one that is far longer is cut, so that it does not cost its record. */
#define TAC_TEXT_MAX 2048
struct slice tac_brief(struct slice s);
/* Exactly the product's own rule; `now` is the server's clock. */
enum agent_status tac_status(usec_t last_seen, int64_t offline_minutes, int64_t overdue_minutes, usec_t now);
bool tac_is_agent_id(struct slice s);
bool tac_check_agent_id(struct slice s, struct err *e);
/* Where an agent belongs, and what is known beside its row. */
struct tac_context {
    struct slice organization, location; /* may be SLICE_NONE */
    const char *dashboard;               /* "https://rmm.example.com"; empty: no links */
    usec_t now;                          /* the server's clock */
};
/* Device and facets, but for what tac_emit_extras tells. */
void tac_emit_agent(const struct tac_agent *a, const struct tac_context *c, const struct sink *sink);
/* How its checks stand, and its custom fields (names NULL: not to be had, nothing is told of them). */
struct tac_names;
void tac_emit_extras(const struct tac_agent *a, const struct tac_names *names, const struct sink *sink);
/* The agent's whole list; without items: it has none. */
void tac_emit_software(struct slice device_id, const struct tac_software *s, const struct sink *sink);
void tac_emit_update(struct slice device_id, const struct tac_update *u, const struct sink *sink);
enum patch_status tac_patch_status(const struct tac_update *u);
usec_t tac_parse_day(struct slice text);       /* "2024-3-07", "2019-06-09 00:00:00 +0000 UTC"; USEC_NONE: not known */
usec_t tac_parse_installed(struct slice text); /* "07 14 2024 03:12", in a time zone nobody tells: that day */
int64_t tac_parse_size(struct slice text);     /* "5.7 MB" */
void tac_emit_alert(const struct tac_alert *a, usec_t now, const struct sink *sink);
void tac_emit_client(struct slice id, struct slice name, const struct sink *sink);
void tac_emit_site(const struct tac_site *s, const struct sink *sink);
int tac_severity(struct slice word); /* enum severity, -1: not one of the product's words */

/* --- names of custom fields --- */
#define TAC_NAMES_MAX 1000
struct tac_names {
    struct tac_name {
        char *id, *name, *type;
    } v[TAC_NAMES_MAX];
    size_t n;
};
void tac_names_add(struct tac_names *names, const struct tac_custom_field *f);
void tac_names_clear(struct tac_names *names);
const struct tac_name *tac_names_find(const struct tac_names *names, struct slice id);

/* --- settings --- */
#define TAC_AUTH_KEY   "api_key"
#define TAC_AUTH_LOGIN "login"
bool tac_uses_login(const struct settings *s);
bool tac_check(const struct settings *s, const char **ret_field, struct err *e);
bool tac_base_url(const struct settings *s, struct str *ret, struct err *e);
/* "https://api.…" when the address is "rmm.…", as the installer names the two; false: nothing to guess from. */
bool tac_guess_api(const struct settings *s, struct str *ret);
/* Where the dashboard is, without a trailing slash: as set, else "rmm." for "api."; nothing is added when it is not known. */
void tac_dashboard(const struct settings *s, struct str *ret);

/* --- refusals --- */
/* What the product says of its refusal: "Invalid token."; texts live in the arena or the reply. */
struct slice tac_detail(const struct machine_reply *r, struct arena *a);
/* Which right of a role a call needs, by its task's word. */
const char *tac_right_for(const char *what);
void tac_explain(const struct task *t, const struct machine_reply *r, struct err *e);
/* The call is not there because the server's beta API is off. */
bool tac_is_beta_off(const struct machine_reply *r);
/* One object was asked for by its id, and the product says that there is none. */
bool tac_is_entity_missing(const struct machine_reply *r);
bool tac_is_invalid_page(const struct machine_reply *r);
bool tac_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e);

extern const struct machine_ops tac_authenticate_ops, tac_probe_ops, tac_sync_ops, tac_doctor_ops;
#define TAC_NACTIONS 8
extern const struct provider_action tac_actions[TAC_NACTIONS];
struct machine *tac_single_start(const struct machine_input *in, const struct sink *sink, struct err *e);

bool tac_intake(struct slice body, struct intake_keys *ret, struct err *e);
enum decode_result tac_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e);

#endif
