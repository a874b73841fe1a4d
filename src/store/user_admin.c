/* store/user_admin.c - see user.h: users as admins make, change and remove them.
 * How:    each edit is one transaction: the tenant's lock, then one statement that gives its verdict and, when it may be, does it. */
#include "base/mem.h"
#include "queries.h"
#include "store/user.h"

#include <stdlib.h>

const char *user_verdict_text(enum user_verdict v)
{
    switch (v) {
    case USER_NONE:
        return "There is no such user.";
    case USER_TAKEN:
        return "A user with this e-mail address exists.";
    case USER_CHANGED:
        return "The user was edited meanwhile; read it again.";
    case USER_PLATFORM:
        return "Only the platform makes, changes or removes users with the role platform, and only in its own tenant, "
               "the first "
               "one that was made.";
    case USER_SELF:
        return "Nobody disables or deletes their own user; another admin can.";
    case USER_LAST_ADMIN:
        return "This is the tenant's last enabled admin; make another one first.";
    case USER_DONE:
        break;
    }
    return "";
}

static enum user_verdict verdict_of(struct slice name)
{
    static const struct {
        const char *name;
        enum user_verdict verdict;
    } known[] = {{"ok", USER_DONE},
                 {"version", USER_CHANGED},
                 {"platform", USER_PLATFORM},
                 {"self", USER_SELF},
                 {"last_admin", USER_LAST_ADMIN}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_is(name, known[i].name))
            return known[i].verdict;
    return USER_NONE;
}

struct op {
    unsigned stmt;
    user_cb *cb;
    void *arg;
};

static void submit(struct pg_seg *s, unsigned stmt, pg_cb *on_reply, user_cb *cb, void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){stmt, cb, arg};
    pg_submit(s, on_reply, op);
}

/* The trigger of the table: the role platform is for users of the platform's own tenant. */
static bool platform_role(const struct pg_reply *r)
{
    return pg_reply_err(r) && strcmp(pg_reply_sqlstate(r), "23514") == 0;
}

/* Columns: verdict, item. */
static void on_edited(void *arg, const struct pg_reply *r)
{
    struct op op = *(struct op *)arg;
    free(arg);
    if (platform_role(r))
        op.cb(op.arg, USER_PLATFORM, SLICE_NONE, NULL);
    else if (pg_reply_err(r))
        op.cb(op.arg, USER_NONE, SLICE_NONE, pg_reply_err(r));
    else if (pg_nrows(r, op.stmt) == 0)
        op.cb(op.arg, USER_NONE, SLICE_NONE, NULL);
    else
        op.cb(op.arg, verdict_of(pg_text(r, op.stmt, 0, 0)), pg_text(r, op.stmt, 0, 1), NULL);
}

static void on_created(void *arg, const struct pg_reply *r)
{
    struct op op = *(struct op *)arg;
    free(arg);
    struct err none = {0};
    if (pg_reply_err(r) && strcmp(pg_reply_sqlstate(r), "23503") == 0) {
        err_set(&none, ERR_NOT_FOUND, "there is no such tenant");
        op.cb(op.arg, USER_NONE, SLICE_NONE, &none);
    } else if (platform_role(r)) {
        op.cb(op.arg, USER_PLATFORM, SLICE_NONE, NULL);
    } else if (pg_reply_err(r)) {
        op.cb(op.arg, USER_NONE, SLICE_NONE, pg_reply_err(r));
    } else if (pg_nrows(r, op.stmt) == 0) {
        op.cb(op.arg, USER_TAKEN, SLICE_NONE, NULL);
    } else {
        op.cb(op.arg, USER_DONE, pg_text(r, op.stmt, 0, 1), NULL);
    }
}

static struct pg_seg *begin(struct pg_pool *db, int64_t tenant_id, const struct user_actor *actor)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    audit_by(s, actor->by);
    pg_add(s, &Q_USER_LOCK_TENANT);
    pg_p_i64(s, tenant_id);
    return s;
}

static unsigned add(struct pg_seg *s, const struct pg_query *q, int64_t tenant_id, int64_t user_id)
{
    unsigned stmt = pg_add(s, q);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, user_id);
    return stmt;
}

