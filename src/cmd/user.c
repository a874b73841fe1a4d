/* cmd/user.c - `msphub user create|list|disable|enable|password|reset-totp|delete`: the first admin of a tenant is made here,
 * where the database is trusted; and a person who is locked out is let in again.
 * Always: a password is read from standard input (--password-stdin) or made and shown once; never an argument, which every user of
 *         the machine could see. */
#include "store/user.h"
#include "base/crypto.h"
#include "base/password.h"
#include "base/utf8.h"
#include "cmd/actor.h"
#include "cmd/oneshot.h"
#include "hub/access.h"
#include "hub/hashing.h"
#include "store/tenant.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLAG_TENANT, FLAG_ROLE, FLAG_NAME, FLAG_STDIN };
static const struct command_flag flags[] = {
    [FLAG_TENANT] = {"tenant", "the tenant's slug", false},
    [FLAG_ROLE] = {"role", "viewer, operator, admin or platform (create) [viewer]", false},
    [FLAG_NAME] = {"name", "what people call the user (create) [the e-mail address]", false},
    [FLAG_STDIN] = {"password-stdin",
                    "read the password from standard input (create, password) [one is made and shown]", true},
    {NULL},
};

struct job {
    struct oneshot *o;
    const struct action *action;
    struct audit_actor by;
    struct user_actor actor;
    int64_t tenant_id, user_id;
    char email[USER_EMAIL_MAX + 1], role[16], name[4 * USER_NAME_MAX + 1];
    char made[PASSWORD_MADE_LEN + 1]; /* "": it was given */
    char hash[PASSWORD_HASH_MAX];     /* "": no password is set by this */
};

struct action {
    const char *name;
    bool names_user, sets_password, is_new;
    void (*start)(struct job *j);
};

static void fail(struct job *j, const char *why)
{
    struct err e = {0};
    err_set(&e, ERR_INPUT, "%s", why);
    oneshot_done(j->o, &e);
}

/* --- actions, the tenant and the user being known --- */

static void on_changed(void *arg, enum user_verdict verdict, struct slice json, const struct err *e)
{
    struct job *j = arg;
    if (e) {
        oneshot_done(j->o, e);
        return;
    }
    if (verdict != USER_DONE) {
        fail(j, user_verdict_text(verdict));
        return;
    }
    if (json.p)
        printf("%.*s\n", SLICE_FMT(json));
    if (*j->made)
        printf("The password is shown this once, and must be changed after sign-in:\n%s\n", j->made);
    oneshot_done(j->o, NULL);
}

static void create(struct job *j)
{
    const struct user_new n = {
        .tenant_id = j->tenant_id,
        .email = slice_cstr(j->email),
        .display_name = slice_cstr(j->name),
        .role = slice_cstr(j->role),
        .password_hash = slice_cstr(j->hash),
        .must_change_password = *j->made,
    };
    user_create(j->o->db, &n, &j->actor, on_changed, j);
}

static void set_password(struct job *j)
{
    user_reset_password(j->o->db, j->tenant_id, j->user_id, slice_cstr(j->hash), *j->made, &j->actor, on_changed, j);
}

static void set_disabled(struct job *j, enum user_flag disabled)
{
    const struct user_edit edit = {
        .tenant_id = j->tenant_id, .user_id = j->user_id, .disabled = disabled, .unlock = disabled == USER_NO};
    user_update(j->o->db, &edit, &j->actor, on_changed, j);
}

static void disable(struct job *j)
{
    set_disabled(j, USER_YES);
}

static void enable(struct job *j)
{
    set_disabled(j, USER_NO);
}

static void delete (struct job *j)
{
    user_delete(j->o->db, j->tenant_id, j->user_id, 0, &j->actor, on_changed, j);
}

static void reset_totp(struct job *j)
{
    user_reset_totp(j->o->db, j->tenant_id, j->user_id, &j->actor, on_changed, j);
}

static void on_listed(void *arg, const struct page *page, const struct err *e)
{
    struct job *j = arg;
    if (!e)
        printf("%s\n", page->items.p);
    oneshot_done(j->o, e);
}

static void list(struct job *j)
{
    user_list(j->o->db, &(struct page_request){.tenant_id = j->tenant_id, .limit = 500}, on_listed, j);
}

static const struct action actions[] = {
    {"create", true, true, true, create},          {"list", false, false, false, list},
    {"disable", true, false, false, disable},      {"enable", true, false, false, enable},
    {"password", true, true, false, set_password}, {"reset-totp", true, false, false, reset_totp},
    {"delete", true, false, false, delete},
};

