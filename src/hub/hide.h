/* hub/hide.h - takes a secret out of a text that a product has sent.
 * Why:    products repeat what they were sent, in error messages above all; such a text goes on into messages, logs and tables. */
#ifndef MSPHUB_HUB_HIDE_H
#define MSPHUB_HUB_HIDE_H

#include "base/slice.h"
#include "base/str.h"

#define HIDE_MIN 6 /* a shorter one would be found in any text */

/* Puts "***" in place of the secret, wherever it stands: as it is, percent-encoded, as in a form, escaped as in JSON, and all that also
 * when its UTF-8 was taken for Latin-1. At the text's end, which may have been cut, a beginning of the secret as well. */
void hide_secret(struct str *text, struct slice secret);

#endif
