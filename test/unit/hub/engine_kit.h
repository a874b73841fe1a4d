/* engine_kit.h - what tests of the engine share: a product on loopback that answers byte by byte as told, a provider whose machine is
 * a list of calls, and a hub with just the parts that the engine needs. */
#ifndef MSPHUB_TEST_UNIT_HUB_ENGINE_KIT_H
#define MSPHUB_TEST_UNIT_HUB_ENGINE_KIT_H

#include "hub/engine.h"

/* --- the product --- */

struct product;
struct visit { /* one request; lives until it is answered */
    struct product *product;
    unsigned nth; /* of all requests, from 1 */
    char method[8], path[128], authorization[128], traceparent[64];
    struct str body;
};

struct product *product_new(struct loop *l, void (*on_visit)(struct visit *v, void *arg), void *arg);
void product_untrusted(struct product *p); /* from now on it speaks TLS with a certificate that nobody vouches for */
void product_free(struct product *p);
const char *product_url(const struct product *p);                   /* http://127.0.0.1:port */
unsigned product_visits(const struct product *p, const char *path); /* how many came, of this path or (NULL) in all */
unsigned product_open(const struct product *p);                     /* not answered yet */
unsigned product_most_open(const struct product *p);
usec_t product_visited_at(const struct product *p, unsigned nth); /* loop_now */

/* `headers`: lines that end in \r\n, or "". */
void visit_answer(struct visit *v, int status, const char *headers, const char *body);
/* These very bytes; then the connection is closed, or kept open in silence. The visit counts as open until its connection goes. */
void visit_raw(struct visit *v, const char *bytes, bool close);
/* Adds to a reply begun by visit_raw(…, false); false: the peer does not take more now. */
bool visit_more(struct visit *v, const char *bytes, size_t n);

/* --- the provider and its machine --- */

struct script_call {
    struct machine_call call; /* id is filled in; no method: GET, repeatable */
    /* what came of it */
    struct str body;
    unsigned ended, again, heads, pieces;
    int status;
    struct err err; /* code ERR_NONE: none */
    struct str error_body;
    usec_t retry_after;
};

struct script { /* sink.arg of the job */
    struct script_call *calls;
    unsigned n, next, open, most_open;
    bool refuse_body;
    void (*on_piece)(struct script *s, struct script_call *c);
    void *arg;
    struct ref job;
    bool urgent;
    const struct trace *trace; /* of the job */
    /* how the job ended */
    unsigned done;
    struct err err;
    struct engine_counts counts;
    bool freed; /* the machine */
};

struct provider kit_provider(void); /* static key, four calls at once */
/* The same with tokens: POST /token, answered with "[access,seconds,refresh]"; an empty refresh leaves it as it is. 400 is a dead grant. */
struct provider kit_provider_oauth(void);

struct integration *kit_integration(const struct provider *p, const char *base_url, int64_t tenant_id, int64_t id,
                                    int64_t version);

/* --- the hub --- */

/* `db` may be NULL; tokens are then kept in memory. The parts hang on `l`, which the caller made. */
struct hub *kit_hub_new(struct loop *l, struct metrics *m, const char *conninfo, bool keys);
void kit_hub_free(struct hub *h);

void kit_start(struct hub *h, struct integration *it, struct script *s);
/* Runs the loop until the job is done; fails the test after ten seconds. */
void kit_finish(struct hub *h, struct script *s);
void kit_run(struct hub *h, struct integration *it, struct script *s); /* both */
void kit_until(struct loop *l, bool (*done)(void *arg), void *arg);
void script_release(struct script *s);
double kit_metric(struct metrics *m, const char *line); /* "name{labels}": its value, 0 when absent */

#endif
