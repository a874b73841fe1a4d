/* cmd/api_key.c - `msphub api-key create|list|rotate|revoke`: the first key of a tenant is made here, where the database is
 * trusted. */
#include "store/api_key.h"
#include "base/cidr.h"
#include "base/mem.h"
#include "cmd/actor.h"
#include "cmd/oneshot.h"
#include "hub/access.h"
#include "store/tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_TENANT, FLAG_ROLE, FLAG_NAME, FLAG_EXPIRES, FLAG_SCOPES, FLAG_ADDRESSES, FLAG_OVERLAP };
static const struct command_flag flags[] = {
    [FLAG_TENANT] = {"tenant", "the tenant's slug", false},
    [FLAG_ROLE] = {"role", "viewer, operator, admin or platform (create) [viewer]", false},
    [FLAG_NAME] = {"name", "what it is for (create)", false},
    [FLAG_EXPIRES] = {"expires", "a time such as 2027-01-31T00:00:00Z (create) [never]", false},
    [FLAG_SCOPES] = {"scopes", "such as assets:read,alerts:read (create) [all that the role may]", false},
    [FLAG_ADDRESSES] = {"addresses", "such as 192.0.2.0/24,2001:db8::1 (create) [from anywhere]", false},
    [FLAG_OVERLAP] = {"overlap", "seconds that the former secret stays valid (rotate) [api_key_overlap]", false},
    {NULL},
};

static const char *flag(const struct oneshot *o, int which, const char *fallback)
{
    return o->inv->flags[which] ? o->inv->flags[which] : fallback;
}

static void on_made(void *arg, const struct api_key_made *made, const struct err *e)
{
    if (!e)
        printf("Key %lld; it is shown this once:\n%.*s\n", (long long)made->id, SLICE_FMT(made->text));
    oneshot_done(arg, e);
}

static bool read_scopes(const struct oneshot *o, struct api_key_settings *ret, struct err *e)
{
    struct slice rest = slice_cstr(flag(o, FLAG_SCOPES, NULL));
    ret->scopes = rest;
    while (rest.n) {
        struct slice name = slice_cut(&rest, ',');
        if (!access_scope_bit(name))
            return err_set(e, ERR_INPUT,
                           "--scopes: \"%.*s\" is no scope; they are named like assets:read, with commas between",
                           SLICE_FMT(name));
    }
    if (ret->scopes.p && !ret->scopes.n)
        return err_set(e, ERR_INPUT, "--scopes is empty; leave it out for all that the role may");
    return true;
}

static bool read_settings(const struct oneshot *o, struct api_key_settings *ret, struct str *addresses, struct err *e)
{
    const char *expires = flag(o, FLAG_EXPIRES, NULL);
    *ret = (struct api_key_settings){.name = slice_cstr(flag(o, FLAG_NAME, "command line")),
                                     .role = slice_cstr(flag(o, FLAG_ROLE, "viewer")),
                                     .expires_at = USEC_NONE};
    if (expires && !clock_parse_iso(slice_cstr(expires), &ret->expires_at))
        return err_set(e, ERR_INPUT, "--expires %s is no time; write it as 2027-01-31T00:00:00Z", expires);
    struct cidr_list from;
    if (!read_scopes(o, ret, e) ||
        !(cidr_list_parse(slice_cstr(flag(o, FLAG_ADDRESSES, "")), API_KEY_NETWORKS_MAX, &from, e) ||
          err_wrap(e, "--addresses")))
        return false;
    char text[CIDR_TEXT_MAX];
    for (size_t i = 0; i < from.n; i++)
        str_addf(addresses, "%s%s", i ? "," : "", cidr_text(&from.v[i], text));
    cidr_list_release(&from);
    if (addresses->n)
        ret->addresses = str_slice(addresses);
    return true;
}

static void create(struct oneshot *o, int64_t tenant_id)
{
    struct api_key_settings settings;
    _cleanup_(str_release) struct str addresses = {0};
    struct err e = {0};
    struct audit_actor by = cmd_actor();
    if (read_settings(o, &settings, &addresses, &e))
        api_key_create(o->db, &by, tenant_id, &settings, on_made, o);
    else
        oneshot_done(o, &e);
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

/* The key's number behind the action; false: it has ended. */
static bool read_id(struct oneshot *o, int64_t *ret)
{
    struct err e = {0};
    if (slice_i64(slice_cstr(o->inv->args[1]), ret))
        return true;
    err_set(&e, ERR_INPUT, "\"%s\" is no key's number; `msphub api-key list --tenant SLUG` shows them",
            o->inv->args[1]);
    oneshot_done(o, &e);
    return false;
}

static void end_key(struct oneshot *o, int64_t tenant_id)
{
    int64_t id;
    struct audit_actor by = cmd_actor();
    if (read_id(o, &id))
        api_key_revoke(o->db, &by, tenant_id, id, on_revoked, o);
}

struct rotation {
    struct oneshot *o;
    int64_t tenant_id, id, overlap;
};

static void on_to_rotate(void *arg, const struct api_key *key, const struct err *e)
{
    struct rotation r = *(struct rotation *)arg;
    free(arg);
    struct audit_actor by = cmd_actor();
    if (e)
        oneshot_done(r.o, e);
    else
        api_key_rotate(r.o->db, &by, r.tenant_id, r.id, key->version, key->prefix, SECONDS(r.overlap), on_made, r.o);
}

static void rotate(struct oneshot *o, int64_t tenant_id)
{
    struct rotation r = {.o = o, .tenant_id = tenant_id, .overlap = o->inv->options.api_key_overlap / USEC_PER_S};
    const char *overlap = flag(o, FLAG_OVERLAP, NULL);
    struct err e = {0};
    if (overlap &&
        (!slice_i64(slice_cstr(overlap), &r.overlap) || r.overlap < 0 || r.overlap > API_KEY_OVERLAP_MAX_S)) {
        err_set(&e, ERR_INPUT, "--overlap %s: seconds, 0 to %d", overlap, API_KEY_OVERLAP_MAX_S);
        oneshot_done(o, &e);
    } else if (read_id(o, &r.id)) {
        struct rotation *kept = NEW(struct rotation);
        *kept = r;
        api_key_get(o->db, tenant_id, r.id, on_to_rotate, kept);
    }
}

static void list(struct oneshot *o, int64_t tenant_id)
{
    api_key_list(o->db, &(struct page_request){.tenant_id = tenant_id, .limit = 500}, on_listed, o);
}

static const struct {
    const char *name;
    size_t nargs;
    void (*start)(struct oneshot *o, int64_t tenant_id);
} actions[] = {{"create", 1, create}, {"list", 1, list}, {"rotate", 2, rotate}, {"revoke", 2, end_key}};

static void on_tenant(void *arg, int64_t tenant_id, const struct err *e)
{
    struct oneshot *o = arg;
    if (e) {
        oneshot_done(o, e);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(o->inv->args[0], actions[i].name) == 0)
            actions[i].start(o, tenant_id);
}

static void start(struct oneshot *o)
{
    tenant_by_slug(o->db, slice_cstr(o->inv->flags[FLAG_TENANT]), on_tenant, o);
}

static int run(struct invocation *inv)
{
    bool good = false;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        good |= inv->nargs == actions[i].nargs && strcmp(inv->args[0], actions[i].name) == 0;
    if (good && inv->flags[FLAG_TENANT])
        return oneshot_run(inv, start);
    fprintf(stderr, "usage: msphub api-key %s\n", inv->command->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_api_key = {"api-key", "create | list | rotate NUMBER | revoke NUMBER, each --tenant SLUG",
                                        "keys for the REST API", flags, run};
