/* call_reply.c - see call_reply.h. */
#include "hub/call_reply.h"

#include <time.h>

bool reply_parse_date(const char *text, usec_t *ret)
{
    /* IMF-fixdate, RFC 850, asctime. The C locale is never changed, so the names are English. */
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};

    for (size_t i = 0; text && i < ARRAY_LEN(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (end && *end == '\0') {
            *ret = SECONDS(timegm(&tm));
            return true;
        }
    }
    return false;
}

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

usec_t reply_parse_retry_after(const char *text, usec_t server_date, usec_t now)
{
    struct slice s = slice_trim(slice_cstr(text));
    const int64_t most = INT64_C(10) * 365 * 86400; /* keeps sums of times far from overflow */
    int64_t n;
    usec_t at;

    if (all_digits(s))
        return SECONDS(slice_i64(s, &n) && n < most ? n : most);
    if (!reply_parse_date(text, &at))
        return USEC_NONE;
    return MIN(MAX(at - (server_date == USEC_NONE ? now : server_date), 0), SECONDS(most));
}

/* No whole reply came: which of the client's failures may pass by themselves? */
static enum reply_class classify_failure(const struct err *e)
{
    switch (e->code) {
    case ERR_TIMEOUT:
    case ERR_UNAVAILABLE:
    case ERR_PROTOCOL: /* cut, or garbled once */
        return REPLY_UNAVAILABLE;
    default: /* address not allowed, certificate, too large, bad URL, cancelled */
        return REPLY_FAILED;
    }
}

enum reply_class reply_classify(const struct machine_call *call, const struct machine_reply *r, char first)
{
    if (r->err)
        return classify_failure(r->err);
    if (r->status == 429)
        return REPLY_THROTTLED;
    if (r->status == 401)
        return REPLY_AUTH;
    if (r->status >= 500 || r->status == 408)
        return REPLY_UNAVAILABLE;
    if (r->status / 100 == 2 && first != '<')
        return REPLY_OK;
    return REPLY_FAILED;
}

const char *reply_status_class(int status)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

    if (status == 429)
        return "429";
    return status > 0 && status / 100 < (int)ARRAY_LEN(classes) ? classes[status / 100] : classes[0];
}

bool reply_explain(const struct machine_call *call, const struct machine_reply *r, const char *location, char first,
                   struct err *e)
{
    if (r->status / 100 == 3)
        err_set(e, ERR_PROTOCOL,
                "%s: answered with a redirect (status %d) to %s; redirects are not followed: correct the address",
                call->what, r->status, *location ? location : "nowhere");
    else if (r->status / 100 == 2 && first == '<')
        err_set(e, ERR_PROTOCOL,
                "%s: answered with a page (status %d, %s) where data was due: is the address the product's API, or is "
                "it throttling?",
                call->what, r->status, *r->content_type ? r->content_type : "no content type");
    else if (r->status / 100 == 2)
        err_set(e, ERR_PROTOCOL, "%s: the answer (status %d, %s) is not what the product's contract says", call->what,
                r->status, *r->content_type ? r->content_type : "no content type");
    else
        return false;
    return true;
}
