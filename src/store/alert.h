/* store/alert.h - alert batches → rmm_alerts, by series.
 * Always: any order and any number of messages about one series end in the same row (changed_at, change_id decide); a message
 *         that says less (no severity, no message) never erases what is known. */
#ifndef MSPHUB_STORE_ALERT_H
#define MSPHUB_STORE_ALERT_H

#include "msphub/record.h"
#include "reactor/pg.h"

struct alert_batch;
struct alert_batch *alert_batch_new(int64_t tenant_id, int64_t integration_id);
void alert_batch_free(struct alert_batch *b);
bool alert_batch_add(struct alert_batch *b, const struct record_alert *a, usec_t observed, struct err *e);
size_t alert_batch_count(const struct alert_batch *b);
struct alert_counts {
    int64_t processed, created, updated, unchanged, resolved;
};
void alert_add(struct pg_seg *s, const struct alert_batch *b, unsigned *ret_first);
void alert_result(const struct pg_reply *r, unsigned first, struct alert_counts *add_to);
/* After a proven complete list of active alerts: resolves those of the integration that are open, not among `series`, and did
 * not change after `listed_at`. */
void alert_add_absent(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const struct pg_array *series, usec_t listed_at,
                      unsigned *ret_first);

#endif
