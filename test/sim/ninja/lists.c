/* ninja/lists.c - organizations, locations and devices: lists paged by `after`, and single objects.
 * Always: ids ascend; a page holds what follows `after`; there is no cursor, no total and no Link header. */
#include "base/json_read.h"
#include "ninja.h"
#include <stdlib.h>

#define LIST_MAX_PAGE 1000

/* pageSize and after. Faults of the data: stuck_cursor forgets `after`, repeat_page goes one page back. */
static bool page_of(struct ninja *n, struct ask *a, struct answer *r, int64_t *ret_size, int64_t *ret_after)
{
    *ret_size = LIST_MAX_PAGE;
    *ret_after = 0;
    if (!ninja_arg_i64(n, a, r, "pageSize", 1, LIST_MAX_PAGE, ret_size) ||
        !ninja_arg_i64(n, a, r, "after", 0, INT32_MAX, ret_after))
        return false;
    if (a->fault == FAULT_STUCK_CURSOR)
        *ret_after = 0;
    if (a->fault == FAULT_REPEAT_PAGE)
        *ret_after = MAX(*ret_after - *ret_size, 0);
    return true;
}

/* Is row `i` of the page left out? */
static bool omitted(const struct ask *a, int64_t i)
{
    return a->fault == FAULT_OMIT_ROWS && i % 10 == 3;
}

static void shuffle(const struct ask *a, struct ninja_core *v, size_t n)
{
    if (a->fault != FAULT_SHUFFLE)
        return;
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(n, i, 77, (unsigned)i);
        struct ninja_core t = v[k];
        v[k] = v[i - 1];
        v[i - 1] = t;
    }
}

static void write_devices(struct ninja *n, struct ask *a, struct answer *r, const struct ninja_filter *filter,
                          int64_t org, unsigned flags)
{
    int64_t size, after;
    if (!page_of(n, a, r, &size, &after))
        return;
    struct ninja_core *page = mem_realloc_array(NULL, (size_t)size, sizeof(*page));
    size_t rows = 0;
    int64_t seen = 0;
    for (int64_t id = MAX(after + 1, NINJA_FIRST_ID); id < n->fleet->next_device && seen < size; id++) {
        struct ninja_core *c = &page[rows];
        if (!ninja_core(n->fleet, id, c) || (filter && !ninja_filter_match(filter, c)) || (org && c->org != org))
            continue;
        rows += !omitted(a, seen++);
    }
    shuffle(a, page, rows);
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (size_t i = 0; i < rows; i++)
        nw_device(&w, n->fleet, &page[i], flags);
    jw_end(&w);
    free(page);
}

void ninja_devices(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_filter *filter = ninja_df(n, a, r);
    if (filter)
        write_devices(n, a, r, filter, 0, slice_ends(a->path, SLICE("-detailed")) ? NW_DETAILED : 0);
}

static const struct ninja_org *path_org(struct ninja *n, struct ask *a, struct answer *r)
{
    int64_t id = 0;
    const struct ninja_org *o = slice_i64(a->params[0], &id) ? ninja_org(n->fleet, id) : NULL;
    if (!o)
        ninja_refuse(n, r, 404, id ? "NOT_FOUND" : "FAILURE", "Organization %.*s not found", SLICE_FMT(a->params[0]));
    return o;
}

void ninja_organization_devices(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    const struct ninja_org *o = path_org(n, a, r);
    if (o)
        write_devices(n, a, r, NULL, o->id, 0);
}

void ninja_organizations(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    int64_t size, after, rows = 0;
    bool detailed = slice_ends(a->path, SLICE("-detailed"));
    if (!page_of(n, a, r, &size, &after))
        return;
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (size_t i = 0; i < n->fleet->norgs && rows < size; i++) {
        const struct ninja_org *o = &n->fleet->orgs[i];
        if (o->id > after && !omitted(a, rows++))
            nw_org(&w, o, detailed, n->fleet);
    }
    jw_end(&w);
}

void ninja_organization(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    const struct ninja_org *o = path_org(n, a, r);
    if (!o)
        return;
    struct jw w = ninja_json(r);
    nw_org(&w, o, true, n->fleet);
}

void ninja_organization_locations(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    const struct ninja_org *o = path_org(n, a, r);
    if (!o)
        return;
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (size_t k = 0; k < o->nlocations; k++)
        nw_location(&w, &n->fleet->locations[o->first_location + k], false);
    jw_end(&w);
}

void ninja_locations(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    int64_t size, after, rows = 0;
    if (!page_of(n, a, r, &size, &after))
        return;
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (size_t i = 0; i < n->fleet->nlocations && rows < size; i++) {
        const struct ninja_location *l = &n->fleet->locations[i];
        if (l->id > after && !omitted(a, rows++))
            nw_location(&w, l, true);
    }
    jw_end(&w);
}

/* --- one device --- */

void ninja_device_one(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    struct jw w = ninja_json(r);
    nw_device(&w, n->fleet, &core, NW_DETAILED);
}

