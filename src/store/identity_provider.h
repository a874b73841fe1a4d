/* store/identity_provider.h - rows of identity_providers. The client's secret travels sealed. */
#ifndef MSPHUB_STORE_IDENTITY_PROVIDER_H
#define MSPHUB_STORE_IDENTITY_PROVIDER_H

#include "reactor/pg.h"
#include "store/page.h"

#define IDENTITY_PROVIDER_MAX 20 /* of one tenant */
/* What the sealed secret is bound to, with tenant and id. */
#define IDENTITY_PROVIDER_SECRET "@identity_provider_secret"

/* --- for people --- */
void identity_provider_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg);
struct identity_provider_item { /* borrows from the reply */
    struct slice json;          /* as in the list */
    int64_t version;
    struct slice sealed_secret; /* SLICE_NONE: none */
};
unsigned identity_provider_add_get(struct pg_seg *s, int64_t tenant_id, int64_t id);
bool identity_provider_item_read(const struct pg_reply *r, unsigned stmt,
                                 struct identity_provider_item *ret); /* false: no row */

/* --- for use: what is enabled, of tenants that are active; in segments that see all --- */
struct identity_provider_row { /* borrows from the reply */
    int64_t tenant_id, id;
    struct slice tenant_slug, name, display_name, issuer, client_id, sealed_secret;
    struct slice scopes, audiences, email_domains;   /* JSON arrays of texts */
    struct slice role_claim, role_map, default_role; /* role_map: a JSON object */
    bool sign_in, bearer;
};
unsigned identity_provider_add_load(struct pg_seg *s, int64_t after_tenant, int64_t after_id, int64_t limit);
void identity_provider_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct identity_provider_row *ret);

/* --- edits --- */
struct identity_provider_edit {
    int64_t tenant_id, id, version;
    struct slice name, display_name, issuer, client_id, sealed_secret; /* .p NULL: none */
    const struct pg_array *scopes, *audiences, *email_domains;         /* TEXT */
    struct slice role_claim, role_map, default_role;
    bool sign_in, bearer, enabled;
};
unsigned identity_provider_add_next_id(struct pg_seg *s, int64_t tenant_id); /* row: (id, how many the tenant has) */
/* ERR_CONFLICT of the segment: another provider takes tokens of this issuer for one of these audiences. */
unsigned identity_provider_add_create(struct pg_seg *s,
                                      const struct identity_provider_edit *e); /* no row: the name is taken */
unsigned identity_provider_add_update(struct pg_seg *s,
                                      const struct identity_provider_edit *e); /* no row: another version */
unsigned identity_provider_add_delete(struct pg_seg *s, int64_t tenant_id, int64_t id, int64_t version);

#endif
