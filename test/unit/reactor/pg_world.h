/* pg_world.h - what the pool's tests share: a cluster per program, a loop and a pool per test, answers that are
 * counted.
 * Always: each answer is called back at most once, or the test fails; at the end of a test the pool is freed and every
 *         answer that was asked for has come. */
#ifndef MSPHUB_TEST_PG_WORLD_H
#define MSPHUB_TEST_PG_WORLD_H

#include "base/mem.h"
#include "base/metrics.h"
#include "pgtest.h"
#include "reactor/pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct answer {
    struct ref ref;
    int calls;
    enum err_code code;
    char what[384], sqlstate[6];
    bool unknown;
    unsigned failed;
    int64_t affected[2], number;
    void (*check)(const struct pg_reply *r, void *arg); /* only when it is committed */
    void *check_arg;
    struct answer *self;
};

struct world {
    struct pgtest *pg;
    struct log *log;
    struct loop *loop;
    struct metrics *metrics;
    struct pg_pool *pool;
    struct answer *answers[4096];
    size_t nanswers;
};

int world_group_setup(void **state);
int world_group_teardown(void **state);
int world_setup(void **state); /* empty tables, a pool of one connection */
int world_teardown(void **state);
void world_pool(struct world *w, struct pg_options o); /* another pool instead; conninfo is filled in */

struct answer *answer_new(struct world *w);
void on_answer(void *arg, const struct pg_reply *r); /* the pg_cb of an answer */
struct answer *submit(struct world *w, struct pg_seg *s);
struct answer *run(struct world *w, struct pg_seg *s);
void wait_for(struct world *w, struct answer *a);
void wait_until(struct world *w, const char *sql); /* a boolean as the superuser sees it; the loop runs meanwhile */
void wait_until_up(struct world *w, bool up);
void wait_until_ready(struct world *w, int connections);
void wait_until_quiet(struct world *w); /* nothing is queued or running in the pool */
void keep_number(const struct pg_reply *r, void *arg);

void add_insert(struct pg_seg *s, int64_t id, const char *v);
struct answer *submit_insert(struct world *w, int64_t id, const char *v);
void run_insert(struct world *w, int64_t id, const char *v);
struct answer *submit_select_one(struct world *w);
struct answer *run_select_one(struct world *w);
struct answer *submit_sleep(struct world *w, int seconds, usec_t timeout);
struct answer *submit_sleep_ms(struct world *w, int ms, usec_t timeout);

static inline void assert_committed(const struct answer *a)
{
    if (a->code != ERR_NONE)
        print_error("%s\n", a->what);
    assert_int_equal(a->code, ERR_NONE);
}

#endif
