/* accounts.c - MSP360's backup users, as people, and its licences. Both lists come whole in one answer. */
#include "provider/msp360/sync.h"

/* --- users --- */

static void ask_users(struct task *t, struct str *path, struct str *body)
{
    msp_list_begins(t);
    str_adds(path, "/api/Users");
}

static void user_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
    struct msp_user u = *(const struct msp_user *)row;
    char id[MSP_ID_MAX];

    u.id = msp_id(u.id, id);
    if (fault || !u.id.n)
        msp_reject(t, RECORD_PERSON, u.id, fault ? fault : "ID: missing, or too long");
    else
        msp_emit_user(&u, msp_organization_of(x, u.company), x->m.sink);
}

static enum task_verdict users_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    msp_tell_whole(t, RECORD_PERSON);
    return TASK_DONE;
}

static enum task_verdict users_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    msp_incomplete(t, RECORD_PERSON, e->what);
    return TASK_DONE;
}

static const struct map_doc users_doc = {.rows = "[]", .row = &msp_user_map, .any_case = true};
const struct task_kind msp_users_kind = {.what = "users",
                                         .list = true,
                                         .doc = &users_doc,
                                         .ask = ask_users,
                                         .row = user_row,
                                         .page = users_page,
                                         .failed = users_failed,
                                         .again = msp_list_begins};

/* --- licences --- */

static void ask_licenses(struct task *t, struct str *path, struct str *body)
{
    msp_list_begins(t);
    str_adds(path, "/api/Licenses");
}

/* A licence names its computer only: it is the one of this name among the user's. */
static void license_row(struct task *t, const void *row, const char *fault)
{
    struct msp_sync *x = msp_sync_of(t->machine);
    struct msp_license l = *(const struct msp_license *)row;
    struct slice device = SLICE_NONE;
    char id[MSP_ID_MAX];

    l.id = msp_id(l.id, id);
    if (fault || !l.id.n) {
        msp_reject(t, RECORD_LICENSE, l.id, fault ? fault : "ID: missing, or too long");
        return;
    }
    if (msp_names_find(&x->computer_ids, l.user_id, l.computer, &device) != MSP_ONE)
        device = SLICE_NONE;
    msp_emit_license(&l, device, x->m.sink);
}

static enum task_verdict licenses_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    msp_tell_whole(t, RECORD_LICENSE);
    return TASK_DONE;
}

static enum task_verdict licenses_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (msp_is_fatal(t, r, e))
        return TASK_FATAL;
    msp_incomplete(t, RECORD_LICENSE, e->what);
    return TASK_DONE;
}

static const struct map_doc licenses_doc = {.rows = "[]", .row = &msp_license_map, .any_case = true};
const struct task_kind msp_licenses_kind = {.what = "licenses",
                                            .list = true,
                                            .doc = &licenses_doc,
                                            .ask = ask_licenses,
                                            .row = license_row,
                                            .page = licenses_page,
                                            .failed = licenses_failed,
                                            .again = msp_list_begins};
