/* cmd/rotate_key.c - `msphub rotate-key [--dry-run]`: every stored secret anew under the current key, while hubs run.
 * Always: SIGINT and SIGTERM end it after the transaction under way; it says what is left, and ends with 0 only when nothing
 *         is. doc/security.md has the procedure. */
#include "base/mem.h"
#include "cmd/actor.h"
#include "cmd/keys.h"
#include "cmd/oneshot.h"
#include "hub/reseal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { FLAG_DRY_RUN };
static const struct command_flag flags[] = {
    [FLAG_DRY_RUN] = {"dry-run", "only say what would be sealed anew", true},
    {NULL},
};

struct rotation {
    struct oneshot *o;
    struct keys keys;
    struct reseal *reseal;
    struct loop_signal *signals[2];
    struct audit_actor who;
    bool dry_run;
};

static void on_tenant(void *arg, const char *slug, uint64_t resealed)
{
    printf("%s: %" PRIu64 " sealed anew\n", slug, resealed);
    fflush(stdout);
}

static void print_report(const struct rotation *r, const struct reseal_report *p)
{
    const char *current = keyring_current_id(r->keys.ring);
    for (size_t i = 0; i < p->nkeys; i++)
        printf("Key %s%s: %" PRIu64 " values\n", p->keys[i].id, strcmp(p->keys[i].id, current) == 0 ? " (current)" : "",
               p->keys[i].n);
    if (p->nkeys == 0 && !p->interrupted)
        printf("Nothing is sealed in this database.\n");
    if (p->nunopened)
        printf("%" PRIu64 " values that no key opens:\n", p->nunopened);
    for (size_t i = 0; i < MIN(p->nunopened, RESEAL_MAX_SHOWN); i++)
        printf("  %s/%s/%s: %s\n", p->unopened[i].tenant, p->unopened[i].what, p->unopened[i].field,
               p->unopened[i].why);
}

/* False: *e says what is left to do. */
static bool is_complete(const struct rotation *r, const struct reseal_report *p, struct err *e)
{
    if (p->interrupted)
        return err_set(e, ERR_CANCELED, "interrupted after %" PRIu64 " values; run it again, it goes on from there",
                       p->resealed);
    if (p->nunopened)
        return err_set(e, ERR_DATA,
                       "%" PRIu64 " values cannot be opened: add the key that they name to the key file, or enter "
                       "them anew",
                       p->nunopened);
    if (p->old && r->dry_run) {
        printf("%" PRIu64 " values would be sealed anew with %s.\n", p->old, keyring_current_id(r->keys.ring));
        return true;
    }
    if (p->old)
        return err_set(e, ERR_CONFLICT,
                       "%" PRIu64 " values are still sealed with a former key: a hub has not read the key file again "
                       "(send it SIGHUP), or a credential is just being renewed; then run this again",
                       p->old);
    return true;
}

static void on_done(void *arg, const struct reseal_report *report, const struct err *e)
{
    struct rotation *r = arg;
    struct err why = {0};
    if (e) {
        why = *e;
        err_wrap(&why, "%" PRIu64 " values were sealed anew, then", report->resealed);
        oneshot_done(r->o, &why);
        return;
    }
    print_report(r, report);
    oneshot_done(r->o, is_complete(r, report, &why) ? NULL : &why);
}

static void on_signal(int signo, void *arg)
{
    reseal_stop(((struct rotation *)arg)->reseal);
}

static void start(struct oneshot *o)
{
    struct rotation *r = o->arg;
    r->o = o;
    r->reseal = reseal_start(&(struct reseal_input){
        .loop = o->loop,
        .db = o->db,
        .keyring = r->keys.ring,
        .who = &r->who,
        .dry_run = r->dry_run,
        .on_tenant = on_tenant,
        .done = on_done,
        .arg = r,
    });
    r->signals[0] = loop_on_signal(o->loop, SIGINT, on_signal, r);
    r->signals[1] = loop_on_signal(o->loop, SIGTERM, on_signal, r);
}

static void stop(struct oneshot *o)
{
    struct rotation *r = o->arg;
    for (size_t i = 0; i < ARRAY_LEN(r->signals); i++)
        loop_signal_free(r->signals[i]);
    reseal_free(r->reseal);
}

static int run(struct invocation *inv)
{
    struct rotation r = {
        .who = cmd_actor(),
        .dry_run = inv->flags[FLAG_DRY_RUN] != NULL,
    };
    struct err e = {0};
    bool good = keys_load(inv, &inv->options, &r.keys, &e);
    if (good && !r.keys.ring)
        good = err_set(&e, ERR_CONFIG, "no sealing key is configured: name the key file in the option key_file");
    int status = EXIT_BAD_CONFIG;
    if (good)
        status = oneshot_run_with(inv, start, stop, &r);
    else
        fprintf(stderr, "msphub: %s\n", e.what);
    keys_release(&r.keys);
    return status;
}

const struct command command_rotate_key = {"rotate-key", "[--dry-run]",
                                           "seal every stored secret anew with the key file's first key", flags, run};
