/* msp360/msp360.h - MSP360 Managed Backup as the simulator plays it: its fleet and what its files share.
 * Always: computer `id` and its plans are a function of the seed and the id (1 …); what was changed since is kept. A user a
 *         company; computers belong to users, and name their company, as the product does, by its name only. */
#ifndef SIM_MSP360_MSP360_H
#define SIM_MSP360_MSP360_H

#include "../rng.h"
#include "../sim.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include <uthash.h>

#define MSP_LOGIN      "sim-msp360-login"
#define MSP_PASSWORD   "sim-msp360-\"pass\"word"
#define MSP_MAX_TOKENS 64
#define MSP_MAX_PLANS  3 /* of a computer */
#define MSP_TEXT       96

enum m_status { M_SUCCESS, M_OVERDUE, M_ERROR, M_RUNNING, M_UNKNOWN, M_INTERRUPTED, M_CLOSED, M_WARNING };

struct m_company {
    char id[UUID_MAX], user[UUID_MAX], *name, login[MSP_TEXT];
};

struct m_computer {
    int64_t id;
    size_t company; /* index */
    bool without_company, online, braces, windows;
    char hid[UUID_MAX + 2]; /* as it is written: some in capitals and braces */
    char name[MSP_TEXT], display[MSP_TEXT];
    usec_t last_activity; /* USEC_NONE: never */
    unsigned nplans;
};

struct m_plan {
    int64_t computer;
    unsigned slot;
    const char *name, *error; /* error NULL: null */
    char id[UUID_MAX];        /* "": the server is too old to send it */
    bool old_server;          /* neither PlanId nor ComputerHid */
    int64_t status, type;
    usec_t last_start, next_start; /* USEC_NONE: null */
    bool hidden;                   /* the list leaves it out */
};

struct m_change { /* of a computer and its plans */
    int64_t id;
    bool deleted;
    char *name, *company; /* company "": none */
    int online;           /* -1: as generated */
    struct m_plan_change {
        int64_t status; /* -1: as generated */
        char *error;
        usec_t last_start, next_start;
        bool has_start, has_next, hidden;
    } plans[MSP_MAX_PLANS];
    UT_hash_handle hh;
};

struct m_token {
    char value[65]; /* "": free */
    usec_t expires;
};

struct msp {
    struct sim *sim;
    uint64_t seed;
    usec_t epoch, token_life;
    struct m_company *companies;
    size_t ncompanies, nbase; /* computers go round the latter: those that were added later have none of their own */
    uint64_t company_serial;
    int64_t ncomputers; /* ids 1 … */
    struct m_change *changes;
    struct m_token tokens[MSP_MAX_TOKENS];
    size_t next_token;
    uint64_t token_serial;
    /* settings */
    int64_t login_status; /* of a refused login: 400, 401 or 403 */
    bool token_key;       /* the login's answer calls it Token */
    int64_t page_cap;     /* rows of a page of computers, whatever was asked for */
    bool count_is_total;
};

extern const struct product msp_product;
extern const struct routes msp_controls;

/* --- fleet.c --- */
void m_fleet_init(struct msp *m, const struct sim_options *o);
void m_fleet_release(struct msp *m);
size_t m_add_company(struct msp *m, struct slice name);
bool m_computer(const struct msp *m, int64_t id, struct m_computer *ret); /* false: no such computer */
bool m_computer_hid(const struct msp *m, struct slice hid, struct m_computer *ret);
bool m_computer_was(const struct msp *m, struct slice hid);                  /* one of those that were deleted */
const char *m_company_name(const struct msp *m, const struct m_computer *c); /* NULL: none */
void m_plan(const struct msp *m, const struct m_computer *c, unsigned slot, struct m_plan *ret);
struct m_change *m_change(struct msp *m, int64_t id);

/* --- lists.c --- */
void m_versions(void *self, struct ask *a, struct answer *r);
void m_companies(void *self, struct ask *a, struct answer *r);
void m_company_one(void *self, struct ask *a, struct answer *r);
void m_users(void *self, struct ask *a, struct answer *r);
void m_user_one(void *self, struct ask *a, struct answer *r);
void m_user_computers(void *self, struct ask *a, struct answer *r);
void m_destinations(void *self, struct ask *a, struct answer *r);
void m_computers(void *self, struct ask *a, struct answer *r);
void m_computer_one(void *self, struct ask *a, struct answer *r);
void m_monitoring(void *self, struct ask *a, struct answer *r);
void m_licenses(void *self, struct ask *a, struct answer *r);
void m_null(void *self, struct ask *a, struct answer *r); /* 200 null: an unknown id */

/* --- msp360.c --- */
struct jw m_json(struct answer *r, int status);
void m_message(struct answer *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4); /* {"Message":…} */

#endif
