/* store/inventory_internal.h - what the batch's collector and its statements share. */
#ifndef MSPHUB_STORE_INVENTORY_INTERNAL_H
#define MSPHUB_STORE_INVENTORY_INTERNAL_H

#include "base/mem.h"
#include "store/inventory.h"

#include <uthash.h>

struct element { /* of a list facet */
    struct slice json;
    bool matched; /* by the rows that come now; see list_match */
};

/* One row to be: kind and id, and the facet's number for a FACET. */
struct entry {
    UT_hash_handle hh;
    enum record_kind kind;
    enum facet facet;
    struct slice id;
    usec_t observed;
    struct slice keys; /* what the machine is known by: base/machine_key.h, one a line */
    union {
        struct {
            struct slice name, detail, organization; /* detail: description or address */
        } place;
        struct {
            struct record_device record; /* texts in the arena */
            struct slice json;
            uint64_t hash;
        } device;
        struct {
            struct slice json; /* of a facet that is no list */
            struct element *v;
            size_t n, cap;
            bool list, reopened, open;
        } part;
        struct {
            usec_t at;
        } gone;
    };
};

struct inventory_batch {
    int64_t tenant_id, integration_id;
    struct arena *arena;
    struct entry *by_key;
    uint64_t seed;
    usec_t observed;
    size_t n[RECORD_NKINDS_];
    struct entry *last[FACET_N_];    /* the device whose rows come now, per facet */
    struct entry *carried[FACET_N_]; /* the one at the end of the batch before; not in by_key */
};

#define INVENTORY_HASH_SEED 0x6d7370687562ULL /* stored with the rows: never changes */

#endif
