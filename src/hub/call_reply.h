/* hub/call_reply.h - reading an answer: the headers that matter, what class of outcome it is, and the words for it.
 * Pure. */
#ifndef MSPHUB_HUB_CALL_REPLY_H
#define MSPHUB_HUB_CALL_REPLY_H

#include "hub/budget_rate.h"
#include "msphub/provider.h"

/* HTTP-date in its three forms (RFC 9110 §5.6.7). */
bool reply_parse_date(const char *text, usec_t *ret);
/* Retry-After, seconds or HTTP-date, as a duration ≥ 0. A date is measured against the server's own clock if it told
 * it, else `now`. NULL or nonsense: USEC_NONE. */
usec_t reply_parse_retry_after(const char *text, usec_t server_date, usec_t now);

/* What the answer says of the product's own count: RateLimit (both forms that the drafts had), or one header a number (RateLimit-…,
 * X-RateLimit-…). Any may be NULL. A reset is seconds from now, or an epoch (in seconds or milliseconds), measured like a date above.
 * False: nothing that can be relied on. */
struct rate_headers {
    const char *combined, *limit, *remaining, *reset;
};
bool reply_parse_rate(const struct rate_headers *h, usec_t server_date, usec_t now, struct rate_hint *ret);

/* The rule for products that have no classify of their own, and for replies that never reached us whole. */
enum reply_class reply_classify(const struct machine_call *call, const struct machine_reply *r, char first);

/* "2xx", "429", "4xx", … or "none": the status_class label. */
const char *reply_status_class(int status);

/* For a failure whose status does not tell it (a 2xx that was refused, a redirect): sets *e and returns true. False:
 * the machine can explain it from status and error_body. */
bool reply_explain(const struct machine_call *call, const struct machine_reply *r, const char *location, char first,
                   struct err *e);

#endif
