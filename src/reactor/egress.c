/* egress.c - see egress.h. */
#include "reactor/egress.h"

#include "base/cidr.h"
#include "base/mem.h"
#include "reactor/address.h"
#include "reactor/http_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_NETWORKS 256

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

static const struct net6 *special_of(const uint8_t *ip)
{
    for (size_t i = 0; i < ARRAY_LEN(special6); i++)
        if (in_net6(ip, &special6[i]))
            return &special6[i];
    return NULL;
}

static uint32_t wrapped_ip4(const uint8_t *ip, const struct net6 *n)
{
    uint32_t ip4 = 0;
    for (int b = 0; b < 4; b++)
        ip4 = ip4 << 8 | (uint8_t)(ip[n->ip4_at + b] ^ n->flip);
    return ip4;
}

static bool is_private6(const uint8_t *ip)
{
    const struct net6 *n = special_of(ip);
    return n && (n->ip4_at < 0 || is_private4(wrapped_ip4(ip, n)));
}

static const uint8_t *bytes6(const struct sockaddr *sa)
{
    return ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
}

static uint32_t bytes4(const struct sockaddr *sa)
{
    return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
}

bool address_is_private(const struct sockaddr *sa)
{
    switch (sa->sa_family) {
    case AF_INET:
        return is_private4(bytes4(sa));
    case AF_INET6:
        return is_private6(bytes6(sa));
    default:
        return true; /* no network address at all: a Unix socket */
    }
}

/* --- the networks that the operator lets --- */

struct egress {
    bool all;
    struct cidr_list networks;
};

const struct egress egress_everything = {.all = true};

struct egress *egress_new(void)
{
    return NEW(struct egress);
}

void egress_free(struct egress *g)
{
    if (!g)
        return;
    cidr_list_release(&g->networks);
    free(g);
}

bool egress_configure(struct egress *g, bool all_private, struct slice networks, struct err *e)
{
    struct cidr_list list;
    struct err why;
    if (!cidr_list_parse(networks, MAX_NETWORKS, &list, &why))
        return err_set(e, ERR_CONFIG, "private_networks: %s", why.what);
    cidr_list_release(&g->networks);
    g->networks = list;
    g->all = all_private;
    return true;
}

static struct ip ip_of_v4(uint32_t ip4)
{
    struct ip ip = {.bytes = {[10] = 0xff, [11] = 0xff}};
    for (int b = 0; b < 4; b++)
        ip.bytes[12 + b] = (uint8_t)(ip4 >> (24 - 8 * b));
    return ip;
}

/* What is wrapped in IPv6 is what counts. */
static struct ip ip_of(const struct sockaddr *sa)
{
    struct ip ip;
    if (sa->sa_family == AF_INET)
        return ip_of_v4(bytes4(sa));
    const struct net6 *special = special_of(bytes6(sa));
    if (special && special->ip4_at >= 0)
        return ip_of_v4(wrapped_ip4(bytes6(sa), special));
    memcpy(ip.bytes, bytes6(sa), sizeof ip.bytes);
    return ip;
}

static bool is_let(const struct egress *g, const struct sockaddr *sa)
{
    if (!g || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return false;
    struct ip ip = ip_of(sa);
    return g->all || cidr_list_has(&g->networks, &ip);
}

/* --- the rule --- */

static bool lets_any(const struct egress *g)
{
    return g && (g->all || g->networks.n);
}

bool egress_address_allowed(const struct egress *g, const struct sockaddr *sa, bool tls, const char *host,
                            struct err *e)
{
    struct address a = {.len = 0};
    char text[ADDRESS_TEXT_MAX], is[ADDRESS_TEXT_MAX + 8] = "";
    bool is_private = address_is_private(sa);
    if (is_private ? is_let(g, sa) : tls)
        return true;
    memcpy(&a.sa, sa, sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    address_text(&a, text);
    if (strcmp(text, host) != 0)
        snprintf(is, sizeof is, " is %s,", text);
    if (!is_private)
        return err_set(
            e, ERR_FORBIDDEN,
            "%s%s a public address, and http:// would show the credential to everybody on the way there; use "
            "https://",
            host, *is ? is : " is");
    return err_set(e, ERR_FORBIDDEN, "%s%s an address of a private network; if the hub may call it, %s%s/%d%s", host,
                   *is ? is : " is", g && g->networks.n ? "add " : "set private_networks = ", text,
                   sa->sa_family == AF_INET6 ? 128 : 32, g && g->networks.n ? " to private_networks" : "");
}

static bool is_local_name(struct slice name)
{
    static const char *const local[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
    if (!memchr(name.p, '.', name.n))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        if (slice_ends(name, slice_cstr(local[i])))
            return true;
    return false;
}

static bool host_allowed(const struct egress *g, const struct http_url *u, struct err *e)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (!u->tls && !lets_any(g))
        return err_set(
            e, ERR_INPUT,
            "the address must begin with https://; http:// is for the private networks that the hub may call, "
            "which its option private_networks lists");
    if (inet_pton(AF_INET, u->host, &in.sin_addr) == 1)
        return egress_address_allowed(g, (const struct sockaddr *)&in, u->tls, u->host, e);
    if (inet_pton(AF_INET6, u->host, &in6.sin6_addr) == 1)
        return egress_address_allowed(g, (const struct sockaddr *)&in6, u->tls, u->host, e);
    if (!lets_any(g) && is_local_name(slice_cstr(u->host)))
        return err_set(
            e, ERR_INPUT,
            "%s is a name in a private network; if the hub may call it, set private_networks to its network, "
            "such as private_networks = 10.1.2.0/24",
            u->host);
    return true;
}

bool egress_url_allowed(const struct egress *g, const char *url, struct err *e)
{
    struct http_url u;
    struct err why = {0};
    bool good = http_url_parse(url, &u, &why) && host_allowed(g, &u, &why);
    http_url_release(&u);
    return good || err_set(e, ERR_INPUT, "%s", why.what);
}
