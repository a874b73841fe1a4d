/* http_client.h - outgoing HTTP/1.1: pools of connections per origin behind one call.
 * Why:    on libevent's evhttp and evdns; what evhttp leaves open is cured in http_client_exchange.c.
 * Owns:   connections, queued and running calls.
 * Always: one on_end per call, never from inside http_call_start or _cancel but at the end of a turn, also on cancel
 *         and at shutdown; the deadline covers DNS, connect, TLS, waiting in the pool's queue and the body; a
 *         connection is not used again after any odd reply; TLS is verified by chain and name; every address of a name
 *         is tried. No redirects are followed, no cookies are kept. */
#ifndef MSPHUB_REACTOR_HTTP_CLIENT_H
#define MSPHUB_REACTOR_HTTP_CLIENT_H

#include "base/err.h"
#include "reactor/egress.h"
#include "reactor/http_server.h" /* enum http_method */
#include "reactor/loop.h"
#include "reactor/tls.h"

struct http_client;

struct http_client_options {     /* 0 takes the default in brackets */
    unsigned per_origin;         /* connections to one scheme://host:port [8] */
    unsigned max_queue;          /* calls waiting for one origin [1000] */
    size_t max_reply_head;       /* bytes [65536] */
    size_t max_body;             /* ceiling of a reply's body unless the call names one, bytes [67108864] */
    usec_t idle_timeout;         /* a kept connection is closed after [60 s] */
    usec_t connect_timeout;      /* for each address [10 s] */
    const struct egress *egress; /* which addresses may be called; borrowed, may change meanwhile [public ones] */
    const char *ca_file;         /* PEM bundle; NULL: the system's */
};

struct http_client *http_client_new(struct loop *l, const struct http_client_options *o, struct metrics *m,
                                    struct err *e);
/* Every running call gets on_end with ERR_CANCELED first (and so does what these callbacks start). Not from a callback. */
void http_client_free(struct http_client *c);

struct http_header {
    const char *name, *value;
};

struct http_reply_head {
    int status;
    const struct http_header *headers; /* live during on_head only */
    size_t nheaders;
};
/* Case-insensitive; NULL when absent. */
const char *http_reply_head_get(const struct http_reply_head *h, const char *name);

struct http_call { /* copied at the start; nothing needs to outlive http_call_start but cb functions and arg */
    enum http_method method;
    const char *url; /* http:// or https://, absolute; must be percent-encoded already */
    /* A value with CR, LF or another control character is ERR_INPUT, and so is a header that is set here: Host,
     * Content-Length, Transfer-Encoding, Connection, Accept-Encoding, Expect and their like. User-Agent may be given. */
    const struct http_header *headers;
    size_t nheaders;
    struct slice body;
    usec_t timeout;  /* whole call [30 s] */
    size_t max_body; /* 0: the client's */
    /* A dropped keep-alive connection is retried once on a fresh one: always when no byte of the request's reply can have been
     * caused (it was idle-closed before sending), else only if idempotent. GET and HEAD are. */
    bool idempotent;
    bool no_gzip; /* else Accept-Encoding: gzip is sent and on_body gets plain bytes */

    void (*on_head)(void *arg, const struct http_reply_head *head); /* may be NULL; once before any body */
    void (*on_body)(void *arg, struct slice piece);                 /* may be NULL; as it arrives */
    /* Once, last. err == NULL: the reply is whole. Else code TIMEOUT, CANCELED, UNAVAILABLE (DNS, refused, reset, closed
     * before any reply, TLS not spoken), LIMIT (too large, queue full), PROTOCOL (bad or cut reply), FORBIDDEN (address not
     * allowed), AUTH (certificate refused), INPUT (bad URL or header). The sentence starts with the host, never with the
     * whole URL. */
    void (*on_end)(void *arg, const struct err *err);
    void *arg;
};

struct ref http_call_start(struct http_client *c, const struct http_call *call);
/* on_end follows with ERR_CANCELED; no other callback does. Also from callbacks. Unknown or finished refs are ignored. */
void http_call_cancel(struct http_client *c, struct ref r);
/* Backpressure: no on_body from now on, and nothing is read from the socket past 64 KiB, until resumed (the deadline keeps
 * running). Also from callbacks. */
void http_call_pause(struct http_client *c, struct ref r);
void http_call_resume(struct http_client *c, struct ref r);

#endif
