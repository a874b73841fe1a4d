/* http_server_listen.c - listening sockets and accepting.
 * Why:    the library's own binding takes no port 0, no dual stack and no reuse of a socket passed to us, and its
 *         listener spins when descriptors run out.
 * Always: accepting pauses at the connection ceiling until one goes, and for a while when there are no descriptors. */
#include "reactor/http_server_internal.h"

#include <errno.h>
#include <evhtp.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG          1024
#define DESCRIPTORS_WAIT MILLIS(200)

/* --- pausing --- */

static void listeners_pause(struct http_server *s, enum accept_pause why)
{
    s->accept_paused |= why;
    struct listener *l;
    TAILQ_FOREACH (l, &s->listeners, link)
        if (l->htp->server)
            evconnlistener_disable(l->htp->server);
}

void listeners_resume(struct http_server *s, enum accept_pause why)
{
    if (!(s->accept_paused & why))
        return;
    s->accept_paused &= ~(unsigned)why;
    struct listener *l;
    if (s->accept_paused == 0)
        TAILQ_FOREACH (l, &s->listeners, link)
            if (l->htp->server)
                evconnlistener_enable(l->htp->server);
}

static void try_again(void *arg)
{
    listeners_resume(arg, ACCEPT_DESCRIPTORS);
}

static void on_accept_error(struct evconnlistener *ev, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    const evhtp_t *htp = arg;
    struct listener *l = htp->arg;
    struct http_server *s = l->server;
    log_warn(loop_log(s->loop), "http.accept.failed", F_STR("error", strerror(error)),
             F_USEC("paused", DESCRIPTORS_WAIT));
    server_count_rejected(s, "accept");
    listeners_pause(s, ACCEPT_DESCRIPTORS);
    timer_set(&s->accept_again, s->loop, DESCRIPTORS_WAIT, try_again, s);
}

static evhtp_res on_accept(evhtp_connection_t *lib, void *arg)
{
    struct listener *l = arg;
    struct http_server *s = l->server;
    conn_open(s, lib, l->tls);
    if (s->metrics)
        s->connections->value = s->nconns + 1;
    if (++s->nconns >= s->o.max_connections)
        listeners_pause(s, ACCEPT_CAP);
    return EVHTP_RES_OK;
}

/* --- listening --- */

bool http_server_listen_fd(struct http_server *s, int fd, SSL_CTX *tls, struct err *e)
{
    int on = 1;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return err_set(e, ERR_CONFIG, "descriptor %d is no socket that can be listened on: %s", fd, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof(on)); /* accepted sockets inherit both; a Unix socket has neither */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    struct listener *l = NEW(struct listener);
    l->server = s;
    l->tls = tls;
    l->htp = evhtp_new(loop_base(s->loop), l);
    if (!l->htp)
        abort(); /* out of memory */
    /* Plain connections are called back at once: nothing here frees a connection inside a callback, and a turn then
     * holds all requests that were ready. TLS ones need the deferral (OpenSSL's bufferevent calls back from inside its
     * own writes). */
    evhtp_set_bev_flags(l->htp, BEV_OPT_CLOSE_ON_FREE | (tls ? BEV_OPT_DEFER_CALLBACKS : 0));
    evhtp_set_gencb(l->htp, conn_on_request, s);
    evhtp_set_post_accept_cb(l->htp, on_accept, l);
    if (tls) {
        SSL_CTX_up_ref(tls);
        l->htp->ssl_ctx = tls;
    }
    if (evhtp_accept_socket(l->htp, fd, BACKLOG) != 0) {
        err_set(e, ERR_CONFIG, "descriptor %d cannot be listened on: %s", fd, strerror(errno));
        evhtp_free(l->htp);
        free(l);
        return false;
    }
    evconnlistener_set_error_cb(l->htp->server, on_accept_error);
    TAILQ_INSERT_TAIL(&s->listeners, l, link);
    return true;
}

/* "127.0.0.1:80", "[::1]:80", "*:80" to an address; names are not looked up. */
static bool parse_address(const char *text, struct sockaddr_storage *sa, socklen_t *len, struct err *e)
{
    const char *colon = strrchr(text, ':');
    if (!colon || !colon[1])
        return err_set(e, ERR_CONFIG, "listen: %s is not address:port", text);
    struct slice host = slice_of(text, (size_t)(colon - text));
    int64_t port;
    if (!slice_i64(slice_cstr(colon + 1), &port) || port < 0 || port > 65535)
        return err_set(e, ERR_CONFIG, "listen: %s: the port is not a number from 0 to 65535", text);
    if (slice_is(host, "*"))
        host = SLICE("::");
    else if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = slice_of(host.p + 1, host.n - 2);
    _cleanup_(mem_freep) char *name = mem_strndup(host.p, host.n);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
        return err_set(e, ERR_CONFIG, "listen: %s: %s is not a numeric address (127.0.0.1, [::1] or *)", text, name);
    memcpy(sa, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static int open_socket(struct http_server *s, const struct sockaddr_storage *sa, socklen_t len, bool dual_stack)
{
    int on = 1, off = 0;
    int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sa->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual_stack ? &off : &on, sizeof(on));
    if (s->o.reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)sa, len) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        return 0;
    return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
                                          : ((struct sockaddr_in *)&sa)->sin_port);
}

bool http_server_listen(struct http_server *s, const char *address, SSL_CTX *tls, uint16_t *ret_port, struct err *e)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = 0;
    if (!parse_address(address, &sa, &len, e))
        return false;
    bool any = address[0] == '*';
    int fd = open_socket(s, &sa, len, any);
    if (fd < 0 && any && errno == EAFNOSUPPORT) { /* a host without IPv6 */
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = ((struct sockaddr_in6 *)&sa)->sin6_port};
        memcpy(&sa, &v4, sizeof(v4));
        fd = open_socket(s, &sa, sizeof(v4), false);
    }
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "listen: %s: %s", address, strerror(errno));
    uint16_t port = port_of(fd);
    if (!http_server_listen_fd(s, fd, tls, e)) {
        close(fd);
        return false;
    }
    if (ret_port)
        *ret_port = port;
    return true;
}

void http_server_set_tls(struct http_server *s, SSL_CTX *tls)
{
    struct listener *l;
    TAILQ_FOREACH (l, &s->listeners, link)
        if (l->tls) {
            SSL_CTX *old = l->htp->ssl_ctx; /* live connections hold references of their own */
            SSL_CTX_up_ref(tls);
            l->htp->ssl_ctx = tls;
            SSL_CTX_free(old);
        }
}

void listeners_close(struct http_server *s)
{
    struct listener *l;
    TAILQ_FOREACH (l, &s->listeners, link)
        evhtp_unbind_socket(l->htp); /* evhtp_free would not */
}

void listeners_free(struct http_server *s)
{
    listeners_close(s);
    struct listener *l;
    while ((l = TAILQ_FIRST(&s->listeners))) {
        TAILQ_REMOVE(&s->listeners, l, link);
        evhtp_free(l->htp);
        free(l);
    }
}
