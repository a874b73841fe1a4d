/* http_url.c - see http_url.h. */
#include "reactor/http_url.h"

#include "base/host_name.h"
#include "base/mem.h"
#include "base/slice.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

void http_url_release(struct http_url *u)
{
    free(u->host);
    free(u->authority);
    free(u->target);
    *u = (struct http_url){0};
}

static bool parse_scheme(struct slice *rest, struct http_url *u)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (rest->n < n || !slice_ieq(slice_of(rest->p, n), slice_cstr(schemes[i])))
            continue;
        u->tls = i == 1;
        *rest = slice_of(rest->p + n, rest->n - n);
        return true;
    }
    return false;
}

static bool is_ip6(const char *host)
{
    struct in6_addr ip;
    return inet_pton(AF_INET6, host, &ip) == 1;
}

/* "host", "host:port", "[ip6]", "[ip6]:port" */
static bool parse_authority(struct slice text, struct http_url *u)
{
    struct slice host, port = SLICE_NONE;
    bool ip6 = text.n > 0 && text.p[0] == '[';
    if (ip6) {
        const char *end = memchr(text.p, ']', text.n);
        if (!end)
            return false;
        host = slice_of(text.p + 1, (size_t)(end - text.p) - 1);
        struct slice tail = slice_of(end + 1, text.n - host.n - 2);
        if (tail.n > 0 && tail.p[0] != ':')
            return false;
        if (tail.n > 0)
            port = slice_of(tail.p + 1, tail.n - 1);
    } else {
        port = text;
        host = slice_cut(&port, ':');
    }
    int64_t number = u->tls ? 443 : 80;
    if (port.n > 0 && (!slice_i64(port, &number) || number < 1 || number > 65535))
        return false;
    u->port = (uint16_t)number;
    u->host = mem_strndup(host.p, host.n);
    for (char *p = u->host; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (ip6 ? !is_ip6(u->host) : !host_name_valid(host))
        return false;
    const char *open = ip6 ? "[" : "", *close = ip6 ? "]" : "";
    if (u->port == (u->tls ? 443 : 80))
        u->authority = mem_printf("%s%s%s", open, u->host, close);
    else
        u->authority = mem_printf("%s%s%s:%u", open, u->host, close, u->port);
    return true;
}

bool http_url_parse(const char *text, struct http_url *ret, struct err *e)
{
    *ret = (struct http_url){0};
    struct slice rest = slice_cstr(text);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= 0x20 || rest.p[i] >= 0x7f || rest.p[i] == '#')
            return err_set(e, ERR_INPUT,
                           "the URL has a character at position %zu that must be percent-encoded (or a fragment)",
                           i + 1);
    if (!parse_scheme(&rest, ret))
        return err_set(e, ERR_INPUT, "the URL does not start with http:// or https://");
    size_t n = rest.n > 0 ? strcspn(rest.p, "/?") : 0;
    struct slice authority = slice_of(rest.p, n);
    rest = slice_of(rest.p + n, rest.n - n);
    if (n > 0 && memchr(authority.p, '@', n))
        return err_set(e, ERR_INPUT, "the URL holds a user name or password; credentials go into a header");
    if (!parse_authority(authority, ret))
        return err_set(e, ERR_INPUT, "the URL's host or port is not valid: \"%.*s\"", SLICE_FMT(authority));
    ret->target = mem_printf("%s%.*s", rest.n > 0 && rest.p[0] == '/' ? "" : "/", SLICE_FMT(rest));
    return true;
}
