/* store/tenant.h - tenants: which there are, suspending and resuming them, and their removal.
 * Words:  the platform's tenant is the operator's own: the first one. Its credentials may have the role platform; it is never suspended
 *         or deleted.
 * States (column status): active <-> suspended -> deleting -> gone. Every process hears of each change (NOTIFY msphub_tenant). */
#ifndef MSPHUB_STORE_TENANT_H
#define MSPHUB_STORE_TENANT_H

#include "store/audit.h"
#include "store/page.h"

enum tenant_status { TENANT_ACTIVE, TENANT_SUSPENDED, TENANT_DELETING };
extern const char *const tenant_status_names[]; /* by enum tenant_status, then NULL */

#define TENANT_SLUG_MAX 63
struct tenant_row { /* what the hub keeps of one */
    int64_t tenant_id;
    char slug[TENANT_SLUG_MAX + 1];
    enum tenant_status status;
    bool platform;
};
/* By id, or by slug when id is 0. For segments of PG_ALL_TENANTS. Result: one row or none. */
unsigned tenant_add_find(struct pg_seg *s, int64_t tenant_id, struct slice slug);
void tenant_read(const struct pg_reply *r, unsigned stmt, struct tenant_row *ret);

typedef void tenant_cb(void *arg, int64_t tenant_id, const struct err *e);
void tenant_by_slug(struct pg_pool *db, struct slice slug, tenant_cb *cb, void *arg); /* ERR_NOT_FOUND */

/* slug: lower-case letters, digits and '-', 1..63 (ERR_INPUT); taken: ERR_CONFLICT. */
bool tenant_slug_good(struct slice slug);
void tenant_create(struct pg_pool *db, struct slice slug, struct slice name, const struct audit_actor *by, row_cb *cb,
                   void *arg);
void tenant_get(struct pg_pool *db, int64_t tenant_id, row_cb *cb, void *arg);
/* `version`: that was edited, 0: any. ERR_CONFLICT: it is another one by now. */
void tenant_rename(struct pg_pool *db, int64_t tenant_id, int64_t version, struct slice name,
                   const struct audit_actor *by, row_cb *cb, void *arg);
/* ERR_FORBIDDEN: the platform's; ERR_CONFLICT: it is being deleted. Again is harmless. */
void tenant_suspend(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by, row_cb *cb, void *arg);
void tenant_resume(struct pg_pool *db, int64_t tenant_id, const struct audit_actor *by, row_cb *cb, void *arg);
/* By slug. `status` -1: any; q->tenant_id is not looked at. */
void tenant_list(struct pg_pool *db, int status, const struct page_request *q, page_cb *cb, void *arg);

/* --- removal --- */
/* Marks a suspended tenant; from now on the steps below take it away. `slug` must be its own (ERR_INPUT), its status suspended
 * or deleting (ERR_CONFLICT), and it is not the platform's (ERR_FORBIDDEN). */
void tenant_remove(struct pg_pool *db, int64_t tenant_id, struct slice slug, const struct audit_actor *by,
                   tenant_cb *cb, void *arg);
/* A step: deletes up to `rows` rows of the tenant (0: of any that is being deleted). For segments of PG_ALL_TENANTS. */
enum tenant_step {
    TENANT_STEP_NONE,    /* there is none, or another process is at it */
    TENANT_STEP_MORE,    /* there may be more */
    TENANT_STEP_WAITING, /* all is empty; a transaction from before the mark runs on, and may still write */
    TENANT_STEP_GONE,    /* it was the last step */
};
unsigned tenant_add_step(struct pg_seg *s, int64_t tenant_id, int64_t rows);
enum tenant_step tenant_read_step(const struct pg_reply *r, unsigned stmt, int64_t *ret_tenant, int64_t *ret_deleted);

/* --- the database's role --- */
/* ERR_CONFIG when row-level security does not hold for it: a superuser, or one with BYPASSRLS. */
void tenant_check_role(struct pg_pool *db, tenant_cb *cb, void *arg);

#endif
