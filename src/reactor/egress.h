/* egress.h - where outgoing calls may go: one rule for the addresses of products, webhooks and identity providers.
 * Why:    who may type in an address could otherwise make the hub call what only the hub can reach: the cloud's metadata, a
 *         database, a router (server-side request forgery).
 * How:    egress_url_allowed judges what is typed in, so that a person hears of it at once; egress_address_allowed judges the
 *         address that is connected to, each time, and is what counts: a name may lead anywhere, and elsewhere tomorrow.
 * Always: https:// to public addresses. Private ones, and http:// to them, as far as the operator lets: private_networks,
 *         or all of them by allow_private_networks. A NULL rule lets none. */
#ifndef MSPHUB_REACTOR_EGRESS_H
#define MSPHUB_REACTOR_EGRESS_H

#include "base/err.h"
#include "base/slice.h"

struct sockaddr;
struct egress;
extern const struct egress egress_everything; /* all private networks; for the simulator and for tests */

struct egress *egress_new(void); /* lets no private network */
void egress_free(struct egress *g);
/* `networks`: "10.1.2.0/24, 192.168.7.9, fd00:7::/32". ERR_CONFIG names the wrong one, and then all stays as it was. */
bool egress_configure(struct egress *g, bool all_private, struct slice networks, struct err *e);

/* ERR_INPUT says why not, and what the operator could do. */
bool egress_url_allowed(const struct egress *g, const char *url, struct err *e) WARN_UNUSED;
/* `host` as in the URL, for the message. ERR_FORBIDDEN. */
bool egress_address_allowed(const struct egress *g, const struct sockaddr *sa, bool tls, const char *host,
                            struct err *e) WARN_UNUSED;

/* Is this address one that a public service cannot have (loopback, RFC 1918, carrier-grade NAT, link-local, unique local …)? What is
 * wrapped in IPv6 (mapped, NAT64, 6to4, Teredo …) counts as itself. */
bool address_is_private(const struct sockaddr *sa);

#endif
