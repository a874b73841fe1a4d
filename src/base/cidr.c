/* cidr.c - see cidr.h. */
#include "base/cidr.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_parse(struct slice text, struct ip *ret)
{
    char buf[IP_TEXT_MAX];
    if (text.n == 0 || text.n >= sizeof(buf) || memchr(text.p, 0, text.n))
        return false;
    memcpy(buf, text.p, text.n);
    buf[text.n] = 0;
    struct ip ip;
    if (inet_pton(AF_INET, buf, ip.bytes + 12) == 1)
        memcpy(ip.bytes, mapped, sizeof(mapped));
    else if (inet_pton(AF_INET6, buf, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

bool ip_is_v4(const struct ip *a)
{
    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

char *ip_text(const struct ip *a, char buf[IP_TEXT_MAX])
{
    bool v4 = ip_is_v4(a);
    inet_ntop(v4 ? AF_INET : AF_INET6, a->bytes + (v4 ? 12 : 0), buf, IP_TEXT_MAX);
    return buf;
}

static void keep_bits(struct ip *ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(ip->bytes); i++) {
        unsigned keep = bits > i * 8 ? MIN(bits - i * 8, 8) : 0;
        ip->bytes[i] &= (uint8_t)(0xff00 >> keep);
    }
}

bool cidr_parse(struct slice text, struct cidr *ret, struct err *e)
{
    struct slice length = slice_trim(text), shown = slice_of(text.p, MIN(text.n, 64));
    bool whole = !length.n || !memchr(length.p, '/', length.n);
    struct slice address = slice_cut(&length, '/');
    struct cidr net;
    int64_t bits = 0;
    if (!ip_parse(address, &net.ip))
        return err_set(e, ERR_INPUT,
                       "\"%.*s\" is no address or network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
                       SLICE_FMT(shown));
    /* An IPv4-mapped address that is written as IPv6 counts its length as IPv6 does. */
    bool v4 = ip_is_v4(&net.ip) && !memchr(address.p, ':', address.n);
    int64_t most = v4 ? 32 : 128;
    if (whole)
        bits = most;
    else if (!slice_i64(length, &bits) || bits < 0 || bits > most)
        return err_set(e, ERR_INPUT, "\"%.*s\": the length behind the slash must be 0 to %d", SLICE_FMT(shown),
                       (int)most);
    net.bits = (uint8_t)(bits + (v4 ? 96 : 0));
    struct cidr kept = net;
    keep_bits(&kept.ip, net.bits);
    if (memcmp(&kept.ip, &net.ip, sizeof(net.ip)) != 0) {
        char buf[CIDR_TEXT_MAX];
        return err_set(e, ERR_INPUT, "\"%.*s\" is an address in a network and not a network; did you mean %s?",
                       SLICE_FMT(shown), cidr_text(&kept, buf));
    }
    *ret = net;
    return true;
}

bool cidr_has(const struct cidr *net, const struct ip *a)
{
    struct ip kept = *a;
    keep_bits(&kept, net->bits);
    if (ip_is_v4(a) != (ip_is_v4(&net->ip) && net->bits >= 96))
        return false; /* ::/0 is all of IPv6 alone */
    return memcmp(&kept, &net->ip, sizeof(kept)) == 0;
}

bool cidr_covers(const struct cidr *net, const struct cidr *inner)
{
    return net->bits <= inner->bits && cidr_has(net, &inner->ip);
}

char *cidr_text(const struct cidr *net, char buf[CIDR_TEXT_MAX])
{
    char ip[IP_TEXT_MAX];
    bool v4 = ip_is_v4(&net->ip) && net->bits >= 96;
    snprintf(buf, CIDR_TEXT_MAX, "%s/%u", ip_text(&net->ip, ip), net->bits - (v4 ? 96u : 0u));
    return buf;
}

bool cidr_list_parse(struct slice text, size_t max, struct cidr_list *ret, struct err *e)
{
    struct cidr_list l = {0};
    if (slice_trim(text).n == 0) {
        *ret = l;
        return true;
    }
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    if (n > max)
        return err_set(e, ERR_INPUT, "there are %zu networks; at most %zu are possible", n, max);
    l.v = mem_realloc_array(NULL, n, sizeof(l.v[0]));
    while (l.n < n) {
        if (!cidr_parse(slice_trim(slice_cut(&text, ',')), &l.v[l.n++], e)) {
            free(l.v);
            return false;
        }
    }
    *ret = l;
    return true;
}

bool cidr_list_has(const struct cidr_list *l, const struct ip *a)
{
    for (size_t i = 0; i < l->n; i++)
        if (cidr_has(&l->v[i], a))
            return true;
    return false;
}

bool cidr_list_covers(const struct cidr_list *l, const struct cidr_list *inner)
{
    for (size_t i = 0; i < inner->n; i++) {
        bool covered = false;
        for (size_t k = 0; k < l->n && !covered; k++)
            covered = cidr_covers(&l->v[k], &inner->v[i]);
        if (!covered)
            return false;
    }
    return true;
}

void cidr_list_release(struct cidr_list *l)
{
    free(l->v);
    *l = (struct cidr_list){0};
}
