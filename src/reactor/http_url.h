/* http_url.h - an absolute http:// or https:// URL, taken apart strictly.
 * Why:    a URL is written into the request as it stands; one blank or line break in it would be a second request.
 * Always: no user info, no fragment, no byte outside of visible ASCII; the host is a name or an address, in lower case. */
#ifndef MSPHUB_REACTOR_HTTP_URL_H
#define MSPHUB_REACTOR_HTTP_URL_H

#include "base/err.h"

struct http_url {
    bool tls;
    uint16_t port;
    char *host;      /* without brackets */
    char *authority; /* for the Host header: brackets around IPv6, port only when it is not the scheme's */
    char *target;    /* path and query, never empty */
};

/* ERR_INPUT says what is wrong with it. *ret is to be released also after an error. */
bool http_url_parse(const char *text, struct http_url *ret, struct err *e) WARN_UNUSED;
void http_url_release(struct http_url *u);

#endif
