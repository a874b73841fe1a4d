/* ninja/control.c - the control API for NinjaOne: changes to the tenant while it is being read. */
#include "../control.h"
#include "ninja.h"
#include <stdlib.h>

static bool path_device(struct ninja *n, struct ask *a, struct answer *r, struct ninja_core *ret)
{
    int64_t id;
    if (slice_i64(a->params[0], &id) && ninja_core(n->fleet, id, ret))
        return true;
    control_refuse(r, 404, "no device %.*s", SLICE_FMT(a->params[0]));
    return false;
}

/* Puts what the object names into the change; false: it has answered. */
static bool apply(struct ninja *n, struct ask *a, struct answer *r, const struct json *o, struct ninja_change *c)
{
    int64_t org = 0, location = 0;
    control_take_text(o, "systemName", &c->system_name);
    control_take_text(o, "displayName", &c->display_name);
    control_take_text(o, "serialNumber", &c->serial);
    control_take_text(o, "lastLoggedInUser", &c->user);
    control_take_text(o, "ipAddress", &c->ip);
    json_get_i64(o, "memoryCapacity", &c->memory);
    if (json_get(o, "offline"))
        c->offline = json_get_bool(o, "offline", false);
    struct slice approval = json_get_text(o, "approvalStatus"), class = json_get_text(o, "nodeClass");
    if (approval.p)
        c->approval = slice_is(approval, "PENDING") ? "PENDING" : "APPROVED";
    if (class.p && !(c->class = ninja_class_named(class))) {
        control_refuse(r, 400, "no node class %.*s", SLICE_FMT(class));
        return false;
    }
    if (json_get_i64(o, "organizationId", &org)) {
        const struct ninja_org *to = ninja_org(n->fleet, org);
        if (!to) {
            control_refuse(r, 400, "no organization %lld", (long long)org);
            return false;
        }
        c->org = org;
        c->location = json_get_i64(o, "locationId", &location) ? location : n->fleet->locations[to->first_location].id;
    }
    c->touched = a->wall;
    return true;
}

static void add_facet(struct ninja *n, struct ask *a, const struct json *o, const char *key, enum ninja_extra_kind kind,
                      int64_t id)
{
    static const char *const codes[] = {[NX_VOLUME] = "DISK_VOLUME_ADDED",
                                        [NX_SOFTWARE] = "SOFTWARE_ADDED",
                                        [NX_PATCH] = "PATCH_MANAGEMENT_SCAN_COMPLETED"};
    const struct json *x = json_get(o, key);
    int64_t size = 0;
    if (!x)
        return;
    struct slice name = json_get_text(x, "name"), version = json_get_text(x, kind == NX_PATCH ? "kbNumber" : "version");
    json_get_i64(x, kind == NX_VOLUME ? "capacity" : "size", &size);
    if (!name.p)
        name = SLICE("unnamed");
    ninja_add_extra(n->fleet, id, kind, name, version, size, a->wall);
    ninja_emit_device(n, id, kind == NX_PATCH ? "PATCH_MANAGEMENT" : "MONITOR", codes[kind],
                      arena_strndup(a->arena, name.p, name.n));
}

#define DEVICE_KEYS                                                                                                    \
    "systemName", "displayName", "serialNumber", "lastLoggedInUser", "ipAddress", "memoryCapacity", "offline",         \
        "approvalStatus", "nodeClass", "organizationId", "locationId"

static void devices_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"count", DEVICE_KEYS, NULL};
    struct ninja *n = self;
    int64_t count = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "count", &count);
    if (count < 1 || count > 1000000) {
        control_refuse(r, 400, "count is 1 to 1000000");
        return;
    }
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key(&w, "ids");
    jw_array(&w);
    for (int64_t i = 0; i < count; i++) {
        int64_t id = ninja_add_device(n->fleet);
        struct ninja_change *c = ninja_change(n->fleet, id);
        c->created = a->wall;
        if (!apply(n, a, r, o, c)) /* it has replaced the answer */
            return;
        ninja_emit_device(n, id, "SYSTEM", "NODE_CREATED", "created");
        jw_i64(&w, id);
    }
    jw_end(&w);
    jw_end(&w);
}

static void device_get(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    if (!path_device(n, a, r, &core))
        return;
    struct jw w = control_json(r, 200);
    nw_device(&w, n->fleet, &core, NW_DETAILED);
}

