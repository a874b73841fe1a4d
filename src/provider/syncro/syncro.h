/* syncro.h - inside the Syncro provider: rows as the API sends them, and what becomes of them.
 * Numbers are int64 here although the product's are integers of up to ten digits so far; ids of records are their digits. */
#ifndef MSPHUB_PROVIDER_SYNCRO_SYNCRO_H
#define MSPHUB_PROVIDER_SYNCRO_SYNCRO_H

#include "msphub/provider.h"
#include "provider/common_http.h"
#include "provider/common_tasks.h"

#define SYNCRO     "Syncro"
#define SYNCRO_API "/api/v1"

/* --- rows --- */
struct syn_customer {
    struct slice id, business_name, fullname;
    enum tri disabled;
};

struct syn_contact {
    struct slice id, customer_id, name, email, phone, extension, mobile, title;
};

struct syn_named { /* {"name": …} */
    struct slice name;
};

struct syn_adapter {
    struct slice name, description, type, mac, ip4, ip6, gateway, dns1, dns2;
};

/* All but the id is loose text: any level of what an agent says may be missing, null or of another type. */
struct syn_asset {
    struct slice id, customer_id, name, type, serial, created;
    struct slice uuid, info, synced, last_user;
    struct slice host, manufacturer, model, general_serial, form_factor, domain, public_ip;
    struct slice os_name, os_build, os_release, last_boot;
    struct slice cpu, partition_size, partition_free;
    struct slice offline; /* "true", "false" */
    struct map_list cpus, adapters;
};

struct syn_alert {
    struct slice id, customer_id, asset_id, computer, description, output, resolved, trigger, cause;
    usec_t created, updated;
};

struct syn_comment {
    struct slice id, ticket_id, subject, body, tech, hidden, user_id;
    usec_t created, updated;
};

struct syn_asset_id {
    struct slice id;
};

struct syn_ticket {
    struct slice id, number, customer_id, contact_id, subject, status, problem_type, priority, user;
    usec_t created, updated, resolved, due;
    struct map_list comments;
    struct map_list assets; /* of the detail only; v NULL: not said */
};

extern const struct map syn_customer_map, syn_contact_map, syn_asset_map, syn_alert_map, syn_comment_map,
    syn_ticket_map;
/* Of an answer that wraps one row: {"asset": {…}}. */
extern const struct map syn_customer_one_map, syn_asset_one_map, syn_alert_one_map, syn_comment_one_map,
    syn_ticket_one_map;

/* --- rows → records --- */
bool syn_is_id(struct slice s); /* digits, not 0 */
void syn_emit_customer(const struct syn_customer *c, const struct sink *sink);
void syn_emit_contact(const struct syn_contact *c, const struct sink *sink);
void syn_emit_asset(const struct syn_asset *a, usec_t now, const struct sink *sink);
/* Also of one that is resolved: that closes only. */
void syn_emit_alert(const struct syn_alert *a, const struct sink *sink);
void syn_emit_ticket(const struct syn_ticket *t, const struct settings *s, const struct sink *sink);
void syn_emit_comment(const struct syn_comment *c, struct slice ticket_id, const struct sink *sink);
void syn_emit_comments(const struct syn_ticket *t, const struct sink *sink); /* those that came with it */
/* A status word's meaning; `resolved`: the product has a time for it. */
enum ticket_status syn_ticket_status(struct slice word, bool resolved);
bool syn_is_true(struct slice s);
void syn_ticket_url(const struct settings *s, struct slice id, struct str *ret);
/* A part of one alert's words says that it cleared itself, although it is not marked as resolved. */
bool syn_says_cleared(struct slice text);

/* --- names of what is read alone: SYNC_SINGLE's device_id, RECORD_REFRESH --- */
#define SYN_TICKET_PREFIX   "ticket:"
#define SYN_ALERT_PREFIX    "alert:"
#define SYN_CUSTOMER_PREFIX "customer:"
#define SYN_RESOLVED_ALERTS "alerts:resolved" /* the newest of those */

/* --- machines and calls --- */
bool syn_base_url(const struct settings *s, struct str *ret, struct err *e);
bool syn_subdomain(const struct settings *s, struct str *ret, struct err *e);
void syn_explain(const struct task *t, const struct machine_reply *r, struct err *e);
/* Failures that end the run, as opposed to one list that cannot be had. A 401 is not among them: a permission may be missing. */
bool syn_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e);
/* The product's own words; what it says comes as text, list or object of lists, under any of three names. */
struct slice syn_error_text(const struct machine_reply *r, struct arena *a);
/* The permission that the call asks for, as Syncro names it; NULL: none. By task_kind.what. */
const char *syn_permission(const char *what);

extern const struct machine_ops syn_probe_ops, syn_sync_ops, syn_doctor_ops;
#define SYN_NACTIONS 4
extern const struct provider_action syn_actions[SYN_NACTIONS];
struct machine *syn_single_start(const struct machine_input *in, const struct sink *sink, struct err *e);

bool syn_intake(struct slice body, struct intake_keys *ret, struct err *e);
enum decode_result syn_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e);

#endif
