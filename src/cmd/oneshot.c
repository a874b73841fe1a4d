/* cmd/oneshot.c - see oneshot.h. */
#include "cmd/oneshot.h"

#include <stdio.h>
#include <unistd.h>

void oneshot_done(struct oneshot *o, const struct err *e)
{
    if (e)
        fprintf(stderr, "msphub: %s\n", e->what);
    o->status = e ? EXIT_FAILED : EXIT_DONE;
    o->done = true;
    loop_stop(o->loop);
}

int oneshot_run(struct invocation *inv, void (*start)(struct oneshot *o))
{
    struct oneshot o = {.inv = inv, .status = EXIT_FAILED};
    /* What the pool would log (a refused connection) reaches the person as the command's own error. */
    o.log = log_new(STDERR_FILENO, LOG_NONE, LOG_LOGFMT);
    o.metrics = metrics_new();
    o.loop = loop_new(o.log, o.metrics);
    o.db = pg_pool_new(
        o.loop, &(struct pg_options){.conninfo = inv->options.database, .connections = 1, .timeout = SECONDS(30)},
        o.metrics);
    start(&o);
    if (!o.done)
        loop_run(o.loop);
    pg_pool_free(o.db);
    loop_free(o.loop);
    metrics_free(o.metrics);
    log_free(o.log);
    return o.status;
}
