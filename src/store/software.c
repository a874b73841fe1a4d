/* store/software.c - see software.h. */
#include "store/software.h"

#include "queries.h"
#include "store/plan.h"

static bool software_none(const struct record *r)
{
    return r->software.none;
}

const struct list_kind software_kind = {
    .store = {LIST_STORE, .name = "software", .kinds = SYNC_KIND(RECORD_SOFTWARE)},
    .kind = RECORD_SOFTWARE,
    .what = "software",
    .size = sizeof(struct record_software),
    .owner = offsetof(struct record_software, device_id),
    .identity = {offsetof(struct record_software, name), offsetof(struct record_software, version),
                 offsetof(struct record_software, publisher), offsetof(struct record_software, product_code),
                 offsetof(struct record_software, path)},
    .nidentity = 5,
    .catalog = {offsetof(struct record_software, name), offsetof(struct record_software, publisher)},
    .ncatalog = 2,
    .catalog_query = &Q_SOFTWARE_CATALOG,
    .none = software_none,
    .merge = &Q_SOFTWARE_MERGE,
    .settle = &Q_SOFTWARE_SETTLE,
};
