/* http_pool.c - origins: connections to one scheme, host and port, and the calls that wait for one.
 * Always: at most per_origin connections and max_queue waiting calls; the connection used last is used first, so that
 *         a crowd shrinks when it is quiet. An origin without connections and calls is forgotten at the end of the
 *         turn. */
#include "reactor/http_client_internal.h"

#include "base/mem.h"

#include <stdlib.h>

static void dispatch(struct http_origin *o)
{
    struct http_run *r;
    while ((r = TAILQ_FIRST(&o->queue))) {
        struct http_conn *idle = TAILQ_FIRST(&o->conns);
        if (idle && idle->state != HC_IDLE)
            idle = NULL;
        if (idle && (r->retried || !http_conn_usable(idle, &r->url))) {
            if (r->retried && o->nconns < o->client->o.per_origin)
                idle = NULL; /* room for a fresh one beside it */
            else {
                http_conn_drop(idle);
                continue;
            }
        }
        if (!idle && o->nconns >= o->client->o.per_origin)
            return;
        TAILQ_REMOVE(&o->queue, r, link);
        o->nqueue--;
        r->state = RUN_BOUND;
        if (idle)
            http_conn_use(idle, r);
        else
            http_conn_start(o, r);
    }
}

static void on_turn(void *arg)
{
    struct http_origin *o = arg;
    dispatch(o);
    if (o->nconns == 0 && o->nqueue == 0)
        origin_free(o);
}

void origin_kick(struct http_origin *o)
{
    loop_defer(o->client->loop, &o->dispatch, on_turn, o);
}

struct http_origin *origin_get(struct http_client *c, const struct http_url *u)
{
    _cleanup_(mem_freep) char *key = mem_printf("%s://%s:%u", u->tls ? "https" : "http", u->host, u->port);
    struct http_origin *o;
    HASH_FIND_STR(c->origins, key, o);
    if (o)
        return o;
    o = NEW(struct http_origin);
    o->key = TAKE(key);
    o->client = c;
    TAILQ_INIT(&o->conns);
    TAILQ_INIT(&o->queue);
    HASH_ADD_KEYPTR(hh, c->origins, o->key, strlen(o->key), o);
    return o;
}

void origin_free(struct http_origin *o)
{
    HASH_DEL(o->client->origins, o);
    loop_undefer(o->client->loop, &o->dispatch);
    free(o->key);
    free(o);
}

bool origin_enqueue(struct http_origin *o, struct http_run *r, struct err *e)
{
    if (o->nqueue >= o->client->o.max_queue)
        return err_set(e, ERR_LIMIT, "%u calls wait for a connection to %s already", o->nqueue, o->key);
    r->origin = o;
    TAILQ_INSERT_TAIL(&o->queue, r, link);
    o->nqueue++;
    dispatch(o);
    return true;
}

void origin_requeue(struct http_origin *o, struct http_run *r)
{
    r->state = RUN_QUEUED;
    TAILQ_INSERT_HEAD(&o->queue, r, link);
    o->nqueue++;
    origin_kick(o);
}
