/* hub/hashing.c - see hashing.h. Owns one job a call; the worker's queue bounds them. */
#include "hub/hashing.h"

#include "base/mem.h"

#include <stdlib.h>

struct job {
    /* what the thread reads */
    struct secret *password;
    struct password_cost cost;
    char hash[PASSWORD_HASH_MAX]; /* "": none */
    bool verifies;
    /* what it writes */
    bool failed, right;
    char fresh[PASSWORD_HASH_MAX];
    /* the loop's */
    struct hub *h;
    hashing_cb *cb;
    void *arg;
    struct deferred refused;
};

struct password_cost hashing_cost(const struct options *o)
{
    return (struct password_cost){(uint32_t)(o->password_memory / 1024), (uint32_t)o->password_passes};
}

static void work(void *arg)
{
    struct job *j = arg;
    struct slice password = secret_text(j->password);
    if (j->verifies && *j->hash) {
        enum password_answer answer = password_verify(password, slice_cstr(j->hash));
        j->right = answer == PASSWORD_RIGHT;
        j->failed = answer == PASSWORD_FAILED;
        if (!j->right || !password_outdated(slice_cstr(j->hash), &j->cost))
            return;
    }
    bool hashed = password_hash(password, &j->cost, j->fresh);
    if (!hashed || (j->verifies && !j->right))
        j->fresh[0] = '\0';
    j->failed = !hashed && !j->right;
}

static void end(struct job *j, const struct err *e)
{
    hashing_cb *cb = j->cb;
    void *arg = j->arg;
    char fresh[PASSWORD_HASH_MAX];
    memcpy(fresh, j->fresh, sizeof(fresh));
    const struct hashing_result r = {j->right, *fresh ? slice_cstr(fresh) : SLICE_NONE};
    secret_free(j->password);
    free(j);
    cb(arg, e ? NULL : &r, e);
}

static void done(void *arg, bool canceled)
{
    struct job *j = arg;
    struct err e = {0};
    if (canceled) {
        err_set(&e, ERR_CANCELED, "the hub is shutting down");
        end(j, &e);
    } else if (j->failed) {
        err_set(&e, ERR_INTERNAL, "a password cannot be hashed: no memory for it, or the stored hash is damaged");
        end(j, &e);
    } else {
        end(j, NULL);
    }
}

static void on_refused(void *arg)
{
    struct err e = {0};
    err_set(&e, ERR_LIMIT, "too many passwords are waiting to be checked (password_queue); try again in a moment");
    end(arg, &e);
}

static void start(struct hub *h, struct slice password, struct slice hash, bool verifies, hashing_cb *cb, void *arg)
{
    struct job *j = NEW(struct job);
    j->password = secret_new(password);
    j->cost = hashing_cost(h->options);
    j->verifies = verifies;
    if (hash.n < sizeof(j->hash))
        memcpy(j->hash, hash.p ? hash.p : "", hash.n);
    j->h = h;
    j->cb = cb;
    j->arg = arg;
    if (!worker_run(h->worker, j, work, done))
        loop_defer(h->loop, &j->refused, on_refused, j);
}

void hashing_verify(struct hub *h, struct slice password, struct slice hash, hashing_cb *cb, void *arg)
{
    start(h, password, hash, true, cb, arg);
}

void hashing_make(struct hub *h, struct slice password, hashing_cb *cb, void *arg)
{
    start(h, password, SLICE_NONE, false, cb, arg);
}
