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

/* The digits at the beginning: "100, 100;w=60" is 100. */
static bool leading_number(struct slice s, int64_t *ret)
{
    size_t n = 0;

    s = slice_trim(s);
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n > 0 && n <= 15 && slice_i64(slice_of(s.p, n), ret);
}

static usec_t reset_in(int64_t reset, usec_t server_date, usec_t now)
{
    const int64_t epoch_s = INT64_C(1000000000), epoch_ms = epoch_s * 1000;
    usec_t base = server_date == USEC_NONE ? now : server_date;

    if (reset < epoch_s)
        return SECONDS(reset);
    return MAX(0, (reset < epoch_ms ? SECONDS(reset) : MILLIS(reset)) - base);
}

/* `"burst";r=5;t=1, "daily";r=900;t=3600` or `limit=100, remaining=50, reset=30`: of several counts the one with least left. */
static bool parse_combined(struct slice all, struct rate_hint *ret)
{
    int64_t remaining = -1, reset = -1;
    bool found = false;

    for (size_t i = 0; i < all.n;) {
        size_t end = i;
        while (end < all.n && all.p[end] != ',' && all.p[end] != ';')
            end++;
        struct slice value = slice_of(all.p + i, end - i), key = slice_trim(slice_cut(&value, '='));
        if (slice_is(key, "r") || slice_is(key, "remaining"))
            (void)leading_number(value, &remaining);
        else if (slice_is(key, "t") || slice_is(key, "reset"))
            (void)leading_number(value, &reset);
        else if (slice_is(key, "limit"))
            (void)leading_number(value, &ret->limit);
        if (remaining >= 0 && reset >= 0) {
            if (!found || remaining < ret->remaining) {
                ret->remaining = remaining;
                ret->reset = SECONDS(MIN(reset, INT64_C(1000000000)));
            }
            found = true;
            remaining = reset = -1;
        }
        i = end + 1;
    }
    return found;
}

bool reply_parse_rate(const struct rate_headers *h, usec_t server_date, usec_t now, struct rate_hint *ret)
{
    struct rate_hint hint = {0};
    int64_t reset;

    if (h->combined && parse_combined(slice_cstr(h->combined), &hint)) {
        *ret = hint;
        return true;
    }
    if (!h->remaining || !h->reset || !leading_number(slice_cstr(h->remaining), &hint.remaining) ||
        !leading_number(slice_cstr(h->reset), &reset))
        return false;
    if (h->limit)
        (void)leading_number(slice_cstr(h->limit), &hint.limit);
    hint.reset = reset_in(reset, server_date, now);
    *ret = hint;
    return true;
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
