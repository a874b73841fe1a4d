/* cidr.h - internet addresses and networks as values.
 * Always: an IPv4 address is kept as its IPv4-mapped IPv6 one, so that 192.0.2.1 and ::ffff:192.0.2.1 are the same
 *         client in every list; texts are canonical. */
#ifndef MSPHUB_BASE_CIDR_H
#define MSPHUB_BASE_CIDR_H

#include "base/err.h"
#include "base/slice.h"
#include "base/str.h"

struct ip {
    uint8_t bytes[16];
};
#define IP_TEXT_MAX 46
/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; no port, no zone, no brackets. */
bool ip_parse(struct slice text, struct ip *ret);
bool ip_is_v4(const struct ip *a);
char *ip_text(const struct ip *a, char buf[IP_TEXT_MAX]); /* returns buf */

struct cidr {
    struct ip ip;
    uint8_t bits; /* 0..128, of the IPv6 form */
};
#define CIDR_TEXT_MAX (IP_TEXT_MAX + 4)
/* "192.0.2.0/24", "2001:db8::/32"; an address alone is a network of one. Bits behind the length are an error, since one of
 * the two numbers is then not what was meant. */
bool cidr_parse(struct slice text, struct cidr *ret, struct err *e);
/* A network of IPv6 has no IPv4 addresses, however wide it is. */
bool cidr_has(const struct cidr *net, const struct ip *a);
bool cidr_covers(const struct cidr *net, const struct cidr *inner);
char *cidr_text(const struct cidr *net, char buf[CIDR_TEXT_MAX]);

struct cidr_list { /* {0} is empty */
    struct cidr *v;
    size_t n;
};
/* Separated by commas, blanks around them; "" is empty. More than `max` is an error. */
bool cidr_list_parse(struct slice text, size_t max, struct cidr_list *ret, struct err *e);
bool cidr_list_has(const struct cidr_list *l, const struct ip *a);
/* Each of inner's networks lies within one of l's. */
bool cidr_list_covers(const struct cidr_list *l, const struct cidr_list *inner);
void cidr_list_release(struct cidr_list *l);

#endif
