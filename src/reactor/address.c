/* address.c - see address.h.
 * States:  ASKING -> ANSWERED (queued for the end of the turn) -> called back and freed. evdns still calls back after a
 *          cancel (EVUTIL_EAI_CANCEL); the query then lives, without an owner, until that call. */
#include "reactor/address.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

struct address_query {
    struct loop *loop;
    char *host;
    address_cb *cb;
    void *arg;
    struct evdns_getaddrinfo_request *dns; /* while evdns has not called back */
    bool answered, canceled;
    struct deferred done;
    struct address list[ADDRESS_MAX];
    size_t n;
    struct err err;
};

static void query_free(struct address_query *q)
{
    loop_undefer(q->loop, &q->done);
    free(q->host);
    free(q);
}

static void call_back(void *arg)
{
    struct address_query *q = arg;
    if (q->n > 0)
        q->cb(q->arg, q->list, q->n, NULL);
    else
        q->cb(q->arg, NULL, 0, &q->err);
    query_free(q);
}

static void take(struct address_query *q, const struct evutil_addrinfo *list, int family)
{
    for (const struct evutil_addrinfo *ai = list; ai && q->n < ADDRESS_MAX; ai = ai->ai_next) {
        if (ai->ai_family != family || ai->ai_addrlen > sizeof(q->list[0].sa))
            continue;
        struct address *a = &q->list[q->n++];
        memcpy(&a->sa, ai->ai_addr, ai->ai_addrlen);
        a->len = (socklen_t)ai->ai_addrlen;
    }
}

static void on_answer(int result, struct evutil_addrinfo *list, void *arg)
{
    struct address_query *q = arg;
    loop_dns_ended(q->loop);
    q->dns = NULL;
    q->answered = true;
    if (q->canceled) {
        if (list)
            evutil_freeaddrinfo(list);
        query_free(q);
        return;
    }
    if (result == 0) {
        take(q, list, AF_INET6);
        take(q, list, AF_INET);
    }
    if (list)
        evutil_freeaddrinfo(list);
    if (q->n == 0)
        err_set(&q->err, ERR_UNAVAILABLE, "the name %s cannot be resolved: %s", q->host,
                result ? evutil_gai_strerror(result) : "it has no address");
    loop_defer(q->loop, &q->done, call_back, q);
}

struct address_query *address_resolve(struct loop *l, const char *host, uint16_t port, address_cb *cb, void *arg)
{
    struct address_query *q = NEW(struct address_query);
    q->loop = l;
    q->host = mem_strdup(host);
    q->cb = cb;
    q->arg = arg;
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                          .ai_socktype = SOCK_STREAM,
                                          .ai_protocol = IPPROTO_TCP,
                                          .ai_flags = EVUTIL_AI_NUMERICSERV};
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    loop_dns_begun(l);
    struct evdns_getaddrinfo_request *dns = evdns_getaddrinfo(loop_dns(l), host, service, &hints, on_answer, q);
    if (!q->answered)
        q->dns = dns;
    return q;
}

void address_cancel(struct address_query *q)
{
    if (!q)
        return;
    if (q->answered) {
        query_free(q);
        return;
    }
    q->canceled = true;
    evdns_getaddrinfo_cancel(q->dns); /* on_answer follows and frees q */
}

const char *address_text(const struct address *a, char buf[ADDRESS_TEXT_MAX])
{
    const void *bytes = a->sa.ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)&a->sa)->sin6_addr
                                                    : (const void *)&((const struct sockaddr_in *)&a->sa)->sin_addr;
    if (!inet_ntop(a->sa.ss_family, bytes, buf, ADDRESS_TEXT_MAX))
        snprintf(buf, ADDRESS_TEXT_MAX, "?");
    return buf;
}