void user_create(struct pg_pool *db, const struct user_new *n, const struct user_actor *actor, user_cb *cb, void *arg)
{
    struct pg_seg *s = begin(db, n->tenant_id, actor);
    unsigned stmt = pg_add(s, &Q_USER_CREATE);
    pg_p_i64(s, n->tenant_id);
    pg_p_text(s, n->email);
    pg_p_text(s, n->display_name);
    pg_p_text(s, n->role);
    pg_p_text(s, n->password_hash);
    pg_p_bool(s, n->must_change_password);
    submit(s, stmt, on_created, cb, arg);
}

void user_update(struct pg_pool *db, const struct user_edit *u, const struct user_actor *actor, user_cb *cb, void *arg)
{
    struct pg_seg *s = begin(db, u->tenant_id, actor);
    unsigned stmt = add(s, &Q_USER_UPDATE, u->tenant_id, u->user_id);
    pg_p_i64(s, u->version);
    pg_p_text(s, u->display_name);
    pg_p_text(s, u->role);
    if (u->disabled == USER_STAYS)
        pg_p_null(s);
    else
        pg_p_bool(s, u->disabled == USER_YES);
    pg_p_bool(s, u->unlock);
    pg_p_i64(s, actor->user_id);
    pg_p_bool(s, actor->platform);
    submit(s, stmt, on_edited, cb, arg);
}

void user_delete(struct pg_pool *db, int64_t tenant_id, int64_t user_id, int64_t version,
                 const struct user_actor *actor, user_cb *cb, void *arg)
{
    struct pg_seg *s = begin(db, tenant_id, actor);
    unsigned stmt = add(s, &Q_USER_DELETE, tenant_id, user_id);
    pg_p_i64(s, version);
    pg_p_i64(s, actor->user_id);
    pg_p_bool(s, actor->platform);
    submit(s, stmt, on_edited, cb, arg);
}

void user_reset_password(struct pg_pool *db, int64_t tenant_id, int64_t user_id, struct slice hash, bool must_change,
                         const struct user_actor *actor, user_cb *cb, void *arg)
{
    struct pg_seg *s = begin(db, tenant_id, actor);
    unsigned stmt = add(s, &Q_USER_RESET_PASSWORD, tenant_id, user_id);
    pg_p_text(s, hash);
    pg_p_bool(s, must_change);
    pg_p_bool(s, actor->platform);
    submit(s, stmt, on_edited, cb, arg);
}

void user_reset_totp(struct pg_pool *db, int64_t tenant_id, int64_t user_id, const struct user_actor *actor,
                     user_cb *cb, void *arg)
{
    struct pg_seg *s = begin(db, tenant_id, actor);
    unsigned stmt = add(s, &Q_USER_RESET_TOTP, tenant_id, user_id);
    pg_p_bool(s, actor->platform);
    submit(s, stmt, on_edited, cb, arg);
}

/* --- reading --- */

void user_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_USER_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, q->key);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void user_get(struct pg_pool *db, int64_t tenant_id, int64_t user_id, row_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    row_submit(s, add(s, &Q_USER_GET, tenant_id, user_id), "user", cb, arg);
}

struct find_op {
    user_id_cb *cb;
    void *arg;
};

static void on_found(void *arg, const struct pg_reply *r)
{
    struct find_op op = *(struct find_op *)arg;
    free(arg);
    struct err none = {0};
    const struct err *e = pg_reply_err(r);
    if (!e && pg_nrows(r, 0) == 0) {
        err_set(&none, ERR_NOT_FOUND, "there is no such user");
        e = &none;
    }
    op.cb(op.arg, e ? 0 : pg_i64(r, 0, 0, 0), e);
}

void user_by_email(struct pg_pool *db, int64_t tenant_id, struct slice email, user_id_cb *cb, void *arg)
{
    struct find_op *op = NEW(struct find_op);
    *op = (struct find_op){.cb = cb, .arg = arg};
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    pg_add(s, &Q_USER_BY_EMAIL);
    pg_p_i64(s, tenant_id);
    pg_p_text(s, email);
    pg_submit(s, on_found, op);
}