static void device_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {DEVICE_KEYS, "addVolume", "addSoftware", "addPatch", "removeSoftware", NULL};
    struct ninja *n = self;
    struct ninja_core core;
    if (!path_device(n, a, r, &core))
        return;
    const struct json *o = control_body(a, r, known);
    if (!o || !apply(n, a, r, o, ninja_change(n->fleet, core.id)))
        return;
    add_facet(n, a, o, "addVolume", NX_VOLUME, core.id);
    add_facet(n, a, o, "addSoftware", NX_SOFTWARE, core.id);
    add_facet(n, a, o, "addPatch", NX_PATCH, core.id);
    struct slice removed = json_get_text(o, "removeSoftware");
    if (removed.p && ninja_drop_extra(n->fleet, core.id, NX_SOFTWARE, removed))
        ninja_emit_device(n, core.id, "MONITOR", "SOFTWARE_REMOVED", arena_strndup(a->arena, removed.p, removed.n));
    if (!json_get(o, "addVolume") && !json_get(o, "addSoftware") && !json_get(o, "addPatch") && !removed.p)
        ninja_emit_device(n, core.id, "SYSTEM", "NODE_UPDATED", "updated");
    control_done(r);
}

static void device_delete(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct ninja_core core;
    if (!path_device(n, a, r, &core))
        return;
    ninja_emit_device(n, core.id, "SYSTEM", "NODE_DELETED", "deleted");
    ninja_change(n->fleet, core.id)->deleted = true;
    n->fleet->ndeleted++;
    struct ninja_alert *x, *next;
    HASH_ITER(hh, n->fleet->alerts, x, next)
    {
        if (x->device == core.id)
            ninja_close(n->fleet, x);
    }
    control_done(r);
}

/* The alert named by uid, or the newest of the device. */
static struct ninja_alert *named_alert(struct ninja *n, const struct json *o, int64_t device)
{
    struct slice uid = json_get_text(o, "uid");
    if (uid.p)
        return ninja_alert(n->fleet, uid);
    struct ninja_alert *x, *next, *found = NULL;
    HASH_ITER(hh, n->fleet->alerts, x, next)
    {
        if (x->device == device)
            found = x;
    }
    return found;
}

static struct ninja_alert *raise_alert(struct ninja *n, struct ask *a, const struct json *o, int64_t device)
{
    unsigned source = 0;
    struct slice type = json_get_text(o, "sourceType"), subject = json_get_text(o, "subject");
    for (unsigned k = 0; k < ninja_nconditions; k++) {
        if (slice_is(type, ninja_conditions[k].source_type))
            source = k;
    }
    struct ninja_alert *x = ninja_raise(n->fleet, device, source, a->wall);
    control_take_text(o, "message", &x->message);
    struct slice severity = json_get_text(o, "severity"), priority = json_get_text(o, "priority");
    static const char *const severities[] = {"NONE", "MINOR", "MODERATE", "MAJOR", "CRITICAL"};
    static const char *const priorities[] = {"NONE", "LOW", "MEDIUM", "HIGH"};
    for (size_t k = 0; k < ARRAY_LEN(severities); k++)
        x->severity = slice_is(severity, severities[k]) ? severities[k] : x->severity;
    for (size_t k = 0; k < ARRAY_LEN(priorities); k++)
        x->priority = slice_is(priority, priorities[k]) ? priorities[k] : x->priority;
    if (subject.p)
        snprintf(x->subject, sizeof(x->subject), "%.*s", SLICE_FMT(subject));
    return x;
}

static void alerts_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"action",  "deviceId", "uid",      "sourceType", "subject",
                                        "message", "severity", "priority", NULL};
    struct ninja *n = self;
    struct ninja_core core;
    int64_t device = 0, activity;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice action = json_get_text(o, "action");
    json_get_i64(o, "deviceId", &device);
    struct ninja_alert *x;
    if (!action.p || slice_is(action, "trigger"))
        x = ninja_core(n->fleet, device, &core) ? raise_alert(n, a, o, device) : NULL;
    else
        x = named_alert(n, o, device);
    if (!x) {
        control_refuse(r, 404, "no such device or alert");
        return;
    }
    char uid[UUID_MAX];
    memcpy(uid, x->uid, sizeof(uid));
    if (slice_is(action, "acknowledge")) {
        x->acknowledged = true;
        x->updated = a->wall;
        activity = ninja_emit_alert(n, x, "ACKNOWLEDGED");
    } else if (slice_is(action, "reset")) {
        activity = ninja_emit_alert(n, x, "RESET");
        ninja_close(n->fleet, x);
    } else {
        activity = ninja_emit_alert(n, x, "TRIGGERED");
    }
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "uid", uid);
    jw_key_i64(&w, "activityId", activity);
    jw_end(&w);
}

static void organizations_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "locations", NULL};
    struct ninja *n = self;
    int64_t locations = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice name = json_get_text(o, "name");
    json_get_i64(o, "locations", &locations);
    if (!name.n || locations < 1 || locations > 100) {
        control_refuse(r, 400, "a name and 1 to 100 locations");
        return;
    }
    int64_t id = ninja_add_org(n->fleet, name, "", (unsigned)locations);
    ninja_emit_org(n, id, "CLIENT_CREATED", "Organization created");
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key_i64(&w, "id", id);
    jw_end(&w);
}

