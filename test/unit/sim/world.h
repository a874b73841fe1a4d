/* sim/world.h - a simulator without sockets: a test asks a product as the server would, and reads the answer as JSON. */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include "base/json_read.h"
#include "simulator.h"
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORLD_EPOCH SECONDS(1795000000)

struct world {
    struct sim *sim;
    struct arena *arena; /* answers live to the test's end */
    char token[160];     /* the Authorization header; "" sends none */
    const char *key;     /* X-API-KEY; NULL sends none */
    const char *type;    /* Content-Type of bodies */
    const char *accept;  /* NULL sends none */
    enum fault_kind fault;
    bool damaged;
    unsigned hooks; /* seen */
    struct str hook;
};

struct got {
    int status;
    struct slice text;
    struct json *json; /* NULL: not JSON */
    const char *location, *allow, *challenge, *retry_after;
    const char *reason;
};

int world_setup(void **state);
int world_teardown(void **state);
struct got world_ask(struct world *w, const char *product, enum http_method method, const char *target,
                     const char *body);
struct got world_control(struct world *w, enum http_method method, const char *target, const char *body);
/* Signs in at NinjaOne: sets the token. */
void world_sign_in(struct world *w);

size_t json_count(const struct json *array);
const struct json *json_at(const struct json *array, size_t i);
int64_t json_number(const struct json *object, const char *key); /* fails the test when absent */
/* Are these, in any order, the object's keys? Fails the test with the first that differs. */
void assert_keys(const struct json *object, const char *comma_separated);
void assert_text(struct slice have, const char *want);

#endif
