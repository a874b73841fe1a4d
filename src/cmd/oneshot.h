/* cmd/oneshot.h - a subcommand that asks the database one thing and ends. */
#ifndef MSPHUB_CMD_ONESHOT_H
#define MSPHUB_CMD_ONESHOT_H

#include "cmd/command.h"
#include "reactor/pg.h"

struct oneshot {
    struct invocation *inv;
    struct log *log;
    struct metrics *metrics;
    struct loop *loop;
    struct pg_pool *db;
    void *arg; /* of oneshot_run_with */
    bool done;
    int status;
};

/* Runs `start` on a loop of its own until oneshot_done was called; returns the exit status. */
int oneshot_run(struct invocation *inv, void (*start)(struct oneshot *o));
/* With something of the caller's beside it; `stop` (may be NULL) frees what `start` made, after the last callback. */
int oneshot_run_with(struct invocation *inv, void (*start)(struct oneshot *o), void (*stop)(struct oneshot *o),
                     void *arg);
/* And with parts that use the database: `let_go` ends them before it. */
int oneshot_run_around(struct invocation *inv, void (*start)(struct oneshot *o), void (*let_go)(struct oneshot *o),
                       void (*stop)(struct oneshot *o), void *arg);
/* Ends it: prints the error (if any) to stderr. */
void oneshot_done(struct oneshot *o, const struct err *e);

#endif
