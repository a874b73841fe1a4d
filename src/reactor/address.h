/* address.h - from a host's name to its addresses, asynchronously.
 * Why:    getaddrinfo blocks; evdns calls back from inside the call or later, as it likes. Here it is always later.
 * Always: one callback, in a later turn than the start, with at least one address or with an error; none after
 *         address_cancel. Numeric addresses and names from /etc/hosts need no name server. There is no deadline here:
 *         the caller has one. */
#ifndef MSPHUB_REACTOR_ADDRESS_H
#define MSPHUB_REACTOR_ADDRESS_H

#include "base/err.h"
#include "reactor/loop.h"

#include <sys/socket.h>

#define ADDRESS_MAX 16 /* of one name; more are ignored */

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
};

struct address_query;
/* `list`: IPv6 before IPv4, else in the order of the answer; lives in the callback only. NULL with n == 0 and e set on failure. */
typedef void address_cb(void *arg, const struct address *list, size_t n, const struct err *e);
struct address_query *address_resolve(struct loop *l, const char *host, uint16_t port, address_cb *cb, void *arg);
void address_cancel(struct address_query *q); /* NULL is allowed; not in or after the callback */

#define ADDRESS_TEXT_MAX 64
/* Numeric, without the port. */
const char *address_text(const struct address *a, char buf[ADDRESS_TEXT_MAX]);

#endif
