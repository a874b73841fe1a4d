/* common_seen.h - which rows of a list have come already: a set of hashes that can be taken back to where a page began.
 * Why:    pages that are cut by offset may repeat rows; a row counts once.
 * Always: hashes are not 0. */
#ifndef MSPHUB_PROVIDER_COMMON_SEEN_H
#define MSPHUB_PROVIDER_COMMON_SEEN_H

#include "base/slice.h"

#include <stdint.h>

struct seen {
    uint64_t *slots, *order; /* slots: open addressing, 0 is free; order: as they came */
    size_t n, cap;           /* slots has 2 * cap */
};

bool seen_add(struct seen *s, uint64_t hash); /* false: it was there */
void seen_cut(struct seen *s, size_t n);      /* forgets all but the first n */
void seen_release(struct seen *s);

#endif
