/* cmd/migrate.c - `msphub migrate [--plan]`. */
#include "store/migrate.h"
#include "cmd/oneshot.h"

#include <stdio.h>

enum { FLAG_PLAN };
static const struct command_flag flags[] = {[FLAG_PLAN] = {"plan", "only say what would be applied", true}, {NULL}};

static void on_note(void *arg, int version, const char *name)
{
    struct oneshot *o = arg;
    printf("%s %04d %s\n", o->inv->flags[FLAG_PLAN] ? "would apply" : "applying", version, name);
}

static void on_migrated(void *arg, const struct migrate_report *report, const struct err *e)
{
    struct oneshot *o = arg;
    if (!e && report->applied == 0 && report->pending == 0)
        printf("The schema is current (version %d).\n", report->to);
    else if (!e && report->applied > 0)
        printf("The schema is now at version %d.\n", report->to);
    oneshot_done(o, e);
}

static void start(struct oneshot *o)
{
    migrate_run(o->db, o->inv->flags[FLAG_PLAN] != NULL, on_note, on_migrated, o);
}

static int run(struct invocation *inv)
{
    return oneshot_run(inv, start);
}

const struct command command_migrate = {"migrate", "[--plan]", "bring the database's schema to this build's", flags,
                                        run};
