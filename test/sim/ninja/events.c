/* ninja/events.c - alerts, the activity feed, and the webhook.
 * Always: whatever changes the tenant ends in ninja_emit: one activity in the feed, and one webhook if the configuration of
 *         PUT /v2/webhook wants it. Headers are sent as configured; nothing signs the body. */
#include "../hooks.h"
#include "base/json_read.h"
#include "ninja.h"
#include <stdlib.h>

static const struct {
    const char *type, *label;
} types[] = {
    {"ACTIONSET", "Action Set"},
    {"ACTION", "Action"},
    {"CONDITION", "Condition"},
    {"CONDITION_ACTIONSET", "Condition Action Set"},
    {"CONDITION_ACTION", "Condition Action"},
    {"ANTIVIRUS", "Antivirus"},
    {"PATCH_MANAGEMENT", "Patch Management"},
    {"TEAMVIEWER", "TeamViewer"},
    {"MONITOR", "Monitor"},
    {"SYSTEM", "System"},
    {"COMMENT", "Comment"},
    {"SHADOWPROTECT", "ShadowProtect"},
    {"IMAGEMANAGER", "ImageManager"},
    {"HELP_REQUEST", "Help Request"},
    {"SOFTWARE_PATCH_MANAGEMENT", "Software Patch Management"},
    {"SPLASHTOP", "Splashtop"},
    {"CLOUDBERRY", "Cloudberry"},
    {"CLOUDBERRY_BACKUP", "Cloudberry Backup"},
    {"SCHEDULED_TASK", "Scheduled Task"},
    {"RDP", "RDP"},
    {"SCRIPTING", "Scripting"},
    {"SECURITY", "Security"},
    {"REMOTE_TOOLS", "Remote Tools"},
    {"VIRTUALIZATION", "Virtualization"},
    {"PSA", "PSA"},
    {"MDM", "MDM"},
    {"NINJA_REMOTE", "Ninja Remote"},
    {"NINJA_QUICK_CONNECT", "Ninja Quick Connect"},
    {"NINJA_NETWORK_DISCOVERY", "Ninja Network Discovery"},
    {"NINJA_BACKUP", "Ninja Backup"},
    {"NINJA_TICKETING", "Ninja Ticketing"},
    {"KNOWLEDGE_BASE", "Knowledge Base"},
    {"RELATED_ITEM", "Related Item"},
    {"CLIENT_CHECKLIST", "Client Checklist"},
    {"CHECKLIST_TEMPLATE", "Checklist Template"},
    {"DOCUMENTATION", "Documentation"},
    {"MICROSOFT_INTUNE", "Microsoft Intune"},
    {"DYNAMIC_POLICY", "Dynamic Policy"},
};

static int type_row(struct slice name)
{
    for (size_t k = 0; k < ARRAY_LEN(types); k++) {
        if (slice_is(name, types[k].type))
            return (int)k;
    }
    return -1;
}

/* "NODE_CREATED" becomes "Node Created". */
static void label_of(const char *code, char *out, size_t size)
{
    size_t n = 0;
    bool start = true;
    for (; *code && n + 1 < size; code++) {
        char c = *code;
        out[n++] = (char)(c == '_' ? ' ' : !start && c >= 'A' && c <= 'Z' ? c + 32 : c);
        start = c == '_';
    }
    out[n] = '\0';
}

/* --- the webhook --- */

static bool hook_wants(const struct ninja *n, const struct ninja_activity *a)
{
    const struct json *orgs = json_get(n->hook.body, "organizationIds");
    if (orgs && orgs->child) {
        bool listed = false;
        for (const struct json *o = orgs->child; o; o = o->next) {
            int64_t id;
            listed |= slice_i64(o->text, &id) && id == a->org;
        }
        if (!listed)
            return false;
    }
    const struct json *activities = json_get(n->hook.body, "activities");
    if (!activities)
        return true;
    const struct json *codes = json_get(activities, a->type);
    for (const struct json *c = codes ? codes->child : NULL; c; c = c->next) {
        if (slice_is(c->text, "*") || slice_is(c->text, a->code))
            return true;
    }
    return false;
}

