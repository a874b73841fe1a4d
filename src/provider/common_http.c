/* common_http.c - see common_http.h. */
#include "provider/common_http.h"

#include <ctype.h>
#include <stdarg.h>

static bool is_url_char(char c)
{
    return isalnum((unsigned char)c) || strchr("-._~:/[]%", c) != NULL;
}

static bool has_host(struct slice authority)
{
    return authority.n > 0 && authority.p[0] != ':' && authority.p[0] != '/';
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
    str_adds(ret, scheme);
    str_add(ret, rest);
    return true;
}

void url_drop_suffix(struct str *url, const char *suffix)
{
    struct slice s = slice_cstr(suffix);

    if (slice_ends(str_slice(url), s)) {
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
