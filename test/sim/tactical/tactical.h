/* tactical/tactical.h - a Tactical RMM server as the simulator plays it: its fleet and what its files share.
 * Always: agent `id` is a function of the seed and its id (1 …); what was changed since is kept in a hash. Alerts are kept one by
 *         one, ids ascend; an id never comes back. */
#ifndef SIM_TACTICAL_TACTICAL_H
#define SIM_TACTICAL_TACTICAL_H

#include "../hooks.h"
#include "../rng.h"
#include "../sim.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include <sys/queue.h>
#include <uthash.h>

#define TACTICAL_KEY          "SIMTACTICALKEYFULLACCESS00000001" /* every right */
#define TACTICAL_KEY_EXPIRED  "SIMTACTICALKEYEXPIRED00000000002"
#define TACTICAL_KEY_INACTIVE "SIMTACTICALKEYINACTIVEUSER000003"
#define TACTICAL_KEY_NO_ROLE  "SIMTACTICALKEYNOROLE000000000004"
#define TACTICAL_KEY_CLIENT_2 "SIMTACTICALKEYLIMITEDCLIENT20005" /* a role limited to client 2 */
#define TACTICAL_KEY_READ     "SIMTACTICALKEYREADONLY0000000006" /* lists, but changes nothing */
#define TACTICAL_USER         "tactical"                         /* with a second factor */
#define TACTICAL_USER_PLAIN   "nototp"
#define TACTICAL_PASSWORD     "Held0ut!pass"
#define TACTICAL_TOTP_SECRET  "Hello!\xde\xad\xbe\xef" /* JBSWY3DPEHPK3PXP */

#define TACTICAL_MAX_ALERTS 200000
#define TACTICAL_MAX_TOKENS 64
#define TACTICAL_ID         40
#define TACTICAL_TEXT       160

struct t_client {
    int64_t id;
    char *name;
};

struct t_site {
    int64_t id, client;
    char *name;
};

enum t_status { T_ONLINE, T_OFFLINE, T_OVERDUE, T_NEVER };
enum t_plat { T_WINDOWS, T_LINUX, T_DARWIN };

struct t_agent {
    int64_t id, site, client;
    char agent_id[TACTICAL_ID + 1];
    char hostname[TACTICAL_TEXT];
    const char *description; /* NULL: null */
    enum t_plat plat;
    enum t_status status;               /* as meant; `last_seen` is made from it */
    usec_t last_seen;                   /* USEC_NONE: never */
    int64_t offline_time, overdue_time; /* minutes */
    bool server, maintenance, needs_reboot, choco;
    unsigned os, cpu, model, disk;
    int64_t ram; /* GiB */
    char serial[16], public_ip[16], local_ip[16], mac[18], uuid[UUID_MAX], mesh[97];
    const char *user; /* "None" when nobody is logged in */
    bool policy, alert_template;
    const struct t_change *change; /* NULL */
};

struct t_software {
    LIST_ENTRY(t_software) link;
    char *name, *version;
};

struct t_change {
    int64_t id;
    bool deleted;
    char *hostname, *description, *user, *public_ip;
    int status; /* -1: as generated */
    int64_t site;
    int maintenance, needs_reboot; /* -1 */
    uint64_t touched;              /* order of changes */
    LIST_HEAD(, t_software) software;
    UT_hash_handle hh;
};

struct t_alert {
    int64_t id, agent; /* agent 0: none */
    const char *type, *severity;
    char *message, *stderr_text; /* stderr_text NULL: the check has none */
    usec_t at, snooze_until, resolved_on;
    bool snoozed, resolved, hidden, deleted;
    struct t_action {
        usec_t run; /* USEC_NONE: not run */
        int status;
    } action, resolved_action;
};

/* A role's rights by their names in the product, and whether it is limited to client 2. */
#define TACTICAL_RIGHTS(X)                                                                                             \
    X(CLIENTS, can_list_clients)                                                                                       \
    X(SITES, can_list_sites)                                                                                           \
    X(AGENTS, can_list_agents)                                                                                         \
    X(ALERTS, can_list_alerts)                                                                                         \
    X(SOFTWARE, can_list_software)                                                                                     \
    X(CHECKS, can_list_checks)                                                                                         \
    X(SCRIPTS, can_list_scripts)                                                                                       \
    X(FIELDS, can_view_customfields)                                                                                   \
    X(UPDATES, can_manage_winupdates)                                                                                  \
    X(MESH, can_use_mesh)                                                                                              \
    X(MANAGE_ALERTS, can_manage_alerts)                                                                                \
    X(EDIT_AGENT, can_edit_agent)                                                                                      \
    X(RUN_SCRIPTS, can_run_scripts)                                                                                    \
    X(REBOOT, can_reboot_agents)

