/* store/alert.h - alert batches → rmm_alerts, by series.
 * Always: any order and any number of messages about one series end in the same row (changed_at, change_id decide),
 *         as long as no list has left the alert out: what opens it again then counts anew, however old it is. A
 *         message that says less (no severity, no message) never erases what is known. */
#ifndef MSPHUB_STORE_ALERT_H
#define MSPHUB_STORE_ALERT_H

#include "msphub/record.h"
#include "store/page.h"

struct alert_batch;
struct alert_batch *alert_batch_new(int64_t tenant_id, int64_t integration_id);
void alert_batch_free(struct alert_batch *b);
/* Copies. `observed`: wall clock when the message came; takes the place of a changed_at that the message does not say.
 * False: no series, or an id that is too long; *e says which. */
bool alert_batch_add(struct alert_batch *b, const struct record_alert *a, usec_t observed, struct err *e) WARN_UNUSED;
size_t alert_batch_count(const struct alert_batch *b);
size_t alert_batch_bytes(const struct alert_batch *b);

struct alert_counts {
    int64_t processed, created, updated, unchanged, resolved; /* messages; the others count alerts */
};
void alert_add(struct pg_seg *s, const struct alert_batch *b, unsigned *ret_first);
/* Adds to the counts. Also for the statement of alert_add_absent. */
void alert_result(const struct pg_reply *r, unsigned first, struct alert_counts *add_to);
/* After a proven complete list of active alerts: resolves those of the integration that are open, not among `series`
 * (PG_TEXT), and did not change after `listed_at`. Absence is weak: what names such an alert as open and was observed after
 * `listed_at` opens it again, however old its changed_at; the product's own word that it is resolved stays final. */
void alert_add_absent(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const struct pg_array *series,
                      usec_t listed_at, unsigned *ret_first);
/* The product has carried out a reset of this one: resolved from `at`, as weakly as by absence. Result as of alert_add. */
void alert_add_reset(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, struct slice series, usec_t at);
/* Links alerts that came before their device: all of an integration (at the end of a sync run), or those of some devices
 * (external ids, PG_TEXT) that this transaction may have brought. */
void alert_add_link(struct pg_seg *s, int64_t tenant_id, int64_t integration_id);
void alert_add_link_devices(struct pg_seg *s, int64_t tenant_id, int64_t integration_id,
                            const struct pg_array *devices);

struct alert_filter {      /* zero: any */
    struct slice state;    /* a state's name, or "open": anything but resolved */
    struct slice severity; /* a severity's name */
    int64_t integration_id, asset_id;
};
void alert_list(struct pg_pool *db, const struct alert_filter *f, const struct page_request *q, page_cb *cb, void *arg);
void alert_get(struct pg_pool *db, int64_t tenant_id, int64_t alert_id, item_cb *cb, void *arg);

#endif