static void hook_send(struct ninja *n, const struct ninja_activity *a)
{
    struct hook_message m = {.url = mem_strdup(n->hook.url)};
    unsigned flags = NW_HOOK;
    if ((n->hook.expand_device || n->hook.expand_org || n->hook.expand_location) &&
        strcmp(a->code, "NODE_DELETED") != 0)
        flags |= NW_DEVICE | (n->hook.expand_org ? NW_REF_ORG : 0u) | (n->hook.expand_location ? NW_REF_LOCATION : 0u);
    struct jw w;
    jw_init(&w, &m.body);
    nw_activity(&w, n->fleet, a, flags);
    hook_message_header(&m, SLICE("Content-Type"), SLICE("application/json"));
    const struct json *headers = json_get(n->hook.body, "headers");
    for (const struct json *h = headers ? headers->child : NULL; h; h = h->next)
        hook_message_header(&m, json_get_text(h, "name"), json_get_text(h, "value"));
    sim_send_hook(n->sim, &ninja_product, &m);
}

void ninja_unsubscribe(void *self)
{
    struct ninja *n = self;
    free(n->hook.url);
    arena_free(n->hook.arena);
    n->hook = (struct ninja_hook){.set = false};
}

static bool strings_only(const struct json *array)
{
    if (!array || array->type != JSON_ARRAY)
        return false;
    for (const struct json *s = array->child; s; s = s->next) {
        if (s->type != JSON_STRING)
            return false;
    }
    return true;
}

/* NULL when the configuration is good, else what is wrong with it. */
static const char *hook_fault(const struct json *o)
{
    struct slice url = json_get_text(o, "url");
    if (!slice_starts(url, SLICE("https://")) && !slice_starts(url, SLICE("http://")))
        return "url is not valid";
    const struct json *activities = json_get(o, "activities");
    if (activities && activities->type != JSON_OBJECT)
        return "activities is not an object";
    for (const struct json *t = activities ? activities->child : NULL; t; t = t->next) {
        if (type_row(t->key) < 0)
            return "unknown activity type";
        if (!strings_only(t))
            return "an activity type takes a list of status codes";
    }
    const struct json *expand = json_get(o, "expand");
    if (expand && !strings_only(expand))
        return "expand is not a list of strings";
    for (const struct json *x = expand ? expand->child : NULL; x; x = x->next) {
        if (!slice_is(x->text, "device") && !slice_is(x->text, "organization") && !slice_is(x->text, "location"))
            return "expand knows device, organization and location";
    }
    const struct json *headers = json_get(o, "headers");
    if (headers && headers->type != JSON_ARRAY)
        return "headers is not a list";
    for (const struct json *h = headers ? headers->child : NULL; h; h = h->next) {
        if (!json_get_text(h, "name").n || !json_get_text(h, "value").p)
            return "headers is a list of pairs of name and value";
    }
    const struct json *orgs = json_get(o, "organizationIds");
    if (orgs && orgs->type != JSON_ARRAY)
        return "organizationIds is not a list";
    for (const struct json *i = orgs ? orgs->child : NULL; i; i = i->next) {
        if (i->type != JSON_NUMBER)
            return "organizationIds holds numbers";
    }
    return NULL;
}

bool ninja_subscribe(void *self, struct slice text, const char **why)
{
    struct ninja *n = self;
    struct arena *arena = arena_new();
    struct json *body;
    struct err e;
    *why = "not a JSON object";
    if (!json_parse(arena, slice_of(arena_strndup(arena, text.p ? text.p : "", text.n), text.n), &body, &e) ||
        body->type != JSON_OBJECT || (*why = hook_fault(body))) {
        arena_free(arena);
        return false;
    }
    ninja_unsubscribe(n);
    struct slice url = json_get_text(body, "url");
    n->hook = (struct ninja_hook){.set = true, .arena = arena, .body = body, .url = mem_strndup(url.p, url.n)};
    const struct json *expand = json_get(body, "expand");
    for (const struct json *x = expand ? expand->child : NULL; x; x = x->next) {
        n->hook.expand_device |= slice_is(x->text, "device");
        n->hook.expand_org |= slice_is(x->text, "organization");
        n->hook.expand_location |= slice_is(x->text, "location");
    }
    return true;
}