enum t_right_bit {
#define X(id, name) BIT_##id,
    TACTICAL_RIGHTS(X)
#undef X
        NRIGHTS_
};
enum t_right {
#define X(id, name) RIGHT_##id = 1 << BIT_##id,
    TACTICAL_RIGHTS(X)
#undef X
        RIGHT_LIMITED = 1 << NRIGHTS_,
    RIGHT_NONE = 0,
    RIGHT_ALL = RIGHT_LIMITED - 1,
    RIGHT_READ = RIGHT_MANAGE_ALERTS - 1, /* all that change nothing */
};

struct t_token {
    char value[65]; /* "": free */
    usec_t expires;
    bool fresh; /* from checkcreds: the first use extends it */
};

struct t_logins { /* since the beginning of the period */
    usec_t since;
    unsigned n;
};

struct t_action_config { /* a URL action of the alert template */
    char *url, *body;
    const struct json *headers; /* object of texts, in the arena of the configuration; NULL */
    enum http_method method;
};

struct tactical {
    struct sim *sim;
    uint64_t seed;
    usec_t epoch;
    bool beta;
    unsigned missing; /* rights that nobody's role has for now */
    struct t_client *clients;
    size_t nclients, base_clients;
    struct t_site *sites;
    size_t nsites, base_sites;
    int64_t next_agent, ndeleted;
    struct t_change *changes;
    uint64_t touches;
    struct t_alert *alerts;
    size_t nalerts;
    struct t_token tokens[TACTICAL_MAX_TOKENS];
    size_t next_token;
    uint64_t token_serial;
    struct { /* for each of the two paths */
        struct t_logins minute, day;
    } logins[2];
    struct {
        struct arena *arena; /* NULL: no webhook configured */
        struct t_action_config failure, resolved;
        const struct json *globals;
    } hook;
    int64_t burst_alert;
};

extern const struct product tactical_product;
extern const struct routes tactical_controls;

/* --- fleet.c --- */
void t_fleet_init(struct tactical *t, const struct sim_options *o);
void t_fleet_release(struct tactical *t);
bool t_agent(const struct tactical *t, int64_t id, struct t_agent *ret); /* false: no such agent */
bool t_agent_named(const struct tactical *t, struct slice agent_id, struct t_agent *ret);
bool t_agent_was(const struct tactical *t, struct slice agent_id); /* is it the id of one that was deleted? */
struct t_change *t_change(struct tactical *t, int64_t id);
const struct t_client *t_client(const struct tactical *t, int64_t id);
const struct t_site *t_site(const struct tactical *t, int64_t id);
int64_t t_add_client(struct tactical *t, struct slice name, unsigned sites);
const struct t_client **t_clients_by_name(const struct tactical *t); /* as many as there are; free() */
/* "online" … by the product's own rule at `now`. */
const char *t_status_text(const struct t_agent *a, usec_t now);
struct t_alert *t_alert(struct tactical *t, int64_t id);
struct t_alert *t_raise(struct tactical *t, int64_t agent, const char *type, const char *severity, usec_t at);
/* All agents in the order in which /agents/ lists them: changed rows come last. Free with free(). */
int64_t *t_order(const struct tactical *t, size_t *ret_n);

