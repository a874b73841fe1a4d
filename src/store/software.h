/* store/software.h - installed software of devices → asset_software, its names → software_catalog.
 * Always: a device whose list says the same as before costs a look-up of its hash and a mark of the run; a program that a whole list lacks
 *         is removed, with the time it was last seen; one that comes back goes on with its first_seen. */
#ifndef MSPHUB_STORE_SOFTWARE_H
#define MSPHUB_STORE_SOFTWARE_H

#include "store/list_batch.h"
#include "store/page.h"

extern const struct list_kind software_kind;

#endif