void ninja_webhook_put(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"url", "activities", "expand", "headers", "organizationIds", NULL};
    struct ninja *n = self;
    const struct ninja_token *who = a->who;
    const char *why;
    if (n->hook_needs_admin && !who->user) {
        ninja_refuse(n, r, 403, "user_context_required", "Only system administrators can configure webhooks");
        return;
    }
    if (!ninja_body(n, a, r, known))
        return;
    if (!ninja_subscribe(n, a->body, &why)) {
        ninja_refuse(n, r, 400, "FAILURE", "webhook: %s", why);
        return;
    }
    ninja_no_content(r);
    ninja_emit_org(n, 0, "API_WEBHOOK_CONFIGURATION_UPDATED", "Webhook configuration updated");
}

void ninja_webhook_delete(void *self, struct ask *a, struct answer *r)
{
    ninja_unsubscribe(self);
    ninja_no_content(r);
}

/* --- emitting --- */

static const struct ninja_activity *emit(struct ninja *n, struct ninja_activity *a, usec_t at, bool send)
{
    char label[96];
    struct ninja_core core;
    int row = type_row(slice_cstr(a->type));
    a->at = at;
    a->type = types[row].type;
    a->type_label = types[row].label;
    label_of(a->code, label, sizeof(label));
    a->label = label;
    if (a->device && ninja_core(n->fleet, a->device, &core))
        a->org = core.org;
    const struct ninja_activity *mine = ninja_feed_add(n->fleet, a);
    if (send && n->hook.set && hook_wants(n, mine))
        hook_send(n, mine);
    return mine;
}

static const struct ninja_activity *device_activity(struct ninja *n, int64_t device, const char *type, const char *code,
                                                    const char *message, usec_t at, bool send)
{
    struct ninja_core core;
    struct ninja_device d = {.system_name = ""};
    if (ninja_core(n->fleet, device, &core))
        ninja_device(n->fleet, &core, &d);
    _cleanup_(str_release) struct str text = {0}, data = {0};
    struct ninja_activity a = {.device = device, .type = type, .code = code};
    if (strcmp(type, "SYSTEM") == 0) {
        str_addf(&text, "Device '%s' %s", d.system_name, message);
        a.user = 31;
    } else {
        struct jw w;
        jw_init(&w, &data);
        jw_object(&w);
        jw_key(&w, "message");
        jw_object(&w);
        jw_key_str(&w, "code", "agent_message");
        jw_key(&w, "params");
        jw_object(&w);
        jw_key_str(&w, "name", message);
        jw_end(&w);
        jw_end(&w);
        jw_end(&w);
        a.data = data.p;
        str_adds(&text, message);
    }
    a.message = text.p;
    if (strcmp(type, "PATCH_MANAGEMENT") == 0)
        a.result = "SUCCESS";
    return emit(n, &a, at, send);
}

int64_t ninja_emit_device(struct ninja *n, int64_t device, const char *type, const char *code, const char *message)
{
    return device_activity(n, device, type, code, message, sim_wall(n->sim), true)->id;
}

static const struct ninja_activity *alert_activity(struct ninja *n, const struct ninja_alert *alert, const char *code,
                                                   usec_t at, bool send)
{
    const struct ninja_condition *c = &ninja_conditions[alert->source];
    bool up = strcmp(code, "TRIGGERED") == 0;
    _cleanup_(str_release) struct str data = {0}, text = {0};
    str_adds(&text, up ? (alert->message ? alert->message : c->message) : "Condition is ");
    if (!up)
        str_adds(&text, strcmp(code, "RESET") == 0 ? "back to normal" : "acknowledged");
    if (up)
        str_addf(&data,
                 "{\"message\":{\"code\":\"%s\",\"params\":{\"duration\":10,\"end_date\":%lld,\"threshold\":90,"
                 "\"unit\":\"%%\"}}}",
                 c->code, at / USEC_PER_MS);
    struct ninja_activity a = {.device = alert->device,
                               .type = "CONDITION",
                               .code = code,
                               .severity = up ? alert->severity : NULL,
                               .priority = up ? alert->priority : NULL,
                               .message = text.p,
                               .data = data.p,
                               .subject = alert->subject,
                               .source_name = c->name};
    memcpy(a.series, alert->uid, sizeof(a.series));
    memcpy(a.config, alert->config_uid, sizeof(a.config));
    return emit(n, &a, at, send);
}

int64_t ninja_emit_alert(struct ninja *n, const struct ninja_alert *alert, const char *code)
{
    return alert_activity(n, alert, code, sim_wall(n->sim), true)->id;
}

