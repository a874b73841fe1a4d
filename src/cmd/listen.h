/* cmd/listen.h - where to listen, and whom to believe about the client: the options `listen` and `trusted_proxies`, or sockets
 * passed by the service manager. */
#ifndef MSPHUB_CMD_LISTEN_H
#define MSPHUB_CMD_LISTEN_H

#include "reactor/http_server.h"

/* `addresses`: comma-separated. Sockets passed by $LISTEN_FDS take their place: then a restart under load refuses
 * nobody. Prints a line "msphub VERSION serves http://…" for each on stdout. */
bool listen_all(struct http_server *server, const char *addresses, SSL_CTX *tls, struct err *e);

/* The option trusted_proxies. */
bool proxies_parse(const char *networks, struct cidr_list *ret, struct err *e);

#endif
