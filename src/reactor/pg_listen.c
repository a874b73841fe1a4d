/* pg_listen.c - LISTEN, on a connection of its own.
 * Always:  each channel's callback gets payload == NULL once its LISTEN is in force, first and after every reconnect:
 *          from then on nothing is missed, before it something may have been, so that is the moment to look at the
 *          table. */
#include "reactor/pg_internal.h"

#include "base/mem.h"

#include <stdlib.h>

static void on_listening(void *arg, const struct pg_reply *r)
{
    struct pg_listen *l = arg;
    const struct err *e = pg_reply_err(r);
    struct pg_conn *c = l->pool->listener;
    l->in_force = !e;
    if (!e)
        l->cb(l->arg, l->channel, NULL);
    else if (c && c->pg && e->code != ERR_CANCELED && e->code != ERR_UNAVAILABLE)
        pgc_lost(c, e->what);
}

static void listen_send(struct pg_conn *c, struct pg_listen *l)
{
    struct pg_seg *s = seg_new(c->pool, PG_PIPELINE, PG_NO_TENANT);
    pg_add(s, &l->q);
    s->internal = true;
    s->cb = on_listening;
    s->arg = l;
    seg_start(s);
    pgc_send(c, s);
}

void listen_up(struct pg_conn *c)
{
    struct pg_listen *l;
    TAILQ_FOREACH (l, &c->pool->listens, link) {
        l->in_force = false;
        if (c->pg)
            listen_send(c, l);
    }
}

bool pg_listening(const struct pg_pool *p, const char *channel)
{
    const struct pg_listen *l;
    bool some = false;
    if (!p->listener || p->listener->state != PGC_READY)
        return false;
    TAILQ_FOREACH (l, &p->listens, link)
        if (strcmp(l->channel, channel) == 0) {
            some = true;
            if (!l->in_force)
                return false;
        }
    return some;
}

void listen_notices(struct pg_conn *c)
{
    PGnotify *n;
    while (c->pg && (n = PQnotifies(c->pg))) {
        struct pg_listen *l;
        TAILQ_FOREACH (l, &c->pool->listens, link)
            if (strcmp(l->channel, n->relname) == 0)
                l->cb(l->arg, l->channel, n->extra);
        PQfreemem(n);
    }
}

static char *listen_sql(const char *channel)
{
    struct str sql = {0};
    str_adds(&sql, "listen \"");
    for (const char *p = channel; *p; p++) {
        if (*p == '"')
            str_addc(&sql, '"');
        str_addc(&sql, *p);
    }
    str_addc(&sql, '"');
    return str_take(&sql);
}

void pg_listen(struct pg_pool *p, const char *channel, void (*cb)(void *arg, const char *channel, const char *payload),
               void *arg)
{
    struct pg_listen *l = NEW(struct pg_listen);
    l->pool = p;
    l->channel = mem_strdup(channel);
    l->q = (struct pg_query){.name = "pg.listen", .sql = listen_sql(channel)};
    l->cb = cb;
    l->arg = arg;
    TAILQ_INSERT_TAIL(&p->listens, l, link);
    if (!p->listener) {
        p->listener = pgc_new(p, true);
        pgc_start(p->listener);
    } else if (p->listener->state == PGC_READY)
        listen_send(p->listener, l);
}

void listen_close_all(struct pg_pool *p)
{
    struct pg_listen *l;
    while ((l = TAILQ_FIRST(&p->listens))) {
        TAILQ_REMOVE(&p->listens, l, link);
        free((char *)(uintptr_t)l->q.sql);
        free(l->channel);
        free(l);
    }
}
