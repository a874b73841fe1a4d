/* cmd/api_key.c - `msphub api-key create|list|revoke`: the first key of a tenant is made here, where the database is trusted. */
#include "store/api_key.h"
#include "cmd/oneshot.h"
#include "store/tenant.h"

#include <stdio.h>
#include <string.h>

enum { FLAG_TENANT, FLAG_ROLE, FLAG_NAME, FLAG_EXPIRES };
static const struct command_flag flags[] = {
    [FLAG_TENANT] = {"tenant", "the tenant's slug", false},
    [FLAG_ROLE] = {"role", "viewer, operator, admin or platform (create) [viewer]", false},
    [FLAG_NAME] = {"name", "what it is for (create)", false},
    [FLAG_EXPIRES] = {"expires", "a time such as 2027-01-31T00:00:00Z (create) [never]", false},
    {NULL},
};

static const char *flag(const struct oneshot *o, int which, const char *fallback)
{
    return o->inv->flags[which] ? o->inv->flags[which] : fallback;
}

static void on_created(void *arg, int64_t api_key_id, struct slice text, const struct err *e)
{
    if (!e)
        printf("Key %lld; it is shown this once:\n%.*s\n", (long long)api_key_id, SLICE_FMT(text));
    oneshot_done(arg, e);
}

static void create(struct oneshot *o, int64_t tenant_id)
{
    usec_t expires = USEC_NONE;
    const char *text = flag(o, FLAG_EXPIRES, NULL);
    struct err e = {0};
    if (text && !clock_parse_iso(slice_cstr(text), &expires)) {
        err_set(&e, ERR_INPUT, "--expires %s is no time; write it as 2027-01-31T00:00:00Z", text);
        oneshot_done(o, &e);
        return;
    }
    api_key_create(o->db, tenant_id, slice_cstr(flag(o, FLAG_NAME, "command line")),
                   slice_cstr(flag(o, FLAG_ROLE, "viewer")), expires, on_created, o);
}

static void on_listed(void *arg, const struct page *page, const struct err *e)
{
    if (!e)
        printf("%s\n", page->items.p);
    oneshot_done(arg, e);
}

static void on_revoked(void *arg, const struct err *e)
{
    oneshot_done(arg, e);
}

static void revoke(struct oneshot *o, int64_t tenant_id)
{
    int64_t id = 0;
    struct err e = {0};
    if (slice_i64(slice_cstr(o->inv->args[1]), &id)) {
        api_key_revoke(o->db, tenant_id, id, on_revoked, o);
    } else {
        err_set(&e, ERR_INPUT, "\"%s\" is no key's number; `msphub api-key list --tenant SLUG` shows them",
                o->inv->args[1]);
        oneshot_done(o, &e);
    }
}

static void on_tenant(void *arg, int64_t tenant_id, const struct err *e)
{
    struct oneshot *o = arg;
    if (e)
        oneshot_done(o, e);
    else if (strcmp(o->inv->args[0], "create") == 0)
        create(o, tenant_id);
    else if (strcmp(o->inv->args[0], "revoke") == 0)
        revoke(o, tenant_id);
    else
        api_key_list(o->db, &(struct page_request){.tenant_id = tenant_id, .limit = 500}, on_listed, o);
}

static void start(struct oneshot *o)
{
    tenant_by_slug(o->db, slice_cstr(o->inv->flags[FLAG_TENANT]), on_tenant, o);
}

static int run(struct invocation *inv)
{
    const char *action = inv->nargs ? inv->args[0] : "";
    bool good = (inv->nargs == 1 && (strcmp(action, "create") == 0 || strcmp(action, "list") == 0)) ||
                (inv->nargs == 2 && strcmp(action, "revoke") == 0);
    if (good && inv->flags[FLAG_TENANT])
        return oneshot_run(inv, start);
    fprintf(stderr, "usage: msphub api-key %s\n", inv->command->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_api_key = {"api-key", "create | list | revoke NUMBER, each --tenant SLUG",
                                        "keys for the REST API", flags, run};
