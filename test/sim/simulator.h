/* simulator.h - the simulator as one object: its products, faults, statistics, listeners.
 * Always: everything runs on one loop; sim_free ends it all, in order: servers, webhooks, products. */
#ifndef SIM_SIMULATOR_H
#define SIM_SIMULATOR_H

#include "hooks.h"
#include "reactor/loop.h"
#include "requests.h"
#include "sim.h"
#include "stats.h"

#define SIM_MAX_PRODUCTS 8

struct instance {
    struct sim *sim;
    const struct product *product; /* NULL: the control API */
    void *self;
    struct http_server *server;
    struct stats stats;
    struct requests requests;
    uint16_t port;
};

struct exchange;
struct sim {
    struct loop *loop;
    struct metrics *metrics;
    struct sim_options options;
    struct instance instances[SIM_MAX_PRODUCTS]; /* in the order of sim_products */
    struct instance control;
    struct faults faults;
    struct hooks *hooks; /* NULL: webhooks go to on_hook, or nowhere */
    void (*on_hook)(const struct product *p, const struct hook_message *m, void *arg);
    void *on_hook_arg;
    usec_t latency;
    bool plain; /* never gzip, whatever a client accepts */
    TAILQ_HEAD(, exchange) exchanges;
};

struct sim *sim_new(struct loop *l, struct metrics *m, const struct sim_options *o);
void sim_free(struct sim *s);
bool sim_start_hooks(struct sim *s, struct err *e);
/* Serves one product (or the control API, product NULL) on an address. */
bool sim_listen(struct sim *s, const struct product *p, const char *address, SSL_CTX *tls, struct err *e);
struct instance *sim_instance(struct sim *s, const struct product *p);

/* exchange.c: from the server's request to the server's reply. */
bool exchange_listen(struct instance *i, const char *address, SSL_CTX *tls, struct err *e);
void exchange_end_all(struct sim *s); /* after the servers are gone */
/* control.c: the table of /control/… itself and of every product. */
void control_answer(struct sim *s, struct ask *a, struct answer *r);

#endif
