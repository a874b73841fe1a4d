/* totp.h - time-based one-time passwords (RFC 6238: HMAC-SHA-1, 6 digits, 30 seconds), as all authenticator apps know them.
 * Always: a code is good for its own step and one beside it (clocks differ); a step that is not later than the last one used
 *         is refused, so that a code that was seen over a shoulder is worth nothing once it was used. */
#ifndef MSPHUB_BASE_TOTP_H
#define MSPHUB_BASE_TOTP_H

#include "base/clock.h"
#include "base/str.h"

#define TOTP_KEY_LEN 20 /* bytes: as RFC 4226 recommends */
#define TOTP_DIGITS  6

int64_t totp_step(usec_t wall);
/* The number that RFC 4226 calls DT, before it is cut to digits. */
uint32_t totp_number(struct slice key, int64_t step);
void totp_code(struct slice key, int64_t step, char ret[TOTP_DIGITS + 1]);
/* `last`: the step used last, -1: none. *ret_step is the one that `code` belongs to. */
bool totp_check(struct slice key, struct slice code, usec_t wall, int64_t last, int64_t *ret_step);
/* "otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER", what a QR code of it says. Holds the key: wipe it. */
void totp_add_uri(struct str *out, struct slice issuer, struct slice account, struct slice key);

/* RFC 4648, without padding. */
void str_add_base32(struct str *s, struct slice bytes);
/* As people write it: small letters, blanks and hyphens between groups, padding. Appends the bytes. False: no text of that kind. */
bool str_add_from_base32(struct str *s, struct slice text);

#endif
