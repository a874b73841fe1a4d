/* testhub.h - a hub with a private PostgreSQL, a server on loopback and a provider of its own, for tests of src/hub.
 * Owns:   all of it; testhub_stop takes the hub away as a kill would (nothing is drained), the database stays.
 * The provider `fake` takes webhooks {"id", "type", …}; what a type does: see fake_decode. */
#ifndef MSPHUB_TEST_TESTHUB_H
#define MSPHUB_TEST_TESTHUB_H

#include "base/mem.h"
#include "hub/access.h"
#include "hub/applier.h"
#include "hub/configure.h"
#include "hub/intake.h"
#include "hub/integration.h"
#include "hub/session.h"
#include "hub/sign_in.h"
#include "pgtest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct testhub {
    struct pgtest *pg;
    struct hub h;
    struct options options;
    struct http_server *server;
    uint16_t port;
    int64_t tenant;
    char refreshed[64]; /* the device that was asked for last */
};

int testhub_group_setup(void **state); /* a cluster for the program, migrated */
int testhub_group_teardown(void **state);
int testhub_setup(void **state); /* an empty database with the tenant `msp`; the hub runs, the applier does not */
int testhub_teardown(void **state);

void testhub_start(struct testhub *t); /* the hub, from t->options */
void testhub_stop(struct testhub *t);
void testhub_key(struct testhub *t, const char *text); /* another keyring; NULL: none */

/* Runs the loop until it is so; fails after 20 s. */
void testhub_until(struct testhub *t, bool (*done)(void *arg), void *arg);
void testhub_until_sql(struct testhub *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The connection that listens is ended: until it has come again (until_heard), notices on `channel` are not heard. */
void testhub_deafen(struct testhub *t, const char *channel);
void testhub_until_heard(struct testhub *t, const char *channel);

/* An integration of the provider `fake`; the reference is the caller's. */
struct integration *testhub_integration(struct testhub *t, const char *name);
/* configure() to its end. `settings` is JSON or NULL. */
struct outcome {
    bool done, created;
    enum err_code code;
    char what[400];
    char faults[1024];      /* "/pointer detail\n" … */
    struct integration *it; /* a reference */
};
struct outcome testhub_configure(struct testhub *t, const char *name, enum configure_mode mode, int64_t version,
                                 const char *settings);
void on_configured(void *arg, struct integration *it, bool created, const struct configure_faults *f,
                   const struct err *e);
void outcome_wait(struct testhub *t, struct outcome *o);
#define GOOD_SETTINGS                                                                                                  \
    "{\"base_url\":\"https://api.example.com\",\"client_id\":\"abc\",\"client_secret\":\"s3cret-0123456789\"}"

/* One request on a connection of its own. */
struct reply {
    bool done;
    int status;
    char text[2048]; /* head and body */
    struct bufferevent *bev;
};
void testhub_send(struct testhub *t, struct reply *r, const char *path, const char *secret, const char *body);
void reply_wait(struct testhub *t, struct reply *r, size_t n);
/* To the integration's address with its secret; returns the status. */
int testhub_post(struct testhub *t, struct integration *it, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
char *testhub_path(const struct integration *it);

double testhub_metric(struct testhub *t, const char *line); /* the value behind this text in the exposition; -1: none */

void testhub_until_metric(struct testhub *t, const char *line, double value);

#endif
