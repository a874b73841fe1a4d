/* hooks.h - sends the webhooks that the products would send.
 * Owns:   an HTTP client, a queue of messages, the calls in flight, the bursts (kept after their end, for their results).
 * Always: a message is sent once (times `repeat` of its burst), never retried: the products do not promise it, and a receiver
 *         must not count on it. The queue has a ceiling; past it messages are dropped and counted. */
#ifndef SIM_HOOKS_H
#define SIM_HOOKS_H

#include "sim.h"

#define HOOK_MAX_HEADERS  16
#define HOOK_MAX_QUEUE    100000
#define HOOK_IN_FLIGHT    4  /* of those caused by changes */
#define HOOK_MAX_PARALLEL 64 /* of a burst */

struct hook_message {
    enum http_method method; /* 0: POST */
    char *url;
    struct hook_header {
        char *name, *value;
    } headers[HOOK_MAX_HEADERS];
    size_t nheaders;
    struct str body;
    /* Tells the product how it went: status 0 when no answer came. May be NULL. */
    void (*done)(void *self, int64_t tag, int status);
    void *self;
    int64_t tag;
};

void hook_message_release(struct hook_message *m);
void hook_message_header(struct hook_message *m, struct slice name,
                         struct slice value); /* more than the ceiling are dropped */

struct hooks;
struct metrics;
struct hooks *hooks_new(struct loop *l, struct metrics *m, struct err *e); /* NULL with *e set: no HTTP client */
void hooks_free(struct hooks *h);                                          /* ends what is in flight */

/* Takes over what the message owns. */
void hooks_send(struct hooks *h, const char *product, struct hook_message *m);

struct hook_burst {
    const struct product *product;
    void *self; /* the product's */
    const char *event;
    const struct hook_message *pattern; /* URL and headers; copied */
    int64_t count, repeat, parallel;
    int64_t rate; /* messages a second; 0: as fast as the receiver takes them */
};
/* Starts it; 0 with *why when it cannot. Else its id. */
unsigned hooks_burst(struct hooks *h, const struct hook_burst *b, const char **why);
struct jw;
bool hooks_burst_write(const struct hooks *h, unsigned id, struct jw *w); /* one object; false: no such burst */
void hooks_write(const struct hooks *h, const char *product,
                 struct jw *w); /* {"sent","acked","failed","dropped","queued","by_status"} */

#endif
