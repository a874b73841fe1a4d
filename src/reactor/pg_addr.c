/* pg_addr.c - names in a connection string become addresses before libpq sees them.
 * Why:    PQconnectStart looks names up with blocking getaddrinfo unless `hostaddr` is given.
 * Always: names are looked up one after the other; one that fails is left out as long as another one has an address. */
#include "reactor/pg_internal.h"

#include "base/mem.h"
#include "reactor/address.h"

#include <stdlib.h>

struct pg_resolve {
    struct loop *loop;
    char *hosts_text, *ports_text;
    struct slice hosts, ports; /* what is left of them */
    bool one_port;             /* a single port is that of all hosts */
    struct slice host, port;   /* in work */
    struct str out_hosts, out_addrs, out_ports;
    size_t n;
    struct address_query *query;
    struct deferred step;
    struct err err; /* of the last name that failed */
    pg_resolve_cb *cb;
    void *arg;
};

static void next_host(void *arg);

static void add(struct pg_resolve *r, const char *addr)
{
    const char *comma = r->n++ > 0 ? "," : "";
    str_addf(&r->out_hosts, "%s%.*s", comma, SLICE_FMT(r->host));
    str_addf(&r->out_addrs, "%s%s", comma, addr);
    str_addf(&r->out_ports, "%s%.*s", comma, SLICE_FMT(r->port));
}

static void on_addresses(void *arg, const struct address *list, size_t n, const struct err *e)
{
    struct pg_resolve *r = arg;
    r->query = NULL;
    if (e)
        r->err = *e;
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < n && r->n < ADDRESS_MAX; i++)
        add(r, address_text(&list[i], text));
    next_host(r);
}

static void finish(struct pg_resolve *r)
{
    if (r->n > 0)
        r->cb(r->arg, r->out_hosts.p, r->out_addrs.p, r->out_ports.p, NULL);
    else
        r->cb(r->arg, NULL, NULL, NULL, &r->err);
}

static bool is_local(struct slice host)
{
    return host.n == 0 || host.p[0] == '/' || host.p[0] == '@';
}

static void next_host(void *arg)
{
    struct pg_resolve *r = arg;
    while (r->hosts.p) {
        bool last = !memchr(r->hosts.p, ',', r->hosts.n);
        r->host = slice_cut(&r->hosts, ',');
        r->port = r->one_port ? r->ports : slice_cut(&r->ports, ',');
        if (last)
            r->hosts = SLICE_NONE;
        if (!is_local(r->host)) {
            _cleanup_(mem_freep) char *name = mem_strndup(r->host.p, r->host.n);
            r->query = address_resolve(r->loop, name, 0, on_addresses, r);
            return;
        }
        add(r, "");
    }
    finish(r);
}

struct pg_resolve *pg_resolve_start(struct loop *l, const char *hosts, const char *ports, pg_resolve_cb *cb, void *arg)
{
    struct pg_resolve *r = NEW(struct pg_resolve);
    r->loop = l;
    r->hosts_text = mem_strdup(hosts ? hosts : "");
    r->ports_text = mem_strdup(ports ? ports : "");
    r->hosts = slice_cstr(r->hosts_text);
    r->ports = slice_cstr(r->ports_text);
    r->one_port = !strchr(r->ports_text, ',');
    r->cb = cb;
    r->arg = arg;
    loop_defer(l, &r->step, next_host, r);
    return r;
}

void pg_resolve_free(struct pg_resolve *r)
{
    if (!r)
        return;
    loop_undefer(r->loop, &r->step);
    address_cancel(r->query);
    free(r->hosts_text);
    free(r->ports_text);
    str_release(&r->out_hosts);
    str_release(&r->out_addrs);
    str_release(&r->out_ports);
    free(r);
}
