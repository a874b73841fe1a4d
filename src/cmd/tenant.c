/* cmd/tenant.c - `msphub tenant create SLUG [--name NAME]`, `list`, `suspend SLUG`, `resume SLUG`. */
#include "store/tenant.h"
#include "cmd/oneshot.h"

#include <stdio.h>
#include <string.h>

enum { FLAG_NAME };
static const struct command_flag flags[] = {[FLAG_NAME] = {"name", "what people call it (create)", false}, {NULL}};

static void on_created(void *arg, int64_t tenant_id, const struct err *e)
{
    struct oneshot *o = arg;
    if (!e)
        printf("Tenant %s is number %lld.\n", o->inv->args[1], (long long)tenant_id);
    oneshot_done(o, e);
}

static void create(struct oneshot *o)
{
    const char *name = o->inv->flags[FLAG_NAME];
    tenant_create(o->db, slice_cstr(o->inv->args[1]), slice_cstr(name ? name : o->inv->args[1]), on_created, o);
}

static void on_listed(void *arg, const struct page *page, const struct err *e)
{
    if (!e)
        printf("%s\n", page->items.p);
    oneshot_done(arg, e);
}

static void list(struct oneshot *o)
{
    tenant_list(o->db, &(struct page_request){.limit = 500}, on_listed, o);
}

static void on_changed(void *arg, int64_t tenant_id, const struct err *e)
{
    oneshot_done(arg, e);
}

static void on_found(void *arg, int64_t tenant_id, const struct err *e)
{
    struct oneshot *o = arg;
    if (e)
        oneshot_done(o, e);
    else
        tenant_set_suspended(o->db, tenant_id, strcmp(o->inv->args[0], "suspend") == 0, on_changed, o);
}

static void change(struct oneshot *o)
{
    tenant_by_slug(o->db, slice_cstr(o->inv->args[1]), on_found, o);
}

static const struct {
    const char *name;
    size_t nargs;
    void (*start)(struct oneshot *o);
} actions[] = {{"create", 2, create}, {"list", 1, list}, {"suspend", 2, change}, {"resume", 2, change}};

static int run(struct invocation *inv)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (inv->nargs == actions[i].nargs && strcmp(inv->args[0], actions[i].name) == 0)
            return oneshot_run(inv, actions[i].start);
    fprintf(stderr, "usage: msphub tenant %s\n", inv->command->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_tenant = {"tenant", "create SLUG | list | suspend SLUG | resume SLUG", "tenants (MSPs)",
                                       flags, run};
