/* simulator.c - see simulator.h. */
#include "simulator.h"
#include "jamf/jamf.h"
#include "msp360/msp360.h"
#include "ninja/ninja.h"
#include "syncro/syncro.h"
#include "tactical/tactical.h"
#include <stdlib.h>

const struct product *const sim_products[] = {&ninja_product, &tactical_product, &msp_product, &syncro_product,
                                              &jamf_product};
const size_t sim_nproducts = ARRAY_LEN(sim_products);

const struct product *product_find(struct slice key)
{
    for (size_t k = 0; k < ARRAY_LEN(sim_products); k++) {
        if (slice_is(key, sim_products[k]->key) || slice_is(key, sim_products[k]->alias))
            return sim_products[k];
    }
    return NULL;
}

struct instance *sim_instance(struct sim *s, const struct product *p)
{
    if (!p)
        return &s->control;
    for (size_t k = 0; k < ARRAY_LEN(sim_products); k++) {
        if (sim_products[k] == p)
            return &s->instances[k];
    }
    return NULL;
}

struct sim *sim_new(struct loop *l, struct metrics *m, const struct sim_options *o)
{
    struct sim *s = NEW(struct sim);
    s->loop = l;
    s->metrics = m;
    s->options = *o;
    faults_init(&s->faults);
    TAILQ_INIT(&s->exchanges);
    s->control.sim = s;
    for (size_t k = 0; k < ARRAY_LEN(sim_products); k++) {
        s->instances[k] = (struct instance){.sim = s, .product = sim_products[k]};
        s->instances[k].self = sim_products[k]->create(s, &s->options);
    }
    return s;
}

bool sim_start_hooks(struct sim *s, struct err *e)
{
    s->hooks = hooks_new(s->loop, s->metrics, e);
    return s->hooks != NULL;
}

bool sim_listen(struct sim *s, const struct product *p, const char *address, SSL_CTX *tls, struct err *e)
{
    return exchange_listen(sim_instance(s, p), address, tls, e);
}

void sim_free(struct sim *s)
{
    if (!s)
        return;
    for (size_t k = 0; k < ARRAY_LEN(sim_products); k++)
        http_server_free(s->instances[k].server);
    http_server_free(s->control.server);
    exchange_end_all(s);
    hooks_free(s->hooks);
    for (size_t k = 0; k < ARRAY_LEN(sim_products); k++) {
        sim_products[k]->destroy(s->instances[k].self);
        stats_clear(&s->instances[k].stats);
        requests_clear(&s->instances[k].requests);
    }
    stats_clear(&s->control.stats);
    faults_release(&s->faults);
    free(s);
}

usec_t sim_wall(const struct sim *s)
{
    return s->loop ? loop_wall(s->loop) : s->options.epoch;
}

void sim_send_hook(struct sim *s, const struct product *p, struct hook_message *m)
{
    if (s->on_hook)
        s->on_hook(p, m, s->on_hook_arg);
    if (s->hooks)
        hooks_send(s->hooks, p->key, m);
    else
        hook_message_release(m);
}
