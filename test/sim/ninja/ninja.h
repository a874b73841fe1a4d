/* ninja/ninja.h - NinjaOne as the simulator plays it: what its files share. */
#ifndef SIM_NINJA_NINJA_H
#define SIM_NINJA_NINJA_H

#include "../sim.h"
#include "fleet.h"
#include "write.h"

struct json;

/* --- OAuth (oauth.c) --- */
#define NINJA_CLIENT_ID     "sim-ninja-client"
#define NINJA_CLIENT_SECRET "sim-ninja-secret"
#define NINJA_MAX_TOKENS    256 /* of each kind; the oldest go */
#define NINJA_MAX_CODES     16

enum ninja_scope { SCOPE_MONITORING = 1, SCOPE_MANAGEMENT = 2, SCOPE_CONTROL = 4, SCOPE_OFFLINE = 8 };

struct ninja_token {
    char value[64]; /* "": free */
    usec_t expires;
    unsigned scopes;
    bool user; /* got by a person's sign-in */
};

struct ninja_code {
    struct ninja_token token; /* the code itself */
    char redirect_uri[256], challenge[64];
};

/* --- reports (queries.c) --- */
#define NINJA_MAX_CURSORS 64
struct ninja_filter;
struct ninja_cursor {
    char name[48]; /* "": free */
    const struct ninja_report *report;
    struct ninja_filter *filter;
    int64_t device; /* the next row is this device's … */
    unsigned row;   /* … row */
    int64_t offset, count;
    usec_t installed_after; /* USEC_NONE: all */
    unsigned flags;
    usec_t expires;
};

/* --- webhook (events.c) --- */
struct ninja_hook {
    bool set, expand_device, expand_org, expand_location;
    char *url;
    struct json *body; /* the configuration, in its arena */
    struct arena *arena;
};

struct ninja {
    struct sim *sim;
    struct ninja_fleet *fleet;
    usec_t token_life;
    struct ninja_token access[NINJA_MAX_TOKENS], refresh[NINJA_MAX_TOKENS];
    size_t next_access, next_refresh;
    struct ninja_code codes[NINJA_MAX_CODES];
    size_t next_code;
    struct ninja_cursor cursors[NINJA_MAX_CURSORS];
    size_t next_cursor;
    struct ninja_hook hook;
    uint64_t incidents;
    uint64_t token_serial;
    char burst_alert[UUID_MAX]; /* the alert that the next message of a burst resets */
    bool hook_needs_admin;      /* PUT /v2/webhook refuses client_credentials tokens */
    bool new_cursor_names;      /* each page's cursor has a name of its own */
    enum ninja_script_reply { SCRIPT_NOTHING, SCRIPT_NUMBER, SCRIPT_TEXT, SCRIPT_OBJECT } script_reply;
};

extern const struct product ninja_product;
extern const struct routes ninja_controls;

/* --- refusals (ninja.c): status, body and reason in one --- */
void ninja_refuse(struct ninja *n, struct answer *r, int status, const char *result_code, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
struct jw ninja_json(struct answer *r); /* a 200 with a JSON body to be written */
void ninja_no_content(struct answer *r);
/* The device of the route's first parameter; refuses itself. */
bool ninja_path_device(struct ninja *n, struct ask *a, struct answer *r, struct ninja_core *ret);
/* A whole number argument in range, or the fallback when absent; refuses itself. */
bool ninja_arg_i64(struct ninja *n, struct ask *a, struct answer *r, const char *name, int64_t min, int64_t max,
                   int64_t *io);
/* A request's JSON object whose keys are all among `known` (NULL-terminated); refuses itself as the product does. */
const struct json *ninja_body(struct ninja *n, struct ask *a, struct answer *r, const char *const *known);

/* --- device filter (df.c) --- */
/* NULL with *why set when the grammar does not know it. `text` may be SLICE_NONE: the default filter. Lives in the arena. */
struct ninja_filter *ninja_filter_parse(struct arena *a, struct slice text, const char **why);
bool ninja_filter_match(const struct ninja_filter *f, const struct ninja_core *c);
struct ninja_filter *ninja_filter_copy(const struct ninja_filter *f); /* on the heap: free() */
/* The request's df; refuses itself. */
struct ninja_filter *ninja_df(struct ninja *n, struct ask *a, struct answer *r);

/* --- handlers --- */
void ninja_token(void *self, struct ask *a, struct answer *r);
void ninja_authorize(void *self, struct ask *a, struct answer *r);
bool ninja_gate(void *self, struct ask *a, struct answer *r);
void ninja_expire_tokens(void *self);
const char *ninja_add_code(struct ninja *n, struct slice code, struct slice redirect_uri, struct slice challenge,
                           unsigned scopes);
unsigned ninja_scopes(struct slice text, bool *ok);

void ninja_organizations(void *self, struct ask *a, struct answer *r);
void ninja_organization(void *self, struct ask *a, struct answer *r);
void ninja_organization_devices(void *self, struct ask *a, struct answer *r);
void ninja_organization_locations(void *self, struct ask *a, struct answer *r);
void ninja_locations(void *self, struct ask *a, struct answer *r);
void ninja_devices(void *self, struct ask *a, struct answer *r);
void ninja_device_one(void *self, struct ask *a, struct answer *r);
void ninja_device_edit(void *self, struct ask *a, struct answer *r);
void ninja_device_user(void *self, struct ask *a, struct answer *r);
void ninja_device_facet(void *self, struct ask *a, struct answer *r);
void ninja_device_alerts(void *self, struct ask *a, struct answer *r);
void ninja_device_dashboard(void *self, struct ask *a, struct answer *r);
void ninja_device_maintenance(void *self, struct ask *a, struct answer *r);
void ninja_query(void *self, struct ask *a, struct answer *r);
/* installedAfter: yyyyMMdd or epoch seconds; false: it has answered. */
bool ninja_arg_installed_after(struct ninja *n, struct ask *a, struct answer *r, usec_t *ret);
bool ninja_arg_time(struct ninja *n, struct ask *a, struct answer *r, const char *name, usec_t *io);
void ninja_custom_definitions(void *self, struct ask *a, struct answer *r);
void ninja_custom_fields(void *self, struct ask *a, struct answer *r);
void ninja_device_reboot(void *self, struct ask *a, struct answer *r);
void ninja_device_script(void *self, struct ask *a, struct answer *r);
void ninja_alerts(void *self, struct ask *a, struct answer *r);
void ninja_alert_reset(void *self, struct ask *a, struct answer *r);
void ninja_activities(void *self, struct ask *a, struct answer *r);
void ninja_webhook_put(void *self, struct ask *a, struct answer *r);
void ninja_webhook_delete(void *self, struct ask *a, struct answer *r);

/* --- changes (events.c): each puts an activity into the feed and, when one is wanted, a webhook on its way --- */
void ninja_seed_events(struct ninja *n); /* the past: alerts and activities before the start */
int64_t ninja_emit_device(struct ninja *n, int64_t device, const char *type, const char *code,
                          const char *message); /* activity id */
int64_t ninja_emit_alert(struct ninja *n, const struct ninja_alert *alert, const char *code);
int64_t ninja_emit_org(struct ninja *n, int64_t org, const char *code, const char *message);
bool ninja_subscribe(void *self, struct slice json, const char **why);
void ninja_unsubscribe(void *self);
bool ninja_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why);

#endif
