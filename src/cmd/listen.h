/* cmd/listen.h - where to listen: the option `listen`, or sockets passed by the service manager. */
#ifndef MSPHUB_CMD_LISTEN_H
#define MSPHUB_CMD_LISTEN_H

#include "reactor/http_server.h"

/* `addresses`: comma-separated. Sockets passed by $LISTEN_FDS take their place: then a restart under load refuses
 * nobody. Prints a line "msphub VERSION serves http://…" for each on stdout. */
bool listen_all(struct http_server *server, const char *addresses, SSL_CTX *tls, struct err *e);

#endif
