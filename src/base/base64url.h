/* base64url.h - RFC 4648 §5 without padding, as JOSE and PKCE write it. */
#ifndef MSPHUB_BASE_BASE64URL_H
#define MSPHUB_BASE_BASE64URL_H

#include "base/str.h"

void str_add_base64url(struct str *s, struct slice bytes);
/* Strict: no padding, no blanks, no bits lost at the end; so one value has one text. Nothing is added when false. */
bool base64url_decode(struct slice text, struct str *out) WARN_UNUSED;

#endif
