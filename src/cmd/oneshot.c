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

int oneshot_run_around(struct invocation *inv, void (*start)(struct oneshot *o), void (*let_go)(struct oneshot *o),
                       void (*stop)(struct oneshot *o), void *arg)
{
    struct oneshot o = {.inv = inv, .arg = arg, .status = EXIT_FAILED};
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
    if (let_go)
        let_go(&o);
    pg_pool_free(o.db);
    if (stop)
        stop(&o);
    loop_free(o.loop);
    metrics_free(o.metrics);
    log_free(o.log);
    return o.status;
}

int oneshot_run_with(struct invocation *inv, void (*start)(struct oneshot *o), void (*stop)(struct oneshot *o),
                     void *arg)
{
    return oneshot_run_around(inv, start, NULL, stop, arg);
}

int oneshot_run(struct invocation *inv, void (*start)(struct oneshot *o))
{
    return oneshot_run_with(inv, start, NULL, NULL);
}