static void organization_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", NULL};
    struct ninja *n = self;
    int64_t id = 0;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (!slice_i64(a->params[0], &id) || !ninja_org(n->fleet, id)) {
        control_refuse(r, 404, "no organization %.*s", SLICE_FMT(a->params[0]));
        return;
    }
    control_take_text(o, "name", &n->fleet->orgs[id - n->fleet->orgs[0].id].name);
    ninja_emit_org(n, id, "CLIENT_UPDATED", "Organization updated");
    control_done(r);
}

static void codes_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"code", "redirect_uri", "scope", NULL};
    bool ok = true;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice scope = json_get_text(o, "scope");
    unsigned bits = scope.p ? ninja_scopes(scope, &ok) : SCOPE_MONITORING | SCOPE_MANAGEMENT | SCOPE_OFFLINE;
    const char *code =
        ninja_add_code(self, json_get_text(o, "code"), json_get_text(o, "redirect_uri"), SLICE_NONE, bits);
    struct jw w = control_json(r, ok ? 201 : 400);
    jw_object(&w);
    jw_key_str(&w, "code", code);
    jw_end(&w);
}

static void tokens_expire(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    static const char *const known[] = {"refresh", NULL};
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    ninja_expire_tokens(n);
    for (size_t k = 0; json_get_bool(o, "refresh", false) && k < NINJA_MAX_TOKENS; k++)
        n->refresh[k].value[0] = '\0';
    control_done(r);
}

static void settings_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"token_life",     "webhook_needs_admin", "new_cursor_names",
                                        "software_items", "script_reply",        NULL};
    struct ninja *n = self;
    int64_t seconds, items, reply;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (json_get_i64(o, "token_life", &seconds))
        n->token_life = SECONDS(seconds);
    if (json_get_i64(o, "software_items", &items))
        n->fleet->software_items = (unsigned)MIN(MAX(items, 0), 5000);
    if (json_get_i64(o, "script_reply", &reply))
        n->script_reply = (enum ninja_script_reply)MIN(MAX(reply, 0), SCRIPT_OBJECT);
    n->hook_needs_admin = json_get_bool(o, "webhook_needs_admin", n->hook_needs_admin);
    n->new_cursor_names = json_get_bool(o, "new_cursor_names", n->new_cursor_names);
    control_done(r);
}

/* What a test compares with: how many of each there are, as the default filter shows them. */
static void summary_get(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    const char *why;
    const struct ninja_filter *filter = ninja_filter_parse(a->arena, SLICE_NONE, &why);
    int64_t approved = 0, *rows = arena_alloc(a->arena, ninja_nreports * sizeof(*rows));
    struct ninja_core core;
    for (int64_t id = NINJA_FIRST_ID; id < n->fleet->next_device; id++) {
        if (!ninja_core(n->fleet, id, &core) || !ninja_filter_match(filter, &core))
            continue;
        approved++;
        for (size_t k = 0; k < ninja_nreports; k++)
            rows[k] += ninja_reports[k].rows(n->fleet, &core);
    }
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "devices", ninja_count(n->fleet));
    jw_key_i64(&w, "approved", approved);
    jw_key_i64(&w, "organizations", (int64_t)n->fleet->norgs);
    jw_key_i64(&w, "locations", (int64_t)n->fleet->nlocations);
    jw_key_i64(&w, "alerts", HASH_COUNT(n->fleet->alerts));
    jw_key_i64(&w, "activities", (int64_t)n->fleet->feed_n);
    jw_key(&w, "rows");
    jw_object(&w);
    for (size_t k = 0; k < ninja_nreports; k++)
        jw_key_i64(&w, ninja_reports[k].name, rows[k]);
    jw_end(&w);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/control/ninja/summary", summary_get},
    {HTTP_POST, "/control/ninja/devices", devices_post},
    {HTTP_GET, "/control/ninja/devices/{}", device_get},
    {HTTP_PATCH, "/control/ninja/devices/{}", device_patch},
    {HTTP_DELETE, "/control/ninja/devices/{}", device_delete},
    {HTTP_POST, "/control/ninja/alerts", alerts_post},
    {HTTP_POST, "/control/ninja/organizations", organizations_post},
    {HTTP_PATCH, "/control/ninja/organizations/{}", organization_patch},
    {HTTP_POST, "/control/ninja/codes", codes_post},
    {HTTP_POST, "/control/ninja/tokens/expire", tokens_expire},
    {HTTP_PATCH, "/control/ninja/settings", settings_patch},
};
const struct routes ninja_controls = {routes, ARRAY_LEN(routes)};
