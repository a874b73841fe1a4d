/* api/users.c - the users of a tenant, as its admins make, change and remove them. */
#include "api/api.h"
#include "base/crypto.h"
#include "base/password.h"
#include "base/utf8.h"
#include "hub/hashing.h"
#include "hub/session.h"
#include "store/user.h"

#include <stdio.h>

/* --- reading --- */

void op_users_list(struct api_call *c)
{
    static const char *const known[] = {NULL};
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, known, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request q = api_page_request(c, &page);
    user_list(c->hub->db, &q, api_reply_page, c);
}

void op_users_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        user_get(c->hub->db, c->who.tenant_id, id, api_reply_row, c);
}

/* --- what an edit ends with --- */

static void refuse(struct api_call *c, enum user_verdict verdict)
{
    static const char *const codes[] = {
        [USER_NONE] = "not_found",     [USER_TAKEN] = "email_taken", [USER_CHANGED] = "version",
        [USER_PLATFORM] = "forbidden", [USER_SELF] = "own_user",     [USER_LAST_ADMIN] = "last_admin",
    };
    static const int statuses[] = {
        [USER_NONE] = 404,     [USER_TAKEN] = 409, [USER_CHANGED] = 412,
        [USER_PLATFORM] = 403, [USER_SELF] = 409,  [USER_LAST_ADMIN] = 409,
    };
    if (verdict == USER_CHANGED)
        api_problem_changed(c);
    else
        api_problem(c, statuses[verdict], codes[verdict], "%s", user_verdict_text(verdict));
}

static bool allowed(struct api_call *c, enum user_verdict verdict, const struct err *e)
{
    if (e)
        api_problem_err(c, e);
    else if (verdict != USER_DONE)
        refuse(c, verdict);
    return !e && verdict == USER_DONE;
}

/* The session's cache of this process at once, so that the answer is true when it arrives. */
static void forget_sessions(struct api_call *c)
{
    int64_t id;
    if (slice_i64(http_request_param(c->req, "id"), &id))
        session_forget(c->hub, c->who.tenant_id, id, 0);
}

static int64_t number_in(struct slice json, struct api_call *c, const char *member)
{
    struct json *j;
    int64_t number = 0;
    if (json_parse(c->arena, json, &j, NULL))
        json_get_i64(j, member, &number);
    return number;
}

static void on_edited(void *arg, enum user_verdict verdict, struct slice json, const struct err *e)
{
    struct api_call *c = arg;
    if (!allowed(c, verdict, e))
        return;
    forget_sessions(c);
    api_reply_tagged(c, 200, number_in(json, c, "version"), json);
}

static struct user_actor actor_of(const struct api_call *c, const struct audit_actor *by)
{
    bool home = c->who.home_id == c->who.tenant_id;
    return (struct user_actor){
        .by = by,
        .user_id = home ? c->who.user_id : 0,
        .platform = c->who.role == ACCESS_PLATFORM,
    };
}

/* --- members --- */

static const struct json *member(struct api_call *c, const char *name, enum json_type type, const char *what,
                                 struct api_faults *f)
{
    const struct json *j = json_get(c->body, name);
    char pointer[64];
    if (!j || j->type == type)
        return j;
    snprintf(pointer, sizeof(pointer), "/%s", name);
    api_fault(f, pointer, "must be %s", what);
    return NULL;
}

static struct slice member_name(struct api_call *c, struct api_faults *f)
{
    const struct json *j = member(c, "display_name", JSON_STRING, "a string", f);
    if (!j)
        return SLICE_NONE;
    struct slice name = slice_trim(j->text);
    if (name.n == 0 || utf8_length(name) > USER_NAME_MAX)
        api_fault(f, "/display_name", "has 1 to %d characters", USER_NAME_MAX);
    return name;
}

/* The role `platform` is given by the platform alone, to users of its own tenant. */
static struct slice member_role(struct api_call *c, struct api_faults *f)
{
    const struct json *j = member(c, "role", JSON_STRING, "a string", f);
    if (!j)
        return SLICE_NONE;
    enum access_role role = access_role_read(j->text);
    bool platform = c->who.role == ACCESS_PLATFORM && c->who.home_id == c->who.tenant_id;
    if (role == ACCESS_PUBLIC || (role == ACCESS_PLATFORM && !platform))
        api_fault(f, "/role", "must be one of viewer, operator, admin%s", platform ? ", platform" : "");
    return j->text;
}

/* --- a password by an admin: given, or made here and shown once --- */

struct password_call { /* in the call's arena, which is wiped */
    struct api_call *c;
    int64_t user_id; /* of a reset */
    struct user_new user;
    char email[USER_EMAIL_MAX + 1], made[PASSWORD_MADE_LEN + 1];
    char *hash;
};

static void on_password_set(void *arg, enum user_verdict verdict, struct slice json, const struct err *e)
{
    struct password_call *p = arg;
    struct api_call *c = p->c;
    if (!allowed(c, verdict, e))
        return;
    if (p->user_id)
        forget_sessions(c);
    api_location(c, "/api/v1/users", number_in(json, c, "id"));
    struct str out = {0};
    str_reserve(&out, json.n + 128); /* in one piece, so that it can be wiped */
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_raw(&w, "user", json);
    jw_key_slice(&w, "password", *p->made ? slice_cstr(p->made) : SLICE_NONE);
    jw_end(&w);
    jw_done(&w);
    api_reply_secret(c, p->user_id ? 200 : 201, str_slice(&out));
    crypto_wipe(out.p, out.n);
    str_release(&out);
}

