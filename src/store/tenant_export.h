/* store/tenant_export.h - all that is stored of a tenant, as lines of JSON, a piece at a time.
 * Format: {"export": 1, "tenant": SLUG, …}, then a line a row {"table": NAME, "row": {…}}, tables by name and rows by key, then
 *         {"end": true, "rows": N, "tables": {NAME: N, …}, "sha256": HEX} over all lines before it. Without the last line it was cut.
 *         What opens something (keys, hashes, sealed values, webhook addresses) is "***".
 * How:    a piece is a page behind a key, so an export neither holds a transaction open nor a connection, and may take as long as its
 *         reader. A suspended tenant's export is one state; of an active one rows may come from different moments.
 * Owns:   itself until tenant_export_free; while a piece is asked for, its memory until the database has answered. */
#ifndef MSPHUB_STORE_TENANT_EXPORT_H
#define MSPHUB_STORE_TENANT_EXPORT_H

#include "store/audit.h"

#define TENANT_EXPORT_PIECE (1 << 20) /* bytes; at most one line more */

struct tenant_export;
/* `by` is told in the tenant's audit log when the export is whole. */
struct tenant_export *tenant_export_new(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by);
void tenant_export_free(struct tenant_export *x); /* no callback comes after it */
/* The next piece, in a later turn: some lines, `last` with the end. ERR_NOT_FOUND: there is no such tenant. */
typedef void tenant_export_cb(void *arg, struct slice lines, bool last, const struct err *e);
void tenant_export_next(struct tenant_export *x, tenant_export_cb *cb, void *arg);
int64_t tenant_export_rows(const struct tenant_export *x); /* so far */

#endif
