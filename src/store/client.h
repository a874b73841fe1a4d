/* store/client.h - clients: the customer companies of a tenant. */
#ifndef MSPHUB_STORE_CLIENT_H
#define MSPHUB_STORE_CLIENT_H

#include "store/audit.h"

struct client_change {
    struct slice name; /* 1..200 characters, trimmed; .p == NULL: stays */
    bool sets_reference;
    struct slice reference; /* what another system calls it, unique in the tenant; .p == NULL: none */
};

/* In order of name. `text`: part of name or reference, SLICE_NONE: any. */
void client_list(struct pg_pool *db, struct slice text, const struct page_request *q, page_cb *cb, void *arg);
void client_get(struct pg_pool *db, int64_t tenant_id, int64_t client_id, row_cb *cb, void *arg);
/* Name or reference taken: ERR_CONFLICT. */
void client_create(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, const struct client_change *in,
                   row_cb *cb, void *arg);
/* version 0: whichever. ERR_CONFLICT: taken. ERR_NOT_FOUND: none of this version. */
void client_update(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t client_id,
                   int64_t version, const struct client_change *in, row_cb *cb, void *arg);
/* Its organizations become unmapped. `json` of the callback's row is empty. */
void client_delete(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t client_id,
                   int64_t version, row_cb *cb, void *arg);

#endif
