/* store/asset_edit.h - what people do to assets: fields edited and locked, assets joined and parted for good, conflicts settled, the
 * order of products for each group of fields; and the history of all that.
 * Always: each change is one transaction under the tenant's lock, with its audit row, and the assets it touches are merged in it. */
#ifndef MSPHUB_STORE_ASSET_EDIT_H
#define MSPHUB_STORE_ASSET_EDIT_H

#include "store/audit.h"

/* `outcome` is "done" or a word that says what stood in the way: "none" (there is no such asset or conflict), "changed" (another
 * version by now), "no client", "no other", "no source", "only source", "not locked", "resolved", "no such choice". `row`: the
 * asset or conflict as it is now; NULL when it is not done. A split's outcome is the new asset's id. */
typedef void asset_edit_cb(void *arg, struct slice outcome, const struct row *row, const struct err *e);

struct asset_target {
    int64_t tenant_id, asset_id;
    int64_t version; /* that the caller has seen; 0: any */
};
/* `changes`: a JSON object, field → value; null clears a field, and gives client_id back to the organization's client. */
void asset_edit(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, struct slice changes,
                asset_edit_cb *cb, void *arg);
/* Gives a field back to the sources. */
void asset_unlock(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, struct slice field,
                  asset_edit_cb *cb, void *arg);
/* `other_id` becomes a part of the target, and stays one. */
void asset_merge(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, int64_t other_id,
                 asset_edit_cb *cb, void *arg);
/* One source becomes an asset of its own, and stays one. */
void asset_split(struct pg_pool *db, const struct audit_actor *by, const struct asset_target *t, int64_t integration_id,
                 struct slice external_id, asset_edit_cb *cb, void *arg);

/* Newest first; ERR_NOT_FOUND when there is no such asset. */
void asset_history(struct pg_pool *db, int64_t asset_id, const struct page_request *q, page_cb *cb, void *arg);
/* The asset that one which is not there any more became a part of; 0: none. */
typedef void asset_alias_cb(void *arg, int64_t into_id);
void asset_alias(struct pg_pool *db, int64_t tenant_id, int64_t asset_id, asset_alias_cb *cb, void *arg);

struct conflict_filter { /* SLICE_NONE and 0: any */
    struct slice kind, status;
    int64_t asset_id;
};
void conflict_list(struct pg_pool *db, const struct conflict_filter *f, const struct page_request *q, page_cb *cb,
                   void *arg);
void conflict_get(struct pg_pool *db, int64_t tenant_id, int64_t conflict_id, row_cb *cb, void *arg);
/* `resolution`: "ours", "theirs", "merged" or "apart". */
void conflict_resolve(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t conflict_id,
                      struct slice resolution, asset_edit_cb *cb, void *arg);

/* A JSON list of all groups. */
void precedence_list(struct pg_pool *db, int64_t tenant_id, item_cb *cb, void *arg);
/* `providers` (PG_TEXT): from the most trusted on; NULL: the default again. Gives the list as it is now. */
void precedence_set(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, struct slice group,
                    const struct pg_array *providers, item_cb *cb, void *arg);

/* --- for segments of PG_ALL_TENANTS --- */
/* A tenant that has assets waiting to be merged (inventory_add_merge with integration 0 does it); 0: none. */
unsigned asset_add_waiting(struct pg_seg *s);
int64_t asset_read_waiting(const struct pg_reply *r, unsigned stmt);
/* At most `limit` rows each: history from before `before` goes, and what is no conflict any more; alerts follow assets that were
 * joined while they were written. The statement's result is the counts. */
unsigned asset_add_upkeep(struct pg_seg *s, usec_t before, int64_t limit);

#endif