/* --- finding them --- */

static void on_user(void *arg, int64_t user_id, const struct err *e)
{
    struct job *j = arg;
    j->user_id = user_id;
    if (e)
        oneshot_done(j->o, e);
    else
        j->action->start(j);
}

static void on_tenant(void *arg, int64_t tenant_id, const struct err *e)
{
    struct job *j = arg;
    j->tenant_id = tenant_id;
    if (e)
        oneshot_done(j->o, e);
    else if (j->action->names_user && !j->action->is_new)
        user_by_email(j->o->db, tenant_id, slice_cstr(j->email), on_user, j);
    else
        j->action->start(j);
}

static void start(struct oneshot *o)
{
    struct job *j = o->arg;
    j->o = o;
    tenant_by_slug(o->db, slice_cstr(o->inv->flags[FLAG_TENANT]), on_tenant, j);
}

/* --- what was given --- */

/* One line of standard input, or a password made here; its hash. */
static bool read_password(const struct invocation *inv, struct job *j, struct err *e)
{
    char line[4 * PASSWORD_MAX + 3];
    struct password_cost cost = hashing_cost(&inv->options);
    struct slice password;
    if (inv->flags[FLAG_STDIN]) {
        setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
        if (!fgets(line, sizeof(line), stdin))
            line[0] = '\0';
        password = slice_of(line, strcspn(line, "\r\n"));
    } else {
        password_make(j->made);
        password = slice_cstr(j->made);
    }
    bool good = password_acceptable(password, slice_cstr(j->email), e);
    if (good && !password_hash(password, &cost, j->hash))
        good = err_set(e, ERR_INTERNAL, "there is no memory to hash a password (password_memory)");
    if (inv->flags[FLAG_STDIN])
        crypto_wipe(line, sizeof(line));
    return good;
}

static bool read_role(const struct invocation *inv, struct job *j, struct err *e)
{
    const char *role = inv->flags[FLAG_ROLE] ? inv->flags[FLAG_ROLE] : "viewer";
    if (access_role_read(slice_cstr(role)) == ACCESS_PUBLIC)
        return err_set(e, ERR_INPUT, "--role %s: a role is viewer, operator, admin or platform", role);
    snprintf(j->role, sizeof(j->role), "%s", role);
    return true;
}

static bool read_name(const struct invocation *inv, struct job *j, struct err *e)
{
    struct slice name = slice_cstr(inv->flags[FLAG_NAME] ? inv->flags[FLAG_NAME] : j->email);
    if (!utf8_storable(name) || utf8_length(name) < 1 || utf8_length(name) > USER_NAME_MAX)
        return err_set(e, ERR_INPUT, "--name: 1 to %d characters of UTF-8", USER_NAME_MAX);
    snprintf(j->name, sizeof(j->name), "%.*s", SLICE_FMT(name));
    return true;
}

static bool read_all(const struct invocation *inv, struct job *j, struct err *e)
{
    const struct action *a = j->action;
    return (!a->names_user || user_email_fold(slice_cstr(inv->args[1]), j->email, e)) &&
           (!a->is_new || (read_role(inv, j, e) && read_name(inv, j, e))) &&
           (!a->sets_password || read_password(inv, j, e));
}

static const struct action *action_find(const struct invocation *inv)
{
    for (size_t i = 0; inv->nargs && i < ARRAY_LEN(actions); i++)
        if (strcmp(inv->args[0], actions[i].name) == 0 && inv->nargs == (actions[i].names_user ? 2 : 1))
            return &actions[i];
    return NULL;
}

static int run(struct invocation *inv)
{
    struct job j = {
        .action = action_find(inv),
        .by = cmd_actor(),
    };
    j.actor = (struct user_actor){.by = &j.by, .platform = true};
    if (!j.action || !inv->flags[FLAG_TENANT]) {
        fprintf(stderr, "usage: msphub user %s\n", inv->command->usage);
        return EXIT_BAD_USAGE;
    }
    struct err e = {0};
    int status = EXIT_FAILED;
    if (read_all(inv, &j, &e))
        status = oneshot_run_with(inv, start, NULL, &j);
    else
        fprintf(stderr, "msphub: %s\n", e.what);
    crypto_wipe(&j, sizeof(j));
    return status;
}

const struct command command_user = {
    "user", "create|disable|enable|password|reset-totp|delete EMAIL | list, each --tenant SLUG", "people who sign in",
    flags, run};
