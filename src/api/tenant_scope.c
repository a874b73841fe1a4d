/* api/tenant_scope.c - the stage that finds out whose data a request is about.
 * How:    it is the credential's own tenant; the role platform may name another one by its slug in the header Msphub-Tenant. Both are
 *         looked up in the hub's cache, in the common case without a query.
 * Always: a suspended tenant's credentials are refused (403 tenant_suspended), whatever they ask; the platform still reads there. The
 *         role platform is worth admin when the credential's tenant is not the platform's. */
#include "api/api.h"
#include "hub/tenants.h"

#define HEADER "Msphub-Tenant"

static void suspended(struct api_call *c, const struct tenant_row *t)
{
    if (t->status == TENANT_DELETING)
        api_problem(c, 403, "tenant_suspended", "The tenant %s is being deleted.", t->slug);
    else
        api_problem(
            c, 403, "tenant_suspended",
            "The tenant %s is suspended: nothing is processed and nothing changed until the platform's operator "
            "resumes it. Webhooks are kept meanwhile.",
            t->slug);
}

/* --- the tenant that the header names --- */

static void unknown(struct api_call *c)
{
    api_problem(c, 403, "unknown_tenant",
                "There is no tenant of the slug in " HEADER "; GET /api/v1/tenants lists them.");
}

static void enter(struct api_call *c, const struct tenant_row *t)
{
    enum http_method method = http_request_method(c->req);
    bool reads = method == HTTP_GET || method == HTTP_HEAD;
    if (t->status == TENANT_DELETING || (t->status == TENANT_SUSPENDED && !reads)) {
        suspended(c, t);
        return;
    }
    c->who.tenant_id = t->tenant_id;
    api_next(c);
}

static void on_other(void *arg, const struct tenant_row *t, const struct err *e)
{
    struct api_call *c = arg;
    if (e && e->code == ERR_NOT_FOUND)
        unknown(c);
    else if (e)
        api_problem_err(c, e);
    else
        enter(c, t);
}

/* What the header says is not told from what there is: whoever may not enter gets the same answer for every slug. */
static void choose(struct api_call *c, const struct tenant_row *home)
{
    struct slice slug = slice_trim(http_request_header(c->req, HEADER));
    struct tenant_row t;
    if (!slug.p || slice_is(slug, home->slug))
        api_next(c);
    else if (c->who.role < ACCESS_PLATFORM)
        api_problem(c, 403, "forbidden", "Only the platform's operator may work in another tenant (" HEADER ").");
    else if (!tenant_slug_good(slug))
        unknown(c);
    else if (tenants_cached(c->hub->tenants, 0, slug, &t))
        enter(c, &t);
    else
        tenants_find(c->hub->tenants, 0, slug, on_other, c);
}

/* --- the credential's own --- */

static void at_home(struct api_call *c, const struct tenant_row *home)
{
    if (home->status != TENANT_ACTIVE) {
        suspended(c, home);
        return;
    }
    if (c->who.role == ACCESS_PLATFORM && !home->platform)
        c->who.role = ACCESS_ADMIN;
    choose(c, home);
}

static void on_home(void *arg, const struct tenant_row *t, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        at_home(c, t);
}

void api_tenant_scope(struct api_call *c)
{
    struct tenant_row home;
    if (c->op->role == ACCESS_PUBLIC)
        api_next(c);
    else if (tenants_cached(c->hub->tenants, c->who.home_id, SLICE_NONE, &home))
        at_home(c, &home);
    else
        tenants_find(c->hub->tenants, c->who.home_id, SLICE_NONE, on_home, c);
}
