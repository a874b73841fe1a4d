/* utf8.h - what may travel to PostgreSQL: valid UTF-8 (no overlong forms, surrogates or values past U+10FFFF), no
 * U+0000. yajl lets some bad sequences through, and one bad string fails a whole batch of rows; so every string is
 * checked here. */
#ifndef MSPHUB_BASE_UTF8_H
#define MSPHUB_BASE_UTF8_H

#include "base/slice.h"

bool utf8_valid(struct slice s);    /* valid, U+0000 allowed */
bool utf8_storable(struct slice s); /* valid and free of U+0000 */
/* Writes a storable copy to out (which holds 3 * s.n bytes): each bad byte becomes U+FFFD, U+0000 is dropped. Returns
 * its length. */
size_t utf8_repair(struct slice s, char *out);
size_t utf8_length(struct slice s);                /* code points; s must be valid */
struct slice utf8_cut(struct slice s, size_t max); /* at most max bytes, no character cut in two; s must be valid */

#endif
