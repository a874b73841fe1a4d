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

/* --- private or not --- */

struct net4 {
    uint32_t net;
    unsigned bits;
};

/* IANA's special-purpose registry: all that is not globally reachable, and multicast. */
static const struct net4 private4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* RFC 1918 */
    {0x64400000, 10}, /* 100.64/10, carrier-grade NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* 169.254/16, link-local, the clouds' metadata */
    {0xac100000, 12}, /* RFC 1918 */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* RFC 1918 */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static bool is_private4(uint32_t ip)
{
    for (size_t i = 0; i < ARRAY_LEN(private4); i++)
        if ((ip ^ private4[i].net) >> (32 - private4[i].bits) == 0)
            return true;
    return false;
}

struct net6 {
    uint8_t prefix[16];
    unsigned bits;
    int ip4_at;   /* byte at which an IPv4 address is wrapped that decides; -1: private as such */
    uint8_t flip; /* the wrapped address is XORed with it (Teredo) */
};

static const struct net6 special6[] = {
    {{0}, 128, -1, 0},                                              /* :: */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, -1, 0}, /* ::1 */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0},        /* ::ffff:0:0/96, mapped */
    {{0}, 96, 12, 0},                                               /* ::/96, compatible */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0},              /* ::ffff:0:0:0/96, translated */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, -1, 0},                    /* 64:ff9b:1::/48, local NAT64 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},                          /* 64:ff9b::/96, NAT64 */
    {{0x01, 0x00}, 64, -1, 0},                                      /* discard */
    {{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff},                       /* Teredo */
    {{0x20, 0x01, 0x00}, 23, -1, 0},                                /* protocol assignments */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, -1, 0},                          /* documentation */
    {{0x20, 0x02}, 16, 2, 0},                                       /* 6to4 */
    {{0x3f, 0xff, 0x00}, 20, -1, 0},                                /* documentation */
    {{0x5f, 0x00}, 16, -1, 0},                                      /* SRv6 */
    {{0xfc}, 7, -1, 0},                                             /* unique local */
    {{0xfe, 0x80}, 10, -1, 0},                                      /* link-local */
    {{0xfe, 0xc0}, 10, -1, 0},                                      /* site-local */
    {{0xff}, 8, -1, 0},                                             /* multicast */
};

static bool in_net6(const uint8_t *ip, const struct net6 *n)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    return memcmp(ip, n->prefix, whole) == 0 && (rest == 0 || (ip[whole] ^ n->prefix[whole]) >> (8 - rest) == 0);
}

static bool is_private6(const uint8_t *ip)
{
    for (size_t i = 0; i < ARRAY_LEN(special6); i++) {
        const struct net6 *n = &special6[i];
        if (!in_net6(ip, n))
            continue;
        if (n->ip4_at < 0)
            return true;
        uint32_t ip4 = 0;
        for (int b = 0; b < 4; b++)
            ip4 = ip4 << 8 | (uint8_t)(ip[n->ip4_at + b] ^ n->flip);
        return is_private4(ip4);
    }
    return false;
}

bool address_is_private(const struct sockaddr *sa)
{
    switch (sa->sa_family) {
    case AF_INET:
        return is_private4(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
    case AF_INET6:
        return is_private6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr);
    default:
        return true; /* no network address at all: a Unix socket */
    }
}
