/* cmd/listen.c - see listen.h. */
#include "cmd/listen.h"

#include "base/mem.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3 /* sd_listen_fds(3) */

static int passed_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int64_t who = 0, n = 0;
    if (!pid || !count || !slice_i64(slice_cstr(pid), &who) || who != getpid() || !slice_i64(slice_cstr(count), &n))
        return 0;
    return n > 0 && n < 64 ? (int)n : 0;
}

static void announce(const char *address, uint16_t port, bool tls)
{
    const char *colon = strrchr(address, ':');
    int host = colon ? (int)(colon - address) : (int)strlen(address);
    bool any = host == 1 && *address == '*';
    printf("msphub " MSPHUB_VERSION " serves %s://%.*s:%u\n", tls ? "https" : "http", any ? 7 : host,
           any ? "0.0.0.0" : address, port);
    fflush(stdout);
}

static bool listen_one(struct http_server *server, struct slice address, SSL_CTX *tls, struct err *e)
{
    _cleanup_(mem_freep) char *text = mem_strndup(address.p, address.n);
    uint16_t port = 0;
    if (!http_server_listen(server, text, tls, &port, e))
        return err_wrap(e, "option listen");
    announce(text, port, tls != NULL);
    return true;
}

bool listen_all(struct http_server *server, const char *addresses, SSL_CTX *tls, struct err *e)
{
    int passed = passed_sockets();
    for (int i = 0; i < passed; i++)
        if (!http_server_listen_fd(server, FIRST_PASSED_FD + i, tls, e))
            return err_wrap(e, "passed socket %d", FIRST_PASSED_FD + i);
    if (passed) {
        printf("msphub " MSPHUB_VERSION " serves on %d passed sockets\n", passed);
        fflush(stdout);
        return true;
    }
    struct slice rest = slice_cstr(addresses);
    while (rest.n) {
        struct slice address = slice_trim(slice_cut(&rest, ','));
        if (address.n && !listen_one(server, address, tls, e))
            return false;
    }
    return true;
}

#define PROXIES_MAX 100

bool proxies_parse(const char *networks, struct cidr_list *ret, struct err *e)
{
    if (cidr_list_parse(slice_cstr(networks), PROXIES_MAX, ret, e))
        return true;
    e->code = ERR_CONFIG;
    return err_wrap(e, "trusted_proxies");
}
