/* syncro/syncro.h - a Syncro account as the simulator plays it: its fleet and what its files share.
 * Always: customer, contact and asset n (1 …) are a function of the seed and n; what was changed since is kept. Alerts and
 *         tickets are kept one by one, ids ascend, an id never comes back. Assets carry their agent's data in as many shapes
 *         as the product has been seen to send. */
#ifndef SIM_SYNCRO_SYNCRO_H
#define SIM_SYNCRO_SYNCRO_H

#include "../rng.h"
#include "../sim.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include <uthash.h>

#define SYNCRO_SUBDOMAIN       "northmsp"
#define SYNCRO_TOKEN           "simsyncrotokenwithallpermissions0001"
#define SYNCRO_TOKEN_EXPIRED   "simsyncrotokenthathasexpired00000002"
#define SYNCRO_TOKEN_READ      "simsyncrotokenthatmayonlyread0000003"
#define SYNCRO_TOKEN_NO_ALERTS "simsyncrotokenwithoutrmmalerts000004"
#define SYNCRO_TOKEN_ONE_CUSTOMER                                                                                      \
    "simsyncrotokenofonecustomersuser0005"                             /* sees customer 1's rows, and is told nothing */
#define SYNCRO_TOKEN_ELSEWHERE "simsyncrotokenofanothersubdomain0006"  /* /me says another account */
#define SYNCRO_USER_TOKEN      "00000000-aaaa-4bbb-8ccc-CONFIDENTIAL1" /* what /me gives away */

#define S_CUSTOMER_BASE 30000
#define S_CONTACT_BASE  700000
#define S_ASSET_BASE    INT64_C(5520000000) /* ten digits: no 32 bits hold it */
#define S_ALERT_BASE    88000
#define S_TICKET_BASE   910000
#define S_NUMBER_BASE   1000
#define S_MAX_ROWS      100000 /* of alerts, and of tickets */
#define S_MAX_ASSETS    8      /* of a ticket */
#define S_MAX_RATE      1000
#define S_TEXT          120

enum s_permission {
    P_CUSTOMERS = 1 << 0, /* Customers - List/Search, View Detail (contacts as well) */
    P_ASSETS = 1 << 1,
    P_TICKETS = 1 << 2,
    P_TICKET_CREATE = 1 << 3,
    P_TICKET_EDIT = 1 << 4,
    P_TICKET_DELETE = 1 << 5,
    P_ALERTS = 1 << 6,
    P_ALERT_CREATE = 1 << 7,
    P_ALERT_MANAGE = 1 << 8, /* mute */
    P_ALERT_DELETE = 1 << 9,
    P_ALL = (1 << 10) - 1,
    P_NONE = 1 << 10 /* of a route: no permission is asked for */
};

struct s_token {
    const char *value, *subdomain;
    unsigned permissions;
    bool expired, one_customer;
};

struct s_customer {
    int64_t id;
    char *business; /* NULL: null; then it is a person */
    char first[S_TEXT], last[S_TEXT];
    bool disabled;
    usec_t updated;
};

struct s_asset {
    int64_t id, customer_id; /* customer_id 0: null */
    int64_t n;
    char name[S_TEXT], serial[40]; /* serial "": null */
    const char *type;
    unsigned odd;                      /* which parts are missing or of another type: n % 17 of the agents */
    bool agent, offline, offline_bool; /* offline_bool: triggers are booleans here */
    usec_t synced, updated;            /* synced USEC_NONE: absent */
};

struct s_change { /* of an asset */
    int64_t n;
    bool deleted;
    char *name, *serial;
    int64_t customer_id; /* -1: as generated */
    int offline;         /* -1 */
    usec_t touched;      /* USEC_NONE */
    UT_hash_handle hh;
};

struct s_alert {
    int64_t id, customer_id, asset_id; /* 0: null */
    char *computer, *trigger, *description, *output;
    bool resolved, muted;
    usec_t created, updated;
};

struct s_comment {
    int64_t id;
    char *subject, *body, *tech;
    int64_t user_id; /* 0: null, it came from the customer */
    bool hidden;
    usec_t created;
};

struct s_ticket {
    int64_t id, number, customer_id, contact_id, user_id; /* 0: null */
    char *subject, *status, *problem, *priority;          /* priority NULL: null */
    int64_t assets[S_MAX_ASSETS];
    size_t nassets;
    usec_t due, created, updated, resolved; /* USEC_NONE: null */
    bool deleted;
    struct s_comment *comments;
    size_t ncomments;
};

struct syncro {
    struct sim *sim;
    uint64_t seed;
    usec_t epoch;
    struct s_customer *customers;
    size_t ncustomers, nbase; /* assets go round the latter */
    int64_t nassets;          /* n = 1 … */
    struct s_change *changes;
    struct s_alert *alerts;
    size_t nalerts;
    struct s_ticket *tickets;
    size_t ntickets;
    int64_t last_comment, emails, texts;
    struct { /* calls of the last window, oldest first from `at` */
        usec_t times[S_MAX_RATE];
        size_t n, at;
    } calls;
    char *hook; /* URL, or NULL */
    /* settings */
    int64_t per_minute, page_size; /* page_size 0: each list's own */
    usec_t window;
    bool retry_after, assets_without_meta;
    int64_t note_bytes; /* of a custom field of asset 1 */
};

