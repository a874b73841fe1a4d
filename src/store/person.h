/* store/person.h - contacts and end users → people: a row a source.
 * Always: what says the same as the stored row is not written; one that a complete list lacks is missing, and stays. That two rows are
 *         one person (the same client, the same e-mail address) is found out when somebody asks. */
#ifndef MSPHUB_STORE_PERSON_H
#define MSPHUB_STORE_PERSON_H

#include "store/flat_batch.h"
#include "store/page.h"

extern const struct flat_kind person_kind;

struct person_filter { /* zero: any */
    int64_t client_id, integration_id;
    struct slice text; /* part of name, e-mail or user name, without case */
    enum tri missing;
};
/* In order of name; with integration_id as that source has them, else each person once. */
void person_list(struct pg_pool *db, const struct person_filter *f, const struct page_request *q, page_cb *cb,
                 void *arg);
void person_get(struct pg_pool *db, int64_t tenant_id, int64_t person_id, item_cb *cb, void *arg);

#endif
