/* common_http.h - what providers share about addresses, credentials and refused calls. */
#ifndef MSPHUB_PROVIDER_COMMON_HTTP_H
#define MSPHUB_PROVIDER_COMMON_HTTP_H

#include "msphub/provider.h"

/* What people paste → "https://host[:port][/prefix]": blanks, a missing scheme, trailing slashes and a fragment are
 * mended; a query, a user name or characters that no address has are refused with ERR_INPUT. `field` names the
 * setting. */
bool url_normalise(struct slice text, const char *field, struct str *ret, struct err *e);
/* Takes `suffix` ("/api") off the end, if it is there. */
void url_drop_suffix(struct str *url, const char *suffix);
struct slice url_host(struct slice url); /* "host:port" of a normalised address */

/* The value is copied into the arena. */
void call_add_header(struct machine_call *call, struct arena *a, const char *name, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Empty text is the same as none. */
static inline struct slice known(struct slice s)
{
    return s.n ? s : SLICE_NONE;
}

/* Does the reply's body look like a web page? */
bool reply_is_html(const struct machine_reply *r);
/* "GET /v2/devices: 403 permission denied" → *e; `said` may be SLICE_NONE, `mend` NULL. */
void explain_status(const struct machine_reply *r, const char *product, const char *what, struct slice said,
                    enum err_code code, const char *mend, struct err *e);
/* The engine has an error (the reply never came, was cut, is a redirect): *e is that error. False when there was
 * none. */
bool explain_transport(const struct machine_reply *r, const char *product, struct err *e);

#endif