static bool body_org(struct ninja *n, const struct json *body, struct ninja_change *c)
{
    int64_t org = 0, location = 0;
    bool has_org = json_get_i64(body, "organizationId", &org),
         has_location = json_get_i64(body, "locationId", &location);
    if (!has_org && !has_location)
        return true;
    struct ninja_core core;
    ninja_core(n->fleet, c->id, &core);
    const struct ninja_org *o = ninja_org(n->fleet, has_org ? org : core.org);
    if (!o)
        return false;
    const struct ninja_location *l =
        has_location ? ninja_location(n->fleet, location) : &n->fleet->locations[o->first_location];
    if (!l || l->org != o->id)
        return false;
    c->org = o->id;
    c->location = l->id;
    return true;
}

void ninja_device_edit(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"displayName",    "userData",   "nodeRoleId", "policyId",
                                        "organizationId", "locationId", "warranty",   NULL};
    struct ninja *n = self;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    const struct json *body = ninja_body(n, a, r, known);
    if (!body)
        return;
    struct ninja_change *c = ninja_change(n->fleet, core.id);
    if (!body_org(n, body, c)) {
        ninja_refuse(n, r, 400, "FAILURE", "organizationId and locationId do not fit");
        return;
    }
    struct slice name = json_get_text(body, "displayName");
    if (name.p) {
        free(c->display_name);
        c->display_name = mem_strndup(name.p, name.n);
    }
    c->touched = a->wall;
    ninja_emit_device(n, core.id, "SYSTEM", "NODE_UPDATED", "updated");
    ninja_no_content(r);
}

void ninja_device_user(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    struct ninja_device d;
    if (!ninja_path_device(n, a, r, &core))
        return;
    ninja_device(n->fleet, &core, &d);
    struct jw w = ninja_json(r);
    jw_object(&w);
    if (core.class->kind == NK_AGENT) {
        jw_key_str(&w, "userName", d.user);
        nw_time(&w, "logonTime", d.boot + SECONDS(300), 0);
    }
    jw_end(&w);
}

void ninja_device_facet(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    struct ninja_device d;
    const struct ninja_report *report = ninja_report(a->params[1]);
    struct slice include;
    if (!report || slice_is(a->params[1], "device-health") || slice_is(a->params[1], "logged-on-users") ||
        slice_is(a->params[1], "operating-systems") || slice_is(a->params[1], "computer-systems") ||
        slice_is(a->params[1], "antivirus-status") || slice_is(a->params[1], "custom-fields-detailed")) {
        ninja_refuse(n, r, 404, "FAILURE", "HTTP 404 Not Found");
        return;
    }
    if (!ninja_path_device(n, a, r, &core))
        return;
    usec_t installed_after = USEC_NONE;
    if (report->installed && !ninja_arg_installed_after(n, a, r, &installed_after))
        return;
    ninja_device(n->fleet, &core, &d);
    unsigned flags = ask_arg(a, "include", &include) && slice_is(include, "bl") ? NW_BITLOCKER : 0;
    struct jw w = ninja_json(r);
    jw_array(&w);
    for (unsigned k = 0, rows = report->rows(n->fleet, &core); k < rows; k++) {
        if (report->installed && report->installed(&d, k) < installed_after)
            continue;
        jw_object(&w);
        report->write(&w, n->fleet, &d, k, flags);
        jw_end(&w);
    }
    jw_end(&w);
}

void ninja_device_dashboard(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    struct slice redirect, host = ask_header(a, "Host");
    if (!ninja_path_device(n, a, r, &core))
        return;
    const char *url =
        arena_printf(a->arena, "https://%.*s/#/deviceDashboard/%lld/overview", SLICE_FMT(host), (long long)core.id);
    if (ask_arg(a, "redirect", &redirect) && slice_is(redirect, "true")) {
        answer_begin(r, 302, NULL);
        answer_header(r, "Location", "%s", url);
        return;
    }
    struct jw w = ninja_json(r);
    jw_object(&w);
    jw_key_str(&w, "url", url);
    jw_end(&w);
}

/* At or above 1e11 it is milliseconds, below seconds, a string is ISO 8601. */
static bool json_time(const struct json *o, const char *key, usec_t *ret)
{
    const struct json *v = json_get(o, key);
    if (!v)
        return false;
    if (v->type == JSON_NUMBER)
        return clock_parse_epoch(v->text, ret);
    return v->type == JSON_STRING && clock_parse_iso(v->text, ret);
}

void ninja_device_maintenance(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"disabledFeatures", "start", "end", "reasonMessage", NULL};
    struct ninja *n = self;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    struct ninja_maintenance m = {.set = false};
    if (a->method == HTTP_PUT) {
        const struct json *body = ninja_body(n, a, r, known);
        if (!body)
            return;
        const struct json *features = json_get(body, "disabledFeatures");
        m = (struct ninja_maintenance){.set = true, .start = a->wall};
        json_time(body, "start", &m.start);
        if (!features || features->type != JSON_ARRAY || !json_time(body, "end", &m.end) || m.end <= m.start) {
            ninja_refuse(n, r, 400, "FAILURE", "disabledFeatures and an end after the start are required");
            return;
        }
    }
    ninja_change(n->fleet, core.id)->maintenance = m;
    ninja_emit_device(n, core.id, "SYSTEM", m.set ? "MAINTENANCE_MODE_CONFIGURED" : "MAINTENANCE_MODE_DELETED",
                      "maintenance changed");
    ninja_no_content(r);
}