extern const struct product syncro_product;
extern const struct routes syncro_controls;

/* --- fleet.c --- */
void s_fleet_init(struct syncro *s, const struct sim_options *o);
void s_fleet_release(struct syncro *s);
struct s_customer *s_add_customer(struct syncro *s, struct slice name);
struct s_customer *s_customer(const struct syncro *s, int64_t id); /* NULL: none */
const char *s_customer_name(const struct s_customer *c, char buf[2 * S_TEXT]);
bool s_asset(const struct syncro *s, int64_t id, struct s_asset *ret); /* false: no such asset */
bool s_asset_was(const struct syncro *s, int64_t id);
struct s_change *s_change(struct syncro *s, int64_t id);
struct s_alert *s_alert(const struct syncro *s, int64_t id);
struct s_alert *s_raise(struct syncro *s, int64_t customer_id, int64_t asset_id, const char *trigger,
                        const char *description, const char *output); /* NULL: too many */
struct s_ticket *s_ticket(const struct syncro *s, int64_t id);        /* also deleted ones */
struct s_ticket *s_ticket_add(struct syncro *s, int64_t customer_id, struct slice subject);
struct s_comment *s_comment_add(struct syncro *s, struct s_ticket *t, struct slice subject, struct slice body,
                                struct slice tech);
void s_set_status(struct syncro *s, struct s_ticket *t, struct slice status);
extern const char *const s_statuses[], *const s_problems[], *const s_priorities[]; /* end with NULL */
bool s_listed(const char *const *list, struct slice text);

/* --- syncro.c: answers --- */
struct jw s_json(struct answer *r, int status);
void s_error(struct answer *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4); /* {"error":…} */
void s_refuse(struct answer *r, const char *fmt, ...) PRINTF_LIKE(2, 3); /* 422 {"success":false,"message":[…]} */
void s_not_found(struct answer *r, const char *what, bool was_there);
const struct json *s_body(struct ask *a, struct answer *r); /* NULL: it has answered */
void s_key_time(struct jw *w, const char *key, usec_t t);
bool s_sees(const struct ask *a, int64_t customer_id); /* may the token see this customer's rows? */

/* --- lists.c, asset.c --- */
void s_customers(void *self, struct ask *a, struct answer *r);
void s_customer_one(void *self, struct ask *a, struct answer *r);
void s_contacts(void *self, struct ask *a, struct answer *r);
void s_assets(void *self, struct ask *a, struct answer *r);
void s_asset_one(void *self, struct ask *a, struct answer *r);
void s_write_asset(struct jw *w, const struct syncro *s, const struct s_asset *x);
/* The page that was asked for, as the fault would have it: rows `first` to `first + take - 1` of `total`. */
struct s_page {
    int64_t page, pages, size, total, first, last; /* last: behind it */
    bool totals;                                   /* meta has total_entries and per_page */
    bool omit, reverse;
};
bool s_page(const struct syncro *s, const struct ask *a, struct answer *r, int64_t size, int64_t total, bool totals,
            struct s_page *ret);
int64_t s_page_row(const struct s_page *p, int64_t k); /* index of the page's k-th row; -1: left out */
void s_write_meta(struct jw *w, const struct s_page *p);

/* --- alerts.c --- */
void s_alerts(void *self, struct ask *a, struct answer *r);
void s_alert_post(void *self, struct ask *a, struct answer *r);
void s_alert_one(void *self, struct ask *a, struct answer *r);
void s_alert_mute(void *self, struct ask *a, struct answer *r);
void s_alert_delete(void *self, struct ask *a, struct answer *r);

/* --- tickets.c --- */
void s_tickets(void *self, struct ask *a, struct answer *r);
void s_ticket_post(void *self, struct ask *a, struct answer *r);
void s_ticket_one(void *self, struct ask *a, struct answer *r);
void s_ticket_put(void *self, struct ask *a, struct answer *r);
void s_ticket_delete(void *self, struct ask *a, struct answer *r);
void s_comments(void *self, struct ask *a, struct answer *r);
void s_comment_post(void *self, struct ask *a, struct answer *r);
void s_ticket_settings(void *self, struct ask *a, struct answer *r);
void s_settings(void *self, struct ask *a, struct answer *r);
void s_write_ticket(struct jw *w, const struct syncro *s, const struct s_ticket *t, bool detail);
void s_write_comment(struct jw *w, const struct s_ticket *t, const struct s_comment *c);

/* --- hook.c --- */
bool s_subscribe(void *self, struct slice json, const char **why);
void s_unsubscribe(void *self);
void s_send_alert(struct syncro *s, const struct s_alert *x, bool cleared);
void s_send_ticket(struct syncro *s, const struct s_ticket *t, const char *text);
void s_send_comment(struct syncro *s, const struct s_ticket *t, const struct s_comment *c);
bool s_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why);

#endif
