/* store/organization.h - organizations, and which clients they are. */
#ifndef MSPHUB_STORE_ORGANIZATION_H
#define MSPHUB_STORE_ORGANIZATION_H

#include "msphub/record.h"
#include "store/audit.h"

/* status: "unmapped", "mapped", "ignored", "renamed", "missing"; SLICE_NONE: any. */
void organization_list(struct pg_pool *db, int64_t integration_id, struct slice status, const struct page_request *q,
                       page_cb *cb, void *arg);
void organization_get(struct pg_pool *db, int64_t tenant_id, int64_t integration_id, int64_t organization_id,
                      row_cb *cb, void *arg);
struct organization_change {
    bool decides;       /* which client it is */
    int64_t client_id;  /* 0: none, */
    bool ignored;       /* then whether that is meant so */
    enum tri auto_sync; /* UNKNOWN: stays */
    bool sets_contact;
    int64_t contact_id; /* then the default contact; 0: nobody */
};
/* version 0: whichever; another one, or none: ERR_NOT_FOUND. No such client or person: ERR_CONFLICT. */
void organization_change(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t integration_id,
                         int64_t organization_id, int64_t version, const struct organization_change *change, row_cb *cb,
                         void *arg);

/* The stored devices of these: one row (external id) each. */
unsigned organization_add_devices(struct pg_seg *s, int64_t tenant_id, int64_t integration_id,
                                  const struct texts *external_ids);

/* Undecided ones with the clients that they may be, each with score and reasons (msphub_mapping_candidates). */
void organization_suggest(struct pg_pool *db, int64_t integration_id, const struct page_request *q, page_cb *cb,
                          void *arg);
struct organization_auto_map {
    int64_t threshold, limit; /* per cent; organizations looked at, in order of id */
    bool create_clients;      /* of those that resemble no client */
    bool dry_run;
};
/* Accepts suggestions that are sure and score at least the threshold; the callback's JSON tells each. */
void organization_auto_map(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t integration_id,
                           const struct organization_auto_map *m, item_cb *cb, void *arg);
/* Makes a client and maps the organization to it. `name` .p == NULL: the organization's. ERR_NOT_FOUND; ERR_CONFLICT: a client
 * has this name. */
void organization_become_client(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                                int64_t integration_id, int64_t organization_id, struct slice name, row_cb *cb,
                                void *arg);

#endif
