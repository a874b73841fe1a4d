/* common_http.c - see common_http.h. */
#include "provider/common_http.h"

#include "base/host_name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>

static bool is_one_of(char c, const char *chars)
{
    return c && strchr(chars, c);
}

static bool is_url_char(char c)
{
    return isalnum((unsigned char)c) || is_one_of(c, "-._~:/[]%");
}

static bool has_host(struct slice authority)
{
    return authority.n > 0 && authority.p[0] != ':' && authority.p[0] != '/';
}

static bool is_ip6(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip;

    if (host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET6, text, &ip) == 1;
}

/* "host", "host:port", "[ip6]", "[ip6]:port": what the HTTP client takes. */
static bool is_authority(struct slice text)
{
    bool ip6 = text.p[0] == '[';
    struct slice port = text, host = slice_cut(&port, ip6 ? ']' : ':');
    int64_t number;

    if (ip6) {
        host = slice_of(host.p + 1, host.n - 1);
        if (host.n + 1 == text.n || (port.n && port.p[0] != ':')) /* no bracket, or something behind it */
            return false;
        port = port.n ? slice_of(port.p + 1, port.n - 1) : port;
    }
    if (port.n && (!slice_i64(port, &number) || number < 1 || number > 65535))
        return false;
    return ip6 ? is_ip6(host) : host_name_valid(host);
}

bool url_normalise(struct slice text, const char *field, struct str *ret, struct err *e)
{
    struct slice rest = slice_trim(text);
    const char *scheme = "https://";

    rest = slice_cut(&rest, '#'); /* a console's address: https://host/#/dashboard */
    if (rest.n >= 7 && slice_ieq(slice_of(rest.p, 7), SLICE("http://"))) {
        scheme = "http://";
        rest = slice_of(rest.p + 7, rest.n - 7);
    } else if (rest.n >= 8 && slice_ieq(slice_of(rest.p, 8), SLICE("https://"))) {
        rest = slice_of(rest.p + 8, rest.n - 8);
    }
    while (rest.n && rest.p[rest.n - 1] == '/')
        rest.n--;
    if (!has_host(rest))
        return err_set(e, ERR_INPUT, "%s: \"%.*s\" names no host; give an address such as https://host.example", field,
                       (int)MIN(text.n, 100), text.p ? text.p : "");
    for (size_t i = 0; i < rest.n; i++)
        if (!is_url_char(rest.p[i]))
            return err_set(
                e, ERR_INPUT,
                "%s: '%c' cannot stand in the address of a server; give only https://host[:port][/path], without "
                "user name and query",
                field, isprint((unsigned char)rest.p[i]) ? rest.p[i] : '?');
    struct slice path = rest, authority = slice_cut(&path, '/');
    if (!is_authority(authority))
        return err_set(e, ERR_INPUT,
                       "%s: \"%.*s\" is no host, or its port is none; give an address such as "
                       "https://host.example:8443",
                       field, (int)MIN(authority.n, 100), authority.p);
    str_adds(ret, scheme);
    str_add(ret, rest);
    return true;
}

void url_drop_suffix(struct str *url, const char *suffix)
{
    struct slice s = slice_cstr(suffix);

    /* In "https://api" it is the host. */
    if (url->n > s.n && slice_ends(str_slice(url), s) && url->p[url->n - s.n - 1] != '/') {
        url->n -= s.n;
        url->p[url->n] = '\0';
    }
}

struct slice url_host(struct slice url)
{
    (void)slice_cut(&url, '/');
    (void)slice_cut(&url, '/');
    return slice_cut(&url, '/');
}

void call_add_header(struct machine_call *call, struct arena *a, const char *name, const char *fmt, ...)
{
    char *value;
    size_t i = 0;
    va_list ap;
    _cleanup_(str_release) struct str text = {0};

    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    value = arena_strndup(a, text.p, text.n);
    while (i < MACHINE_MAX_HEADERS && call->headers[i].name)
        i++;
    if (i < MACHINE_MAX_HEADERS)
        call->headers[i] = (struct machine_header){name, value};
}

bool reply_is_html(const struct machine_reply *r)
{
    struct slice body = slice_trim(r->error_body);

    return slice_starts(slice_cstr(r->content_type), SLICE("text/html")) || (body.n && body.p[0] == '<');
}

bool explain_transport(const struct machine_reply *r, const char *product, struct err *e)
{
    if (!r->err)
        return false;
    *e = *r->err; /* names the call */
    err_wrap(e, "%s", product);
    return true;
}

void explain_status(const struct machine_reply *r, const char *product, const char *what, struct slice said,
                    enum err_code code, const char *mend, struct err *e)
{
    err_set(e, code, "%s answered %d to %s%s%.*s%s%s%s", product, r->status, what, said.n ? " (" : "",
            (int)MIN(said.n, 120), said.n ? said.p : "", said.n ? ")" : "", mend ? ": " : "", mend ? mend : "");
}
