/* machine_key.h - what tells one machine from another, brought into one form so that equal texts mean equal machines.
 * Why:    products write the same serial with blanks and in other letters, the same UUID in two byte orders, a MAC with colons, dashes
 *         or none; and boards without a serial say "To be filled by O.E.M.". A key that names many machines must not join them.
 * Form:   a letter, a colon, the value: "s:7XQ2B03", "u:4c4c…", "m:001122aabbcc" (these are looked up); "h:dc1", "v:dell",
 *         "t:computer" (these only speak for or against). The letters are stored with the rows: they never change their meaning.
 * Always: what is junk gives no key. */
#ifndef MSPHUB_BASE_MACHINE_KEY_H
#define MSPHUB_BASE_MACHINE_KEY_H

#include "base/str.h"

enum machine_key { KEY_SERIAL, KEY_UUID, KEY_MAC, KEY_HOST, KEY_VENDOR, KEY_TYPE };

#define MACHINE_KEY_MAX  68 /* bytes of one key: longer serials are cut */
#define MACHINE_MACS_MAX 8  /* of one source; a switch has hundreds, and any few tell it */

/* Writes the key to `out`; its length, 0 for junk. A type is given by its name (asset_type_names). */
size_t machine_key(enum machine_key kind, struct slice raw, char out[MACHINE_KEY_MAX]);
/* Adds the key to a list of keys, one a line, unless it stands there already, is junk, or is one MAC too many. */
void machine_key_add(enum machine_key kind, struct slice raw, struct str *list);

#endif
