/* http_client_conn.c - one connection of the client: its address, its place in the pool, its end.
 * Owns:    the lookup, the evhttp connection, the timers.
 * States:  RESOLVING -> CONNECTING -> BUSY <-> IDLE;  any -> DEAD
 * Always:  it connects to an address that was looked at after the lookup (evhttp is given numbers, so that no second
 *          lookup could be answered differently), and each attempt has an evhttp connection of its own, which is never
 *          connected again. The TLS handshake is a part of CONNECTING. Any doubt about the reply's end (bytes behind
 *          it, interim replies that nobody asked for) and it is not used again. */
#include "reactor/http_client_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

static void conn_enter(struct http_conn *c, enum http_conn_state to)
{
    static const struct {
        const char *name;
        unsigned to;
    } states[HC_NSTATES_] = {
        [HC_RESOLVING] = {"resolving", BIT(HC_CONNECTING) | BIT(HC_DEAD)},
        [HC_CONNECTING] = {"connecting", BIT(HC_BUSY) | BIT(HC_DEAD)},
        [HC_BUSY] = {"busy", BIT(HC_IDLE) | BIT(HC_DEAD)},
        [HC_IDLE] = {"idle", BIT(HC_BUSY) | BIT(HC_DEAD)},
        [HC_DEAD] = {"dead", 0},
    };
    assert(states[c->state].to & BIT(to));
    log_debug(loop_log(c->client->loop), "client.connection", F_STR("origin", c->origin->key),
              F_STR("from", states[c->state].name), F_STR("to", states[to].name));
    c->state = to;
}

/* Does the peer's TCP answer? evhttp does not tell. */
static bool is_reached(const struct http_conn *c)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    return c->bev && getpeername(bufferevent_getfd(c->bev), (struct sockaddr *)&sa, &len) == 0;
}

const char *http_conn_stage(const struct http_conn *c)
{
    switch (c->state) {
    case HC_RESOLVING:
        return "while the name was looked up";
    case HC_CONNECTING:
        return c->run->url.tls && is_reached(c) ? "in the TLS handshake" : "while connecting";
    default:
        return c->x.head_seen ? "within the reply's body" : "while waiting for the reply";
    }
}

/* --- the end --- */

void http_conn_drop(struct http_conn *c)
{
    struct http_origin *o = c->origin;
    assert(!c->run);
    if (c->state == HC_DEAD)
        return;
    timer_cancel(&c->timer);
    address_cancel(TAKE(c->query));
    exchange_close(c);
    conn_enter(c, HC_DEAD);
    TAILQ_REMOVE(&o->conns, c, link);
    o->nconns--;
    c->client->m_connections->value--;
    TAILQ_INSERT_TAIL(&c->client->dead, c, link);
    client_kick(c->client);
    if (!c->client->closing)
        origin_kick(o);
}

void http_conn_free(struct http_conn *c)
{
    free(c);
}

/* Parts the connection from its call. */
static struct http_run *release_run(struct http_conn *c)
{
    struct http_run *r = TAKE(c->run);
    r->conn = NULL;
    return r;
}

void http_conn_fail(struct http_conn *c, const struct err *e)
{
    struct http_run *r = release_run(c);
    http_conn_drop(c);
    run_end(r, e);
}

void http_conn_retry(struct http_conn *c)
{
    struct http_run *r = release_run(c);
    r->retried = true;
    http_conn_drop(c);
    origin_requeue(c->origin, r);
}

static void on_idle_timeout(void *arg)
{
    http_conn_drop(arg);
}

void http_conn_done(struct http_conn *c, bool again)
{
    struct http_run *r = release_run(c);
    if (again) {
        c->served++;
        conn_enter(c, HC_IDLE);
        TAILQ_REMOVE(&c->origin->conns, c, link);
        TAILQ_INSERT_HEAD(&c->origin->conns, c, link);
        timer_set(&c->timer, c->client->loop, c->client->o.idle_timeout, on_idle_timeout, c);
        origin_kick(c->origin);
    } else
        http_conn_drop(c);
    run_end(r, NULL);
}

/* --- connecting --- */

static void connect_next(struct http_conn *c);

void http_conn_unreached(struct http_conn *c, const char *why)
{
    char text[ADDRESS_TEXT_MAX];
    err_set(&c->why, ERR_UNAVAILABLE, "connecting to %s: %s", address_text(&c->addrs[c->at], text), why);
    exchange_close(c);
    c->at++;
    connect_next(c);
}

static void on_connect_timeout(void *arg)
{
    struct http_conn *c = arg;
    struct err e = {0};
    if (!is_reached(c)) {
        http_conn_unreached(c, "no answer in time");
        return;
    }
    err_set(&e, ERR_TIMEOUT, "the TLS handshake took too long");
    http_conn_fail(c, &e);
}

void http_conn_connected(struct http_conn *c)
{
    timer_cancel(&c->timer);
    conn_enter(c, HC_BUSY);
}

static void connect_next(struct http_conn *c)
{
    struct err e = {0};
    if (c->at == c->naddrs)
        http_conn_fail(c, &c->why);
    else if (!exchange_open(c, &c->addrs[c->at], &e))
        http_conn_fail(c, &e);
    else {
        timer_set(&c->timer, c->client->loop, c->client->o.connect_timeout, on_connect_timeout, c);
        exchange_start(c);
    }
}

static void on_addresses(void *arg, const struct address *list, size_t n, const struct err *e)
{
    struct http_conn *c = arg;
    c->query = NULL;
    if (e) {
        http_conn_fail(c, e);
        return;
    }
    struct err forbidden = {0};
    for (size_t i = 0; i < n; i++)
        if (egress_address_allowed(c->client->o.egress, (const struct sockaddr *)&list[i].sa, c->run->url.tls,
                                   c->run->url.host, &forbidden))
            c->addrs[c->naddrs++] = list[i];
    if (c->naddrs == 0) {
        http_conn_fail(c, &forbidden);
        return;
    }
    conn_enter(c, HC_CONNECTING);
    connect_next(c);
}

/* --- for the pool --- */

void http_conn_start(struct http_origin *o, struct http_run *r)
{
    struct http_conn *c = NEW(struct http_conn);
    c->client = o->client;
    c->origin = o;
    c->state = HC_RESOLVING;
    c->run = r;
    r->conn = c;
    TAILQ_INSERT_TAIL(&o->conns, c, link);
    o->nconns++;
    c->client->m_connections->value++;
    c->query = address_resolve(c->client->loop, r->url.host, r->url.port, on_addresses, c);
}

bool http_conn_usable(struct http_conn *c, const struct http_url *u)
{
    char byte;
    if (!egress_address_allowed(c->client->o.egress, (const struct sockaddr *)&c->addrs[c->at].sa, u->tls, u->host,
                                NULL))
        return false; /* the rule has changed */
    ssize_t n = recv(bufferevent_getfd(c->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
}

void http_conn_use(struct http_conn *c, struct http_run *r)
{
    c->run = r;
    r->conn = c;
    TAILQ_REMOVE(&c->origin->conns, c, link);
    TAILQ_INSERT_TAIL(&c->origin->conns, c, link);
    timer_cancel(&c->timer);
    conn_enter(c, HC_BUSY);
    exchange_start(c);
}