int64_t ninja_emit_org(struct ninja *n, int64_t org, const char *code, const char *message)
{
    struct ninja_activity a = {.org = org, .type = "SYSTEM", .code = code, .user = 31, .message = message};
    return emit(n, &a, sim_wall(n->sim), true)->id;
}

/* --- the past --- */

#define PAST_STEP SECONDS(120)

static bool pick_agent(const struct ninja *n, uint64_t i, struct ninja_core *core)
{
    uint64_t range = (uint64_t)(n->fleet->next_device - NINJA_FIRST_ID);
    for (uint64_t k = 0; range && k < 64; k++) {
        if (ninja_core(n->fleet, NINJA_FIRST_ID + (int64_t)((i * 7919 + k) % range), core) &&
            core->class->kind == NK_AGENT)
            return true;
    }
    return false;
}

void ninja_seed_events(struct ninja *n)
{
    struct ninja_core core;
    uint64_t steps = MIN(160 + (uint64_t)ninja_count(n->fleet) / 4, 4000);
    for (uint64_t i = 0; i < steps; i++) {
        usec_t at = n->fleet->epoch - (usec_t)(steps - i) * PAST_STEP + MILLIS((i * 37) % 1000);
        if (!pick_agent(n, i, &core))
            return;
        struct ninja_alert *alert;
        switch (i % 8) {
        case 0: /* still firing */
            alert_activity(n, ninja_raise(n->fleet, core.id, (unsigned)(i / 8), at), "TRIGGERED", at, false);
            break;
        case 4: /* over */
            alert = ninja_raise(n->fleet, core.id, (unsigned)(i / 8), at);
            alert_activity(n, alert, "TRIGGERED", at, false);
            alert_activity(n, alert, "RESET", at + SECONDS(60), false);
            ninja_close(n->fleet, alert);
            break;
        case 1:
            device_activity(n, core.id, "MONITOR", "SOFTWARE_ADDED", "7-Zip 24.08 (x64)", at, false);
            break;
        case 5:
            device_activity(n, core.id, "PATCH_MANAGEMENT", "PATCH_MANAGEMENT_APPLY_PATCH_COMPLETED",
                            "Patch apply completed", at, false);
            break;
        default:
            device_activity(n, core.id, "MONITOR", "USER_LOGGED_IN", "CORP\\müller", at, false);
        }
    }
}

/* --- bursts --- */

bool ninja_burst(void *self, const char *event, uint64_t i, struct hook_message *ret, const char **why)
{
    struct ninja *n = self;
    struct ninja_core core;
    const struct ninja_activity *a = NULL;
    usec_t now = sim_wall(n->sim);
    bool mixed = strcmp(event, "mixed") == 0;
    *why = "event is alert, node_updated, software_added, user_logged_in or mixed";
    if (!pick_agent(n, strcmp(event, "alert") == 0 ? i / 2 : i, &core)) {
        *why = "the fleet has no agent";
        return false;
    }
    if (strcmp(event, "alert") == 0) {
        struct ninja_alert *alert = i % 2 ? ninja_alert(n->fleet, slice_cstr(n->burst_alert)) : NULL;
        if (alert) {
            a = alert_activity(n, alert, "RESET", now, false);
            ninja_close(n->fleet, alert);
        } else {
            alert = ninja_raise(n->fleet, core.id, (unsigned)(i / 2), now);
            memcpy(n->burst_alert, alert->uid, sizeof(n->burst_alert));
            a = alert_activity(n, alert, "TRIGGERED", now, false);
        }
    } else if (strcmp(event, "node_updated") == 0 || (mixed && i % 3 == 0)) {
        a = device_activity(n, core.id, "SYSTEM", "NODE_UPDATED", "updated", now, false);
    } else if (strcmp(event, "software_added") == 0 || (mixed && i % 3 == 1)) {
        a = device_activity(n, core.id, "MONITOR", "SOFTWARE_ADDED", "7-Zip 24.08 (x64)", now, false);
    } else if (strcmp(event, "user_logged_in") == 0 || mixed) {
        a = device_activity(n, core.id, "MONITOR", "USER_LOGGED_IN", "CORP\\müller", now, false);
    }
    if (!a)
        return false;
    struct jw w;
    jw_init(&w, &ret->body);
    nw_activity(&w, n->fleet, a, NW_HOOK | NW_DEVICE | NW_REF_ORG | NW_REF_LOCATION);
    return true;
}