/* --- write.c, agent.c --- */
void tw_created(struct jw *w, usec_t t); /* who and when, created and modified */
void tw_number(struct jw *w, const char *key, bool null, int64_t v);
void tw_list_of_one(struct jw *w, const char *key, const char *text);
static inline bool t_never(const struct t_agent *a)
{
    return a->status == T_NEVER;
}
void tw_client(struct jw *w, const struct t_client *c, usec_t created);
void tw_site(struct jw *w, const struct t_site *s, usec_t created);
void tw_agent_beta(struct jw *w, const struct tactical *t, const struct t_agent *a);
void tw_agent_detail(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now);
void tw_agent_row(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now);
void tw_agent_short(struct jw *w, const struct tactical *t, const struct t_agent *a);
void tw_agent_full(struct jw *w, const struct tactical *t, const struct t_agent *a, usec_t now);
void tw_alert(struct jw *w, const struct tactical *t, const struct t_alert *x);
bool tw_has_software(const struct t_agent *a);
void tw_software(struct jw *w, const struct tactical *t, const struct t_agent *a);
bool tw_patches_pending(const struct t_agent *a);
int64_t tw_checks(const struct t_agent *a);  /* how many it has */
int64_t tw_failing(const struct t_agent *a); /* of them, the first ones */
void tw_updates(struct jw *w, const struct tactical *t, const struct t_agent *a);

/* --- tactical.c: answers --- */
struct jw t_json(struct answer *r, int status);
void t_detail(struct answer *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4); /* {"detail":…} */
void t_string(struct answer *r, int status, const char *text);                       /* a bare JSON string */
void t_html(struct answer *r, int status);                                           /* Django's own page */
/* The body as an object (JSON or form); an empty one is an empty object. NULL: it has answered. */
const struct json *t_body(struct ask *a, struct answer *r);
bool t_path_agent(struct tactical *t, struct ask *a, struct answer *r, struct t_agent *ret); /* by agent_id */
unsigned t_rights(const struct ask *a);

/* --- handlers --- */
bool t_gate(void *self, struct ask *a, struct answer *r);
void t_expire_tokens(void *self);
void t_checkcreds(void *self, struct ask *a, struct answer *r);
void t_login(void *self, struct ask *a, struct answer *r);
void t_logout(void *self, struct ask *a, struct answer *r);
void t_beta_clients(void *self, struct ask *a, struct answer *r);
void t_beta_client(void *self, struct ask *a, struct answer *r);
void t_beta_sites(void *self, struct ask *a, struct answer *r);
void t_beta_site(void *self, struct ask *a, struct answer *r);
void t_beta_agents(void *self, struct ask *a, struct answer *r);
void t_beta_agent(void *self, struct ask *a, struct answer *r);
void t_clients(void *self, struct ask *a, struct answer *r);
void t_client_one(void *self, struct ask *a, struct answer *r);
void t_sites(void *self, struct ask *a, struct answer *r);
void t_site_one(void *self, struct ask *a, struct answer *r);
void t_agents(void *self, struct ask *a, struct answer *r);
void t_agent_one(void *self, struct ask *a, struct answer *r);
void t_agent_edit(void *self, struct ask *a, struct answer *r);
void t_agent_mesh(void *self, struct ask *a, struct answer *r);
void t_agent_ping(void *self, struct ask *a, struct answer *r);
bool t_my_agent(struct tactical *t, struct ask *a, struct answer *r,
                struct t_agent *ret); /* of the path, and of the role */
void t_agent_checks(void *self, struct ask *a, struct answer *r);
void t_reboot(void *self, struct ask *a, struct answer *r);
void t_run_script(void *self, struct ask *a, struct answer *r);
void t_scripts(void *self, struct ask *a, struct answer *r);
void t_custom_fields(void *self, struct ask *a, struct answer *r);
void t_software_all(void *self, struct ask *a, struct answer *r);
void t_software_one(void *self, struct ask *a, struct answer *r);
void t_updates(void *self, struct ask *a, struct answer *r);
void t_alerts_patch(void *self, struct ask *a, struct answer *r);
void t_alerts_post(void *self, struct ask *a, struct answer *r);
void t_alerts_bulk(void *self, struct ask *a, struct answer *r);
void t_alert_get(void *self, struct ask *a, struct answer *r);
void t_alert_put(void *self, struct ask *a, struct answer *r);
void t_alert_delete(void *self, struct ask *a, struct answer *r);

/* --- hook.c --- */
bool t_subscribe(void *self, struct slice json, const char **why);
void t_unsubscribe(void *self);
void t_send_alert(struct tactical *t, struct t_alert *x, bool resolved);
bool t_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why);
/* What the server makes of a template's filled body: parsed and sent again as ASCII JSON, or as one JSON string. */
void t_render_body(const struct tactical *t, const char *template, const struct t_alert *x, struct str *out);

#endif