static void on_hashed(void *arg, const struct hashing_result *r, const struct err *e)
{
    struct password_call *p = arg;
    struct api_call *c = p->c;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    struct audit_actor by = api_actor(c);
    struct user_actor actor = actor_of(c, &by);
    if (p->user_id) {
        user_reset_password(c->hub->db, c->who.tenant_id, p->user_id, r->fresh, true, &actor, on_password_set, p);
    } else {
        p->user.password_hash = r->fresh;
        user_create(c->hub->db, &p->user, &actor, on_password_set, p);
    }
}

static struct password_call *password_call_new(struct api_call *c)
{
    struct password_call *p = arena_alloc(c->arena, sizeof(*p));
    p->c = c;
    return p;
}

/* The password that was given, else one is made. `email` is checked against when it is known. */
static struct slice member_password(struct api_call *c, struct password_call *p, struct api_faults *f)
{
    struct err e = {0};
    const struct json *j = json_get(c->body, "password");
    if (!j || j->type == JSON_NULL) {
        password_make(p->made);
        return slice_cstr(p->made);
    }
    if (j->type != JSON_STRING)
        api_fault(f, "/password", "must be a string");
    else if (!password_acceptable(j->text, slice_cstr(p->email), &e))
        api_fault(f, "/password", "%s", e.what);
    return j->text;
}

void op_users_create(struct api_call *c)
{
    static const char *const known[] = {"email", "display_name", "role", "password", "without_password", NULL};
    struct api_faults faults = {0};
    struct err e = {0};
    struct password_call *p = password_call_new(c);
    api_known_members(c, known, &faults);
    struct slice email = json_get_text(c->body, "email");
    if (!user_email_fold(email, p->email, &e))
        api_fault(&faults, "/email", "%s", e.what);
    bool without = api_member_bool(c, "without_password", false, &faults);
    if (without && json_get(c->body, "password"))
        api_fault(&faults, "/password", "must be left out when without_password is true");
    struct slice name = member_name(c, &faults), role = member_role(c, &faults);
    if (!json_get(c->body, "role"))
        api_fault(&faults, "/role", "is needed");
    struct slice password = without ? SLICE_NONE : member_password(c, p, &faults);
    if (!api_faults_none(c, &faults))
        return;
    p->user = (struct user_new){
        .tenant_id = c->who.tenant_id,
        .email = slice_cstr(p->email),
        .display_name = name.p ? name : slice_cstr(p->email),
        .role = role,
        .must_change_password = !without,
    };
    if (without) {
        struct audit_actor by = api_actor(c);
        struct user_actor actor = actor_of(c, &by);
        user_create(c->hub->db, &p->user, &actor, on_password_set, p);
    } else {
        hashing_make(c->hub, password, on_hashed, p);
    }
}

void op_users_password_reset(struct api_call *c)
{
    static const char *const known[] = {"password", NULL};
    struct api_faults faults = {0};
    struct password_call *p = password_call_new(c);
    if (!api_id(c, "id", &p->user_id))
        return;
    api_known_members(c, known, &faults);
    struct slice password = member_password(c, p, &faults);
    if (api_faults_none(c, &faults))
        hashing_make(c->hub, password, on_hashed, p);
}

/* --- other edits --- */

static enum user_flag member_flag(struct api_call *c, const char *name, struct api_faults *f)
{
    const struct json *j = member(c, name, JSON_BOOL, "true or false", f);
    return !j ? USER_STAYS : j->boolean ? USER_YES : USER_NO;
}

void op_users_update(struct api_call *c)
{
    static const char *const known[] = {"display_name", "role", "disabled", "locked", NULL};
    struct api_faults faults = {0};
    struct user_edit edit = {.tenant_id = c->who.tenant_id, .version = c->if_match};
    if (!api_id(c, "id", &edit.user_id))
        return;
    api_known_members(c, known, &faults);
    edit.display_name = member_name(c, &faults);
    edit.role = member_role(c, &faults);
    edit.disabled = member_flag(c, "disabled", &faults);
    enum user_flag locked = member_flag(c, "locked", &faults);
    if (locked == USER_YES)
        api_fault(&faults, "/locked", "can be lifted (false), not set; `disabled` keeps a user out");
    edit.unlock = locked == USER_NO;
    if (!api_faults_none(c, &faults))
        return;
    struct audit_actor by = api_actor(c);
    struct user_actor actor = actor_of(c, &by);
    user_update(c->hub->db, &edit, &actor, on_edited, c);
}

static void on_deleted(void *arg, enum user_verdict verdict, struct slice json, const struct err *e)
{
    struct api_call *c = arg;
    if (!allowed(c, verdict, e))
        return;
    forget_sessions(c);
    api_reply_none(c);
}

void op_users_delete(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct audit_actor by = api_actor(c);
    struct user_actor actor = actor_of(c, &by);
    user_delete(c->hub->db, c->who.tenant_id, id, c->if_match, &actor, on_deleted, c);
}

void op_users_totp_reset(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct audit_actor by = api_actor(c);
    struct user_actor actor = actor_of(c, &by);
    user_reset_totp(c->hub->db, c->who.tenant_id, id, &actor, on_edited, c);
}
