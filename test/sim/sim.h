/* sim.h - the simulator's inner contracts: what a product is given, what it answers, and the table of products.
 * Why:    flow tests and benches need the products that msphub talks to, as strict as the real ones, with faults on request.
 *         A product is a table of routes over a fleet that is a function of a seed; it owns no socket and no timer, so that a
 *         unit test calls it like the server does.
 * Always: product_answer fills in the whole answer at once; latency, transport faults and sending are the exchange's work. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fault.h"
#include "reactor/http_server.h"

struct sim;

/* --- a request, taken apart --- */
#define ASK_MAX_ARGS   32
#define ASK_MAX_PARAMS 4
struct ask_pair {
    struct slice name, value;
};

struct ask {
    enum http_method method;
    struct slice path, query, body; /* path and query as sent */
    struct slice (*header)(const void *source, const char *name);
    const void *source;
    usec_t wall;
    enum fault_kind fault; /* a fault of the data (wrong_total …), to be played by the product */
    bool damaged;          /* the answer will not arrive whole: nothing may be taken as delivered */

    struct arena *arena; /* of the request */
    const struct route *route;
    unsigned allowed;                   /* methods of the path; 0: unknown */
    struct ask_pair args[ASK_MAX_ARGS]; /* decoded */
    size_t nargs;
    struct slice params[ASK_MAX_PARAMS]; /* in the order of the pattern, decoded */
    const void *who;                     /* the credential, set by the product's gate */
};

void ask_parse_query(struct ask *a); /* fills args from query; more than ASK_MAX_ARGS are dropped */
bool ask_arg(const struct ask *a, const char *name, struct slice *ret); /* the first of its name */
struct slice ask_header(const struct ask *a, const char *name);         /* SLICE_NONE when absent */
/* application/x-www-form-urlencoded: the same decoding for the body's fields. */
void ask_parse_form(struct arena *a, struct slice text, struct ask_pair *ret, size_t max, size_t *ret_n);
struct slice ask_decode(struct arena *a, struct slice text, bool plus_is_blank);

/* --- an answer --- */
#define ANSWER_MAX_HEADERS 8
struct answer {
    int status;
    const char *type; /* NULL: no body */
    struct str body;
    struct answer_header {
        const char *name; /* static */
        char *value;
    } headers[ANSWER_MAX_HEADERS];
    size_t nheaders;
    char reason[96]; /* a refusal's reason, for the statistics; "" on success */
    bool gone;       /* a 404 for what was there once: an honest answer, not a refusal */
};

void answer_release(struct answer *r);
void answer_header(struct answer *r, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);                                            /* replaces one of the same name */
const char *answer_get(const struct answer *r, const char *name); /* NULL when absent */
/* Sets status and type; the body is what the caller then appends. */
struct str *answer_begin(struct answer *r, int status, const char *type);
void answer_text(struct answer *r, int status, const char *type, const char *text);
void answer_because(struct answer *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- routes --- */
struct route {
    unsigned methods;    /* bits of enum http_method */
    const char *pattern; /* "/v2/device/{}/alerts": each {} takes one segment */
    void (*run)(void *self, struct ask *a, struct answer *r);
    const char *name;  /* for the statistics; NULL: the pattern */
    const char *allow; /* the Allow header, where the product sends one */
    unsigned flags;    /* the product's own */
    const void *extra; /* the product's own row */
};

struct routes {
    const struct route *v;
    size_t n;
};

/* The route for the path and method. Fills a->route, a->params, and a->allowed with the methods of all routes of that path. */
const struct route *route_find(const struct route *routes, size_t n, struct ask *a);

/* --- products --- */
struct sim_options {
    uint64_t seed;
    usec_t epoch; /* "now" of the generated past; fixed for runs that must repeat to the byte */
    usec_t token_life;
    int64_t ninja_devices, ninja_orgs;
    int64_t tactical_agents, tactical_clients;
    bool tactical_beta;
    int64_t msp_computers, msp_companies;
    int64_t syncro_assets, syncro_customers, syncro_tickets;
    int64_t jamf_computers, jamf_mobile, jamf_apps;
};

struct hook_message; /* hooks.h */

struct product {
    const char *key, *alias; /* "ninjaone", "ninja" */
    const char *listen_flag; /* "listen" */
    void *(*create)(struct sim *sim, const struct sim_options *o);
    void (*destroy)(void *self);
    const struct route *routes; /* what the product serves */
    size_t nroutes;
    /* Runs before a route: authentication and what the product checks of any request. False: it has answered. The route may be NULL. */
    bool (*gate)(void *self, struct ask *a, struct answer *r);
    void (*no_route)(void *self, struct ask *a, struct answer *r);
    /* The product's own answer for an armed status (401, 403, 404, 429, 500, 503). */
    void (*canned)(void *self, int status, struct ask *a, struct answer *r);
    void (*expire_tokens)(void *self);
    const struct routes *controls; /* under /control/<alias> */
    /* The n-th message of a burst of `event`; false: unknown event (*why says what is known). */
    bool (*burst)(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why);
    /* PUT /control/webhooks/<product>: where changes are sent from now on. False: the body is not understood. */
    bool (*subscribe)(void *self, struct slice json, const char **why);
    void (*unsubscribe)(void *self);
};

extern const struct product *const sim_products[];
extern const size_t sim_nproducts;
const struct product *product_find(struct slice key); /* by key or alias; NULL */

/* The whole synchronous path of a request: query, gate, route. */
void product_answer(const struct product *p, void *self, struct ask *a, struct answer *r);

/* --- what a product may ask of the simulator --- */
/* Queues a webhook for delivery; takes over what the message owns. */
void sim_send_hook(struct sim *sim, const struct product *p, struct hook_message *m);
usec_t sim_wall(const struct sim *sim);

#endif
